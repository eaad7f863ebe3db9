//! Which records have a key: the index that queries go by (`IndexFile`).

/// A key of a message and where the message stands in the log. A driver only makes room for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct IndexedKey {
    physical_offset: u64,
    /// The number of the newest key in the chain of this place.
    head: u64,
    hash: u32,
    /// How many keys before this one the next of its chain was entered; 0 if there is none.
    back: u32,
}

impl IndexedKey {
    /// No key.
    pub const EMPTY: Self = Self { physical_offset: 0, head: 0, hash: 0, back: 0 };
}

/// The newest keys of all messages: a ring in which the oldest are overwritten, and chains through it by the hash of topic
/// and key. Numbers of keys only grow, so a link to one that was overwritten is known for what it is.
#[derive(Debug)]
pub(crate) struct KeyIndex<'m> {
    keys: &'m mut [IndexedKey],
    /// The number of the newest key; the first is 1, so that memory without content is all zero.
    newest: u64,
    seed: u64,
}

impl<'m> KeyIndex<'m> {
    /// An empty index. The seed keeps peers from choosing keys that all fall into one chain.
    pub(crate) fn new(keys: &'m mut [IndexedKey], seed: u64) -> Self {
        keys.fill(IndexedKey::EMPTY);
        Self { keys, newest: 0, seed }
    }

    /// The hash of a topic and one of its keys: FNV-1a from a seed. No topic has a `#`.
    pub(crate) fn hash(&self, topic: &str, key: &str) -> u32 {
        let bytes = topic.bytes().chain([b'#']).chain(key.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325 ^ self.seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        u32::try_from(hash >> 32 ^ hash & u64::from(u32::MAX)).unwrap_or(0)
    }

    /// Enters a key of the newest record, in the place of the oldest key if there is no other.
    pub(crate) fn insert(&mut self, hash: u32, physical_offset: u64) {
        let number = self.newest.saturating_add(1);
        let Some(chain) = self.chain(hash) else { return };
        let Some(chain) = self.keys.get_mut(chain) else { return };
        let before = core::mem::replace(&mut chain.head, number);
        let back = if before == 0 { 0 } else { number.saturating_sub(before) };
        if let Some(key) = self.place(number).and_then(|at| self.keys.get_mut(at)) {
            key.physical_offset = physical_offset;
            key.hash = hash;
            // A link that is longer leads to a key that was overwritten.
            key.back = u32::try_from(back).unwrap_or(0);
        }
        self.newest = number;
    }

    /// Where the records stand that have a key of this hash, the newest first.
    pub(crate) fn records(&self, hash: u32) -> impl Iterator<Item = u64> {
        let head = self.chain(hash).and_then(|at| self.keys.get(at)).map_or(0, |chain| chain.head);
        let chain = core::iter::successors(self.key(head), |(number, key)| {
            let back = u64::from(key.back);
            if back == 0 { None } else { self.key(number.saturating_sub(back)) }
        });
        chain.filter(move |(_, key)| key.hash == hash).map(|(_, key)| key.physical_offset)
    }

    /// Where the first record stands that is not `before` what is looked for, by the order in which they came; beyond all
    /// of them if there is none.
    pub(crate) fn first_not(&self, before: impl Fn(u64) -> bool) -> u64 {
        let kept = u64::try_from(self.keys.len()).unwrap_or(u64::MAX);
        let (mut low, mut high) = (self.newest.saturating_sub(kept).saturating_add(1), self.newest);
        let mut found = u64::MAX;
        while low <= high {
            let middle = low.saturating_add(high.saturating_sub(low) / 2);
            let Some((_, key)) = self.key(middle) else { break };
            if before(key.physical_offset) {
                low = middle.saturating_add(1);
            } else {
                (found, high) = (key.physical_offset, middle.saturating_sub(1));
            }
        }
        found
    }

    /// Where the oldest record stands that has a key.
    pub(crate) fn oldest(&self) -> Option<u64> {
        let kept = u64::try_from(self.keys.len()).unwrap_or(u64::MAX);
        let oldest = self.newest.saturating_sub(kept).saturating_add(1);
        self.key(oldest).map(|(_, key)| key.physical_offset)
    }

    /// Where the newest record stands that has a key.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.key(self.newest).map(|(_, key)| key.physical_offset)
    }

    /// The key of that number, if there is one and it was not overwritten.
    fn key(&self, number: u64) -> Option<(u64, &IndexedKey)> {
        let age = usize::try_from(self.newest.saturating_sub(number)).ok()?;
        let kept = number > 0 && age < self.keys.len();
        Some((number, self.keys.get(self.place(number)?)?)).filter(|_| kept)
    }

    fn place(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_rem(u64::try_from(self.keys.len()).ok()?)?).ok()
    }

    fn chain(&self, hash: u32) -> Option<usize> {
        usize::try_from(hash).ok()?.checked_rem(self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn the_newest_keys_are_found_and_older_ones_forgotten() {
        for capacity in [0, 1, 2, 3, 5, 8, 64] {
            let mut memory = vec![IndexedKey::EMPTY; capacity];
            let mut index = KeyIndex::new(&mut memory, 7);
            let mut entered: Vec<(u32, u64)> = Vec::new();
            for offset in 0..150u64 {
                // Few hashes, some of which share a chain.
                let hash = u32::try_from(offset * offset % 11).unwrap();
                index.insert(hash, offset);
                entered.push((hash, offset));
                let kept = &entered[entered.len().saturating_sub(capacity)..];
                for wanted in 0..11 {
                    let of = kept.iter().rev().filter(|(hash, _)| *hash == wanted);
                    let expected: Vec<_> = of.map(|(_, offset)| *offset).collect();
                    assert_eq!(index.records(wanted).collect::<Vec<_>>(), expected, "{capacity} {offset}");
                }
                for at in 0..=offset + 1 {
                    let first = kept.iter().map(|(_, offset)| *offset).find(|offset| *offset >= at);
                    assert_eq!(index.first_not(|offset| offset < at), first.unwrap_or(u64::MAX));
                }
                assert_eq!(index.newest(), kept.last().map(|(_, offset)| *offset));
            }
        }
    }

    #[test]
    fn topic_and_key_make_the_hash() {
        let index = KeyIndex::new(&mut [], 1);
        assert_eq!(index.hash("T", "k"), index.hash("T", "k"));
        assert_ne!(index.hash("T", "k"), index.hash("S", "k"));
        assert_ne!(index.hash("T", "k"), KeyIndex::new(&mut [], 2).hash("T", "k"));
    }
}
