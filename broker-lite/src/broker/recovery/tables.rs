//! What a checkpoint says, back in the tables.

use serde::Deserialize;

use rocketlite_core::SlotId;

use super::super::checkpoint::{GroupRecord, Head, OffsetRecord, QueueRecord, TopicRecord, VERSION};
use super::{RecoverError, State};
use crate::log::QueueEntry;
use crate::table::{GroupName, NewTopic, Queue, Topic};

/// Reads records one after another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Records<'a>(&'a [u8]);

impl<'a> Records<'a> {
    /// The first record of a checkpoint, and those behind it.
    pub(crate) fn begin(bytes: &'a [u8]) -> Result<(Head, Self), RecoverError> {
        let version = Self(bytes).record()?;
        if version != VERSION {
            return Err(RecoverError::Version { version });
        }
        let mut records = Self(bytes);
        Ok((records.record()?, records))
    }

    pub(crate) fn record<T: Deserialize<'a>>(&mut self) -> Result<T, RecoverError> {
        let (record, rest) = postcard::take_from_bytes(self.0).map_err(|_| RecoverError::Checkpoint)?;
        self.0 = rest;
        Ok(record)
    }
}

impl State<'_> {
    /// Fills the tables, which are empty.
    pub(super) fn restore_tables(&mut self, bytes: &[u8]) -> Result<Head, RecoverError> {
        let (head, mut records) = Records::begin(bytes)?;
        for _ in 0..head.topics {
            self.restore_topic(&mut records)?;
        }
        for _ in 0..head.groups {
            let record: GroupRecord<'_> = records.record()?;
            let name = GroupName::try_from(record.name).map_err(|_| RecoverError::Checkpoint)?;
            let id = self.groups.create(name, record.retry_max_times);
            let group = id.and_then(|id| self.groups.get_mut(id));
            let group = group.ok_or(RecoverError::NoRoom("memory.groups"))?;
            group.saved_place = record.place;
            group.consume_enable = record.consume_enable;
            group.consume_broadcast_enable = record.consume_broadcast_enable;
            group.retry_queue_nums = record.retry_queue_nums;
            group.is_deleted = record.is_deleted;
        }
        for _ in 0..head.offsets {
            let record: OffsetRecord = records.record()?;
            let group = self.groups.find_saved(record.group).ok_or(RecoverError::Checkpoint)?;
            let topic = self.topics.find_saved(record.topic).ok_or(RecoverError::Checkpoint)?;
            let set = self.offsets.put(group, topic, record.queue_id, record.offset, record.is_reset);
            set.then_some(()).ok_or(RecoverError::NoRoom("memory.offsets"))?;
        }
        Ok(head)
    }

    fn restore_topic(&mut self, records: &mut Records<'_>) -> Result<(), RecoverError> {
        let record: TopicRecord<'_> = records.record()?;
        let queues = i32::try_from(record.queues).map_err(|_| RecoverError::Checkpoint)?;
        // It may have had more queues than it has now.
        let new = NewTopic {
            name: record.name,
            read_queue_nums: queues,
            write_queue_nums: queues,
            perm: record.perm,
            sys_flag: record.sys_flag,
        };
        let id = self.topics.create(new).ok_or(RecoverError::NoRoom("memory.topics or memory.queues"))?;
        let (read_queue_nums, write_queue_nums) = (record.read_queue_nums, record.write_queue_nums);
        self.topics.update(id, NewTopic { read_queue_nums, write_queue_nums, ..new });
        self.topics.set_saved_place(id, record.place);
        for queue_id in 0..queues {
            let QueueRecord { min_offset, max_offset, index } = records.record()?;
            self.topics.restore_queue(id, queue_id, min_offset..max_offset, index);
        }
        Ok(())
    }

    /// Queues whose last records are damaged do not end before the checkpoint says, or offsets would be given twice.
    pub(super) fn restore_ends(&mut self, bytes: &[u8]) -> Result<(), RecoverError> {
        let mut records = Records(bytes);
        let head: Head = records.record()?;
        for _ in 0..head.topics {
            let record: TopicRecord<'_> = records.record()?;
            let topic = self.topics.find(record.name).ok_or(RecoverError::Checkpoint)?;
            let queues = i32::try_from(record.queues).map_err(|_| RecoverError::Checkpoint)?;
            for queue_id in 0..queues {
                let QueueRecord { max_offset, .. } = records.record()?;
                let end = self.topics.queue(topic, queue_id).map_or(max_offset, Queue::max_offset);
                if end < max_offset {
                    self.make_index_room(topic, queue_id)?;
                    let damaged =
                        QueueEntry { physical_offset: self.log.min_offset(), ..QueueEntry::default() };
                    self.topics.replay(topic, queue_id, max_offset.saturating_sub(1), damaged);
                }
            }
        }
        Ok(())
    }

    /// No group is further than a queue goes: what it had consumed behind that is lost, and what comes there is new.
    pub(super) fn clamp_offsets(&mut self) {
        let topics = &self.topics;
        self.offsets.clamp(|topic: SlotId, queue_id| {
            topics.queue(topic, queue_id).map_or(i64::MAX, Queue::max_offset)
        });
    }

    /// Counts the messages that wait for their time.
    pub(super) fn recount_delays(&mut self) {
        self.delays.topic = self.topics.find(super::super::SCHEDULE_TOPIC);
        let Some(id) = self.delays.topic else { return };
        let queues = self.topics.get(id).map_or(0, Topic::write_queue_nums);
        for queue_id in 0..queues {
            let min = self.topics.queue(id, queue_id).map_or(0, Queue::min_offset);
            for (_, entry) in self.topics.entries_from(id, queue_id, min) {
                let len = self.log.span(usize::try_from(entry.size).unwrap_or(0));
                self.delays.add(self.now, queue_id, len);
            }
        }
        self.delays.next = (self.delays.messages > 0).then_some(self.now);
    }
}
