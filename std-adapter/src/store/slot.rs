//! What can be in a slot of a file that is written in turn with another one.

use std::io;

use super::block::SECTOR_BYTES;
use super::file::RawFile;

/// What is in one of two slots.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slot<T> {
    /// Nothing was written to it yet.
    Empty,
    /// Something whole.
    Whole(T),
    /// Its header is whole, what it speaks of is not: power failed or the process ended while it was written, or it was
    /// damaged later.
    Unfinished {
        /// The number in the header.
        sequence: u64,
    },
    /// Its header is not as it was written. It stands in one sector, which is written wholly or not at all.
    Damaged,
}

impl<T> Slot<T> {
    /// What is whole in it.
    pub fn whole(self) -> Option<T> {
        match self {
            Self::Whole(content) => Some(content),
            _ => None,
        }
    }

    /// What is in a slot whose header, at this position of the file, cannot be read.
    pub(super) fn empty_or_damaged(file: &impl RawFile, at: u64) -> io::Result<Self> {
        let mut sector = [0; SECTOR_BYTES];
        file.read_at(at, &mut sector)?;
        Ok(if sector.iter().all(|byte| *byte == 0) { Self::Empty } else { Self::Damaged })
    }
}
