//! The index of a checkpoint: which record is the n-th of its queue.

use core::fmt;

use crate::log::{ConsumeQueue, IndexChunk, QueueEntry, SavedChain};

/// Whether a piece of the index is as a broker has saved it. `crc32` is what the broker had.
pub fn is_sound_chunk(chunk: &IndexChunk, crc32: fn(&[u8]) -> u32) -> bool {
    crate::log::is_sound(chunk, crc32)
}

/// Where the index of a queue is.
#[derive(Debug, Clone, Copy)]
pub struct SavedQueue {
    pub(super) min_offset: i64,
    pub(super) max_offset: i64,
    pub(super) index: ConsumeQueue,
}

impl SavedQueue {
    /// The queue offset of its oldest message.
    pub const fn min_offset(&self) -> i64 {
        self.min_offset
    }

    /// The queue offset behind its newest message.
    pub const fn max_offset(&self) -> i64 {
        self.max_offset
    }
}

/// The pieces of an image of the index, in their order.
#[derive(Debug, Clone, Copy)]
pub struct SavedIndex<'c>(&'c [IndexChunk]);

impl<'c> SavedIndex<'c> {
    /// The pieces that a checkpoint [has in use](super::SavedCheckpoint::index_chunks).
    pub const fn new(chunks: &'c [IndexChunk]) -> Self {
        Self(chunks)
    }

    /// The messages of a queue.
    pub fn entries(&self, queue: &SavedQueue) -> SavedEntries<'c> {
        let chain = SavedChain::new(self.0, queue.index, queue.min_offset);
        SavedEntries { chain, next: queue.min_offset, end: queue.max_offset }
    }
}

/// A message in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SavedEntry {
    /// Its place in its queue.
    pub queue_offset: i64,
    /// Where its record stands.
    pub physical_offset: u64,
    /// Bytes of the record; 0 if the record was damaged.
    pub size: u32,
    /// The hash of its tag.
    pub tags_code: i32,
}

/// The pieces of a queue do not follow each other as its messages do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexFault {
    /// The first message whose piece is not there.
    pub queue_offset: i64,
}

impl fmt::Display for IndexFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the piece with queue offset {} is not there", self.queue_offset)
    }
}

impl core::error::Error for IndexFault {}

/// Iterator of [`SavedIndex::entries`]. It ends with the first fault, and after as many pieces as there are.
#[derive(Debug, Clone)]
pub struct SavedEntries<'c> {
    chain: SavedChain<'c>,
    next: i64,
    end: i64,
}

impl Iterator for SavedEntries<'_> {
    type Item = Result<SavedEntry, IndexFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let queue_offset = self.next;
        if queue_offset >= self.end {
            return None;
        }
        let Some(QueueEntry { physical_offset, size, tags_code }) = self.chain.entry(queue_offset) else {
            self.next = self.end;
            return Some(Err(IndexFault { queue_offset }));
        };
        self.next = queue_offset.saturating_add(1);
        Some(Ok(SavedEntry { queue_offset, physical_offset, size, tags_code }))
    }
}
