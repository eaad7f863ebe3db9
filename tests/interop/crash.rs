//! The Java client sends, and our broker with a data directory is killed meanwhile, again and again: what the client was
//! told to be stored is there, and its consumer gets it.

use std::collections::{HashMap, HashSet};

use rocketlite_core::wire::code::RequestCode;
use rocketlite_tests::program::{DEADLINE, Running, lines};
use rocketlite_tests::raw::RawClient;
use rocketlite_tests::restarted::RestartedBroker;
use serde_json::Value;

use crate::reference::{java, java_program};
use crate::wanted;

const TOPIC: &str = "JavaCrash";

/// More than a topic has that senders make.
const QUEUES: i32 = 16;

/// Messages that are stored from one kill to the next.
const BETWEEN: usize = 1_500;

/// Where a message is.
type Place = (i64, i64);

fn place(line: &Value) -> Place {
    let number = |field: &str| line[field].as_i64().unwrap_or_else(|| panic!("no {field} in {line}"));
    (number("queueId"), number("queueOffset"))
}

/// The key of a message, and the CRC-32 of its body.
type Content = (String, u64);

fn content(line: &Value, body_crc: u64) -> Content {
    (line["msgId"].as_str().unwrap_or_else(|| panic!("no key in {line}")).to_owned(), body_crc)
}

/// What was acknowledged, and where.
fn send_and_kill(version: &str, broker: &mut RestartedBroker, kills: usize) -> HashMap<Place, Content> {
    let count = (BETWEEN * (kills + 1)).to_string();
    let address = broker.address().to_owned();
    let arguments = ["--namesrv", &address, "--topic", TOPIC, "--count", &count, "--inflight", "64"];
    let arguments = [&arguments[..], &["--async", "--insist", "--size", "300"]].concat();
    let mut sender = Running::spawn(java_program(version, "Send", &arguments));
    let output = lines(sender.child().stdout.take().expect("it was piped"));
    let (mut acknowledged, mut failed, mut killed) = (HashMap::new(), 0, 0);
    for line in output {
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if line["status"] != "SEND_OK" {
            failed += 1;
            continue;
        }
        let crc = line["body_crc"].as_u64().expect("a sum");
        let before = acknowledged.insert(place(&line), content(&line, crc));
        assert_eq!(before, None, "acknowledged twice: {line}");
        if killed < kills && acknowledged.len() >= BETWEEN * (killed + 1) {
            killed += 1;
            broker.kill();
            broker.start_again();
        }
    }
    let status = sender.wait(DEADLINE);
    assert!(status.success(), "{status}: {}", sender.complaints());
    assert_eq!(killed, kills);
    rocketlite_tests::say(&format!(
        "interop crash, Java {version}: {kills} kills, {} messages acknowledged, {failed} sends failed",
        acknowledged.len()
    ));
    acknowledged
}

/// The messages of all queues.
fn stored(address: &str) -> i64 {
    let mut client = RawClient::connect(address);
    let ends = (0..QUEUES).map(|queue_id| {
        let fields = [("topic", TOPIC), ("queueId", &*queue_id.to_string())];
        client.request(RequestCode::GET_MAX_OFFSET, &fields, b"", |answer| {
            answer.field("offset").expect("an offset").parse::<i64>("offset").expect("a number")
        })
    });
    ends.sum()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn a_java_client_loses_nothing_acknowledged(version: &str) {
    if !wanted(&format!("crash, Java {version}")) {
        return;
    }
    let kills = std::env::var("ROCKETLITE_KILLS").unwrap_or_else(|_| "5".to_owned());
    let kills = kills.parse().unwrap_or_else(|error| panic!("ROCKETLITE_KILLS={kills}: {error}"));
    let name = format!("java-{version}");
    let mut broker = RestartedBroker::start(&name, &["--flush", "sync"], None);
    let acknowledged = send_and_kill(version, &mut broker, kills);

    let stored = stored(broker.address());
    let count = stored.to_string();
    let arguments =
        ["--namesrv", broker.address(), "--topic", TOPIC, "--group", "JavaCrash", "--from", "first"];
    let consumed =
        java(version, "Consume", &[&arguments[..], &["--count", &count, "--timeout", "300"]].concat(), "");
    let mut found = HashMap::new();
    for line in &consumed {
        let body = bytes(line["body_hex"].as_str().expect("a body"));
        let before = found.insert(place(line), content(line, crc32fast::hash(&body).into()));
        assert_eq!(before, None, "consumed twice: {line}");
    }
    for (place, content) in &acknowledged {
        assert_eq!(found.get(place), Some(content), "{place:?} of what was acknowledged");
    }
    let keys: HashSet<_> = found.values().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), found.len(), "a message is stored twice");
    // All that any queue says it has was consumed, so none has a gap.
    assert_eq!(i64::try_from(found.len()), Ok(stored));
    broker.stop();
}

#[test]
fn java_4_9_7_loses_nothing_acknowledged_when_our_broker_is_killed() {
    a_java_client_loses_nothing_acknowledged("4.9.7");
}

#[test]
fn java_5_4_0_loses_nothing_acknowledged_when_our_broker_is_killed() {
    a_java_client_loses_nothing_acknowledged("5.4.0");
}
