//! The files of a data directory, in which a broker keeps its log, and who may use them when.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `lock` | the id of the process that uses the directory, see [`Directory`] |
//! | `log` | the ring of the commit log, and how far it is on the disk, see [`LogFile`] |
//! | `index` | two images of what is derived from the log, see [`IndexFile`] |
//! | `checkpoint` | two slots for what is not in the log, see [`CheckpointFile`] |
//!
//! Here is only where bytes go and how they are checked; what they mean is the engine's. All is generic over [`RawFile`], so
//! that a disk that fails can stand in for the real one. Numbers are little-endian; magic, version, numbers and CRC-32 of
//! a header stand within one sector of 512 bytes, which no disk tears.

mod block;
mod checkpoint_file;
mod directory;
mod error;
mod file;
mod index_file;
mod keeper;
mod log_file;
mod map;
mod offline;
mod resize;
mod slot;
mod verify;

pub use checkpoint_file::{Checkpoint, CheckpointError, CheckpointFile, MAX_CHECKPOINT_BYTES};
pub use directory::{Directory, Lock, MappedDirectory};
pub use error::{FileError, OpenError};
pub use file::RawFile;
pub use index_file::{IndexFile, MAX_INDEX_IMAGE_BYTES};
pub use keeper::{Done, Failed, Job, Keeper, Loaded, report};
pub use log_file::{CAPACITY_UNIT, LogFile, MAX_CAPACITY};
pub use map::{LogMap, MappedFile, ReadMap};
pub use offline::{OfflineDirectory, Ring};
pub use resize::{Resized, resize};
pub use rocketlite_broker::Mark;
pub use rocketlite_broker::inspect::{SavedCheckpoint, SavedItem, SavedItems, SavedLog, SavedRecord};
pub use slot::Slot;
pub use verify::{Fault, IndexState, Verification, index_state, verify};

/// The files of a data directory.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the parts are taken out of it, each to where it is used")]
pub struct Store<F> {
    /// The ring of the commit log.
    pub log: LogFile<F>,
    /// Two images of what is derived from the log.
    pub index: IndexFile<F>,
    /// Two slots for what is not in the log.
    pub checkpoint: CheckpointFile<F>,
}

/// The sizes that are wanted of a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "every size is to be named")]
pub struct Wanted {
    /// Bytes of the log's ring, a multiple of [`CAPACITY_UNIT`] up to [`MAX_CAPACITY`].
    pub capacity: u64,
    /// Bytes of each of the two images of the index, up to [`MAX_INDEX_IMAGE_BYTES`].
    pub index_image_bytes: u64,
    /// Bytes of the longest checkpoint, up to [`MAX_CHECKPOINT_BYTES`]. A file that has room for longer ones will do.
    pub checkpoint_slot_bytes: u64,
}

impl Wanted {
    /// Bytes of the file `log`.
    pub const fn log_file_bytes(&self) -> u64 {
        log_file::file_bytes(self.capacity)
    }

    /// Bytes of the file `index`.
    pub const fn index_file_bytes(&self) -> u64 {
        index_file::file_bytes(self.index_image_bytes)
    }

    /// Bytes of the file `checkpoint`.
    pub const fn checkpoint_file_bytes(&self) -> u64 {
        checkpoint_file::file_bytes(self.checkpoint_slot_bytes)
    }

    /// Whether these sizes are possible.
    fn check(&self) -> Result<(), FileError> {
        log_file::check_capacity(self.capacity)?;
        index_file::check_image(self.index_image_bytes)?;
        checkpoint_file::check_slot(self.checkpoint_slot_bytes)
    }
}

impl<F: RawFile> Store<F> {
    /// Makes the content of new files, each of which has at least the bytes that `wanted` tells and is full of zeros. The log
    /// begins at offset 0.
    pub fn create(log: F, index: F, checkpoint: F, wanted: &Wanted) -> Result<Self, FileError> {
        Ok(Self {
            log: LogFile::create(log, wanted.capacity, 0)?,
            index: IndexFile::create(index, wanted.index_image_bytes)?,
            checkpoint: CheckpointFile::create(checkpoint, wanted.checkpoint_slot_bytes)?,
        })
    }

    /// The content of files that were made before.
    pub fn open(log: F, index: F, checkpoint: F) -> Result<Self, FileError> {
        Ok(Self {
            log: LogFile::open(log)?,
            index: IndexFile::open(index)?,
            checkpoint: CheckpointFile::open(checkpoint)?,
        })
    }
}
