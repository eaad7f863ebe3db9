//! Routes as records of a saved state: written one after the other, and read twice, first only to see whether they fit.

use heapless::String;
use serde::{Deserialize, Serialize};

use super::{BrokerName, BrokerRoute, Lookup, QueueRef, Routes, TopicRoute, mixed};
use crate::engine::Address;
use crate::select::RoundRobin;
use crate::{Instant, SlotId};

/// How many records of each kind follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    brokers: u16,
    pub(crate) topics: u16,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedBroker<'a> {
    name: &'a str,
    master: Option<&'a str>,
}

/// Followed by its runs and its numbers of queues.
#[derive(Debug, Serialize, Deserialize)]
struct SavedTopic<'a> {
    name: &'a str,
    index: i32,
    runs: u16,
    queue_nums: u16,
}

/// Queues of a publish list that follow each other: `count` of a broker, from `first`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Run {
    broker: u16,
    first: u16,
    count: u16,
}

/// How many queues a broker has for the topic.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct QueueNum {
    broker: u16,
    count: u16,
}

/// Why records cannot be taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// They are not what this code writes.
    Unreadable,
    /// There are more of these than there is memory for.
    TooMany { what: &'static str, limit: usize },
}

/// Most bytes that the routes of these limits are saved in.
pub(crate) const fn max_bytes(brokers: usize, topics: usize, queues: usize) -> usize {
    let each_topic = TOPIC_BYTES
        .saturating_add(queues.saturating_mul(RUN_BYTES))
        .saturating_add(brokers.saturating_mul(QUEUE_NUM_BYTES));
    let topics = topics.saturating_mul(each_topic);
    brokers.saturating_mul(BROKER_BYTES).saturating_add(topics).saturating_add(COUNTS_BYTES)
}

/// Of a number of 16 bits in postcard's encoding; a text has one for its length.
const U16: usize = 3;
const COUNTS_BYTES: usize = 2 * U16;
const BROKER_BYTES: usize = U16 + super::MAX_BROKER_NAME + 1 + U16 + Address::MAX_LENGTH;
const TOPIC_BYTES: usize = U16 + super::MAX_TOPIC + 5 + 2 * U16;
const RUN_BYTES: usize = 3 * U16;
const QUEUE_NUM_BYTES: usize = 2 * U16;

/// Writes records one after the other.
#[derive(Debug)]
pub(crate) struct RecordWriter<'b> {
    buffer: &'b mut [u8],
    filled: usize,
}

impl<'b> RecordWriter<'b> {
    pub(crate) const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, filled: 0 }
    }

    pub(crate) const fn filled(&self) -> usize {
        self.filled
    }

    /// Appends a record; none if there is no room for it.
    pub(crate) fn put(&mut self, record: &impl Serialize) -> Option<()> {
        let room = self.buffer.get_mut(self.filled..)?;
        let written = postcard::to_slice(record, room).ok()?.len();
        self.filled = self.filled.saturating_add(written);
        Some(())
    }
}

/// Reads records one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordReader<'a> {
    rest: &'a [u8],
}

impl<'a> RecordReader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take<T: Deserialize<'a>>(&mut self) -> Result<T, Unfit> {
        let (record, rest) = postcard::take_from_bytes(self.rest).map_err(|_| Unfit::Unreadable)?;
        self.rest = rest;
        Ok(record)
    }
}

impl Routes<'_> {
    /// Whether nothing is known.
    pub(crate) const fn is_empty(&self) -> bool {
        self.topics.is_empty() && self.brokers.is_empty()
    }

    /// Writes all brokers, and the topics that have queues. None if there is no room.
    pub(crate) fn save(&self, records: &mut RecordWriter<'_>) -> Option<()> {
        let topics = || self.topics.iter().filter(|(_, topic)| topic.queue_count > 0);
        let counts = Counts {
            brokers: u16::try_from(self.brokers.len()).ok()?,
            topics: u16::try_from(topics().count()).ok()?,
        };
        records.put(&counts)?;
        for (_, broker) in self.brokers.iter() {
            let master = broker.master.as_ref().map(Address::as_str);
            records.put(&SavedBroker { name: &broker.name, master })?;
        }
        for (id, topic) in topics() {
            let (runs, queue_nums) = (self.runs(id), self.queue_nums(id));
            records.put(&SavedTopic {
                name: &topic.name,
                index: topic.index.value(),
                runs: u16::try_from(runs.count()).ok()?,
                queue_nums: u16::try_from(queue_nums.count()).ok()?,
            })?;
            self.runs(id).try_for_each(|run| records.put(&run))?;
            self.queue_nums(id).try_for_each(|queue_num| records.put(&queue_num))?;
        }
        Some(())
    }

    /// The publish list of a topic, entries that follow each other joined.
    fn runs(&self, topic: SlotId) -> impl Iterator<Item = Run> {
        let mut rest = self.queues(topic);
        core::iter::from_fn(move || {
            let first = rest.first()?;
            let mut next = Some(first.queue_id);
            let follows = |queue: &&QueueRef| {
                let joins = queue.broker == first.broker && Some(queue.queue_id) == next;
                next = queue.queue_id.checked_add(1);
                joins
            };
            let count = rest.iter().take(usize::from(u16::MAX)).take_while(follows).count();
            rest = rest.get(count..).unwrap_or_default();
            let broker = self.saved_place(first.broker);
            Some(Run { broker, first: first.queue_id, count: u16::try_from(count).unwrap_or(u16::MAX) })
        })
    }

    /// How many queues of the topic each broker has that has any.
    fn queue_nums(&self, topic: SlotId) -> impl Iterator<Item = QueueNum> {
        self.brokers.iter().filter_map(move |(broker, _)| {
            let count = self.write_queues(topic, broker);
            (count > 0).then(|| QueueNum { broker: self.saved_place(broker), count })
        })
    }

    /// Which of the saved brokers that is.
    fn saved_place(&self, broker: SlotId) -> u16 {
        let before = self.brokers.iter().take_while(|(id, _)| *id != broker).count();
        u16::try_from(before).unwrap_or(u16::MAX)
    }

    /// Reads what [`Self::save`] wrote. Unless `install`, it only finds out whether all of it can be taken over. The tables
    /// must never have been used.
    pub(crate) fn restore(
        &mut self,
        now: Instant,
        next_refresh: Instant,
        mut records: RecordReader<'_>,
        install: bool,
    ) -> Result<Counts, Unfit> {
        let counts: Counts = records.take()?;
        let too_many = |what, have: u16, limit| {
            if usize::from(have) > limit { Err(Unfit::TooMany { what, limit }) } else { Ok(()) }
        };
        too_many("brokers", counts.brokers, self.brokers.capacity())?;
        too_many("topics", counts.topics, self.topics.capacity())?;
        for _ in 0..counts.brokers {
            let saved: SavedBroker<'_> = records.take()?;
            let name = BrokerName::try_from(saved.name).map_err(|_| Unfit::Unreadable)?;
            let master = saved.master.map(Address::new).transpose().map_err(|_| Unfit::Unreadable)?;
            if install {
                self.brokers.insert(BrokerRoute { name, master }).ok_or(Unfit::Unreadable)?;
            }
        }
        for place in 0..counts.topics {
            self.restore_topic(now, next_refresh, &mut records, (place, counts.brokers), install)?;
        }
        if records.is_at_end() { Ok(counts) } else { Err(Unfit::Unreadable) }
    }

    /// Reads a topic, for the `place`-th one of the table, and what belongs to it.
    fn restore_topic(
        &mut self,
        now: Instant,
        next_refresh: Instant,
        records: &mut RecordReader<'_>,
        (place, brokers): (u16, u16),
        install: bool,
    ) -> Result<(), Unfit> {
        let saved: SavedTopic<'_> = records.take()?;
        let name = String::try_from(saved.name).map_err(|_| Unfit::Unreadable)?;
        let room = self.queues_per_topic();
        let start = usize::from(place).saturating_mul(room);
        let (mut total, mut fingerprint) = (0usize, 0);
        for _ in 0..saved.runs {
            let run: Run = records.take()?;
            let end = run.first.checked_add(run.count.saturating_sub(1));
            let (true, Some(last)) = (run.broker < brokers && run.count > 0, end) else {
                return Err(Unfit::Unreadable);
            };
            let at = start.saturating_add(total);
            total = total.saturating_add(run.count.into());
            if total > room {
                return Err(Unfit::TooMany { what: "queues", limit: room });
            }
            if install && let Some(broker) = self.brokers.id_at(run.broker) {
                let places = self.queues.get_mut(at..).unwrap_or_default();
                for (place, queue_id) in places.iter_mut().zip(run.first..=last) {
                    *place = QueueRef { broker, queue_id };
                }
                fingerprint = mixed(fingerprint, broker, run.count.into());
            }
        }
        if install {
            let topic = TopicRoute {
                name,
                queue_count: total,
                known: true,
                restored: true,
                fingerprint,
                index: RoundRobin::new(saved.index),
                lookup: Lookup::Idle,
                next_refresh,
                sends: 0,
                last_used: now,
            };
            self.topics.insert(topic).ok_or(Unfit::Unreadable)?;
        }
        self.restore_queue_nums(records, place, saved.queue_nums, brokers, install)
    }

    fn restore_queue_nums(
        &mut self,
        records: &mut RecordReader<'_>,
        topic: u16,
        count: u16,
        brokers: u16,
        install: bool,
    ) -> Result<(), Unfit> {
        let row = usize::from(topic).saturating_mul(self.brokers.capacity());
        let row = row..row.saturating_add(self.brokers.capacity());
        let row = self.write_queue_nums.get_mut(row).unwrap_or_default();
        if install {
            row.fill(0);
        }
        for _ in 0..count {
            let saved: QueueNum = records.take()?;
            if saved.broker >= brokers {
                return Err(Unfit::Unreadable);
            }
            if install && let Some(place) = row.get_mut(usize::from(saved.broker)) {
                *place = saved.count;
            }
        }
        Ok(())
    }
}
