//! What the request of a send says beside its message, and what follows from the message for it
//! (`DefaultMQProducerImpl#sendKernelImpl`, `MQClientAPIImpl#sendMessage`).

use crate::message::Message;
use crate::message::properties::{
    MAX_RECONSUME_TIMES, MSG_TYPE, PropertyError, PropertyErrorKind, RECONSUME_TIME, TRAN_MSG,
};
use crate::message::sys_flag::TRANSACTION_PREPARED;
use crate::wire::code::RequestCode;
use crate::wire::text::decimal;

/// What is decided once for all attempts of a send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) code: RequestCode,
    pub(crate) batch: bool,
    pub(crate) sys_flag: i32,
    /// Of the first attempt only: with it the properties are used up that say so.
    pub(crate) reconsume_times: i32,
    /// Of the first attempt only.
    pub(crate) max_reconsume_times: Option<i32>,
}

impl Request {
    /// Of a batch, which always has the header with short names.
    pub(crate) const BATCH: Self = Self {
        code: RequestCode::SEND_BATCH_MESSAGE,
        batch: true,
        sys_flag: 0,
        reconsume_times: 0,
        max_reconsume_times: None,
    };

    /// Of a single message; `smart` for the header with short names.
    ///
    /// # Errors
    /// For a property that should be a number; Java throws a `NumberFormatException`.
    pub(crate) fn of<'a>(message: &Message<'a>, smart: bool) -> Result<Self, PropertyError<'a>> {
        let code = match (message.property(MSG_TYPE), smart) {
            (Some("reply"), true) => RequestCode::SEND_REPLY_MESSAGE_V2,
            (Some("reply"), false) => RequestCode::SEND_REPLY_MESSAGE,
            (_, true) => RequestCode::SEND_MESSAGE_V2,
            (_, false) => RequestCode::SEND_MESSAGE,
        };
        let prepared = message.property(TRAN_MSG).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let [reconsume_times, max_reconsume_times] = if is_retry_topic(message.topic()) {
            [number(message, RECONSUME_TIME)?, number(message, MAX_RECONSUME_TIMES)?]
        } else {
            [None; 2]
        };
        Ok(Self {
            code,
            batch: false,
            sys_flag: if prepared { TRANSACTION_PREPARED } else { 0 },
            reconsume_times: reconsume_times.unwrap_or(0),
            max_reconsume_times,
        })
    }
}

/// Properties that only the first attempt carries. Java builds the string of an attempt's properties before it moves these
/// into the header, and finds them gone at the next.
pub(crate) fn first_attempt_only(topic: &str) -> &'static [&'static str] {
    if is_retry_topic(topic) { &[RECONSUME_TIME, MAX_RECONSUME_TIMES] } else { &[] }
}

fn is_retry_topic(topic: &str) -> bool {
    topic.starts_with("%RETRY%")
}

fn number<'a>(message: &Message<'a>, name: &'static str) -> Result<Option<i32>, PropertyError<'a>> {
    let Some(value) = message.property(name) else { return Ok(None) };
    decimal(value).map(Some).ok_or(PropertyError { name, kind: PropertyErrorKind::NotANumber })
}
