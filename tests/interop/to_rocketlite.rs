//! The reference's clients, our broker; every message is looked for in its log.

use std::collections::HashSet;
use std::io::Read as _;

use rocketlite_core::message::id::OffsetMessageId;
use rocketlite_core::message::properties::UNIQ_KEY;
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::message::sys_flag::COMPRESSED;
use rocketlite_tests::program::RunningBroker;
use rocketlite_tests::raw::RawClient;
use serde_json::Value;

use crate::reference::{go, java};
use crate::wanted;

const COUNT: usize = 10_000;

fn broker() -> RunningBroker {
    RunningBroker::spawn(&["--memory", "--capacity", "256MiB"])
}

fn text<'v>(line: &'v Value, field: &str) -> &'v str {
    line[field].as_str().unwrap_or_else(|| panic!("no {field} in {line}"))
}

/// Every line says `SEND_OK`, and the record it names is in the log: that key, that queue offset, those bytes. Batches
/// name several records in a row.
fn check(client: &str, address: &str, lines: &[Value], count: usize) {
    let mut peer = RawClient::connect(address);
    let mut seen = HashSet::new();
    for line in lines {
        assert_eq!(text(line, "status"), "SEND_OK", "{client}: {line}");
        let id = OffsetMessageId::parse(text(line, "offsetMsgId")).expect("an offset message id");
        assert!(seen.insert(id.physical_offset), "{client}: {line}: acknowledged twice");
        let record = peer.view_message(id.physical_offset);
        let (message, size) = StoredMessage::decode(&record).expect("a record");
        assert_eq!(size, record.len());
        // The Go client gives the members of a batch no key of their own to report.
        if let Some(key) = line["msgId"].as_str().filter(|key| !key.is_empty()) {
            let stored = message.properties().get(UNIQ_KEY).map(|key| key.to_string());
            assert_eq!(stored.as_deref(), Some(key), "{client}: {line}");
        }
        assert_eq!(message.body_crc, rocketlite_core::message::crc32(message.body), "{client}: {line}");
        let crc = line["body_crc"].as_u64().expect("a sum");
        assert_eq!(u64::from(crc32fast::hash(&inflated(&message))), crc, "{client}: {line}");
    }
    assert_eq!(lines.len(), count, "{client}");
    rocketlite_tests::say(&format!("interop {client}: {count} messages sent, SEND_OK, found in our log"));
}

/// The body as the sender had it: clients compress large ones, and the broker leaves them alone.
fn inflated(message: &StoredMessage<'_>) -> Vec<u8> {
    if message.sys_flag & COMPRESSED == 0 {
        return message.body.to_vec();
    }
    let mut body = Vec::new();
    flate2::read::ZlibDecoder::new(message.body).read_to_end(&mut body).expect("zlib");
    body
}

fn a_java_client_sends_to_our_broker(version: &str) {
    if !wanted(&format!("Java {version}")) {
        return;
    }
    let broker = broker();
    let address = broker.address.clone();
    let send = |topic: &str, count: usize, more: &[&str]| {
        let count_text = count.to_string();
        let common = ["--namesrv", &address, "--topic", topic, "--count", &count_text];
        let arguments: Vec<&str> = common.into_iter().chain(more.iter().copied()).collect();
        let lines = java(version, "Send", &arguments, "");
        check(&format!("Java {version} {topic}"), &address, &lines, count);
    };
    send("JavaSync", COUNT, &["--inflight", "16", "--size", "300"]);
    send("JavaAsync", 1_000, &["--async"]);
    send("JavaLarge", 100, &["--size", "100000"]);
    send("JavaBatch", 1_000, &["--batch", "10"]);
    broker.stop();
}

#[test]
fn java_4_9_7_sends_to_our_broker() {
    a_java_client_sends_to_our_broker("4.9.7");
}

#[test]
fn java_5_4_0_sends_to_our_broker() {
    a_java_client_sends_to_our_broker("5.4.0");
}

#[test]
fn the_go_client_sends_to_our_broker() {
    if !wanted("Go client") {
        return;
    }
    let broker = broker();
    let address = broker.address.clone();
    let send = |topic: &str, count: usize, more: &[&str]| {
        let count_text = count.to_string();
        let common = ["send", "--namesrv", &address, "--topic", topic, "--count", &count_text];
        let arguments: Vec<&str> = common.into_iter().chain(more.iter().copied()).collect();
        let lines = go(&arguments);
        check(&format!("Go {topic}"), &address, &lines, count);
    };
    send("GoSync", COUNT, &["--inflight", "16", "--size", "300"]);
    send("GoBatch", 1_000, &["--batch", "10"]);
    broker.stop();
}
