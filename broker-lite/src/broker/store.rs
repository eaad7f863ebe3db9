//! Into the log, and what follows from it: the index of the queue, evictions, pulls that waited.

use rocketlite_core::SlotId;
use rocketlite_core::message::stored::StoredMessage;

use super::State;
use crate::config::WhenFull;
use crate::event::BrokerEvent;
use crate::log::{AppendError, QueueEntry};
use crate::table::TopicTable;

impl State<'_> {
    /// Makes room for `messages` of one queue whose records have `len` bytes together; older messages go for it if they
    /// may. Returns the physical offset of the first.
    ///
    /// # Errors
    /// If there is no room in the log or in the index.
    pub(crate) fn reserve(
        &mut self,
        topic: SlotId,
        queue_id: i32,
        messages: u32,
        len: usize,
    ) -> Result<u64, AppendError> {
        let Self { topics, log, config, .. } = self;
        if !topics.fits_index(messages) {
            return Err(AppendError::IndexFull);
        }
        let mut gone = Gone::default();
        let mut physical_offset = log.reserve(len, &mut |evicted, size| gone.forget(topics, evicted, size));
        while physical_offset.is_ok() && !topics.has_room(topic, queue_id, messages) {
            let may_go = config.when_full == WhenFull::Evict;
            if !may_go || !log.evict_oldest(&mut |evicted, size| gone.forget(topics, evicted, size)) {
                physical_offset = Err(AppendError::IndexFull);
            }
        }
        let Gone { messages, bytes } = gone;
        if messages > 0 {
            self.counters.evicted_messages = self.counters.evicted_messages.saturating_add(messages);
            self.counters.evicted_bytes = self.counters.evicted_bytes.saturating_add(bytes);
            self.events.push(BrokerEvent::Evicted { messages, bytes });
        }
        physical_offset
    }

    /// Appends a message to its queue. [`State::reserve`] has made room for it.
    ///
    /// # Errors
    /// If the record has a field that the layout has no room for.
    pub(crate) fn push(
        &mut self,
        topic: SlotId,
        tags_code: i32,
        record: &StoredMessage<'_>,
    ) -> Result<(), AppendError> {
        let size = record.encoded_len();
        let physical_offset = self.log.push(record)?;
        let entry = QueueEntry { physical_offset, size: u32::try_from(size).unwrap_or(u32::MAX), tags_code };
        self.topics.push(topic, record.queue_id, entry);
        self.counters.stored_messages = self.counters.stored_messages.saturating_add(1);
        let bytes = u64::try_from(size).unwrap_or(u64::MAX);
        self.counters.stored_bytes = self.counters.stored_bytes.saturating_add(bytes);
        Ok(())
    }
}

/// What was evicted for new messages.
#[derive(Debug, Default)]
struct Gone {
    messages: u64,
    bytes: u64,
}

impl Gone {
    fn forget(&mut self, topics: &mut TopicTable<'_>, message: &StoredMessage<'_>, size: usize) {
        topics.forget(message.topic, message.queue_id, message.queue_offset, message.physical_offset);
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u64::try_from(size).unwrap_or(0));
    }
}
