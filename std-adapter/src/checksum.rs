//! The checksum of bodies, and of all that an engine saves.

/// CRC-32 as Java's `UtilAll#crc32` gives it, with the machine's own instructions; the engine's table is made for devices.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes) & 0x7fff_ffff
}
