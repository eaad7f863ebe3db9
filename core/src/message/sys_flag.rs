//! Bits of a message's `sysFlag` (`MessageSysFlag`).

/// The body is compressed.
pub const COMPRESSED: i32 = 0x1;
/// The topic has several tags a message; nothing sets it in practice.
pub const MULTI_TAGS: i32 = 0x2;
/// Not part of a transaction; the value of the bits of [`TRANSACTION_MASK`].
pub const TRANSACTION_NOT_TYPE: i32 = 0;
/// A half message.
pub const TRANSACTION_PREPARED: i32 = 0x4;
/// A committed message.
pub const TRANSACTION_COMMIT: i32 = 0x8;
/// A message that was rolled back.
pub const TRANSACTION_ROLLBACK: i32 = 0xc;
/// The bits of the transaction state.
pub const TRANSACTION_MASK: i32 = 0xc;
/// The born host is IPv6. The broker sets it while storing.
pub const BORN_HOST_V6: i32 = 0x10;
/// The store host is IPv6. The broker sets it while storing.
pub const STORE_HOST_V6: i32 = 0x20;
/// An inner batch that a consumer has to unwrap (5.x).
pub const NEED_UNWRAP: i32 = 0x40;
/// An inner batch (5.x).
pub const INNER_BATCH: i32 = 0x80;
/// The bits of the kind of compression. All clear means zlib, from clients older than 4.9.4.
pub const COMPRESSION_MASK: i32 = 0x700;
/// Compressed as an LZ4 frame.
pub const COMPRESSION_LZ4: i32 = 0x100;
/// Compressed by Zstandard.
pub const COMPRESSION_ZSTD: i32 = 0x200;
/// Compressed by zlib.
pub const COMPRESSION_ZLIB: i32 = 0x300;
