//! The producer driven by hand: a scripted peer on the other side of every connection, and a clock that only moves
//! when told to.

#[cfg(feature = "acl")]
mod acl;
mod batches;
mod compression;
mod faults;
mod headers;
mod hooks;
mod lifecycle;
mod namespaces;
mod options;
#[cfg(feature = "outbox")]
mod outbox;
mod probes;
mod requests;
mod retries;
mod routes;
#[cfg(feature = "state")]
mod warm_start;

use super::*;
use crate::message::Message;
use crate::route::tests::route;
use crate::send::decision::AttemptOutcome;
use crate::send::outcome::SendErrorKind;
use crate::wire::code::{LanguageCode, RequestCode};
use crate::wire::command::{CommandHead, FLAG_RESPONSE, FrameEncoder, RemotingCommand};
use crate::wire::cursor::Writer;
use crate::wire::fields::SerializeType;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

type Storage = ProducerStorage<4, 2, 12, 4, 4, 4096, 4096, 64>;

/// A request as the peer sees it.
#[derive(Debug, Clone)]
struct Request {
    connection: ConnectionId,
    address: String,
    code: RequestCode,
    opaque: i32,
    flag: i32,
    remark: String,
    fields: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// A producer and what its driver knows.
struct Bench {
    producer: Producer<'static>,
    now: Instant,
    /// Connections by place: their name and address.
    connections: BTreeMap<u16, (ConnectionId, String)>,
    refused: Vec<String>,
    requests: Vec<Request>,
    closed: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut ProducerConfig<'static>)) -> Self {
        let names: &'static [Address] = Box::leak(Box::new([Address::new("ns1:9876").unwrap()]));
        let mut config = ProducerConfig::new("PG", "client", names);
        change(&mut config);
        let storage = Box::leak(Box::new(Storage::new()));
        let clock = WallClock::new(Instant::ZERO, 1_700_000_000_000);
        let producer = Producer::new(config, storage.memory(), clock, 7).unwrap();
        Self {
            producer,
            now: Instant::from_millis(1_000),
            connections: BTreeMap::new(),
            refused: Vec::new(),
            requests: Vec::new(),
            closed: Vec::new(),
        }
    }

    /// Does what the engine asks for, until nothing is left.
    fn drive(&mut self) {
        while let Some(request) = self.producer.poll_connection() {
            match request {
                ConnectionRequest::Open { connection, address } => {
                    let address = address.to_string();
                    if self.refused.contains(&address) {
                        self.producer.handle_closed(self.now, connection);
                    } else {
                        self.connections.insert(connection.index(), (connection, address));
                        self.producer.handle_opened(self.now, connection);
                    }
                }
                ConnectionRequest::Transmit { connection } => self.transmit(connection),
                ConnectionRequest::Close { connection } => {
                    if let Some((_, address)) = self.connections.remove(&connection.index()) {
                        self.closed.push(address);
                    }
                }
            }
        }
    }

    fn transmit(&mut self, connection: ConnectionId) {
        let mut bytes = Vec::new();
        // A small buffer, so that frames leave in pieces.
        let mut buffer = [0u8; 61];
        loop {
            let n = self.producer.poll_transmit(connection, &mut buffer);
            if n == 0 {
                break;
            }
            bytes.extend_from_slice(&buffer[..n]);
        }
        let address = self.connections[&connection.index()].1.clone();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let len = usize::try_from(u32::from_be_bytes(rest[..4].try_into().unwrap())).unwrap();
            let command = RemotingCommand::decode(&rest[4..4 + len]).unwrap();
            let fields = command.ext_fields.iter().flatten();
            self.requests.push(Request {
                connection,
                address: address.clone(),
                code: RequestCode(command.code),
                opaque: command.opaque,
                flag: command.flag,
                remark: command.remark.map(|remark| remark.to_string()).unwrap_or_default(),
                fields: fields.map(|(k, v)| (k.to_string(), v.unwrap().to_string())).collect(),
                body: command.body.to_vec(),
            });
            rest = &rest[4 + len..];
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
        while self.producer.poll_timeout().is_some_and(|at| at <= self.now) {
            self.producer.handle_timeout(self.now);
            self.drive();
        }
        self.drive();
    }

    /// Takes the next request with `code`, heartbeats answered on the way.
    fn take(&mut self, code: RequestCode) -> Request {
        self.pass(0);
        while let Some(at) =
            self.requests.iter().position(|r| r.code == RequestCode::HEART_BEAT && r.code != code)
        {
            let request = self.requests.remove(at);
            self.answer(&request, 0, &[], b"");
        }
        let at = self.requests.iter().position(|r| r.code == code);
        self.requests.remove(at.unwrap_or_else(|| panic!("no {code} among {:?}", self.requests)))
    }

    fn answer(&mut self, request: &Request, code: i32, fields: &[(&str, &str)], body: &[u8]) {
        self.answer_with(request, code, None, fields, body);
    }

    fn answer_with(
        &mut self,
        request: &Request,
        code: i32,
        remark: Option<&str>,
        fields: &[(&str, &str)],
        body: &[u8],
    ) {
        self.receive(request.connection, &response(request.opaque, code, remark, fields, body));
    }

    /// The peer's bytes, in pieces.
    fn receive(&mut self, connection: ConnectionId, frame: &[u8]) {
        let mut taken = 0;
        while taken < frame.len() {
            let end = frame.len().min(taken + 97);
            taken += self.producer.handle_received(self.now, connection, &frame[taken..end]);
        }
        self.drive();
    }

    /// Answers the next route question with queues on brokers, one address each.
    fn answer_route(&mut self, brokers: &[(&str, i32)]) {
        let question = self.take(RequestCode::GET_ROUTEINFO_BY_TOPIC);
        self.answer(&question, 0, &[], route(brokers).as_bytes());
    }

    fn answer_stored(&mut self, request: &Request, code: i32) {
        let id = "7F00000100002A9F0000000000000400";
        self.answer(request, code, &[("msgId", id), ("queueId", "3"), ("queueOffset", "42")], b"");
    }

    fn hang_up(&mut self, request: &Request) {
        self.connections.remove(&request.connection.index());
        self.producer.handle_closed(self.now, request.connection);
        self.drive();
    }

    fn send(&mut self) -> SendId {
        let id = self.producer.send(self.now, &Message::new("T", b"hello")).unwrap();
        self.drive();
        id
    }

    /// A producer whose topic `T` has two queues on each of these brokers.
    fn routed(brokers: &[(&str, i32)]) -> (Self, SendId) {
        let mut bench = Self::new();
        let id = bench.send();
        bench.answer_route(brokers);
        (bench, id)
    }

    fn outcome(&mut self, id: SendId) -> Result<SendResult, SendError> {
        match self.producer.poll_send(id) {
            Ok(result) => Ok(result),
            Err(nb::Error::Other(error)) => Err(error),
            Err(nb::Error::WouldBlock) => panic!("still in flight; requests: {:?}", self.requests),
        }
    }

    fn in_flight(&mut self, id: SendId) -> bool {
        matches!(self.producer.poll_send(id), Err(nb::Error::WouldBlock))
    }

    fn attempts(&mut self) -> Vec<AttemptOutcome> {
        let mut attempts = Vec::new();
        while let Some(event) = self.producer.poll_event() {
            if let Event::Attempted { outcome, .. } = event {
                attempts.push(outcome);
            }
        }
        attempts
    }
}

fn response(opaque: i32, code: i32, remark: Option<&str>, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let remark = remark.map(Into::into);
    frame(CommandHead { remark, ..head(opaque, code, FLAG_RESPONSE) }, fields, body)
}

fn head(opaque: i32, code: i32, flag: i32) -> CommandHead<'static> {
    CommandHead {
        serialize_type: SerializeType::Json,
        code,
        language: LanguageCode::JAVA,
        version: 477,
        opaque,
        flag,
        remark: None,
    }
}

fn frame(head: CommandHead<'_>, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0u8; 4096];
    let mut writer = Writer::new(&mut buffer);
    let mut frame = FrameEncoder::begin(&mut writer, head);
    for (key, value) in fields {
        frame.fields().text(key, (*value).into());
    }
    let mut frame = frame.body();
    frame.writer().put(body);
    frame.finish();
    let len = writer.filled();
    buffer.truncate(len);
    buffer
}
