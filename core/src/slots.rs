//! Tables of fixed size whose entries are named by place and generation, so that a stale name finds nothing.

/// The name of an entry of [`Slots`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SlotId {
    index: u16,
    generation: u16,
}

impl SlotId {
    /// The entry in place `index`, the `generation`-th to be there.
    pub const fn new(index: u16, generation: u16) -> Self {
        Self { index, generation }
    }

    /// The place.
    pub const fn index(self) -> u16 {
        self.index
    }

    /// Which use of the place this is.
    pub const fn generation(self) -> u16 {
        self.generation
    }
}

/// A place of [`Slots`].
#[derive(Debug, Clone)]
pub struct Slot<T>(Place<T>);

/// Free places are all zero, so that a `static` table costs no flash: the tag is a byte of its own, where that of
/// an `Option` may be any number that the entry leaves over.
#[derive(Debug, Clone)]
#[repr(u8)]
enum Place<T> {
    Free {
        /// Counted up with every entry that leaves.
        generation: u16,
        /// The next free place, or its own if it is the last one.
        next_free: u16,
    },
    Taken {
        generation: u16,
        entry: T,
    },
}

impl<T> Slot<T> {
    /// A free place.
    pub const EMPTY: Self = Self(Place::Free { generation: 0, next_free: 0 });

    const fn generation(&self) -> u16 {
        match self.0 {
            Place::Free { generation, .. } | Place::Taken { generation, .. } => generation,
        }
    }

    const fn entry(&self) -> Option<&T> {
        match &self.0 {
            Place::Taken { entry, .. } => Some(entry),
            Place::Free { .. } => None,
        }
    }

    const fn entry_mut(&mut self) -> Option<&mut T> {
        match &mut self.0 {
            Place::Taken { entry, .. } => Some(entry),
            Place::Free { .. } => None,
        }
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// A table over places the caller named. Taking and giving back a place cost the same however full it is.
#[derive(Debug)]
pub struct Slots<'m, T> {
    slots: &'m mut [Slot<T>],
    first_free: Option<u16>,
    len: usize,
}

impl<'m, T> Slots<'m, T> {
    /// Most places a table can have; further ones are not used.
    pub const MAX_CAPACITY: usize = 65_535;

    /// An empty table.
    pub fn new(slots: &'m mut [Slot<T>]) -> Self {
        let len = slots.len().min(Self::MAX_CAPACITY);
        let slots = slots.get_mut(..len).unwrap_or_default();
        let last = u16::try_from(len.saturating_sub(1)).unwrap_or(u16::MAX);
        for (slot, place) in slots.iter_mut().zip(0u16..) {
            let next_free = place.saturating_add(1).min(last);
            slot.0 = Place::Free { generation: slot.generation(), next_free };
        }
        Self { first_free: (len > 0).then_some(0), slots, len: 0 }
    }

    /// How many entries there can be.
    pub const fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many entries there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there is no room.
    pub const fn is_full(&self) -> bool {
        self.first_free.is_none()
    }

    /// Adds an entry; `None` if the table is full.
    pub fn insert(&mut self, entry: T) -> Option<SlotId> {
        let index = self.first_free?;
        let slot = self.slots.get_mut(usize::from(index))?;
        let Place::Free { generation, next_free } = slot.0 else { return None };
        self.first_free = (next_free != index).then_some(next_free);
        self.len = self.len.saturating_add(1);
        slot.0 = Place::Taken { generation, entry };
        Some(SlotId { index, generation })
    }

    /// Takes an entry out.
    pub fn remove(&mut self, id: SlotId) -> Option<T> {
        let slot =
            self.slots.get_mut(usize::from(id.index)).filter(|slot| slot.generation() == id.generation)?;
        slot.entry()?;
        let free = Place::Free {
            generation: id.generation.wrapping_add(1),
            next_free: self.first_free.unwrap_or(id.index),
        };
        let Place::Taken { entry, .. } = core::mem::replace(&mut slot.0, free) else { return None };
        self.first_free = Some(id.index);
        self.len = self.len.saturating_sub(1);
        Some(entry)
    }

    /// The entry of that name, if it is still there.
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn get(&self, id: SlotId) -> Option<&T> {
        let slot = self.slots.get(usize::from(id.index)).filter(|slot| slot.generation() == id.generation)?;
        slot.entry()
    }

    /// The entry of that name, if it is still there.
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn get_mut(&mut self, id: SlotId) -> Option<&mut T> {
        let slot =
            self.slots.get_mut(usize::from(id.index)).filter(|slot| slot.generation() == id.generation)?;
        slot.entry_mut()
    }

    /// The name of the entry in place `index`, if there is one.
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn id_at(&self, index: u16) -> Option<SlotId> {
        let slot = self.slots.get(usize::from(index)).filter(|slot| slot.entry().is_some())?;
        Some(SlotId { index, generation: slot.generation() })
    }

    /// All entries by place.
    pub fn iter(&self) -> impl Iterator<Item = (SlotId, &T)> {
        self.slots.iter().zip(0u16..).filter_map(|(slot, index)| {
            Some((SlotId { index, generation: slot.generation() }, slot.entry()?))
        })
    }

    /// All entries by place.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (SlotId, &mut T)> {
        self.slots.iter_mut().zip(0u16..).filter_map(|(slot, index)| {
            let id = SlotId { index, generation: slot.generation() };
            Some((id, slot.entry_mut()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_names_find_nothing() {
        let mut memory = [Slot::EMPTY, Slot::EMPTY];
        let mut slots = Slots::new(&mut memory);
        let first = slots.insert('a').unwrap();
        let second = slots.insert('b').unwrap();
        assert_eq!((slots.insert('c'), slots.is_full()), (None, true));
        assert_eq!(slots.remove(first), Some('a'));
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        let third = slots.insert('c').unwrap();
        assert_eq!((third.index(), third == first), (first.index(), false));
        assert_eq!(slots.iter().map(|(_, entry)| *entry).collect::<std::vec::Vec<_>>(), ['c', 'b']);
        assert_eq!(slots.remove(second), Some('b'));
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn a_table_may_have_every_place_that_has_a_number() {
        let mut memory = std::vec![Slot::EMPTY; Slots::<u8>::MAX_CAPACITY + 1];
        let mut slots = Slots::new(&mut memory);
        while slots.insert(0).is_some() {}
        assert_eq!((slots.len(), slots.iter().count(), slots.iter_mut().count()), (65_535, 65_535, 65_535));
    }

    #[test]
    fn every_place_comes_back() {
        let mut memory = [const { Slot::<u32>::EMPTY }; 5];
        let mut slots = Slots::new(&mut memory);
        for round in 0..100 {
            let ids = [0, 1, 2, 3, 4].map(|n| slots.insert(round + n).unwrap());
            assert!(slots.insert(0).is_none());
            for id in ids.iter().rev() {
                assert!(slots.remove(*id).is_some());
            }
        }
        assert!(slots.is_empty());
        assert!(Slots::<u8>::new(&mut []).insert(1).is_none());
    }
}
