//! A data directory that nobody writes to, for tools.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rocketlite_broker::inspect::{SavedCheckpoint, SavedLog};

use super::checkpoint_file::{Checkpoint, CheckpointFile};
use super::directory::{Access, CHECKPOINT, INDEX, LOG, Lock, find};
use super::error::OpenError;
use super::index_file::IndexFile;
use super::keeper::Loaded;
use super::log_file::LogFile;
use super::map::ReadMap;
use crate::checksum::crc32;

/// A data directory that is read while nobody writes to it.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "tools look at each part")]
pub struct OfflineDirectory {
    /// Where it is.
    pub path: PathBuf,
    /// Keeps others from writing; a directory that was copied without the file has none.
    pub lock: Option<Lock>,
    /// The log.
    pub log: LogFile<File>,
    /// The index, or why it cannot be read: it can be derived from the log.
    pub index: Result<IndexFile<File>, OpenError>,
    /// The checkpoint, or why it cannot be read: most is in the log.
    pub checkpoint: Result<CheckpointFile<File>, OpenError>,
}

impl super::Directory {
    /// Opens the directory at `path` for a tool that only reads. Any number can, and no broker can use it meanwhile.
    ///
    /// # Errors
    /// See [`OpenError`]; what is wrong with index and checkpoint stands in their places.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<OfflineDirectory, OpenError> {
        let path = path.as_ref();
        let missing = |name| OpenError::Io { path: path.join(name), error: io::ErrorKind::NotFound.into() };
        check_directory(path)?;
        let lock = Lock::shared(path)?;
        let log = find(path, LOG, Access::Read, LogFile::open_read_only)?;
        let log = log.ok_or_else(|| OpenError::NotADataDirectory { path: path.to_owned() })?;
        let index = find(path, INDEX, Access::Read, IndexFile::open_read_only);
        let checkpoint = find(path, CHECKPOINT, Access::Read, CheckpointFile::open_read_only);
        Ok(OfflineDirectory {
            path: path.to_owned(),
            lock,
            log,
            index: index.and_then(|index| index.ok_or_else(|| missing(INDEX))),
            checkpoint: checkpoint.and_then(|checkpoint| checkpoint.ok_or_else(|| missing(CHECKPOINT))),
        })
    }
}

/// Says if there is no directory.
pub(super) fn check_directory(path: &Path) -> Result<(), OpenError> {
    let found = fs::metadata(path).map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
    if found.is_dir() { Ok(()) } else { Err(OpenError::NotADirectory { path: path.to_owned() }) }
}

/// The ring of a log that nobody writes to, as memory.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ring<'d> {
    /// It comes from the disk as it is looked at, so it may be larger than memory.
    Mapped(ReadMap<'d>),
    /// It was read: of a directory without a lock nobody knows who else uses it.
    Read(Vec<u8>),
}

impl AsMut<[u8]> for Ring<'_> {
    fn as_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Mapped(map) => map.as_mut(),
            Self::Read(bytes) => bytes,
        }
    }
}

impl OfflineDirectory {
    /// The ring of its log.
    ///
    /// # Errors
    /// If it cannot be mapped, or if it has no lock and cannot be read or is larger than memory.
    pub fn ring(&self) -> Result<Ring<'_>, OpenError> {
        let failed = |error| OpenError::Map { path: self.path.join(LOG), bytes: self.log.capacity(), error };
        if let Some(lock) = &self.lock {
            return ReadMap::new(&self.log, lock).map(Ring::Mapped).map_err(failed);
        }
        let too_large = || failed(io::ErrorKind::OutOfMemory.into());
        let len = usize::try_from(self.log.capacity()).map_err(|_| too_large())?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| too_large())?;
        bytes.resize(len, 0);
        self.log.read(0, &mut bytes).map_err(failed)?;
        Ok(Ring::Read(bytes))
    }

    /// The newest checkpoint that a broker could go on from, if there is one.
    ///
    /// # Errors
    /// What the disk says.
    pub fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, OpenError> {
        let Ok(file) = &self.checkpoint else { return Ok(None) };
        let found =
            file.read_all().map_err(|error| OpenError::Io { path: self.path.join(CHECKPOINT), error })?;
        Ok(found.into_iter().next().filter(|newest| SavedCheckpoint::read(&newest.content).is_ok()))
    }

    /// The log in its [ring](Self::ring), with what is known of it.
    ///
    /// # Errors
    /// If mark and checkpoint contradict each other or the size of the ring.
    pub fn saved_log<'r>(
        &self,
        ring: &'r mut Ring<'_>,
        checkpoint: Option<Checkpoint>,
    ) -> Result<SavedLog<'r>, OpenError> {
        saved_log(&self.path, &self.log, ring.as_mut(), checkpoint)
    }
}

/// The log in `ring`, with what its marks and a checkpoint say of it.
pub(super) fn saved_log<'r>(
    directory: &Path,
    log: &LogFile<File>,
    ring: &'r mut [u8],
    checkpoint: Option<Checkpoint>,
) -> Result<SavedLog<'r>, OpenError> {
    let loaded = Loaded::offline(log, checkpoint);
    SavedLog::open(ring, &loaded.saved(), crc32)
        .map_err(|reason| OpenError::Contradiction { path: directory.join(LOG), reason })
}
