//! A broker in boxes, and peers that speak frames with it.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use rocketlite_broker::{BoxedMemory, Broker, BrokerConfig, BrokerEvent, BrokerLimits};
use rocketlite_core::wire::code::{LanguageCode, RequestCode};
use rocketlite_core::wire::command::{CommandHead, FLAG_ONE_WAY, FrameEncoder, RemotingCommand};
use rocketlite_core::wire::cursor::Writer;
use rocketlite_core::wire::fields::SerializeType;
use rocketlite_core::wire::frame::frame_size;
use rocketlite_core::{ConnectionId, ConnectionRequest, Engine, Instant, WallClock};

pub(crate) const ADDRESS: &str = "127.0.0.1:10911";
pub(crate) const PEER: &str = "10.1.2.3:50000";
/// The wall clock at instant 0.
pub(crate) const WALL: i64 = 1_700_000_000_000;

/// How large everything is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) log: usize,
    pub(crate) frames: usize,
    pub(crate) extents: usize,
    pub(crate) scratch: usize,
    pub(crate) connections: usize,
    pub(crate) outgoing: usize,
    pub(crate) topics: usize,
    pub(crate) queues: usize,
    pub(crate) index: usize,
    pub(crate) clients: usize,
    pub(crate) groups: usize,
    pub(crate) held_pulls: usize,
    pub(crate) answers: usize,
    pub(crate) peers: usize,
    pub(crate) events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            log: 256 * 1024,
            frames: 128 * 1024,
            extents: 8,
            scratch: 65_534,
            connections: 8,
            outgoing: 16,
            topics: 16,
            queues: 128,
            index: 256,
            clients: 8,
            groups: 4,
            held_pulls: 4,
            answers: 8_192,
            peers: 2,
            events: 64,
        }
    }
}

pub(crate) fn boxes(limits: Limits) -> BoxedMemory {
    BoxedMemory::new(&BrokerLimits {
        log: limits.log,
        frames: limits.frames,
        frame_extents: limits.extents,
        scratch: limits.scratch,
        connections: limits.connections,
        outgoing: limits.outgoing,
        topics: limits.topics,
        queues: limits.queues,
        index: limits.index,
        clients: limits.clients,
        groups: limits.groups,
        subscriptions: limits.groups * 4,
        offsets: limits.groups * 8,
        locks: limits.groups * 4,
        held_pulls: limits.held_pulls,
        answers: limits.answers,
        brokers: limits.peers,
        broker_topics: limits.topics,
        name_servers: limits.peers,
        events: limits.events,
    })
}

/// Settings that fit [`Limits::default`].
pub(crate) fn config<'m>() -> BrokerConfig<'m> {
    BrokerConfig { max_message_size: 65_536, ..BrokerConfig::new("broker-a", ADDRESS.parse().unwrap()) }
}

/// Runs `test` with a broker of these settings.
pub(crate) fn with_broker(config: BrokerConfig<'_>, limits: Limits, test: impl FnOnce(&mut Server<'_>)) {
    let mut boxes = boxes(limits);
    let clock = WallClock::new(Instant::ZERO, WALL.cast_unsigned());
    let broker = Broker::new(config, boxes.memory(), clock, 7).unwrap();
    test(&mut Server { broker, now: Instant::ZERO });
}

/// Runs `test` with a broker of usual settings, and one connection to it.
pub(crate) fn with_peer(test: impl FnOnce(&mut Server<'_>, ConnectionId)) {
    with_broker(config(), Limits::default(), |server| {
        let peer = server.accept();
        test(server, peer);
    });
}

/// A broker and the time.
#[derive(Debug)]
pub(crate) struct Server<'m> {
    pub(crate) broker: Broker<'m>,
    pub(crate) now: Instant,
}

impl Server<'_> {
    pub(crate) fn accept(&mut self) -> ConnectionId {
        let peer: SocketAddr = PEER.parse().unwrap();
        self.broker.accept(self.now, peer).unwrap()
    }

    /// Hands over bytes and returns how many were taken.
    pub(crate) fn receive(&mut self, connection: ConnectionId, bytes: &[u8]) -> usize {
        self.broker.handle_received(self.now, connection, bytes)
    }

    pub(crate) fn wait(&mut self, millis: u64) {
        self.now = Instant::from_millis(self.now.as_millis() + millis);
        self.broker.handle_timeout(self.now);
    }

    /// What is there to do with connections.
    pub(crate) fn requests(&mut self) -> Vec<ConnectionRequest> {
        core::iter::from_fn(|| self.broker.poll_connection()).collect()
    }

    /// All bytes for a connection, through a buffer of `size` bytes.
    pub(crate) fn transmit(&mut self, connection: ConnectionId, size: usize) -> Vec<u8> {
        let (mut buffer, mut all) = (vec![0; size], Vec::new());
        loop {
            let written = self.broker.poll_transmit(connection, &mut buffer);
            if written == 0 {
                return all;
            }
            all.extend_from_slice(&buffer[..written]);
        }
    }

    /// All answers for a connection.
    pub(crate) fn answers(&mut self, connection: ConnectionId) -> Vec<Answer> {
        answers(&self.transmit(connection, 4096))
    }

    /// Sends one request and returns its one answer.
    pub(crate) fn ask(&mut self, connection: ConnectionId, request: &Ask<'_>) -> Answer {
        let frame = request.frame();
        assert_eq!(self.receive(connection, &frame), frame.len());
        assert!(self.requests().contains(&ConnectionRequest::Transmit { connection }));
        let mut answers = self.answers(connection);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    }

    /// Sends one request and returns its answer, which may come after requests of the broker.
    pub(crate) fn ask_told(&mut self, connection: ConnectionId, request: &Ask<'_>) -> Answer {
        let frame = request.frame();
        assert_eq!(self.receive(connection, &frame), frame.len());
        self.requests();
        self.answers(connection).pop().unwrap()
    }

    pub(crate) fn events(&mut self) -> Vec<BrokerEvent> {
        core::iter::from_fn(|| self.broker.poll_event()).collect()
    }
}

/// A request to make.
#[derive(Debug, Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) code: RequestCode,
    pub(crate) fields: Vec<(&'a str, String)>,
    pub(crate) body: &'a [u8],
    pub(crate) opaque: i32,
    pub(crate) flag: i32,
    pub(crate) serialize_type: SerializeType,
    pub(crate) version: i32,
}

impl<'a> Ask<'a> {
    pub(crate) fn new(code: RequestCode, fields: &[(&'a str, &str)], body: &'a [u8]) -> Self {
        let fields = fields.iter().map(|(key, value)| (*key, (*value).to_string())).collect();
        Self { code, fields, body, opaque: 41, flag: 0, serialize_type: SerializeType::Json, version: 477 }
    }

    /// A send of `body` to queue 0 of `topic`, as Java makes it.
    pub(crate) fn send(topic: &str, body: &'a [u8]) -> Self {
        let fields = [
            ("a", "PG"),
            ("b", topic),
            ("c", "TBW102"),
            ("d", "4"),
            ("e", "0"),
            ("f", "0"),
            ("g", "1699999999000"),
            ("h", "5"),
            ("i", "UNIQ_KEY\u{1}K1\u{2}TAGS\u{1}TagA\u{2}"),
            ("j", "0"),
            ("k", "false"),
            ("m", "false"),
            ("n", "broker-a"),
        ];
        Self::new(RequestCode::SEND_MESSAGE_V2, &fields, body)
    }

    /// With another value of a field.
    pub(crate) fn with(mut self, key: &'a str, value: &str) -> Self {
        self.fields.retain(|(name, _)| *name != key);
        self.fields.push((key, value.to_string()));
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        self.fields.retain(|(name, _)| *name != key);
        self
    }

    pub(crate) fn opaque(mut self, opaque: i32) -> Self {
        self.opaque = opaque;
        self
    }

    pub(crate) fn binary(mut self) -> Self {
        self.serialize_type = SerializeType::RocketMq;
        self
    }

    pub(crate) fn one_way(mut self) -> Self {
        self.flag = FLAG_ONE_WAY;
        self
    }

    pub(crate) fn frame(&self) -> Vec<u8> {
        let mut buffer = vec![0; self.body.len() + 131_072];
        let mut writer = Writer::new(&mut buffer);
        let head = CommandHead {
            serialize_type: self.serialize_type,
            code: self.code.0,
            language: LanguageCode::JAVA,
            version: self.version,
            opaque: self.opaque,
            flag: self.flag,
            remark: None,
        };
        let mut frame = FrameEncoder::begin(&mut writer, head);
        for (key, value) in &self.fields {
            frame.fields().text(key, value.as_str().into());
        }
        let mut body = frame.body();
        body.writer().put(self.body);
        body.finish();
        assert!(writer.is_complete());
        let len = writer.filled();
        buffer.truncate(len);
        buffer
    }
}

/// An answer that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) serialize_type: SerializeType,
    pub(crate) code: i32,
    pub(crate) opaque: i32,
    pub(crate) flag: i32,
    pub(crate) remark: Option<String>,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn field(&self, key: &str) -> &str {
        self.fields.get(key).map_or("", String::as_str)
    }

    pub(crate) fn text(&self) -> &str {
        core::str::from_utf8(&self.body).unwrap()
    }
}

/// The frames that `bytes` are made of.
pub(crate) fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let size = frame_size(bytes, usize::MAX).unwrap().unwrap();
        let command = RemotingCommand::decode(&bytes[4..size]).unwrap();
        let fields = command.ext_fields.iter().flat_map(rocketlite_core::wire::fields::ExtFields::iter);
        answers.push(Answer {
            serialize_type: command.serialize_type,
            code: command.code,
            opaque: command.opaque,
            flag: command.flag,
            remark: command.remark.map(|remark| remark.to_string()),
            fields: fields.map(|(key, value)| (key.to_string(), value.unwrap().to_string())).collect(),
            body: command.body.to_vec(),
        });
        bytes = &bytes[size..];
    }
    answers
}
