//! Records that no checkpoint knows, one after another, as if they were stored now.

use rocketlite_core::SlotId;
use rocketlite_core::message::properties::{DELAY, Properties, REAL_QID, REAL_TOPIC, TAGS, UNIQ_KEY};
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::route::{PERM_READ, PERM_WRITE};

use super::super::{MAX_LEVEL, SCHEDULE_TOPIC, State};
use super::{RecoverError, Recovery};
use crate::filter::tags_code;
use crate::log::{Known, QueueEntry, SavedRecord, Step, Walk};
use crate::table::{Name, NewTopic, TopicTable};

/// Most of the oldest messages of a level among which one is looked for that was delivered.
const LOOKED_AT: i64 = 64;

impl State<'_> {
    /// Enters all records from `from` on. The topics that the checkpoint does not name were removed before it was made. Returns
    /// the newest start of the broker that wrote any.
    pub(super) fn replay(
        &mut self,
        from: u64,
        known: Known,
        recovery: &mut Recovery,
    ) -> Result<u32, RecoverError> {
        let mut walk = Walk::new(from, known);
        let has_checkpoint = known.checkpointed > from;
        loop {
            match walk.step(&self.log) {
                Step::Record(SavedRecord { at, message, size, .. }) => {
                    let entry = entry(&message, at, size);
                    let (queue_id, queue_offset) = (message.queue_id, message.queue_offset);
                    let topic = self.topics.find(message.topic);
                    let removed = topic.is_none() && has_checkpoint && at < known.checkpointed;
                    recovery.records = recovery.records.saturating_add(1);
                    if !removed {
                        let queues = self.config.default_topic_queue_nums;
                        let topic = make_queue(&mut self.topics, message.topic, queue_id, queues)?;
                        if at >= known.checkpointed || !has_checkpoint {
                            make_real_queue(&mut self.topics, &message, queues)?;
                        }
                        let delivered = delivered_level(&message);
                        self.make_index_room(topic, queue_id)?;
                        self.topics.replay(topic, queue_id, queue_offset, entry);
                        if let Some(level) = delivered {
                            self.forget_delivered(level, at);
                        }
                    }
                }
                Step::Damaged(damaged) => {
                    recovery.damaged = recovery.damaged.saturating_add(1);
                    self.report_damage(&damaged);
                }
                Step::End => break,
            }
            self.log.set_end(walk.end());
        }
        recovery.bytes = walk.position().saturating_sub(from);
        Ok(walk.start())
    }

    /// Lets old messages go if the index is smaller than it was.
    pub(super) fn make_index_room(&mut self, topic: SlotId, queue_id: i32) -> Result<(), RecoverError> {
        while !self.topics.has_room(topic, queue_id, 1) {
            let Self { log, topics, .. } = self;
            let gone = log.evict_oldest(&mut |message, _| {
                let at = message.physical_offset;
                topics.forget(message.topic, message.queue_id, message.queue_offset, at);
            });
            if !gone {
                return Err(RecoverError::NoRoom("memory.index"));
            }
        }
        Ok(())
    }

    /// The message at `copy` was delivered, so it no longer waits, and neither do those before it.
    fn forget_delivered(&mut self, level: i32, copy: u64) {
        let queue_id = level.saturating_sub(1);
        let Some(topic) = self.topics.find(SCHEDULE_TOPIC) else { return };
        let Some(queue) = self.topics.queue(topic, queue_id).copied() else { return };
        let id = |at: u64| {
            let (message, _, _) = self.log.sealed_at(at)?;
            Properties::new(message.properties).get(UNIQ_KEY)
        };
        let Some(wanted) = id(copy) else { return };
        let end = queue.max_offset().min(queue.min_offset().saturating_add(LOOKED_AT));
        let found = (queue.min_offset()..end).find(|offset| {
            let entry = self.topics.entry_of(queue, *offset);
            entry.and_then(|entry| id(entry.physical_offset)).is_some_and(|id| id.order(&wanted).is_eq())
        });
        if let Some(offset) = found {
            self.topics.cut_queue_before(topic, queue_id, offset.saturating_add(1));
        }
    }
}

fn entry(message: &StoredMessage<'_>, physical_offset: u64, size: usize) -> QueueEntry {
    let tags_code = Properties::new(message.properties).get(TAGS).map_or(0, tags_code);
    QueueEntry { physical_offset, size: u32::try_from(size).unwrap_or(u32::MAX), tags_code }
}

/// The queue that a message waits for, which nothing else may name yet.
fn make_real_queue(
    topics: &mut TopicTable<'_>,
    message: &StoredMessage<'_>,
    default_queues: i32,
) -> Result<(), RecoverError> {
    if message.topic != SCHEDULE_TOPIC {
        return Ok(());
    }
    let properties = Properties::new(message.properties);
    let mut name = Name::new();
    let real = properties.get(REAL_TOPIC).is_some_and(|text| text.copy_to(REAL_TOPIC, &mut name).is_ok());
    let queue_id = properties.get(REAL_QID).and_then(|text| text.parse::<i32>(REAL_QID).ok());
    if let Some(queue_id) = queue_id.filter(|_| real) {
        make_queue(topics, &name, queue_id, default_queues)?;
    }
    Ok(())
}

/// The queue of a record, made if the checkpoint does not have it.
fn make_queue(
    topics: &mut TopicTable<'_>,
    name: &str,
    queue_id: i32,
    default_queues: i32,
) -> Result<SlotId, RecoverError> {
    let no_room = RecoverError::NoRoom("memory.topics or memory.queues");
    let least = queue_id.max(0).saturating_add(1);
    let of = |queues: i32| NewTopic {
        name,
        read_queue_nums: queues,
        write_queue_nums: queues,
        perm: PERM_READ | PERM_WRITE,
        sys_flag: 0,
    };
    let Some(id) = topics.find(name) else {
        // Topics of groups have a queue for each number; all others are made by senders.
        let is_of_group = name.starts_with('%');
        let queues = if is_of_group { least } else { least.max(default_queues) };
        return topics.create(of(queues)).ok_or(no_room);
    };
    if topics.queue(id, queue_id).is_none() {
        let perm = topics.get(id).map_or(0, crate::table::Topic::perm);
        let grown = topics.update(id, NewTopic { perm, ..of(least) });
        grown.then_some(()).ok_or(no_room)?;
    }
    Ok(id)
}

/// The level that a message waited in, if it was delivered after that: nothing else keeps a level beside its real topic.
fn delivered_level(message: &StoredMessage<'_>) -> Option<i32> {
    if message.topic == SCHEDULE_TOPIC {
        return None;
    }
    let properties = Properties::new(message.properties);
    properties.get(REAL_TOPIC)?;
    let level = properties.get(DELAY)?.parse::<i32>(DELAY).ok()?;
    (1..=MAX_LEVEL).contains(&level).then_some(level)
}
