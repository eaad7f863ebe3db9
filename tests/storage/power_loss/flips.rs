//! Bits that flip between two lives: what is damaged is told and not served, everything else is there.
//!
//! What is guaranteed, all having been saved before:
//! - bits of the log: each message is served as it was or not at all, and if not, its place is reported. This does not depend
//!   on whether the index has to be made anew, but then the last messages of the log count only as far as the newest mark says;
//! - bits of the index, of one slot of the checkpoint, or of one mark: every message is served;
//! - bits of both slots: every message is served. Groups, how far they have come, and topics without messages are lost, and
//!   queues that had no message left begin at 0 again.

use std::collections::BTreeMap;

use rocketlite_tests::simulation::Chance;

use super::ledger::{Place, Read};
use super::life::Life;
use super::story::Story;

/// What is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Log,
    Index,
    Slot,
    BothSlots,
    Mark,
    LogAndIndex,
}

/// Flipped bytes of the ring, by their places.
type Flipped = Vec<u64>;

pub(super) fn run(story: &mut Story) {
    let mut before = (BTreeMap::new(), 0, 0);
    story.with_broker(true, |life, recovery| {
        life.check_recovery(&recovery);
        // The messages that wait would come later.
        life.wait(20_000);
        let read = life.read_all();
        life.shut_down();
        before = (read, life.broker.log().min_offset(), life.broker.log().max_offset());
    });
    story.disk.kill();
    let (read, min, max) = before;
    let target = story.chance.pick(&[
        Target::Log,
        Target::Log,
        Target::Index,
        Target::Slot,
        Target::BothSlots,
        Target::Mark,
        Target::LogAndIndex,
    ]);
    let flipped = flip(story, target, min..max);
    story.told.push(format!("flipped {target:?} {flipped:?}, log {min}..{max}"));
    let capacity = story.capacity();
    story.ledger.forget_progress();
    story.with_broker(true, |life, recovery| {
        if recovery.index_rebuilt {
            life.marks.meet("index rebuilt");
        }
        let found = life.read_all();
        let mut hits = 0;
        for (place, expected) in &read {
            hits += compare(life, place, expected, found.get(place), &flipped, capacity);
        }
        life.marks.meet(format!("bits of {target:?} flipped"));
        if hits > 0 {
            life.marks.meet("damage found and reported");
        } else if target != Target::LogAndIndex {
            let of_blank = |(at, _): &(u64, u64)| flipped.contains(&(at % capacity));
            assert!(life.damaged.iter().all(of_blank), "{:?} damaged, {flipped:?}", life.damaged);
        }
    });
}

/// Flips bits, and returns where those of the ring are.
fn flip(story: &mut Story, target: Target, log: core::ops::Range<u64>) -> Flipped {
    let (capacity, disk) = (story.capacity(), story.disk.clone());
    let chance = &mut story.chance;
    let some = |chance: &mut Chance, name: &str, bytes: core::ops::Range<u64>| {
        let at = chance.within(bytes);
        disk.flip(name, at, u8::try_from(chance.within(0..8)).expect("a bit"));
        at
    };
    let mut flipped = Vec::new();
    if matches!(target, Target::Log | Target::LogAndIndex) && !log.is_empty() {
        for _ in 0..chance.within(1..4) {
            let at = chance.within(log.clone()) % capacity;
            disk.flip("log", 16_384 + at, u8::try_from(chance.within(0..8)).expect("a bit"));
            flipped.push(at);
        }
    }
    let image = super::story::index_image_bytes();
    let slot = super::story::slot_stride();
    match target {
        Target::Log => {}
        // Most of both images is not used; what is, is at the beginning.
        Target::Index | Target::LogAndIndex => {
            for odd in [0, image] {
                some(chance, "index", 4_096 + odd..4_096 + odd + 296);
            }
        }
        Target::Slot => {
            let odd = if chance.percent(50) { slot } else { 0 };
            some(chance, "checkpoint", 4_096 + odd..4_096 + odd + 44);
        }
        Target::BothSlots => {
            for odd in [0, slot] {
                some(chance, "checkpoint", 4_096 + odd..4_096 + odd + 44);
            }
        }
        Target::Mark => {
            let odd = if chance.percent(50) { 4_096 } else { 0 };
            some(chance, "log", 4_096 + odd..4_096 + odd + 52);
        }
    }
    flipped
}

/// Compares a queue with what it was; returns how many messages were damaged.
fn compare(
    life: &Life<'_, '_>,
    place: &Place,
    expected: &Read,
    found: Option<&Read>,
    flipped: &[u64],
    capacity: u64,
) -> u64 {
    let mut hits = 0;
    for (offset, message) in &expected.messages {
        let there = found.and_then(|read| read.messages.get(offset));
        let start = message.physical_offset;
        // Its seal, of eight bytes, stands behind the record.
        let end = start + message.size + 8;
        let is_hit = flipped.iter().any(|at| (start..end).any(|byte| byte % capacity == *at));
        if is_hit {
            hits += 1;
            assert!(there.is_none(), "{place:?} {offset}: {message:?} was damaged and is served");
            let told = |(from, bytes): &(u64, u64)| *from < end && from + bytes > start;
            let told = life.damaged.iter().any(told);
            assert!(told, "{place:?} {offset}: {message:?} is not in {:?}", life.damaged);
        } else {
            let there = there.map(|there| there.id);
            assert_eq!(there, Some(message.id), "{place:?} {offset}: {message:?} is whole: {found:?}");
        }
    }
    let max = found.map_or(0, |read| read.max);
    assert!(max >= expected.max || expected.messages.is_empty(), "{place:?}: {} is now {max}", expected.max);
    hits
}
