//! What the program logs: to the standard error, as much as `RUST_LOG` wants.

use rocketlite_core::wire::code::RequestCode;
use rocketlite_tests::program::{RunningBroker, rocketlite, run};
use rocketlite_tests::raw::RawClient;

use crate::{send, stored};

#[test]
fn a_broker_tells_its_operator_what_changes_unless_it_is_told_otherwise() {
    let mut command = rocketlite(&["broker", "--listen", "127.0.0.1:0"]);
    command.env_remove("RUST_LOG");
    let broker = RunningBroker::of(command);
    stored(&send(&broker, &["--topic", "Logged", "--body", "x", "--json"]));
    // A program that sends one message may be gone before its first heartbeat; this one has been answered.
    let heartbeat = br#"{"clientID":"c","producerDataSet":[{"groupName":"g"}]}"#;
    RawClient::connect(&broker.address).request(RequestCode::HEART_BEAT, &[], heartbeat, |answer| {
        assert_eq!(answer.code, 0, "{answer:?}");
    });
    let log = broker.stop_and_tell("TERM");
    for words in ["INFO", "topic created topic=Logged queues=4", "client registered", "group=g role=Producer"]
    {
        assert!(log.contains(words), "no '{words}': {log}");
    }
    // Not a word for each message or question.
    assert!(!log.contains("refused") && !log.contains("WARN"), "{log}");
}

#[test]
fn a_producer_tells_of_attempts_routes_and_connections_when_it_is_asked_to() {
    let broker = RunningBroker::spawn(&[]);
    let arguments =
        ["send", "--namesrv", &broker.address, "--topic", "T", "--body", "x", "--timeout", "30000"];
    let mut command = rocketlite(&arguments);
    command.env("RUST_LOG", "rocketlite::producer=trace");
    let finished = run(command);
    assert!(finished.status.success() && finished.stdout.starts_with("SEND_OK"), "{finished:#?}");
    let connected = format!("connected address={}", broker.address);
    for words in [
        &connected[..],
        "route changed topic=\"T\" queues=4",
        "queue selected send=0 broker=broker-a",
        "attempt stored the message send=0 attempt=1 broker=broker-a",
        "disconnected",
    ] {
        assert!(finished.stderr.contains(words), "no '{words}': {}", finished.stderr);
    }
    broker.stop();

    let mut command = rocketlite(&["send", "--namesrv", "127.0.0.1:1", "--topic", "T", "--body", "x"]);
    command.env("RUST_LOG", "warn");
    let finished = run(command);
    assert!(!finished.status.success(), "{finished:#?}");
    for words in ["reason=ConnectFailed", "route lookup failed topic=\"T\"", "send failed"] {
        assert!(finished.stderr.contains(words), "no '{words}': {}", finished.stderr);
    }
}

#[test]
fn a_filter_that_is_none_is_a_mistake() {
    let mut command = rocketlite(&["broker", "--listen", "127.0.0.1:0"]);
    command.env("RUST_LOG", "rocketlite=loud=very");
    let finished = run(command);
    let complaint = finished.complaint();
    assert!(complaint.contains("RUST_LOG") && complaint.contains("debug"), "{complaint}");
    assert_eq!(finished.status.code(), Some(2));
}
