//! What a producer tells its caller, and why it may refuse a message.

use core::fmt;
use core::time::Duration;

use heapless::deque::DequeView;

use crate::engine::Address;
use crate::message::properties::PropertyError;
use crate::message::validate::{BatchError, MessageError};
use crate::send::SendId;
use crate::send::decision::AttemptOutcome;
use crate::send::outcome::SendErrorKind;
use crate::wire::DecodeError;
use crate::{Instant, SlotId};

/// What happened. Only [`Event::Sent`] is certain to be delivered: the others are dropped, and counted, when nobody
/// fetches them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// A send has ended; its outcome waits in [`super::Producer::poll_send`]. Exactly once for each accepted send.
    Sent {
        /// The send.
        id: SendId,
    },
    /// A queue was chosen for an attempt, by the selector and not by the caller.
    Selected {
        /// The send.
        id: SendId,
        /// The broker, by [`super::Producer::broker_name`].
        broker: SlotId,
        /// The queue.
        queue_id: u16,
        /// The broker of the attempt before, which the choice avoids if it can.
        last_broker: Option<SlotId>,
    },
    /// An attempt has ended.
    Attempted {
        /// The send.
        id: SendId,
        /// The number of the attempt, from 1.
        attempt: u8,
        /// The broker, by [`super::Producer::broker_name`].
        broker: SlotId,
        /// The queue.
        queue_id: u16,
        /// From the start of the attempt to its end.
        latency: Duration,
        /// How it ended.
        outcome: AttemptOutcome,
    },
    /// An attempt, or a probe that was answered, has changed what is known of a broker's faults.
    FaultUpdated {
        /// The broker, by [`super::Producer::broker_name`].
        broker: SlotId,
        /// How long the last attempt took.
        latency: Duration,
        /// From when on the broker is available; it is isolated until then.
        available_at: Instant,
        /// Whether the broker counts as reachable.
        reachable: bool,
    },
    /// A topic has a new publish list.
    RouteChanged {
        /// The topic, by [`super::Producer::topic_name`].
        topic: SlotId,
        /// How many queues it has.
        queues: usize,
    },
    /// A name server's route could not be used.
    RouteRefused {
        /// The topic, by [`super::Producer::topic_name`].
        topic: SlotId,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The question for a route has got no answer that can be used. What is known of the topic stays; sends that wait for
    /// its route fail.
    LookupFailed {
        /// The topic, by [`super::Producer::topic_name`].
        topic: SlotId,
        /// Why: the error of a send that waits for it.
        kind: SendErrorKind,
    },
    /// A connection was established.
    Connected(Address),
    /// A connection could not be established, was lost, or was closed for the reason given.
    Disconnected(Address, DisconnectReason),
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DisconnectReason {
    /// It could not be established, or not in time.
    ConnectFailed,
    /// The peer closed it, or it broke.
    ByPeer,
    /// The peer sent what cannot be read.
    Undecodable(DecodeError),
    /// The peer did not answer in time.
    TimedOut,
    /// Nothing was sent or received for long, or another connection needed the place.
    Idle,
    /// The producer was shut down.
    ShutDown,
}

/// Why a message was not accepted. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmitError<'a> {
    /// The message itself is at fault.
    Message(MessageError<'a>),
    /// The messages do not make a batch.
    Batch(BatchError),
    /// A message of a batch is at fault.
    BatchMember {
        /// Which of them, from 0.
        index: usize,
        /// What is wrong with it.
        error: MessageError<'a>,
    },
    /// A property cannot be sent as it is. Names the reference reserves are let through.
    Property(PropertyError<'a>),
    /// The caller's own `UNIQ_KEY` is not 32 or 56 hexadecimal digits.
    UniqueKey(DecodeError),
    /// The producer was shut down.
    NotRunning,
    /// As many sends are in flight as there is memory for; try again when one has ended.
    TooManyInFlight {
        /// The limit.
        limit: usize,
    },
    /// The bodies in flight leave too little room; try again when a send has ended.
    NoRoomForBody,
    /// Body and properties together can never fit into the memory for bodies.
    MessageTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Every known topic has sends in flight or is being asked for, and there is no memory for another one.
    TooManyTopics {
        /// The limit.
        limit: usize,
    },
    /// `queue_id` of an explicit queue is not within 0 and 65535.
    QueueId,
}

impl SubmitError<'_> {
    /// Whether the same message can be accepted later.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::TooManyInFlight { .. } | Self::NoRoomForBody | Self::TooManyTopics { .. })
    }
}

impl fmt::Display for SubmitError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(error) => write!(f, "{error}"),
            Self::Batch(error) => write!(f, "Failed to initiate the MessageBatch: {error}"),
            Self::BatchMember { index, error } => {
                write!(f, "Failed to initiate the MessageBatch: message {index}: {error}")
            }
            Self::Property(error) => write!(f, "{error}"),
            Self::UniqueKey(error) => write!(f, "{error}"),
            Self::NotRunning => f.write_str("the producer was shut down"),
            Self::TooManyInFlight { limit } => {
                write!(f, "{limit} sends are in flight, the most there is memory for")
            }
            Self::NoRoomForBody => f.write_str("the sends in flight leave no room for the body"),
            Self::MessageTooLarge { limit } => {
                write!(f, "body and properties are larger than the memory for bodies, {limit} bytes")
            }
            Self::TooManyTopics { limit } => {
                write!(f, "{limit} topics are in use, the most there is memory for")
            }
            Self::QueueId => f.write_str("the queue id must be within 0 and 65535"),
        }
    }
}

impl core::error::Error for SubmitError<'_> {}

/// The events nobody has fetched yet.
#[derive(Debug)]
pub(crate) struct Events<'m> {
    queue: &'m mut DequeView<Event>,
    lost: u64,
}

impl<'m> Events<'m> {
    pub(crate) fn new(queue: &'m mut DequeView<Event>) -> Self {
        queue.clear();
        Self { queue, lost: 0 }
    }

    pub(crate) fn push(&mut self, event: Event) {
        if self.queue.push_back(event).is_err() {
            self.lost = self.lost.saturating_add(1);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.queue.pop_front()
    }

    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }
}
