//! What a broker has left in its files, for tools that look at them: the formats are known here, and where they agree with
//! each other is found by the same steps as in [`Broker::recover`](crate::Broker::recover). Nothing is changed.

mod content;
mod index;

use core::ops::Range;

pub use content::{CheckpointEntries, CheckpointEntry, SavedCheckpoint};
pub use index::{IndexFault, SavedEntries, SavedEntry, SavedIndex, SavedQueue, is_sound_chunk};

pub use crate::log::{RecordFault, SavedRecord};

use crate::broker::{Bounds, RecoverError, Saved};
use crate::config::WhenFull;
use crate::filter::tags_code;
use crate::log::{ALIGNMENT, CommitLog, Known, Seal, Step, Walk};
use rocketlite_core::message::properties::TAGS;
use rocketlite_core::message::stored::StoredMessage;

/// The ring of a log, with what mark and checkpoint say of it.
#[derive(Debug)]
pub struct SavedLog<'m> {
    log: CommitLog<'m>,
    min: u64,
    known: Known,
}

impl<'m> SavedLog<'m> {
    /// A log in `ring`, which stays as it is. Of `saved` all counts but the policy. `crc32` is what the broker had, see
    /// [`BrokerConfig::crc32`](crate::BrokerConfig::crc32).
    ///
    /// # Errors
    /// If the mark or the checkpoint says something that no broker writes.
    pub fn open(
        ring: &'m mut [u8],
        saved: &Saved<'_>,
        crc32: fn(&[u8]) -> u32,
    ) -> Result<Self, RecoverError> {
        let head = saved.checkpoint.map(|(_, bytes)| SavedCheckpoint::read(bytes)).transpose()?;
        let mark = saved.newest_mark();
        let Bounds { min, known } =
            Bounds::new(&mark, head.as_ref().map(SavedCheckpoint::head), saved.base, ring.len())?;
        let is_aligned = |offset: u64| {
            offset.saturating_sub(saved.base).is_multiple_of(u64::try_from(ALIGNMENT).unwrap_or(1))
        };
        if !is_aligned(min) || !is_aligned(known.durable) {
            return Err(if is_aligned(mark.min_offset) && is_aligned(mark.flushed) {
                RecoverError::Checkpoint
            } else {
                RecoverError::Mark
            });
        }
        let seal = Seal { crc32, start: mark.start };
        let mut log = CommitLog::sealed(ring, WhenFull::Refuse, seal, saved.base, min..min);
        // What is read is checked record by record, not by where it ends.
        log.adopt(min..u64::MAX);
        Ok(Self { log, min, known })
    }

    /// What stands before this physical offset is old.
    pub const fn min_offset(&self) -> u64 {
        self.min
    }

    /// What stands before this physical offset was on stable storage.
    pub const fn durable(&self) -> u64 {
        self.known.durable
    }

    /// Bytes of the ring.
    pub const fn capacity(&self) -> usize {
        self.log.capacity()
    }

    /// Where in the ring a physical offset stands.
    pub fn place(&self, physical_offset: u64) -> usize {
        self.log.place(physical_offset)
    }

    /// All that is in the log, from its beginning to its end.
    pub const fn items(&self) -> SavedItems<'_, 'm> {
        SavedItems { log: self, walk: Walk::new(self.min, self.known) }
    }

    /// The record at a physical offset, wherever the log begins and ends.
    ///
    /// # Errors
    /// Why there is none.
    pub fn record(&self, physical_offset: u64) -> Result<SavedRecord<'_>, RecordFault> {
        let (message, size, start) = self.log.check_at(physical_offset)?;
        let span = u64::try_from(self.log.span(size)).unwrap_or(u64::MAX);
        Ok(SavedRecord {
            at: physical_offset,
            message,
            size,
            end: physical_offset.saturating_add(span),
            start,
        })
    }

    /// The beginning of a range of physical offsets: as much of it as stands in one piece, so that some calls give all of
    /// it. Nothing if it is empty.
    pub fn part(&self, range: Range<u64>) -> &[u8] {
        let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let len = wanted.min(self.log.left_in_lap(range.start));
        self.log.bytes(range.start, len).unwrap_or_default()
    }
}

/// Iterator of [`SavedLog::items`].
#[derive(Debug, Clone)]
pub struct SavedItems<'l, 'm> {
    log: &'l SavedLog<'m>,
    walk: Walk,
}

/// What is in a saved log.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SavedItem<'l> {
    /// A record whose seal is right.
    Record(SavedRecord<'l>),
    /// Bytes that are no record although one was on stable storage there.
    Damaged {
        /// From where it should be up to the next record that is whole.
        offsets: Range<u64>,
        /// What is wrong at the beginning of it.
        fault: RecordFault,
    },
}

impl<'l> Iterator for SavedItems<'l, '_> {
    type Item = SavedItem<'l>;

    fn next(&mut self) -> Option<SavedItem<'l>> {
        match self.walk.step(&self.log.log) {
            Step::Record(record) => Some(SavedItem::Record(record)),
            Step::Damaged(offsets) => {
                let fault = match self.log.log.check_at(offsets.start) {
                    Ok((.., start)) => RecordFault::EarlierStart(start),
                    Err(fault) => fault,
                };
                Some(SavedItem::Damaged { offsets, fault })
            }
            Step::End => None,
        }
    }
}

impl SavedItems<'_, '_> {
    /// Where the log ends, as far as it was gone through: at its end when there is nothing more.
    pub const fn end(&self) -> u64 {
        self.walk.end()
    }

    /// What is at the end of the log that could be taken for a record that was not written wholly: `None` if nothing is, or
    /// what an earlier lap has left.
    pub fn torn(&self) -> Option<RecordFault> {
        match self.log.log.check_at(self.walk.position()) {
            Ok((.., start)) => Some(RecordFault::EarlierStart(start)),
            Err(RecordFault::Magic) => None,
            Err(RecordFault::OtherOffset(offset))
                if u64::try_from(offset).is_ok_and(|at| at < self.walk.position()) =>
            {
                None
            }
            Err(fault) => Some(fault),
        }
    }
}

/// The hash by which consumers choose a message by its tag, as it stands in the index.
pub fn tags_code_of(message: &StoredMessage<'_>) -> i32 {
    message.properties().get(TAGS).map_or(0, tags_code)
}
