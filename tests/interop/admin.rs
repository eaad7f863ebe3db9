//! What an administrator asks of the reference's servers, and what the system knows of their connections.

use core::time::Duration;
use std::time::Instant;

use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::command::RemotingCommand;
use rocketlite_tests::raw::{RawClient, topic_fields};
use serde_json::Value;

/// The longest that anything is asked again. Nothing is expected to take so long.
const DEADLINE: Duration = Duration::from_mins(2);

const UPDATE_BROKER_CONFIG: RequestCode = RequestCode(25);
const GET_PRODUCER_CONNECTION_LIST: RequestCode = RequestCode(204);
const DELETE_TOPIC_IN_BROKER: RequestCode = RequestCode(215);

/// Asks until there is an answer.
///
/// # Panics
/// If there is none in time.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn order(broker: &str, code: RequestCode, fields: &[(&str, &str)], body: &str) {
    RawClient::connect(broker).request(code, fields, body.as_bytes(), |answer| {
        assert_eq!(answer.code, 0, "{answer:?}");
    });
}

/// Makes a topic with `queues` queues.
pub(crate) fn create_topic(broker: &str, topic: &str, queues: u32) {
    let queues = queues.to_string();
    order(broker, RequestCode::UPDATE_AND_CREATE_TOPIC, &topic_fields(topic, &queues), "");
}

/// Has a broker forget a topic; the name server goes on naming it.
pub(crate) fn delete_topic(broker: &str, topic: &str) {
    order(broker, DELETE_TOPIC_IN_BROKER, &[("topic", topic)], "");
}

/// Changes a line of a broker's configuration.
pub(crate) fn configure(broker: &str, line: &str) {
    order(broker, UPDATE_BROKER_CONFIG, &[], line);
}

fn body(answer: RemotingCommand<'_>) -> String {
    String::from_utf8_lossy(answer.body).into_owned()
}

/// Waits until the name server's route of a topic is as it should be.
pub(crate) fn await_route(name_server: &str, topic: &str, wanted: impl Fn(&Value) -> bool) {
    let mut client = RawClient::connect(name_server);
    eventually("the route", || {
        let fields = [("topic", topic), ("acceptStandardJsonOnly", "true")];
        let route = client.request(RequestCode::GET_ROUTEINFO_BY_TOPIC, &fields, b"", body);
        serde_json::from_str(&route).ok().filter(&wanted)
    });
}

/// Waits until the name server names all of `brokers` for a topic.
pub(crate) fn await_brokers(name_server: &str, topic: &str, brokers: &[&str]) {
    await_route(name_server, topic, |route| {
        let named = |broker: &&str| {
            let queues = route["queueDatas"].as_array().into_iter().flatten();
            queues.into_iter().any(|data| data["brokerName"] == **broker)
        };
        brokers.iter().all(named)
    });
}

/// Waits until a broker has heard of the producers of a group, and tells their languages.
pub(crate) fn languages_of_producers(broker: &str, group: &str) -> Vec<String> {
    let mut client = RawClient::connect(broker);
    eventually("a producer of the group", || {
        let list = client.request(GET_PRODUCER_CONNECTION_LIST, &[("producerGroup", group)], b"", body);
        let list: Value = serde_json::from_str(&list).ok()?;
        let connections = list["connectionSet"].as_array()?.iter();
        let languages: Vec<_> =
            connections.filter_map(|one| one["language"].as_str()).map(str::to_owned).collect();
        (!languages.is_empty()).then_some(languages)
    })
}

/// For each connection that stands to a port of this machine, how many bytes wait for whoever listens there.
///
/// # Panics
/// If the system is not Linux.
pub(crate) fn waiting_at(port: u16) -> Vec<u64> {
    const ESTABLISHED: &str = "01";
    let mut waiting = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // A machine may be without one of the protocols.
        let Ok(table) = std::fs::read_to_string(table) else { continue };
        for line in table.lines().skip(1) {
            // Number, own address and port, the peer's, state, bytes to be sent and to be read.
            let fields: Vec<_> = line.split_whitespace().collect();
            let here = fields[1].rsplit_once(':').and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
            let unread =
                fields[4].split_once(':').and_then(|(_, unread)| u64::from_str_radix(unread, 16).ok());
            if here == Some(port) && fields[3] == ESTABLISHED {
                waiting.push(unread.expect("a number"));
            }
        }
    }
    waiting
}
