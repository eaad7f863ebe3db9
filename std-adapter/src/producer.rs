//! An async producer for any tokio runtime.

mod builder;
#[cfg(feature = "compress")]
mod compress;
mod error;
mod host;
mod log;

pub use builder::{ProducerBuilder, StartError};
pub use error::SendError;
pub use rocketlite_core::Rules;
pub use rocketlite_core::message::MessageView;
#[cfg(feature = "compress")]
pub use rocketlite_core::message::compression::CompressionType;
pub use rocketlite_core::producer::{Content, MessageQueue, SendOptions};
pub use rocketlite_core::select::{MessageQueueSelector, PublishQueues};
pub use rocketlite_core::send::SendMode;
pub use rocketlite_core::send::decision::AttemptOutcome;
pub use rocketlite_core::send::hook::{CheckForbiddenHook, SendContext, SendMessageHook};
pub use rocketlite_core::send::outcome::{SendResult, SendStatus};

use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;

use rocketlite_core::message::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::drive::Driver;
use host::{Outcome, ProducerHost, Room};

/// A RocketMQ producer.
///
/// It can be used from any number of tasks at once. A send that was accepted ends exactly once, also if nobody waits for
/// it any more: within its timeout when its topic's route is known, and otherwise when the name servers have
/// answered or used up their own timeouts, as in Java. Dropping the producer lets those in flight end and tells the
/// brokers.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use rocketlite::{Message, Producer};
///
/// let producer = Producer::builder("my_group").namesrv_addr("127.0.0.1:9876").start()?;
/// let result = producer.send(&Message::new("TopicTest", b"hello").with_tags("TagA")).await?;
/// println!("{} {} in queue {}", result.status, result.message_id, result.queue_id);
/// producer.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Producer {
    driver: Arc<Driver<ProducerHost>>,
    /// One for each send that can be in flight. Callers queue here, in order, and not at the engine.
    places: Arc<Semaphore>,
    /// How long a caller waits for room: as long as for the send itself.
    patience: Duration,
}

impl Producer {
    /// Starts to describe a producer of `producer_group`, with the defaults of `DefaultMQProducer`.
    pub fn builder(producer_group: impl Into<String>) -> ProducerBuilder {
        ProducerBuilder::new(producer_group.into())
    }

    /// Sends to a queue that the producer chooses, and tries other brokers if one fails
    /// (`DefaultMQProducer#send(Message)`). Waits while there is no room for another send.
    ///
    /// # Errors
    /// Why the message was not sent, with the reference's code.
    pub async fn send(&self, message: &Message<'_>) -> Result<SendResult, SendError> {
        self.send_with(message, &SendOptions::new()).await
    }

    /// Sends to a queue that the producer chooses, by the rules of the reference's sends with a callback: it tries again
    /// when no broker has answered, but not after a refusal (`DefaultMQProducer#send(Message, SendCallback)`).
    ///
    /// # Errors
    /// Why the message was not sent, with the reference's code.
    pub async fn send_async(&self, message: &Message<'_>) -> Result<SendResult, SendError> {
        self.send_with(message, &SendOptions::new().mode(SendMode::Async)).await
    }

    /// Sends without asking for an answer (`DefaultMQProducer#sendOneway(Message)`): done when the bytes are with the
    /// operating system.
    ///
    /// # Errors
    /// Why the message was not sent, with the reference's code.
    pub async fn send_oneway(&self, message: &Message<'_>) -> Result<(), SendError> {
        self.send_with(message, &SendOptions::new().mode(SendMode::OneWay)).await.map(drop)
    }

    /// Sends to one queue, in one attempt (`DefaultMQProducer#send(Message, MessageQueue)`).
    ///
    /// # Errors
    /// Why the message was not sent, with the reference's code.
    pub async fn send_to(
        &self,
        message: &Message<'_>,
        queue: &MessageQueue<'_>,
    ) -> Result<SendResult, SendError> {
        self.send_with(message, &SendOptions::new().to(*queue)).await
    }

    /// Sends to the queue that belongs to `hash`, in one attempt (`SelectMessageQueueByHash`): messages of one hash
    /// stay in order as long as the topic's queues do not change.
    ///
    /// # Errors
    /// Why the message was not sent, with the reference's code.
    pub async fn send_hashed(&self, message: &Message<'_>, hash: i32) -> Result<SendResult, SendError> {
        self.send_with(message, &SendOptions::new().by_hash(hash)).await
    }

    /// Sends several messages of one topic as one (`DefaultMQProducer#send(Collection)`): the broker stores all of them
    /// or none. They must agree in topic and in whether they wait for disk and replica; none may be delayed. Together
    /// they may be as large as one message.
    ///
    /// The result has the id of the first message; that of the `n`th after it is
    /// [`MessageId::following(n)`](rocketlite_core::message::id::MessageId::following), but for messages that bring a
    /// `UNIQ_KEY` of their own.
    ///
    /// The batch itself has an id too, which brokers older than 5.0 put over those of its messages, as they do for Java's
    /// clients of 5.x.
    ///
    /// # Errors
    /// Why the batch was not sent, with the reference's code.
    pub async fn send_batch(&self, messages: &[Message<'_>]) -> Result<SendResult, SendError> {
        self.send_with(messages, &SendOptions::new()).await
    }

    /// Takes no more messages, waits for the sends in flight, tells the brokers and closes all connections. Other tasks
    /// may still be sending: what was accepted ends as ever, what was not is [`SendError::NotRunning`].
    pub async fn shutdown(&self) {
        self.places.close();
        let stopped = self.driver.input(|host, now| {
            host.shutdown(now);
            host.stopped()
        });
        let mut notified = pin!(stopped.notified());
        loop {
            // From here on no notice is missed, also one between the question and the wait.
            notified.as_mut().enable();
            if self.driver.input(|host, _| host.is_stopped()) {
                return;
            }
            notified.as_mut().await;
            notified.set(stopped.notified());
        }
    }

    /// Sends a message or a batch in the way that `options` say. A one-way send has no queue offset in its result.
    ///
    /// # Errors
    /// Why it was not sent, with the reference's code.
    pub async fn send_with<'m, 'a: 'm>(
        &self,
        content: impl Into<Content<'m, 'a>>,
        options: &SendOptions<'_>,
    ) -> Result<SendResult, SendError> {
        self.submit(content.into(), options).await
    }

    async fn submit(
        &self,
        content: Content<'_, '_>,
        options: &SendOptions<'_>,
    ) -> Result<SendResult, SendError> {
        let mut place = Arc::clone(&self.places).try_acquire_owned().ok();
        let mut accepted = None;
        if place.is_some() {
            // The usual case: there is room, and no timer is needed.
            accepted = self.offer(content, options, &mut place)?.ok();
        }
        let outcome = if let Some(outcome) = accepted {
            outcome
        } else {
            let waiting = self.wait_for_room(content, options, place);
            let patience = options.given_timeout().unwrap_or(self.patience);
            let waited = tokio::time::timeout(patience, waiting).await;
            waited.map_err(|_| SendError::Busy { waited: patience })??
        };
        // The sender is only dropped without a word when the runtime is shut down.
        outcome.await.unwrap_or(Err(SendError::NotRunning))
    }

    /// Offers the message until the engine takes it.
    async fn wait_for_room(
        &self,
        content: Content<'_, '_>,
        options: &SendOptions<'_>,
        mut place: Option<OwnedSemaphorePermit>,
    ) -> Result<Outcome, SendError> {
        loop {
            if place.is_none() {
                let free = Arc::clone(&self.places).acquire_owned().await;
                place = Some(free.map_err(|_| SendError::NotRunning)?);
            }
            match self.offer(content, options, &mut place)? {
                Ok(outcome) => return Ok(outcome),
                Err(room) => drop(room.await),
            }
        }
    }

    /// Offers it once. If there is no room for its body, the inner error tells when there may be.
    fn offer(
        &self,
        content: Content<'_, '_>,
        options: &SendOptions<'_>,
        place: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<Result<Outcome, Room>, SendError> {
        self.driver.input(|host, now| host.submit(now, content, options, place))
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.driver.input(ProducerHost::shutdown);
    }
}
