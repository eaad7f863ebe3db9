//! A producer in a world of one thread: scripted name server and brokers, and a clock that jumps from event to event.

use core::time::Duration;
use std::collections::BTreeMap;

use rocketlite_core::engine::{Address, ConnectionId, ConnectionRequest, Engine as _};
use rocketlite_core::producer::{Event, Producer, ProducerConfig, ProducerStorage};
use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::{LanguageCode, RequestCode};
use rocketlite_core::wire::command::{CommandHead, FLAG_RESPONSE, RemotingCommand};
use rocketlite_core::wire::fields::SerializeType;
use rocketlite_core::{Instant, SendId, WallClock};

use crate::encode;

/// Room for everything but bodies: 8 connections, 8 topics of 64 queues, 8 brokers, 4 sends.
type Storage = ProducerStorage<8, 8, 64, 8, 4, 1, 65_536, 64>;

/// Where the name server listens.
pub const NAME_SERVER: &str = "name-server:9876";

/// How long a name server takes to answer.
const ANSWER_AFTER: Duration = Duration::from_millis(30);

/// What the servers answer.
pub trait Script {
    /// Whether somebody listens at `address`.
    fn listens(&self, address: &str) -> bool;

    /// The answer to a request that arrived at `address`.
    fn answer(&mut self, address: &str, request: &RemotingCommand<'_>) -> Answer;
}

/// What a server does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a server answers, or not, or hangs up")]
pub enum Answer {
    /// Nothing, ever.
    Silence,
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes, and then it hangs up.
    HangUp(Vec<u8>),
}

#[derive(Debug)]
enum Action {
    Deliver(ConnectionId, Vec<u8>),
    HangUp(ConnectionId),
    Refuse(ConnectionId),
}

/// The world.
#[derive(Debug)]
pub struct World<S> {
    /// The producer.
    pub producer: Producer<'static>,
    /// The servers.
    pub script: S,
    now: Instant,
    connections: BTreeMap<u16, (ConnectionId, String)>,
    /// What will happen, by time and then in order.
    actions: BTreeMap<(Instant, u64), Action>,
    order: u64,
    /// Attempts that have ended. The n-th takes n milliseconds, unless it times out: so the recorded strategies were told.
    attempts: u64,
    /// Everything the producer has told so far.
    pub events: Vec<Event>,
}

impl<S: Script> World<S> {
    /// A producer with the settings that `change` makes and `body_bytes` of room for bodies. Its memory is never given back:
    /// a test ends soon.
    ///
    /// # Panics
    /// If the settings cannot be used.
    pub fn new(script: S, body_bytes: usize, change: impl FnOnce(&mut ProducerConfig<'static>)) -> Self {
        let names: &'static [Address] = Box::leak(Box::new([Address::new(NAME_SERVER).expect("an address")]));
        let mut config = ProducerConfig::new("producers", "client", names);
        change(&mut config);
        let clock = WallClock::new(Instant::ZERO, 1_700_000_000_000);
        let mut memory = Box::leak(Box::new(Storage::new())).memory();
        memory.bodies = vec![0; body_bytes].leak();
        Self {
            producer: Producer::new(config, memory, clock, 1).expect("settings that can be used"),
            script,
            now: Instant::from_millis(1_000_000),
            connections: BTreeMap::new(),
            actions: BTreeMap::new(),
            order: 0,
            attempts: 0,
            events: Vec::new(),
        }
    }

    /// The present.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Lets time pass until a send has ended, and returns how long that took.
    ///
    /// # Panics
    /// If nothing is left to happen before it has.
    pub fn run_until_sent(&mut self, id: SendId) -> Duration {
        let start = self.now;
        self.drive();
        while !self.events.contains(&Event::Sent { id }) {
            let action = self.actions.keys().next().map(|(at, _)| *at);
            let next = action.into_iter().chain(self.producer.poll_timeout()).min();
            self.now = next.expect("something happens").max(self.now);
            assert!(self.now.since(start) < Duration::from_mins(2), "it never ends");
            self.producer.handle_timeout(self.now);
            self.drive();
            while let Some(entry) = self.actions.first_entry().filter(|entry| entry.key().0 <= self.now) {
                match entry.remove() {
                    Action::Deliver(connection, bytes) => {
                        let taken = self.producer.handle_received(self.now, connection, &bytes);
                        assert_eq!(taken, bytes.len(), "the producer has room");
                    }
                    Action::HangUp(connection) => {
                        if self.connections.get(&connection.index()).is_some_and(|(id, _)| *id == connection)
                        {
                            self.connections.remove(&connection.index());
                            self.producer.handle_closed(self.now, connection);
                        }
                    }
                    Action::Refuse(connection) => self.producer.handle_closed(self.now, connection),
                }
                self.drive();
            }
        }
        self.now.since(start)
    }

    /// Does what the producer asks for.
    fn drive(&mut self) {
        while let Some(request) = self.producer.poll_connection() {
            match request {
                ConnectionRequest::Open { connection, address } if self.script.listens(address.as_str()) => {
                    self.connections.insert(connection.index(), (connection, address.as_str().to_owned()));
                    self.producer.handle_opened(self.now, connection);
                }
                ConnectionRequest::Open { connection, .. } => {
                    self.later(self.next_latency(), Action::Refuse(connection));
                }
                ConnectionRequest::Transmit { connection } => self.transmit(connection),
                ConnectionRequest::Close { connection } => {
                    self.connections.remove(&connection.index());
                }
            }
        }
        while let Some(event) = self.producer.poll_event() {
            self.attempts += u64::from(matches!(event, Event::Attempted { .. }));
            self.events.push(event);
        }
    }

    const fn next_latency(&self) -> Duration {
        Duration::from_millis(self.attempts + 1)
    }

    fn transmit(&mut self, connection: ConnectionId) {
        let mut bytes = Vec::new();
        let mut buffer = [0; 1_000];
        loop {
            match self.producer.poll_transmit(connection, &mut buffer) {
                0 => break,
                len => bytes.extend_from_slice(&buffer[..len]),
            }
        }
        let address = self.connections[&connection.index()].1.clone();
        let mut rest = bytes.as_slice();
        while let Some((length, tail)) = rest.split_first_chunk() {
            let (frame, tail) = tail.split_at(usize::try_from(u32::from_be_bytes(*length)).expect("it fits"));
            let request = RemotingCommand::decode(frame).expect("the producer's frames can be read");
            let answer = match RequestCode(request.code) {
                RequestCode::HEART_BEAT => Answer::Bytes(response(request.opaque, 0, None, &[], b"")),
                _ => self.script.answer(&address, &request),
            };
            let after = if address == NAME_SERVER { ANSWER_AFTER } else { self.next_latency() };
            match answer {
                Answer::Silence => {}
                Answer::Bytes(bytes) => self.later(after, Action::Deliver(connection, bytes)),
                Answer::HangUp(bytes) => {
                    self.later(after, Action::Deliver(connection, bytes));
                    self.later(after, Action::HangUp(connection));
                }
            }
            rest = tail;
        }
    }

    fn later(&mut self, after: Duration, action: Action) {
        self.order += 1;
        self.actions.insert((self.now.after(after), self.order), action);
    }
}

/// A server's response.
pub fn response(
    opaque: i32,
    code: i32,
    remark: Option<&str>,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let head = CommandHead {
        serialize_type: SerializeType::Json,
        code,
        language: LanguageCode::JAVA,
        version: 493,
        opaque,
        flag: FLAG_RESPONSE,
        remark: remark.map(Text::from),
    };
    encode::command(head, fields, body)
}
