//! Our producer's ways to send, and what becomes of them when the reference's servers fail.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use rocketlite::producer::{MessageQueue, SendResult, SendStatus};
use rocketlite::{Message, Producer, ProducerBuilder};
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_tests::raw::RawClient;
use serde_json::Value;

use crate::reference::{Apache, VERSIONS, find_all, java};
use crate::wanted;

/// The longest that anything here is waited for, the scripts apart. Nothing is expected to take so long.
const DEADLINE: Duration = Duration::from_mins(2);

/// What `future` comes to.
#[track_caller]
pub(crate) fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = core::panic::Location::caller();
    async move {
        let outcome = tokio::time::timeout(DEADLINE, future).await;
        outcome.unwrap_or_else(|_| panic!("nothing within {DEADLINE:?} at {caller}"))
    }
}

/// A producer with settings of its own.
pub(crate) fn start_with(
    name_server: &str,
    settings: impl FnOnce(ProducerBuilder) -> ProducerBuilder,
) -> Arc<Producer> {
    let builder = Producer::builder("interop_producers").namesrv_addr(name_server);
    Arc::new(settings(builder).start().expect("it starts"))
}

/// A producer that does not mind how slow the machine is.
pub(crate) fn start_patient(name_server: &str) -> Arc<Producer> {
    start_with(name_server, patient)
}

/// All the time that a slow machine may need.
pub(crate) fn patient(producer: ProducerBuilder) -> ProducerBuilder {
    producer.send_msg_timeout(DEADLINE).mq_client_api_timeout(DEADLINE)
}

/// Where messages go that the consumer is to see.
const TOPIC: &str = "Modes";

const ONE_WAY: usize = 50;
const PER_QUEUE: usize = 5;
const PER_HASH: usize = 20;

/// A hash of the caller's, and the one of four queues that `SelectMessageQueueByHash` takes for it.
const HASHES: [(i32, u64); 4] = [(7, 3), (-6, 2), (i32::MIN, 0), (1, 1)];

/// Names beside what the producer itself puts there, and values that separators and encodings could spoil.
const PROPERTIES: [(&str, &str); 4] =
    [("mode", "properties"), ("blank", "a b  c"), ("signs", "a=b,c;d\"\\{}"), ("Ünïcode", "火箭 🚀")];

async fn send_one_way(producer: &Producer) {
    for index in 0..ONE_WAY {
        let properties = [("mode", "one-way"), ("index", &*index.to_string())];
        let message = Message::new(TOPIC, b"one-way").with_properties(&properties);
        within(producer.send_oneway(&message)).await.unwrap_or_else(|error| panic!("{index}: {error}"));
    }
}

async fn send_to_queues(producer: &Producer) {
    for (queue_id, chosen) in [(0, "0"), (1, "1"), (2, "2"), (3, "3")] {
        let properties = [("mode", "queue"), ("chosen", chosen)];
        let message = Message::new(TOPIC, b"to a queue").with_properties(&properties);
        for _ in 0..PER_QUEUE {
            let queue = MessageQueue { broker_name: "broker-a", queue_id };
            let result = within(producer.send_to(&message, &queue)).await.expect("it is stored");
            assert_eq!((result.status, result.queue_id.to_string().as_str()), (SendStatus::SendOk, chosen));
        }
    }
}

/// One after the other for one hash, all hashes at once.
async fn send_hashed(producer: &Arc<Producer>) {
    let tasks = HASHES.map(|(hash, _)| {
        let producer = Arc::clone(producer);
        tokio::spawn(async move {
            let name = hash.to_string();
            for index in 0..PER_HASH {
                let properties = [("mode", "hash"), ("hash", &*name), ("index", &*index.to_string())];
                let message = Message::new(TOPIC, b"by hash").with_properties(&properties);
                within(producer.send_hashed(&message, hash)).await.expect("it is stored");
            }
        })
    });
    for task in tasks {
        task.await.expect("no panic");
    }
}

async fn send_with_properties(producer: &Producer) {
    let message = Message::new(TOPIC, b"\0\xff with all it can have");
    let message = message.with_tags("TagA").with_keys("key1 key2").with_properties(&PROPERTIES);
    within(producer.send(&message)).await.expect("it is stored");
}

async fn send_delayed(producer: &Producer) -> SendResult {
    let message = Message::new(TOPIC, b"delayed").with_delay_time_level(1);
    within(producer.send(&message.with_properties(&[("mode", "delayed")]))).await.expect("it is stored")
}

/// What the consumer saw of the messages of one mode, in the order of its queues.
fn of<'l>(lines: &'l [Value], mode: &str) -> Vec<&'l Value> {
    let mut lines: Vec<_> = lines.iter().filter(|line| line["properties"]["mode"] == mode).collect();
    lines.sort_by_key(|line| (line["queueId"].as_u64(), line["queueOffset"].as_u64()));
    lines
}

fn check_one_way(lines: &[Value]) {
    let came: BTreeSet<_> =
        of(lines, "one-way").iter().map(|line| line["properties"]["index"].to_string()).collect();
    assert_eq!(came.len(), ONE_WAY, "{came:?}");
}

fn check_queues(lines: &[Value]) {
    let lines = of(lines, "queue");
    assert_eq!(lines.len(), 4 * PER_QUEUE);
    for line in lines {
        assert_eq!(line["properties"]["chosen"], line["queueId"].to_string(), "{line}");
    }
}

fn check_hashed(lines: &[Value]) {
    let lines = of(lines, "hash");
    for (hash, queue) in HASHES {
        let name = hash.to_string();
        let lines: Vec<_> = lines.iter().filter(|line| line["properties"]["hash"] == name).collect();
        assert!(lines.iter().all(|line| line["queueId"] == queue), "{hash}: {lines:?}");
        let order: Vec<_> = lines.iter().map(|line| line["properties"]["index"].as_str().unwrap()).collect();
        assert_eq!(order, (0..PER_HASH).map(|index| index.to_string()).collect::<Vec<_>>(), "{hash}");
    }
}

fn check_properties(lines: &[Value]) {
    let [line] = of(lines, "properties")[..] else { panic!("not once") };
    assert_eq!((&line["tags"], &line["keys"]), (&"TagA".into(), &"key1 key2".into()));
    for (name, value) in PROPERTIES {
        assert_eq!(line["properties"][name], value, "{line}");
    }
}

/// The broker stores a delayed message twice: at once out of sight, and later in its topic. Only its own clock counts.
fn check_delayed(lines: &[Value], sent: &SendResult) {
    let [line] = of(lines, "delayed")[..] else { panic!("not once") };
    assert_eq!(line["msgId"], sent.message_id.to_string());
    let id = sent.offset_message_id.expect("the broker gives one");
    let record = RawClient::connect(&id.store_host.to_string()).view_message(id.physical_offset);
    let (first, _) = StoredMessage::decode(&record).expect("a record");
    assert_eq!(first.topic, "SCHEDULE_TOPIC_XXXX");
    let delay = line["storeTimestamp"].as_i64().expect("a time") - first.store_timestamp;
    // The first of the levels that brokers have, `1s 5s 10s …`.
    assert!(delay >= 1_000, "after {delay} ms already");
}

#[tokio::test]
async fn each_way_of_sending_arrives_at_the_java_consumer_as_it_should() {
    if !wanted("ways of sending") {
        return;
    }
    for version in VERSIONS {
        let apache = Apache::start(version, "ways", "");
        let producer = start_patient(&apache.name_server);
        let delayed = send_delayed(&producer).await;
        send_to_queues(&producer).await;
        send_hashed(&producer).await;
        send_one_way(&producer).await;
        send_with_properties(&producer).await;
        within(producer.shutdown()).await;

        let count = (4 * (PER_QUEUE + PER_HASH) + ONE_WAY + 2).to_string();
        let arguments = ["--namesrv", &apache.name_server, "--topic", TOPIC, "--group", "Ways"];
        let more = ["--count", &count, "--timeout", "120", "--from", "first"];
        let lines = java(version, "Consume", &[&arguments[..], &more].concat(), "");
        check_queues(&lines);
        check_hashed(&lines);
        check_one_way(&lines);
        check_properties(&lines);
        check_delayed(&lines, &delayed);
        rocketlite_tests::say(&format!("interop ways of sending {version}: {count} messages as expected"));
    }
}

#[tokio::test]
async fn a_message_almost_as_large_as_may_be_is_found_whole() {
    if !wanted("large messages") {
        return;
    }
    for version in VERSIONS {
        let apache = Apache::start(version, "large", "");
        let producer = start_patient(&apache.name_server);
        let body: Vec<u8> =
            (0..(4 << 20) - 1_024).map(|at: usize| (at * 31 + at / 256).to_le_bytes()[0]).collect();
        let result = within(producer.send(&Message::new("Large", &body))).await.expect("it is stored");
        within(producer.shutdown()).await;
        find_all(version, &apache.name_server, "Large", [(result, crc32fast::hash(&body))]);
    }
}
