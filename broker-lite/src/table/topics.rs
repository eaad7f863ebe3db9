//! The topics of this broker and the offsets of their queues.

use rocketlite_core::{Slot, SlotId, Slots};

use super::{Name, NameIndex};

/// A topic of this broker (`TopicConfig`). Its settings never change and it is never removed, so an answer that
/// shows it stays the same while it is sent.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Topic {
    name: Name,
    read_queue_nums: i32,
    write_queue_nums: i32,
    perm: i32,
    sys_flag: i32,
    /// Where its queues begin among the queues of all topics.
    first_queue: usize,
    queue_count: usize,
}

impl Topic {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Queues to read.
    pub const fn read_queue_nums(&self) -> i32 {
        self.read_queue_nums
    }

    /// Queues to write.
    pub const fn write_queue_nums(&self) -> i32 {
        self.write_queue_nums
    }

    /// Permission bits, see [`rocketlite_core::wire::route`].
    pub const fn perm(&self) -> i32 {
        self.perm
    }

    /// The topic's flags.
    pub const fn sys_flag(&self) -> i32 {
        self.sys_flag
    }
}

/// The offsets of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Queue {
    pub(crate) min_offset: i64,
    pub(crate) max_offset: i64,
}

impl Queue {
    /// A queue that never had a message.
    pub const EMPTY: Self = Self { min_offset: 0, max_offset: 0 };

    /// The offset of the oldest message that is still stored, or the next one's if there is none.
    pub const fn min_offset(&self) -> i64 {
        self.min_offset
    }

    /// The offset that the next message gets.
    pub const fn max_offset(&self) -> i64 {
        self.max_offset
    }
}

/// What makes a topic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewTopic<'a> {
    pub(crate) name: &'a str,
    pub(crate) read_queue_nums: i32,
    pub(crate) write_queue_nums: i32,
    pub(crate) perm: i32,
    pub(crate) sys_flag: i32,
}

/// All topics, found by name at the same cost however many there are.
#[derive(Debug)]
pub(crate) struct TopicTable<'m> {
    topics: Slots<'m, Topic>,
    index: NameIndex<'m>,
    queues: &'m mut [Queue],
    queues_used: usize,
}

impl<'m> TopicTable<'m> {
    pub(crate) fn new(
        topics: &'m mut [Slot<Topic>],
        index: &'m mut [u16],
        queues: &'m mut [Queue],
        seed: u64,
    ) -> Self {
        queues.fill(Queue::EMPTY);
        let topics = Slots::new(topics);
        Self { index: NameIndex::new(index, topics.capacity(), seed), topics, queues, queues_used: 0 }
    }

    /// The topic of that name.
    pub(crate) fn find(&self, name: &str) -> Option<SlotId> {
        let same = |id: &SlotId| self.topics.get(*id).is_some_and(|topic| topic.name == name);
        self.index.places(self.index.hash(&[name])).filter_map(|at| self.topics.id_at(at)).find(same)
    }

    pub(crate) fn get(&self, id: SlotId) -> Option<&Topic> {
        self.topics.get(id)
    }

    /// How many there are; the first so many of [`TopicTable::iter`] stay the same for ever.
    pub(crate) const fn len(&self) -> usize {
        self.topics.len()
    }

    /// All topics in the order in which they were made.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SlotId, &Topic)> {
        self.topics.iter()
    }

    /// Makes a topic, which must not be there yet. A negative number of queues counts as none.
    ///
    /// Returns `None` if there is no room for the name, the topic or its queues.
    pub(crate) fn create(&mut self, new: NewTopic<'_>) -> Option<SlotId> {
        let (read, write) = (new.read_queue_nums.max(0), new.write_queue_nums.max(0));
        // `SendMessageProcessor#msgCheck` takes queues up to the larger of the two numbers.
        let queue_count = usize::try_from(read.max(write)).ok()?;
        if queue_count > self.queues.len().saturating_sub(self.queues_used) {
            return None;
        }
        let topic = Topic {
            name: Name::try_from(new.name).ok()?,
            read_queue_nums: read,
            write_queue_nums: write,
            perm: new.perm,
            sys_flag: new.sys_flag,
            first_queue: self.queues_used,
            queue_count,
        };
        let id = self.topics.insert(topic)?;
        self.queues_used = self.queues_used.saturating_add(queue_count);
        self.index.insert(self.index.hash(&[new.name]), id.index());
        Some(id)
    }

    /// The queue `queue_id` of a topic.
    pub(crate) fn queue(&self, id: SlotId, queue_id: i32) -> Option<&Queue> {
        let at = self.queue_place(id, queue_id)?;
        self.queues.get(at)
    }

    /// The queue `queue_id` of a topic.
    pub(crate) fn queue_mut(&mut self, id: SlotId, queue_id: i32) -> Option<&mut Queue> {
        let at = self.queue_place(id, queue_id)?;
        self.queues.get_mut(at)
    }

    /// The message at `queue_offset` and all before it are no longer stored.
    pub(crate) fn forget_message(&mut self, topic: &str, queue_id: i32, queue_offset: i64) {
        if let Some(queue) = self.find(topic).and_then(|id| self.queue_mut(id, queue_id)) {
            queue.min_offset = queue.min_offset.max(queue_offset.saturating_add(1)).min(queue.max_offset);
        }
    }

    fn queue_place(&self, id: SlotId, queue_id: i32) -> Option<usize> {
        let topic = self.topics.get(id)?;
        let queue = usize::try_from(queue_id).ok().filter(|queue| *queue < topic.queue_count)?;
        topic.first_queue.checked_add(queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    fn new(name: &str, queues: i32) -> NewTopic<'_> {
        NewTopic { name, read_queue_nums: queues, write_queue_nums: queues, perm: 6, sys_flag: 0 }
    }

    #[test]
    fn topics_are_found_by_name_until_the_table_is_full() {
        let mut slots = [const { Slot::EMPTY }; 50];
        let (mut index, mut queues) = ([0u16; 100], [Queue::EMPTY; 200]);
        let mut table = TopicTable::new(&mut slots, &mut index, &mut queues, 1);
        for n in 0..50 {
            assert!(table.create(new(&format!("topic-{n}"), 4)).is_some());
        }
        assert!(table.create(new("one more", 0)).is_none());
        for n in 0..50 {
            let id = table.find(&format!("topic-{n}")).unwrap();
            assert_eq!(table.get(id).unwrap().name(), format!("topic-{n}"));
        }
        assert_eq!(table.find("topic-50"), None);
    }

    #[test]
    fn each_queue_has_its_own_offsets() {
        let mut slots = [const { Slot::EMPTY }; 4];
        let (mut index, mut queues) = ([0u16; 8], [Queue::EMPTY; 5]);
        let mut table = TopicTable::new(&mut slots, &mut index, &mut queues, 1);
        let a = table.create(NewTopic { write_queue_nums: 1, ..new("a", 3) }).unwrap();
        let b = table.create(new("b", 2)).unwrap();
        assert!(table.create(new("c", 1)).is_none(), "no queue is left");
        assert!(table.create(new("d", -1)).is_some());
        table.queue_mut(a, 2).unwrap().max_offset = 9;
        assert_eq!(table.queue(b, 0), Some(&Queue::EMPTY));
        assert_eq!((table.queue(a, 3), table.queue(a, -1)), (None, None));
        table.forget_message("a", 2, 4);
        assert_eq!(table.queue(a, 2).map(Queue::min_offset), Some(5));
        table.forget_message("a", 2, 100);
        assert_eq!(table.queue(a, 2).map(Queue::min_offset), Some(9));
    }
}
