//! Checks of a message and of a batch.

use core::fmt;

use super::super::Message;
use super::super::properties::INNER_MULTI_DISPATCH;
use super::name::{TopicError, check_send_topic, check_topic};
use crate::wire::code::ResponseCode;

/// What a message may have at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// Longest body (`DefaultMQProducer.maxMessageSize`).
    pub max_message_size: usize,
    /// The character that names of light queues may not have: the path separator of the machine the reference runs
    /// on. None for 4.x, which does not look.
    pub path_separator: Option<char>,
}

impl Default for MessageLimits {
    /// 4 MiB and `/`, as in 5.x on any Unix.
    fn default() -> Self {
        Self { max_message_size: 4 * 1024 * 1024, path_separator: Some('/') }
    }
}

/// A message that is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageError<'a> {
    /// Its topic is no topic, or nobody may send to it.
    Topic(TopicError<'a>),
    /// The body is empty.
    EmptyBody,
    /// The body is too long.
    BodyTooLong {
        /// The most it may have.
        max: usize,
    },
    /// The property `INNER_MULTI_DISPATCH` has a character that cannot be in a file name.
    PathSeparator {
        /// The property.
        dispatch: &'a str,
        /// The character.
        separator: char,
    },
}

impl MessageError<'_> {
    /// The code of the reference's exception.
    pub const fn response_code(&self) -> i32 {
        match self {
            Self::Topic(error) => error.response_code(),
            _ => ResponseCode::MESSAGE_ILLEGAL.0,
        }
    }
}

impl fmt::Display for MessageError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(error) => fmt::Display::fmt(error, f),
            Self::EmptyBody => f.write_str("the message body length is zero"),
            Self::BodyTooLong { max } => write!(f, "the message body size over max value, MAX: {max}"),
            Self::PathSeparator { dispatch, separator } => {
                write!(f, "INNER_MULTI_DISPATCH {dispatch} can not contains {separator} character")
            }
        }
    }
}

impl core::error::Error for MessageError<'_> {}

/// Whether `message` may be sent (`Validators#checkMessage`).
///
/// # Errors
/// The first that holds, in the order of [`MessageError`].
pub fn check_message<'a>(message: &Message<'a>, limits: &MessageLimits) -> Result<(), MessageError<'a>> {
    check_topic(message.topic()).map_err(MessageError::Topic)?;
    check_send_topic(message.topic()).map_err(MessageError::Topic)?;
    let dispatch = message.property(INNER_MULTI_DISPATCH).zip(limits.path_separator);
    match dispatch {
        _ if message.body().is_empty() => Err(MessageError::EmptyBody),
        _ if message.body().len() > limits.max_message_size => {
            Err(MessageError::BodyTooLong { max: limits.max_message_size })
        }
        Some((dispatch, separator)) if dispatch.chars().any(|char| char == separator) => {
            Err(MessageError::PathSeparator { dispatch, separator })
        }
        _ => Ok(()),
    }
}

/// Messages that do not make a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BatchError {
    /// There are none.
    Empty,
    /// One has a delay level.
    Delayed,
    /// One goes to a topic of retries.
    RetryTopic,
    /// They go to several topics.
    TopicsDiffer,
    /// Some wait until they are stored and some do not.
    WaitDiffers,
    /// The property string of one is longer than an entry has room for (`MessageDecoder#encodeMessage`).
    PropertiesTooLong,
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "The messages of a batch are missing",
            Self::Delayed => "TimeDelayLevel is not supported for batching",
            Self::RetryTopic => "Retry Group is not supported for batching",
            Self::TopicsDiffer => "The topic of the messages in one batch should be the same",
            Self::WaitDiffers => "The waitStoreMsgOK of the messages in one batch should the same",
            Self::PropertiesTooLong => "The properties of a message in the batch are longer than 32767 bytes",
        })
    }
}

impl core::error::Error for BatchError {}

/// Whether `messages` may go as one batch (`MessageBatch#generateFromList`). [`check_message`] is for each of them.
///
/// # Errors
/// The first that holds, message by message in the order of [`BatchError`].
pub fn check_batch(messages: &[Message<'_>]) -> Result<(), BatchError> {
    let first = messages.first().ok_or(BatchError::Empty)?;
    for message in messages {
        match () {
            () if message.delay_time_level() > 0 => return Err(BatchError::Delayed),
            () if message.topic().starts_with("%RETRY%") => return Err(BatchError::RetryTopic),
            () if message.topic() != first.topic() => return Err(BatchError::TopicsDiffer),
            () if message.wait_store_msg_ok() != first.wait_store_msg_ok() => {
                return Err(BatchError::WaitDiffers);
            }
            () => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn the_first_thing_wrong_with_a_message_is_told() {
        let limits = MessageLimits { max_message_size: 2, ..MessageLimits::default() };
        let error = |message: &Message<'_>| {
            check_message(message, &limits).map_err(|e| (e.response_code(), e.to_string())).unwrap_err()
        };
        assert_eq!(error(&Message::new("", b"")), (-1, "The specified topic is blank".into()));
        assert_eq!(error(&Message::new("SELF_TEST_TOPIC", b"")).0, -1);
        assert_eq!(error(&Message::new("T", b"")), (13, "the message body length is zero".into()));
        let text = "the message body size over max value, MAX: 2";
        assert_eq!(error(&Message::new("T", b"abc")), (13, text.into()));
        let properties = [(INNER_MULTI_DISPATCH, "%LMQ%a/b")];
        let message = Message::new("T", b"ab").with_properties(&properties);
        let text = "INNER_MULTI_DISPATCH %LMQ%a/b can not contains / character";
        assert_eq!(error(&message), (13, text.into()));
        assert!(check_message(&message, &MessageLimits { path_separator: None, ..limits }).is_ok());
    }

    #[test]
    fn batches_are_of_one_kind() {
        let message = Message::new("T", b"b");
        assert_eq!(check_batch(&[message, message]), Ok(()));
        assert_eq!(check_batch(&[]), Err(BatchError::Empty));
        assert_eq!(check_batch(&[message.with_delay_time_level(1)]), Err(BatchError::Delayed));
        assert_eq!(check_batch(&[Message::new("%RETRY%g", b"b")]), Err(BatchError::RetryTopic));
        assert_eq!(check_batch(&[message, Message::new("U", b"b")]), Err(BatchError::TopicsDiffer));
        assert_eq!(
            check_batch(&[message, message.with_wait_store_msg_ok(false)]),
            Err(BatchError::WaitDiffers)
        );
    }
}
