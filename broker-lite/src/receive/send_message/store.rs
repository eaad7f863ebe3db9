//! From a checked message to its record.

use core::net::SocketAddr;
use core::ops::Range;

use rocketlite_core::SlotId;
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::code::ResponseCode;

use super::properties::too_long;
use crate::broker::{SCHEDULE_TOPIC, State, Wanted};
use crate::log::AppendError;
use crate::outgoing::Remark;
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
    /// The same, to wait for the time of a level from 1 on (`HookUtils#transformDelayLevelMessage`).
    pub(super) fn delayed(self, state: &State<'_>, level: i32) -> Result<Self, Refusal> {
        let queue_id = level.saturating_sub(1);
        let has_queue = |topic: &SlotId| state.topics.queue(*topic, queue_id).is_some();
        let remark = Remark::Plain("the topic of delayed messages is not there");
        let missing = Refusal::new(ResponseCode::SERVICE_NOT_AVAILABLE, remark);
        let topic = state.delays.topic.filter(has_queue).ok_or(missing)?;
        Ok(Self { topic, name: SCHEDULE_TOPIC, queue_id, ..self })
    }

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

/// Where a message was stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    pub(super) queue_offset: i64,
    pub(super) physical_offset: u64,
}

/// Stores one message, whose properties stand in the scratch memory.
pub(super) fn single(
    state: &mut State<'_>,
    shared: &Shared<'_>,
    tags_code: i32,
    flag: i32,
    body: &[u8],
    properties: Range<usize>,
) -> Result<Stored, Refusal> {
    if body.len() > state.config.max_message_size {
        return Err(too_long());
    }
    let len = {
        let properties = state.scratch.get(properties.clone()).unwrap_or_default();
        state.log.span(shared.record(state.config.address, flag, body, properties).encoded_len())
    };
    let (topic, queue_id) = (shared.topic, shared.queue_id);
    let physical_offset = state.reserve(&Wanted { topic, queue_id, messages: 1, len }).map_err(refused)?;
    let queue_offset = state.topics.queue(topic, queue_id).map_or(0, Queue::max_offset);
    let body_crc = (state.config.crc32)(body);
    // The properties are lent out while everything else changes.
    let scratch = core::mem::take(&mut state.scratch);
    let record = shared.record(state.config.address, flag, body, scratch.get(properties).unwrap_or_default());
    let pushed = state.push(topic, tags_code, &StoredMessage { queue_offset, body_crc, ..record });
    state.scratch = scratch;
    pushed.map_err(refused)?;
    state.release_pulls(topic, queue_id);
    Ok(Stored { queue_offset, physical_offset })
}

/// The answer for a `PutMessageStatus` (`SendMessageProcessor#handlePutMessageResult`).
pub(super) fn refused(error: AppendError) -> Refusal {
    match error {
        AppendError::Unflushed => Refusal::new(
            ResponseCode::SYSTEM_BUSY,
            Remark::Plain("the disk is too slow for what is sent, try later"),
        ),
        AppendError::StorageFailed | AppendError::ShuttingDown | AppendError::Full => Refusal::new(
            ResponseCode::SERVICE_NOT_AVAILABLE,
            Remark::Plain(
                "service not available now. It may be caused by one of the following reasons: the broker's disk is \
                 full, messages are put to the slave, message store has been shut down, etc.",
            ),
        ),
        AppendError::IndexFull => {
            Refusal::new(ResponseCode::SERVICE_NOT_AVAILABLE, Remark::Full("memory.index"))
        }
        AppendError::DelayedFull => {
            Refusal::new(ResponseCode::SERVICE_NOT_AVAILABLE, Remark::Full("max_delayed_bytes"))
        }
        AppendError::NoSource => {
            Refusal::new(ResponseCode::SYSTEM_ERROR, Remark::Plain("the message is no longer stored"))
        }
        AppendError::TooLarge { .. } | AppendError::OverLimit(_) => too_long(),
    }
}
