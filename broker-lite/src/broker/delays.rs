//! Messages that wait for their time (`ScheduleMessageService`).
//!
//! They stand in the log as all others do, under a topic of the broker's own with a queue for each delay. One that is
//! delivered is written anew to its real topic and leaves its queue, so what waits is what those queues hold.

use core::time::Duration;

use rocketlite_core::message::properties::{Properties, REAL_QID, REAL_TOPIC, TAGS};
use rocketlite_core::message::stored::{MAX_TOPIC_BYTES, StoredMessage};
use rocketlite_core::wire::cursor::Writer;
use rocketlite_core::{Instant, SlotId};

use super::State;
use super::store::Wanted;
use crate::config::BrokerConfig;
use crate::filter::tags_code;
use crate::log::{AppendError, CommitLog, QueueEntry};
use crate::table::{Name, Queue, TopicTable};

/// The topic of what waits, with a queue for each level (`TopicValidator#RMQ_SYS_SCHEDULE_TOPIC`).
pub(crate) const SCHEDULE_TOPIC: &str = "SCHEDULE_TOPIC_XXXX";

/// Levels of delay, from 1 on.
pub(crate) const MAX_LEVEL: i32 = 18;

/// How long a message waits in each queue of the topic, level 1 being queue 0 (`messageDelayLevel`).
const DELAYS: [Duration; 18] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
    Duration::from_mins(2),
    Duration::from_mins(3),
    Duration::from_mins(4),
    Duration::from_mins(5),
    Duration::from_mins(6),
    Duration::from_mins(7),
    Duration::from_mins(8),
    Duration::from_mins(9),
    Duration::from_mins(10),
    Duration::from_mins(20),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(2),
];

/// Writes the levels as the reference's setting has them: `1s 5s 10s`.
pub(crate) fn put_delay_levels(writer: &mut Writer<'_>) {
    for (place, delay) in DELAYS.iter().enumerate() {
        if place > 0 {
            writer.put_u8(b' ');
        }
        let (count, letter) = match delay.as_secs() {
            seconds @ 3_600.. => (seconds / 3_600, b'h'),
            seconds @ 60.. => (seconds / 60, b'm'),
            seconds => (seconds, b's'),
        };
        writer.put_decimal(i64::try_from(count).unwrap_or(i64::MAX));
        writer.put_u8(letter);
    }
}

/// Most messages that one call delivers from one queue; the next call, which is wanted at once, goes on.
const MAX_DELIVERED: usize = 16;

/// When a delivery for which there was no room is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// What waits, in sum.
#[derive(Debug)]
pub(crate) struct Delays {
    /// The topic of what waits.
    pub(crate) topic: Option<SlotId>,
    /// Messages that wait, and the bytes of their records.
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    /// Most of these bytes.
    limit: usize,
    /// When to look for what is due.
    pub(crate) next: Option<Instant>,
}

impl Delays {
    pub(super) fn new(config: &BrokerConfig<'_>, log: usize, scratch: usize) -> Self {
        let limit = config.delayed_limit(log, scratch);
        Self { topic: None, messages: 0, bytes: 0, limit, next: None }
    }

    /// Whether the message at `physical_offset` is one that waits.
    pub(super) fn has(
        &self,
        topics: &TopicTable<'_>,
        message: &StoredMessage<'_>,
        physical_offset: u64,
    ) -> bool {
        let Some(topic) = self.topic.filter(|_| self.messages > 0 && message.topic == SCHEDULE_TOPIC) else {
            return false;
        };
        let entry = topics.entry(topic, message.queue_id, message.queue_offset);
        entry.is_some_and(|entry| entry.physical_offset == physical_offset)
    }

    /// Whether a message that is to wait may: bytes have the limit of the settings, and half of the index stays with the
    /// other topics, so that what is due can always be delivered.
    pub(super) fn check_room(&self, topics: &TopicTable<'_>, wanted: &Wanted) -> Result<(), AppendError> {
        let Some(topic) = self.topic.filter(|topic| *topic == wanted.topic) else { return Ok(()) };
        if self.bytes.saturating_add(wanted.len) > self.limit {
            return Err(AppendError::DelayedFull);
        }
        let (_, chunks) = topics.free_index();
        let queue = topics.queue(topic, wanted.queue_id).copied().unwrap_or(Queue::EMPTY);
        let used = topics.index_chunks(topic).saturating_add(queue.grows_index().into());
        if used > chunks / 2 { Err(AppendError::IndexFull) } else { Ok(()) }
    }

    /// For a log that keeps everything: whether there is still room to deliver all that waits after `wanted` was stored.
    pub(super) fn check_promised(
        &self,
        log: &CommitLog<'_>,
        topics: &TopicTable<'_>,
        wanted: &Wanted,
    ) -> Result<(), AppendError> {
        let waits = self.topic == Some(wanted.topic);
        let messages = self.messages.saturating_add(waits.into());
        let bytes = self.bytes.saturating_add(if waits { wanted.len } else { 0 });
        // What is delivered may have a longer topic.
        let longer = messages.saturating_mul(log.span(MAX_TOPIC_BYTES.saturating_sub(SCHEDULE_TOPIC.len())));
        let promised = bytes.saturating_add(longer);
        if messages == 0 {
            return Ok(());
        }
        if log.lacks_room(wanted.len.saturating_add(promised)) {
            return Err(AppendError::Full);
        }
        // Each might begin a piece of its queue's index.
        let (free, _) = topics.free_index();
        let taken = TopicTable::most_chunks(wanted.messages);
        if free < messages.saturating_add(taken) { Err(AppendError::IndexFull) } else { Ok(()) }
    }

    /// A message of `len` bytes waits from now on.
    pub(super) fn add(&mut self, now: Instant, queue_id: i32, len: usize) {
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(len);
        let due = usize::try_from(queue_id).ok().and_then(|at| DELAYS.get(at)).map(|delay| now.after(*delay));
        self.next = [self.next, due].into_iter().flatten().min();
    }

    /// A message of `len` bytes is not counted any more.
    fn take(&mut self, len: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(len);
    }
}

impl State<'_> {
    /// Delivers what is due, and finds out when to look again.
    pub(super) fn deliver_due(&mut self) {
        if self.delays.next.is_none_or(|next| self.now < next) {
            return;
        }
        let mut next = None;
        for (queue_id, delay) in (0..).zip(DELAYS) {
            let due = self.deliver_level(queue_id, delay);
            next = [next, due].into_iter().flatten().min();
        }
        self.delays.next = next;
    }

    /// Delivers what is due of one level, in order. Returns when to look again if more waits.
    fn deliver_level(&mut self, queue_id: i32, delay: Duration) -> Option<Instant> {
        let topic = self.delays.topic?;
        for _ in 0..MAX_DELIVERED {
            let queue = self.topics.queue(topic, queue_id).copied()?;
            let entry = self.topics.entry(topic, queue_id, queue.min_offset())?;
            if entry.size == 0 || !self.log.is_sound(entry.physical_offset) {
                self.give_up_delayed(topic, queue_id, queue.min_offset(), entry);
                continue;
            }
            let size = self.log.span(usize::try_from(entry.size).unwrap_or(0));
            if let Ok((message, _)) = self.log.read(entry.physical_offset) {
                let wait = self.left(message.store_timestamp, delay);
                if !wait.is_zero() {
                    return Some(self.now.after(wait));
                }
            }
            // While it is stored anew it does not count twice.
            self.delays.take(size);
            if self.deliver(entry.physical_offset).is_err() {
                self.delays.add(self.now, queue_id, size);
                return Some(self.now.after(RETRY_DELAY));
            }
            // Its record may have moved meanwhile.
            if let Some(entry) = self.topics.entry(topic, queue_id, queue.min_offset()) {
                let physical_offset = i64::try_from(entry.physical_offset).unwrap_or(i64::MAX);
                self.topics.forget(SCHEDULE_TOPIC, queue_id, queue.min_offset(), physical_offset);
                self.note_moved(entry.physical_offset);
            }
        }
        Some(self.now)
    }

    /// A message that waits cannot be delivered any more: its record is damaged.
    fn give_up_delayed(&mut self, topic: SlotId, queue_id: i32, queue_offset: i64, entry: QueueEntry) {
        if entry.size > 0 {
            let size = u64::from(entry.size);
            self.report_damage(&(entry.physical_offset..entry.physical_offset.saturating_add(size)));
        }
        self.delays.take(self.log.span(usize::try_from(entry.size).unwrap_or(0)));
        self.topics.cut_queue_before(topic, queue_id, queue_offset.saturating_add(1));
    }

    /// How long a message has to wait yet. One that would have to longer than its delay was stored before the clock was
    /// set back: it is due (`DeliverDelayedMessageTimerTask#correctDeliverTimestamp`).
    fn left(&self, store_timestamp: i64, delay: Duration) -> Duration {
        let passed = self.clock.unix_millis(self.now).saturating_sub(store_timestamp);
        u64::try_from(passed)
            .map_or(Duration::ZERO, |passed| delay.saturating_sub(Duration::from_millis(passed)))
    }

    /// Stores a message that waited in the queue it was sent to (`#messageTimeUp`). If that is no more, so is the
    /// message.
    fn deliver(&mut self, source: u64) -> Result<(), AppendError> {
        let Ok((message, _)) = self.log.read(source) else {
            debug_assert!(false, "what waits is stored");
            return Ok(());
        };
        let properties = message.properties();
        let mut name = Name::new();
        let real = properties.get(REAL_TOPIC).is_some_and(|text| text.copy_to(REAL_TOPIC, &mut name).is_ok());
        let queue_id = properties.get(REAL_QID).and_then(|text| text.parse::<i32>(REAL_QID).ok());
        let topic = self.topics.find(&name).filter(|_| real);
        let Some((topic, queue_id)) = topic.zip(queue_id) else { return Ok(()) };
        if self.topics.queue(topic, queue_id).is_none() {
            return Ok(());
        }
        let length = message.properties.len();
        let Some(copy) = self.scratch.get_mut(..length) else { return Ok(()) };
        copy.copy_from_slice(message.properties);
        let record = StoredMessage {
            queue_id,
            store_timestamp: self.clock.unix_millis(self.now),
            store_host: self.config.address,
            ..message.head()
        };
        // The properties are lent out while everything else changes.
        let scratch = core::mem::take(&mut self.scratch);
        let properties = scratch.get(..length).unwrap_or_default();
        let tags = Properties::new(properties).get(TAGS).map_or(0, tags_code);
        let stored =
            self.store_copy(topic, tags, &StoredMessage { topic: &name, properties, ..record }, source);
        self.scratch = scratch;
        stored
    }
}
