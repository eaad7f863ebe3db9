//! What is wanted of a file: bytes at positions, and certainty that they are on the disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// A file of a fixed length. Positions are arguments, so that threads can share it.
#[expect(clippy::len_without_is_empty, reason = "a file of a data directory never is")]
pub trait RawFile {
    /// Fills `bytes` with what stands from position `at` on.
    ///
    /// # Errors
    /// What the disk says; `UnexpectedEof` if the file ends before.
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` from position `at` on, to where [`RawFile::read_at`] finds them, and a power cut may lose or
    /// tear them.
    ///
    /// # Errors
    /// What the disk says. Some of the bytes may have been written.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all that was written before is on stable storage.
    ///
    /// # Errors
    /// What the disk says. None of what was written since the last success can be relied on from then on, and a later
    /// success says nothing about it: the system may have dropped it.
    fn sync(&self) -> io::Result<()>;

    /// Takes away the memory of `bytes`, which are borrowed from a mapping of the file and were written to it: what is in them
    /// comes from the file when it is looked at. Does nothing if there is no such mapping.
    ///
    /// # Errors
    /// What the system says.
    fn release(&self, bytes: &mut [u8]) -> io::Result<()> {
        let _ = bytes;
        Ok(())
    }

    /// Bytes of the file.
    ///
    /// # Errors
    /// What the disk says.
    fn len(&self) -> io::Result<u64>;
}

impl RawFile for File {
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(bytes, at)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    /// `fdatasync`: the length never changes, and times do not matter.
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// Says if `len` bytes at place `at` do not end within the `limit` bytes of a part of a file.
pub(super) fn check_bounds(what: &str, at: u64, len: usize, limit: u64) -> io::Result<()> {
    let len = u64::try_from(len).unwrap_or(u64::MAX);
    match at.checked_add(len) {
        Some(end) if end <= limit => Ok(()),
        _ => {
            let told = format!("{len} bytes at place {at} are not within the {what} of {limit} bytes");
            Err(io::Error::new(io::ErrorKind::InvalidInput, told))
        }
    }
}
