//! Compressed bodies, in the three formats that consumers read.

use std::io::{Cursor, Write as _};

use flate2::{Compress, Compression, FlushCompress, Status};
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use rocketlite_core::message::compression::{CompressionType, Compressor};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Compresses as `DefaultMQProducer` is told to by `compressType` and `compressLevel`.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyCompressor {
    pub(super) compress_type: CompressionType,
    /// Of zlib, 0 to 9. LZ4 has none in Java either, and `ruzstd` has one.
    pub(super) compress_level: u32,
}

impl Default for BodyCompressor {
    /// Zlib, which every consumer reads, of level 5.
    fn default() -> Self {
        Self { compress_type: CompressionType::Zlib, compress_level: 5 }
    }
}

impl Compressor for BodyCompressor {
    fn compression_type(&self) -> CompressionType {
        self.compress_type
    }

    /// All three formats store what they cannot compress in blocks of 16 KiB or more, each with a few bytes in front.
    fn max_compressed_len(&self, len: usize) -> usize {
        len.saturating_add(len / 1024).saturating_add(128)
    }

    fn compress(&self, body: &[u8], room: &mut [u8]) -> Option<usize> {
        match self.compress_type {
            CompressionType::Zlib => zlib(body, room, self.compress_level),
            CompressionType::Lz4 => lz4(body, room),
            CompressionType::Zstd => zstd(body, room),
        }
    }
}

fn zlib(body: &[u8], room: &mut [u8], level: u32) -> Option<usize> {
    let mut zlib = Compress::new(Compression::new(level.min(9)), true);
    match zlib.compress(body, room, FlushCompress::Finish) {
        Ok(Status::StreamEnd) => usize::try_from(zlib.total_out()).ok(),
        _ => None,
    }
}

/// With the blocks of `LZ4FrameOutputStream`: independent, up to 4 MiB, without checksums.
fn lz4(body: &[u8], room: &mut [u8]) -> Option<usize> {
    let info = FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max4MB);
    let mut frame = FrameEncoder::with_frame_info(info, Cursor::new(room));
    frame.write_all(body).ok()?;
    usize::try_from(frame.finish().ok()?.position()).ok()
}

/// By `ruzstd`, for it needs no C compiler; its one level is about zstd's first.
fn zstd(body: &[u8], room: &mut [u8]) -> Option<usize> {
    let compressed = compress_to_vec(body, CompressionLevel::Fastest);
    room.get_mut(..compressed.len())?.copy_from_slice(&compressed);
    Some(compressed.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    const TYPES: [CompressionType; 3] = [CompressionType::Zlib, CompressionType::Lz4, CompressionType::Zstd];

    fn compressed(compress_type: CompressionType, body: &[u8]) -> Vec<u8> {
        let compressor = BodyCompressor { compress_type, ..BodyCompressor::default() };
        let mut room = vec![0; compressor.max_compressed_len(body.len())];
        let len = compressor.compress(body, &mut room).expect("there is room");
        room.truncate(len);
        room
    }

    fn restored(compress_type: CompressionType, bytes: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        match compress_type {
            CompressionType::Zlib => flate2::read::ZlibDecoder::new(bytes).read_to_end(&mut body),
            CompressionType::Lz4 => lz4_flex::frame::FrameDecoder::new(bytes).read_to_end(&mut body),
            CompressionType::Zstd => {
                ruzstd::decoding::StreamingDecoder::new(bytes).unwrap().read_to_end(&mut body)
            }
        }
        .unwrap();
        body
    }

    /// Bytes without any pattern.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn what_is_compressed_can_be_restored_whether_or_not_it_became_smaller() {
        for kind in TYPES {
            for len in [1, 100, 4_096, 16_384, 70_000, 1 << 20] {
                let text = b"The quick brown fox jumps over the lazy dog. ".repeat(len / 45 + 1);
                let bytes = compressed(kind, &text);
                assert!(len <= 100 || bytes.len() < text.len() / 2, "{kind:?} {len}");
                assert_eq!(restored(kind, &bytes), text, "{kind:?} {len}");
                let noise = noise(len);
                assert_eq!(restored(kind, &compressed(kind, &noise)), noise, "{kind:?} {len}");
            }
        }
    }

    #[test]
    fn formats_are_those_of_the_reference() {
        let body = [b'x'; 5_000];
        // The second byte names a level, for information only; the two are a multiple of 31.
        let zlib = compressed(CompressionType::Zlib, &body);
        assert_eq!((zlib[0], u16::from_be_bytes([zlib[0], zlib[1]]) % 31), (0x78, 0));
        assert!(compressed(CompressionType::Lz4, &body).starts_with(b"\x04\x22\x4d\x18\x60\x70\x73"));
        assert!(compressed(CompressionType::Zstd, &body).starts_with(b"\x28\xb5\x2f\xfd"));
    }

    #[test]
    fn without_room_nothing_is_compressed() {
        for compress_type in TYPES {
            let compressor = BodyCompressor { compress_type, ..BodyCompressor::default() };
            assert_eq!(compressor.compress(&noise(1_000), &mut [0; 900]), None, "{compress_type:?}");
        }
    }
}
