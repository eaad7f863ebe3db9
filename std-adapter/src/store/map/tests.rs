//! What stands in the mapping, in the file, and in neither.

use std::path::PathBuf;

use super::super::{Directory, MappedDirectory, Mark, Wanted};
use super::*;

/// A directory of this test's own that is removed in the end.
struct TempDirectory(PathBuf);

impl TempDirectory {
    fn new(name: &str) -> Self {
        let directory =
            Self(std::env::temp_dir().join(format!("rocketlite-map-{}-{name}", std::process::id())));
        let _absent = std::fs::remove_dir_all(&directory.0);
        directory
    }

    fn open(&self) -> Directory {
        let wanted = Wanted { capacity: CAPACITY, index_image_bytes: 1, checkpoint_slot_bytes: 1 };
        Directory::open_or_create(&self.0, &wanted).unwrap()
    }

    fn map(&self) -> MappedDirectory {
        self.open().map().unwrap()
    }
}

impl Drop for TempDirectory {
    fn drop(&mut self) {
        let _absent = std::fs::remove_dir_all(&self.0);
    }
}

/// Four pages, also where they are large.
const CAPACITY: u64 = 4 << 16;
const PAGE: usize = 1 << 16;

fn in_file(log: &LogFile<MappedFile>, place: u64) -> u8 {
    let mut byte = [0];
    log.read(place, &mut byte).unwrap();
    byte[0]
}

#[test]
fn what_is_written_to_the_memory_gets_to_the_file_only_on_demand() {
    let directory = TempDirectory::new("on-demand");
    let MappedDirectory { mut map, log, .. } = directory.map();
    assert_eq!(map.as_ref(), vec![0; 4 * PAGE]);
    map.as_mut()[100..110].fill(7);
    log.flush(Mark::default()).unwrap();
    assert_eq!(in_file(&log, 100), 0);
    log.write(100, &map.as_ref()[100..105]).unwrap();
    assert_eq!((in_file(&log, 104), in_file(&log, 105)), (7, 0));
    drop((map, log));

    let MappedDirectory { map, .. } = directory.map();
    assert_eq!(map.as_ref()[98..108], [0, 0, 7, 7, 7, 7, 7, 0, 0, 0]);
}

#[test]
fn what_was_released_is_what_is_in_the_file() {
    let directory = TempDirectory::new("released");
    let MappedDirectory { mut map, log, .. } = directory.map();
    map.as_mut().fill(1);
    log.write(0, &map.as_ref()[..2 * PAGE]).unwrap();
    map.as_mut().fill(2);
    assert_eq!(in_file(&log, 0), 1);
    // Of the first and the third page only a part, of the fourth nothing.
    map.release(1..2 * PAGE + 1).unwrap();
    let first_bytes: Vec<u8> = map.as_ref().iter().copied().step_by(PAGE).collect();
    if cfg!(target_os = "linux") {
        assert_eq!(first_bytes, [2, 1, 2, 2]);
    }
    map.release(2 * PAGE..3 * PAGE).unwrap();
    if cfg!(target_os = "linux") {
        assert_eq!(map.as_ref()[2 * PAGE], 0, "what was never written is lost");
    }
    assert_eq!(map.as_ref()[3 * PAGE], 2);
}

#[test]
fn what_is_lent_of_the_mapping_can_be_written_and_released() {
    let directory = TempDirectory::new("lent");
    let MappedDirectory { mut map, log, .. } = directory.map();
    // As an engine has it, for as long as it lives.
    let ring = map.as_mut();
    ring.fill(9);
    log.write(0, &ring[..PAGE]).unwrap();
    log.release(&mut ring[..2 * PAGE]).unwrap();
    if cfg!(target_os = "linux") {
        assert_eq!((ring[0], ring[PAGE], ring[2 * PAGE]), (9, 0, 9));
    }
    let error = log.release(&mut vec![1; 4 * PAGE]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn ranges_without_a_whole_page_release_nothing_and_ranges_outside_are_refused() {
    let directory = TempDirectory::new("ranges");
    let MappedDirectory { mut map, .. } = directory.map();
    map.as_mut().fill(3);
    map.release(0..0).unwrap();
    map.release(4_000..4_100).unwrap();
    assert_eq!(map.as_ref()[4_000..4_100], [3; 100]);
    map.release(4 * PAGE..4 * PAGE).unwrap();
    assert_eq!((map.as_ref()[0], map.as_ref()[4 * PAGE - 1]), (3, 3));
    let error = map.release(0..4 * PAGE + 1).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("0..262145 is not within a ring of 262144 bytes"), "{error}");
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let error = map.release(5..4).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn only_bytes_of_the_same_place_of_the_mapping_can_be_written() {
    let directory = TempDirectory::new("own-bytes");
    let MappedDirectory { map, log, .. } = directory.map();
    let ring = map.as_ref();
    let copy = ring[8..16].to_vec();
    for (place, bytes) in [(8, &copy[..]), (8, &ring[9..17]), (9, &ring[8..16])] {
        let error = log.write(place, bytes).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{place}");
    }
    log.write(8, &ring[8..16]).unwrap();
    log.write(0, ring).unwrap();
    log.write(CAPACITY, &ring[4 * PAGE..]).unwrap();
}

#[test]
fn a_mapped_log_stays_locked() {
    let directory = TempDirectory::new("locked");
    let MappedDirectory { map, log, index, checkpoint } = directory.map();
    drop((log, index, checkpoint));
    let found = Directory::open_read_only(&directory.0);
    assert!(matches!(found, Err(super::super::OpenError::InUse { .. })), "{found:?}");
    drop(map);
    drop(directory.open());
}

#[test]
fn a_log_may_be_larger_than_memory() {
    let directory = TempDirectory::new("large");
    let (lock, store) = directory.open().into_parts();
    drop(store);
    // Far more than machines have. It takes no space: nothing but what is touched is ever made.
    let capacity = 1u64 << 40;
    let file =
        File::options().read(true).write(true).create_new(true).open(directory.0.join("sparse")).unwrap();
    file.set_len(RING_AT + capacity).unwrap();
    let log = LogFile::create(file, capacity, 0).unwrap();
    let (mut map, log) = LogMap::new(log, lock).unwrap();
    let len = map.as_ref().len();
    for round in 1..=2 {
        for place in (0..len).step_by(len / 16).chain([len - 1]) {
            assert_eq!(map.as_ref()[place], round - 1);
            map.as_mut()[place] = round;
            log.write(place as u64, &map.as_ref()[place..=place]).unwrap();
        }
        map.release(0..len).unwrap();
    }
    assert_eq!((map.as_ref()[len / 2], map.as_ref()[len - 1], map.as_ref()[1]), (2, 2, 0));
}
