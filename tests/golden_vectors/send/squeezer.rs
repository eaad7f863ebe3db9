//! What compresses the bodies of a case. `core` leaves that to its callers.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use rocketlite_core::message::compression::{CompressionType, Compressor};

/// Compresses with zlib whatever it calls it: of the others the vectors only say that there is something.
#[derive(Debug)]
pub(super) struct Squeezer(pub(super) CompressionType);

impl Compressor for Squeezer {
    fn compression_type(&self) -> CompressionType {
        self.0
    }

    fn max_compressed_len(&self, len: usize) -> usize {
        len + 1_024
    }

    fn compress(&self, body: &[u8], room: &mut [u8]) -> Option<usize> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(5));
        encoder.write_all(body).ok()?;
        let compressed = encoder.finish().ok()?;
        room.get_mut(..compressed.len())?.copy_from_slice(&compressed);
        Some(compressed.len())
    }
}

/// How long a compressed body was.
pub(super) fn inflated_len(body: &[u8]) -> usize {
    let mut inflated = Vec::new();
    ZlibDecoder::new(body).read_to_end(&mut inflated).expect("zlib")
}
