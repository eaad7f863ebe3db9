//! The first bytes of an outbox's file: what it is, and whether it was made completely.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

/// Bytes before the first page.
pub(super) const FILE_HEADER_BYTES: u64 = 4096;

/// What stands at the beginning of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileHeader {
    /// The file is empty, or was just being made when power failed.
    Missing,
    /// It belongs to somebody else.
    Foreign,
    OtherVersion(u32),
    Of {
        capacity: u64,
        complete: bool,
    },
}

impl FileHeader {
    pub(super) fn read(file: &mut File) -> io::Result<Self> {
        let mut start = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        (&*file).take(FILE_HEADER_BYTES).read_to_end(&mut start)?;
        let len = file.metadata()?.len();
        if len <= FILE_HEADER_BYTES && start.iter().all(|byte| *byte == 0) {
            return Ok(Self::Missing);
        }
        let Some((fields, rest)) = start.split_first_chunk::<CHECKED>() else { return Ok(Self::Foreign) };
        let Some((sum, rest)) = rest.split_first_chunk() else { return Ok(Self::Foreign) };
        let (magic, numbers) = fields.split_at(MAGIC.len());
        if magic != MAGIC || crc32fast::hash(fields) != u32::from_le_bytes(*sum) {
            return Ok(Self::Foreign);
        }
        let mut numbers = numbers
            .chunks_exact(8)
            .map(|bytes| bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte)));
        let (version, capacity) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        Ok(match u32::try_from(version) {
            Ok(VERSION) => Self::Of { capacity, complete: rest.first() == Some(&COMPLETE) },
            Ok(version) => Self::OtherVersion(version),
            Err(_) => Self::Foreign,
        })
    }

    /// Writes the header of a file that is not complete yet, and waits until the disk has it.
    pub(super) fn write(file: &mut File, capacity: u64) -> io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&u64::from(VERSION).to_le_bytes());
        bytes.extend_from_slice(&capacity.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes.push(!COMPLETE);
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&bytes)?;
        file.sync_all()
    }

    /// Says that everything behind the header was written.
    pub(super) fn complete(file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(CHECKED as u64 + 4))?;
        file.write_all(&[COMPLETE])
    }
}

const MAGIC: &[u8; 8] = b"RLOUTBOX";
/// Changes with the pages' size and with the layout of what is on them.
const VERSION: u32 = 1;
/// Bytes before the checksum: magic, version, capacity.
const CHECKED: usize = 24;
const COMPLETE: u8 = 1;
