//! Pulls that wait for a message (`PullRequestHoldService`).

use rocketlite_core::wire::fields::SerializeType;
use rocketlite_core::{ConnectionId, Instant, Slot, SlotId, Slots};

use super::NameIndex;
use crate::filter::TagFilter;

/// A pull that waits until there is a message or its time is over. A driver only makes room for it.
#[derive(Debug, Clone)]
pub struct HeldPull {
    pub(crate) connection: ConnectionId,
    pub(crate) serialize_type: SerializeType,
    pub(crate) opaque: i32,
    pub(crate) pull: Pull,
    pub(crate) until: Instant,
}

/// What a pull asks for.
#[derive(Debug, Clone)]
pub(crate) struct Pull {
    pub(crate) topic: SlotId,
    pub(crate) queue_id: i32,
    /// The first queue offset wanted.
    pub(crate) offset: i64,
    /// How many messages at most.
    pub(crate) max_messages: i32,
    pub(crate) filter: TagFilter,
}

/// All pulls that wait, found by their queue and by their connection.
#[derive(Debug)]
pub(crate) struct HeldPullTable<'m> {
    held: Slots<'m, HeldPull>,
    by_queue: NameIndex<'m>,
    by_connection: NameIndex<'m>,
}

impl<'m> HeldPullTable<'m> {
    /// How many words the index of so many pulls needs.
    pub(crate) const fn least_index(held: usize) -> usize {
        NameIndex::least_memory(held).saturating_mul(2)
    }

    pub(crate) fn new(held: &'m mut [Slot<HeldPull>], index: &'m mut [u16]) -> Self {
        let held = Slots::new(held);
        let half = index.len() / 2;
        let (queues, connections) = index.split_at_mut(half);
        // Their keys are places of tables, which nobody outside chooses.
        let by_queue = NameIndex::new(queues, held.capacity(), 0);
        let by_connection = NameIndex::new(connections, held.capacity(), 0);
        Self { held, by_queue, by_connection }
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.held.is_full()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(crate) fn get(&self, id: SlotId) -> Option<&HeldPull> {
        self.held.get(id)
    }

    /// Lets a pull wait. Returns whether there was room.
    pub(crate) fn insert(&mut self, held: HeldPull) -> bool {
        let (queue, connection) = (queue_key(&held), held.connection.index());
        let Some(id) = self.held.insert(held) else { return false };
        self.by_queue.insert(queue, id.index());
        self.by_connection.insert(connection.into(), id.index());
        true
    }

    pub(crate) fn remove(&mut self, id: SlotId) -> Option<HeldPull> {
        let held = self.held.remove(id)?;
        self.by_queue.remove(queue_key(&held), id.index());
        self.by_connection.remove(held.connection.index().into(), id.index());
        Some(held)
    }

    /// One pull of that queue that `wanted` picks.
    pub(crate) fn find_of_queue(
        &self,
        topic: SlotId,
        queue_id: i32,
        wanted: impl Fn(&HeldPull) -> bool,
    ) -> Option<SlotId> {
        let of = |id: &SlotId| {
            self.held.get(*id).is_some_and(|held| {
                held.pull.topic == topic && held.pull.queue_id == queue_id && wanted(held)
            })
        };
        let places = self.by_queue.places(key(topic, queue_id));
        { places }.find_map(|at| self.held.id_at(at).filter(of))
    }

    /// What a pull waits for lies further on: there was nothing for it up to there.
    pub(crate) fn move_on(&mut self, id: SlotId, offset: i64) {
        if let Some(held) = self.held.get_mut(id) {
            held.pull.offset = offset;
        }
    }

    /// Forgets the pulls of a connection that is no more.
    pub(crate) fn forget_connection(&mut self, connection: ConnectionId) {
        while let Some(id) = self.find_of_connection(connection) {
            self.remove(id);
        }
    }

    fn find_of_connection(&self, connection: ConnectionId) -> Option<SlotId> {
        let of = |id: &SlotId| self.held.get(*id).is_some_and(|held| held.connection == connection);
        let places = self.by_connection.places(connection.index().into());
        { places }.find_map(|at| self.held.id_at(at).filter(of))
    }

    /// The pulls in all places of the table.
    pub(crate) fn places(&self) -> core::ops::Range<u16> {
        0..u16::try_from(self.held.capacity()).unwrap_or(u16::MAX)
    }

    pub(crate) fn id_at(&self, place: u16) -> Option<SlotId> {
        self.held.id_at(place)
    }
}

fn queue_key(held: &HeldPull) -> u32 {
    key(held.pull.topic, held.pull.queue_id)
}

fn key(topic: SlotId, queue_id: i32) -> u32 {
    // Neighbouring queues in different chains.
    u32::from(topic.index()).wrapping_mul(31).wrapping_add(queue_id.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn pulls_are_found_by_queue_and_go_with_their_connection() {
        let mut slots = vec![Slot::EMPTY; 3];
        let mut index = [0u16; 12];
        let mut table = HeldPullTable::new(&mut slots, &mut index);
        let (a, b) = (ConnectionId::new(0, 0), ConnectionId::new(1, 0));
        let topic = SlotId::new(4, 0);
        let held = |connection, queue_id, offset| HeldPull {
            connection,
            serialize_type: SerializeType::Json,
            opaque: 0,
            pull: Pull { topic, queue_id, offset, max_messages: 32, filter: TagFilter::All },
            until: Instant::ZERO,
        };
        assert!(table.insert(held(a, 0, 1)) && table.insert(held(b, 0, 2)) && table.insert(held(a, 1, 3)));
        assert!(table.is_full() && !table.insert(held(b, 1, 4)));
        let second = table.find_of_queue(topic, 0, |held| held.pull.offset == 2).unwrap();
        assert_eq!(table.get(second).map(|held| held.connection), Some(b));
        assert_eq!(table.find_of_queue(topic, 2, |_| true), None);
        table.forget_connection(a);
        assert_eq!(table.find_of_queue(topic, 1, |_| true), None);
        assert!(table.remove(second).is_some() && table.remove(second).is_none());
        assert!(table.is_empty());
    }
}
