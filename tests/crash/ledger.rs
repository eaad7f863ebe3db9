//! What was sent, acknowledged and read.

use core::ops::Range;
use std::collections::{BTreeMap, HashMap};

use rocketlite_core::Rng;

/// The place of a message in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) topic: &'static str,
    pub(crate) queue_id: i32,
    pub(crate) queue_offset: i64,
}

/// An answer that says that a message is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acknowledgement {
    /// Of the message.
    pub(crate) number: u64,
    /// Where it is in the commit log; known of the first message of a batch.
    pub(crate) physical_offset: Option<i64>,
}

/// Each message has a number, and is sent in one attempt only. So it is stored once, or never.
#[derive(Debug)]
pub(crate) struct Ledger {
    next: u64,
    acknowledged: BTreeMap<Place, Acknowledgement>,
    /// What was read once stays where it is.
    read: HashMap<Place, u64>,
    places: HashMap<u64, Place>,
    /// Bytes of a log that evicts.
    pub(crate) lapping: Option<usize>,
}

impl Ledger {
    pub(crate) fn new(lapping: Option<usize>) -> Self {
        let (acknowledged, read, places) = (BTreeMap::new(), HashMap::new(), HashMap::new());
        Self { next: 0, acknowledged, read, places, lapping }
    }

    /// Numbers for messages that are about to be sent.
    pub(crate) fn give_out(&mut self, count: u64) -> Range<u64> {
        let first = self.next;
        self.next += count;
        first..self.next
    }

    /// Notes an answer.
    ///
    /// # Panics
    /// If another message was acknowledged there, or read.
    pub(crate) fn acknowledge(&mut self, place: Place, acknowledgement: Acknowledgement) {
        self.note(place, acknowledgement.number);
        let before = self.acknowledged.insert(place, acknowledgement);
        assert!(before.is_none(), "{place:?}: acknowledged twice, {before:?} and {acknowledgement:?}");
    }

    /// Notes a message that was read. Returns its number.
    ///
    /// # Panics
    /// If it was not sent like that, or stands elsewhere too, or something else stood there.
    pub(crate) fn read(&mut self, place: Place, found: &[u8]) -> u64 {
        let number = number_of(found).filter(|number| *number < self.next);
        let number = number.unwrap_or_else(|| panic!("{place:?}: nobody has sent {found:?}"));
        assert_eq!(found, body(number), "{place:?}: the bytes of message {number} were changed");
        self.note(place, number);
        number
    }

    fn note(&mut self, place: Place, number: u64) {
        let before = *self.read.entry(place).or_insert(number);
        assert_eq!(before, number, "{place:?}: it was another message before");
        let first = *self.places.entry(number).or_insert(place);
        assert_eq!(first, place, "message {number} is there twice");
    }

    /// All that was acknowledged so far.
    pub(crate) fn acknowledged(&self) -> BTreeMap<Place, Acknowledgement> {
        self.acknowledged.clone()
    }
}

/// Bytes that only the message with this number has: from 12 to 2,000, and of a few 4,000.
pub(crate) fn body(number: u64) -> Vec<u8> {
    let mut rng = Rng::new(number);
    let long = if rng.below(32) == 0 { 4_000 } else { rng.below(1_988) };
    let mut body = format!("{number:011} ").into_bytes();
    body.extend((0..long).map(|_| rng.next_u64().to_le_bytes()[0]));
    body
}

/// The number of the message with such a body.
fn number_of(body: &[u8]) -> Option<u64> {
    std::str::from_utf8(body.get(..11)?).ok()?.parse().ok()
}
