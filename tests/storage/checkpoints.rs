//! Checkpoints on a disk that loses power: the newest that was written is always there, or a newer one, and never a mixture.

use rocketlite::store::{CheckpointError, CheckpointFile, Wanted};
use rocketlite_core::Rng;
use rocketlite_tests::disk::{FaultRates, FaultyDisk, FaultyFile};

use super::{SEEDS, pattern};

const SLOT: u64 = 6_000;

fn file(disk: &FaultyDisk) -> FaultyFile {
    let wanted = Wanted { capacity: 4_096, index_image_bytes: 1, checkpoint_slot_bytes: SLOT };
    disk.create("checkpoint", wanted.checkpoint_file_bytes())
}

/// What was tried with the file.
struct History {
    seed: u64,
    chance: Rng,
    disk: FaultyDisk,
    /// The newest sequence whose write has succeeded.
    completed: Option<u64>,
    /// Contents that were tried, by their sequences.
    tried: Vec<(u64, Vec<u8>)>,
    failures: u64,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut chance = Rng::new(!seed);
        let rate = if seed.is_multiple_of(3) { 0 } else { chance.below(2_500) };
        let disk = FaultyDisk::new(seed);
        CheckpointFile::create(file(&disk), SLOT).expect("a disk that does not fail yet");
        disk.set_rates(FaultRates { sync: rate, write: rate / 4, read: 0 });
        Self { seed, chance, disk, completed: None, tried: Vec::new(), failures: 0 }
    }

    /// Writes checkpoints until the process ends, each that fails again. One may be interrupted.
    fn live(&mut self, file: &mut CheckpointFile<FaultyFile>, next: u64) {
        let mut sequence = next;
        for _ in 0..self.chance.below(8) {
            let len = self.chance.below(u32::try_from(SLOT).unwrap() + 1) as usize;
            let content = pattern([self.seed, sequence, self.tried.len() as u64], len);
            self.tried.push((sequence, content.clone()));
            if self.chance.below(6) == 0 {
                // Whatever is written stays without its sync.
                self.disk.fail_next_sync("checkpoint");
                assert!(file.write(sequence, &content).is_err(), "seed {}", self.seed);
                return;
            }
            match file.write(sequence, &content) {
                Ok(()) => {
                    self.completed = Some(sequence);
                    sequence += 1;
                }
                Err(CheckpointError::Io(_)) => self.failures += 1,
                Err(error) => panic!("seed {}: {error}", self.seed),
            }
        }
    }

    /// What is read back by the next process; the sequence that is next.
    fn check(&self, file: &CheckpointFile<FaultyFile>) -> u64 {
        let seed = self.seed;
        let found = file.read_all().expect("reads do not fail");
        let newest = found.first().map(|checkpoint| checkpoint.sequence);
        assert!(newest >= self.completed, "seed {seed}: {newest:?} found, {:?} written", self.completed);
        assert!(found.len() < 2 || found[0].sequence > found[1].sequence, "seed {seed}");
        for checkpoint in found {
            let tried = (checkpoint.sequence, checkpoint.content);
            assert!(self.tried.contains(&tried), "seed {seed}: {} is a mixture", tried.0);
        }
        newest.map_or(0, |newest| newest + 1)
    }
}

#[test]
fn the_newest_checkpoint_that_was_written_or_a_newer_one_is_read_back_whole() {
    let (mut failures, mut newer, mut refused) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut history = History::new(seed);
        for _ in 0..5 {
            match CheckpointFile::open(history.disk.open("checkpoint")) {
                Ok(mut file) => {
                    let next = history.check(&file);
                    newer += u64::from(next > history.completed.map_or(0, |completed| completed + 1));
                    // It is durable now, and the next one takes the slot of the one before.
                    history.completed = next.checked_sub(1);
                    history.live(&mut file, next);
                }
                Err(_) => refused += 1,
            }
            if history.chance.below(3) == 0 {
                history.disk.kill();
            } else {
                history.disk.crash();
            }
            let file = CheckpointFile::open_read_only(history.disk.open("checkpoint"));
            history.check(&file.unwrap_or_else(|error| panic!("seed {seed}: {error}")));
        }
        failures += history.failures;
    }
    assert!(failures > SEEDS / 10, "{failures} writes that failed prove little");
    assert!(newer > SEEDS / 50, "{newer} checkpoints of writes that were interrupted prove little");
    assert!(refused > SEEDS / 50, "{refused} opens that failed prove little");
}

#[test]
fn content_that_is_too_long_and_a_slot_that_is_needed_are_refused_with_the_numbers() {
    let disk = FaultyDisk::new(1);
    let mut file = CheckpointFile::create(file(&disk), SLOT).unwrap();
    assert_eq!((file.slot_bytes(), file.read_all().unwrap()), (SLOT, Vec::new()));
    let error = file.write(0, &[0; 6_001]).unwrap_err();
    assert_eq!(error.to_string(), "a checkpoint of 6001 bytes does not fit into a slot of 6000 bytes");
    file.write(4, &[1; 6_000]).unwrap();
    let error = file.write(6, &[2]).unwrap_err();
    assert_eq!(error.to_string(), "checkpoint 6 would take the slot of 4, the newest on the disk");
    file.write(5, b"").unwrap();
    let found = file.read_all().unwrap();
    assert_eq!(
        found.iter().map(|found| (found.sequence, found.content.len())).collect::<Vec<_>>(),
        [(5, 0), (4, 6_000)]
    );

    disk.fail_next_sync("checkpoint");
    let error = file.write(6, &[2]).unwrap_err();
    assert_eq!(error.to_string(), "the checkpoint: the disk has failed");
    let error = file.write(7, &[2]).unwrap_err();
    assert!(matches!(error, CheckpointError::OverwritesNewest { sequence: 7, newest: 5 }), "{error}");
}
