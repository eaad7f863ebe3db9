//! What was sent, acknowledged and seen, and whether what is served agrees with it.

use std::collections::{BTreeMap, BTreeSet};

use rocketlite_core::message::crc32;
use rocketlite_core::message::stored::StoredMessage;

use super::client::Send;
use crate::pattern;

/// A queue.
pub(super) type Place = (String, i32);

/// A message that somebody has sent, whatever became of it.
#[derive(Debug)]
struct Sent {
    place: Place,
    body: Vec<u8>,
    level: i32,
    /// The queue offset that it gets is not lower.
    from: i64,
}

/// What is known of a queue.
#[derive(Debug, Default)]
struct Shelf {
    /// Acknowledged messages by their queue offsets.
    acknowledged: BTreeMap<i64, Acknowledged>,
    /// What a consumer saw at each queue offset.
    seen: BTreeMap<i64, u64>,
    /// All places where messages were seen.
    places: BTreeSet<(u64, i64)>,
}

#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    id: u64,
    physical_offset: u64,
    /// Where the log ended when it was stored.
    end: u64,
}

/// An acknowledged message that waits for its time.
#[derive(Debug)]
struct Delayed {
    end: u64,
}

/// How far a group has come in a queue.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    /// In the newest checkpoint that was saved.
    pub(super) saved: Option<i64>,
    /// The newest that was acknowledged.
    pub(super) newest: Option<i64>,
    /// The newest that was asked for.
    pub(super) asked: i64,
}

/// A message that is served.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) id: u64,
    pub(super) physical_offset: u64,
    /// Bytes of its record.
    pub(super) size: u64,
}

/// What was read of a queue from its beginning to its end.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) messages: BTreeMap<i64, Served>,
}

/// Everything that the oracles know.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
pub(super) struct Ledger {
    seed: u64,
    is_sync: bool,
    evicts: bool,
    sent: Vec<Sent>,
    shelves: BTreeMap<Place, Shelf>,
    delayed: BTreeMap<u64, Delayed>,
    /// Topics that an administrator made, with their queues.
    pub(super) topics: BTreeMap<String, i32>,
    pub(super) progress: BTreeMap<(&'static str, Place), Progress>,
    /// The log is known to be on the disk up to here.
    pub(super) flushed: u64,
    /// Whether everything acknowledged has to be there, flushed or not.
    pub(super) is_intact: bool,
    /// Whether the disk of the present life has failed.
    pub(super) has_failed: bool,
    /// Whether anything may have been lost since the beginning.
    pub(super) was_cut: bool,
    /// Whether bits were flipped.
    pub(super) is_damaged: bool,
    /// Acknowledged messages that a power cut has taken.
    pub(super) lost: u64,
}

impl Ledger {
    pub(super) fn new(seed: u64, is_sync: bool, evicts: bool) -> Self {
        Self {
            seed,
            is_sync,
            evicts,
            sent: Vec::new(),
            shelves: BTreeMap::new(),
            delayed: BTreeMap::new(),
            topics: BTreeMap::new(),
            progress: BTreeMap::new(),
            flushed: 0,
            is_intact: true,
            has_failed: false,
            was_cut: false,
            is_damaged: false,
            lost: 0,
        }
    }

    /// A message to send that nobody has sent before: its number and its body.
    pub(super) fn message(&mut self, topic: &str, queue_id: i32, level: i32, len: usize) -> (u64, Vec<u8>) {
        let id = self.sent.len() as u64;
        let mut body = id.to_le_bytes().to_vec();
        body.extend(pattern([self.seed, id, 0], len));
        let place = (topic.to_owned(), queue_id);
        let from = self.shelves.get(&place).map_or(0, Shelf::end);
        self.sent.push(Sent { place, body: body.clone(), level, from });
        (id, body)
    }

    /// A send was acknowledged.
    pub(super) fn acknowledge(&mut self, send: &Send, queue_offset: i64, physical_offsets: &[u64]) {
        let flushed = self.flushed;
        if (self.is_sync && send.waits) || self.has_failed {
            assert!(
                send.end <= flushed,
                "acknowledged, but only {flushed} is flushed: {:?} {send:?}",
                send.end
            );
        }
        let place = (send.topic.clone(), send.queue_id);
        let queue = self.shelves.entry(place).or_default();
        if send.level > 0 {
            self.delayed.insert(send.ids[0], Delayed { end: send.end });
            return;
        }
        // The ids of a batch that was evicted meanwhile are not told.
        let whole = physical_offsets.len() == send.ids.len();
        assert!(whole || self.evicts, "{physical_offsets:?} of {:?}", send.ids);
        let physical_offsets = physical_offsets.iter().chain(core::iter::repeat(&physical_offsets[0]));
        for ((id, physical_offset), offset) in send.ids.iter().zip(physical_offsets).zip(queue_offset..) {
            let new = Acknowledged { id: *id, physical_offset: *physical_offset, end: send.end };
            let before = queue.acknowledged.insert(offset, new);
            assert!(before.is_none(), "queue offset {offset} was given to {before:?} and {new:?}");
            let known = queue.seen.get(&offset);
            assert!(known.is_none_or(|known| known == id), "{known:?} was known at {offset}, now {new:?}");
        }
    }

    /// A consumer was given the messages in `records`, from `offset` on.
    pub(super) fn serve(&mut self, place: &Place, offset: i64, records: &[u8]) -> Vec<(i64, Served)> {
        let (mut rest, mut all, mut next) = (records, Vec::new(), offset);
        while !rest.is_empty() {
            let (message, size) = StoredMessage::decode_checked(rest, crc32).expect("a whole record");
            assert!(message.queue_offset >= next, "{message:?} at {next} or later");
            next = message.queue_offset + 1;
            let physical_offset = u64::try_from(message.physical_offset).expect("an offset");
            let end = physical_offset + size as u64;
            if self.is_sync {
                let flushed = self.flushed;
                assert!(end <= flushed, "served up to {end}, but only {flushed} is flushed: {message:?}");
            }
            let id = u64::from_le_bytes(message.body[..8].try_into().expect("eight bytes"));
            let sent = self.sent.get(usize::try_from(id).expect("a number"));
            let sent = sent.unwrap_or_else(|| panic!("nobody has sent {message:?}"));
            let own = (message.topic.to_owned(), message.queue_id);
            assert_eq!((&own, place, message.body), (&sent.place, &sent.place, &sent.body[..]), "{id}");
            let exactly_once = sent.level == 0 || !self.was_cut;
            self.shelves.entry(own).or_default().see(message.queue_offset, id, exactly_once);
            all.push((message.queue_offset, Served { id, physical_offset, size: size as u64 }));
            rest = &rest[size..];
        }
        all
    }

    /// Compares everything that is there at the beginning of a life with what has to be. `log_min` is where the log begins.
    pub(super) fn compare(&mut self, found: &BTreeMap<Place, Read>, log_min: u64) {
        let nothing = Read::default();
        for (place, read) in found {
            let dense = read.messages.keys().copied().eq(read.min..read.max);
            assert!(dense, "{place:?}: {}..{} has {:?}", read.min, read.max, read.messages.keys());
        }
        let (flushed, is_intact, is_sync) = (self.flushed, self.is_intact, self.is_sync);
        let mut lost = 0;
        for (place, shelf) in &mut self.shelves {
            let read = found.get(place).unwrap_or(&nothing);
            shelf.acknowledged.retain(|offset, message| {
                let is_there = read.messages.get(offset).is_some_and(|there| there.id == message.id);
                let is_old = *offset < read.min && message.physical_offset < log_min;
                let has_to = is_intact || message.end <= flushed;
                let fine = is_there || !has_to || (is_old && self.evicts);
                assert!(fine, "{place:?} {offset}: {message:?} is not in {read:?}; log from {log_min}");
                lost += u64::from(!is_there && !is_old);
                is_there
            });
            shelf.seen.retain(|offset, id| {
                let is_there = read.messages.get(offset).is_some_and(|there| there.id == *id);
                let has_to = is_intact || is_sync;
                let fine = is_there || !has_to || (*offset < read.min && self.evicts);
                assert!(fine, "{place:?} {offset}: {id} was seen and is not in {read:?}");
                is_there
            });
            let seen = &shelf.seen;
            shelf.places.retain(|(id, offset)| *offset < read.min || seen.get(offset) == Some(id));
        }
        self.lost += lost;
        self.delayed.retain(|_, message| is_intact || message.end <= flushed);
    }

    /// Behind the last message of a queue that a consumer saw.
    pub(super) fn seen_to(&self, place: &Place) -> i64 {
        let seen = self.shelves.get(place).and_then(|shelf| shelf.seen.last_key_value());
        seen.map_or(0, |(offset, _)| offset + 1)
    }

    /// Every message that was delayed has been delivered.
    pub(super) fn compare_delayed(&self, found: &BTreeMap<Place, Read>) {
        for id in self.delayed.keys() {
            let message = &self.sent[usize::try_from(*id).expect("a number")];
            let read = found.get(&message.place);
            let is_there = read.is_some_and(|read| read.messages.values().any(|there| there.id == *id));
            let queue = self.shelves.get(&message.place);
            let was_seen = queue.is_some_and(|queue| queue.places.iter().any(|(other, _)| other == id));
            let may_be_old = self.evicts && read.is_some_and(|read| read.min > message.from);
            assert!(is_there || was_seen || may_be_old, "{id} to {:?} was never delivered", message.place);
        }
    }

    /// Bits are flipped: nothing is expected of groups and topics.
    pub(super) fn forget_progress(&mut self) {
        self.is_damaged = true;
        self.progress.clear();
        self.topics.clear();
    }

    /// Whether any delayed message waits to be compared.
    pub(super) fn has_delayed(&self) -> bool {
        !self.delayed.is_empty()
    }
}

impl Shelf {
    /// The queue ends there, or later.
    fn end(&self) -> i64 {
        let seen = self.seen.last_key_value().map_or(0, |(offset, _)| offset + 1);
        let stored = self.acknowledged.last_key_value().map_or(0, |(offset, _)| offset + 1);
        seen.max(stored)
    }

    fn see(&mut self, offset: i64, id: u64, exactly_once: bool) {
        if let Some(there) = self.acknowledged.get(&offset) {
            assert_eq!(there.id, id, "another message at {offset} than was acknowledged");
        }
        let before = self.seen.insert(offset, id);
        assert!(before.is_none_or(|before| before == id), "{before:?} was seen at {offset}, now {id}");
        if exactly_once {
            let other = self.places.range((id, 0)..(id + 1, 0)).find(|(_, at)| *at != offset);
            assert!(other.is_none(), "{id} is at {offset} and was at {other:?}");
        }
        self.places.insert((id, offset));
    }
}
