//! What the caller of a send gets: a result, or one of the errors of the reference with its code.

use core::fmt;
use core::time::Duration;

use heapless::String;

use super::decision::{AttemptOutcome, Fault};
use crate::message::id::{MessageId, OffsetMessageId};
use crate::route::BrokerName;
use crate::wire::code::ResponseCode;
use crate::wire::{DecodeError, Text};

/// How the broker stored a message (`SendStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "the protocol has four")]
pub enum SendStatus {
    /// Stored as the broker is configured to store.
    SendOk,
    /// Stored, but not flushed to disk in time.
    FlushDiskTimeout,
    /// Stored, but not flushed on the replica in time.
    FlushSlaveTimeout,
    /// Stored, but there is no replica.
    SlaveNotAvailable,
}

impl SendStatus {
    /// The status of a response code (`MQClientAPIImpl#processSendResponse`); other codes are refusals.
    pub const fn of(code: ResponseCode) -> Option<Self> {
        match code {
            ResponseCode::SUCCESS => Some(Self::SendOk),
            ResponseCode::FLUSH_DISK_TIMEOUT => Some(Self::FlushDiskTimeout),
            ResponseCode::FLUSH_SLAVE_TIMEOUT => Some(Self::FlushSlaveTimeout),
            ResponseCode::SLAVE_NOT_AVAILABLE => Some(Self::SlaveNotAvailable),
            _ => None,
        }
    }

    /// The reference's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendOk => "SEND_OK",
            Self::FlushDiskTimeout => "FLUSH_DISK_TIMEOUT",
            Self::FlushSlaveTimeout => "FLUSH_SLAVE_TIMEOUT",
            Self::SlaveNotAvailable => "SLAVE_NOT_AVAILABLE",
        }
    }
}

impl fmt::Display for SendStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A short text of a peer, cut to what fits.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Remark(String<{ Self::MAX_LENGTH }>);

impl Remark {
    /// Most bytes that are kept of a remark.
    pub const MAX_LENGTH: usize = 160;

    /// The front of `text`.
    pub(crate) fn new(text: Text<'_>) -> Self {
        let mut remark = String::new();
        for char in text.chars() {
            if remark.push(char).is_err() {
                break;
            }
        }
        Self(remark)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Remark {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.as_str());
    }
}

/// A stored message (`SendResult`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SendResult {
    /// How it was stored.
    pub status: SendStatus,
    /// The message's `UNIQ_KEY`, the same at each attempt; of a batch, that of its first message.
    pub message_id: MessageId,
    /// Where the broker put it; of a batch, its first message. Absent for a one-way send, and if the
    /// broker's text is not such an id.
    pub offset_message_id: Option<OffsetMessageId>,
    /// The broker that stored it.
    pub broker_name: BrokerName,
    /// The queue that the broker chose.
    pub queue_id: i32,
    /// The place in the queue; absent for a one-way send, which is not answered.
    pub queue_offset: Option<i64>,
    /// How many attempts it took.
    pub attempts: u8,
}

/// Why a send failed, finally.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SendError {
    /// What was the matter with the last attempt, or before the first.
    pub kind: SendErrorKind,
    /// How many attempts were made.
    pub attempts: u8,
    /// How long the send took, to the millisecond.
    pub elapsed: Duration,
    /// What the broker had to say.
    pub remark: Remark,
    /// Whether the default path gave up, which has codes for the last attempt's exception; the paths to a queue of the
    /// caller's choice rethrow it as it is.
    pub(crate) coded: bool,
}

/// The kinds of final errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SendErrorKind {
    /// Neither the topic nor the default topic has a queue to write to.
    NoRoute,
    /// No name server could be connected. Java throws an unchecked `IllegalStateException` here.
    NameServerUnreachable,
    /// The name server did not answer in time. Java throws an unchecked `IllegalStateException` here.
    NameServerTimedOut,
    /// The caller's selector chose no queue of the topic, or there is no selector (`select message queue return null.`).
    NoQueueSelected,
    /// The topic's route needs more than the limit that is named.
    RouteOverLimit(&'static str),
    /// The time for the whole send was used up before another attempt (`sendDefaultImpl call timeout`).
    CallTimedOut,
    /// The last attempt had this outcome, which is never `Stored`.
    Attempt(AttemptOutcome),
    /// The producer was shut down first.
    ShutDown,
}

/// How a send failed, as long as its place keeps the rest of the error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure {
    pub(crate) kind: SendErrorKind,
    pub(crate) elapsed: Duration,
    pub(crate) coded: bool,
}

impl SendError {
    pub(crate) fn shut_down() -> Self {
        Self {
            kind: SendErrorKind::ShutDown,
            attempts: 0,
            elapsed: Duration::ZERO,
            remark: Remark::default(),
            coded: false,
        }
    }

    /// The last failure and what the broker had to say, without numbers.
    pub fn reason(&self) -> impl fmt::Display {
        Reason(self)
    }

    /// The response code of Java's exception (`ClientErrorCode`, or the broker's), -1 where it has none.
    pub const fn response_code(&self) -> i32 {
        match self.kind {
            SendErrorKind::Attempt(AttemptOutcome::Refused(code)) => code.0,
            _ if !self.coded => -1,
            SendErrorKind::NoRoute => 10_005,
            SendErrorKind::Attempt(AttemptOutcome::Unanswered(Fault::Connect)) => 10_001,
            SendErrorKind::Attempt(AttemptOutcome::Unanswered(Fault::TimedOut)) => 10_002,
            SendErrorKind::Attempt(AttemptOutcome::NoBrokerAddress | AttemptOutcome::Forbidden) => 10_003,
            _ => -1,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (attempts: {}, after {} ms)", self.reason(), self.attempts, self.elapsed.as_millis())
    }
}

/// [`SendError::reason`].
#[derive(Debug)]
struct Reason<'e>(&'e SendError);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind {
            SendErrorKind::NoRoute => f.write_str("no route info of this topic")?,
            SendErrorKind::NameServerUnreachable => f.write_str("no name server can be reached")?,
            SendErrorKind::NameServerTimedOut => f.write_str("the name server did not answer in time")?,
            SendErrorKind::NoQueueSelected => f.write_str("the selector chose no queue of the topic")?,
            SendErrorKind::RouteOverLimit(limit) => {
                write!(f, "the route has more {limit} than there is room for")?;
            }
            SendErrorKind::CallTimedOut => f.write_str("sendDefaultImpl call timeout")?,
            SendErrorKind::ShutDown => f.write_str("the producer was shut down")?,
            SendErrorKind::Attempt(outcome) => write!(f, "{outcome}")?,
        }
        match self.0.remark.as_str() {
            "" => Ok(()),
            remark => write!(f, ": {remark}"),
        }
    }
}

impl core::error::Error for SendError {}

impl fmt::Display for AttemptOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored(status) => write!(f, "{status}"),
            Self::NoBrokerAddress => f.write_str("the broker has no address in the route"),
            Self::Forbidden => f.write_str("a hook has forbidden to send to the broker"),
            Self::Unanswered(Fault::Connect) => f.write_str("the broker could not be connected"),
            Self::Unanswered(Fault::Disconnected) => {
                f.write_str("the connection was lost before the broker answered")
            }
            Self::Unanswered(Fault::TimedOut) => f.write_str("the broker did not answer in time"),
            Self::Unanswered(Fault::NoTime) => f.write_str("no time was left to ask the broker"),
            Self::Unanswered(Fault::NoConnection) => f.write_str("all connections are in use"),
            Self::Refused(code) => write!(f, "the broker refused the message with code {code}"),
            Self::Unreadable(error) => unreadable(f, error),
        }
    }
}

fn unreadable(f: &mut fmt::Formatter<'_>, error: &DecodeError) -> fmt::Result {
    write!(f, "the broker's answer cannot be used: {error}")
}
