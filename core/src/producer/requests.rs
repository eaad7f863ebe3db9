//! What brokers may ask a producer, and its answers (`ClientRemotingProcessor`).
//!
//! A producer has no consumers, no transactions and no requests of its own that wait for a reply, so nothing changes
//! by what it is asked; it answers what Java's producer answers then. There is one answer at a time on a connection: until
//! it is written, nothing more is read there.

use super::{GroupName, State};
use crate::engine::ConnectionId;
use crate::wire::Text;
use crate::wire::code::{RequestCode, ResponseCode};
use crate::wire::command::{CommandHead, FLAG_RESPONSE, FrameEncoder, RemotingCommand};
use crate::wire::cursor::Writer;
use crate::wire::fields::SerializeType;

/// An answer that is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply {
    opaque: i32,
    serialize_type: SerializeType,
    answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Nobody waits for the reply that was pushed, any more.
    ReplyTaken,
    /// The reply that was pushed lacks what every message has.
    ReplyUnreadable,
    /// No queue of any consumer has an offset.
    ConsumerStatus,
    /// There is no such consumer group; its name is [`State::asked_group`].
    NoConsumerGroup,
    /// There is no such consumer group, but the memory for its name is in use by another connection.
    Busy,
    /// The request names no group.
    GroupMissing,
    /// Requests of this code are not known.
    NotSupported(i32),
}

/// The consumer group that an answer names, and the connection of that answer.
#[derive(Debug, Clone)]
pub(super) struct AskedGroup {
    connection: ConnectionId,
    name: GroupName,
}

/// Numbers that a reply has to have (`ReplyMessageRequestHeader`).
const REPLY_NUMBERS: [&str; 5] = ["queueId", "sysFlag", "flag", "bornTimestamp", "storeTimestamp"];

impl State<'_> {
    /// Whether a broker has to take an answer before it may ask again.
    pub(super) fn must_reply_first(&self, connection: ConnectionId) -> bool {
        self.links.get(connection).is_some_and(|link| link.reply.is_some())
    }

    /// A broker asks something.
    pub(super) fn handle_request(&mut self, connection: ConnectionId, request: &RemotingCommand<'_>) {
        if request.is_one_way() {
            return;
        }
        let answer = match RequestCode(request.code) {
            // Java answers none of these, even if it is asked to.
            RequestCode::NOTIFY_CONSUMER_IDS_CHANGED
            | RequestCode::RESET_CONSUMER_CLIENT_OFFSET
            | RequestCode::CHECK_TRANSACTION_STATE => return,
            RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT => match request.field("group") {
                Some(_) => Answer::ConsumerStatus,
                None => Answer::GroupMissing,
            },
            RequestCode::GET_CONSUMER_RUNNING_INFO | RequestCode::CONSUME_MESSAGE_DIRECTLY => {
                self.no_consumer_group(connection, request.field("consumerGroup"))
            }
            RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT => {
                let number = |name| request.field(name)?.parse::<i64>(name).ok();
                let complete = REPLY_NUMBERS.into_iter().all(|name| number(name).is_some());
                if complete { Answer::ReplyTaken } else { Answer::ReplyUnreadable }
            }
            RequestCode(code) => Answer::NotSupported(code),
        };
        if let Some(link) = self.links.get_mut(connection) {
            link.reply =
                Some(Reply { opaque: request.opaque, serialize_type: request.serialize_type, answer });
            self.links.wake(connection);
        }
    }

    /// Keeps the group's name for the answer, cut to what fits. One place serves all connections, for such questions come
    /// from people at consoles.
    fn no_consumer_group(&mut self, connection: ConnectionId, group: Option<Text<'_>>) -> Answer {
        let Some(group) = group else { return Answer::GroupMissing };
        let is_needed = |asked: &AskedGroup| {
            let link = self.links.get(asked.connection);
            let reply = link.and_then(|link| link.reply);
            reply.is_some_and(|reply| reply.answer == Answer::NoConsumerGroup)
        };
        if self.asked_group.as_ref().is_some_and(is_needed) {
            return Answer::Busy;
        }
        let mut name = GroupName::new();
        for char in group.chars() {
            if name.push(char).is_err() {
                break;
            }
        }
        self.asked_group = Some(AskedGroup { connection, name });
        Answer::NoConsumerGroup
    }

    pub(super) fn encode_reply(&self, reply: Reply, writer: &mut Writer<'_>) {
        let mut text = [0u8; REMARK_BYTES];
        let mut remark = Writer::new(&mut text);
        let code = self.put_remark(reply.answer, &mut remark);
        let len = remark.filled();
        let head = CommandHead {
            serialize_type: reply.serialize_type,
            code: code.0,
            flag: FLAG_RESPONSE,
            remark: text.get(..len).filter(|remark| !remark.is_empty()).map(Text::from_bytes),
            ..self.head(RequestCode(0), reply.opaque)
        };
        let mut frame = FrameEncoder::begin(writer, head).body();
        if reply.answer == Answer::ConsumerStatus {
            frame.writer().put(br#"{"consumerTable":{},"messageQueueTable":{}}"#);
        }
        frame.finish();
    }

    /// Writes what the answer says, and gives its code.
    fn put_remark(&self, answer: Answer, remark: &mut Writer<'_>) -> ResponseCode {
        match answer {
            Answer::ReplyTaken => return ResponseCode::SUCCESS,
            Answer::ConsumerStatus => {
                // What Java's success says here, too.
                remark.put(b"not set any response code");
                return ResponseCode::SUCCESS;
            }
            Answer::ReplyUnreadable => remark.put(b"process reply message fail"),
            Answer::NoConsumerGroup => {
                remark.put(b"The Consumer Group <");
                let name = self.asked_group.as_ref().map_or("", |asked| &asked.name);
                remark.put(name.as_bytes());
                remark.put(b"> not exist in this consumer");
            }
            Answer::GroupMissing => remark.put(b"the request names no consumer group"),
            Answer::Busy => {
                remark.put(b"[OVERLOAD]system busy, start flow control for a while");
                return ResponseCode::SYSTEM_BUSY;
            }
            Answer::NotSupported(code) => {
                remark.put(b" request type ");
                remark.put_decimal(code.into());
                remark.put(b" not supported");
                return ResponseCode::REQUEST_CODE_NOT_SUPPORTED;
            }
        }
        ResponseCode::SYSTEM_ERROR
    }
}

/// Room for the longest remark, whose name is as long as can be.
const REMARK_BYTES: usize = 192;
