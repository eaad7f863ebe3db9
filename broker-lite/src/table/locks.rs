//! Queues that one member of a group has for itself, to consume in order (`RebalanceLockManager`).

use core::time::Duration;

use rocketlite_core::{Instant, Slot, SlotId, Slots};

use super::offsets::queue_hash;
use super::{ClientId, NameIndex};

/// A queue that one client consumes alone. A driver only makes room for it.
#[derive(Debug, Clone)]
pub struct QueueLock {
    group: SlotId,
    topic: SlotId,
    queue_id: i32,
    owner: ClientId,
    renewed: Instant,
}

/// All locks, found by group, topic and queue. A closed connection frees none: its client may come back.
#[derive(Debug)]
pub(crate) struct LockTable<'m> {
    locks: Slots<'m, QueueLock>,
    index: NameIndex<'m>,
}

impl<'m> LockTable<'m> {
    pub(crate) fn new(locks: &'m mut [Slot<QueueLock>], index: &'m mut [u16], seed: u64) -> Self {
        let locks = Slots::new(locks);
        Self { index: NameIndex::new(index, locks.capacity(), seed), locks }
    }

    /// Gives a queue to `owner` if nobody else has had it renewed within `timeout`. Returns whether it has the queue
    /// now, or `None` if there is no room for a lock.
    pub(crate) fn lock(
        &mut self,
        now: Instant,
        timeout: Duration,
        queue: (SlotId, SlotId, i32),
        owner: &ClientId,
    ) -> Option<bool> {
        if let Some(lock) = self.find(queue).and_then(|id| self.locks.get_mut(id)) {
            let free = now > lock.renewed.after(timeout);
            if lock.owner != *owner && !free {
                return Some(false);
            }
            lock.owner.clone_from(owner);
            lock.renewed = now;
            return Some(true);
        }
        if self.locks.is_full() {
            self.forget(|lock| now > lock.renewed.after(timeout));
        }
        let (group, topic, queue_id) = queue;
        let owner = owner.clone();
        let id = self.locks.insert(QueueLock { group, topic, queue_id, owner, renewed: now })?;
        self.index.insert(queue_hash(&self.index, group, topic, queue_id), id.index());
        Some(true)
    }

    /// Frees a queue if `owner` has it.
    pub(crate) fn unlock(&mut self, queue: (SlotId, SlotId, i32), owner: &str) {
        let Some(id) = self.find(queue) else { return };
        if self.locks.get(id).is_some_and(|lock| lock.owner == owner) {
            self.remove(id);
        }
    }

    /// Whether `owner` has the queue.
    pub(crate) fn is_owner(&self, queue: (SlotId, SlotId, i32), owner: &str) -> bool {
        self.find(queue).and_then(|id| self.locks.get(id)).is_some_and(|lock| lock.owner == owner)
    }

    /// Whether any member of the group has a queue that it renewed within `timeout`.
    pub(crate) fn any_of(&self, now: Instant, timeout: Duration, group: SlotId) -> bool {
        self.locks.iter().any(|(_, lock)| lock.group == group && now <= lock.renewed.after(timeout))
    }

    /// Forgets the locks of a group or topic that is no more.
    pub(crate) fn forget_of(&mut self, group: Option<SlotId>, topic: Option<SlotId>) {
        self.forget(|lock| group == Some(lock.group) || topic == Some(lock.topic));
    }

    fn forget(&mut self, gone: impl Fn(&QueueLock) -> bool) {
        for place in 0..u16::try_from(self.locks.capacity()).unwrap_or(u16::MAX) {
            if let Some(id) = self.locks.id_at(place)
                && self.locks.get(id).is_some_and(&gone)
            {
                self.remove(id);
            }
        }
    }

    fn remove(&mut self, id: SlotId) {
        if let Some(lock) = self.locks.remove(id) {
            let hash = queue_hash(&self.index, lock.group, lock.topic, lock.queue_id);
            self.index.remove(hash, id.index());
        }
    }

    fn find(&self, (group, topic, queue_id): (SlotId, SlotId, i32)) -> Option<SlotId> {
        let same = |id: &SlotId| {
            self.locks
                .get(*id)
                .is_some_and(|lock| lock.group == group && lock.topic == topic && lock.queue_id == queue_id)
        };
        let hash = queue_hash(&self.index, group, topic, queue_id);
        self.index.places(hash).filter_map(|at| self.locks.id_at(at)).find(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn a_queue_belongs_to_one_client_until_it_lets_go_or_falls_silent() {
        let mut slots = vec![Slot::EMPTY; 2];
        let mut index = [0u16; 4];
        let mut table = LockTable::new(&mut slots, &mut index, 1);
        let minute = Duration::from_mins(1);
        let at = |seconds: u64| Instant::from_millis(seconds * 1_000);
        let (x, y) = (ClientId::try_from("x").unwrap(), ClientId::try_from("y").unwrap());
        let queue = |n| (SlotId::new(1, 0), SlotId::new(2, 0), n);
        assert_eq!(table.lock(at(0), minute, queue(0), &x), Some(true));
        assert_eq!(table.lock(at(30), minute, queue(0), &x), Some(true), "renewed");
        assert_eq!(table.lock(at(90), minute, queue(0), &y), Some(false));
        assert!(table.any_of(at(90), minute, SlotId::new(1, 0)));
        assert!(!table.any_of(at(91), minute, SlotId::new(1, 0)));
        assert_eq!(table.lock(at(91), minute, queue(0), &y), Some(true), "not renewed for a minute");
        assert!(table.is_owner(queue(0), "y") && !table.is_owner(queue(0), "x"));
        table.unlock(queue(0), "x");
        assert_eq!(table.lock(at(91), minute, queue(0), &x), Some(false), "only its owner may free it");
        table.unlock(queue(0), "y");
        assert_eq!(table.lock(at(91), minute, queue(0), &x), Some(true));
        assert_eq!(table.lock(at(91), minute, queue(1), &x), Some(true));
        assert_eq!(table.lock(at(92), minute, queue(2), &x), None, "there is no room");
        assert_eq!(table.lock(at(152), minute, queue(2), &x), Some(true), "those nobody renewed gave way");
        table.forget_of(Some(SlotId::new(1, 0)), None);
        assert!(!table.is_owner(queue(2), "x"));
    }
}
