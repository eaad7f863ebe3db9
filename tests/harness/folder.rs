//! Folders that are removed in the end.

use std::path::{Path, PathBuf};

/// A folder of a test's own.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rocketlite-{name}-{}", std::process::id()));
        // What a process with the same id has left.
        let _absent = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(path)
    }

    /// The path of something in it, as an argument of a program.
    ///
    /// # Panics
    /// If it is not UTF-8.
    pub fn file(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().expect("a path that is UTF-8")
    }

    /// The names of what is in a folder of it, in order.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join(folder)).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _absent = std::fs::remove_dir_all(&self.0);
    }
}
