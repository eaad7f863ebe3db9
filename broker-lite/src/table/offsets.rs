//! How far consumer groups have come (`ConsumerOffsetManager`).

use rocketlite_core::{Slot, SlotId, Slots};

use super::NameIndex;

/// How far a group has come in one queue. A driver only makes room for it.
#[derive(Debug, Clone)]
pub struct ConsumerOffset {
    pub(crate) group: SlotId,
    pub(crate) topic: SlotId,
    pub(crate) queue_id: i32,
    /// The queue offset of the next message to consume.
    pub(crate) offset: i64,
    /// Whether an administrator set it and no member has heard of it.
    pub(crate) is_reset: bool,
    /// What went before this offset unconsumed was told.
    told: i64,
}

/// All offsets, found by group, topic and queue.
#[derive(Debug)]
pub(crate) struct OffsetTable<'m> {
    offsets: Slots<'m, ConsumerOffset>,
    index: NameIndex<'m>,
}

impl<'m> OffsetTable<'m> {
    pub(crate) fn new(offsets: &'m mut [Slot<ConsumerOffset>], index: &'m mut [u16], seed: u64) -> Self {
        let offsets = Slots::new(offsets);
        Self { index: NameIndex::new(index, offsets.capacity(), seed), offsets }
    }

    pub(crate) fn get(&self, group: SlotId, topic: SlotId, queue_id: i32) -> Option<i64> {
        self.offsets.get(self.find(group, topic, queue_id)?).map(|entry| entry.offset)
    }

    /// Sets an offset, also to a lower one; but not one that was reset, which members have to hear of first. Returns
    /// whether there was room.
    pub(crate) fn set(&mut self, group: SlotId, topic: SlotId, queue_id: i32, offset: i64) -> bool {
        self.is_reset(group, topic, queue_id) || self.put(group, topic, queue_id, offset, false)
    }

    /// Sets an offset as an administrator does (`ConsumerOffsetManager#assignResetOffset`). Returns whether there was
    /// room.
    pub(crate) fn reset(&mut self, group: SlotId, topic: SlotId, queue_id: i32, offset: i64) -> bool {
        self.put(group, topic, queue_id, offset, true)
    }

    /// Whether an offset was reset and no member has heard of it.
    pub(crate) fn is_reset(&self, group: SlotId, topic: SlotId, queue_id: i32) -> bool {
        let entry = self.find(group, topic, queue_id).and_then(|id| self.offsets.get(id));
        entry.is_some_and(|entry| entry.is_reset)
    }

    /// The offset that was reset, which a member hears of now (`ConsumerOffsetManager#queryThenEraseResetOffset`).
    pub(crate) fn take_reset(&mut self, group: SlotId, topic: SlotId, queue_id: i32) -> Option<i64> {
        let entry = self.find(group, topic, queue_id).and_then(|id| self.offsets.get_mut(id))?;
        core::mem::take(&mut entry.is_reset).then_some(entry.offset)
    }

    /// All offsets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ConsumerOffset> {
        self.offsets.iter().map(|(_, entry)| entry)
    }

    /// The places where offsets may be.
    pub(crate) fn places(&self) -> core::ops::Range<u16> {
        0..u16::try_from(self.offsets.capacity()).unwrap_or(u16::MAX)
    }

    /// The offset in a place.
    pub(crate) fn at(&self, place: u16) -> Option<&ConsumerOffset> {
        self.offsets.get(self.offsets.id_at(place)?)
    }

    /// How many messages before `min_offset` a group has not consumed, which was not told before.
    pub(crate) fn take_lost(&mut self, group: SlotId, topic: SlotId, queue_id: i32, min_offset: i64) -> u64 {
        let entry = self.find(group, topic, queue_id).and_then(|id| self.offsets.get_mut(id));
        entry.map_or(0, |entry| {
            let lost = min_offset.saturating_sub(entry.offset.max(entry.told));
            entry.told = entry.told.max(min_offset);
            u64::try_from(lost).unwrap_or(0)
        })
    }

    /// Sets back what is further than `most` of a topic and queue.
    pub(crate) fn clamp(&mut self, most: impl Fn(SlotId, i32) -> i64) {
        for (_, entry) in self.offsets.iter_mut() {
            entry.offset = entry.offset.min(most(entry.topic, entry.queue_id));
        }
    }

    pub(crate) fn put(
        &mut self,
        group: SlotId,
        topic: SlotId,
        queue_id: i32,
        offset: i64,
        is_reset: bool,
    ) -> bool {
        if let Some(entry) = self.find(group, topic, queue_id).and_then(|id| self.offsets.get_mut(id)) {
            (entry.offset, entry.is_reset) = (offset, is_reset);
            return true;
        }
        let entry = ConsumerOffset { group, topic, queue_id, offset, is_reset, told: 0 };
        let Some(id) = self.offsets.insert(entry) else { return false };
        self.index.insert(queue_hash(&self.index, group, topic, queue_id), id.index());
        true
    }

    /// Forgets the offsets that `gone` names.
    pub(crate) fn forget(&mut self, gone: impl Fn(&ConsumerOffset) -> bool) {
        for place in 0..u16::try_from(self.offsets.capacity()).unwrap_or(u16::MAX) {
            let Some(id) = self.offsets.id_at(place) else { continue };
            if let Some(entry) = self.offsets.get(id).filter(|entry| gone(entry)) {
                let hash = queue_hash(&self.index, entry.group, entry.topic, entry.queue_id);
                self.index.remove(hash, place);
                self.offsets.remove(id);
            }
        }
    }

    fn find(&self, group: SlotId, topic: SlotId, queue_id: i32) -> Option<SlotId> {
        let same = |id: &SlotId| {
            self.offsets.get(*id).is_some_and(|entry| {
                entry.group == group && entry.topic == topic && entry.queue_id == queue_id
            })
        };
        let hash = queue_hash(&self.index, group, topic, queue_id);
        self.index.places(hash).filter_map(|at| self.offsets.id_at(at)).find(same)
    }
}

/// The hash of a queue of a topic as a group has it.
pub(super) fn queue_hash(index: &NameIndex<'_>, group: SlotId, topic: SlotId, queue_id: i32) -> u32 {
    let place = |id: SlotId| u32::from(id.index()).to_le_bytes();
    index.hash_bytes([place(group), place(topic), queue_id.to_le_bytes()].as_flattened())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    const G: SlotId = SlotId::new(1, 0);
    const H: SlotId = SlotId::new(2, 0);
    const T: SlotId = SlotId::new(3, 0);

    #[test]
    fn offsets_are_kept_until_group_or_topic_go() {
        let mut slots = vec![Slot::EMPTY; 3];
        let mut index = [0u16; 6];
        let mut table = OffsetTable::new(&mut slots, &mut index, 1);
        assert_eq!(table.get(G, T, 0), None);
        assert!(table.set(G, T, 0, 7) && table.set(G, T, 1, 8) && table.set(H, T, 0, 9));
        assert!(!table.set(H, T, 1, 1), "there is no room");
        assert!(table.set(G, T, 0, 3), "an offset may go back");
        assert_eq!((table.get(G, T, 0), table.get(G, T, 1), table.get(H, T, 0)), (Some(3), Some(8), Some(9)));
        table.forget(|entry| entry.group == G);
        assert_eq!((table.get(G, T, 0), table.get(H, T, 0)), (None, Some(9)));
        assert!(table.set(H, T, 1, 1));
        // The place of the group was given to another one.
        assert_eq!(table.get(SlotId::new(2, 1), T, 0), None);
    }
}
