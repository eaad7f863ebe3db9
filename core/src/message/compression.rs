//! Compressed bodies: their kinds, and what a producer asks of whoever compresses.

use core::fmt;

use super::sys_flag::{COMPRESSED, COMPRESSION_LZ4, COMPRESSION_ZLIB, COMPRESSION_ZSTD};

/// How a body is compressed (`CompressionType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "the protocol has three, and consumers must know each")]
pub enum CompressionType {
    /// An LZ4 frame. Consumers older than 4.9.4 cannot read it.
    Lz4,
    /// A Zstandard frame. Consumers older than 4.9.4 cannot read it.
    Zstd,
    /// A zlib stream, which every consumer reads.
    #[default]
    Zlib,
}

impl CompressionType {
    /// The bits of a message that is compressed so (`CompressionType#getCompressionFlag`).
    pub const fn sys_flag(self) -> i32 {
        match self {
            Self::Lz4 => COMPRESSED | COMPRESSION_LZ4,
            Self::Zstd => COMPRESSED | COMPRESSION_ZSTD,
            Self::Zlib => COMPRESSED | COMPRESSION_ZLIB,
        }
    }
}

/// Compresses bodies for a producer that has no memory of its own to do so (`Compressor`).
///
/// `Sync`, so that a producer can move between threads.
pub trait Compressor: fmt::Debug + Sync {
    /// What comes out.
    fn compression_type(&self) -> CompressionType;

    /// The room that a body of `len` bytes may need; as much is set aside in the producer's memory for bodies.
    fn max_compressed_len(&self, len: usize) -> usize;

    /// Compresses `body` to the front of `room` and returns how much of it is filled, or `None` if that cannot be done: the
    /// body is sent as it is then. What is larger than the body is sent all the same, as in Java.
    fn compress(&self, body: &[u8], room: &mut [u8]) -> Option<usize>;
}
