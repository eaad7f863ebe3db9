//! Files that are made whole or not at all.
//!
//! A file gets its space and its content under the name `NAME.new`, is synced, and only then gets its name; the directory is
//! synced after that. So a file that has its name is whole at any time, and one that has not was never used.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::super::error::{FileError, OpenError};

/// A file that has all but its name. Dropped without, it is removed.
#[derive(Debug)]
pub(in crate::store) struct Prepared<T> {
    names: Names,
    content: T,
}

/// What a file is called until it is whole, and from then on.
#[derive(Debug)]
struct Names {
    temporary: PathBuf,
    last: PathBuf,
    installed: bool,
}

impl<T> Prepared<T> {
    /// Makes the file `name` of `bytes` bytes, which all have their place on the disk, with the content that `make` gives it
    /// and syncs.
    pub(in crate::store) fn new(
        directory: &Path,
        name: &str,
        bytes: u64,
        make: impl FnOnce(File) -> Result<T, FileError>,
    ) -> Result<Self, OpenError> {
        let last = directory.join(name);
        let temporary = directory.join(format!("{name}.{TEMPORARY}"));
        let io = |error| OpenError::Io { path: last.clone(), error };
        remove(&temporary)?;
        let names = Names { temporary, last: last.clone(), installed: false };
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).open(&names.temporary).map_err(io)?;
        allocate(&file, bytes).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                OpenError::NoSpace { path: last.clone(), wanted: bytes, available: available(&file) }
            }
            _ => io(error),
        })?;
        file.sync_all().map_err(io)?;
        let content = make(file).map_err(|error| OpenError::File { path: last.clone(), error })?;
        Ok(Self { names, content })
    }

    /// Gives the file its name. It takes the place of one that had it.
    pub(in crate::store) fn install(mut self) -> Result<T, OpenError> {
        let Names { temporary, last, installed } = &mut self.names;
        fs::rename(temporary, &*last).map_err(|error| OpenError::Io { path: last.clone(), error })?;
        *installed = true;
        if let Some(directory) = last.parent() {
            sync_directory(directory)?;
        }
        Ok(self.content)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        if !self.installed {
            // The next open removes it if this does not.
            let _left = fs::remove_file(&self.temporary);
        }
    }
}

/// Removes what a process has left that ended while it made the file `name`.
pub(in crate::store) fn remove_unfinished(directory: &Path, name: &str) -> Result<(), OpenError> {
    remove(&directory.join(format!("{name}.{TEMPORARY}")))
}

/// Says if there is less space than `bytes` in the file system of a directory.
pub(in crate::store) fn check_space(directory: &Path, bytes: u64) -> Result<(), OpenError> {
    let opened =
        File::open(directory).map_err(|error| OpenError::Io { path: directory.to_owned(), error })?;
    match available(&opened) {
        Some(there) if there < bytes => {
            Err(OpenError::NoSpace { path: directory.to_owned(), wanted: bytes, available: Some(there) })
        }
        _ => Ok(()),
    }
}

/// Makes sure that a directory is there, and that a power cut leaves it.
pub(super) fn make_directory(path: &Path) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => return Err(OpenError::NotADirectory { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(OpenError::NotADirectory { path: path.to_owned() });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(OpenError::Io { path: path.to_owned(), error }),
    }
    // Above each directory that is made there is one that has to remember it.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_directory(parent)?;
    fs::create_dir(path).map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
    sync_directory(parent)
}

/// What names of files end with until they are whole.
const TEMPORARY: &str = "new";

fn remove(path: &Path) -> Result<(), OpenError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OpenError::Io { path: path.to_owned(), error })
        }
        _ => Ok(()),
    }
}

fn sync_directory(path: &Path) -> Result<(), OpenError> {
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    synced.map_err(|error| OpenError::Io { path: path.to_owned(), error })
}

/// Bytes that this user can still write, if the file system knows.
fn available(file: &File) -> Option<u64> {
    let found = rustix::fs::fstatvfs(file).ok().filter(|found| found.f_blocks > 0)?;
    found.f_bavail.checked_mul(found.f_frsize)
}

/// Gives a file its length and its place on the disk.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::{Errno, retry_on_intr};

    match retry_on_intr(|| fallocate(file, FallocateFlags::empty(), 0, bytes)) {
        // Not every file system can.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(file, bytes),
        other => Ok(other?),
    }
}

/// Gives a file its length and its place on the disk.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    write_zeros(file, bytes)
}

fn write_zeros(mut file: &File, bytes: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), bytes), &mut file).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn zeros_are_written_where_space_cannot_be_reserved() {
        let path = std::env::temp_dir().join(format!("rocketlite-zeros-{}", std::process::id()));
        let mut file = File::create_new(&path).unwrap();
        write_zeros(&file, 20_000).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 20_000);
        drop(file);
        file = File::open(&path).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(bytes, vec![0; 20_000]);
    }
}
