//! Who uses a data directory: one process that writes, or any number that read.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use super::super::error::OpenError;

/// The lock of a data directory. It is given back when this is dropped, or the process ends in any way.
#[derive(Debug)]
pub struct Lock {
    file: File,
    exclusive: bool,
}

impl Lock {
    /// The lock for a process that writes.
    pub(in crate::store) fn exclusive(directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join(LOCK);
        let io = |error| OpenError::Io { path: path.clone(), error };
        let mut options = OpenOptions::new();
        // What is in it belongs to another process, until the lock is had.
        let mut file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(directory, &mut file)),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        file.set_len(0).map_err(io)?;
        // A full disk keeps nobody from files that have their place on it: then the id is not told.
        let _told = writeln!(file, "{}", std::process::id());
        Ok(Self { file, exclusive: true })
    }

    /// The lock for a tool that reads. A directory without the file was copied from elsewhere, and nobody uses it.
    pub(in crate::store) fn shared(directory: &Path) -> Result<Option<Self>, OpenError> {
        let path = directory.join(LOCK);
        let io = |error| OpenError::Io { path: path.clone(), error };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Self { file, exclusive: false })),
            Err(TryLockError::WouldBlock) => Err(in_use(directory, &mut file)),
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.exclusive {
            // Nobody is told of a process that is gone. If it stays, it is only ever shown while the lock is held.
            let _kept = self.file.set_len(0);
        }
    }
}

/// The name of the file.
const LOCK: &str = "lock";

/// Most digits of a process id, and the end of the line.
const PROCESS_BYTES: u64 = 11;

/// Who has the lock that was not to be had: readers if they would share it, otherwise the process that has told its id.
fn in_use(directory: &Path, file: &mut File) -> OpenError {
    let path = directory.to_owned();
    if file.try_lock_shared().is_ok() {
        return OpenError::BeingRead { path };
    }
    let mut text = String::new();
    // What cannot be read is not told.
    let _read = file.take(PROCESS_BYTES).read_to_string(&mut text);
    let process = text.strip_suffix('\n').and_then(|number| number.parse().ok());
    OpenError::InUse { path, process }
}
