//! Compressed bodies.

use super::*;
use crate::message::compression::{CompressionType, Compressor};
use crate::producer::SubmitError;

/// "Compresses" by writing the length, filled up to a length of its own.
#[derive(Debug)]
struct Fixed {
    len: Option<usize>,
    kind: CompressionType,
}

impl Compressor for Fixed {
    fn compression_type(&self) -> CompressionType {
        self.kind
    }

    fn max_compressed_len(&self, len: usize) -> usize {
        len + 100
    }

    fn compress(&self, body: &[u8], room: &mut [u8]) -> Option<usize> {
        let len = self.len?;
        room[..len].fill(b'z');
        room[..4].copy_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
        Some(len)
    }
}

fn bench(len: Option<usize>, kind: CompressionType) -> Bench {
    let compressor: &'static Fixed = Box::leak(Box::new(Fixed { len, kind }));
    Bench::with(|config| {
        config.compressor = Some(compressor);
        config.compress_msg_body_over_howmuch = 50;
        config.max_message_size = 3_000;
    })
}

fn request(bench: &mut Bench, message: &Message<'_>) -> Request {
    bench.producer.send(bench.now, message).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1)]);
    bench.take(RequestCode::SEND_MESSAGE_V2)
}

#[test]
fn a_long_body_is_compressed_once_for_all_attempts() {
    for (kind, flag) in
        [(CompressionType::Zlib, "769"), (CompressionType::Lz4, "257"), (CompressionType::Zstd, "513")]
    {
        let mut bench = bench(Some(6), kind);
        let first = request(&mut bench, &Message::new("T", &[1; 50]));
        assert_eq!((first.fields["f"].as_str(), &first.body[..]), (flag, &b"\0\0\0\x32zz"[..]));
        bench.answer(&first, 1, &[], b"");
        let second = bench.take(RequestCode::SEND_MESSAGE_V2);
        assert_eq!((second.fields["f"].as_str(), second.body), (flag, first.body));
    }
}

#[test]
fn a_compressed_half_message_is_both() {
    let mut bench = bench(Some(6), CompressionType::Zlib);
    let message = Message::new("T", &[1; 50]).with_properties(&[("TRAN_MSG", "true")]);
    assert_eq!(request(&mut bench, &message).fields["f"], "773");
}

#[test]
fn what_became_larger_is_sent_all_the_same() {
    let mut bench = bench(Some(120), CompressionType::Zlib);
    let request = request(&mut bench, &Message::new("T", &[1; 50]));
    assert_eq!((request.fields["f"].as_str(), request.body.len()), ("769", 120));
}

#[test]
fn short_bodies_and_those_that_cannot_be_compressed_go_as_they_are() {
    let mut able = bench(Some(6), CompressionType::Zlib);
    let short = request(&mut able, &Message::new("T", &[1; 49]));
    assert_eq!((short.fields["f"].as_str(), short.body.len()), ("0", 49));
    let mut unable = bench(None, CompressionType::Zlib);
    let failed = request(&mut unable, &Message::new("T", &[1; 50]));
    assert_eq!((failed.fields["f"].as_str(), &failed.body[..]), ("0", &[1; 50][..]));
}

#[test]
fn a_batch_is_not_compressed() {
    let mut bench = bench(Some(6), CompressionType::Zlib);
    bench.producer.send_batch(bench.now, &[Message::new("T", &[1; 99])]).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1)]);
    let request = bench.take(RequestCode::SEND_BATCH_MESSAGE);
    assert_eq!(request.fields["f"], "0");
    assert!(request.body.len() > 99);
}

#[test]
fn the_limit_is_that_of_the_body_as_it_was() {
    let mut bench = bench(Some(6), CompressionType::Zlib);
    let error = bench.producer.send(bench.now, &Message::new("T", &[1; 3_001])).unwrap_err();
    assert_eq!(error.to_string(), "the message body size over max value, MAX: 3000");
    // Only what a body was compressed to is kept, with the name of its queue's broker.
    let queue = MessageQueue { broker_name: "a", queue_id: 0 };
    bench.producer.send_to(bench.now, &Message::new("T", &[1; 3_000]), &queue).unwrap();
    assert!(bench.producer.state.bodies.in_use() < 100);
    bench.drive();
    bench.answer_route(&[("a", 1)]);
    assert_eq!(bench.take(RequestCode::SEND_MESSAGE_V2).fields["n"], "a");
    let second = bench.producer.send(bench.now, &Message::new("T", &[1; 3_000]));
    assert!(!matches!(second, Err(SubmitError::NoRoomForBody)), "{second:?}");
}
