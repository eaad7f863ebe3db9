//! The ring of a log as memory: the one file with `unsafe`.
#![expect(unsafe_code, reason = "memory that stands for a file cannot be had without")]

use core::fmt;
use core::ops::Range;
use std::fs::File;
use std::io;

use memmap2::{MmapMut, MmapOptions};

use super::directory::Lock;
use super::file::RawFile;
use super::log_file::{LogFile, RING_AT};

/// The ring of a log as memory, in a private mapping: what is written to it goes to a copy of the page, never to the file.
/// [`LogFile::write`] takes it there, so that a full or failing disk is an error of a call. The log may be larger than memory:
/// what was written to the file can be [released](LogFile::release).
///
/// A page that is not in memory comes from the disk when it is touched. If the disk cannot read it, there is nobody to give
/// an error to, and the system ends the process with `SIGBUS`.
///
/// It holds the lock of its directory, see [`MappedDirectory`](super::MappedDirectory).
pub struct LogMap {
    map: MmapMut,
    _lock: Lock,
}

/// The file of a log that is mapped. It takes to the ring only what stands at the same place of the mapping.
///
/// This is what makes references to the mapping sound: pages that were not written to show what is in the file, so nothing
/// else may be written there while they are borrowed.
#[derive(Debug)]
pub struct MappedFile {
    file: File,
    /// Addresses of the mapped ring. They are compared and never followed.
    ring: Range<usize>,
}

impl LogMap {
    /// Maps the ring of a log whose directory is locked. What it stands in is taken, so that only [`MappedFile`] can write to
    /// it.
    ///
    /// # Errors
    /// What the system says: the ring is larger than the address space, or so much memory must not be promised.
    pub(super) fn new(log: LogFile<File>, lock: Lock) -> io::Result<(Self, LogFile<MappedFile>)> {
        let len = usize::try_from(log.capacity()).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let mut options = MmapOptions::new();
        // The system need not have memory for copies of all pages: there are never many that are not released.
        options.offset(RING_AT).len(len).no_reserve_swap();
        // SAFETY: The memory must not change but through `map`, and must stay there. It is a private mapping of a file
        // that is at least this long and that `lock`, which lives as long, keeps others from using; they would have to go
        // round the lock to change or cut it. In this process the file belongs to the `MappedFile` below, which never
        // changes its length and writes to the ring only what already stands there, see `MappedFile::write_at`.
        let map = unsafe { options.map_copy(log.file()) }?;
        let addresses = map.as_ptr_range();
        let ring = addresses.start.addr()..addresses.end.addr();
        Ok((Self { map, _lock: lock }, log.with_file(|file| MappedFile { file, ring })))
    }

    /// [Releases](RawFile::release) a range of the ring.
    ///
    /// # Errors
    /// `InvalidInput` if `range` is not within the ring, otherwise what the system says.
    pub fn release(&mut self, range: Range<usize>) -> io::Result<()> {
        let len = self.map.len();
        let bytes = self.map.get_mut(range.clone()).ok_or_else(|| {
            let told = format!("{range:?} is not within a ring of {len} bytes");
            io::Error::new(io::ErrorKind::InvalidInput, told)
        })?;
        give_back(bytes)
    }
}

/// Lets the pages that are wholly within `bytes` of a private mapping show what they are a mapping of.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn give_back(bytes: &mut [u8]) -> io::Result<()> {
    use rustix::mm::{Advice, madvise};

    // Pages may be larger than blocks of the file, so that the ring need not begin with one.
    let page = rustix::param::page_size();
    let address = bytes.as_ptr().addr();
    let start = address.next_multiple_of(page) - address;
    let end = ((address + bytes.len()) / page * page).saturating_sub(address);
    let Some(pages) = bytes.get_mut(start..end).filter(|pages| !pages.is_empty()) else { return Ok(()) };
    // SAFETY: This replaces the content of whole pages by what the file has, or by zeros if it were other memory. `pages` is
    // all that it changes: they are borrowed mutably, so that nobody else has a reference to them, and any bytes are as
    // good as any others.
    Ok(unsafe { madvise(pages.as_mut_ptr().cast(), pages.len(), Advice::LinuxDontNeed) }?)
}

/// Other systems take this for advice, and may keep what they have: so nothing is asked of them.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail where it does something")]
fn give_back(_: &mut [u8]) -> io::Result<()> {
    Ok(())
}

impl AsRef<[u8]> for LogMap {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

impl AsMut<[u8]> for LogMap {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.map
    }
}

impl fmt::Debug for LogMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogMap").field("len", &self.map.len()).finish_non_exhaustive()
    }
}

/// The ring of a log as memory, for who only reads. What is written to it goes to a copy of the page, never to the file.
///
/// A page comes from the disk when it is touched. If the disk cannot read it, the system ends the process with `SIGBUS`.
pub struct ReadMap<'d> {
    map: MmapMut,
    /// Without it somebody could write to the file.
    _lock: &'d Lock,
}

impl<'d> ReadMap<'d> {
    /// Maps the ring of a log whose directory is locked, for readers or for this process alone, which then must not write to
    /// it or cut it as long as this is there.
    ///
    /// # Errors
    /// What the system says: the ring is larger than the address space.
    pub(super) fn new(log: &LogFile<File>, lock: &'d Lock) -> io::Result<Self> {
        let len = usize::try_from(log.capacity()).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let mut options = MmapOptions::new();
        options.offset(RING_AT).len(len).no_reserve_swap();
        // SAFETY: The memory must not change but through `map`, and must stay there. It is a private mapping of a file
        // that is at least this long and that `lock`, which lives as long, keeps others from writing to; they would have to
        // go round the lock to change or cut it. Those who call this do not.
        let map = unsafe { options.map_copy(log.file()) }?;
        Ok(Self { map, _lock: lock })
    }
}

impl AsMut<[u8]> for ReadMap<'_> {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.map
    }
}

impl fmt::Debug for ReadMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadMap").field("len", &self.map.len()).finish_non_exhaustive()
    }
}

impl RawFile for MappedFile {
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_at(at, bytes)
    }

    /// What goes to the ring must be borrowed from the mapping, from the same place. Since it is borrowed nobody writes to it
    /// meanwhile, and pages that show the file are written with what they show.
    ///
    /// # Errors
    /// `InvalidInput` if it is not.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let end = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let place = at.checked_sub(RING_AT).and_then(|place| usize::try_from(place).ok());
        let own = place.and_then(|place| self.ring.start.checked_add(place));
        let addresses = bytes.as_ptr_range();
        let is_own = own == Some(addresses.start.addr()) && addresses.end.addr() <= self.ring.end;
        if end > RING_AT && !is_own {
            let told = "what is written to a log that is mapped must stand at that place of the mapping";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, told));
        }
        self.file.write_at(at, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    /// Gives the memory of copies of pages back to the system: of those that are wholly within `bytes`, which are borrowed
    /// from the mapping. They then show what is in the file: bytes that were not [written](LogFile::write) to it are lost.
    ///
    /// Systems other than Linux keep the copies, and the memory.
    ///
    /// # Errors
    /// `InvalidInput` if `bytes` are not of the mapping, otherwise what the system says.
    fn release(&self, bytes: &mut [u8]) -> io::Result<()> {
        let addresses = bytes.as_ptr_range();
        if addresses.start.addr() < self.ring.start || addresses.end.addr() > self.ring.end {
            let told = "what is released of a log that is mapped must be of the mapping";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, told));
        }
        give_back(bytes)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}

#[cfg(test)]
mod tests;
