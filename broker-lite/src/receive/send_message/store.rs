//! From a checked message to its record.

use core::net::SocketAddr;

use rocketlite_core::SlotId;
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::code::ResponseCode;

use super::properties::too_long;
use crate::broker::State;
use crate::event::BrokerEvent;
use crate::log::AppendError;
use crate::outgoing::{Content, Remark};
use crate::receive::Refusal;
use crate::table::Queue;

/// What the records of one request have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shared<'a> {
    pub(super) topic: SlotId,
    pub(super) name: &'a str,
    pub(super) queue_id: i32,
    pub(super) sys_flag: i32,
    pub(super) born_timestamp: i64,
    pub(super) born_host: SocketAddr,
    pub(super) store_timestamp: i64,
    pub(super) reconsume_times: i32,
}

impl<'a> Shared<'a> {
    /// The record of one message. The log sets its physical offset.
    pub(super) fn record<'r>(
        &self,
        store_host: SocketAddr,
        flag: i32,
        body: &'r [u8],
        properties: &'r [u8],
    ) -> StoredMessage<'r>
    where
        'a: 'r,
    {
        StoredMessage {
            queue_id: self.queue_id,
            flag,
            queue_offset: 0,
            physical_offset: 0,
            sys_flag: self.sys_flag,
            born_timestamp: self.born_timestamp,
            born_host: self.born_host,
            store_timestamp: self.store_timestamp,
            store_host,
            reconsume_times: self.reconsume_times,
            prepared_transaction_offset: 0,
            body_crc: 0,
            body,
            topic: self.name,
            properties,
        }
    }
}

/// Stores one message, whose properties stand in the scratch memory.
pub(super) fn single(
    state: &mut State<'_>,
    shared: &Shared<'_>,
    flag: i32,
    body: &[u8],
    properties_at: usize,
    properties_len: usize,
) -> Result<Content, Refusal> {
    if body.len() > state.config.max_message_size {
        return Err(too_long());
    }
    let place = properties_at..properties_at.saturating_add(properties_len);
    let len = {
        let properties = state.scratch.get(place.clone()).unwrap_or_default();
        shared.record(state.config.address, flag, body, properties).encoded_len()
    };
    let physical_offset = reserve(state, len)?;
    let properties = state.scratch.get(place).unwrap_or_default();
    let queue_offset = state.topics.queue(shared.topic, shared.queue_id).map_or(0, Queue::max_offset);
    let record = shared.record(state.config.address, flag, body, properties);
    let record = StoredMessage { queue_offset, body_crc: (state.config.crc32)(body), ..record };
    state.log.push(&record).map_err(refused)?;
    stored(state, shared, 1, len);
    Ok(Content::Sent { queue_id: shared.queue_id, queue_offset, physical_offset, messages: 1 })
}

/// Makes room in the log, and in the books if messages have to go for it.
pub(super) fn reserve(state: &mut State<'_>, len: usize) -> Result<u64, Refusal> {
    let (mut messages, mut bytes) = (0u64, 0u64);
    let topics = &mut state.topics;
    let physical_offset = state.log.reserve(len, &mut |evicted, size| {
        topics.forget_message(evicted.topic, evicted.queue_id, evicted.queue_offset);
        messages = messages.saturating_add(1);
        bytes = bytes.saturating_add(u64::try_from(size).unwrap_or(0));
    });
    if messages > 0 {
        state.counters.evicted_messages = state.counters.evicted_messages.saturating_add(messages);
        state.counters.evicted_bytes = state.counters.evicted_bytes.saturating_add(bytes);
        state.events.push(BrokerEvent::Evicted { messages, bytes });
    }
    physical_offset.map_err(refused)
}

/// Enters messages that were stored in their queue and in the books.
pub(super) fn stored(state: &mut State<'_>, shared: &Shared<'_>, messages: u32, bytes: usize) {
    if let Some(queue) = state.topics.queue_mut(shared.topic, shared.queue_id) {
        queue.max_offset = queue.max_offset.saturating_add(messages.into());
    }
    state.counters.stored_messages = state.counters.stored_messages.saturating_add(messages.into());
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    state.counters.stored_bytes = state.counters.stored_bytes.saturating_add(bytes);
}

/// The answer for a `PutMessageStatus` (`SendMessageProcessor#handlePutMessageResult`).
pub(super) fn refused(error: AppendError) -> Refusal {
    match error {
        AppendError::Full => Refusal::new(
            ResponseCode::SERVICE_NOT_AVAILABLE,
            Remark::Plain(
                "service not available now. It may be caused by one of the following reasons: the broker's disk is \
                 full, messages are put to the slave, message store has been shut down, etc.",
            ),
        ),
        AppendError::TooLarge { .. } | AppendError::OverLimit(_) => too_long(),
    }
}
