//! The header of sends: one content under two sets of names, and its answer.

use super::super::code::RequestCode;
use super::super::fields::{ExtFields, Field, FieldValue, FieldWriter};
use super::super::{DecodeError, Text};
use super::{headers, values_of};

/// Of `SEND_MESSAGE` (`SendMessageRequestHeader`) and, with names of one letter, of `SEND_MESSAGE_V2` and
/// `SEND_BATCH_MESSAGE` (`SendMessageRequestHeaderV2`).
#[derive(Debug, Clone, Copy)]
pub struct SendMessageRequestHeader<'a> {
    /// The sender's group.
    pub producer_group: Text<'a>,
    /// The topic.
    pub topic: Text<'a>,
    /// The topic whose settings a new topic gets.
    pub default_topic: Text<'a>,
    /// How many queues a new topic gets at most.
    pub default_topic_queue_nums: i32,
    /// The queue; below 0 the broker chooses.
    pub queue_id: i32,
    /// `MessageSysFlag` bits.
    pub sys_flag: i32,
    /// The sender's wall clock in milliseconds.
    pub born_timestamp: i64,
    /// The user's flag.
    pub flag: i32,
    /// The property string.
    pub properties: Option<Text<'a>>,
    /// How often a consumer has failed with it.
    pub reconsume_times: Option<i32>,
    /// Whether the sender works in unit mode.
    pub unit_mode: Option<bool>,
    /// How often a consumer may fail with it.
    pub max_reconsume_times: Option<i32>,
    /// Whether the body is a batch.
    pub batch: Option<bool>,
    /// The broker's name (4.9.5 and newer).
    pub broker_name: Option<Text<'a>>,
}

type Keys = [&'static str; 14];

const V1: Keys = [
    "producerGroup",
    "topic",
    "defaultTopic",
    "defaultTopicQueueNums",
    "queueId",
    "sysFlag",
    "bornTimestamp",
    "flag",
    "properties",
    "reconsumeTimes",
    "unitMode",
    "maxReconsumeTimes",
    "batch",
    "bname",
];

const V2: Keys = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"];

/// The names that go with a request code (`SendMessageRequestHeader#parseRequestHeader`).
const fn keys(code: RequestCode) -> &'static Keys {
    match code {
        RequestCode::SEND_MESSAGE | RequestCode::SEND_REPLY_MESSAGE => &V1,
        _ => &V2,
    }
}

/// The field in `place` of the table of names.
fn read<'a, T: Field<'a>>(
    keys: &Keys,
    values: &[Option<Text<'a>>; 14],
    place: usize,
) -> Result<T, DecodeError> {
    let key = keys.get(place).copied().unwrap_or_default();
    T::read(key, values.get(place).copied().flatten())
}

impl<'a> SendMessageRequestHeader<'a> {
    /// Reads the header of a request with `code`.
    ///
    /// # Errors
    /// Names the field that is missing or has a wrong value.
    pub fn decode(code: RequestCode, fields: Option<ExtFields<'a>>) -> Result<Self, DecodeError> {
        let keys = keys(code);
        let values = values_of(fields, keys);
        Ok(Self {
            producer_group: read(keys, &values, 0)?,
            topic: read(keys, &values, 1)?,
            default_topic: read(keys, &values, 2)?,
            default_topic_queue_nums: read(keys, &values, 3)?,
            queue_id: read(keys, &values, 4)?,
            sys_flag: read(keys, &values, 5)?,
            born_timestamp: read(keys, &values, 6)?,
            flag: read(keys, &values, 7)?,
            properties: read(keys, &values, 8)?,
            reconsume_times: read(keys, &values, 9)?,
            unit_mode: read(keys, &values, 10)?,
            max_reconsume_times: read(keys, &values, 11)?,
            batch: read(keys, &values, 12)?,
            broker_name: read(keys, &values, 13)?,
        })
    }

    /// Calls `sink` with each field of a request with `code` that is there.
    pub fn visit(&self, code: RequestCode, sink: &mut dyn FnMut(&'static str, FieldValue<'a>)) {
        let values = [
            self.producer_group.value(),
            self.topic.value(),
            self.default_topic.value(),
            self.default_topic_queue_nums.value(),
            self.queue_id.value(),
            self.sys_flag.value(),
            self.born_timestamp.value(),
            self.flag.value(),
            self.properties.value(),
            self.reconsume_times.value(),
            self.unit_mode.value(),
            self.max_reconsume_times.value(),
            self.batch.value(),
            self.broker_name.value(),
        ];
        for (key, value) in keys(code).iter().zip(values) {
            if let Some(value) = value {
                sink(key, value);
            }
        }
    }

    /// Writes the header of a request with `code`.
    pub fn encode(&self, code: RequestCode, fields: &mut FieldWriter<'_, '_>) {
        self.visit(code, &mut |key, value| fields.put(key, value));
    }
}

headers! {
    /// Answers a send that was stored (`SendMessageResponseHeader`).
    SendMessageResponseHeader<'a> {
        /// The offset message id; those of a batch are joined by commas.
        msg_id: Option<Text<'a>> = "msgId",
        /// The queue.
        queue_id: i32 = "queueId",
        /// The queue offset of the first message.
        queue_offset: i64 = "queueOffset",
        /// The transaction's id.
        transaction_id: Option<Text<'a>> = "transactionId",
        /// The id of an inner batch (5.x).
        batch_uniq_id: Option<Text<'a>> = "batchUniqId",
        /// The handle to take back a timer message (5.3).
        recall_handle: Option<Text<'a>> = "recallHandle",
        /// The broker's region.
        region_id: Option<Text<'a>> = "MSG_REGION",
        /// Whether the client should trace, if it says so.
        trace_on: Option<Text<'a>> = "TRACE_ON",
    }
}
