//! Why a record is not appended, or not read.

use core::fmt;

use rocketlite_core::message::OverLimit;

/// Why a record was not appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AppendError {
    /// There is no room, and what is stored is kept.
    Full,
    /// The disk has failed.
    StorageFailed,
    /// The broker ends, and saves what it has.
    ShuttingDown,
    /// There will be room when it is on stable storage that old records went.
    Unflushed,
    /// More than the whole log.
    TooLarge {
        /// Bytes that the log can hold.
        capacity: usize,
    },
    /// There is no room in the index that consumers read by.
    IndexFull,
    /// There is no room for what waits for its time, see [`max_delayed_bytes`](crate::BrokerConfig::max_delayed_bytes).
    DelayedFull,
    /// There is no record whose body is to be taken.
    NoSource,
    /// A field that the layout has no room for.
    OverLimit(OverLimit),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StorageFailed => f.write_str("the disk has failed"),
            Self::ShuttingDown => f.write_str("the broker ends"),
            Self::Unflushed => f.write_str("old records went, but that is not on stable storage yet"),
            Self::Full => f.write_str("the log is full"),
            Self::TooLarge { capacity } => write!(f, "larger than the log, which has {capacity} bytes"),
            Self::IndexFull => f.write_str("the index of the queues is full"),
            Self::DelayedFull => f.write_str("messages that wait for their time take max_delayed_bytes"),
            Self::NoSource => f.write_str("there is no record to take the body of"),
            Self::OverLimit(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for AppendError {}

/// Why there is no record at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ReadError {
    /// Before the oldest record: evicted, if it ever was one.
    TooSmall {
        /// Where the oldest record stands.
        min_offset: u64,
    },
    /// After the newest record.
    TooLarge {
        /// Where the newest record ends.
        max_offset: u64,
    },
    /// No record begins there.
    NoRecord,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { min_offset } => write!(f, "before the oldest record, which is at {min_offset}"),
            Self::TooLarge { max_offset } => write!(f, "after the newest record, which ends at {max_offset}"),
            Self::NoRecord => f.write_str("no record begins there"),
        }
    }
}

impl core::error::Error for ReadError {}
