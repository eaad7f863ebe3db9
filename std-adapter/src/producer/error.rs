//! Why a send failed, in the words and with the codes of the reference.

use core::fmt;
use core::time::Duration;

use rocketlite_core::producer::SubmitError;
use rocketlite_core::send::outcome::{self, SendErrorKind};

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The message itself is at fault; nothing was sent.
    Illegal {
        /// The reference's response code: 13 `MESSAGE_ILLEGAL`, or -1.
        response_code: i32,
        /// What is wrong with it.
        reason: String,
    },
    /// There was no room for another send all the time; nothing was sent.
    Busy {
        /// How long the call waited: `send_msg_timeout`.
        waited: Duration,
    },
    /// The producer was shut down.
    NotRunning,
    /// All attempts failed, or the first failed finally. The message may still have been stored, if an attempt was
    /// not answered.
    Failed {
        /// The topic.
        topic: String,
        /// The brokers that were tried, in order.
        brokers_sent: Vec<String>,
        /// What the producer decided.
        error: Box<outcome::SendError>,
    },
}

impl SendError {
    /// The response code of Java's exception (`ClientErrorCode`, or the broker's own), -1 where it has none.
    pub const fn response_code(&self) -> i32 {
        match self {
            Self::Illegal { response_code, .. } => *response_code,
            Self::Busy { .. } | Self::NotRunning => -1,
            Self::Failed { error, .. } => error.response_code(),
        }
    }

    /// What ended the send, if it was tried at all.
    pub const fn kind(&self) -> Option<SendErrorKind> {
        match self {
            Self::Failed { error, .. } => Some(error.kind),
            _ => None,
        }
    }

    pub(super) fn refused(error: &SubmitError<'_>) -> Self {
        match error {
            SubmitError::NotRunning => Self::NotRunning,
            SubmitError::Message(error) => {
                Self::Illegal { response_code: error.response_code(), reason: error.to_string() }
            }
            other => Self::Illegal { response_code: -1, reason: other.to_string() },
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Illegal { response_code, reason } => write!(f, "CODE: {response_code}  DESC: {reason}"),
            Self::Busy { waited } => {
                write!(f, "no room for another send within {} ms: too many are in flight", waited.as_millis())
            }
            Self::NotRunning => f.write_str("the producer service state not OK, it was shut down"),
            Self::Failed { topic, brokers_sent, error } => {
                write!(
                    f,
                    "Send [{}] times, still failed, cost [{}]ms, Topic: {topic}, BrokersSent: [{}]: {}",
                    error.attempts,
                    error.elapsed.as_millis(),
                    brokers_sent.join(", "),
                    error.reason()
                )?;
                match error.response_code() {
                    -1 => Ok(()),
                    code => write!(f, " (CODE: {code})"),
                }
            }
        }
    }
}

impl core::error::Error for SendError {}
