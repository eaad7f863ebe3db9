//! What can be wrong with a file of a data directory, and with the directory.

use core::fmt;
use std::io;
use std::path::PathBuf;

use rocketlite_broker::RecoverError;

/// Why the content of a file is of no use.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// The disk refuses.
    Io(io::Error),
    /// It does not begin as such a file does.
    WrongMagic {
        /// What it should be.
        what: &'static str,
    },
    /// Another release has made it.
    UnknownVersion {
        /// The version of its format.
        found: u32,
        /// The one that this release reads and writes.
        known: u32,
    },
    /// Its header was changed.
    Damaged {
        /// What it is the header of.
        what: &'static str,
    },
    /// It was cut, or was never of the length that it needs.
    TooShort {
        /// Bytes that it needs.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// A size that was asked for is not possible.
    Size {
        /// Of what.
        what: &'static str,
        /// What was asked for.
        bytes: u64,
        /// Most that is possible.
        most: u64,
        /// What it is a multiple of, and the least that is possible.
        unit: u64,
    },
}

/// Why a data directory could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The disk refuses, or the user has no permission.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is something else than a directory.
    NotADirectory {
        /// What was to be the directory.
        path: PathBuf,
    },
    /// There is no log in it.
    NotADataDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// One of its files is something else than a file.
    NotAFile {
        /// What was to be the file.
        path: PathBuf,
    },
    /// There is less space than was wanted. Nothing was made.
    NoSpace {
        /// The file or directory that was to be made.
        path: PathBuf,
        /// Bytes that were wanted.
        wanted: u64,
        /// Bytes that there are, if the file system says so.
        available: Option<u64>,
    },
    /// A process uses it.
    InUse {
        /// The directory.
        path: PathBuf,
        /// The id of the process, if it has told it already.
        process: Option<u32>,
    },
    /// Tools read it.
    BeingRead {
        /// The directory.
        path: PathBuf,
    },
    /// The content of a file is of no use.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: FileError,
    },
    /// One of the wanted sizes is not possible. Nothing was made.
    Wanted(FileError),
    /// A larger capacity is wanted than the log has.
    LargerCapacity {
        /// The directory.
        path: PathBuf,
        /// Bytes that the ring has.
        found: u64,
        /// Bytes that are wanted.
        wanted: u64,
    },
    /// A smaller capacity is wanted than the log has.
    SmallerCapacity {
        /// The directory.
        path: PathBuf,
        /// Bytes that the ring has.
        found: u64,
        /// Bytes that are wanted.
        wanted: u64,
    },
    /// The log is missing, but what is made after it is there: a log was lost, and none is to take its place in silence.
    LogMissing {
        /// Where the log should be.
        path: PathBuf,
        /// What is there.
        present: PathBuf,
    },
    /// What is in the files contradicts itself.
    Contradiction {
        /// The file.
        path: PathBuf,
        /// What cannot be.
        reason: RecoverError,
    },
    /// The log cannot be mapped into memory.
    Map {
        /// The file.
        path: PathBuf,
        /// Bytes that were to be mapped.
        bytes: u64,
        /// Why not.
        error: io::Error,
    },
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::WrongMagic { what } => write!(f, "it is not the {what} of a data directory"),
            Self::UnknownVersion { found, known } => {
                write!(f, "it has format version {found}, and this release knows version {known}")
            }
            Self::Damaged { what } => {
                write!(f, "the header of the {what} is damaged, its checksum does not agree")
            }
            Self::TooShort { expected, found } => {
                write!(f, "it has {found} bytes and should have at least {expected}")
            }
            Self::Size { what, bytes, most, unit } => {
                write!(f, "{what} of {bytes} bytes: multiples of {unit} from {unit} to {most} are allowed")
            }
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } if error.kind() == io::ErrorKind::PermissionDenied => {
                write!(f, "this user may not use {}: {error}", path.display())
            }
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::NotADirectory { path } => write!(f, "{} is not a directory", path.display()),
            Self::NotADataDirectory { path } => {
                write!(f, "{} is not a data directory: there is no log in it", path.display())
            }
            Self::NotAFile { path } => write!(f, "{} is not a file", path.display()),
            Self::NoSpace { path, wanted, available } => {
                write!(f, "no space for {}: {wanted} bytes are wanted", path.display())?;
                available.map_or(Ok(()), |bytes| write!(f, ", {bytes} are available"))
            }
            Self::InUse { path, process: Some(process) } => {
                write!(f, "the data directory {} is used by process {process}", path.display())
            }
            Self::InUse { path, process: None } => {
                write!(f, "the data directory {} is used by another process", path.display())
            }
            Self::BeingRead { path } => {
                write!(f, "the data directory {} is being read by an offline tool", path.display())
            }
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Wanted(error) => error.fmt(f),
            Self::LargerCapacity { path, found, wanted } => write!(
                f,
                "the log in {} has a capacity of {found} bytes, and {wanted} are wanted: `rocketlite log resize` makes it larger",
                path.display()
            ),
            Self::Contradiction { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::SmallerCapacity { path, found, wanted } => write!(
                f,
                "the log in {} has a capacity of {found} bytes, and {wanted} are wanted: a log never becomes smaller",
                path.display()
            ),
            Self::LogMissing { path, present } => write!(
                f,
                "{} is missing, but {} is there: bring the log back, or move what is left away to begin anew",
                path.display(),
                present.display()
            ),
            Self::Map { path, bytes, error } => {
                write!(f, "{bytes} bytes of {} cannot be mapped into memory: {error}", path.display())
            }
        }
    }
}

impl core::error::Error for FileError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl core::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } | Self::Map { error, .. } => Some(error),
            Self::File { error, .. } | Self::Wanted(error) => Some(error),
            _ => None,
        }
    }
}
