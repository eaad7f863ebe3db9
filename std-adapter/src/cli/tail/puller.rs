//! Pulls from the queues of one broker, for as long as somebody listens.

use core::time::Duration;
use std::collections::HashMap;

use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::code::{RequestCode, ResponseCode};
use rocketlite_core::wire::header::{PULL_SUBSCRIPTION, PULL_SUSPEND};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::super::record::{Origin, Record};
use super::From;
use super::wire::{Answer, Connection, Failure};

/// A queue to read.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub(super) broker: String,
    pub(super) id: i32,
    /// Where to go on, once that is known.
    pub(super) offset: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Puller {
    pub(super) address: String,
    pub(super) group: String,
    pub(super) topic: String,
    pub(super) tags: String,
    pub(super) from: From,
    pub(super) queues: Vec<Queue>,
    pub(super) records: mpsc::Sender<Result<Record, Failure>>,
}

/// Before a broker that was lost or refused a pull is asked again (`pullTimeDelayMillsWhenException`).
const DELAY: Duration = Duration::from_secs(3);

/// How long a broker holds a pull, as Java's consumers ask for.
const HOLD_MILLIS: &str = "15000";

impl Puller {
    /// Reads on through lost connections; a broker that cannot be reached at the beginning ends it all.
    pub(super) async fn run(mut self) {
        let mut first = true;
        while !self.records.is_closed() {
            let failure = match Connection::open(&self.address).await {
                Ok(connection) => {
                    let failure = self.pull(connection).await;
                    let known = self.queues.iter().all(|queue| queue.offset.is_some());
                    first &= !known;
                    failure
                }
                Err(failure) => failure,
            };
            if first {
                // Nobody listens any more if this fails.
                let _ = self.records.send(Err(failure)).await;
                return;
            }
            tracing::warn!(broker = self.address, "{failure}");
            sleep(DELAY).await;
        }
    }

    /// Keeps one pull for each queue under way until the connection fails.
    async fn pull(&mut self, mut connection: Connection) -> Failure {
        match self.pull_all(&mut connection).await {
            Ok(()) => Failure::new("nobody listens"),
            Err(failure) => failure,
        }
    }

    async fn pull_all(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        // Before the first pull: its answer may come while others are awaited.
        for at in 0..self.queues.len() {
            self.find_beginning(connection, at).await?;
        }
        let mut asked = HashMap::new();
        for at in 0..self.queues.len() {
            asked.insert(self.send_pull(connection, at).await?, at);
        }
        loop {
            let answer = connection.next_answer().await?;
            let Some(at) = asked.remove(&answer.opaque) else { continue };
            if !self.take(at, answer).await? {
                return Ok(());
            }
            asked.insert(self.send_pull(connection, at).await?, at);
        }
    }

    /// Asks where a queue begins or ends, if it is not known where to go on.
    async fn find_beginning(&mut self, connection: &mut Connection, at: usize) -> Result<(), Failure> {
        let queue = &mut self.queues[at];
        if queue.offset.is_some() {
            return Ok(());
        }
        let code = match self.from {
            From::First => RequestCode::GET_MIN_OFFSET,
            From::Last => RequestCode::GET_MAX_OFFSET,
            From::Offset(offset) => {
                queue.offset = Some(offset);
                return Ok(());
            }
        };
        let fields = [("topic", self.topic.as_str()), ("queueId", &queue.id.to_string())];
        queue.offset = connection.ask(code, &fields).await?.success()?.offset;
        Ok(())
    }

    async fn send_pull(&self, connection: &mut Connection, at: usize) -> Result<i32, Failure> {
        let queue = &self.queues[at];
        let fields = [
            ("consumerGroup", self.group.as_str()),
            ("topic", &self.topic),
            ("queueId", &queue.id.to_string()),
            ("queueOffset", &queue.offset.unwrap_or(0).to_string()),
            ("maxMsgNums", "32"),
            ("sysFlag", &(PULL_SUBSCRIPTION | PULL_SUSPEND).to_string()),
            ("commitOffset", "0"),
            ("suspendTimeoutMillis", HOLD_MILLIS),
            ("subscription", &self.tags),
            ("subVersion", "0"),
            ("expressionType", "TAG"),
        ];
        connection.send(RequestCode::PULL_MESSAGE, &fields).await
    }

    /// Hands on what came of a pull. Returns whether anybody listens.
    async fn take(&mut self, at: usize, answer: Answer) -> Result<bool, Failure> {
        let queue = &mut self.queues[at];
        match answer.code {
            ResponseCode::SUCCESS => {
                let mut rest = &answer.body[..];
                while !rest.is_empty() {
                    let (message, size) = StoredMessage::decode(rest)
                        .map_err(|error| Failure::new(format!("a message cannot be read: {error}")))?;
                    rest = &rest[size..];
                    if matches(&self.tags, &message)
                        && self
                            .records
                            .send(Ok(Record::new(Origin::Broker(queue.broker.clone()), &message)))
                            .await
                            .is_err()
                    {
                        return Ok(false);
                    }
                }
            }
            ResponseCode::PULL_NOT_FOUND | ResponseCode::PULL_RETRY_IMMEDIATELY => {}
            ResponseCode::PULL_OFFSET_MOVED => {
                let from = queue.offset.unwrap_or(0);
                let to = answer.next_begin_offset.unwrap_or(from);
                tracing::warn!(
                    broker = queue.broker,
                    queue = queue.id,
                    "queue offset {from} is gone, on at {to}"
                );
            }
            code => {
                tracing::warn!(broker = queue.broker, queue = queue.id, "{code}: {}", answer.remark);
                sleep(DELAY).await;
            }
        }
        queue.offset = answer.next_begin_offset.or(queue.offset);
        Ok(!self.records.is_closed())
    }
}

/// The broker compares hashes of tags; the text has the last word.
fn matches(tags: &str, message: &StoredMessage<'_>) -> bool {
    let tags = tags.trim();
    if tags.is_empty() || tags == "*" {
        return true;
    }
    let tag = message.properties().get("TAGS").map(|tag| tag.to_string()).unwrap_or_default();
    tags.split("||").any(|wanted| wanted.trim() == tag)
}
