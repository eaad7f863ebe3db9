//! Our producer, and the reference's servers that die while it sends.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::HashSet;
use std::sync::Arc;

use rocketlite::producer::{SendError, SendResult, SendStatus};
use rocketlite::{Message, Producer};
use rocketlite_core::send::decision::{AttemptOutcome, Fault};
use rocketlite_core::send::outcome::SendErrorKind;
use rocketlite_core::wire::code::ResponseCode;
use tokio::task::{JoinHandle, block_in_place};

use crate::modes::{start_patient, start_with, within};
use crate::reference::{Apache, Server, VERSIONS, find_all};
use crate::wanted;

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
    if !wanted("a killed broker") {
        return;
    }
    for version in VERSIONS {
        let apache = Apache::start(version, "killed", "");
        let producer = start_with(&apache.name_server, |defaults| defaults);
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
    if !wanted("a killed name server") {
        return;
    }
    for version in VERSIONS {
        let apache = Apache::start(version, "lost", "");
        let producer = start_patient(&apache.name_server);
        let mut stored = Vec::new();
        for index in 0..200 {
            if index == 50 {
                block_in_place(|| apache.kill_one(Server::NameServer));
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
