//! Reads queues as a consumer does.

use std::io;

use rocketlite_core::message::crc32;
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::code::{RequestCode, ResponseCode};
use rocketlite_tests::raw::RawClient;

use crate::ledger::{Ledger, Place};

/// A connection of a consumer group.
pub(crate) struct Reader {
    client: RawClient,
    group: &'static str,
}

/// What was found from an offset on.
pub(crate) struct Found {
    /// The place of each message, with its number and where it is in the commit log.
    pub(crate) messages: Vec<(Place, u64, i64)>,
    /// Where to go on.
    pub(crate) next: i64,
}

impl Reader {
    pub(crate) fn connect(address: &str, group: &'static str) -> io::Result<Self> {
        Ok(Self { client: RawClient::try_connect(address)?, group })
    }

    /// The messages from an offset of a queue on, some at a time, which `ledger` takes note of; none at its end.
    ///
    /// # Panics
    /// If they are not those that were sent, do not follow each other, or do not begin where they should.
    pub(crate) fn pull(&mut self, from: &Place, ledger: &std::sync::Mutex<Ledger>) -> io::Result<Found> {
        let (queue_id, offset) = (from.queue_id.to_string(), from.queue_offset.to_string());
        let fields = [
            ("consumerGroup", self.group),
            ("topic", from.topic),
            ("queueId", &queue_id),
            ("queueOffset", &offset),
            ("maxMsgNums", "32"),
            ("sysFlag", "4"),
            ("commitOffset", "0"),
            ("suspendTimeoutMillis", "0"),
            ("subscription", "*"),
            ("subVersion", "0"),
            ("expressionType", "TAG"),
        ];
        let (code, next, body) =
            self.client.try_request(RequestCode::PULL_MESSAGE, &fields, b"", |answer| {
                let next = answer.field("nextBeginOffset").map(|value| value.parse("nextBeginOffset"));
                let next: i64 = next.expect("where to go on").expect("a number");
                (ResponseCode(answer.code), next, answer.body.to_vec())
            })?;
        let mut messages = Vec::new();
        match code {
            ResponseCode::SUCCESS => {
                for (message, physical_offset) in records(&body) {
                    let (place, body) = read(from.topic, &message);
                    let number = ledger.lock().expect("no panic").read(place, body);
                    messages.push((place, number, physical_offset));
                }
                let offsets = messages.iter().map(|(place, ..)| (place.queue_id, place.queue_offset));
                assert!(
                    offsets.eq((from.queue_offset..next).map(|offset| (from.queue_id, offset))),
                    "{from:?}, on at {next}: {messages:?}"
                );
            }
            ResponseCode::PULL_NOT_FOUND => assert_eq!(next, from.queue_offset, "{from:?}"),
            ResponseCode::PULL_OFFSET_MOVED => {
                assert!(next > from.queue_offset, "{from:?}: it is not behind what is stored, but {next} is");
                let laps = ledger.lock().expect("no panic").lapping.is_some();
                assert!(laps, "{from:?}: it is gone, and the log is far from full: on at {next}");
            }
            code => panic!("{from:?}: {code}"),
        }
        Ok(Found { messages, next })
    }

    /// The offset of the oldest message of a queue, and that behind the newest.
    pub(crate) fn bounds(&mut self, topic: &str, queue_id: i32) -> io::Result<(i64, i64)> {
        let fields = [("topic", topic), ("queueId", &*queue_id.to_string())];
        let min = self.offset(RequestCode::GET_MIN_OFFSET, &fields)?.expect("a queue begins somewhere");
        let max = self.offset(RequestCode::GET_MAX_OFFSET, &fields)?.expect("a queue ends somewhere");
        Ok((min, max))
    }

    /// Where the group goes on, if it has said so.
    pub(crate) fn committed(&mut self, topic: &str, queue_id: i32) -> io::Result<Option<i64>> {
        let queue_id = queue_id.to_string();
        let fields = [
            ("consumerGroup", self.group),
            ("topic", topic),
            ("queueId", &queue_id),
            ("setZeroIfNotFound", "false"),
        ];
        self.offset(RequestCode::QUERY_CONSUMER_OFFSET, &fields)
    }

    /// Says where the group goes on.
    pub(crate) fn commit(&mut self, place: &Place) -> io::Result<()> {
        let (queue_id, offset) = (place.queue_id.to_string(), place.queue_offset.to_string());
        let fields = [
            ("consumerGroup", self.group),
            ("topic", place.topic),
            ("queueId", &queue_id),
            ("commitOffset", &offset),
        ];
        self.client.try_request(RequestCode::UPDATE_CONSUMER_OFFSET, &fields, b"", |answer| {
            assert_eq!(answer.code, 0, "{place:?}: {answer:?}");
        })
    }

    fn offset(&mut self, code: RequestCode, fields: &[(&str, &str)]) -> io::Result<Option<i64>> {
        self.client.try_request(code, fields, b"", |answer| {
            if ResponseCode(answer.code) == ResponseCode::QUERY_NOT_FOUND {
                return None;
            }
            assert_eq!(answer.code, 0, "{fields:?}: {answer:?}");
            Some(answer.field("offset").expect("an offset").parse("offset").expect("a number"))
        })
    }
}

/// The records of an answer.
fn records(mut body: &[u8]) -> Vec<(StoredMessage<'_>, i64)> {
    let mut records = Vec::new();
    while !body.is_empty() {
        let (message, size) = StoredMessage::decode(body).expect("a whole record");
        body = &body[size..];
        records.push((message, message.physical_offset));
    }
    records
}

/// Where a message says that it stands, and its body.
fn read<'m>(topic: &'static str, message: &StoredMessage<'m>) -> (Place, &'m [u8]) {
    assert_eq!(message.topic, topic, "{message:?}");
    assert_eq!(message.body_crc, crc32(message.body), "{message:?}");
    (Place { topic, queue_id: message.queue_id, queue_offset: message.queue_offset }, message.body)
}
