//! The pieces of one queue in an index that was saved, one after another.

use super::consume_queue::{ConsumeQueue, QueueEntry, split};
use super::index_chunk::{self, IndexChunk};

/// Follows the pieces of a queue. Each has to have the number after that of the one before it, so that no chain, whatever
/// stands in a file, is followed for longer than there are pieces.
#[derive(Debug, Clone)]
pub(crate) struct SavedChain<'c> {
    chunks: &'c [IndexChunk],
    present: Option<&'c IndexChunk>,
    number: i64,
}

impl<'c> SavedChain<'c> {
    pub(crate) fn new(chunks: &'c [IndexChunk], queue: ConsumeQueue, min_offset: i64) -> Self {
        let (number, _) = split(min_offset);
        let present = queue.first_chunk(chunks).filter(|chunk| index_chunk::head(chunk).number == number);
        Self { chunks, present, number }
    }

    /// The message with that queue offset, which is the one after the last that was asked for.
    pub(crate) fn entry(&mut self, queue_offset: i64) -> Option<QueueEntry> {
        let (number, place) = split(queue_offset);
        if number > self.number {
            let after = index_chunk::head(self.present?).after;
            self.present = index_chunk::at_link(self.chunks, after)
                .filter(|chunk| index_chunk::head(chunk).number == number);
            self.number = number;
        }
        Some(index_chunk::entry(self.present?, place))
    }
}
