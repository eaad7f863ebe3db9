//! What is written: the frames of a connection in order, each encoded straight into the driver's buffer.

use super::State;
use super::connections::{Control, ControlRequest, Outgoing};
use super::frame::{Body, CommonFields, Frame, Header};
use crate::SlotId;
use crate::engine::ConnectionId;
use crate::route::{Lookup, Question};
use crate::send::{SendMode, SendState, attempt};
use crate::wire::code::RequestCode;
use crate::wire::command::CommandHead;
use crate::wire::cursor::Writer;
use crate::wire::header::{
    GetRouteInfoRequestHeader, QueueOffsetRequestHeader, UnregisterClientRequestHeader,
};

impl State<'_> {
    /// Fills `buffer` with as many frames as fit, the last one maybe in part.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn transmit(&mut self, connection: ConnectionId, buffer: &mut [u8]) -> usize {
        let mut filled = 0usize;
        while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
            let Some(outgoing) = self.current(connection) else { break };
            let skip = self.links.get(connection).map_or(0, |link| link.written);
            let mut writer = Writer::window(room, skip);
            self.encode(connection, outgoing, &mut writer);
            let (more, complete) = (writer.filled(), writer.is_complete());
            filled = filled.saturating_add(more);
            let Some(link) = self.links.get_mut(connection) else { break };
            link.written = link.written.saturating_add(more);
            if complete {
                link.writing = None;
                link.written = 0;
                self.written(connection, outgoing);
            }
        }
        filled
    }

    /// The frame that is being written, or the next one.
    #[cfg_attr(target_os = "none", inline(never))]
    fn current(&mut self, connection: ConnectionId) -> Option<Outgoing> {
        if !self.links.is_open(connection) {
            return None;
        }
        if let Some(outgoing) = self.links.get(connection)?.writing {
            return Some(outgoing);
        }
        let topic = self.next_lookup(connection);
        let link = self.links.get_mut(connection)?;
        let next = match (&mut link.control, topic) {
            (_, Some(topic)) => Outgoing::Lookup(topic),
            (Control::Asked { written, what, .. }, None) if !*written => {
                *written = true;
                match *what {
                    ControlRequest::Heartbeat => Outgoing::Heartbeat,
                    ControlRequest::Unregister => Outgoing::Unregister,
                    ControlRequest::Probe { topic, .. } => Outgoing::Probe(topic),
                }
            }
            _ => match link.reply {
                Some(reply) => Outgoing::Reply(reply),
                None => Outgoing::Send(link.queue.first()?),
            },
        };
        #[cfg(feature = "acl")]
        let signature = self.sign(connection, next);
        let link = self.links.get_mut(connection)?;
        link.writing = Some(next);
        #[cfg(feature = "acl")]
        {
            link.signature = signature;
        }
        Some(next)
    }

    /// The signature of a request, computed once for all pieces of its frame.
    #[cfg(feature = "acl")]
    fn sign(&self, connection: ConnectionId, outgoing: Outgoing) -> Option<crate::acl::Signature> {
        self.config.session_credentials.as_ref()?;
        self.frame(connection, outgoing)?.sign()
    }

    fn written(&mut self, connection: ConnectionId, outgoing: Outgoing) {
        if let (Outgoing::Reply(_), Some(link)) = (outgoing, self.links.get_mut(connection)) {
            link.reply = None;
        }
        let Outgoing::Send(id) = outgoing else { return };
        self.links.pop(connection, &mut self.sends);
        let Some(send) = self.sends.get_mut(id) else { return };
        send.state = SendState::Waiting(connection);
        if send.mode == SendMode::OneWay {
            self.written_one_way(id);
        }
    }

    /// Whether the first bytes of a send's frame are gone and not its last.
    pub(super) fn is_half_written(&self, connection: ConnectionId, send: SlotId) -> bool {
        let half = |link: &super::Link| {
            link.written > 0 && matches!(link.writing, Some(Outgoing::Send(id)) if id == send)
        };
        self.links.get(connection).is_some_and(half)
    }

    fn encode(&self, connection: ConnectionId, outgoing: Outgoing, writer: &mut Writer<'_>) {
        if let Outgoing::Reply(reply) = outgoing {
            return self.encode_reply(reply, writer);
        }
        let Some(frame) = self.frame(connection, outgoing) else { return };
        #[cfg(feature = "acl")]
        let frame = frame.signed(self.links.get(connection).and_then(|link| link.signature.as_ref()));
        frame.encode(writer);
    }

    /// The frame of the request that is to be written.
    #[cfg_attr(target_os = "none", inline(never))]
    fn frame(&self, connection: ConnectionId, outgoing: Outgoing) -> Option<Frame<'_>> {
        let control = |code, header, body| (self.control_head(connection, code), header, body);
        let no_body = Body::Bytes(&[]);
        let (head, header, body) = match outgoing {
            Outgoing::Reply(_) => return None,
            Outgoing::Lookup(topic) => {
                let (opaque, topic) = self.question(topic)?;
                let header =
                    GetRouteInfoRequestHeader { topic: topic.into(), accept_standard_json_only: None };
                let head = self.head(RequestCode::GET_ROUTEINFO_BY_TOPIC, opaque);
                (head, Header::GetRouteInfo(header), no_body)
            }
            Outgoing::Heartbeat => {
                let body = Body::Heartbeat { client_id: self.config.client_id, group: &self.group };
                control(RequestCode::HEART_BEAT, Header::None, body)
            }
            Outgoing::Unregister => {
                let header = UnregisterClientRequestHeader {
                    client_id: self.config.client_id.into(),
                    producer_group: Some(self.group.as_str().into()),
                    consumer_group: None,
                };
                control(RequestCode::UNREGISTER_CLIENT, Header::Unregister(header), no_body)
            }
            Outgoing::Probe(topic) => {
                let name = self.routes.topics.get(topic).map_or("", |topic| topic.name());
                let header = QueueOffsetRequestHeader { topic: name.into(), queue_id: 0 };
                control(RequestCode::GET_MAX_OFFSET, Header::QueueOffset(header), no_body)
            }
            Outgoing::Send(id) => {
                let send = self.sends.get(id)?;
                let broker = self.routes.name_of_broker(send.attempt.queue.broker);
                let topic = self.routes.topics.get(send.topic).map_or("", |topic| topic.name());
                let bytes = self.bodies.get(send.bytes);
                attempt::request(&self.config, &self.group, send, bytes, topic, broker)
            }
        };
        let common = CommonFields {
            namespace: self.config.namespace_v2.filter(|namespace| !namespace.is_empty()),
            stream_request_type: self.config.enable_stream_request_type,
            #[cfg(feature = "acl")]
            credentials: self.config.session_credentials,
            #[cfg(feature = "acl")]
            signature: None,
        };
        Some(Frame { head, header, common, body })
    }

    /// The number and the topic of a question for a route.
    fn question(&self, topic: SlotId) -> Option<(i32, &str)> {
        let entry = self.routes.topics.get(topic)?;
        let Lookup::Asked { question, opaque, .. } = entry.lookup else { return None };
        Some(match question {
            Question::Topic => (opaque, entry.name()),
            Question::DefaultTopic => (opaque, self.config.default_topic()),
        })
    }

    fn control_head(&self, connection: ConnectionId, code: RequestCode) -> CommandHead<'static> {
        let opaque = match self.links.get(connection).map(|link| link.control) {
            Some(Control::Asked { opaque, .. }) => opaque,
            _ => 0,
        };
        self.head(code, opaque)
    }

    pub(super) fn head(&self, code: RequestCode, opaque: i32) -> CommandHead<'static> {
        CommandHead {
            serialize_type: self.config.serialize_type,
            code: code.0,
            language: self.config.language,
            version: self.config.version,
            opaque,
            flag: 0,
            remark: None,
        }
    }
}
