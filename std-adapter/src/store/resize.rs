//! A log that becomes larger, while no broker uses it.

use std::fs::File;
use std::path::Path;

use rocketlite_broker::Mark;
use rocketlite_broker::inspect::SavedLog;

use super::checkpoint_file::CheckpointFile;
use super::directory::{
    Access, CHECKPOINT, INDEX, LOG, Lock, Prepared, check_space, find, remove_unfinished,
};
use super::error::{FileError, OpenError};
use super::log_file::{LogFile, check_capacity, file_bytes};
use super::map::ReadMap;
use super::offline::{check_directory, saved_log};
use super::slot::Slot;

/// What became of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resized {
    /// Bytes of the ring as it was.
    pub before: u64,
    /// Bytes of the ring as it is.
    pub capacity: u64,
    /// Bytes of the log that are in it.
    pub bytes: u64,
}

/// Gives the log of the directory at `path` a ring of `capacity` bytes, with all that is in it. `progress` is told how many
/// bytes were copied of how many.
///
/// The new log is made beside the old one and takes its name when it is whole and on the disk: whenever power fails, the one
/// or the other is there. Its ring begins with the oldest record, so that nothing in it goes round.
///
/// # Errors
/// See [`OpenError`]: a ring never becomes smaller; a process uses the directory; there is no space for both logs. The log is
/// as it was then.
pub fn resize(
    path: impl AsRef<Path>,
    capacity: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Resized, OpenError> {
    let path = path.as_ref();
    check_capacity(capacity).map_err(OpenError::Wanted)?;
    check_directory(path)?;
    let not_one = || OpenError::NotADataDirectory { path: path.to_owned() };
    // Before a lock is made where none belongs.
    if !path.join(LOG).exists() {
        return Err(not_one());
    }
    let lock = Lock::exclusive(path)?;
    for name in [LOG, INDEX, CHECKPOINT] {
        remove_unfinished(path, name)?;
    }
    let old = find(path, LOG, Access::Write, LogFile::open)?.ok_or_else(not_one)?;
    let before = old.capacity();
    if capacity < before {
        return Err(OpenError::SmallerCapacity { path: path.to_owned(), found: before, wanted: capacity });
    }
    if capacity == before {
        return Ok(Resized { before, capacity, bytes: 0 });
    }
    check_marks(path, &old)?;
    check_space(path, file_bytes(capacity))?;
    let checkpoint = find(path, CHECKPOINT, Access::Read, CheckpointFile::open_read_only)?;
    let newest = checkpoint.map(|file| file.read_all()).transpose();
    let newest = newest.map_err(|error| OpenError::Io { path: path.join(CHECKPOINT), error })?;
    let newest = newest.and_then(|found| found.into_iter().next());
    let mut map = ReadMap::new(&old, &lock).map_err(|error| OpenError::Map {
        path: path.join(LOG),
        bytes: before,
        error,
    })?;
    let saved = saved_log(path, &old, map.as_mut(), newest)?;
    let mut items = saved.items();
    items.by_ref().for_each(drop);
    let offsets = saved.min_offset()..items.end();
    let bytes = offsets.end - offsets.start;
    let mark = old.newest_mark().map(|mark| Mark {
        flushed: mark.flushed.min(offsets.end),
        min_offset: offsets.start,
        ..mark
    });
    let new = Prepared::new(path, LOG, file_bytes(capacity), |file| {
        let log = LogFile::create(file, capacity, offsets.start)?;
        copy(&saved, &log, offsets, progress)?;
        log.sync()?;
        if let Some(mark) = mark {
            log.flush(mark)?;
        }
        Ok(log)
    })?;
    new.install()?;
    Ok(Resized { before, capacity, bytes })
}

/// Says if all marks are damaged. Without one nobody knows where the log begins.
fn check_marks(path: &Path, log: &LogFile<File>) -> Result<(), OpenError> {
    let path = path.join(LOG);
    let marks = log.marks().map_err(|error| OpenError::Io { path: path.clone(), error })?;
    let any_damaged = marks.contains(&Slot::Damaged);
    if any_damaged && marks.into_iter().all(|slot| slot.whole().is_none()) {
        return Err(OpenError::File { path, error: FileError::Damaged { what: "mark" } });
    }
    Ok(())
}

/// Copies what is in the log to the beginning of a ring.
fn copy(
    from: &SavedLog<'_>,
    to: &LogFile<File>,
    offsets: core::ops::Range<u64>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), FileError> {
    let (mut at, total) = (offsets.start, offsets.end - offsets.start);
    loop {
        let end = offsets.end.min(at.saturating_add(COPIED_BYTES));
        let part = from.part(at..end);
        if part.is_empty() {
            debug_assert_eq!(at, offsets.end);
            return Ok(());
        }
        to.write(at - offsets.start, part)?;
        at += part.len() as u64;
        progress(at - offsets.start, total);
    }
}

/// Bytes copied at a time.
const COPIED_BYTES: u64 = 4 << 20;
