//! Bits that flip in what is stored: each is found, and nothing else is taken for it.

use rocketlite::store::{CheckpointFile, FileError, IndexFile, LogFile, Mark, RawFile as _, Store, Wanted};
use rocketlite_tests::disk::{FaultyDisk, FaultyFile};

use super::pattern;

const WANTED: Wanted = Wanted { capacity: 8_192, index_image_bytes: 100, checkpoint_slot_bytes: 700 };

fn store(disk: &FaultyDisk) -> Store<FaultyFile> {
    let log = disk.create("log", WANTED.log_file_bytes());
    let index = disk.create("index", WANTED.index_file_bytes());
    let checkpoint = disk.create("checkpoint", WANTED.checkpoint_file_bytes());
    Store::create(log, index, checkpoint, &WANTED).unwrap()
}

/// Lets each bit of some bytes of a file flip and back.
fn each_flip(disk: &FaultyDisk, name: &str, bytes: std::ops::Range<u64>, mut check: impl FnMut(u64)) {
    for at in bytes {
        for bit in 0..8 {
            disk.flip(name, at, bit);
            check(at);
            disk.flip(name, at, bit);
        }
    }
}

#[test]
fn no_flipped_bit_of_a_header_is_overlooked() {
    let disk = FaultyDisk::new(1);
    drop(store(&disk));
    // Magic, version, count, two numbers, checksum.
    let expect = |at: u64, found: Result<(), FileError>| match found {
        Err(FileError::WrongMagic { .. }) => assert!(at < 8, "byte {at}"),
        Err(FileError::Damaged { .. }) => assert!(at >= 8, "byte {at}"),
        other => panic!("byte {at}: {other:?}"),
    };
    each_flip(&disk, "log", 0..36, |at| expect(at, LogFile::open(disk.open("log")).map(drop)));
    each_flip(&disk, "index", 0..36, |at| expect(at, IndexFile::open(disk.open("index")).map(drop)));
    each_flip(&disk, "checkpoint", 0..28, |at| {
        expect(at, CheckpointFile::open(disk.open("checkpoint")).map(drop));
    });
    let [log, index, checkpoint] = ["log", "index", "checkpoint"].map(|name| disk.open(name));
    Store::open(log, index, checkpoint).unwrap();
}

#[test]
fn a_mark_with_a_flipped_bit_is_none_and_the_one_before_counts() {
    let disk = FaultyDisk::new(2);
    let Store { log, .. } = store(&disk);
    let mark = |sequence| Mark { sequence, flushed: sequence << 40, min_offset: 77, start: 3 };
    log.flush(mark(8)).unwrap();
    log.flush(mark(9)).unwrap();
    let newest = || LogFile::open(disk.open("log")).unwrap().newest_mark();
    each_flip(&disk, "log", 8_192..8_192 + 44, |at| assert_eq!(newest(), Some(mark(8)), "byte {at}"));
    each_flip(&disk, "log", 4_096..4_096 + 44, |at| assert_eq!(newest(), Some(mark(9)), "byte {at}"));
    disk.flip("log", 4_100, 0);
    disk.flip("log", 8_200, 0);
    assert_eq!(newest(), None);
}

#[test]
fn what_was_written_to_the_wrong_slot_is_none() {
    let disk = FaultyDisk::new(4);
    let Store { log, mut checkpoint, .. } = store(&disk);
    log.flush(Mark { sequence: 8, flushed: 1, min_offset: 0, start: 1 }).unwrap();
    checkpoint.write(2, b"two").unwrap();
    for (name, len) in [("log", 512), ("checkpoint", 1_024)] {
        let mut slot = vec![0; len];
        let file = disk.open(name);
        file.read_at(4_096, &mut slot).unwrap();
        file.write_at(4_096, &vec![0; len]).unwrap();
        file.write_at(8_192, &slot).unwrap();
    }
    assert_eq!(LogFile::open(disk.open("log")).unwrap().newest_mark(), None);
    assert_eq!(CheckpointFile::open(disk.open("checkpoint")).unwrap().read_all().unwrap(), []);
}

#[test]
fn a_checkpoint_with_a_flipped_bit_is_none_and_the_one_before_counts() {
    let disk = FaultyDisk::new(3);
    let Store { mut checkpoint, .. } = store(&disk);
    checkpoint.write(2, &pattern([2; 3], 700)).unwrap();
    checkpoint.write(3, &pattern([3; 3], 640)).unwrap();
    let sequences = || {
        let found = CheckpointFile::open_read_only(disk.open("checkpoint")).unwrap().read_all().unwrap();
        for checkpoint in &found {
            let content = pattern([checkpoint.sequence; 3], checkpoint.content.len());
            assert_eq!(checkpoint.content, content);
        }
        found.iter().map(|checkpoint| checkpoint.sequence).collect::<Vec<_>>()
    };
    assert_eq!(sequences(), [3, 2]);
    // The odd slot follows the even one of 512 and 700 bytes.
    let (even, odd) = (4_096, 8_192);
    each_flip(&disk, "checkpoint", even..even + 44, |at| assert_eq!(sequences(), [3], "byte {at}"));
    each_flip(&disk, "checkpoint", even + 512..even + 1_212, |at| assert_eq!(sequences(), [3], "byte {at}"));
    each_flip(&disk, "checkpoint", odd..odd + 44, |at| assert_eq!(sequences(), [2], "byte {at}"));
    each_flip(&disk, "checkpoint", odd + 512..odd + 1_152, |at| assert_eq!(sequences(), [2], "byte {at}"));
}
