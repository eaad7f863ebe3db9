//! Marks on a disk that loses power: the newest is read back whole, and what it promises is there.

use rocketlite::store::{LogFile, Mark, Wanted};
use rocketlite_core::Rng;
use rocketlite_tests::disk::{FaultRates, FaultyDisk, FaultyFile};

use super::{SEEDS, pattern};

const CAPACITY: u64 = 16 << 10;

/// Bytes that are written at a time, one after the other, until the ring is full.
const PIECE: u64 = 700;

/// What a writer has done with a log, and what it may rely on.
struct History {
    seed: u64,
    chance: Rng,
    disk: FaultyDisk,
    /// The newest sequence whose flush has succeeded.
    completed: Option<u64>,
    /// The newest sequence that was tried.
    tried: Option<u64>,
    /// Where what the process knows to be flushed ends.
    flushed: u64,
    /// Where what was ever flushed ends. A mark that a failed sync has hidden may come up again, and is no lie.
    durable: u64,
    failures: u64,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut chance = Rng::new(!seed);
        let rate = if seed.is_multiple_of(3) { 0 } else { chance.below(2_000) };
        let rates = FaultRates { sync: rate, write: rate / 4, read: 0 };
        let disk = FaultyDisk::new(seed);
        let wanted = Wanted { capacity: CAPACITY, index_image_bytes: 1, checkpoint_slot_bytes: 1 };
        let file = disk.create("log", wanted.log_file_bytes());
        LogFile::create(file, CAPACITY, 0).expect("a disk that does not fail yet");
        disk.set_rates(rates);
        Self { seed, chance, disk, completed: None, tried: None, flushed: 0, durable: 0, failures: 0 }
    }

    /// Writes and flushes, until the process dies in one of two ways. Whatever was not flushed is written again.
    fn live(&mut self, log: &LogFile<FaultyFile>) {
        let first = log.newest_mark().map_or(0, |mark| mark.sequence + 1);
        for sequence in first..first + u64::from(self.chance.below(12)) {
            let pieces = u64::from(self.chance.below(4));
            let end = (self.flushed + pieces * PIECE).min(CAPACITY);
            let bytes = pattern([self.seed, 0, 0], usize::try_from(end).unwrap());
            let new = &bytes[usize::try_from(self.flushed).unwrap()..];
            let written = log.write(self.flushed, new);
            let mark = Mark { sequence, flushed: self.flushed, min_offset: sequence * 3, start: 1 };
            if self.chance.below(16) == 0 {
                return;
            }
            self.tried = self.tried.max(Some(sequence));
            if self.chance.below(8) == 0 {
                // Whatever is written stays without its sync.
                self.disk.fail_next_sync("log");
                assert!(log.flush(mark).is_err(), "seed {}", self.seed);
                return;
            }
            if written.and_then(|()| log.flush(mark)).is_ok() {
                (self.completed, self.flushed) = (Some(sequence), end);
                self.durable = self.durable.max(end);
            } else {
                self.failures += 1;
            }
        }
    }

    /// What is read back by the next process.
    fn check(&self, log: &LogFile<FaultyFile>) {
        let seed = self.seed;
        let found = log.newest_mark();
        let sequence = found.map(|mark| mark.sequence);
        assert!(sequence >= self.completed, "seed {seed}: {found:?} found, {:?} flushed", self.completed);
        assert!(sequence <= self.tried, "seed {seed}: {found:?} found, {:?} tried", self.tried);
        let Some(found) = found else { return };
        assert_eq!(found.min_offset, found.sequence * 3, "seed {seed}: a mixture");
        assert!(found.flushed <= self.durable, "seed {seed}: {found:?}, flushed to {}", self.durable);
        let mut bytes = vec![0; usize::try_from(found.flushed).unwrap()];
        log.read(0, &mut bytes).unwrap();
        assert_eq!(bytes, pattern([seed, 0, 0], bytes.len()), "seed {seed}: what {found:?} promises");
    }
}

#[test]
fn the_newest_mark_is_read_back_whole_and_tells_what_is_durable() {
    let (mut failures, mut newer) = (0, 0);
    for seed in 0..SEEDS {
        let mut history = History::new(seed);
        for _ in 0..4 {
            if let Ok(log) = LogFile::open(history.disk.open("log")) {
                history.live(&log);
            }
            if history.chance.below(3) == 0 {
                history.disk.kill();
            } else {
                history.disk.crash();
            }
            let Ok(log) = LogFile::open_read_only(history.disk.open("log")) else {
                panic!("seed {seed}: the superblock is damaged");
            };
            history.check(&log);
            let newest = log.newest_mark();
            newer += u64::from(newest.map(|mark| mark.sequence) > history.completed);
            // What is not durable for sure is written again.
            history.flushed = newest.map_or(0, |mark| mark.flushed);
        }
        failures += history.failures;
    }
    assert!(failures > SEEDS / 10, "{failures} flushes that failed prove little");
    assert!(newer > SEEDS / 50, "{newer} marks of flushes that were interrupted prove little");
}

#[test]
fn marks_of_two_slots_survive_whatever_happens_to_the_next() {
    let disk = FaultyDisk::new(1);
    let file = disk.create("log", CAPACITY + (16 << 10));
    let log = LogFile::create(file, CAPACITY, 4_096).unwrap();
    assert_eq!((log.newest_mark(), log.capacity(), log.base()), (None, CAPACITY, 4_096));
    let mark = |sequence| Mark { sequence, flushed: sequence * 10, min_offset: sequence, start: 1 };
    log.flush(mark(7)).unwrap();
    disk.break_syncs("log");
    log.flush(mark(8)).unwrap_err();
    log.flush(mark(10)).unwrap_err();
    disk.crash();
    let log = LogFile::open(disk.open("log")).unwrap();
    let newest = log.newest_mark().unwrap();
    assert!([mark(7), mark(8), mark(10)].contains(&newest), "{newest:?}");
    assert_eq!((log.capacity(), log.base()), (CAPACITY, 4_096));
}
