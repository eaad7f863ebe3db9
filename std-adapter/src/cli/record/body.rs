//! Bodies as they were before they were compressed.

/// A body, unpacked if the message's flags say that it is compressed in a way that is known. What cannot be unpacked stays
/// as it is.
pub(super) fn unpack(sys_flag: i32, body: &[u8]) -> Vec<u8> {
    unpacked(sys_flag, body).unwrap_or_else(|| body.to_vec())
}

#[cfg(not(feature = "compress"))]
fn unpacked(_: i32, _: &[u8]) -> Option<Vec<u8>> {
    None
}

#[cfg(feature = "compress")]
fn unpacked(sys_flag: i32, body: &[u8]) -> Option<Vec<u8>> {
    use rocketlite_core::message::sys_flag::{
        COMPRESSED, COMPRESSION_LZ4, COMPRESSION_MASK, COMPRESSION_ZLIB, COMPRESSION_ZSTD,
    };
    if sys_flag & COMPRESSED == 0 {
        return None;
    }
    match sys_flag & COMPRESSION_MASK {
        // Clients older than 4.9.4 do not say that it is zlib.
        0 | COMPRESSION_ZLIB => read(flate2::read::ZlibDecoder::new(body)),
        COMPRESSION_LZ4 => read(lz4_flex::frame::FrameDecoder::new(body)),
        COMPRESSION_ZSTD => read(ruzstd::decoding::StreamingDecoder::new(body).ok()?),
        _ => None,
    }
}

#[cfg(feature = "compress")]
fn read(unpacked: impl std::io::Read) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let mut body = Vec::new();
    unpacked.take(MAX_UNPACKED).read_to_end(&mut body).ok()?;
    Some(body)
}

/// More of a body is not shown: whoever packed it may have packed what would fill all memory.
#[cfg(feature = "compress")]
const MAX_UNPACKED: u64 = 64 << 20;

#[cfg(all(test, feature = "compress"))]
mod tests {
    use super::*;
    use rocketlite_core::message::sys_flag::{COMPRESSED, COMPRESSION_ZLIB};
    use std::io::Write as _;

    #[test]
    fn a_body_is_shown_as_it_was_sent() {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(b"hello").unwrap();
        let packed = zlib.finish().unwrap();
        assert_eq!(unpack(COMPRESSED | COMPRESSION_ZLIB, &packed), b"hello");
        assert_eq!(unpack(COMPRESSED, &packed), b"hello");
        assert_eq!(unpack(0, b"plain"), b"plain");
        assert_eq!(unpack(COMPRESSED, b"no zlib"), b"no zlib");
    }
}
