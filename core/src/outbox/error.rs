//! What can go wrong with an outbox.

use core::fmt;

use crate::producer::SubmitError;

/// Why an outbox could not do what it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OutboxError<E> {
    /// The flash's driver failed.
    Flash(E),
    /// The flash holds what cannot be repaired: [`erase`](super::erase) it to start anew.
    Corrupted,
    /// The buffer is smaller than a record on the flash.
    BufferTooSmall {
        /// The length it needs.
        needed: usize,
    },
    /// The part of the flash that was named cannot hold an outbox.
    Area(AreaError),
}

/// What is wrong with the part of a flash that was named for an outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AreaError {
    /// It does not begin and end where pages of the flash do.
    NotAligned {
        /// Bytes of a page.
        page: usize,
    },
    /// It ends beyond the flash.
    OutsideFlash {
        /// Bytes of the flash.
        capacity: usize,
    },
    /// It has fewer than two pages: while one is erased, the messages must be on another.
    TooFewPages,
    /// It has more pages than there is memory for.
    TooManyPages {
        /// The parameter `PAGES`.
        limit: usize,
    },
    /// The flash writes in words above 32 bytes, or has pages too small for a record.
    Geometry,
}

/// Why a message was not taken. It is not in the outbox then.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushError<'a, E> {
    /// No producer would send it.
    Illegal(SubmitError<'a>),
    /// It has more properties than a record has room for, its `UNIQ_KEY` counted.
    TooManyProperties {
        /// The limit.
        limit: usize,
    },
    /// Its record is longer than the buffer or a page of the flash has room for.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The outbox is full and set to keep what it has.
    Full,
    /// The outbox itself failed.
    Outbox(OutboxError<E>),
}

impl<E> From<sequential_storage::Error<E>> for OutboxError<E> {
    fn from(error: sequential_storage::Error<E>) -> Self {
        match error {
            sequential_storage::Error::Storage { value, .. } => Self::Flash(value),
            sequential_storage::Error::BufferTooSmall(needed) => Self::BufferTooSmall { needed },
            // The others cannot occur, but for a state that the queue itself calls impossible.
            _ => Self::Corrupted,
        }
    }
}

impl<E> From<OutboxError<E>> for PushError<'_, E> {
    fn from(error: OutboxError<E>) -> Self {
        Self::Outbox(error)
    }
}

impl<E: fmt::Debug> fmt::Display for OutboxError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::Corrupted => f.write_str("the flash holds what cannot be repaired"),
            Self::BufferTooSmall { needed } => {
                write!(f, "a record on the flash needs a buffer of {needed} bytes")
            }
            Self::Area(error) => write!(f, "{error}"),
        }
    }
}

impl fmt::Display for AreaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAligned { page } => {
                write!(
                    f,
                    "the outbox must begin and end at multiples of {page} bytes, the pages of the flash"
                )
            }
            Self::OutsideFlash { capacity } => {
                write!(f, "the outbox ends beyond the flash, which has {capacity} bytes")
            }
            Self::TooFewPages => f.write_str("the outbox needs two pages of the flash"),
            Self::TooManyPages { limit } => {
                write!(f, "the outbox has more pages than there is memory for, {limit}")
            }
            Self::Geometry => {
                f.write_str("the flash has words above 32 bytes, or pages too small for a record")
            }
        }
    }
}

impl<E: fmt::Debug> fmt::Display for PushError<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Illegal(error) => write!(f, "{error}"),
            Self::TooManyProperties { limit } => {
                write!(f, "a message in an outbox can have {limit} properties, its UNIQ_KEY counted")
            }
            Self::TooLarge { limit } => {
                write!(f, "the message is longer than a record can be, {limit} bytes")
            }
            Self::Full => f.write_str("the outbox is full"),
            Self::Outbox(error) => write!(f, "{error}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for OutboxError<E> {}
impl core::error::Error for AreaError {}
impl<E: fmt::Debug> core::error::Error for PushError<'_, E> {}
