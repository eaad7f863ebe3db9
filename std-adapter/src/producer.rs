//! An async producer for any tokio runtime.

mod builder;
mod error;
mod host;

pub use builder::{ProducerBuilder, StartError};
pub use error::SendError;
pub use rocketlite_core::producer::MessageQueue;
pub use rocketlite_core::send::outcome::{SendResult, SendStatus};

use core::pin::pin;
use std::sync::Arc;

use rocketlite_core::message::Message;
use tokio::sync::oneshot;

use crate::drive::Driver;
use host::{Accepted, ProducerHost, Target};

/// A RocketMQ producer.
///
/// It can be used from any number of tasks at once. A send that was accepted ends exactly once, within its timeout,
/// also if nobody waits for it any more; dropping the producer lets those in flight end and tells the brokers.
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
        self.submit(message, Target::Any).await
    }

    /// Sends without asking for an answer (`DefaultMQProducer#sendOneway(Message)`): done when the bytes are with the
    /// operating system.
    ///
    /// # Errors
    /// Why the message was not sent, with the reference's code.
    pub async fn send_oneway(&self, message: &Message<'_>) -> Result<(), SendError> {
        self.submit(message, Target::OneWay).await.map(drop)
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
        self.submit(message, Target::Queue(*queue)).await
    }

    /// Sends to the queue that belongs to `hash`, in one attempt (`SelectMessageQueueByHash`): messages of one hash
    /// stay in order as long as the topic's queues do not change.
    ///
    /// # Errors
    /// Why the message was not sent, with the reference's code.
    pub async fn send_hashed(&self, message: &Message<'_>, hash: i32) -> Result<SendResult, SendError> {
        self.submit(message, Target::Hash(hash)).await
    }

    /// Takes no more messages, waits for the sends in flight, tells the brokers and closes all connections. Other tasks
    /// may still be sending: what was accepted ends as ever, what was not is [`SendError::NotRunning`].
    pub async fn shutdown(&self) {
        let stopped = self.driver.input(|host, now| {
            host.shutdown(now);
            host.stopped()
        });
        let mut notified = pin!(stopped.notified());
        while !self.driver.input(|host, _| host.is_stopped()) {
            notified.as_mut().await;
            notified.set(stopped.notified());
        }
    }

    async fn submit(&self, message: &Message<'_>, target: Target<'_>) -> Result<SendResult, SendError> {
        let patience = self.driver.input(|host, _| host.patience());
        let outcome = tokio::time::timeout(patience, self.accepted(message, target)).await;
        let outcome = outcome.map_err(|_| SendError::Busy { waited: patience })??;
        // The sender is only dropped without a word when the runtime is shut down.
        outcome.await.unwrap_or(Err(SendError::NotRunning))
    }

    /// Waits until the engine has taken the message.
    async fn accepted(
        &self,
        message: &Message<'_>,
        target: Target<'_>,
    ) -> Result<oneshot::Receiver<Result<SendResult, SendError>>, SendError> {
        loop {
            match self.driver.input(|host, now| host.submit(now, message, target))? {
                Accepted::Yes(outcome) => return Ok(outcome),
                Accepted::Later(room) => drop(room.await),
            }
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.driver.input(|host, now| host.shutdown(now));
    }
}
