//! What is written: the frames of a connection in order, each encoded straight into the driver's buffer.

use super::State;
use super::connections::{Control, ControlRequest, Outgoing};
use super::frame::{Body, Frame};
use crate::SlotId;
use crate::engine::ConnectionId;
use crate::route::{Lookup, Question};
use crate::send::{SendMode, SendState, attempt};
#[cfg(feature = "acl")]
use crate::wire::Text;
use crate::wire::code::RequestCode;
use crate::wire::command::CommandHead;
use crate::wire::cursor::Writer;
#[cfg(feature = "acl")]
use crate::wire::fields::FieldValue;
use crate::wire::header::{
    GetRouteInfoRequestHeader, QueueOffsetRequestHeader, UnregisterClientRequestHeader,
};

impl State<'_> {
    /// Fills `buffer` with as many frames as fit, the last one maybe in part.
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
        let credentials = self.config.session_credentials.as_ref()?;
        let mut frame = self.frame(connection, outgoing)?;
        self.put_common_fields(&mut frame);
        frame.sign(credentials)
    }

    /// What all requests say (`NamespaceRpcHook`, `StreamTypeRPCHook`, `AclClientRPCHook`).
    fn put_common_fields<'s>(&'s self, frame: &mut Frame<'s>) {
        if let Some(namespace) = self.config.namespace_v2.filter(|namespace| !namespace.is_empty()) {
            frame.put_text("nsd", "true");
            frame.put_text("ns", namespace);
        }
        if self.config.enable_stream_request_type {
            frame.put_text("ReqT", "0");
        }
        #[cfg(feature = "acl")]
        if let Some(credentials) = &self.config.session_credentials {
            frame.put_text("AccessKey", credentials.access_key());
            if let Some(token) = credentials.security_token() {
                frame.put_text("SecurityToken", token);
            }
        }
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
        let half = |link: &super::Link| link.written > 0 && link.writing == Some(Outgoing::Send(send));
        self.links.get(connection).is_some_and(half)
    }

    fn encode(&self, connection: ConnectionId, outgoing: Outgoing, writer: &mut Writer<'_>) {
        if let Outgoing::Reply(reply) = outgoing {
            return self.encode_reply(reply, writer);
        }
        let Some(mut frame) = self.frame(connection, outgoing) else { return };
        self.put_common_fields(&mut frame);
        #[cfg(feature = "acl")]
        if let Some(signature) = self.links.get(connection).and_then(|link| link.signature.as_ref()) {
            frame.put("Signature", FieldValue::Text(Text::from_bytes(signature)));
        }
        frame.encode(writer);
    }

    /// The frame of the request that is to be written.
    fn frame(&self, connection: ConnectionId, outgoing: Outgoing) -> Option<Frame<'_>> {
        let control = |code, body| Frame::new(self.control_head(connection, code), body);
        let no_body = Body::Bytes(&[]);
        Some(match outgoing {
            Outgoing::Reply(_) => return None,
            Outgoing::Lookup(topic) => self.lookup_frame(topic)?,
            Outgoing::Heartbeat => {
                let body = Body::Heartbeat { client_id: self.config.client_id, group: &self.group };
                control(RequestCode::HEART_BEAT, body)
            }
            Outgoing::Unregister => {
                let mut frame = control(RequestCode::UNREGISTER_CLIENT, no_body);
                let header = UnregisterClientRequestHeader {
                    client_id: self.config.client_id.into(),
                    producer_group: Some(self.group.as_str().into()),
                    consumer_group: None,
                };
                header.visit(&mut |key, value| frame.put(key, value));
                frame
            }
            Outgoing::Probe(topic) => {
                let mut frame = control(RequestCode::GET_MAX_OFFSET, no_body);
                let name = self.routes.topics.get(topic).map_or("", |topic| topic.name());
                let header = QueueOffsetRequestHeader { topic: name.into(), queue_id: 0 };
                header.visit(&mut |key, value| frame.put(key, value));
                frame
            }
            Outgoing::Send(id) => {
                let send = self.sends.get(id)?;
                let broker = self.routes.name_of_broker(send.attempt.queue.broker);
                let topic = self.routes.topics.get(send.topic).map_or("", |topic| topic.name());
                let bytes = self.bodies.get(send.bytes);
                attempt::frame(&self.config, &self.group, send, bytes, topic, broker)
            }
        })
    }

    fn lookup_frame(&self, topic: SlotId) -> Option<Frame<'_>> {
        let entry = self.routes.topics.get(topic)?;
        let Lookup::Asked { question, opaque, .. } = entry.lookup else { return None };
        let name = match question {
            Question::Topic => entry.name(),
            Question::DefaultTopic => self.config.default_topic(),
        };
        let head = self.head(RequestCode::GET_ROUTEINFO_BY_TOPIC, opaque);
        let mut frame = Frame::new(head, Body::Bytes(&[]));
        let header = GetRouteInfoRequestHeader { topic: name.into(), accept_standard_json_only: None };
        header.visit(&mut |key, value| frame.put(key, value));
        Some(frame)
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
