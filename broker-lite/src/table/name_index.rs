//! Finding the entries of a table by name without looking at all of them.

/// Chains of table places by the hash of their name, over one slice: a link for each place of the table, then
/// the heads of the chains.
#[derive(Debug)]
pub(crate) struct NameIndex<'m> {
    next: &'m mut [u16],
    heads: &'m mut [u16],
    seed: u32,
}

impl<'m> NameIndex<'m> {
    /// How many words of memory an index of `entries` entries has to have: a link and a head for each.
    pub(crate) const fn least_memory(entries: usize) -> usize {
        entries.saturating_mul(2)
    }

    /// An empty index for a table of `entries` places. The seed keeps peers from choosing names that all fall
    /// into one chain.
    pub(crate) fn new(memory: &'m mut [u16], entries: usize, seed: u64) -> Self {
        memory.fill(NONE);
        let split = entries.min(memory.len());
        let (next, heads) = memory.split_at_mut(split);
        let [a, b, c, d, ..] = seed.to_le_bytes();
        Self { next, heads, seed: u32::from_le_bytes([a, b, c, d]) }
    }

    /// The hash of a name made of `parts`: FNV-1a from a seed.
    pub(crate) fn hash(&self, parts: &[&str]) -> u32 {
        parts.iter().fold(self.start(), |hash, part| {
            // The byte between the parts is one that no UTF-8 has.
            fnv(part.bytes().fold(hash, fnv), 0xff)
        })
    }

    /// The hash of a key of a fixed length.
    pub(crate) fn hash_bytes(&self, key: &[u8]) -> u32 {
        key.iter().copied().fold(self.start(), fnv)
    }

    const fn start(&self) -> u32 {
        self.seed ^ 0x811c_9dc5
    }

    /// Enters `place` under `hash`.
    pub(crate) fn insert(&mut self, hash: u32, place: u16) {
        let Some(head) = self.head(hash).and_then(|at| self.heads.get_mut(at)) else { return };
        if let Some(link) = self.next.get_mut(usize::from(place)) {
            *link = *head;
            *head = place;
        }
    }

    /// Takes out `place`, which was entered under `hash`.
    pub(crate) fn remove(&mut self, hash: u32, place: u16) {
        let Some(head) = self.head(hash) else { return };
        let after = self.next.get(usize::from(place)).copied().unwrap_or(NONE);
        let before = self.places(hash).find(|at| self.next.get(usize::from(*at)) == Some(&place));
        let link = match before {
            Some(before) => self.next.get_mut(usize::from(before)),
            None => self.heads.get_mut(head).filter(|head| **head == place),
        };
        if let Some(link) = link {
            *link = after;
        }
    }

    /// The places entered under `hash`, and some of other hashes.
    pub(crate) fn places(&self, hash: u32) -> impl Iterator<Item = u16> + Clone {
        let place = |place: u16| Some(place).filter(|place| *place != NONE);
        let first = self.head(hash).and_then(|at| self.heads.get(at)).copied().and_then(place);
        core::iter::successors(first, move |at| self.next.get(usize::from(*at)).copied().and_then(place))
    }

    fn head(&self, hash: u32) -> Option<usize> {
        usize::try_from(hash).ok()?.checked_rem(self.heads.len())
    }
}

/// The end of a chain: no table has so many places.
const NONE: u16 = u16::MAX;

fn fnv(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rocketlite_core::Rng;
    use std::collections::BTreeSet;
    use std::format;

    #[test]
    fn what_was_entered_is_found_until_it_is_taken_out() {
        let mut memory = [0u16; 40];
        let mut index = NameIndex::new(&mut memory, 32, 9);
        let mut inside = BTreeSet::new();
        let mut rng = Rng::new(5);
        for _ in 0..10_000 {
            let place = u16::try_from(rng.below(32)).unwrap();
            let hash = index.hash(&[&format!("name {place}")]);
            if inside.insert(place) {
                index.insert(hash, place);
            } else {
                inside.remove(&place);
                index.remove(hash, place);
            }
            for place in 0..32 {
                let hash = index.hash(&[&format!("name {place}")]);
                assert_eq!(index.places(hash).any(|at| at == place), inside.contains(&place));
            }
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let mut memory = [0u16; 2];
        let index = NameIndex::new(&mut memory, 1, 0);
        assert_ne!(index.hash(&["ab", "c"]), index.hash(&["a", "bc"]));
    }

    #[test]
    fn without_memory_nothing_is_found() {
        let mut index = NameIndex::new(&mut [], 0, 0);
        index.insert(7, 0);
        index.remove(7, 0);
        assert_eq!(index.places(7).count(), 0);
    }
}
