//! What is wrong with a data directory is told with its path and numbers, and changes nothing.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::PathBuf;

use rocketlite::store::{Directory, OpenError, Wanted};

use super::temporary::{Temporary, WANTED};

/// Writes to a place of a file.
fn change(temporary: &Temporary, name: &str, at: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(temporary.file(name)).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

/// What is told of a directory in which something was changed, and that it is told again: opening changes nothing.
fn refusal_after(name: &str, what: impl FnOnce(&Temporary)) -> String {
    let temporary = Temporary::new(name);
    drop(temporary.open().unwrap());
    what(&temporary);
    let told = temporary.refusal(&WANTED);
    assert_eq!(temporary.refusal(&WANTED), told);
    told
}

#[test]
fn a_path_that_is_no_directory() {
    let temporary = Temporary::new("no-directory");
    File::create(temporary.data()).unwrap();
    assert_eq!(temporary.refusal(&WANTED), "DATA is not a directory");
    let below = Directory::open_or_create(temporary.data().join("below"), &WANTED).unwrap_err();
    assert_eq!(temporary.told(&below), "DATA/below is not a directory");
    let read = Directory::open_read_only(temporary.data()).unwrap_err();
    assert_eq!(temporary.told(&read), "DATA is not a directory");
}

#[test]
fn a_directory_without_a_log() {
    let temporary = Temporary::new("without-log");
    let told = temporary.told(&Directory::open_read_only(temporary.data()).unwrap_err());
    assert_eq!(told, "DATA: No such file or directory (os error 2)");
    fs::create_dir(temporary.data()).unwrap();
    let told = temporary.told(&Directory::open_read_only(temporary.data()).unwrap_err());
    assert_eq!(told, "DATA is not a data directory: there is no log in it");
    assert_eq!(temporary.names(), [""; 0], "reading makes nothing");
}

#[test]
fn a_file_that_is_none() {
    for name in ["log", "index", "checkpoint"] {
        let told = refusal_after("no-file", |temporary| {
            fs::remove_file(temporary.file(name)).unwrap();
            fs::create_dir(temporary.file(name)).unwrap();
        });
        assert_eq!(told, format!("DATA/{name} is not a file"));
    }
    let told = refusal_after("no-lock", |temporary| {
        fs::remove_file(temporary.file("lock")).unwrap();
        fs::create_dir(temporary.file("lock")).unwrap();
    });
    assert_eq!(told, "DATA/lock: Is a directory (os error 21)");
}

#[test]
fn a_foreign_damaged_or_cut_file() {
    for (name, bytes) in [
        ("log", WANTED.log_file_bytes()),
        ("index", WANTED.index_file_bytes()),
        ("checkpoint", WANTED.checkpoint_file_bytes()),
    ] {
        let told = refusal_after("magic", |temporary| change(temporary, name, 0, b"#!/bin/sh"));
        assert_eq!(told, format!("DATA/{name}: it is not the {name} of a data directory"));

        let told = refusal_after("empty", |temporary| drop(File::create(temporary.file(name)).unwrap()));
        assert_eq!(told, format!("DATA/{name}: it has 0 bytes and should have at least 512"));

        let told = refusal_after("damaged", |temporary| change(temporary, name, 16, &[0xff]));
        assert_eq!(
            told,
            format!("DATA/{name}: the header of the {name} is damaged, its checksum does not agree")
        );

        let told = refusal_after("cut", |temporary| {
            let file = OpenOptions::new().write(true).open(temporary.file(name)).unwrap();
            file.set_len(bytes - 1).unwrap();
        });
        assert_eq!(told, format!("DATA/{name}: it has {} bytes and should have at least {bytes}", bytes - 1));
    }
}

#[test]
fn a_log_of_another_release() {
    let told = refusal_after("version", |temporary| {
        // The header of version 2 with one number, and its checksum.
        let mut header = b"RLCOMLOG\x02\0\0\0\x01\0\0\0\x07\0\0\0\0\0\0\0".to_vec();
        header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
        change(temporary, "log", 0, &header);
    });
    assert_eq!(told, "DATA/log: it has format version 2, and this release knows version 1");
}

#[test]
fn another_capacity_than_the_log_has() {
    let temporary = Temporary::new("capacity");
    drop(temporary.open().unwrap());
    let with = |capacity| Wanted { capacity, ..WANTED };
    assert_eq!(
        temporary.refusal(&with(128 << 10)),
        "the log in DATA has a capacity of 65536 bytes, and 131072 are wanted: `rocketlite log resize` makes it larger"
    );
    assert_eq!(
        temporary.refusal(&with(32 << 10)),
        "the log in DATA has a capacity of 65536 bytes, and 32768 are wanted: a log never becomes smaller"
    );
    drop(temporary.open().unwrap());
}

#[test]
fn sizes_that_are_not_possible() {
    let temporary = Temporary::new("sizes");
    let cases = [
        (
            Wanted { capacity: 0, ..WANTED },
            "capacity of 0 bytes: multiples of 4096 from 4096 to 70368744177664",
        ),
        (Wanted { capacity: 5_000, ..WANTED }, "capacity of 5000 bytes: multiples of 4096 from"),
        (Wanted { capacity: (1 << 46) + 4_096, ..WANTED }, "capacity of 70368744181760 bytes"),
        (
            Wanted { index_image_bytes: 0, ..WANTED },
            "index image of 0 bytes: multiples of 1 from 1 to 1099511627776",
        ),
        (Wanted { index_image_bytes: u64::MAX, ..WANTED }, "index image of 18446744073709551615 bytes"),
        (
            Wanted { checkpoint_slot_bytes: 0, ..WANTED },
            "checkpoint of 0 bytes: multiples of 1 from 1 to 1073741824",
        ),
        (Wanted { checkpoint_slot_bytes: (1 << 30) + 1, ..WANTED }, "checkpoint of 1073741825 bytes"),
    ];
    for (wanted, expected) in cases {
        let told = temporary.refusal(&wanted);
        assert!(told.starts_with(expected), "{told}");
    }
    assert!(!temporary.data().exists(), "nothing was made");
}

#[test]
fn a_disk_without_the_space() {
    let temporary = Temporary::new("space");
    let wanted = Wanted { capacity: 1 << 46, ..WANTED };
    let Err(OpenError::NoSpace { path, wanted: bytes, available }) =
        Directory::open_or_create(temporary.data(), &wanted)
    else {
        panic!("64 TiB are there");
    };
    let all = wanted.log_file_bytes() + wanted.index_file_bytes() + wanted.checkpoint_file_bytes();
    assert_eq!((path, bytes), (temporary.data(), all));
    assert!(available.is_none_or(|available| available < all), "{available:?}");
    assert_eq!(temporary.names(), ["lock"]);
    let told = temporary.refusal(&wanted);
    assert!(told.starts_with(&format!("no space for DATA: {all} bytes are wanted")), "{told}");
    drop(temporary.open().unwrap());
}

#[test]
fn no_permission() {
    let temporary = Temporary::new("permission");
    drop(temporary.open().unwrap());
    fs::set_permissions(temporary.file("log"), fs::Permissions::from_mode(0o400)).unwrap();
    match temporary.open() {
        // Root may do everything, but for the message.
        Ok(_) => {
            let error = io::ErrorKind::PermissionDenied.into();
            let told = OpenError::Io { path: PathBuf::from("DATA/log"), error }.to_string();
            assert_eq!(told, "this user may not use DATA/log: permission denied");
        }
        Err(error) => {
            let told = "this user may not use DATA/log: Permission denied (os error 13)";
            assert_eq!(temporary.told(&error), told);
        }
    }
}
