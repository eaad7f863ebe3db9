//! What clients say to the broker, and what they are told.

use std::collections::BTreeMap;

use rocketlite_core::message::batch::Entry;
use rocketlite_core::wire::code::{LanguageCode, RequestCode};
use rocketlite_core::wire::command::{CommandHead, RemotingCommand};
use rocketlite_core::wire::cursor::Writer;
use rocketlite_core::wire::fields::{ExtFields, SerializeType};
use rocketlite_core::wire::frame::frame_size;
use rocketlite_tests::encode;
use rocketlite_tests::raw::topic_fields;

/// A request that waits for its answer.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    Send(Send),
    /// From this queue offset on.
    Pull {
        topic: String,
        queue_id: i32,
        offset: i64,
        /// Whether it may wait for messages.
        waits: bool,
    },
    /// A group goes on there.
    Commit {
        group: &'static str,
        topic: String,
        queue_id: i32,
        offset: i64,
    },
    Progress {
        group: &'static str,
        topic: String,
        queue_id: i32,
    },
    Topic {
        name: String,
        queues: i32,
    },
}

/// Messages to store, more than one in a batch.
#[derive(Debug, Clone)]
pub(super) struct Send {
    pub(super) topic: String,
    pub(super) queue_id: i32,
    /// Their numbers.
    pub(super) ids: Vec<u64>,
    pub(super) bodies: Vec<Vec<u8>>,
    /// The level of its delay, or 0.
    pub(super) level: i32,
    /// Whether the answer waits for the disk.
    pub(super) waits: bool,
    /// The end of the log when the request was acted on.
    pub(super) end: u64,
}

impl Asked {
    /// The request as a frame.
    pub(super) fn frame(&self, opaque: i32) -> Vec<u8> {
        match self {
            Self::Send(send) => send.frame(opaque),
            Self::Pull { topic, queue_id, offset, waits } => {
                let (queue_id, offset) = (queue_id.to_string(), offset.to_string());
                let fields = [
                    ("consumerGroup", "Reader"),
                    ("topic", topic),
                    ("queueId", &queue_id),
                    ("queueOffset", &offset),
                    ("maxMsgNums", "32"),
                    ("sysFlag", if *waits { "6" } else { "4" }),
                    ("commitOffset", "0"),
                    ("suspendTimeoutMillis", "2000"),
                    ("subscription", "*"),
                    ("expressionType", "TAG"),
                    ("subVersion", "1"),
                ];
                request(RequestCode::PULL_MESSAGE, opaque, &fields, b"")
            }
            Self::Commit { group, topic, queue_id, offset } => {
                let (queue_id, offset) = (queue_id.to_string(), offset.to_string());
                let fields = [
                    ("consumerGroup", *group),
                    ("topic", topic),
                    ("queueId", &queue_id),
                    ("commitOffset", &offset),
                ];
                request(RequestCode::UPDATE_CONSUMER_OFFSET, opaque, &fields, b"")
            }
            Self::Progress { group, topic, queue_id } => {
                let queue_id = queue_id.to_string();
                let fields = [
                    ("consumerGroup", *group),
                    ("topic", topic),
                    ("queueId", &queue_id),
                    ("setZeroIfNotFound", "false"),
                ];
                request(RequestCode::QUERY_CONSUMER_OFFSET, opaque, &fields, b"")
            }
            Self::Topic { name, queues } => {
                let queues = queues.to_string();
                let fields = topic_fields(name, &queues);
                request(RequestCode::UPDATE_AND_CREATE_TOPIC, opaque, &fields, b"")
            }
        }
    }
}

impl Send {
    fn frame(&self, opaque: i32) -> Vec<u8> {
        let [body] = &self.bodies[..] else { return self.batch(opaque) };
        let mut properties = format!("UNIQ_KEY\u{1}K{}\u{2}WAIT\u{1}{}\u{2}", self.ids[0], self.waits);
        if self.level > 0 {
            properties = format!("{properties}DELAY\u{1}{}\u{2}", self.level);
        }
        self.request(RequestCode::SEND_MESSAGE_V2, opaque, &properties, body)
    }

    fn batch(&self, opaque: i32) -> Vec<u8> {
        let mut buffer = vec![0; 8_192];
        let mut writer = Writer::new(&mut buffer);
        for (id, body) in self.ids.iter().zip(&self.bodies) {
            let properties = format!("UNIQ_KEY\u{1}K{id}\u{2}");
            let entry = Entry { flag: 0, body, properties: properties.as_bytes() };
            entry.encode(&mut writer).expect("a small entry");
        }
        assert!(writer.is_complete(), "a batch that fits");
        let len = writer.filled();
        self.request(RequestCode::SEND_BATCH_MESSAGE, opaque, "WAIT\u{1}true\u{2}", &buffer[..len])
    }

    fn request(&self, code: RequestCode, opaque: i32, properties: &str, body: &[u8]) -> Vec<u8> {
        let queue_id = self.queue_id.to_string();
        let fields = [
            ("a", "PG"),
            ("b", &self.topic),
            ("c", "TBW102"),
            ("d", "2"),
            ("e", &queue_id),
            ("f", "0"),
            ("g", "1699999999000"),
            ("h", "0"),
            ("i", properties),
            ("j", "0"),
            ("k", "false"),
            ("m", if code == RequestCode::SEND_BATCH_MESSAGE { "true" } else { "false" }),
            ("n", "broker-a"),
        ];
        request(code, opaque, &fields, body)
    }
}

fn request(code: RequestCode, opaque: i32, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let head = CommandHead {
        serialize_type: SerializeType::RocketMq,
        code: code.0,
        language: LanguageCode::RUST,
        version: 477,
        opaque,
        flag: 0,
        remark: None,
    };
    encode::command(head, fields, body)
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) opaque: i32,
    pub(super) code: i32,
    #[expect(dead_code, reason = "it is shown when something is wrong")]
    pub(super) remark: String,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A field that is a number.
    pub(super) fn number(&self, key: &str) -> i64 {
        let text = self.fields.get(key).unwrap_or_else(|| panic!("no {key}: {self:?}"));
        text.parse().unwrap_or_else(|_| panic!("{key}: {self:?}"))
    }
}

/// The frames that `bytes` are made of, those of them that are answers.
pub(super) fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let size = frame_size(bytes, usize::MAX).expect("a frame").expect("a whole frame");
        let command = RemotingCommand::decode(&bytes[4..size]).expect("a command");
        let fields = command.ext_fields.iter().flat_map(ExtFields::iter);
        if command.is_response() {
            answers.push(Answer {
                opaque: command.opaque,
                code: command.code,
                remark: command.remark.map(|remark| remark.to_string()).unwrap_or_default(),
                fields: fields
                    .map(|(key, value)| {
                        (key.to_string(), value.map(|value| value.to_string()).unwrap_or_default())
                    })
                    .collect(),
                body: command.body.to_vec(),
            });
        }
        bytes = &bytes[size..];
    }
    answers
}
