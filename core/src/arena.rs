//! Variable-sized pieces of one slice the caller named: message bodies and frames that arrive in parts.

use core::cell::Cell;

/// A piece of an [`Arena`], to be given back with [`Arena::free`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Extent {
    start: usize,
    len: usize,
}

impl Extent {
    /// The piece without bytes, which belongs to every arena.
    pub const EMPTY: Self = Self { start: 0, len: 0 };

    /// Length in bytes.
    pub const fn len(self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    const fn end(self) -> usize {
        self.start.saturating_add(self.len)
    }
}

/// Contiguous allocation over caller memory, next fit: what is used and given back in order, as sends
/// are, is found at the first look.
#[derive(Debug)]
pub struct Arena<'m> {
    bytes: &'m mut [u8],
    /// The pieces in use, by start, in the first `count` places.
    pieces: &'m mut [Extent],
    count: usize,
    /// The place in `used` after the newest piece: the gap to look at first.
    next: usize,
}

impl<'m> Arena<'m> {
    /// An empty arena over `bytes` with as many pieces at a time as `pieces` has places.
    pub const fn new(bytes: &'m mut [u8], pieces: &'m mut [Extent]) -> Self {
        Self { bytes, pieces, count: 0, next: 0 }
    }

    /// All bytes, used or not: the largest piece there can be.
    pub const fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes in use.
    pub fn in_use(&self) -> usize {
        self.used().iter().fold(0, |sum, extent| sum.saturating_add(extent.len))
    }

    fn used(&self) -> &[Extent] {
        self.pieces.get(..self.count).unwrap_or_default()
    }

    /// A piece of `len` bytes of any content, if there is a gap for it and room in the list.
    pub fn alloc(&mut self, len: usize) -> Option<Extent> {
        if len == 0 {
            return Some(Extent::EMPTY);
        }
        let gaps = self.count.saturating_add(1);
        for step in 0..gaps {
            let at = self.next.saturating_add(step).checked_rem(gaps)?;
            let start = at.checked_sub(1).and_then(|before| self.used().get(before)).map_or(0, |e| e.end());
            let end = self.used().get(at).map_or(self.bytes.len(), |e| e.start);
            if end.saturating_sub(start) >= len {
                let extent = Extent { start, len };
                self.insert(at, extent)?;
                self.next = at.saturating_add(1);
                return Some(extent);
            }
        }
        None
    }

    /// Gives a piece back. A piece that is not in use is left alone.
    pub fn free(&mut self, extent: Extent) {
        if let Ok(at) = self.used().binary_search_by_key(&extent.start, |e| e.start)
            && self.used().get(at) == Some(&extent)
            && let Some(tail) = self.pieces.get_mut(at..self.count)
        {
            for pair in Cell::from_mut(tail).as_slice_of_cells().windows(2) {
                if let [place, next] = pair {
                    place.set(next.get());
                }
            }
            self.count = self.count.saturating_sub(1);
            if self.next > at {
                self.next = self.next.saturating_sub(1);
            }
        }
    }

    /// Gives the end of a piece back: what remains are its first `len` bytes. A piece that is not in use is left alone.
    #[must_use]
    pub fn cut(&mut self, extent: Extent, len: usize) -> Extent {
        let cut = Extent { len: len.min(extent.len), ..extent };
        if cut.is_empty() {
            self.free(extent);
            return Extent::EMPTY;
        }
        match self.pieces.get_mut(..self.count).unwrap_or_default().iter_mut().find(|e| **e == extent) {
            Some(place) => {
                *place = cut;
                cut
            }
            None => extent,
        }
    }

    /// Puts `extent` in place `at` of the list, if the list has room.
    fn insert(&mut self, at: usize, extent: Extent) -> Option<()> {
        let tail = self.pieces.get_mut(at..self.count.saturating_add(1))?;
        for pair in Cell::from_mut(&mut *tail).as_slice_of_cells().windows(2).rev() {
            if let [before, place] = pair {
                place.set(before.get());
            }
        }
        *tail.first_mut()? = extent;
        self.count = self.count.saturating_add(1);
        Some(())
    }

    /// The piece's bytes.
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn get(&self, extent: Extent) -> &[u8] {
        self.bytes.get(extent.start..extent.end()).unwrap_or_default()
    }

    /// The piece's bytes, to fill.
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn get_mut(&mut self, extent: Extent) -> &mut [u8] {
        self.bytes.get_mut(extent.start..extent.end()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use std::vec::Vec;

    #[test]
    fn pieces_never_overlap_and_come_back() {
        let mut memory = [0u8; 256];
        let mut pieces = [Extent::EMPTY; 16];
        let mut arena = Arena::new(&mut memory, &mut pieces);
        let mut rng = Rng::new(3);
        let mut held: Vec<(Extent, u8)> = Vec::new();
        let mut refused = 0;
        for round in 0..10_000u32 {
            let mark = round.to_le_bytes()[0];
            if rng.below(2) == 0 || held.is_empty() {
                match arena.alloc(1 + rng.below(60) as usize) {
                    Some(extent) => {
                        arena.get_mut(extent).fill(mark);
                        held.push((extent, mark));
                    }
                    None => refused += 1,
                }
            } else {
                let (extent, mark) = held.swap_remove(rng.below(u32::try_from(held.len()).unwrap()) as usize);
                assert!(arena.get(extent).iter().all(|&b| b == mark));
                arena.free(extent);
            }
        }
        assert!(refused > 0, "the test never filled the arena");
        for (extent, _) in held {
            arena.free(extent);
        }
        assert_eq!(arena.in_use(), 0);
        assert_eq!(arena.alloc(256).map(Extent::len), Some(256));
        assert_eq!(arena.alloc(1), None);
    }

    #[test]
    fn a_piece_can_be_cut() {
        let mut memory = [7u8; 16];
        let mut pieces = [Extent::EMPTY; 4];
        let mut arena = Arena::new(&mut memory, &mut pieces);
        let whole = arena.alloc(16).unwrap();
        let front = arena.cut(whole, 6);
        assert_eq!((front.len(), arena.in_use()), (6, 6));
        assert_eq!(arena.cut(front, 9), front);
        assert_eq!(arena.cut(whole, 3), whole);
        let rest = arena.alloc(10).unwrap();
        assert_eq!(arena.get(front).len() + arena.get(rest).len(), 16);
        assert_eq!(arena.cut(front, 0), Extent::EMPTY);
        arena.free(rest);
        assert_eq!(arena.in_use(), 0);
    }

    #[test]
    fn the_list_of_pieces_is_a_limit_too() {
        let mut memory = [0u8; 256];
        let mut pieces = [Extent::EMPTY; 2];
        let mut arena = Arena::new(&mut memory, &mut pieces);
        let first = arena.alloc(1).unwrap();
        assert!(arena.alloc(1).is_some());
        assert_eq!(arena.alloc(1), None);
        arena.free(first);
        arena.free(first);
        assert!(arena.alloc(1).is_some());
        assert_eq!(arena.alloc(0), Some(Extent::EMPTY));
    }
}
