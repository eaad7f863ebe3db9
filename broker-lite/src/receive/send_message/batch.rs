//! Messages of one batch: stored next to each other, all or none (`SendMessageProcessor#sendBatchMessage`).

use rocketlite_core::message::batch::{Entry, entries};
use rocketlite_core::message::properties::Properties;
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::message::sys_flag::TRANSACTION_MASK;
use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::ResponseCode;

use super::Sent;
use super::overrides::Overrides;
use super::properties::{Delay, Merge, Special, copy, too_long};
use super::store::{Shared, refused};
use crate::broker::{State, Wanted};
use crate::outgoing::{Content, Remark};
use crate::receive::Refusal;
use crate::table::Queue;

pub(super) fn store(state: &mut State<'_>, sent: &Sent<'_>) -> Result<Content, Refusal> {
    if sent.is_retry() {
        return Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, Remark::BatchOfRetries));
    }
    let text = sent.header.properties.unwrap_or(Text::EMPTY);
    let half = state.scratch.len() / 2;
    let shared_len = copy(text, state.scratch.get_mut(..half).unwrap_or_default())?;
    let own = Properties::new(state.scratch.get(..shared_len).unwrap_or_default());
    let special = Special::of(&own);
    if special.transaction || sent.header.sys_flag & TRANSACTION_MASK != 0 {
        return Err(too_long());
    }
    check_delay(special.delay)?;
    if own.iter().nth(MAX_SHARED_PROPERTIES).is_some() {
        return Err(Refusal::new(
            ResponseCode::MESSAGE_ILLEGAL,
            Remark::Plain("a batch may have at most 64 properties of its own"),
        ));
    }
    let shared = sent.shared(state, sent.topic, &sent.name)?;
    let batch = Batch { shared, half, shared_len, body: sent.request.command.body };
    let (messages, len) = batch.measure(state)?;
    let (topic, queue_id) = (shared.topic, shared.queue_id);
    let physical_offset = state.reserve(&Wanted { topic, queue_id, messages, len }).map_err(refused)?;
    let queue_offset = state.topics.queue(topic, queue_id).map_or(0, Queue::max_offset);
    batch.push(state, queue_offset)?;
    state.release_pulls(topic, queue_id);
    let code = ResponseCode::SUCCESS;
    Ok(Content::Sent { queue_id, queue_offset, physical_offset, messages, code })
}

/// All messages of a batch go to one queue, and that is not the one of their delay (`CommitLog#asyncPutMessages`).
fn check_delay(delay: Delay) -> Result<(), Refusal> {
    if delay == Delay::Now {
        return Ok(());
    }
    let remark = Remark::Plain("messages of a batch cannot be delayed");
    Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark))
}

/// Properties that all messages of a batch get are looked for in each of them, so their number has a limit. Clients
/// send one or two.
const MAX_SHARED_PROPERTIES: usize = 64;

/// A batch whose header is right.
struct Batch<'a> {
    shared: Shared<'a>,
    /// Where properties to store are written in the scratch memory; before it are those of the batch.
    half: usize,
    shared_len: usize,
    body: &'a [u8],
}

impl Batch<'_> {
    /// Checks every message before the first is stored; returns how many there are, and the bytes of their records.
    fn measure(&self, state: &mut State<'_>) -> Result<(u32, usize), Refusal> {
        if self.body.len() > state.config.max_message_size {
            return Err(too_long());
        }
        let (mut messages, mut len) = (0u32, 0usize);
        for entry in entries(self.body) {
            let entry = entry?;
            check_delay(Special::of(&entry.properties()).delay)?;
            let record_len = self.record(state, &entry)?.encoded_len();
            len = len.saturating_add(state.log.span(record_len));
            messages = messages.saturating_add(1);
            if len > state.log.capacity() {
                return Err(too_long());
            }
        }
        Ok((messages, len))
    }

    /// Stores every message; room is reserved.
    fn push(&self, state: &mut State<'_>, first: i64) -> Result<(), Refusal> {
        for (entry, queue_offset) in entries(self.body).zip(first..) {
            let entry = entry?;
            let body_crc = (state.config.crc32)(entry.body);
            let place = self.properties(state, &entry)?;
            // The properties are lent out while everything else changes.
            let scratch = core::mem::take(&mut state.scratch);
            let properties = scratch.get(place).unwrap_or_default();
            let tags_code = Special::of(&Properties::new(properties)).tags_code;
            let record = self.shared.record(state.config.address, entry.flag, entry.body, properties);
            let record = StoredMessage { queue_offset, body_crc, ..record };
            let pushed = state.push(self.shared.topic, tags_code, &record);
            state.scratch = scratch;
            pushed.map_err(refused)?;
        }
        Ok(())
    }

    /// The record of a message, without checksum and offsets.
    fn record<'r>(
        &'r self,
        state: &'r mut State<'_>,
        entry: &Entry<'r>,
    ) -> Result<StoredMessage<'r>, Refusal> {
        let properties = self.properties(state, entry)?;
        let properties = state.scratch.get(properties).unwrap_or_default();
        Ok(self.shared.record(state.config.address, entry.flag, entry.body, properties))
    }

    /// Writes a message's properties to the scratch memory and returns where they stand. A message of a batch that has
    /// no id gets none, as in the reference.
    fn properties(
        &self,
        state: &mut State<'_>,
        entry: &Entry<'_>,
    ) -> Result<core::ops::Range<usize>, Refusal> {
        let (input, output) = state.scratch.split_at_mut_checked(self.half).unwrap_or_default();
        let merge = Merge {
            own: entry.properties(),
            batch: Properties::new(input.get(..self.shared_len).unwrap_or_default()),
            unique_key: None,
            overrides: &Overrides::default(),
        };
        let len = merge.write(&state.config, output)?;
        Ok(self.half..self.half.saturating_add(len))
    }
}
