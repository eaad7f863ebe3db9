//! Names in a namespace, and brokers' second ports: at the reference's servers, beside the Java client.

use std::collections::BTreeMap;

use rocketlite_core::message::id::OffsetMessageId;
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_tests::raw::RawClient;
use serde_json::json;

use crate::admin::{languages_of_producers, waiting_at};
use crate::pair::{Attempt, Mode, Outcome, Pair};
use crate::reference::{Apache, VERSIONS, java};
use crate::wanted;

const STORED: &str = "SEND_OK broker-a";
const ALL_STORED: [&str; 6] = [STORED, STORED, "written", STORED, STORED, STORED];

/// Topic and properties of a message as the broker keeps them, but for its id.
fn stored(outcome: &Outcome) -> (String, BTreeMap<String, String>) {
    let Outcome::Stored { offset_message_id, .. } = outcome else { panic!("{outcome:?}") };
    let id = OffsetMessageId::parse(offset_message_id).expect("an offset message id");
    let record = RawClient::connect(&id.store_host.to_string()).view_message(id.physical_offset);
    let (message, _) = StoredMessage::decode(&record).expect("a record");
    let properties = message.properties();
    let others = properties.iter().filter(|(name, _)| *name != "UNIQ_KEY");
    (message.topic.to_string(), others.map(|(name, value)| (name.to_string(), value.to_string())).collect())
}

/// The Java consumer gets `count` messages by a name of the topic, inside the namespace or outside.
fn consume(version: &str, name_server: &str, topic: &str, namespace: &[&str], count: usize) {
    let (count_text, group) = (count.to_string(), if namespace.is_empty() { "Outside" } else { "Inside" });
    let arguments = ["--namesrv", name_server, "--topic", topic, "--group", group, "--count", &count_text];
    let more = ["--timeout", "120", "--from", "first"];
    let lines = java(version, "Consume", &[&arguments[..], &more, namespace].concat(), "");
    assert_eq!(lines.len(), count, "{version} {topic}");
    assert!(lines.iter().all(|line| line["topic"] == topic), "{version} {topic}: {lines:?}");
    // Those of a batch have it from the batch, if the broker does that.
    let named = lines.iter().filter(|line| line["properties"]["INSTANCE_ID"] == "ns").count();
    assert!(named >= count - 2, "{version} {topic}: {lines:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_in_a_namespace_is_the_one_that_java_means() {
    const TOPIC: &str = "Named";
    if !wanted("namespaces, beside Java") {
        return;
    }
    for version in VERSIONS {
        let apache = Apache::start(version, "namespace", "");
        let mut pair = Pair::start(version, &apache.name_server);
        let inside = json!({ "sendMsgTimeout": 60_000, "namespace": "ns" });
        // The first makes the topic.
        let first = pair.send_ours("a new topic", &inside, Attempt::new(Mode::Sync, TOPIC)).await;
        assert_eq!(stored(&first).0, "ns%Named");
        pair.expect_all("in a namespace", &inside, (TOPIC, 5), ALL_STORED).await;
        let outcomes = pair.send("the same once more", &inside, Attempt::new(Mode::Sync, TOPIC)).await;
        outcomes.assert_equal(STORED);
        assert_eq!(stored(&outcomes.ours), stored(&outcomes.java), "{version}");
        for group in ["ns%interop_producers", "ns%interop_java_tries"] {
            languages_of_producers(&apache.broker, group);
        }
        let count = 1 + 2 * (Mode::ALL.len() + 1);
        consume(version, &apache.name_server, TOPIC, &["--namespace", "ns"], count);
        consume(version, &apache.name_server, "ns%Named", &[], count);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brokers_second_port_is_used_as_java_uses_it() {
    const TOPIC: &str = "Vip";
    if !wanted("second ports, beside Java") {
        return;
    }
    for version in VERSIONS {
        let apache = Apache::start(version, "vip", "");
        let port: u16 =
            apache.broker.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
        let connections = || (waiting_at(port).len(), waiting_at(port - 2).len());
        let mut pair = Pair::start(version, &apache.name_server);
        let vip = json!({ "sendMsgTimeout": 60_000, "vipChannelEnabled": true });
        assert_eq!(connections(), (0, 0), "{version}");
        let first = pair.send_ours("the second port", &vip, Attempt::new(Mode::Sync, TOPIC)).await;
        assert_eq!(first.to_string(), STORED);
        assert_eq!(connections(), (0, 1), "{version}");
        // Java's heartbeats go to the first port, ours to where the messages go: the broker knows us all the same.
        let languages = languages_of_producers(&apache.broker, "interop_producers");
        assert_eq!(connections(), (0, 1), "{version}: {languages:?}");
        pair.expect_all("the second port", &vip, (TOPIC, 5), ALL_STORED).await;
        assert_eq!(connections().1, 2, "{version}: one of ours and one of Java's");
        assert_eq!(languages_of_producers(&apache.broker, "interop_producers"), languages);
    }
}
