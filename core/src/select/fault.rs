//! What is known of each broker's faults: `LatencyFaultToleranceImpl`, in memory of fixed size.

use core::time::Duration;

use crate::{Instant, SlotId};

/// What an attempt's outcome says about its broker, beside how long it took (`MQFaultStrategy#updateFaultItem`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_structs, reason = "the two arguments of the reference")]
pub struct FaultUpdate {
    /// The broker is to be avoided for a fixed time, whatever the latency was.
    pub isolation: bool,
    /// The broker could be reached. The 4.x line takes no notice.
    pub reachable: bool,
}

/// What is known of a broker (`FaultItem`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct FaultItem {
    /// Whom it is about.
    pub broker: SlotId,
    /// How long the last attempt took.
    pub latency: Duration,
    /// From when on the broker is available (`startTimestamp`).
    pub available_at: Instant,
    /// Whether the broker could be reached.
    pub reachable: bool,
    /// When it was tried last, by an attempt or a probe.
    pub tried_at: Instant,
}

impl FaultItem {
    /// Whether the broker is not, or not any more, isolated.
    pub fn is_available(&self, now: Instant) -> bool {
        now >= self.available_at
    }

    /// The order in which isolated brokers are preferred (`FaultItem#compareTo`). Java leaves the order of equals to a
    /// hash table; here it is that of the places.
    fn rank(&self, now: Instant) -> (bool, Duration, Instant, SlotId) {
        (!self.is_available(now), self.latency, self.available_at, self.broker)
    }
}

/// A broker's place in the memory for faults.
#[derive(Debug, Clone, Copy)]
pub struct FaultPlace(Place);

/// Empty places are all zero, so that a `static` table costs no flash.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Place {
    Empty,
    Known(FaultItem),
}

impl FaultPlace {
    /// Nothing is known of the broker.
    pub const EMPTY: Self = Self(Place::Empty);

    const fn item(&self) -> Option<&FaultItem> {
        match &self.0 {
            Place::Known(item) => Some(item),
            Place::Empty => None,
        }
    }

    const fn item_mut(&mut self) -> Option<&mut FaultItem> {
        match &mut self.0 {
            Place::Known(item) => Some(item),
            Place::Empty => None,
        }
    }
}

/// At most one item for each broker, in the place that the broker has in its table. Places are reused, so an item
/// counts only for the broker it names.
#[derive(Debug)]
pub(super) struct FaultTable<'m> {
    items: &'m mut [FaultPlace],
}

impl<'m> FaultTable<'m> {
    /// An empty table.
    pub(super) fn new(items: &'m mut [FaultPlace]) -> Self {
        items.fill(FaultPlace::EMPTY);
        Self { items }
    }

    pub(super) fn get(&self, broker: SlotId) -> Option<&FaultItem> {
        let item = self.items.get(usize::from(broker.index()))?.item();
        item.filter(|item| item.broker == broker)
    }

    /// Puts an item in its broker's place. A broker beyond the memory has none.
    pub(super) fn put(&mut self, item: FaultItem) {
        if let Some(place) = self.items.get_mut(usize::from(item.broker.index())) {
            place.0 = Place::Known(item);
        }
    }

    /// Drops the items of brokers that `keep` does not want kept.
    pub(super) fn retain(&mut self, keep: impl Fn(SlotId) -> bool) {
        for place in self.items.iter_mut() {
            if place.item().is_some_and(|item| !keep(item.broker)) {
                *place = FaultPlace::EMPTY;
            }
        }
    }

    pub(super) fn get_mut(&mut self, broker: SlotId) -> Option<&mut FaultItem> {
        let item = self.items.get_mut(usize::from(broker.index()))?.item_mut();
        item.filter(|item| item.broker == broker)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &FaultItem> {
        self.items.iter().filter_map(FaultPlace::item)
    }

    /// The item with `better` better ones before it. Tables are short and this is rarely asked, so counting is cheaper than
    /// memory for a sorted copy.
    pub(super) fn nth_best(&self, now: Instant, better: usize) -> Option<&FaultItem> {
        let count = |item: &FaultItem| self.iter().filter(|other| other.rank(now) < item.rank(now)).count();
        self.iter().find(|item| count(item) == better)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn item(broker: SlotId, latency: u64, available_at: u64) -> FaultItem {
        FaultItem {
            broker,
            latency: Duration::from_millis(latency),
            available_at: Instant::from_millis(available_at),
            reachable: true,
            tried_at: Instant::ZERO,
        }
    }

    #[test]
    fn an_item_counts_only_for_its_broker() {
        let mut memory = [FaultPlace::EMPTY; 2];
        let mut table = FaultTable::new(&mut memory);
        let (old, new) = (SlotId::new(1, 0), SlotId::new(1, 1));
        table.put(item(old, 5, 0));
        assert!(table.get(old).is_some() && table.get(new).is_none());
        table.put(item(new, 6, 0));
        assert!(table.get(old).is_none() && table.get(new).is_some());
        table.put(item(SlotId::new(2, 0), 7, 0));
        assert_eq!(table.iter().count(), 1);
        table.retain(|broker| broker != new);
        assert_eq!(table.iter().count(), 0);
    }

    #[test]
    fn the_available_come_first_then_the_fast_then_the_soon() {
        let mut memory = [FaultPlace::EMPTY; 5];
        let mut table = FaultTable::new(&mut memory);
        let items = [(30, 200), (20, 300), (90, 100), (20, 250), (20, 250)];
        for (place, (latency, available_at)) in (0u16..).zip(items) {
            table.put(item(SlotId::new(place, 0), latency, available_at));
        }
        let now = Instant::from_millis(100);
        let order: Vec<u16> = (0..5).map(|n| table.nth_best(now, n).unwrap().broker.index()).collect();
        assert_eq!(order, [2, 3, 4, 1, 0]);
        assert!(table.nth_best(now, 5).is_none());
    }
}
