//! Topics and their queues, saved and restored.

use core::ops::Range;

use rocketlite_core::SlotId;

use super::topics::{Queue, Topic, TopicTable};
use crate::log::{ChunkPool, ConsumeQueue, IndexChunk, QueueEntry};

impl TopicTable<'_> {
    /// What is known of the pieces of the index beside their content.
    pub(crate) const fn pool(&self) -> ChunkPool {
        self.index.pool()
    }

    /// Hands out the pieces of the index that have to be saved.
    pub(crate) fn save_index(&mut self, crc32: fn(&[u8]) -> u32, put: &mut dyn FnMut(usize, &IndexChunk)) {
        self.index.save(crc32, put);
    }

    /// Goes on with an index that was saved. Returns whether it is whole; if not, none of it is used.
    pub(crate) fn restore_index(&mut self, pool: Option<ChunkPool>, crc32: fn(&[u8]) -> u32) -> bool {
        self.index.restore(pool, crc32)
    }

    /// The queues of a topic.
    pub(crate) fn queues_of(&self, topic: &Topic) -> &[Queue] {
        let end = topic.first_queue.saturating_add(topic.queue_count);
        self.queues.get(topic.first_queue..end).unwrap_or_default()
    }

    /// The number of a topic in the checkpoint that it was restored from.
    pub(crate) fn set_saved_place(&mut self, id: SlotId, place: u16) {
        if let Some(topic) = self.topics.get_mut(id) {
            topic.saved_place = place;
        }
    }

    /// The topic of that number. They were restored in the order of their numbers.
    pub(crate) fn find_saved(&self, place: u16) -> Option<SlotId> {
        let count = u16::try_from(self.topics.len()).unwrap_or(u16::MAX);
        let saved =
            |at: u16| Some((self.topics.id_at(at)?, self.topics.get(self.topics.id_at(at)?)?.saved_place));
        find_in_order(count, place, saved)
    }

    /// Sets what a checkpoint says of a queue.
    pub(crate) fn restore_queue(
        &mut self,
        id: SlotId,
        queue_id: i32,
        offsets: Range<i64>,
        index: ConsumeQueue,
    ) {
        let place = self.queue_place(id, queue_id);
        if let Some(queue) = place.and_then(|at| self.queues.get_mut(at)) {
            (queue.min_offset, queue.max_offset, queue.index) = (offsets.start, offsets.end, index);
        }
    }

    /// Empties all queues; the offsets of the next messages stay.
    pub(crate) fn forget_index(&mut self) {
        for queue in self.queues.iter_mut() {
            queue.index = ConsumeQueue::default();
            queue.min_offset = queue.max_offset;
        }
    }

    /// Enters a record that was found in the log.
    ///
    /// Messages that are missing before it were damaged; they keep their offsets. One that is there already stands in
    /// another place now. When the index is made anew, what stands before the first is not missing but old.
    pub(crate) fn replay(&mut self, id: SlotId, queue_id: i32, queue_offset: i64, entry: QueueEntry) {
        let Some(place) = self.queue_place(id, queue_id) else { return };
        let Some(queue) = self.queues.get_mut(place) else { return };
        if queue_offset < queue.min_offset && queue.index == ConsumeQueue::default() {
            (queue.min_offset, queue.max_offset) = (queue_offset, queue_offset);
        }
        if queue_offset < queue.max_offset {
            if queue_offset >= queue.min_offset {
                self.index.set(queue.index, queue_offset, entry);
            }
            return;
        }
        if queue.min_offset == queue.max_offset {
            self.index.clear(&mut queue.index);
            (queue.min_offset, queue.max_offset) = (queue_offset, queue_offset);
        }
        while queue.max_offset <= queue_offset {
            let missing = QueueEntry { size: 0, ..entry };
            let entry = if queue.max_offset == queue_offset { entry } else { missing };
            if !self.index.has_room(queue.index, queue.max_offset, 1) {
                return;
            }
            self.index.push(&mut queue.index, queue.max_offset, entry);
            queue.max_offset = queue.max_offset.saturating_add(1);
        }
    }

    /// Messages before `queue_offset` leave a queue.
    pub(crate) fn cut_queue_before(&mut self, id: SlotId, queue_id: i32, queue_offset: i64) {
        let Some(queue) = self.queue_place(id, queue_id).and_then(|at| self.queues.get_mut(at)) else {
            return;
        };
        queue.min_offset = queue_offset.clamp(queue.min_offset, queue.max_offset);
        if queue.min_offset == queue.max_offset {
            self.index.clear(&mut queue.index);
        } else {
            self.index.cut_before(&mut queue.index, queue.min_offset);
        }
    }

    /// Messages whose records stand before `physical_offset` leave their queues.
    pub(crate) fn cut_before(&mut self, physical_offset: u64) {
        for queue in self.queues.iter_mut() {
            let old = |queue: &Queue, index: &crate::log::ConsumeQueues<'_>| {
                queue.min_offset < queue.max_offset
                    && index
                        .get(queue.index, queue.min_offset)
                        .is_none_or(|entry| entry.physical_offset < physical_offset)
            };
            let before = queue.min_offset;
            while old(queue, &self.index) {
                queue.min_offset = queue.min_offset.saturating_add(1);
            }
            if queue.min_offset == queue.max_offset {
                self.index.clear(&mut queue.index);
            } else if queue.min_offset > before {
                self.index.cut_before(&mut queue.index, queue.min_offset);
            }
        }
    }
}

/// Finds `place` among `count` entries in the order of their places.
pub(super) fn find_in_order(
    count: u16,
    place: u16,
    entry: impl Fn(u16) -> Option<(SlotId, u16)>,
) -> Option<SlotId> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        let (id, found) = entry(middle)?;
        match found.cmp(&place) {
            core::cmp::Ordering::Equal => return Some(id),
            core::cmp::Ordering::Less => low = middle.saturating_add(1),
            core::cmp::Ordering::Greater => high = middle,
        }
    }
    None
}
