//! What can go wrong with an outbox in a file.

use core::fmt;
use std::io;
use std::path::PathBuf;

use rocketlite_core::outbox::{self, PushError};

use super::file::FileError;

/// Why an outbox could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The file cannot be opened, made, read or written.
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Another process, or another [`Outbox`](super::Outbox) of this one, has it open.
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is not the file of an outbox.
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It is the file of an outbox of another release.
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// It was made with another capacity.
    OtherCapacity {
        /// The file.
        path: PathBuf,
        /// Its capacity in bytes.
        found: u64,
    },
    /// It was cut or appended to.
    OtherLength {
        /// The file.
        path: PathBuf,
        /// The length it was made with.
        expected: u64,
        /// The length it has.
        found: u64,
    },
    /// The capacity that was asked for is out of range.
    Capacity {
        /// What was asked for.
        bytes: u64,
        /// The least and the most that is possible.
        limits: (u64, u64),
    },
    /// Its content is damaged beyond repair.
    Corrupted {
        /// The file.
        path: PathBuf,
    },
    /// The tokio runtime is being shut down.
    NoRuntime,
}

/// Why an outbox could not do what it was asked to.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutboxError {
    /// No producer would send the message.
    Illegal {
        /// What is wrong with it.
        reason: String,
    },
    /// The message has too many properties.
    TooManyProperties {
        /// The limit, its `UNIQ_KEY` counted.
        limit: usize,
    },
    /// The message with its properties is too long.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The outbox is full and set to refuse new messages.
    Full,
    /// The file cannot be read or written. What was asked for may have been done.
    File(io::Error),
    /// The content of the file is damaged beyond repair.
    Corrupted,
    /// The tokio runtime is being shut down. What was asked for may have been done.
    NoRuntime,
}

impl From<outbox::OutboxError<FileError>> for OutboxError {
    fn from(error: outbox::OutboxError<FileError>) -> Self {
        match error {
            outbox::OutboxError::Flash(FileError::Io(error)) => Self::File(error),
            // Area and buffer are right by construction, so that only a damaged file can ask for what it refuses.
            _ => Self::Corrupted,
        }
    }
}

impl From<PushError<'_, FileError>> for OutboxError {
    fn from(error: PushError<'_, FileError>) -> Self {
        match error {
            PushError::TooManyProperties { limit } => Self::TooManyProperties { limit },
            PushError::TooLarge { limit } => Self::TooLarge { limit },
            PushError::Full => Self::Full,
            PushError::Outbox(error) => error.into(),
            PushError::Illegal(error) => Self::Illegal { reason: error.to_string() },
            // The enum may grow, and only by reasons that lie in the message.
            other => Self::Illegal { reason: format!("{other:?}") },
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::InUse { path } => write!(f, "{} is in use by another outbox", path.display()),
            Self::Foreign { path } => write!(f, "{} is not the file of an outbox", path.display()),
            Self::OtherVersion { path, version } => {
                write!(
                    f,
                    "{} is an outbox of version {version}, which this release cannot read",
                    path.display()
                )
            }
            Self::OtherCapacity { path, found } => {
                write!(f, "{} was made with a capacity of {found} bytes", path.display())
            }
            Self::OtherLength { path, expected, found } => {
                write!(f, "{} should have {expected} bytes and has {found}", path.display())
            }
            Self::Capacity { bytes, limits: (least, most) } => {
                write!(f, "a capacity of {bytes} bytes is not within {least} and {most}")
            }
            Self::Corrupted { path } => write!(f, "{} is damaged beyond repair", path.display()),
            Self::NoRuntime => f.write_str("the tokio runtime is being shut down"),
        }
    }
}

impl fmt::Display for OutboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Illegal { reason } => f.write_str(reason),
            Self::TooManyProperties { limit } => {
                write!(f, "a message in an outbox can have {limit} properties, its UNIQ_KEY counted")
            }
            Self::TooLarge { limit } => {
                write!(
                    f,
                    "the message is longer than an outbox has room for, {limit} bytes with its properties"
                )
            }
            Self::Full => f.write_str("the outbox is full"),
            Self::File(error) => write!(f, "the file of the outbox: {error}"),
            Self::Corrupted => f.write_str("the file of the outbox is damaged beyond repair"),
            Self::NoRuntime => f.write_str("the tokio runtime is being shut down"),
        }
    }
}

impl core::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::File { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl core::error::Error for OutboxError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            _ => None,
        }
    }
}
