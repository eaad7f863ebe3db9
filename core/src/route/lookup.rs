//! How far the question for a topic's route has come.

use crate::Instant;
use crate::engine::ConnectionId;

/// The state of one topic's `GET_ROUTEINFO_BY_TOPIC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Nobody asks.
    Idle,
    /// For a connection to a name server.
    Waiting { question: Question },
    /// For the answer of the name server; `written` once the question has begun to leave.
    Asked { question: Question, connection: ConnectionId, opaque: i32, deadline: Instant, written: bool },
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// The topic itself.
    Topic,
    /// The default topic, whose queues the topic will get when it is created.
    DefaultTopic,
}

impl Lookup {
    pub(crate) const fn question(self) -> Option<Question> {
        match self {
            Self::Idle => None,
            Self::Waiting { question } | Self::Asked { question, .. } => Some(question),
        }
    }

    pub(crate) const fn connection(self) -> Option<ConnectionId> {
        match self {
            Self::Idle | Self::Waiting { .. } => None,
            Self::Asked { connection, .. } => Some(connection),
        }
    }
}

/// Why a lookup gave no answer at all. An answer that there is no such topic is not a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookupFailure {
    /// No name server could be connected, or each hung up.
    Unreachable,
    /// The answer took too long.
    TimedOut,
    /// The answer needs more than the limit named.
    OverLimit(&'static str),
}
