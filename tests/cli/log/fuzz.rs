//! Whatever stands in the files, there is a verdict or a complaint.

use std::os::unix::fs::FileExt as _;

use rocketlite::store::{CheckpointFile, LogFile, Mark};
use rocketlite_core::Rng;

use super::place::Place;

/// Directories that are tried.
const SEEDS: u64 = 40;

#[test]
fn no_bytes_make_a_tool_panic() {
    let place = Place::new("fuzz");
    let broker = place.broker("512KiB");
    place.send(&broker, "A", 200);
    broker.stop();
    let names = ["log", "index", "checkpoint"];
    let sound = names.map(|name| std::fs::read(place.file(name)).unwrap());
    for seed in 0..SEEDS {
        for (name, bytes) in names.iter().zip(&sound) {
            place.open(name).write_all_at(bytes, 0).unwrap();
        }
        let mut rng = Rng::new(seed);
        for (name, bytes) in names.iter().zip(&sound) {
            scatter(&place, name, bytes.len() as u64, &mut rng);
        }
        if seed.is_multiple_of(2) {
            forge(&place, &mut rng);
        }
        for command in ["info", "verify", "dump"] {
            let finished = place.log(command, &["--json"]);
            let code = finished.status.code();
            assert!(matches!(code, Some(0 | 1)), "seed {seed}, {command}: {finished:?}");
            assert!(!finished.stderr.contains("panicked"), "seed {seed}, {command}: {finished:?}");
            assert!(code == Some(0) || finished.complaint().starts_with("rocketlite: "), "seed {seed}");
        }
    }
}

/// Writes random bytes to some places of a file, most of them near its beginning, where what counts stands.
fn scatter(place: &Place, name: &str, len: u64, rng: &mut Rng) {
    let file = place.open(name);
    for _ in 0..rng.next_u64() % 6 {
        let within = if rng.next_u64().is_multiple_of(2) { len } else { len.min(60_000) };
        // Headers of the files stay, most of the time: behind one that is broken nothing else is looked at.
        let least = if rng.next_u64().is_multiple_of(16) { 0 } else { 4_096 };
        let at = least + rng.next_u64() % (within - least - 64);
        let bytes: Vec<u8> = (0..8).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
        let count = 1 + usize::try_from(rng.next_u64() % 64).unwrap();
        file.write_all_at(&bytes[..count], at).unwrap();
    }
}

/// Writes marks and a checkpoint whose checksums are right, with numbers that no broker has written.
fn forge(place: &Place, rng: &mut Rng) {
    let number = |rng: &mut Rng| match rng.next_u64() % 4 {
        0 => rng.next_u64(),
        1 => u64::MAX - rng.next_u64() % 9,
        2 => (rng.next_u64() % 1_000_000) & !7,
        _ => (rng.next_u64() % 40_000) & !7,
    };
    if let Ok(log) = LogFile::open(place.open("log")) {
        let (flushed, min_offset) = (number(rng), number(rng));
        log.flush(Mark { sequence: 1_000_000 + rng.next_u64() % 2, start: 1, flushed, min_offset }).unwrap();
    }
    let Ok(mut file) = CheckpointFile::open(place.open("checkpoint")) else { return };
    let Some(newest) = file.read_all().unwrap().into_iter().next() else { return };
    let mut content = newest.content;
    for _ in 0..rng.next_u64() % 4 {
        // The head first: its numbers count most.
        let at = usize::try_from(rng.next_u64() % 60).unwrap().min(content.len() - 1);
        content[at] = rng.next_u64().to_le_bytes()[0];
    }
    if rng.next_u64().is_multiple_of(4) {
        let short = usize::try_from(rng.next_u64()).unwrap_or(0) % content.len();
        content.truncate(short);
    }
    file.write(newest.sequence + 1, &content).unwrap();
}
