//! Bodies as they were before they were compressed.

use rocketlite_core::message::stored::StoredMessage;

/// The body of a message, unpacked if it is compressed in a way that is known. What cannot be unpacked stays as it is.
pub(super) fn of(message: &StoredMessage<'_>) -> Vec<u8> {
    unpacked(message).unwrap_or_else(|| message.body.to_vec())
}

#[cfg(not(feature = "compress"))]
fn unpacked(_: &StoredMessage<'_>) -> Option<Vec<u8>> {
    None
}

#[cfg(feature = "compress")]
fn unpacked(message: &StoredMessage<'_>) -> Option<Vec<u8>> {
    use rocketlite_core::message::sys_flag::{
        COMPRESSED, COMPRESSION_LZ4, COMPRESSION_MASK, COMPRESSION_ZLIB, COMPRESSION_ZSTD,
    };
    if message.sys_flag & COMPRESSED == 0 {
        return None;
    }
    match message.sys_flag & COMPRESSION_MASK {
        // Clients older than 4.9.4 do not say that it is zlib.
        0 | COMPRESSION_ZLIB => read(flate2::read::ZlibDecoder::new(message.body)),
        COMPRESSION_LZ4 => read(lz4_flex::frame::FrameDecoder::new(message.body)),
        COMPRESSION_ZSTD => read(ruzstd::decoding::StreamingDecoder::new(message.body).ok()?),
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
        let host = "127.0.0.1:1".parse().unwrap();
        let message = |sys_flag, body| StoredMessage {
            queue_id: 0,
            flag: 0,
            queue_offset: 0,
            physical_offset: 0,
            sys_flag,
            born_timestamp: 0,
            born_host: host,
            store_timestamp: 0,
            store_host: host,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body_crc: 0,
            body,
            topic: "T",
            properties: b"",
        };
        assert_eq!(of(&message(COMPRESSED | COMPRESSION_ZLIB, &packed)), b"hello");
        assert_eq!(of(&message(COMPRESSED, &packed)), b"hello");
        assert_eq!(of(&message(0, b"plain")), b"plain");
        assert_eq!(of(&message(COMPRESSED, b"no zlib")), b"no zlib");
    }
}
