//! Emptying an outbox through a producer.

use core::fmt;
use core::future::Future;
use core::pin::{Pin, pin};
use core::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rocketlite_core::message::id::MessageId;
use rocketlite_core::outbox::{ForwardConfig, Next, Patience, Ticket, Unsent};
use tokio::time::Instant;

use super::{Outbox, OutboxError};
use crate::Producer;
use crate::producer::{SendError, SendResult};

/// Most messages that a [`Forwarder`] has in flight.
pub const MAX_WINDOW: usize = 64;

/// Sends the messages of an outbox, oldest first, and removes what a broker has acknowledged.
#[must_use = "it sends while `next` is awaited"]
pub struct Forwarder<'o> {
    outbox: &'o Outbox,
    producer: &'o Producer,
    window: usize,
    patience: Patience<MAX_WINDOW>,
    in_flight: FuturesUnordered<Pin<Box<dyn Future<Output = Attempt> + Send + 'o>>>,
    busy: Vec<Ticket>,
    resume: Option<Instant>,
}

/// A send that has ended.
struct Attempt {
    record: Vec<u8>,
    outcome: Result<SendResult, SendError>,
}

/// What became of a message of an outbox.
#[derive(Debug)]
#[non_exhaustive]
pub enum Forwarded {
    /// It was sent, and is no longer in the outbox.
    Sent(SendResult),
    /// It was refused for good, and is no longer in the outbox.
    GivenUp(Undelivered),
    /// It could not be sent now, and is tried again.
    Deferred {
        /// The message.
        message_id: Option<MessageId>,
        /// How long nothing is sent.
        delay: Duration,
        /// What was the matter.
        error: SendError,
    },
}

/// A message that was given up.
#[derive(Debug)]
#[non_exhaustive]
pub struct Undelivered {
    /// Its id.
    pub message_id: Option<MessageId>,
    /// Its topic.
    pub topic: String,
    /// Its body.
    pub body: Vec<u8>,
    /// Who refused it, the last time.
    pub error: SendError,
}

impl<'o> Forwarder<'o> {
    pub(super) fn new(outbox: &'o Outbox, producer: &'o Producer) -> Self {
        Self {
            outbox,
            producer,
            window: 1,
            patience: Patience::new(ForwardConfig::default()),
            in_flight: FuturesUnordered::new(),
            busy: Vec::new(),
            resume: None,
        }
    }

    /// How many messages may be in flight, 1 to [`MAX_WINDOW`]: one, which keeps them in order. With more, a message that
    /// fails is sent again after others that were in flight with it.
    pub fn with_window(mut self, messages: usize) -> Self {
        self.window = messages.clamp(1, MAX_WINDOW);
        self
    }

    /// How long it waits after failures, and when it gives a message up.
    pub fn with_config(mut self, config: ForwardConfig) -> Self {
        self.patience = Patience::new(config);
        self
    }

    /// Sends, and waits for something to tell. `None` when the producer was shut down.
    ///
    /// # Errors
    /// If the file cannot be read or written. A message that was sent may be sent once more then.
    pub async fn next(&mut self) -> Result<Option<Forwarded>, OutboxError> {
        loop {
            let mut pushed = pin!(self.outbox.pushed.notified());
            // From here on no notice is missed, also one between the question and the wait.
            pushed.as_mut().enable();
            self.fill().await?;
            let may_send = self.resume.is_none() && self.busy.len() < self.window;
            let resume = self.resume.unwrap_or_else(Instant::now);
            tokio::select! {
                Some(attempt) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                    return self.settle(attempt).await;
                }
                () = tokio::time::sleep_until(resume), if self.resume.is_some() => self.resume = None,
                () = pushed, if may_send => {}
            }
        }
    }

    /// Hands messages to the producer until the window is full or none is left.
    async fn fill(&mut self) -> Result<(), OutboxError> {
        while self.resume.is_none() && self.busy.len() < self.window {
            let Some(record) = self.outbox.peek_but(self.busy.clone()).await? else { break };
            let Some(ticket) = Unsent::decode(&record).map(|unsent| unsent.ticket()) else { break };
            self.busy.push(ticket);
            self.in_flight.push(Box::pin(send(self.producer, record, self.patience.config().hash)));
        }
        Ok(())
    }

    async fn settle(&mut self, attempt: Attempt) -> Result<Option<Forwarded>, OutboxError> {
        let Some(unsent) = Unsent::decode(&attempt.record) else { return Err(OutboxError::Corrupted) };
        let ticket = unsent.ticket();
        self.busy.retain(|busy| *busy != ticket);
        let error = match attempt.outcome {
            Ok(result) => {
                self.patience.sent(ticket);
                self.outbox.remove(ticket).await?;
                return Ok(Some(Forwarded::Sent(result)));
            }
            Err(SendError::NotRunning) => return Ok(None),
            Err(error) => error,
        };
        let next = match (&error, error.kind()) {
            (SendError::Illegal { .. }, _) => Next::GiveUp,
            (_, Some(kind)) => self.patience.failed(ticket, kind),
            (_, None) => self.patience.wait(),
        };
        let message_id = unsent.message_id();
        Ok(Some(match next {
            Next::Wait(delay) => {
                self.resume = Some(Instant::now() + delay);
                Forwarded::Deferred { message_id, delay, error }
            }
            Next::GiveUp => {
                let message = unsent.message();
                let (topic, body) = (message.topic().to_owned(), message.body().to_vec());
                self.outbox.remove(ticket).await?;
                Forwarded::GivenUp(Undelivered { message_id, topic, body, error })
            }
        }))
    }
}

async fn send(producer: &Producer, record: Vec<u8>, hash: Option<i32>) -> Attempt {
    let outcome = match (Unsent::decode(&record), hash) {
        (Some(unsent), None) => producer.send(&unsent.message()).await,
        (Some(unsent), Some(hash)) => producer.send_hashed(&unsent.message(), hash).await,
        // It was decoded before.
        (None, _) => Err(SendError::NotRunning),
    };
    Attempt { record, outcome }
}

impl fmt::Debug for Forwarder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder")
            .field("window", &self.window)
            .field("busy", &self.busy)
            .field("resume", &self.resume)
            .finish_non_exhaustive()
    }
}
