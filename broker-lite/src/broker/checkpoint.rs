//! Everything but messages, saved from time to time: topics, where their queues are, groups and how far they have come.
//!
//! A checkpoint is a list of records, each written with postcard: a head, the topics, each with its queues, the groups, and
//! the offsets. What stands in the queues is the index, which is saved beside it, piece by piece.

use serde::{Deserialize, Serialize};

use rocketlite_core::Instant;

use super::{Broker, State};
use crate::config::BrokerConfig;
use crate::log::{ChunkPool, ConsumeQueue, IndexChunk};
use crate::table::{ConsumerGroup, Topic};

/// Of the format. Another one is not read.
pub(super) const VERSION: u16 = 1;

/// The first record.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) version: u16,
    /// The start of the broker that wrote it.
    pub(crate) start: u32,
    pub(crate) log_min: u64,
    pub(crate) log_max: u64,
    /// Where the oldest record stands that is found by a key.
    pub(crate) keys_from: u64,
    pub(crate) pool: ChunkPool,
    pub(crate) topics: u16,
    pub(crate) groups: u16,
    pub(crate) offsets: u16,
}

/// A topic. So many queues follow it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct TopicRecord<'a> {
    /// Its number in [`OffsetRecord`]; they ascend.
    pub(crate) place: u16,
    pub(crate) name: &'a str,
    pub(crate) read_queue_nums: i32,
    pub(crate) write_queue_nums: i32,
    pub(crate) perm: i32,
    pub(crate) sys_flag: i32,
    pub(crate) queues: u32,
}

/// A queue.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct QueueRecord {
    pub(crate) min_offset: i64,
    pub(crate) max_offset: i64,
    pub(crate) index: ConsumeQueue,
}

/// A consumer group.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct GroupRecord<'a> {
    /// Its number in [`OffsetRecord`]; they ascend.
    pub(crate) place: u16,
    pub(crate) name: &'a str,
    pub(crate) consume_enable: bool,
    pub(crate) consume_broadcast_enable: bool,
    pub(crate) retry_queue_nums: i32,
    pub(crate) retry_max_times: i32,
    pub(crate) is_deleted: bool,
}

/// How far a group has come.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct OffsetRecord {
    pub(crate) group: u16,
    pub(crate) topic: u16,
    pub(crate) queue_id: i32,
    pub(crate) offset: i64,
    pub(crate) is_reset: bool,
}

/// Most bytes of each kind of record: what postcard makes of the longest numbers and names.
const HEAD_BYTES: usize = 3 + 5 + 10 + 10 + 10 + 5 + 10 + 10 + 3 + 3 + 3;
const TOPIC_BYTES: usize = 3 + 1 + 127 + 4 * 5 + 5;
const QUEUE_BYTES: usize = 10 + 10 + 5 + 5;
const GROUP_BYTES: usize = 3 + 1 + 120 + 1 + 1 + 5 + 5 + 1;
const OFFSET_BYTES: usize = 3 + 3 + 5 + 10 + 1;

/// Most bytes that a checkpoint may have, of a broker with so many entries in its tables.
pub(crate) const fn max_bytes(topics: usize, queues: usize, groups: usize, offsets: usize) -> usize {
    HEAD_BYTES
        .saturating_add(topics.saturating_mul(TOPIC_BYTES))
        .saturating_add(queues.saturating_mul(QUEUE_BYTES))
        .saturating_add(groups.saturating_mul(GROUP_BYTES))
        .saturating_add(offsets.saturating_mul(OFFSET_BYTES))
}

/// When checkpoints are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checkpoints {
    /// The newest that was begun; as many were saved, but for one that is under way.
    pub(super) sequence: u64,
    is_under_way: bool,
    /// When to make the next one.
    next: Option<Instant>,
    /// The end of the log in the newest, and in the newest that is saved. Nothing behind that may be written over: the
    /// offsets of queues would be lost with it.
    log_max: u64,
    saved_log_max: u64,
    /// Whether something changed that a request waits for.
    is_wanted: bool,
}

impl Checkpoints {
    pub(super) const fn new(sequence: u64, log_max: u64) -> Self {
        Self { sequence, is_under_way: false, next: None, log_max, saved_log_max: log_max, is_wanted: false }
    }

    /// The newest that is saved.
    pub(super) const fn saved(&self) -> u64 {
        if self.is_under_way { self.sequence.saturating_sub(1) } else { self.sequence }
    }

    /// The end of the log in the newest that is saved.
    pub(super) const fn saved_log_max(&self) -> u64 {
        self.saved_log_max
    }

    /// The first one that says what is so now.
    pub(super) const fn following(&self) -> u64 {
        self.sequence.saturating_add(1)
    }

    /// Something changed that the next checkpoint has to say.
    pub(super) fn note(&mut self, config: &BrokerConfig<'_>, now: Instant) {
        self.next.get_or_insert(now.after(config.checkpoint_interval));
    }

    /// The same, and somebody waits for it.
    pub(super) const fn want(&mut self, now: Instant) {
        self.is_wanted = true;
        self.next = Some(now);
    }

    pub(super) const fn is_wanted(&self) -> bool {
        self.is_wanted || self.is_under_way || self.next.is_some()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.next.filter(|_| !self.is_under_way)
    }
}

impl State<'_> {
    /// Something changed that is to be known after a restart.
    pub(crate) fn note_change(&mut self) {
        let (config, now) = (&self.config, self.now);
        if let Some(storage) = &mut self.storage {
            storage.checkpoints.note(config, now);
        }
    }

    /// The same, and it is answered when it is saved. Returns the checkpoint that says it.
    pub(crate) fn want_checkpoint(&mut self) -> Option<u64> {
        let now = self.now;
        let storage = self.storage.as_mut()?;
        storage.checkpoints.want(now);
        Some(storage.checkpoints.following())
    }

    fn head(&self) -> Head {
        let count = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        Head {
            version: VERSION,
            start: self.storage.as_ref().map_or(0, |storage| storage.mark.start),
            log_min: self.log.min_offset(),
            log_max: self.log.max_offset(),
            keys_from: self.keys.oldest().unwrap_or(self.log.min_offset()),
            pool: self.topics.pool(),
            topics: count(self.topics.iter().count()),
            groups: count(self.groups.iter().count()),
            offsets: count(self.offsets.iter().count()),
        }
    }
}

impl Broker<'_> {
    /// The number of the checkpoint to make now, if one is to be made. The driver has it written at once
    /// ([`Broker::write_checkpoint`] and [`Broker::write_index`]), and then makes durable, in this order: the log and the
    /// index, the checkpoint. There is one at a time: [`Broker::handle_checkpoint_saved`] ends it.
    pub fn poll_checkpoint(&mut self) -> Option<u64> {
        let state = &mut self.state;
        let (now, max, is_last) = (state.now, state.log.max_offset(), state.is_shutting_down);
        // Twice in each lap at least.
        let half = u64::try_from(state.log.capacity() / 2).unwrap_or(u64::MAX);
        let limit = state.config.max_unsaved_bytes.min(half);
        let storage = state.storage.as_mut().filter(|storage| !storage.has_failed)?;
        // What it says of the log has to be written.
        if storage.written < max {
            return None;
        }
        let checkpoints = &mut storage.checkpoints;
        let long = max.saturating_sub(checkpoints.log_max) >= limit;
        let due = checkpoints.next.is_some_and(|at| is_last || now >= at);
        let behind = is_last && max > checkpoints.log_max;
        if checkpoints.is_under_way || !(long || due || behind) {
            return None;
        }
        checkpoints.sequence = checkpoints.following();
        (checkpoints.is_under_way, checkpoints.is_wanted) = (true, false);
        (checkpoints.next, checkpoints.log_max) = (None, max);
        Some(checkpoints.sequence)
    }

    /// Hands out the checkpoint, piece by piece; together not more than
    /// [`BrokerLimits::checkpoint_bytes`](crate::BrokerLimits::checkpoint_bytes).
    pub fn write_checkpoint(&self, put: &mut dyn FnMut(&[u8])) {
        let state = &self.state;
        let mut put = Records(put);
        put.record(&state.head());
        for (id, topic) in state.topics.iter() {
            let queues = state.topics.queues_of(topic);
            put.record(&topic_record(id.index(), topic, queues.len()));
            for queue in queues {
                put.record(&QueueRecord {
                    min_offset: queue.min_offset(),
                    max_offset: queue.max_offset(),
                    index: queue.index(),
                });
            }
        }
        for (id, group) in state.groups.iter() {
            put.record(&group_record(id.index(), group));
        }
        for entry in state.offsets.iter() {
            put.record(&OffsetRecord {
                group: entry.group.index(),
                topic: entry.topic.index(),
                queue_id: entry.queue_id,
                offset: entry.offset,
                is_reset: entry.is_reset,
            });
        }
    }

    /// Hands out the pieces of the index that the image of this checkpoint does not have yet, each with its place. There are
    /// two images, for checkpoints with even and with odd numbers.
    pub fn write_index(&mut self, put: &mut dyn FnMut(usize, &IndexChunk)) {
        self.state.topics.save_index(self.state.config.crc32, put);
    }

    /// The checkpoint is saved.
    pub fn handle_checkpoint_saved(&mut self, now: Instant) {
        self.state.advance(now);
        if let Some(storage) = &mut self.state.storage {
            storage.checkpoints.is_under_way = false;
            storage.checkpoints.saved_log_max = storage.checkpoints.log_max;
        }
        self.state.make_room();
        self.state.connections.wake_waiting();
    }
}

fn topic_record(place: u16, topic: &Topic, queues: usize) -> TopicRecord<'_> {
    TopicRecord {
        place,
        name: topic.name(),
        read_queue_nums: topic.read_queue_nums(),
        write_queue_nums: topic.write_queue_nums(),
        perm: topic.perm(),
        sys_flag: topic.sys_flag(),
        queues: u32::try_from(queues).unwrap_or(u32::MAX),
    }
}

fn group_record(place: u16, group: &ConsumerGroup) -> GroupRecord<'_> {
    GroupRecord {
        place,
        name: group.name(),
        consume_enable: group.consume_enable,
        consume_broadcast_enable: group.consume_broadcast_enable,
        retry_queue_nums: group.retry_queue_nums,
        retry_max_times: group.retry_max_times,
        is_deleted: group.is_deleted,
    }
}

/// Writes records one after another.
struct Records<'p>(&'p mut dyn FnMut(&[u8]));

impl Records<'_> {
    fn record(&mut self, record: &impl Serialize) {
        // More than the longest has.
        let mut buffer = [0; 512];
        match postcard::to_slice(record, &mut buffer) {
            Ok(bytes) => self.0(bytes),
            Err(_) => debug_assert!(false, "a record is longer than the longest"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    fn bytes(record: &impl Serialize) -> usize {
        postcard::to_slice(record, &mut [0; 512]).unwrap().len()
    }

    #[test]
    fn no_record_is_longer_than_it_may_be() {
        let name = std::string::String::from_utf8(vec![b'n'; 127]).unwrap();
        let pool = ChunkPool { free: u32::MAX, free_count: usize::MAX, unused: usize::MAX };
        let (version, start) = (u16::MAX, u32::MAX);
        let (log_min, log_max, keys_from) = (u64::MAX, u64::MAX, u64::MAX);
        let (topics, groups, offsets) = (u16::MAX, u16::MAX, u16::MAX);
        let head = Head { version, start, log_min, log_max, keys_from, pool, topics, groups, offsets };
        assert_eq!(bytes(&head), HEAD_BYTES);
        let topic = TopicRecord {
            place: u16::MAX,
            name: &name,
            read_queue_nums: i32::MIN,
            write_queue_nums: i32::MIN,
            perm: i32::MIN,
            sys_flag: i32::MIN,
            queues: u32::MAX,
        };
        assert_eq!(bytes(&topic), TOPIC_BYTES);
        let index = ConsumeQueue::default();
        assert!(bytes(&QueueRecord { min_offset: i64::MIN, max_offset: i64::MIN, index }) <= QUEUE_BYTES);
        let group = GroupRecord {
            place: u16::MAX,
            name: name.get(..120).unwrap(),
            consume_enable: true,
            consume_broadcast_enable: true,
            retry_queue_nums: i32::MIN,
            retry_max_times: i32::MIN,
            is_deleted: true,
        };
        assert_eq!(bytes(&group), GROUP_BYTES);
        let (queue_id, offset) = (i32::MIN, i64::MIN);
        let offset = OffsetRecord { group: u16::MAX, topic: u16::MAX, queue_id, offset, is_reset: true };
        assert_eq!(bytes(&offset), OFFSET_BYTES);
    }
}
