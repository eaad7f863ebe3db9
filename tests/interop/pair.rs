//! Our producer and the Java client's side by side: the same send, the same settings, the same servers, at the same time.

use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use rocketlite::producer::{MessageQueue, Rules, SendError, SendResult};
use rocketlite::{Message, Producer};
use rocketlite_core::send::decision::{AttemptOutcome, Fault};
use rocketlite_core::send::outcome::SendErrorKind;
use rocketlite_tests::program::Dialogue;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, block_in_place};

use crate::modes::within;
use crate::reference::java_tries;

/// The longest that the Java client is waited for. Nothing is expected to take so long.
const DEADLINE: Duration = Duration::from_mins(3);

/// A setting that Java does not have.
pub(crate) const OURS_ALONE: &str = "reserveTimeForRetry";

/// How a message is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    Sync,
    Async,
    OneWay,
    Batch,
    Hash(i32),
    Queue(&'static str, u32),
}

impl Mode {
    pub(crate) const ALL: [Self; 6] =
        [Self::Sync, Self::Async, Self::OneWay, Self::Batch, Self::Hash(7), Self::Queue("broker-a", 0)];

    const fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Async => "async",
            Self::OneWay => "oneway",
            Self::Batch => "batch",
            Self::Hash(_) => "hash",
            Self::Queue(..) => "queue",
        }
    }
}

/// A message of `size` bytes to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    pub(crate) mode: Mode,
    pub(crate) topic: &'static str,
    pub(crate) size: usize,
}

impl Attempt {
    pub(crate) const fn new(mode: Mode, topic: &'static str) -> Self {
        Self { mode, topic, size: 5 }
    }

    /// The line for `Try.java`.
    fn order(&self, settings: &Value) -> String {
        let Self { mode, topic, size } = *self;
        let mut settings = settings.clone();
        if let Some(settings) = settings.as_object_mut() {
            settings.remove(OURS_ALONE);
        }
        let mut order = json!({ "settings": settings, "mode": mode.name(), "topic": topic, "size": size });
        match mode {
            Mode::Hash(hash) => order["hash"] = json!(hash),
            Mode::Queue(broker, queue_id) => {
                order["broker"] = json!(broker);
                order["queueId"] = json!(queue_id);
            }
            Mode::Sync | Mode::Async | Mode::OneWay | Mode::Batch => {}
        }
        order.to_string()
    }

    async fn send(self, producer: Arc<Producer>) -> Outcome {
        let body = vec![b'x'; self.size];
        let message = Message::new(self.topic, &body);
        let sent = match self.mode {
            Mode::OneWay => match within(producer.send_oneway(&message)).await {
                Ok(()) => return Outcome::Written,
                Err(error) => Err(error),
            },
            Mode::Sync => within(producer.send(&message)).await,
            Mode::Async => within(producer.send_async(&message)).await,
            Mode::Batch => within(producer.send_batch(&[message])).await,
            Mode::Hash(hash) => within(producer.send_hashed(&message, hash)).await,
            Mode::Queue(broker_name, queue_id) => {
                within(producer.send_to(&message, &MessageQueue { broker_name, queue_id })).await
            }
        };
        sent.map_or_else(|error| Outcome::of_error(&error), |result| Outcome::of_result(&result))
    }
}

/// What became of a send, in the words of the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// One-way: nobody knows more.
    Written,
    Stored {
        status: String,
        broker: String,
        offset_message_id: String,
        /// Which only we tell.
        attempts: Option<u8>,
    },
    Failed {
        /// The class of the exception; if that only wraps another one of the reference's, the inner one.
        reason: String,
        code: i64,
        /// How many attempts were made, and the brokers that were tried.
        tries: Option<(u64, String)>,
        text: String,
    },
}

impl Outcome {
    fn of_java(line: &Value) -> Self {
        let text = |field: &str| line[field].as_str().map(str::to_owned);
        if line["status"] == "ONEWAY" {
            return Self::Written;
        }
        if let Some(status) = text("status") {
            let broker = text("broker").expect("it knows the broker");
            let offset_message_id = text("offsetMsgId").expect("it knows the place");
            return Self::Stored { status, broker, offset_message_id, attempts: None };
        }
        // What the look-up of a route threw is unchecked.
        let unchecked =
            if line["exception"] == "IllegalStateException" { "IllegalStateException: " } else { "" };
        // A slot for each attempt that might have been made.
        let brokers = |brokers: String| brokers.trim_end_matches(", null").to_owned();
        Self::Failed {
            reason: format!("{unchecked}{}", text("reason").expect("it is a class")),
            code: line["code"].as_i64().expect("a number"),
            tries: line["attempts"].as_u64().zip(text("brokers").map(brokers)),
            text: text("text").unwrap_or_default(),
        }
    }

    fn of_result(result: &SendResult) -> Self {
        Self::Stored {
            status: result.status.to_string(),
            broker: result.broker_name.to_string(),
            offset_message_id: result.offset_message_id.expect("the broker gives one").to_string(),
            attempts: Some(result.attempts),
        }
    }

    fn of_error(error: &SendError) -> Self {
        let tries = match error {
            SendError::Failed { brokers_sent, error, .. } if error.attempts > 0 => {
                Some((error.attempts.into(), brokers_sent.join(", ")))
            }
            _ => None,
        };
        Self::Failed {
            reason: error.kind().map_or("MQClientException", reason).to_owned(),
            code: error.response_code().into(),
            tries,
            text: error.to_string(),
        }
    }

    /// Whether ours is the same as Java's, so far as Java tells.
    fn agrees_with(&self, java: &Self) -> bool {
        match (self, java) {
            (Self::Written, Self::Written) => true,
            (
                Self::Stored { status, broker, .. },
                Self::Stored { status: status_2, broker: broker_2, .. },
            ) => (status, broker) == (status_2, broker_2),
            (
                Self::Failed { reason, code, tries, .. },
                Self::Failed { reason: reason_2, code: code_2, tries: tries_2, .. },
            ) => (reason, code) == (reason_2, code_2) && (tries_2.is_none() || tries == tries_2),
            _ => false,
        }
    }
}

/// The class of the exception that Java has for our error.
fn reason(kind: SendErrorKind) -> &'static str {
    match kind {
        SendErrorKind::NameServerUnreachable => "IllegalStateException: RemotingConnectException",
        SendErrorKind::NameServerTimedOut => "IllegalStateException: RemotingTimeoutException",
        SendErrorKind::NoRoute | SendErrorKind::Attempt(AttemptOutcome::NoBrokerAddress) => {
            "MQClientException"
        }
        SendErrorKind::CallTimedOut | SendErrorKind::Attempt(AttemptOutcome::Unanswered(Fault::NoTime)) => {
            "RemotingTooMuchRequestException"
        }
        SendErrorKind::Attempt(AttemptOutcome::Refused(_)) => "MQBrokerException",
        SendErrorKind::Attempt(AttemptOutcome::Unanswered(Fault::Connect)) => "RemotingConnectException",
        SendErrorKind::Attempt(AttemptOutcome::Unanswered(Fault::Disconnected)) => {
            "RemotingSendRequestException"
        }
        SendErrorKind::Attempt(AttemptOutcome::Unanswered(Fault::TimedOut)) => "RemotingTimeoutException",
        other => panic!("not expected here: {other:?}"),
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written => f.write_str("written"),
            Self::Stored { status, broker, attempts: None | Some(1), .. } => write!(f, "{status} {broker}"),
            Self::Stored { status, broker, attempts: Some(attempts), .. } => {
                write!(f, "{status} {broker}, {attempts} attempts")
            }
            Self::Failed { reason, code, tries, .. } => {
                write!(f, "{code} {reason}")?;
                tries.as_ref().map_or(Ok(()), |(count, brokers)| write!(f, ", {count} [{brokers}]"))
            }
        }
    }
}

/// What both came to.
#[derive(Debug)]
pub(crate) struct Outcomes {
    pub(crate) java: Outcome,
    pub(crate) ours: Outcome,
}

/// Both producers of one version, with a pair of them for each set of settings.
pub(crate) struct Pair {
    version: &'static str,
    name_server: String,
    java: Dialogue,
    ours: HashMap<String, Arc<Producer>>,
    rows: Vec<Row>,
}

/// A line of what is printed.
struct Row {
    scenario: String,
    mode: &'static str,
    java: String,
    ours: String,
}

impl Pair {
    pub(crate) fn start(version: &'static str, name_server: &str) -> Self {
        Self {
            version,
            name_server: name_server.to_owned(),
            java: java_tries(version, name_server),
            ours: HashMap::new(),
            rows: Vec::new(),
        }
    }

    /// Whether both follow the 4.x line.
    pub(crate) fn is_4_x(&self) -> bool {
        self.version.starts_with("4.")
    }

    /// Has both send, and tells what became of it when both have ended.
    pub(crate) async fn send(&mut self, scenario: &str, settings: &Value, attempt: Attempt) -> Outcomes {
        let ours = self.begin(settings, attempt);
        self.end(scenario, attempt, ours).await
    }

    /// Java comes to what is expected, and we come to the same.
    pub(crate) async fn expect(
        &mut self,
        scenario: &str,
        settings: &Value,
        attempt: Attempt,
        expected: &str,
    ) {
        let outcomes = self.send(scenario, settings, attempt).await;
        outcomes.assert_equal(expected);
    }

    /// The same for a message of `size` bytes in all modes.
    pub(crate) async fn expect_all(
        &mut self,
        scenario: &str,
        settings: &Value,
        (topic, size): (&'static str, usize),
        expected: [&str; 6],
    ) {
        for (mode, expected) in Mode::ALL.into_iter().zip(expected) {
            self.expect(scenario, settings, Attempt { mode, topic, size }, expected).await;
        }
    }

    /// Has both begin to send.
    pub(crate) fn begin(&mut self, settings: &Value, attempt: Attempt) -> JoinHandle<Outcome> {
        self.java.say(&attempt.order(settings));
        self.begin_ours(settings, attempt)
    }

    /// Waits for what [`begin`](Self::begin) has begun.
    pub(crate) async fn end(
        &mut self,
        scenario: &str,
        attempt: Attempt,
        ours: JoinHandle<Outcome>,
    ) -> Outcomes {
        let outcomes = self.outcomes(ours).await;
        self.note(scenario, attempt.mode, outcomes.java.to_string(), &outcomes.ours);
        outcomes
    }

    async fn outcomes(&mut self, ours: JoinHandle<Outcome>) -> Outcomes {
        let ours = ours.await.expect("no panic");
        let java = block_in_place(|| self.java.hear(DEADLINE));
        let java = serde_json::from_str(&java).unwrap_or_else(|error| panic!("{error}: {java}"));
        Outcomes { java: Outcome::of_java(&java), ours }
    }

    /// Has both send until both have stored a message: routes and connections are there then, and programs are loaded.
    pub(crate) async fn warm_up(&mut self, settings: &Value, topic: &'static str) {
        /// More than a machine can be busy for.
        const TIMES: usize = 50;
        for _ in 0..TIMES {
            let attempt = Attempt::new(Mode::Sync, topic);
            let ours = self.begin(settings, attempt);
            let outcomes = self.outcomes(ours).await;
            if [outcomes.java, outcomes.ours].iter().all(|outcome| matches!(outcome, Outcome::Stored { .. }))
            {
                return;
            }
        }
        panic!("{} {topic}: both have not stored a message at the same time", self.version);
    }

    /// Without Java.
    pub(crate) async fn send_ours(&mut self, scenario: &str, settings: &Value, attempt: Attempt) -> Outcome {
        let ours = self.begin_ours(settings, attempt).await.expect("no panic");
        self.note(scenario, attempt.mode, "-".to_owned(), &ours);
        ours
    }

    fn note(&mut self, scenario: &str, mode: Mode, java: String, ours: &Outcome) {
        let (scenario, mode, ours) = (scenario.to_owned(), mode.name(), ours.to_string());
        self.rows.push(Row { scenario, mode, java, ours });
    }

    fn begin_ours(&mut self, settings: &Value, attempt: Attempt) -> JoinHandle<Outcome> {
        let start = || Arc::new(producer(self.version, &self.name_server, settings));
        let producer = self.ours.entry(settings.to_string()).or_insert_with(start);
        tokio::spawn(attempt.send(Arc::clone(producer)))
    }
}

impl Outcomes {
    #[track_caller]
    pub(crate) fn assert_equal(&self, expected: &str) {
        let Self { java, ours } = self;
        assert_eq!(java.to_string(), expected, "{java:?}");
        assert!(ours.agrees_with(java), "Java: {java:?}\nours: {ours:?}");
    }
}

impl Drop for Pair {
    /// Prints what was compared, in one piece.
    fn drop(&mut self) {
        let mut rows: Vec<[String; 3]> = vec![["what happened", "Java", "rocketlite"].map(str::to_owned)];
        for Row { scenario, mode, java, ours } in &self.rows {
            // Modes that came to the same share a line.
            let begin = format!("{scenario}, ");
            let same =
                |row: &&mut [String; 3]| row[0].starts_with(&begin) && row[1] == *java && row[2] == *ours;
            match rows.iter_mut().find(same) {
                Some([what, ..]) => {
                    what.push(' ');
                    what.push_str(mode);
                }
                None => rows.push([format!("{begin}{mode}"), java.clone(), ours.clone()]),
            }
        }
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
        let (first, second) = (width(0), width(1));
        let lines =
            rows.iter().map(|[what, java, ours]| format!("\n  {what:first$}  {java:second$}  {ours}"));
        rocketlite_tests::say(&format!("interop beside Java {}{}", self.version, lines.collect::<String>()));
    }
}

/// Our producer with settings that have the names of `DefaultMQProducer`.
fn producer(version: &str, name_server: &str, settings: &Value) -> Producer {
    let rules = if version.starts_with("4.") { Rules::V4 } else { Rules::V5 };
    let mut builder = Producer::builder("interop_producers").namesrv_addr(name_server).rules(rules);
    for (name, value) in settings.as_object().expect("they have names") {
        let text = || value.as_str().expect("a text");
        let number = || value.as_u64().expect("a number");
        let flag = || value.as_bool().expect("yes or no");
        let millis = || Duration::from_millis(number());
        builder = match name.as_str() {
            "sendMsgTimeout" => builder.send_msg_timeout(millis()),
            "sendMsgMaxTimeoutPerRequest" => builder.send_msg_max_timeout_per_request(millis()),
            "mqClientApiTimeout" => builder.mq_client_api_timeout(millis()),
            "pollNameServerInterval" => builder.poll_name_server_interval(millis()),
            "heartbeatBrokerInterval" => builder.heartbeat_broker_interval(millis()),
            "retryTimesWhenSendFailed" => {
                builder.retry_times_when_send_failed(number().try_into().expect("a small number"))
            }
            "sendLatencyFaultEnable" => builder.send_latency_fault_enable(flag()),
            "vipChannelEnabled" => builder.vip_channel_enabled(flag()),
            OURS_ALONE => builder.reserve_time_for_retry(flag()),
            "namespace" => builder.namespace(text()),
            "accessKey" => builder.access_key(text()),
            "secretKey" => builder.secret_key(text()),
            other => panic!("no setting {other}"),
        };
    }
    builder.start().expect("it starts")
}
