//! A log that outlives its broker: what has to be written and flushed, and who waits for it.
//!
//! It is a conversation with the driver, which owns the files. What [`Broker::poll_write`] gives is written before anything
//! is transmitted; one flush ([`Broker::poll_flush`]) serves all who wait (`GroupCommitService`, `FlushRealTimeService`).

use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::{Instant, SlotId};

use super::{Broker, State};
use crate::event::BrokerEvent;
use crate::outgoing::{Content, Remark, Wait};
use crate::table::{Name, Queue};

/// When a send is answered (`FlushDiskType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "before or after the flush")]
pub enum FlushPolicy {
    /// When it is written: it survives the end of the program, and that of the machine as soon as it is flushed, which is
    /// at most [`flush_interval`](crate::BrokerConfig::flush_interval) later.
    #[default]
    Async,
    /// When it is on stable storage. Only then can it be consumed.
    Sync,
}

/// What is known of the log on stable storage. A flush first writes the mark, then makes it and the log durable: so a mark
/// tells what earlier flushes have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_structs, reason = "it is written field by field")]
pub struct Mark {
    /// Counted up with each mark.
    pub sequence: u64,
    /// The start of the broker that wrote it, counted up with each.
    pub start: u32,
    /// The log is durable up to this physical offset.
    pub flushed: u64,
    /// Records before this physical offset are old, and may have been written over.
    pub min_offset: u64,
}

/// Bytes of the log to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogWrite<'a> {
    /// Where they stand in [`BrokerMemory::log`](crate::BrokerMemory::log), and in the file.
    pub place: usize,
    /// The bytes.
    pub bytes: &'a [u8],
    /// For [`Broker::handle_written`].
    pub end: u64,
}

/// A flush to do: write `mark`, then make it and everything written durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct FlushRequest {
    /// To be written first.
    pub mark: Mark,
    /// The physical offset up to which the log is durable then.
    pub end: u64,
}

/// What became of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StorageFailure {
    /// The log could not be written.
    Write,
    /// The log could not be flushed.
    Flush,
    /// A checkpoint could not be saved.
    Checkpoint,
}

/// What is known of the files.
#[derive(Debug)]
pub(crate) struct Storage {
    pub(super) policy: FlushPolicy,
    /// The newest mark.
    pub(super) mark: Mark,
    pub(super) written: u64,
    pub(super) flushed: u64,
    pub(super) under_way: Option<FlushRequest>,
    /// When to flush what was written.
    flush_at: Option<Instant>,
    /// Whether something needed room that only a flush makes.
    pub(super) wants_room: bool,
    /// The oldest place of a record that was written anew elsewhere since the last flush began: until that is durable, the
    /// record must not be called old.
    moved: Option<u64>,
    /// Whether nobody knows of this start yet.
    is_new: bool,
    pub(super) has_failed: bool,
    pub(super) checkpoints: super::checkpoint::Checkpoints,
}

impl Storage {
    pub(super) fn new(policy: FlushPolicy, mark: Mark, checkpoints: super::checkpoint::Checkpoints) -> Self {
        Self {
            policy,
            mark,
            // What was recovered was read, and that does not say that it is durable, nor that it will be: after a sync that
            // has failed the system may show what it never writes. So it is written again.
            written: mark.flushed.max(mark.min_offset),
            flushed: mark.flushed,
            under_way: None,
            flush_at: None,
            wants_room: false,
            moved: None,
            is_new: true,
            has_failed: false,
            checkpoints,
        }
    }

    /// What may be answered and consumed.
    const fn confirmed(&self) -> u64 {
        match self.policy {
            FlushPolicy::Async if !self.has_failed => self.written,
            FlushPolicy::Async | FlushPolicy::Sync => self.flushed,
        }
    }
}

/// Whether an answer may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    Ready,
    NotYet,
    /// It took too long.
    TimedOut,
    /// It will never be.
    Failed,
}

impl State<'_> {
    /// Whether an answer may go that waits for this.
    pub(super) fn readiness(&self, wait: Wait) -> Readiness {
        let (Some(storage), Some(since)) = (&self.storage, wait.since()) else { return Readiness::Ready };
        let done = match wait {
            Wait::Nothing => true,
            Wait::Stored { end, .. } => end <= storage.confirmed(),
            Wait::Written { end, .. } if storage.has_failed => end <= storage.flushed,
            Wait::Written { end, .. } => end <= storage.written,
            Wait::Saved { checkpoint, .. } => checkpoint <= storage.checkpoints.saved(),
        };
        if done {
            Readiness::Ready
        } else if storage.has_failed {
            Readiness::Failed
        } else if self.now >= since.after(self.config.flush_timeout) {
            Readiness::TimedOut
        } else {
            Readiness::NotYet
        }
    }

    /// The offset behind the last message of a queue that may be consumed.
    pub(crate) fn visible_max(&self, queue: Queue) -> i64 {
        let Some(storage) = &self.storage else { return queue.max_offset() };
        let confirmed = storage.confirmed();
        if confirmed >= self.log.max_offset() {
            return queue.max_offset();
        }
        // Those that may not are few: what came since the last flush.
        let mut visible = queue.max_offset();
        while let Some(before) = visible.checked_sub(1).filter(|before| *before >= queue.min_offset()) {
            let entry = self.topics.entry_of(queue, before);
            if entry.is_none_or(|entry| entry.physical_offset < confirmed) {
                break;
            }
            visible = before;
        }
        visible
    }

    /// Whether requests have to wait until old records may be written over.
    pub(super) fn awaits_flush(&self) -> bool {
        let failed = self.storage.as_ref().is_none_or(|storage| storage.has_failed);
        !failed && self.log.is_behind() && self.log.is_blocked(self.config.max_span(self.scratch.len()))
    }

    /// Bytes that are kept free in front of what is new, so that a flush can say that they are old before they are needed.
    pub(super) fn margin(&self) -> usize {
        if self.storage.is_none() { 0 } else { self.config.margin(self.log.capacity(), self.scratch.len()) }
    }

    /// The record at `physical_offset` was written anew at the end of the log.
    pub(super) fn note_moved(&mut self, physical_offset: u64) {
        if let Some(storage) = &mut self.storage {
            storage.moved = Some(storage.moved.map_or(physical_offset, |moved| moved.min(physical_offset)));
        }
    }

    /// When the storage has something to do.
    pub(super) fn next_storage_timeout(&self) -> Option<Instant> {
        let storage = self.storage.as_ref().filter(|storage| !storage.has_failed)?;
        let flush = storage.flush_at.filter(|_| storage.under_way.is_none());
        [flush, storage.checkpoints.next()].into_iter().flatten().min()
    }

    fn fail(&mut self, failure: StorageFailure) {
        if let Some(storage) = self.storage.as_mut().filter(|storage| !storage.has_failed) {
            storage.has_failed = true;
            storage.under_way = None;
            self.events.push(BrokerEvent::StorageFailed { failure });
            self.connections.wake_waiting();
            self.make_room();
        }
    }

    /// Answers pulls that waited for what is behind `confirmed`.
    fn release_from(&mut self, confirmed: u64) {
        if self.held_pulls.is_empty() {
            return;
        }
        let mut next = confirmed.max(self.log.min_offset());
        while let Some((at, topic, queue_id)) = self.next_record(next) {
            next = at;
            if let Some(topic) = topic {
                self.release_pulls(topic, queue_id);
            }
        }
    }

    /// Of the record at `physical_offset`: where the next begins, and its queue.
    fn next_record(&self, physical_offset: u64) -> Option<(u64, Option<SlotId>, i32)> {
        let mut records = self.log.records_from(physical_offset);
        let message = records.next()?;
        Some((records.position(), self.topics.find(message.topic), message.queue_id))
    }
}

/// What an answer says that could not wait for the disk.
pub(super) fn without_disk(content: Content, readiness: Readiness) -> Content {
    let failed =
        Remark::Plain("the disk has failed: what was flushed is served, nothing is stored until a restart");
    let slow = Remark::Plain("the disk is slow: whether this is known after a restart is not known yet");
    match content {
        // The message is stored, but not known to be durable (`GroupCommitService#doCommit`).
        Content::Sent { queue_id, queue_offset, physical_offset, messages, .. }
            if readiness == Readiness::TimedOut =>
        {
            let code = ResponseCode::FLUSH_DISK_TIMEOUT;
            Content::Sent { queue_id, queue_offset, physical_offset, messages, code }
        }
        content => {
            let of_send = matches!(content, Content::Sent { .. });
            let (code, remark) = match readiness {
                Readiness::TimedOut => (ResponseCode::SYSTEM_ERROR, slow),
                _ => (ResponseCode::SERVICE_NOT_AVAILABLE, failed),
            };
            Content::Failure { code, remark, topic: Name::new(), of_send }
        }
    }
}

impl Broker<'_> {
    /// The next bytes of the log that have to be written, before anything is transmitted. They are given again until
    /// [`Broker::handle_written`] was called.
    pub fn poll_write(&mut self) -> Option<LogWrite<'_>> {
        let state = &self.state;
        let storage = state.storage.as_ref().filter(|storage| !storage.has_failed)?;
        let (place, bytes, end) = state.log.part(storage.written)?;
        Some(LogWrite { place, bytes, end })
    }

    /// What [`Broker::poll_write`] gave was written.
    pub fn handle_written(&mut self, now: Instant, end: u64) {
        self.state.advance(now);
        let state = &mut self.state;
        let interval = state.config.flush_interval;
        if let Some(storage) = &mut state.storage {
            storage.written = storage.written.max(end);
            storage.checkpoints.note(&state.config, state.now);
            let later = state.now.after(interval);
            storage.flush_at.get_or_insert(later);
            if storage.policy == FlushPolicy::Async {
                state.connections.wake_waiting();
            }
        }
    }

    /// Lends bytes of the log from `from` on that were written and stand in one piece, and says where they end: a driver may
    /// take their memory away if it gives them back with the same content when they are looked at.
    pub fn lend_written(&mut self, from: u64) -> Option<(&mut [u8], u64)> {
        let end = self.state.storage.as_ref()?.written;
        self.state.log.part_mut(from..end)
    }

    /// The next flush to do. There is one at a time: then [`Broker::handle_flushed`] has to be called.
    pub fn poll_flush(&mut self) -> Option<FlushRequest> {
        let is_needed = self.state.awaits_flush();
        let state = &mut self.state;
        let is_last = state.is_shutting_down;
        let now = state.now;
        let storage = state.storage.as_mut()?;
        let min_offset = state.log.min_offset().min(storage.checkpoints.saved_log_max());
        if storage.has_failed || storage.under_way.is_some() {
            return None;
        }
        let unflushed = storage.flushed < storage.written;
        let is_due = match storage.policy {
            FlushPolicy::Sync => unflushed,
            FlushPolicy::Async => unflushed && storage.flush_at.is_none_or(|at| now >= at),
        };
        let min_offset = min_offset.min(storage.moved.unwrap_or(u64::MAX));
        // If not this one, then the flush after it.
        let helps = state.log.can_reclaim(min_offset) || storage.moved.is_some();
        let makes_room = (is_needed || storage.wants_room) && helps;
        if !(is_due || makes_room || storage.is_new || (is_last && unflushed)) {
            return None;
        }
        (storage.is_new, storage.wants_room) = (false, storage.moved.is_some());
        if storage.written == state.log.max_offset() {
            storage.moved = None;
        }
        let sequence = storage.mark.sequence.saturating_add(1);
        storage.mark = Mark { sequence, flushed: storage.flushed, min_offset, ..storage.mark };
        let request = FlushRequest { mark: storage.mark, end: storage.written };
        storage.under_way = Some(request);
        storage.flush_at = None;
        Some(request)
    }

    /// The flush was done.
    pub fn handle_flushed(&mut self, now: Instant) {
        self.state.advance(now);
        let state = &mut self.state;
        let Some(storage) = &mut state.storage else { return };
        let Some(request) = storage.under_way.take() else { return };
        let before = core::mem::replace(&mut storage.flushed, request.end);
        if storage.written > request.end {
            storage.flush_at.get_or_insert(state.now.after(state.config.flush_interval));
        }
        let shows = storage.policy == FlushPolicy::Sync;
        state.log.reclaim(request.mark.min_offset);
        state.connections.wake_waiting();
        if shows {
            state.release_from(before);
        }
        state.make_room();
    }

    /// The disk has failed. Nothing is stored or acknowledged from now on; what was flushed is still served.
    pub fn handle_storage_failed(&mut self, now: Instant, failure: StorageFailure) {
        self.state.advance(now);
        self.state.fail(failure);
    }

    /// Whether the disk has failed.
    pub fn has_storage_failed(&self) -> bool {
        self.state.storage.as_ref().is_some_and(|storage| storage.has_failed)
    }

    /// Whether everything stored is durable, and everything else saved.
    pub fn is_saved(&self) -> bool {
        self.state.storage.as_ref().is_none_or(|storage| {
            storage.has_failed
                || (storage.flushed == self.state.log.max_offset() && !storage.checkpoints.is_wanted())
        })
    }
}
