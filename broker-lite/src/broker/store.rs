//! Into the log, and what follows from it: the index of the queue, evictions, pulls that waited.

use rocketlite_core::SlotId;
use rocketlite_core::message::stored::StoredMessage;

use super::State;
use crate::config::WhenFull;
use crate::event::BrokerEvent;
use crate::log::{AppendError, QueueEntry};
use crate::table::{Queue, TopicTable};

/// What room is made for: messages of one queue whose records take `len` bytes of the log together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) topic: SlotId,
    pub(crate) queue_id: i32,
    pub(crate) messages: u32,
    pub(crate) len: usize,
}

impl State<'_> {
    /// Makes room for messages; older ones go for it if they may. Returns the physical offset of the first.
    ///
    /// # Errors
    /// If there is no room in the log or in the index.
    pub(crate) fn reserve(&mut self, wanted: &Wanted) -> Result<u64, AppendError> {
        self.reserve_beside(wanted, &mut None)
    }

    /// The same, and the record at `source` stays, although perhaps in another place.
    fn reserve_beside(&mut self, wanted: &Wanted, source: &mut Option<u64>) -> Result<u64, AppendError> {
        self.check_room(wanted, *source)?;
        let mut gone = Gone::default();
        let made = self.evict_for(wanted, source, &mut gone);
        let Gone { messages, bytes } = gone;
        if messages > 0 {
            self.counters.evicted_messages = self.counters.evicted_messages.saturating_add(messages);
            self.counters.evicted_bytes = self.counters.evicted_bytes.saturating_add(bytes);
            self.events.push(BrokerEvent::Evicted { messages, bytes });
        }
        // Everything that had to go has gone.
        let reserved = made.and_then(|()| self.log.reserve(wanted.len, &mut |_, _| {}));
        if let (Err(AppendError::Unflushed), Some(storage)) = (&reserved, &mut self.storage) {
            storage.wants_room = true;
        }
        reserved
    }

    /// Whether there can be room, before anything goes for it.
    fn check_room(&self, wanted: &Wanted, source: Option<u64>) -> Result<(), AppendError> {
        let (log, delays) = (&self.log, &self.delays);
        if let Some(storage) = &self.storage {
            if storage.has_failed {
                return Err(AppendError::StorageFailed);
            }
            // Whoever sends on and on would keep the broker from having saved everything (`DefaultMessageStore#shutdown`).
            if self.is_shutting_down {
                return Err(AppendError::ShuttingDown);
            }
        }
        if wanted.len > log.capacity() {
            return Err(AppendError::TooLarge { capacity: log.capacity() });
        }
        delays.check_room(&self.topics, wanted)?;
        if !self.topics.fits_index(wanted.messages, delays.topic) {
            return Err(AppendError::IndexFull);
        }
        match self.config.when_full {
            WhenFull::Evict => {
                let of_source = source.and_then(|at| log.read(at).ok()).map_or(0, |(_, size)| log.span(size));
                let kept = delays.bytes.saturating_add(of_source).saturating_add(self.margin());
                if wanted.len.saturating_add(kept) > log.capacity() { Err(AppendError::Full) } else { Ok(()) }
            }
            // What nobody makes room for later has to have it now.
            WhenFull::Refuse => delays.check_promised(log, &self.topics, wanted),
        }
    }

    /// Lets old messages go until there is room. Those that wait for their time become the newest instead, and so does
    /// the one at `source`.
    fn evict_for(
        &mut self,
        wanted: &Wanted,
        source: &mut Option<u64>,
        gone: &mut Gone,
    ) -> Result<(), AppendError> {
        let evicts = self.config.when_full == WhenFull::Evict;
        // One after another that stays means that nothing else is left.
        let mut stayed = 0usize;
        while !self.topics.has_room(wanted.topic, wanted.queue_id, wanted.messages) {
            if !evicts || stayed > self.delays.messages.saturating_add(1) {
                return Err(AppendError::IndexFull);
            }
            match self.let_oldest_go(source, gone) {
                Some(Fate::Evicted) => stayed = 0,
                Some(Fate::Kept) => stayed = stayed.saturating_add(1),
                None if self.log.is_behind() => return Err(AppendError::Unflushed),
                None => return Err(AppendError::IndexFull),
            }
        }
        // When nothing is left but what stays, that moves on until it stands together at the beginning of a lap, if it
        // has to; all the rest is free then, and `check_room` has found that enough. That takes less than two laps.
        let laps = u64::try_from(self.log.capacity()).unwrap_or(u64::MAX).saturating_mul(2);
        let bound = self.log.max_offset().saturating_add(laps);
        let len = wanted.len.saturating_add(self.margin());
        while evicts && self.log.lacks_room(len) {
            if self.log.max_offset() > bound || self.let_oldest_go(source, gone).is_none() {
                debug_assert!(self.storage.is_some(), "there was room");
                // What stays could not move on yet.
                return Err(AppendError::Unflushed);
            }
        }
        Ok(())
    }

    /// Lets the oldest record go, or makes it the newest if it has to stay. `None` if there is no record.
    pub(super) fn let_oldest_go(&mut self, source: &mut Option<u64>, gone: &mut Gone) -> Option<Fate> {
        let Self { log, topics, delays, .. } = self;
        let from = log.min_offset();
        if log.oldest().is_none() && from < log.max_offset() {
            let damaged = log.skip_damaged();
            self.report_damage(&damaged);
            return Some(Fate::Evicted);
        }
        let (oldest, _) = log.oldest()?;
        let is_source = *source == Some(from);
        // What is damaged is not made to look sound by being written anew.
        let stays = is_source || delays.has(topics, &oldest, from);
        if !stays || !log.is_sound(from) {
            log.evict_oldest(&mut |evicted, size| gone.forget(topics, evicted, size));
            return Some(Fate::Evicted);
        }
        let (topic, queue_id, queue_offset) =
            (topics.find(oldest.topic), oldest.queue_id, oldest.queue_offset);
        let to = log.requeue_oldest()?;
        if let Some(topic) = topic {
            topics.relocate(topic, queue_id, queue_offset, from, to);
        }
        self.note_moved(from);
        if is_source {
            *source = Some(to);
        }
        Some(Fate::Kept)
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
        let physical_offset = self.log.push(record)?;
        self.enter(topic, record.queue_id, physical_offset, record.encoded_len(), tags_code);
        self.enter_keys(record, physical_offset);
        Ok(())
    }

    /// Stores a message with the body of the record at `source`, and answers pulls that waited for it. Its own body is
    /// empty, and the log and the queue say its offsets.
    ///
    /// # Errors
    /// If there is no such record, or no room.
    pub(crate) fn store_copy(
        &mut self,
        topic: SlotId,
        tags_code: i32,
        record: &StoredMessage<'_>,
        source: u64,
    ) -> Result<(), AppendError> {
        let body_len = self.log.read(source).map_or(0, |(source, _)| source.body.len());
        let (queue_id, len) = (record.queue_id, record.encoded_len().saturating_add(body_len));
        let mut source = Some(source);
        let span = self.log.span(len);
        self.reserve_beside(&Wanted { topic, queue_id, messages: 1, len: span }, &mut source)?;
        let queue_offset = self.topics.queue(topic, queue_id).map_or(0, Queue::max_offset);
        let record = StoredMessage { queue_offset, ..*record };
        let physical_offset = self.log.push_with_body_of(&record, source.unwrap_or(u64::MAX))?;
        self.enter(topic, queue_id, physical_offset, len, tags_code);
        self.enter_keys(&record, physical_offset);
        self.release_pulls(topic, queue_id);
        Ok(())
    }

    /// A record of `len` bytes was appended: it becomes the next one of its queue.
    fn enter(&mut self, topic: SlotId, queue_id: i32, physical_offset: u64, len: usize, tags_code: i32) {
        let entry = QueueEntry { physical_offset, size: u32::try_from(len).unwrap_or(u32::MAX), tags_code };
        self.topics.push(topic, queue_id, entry);
        if self.delays.topic == Some(topic) {
            self.delays.add(self.now, queue_id, self.log.span(len));
        }
        self.counters.stored_messages = self.counters.stored_messages.saturating_add(1);
        let bytes = u64::try_from(len).unwrap_or(u64::MAX);
        self.counters.stored_bytes = self.counters.stored_bytes.saturating_add(bytes);
    }
}

/// What became of the oldest record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Evicted,
    Kept,
}

/// What was evicted for new messages.
#[derive(Debug, Default)]
pub(super) struct Gone {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl Gone {
    fn forget(&mut self, topics: &mut TopicTable<'_>, message: &StoredMessage<'_>, size: usize) {
        topics.forget(message.topic, message.queue_id, message.queue_offset, message.physical_offset);
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u64::try_from(size).unwrap_or(0));
    }
}
