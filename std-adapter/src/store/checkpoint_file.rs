//! The file `checkpoint`: two slots, of which at least one is always whole.
//!
//! ```text
//! 0        4 KiB                                 4 KiB + slot
//! | header | even slot                           | odd slot ...  |
//!          | sequence, length, CRC | content ... |
//!          0                       512
//! ```

use core::fmt;
use std::io;

use super::block::{BLOCK_BYTES, Header, SECTOR_BYTES, whole_blocks};
use super::error::FileError;
use super::file::RawFile;
use super::slot::Slot;

/// The longest checkpoint, 1 GiB.
pub const MAX_CHECKPOINT_BYTES: u64 = 1 << 30;

/// The content of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "that is all a checkpoint is")]
pub struct Checkpoint {
    /// Grows with each checkpoint.
    pub sequence: u64,
    /// What the engine has saved.
    pub content: Vec<u8>,
}

/// Why a checkpoint was not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It is longer than a slot.
    TooLong {
        /// Bytes of the content.
        bytes: u64,
        /// Most that a slot has room for.
        limit: u64,
    },
    /// It would take the slot of the newest one that is known to be on the disk, and a power cut would leave none. After a
    /// checkpoint that failed, the next one has the same sequence.
    OverwritesNewest {
        /// The sequence that was to be written.
        sequence: u64,
        /// That of the newest one on the disk.
        newest: u64,
    },
    /// What the disk says. The one before is still there.
    Io(io::Error),
}

impl From<io::Error> for CheckpointError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes, limit } => {
                write!(f, "a checkpoint of {bytes} bytes does not fit into a slot of {limit} bytes")
            }
            Self::OverwritesNewest { sequence, newest } => {
                write!(f, "checkpoint {sequence} would take the slot of {newest}, the newest on the disk")
            }
            Self::Io(error) => write!(f, "the checkpoint: {error}"),
        }
    }
}

impl core::error::Error for CheckpointError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// The file `checkpoint` of a data directory: two slots that are written in turn.
#[derive(Debug)]
pub struct CheckpointFile<F> {
    file: F,
    slot_bytes: u64,
    /// The newest sequence that is known to be on the disk.
    newest: Option<u64>,
}

impl<F: RawFile> CheckpointFile<F> {
    /// Makes the content of a new file that is at least as long as it needs to be. It is on the disk when this returns.
    ///
    /// # Errors
    /// If no slot can be so long, the file is too short, or the disk refuses.
    pub fn create(file: F, slot_bytes: u64) -> Result<Self, FileError> {
        check_slot(slot_bytes)?;
        check_length(&file, slot_bytes)?;
        let checkpoint = Self { file, slot_bytes, newest: None };
        for slot in 0..2 {
            checkpoint.file.write_at(checkpoint.slot_at(slot), &[0; SECTOR_BYTES])?;
        }
        checkpoint.file.write_at(0, &HEADER.encode([slot_bytes]))?;
        checkpoint.file.sync()?;
        Ok(checkpoint)
    }

    /// The content of a file that was made before. The newest checkpoint is written again: a process that was killed, or whose
    /// sync failed, may have left it in the system's memory only, where it looks as if the disk had it, and the next one
    /// takes the slot of the one that the disk has.
    ///
    /// # Errors
    /// If it is not a checkpoint of this release, its header is damaged, it is too short, or the disk refuses.
    pub fn open(file: F) -> Result<Self, FileError> {
        let checkpoint = Self::open_read_only(file)?;
        if let Some(newest) = checkpoint.read_all()?.first() {
            checkpoint.write_slot(newest.sequence, &newest.content)?;
        }
        checkpoint.file.sync()?;
        Ok(checkpoint)
    }

    /// The same of a file that nobody is going to write to, and without asking the disk to.
    ///
    /// # Errors
    /// See [`CheckpointFile::open`].
    pub fn open_read_only(file: F) -> Result<Self, FileError> {
        let [slot_bytes] = HEADER.read(&file, 0)?;
        check_slot(slot_bytes).map_err(|_| FileError::Damaged { what: HEADER.what })?;
        check_length(&file, slot_bytes)?;
        let mut checkpoint = Self { file, slot_bytes, newest: None };
        checkpoint.newest = checkpoint.read_all()?.first().map(|newest| newest.sequence);
        Ok(checkpoint)
    }

    /// Bytes of the longest checkpoint.
    pub const fn slot_bytes(&self) -> u64 {
        self.slot_bytes
    }

    /// What is in the slots, that of even sequences first.
    ///
    /// # Errors
    /// What the disk says.
    pub fn slots(&self) -> io::Result<[Slot<Checkpoint>; 2]> {
        let read = |parity| {
            if let Some(checkpoint) = self.read_slot(parity)? {
                return Ok(Slot::Whole(checkpoint));
            }
            match SLOT.read_intact(&self.file, self.slot_at(parity))? {
                Some([sequence, ..]) if sequence % 2 == parity => Ok(Slot::Unfinished { sequence }),
                _ => Slot::empty_or_damaged(&self.file, self.slot_at(parity)),
            }
        };
        Ok([read(0)?, read(1)?])
    }

    /// What is in the slots, newest first: only what is whole, so two, one or none.
    ///
    /// # Errors
    /// What the disk says.
    pub fn read_all(&self) -> io::Result<Vec<Checkpoint>> {
        let (even, odd) = (self.read_slot(0)?, self.read_slot(1)?);
        let mut found: Vec<_> = even.into_iter().chain(odd).collect();
        found.sort_by_key(|checkpoint| core::cmp::Reverse(checkpoint.sequence));
        Ok(found)
    }

    /// Writes a checkpoint, and returns when it is on the disk. It takes the slot of its sequence's parity.
    ///
    /// # Errors
    /// If it is too long, or would take the slot of the newest one on the disk, before anything is written; otherwise what the
    /// disk says.
    pub fn write(&mut self, sequence: u64, content: &[u8]) -> Result<(), CheckpointError> {
        let bytes = u64::try_from(content.len()).unwrap_or(u64::MAX);
        if bytes > self.slot_bytes {
            return Err(CheckpointError::TooLong { bytes, limit: self.slot_bytes });
        }
        if let Some(newest) = self.newest.filter(|newest| newest % 2 == sequence % 2) {
            return Err(CheckpointError::OverwritesNewest { sequence, newest });
        }
        self.write_slot(sequence, content)?;
        self.file.sync()?;
        self.newest = Some(sequence);
        Ok(())
    }

    fn write_slot(&self, sequence: u64, content: &[u8]) -> io::Result<()> {
        let at = self.slot_at(sequence);
        let header = SLOT.encode([sequence, content.len() as u64, u64::from(crc32fast::hash(content))]);
        self.file.write_at(at + SECTOR_BYTES as u64, content)?;
        self.file.write_at(at, &header)
    }

    /// What is in the slot of this parity, if it is whole and belongs there.
    fn read_slot(&self, parity: u64) -> io::Result<Option<Checkpoint>> {
        let at = self.slot_at(parity);
        let Some([sequence, bytes, sum]) = SLOT.read_intact(&self.file, at)? else { return Ok(None) };
        let fits = bytes <= self.slot_bytes && sequence % 2 == parity;
        let Some(len) = usize::try_from(bytes).ok().filter(|_| fits) else { return Ok(None) };
        let mut content = vec![0; len];
        self.file.read_at(at + SECTOR_BYTES as u64, &mut content)?;
        let whole = u64::from(crc32fast::hash(&content)) == sum;
        Ok(whole.then_some(Checkpoint { sequence, content }))
    }

    /// Where in the file a slot begins: that of even or of odd sequences, as `sequence` is.
    pub const fn slot_at(&self, sequence: u64) -> u64 {
        BLOCK_BYTES + sequence % 2 * slot_stride(self.slot_bytes)
    }
}

const HEADER: Header<1> = Header { magic: *b"RLCHKPNT", version: 1, what: "checkpoint" };
const SLOT: Header<3> = Header { magic: *b"RLCHKSLT", version: 1, what: "slot" };

/// Bytes from one slot to the next.
const fn slot_stride(slot_bytes: u64) -> u64 {
    whole_blocks(slot_bytes.saturating_add(SECTOR_BYTES as u64))
}

/// Bytes of the file with slots of this length.
pub(super) const fn file_bytes(slot_bytes: u64) -> u64 {
    BLOCK_BYTES.saturating_add(slot_stride(slot_bytes).saturating_mul(2))
}

pub(super) const fn check_slot(bytes: u64) -> Result<(), FileError> {
    if bytes == 0 || bytes > MAX_CHECKPOINT_BYTES {
        return Err(FileError::Size { what: "checkpoint", bytes, most: MAX_CHECKPOINT_BYTES, unit: 1 });
    }
    Ok(())
}

fn check_length(file: &impl RawFile, slot_bytes: u64) -> Result<(), FileError> {
    let (expected, found) = (file_bytes(slot_bytes), file.len()?);
    if found < expected { Err(FileError::TooShort { expected, found }) } else { Ok(()) }
}
