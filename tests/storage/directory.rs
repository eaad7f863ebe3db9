//! Data directories: how they are made, found again, and made whole.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use rocketlite::store::{Directory, Mark, OpenError, Store, Wanted};

use super::temporary::{Temporary, WANTED};

const MARK: Mark = Mark { sequence: 5, flushed: 100, min_offset: 50, start: 2 };

/// A directory with something in each of its files.
fn used(temporary: &Temporary) {
    let (_lock, mut store) = temporary.open().unwrap().into_parts();
    let Store { log, index, checkpoint } = &mut store;
    log.write(10, b"record").unwrap();
    log.flush(MARK).unwrap();
    index.write(1, 4_000, b"unit").unwrap();
    index.sync().unwrap();
    index.mark_built().unwrap();
    checkpoint.write(1, b"one").unwrap();
    checkpoint.write(2, b"two").unwrap();
}

fn sequences(directory: &Directory) -> Vec<u64> {
    directory.store().checkpoint.read_all().unwrap().iter().map(|checkpoint| checkpoint.sequence).collect()
}

fn record(directory: &Directory) -> [u8; 6] {
    let mut record = [0; 6];
    directory.store().log.read(10, &mut record).unwrap();
    record
}

#[test]
fn a_new_directory_has_all_files_and_their_space() {
    let temporary = Temporary::new("new");
    let wanted = Wanted { capacity: 8 << 20, ..WANTED };
    let path = temporary.data().join("deep/down");
    let directory = Directory::open_or_create(&path, &wanted).unwrap();
    assert_eq!(directory.path(), path);
    assert_eq!((directory.store().log.capacity(), directory.store().log.base()), (8 << 20, 0));
    assert_eq!(directory.store().log.newest_mark(), None);
    assert!(directory.store().index.is_new());
    assert_eq!(sequences(&directory), [0; 0]);
    let lengths = [
        ("log", wanted.log_file_bytes(), (16 << 10) + (8 << 20)),
        ("index", wanted.index_file_bytes(), 4_096 + 2 * 8_192),
        ("checkpoint", wanted.checkpoint_file_bytes(), 4_096 + 2 * 4_096),
    ];
    for (name, told, expected) in lengths {
        let metadata = fs::metadata(path.join(name)).unwrap();
        assert_eq!((metadata.len(), told), (expected, expected), "{name}");
        assert!(metadata.blocks() * 512 >= expected, "{name} has {} sectors", metadata.blocks());
    }
}

#[test]
fn a_directory_is_found_as_it_was_left() {
    let temporary = Temporary::new("again");
    used(&temporary);
    let directory = temporary.open().unwrap();
    assert_eq!(record(&directory), *b"record");
    assert_eq!(directory.store().log.newest_mark(), Some(MARK));
    assert_eq!(sequences(&directory), [2, 1]);
    let index = &directory.store().index;
    assert!(!index.is_new());
    let mut image = [0; 4_004];
    index.read(1, &mut image).unwrap();
    assert_eq!(&image[4_000..], b"unit");
    index.read(2, &mut image).unwrap();
    assert_eq!(image[4_000..], [0; 4], "the other image");
}

#[test]
fn an_index_of_another_length_is_new_until_it_was_built() {
    let temporary = Temporary::new("index");
    used(&temporary);
    let wanted = Wanted { index_image_bytes: 9_000, ..WANTED };
    for _ in 0..2 {
        let directory = Directory::open_or_create(temporary.data(), &wanted).unwrap();
        assert!(directory.store().index.is_new(), "nobody has said that it was built");
        assert_eq!(directory.store().index.image_bytes(), 9_000);
        let mut image = vec![1; 9_000];
        directory.store().index.read(1, &mut image).unwrap();
        assert_eq!(image, vec![0; 9_000]);
        assert_eq!(record(&directory), *b"record");
    }
    let mut directory = Directory::open_or_create(temporary.data(), &wanted).unwrap();
    directory.store_mut().index.mark_built().unwrap();
    drop(directory);
    let directory = Directory::open_or_create(temporary.data(), &wanted).unwrap();
    assert!(!directory.store().index.is_new());
}

#[test]
fn a_checkpoint_file_grows_with_its_content() {
    let temporary = Temporary::new("checkpoint");
    used(&temporary);
    let larger = Wanted { checkpoint_slot_bytes: 20_000, ..WANTED };
    let mut directory = Directory::open_or_create(temporary.data(), &larger).unwrap();
    let kept = directory.store().checkpoint.read_all().unwrap();
    assert_eq!(kept.iter().map(|kept| &kept.content[..]).collect::<Vec<_>>(), [b"two", b"one"]);
    directory.store_mut().checkpoint.write(3, &vec![3; 20_000]).unwrap();
    drop(directory);
    // A shorter one would do, but might not have room for what is there.
    let directory = temporary.open().unwrap();
    assert_eq!(directory.store().checkpoint.slot_bytes(), 20_000);
    assert_eq!(sequences(&directory), [3, 2]);
}

#[test]
fn places_that_are_not_in_the_files_are_refused_with_the_numbers() {
    let temporary = Temporary::new("places");
    let directory = temporary.open().unwrap();
    let Store { log, index, .. } = directory.store();
    let refusals = [
        (log.write(65_536, &[1]), "1 bytes at place 65536 are not within the ring of 65536 bytes"),
        (log.write(u64::MAX, &[1, 2]), "not within the ring of 65536 bytes"),
        (log.read(65_530, &mut [0; 7]), "7 bytes at place 65530 are not within the ring of 65536 bytes"),
        (index.write(0, 4_999, &[1, 2]), "2 bytes at place 4999 are not within the image of 5000 bytes"),
        (index.read(0, &mut [0; 5_001]), "5001 bytes at place 0 are not within the image of 5000 bytes"),
    ];
    for (refused, told) in refusals {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(told), "{error}");
    }
    log.write(65_535, &[1]).unwrap();
    index.write(0, 4_999, &[1]).unwrap();
}

#[test]
fn what_an_interrupted_creation_leaves_is_made_whole() {
    // In the order in which files are made and named: what a power cut can leave of it.
    let states: [(&[&str], &[&str]); 7] = [
        (&[], &[]),
        (&[], &["log"]),
        (&[], &["log", "index"]),
        (&[], &["log", "index", "checkpoint"]),
        (&["log"], &["index", "checkpoint"]),
        (&["log", "index"], &["checkpoint"]),
        (&["log", "index", "checkpoint"], &[]),
    ];
    for (whole, unfinished) in states {
        let temporary = Temporary::new("interrupted");
        drop(temporary.open().unwrap());
        for name in ["log", "index", "checkpoint"] {
            let path = temporary.file(name);
            if unfinished.contains(&name) {
                fs::write(temporary.file(&format!("{name}.new")), "unfinished").unwrap();
            }
            if !whole.contains(&name) {
                fs::remove_file(path).unwrap();
            }
        }
        let directory = temporary.open().unwrap_or_else(|error| panic!("{whole:?}, {unfinished:?}: {error}"));
        assert_eq!(temporary.names(), ["checkpoint", "index", "lock", "log"], "{whole:?}, {unfinished:?}");
        assert_eq!(record(&directory), [0; 6]);
        assert_eq!(sequences(&directory), [0; 0]);
    }
}

#[test]
fn a_log_with_content_outlives_every_interruption() {
    // Index and checkpoint were being replaced, or are lost; a copy of the log was being made.
    for lost in [&[][..], &["index"], &["checkpoint"], &["index", "checkpoint"]] {
        let temporary = Temporary::new("content");
        used(&temporary);
        for name in ["log", "index", "checkpoint"] {
            fs::write(temporary.file(&format!("{name}.new")), "unfinished").unwrap();
        }
        for name in lost {
            fs::remove_file(temporary.file(name)).unwrap();
        }
        let directory = temporary.open().unwrap();
        assert_eq!(record(&directory), *b"record", "{lost:?}");
        assert_eq!(directory.store().log.newest_mark(), Some(MARK));
        assert_eq!(directory.store().index.is_new(), lost.contains(&"index"));
        assert_eq!(sequences(&directory).is_empty(), lost.contains(&"checkpoint"));
        assert_eq!(temporary.names(), ["checkpoint", "index", "lock", "log"]);
    }
}

#[test]
fn a_log_that_was_lost_is_not_made_again_in_silence() {
    for (left, told) in [("checkpoint", "checkpoint"), ("index", "index")] {
        let temporary = Temporary::new("lost");
        used(&temporary);
        for name in ["log", "index", "checkpoint"] {
            if name != left {
                fs::remove_file(temporary.file(name)).unwrap();
            }
        }
        assert_eq!(
            temporary.refusal(&WANTED),
            format!(
                "DATA/log is missing, but DATA/{told} is there: bring the log back, or move what is left away to begin anew"
            )
        );
        assert_eq!(temporary.names(), [left, "lock"]);
    }
}

#[test]
fn tools_read_together_and_not_beside_a_broker() {
    let temporary = Temporary::new("offline");
    used(&temporary);
    let first = Directory::open_read_only(temporary.data()).unwrap();
    let second = Directory::open_read_only(temporary.data()).unwrap();
    assert_eq!(first.log.newest_mark(), Some(MARK));
    assert_eq!(second.checkpoint.unwrap().read_all().unwrap().len(), 2);
    assert!(!first.index.unwrap().is_new());
    first.log.write(0, &[1]).unwrap_err();
    assert_eq!(temporary.refusal(&WANTED), "the data directory DATA is being read by an offline tool");
    drop((first.lock, second.lock));

    let directory = temporary.open().unwrap();
    let error = Directory::open_read_only(temporary.data()).unwrap_err();
    let told = format!("the data directory DATA is used by process {}", std::process::id());
    assert_eq!(temporary.told(&error), told);
    assert_eq!(temporary.refusal(&WANTED), told);
    drop(directory);
    assert_eq!(fs::read_to_string(temporary.file("lock")).unwrap(), "", "nobody is told of it any more");
    drop(Directory::open_read_only(temporary.data()).unwrap());
}

#[test]
fn a_tool_reads_the_log_even_if_all_else_is_lost() {
    let temporary = Temporary::new("rescue");
    used(&temporary);
    fs::remove_file(temporary.file("lock")).unwrap();
    fs::remove_file(temporary.file("index")).unwrap();
    fs::write(temporary.file("checkpoint"), vec![9; 20_000]).unwrap();
    let found = Directory::open_read_only(temporary.data()).unwrap();
    assert!(found.lock.is_none());
    assert_eq!(found.log.newest_mark(), Some(MARK));
    assert!(matches!(&found.index, Err(OpenError::Io { .. })), "{:?}", found.index);
    let told = temporary.told(&found.checkpoint.unwrap_err());
    assert_eq!(told, "DATA/checkpoint: it is not the checkpoint of a data directory");
    assert_eq!(temporary.names(), ["checkpoint", "log"]);
}
