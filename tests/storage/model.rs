//! The disk that fails does what real ones do: what holds on it would otherwise prove nothing.

use std::collections::BTreeSet;
use std::io;

use rocketlite::store::RawFile as _;
use rocketlite_tests::disk::{FaultRates, FaultyDisk, FaultyFile, SECTOR_BYTES};

const SECTORS: usize = 3;
const BYTES: u64 = (SECTORS * SECTOR_BYTES) as u64;

/// The first byte of each sector. The others must be like it: no sector is torn.
fn sectors(file: &FaultyFile) -> [u8; SECTORS] {
    let mut bytes = [0; SECTORS * SECTOR_BYTES];
    file.read_at(0, &mut bytes).unwrap();
    core::array::from_fn(|number| {
        let sector = &bytes[number * SECTOR_BYTES..][..SECTOR_BYTES];
        assert!(sector.iter().all(|byte| *byte == sector[0]), "a torn sector");
        sector[0]
    })
}

fn fill(file: &FaultyFile, version: u8) {
    file.write_at(0, &[version; SECTORS * SECTOR_BYTES]).unwrap();
}

/// What some seeds leave.
fn outcomes(history: impl Fn(&FaultyDisk, &FaultyFile)) -> BTreeSet<[u8; SECTORS]> {
    let run = |seed| {
        let disk = FaultyDisk::new(seed);
        let file = disk.create("f", BYTES);
        history(&disk, &file);
        assert_eq!(file.len().unwrap_err().kind(), io::ErrorKind::BrokenPipe, "the process is gone");
        sectors(&disk.open("f"))
    };
    (0..2_000).map(run).collect()
}

#[test]
fn a_power_cut_leaves_any_version_of_each_sector_since_the_last_sync() {
    let found = outcomes(|disk, file| {
        fill(file, 1);
        fill(file, 2);
        file.sync().unwrap();
        fill(file, 3);
        fill(file, 4);
        assert_eq!(sectors(file), [4; SECTORS]);
        disk.crash();
    });
    let mut expected = BTreeSet::new();
    for a in 2..=4 {
        for b in 2..=4 {
            expected.extend((2..=4).map(|c| [a, b, c]));
        }
    }
    assert_eq!(found, expected);
}

#[test]
fn a_kill_loses_nothing_and_a_sync_keeps_everything() {
    let found = outcomes(|disk, file| {
        fill(file, 1);
        disk.kill();
    });
    assert_eq!(found, BTreeSet::from([[1; SECTORS]]));
    let found = outcomes(|disk, file| {
        fill(file, 1);
        disk.kill();
        disk.open("f").sync().unwrap();
        disk.crash();
    });
    assert_eq!(found, BTreeSet::from([[1; SECTORS]]));
}

#[test]
fn a_sync_that_has_failed_forgets_and_the_next_does_not_remember() {
    let next_syncs = core::cell::RefCell::new(BTreeSet::new());
    let found = outcomes(|disk, file| {
        fill(file, 1);
        disk.fail_next_sync("f");
        file.sync().unwrap_err();
        next_syncs.borrow_mut().insert(file.sync().is_ok());
        let seen = sectors(file);
        assert!(seen.iter().all(|version| *version <= 1), "{seen:?}");
        disk.crash();
    });
    assert_eq!(next_syncs.into_inner(), BTreeSet::from([false, true]));
    assert!(found.contains(&[0; SECTORS]) && found.contains(&[0, 1, 0]), "{found:?}");
}

#[test]
fn what_was_forgotten_is_durable_when_it_was_written_again() {
    let found = outcomes(|disk, file| {
        fill(file, 1);
        disk.fail_next_sync("f");
        file.sync().unwrap_err();
        file.write_at(0, &[2; SECTOR_BYTES]).unwrap();
        let synced = file.sync().is_ok();
        disk.crash();
        assert!(!synced || sectors(&disk.open("f"))[0] == 2);
        disk.kill();
    });
    assert!(found.contains(&[2, 0, 1]), "{found:?}");
}

#[test]
fn a_broken_disk_stays_broken_until_it_is_replaced() {
    let disk = FaultyDisk::new(1);
    let file = disk.create("f", BYTES);
    disk.break_syncs("f");
    file.sync().unwrap_err();
    file.sync().unwrap_err();
    disk.kill();
    disk.open("f").sync().unwrap_err();
    disk.crash();
    disk.open("f").sync().unwrap();
}

#[test]
fn a_write_that_fails_has_written_some_of_its_first_sectors() {
    let mut found = BTreeSet::new();
    for seed in 0..100 {
        let disk = FaultyDisk::with_rates(seed, FaultRates { write: 10_000, ..FaultRates::default() });
        let file = disk.create("f", BYTES);
        file.write_at(0, &[1; SECTORS * SECTOR_BYTES]).unwrap_err();
        found.insert(sectors(&file));
    }
    assert_eq!(found, BTreeSet::from([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]));
}

#[test]
fn files_keep_their_length() {
    let disk = FaultyDisk::with_rates(1, FaultRates::default());
    let file = disk.create("f", 1_000);
    assert_eq!(file.len().unwrap(), 1_000);
    assert_eq!(file.write_at(999, &[1, 2]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert_eq!(file.read_at(u64::MAX, &mut [0]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    file.write_at(998, &[1, 2]).unwrap();
    file.sync().unwrap();
    assert_eq!(disk.durable("f")[997..], [0, 1, 2]);
    disk.set_rates(FaultRates { read: 10_000, ..FaultRates::default() });
    assert_eq!(file.read_at(0, &mut [0]).unwrap_err().to_string(), "the disk has failed");
}
