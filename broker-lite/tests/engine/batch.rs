//! Batches: all messages or none.

use rocketlite_core::message::batch::Entry;
use rocketlite_core::message::id::OffsetMessageId;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::cursor::Writer;

use crate::harness::{Ask, Limits, config, with_broker, with_peer};

fn body(entries: &[(&[u8], &str)]) -> Vec<u8> {
    let mut buffer = vec![0; 131_072];
    let mut writer = Writer::new(&mut buffer);
    for (flag, (body, properties)) in (0..).zip(entries) {
        Entry { flag, body, properties: properties.as_bytes() }.encode(&mut writer).unwrap();
    }
    let len = writer.filled();
    buffer.truncate(len);
    buffer
}

fn batch<'a>(topic: &str, body: &'a [u8]) -> Ask<'a> {
    let request =
        Ask::send(topic, body).with("m", "true").with("i", "UNIQ_KEY\u{1}BATCH\u{2}WAIT\u{1}true\u{2}");
    Ask { code: RequestCode::SEND_BATCH_MESSAGE, ..request }
}

#[test]
fn each_message_becomes_a_record() {
    with_peer(|server, peer| {
        server.ask(peer, &Ask::send("T", b"first").with("e", "2"));
        let messages =
            body(&[(b"a", "UNIQ_KEY\u{1}1\u{2}"), (b"bb", "UNIQ_KEY\u{1}2"), (b"", "K\u{1}v\u{2}")]);
        for request in [batch("T", &messages).with("e", "2"), batch("T", &messages).with("e", "2").binary()] {
            let start = server.broker.log().max_offset();
            let first = server.broker.queue("T", 2).unwrap().max_offset();
            let answer = server.ask(peer, &request);
            assert_eq!((answer.code, answer.field("queueId")), (0, "2"));
            assert_eq!(answer.field("queueOffset"), first.to_string());
            let records: Vec<_> = server.broker.log().records_from(start).collect();
            let ids = records.iter().map(|record| record.physical_offset);
            let host = server.broker.config().address;
            let ids: Vec<String> = ids
                .map(|physical_offset| OffsetMessageId { store_host: host, physical_offset }.to_string())
                .collect();
            assert_eq!(answer.field("msgId"), ids.join(","));
            let bodies: Vec<_> = records.iter().map(|record| (record.flag, record.body)).collect();
            assert_eq!(bodies, [(0, &b"a"[..]), (1, b"bb"), (2, b"")]);
            let offsets: Vec<_> = records.iter().map(|record| record.queue_offset).collect();
            assert_eq!(offsets, [first, first + 1, first + 2]);
            let tail = "WAIT\u{1}true\u{2}CLUSTER\u{1}DefaultCluster\u{2}MSG_REGION\u{1}DefaultRegion\u{2}TRACE_ON\u{1}true\u{2}";
            let properties = |n: usize| core::str::from_utf8(records[n].properties).unwrap();
            assert_eq!(properties(0), format!("UNIQ_KEY\u{1}1\u{2}{tail}"));
            assert_eq!(properties(1), format!("UNIQ_KEY\u{1}2\u{2}{tail}"));
            assert_eq!(properties(2), format!("K\u{1}v\u{2}UNIQ_KEY\u{1}BATCH\u{2}{tail}"));
        }
        assert_eq!(server.broker.queue("T", 2).unwrap().max_offset(), 7);
        assert_eq!(server.broker.counters().stored_messages, 7);
    });
}

#[test]
fn the_header_makes_a_batch_and_not_the_code() {
    with_peer(|server, peer| {
        let messages = body(&[(b"a", ""), (b"b", "")]);
        let request = Ask { code: RequestCode::SEND_MESSAGE_V2, ..batch("T", &messages) };
        server.ask(peer, &request);
        assert_eq!(server.broker.log().records().count(), 2);
        server.ask(peer, &Ask { code: RequestCode::SEND_BATCH_MESSAGE, ..Ask::send("T", &messages) });
        assert_eq!(server.broker.log().records().last().unwrap().body, messages);
    });
}

#[test]
fn one_wrong_message_refuses_all() {
    let delayed = "messages of a batch cannot be delayed";
    let illegal = "the message is illegal, maybe msg body or properties length not matched. msg body length limit 65536B, msg properties length limit 32KB.";
    let good = body(&[(b"a", ""), (b"b", "")]);
    let mut cut = good.clone();
    cut.pop();
    let late = body(&[(b"a", ""), (b"b", "DELAY\u{1}1\u{2}")]);
    let long = body(&[(b"a", ""), (b"b", &format!("k\u{1}{}", "v".repeat(32_760)))]);
    let large = body(&[(&vec![0; 65_500], ""), (b"b", "")]);
    let many = "k\u{1}v\u{2}".repeat(65);
    for (request, code, remark) in [
        (batch("T", &cut), 1, "entry ends too early"),
        (batch("T", &late), 13, delayed),
        (batch("T", &good).with("i", "DELAY\u{1}1"), 13, delayed),
        (batch("T", &long), 13, illegal),
        (batch("T", &large), 13, illegal),
        (batch("T", &good).with("f", "4"), 13, illegal),
        (batch("T", &good).with("i", &many), 13, "a batch may have at most 64 properties of its own"),
        (batch("%RETRY%G", &good), 13, "batch request does not support retry group %RETRY%G"),
    ] {
        with_peer(|server, peer| {
            let answer = server.ask(peer, &request);
            assert_eq!((answer.code, answer.remark.as_deref()), (code, Some(remark)));
            assert_eq!(server.broker.log().max_offset(), 0);
            assert_eq!(server.broker.counters().stored_messages, 0);
        });
    }
}

#[test]
fn a_batch_never_wraps() {
    let limits = Limits { log: 66_100 + 32_767, ..Limits::default() };
    with_broker(config(), limits, |server| {
        let peer = server.accept();
        let half = vec![1; 30_000];
        let messages = body(&[(&half, ""), (&half, "")]);
        for n in 0..10 {
            let answer = server.ask(peer, &batch("T", &messages));
            assert_eq!((answer.code, answer.field("queueOffset")), (0, (2 * n).to_string().as_str()));
            assert_eq!(answer.field("msgId").split(',').count(), 2);
            assert_eq!(server.broker.log().records().count(), 2);
        }
    });
    // Records can be more than the log although the bodies are not.
    let limits = Limits { log: 66_100 + 512, scratch: 1024, ..Limits::default() };
    with_broker(config(), limits, |server| {
        let peer = server.accept();
        let messages = body(&vec![(&b"x"[..], ""); 1000]);
        let answer = server.ask(peer, &batch("T", &messages));
        assert_eq!((answer.code, server.broker.log().max_offset()), (13, 0));
    });
}
