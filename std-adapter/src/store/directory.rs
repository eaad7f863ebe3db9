//! Data directories: who may use one, and how its files come to be.

mod create;
mod lock;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

pub use lock::Lock;

use super::checkpoint_file::{Checkpoint, CheckpointFile};
use super::error::{FileError, OpenError};
use super::index_file::IndexFile;
use super::log_file::LogFile;
use super::map::{LogMap, MappedFile};
use super::{Store, Wanted};
pub(super) use create::{Prepared, check_space, remove_unfinished};

use create::make_directory;

/// A data directory that this process alone uses.
///
/// It is made when it is opened for the first time: first the files get their space and content under other names, then their
/// own names, the log first and the checkpoint last. So the directory is, whenever power fails, one that was not used yet
/// and whose missing files are made by the next open, or a whole one. No log is ever removed or made again.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    lock: Lock,
    store: Store<File>,
}

/// A [`Directory`] whose log is mapped into memory.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the parts are taken out of it, each to where it is used")]
pub struct MappedDirectory {
    /// The ring of the log as memory. It holds the lock: the directory is used until it is dropped.
    pub map: LogMap,
    /// The log. It takes only what stands in `map`.
    pub log: LogFile<MappedFile>,
    /// Two images of what is derived from the log.
    pub index: IndexFile<File>,
    /// Two slots for what is not in the log.
    pub checkpoint: CheckpointFile<File>,
}

impl Directory {
    /// Opens the directory at `path` for this process alone. What is missing is made, with directories above it.
    ///
    /// An index of another length is replaced by a [new](IndexFile::is_new) one, and a checkpoint with shorter slots by one
    /// with the same content. A log keeps its capacity.
    ///
    /// # Errors
    /// See [`OpenError`]. A log, index or checkpoint that cannot be used is left as it was.
    pub fn open_or_create(path: impl AsRef<Path>, wanted: &Wanted) -> Result<Self, OpenError> {
        let path = path.as_ref();
        wanted.check().map_err(OpenError::Wanted)?;
        make_directory(path)?;
        let lock = Lock::exclusive(path)?;
        for name in [LOG, INDEX, CHECKPOINT] {
            remove_unfinished(path, name)?;
        }
        let log = find(path, LOG, Access::Write, LogFile::open)?;
        let index = find(path, INDEX, Access::Write, IndexFile::open)?;
        let checkpoint = find(path, CHECKPOINT, Access::Write, CheckpointFile::open)?;
        let store = Found { log, index, checkpoint }.complete(path, wanted)?;
        Ok(Self { path: path.to_owned(), lock, store })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its files.
    pub const fn store(&self) -> &Store<File> {
        &self.store
    }

    /// Its files, to be written to.
    pub const fn store_mut(&mut self) -> &mut Store<File> {
        &mut self.store
    }

    /// Its files, and the lock, which is to be kept as long as they are used.
    pub fn into_parts(self) -> (Lock, Store<File>) {
        (self.lock, self.store)
    }

    /// The same with the log as memory.
    ///
    /// # Errors
    /// If the log cannot be mapped.
    pub fn map(self) -> Result<MappedDirectory, OpenError> {
        let Store { log, index, checkpoint } = self.store;
        let bytes = log.capacity();
        match LogMap::new(log, self.lock) {
            Ok((map, log)) => Ok(MappedDirectory { map, log, index, checkpoint }),
            Err(error) => Err(OpenError::Map { path: self.path.join(LOG), bytes, error }),
        }
    }
}

/// The files that are there.
struct Found {
    log: Option<LogFile<File>>,
    index: Option<IndexFile<File>>,
    checkpoint: Option<CheckpointFile<File>>,
}

impl Found {
    /// Makes what is missing or has another length than is wanted.
    fn complete(self, path: &Path, wanted: &Wanted) -> Result<Store<File>, OpenError> {
        self.check_log(path, wanted)?;
        let Self { log, index, checkpoint } = self;
        let index = index.filter(|index| index.image_bytes() == wanted.index_image_bytes);
        let kept = checkpoint.as_ref().map_or(Ok(Vec::new()), CheckpointFile::read_all);
        let kept = kept.map_err(|error| OpenError::Io { path: path.join(CHECKPOINT), error })?;
        let checkpoint = checkpoint.filter(|found| found.slot_bytes() >= wanted.checkpoint_slot_bytes);

        let bytes = [
            if log.is_none() { wanted.log_file_bytes() } else { 0 },
            if index.is_none() { wanted.index_file_bytes() } else { 0 },
            if checkpoint.is_none() { wanted.checkpoint_file_bytes() } else { 0 },
        ];
        check_space(path, bytes.iter().sum())?;
        // All are made before the first gets its name: a disk that is full after all leaves nothing behind.
        let log = Part::new(log, path, LOG, bytes[0], |file| LogFile::create(file, wanted.capacity, 0))?;
        let index = Part::new(index, path, INDEX, bytes[1], |file| {
            IndexFile::create(file, wanted.index_image_bytes)
        })?;
        let checkpoint = Part::new(checkpoint, path, CHECKPOINT, bytes[2], |file| {
            checkpoint_with(file, wanted.checkpoint_slot_bytes, kept)
        })?;
        Ok(Store { log: log.install()?, index: index.install()?, checkpoint: checkpoint.install()? })
    }

    /// The log must be there if anything is, with the capacity that is wanted.
    fn check_log(&self, path: &Path, wanted: &Wanted) -> Result<(), OpenError> {
        let wanted = wanted.capacity;
        let Some(found) = self.log.as_ref().map(LogFile::capacity) else {
            let present = if self.checkpoint.is_some() { CHECKPOINT } else { INDEX };
            return if self.checkpoint.is_none() && self.index.is_none() {
                Ok(())
            } else {
                Err(OpenError::LogMissing { path: path.join(LOG), present: path.join(present) })
            };
        };
        let path = path.to_owned();
        match wanted.cmp(&found) {
            core::cmp::Ordering::Equal => Ok(()),
            core::cmp::Ordering::Greater => Err(OpenError::LargerCapacity { path, found, wanted }),
            core::cmp::Ordering::Less => Err(OpenError::SmallerCapacity { path, found, wanted }),
        }
    }
}

/// A file that was there, or is about to be.
enum Part<T> {
    Found(T),
    Prepared(Prepared<T>),
}

impl<T> Part<T> {
    fn new(
        found: Option<T>,
        path: &Path,
        name: &str,
        bytes: u64,
        make: impl FnOnce(File) -> Result<T, FileError>,
    ) -> Result<Self, OpenError> {
        found.map_or_else(
            || Prepared::new(path, name, bytes, make).map(Self::Prepared),
            |part| Ok(Self::Found(part)),
        )
    }

    fn install(self) -> Result<T, OpenError> {
        match self {
            Self::Found(part) => Ok(part),
            Self::Prepared(prepared) => prepared.install(),
        }
    }
}

pub(super) const LOG: &str = "log";
pub(super) const INDEX: &str = "index";
pub(super) const CHECKPOINT: &str = "checkpoint";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// The content of a file, if it is there.
pub(super) fn find<T>(
    directory: &Path,
    name: &str,
    access: Access,
    open: impl FnOnce(File) -> Result<T, FileError>,
) -> Result<Option<T>, OpenError> {
    let path = directory.join(name);
    match fs::metadata(&path) {
        Ok(found) if !found.is_file() => return Err(OpenError::NotAFile { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // Opening says the rest.
        _ => {}
    }
    match OpenOptions::new().read(true).write(access == Access::Write).open(&path) {
        Ok(file) => open(file).map(Some).map_err(|error| OpenError::File { path, error }),
        Err(error) => Err(OpenError::Io { path, error }),
    }
}

/// A new checkpoint file that has what another one had, newest first.
fn checkpoint_with(
    file: File,
    slot_bytes: u64,
    kept: Vec<Checkpoint>,
) -> Result<CheckpointFile<File>, FileError> {
    let mut checkpoint = CheckpointFile::create(file, slot_bytes)?;
    for Checkpoint { sequence, content } in kept.into_iter().rev() {
        checkpoint.write(sequence, &content).map_err(|error| FileError::Io(io::Error::other(error)))?;
    }
    Ok(checkpoint)
}
