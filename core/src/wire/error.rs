//! What can be wrong with a peer's bytes.

use core::fmt;

/// A field of a frame, header or record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DecodeError {
    /// The field, by its name in the protocol.
    pub field: &'static str,
    /// What is wrong with it.
    pub kind: DecodeErrorKind,
}

impl DecodeError {
    /// `field` is wrong in the way of `kind`.
    pub const fn new(field: &'static str, kind: DecodeErrorKind) -> Self {
        Self { field, kind }
    }
}

/// How a field can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes end before the field does.
    Truncated,
    /// A length or size that contradicts what surrounds it, or is negative.
    BadLength,
    /// More than the limit that is set for it.
    OverLimit,
    /// A number that is none, or does not fit its type.
    BadNumber,
    /// Text that is not UTF-8.
    NotUtf8,
    /// Not the JSON it should be.
    BadJson,
    /// A value outside the protocol's closed set.
    Unknown,
    /// Required, and not there.
    Missing,
    /// A checksum that does not agree with the bytes.
    BadChecksum,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DecodeErrorKind::Truncated => "ends too early",
            DecodeErrorKind::BadLength => "has a length that cannot be",
            DecodeErrorKind::OverLimit => "is over its limit",
            DecodeErrorKind::BadNumber => "is not a number of its type",
            DecodeErrorKind::NotUtf8 => "is not UTF-8",
            DecodeErrorKind::BadJson => "is not the JSON expected",
            DecodeErrorKind::Unknown => "has an unknown value",
            DecodeErrorKind::Missing => "is missing",
            DecodeErrorKind::BadChecksum => "has the wrong checksum",
        };
        write!(f, "{} {kind}", self.field)
    }
}

impl core::error::Error for DecodeError {}
