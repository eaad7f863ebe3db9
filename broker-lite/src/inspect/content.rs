//! What a checkpoint says.

use super::index::SavedQueue;
use crate::broker::{
    CheckpointGroup, CheckpointHead, CheckpointOffset, CheckpointQueue, CheckpointRecords, CheckpointTopic,
    RecoverError,
};

/// A checkpoint that a broker has written.
#[derive(Debug, Clone, Copy)]
pub struct SavedCheckpoint<'a> {
    head: CheckpointHead,
    records: CheckpointRecords<'a>,
}

impl<'a> SavedCheckpoint<'a> {
    /// Reads the beginning of one.
    ///
    /// # Errors
    /// If another release has written it, or no broker has.
    pub fn read(bytes: &'a [u8]) -> Result<Self, RecoverError> {
        let (head, records) = CheckpointRecords::begin(bytes)?;
        Ok(Self { head, records })
    }

    pub(super) const fn head(&self) -> &CheckpointHead {
        &self.head
    }

    /// The start of the broker that wrote it, counted from 1.
    pub const fn start(&self) -> u32 {
        self.head.start
    }

    /// Where the log began.
    pub const fn log_min(&self) -> u64 {
        self.head.log_min
    }

    /// Where the log ended.
    pub const fn log_max(&self) -> u64 {
        self.head.log_max
    }

    /// Topics in it.
    pub const fn topics(&self) -> u16 {
        self.head.topics
    }

    /// Consumer groups in it.
    pub const fn groups(&self) -> u16 {
        self.head.groups
    }

    /// Queues that groups consume.
    pub const fn offsets(&self) -> u16 {
        self.head.offsets
    }

    /// Pieces of the index that are or were in use: the first of its image.
    pub const fn index_chunks(&self) -> usize {
        self.head.pool.unused
    }

    /// All that is in it.
    pub const fn entries(&self) -> CheckpointEntries<'a> {
        CheckpointEntries {
            records: self.records,
            topics: self.head.topics,
            groups: self.head.groups,
            offsets: self.head.offsets,
            queues: 0,
            next_queue: 0,
        }
    }
}

/// Something that a checkpoint says.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum CheckpointEntry<'a> {
    /// A topic. Its queues follow.
    Topic {
        /// Its name.
        name: &'a str,
    },
    /// A queue of the topic before it.
    Queue {
        /// Its number, from 0.
        queue_id: i32,
        /// Where its index is.
        queue: SavedQueue,
    },
    /// A consumer group.
    Group {
        /// Its name.
        name: &'a str,
    },
    /// How far a group has come in a queue.
    Offset {
        /// The queue.
        queue_id: i32,
        /// The queue offset of the next message.
        offset: i64,
    },
}

/// Iterator of [`SavedCheckpoint::entries`]. It ends with the first error.
#[derive(Debug, Clone)]
pub struct CheckpointEntries<'a> {
    records: CheckpointRecords<'a>,
    topics: u16,
    groups: u16,
    offsets: u16,
    /// Queues of the present topic that are left.
    queues: u32,
    next_queue: i32,
}

impl<'a> Iterator for CheckpointEntries<'a> {
    type Item = Result<CheckpointEntry<'a>, RecoverError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entry().transpose()?;
        if entry.is_err() {
            (self.topics, self.groups, self.offsets, self.queues) = (0, 0, 0, 0);
        }
        Some(entry)
    }
}

impl<'a> CheckpointEntries<'a> {
    fn entry(&mut self) -> Result<Option<CheckpointEntry<'a>>, RecoverError> {
        if let Some(left) = self.queues.checked_sub(1) {
            self.queues = left;
            let queue_id = self.next_queue;
            self.next_queue = queue_id.checked_add(1).ok_or(RecoverError::Checkpoint)?;
            let CheckpointQueue { min_offset, max_offset, index } = self.records.record()?;
            let queue = SavedQueue { min_offset, max_offset, index };
            return Ok(Some(CheckpointEntry::Queue { queue_id, queue }));
        }
        if let Some(left) = self.topics.checked_sub(1) {
            self.topics = left;
            let topic: CheckpointTopic<'a> = self.records.record()?;
            (self.queues, self.next_queue) = (topic.queues, 0);
            return Ok(Some(CheckpointEntry::Topic { name: topic.name }));
        }
        if let Some(left) = self.groups.checked_sub(1) {
            self.groups = left;
            let group: CheckpointGroup<'a> = self.records.record()?;
            return Ok(Some(CheckpointEntry::Group { name: group.name }));
        }
        let Some(left) = self.offsets.checked_sub(1) else { return Ok(None) };
        self.offsets = left;
        let CheckpointOffset { queue_id, offset, .. } = self.records.record()?;
        Ok(Some(CheckpointEntry::Offset { queue_id, offset }))
    }
}
