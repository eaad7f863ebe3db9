//! The topics of this broker and the offsets of their queues.

use rocketlite_core::{Slot, SlotId, Slots};

use super::{Name, NameIndex};
use crate::log::{ConsumeQueue, ConsumeQueues, IndexChunk, QueueEntry};

/// A topic of this broker (`TopicConfig`).
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Topic {
    name: Name,
    read_queue_nums: i32,
    write_queue_nums: i32,
    perm: i32,
    sys_flag: i32,
    /// Where its queues begin among the queues of all topics.
    pub(super) first_queue: usize,
    pub(super) queue_count: usize,
    /// Its number in the checkpoint that it was restored from.
    pub(super) saved_place: u16,
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
pub struct Queue {
    pub(super) min_offset: i64,
    pub(super) max_offset: i64,
    pub(super) index: ConsumeQueue,
    /// Whether a topic has it.
    taken: bool,
}

impl Queue {
    /// A queue that never had a message.
    pub const EMPTY: Self = Self { min_offset: 0, max_offset: 0, index: ConsumeQueue::EMPTY, taken: false };

    /// The offset of the oldest message that is still stored, or the next one's if there is none.
    pub const fn min_offset(&self) -> i64 {
        self.min_offset
    }

    /// The offset that the next message gets.
    pub const fn max_offset(&self) -> i64 {
        self.max_offset
    }

    /// Where its index begins and ends.
    pub(crate) const fn index(&self) -> ConsumeQueue {
        self.index
    }

    /// Whether the next message begins a piece of the index.
    pub(crate) fn grows_index(&self) -> bool {
        let (now, then) =
            (self.min_offset..self.max_offset, self.min_offset..self.max_offset.saturating_add(1));
        ConsumeQueues::chunks_of(then) > ConsumeQueues::chunks_of(now)
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

/// All topics, found by name at the same cost however many there are, their queues, and what stands in these.
#[derive(Debug)]
pub(crate) struct TopicTable<'m> {
    pub(super) topics: Slots<'m, Topic>,
    names: NameIndex<'m>,
    pub(super) queues: &'m mut [Queue],
    pub(super) index: ConsumeQueues<'m>,
    /// Counted up with every change of a topic's settings.
    version: u32,
}

impl<'m> TopicTable<'m> {
    pub(crate) fn new(
        topics: &'m mut [Slot<Topic>],
        names: &'m mut [u16],
        queues: &'m mut [Queue],
        chunks: &'m mut [IndexChunk],
        seed: u64,
    ) -> Self {
        queues.fill(Queue::EMPTY);
        let topics = Slots::new(topics);
        let names = NameIndex::new(names, topics.capacity(), seed);
        Self { names, topics, queues, index: ConsumeQueues::new(chunks), version: 0 }
    }

    /// The topic of that name.
    pub(crate) fn find(&self, name: &str) -> Option<SlotId> {
        let same = |id: &SlotId| self.topics.get(*id).is_some_and(|topic| topic.name == name);
        self.names.places(self.names.hash(&[name])).filter_map(|at| self.topics.id_at(at)).find(same)
    }

    pub(crate) fn get(&self, id: SlotId) -> Option<&Topic> {
        self.topics.get(id)
    }

    /// All topics, in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SlotId, &Topic)> {
        self.topics.iter()
    }

    /// What the topics are; what is made of two equal versions is equal.
    pub(crate) const fn version(&self) -> u32 {
        self.version
    }

    /// Makes a topic, which must not be there yet. A negative number of queues counts as none.
    ///
    /// Returns `None` if there is no room for the name, the topic or its queues next to each other.
    pub(crate) fn create(&mut self, new: NewTopic<'_>) -> Option<SlotId> {
        let (read_queue_nums, write_queue_nums) = (new.read_queue_nums.max(0), new.write_queue_nums.max(0));
        let name = Name::try_from(new.name).ok()?;
        if self.topics.is_full() {
            return None;
        }
        let (first_queue, queue_count) = self.take_queues(read_queue_nums, write_queue_nums)?;
        let (perm, sys_flag) = (new.perm, new.sys_flag);
        let id = self.topics.insert(Topic {
            name,
            read_queue_nums,
            write_queue_nums,
            perm,
            sys_flag,
            first_queue,
            queue_count,
            saved_place: 0,
        })?;
        self.names.insert(self.names.hash(&[new.name]), id.index());
        self.version = self.version.wrapping_add(1);
        Some(id)
    }

    /// Gives a topic other settings. Queues that are no longer read or written keep their messages.
    ///
    /// Returns whether there was room for more queues.
    pub(crate) fn update(&mut self, id: SlotId, new: NewTopic<'_>) -> bool {
        let Some(topic) = self.topics.get(id) else { return false };
        let (old_first, old_count) = (topic.first_queue, topic.queue_count);
        let (read, write) = (new.read_queue_nums.max(0), new.write_queue_nums.max(0));
        let mut place = (old_first, old_count);
        if usize::try_from(read.max(write)).is_ok_and(|wanted| wanted > old_count) {
            let Some(larger) = self.take_queues(read, write) else { return false };
            let old = old_first..old_first.saturating_add(old_count);
            self.queues.copy_within(old.clone(), larger.0);
            self.queues.get_mut(old).unwrap_or_default().fill(Queue::EMPTY);
            place = larger;
        }
        if let Some(topic) = self.topics.get_mut(id) {
            (topic.first_queue, topic.queue_count) = place;
            (topic.read_queue_nums, topic.write_queue_nums) = (read, write);
            (topic.perm, topic.sys_flag) = (new.perm, new.sys_flag);
        }
        self.version = self.version.wrapping_add(1);
        true
    }

    /// Forgets a topic and the offsets of its queues. Its records stay in the log until they are evicted.
    pub(crate) fn remove(&mut self, id: SlotId) -> Option<Topic> {
        let topic = self.topics.remove(id)?;
        self.names.remove(self.names.hash(&[&topic.name]), id.index());
        let end = topic.first_queue.saturating_add(topic.queue_count);
        for queue in self.queues.get_mut(topic.first_queue..end).unwrap_or_default() {
            self.index.clear(&mut queue.index);
            *queue = Queue::EMPTY;
        }
        self.version = self.version.wrapping_add(1);
        Some(topic)
    }

    /// The queue `queue_id` of a topic.
    pub(crate) fn queue(&self, id: SlotId, queue_id: i32) -> Option<&Queue> {
        self.queues.get(self.queue_place(id, queue_id)?)
    }

    /// Whether there would be room for so many messages of one queue if all others were gone but those of the topic `kept`.
    pub(crate) fn fits_index(&self, messages: u32, kept: Option<SlotId>) -> bool {
        self.index.fits(messages, kept.map_or(0, |id| self.index_chunks(id)))
    }

    /// Pieces of the index that so many messages of one queue may begin.
    pub(crate) fn most_chunks(messages: u32) -> usize {
        ConsumeQueues::most_chunks(messages)
    }

    /// Pieces of the index that no queue has, and those that there are.
    pub(crate) fn free_index(&self) -> (usize, usize) {
        (self.index.free_chunks(), self.index.capacity())
    }

    /// Pieces of the index that the queues of a topic have.
    pub(crate) fn index_chunks(&self, id: SlotId) -> usize {
        let queues = self.topics.get(id).and_then(|topic| {
            let end = topic.first_queue.saturating_add(topic.queue_count);
            self.queues.get(topic.first_queue..end)
        });
        let chunks = |queue: &Queue| ConsumeQueues::chunks_of(queue.min_offset..queue.max_offset);
        queues.unwrap_or_default().iter().map(chunks).fold(0, usize::saturating_add)
    }

    /// Whether `messages` more find room in the index of a queue.
    pub(crate) fn has_room(&self, id: SlotId, queue_id: i32, messages: u32) -> bool {
        self.queue(id, queue_id)
            .is_some_and(|queue| self.index.has_room(queue.index, queue.max_offset, messages))
    }

    /// Enters a message that was stored as the next one of its queue.
    pub(crate) fn push(&mut self, id: SlotId, queue_id: i32, entry: QueueEntry) {
        let Some(place) = self.queue_place(id, queue_id) else { return };
        if let Some(queue) = self.queues.get_mut(place) {
            self.index.push(&mut queue.index, queue.max_offset, entry);
            queue.max_offset = queue.max_offset.saturating_add(1);
        }
    }

    /// Where the message with `queue_offset` stands, if it is stored.
    pub(crate) fn entry(&self, id: SlotId, queue_id: i32, queue_offset: i64) -> Option<QueueEntry> {
        let queue = self.queue(id, queue_id)?;
        let stored = queue_offset >= queue.min_offset && queue_offset < queue.max_offset;
        if stored { self.index.get(queue.index, queue_offset) } else { None }
    }

    /// The record of a message was moved.
    pub(crate) fn relocate(&mut self, id: SlotId, queue_id: i32, queue_offset: i64, from: u64, to: u64) {
        if self.entry(id, queue_id, queue_offset).is_none_or(|entry| entry.physical_offset != from) {
            return;
        }
        let Some(queue) = self.queue(id, queue_id).map(|queue| queue.index) else { return };
        if let Some(entry) = self.index.get(queue, queue_offset) {
            self.index.set(queue, queue_offset, QueueEntry { physical_offset: to, ..entry });
        }
    }

    /// The same, of a copy of a queue.
    pub(crate) fn entry_of(&self, queue: Queue, queue_offset: i64) -> Option<QueueEntry> {
        self.index.get(queue.index, queue_offset)
    }

    /// A message of a queue is no more: its record was damaged.
    pub(crate) fn give_up(&mut self, id: SlotId, queue_id: i32, queue_offset: i64) {
        let Some(queue) = self.queue(id, queue_id).map(|queue| queue.index) else { return };
        if let Some(entry) = self.index.get(queue, queue_offset) {
            self.index.set(queue, queue_offset, QueueEntry { size: 0, ..entry });
        }
    }

    /// The messages of a queue from `queue_offset` on, each with its queue offset; none if that one is not stored.
    pub(crate) fn entries_from(
        &self,
        id: SlotId,
        queue_id: i32,
        queue_offset: i64,
    ) -> impl Iterator<Item = (i64, QueueEntry)> + use<'_, 'm> {
        let queue = self.queue(id, queue_id).copied().unwrap_or_default();
        let range = queue_offset..queue.max_offset;
        let range = if queue_offset < queue.min_offset { 0..0 } else { range };
        range.zip(self.index.from(queue.index, queue_offset))
    }

    /// A record is no longer stored, and neither are the messages before it in its queue. One that its queue does not
    /// know is that of a topic that was removed.
    pub(crate) fn forget(&mut self, topic: &str, queue_id: i32, queue_offset: i64, physical_offset: i64) {
        let Some(id) = self.find(topic) else { return };
        let entry = self.entry(id, queue_id, queue_offset);
        if entry.is_none_or(|entry| i64::try_from(entry.physical_offset) != Ok(physical_offset)) {
            return;
        }
        let Some(place) = self.queue_place(id, queue_id) else { return };
        if let Some(queue) = self.queues.get_mut(place) {
            queue.min_offset = queue_offset.saturating_add(1);
            if queue.min_offset == queue.max_offset {
                self.index.clear(&mut queue.index);
            } else {
                self.index.cut_before(&mut queue.index, queue.min_offset);
            }
        }
    }

    /// The queue's place among those of all topics: a number for it, as long as its topic has as many queues.
    pub(crate) fn queue_place(&self, id: SlotId, queue_id: i32) -> Option<usize> {
        let topic = self.topics.get(id)?;
        let queue = usize::try_from(queue_id).ok().filter(|queue| *queue < topic.queue_count)?;
        topic.first_queue.checked_add(queue)
    }

    /// Takes queues next to each other, enough to read and to write: `SendMessageProcessor#msgCheck` takes those up to
    /// the larger of the two numbers. Returns the first of them and how many they are.
    fn take_queues(&mut self, read: i32, write: i32) -> Option<(usize, usize)> {
        let count = usize::try_from(read.max(write)).ok()?;
        let mut first = 0usize;
        for (at, queue) in self.queues.iter().enumerate() {
            if at.saturating_sub(first) == count {
                break;
            }
            if queue.taken {
                first = at.saturating_add(1);
            }
        }
        let queues = self.queues.get_mut(first..first.checked_add(count)?)?;
        queues.fill(Queue { taken: true, ..Queue::EMPTY });
        Some((first, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::EMPTY_CHUNK;
    use std::format;
    use std::vec::Vec;

    fn new(name: &str, queues: i32) -> NewTopic<'_> {
        NewTopic { name, read_queue_nums: queues, write_queue_nums: queues, perm: 6, sys_flag: 0 }
    }

    #[test]
    fn topics_are_found_by_name_until_the_table_is_full() {
        let mut slots = [const { Slot::EMPTY }; 50];
        let (mut index, mut queues) = ([0u16; 100], [Queue::EMPTY; 200]);
        let mut chunks = [EMPTY_CHUNK; 8];
        let mut table = TopicTable::new(&mut slots, &mut index, &mut queues, &mut chunks, 1);
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
        let mut chunks = [EMPTY_CHUNK; 8];
        let mut table = TopicTable::new(&mut slots, &mut index, &mut queues, &mut chunks, 1);
        let a = table.create(NewTopic { write_queue_nums: 1, ..new("a", 3) }).unwrap();
        let b = table.create(new("b", 2)).unwrap();
        assert!(table.create(new("c", 1)).is_none(), "no queue is left");
        assert!(table.create(new("d", -1)).is_some());
        for n in 0..9 {
            table.push(a, 2, entry(n));
        }
        assert_eq!(table.queue(b, 0).map(Queue::max_offset), Some(0));
        assert_eq!((table.queue(a, 3), table.queue(a, -1)), (None, None));
        table.forget("a", 2, 4, 40);
        assert_eq!(table.queue(a, 2).map(Queue::min_offset), Some(5));
        // Of a topic of that name that is no more, or of nobody.
        for (offset, physical) in [(6, 70), (2, 20), (9, 90)] {
            table.forget("a", 2, offset, physical);
        }
        assert_eq!(table.queue(a, 2).map(Queue::min_offset), Some(5));
        assert_eq!(table.entries_from(a, 2, 5).map(|(at, _)| at).collect::<Vec<_>>(), [5, 6, 7, 8]);
        assert_eq!(table.entries_from(a, 2, 4).count(), 0);
        assert_eq!(table.entries_from(a, 2, 9).count(), 0);
    }

    #[test]
    fn a_topic_may_grow_and_go_and_leaves_its_place() {
        let mut slots = [const { Slot::EMPTY }; 4];
        let (mut index, mut queues) = ([0u16; 8], [Queue::EMPTY; 8]);
        let mut chunks = [EMPTY_CHUNK; 2];
        let mut table = TopicTable::new(&mut slots, &mut index, &mut queues, &mut chunks, 1);
        let a = table.create(new("a", 2)).unwrap();
        let b = table.create(new("b", 2)).unwrap();
        for n in 0..20 {
            table.push(a, 1, entry(n));
        }
        assert!(!table.has_room(b, 0, 1));
        assert!(!table.update(a, new("a", 5)), "four queues are left");
        assert!(table.update(a, new("a", 4)));
        assert_eq!(table.entry(a, 1, 17), Some(entry(17)));
        assert!(table.update(a, new("a", 1)), "fewer queues always have room");
        assert_eq!(table.entry(a, 1, 17), Some(entry(17)), "what is stored stays");
        assert!(table.create(new("c", 3)).is_none(), "two are free before b, and none behind a");
        let version = table.version();
        assert!(table.remove(a).is_some());
        assert_ne!(table.version(), version);
        assert!(table.find("a").is_none() && table.remove(a).is_none());
        assert!(table.has_room(b, 0, 32));
        assert!(table.create(new("c", 4)).is_some());
    }

    #[test]
    fn a_record_that_moved_is_found_and_old_offsets_lead_nowhere() {
        let mut slots = [const { Slot::EMPTY }; 4];
        let (mut index, mut queues) = ([0u16; 8], [Queue::EMPTY; 8]);
        let mut chunks = [EMPTY_CHUNK; 12];
        let mut table = TopicTable::new(&mut slots, &mut index, &mut queues, &mut chunks, 1);
        let (a, b) = (table.create(new("a", 2)).unwrap(), table.create(new("b", 1)).unwrap());
        for n in 0..100 {
            table.push(a, 0, entry(n));
        }
        assert_eq!((table.index_chunks(a), table.free_index()), (7, (5, 12)));
        table.relocate(a, 0, 50, 500, 1_234);
        table.relocate(a, 0, 51, 500, 1_234);
        assert_eq!(table.entry(a, 0, 50).map(|entry| entry.physical_offset), Some(1_234));
        assert_eq!(table.entry(a, 0, 51), Some(entry(51)));
        for n in 0..90 {
            let at = if n == 50 { 1_234 } else { n * 10 };
            table.forget("a", 0, n, at);
        }
        // Its chunks are those of another queue now.
        for n in 0..150 {
            table.push(b, 0, entry(n));
        }
        for old in 0..90 {
            assert_eq!(table.entry(a, 0, old), None);
            table.forget("a", 0, old, old * 10);
        }
        assert_eq!((table.index_chunks(a), table.free_index()), (2, (0, 12)));
        assert_eq!(table.entries_from(b, 0, 0).count(), 150);
        // One more of it has a place in a chunk that is begun, unlike the first of another queue.
        assert!(!table.queue(b, 0).unwrap().grows_index() && table.queue(a, 1).unwrap().grows_index());
        assert!(
            table.fits_index(1, Some(a)) && table.fits_index(144, Some(a)) && !table.fits_index(145, Some(a))
        );
    }

    fn entry(n: u64) -> QueueEntry {
        QueueEntry { physical_offset: n * 10, size: 10, tags_code: 0 }
    }
}
