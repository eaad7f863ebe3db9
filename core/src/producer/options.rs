//! How a message is sent: by which rules, to which queue, in how much time.

use core::time::Duration;

use crate::message::Message;
use crate::send::SendMode;

/// A queue that the caller chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a queue of a topic is a broker and a number")]
pub struct MessageQueue<'a> {
    /// The broker's name.
    pub broker_name: &'a str,
    /// The queue's number on that broker.
    pub queue_id: u32,
}

/// What is sent: one message, or several as one.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these two")]
pub enum Content<'m, 'a> {
    /// One message.
    One(&'m Message<'a>),
    /// A batch, see [`Producer::send_batch`](super::Producer::send_batch).
    Batch(&'m [Message<'a>]),
}

impl<'m, 'a> Content<'m, 'a> {
    /// The messages.
    pub const fn messages(&self) -> &'m [Message<'a>] {
        match self {
            Self::One(message) => core::slice::from_ref(*message),
            Self::Batch(messages) => messages,
        }
    }

    /// The topic, which all messages of a batch share; empty for a batch of none.
    pub fn topic(&self) -> &'a str {
        self.messages().first().map_or("", Message::topic)
    }
}

impl<'m, 'a> From<&'m Message<'a>> for Content<'m, 'a> {
    fn from(message: &'m Message<'a>) -> Self {
        Self::One(message)
    }
}

impl<'m, 'a> From<&'m [Message<'a>]> for Content<'m, 'a> {
    fn from(messages: &'m [Message<'a>]) -> Self {
        Self::Batch(messages)
    }
}

/// How one message, or one batch, is sent. The default is `DefaultMQProducer#send(Message)`; the others of its `send…`
/// methods are combinations of these settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct SendOptions<'q> {
    pub(super) mode: SendMode,
    pub(super) queue: QueueChoice<'q>,
    pub(super) timeout: Option<Duration>,
}

/// Who chooses the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum QueueChoice<'q> {
    /// The producer, anew for each attempt.
    #[default]
    Producer,
    Caller(MessageQueue<'q>),
    Hash(i32),
    Selector(u64),
}

impl<'q> SendOptions<'q> {
    /// The rules of a synchronous send, to a queue that the producer chooses.
    pub const fn new() -> Self {
        Self { mode: SendMode::Sync, queue: QueueChoice::Producer, timeout: None }
    }

    /// By the rules of `mode`.
    pub const fn mode(mut self, mode: SendMode) -> Self {
        self.mode = mode;
        self
    }

    /// To `queue` of the message's topic: in one attempt, or with [`SendMode::Async`] again to the same broker when that has
    /// not answered (`DefaultMQProducer#send(Message, MessageQueue)`).
    pub const fn to(mut self, queue: MessageQueue<'q>) -> Self {
        self.queue = QueueChoice::Caller(queue);
        self
    }

    /// To the queue that belongs to `hash` (`SelectMessageQueueByHash`), attempts as with [`SendOptions::to`].
    pub const fn by_hash(mut self, hash: i32) -> Self {
        self.queue = QueueChoice::Hash(hash);
        self
    }

    /// To the queue that [`ProducerConfig::queue_selector`](super::ProducerConfig::queue_selector) chooses, which is given
    /// `argument` (`DefaultMQProducer#send(Message, MessageQueueSelector, Object)`); attempts as with [`SendOptions::to`].
    pub const fn by_selector(mut self, argument: u64) -> Self {
        self.queue = QueueChoice::Selector(argument);
        self
    }

    /// In this time, instead of [`ProducerConfig::send_msg_timeout`](super::ProducerConfig::send_msg_timeout).
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The time that was given.
    #[must_use]
    pub const fn given_timeout(&self) -> Option<Duration> {
        self.timeout
    }
}
