//! Directories that are removed in the end.

use std::path::{Path, PathBuf};

use rocketlite::store::{Directory, OpenError, Wanted};

/// Sizes that are quickly made.
pub(super) const WANTED: Wanted =
    Wanted { capacity: 64 << 10, index_image_bytes: 5_000, checkpoint_slot_bytes: 3_000 };

/// A place for a data directory of a test's own.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rocketlite-storage-{}-{name}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Where the data directory is.
    pub(super) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.data().join(name)
    }

    pub(super) fn open(&self) -> Result<Directory, OpenError> {
        Directory::open_or_create(self.data(), &WANTED)
    }

    /// The message of an open that fails, in which the path of the data directory is `DATA`.
    pub(super) fn refusal(&self, wanted: &Wanted) -> String {
        self.told(&Directory::open_or_create(self.data(), wanted).unwrap_err())
    }

    pub(super) fn told(&self, error: &OpenError) -> String {
        error.to_string().replace(&self.data().display().to_string(), "DATA")
    }

    /// The names of the files in the data directory.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.data()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl AsRef<Path> for Temporary {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _absent = std::fs::remove_dir_all(&self.0);
    }
}
