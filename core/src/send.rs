//! A send from the moment it is accepted until its outcome is taken: `DefaultMQProducerImpl#sendDefaultImpl`, unrolled into
//! states.
//!
//! [`decision`] says what an attempt's outcome means, `attempt` what goes on the wire, [`outcome`] what the caller
//! gets.

pub(crate) mod attempt;
pub mod decision;
pub mod hook;
pub mod outcome;
pub(crate) mod queue;
pub(crate) mod request;

use core::time::Duration;

use crate::engine::ConnectionId;
use crate::message::id::MessageId;
use crate::route::QueueRef;
use crate::{Extent, Instant, SlotId};
use attempt::Attempt;
use decision::AttemptOutcome;
use outcome::{Failure, Remark, SendError, SendResult};
use request::Request;

/// Names an accepted send until its outcome was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SendId(pub(crate) SlotId);

impl SendId {
    /// The place of the send in its table, below the number of sends in flight: callers may index by it.
    pub const fn index(self) -> u16 {
        self.0.index()
    }
}

/// One accepted send. Opaque: it is public so that callers can name the memory for it.
#[derive(Debug)]
pub struct InFlight {
    pub(crate) topic: SlotId,
    pub(crate) target: Target,
    pub(crate) mode: SendMode,
    /// Property string, body and the broker's name of an explicit queue, in this order.
    pub(crate) bytes: Extent,
    pub(crate) parts: Parts,
    pub(crate) request: Request,
    pub(crate) flag: i32,
    pub(crate) message_id: MessageId,
    /// When the call began: the route lookup counts against the timeout, validation does not.
    pub(crate) first: Instant,
    pub(crate) timeout: Duration,
    /// Whether the time until a queue is chosen does not count against the timeout.
    pub(crate) lookup_is_free: bool,
    pub(crate) attempts: u8,
    pub(crate) attempts_total: u8,
    /// Whether it has had the name server asked for a newer route than that of an earlier start.
    #[cfg(feature = "state")]
    pub(crate) has_asked_for_route: bool,
    pub(crate) attempt: Attempt,
    pub(crate) last_outcome: Option<AttemptOutcome>,
    /// Whether hooks were told of an attempt and not yet how it ended.
    pub(crate) hooked: bool,
    pub(crate) remark: Remark,
    /// What the caller gets, with `Done`. Before that, the result of an attempt that was stored, if there was one.
    pub(crate) outcome: Option<Result<SendResult, Failure>>,
    pub(crate) state: SendState,
    /// The next send in the queue of its connection, or of those that are done.
    pub(crate) next: Option<SlotId>,
}

/// Lengths of the parts of [`InFlight::bytes`]; the broker's name is what remains.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Parts {
    /// The front of the property string that attempts after the first leave out.
    pub(crate) first_attempt_only: usize,
    pub(crate) properties: usize,
    pub(crate) body: usize,
}

/// By which rules a message is sent (`CommunicationMode`). Nothing blocks in any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "the reference has three")]
pub enum SendMode {
    /// Again on another broker, if one gives no answer or one of the codes that are tried again
    /// (`DefaultMQProducerImpl#sendDefaultImpl`).
    #[default]
    Sync,
    /// Again when no broker has answered, but not after a refusal (`MQClientAPIImpl#onExceptionImpl`).
    Async,
    /// Once, and no answer is asked for: the send ends when its last byte was handed to the driver.
    OneWay,
}

/// Where a send may go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// The queue the selector gives, another one at each attempt.
    Any,
    /// The queue the caller named; the broker's name is part of the send's bytes.
    Queue(u16),
    /// The queue that belongs to a hash (`SelectMessageQueueByHash`).
    Hash(i32),
    /// The queue that the caller's selector gives for this argument.
    Selector(u64),
}

/// What a send waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendState {
    /// A route for its topic.
    Route,
    /// Nothing: an attempt has ended, and what follows is being decided.
    Deciding,
    /// The connection of its attempt.
    Connecting(ConnectionId),
    /// Its turn to be written.
    Queued(ConnectionId),
    /// The broker's response.
    Waiting(ConnectionId),
    /// Its caller.
    Done,
}

impl InFlight {
    /// What the caller gets.
    pub(crate) fn take_outcome(&mut self) -> Result<SendResult, SendError> {
        let Failure { kind, elapsed, coded } = match self.outcome.take() {
            Some(Ok(result)) => return Ok(result),
            Some(Err(failure)) => failure,
            None => return Err(SendError::shut_down()),
        };
        Err(SendError {
            kind,
            attempts: self.attempts,
            elapsed,
            remark: core::mem::take(&mut self.remark),
            coded,
        })
    }

    /// The connection the current attempt uses.
    pub(crate) const fn connection(&self) -> Option<ConnectionId> {
        match self.state {
            SendState::Connecting(id) | SendState::Queued(id) | SendState::Waiting(id) => Some(id),
            SendState::Route | SendState::Deciding | SendState::Done => None,
        }
    }

    /// Until when the current attempt may go on. Connecting has a limit of its own.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            SendState::Queued(_) | SendState::Waiting(_) => Some(self.attempt.deadline()),
            _ => None,
        }
    }

    /// Whether retries, budget and error codes of the default path apply; a send to a queue the caller chose is one
    /// bare attempt.
    pub(crate) const fn is_default_path(&self) -> bool {
        matches!(self.target, Target::Any)
    }

    /// Starts the next attempt at `now`, to `queue`.
    pub(crate) fn begin_attempt(&mut self, now: Instant, queue: QueueRef, budget: Duration, born: i64) {
        self.attempts = self.attempts.saturating_add(1);
        self.attempt = Attempt {
            queue,
            begin: now,
            budget,
            left: budget,
            born_timestamp: born,
            opaque: 0,
            reconnected: false,
        };
    }

    /// The broker of the latest attempt, which the selector avoids.
    pub(crate) fn last_broker(&self) -> Option<SlotId> {
        (self.attempts > 0).then_some(self.attempt.queue.broker)
    }
}
