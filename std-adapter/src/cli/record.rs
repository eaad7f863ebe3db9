//! A message as it is printed.

mod body;

use core::fmt;
use std::collections::BTreeMap;

use rocketlite_core::message::id::OffsetMessageId;
use rocketlite_core::message::properties::{KEYS, TAGS, UNIQ_KEY};
use rocketlite_core::message::stored::StoredMessage;
use serde_json::json;

/// A message and where it stood.
#[derive(Debug)]
pub(super) struct Record {
    /// Whom it came from, or where it stands in a log that is read without a broker.
    origin: Origin,
    queue_id: i32,
    queue_offset: i64,
    topic: String,
    offset_message_id: String,
    store_timestamp: i64,
    reconsume_times: i32,
    properties: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// Where a message was found.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// A broker of this name had it.
    Broker(String),
    /// It stands at this physical offset of a log.
    Log(u64),
}

impl Record {
    pub(super) fn new(origin: Origin, message: &StoredMessage<'_>) -> Self {
        let (store_host, physical_offset) = (message.store_host, message.physical_offset);
        Self {
            origin,
            queue_id: message.queue_id,
            queue_offset: message.queue_offset,
            topic: message.topic.to_owned(),
            offset_message_id: OffsetMessageId { store_host, physical_offset }.to_string(),
            store_timestamp: message.store_timestamp,
            reconsume_times: message.reconsume_times,
            properties: message
                .properties()
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            body: body::unpack(message.sys_flag, message.body),
        }
    }

    fn property(&self, name: &str) -> &str {
        self.properties.get(name).map_or("-", String::as_str)
    }

    /// One line of JSON. A body that is no text is written as `bodyHex`.
    pub(super) fn json(&self) -> String {
        let mut line = json!({
            "topic": self.topic,
            "queueId": self.queue_id,
            "queueOffset": self.queue_offset,
            "msgId": self.properties.get(UNIQ_KEY).unwrap_or(&self.offset_message_id),
            "offsetMsgId": self.offset_message_id,
            "storeTimestamp": self.store_timestamp,
            "reconsumeTimes": self.reconsume_times,
            "properties": self.properties,
        });
        match &self.origin {
            Origin::Broker(name) => line["broker"] = json!(name),
            Origin::Log(offset) => line["physicalOffset"] = json!(offset),
        }
        if let Ok(text) = core::str::from_utf8(&self.body) {
            line["body"] = json!(text);
        } else {
            let hex: Vec<String> = self.body.iter().map(|byte| format!("{byte:02x}")).collect();
            line["bodyHex"] = json!(hex.concat());
        }
        line.to_string()
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.properties.get(UNIQ_KEY).unwrap_or(&self.offset_message_id);
        match &self.origin {
            Origin::Broker(name) => write!(f, "msgId={id} broker={name}")?,
            Origin::Log(offset) => write!(f, "physicalOffset={offset} msgId={id} topic={}", self.topic)?,
        }
        write!(
            f,
            " queueId={} queueOffset={} tags={} keys={} body={}",
            self.queue_id,
            self.queue_offset,
            self.property(TAGS),
            self.property(KEYS),
            // A message must not write to the terminal but its text.
            String::from_utf8_lossy(&self.body).escape_debug(),
        )
    }
}
