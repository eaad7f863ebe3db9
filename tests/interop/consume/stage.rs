//! A server to consume from, with a producer that sends there, and questions that only a test asks.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rocketlite::producer::{MessageQueue, SendStatus};
use rocketlite::{Message, Producer};
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_tests::program::RunningBroker;
use rocketlite_tests::raw::RawClient;

use crate::admin::{await_brokers, create_topic, eventually};
use crate::modes::start_patient;
use crate::reference::Apache;

const BROKER_NAME: &str = "broker-a";

/// What is tested: the same is expected of both.
#[derive(Debug)]
pub(super) enum Server {
    Apache(Apache),
    Rocketlite(RunningBroker),
}

impl Server {
    pub(super) fn apache(name: &str) -> Self {
        Self::Apache(Apache::start("5.4.0", name, ""))
    }

    pub(super) fn rocketlite() -> Self {
        Self::Rocketlite(RunningBroker::spawn(&["--memory", "--capacity", "256MiB"]))
    }

    fn addresses(&self) -> (&str, &str) {
        match self {
            Self::Apache(apache) => (&apache.name_server, &apache.broker),
            Self::Rocketlite(broker) => (&broker.address, &broker.address),
        }
    }

    /// Ours must have had nothing to complain about.
    pub(super) fn stop(self) {
        match self {
            Self::Apache(apache) => drop(apache),
            Self::Rocketlite(broker) => broker.stop(),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apache(_) => "Apache 5.4.0",
            Self::Rocketlite(_) => "rocketlite",
        })
    }
}

/// A message to send.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) body: String,
    pub(super) tags: &'static str,
    pub(super) keys: String,
    /// 0: at once.
    pub(super) delay_level: i32,
    /// Any, if it is not said.
    pub(super) queue: Option<u32>,
}

impl Draft {
    pub(super) fn new(body: impl Into<String>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    pub(super) const fn at_queue(mut self, queue: u32) -> Self {
        self.queue = Some(queue);
        self
    }
}

/// One that the server has stored.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) draft: Draft,
    pub(super) msg_id: String,
    pub(super) offset_msg_id: String,
    pub(super) queue_id: i64,
    pub(super) queue_offset: i64,
    /// When the server stored it; if it is delayed, where nobody sees it yet.
    pub(super) stored_at: i64,
}

/// All that is needed to play on a server.
pub(super) struct Stage {
    /// The server as a person calls it.
    pub(super) name: String,
    name_server: String,
    broker: String,
    producer: Arc<Producer>,
    runtime: tokio::runtime::Runtime,
    offsets: PathBuf,
}

impl Stage {
    pub(super) fn new(server: &Server) -> Self {
        static STAGES: AtomicUsize = AtomicUsize::new(0);
        let (name_server, broker) = server.addresses();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("threads can be started");
        let producer = {
            let _entered = runtime.enter();
            start_patient(name_server)
        };
        let number = STAGES.fetch_add(1, Ordering::Relaxed);
        let offsets =
            std::env::temp_dir().join(format!("rocketlite-offsets-{}-{number}", std::process::id()));
        let (name_server, broker) = (name_server.to_owned(), broker.to_owned());
        Self { name: server.to_string(), name_server, broker, producer, runtime, offsets }
    }

    pub(super) fn name_server(&self) -> &str {
        &self.name_server
    }

    /// Name server and broker.
    pub(super) fn addresses(&self) -> (&str, &str) {
        (&self.name_server, &self.broker)
    }

    /// Where consumers that broadcast keep their offsets.
    pub(super) fn offsets(&self) -> &Path {
        &self.offsets
    }

    /// Makes a topic and waits until it can be found.
    pub(super) fn topic(&self, topic: &str, queues: u32) {
        create_topic(&self.broker, topic, queues);
        self.await_topic(topic);
    }

    /// Waits until a topic can be found, which somebody else makes.
    pub(super) fn await_topic(&self, topic: &str) {
        await_brokers(self.name_server(), topic, &[BROKER_NAME]);
    }

    /// Sends one message after the other.
    pub(super) fn send(&self, topic: &str, drafts: impl IntoIterator<Item = Draft>) -> Vec<Sent> {
        let mut log = RawClient::connect(&self.broker);
        drafts.into_iter().map(|draft| self.send_one(&mut log, topic, draft)).collect()
    }

    fn send_one(&self, log: &mut RawClient, topic: &str, draft: Draft) -> Sent {
        let message = Message::new(topic, draft.body.as_bytes()).with_tags(draft.tags).with_keys(&draft.keys);
        let message = message.with_delay_time_level(draft.delay_level);
        let sent = self.runtime.block_on(async {
            match draft.queue {
                None => self.producer.send(&message).await,
                Some(queue_id) => {
                    let queue = MessageQueue { broker_name: BROKER_NAME, queue_id };
                    self.producer.send_to(&message, &queue).await
                }
            }
        });
        let sent = sent.unwrap_or_else(|error| panic!("{topic}: {error}"));
        assert_eq!(sent.status, SendStatus::SendOk, "{topic}");
        let id = sent.offset_message_id.expect("the broker gives one");
        let record = log.view_message(id.physical_offset);
        let (record, _) = StoredMessage::decode(&record).expect("a record");
        Sent {
            msg_id: sent.message_id.to_string(),
            offset_msg_id: id.to_string(),
            queue_id: sent.queue_id.into(),
            queue_offset: sent.queue_offset.expect("the broker tells"),
            stored_at: record.store_timestamp,
            draft,
        }
    }

    fn ask(&self, code: RequestCode, fields: &[(&str, &str)]) -> Option<i64> {
        RawClient::connect(&self.broker).request(code, fields, b"", |answer| {
            let offset = (answer.code == 0).then(|| answer.field("offset").map(|text| text.to_string()));
            offset.flatten().map(|offset| offset.parse().expect("a number"))
        })
    }

    /// Where a group will go on in a queue, if it has been there.
    pub(super) fn committed(&self, group: &str, topic: &str, queue: i64) -> Option<i64> {
        let queue = queue.to_string();
        let fields = [
            ("consumerGroup", group),
            ("topic", topic),
            ("queueId", &*queue),
            ("setZeroIfNotFound", "false"),
        ];
        self.ask(RequestCode::QUERY_CONSUMER_OFFSET, &fields)
    }

    /// Waits until a group would go on at the end of each queue.
    pub(super) fn await_commits(&self, group: &str, topic: &str, queues: u32) {
        for queue in 0..i64::from(queues) {
            let end = Some(self.max_offset(topic, queue));
            eventually(&format!("{group}, queue {queue}: all is committed"), || {
                (self.committed(group, topic, queue) == end).then_some(())
            });
        }
    }

    /// The offset that the next message of a queue will have.
    fn max_offset(&self, topic: &str, queue: i64) -> i64 {
        let queue = queue.to_string();
        self.ask(RequestCode::GET_MAX_OFFSET, &[("topic", topic), ("queueId", &*queue)]).expect("a queue")
    }

    /// Whether the server knows any member of a group.
    pub(super) fn has_members(&self, group: &str) -> bool {
        let fields = [("consumerGroup", group)];
        let code = RequestCode::GET_CONSUMER_LIST_BY_GROUP;
        RawClient::connect(&self.broker).request(code, &fields, b"", |answer| answer.code == 0)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Nobody may have broadcast.
        drop(std::fs::remove_dir_all(&self.offsets));
    }
}

/// The time of day, in milliseconds as servers and clients count them.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    i64::try_from(since.as_millis()).expect("it is not much later")
}
