//! A file that behaves like NOR flash: words that are written clear bits, pages that are erased set them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use embedded_storage_async::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use super::error::OpenError;
use super::header::{FILE_HEADER_BYTES, FileHeader};

/// Bytes of a page. A message must fit into one.
pub(super) const PAGE_BYTES: usize = 64 << 10;

/// An open file, locked against other processes.
#[derive(Debug)]
pub(super) struct FileFlash {
    file: File,
    /// Bytes behind the header.
    capacity: u32,
    /// Whether each write is on the disk before it counts.
    sync: bool,
}

/// What a file has refused.
#[derive(Debug)]
pub(super) enum FileError {
    Io(io::Error),
    /// A bit that is 0 was to become 1.
    NotErased,
    OutOfBounds,
    NotAligned,
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl NorFlashError for FileError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::Io(_) | Self::NotErased => NorFlashErrorKind::Other,
        }
    }
}

impl FileFlash {
    /// The file at `path`, which is made if it is missing or empty. Its bytes are written then, so that a full disk is met
    /// now and not later.
    pub(super) fn open(path: &Path, capacity: u32, sync: bool) -> Result<Self, OpenError> {
        let io = |error| OpenError::File { path: path.to_owned(), error };
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let mut flash = Self { file, capacity, sync };
        match FileHeader::read(&mut flash.file).map_err(io)? {
            FileHeader::Foreign => return Err(OpenError::Foreign { path: path.to_owned() }),
            FileHeader::OtherVersion(version) => {
                return Err(OpenError::OtherVersion { path: path.to_owned(), version });
            }
            FileHeader::Of { capacity: found, .. } if found != u64::from(capacity) => {
                return Err(OpenError::OtherCapacity { path: path.to_owned(), found });
            }
            FileHeader::Of { complete: true, .. } => {
                let expected = FILE_HEADER_BYTES + u64::from(capacity);
                let found = flash.file.metadata().map_err(io)?.len();
                if found != expected {
                    return Err(OpenError::OtherLength { path: path.to_owned(), expected, found });
                }
            }
            FileHeader::Missing | FileHeader::Of { .. } => flash.create(path).map_err(io)?,
        }
        Ok(flash)
    }

    /// Header, erased pages, and only then the mark that all is there.
    fn create(&mut self, path: &Path) -> io::Result<()> {
        FileHeader::write(&mut self.file, u64::from(self.capacity))?;
        self.file.set_len(FILE_HEADER_BYTES + u64::from(self.capacity))?;
        self.file.seek(SeekFrom::Start(FILE_HEADER_BYTES))?;
        let page = vec![0xff; PAGE_BYTES];
        for _ in 0..self.capacity as usize / PAGE_BYTES {
            self.file.write_all(&page)?;
        }
        self.file.sync_all()?;
        FileHeader::complete(&mut self.file)?;
        self.file.sync_all()?;
        sync_directory(path)
    }

    /// Goes to a place in the pages.
    fn seek(&mut self, offset: u32, len: usize) -> Result<(), FileError> {
        let end = u64::from(offset) + len as u64;
        if end > u64::from(self.capacity) {
            return Err(FileError::OutOfBounds);
        }
        self.file.seek(SeekFrom::Start(FILE_HEADER_BYTES + u64::from(offset)))?;
        Ok(())
    }

    fn flush(&self) -> Result<(), FileError> {
        if self.sync {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

/// A file that was made is only found after a power cut if its directory is on the disk.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

impl ErrorType for FileFlash {
    type Error = FileError;
}

impl ReadNorFlash for FileFlash {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FileError> {
        self.seek(offset, bytes.len())?;
        Ok(self.file.read_exact(bytes)?)
    }

    fn capacity(&self) -> usize {
        self.capacity as usize
    }
}

impl NorFlash for FileFlash {
    /// No disk tears eight bytes that lie in one sector, and a record's header has eight.
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = PAGE_BYTES;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), FileError> {
        let (start, end) = (from as usize, to as usize);
        if !start.is_multiple_of(PAGE_BYTES) || !end.is_multiple_of(PAGE_BYTES) || start > end {
            return Err(FileError::NotAligned);
        }
        self.seek(from, end - start)?;
        let erased = vec![0xff; PAGE_BYTES];
        for _ in 0..(end - start) / PAGE_BYTES {
            self.file.write_all(&erased)?;
        }
        self.flush()
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FileError> {
        if !(offset as usize).is_multiple_of(Self::WRITE_SIZE)
            || !bytes.len().is_multiple_of(Self::WRITE_SIZE)
        {
            return Err(FileError::NotAligned);
        }
        let mut old = vec![0; bytes.len()];
        self.read(offset, &mut old).await?;
        if bytes.iter().zip(&old).any(|(new, old)| new & !old != 0) {
            return Err(FileError::NotErased);
        }
        self.seek(offset, bytes.len())?;
        self.file.write_all(bytes)?;
        self.flush()
    }
}

impl MultiwriteNorFlash for FileFlash {}
