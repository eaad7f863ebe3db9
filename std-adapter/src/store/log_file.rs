//! The file `log`: the bytes of the commit log, and marks of how far they are on the disk.
//!
//! ```text
//! 0            4 KiB       8 KiB       12 KiB     16 KiB              16 KiB + capacity
//! | superblock | even mark | odd mark  | zeros    | ring ...                          |
//! ```

use std::io;

use rocketlite_broker::Mark;

use super::block::{BLOCK_BYTES, Header, SECTOR_BYTES};
use super::error::FileError;
use super::file::{RawFile, check_bounds};
use super::slot::Slot;

/// What the capacity of a log is a multiple of.
pub const CAPACITY_UNIT: u64 = BLOCK_BYTES;

/// The largest capacity of a log, 64 TiB.
pub const MAX_CAPACITY: u64 = 1 << 46;

/// Where the ring begins.
pub(super) const RING_AT: u64 = 4 * BLOCK_BYTES;

/// The file `log` of a data directory: a ring of bytes.
///
/// The byte of the log with the physical offset `o` stands at place `(o - base) mod capacity`.
#[derive(Debug)]
pub struct LogFile<F> {
    file: F,
    capacity: u64,
    base: u64,
    newest: Option<Mark>,
}

impl<F: RawFile> LogFile<F> {
    /// Makes the content of a new file that is at least as long as it needs to be, with zeros in its ring. It is on the disk
    /// when this returns.
    ///
    /// # Errors
    /// If no log can have such a capacity, the file is too short, or the disk refuses.
    pub fn create(file: F, capacity: u64, base: u64) -> Result<Self, FileError> {
        check_capacity(capacity)?;
        check_length(&file, capacity)?;
        for slot in 0..2 {
            file.write_at(mark_at(slot), &[0; SECTOR_BYTES])?;
        }
        file.write_at(0, &SUPERBLOCK.encode([capacity, base]))?;
        file.sync()?;
        Ok(Self { file, capacity, base, newest: None })
    }

    /// The content of a file that was made before. What a process that was killed has left in the system's memory is on the
    /// disk when this returns.
    ///
    /// Not so what a sync that failed has lost: the system shows it, takes it for written, and forgets it when power fails. So
    /// what follows [`Mark::flushed`] of the newest mark is to be written again before anybody relies on it.
    ///
    /// # Errors
    /// If it is not a log of this release, is damaged or too short, or the disk refuses.
    pub fn open(file: F) -> Result<Self, FileError> {
        file.sync()?;
        Self::open_read_only(file)
    }

    /// The same of a file that nobody is going to write to, and without asking the disk to.
    ///
    /// # Errors
    /// See [`LogFile::open`].
    pub fn open_read_only(file: F) -> Result<Self, FileError> {
        let [capacity, base] = SUPERBLOCK.read(&file, 0)?;
        // No such header is written: whoever made it has a checksum by chance.
        check_capacity(capacity).map_err(|_| FileError::Damaged { what: SUPERBLOCK.what })?;
        check_length(&file, capacity)?;
        let newest =
            read_mark(&file, 0)?.into_iter().chain(read_mark(&file, 1)?).max_by_key(|mark| mark.sequence);
        Ok(Self { file, capacity, base, newest })
    }

    /// Bytes of the ring.
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The physical offset that stands at place 0 of the ring.
    pub const fn base(&self) -> u64 {
        self.base
    }

    /// The newest mark that was there when the file was opened; none of a new log, or if both are damaged.
    pub const fn newest_mark(&self) -> Option<Mark> {
        self.newest
    }

    /// What is in the two slots of marks, that of even sequences first. A mark is written wholly or not at all.
    ///
    /// # Errors
    /// What the disk says.
    pub fn marks(&self) -> io::Result<[Slot<Mark>; 2]> {
        let read = |parity| match read_mark(&self.file, parity)? {
            Some(mark) => Ok(Slot::Whole(mark)),
            None => Slot::empty_or_damaged(&self.file, mark_at(parity)),
        };
        Ok([read(0)?, read(1)?])
    }

    /// Where in the file a slot of marks begins: that of even or of odd sequences, as `sequence` is.
    pub const fn mark_at(sequence: u64) -> u64 {
        mark_at(sequence % 2)
    }

    /// Where in the file a place of the ring is.
    pub const fn ring_at(place: u64) -> u64 {
        RING_AT.saturating_add(place)
    }

    /// Writes bytes at a place of the ring. They are on the disk after the next [`LogFile::flush`].
    ///
    /// # Errors
    /// `InvalidInput` if they do not end within the ring, otherwise what the disk says: some may have been written.
    pub fn write(&self, place: u64, bytes: &[u8]) -> io::Result<()> {
        check_bounds("ring", place, bytes.len(), self.capacity)?;
        self.file.write_at(RING_AT + place, bytes)
    }

    /// Reads the bytes at a place of the ring.
    ///
    /// # Errors
    /// `InvalidInput` if they do not end within the ring, otherwise what the disk says.
    pub fn read(&self, place: u64, bytes: &mut [u8]) -> io::Result<()> {
        check_bounds("ring", place, bytes.len(), self.capacity)?;
        self.file.read_at(RING_AT + place, bytes)
    }

    /// Writes the mark, and returns when it and all that was written before are on the disk.
    ///
    /// # Errors
    /// What the disk says. What was written since the last success cannot be relied on from then on, see
    /// [`RawFile::sync`].
    pub fn flush(&self, mark: Mark) -> io::Result<()> {
        let sector = MARK.encode([mark.sequence, mark.flushed, mark.min_offset, mark.start.into()]);
        self.file.write_at(mark_at(mark.sequence % 2), &sector)?;
        self.file.sync()
    }

    /// Returns when all that was written is on the disk.
    ///
    /// # Errors
    /// See [`LogFile::flush`].
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    /// See [`RawFile::release`].
    ///
    /// # Errors
    /// What the system says.
    pub fn release(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.file.release(bytes)
    }

    /// The same content in another kind of file.
    pub(super) fn with_file<G>(self, with: impl FnOnce(F) -> G) -> LogFile<G> {
        LogFile { file: with(self.file), capacity: self.capacity, base: self.base, newest: self.newest }
    }

    /// What it stands in.
    pub(super) const fn file(&self) -> &F {
        &self.file
    }
}

const SUPERBLOCK: Header<2> = Header { magic: *b"RLCOMLOG", version: 1, what: "log" };
const MARK: Header<4> = Header { magic: *b"RLFLMARK", version: 1, what: "mark" };

/// Bytes of the file with a ring of this capacity.
pub(super) const fn file_bytes(capacity: u64) -> u64 {
    RING_AT.saturating_add(capacity)
}

pub(super) fn check_capacity(bytes: u64) -> Result<(), FileError> {
    if (CAPACITY_UNIT..=MAX_CAPACITY).contains(&bytes) && bytes.is_multiple_of(CAPACITY_UNIT) {
        return Ok(());
    }
    Err(FileError::Size { what: "capacity", bytes, most: MAX_CAPACITY, unit: CAPACITY_UNIT })
}

fn check_length(file: &impl RawFile, capacity: u64) -> Result<(), FileError> {
    let (expected, found) = (file_bytes(capacity), file.len()?);
    if found < expected { Err(FileError::TooShort { expected, found }) } else { Ok(()) }
}

/// The slot of a mark's parity.
const fn mark_at(parity: u64) -> u64 {
    BLOCK_BYTES * (1 + parity)
}

/// What is in a slot, if it is whole and belongs there.
fn read_mark(file: &impl RawFile, parity: u64) -> io::Result<Option<Mark>> {
    let found = MARK.read_intact(file, mark_at(parity))?;
    let mark = found.and_then(|[sequence, flushed, min_offset, start]| {
        Some(Mark { sequence, flushed, min_offset, start: u32::try_from(start).ok()? })
    });
    Ok(mark.filter(|mark| mark.sequence % 2 == parity))
}
