//! Our producer, the reference's servers; the reference's client looks for the messages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rocketlite::producer::{CompressionType, SendResult, SendStatus};
use rocketlite::{Broker, Message};
use rocketlite_core::wire::fields::SerializeType;

use crate::modes::{patient, start_patient, start_with};
use crate::reference::{Apache, VERSIONS, find_all, java};
use crate::wanted;

/// Sizes from one byte to beyond a socket's buffer, other bytes in each.
fn body(index: usize) -> Vec<u8> {
    let size: usize = [1, 10, 100, 1_000, 5_000, 70_000][index % 6];
    (0..size).map(|at: usize| (at * 31 + index).to_le_bytes()[0]).collect()
}

async fn send(
    name_server: &str,
    topic: &str,
    count: usize,
    serialize_type: SerializeType,
) -> Vec<(usize, SendResult)> {
    let producer = start_with(name_server, |it| patient(it).serialize_type(serialize_type));
    let mut results = Vec::new();
    for start in (0..count).step_by(16) {
        let tasks = (start..count.min(start + 16)).map(|index| {
            let (producer, topic) = (Arc::clone(&producer), topic.to_owned());
            tokio::spawn(async move {
                let (body, key) = (body(index), format!("key{index}"));
                let message = Message::new(&topic, &body).with_tags("TagA").with_keys(&key);
                (
                    index,
                    producer.send(&message).await.unwrap_or_else(|error| panic!("message {index}: {error}")),
                )
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            results.push(task.await.expect("no panic"));
        }
    }
    Arc::into_inner(producer).expect("all have ended").shutdown().await;
    results
}

#[tokio::test]
async fn apache_stores_a_thousand_of_our_messages_and_java_finds_each() {
    if !wanted("to Apache") {
        return;
    }
    for version in VERSIONS {
        let apache = Apache::start(version, "store", "");
        for (topic, count, form) in
            [("FromRust", 1_000, SerializeType::Json), ("FromRustBinary", 200, SerializeType::RocketMq)]
        {
            let results = send(&apache.name_server, topic, count, form).await;
            assert!(results.iter().all(|(_, result)| result.status == SendStatus::SendOk), "{version}");
            let sums = results.into_iter().map(|(index, result)| (result, crc32fast::hash(&body(index))));
            find_all(version, &apache.name_server, topic, sums);
        }
        rocketlite_tests::say(&format!(
            "interop to Apache {version}: 1000 JSON + 200 binary messages found by the Java client"
        ));
    }
}

#[tokio::test]
async fn apache_stores_what_we_compressed_and_our_batches_and_java_finds_them() {
    if !wanted("compressed and batched, to Apache") {
        return;
    }
    for version in VERSIONS {
        let apache = Apache::start(version, "compress", "");
        let topic = "CompressedByRust";
        let mut results = Vec::new();
        for kind in [CompressionType::Zlib, CompressionType::Lz4, CompressionType::Zstd] {
            let producer = start_with(&apache.name_server, |it| patient(it).compress_type(kind));
            // 5000 and 70000 bytes.
            for index in [4, 5, 10, 11] {
                let body = body(index);
                let sent = producer.send(&Message::new(topic, &body)).await;
                results.push((index, sent.unwrap_or_else(|error| panic!("{version} {kind:?}: {error}"))));
            }
            // As 5.x, we give a batch an id of its own, which older brokers put over those of its messages.
            if version == "5.4.0" {
                let bodies: Vec<_> = (0..6).map(body).collect();
                let messages: Vec<_> = bodies.iter().map(|body| Message::new(topic, body)).collect();
                let sent = producer.send_batch(&messages).await;
                results.push((0, sent.unwrap_or_else(|error| panic!("{version}, batch: {error}"))));
            }
            producer.shutdown().await;
        }
        let sums = results.into_iter().map(|(index, result)| (result, crc32fast::hash(&body(index))));
        find_all(version, &apache.name_server, topic, sums);
    }
}

/// The first message that a name server has a route for: it knows our broker a moment after that has connected.
async fn first_message(name_server: &str, topic: &str) -> SendResult {
    let producer = start_patient(name_server);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match producer.send(&Message::new(topic, b"first")).await {
            Ok(result) => return result,
            Err(error) if error.response_code() == 10_005 && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn our_broker_joins_a_real_name_server_and_java_finds_it_there() {
    if !wanted("joining a name server") {
        return;
    }
    for version in VERSIONS {
        // The broker of the reference must not offer its own queues for the same topic.
        let apache = Apache::start(version, "join", "autoCreateTopicEnable=false\n");
        let broker = Broker::builder().broker_name("broker-rust").namesrv_addr(&apache.name_server).start();
        let broker = broker.expect("it starts");
        let topic = "ThroughApache";
        let arguments =
            ["--namesrv", &apache.name_server, "--topic", topic, "--count", "100", "--inflight", "4"];
        let sent = first_message(&apache.name_server, topic).await;
        assert_eq!(sent.broker_name.as_str(), "broker-rust", "{version}");
        let owned: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let sent = tokio::task::spawn_blocking(move || {
            java(version, "Send", &owned.iter().map(String::as_str).collect::<Vec<_>>(), "")
        });
        let sent = sent.await.expect("no panic");
        assert_eq!(sent.len(), 100, "{version}");
        assert!(
            sent.iter().all(|line| line["status"] == "SEND_OK" && line["broker"] == "broker-rust"),
            "{version}"
        );
        broker.shutdown().await;
    }
}
