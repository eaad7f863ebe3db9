//! One attempt: `DefaultMQProducerImpl#sendKernelImpl` and `MQClientAPIImpl#sendMessage`.

use core::time::Duration;

use super::outcome::{SendResult, SendStatus};
use super::request::Request;
use super::{InFlight, SendMode};
use crate::Instant;
use crate::message::id::OffsetMessageId;
use crate::producer::frame::{Body, Header};
use crate::producer::{GroupName, ProducerConfig};
use crate::route::{BrokerName, QueueRef};
use crate::time::millis;
use crate::wire::command::{CommandHead, FLAG_ONE_WAY, RemotingCommand};
use crate::wire::header::{SendMessageRequestHeader, SendMessageResponseHeader};
use crate::wire::{DecodeError, Text};

/// What belongs to one attempt of a send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    pub(crate) queue: QueueRef,
    pub(crate) begin: Instant,
    /// What was left of the send's timeout when the attempt began.
    pub(crate) budget: Duration,
    /// What was left of the budget when the connection stood.
    pub(crate) left: Duration,
    pub(crate) born_timestamp: i64,
    pub(crate) opaque: i32,
    /// Whether the broker went away under this attempt, and it goes on over another connection.
    pub(crate) reconnected: bool,
}

impl Attempt {
    /// Before the first attempt.
    pub(crate) const fn none(now: Instant, queue: QueueRef) -> Self {
        Self {
            queue,
            begin: now,
            budget: Duration::ZERO,
            left: Duration::ZERO,
            born_timestamp: 0,
            opaque: 0,
            reconnected: false,
        }
    }

    /// The first instant at which the whole budget has surely passed: instants are cut to milliseconds, so the
    /// one after the last. Java's waits end later than asked for too, never in the same millisecond.
    pub(crate) fn deadline(&self) -> Instant {
        self.begin.after(self.budget).after(Duration::from_millis(1))
    }

    /// Whether the connection is closed when this attempt times out (`NettyRemotingClient#invokeSync`, 5.x):
    /// yes unless so little time was left that the peer cannot be blamed.
    pub(crate) fn closes_connection(&self) -> bool {
        let left = millis(self.left);
        left > 100 || left > millis(self.budget) >> 2
    }
}

/// The current attempt's request: what it begins with, its header and its body.
pub(crate) fn request<'s>(
    config: &ProducerConfig<'s>,
    group: &'s GroupName,
    send: &InFlight,
    bytes: &'s [u8],
    topic: &'s str,
    broker_name: &'s str,
) -> (CommandHead<'static>, Header<'s>, Body<'s>) {
    let (properties, body) = bytes.split_at_checked(send.parts.properties).unwrap_or_default();
    let body = body.get(..send.parts.body).unwrap_or_default();
    let Request { code, batch, sys_flag, reconsume_times, max_reconsume_times } = send.request;
    let first = send.attempts <= 1;
    let left_out = if first { 0 } else { send.parts.first_attempt_only };
    let head = CommandHead {
        serialize_type: config.serialize_type,
        code: code.0,
        language: config.language,
        version: config.version,
        opaque: send.attempt.opaque,
        flag: if send.mode == SendMode::OneWay { FLAG_ONE_WAY } else { 0 },
        remark: None,
    };
    let header = SendMessageRequestHeader {
        producer_group: group.as_str().into(),
        topic: topic.into(),
        default_topic: config.create_topic_key.into(),
        default_topic_queue_nums: config.default_topic_queue_nums,
        queue_id: send.attempt.queue.queue_id.into(),
        sys_flag,
        born_timestamp: send.attempt.born_timestamp,
        flag: send.flag,
        properties: Some(Text::from_bytes(properties.get(left_out..).unwrap_or_default())),
        reconsume_times: Some(if first { reconsume_times } else { 0 }),
        unit_mode: Some(config.unit_mode),
        max_reconsume_times: max_reconsume_times.filter(|_| first),
        batch: Some(batch),
        broker_name: Some(broker_name.into()),
    };
    (head, Header::SendMessage(code, header), Body::Bytes(body))
}

/// Reads the answer of a broker that stored the message (`MQClientAPIImpl#processSendResponse`).
pub(crate) fn read_stored(
    send: &InFlight,
    broker_name: &str,
    status: SendStatus,
    response: &RemotingCommand<'_>,
) -> Result<SendResult, DecodeError> {
    let header = SendMessageResponseHeader::decode(response.ext_fields)?;
    Ok(SendResult {
        status,
        message_id: send.message_id,
        offset_message_id: header.msg_id.and_then(first_offset_message_id),
        broker_name: BrokerName::try_from(broker_name).unwrap_or_default(),
        queue_id: header.queue_id,
        queue_offset: Some(header.queue_offset),
        attempts: send.attempts,
    })
}

/// The result of a one-way send that was written.
pub(crate) fn written(send: &InFlight, broker_name: &str) -> SendResult {
    SendResult {
        status: SendStatus::SendOk,
        message_id: send.message_id,
        offset_message_id: None,
        broker_name: BrokerName::try_from(broker_name).unwrap_or_default(),
        queue_id: send.attempt.queue.queue_id.into(),
        queue_offset: None,
        attempts: send.attempts,
    }
}

/// Brokers join the ids of a batch with commas.
fn first_offset_message_id(ids: Text<'_>) -> Option<OffsetMessageId> {
    let mut buffer = [0u8; OffsetMessageId::MAX_DIGITS];
    OffsetMessageId::parse(ids.split(',').0.decode_into(&mut buffer)?).ok()
}
