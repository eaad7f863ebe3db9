//! Our producer, and the reference's servers that die, or stand beside one that hangs.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::HashSet;
use std::sync::Arc;

use rocketlite::producer::{MessageQueue, SendError, SendResult, SendStatus};
use rocketlite::{Message, Producer};
use rocketlite_core::message::crc32;
use rocketlite_core::send::decision::{AttemptOutcome, Fault};
use rocketlite_core::send::outcome::SendErrorKind;
use rocketlite_core::wire::code::{RequestCode, ResponseCode};
use rocketlite_core::wire::command::RemotingCommand;
use rocketlite_tests::raw::RawClient;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, block_in_place};

use crate::modes::{start, start_patient, within};
use crate::reference::{Apache, PATIENT, VERSIONS, find_all};
use crate::wanted_slow;

type Outcome = Result<SendResult, SendError>;

/// Sizes as messages often have them, other bytes in each.
fn body(index: usize) -> Vec<u8> {
    format!("{index} ").into_bytes().into_iter().cycle().take(100 + index % 7 * 600).collect()
}

/// Tasks that send without a pause, until they are told to end.
struct Senders {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<Vec<(usize, Outcome)>>>,
}

struct Shared {
    producer: Arc<Producer>,
    enough: AtomicBool,
    begun: AtomicUsize,
    stored: AtomicUsize,
    failed: AtomicUsize,
}

impl Senders {
    fn start(producer: &Arc<Producer>, topic: &'static str) -> Self {
        let shared = Arc::new(Shared {
            producer: Arc::clone(producer),
            enough: AtomicBool::new(false),
            begun: AtomicUsize::new(0),
            stored: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
        });
        let tasks = (0..8).map(|_| tokio::spawn(Arc::clone(&shared).send(topic))).collect();
        Self { shared, tasks }
    }

    /// Waits until `count` of something more have happened.
    async fn see(&self, what: impl Fn(&Shared) -> &AtomicUsize, count: usize) {
        let goal = what(&self.shared).load(Ordering::Relaxed) + count;
        within(async {
            while what(&self.shared).load(Ordering::Relaxed) < goal {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// What all sends came to, each once.
    async fn end(self) -> Vec<(usize, Outcome)> {
        self.shared.enough.store(true, Ordering::Relaxed);
        let mut outcomes = Vec::new();
        for task in self.tasks {
            outcomes.extend(within(task).await.expect("no panic"));
        }
        let indexes: HashSet<_> = outcomes.iter().map(|(index, _)| *index).collect();
        let begun = self.shared.begun.load(Ordering::Relaxed);
        assert_eq!((outcomes.len(), indexes.len()), (begun, begun), "a send has no end, or two");
        outcomes
    }
}

impl Shared {
    async fn send(self: Arc<Self>, topic: &'static str) -> Vec<(usize, Outcome)> {
        let mut outcomes = Vec::new();
        while !self.enough.load(Ordering::Relaxed) {
            let index = self.begun.fetch_add(1, Ordering::Relaxed);
            let outcome = within(self.producer.send(&Message::new(topic, &body(index)))).await;
            if outcome.is_ok() {
                self.stored.fetch_add(1, Ordering::Relaxed);
            } else {
                self.failed.fetch_add(1, Ordering::Relaxed);
                // A port that nobody listens on refuses thousands in a second.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            outcomes.push((index, outcome));
        }
        outcomes
    }
}

/// Whether a broker that is killed, gone, or not yet ready to serve can be the reason.
const fn blames_the_broker(kind: SendErrorKind) -> bool {
    matches!(
        kind,
        SendErrorKind::CallTimedOut
            | SendErrorKind::Attempt(
                AttemptOutcome::Unanswered(
                    Fault::Connect | Fault::Disconnected | Fault::TimedOut | Fault::NoTime
                ) | AttemptOutcome::Refused(
                    ResponseCode::SYSTEM_ERROR
                        | ResponseCode::SYSTEM_BUSY
                        | ResponseCode::SERVICE_NOT_AVAILABLE
                )
            )
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_killed_while_we_send_keeps_what_it_acknowledged_and_is_used_again_once_it_is_back() {
    const TOPIC: &str = "Killed";
    if !wanted_slow("a killed broker") {
        return;
    }
    for version in VERSIONS {
        let apache = Apache::start(version, "killed", PATIENT);
        let producer = start(&apache.name_server);
        let senders = Senders::start(&producer, TOPIC);
        senders.see(|all| &all.stored, 300).await;
        block_in_place(|| apache.kill());
        senders.see(|all| &all.failed, 16).await;
        block_in_place(|| apache.start_again());
        senders.see(|all| &all.stored, 300).await;
        let outcomes = senders.end().await;
        within(producer.shutdown()).await;

        let (mut stored, mut failed) = (Vec::new(), 0);
        for (index, outcome) in outcomes {
            match outcome {
                Ok(result) => {
                    assert_eq!(result.status, SendStatus::SendOk, "{version} {index}");
                    stored.push((result, crc32fast::hash(&body(index))));
                }
                Err(error) => {
                    assert!(error.kind().is_some_and(blames_the_broker), "{version} {index}: {error}");
                    assert!(error.to_string().contains("BrokersSent: [broker-a"), "{version}: {error}");
                    failed += 1;
                }
            }
        }
        let count = stored.len();
        find_all(version, &apache.name_server, TOPIC, stored);
        rocketlite_tests::say(&format!(
            "interop a killed broker {version}: {count} acknowledged and all found, {failed} told as failed"
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_name_server_a_producer_sends_where_it_knows_the_way_and_says_why_not_elsewhere() {
    const KNOWN: &str = "Known";
    const UNKNOWN: &str = "Unknown";
    if !wanted_slow("a killed name server") {
        return;
    }
    for version in VERSIONS {
        let apache = Apache::start(version, "lost", PATIENT);
        let producer = start_patient(&apache.name_server);
        let mut stored = Vec::new();
        for index in 0..200 {
            if index == 50 {
                block_in_place(|| apache.kill_name_server());
            }
            let sent = within(producer.send(&Message::new(KNOWN, &body(index)))).await;
            let result = sent.unwrap_or_else(|error| panic!("{version} {index}: {error}"));
            assert_eq!(result.status, SendStatus::SendOk, "{version} {index}");
            stored.push((result, crc32fast::hash(&body(index))));
        }
        let message = Message::new(UNKNOWN, b"where to?");
        let lost = [
            within(producer.send(&message)).await.map(drop),
            within(producer.send_oneway(&message)).await,
            within(producer.send_hashed(&message, 1)).await.map(drop),
        ];
        for outcome in lost {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), Some(SendErrorKind::NameServerUnreachable), "{version}: {error}");
            let text = error.to_string();
            assert!(text.contains("Topic: Unknown,"), "{version}: {text}");
            assert!(text.contains("no name server can be reached"), "{version}: {text}");
        }
        block_in_place(|| apache.start_again());
        let sent = within(producer.send(&message)).await.expect("the name server is back");
        within(producer.shutdown()).await;
        find_all(version, &apache.name_server, UNKNOWN, [(sent, crc32fast::hash(message.body()))]);
        let count = stored.len();
        find_all(version, &apache.name_server, KNOWN, stored);
        rocketlite_tests::say(&format!(
            "interop a killed name server {version}: {count} messages found, an unknown topic told as such"
        ));
    }
}

/// A broker that takes connections and requests and never answers.
struct Hanging {
    address: String,
    accepting: JoinHandle<()>,
    /// Its registration ends with this connection.
    name_server: RawClient,
}

impl Hanging {
    const NAME: &str = "broker-hangs";

    async fn start(name_server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let accepting = tokio::spawn(async move {
            let mut connections = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.push(stream);
            }
        });
        Self { address, accepting, name_server: RawClient::connect(name_server) }
    }

    /// Registers four queues of a topic at the name server.
    fn register(&mut self, topic: &str) {
        let config = |topic| {
            json!({
                "topicName": topic, "readQueueNums": 4, "writeQueueNums": 4, "perm": 6,
                "topicFilterType": "SINGLE_TAG", "topicSysFlag": 0, "order": false,
            })
        };
        // Of a broker that registers for the first time, 5.x passes over the topic if it is only one.
        let topics = json!({ topic: config(topic), Self::NAME: config(Self::NAME) });
        let version = json!({ "timestamp": 1_700_000_000_000_u64, "counter": 1, "stateVersion": 0 });
        let topics = json!({ "topicConfigTable": topics, "dataVersion": version });
        let body = json!({ "topicConfigSerializeWrapper": topics, "filterServerList": [] }).to_string();
        let sum = crc32(body.as_bytes()).to_string();
        let fields = [
            ("brokerName", Self::NAME),
            ("brokerAddr", &self.address),
            ("clusterName", "DefaultCluster"),
            ("haServerAddr", "127.0.0.1:1"),
            ("brokerId", "0"),
            ("compressed", "false"),
            ("bodyCrc32", &sum),
        ];
        self.name_server.request(RequestCode::REGISTER_BROKER, &fields, body.as_bytes(), |answer| {
            assert_eq!(answer.code, 0, "{answer:?}");
        });
    }

    /// Waits until the name server names both brokers for a topic.
    async fn stands_beside_the_real_one(&mut self, topic: &str) {
        within(async {
            loop {
                let route = |answer: RemotingCommand<'_>| String::from_utf8_lossy(answer.body).into_owned();
                let route = self.name_server.request(
                    RequestCode::GET_ROUTEINFO_BY_TOPIC,
                    &[("topic", topic)],
                    b"",
                    route,
                );
                if [Self::NAME, "broker-a"].iter().all(|name| route.contains(name)) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Whether the first attempt of a send that failed took all its time. The connection is given up with the first send that
/// times out: the others on it go on with what is left of their time, if only a millisecond, as with 5.x in Java.
fn used_up_by_the_hanging_one(error: &SendError) -> bool {
    /// What `DefaultMQProducer` gives a send.
    const TIMEOUT: Duration = Duration::from_secs(3);
    let SendError::Failed { brokers_sent, error, .. } = error else { panic!("{error}") };
    assert_eq!(brokers_sent[0], Hanging::NAME, "{error}");
    if error.attempts > 1 {
        let unanswered = matches!(error.kind, SendErrorKind::Attempt(AttemptOutcome::Unanswered(_)));
        assert!(unanswered || error.kind == SendErrorKind::CallTimedOut, "{error}");
        return false;
    }
    assert_eq!(error.kind, SendErrorKind::CallTimedOut, "{error}");
    assert!(error.elapsed >= TIMEOUT, "{error}");
    assert!(error.to_string().starts_with("sendDefaultImpl call timeout"), "{error}");
    true
}

#[tokio::test]
async fn a_broker_that_hangs_uses_up_the_time_of_the_sends_that_reach_it_and_of_no_others() {
    const TOPIC: &str = "Hanging";
    const SENDS: usize = 16;
    if !wanted_slow("a hanging broker") {
        return;
    }
    for version in VERSIONS {
        let apache = Apache::start(version, "hanging", PATIENT);
        // The real broker makes the topic for its first message.
        let first = start_patient(&apache.name_server);
        within(first.send(&Message::new(TOPIC, b"first"))).await.expect("it is stored");
        within(first.shutdown()).await;
        let mut hanging = Hanging::start(&apache.name_server).await;
        hanging.register(TOPIC);
        hanging.stands_beside_the_real_one(TOPIC).await;

        let producer = start(&apache.name_server);
        let tasks: Vec<_> = (0..SENDS)
            .map(|index| {
                let producer = Arc::clone(&producer);
                tokio::spawn(async move {
                    (index, within(producer.send(&Message::new(TOPIC, &body(index)))).await)
                })
            })
            .collect();
        let (mut stored, mut at_once, mut waited) = (Vec::new(), 0, 0);
        for task in tasks {
            let (index, outcome) = within(task).await.expect("no panic");
            match outcome {
                Ok(result) => {
                    assert_eq!(result.broker_name.as_str(), "broker-a", "{version}");
                    at_once += usize::from(result.attempts == 1);
                    stored.push((result, crc32fast::hash(&body(index))));
                }
                Err(error) => waited += usize::from(used_up_by_the_hanging_one(&error)),
            }
        }
        // The queues of both take turns.
        assert_eq!(at_once, SENDS / 2, "{version}");
        assert!(waited > 0, "{version}: nobody had to wait");

        within(producer.shutdown()).await;

        // Over a connection of its own, which no other request on it gives up earlier.
        let another = start(&apache.name_server);
        let queue = MessageQueue { broker_name: Hanging::NAME, queue_id: 0 };
        let error = within(another.send_to(&Message::new(TOPIC, b"to it"), &queue)).await.unwrap_err();
        let timed_out = SendErrorKind::Attempt(AttemptOutcome::Unanswered(Fault::TimedOut));
        assert_eq!(error.kind(), Some(timed_out), "{version}: {error}");
        within(another.shutdown()).await;
        find_all(version, &apache.name_server, TOPIC, stored);
        rocketlite_tests::say(&format!(
            "interop a hanging broker {version}: {at_once} stored by the other, {waited} timed out with it"
        ));
    }
}
