//! A producer, its driver, and what must hold after every input.

use core::time::Duration;
use std::collections::BTreeMap;

use rocketlite_core::producer::{Event, Producer, ProducerConfig, ProducerStorage};
use rocketlite_core::wire::command::RemotingCommand;
use rocketlite_core::wire::fields::ExtFields;
use rocketlite_core::{Address, ConnectionId, ConnectionRequest, Engine as _, Instant, SendId, WallClock};

/// Room for few of everything, so that every limit is met.
pub(crate) type Storage = ProducerStorage<CONNECTIONS, 2, 8, 3, IN_FLIGHT, 512, 1_536, 8>;

const CONNECTIONS: usize = 3;
const IN_FLIGHT: usize = 3;

/// Turns of a loop that has to end; each turn of one uses something up of which there is less.
const BOUND: usize = 1_000;

/// Deadlines at one instant: what is done at one may be followed by another.
const AT_ONCE: usize = 8;

/// Bytes that wait on a connection until the producer takes them.
const BACKLOG: usize = 4_096;

/// A request that the producer has written.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) connection: ConnectionId,
    pub(crate) code: i32,
    pub(crate) opaque: i32,
    pub(crate) fields: BTreeMap<String, String>,
}

/// A connection as a driver has it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: ConnectionId,
    pub(crate) is_open: bool,
    /// The part of a frame that was written last.
    written: Vec<u8>,
    /// What the producer has not taken yet.
    backlog: Vec<u8>,
}

/// An accepted send: its attempts so far, and whether its end was announced.
#[derive(Debug, Default)]
struct Send {
    attempts: u8,
    announced: bool,
}

pub(crate) struct Bench<'m> {
    pub(crate) producer: Producer<'m>,
    pub(crate) now: Instant,
    pub(crate) links: Vec<Link>,
    pub(crate) requests: Vec<Request>,
    pub(crate) events: Vec<Event>,
    sends: BTreeMap<SendId, Send>,
    most_attempts: u8,
}

impl<'m> Bench<'m> {
    pub(crate) fn new(config: ProducerConfig<'m>, storage: &'m mut Storage) -> Self {
        let retries = config.retry_times_when_send_failed.max(config.retry_times_when_send_async_failed);
        let clock = WallClock::new(Instant::ZERO, 1_700_000_000_000);
        let producer = Producer::new(config, storage.memory(), clock, 5).expect("settings that can be used");
        Self {
            producer,
            now: Instant::from_millis(1_000),
            links: Vec::new(),
            requests: Vec::new(),
            events: Vec::new(),
            sends: BTreeMap::new(),
            most_attempts: retries + 1,
        }
    }

    /// Keeps account of a send that was accepted.
    pub(crate) fn accepted(&mut self, id: SendId) {
        let before = self.sends.insert(id, Send::default());
        assert!(before.is_none(), "two sends have one name");
        assert!(self.sends.len() <= IN_FLIGHT);
    }

    pub(crate) fn send_ids(&self) -> Vec<SendId> {
        self.sends.keys().copied().collect()
    }

    /// Takes the outcome of a send, if it has one.
    pub(crate) fn take(&mut self, id: SendId) -> bool {
        let attempts = match self.producer.poll_send(id) {
            Err(nb::Error::WouldBlock) => {
                assert!(!self.sends[&id].announced, "its end was announced");
                return false;
            }
            Ok(result) => result.attempts,
            Err(nb::Error::Other(error)) => error.attempts,
        };
        assert!(attempts <= self.most_attempts, "{attempts} attempts");
        self.sends.remove(&id);
        true
    }

    /// Does what a driver must do after each input.
    pub(crate) fn drive(&mut self) {
        let mut turns = 0..BOUND;
        while let Some(request) = self.producer.poll_connection() {
            assert!(turns.next().is_some(), "it never has enough");
            match request {
                ConnectionRequest::Open { connection, .. } => {
                    assert!(usize::from(connection.index()) < CONNECTIONS);
                    let taken = self.links.iter().any(|link| link.id.index() == connection.index());
                    assert!(!taken, "two connections have one place");
                    self.links.push(Link {
                        id: connection,
                        is_open: false,
                        written: Vec::new(),
                        backlog: Vec::new(),
                    });
                }
                ConnectionRequest::Transmit { connection } => {
                    assert!(self.links.iter().any(|link| link.id == connection && link.is_open));
                }
                ConnectionRequest::Close { connection } => {
                    let place = self.links.iter().position(|link| link.id == connection);
                    self.forget(place.expect("it was opened"));
                }
            }
        }
        assert_eq!(self.producer.in_flight(), self.sends.len());
    }

    fn forget(&mut self, place: usize) {
        let link = self.links.swap_remove(place);
        self.requests.retain(|request| request.connection != link.id);
    }

    /// Reports that a connection was established, if the producer waits for that.
    pub(crate) fn open(&mut self, place: usize) {
        if let Some(link) = self.links.get_mut(place).filter(|link| !link.is_open) {
            link.is_open = true;
            let id = link.id;
            self.input(|producer, now| producer.handle_opened(now, id));
        }
    }

    /// Reports that a connection is gone.
    pub(crate) fn lose(&mut self, place: usize) {
        if let Some(link) = self.links.get(place) {
            let id = link.id;
            self.forget(place);
            self.input(|producer, now| producer.handle_closed(now, id));
        }
    }

    /// Hands over an input, and then offers again what was not taken before.
    pub(crate) fn input<R>(&mut self, act: impl FnOnce(&mut Producer<'m>, Instant) -> R) -> R {
        let result = act(&mut self.producer, self.now);
        self.drive();
        let waiting = |link: &&Link| !link.backlog.is_empty();
        for id in self.links.iter().filter(waiting).map(|link| link.id).collect::<Vec<_>>() {
            self.receive(id, &[]);
        }
        result
    }

    /// Bytes that arrive on a connection.
    pub(crate) fn receive(&mut self, id: ConnectionId, bytes: &[u8]) {
        let Some(link) = self.links.iter_mut().find(|link| link.id == id && link.is_open) else { return };
        if link.backlog.len() + bytes.len() > BACKLOG {
            return;
        }
        link.backlog.extend_from_slice(bytes);
        let taken = self.producer.handle_received(self.now, id, &link.backlog);
        assert!(taken <= link.backlog.len());
        link.backlog.drain(..taken);
        self.drive();
    }

    /// Writes what the producer has for a connection, through a buffer of `size` bytes.
    pub(crate) fn transmit(&mut self, place: usize, size: usize) {
        let Some(link) = self.links.get_mut(place).filter(|link| link.is_open) else { return };
        let mut buffer = [0; 256];
        let buffer = &mut buffer[..size.clamp(1, 256)];
        for turn in 0.. {
            assert!(turn < 10 * BOUND, "it never stops writing");
            let written = self.producer.poll_transmit(link.id, buffer);
            assert!(written <= buffer.len());
            if written == 0 {
                break;
            }
            link.written.extend_from_slice(&buffer[..written]);
        }
        while let Some((length, rest)) = link.written.split_first_chunk() {
            let length = usize::try_from(u32::from_be_bytes(*length)).expect("it is small");
            assert!(length < 4_096, "a frame of {length} bytes");
            let Some(frame) = rest.get(..length) else { break };
            let command = RemotingCommand::decode(frame).expect("what it writes can be read");
            let fields = command.ext_fields.iter().flat_map(ExtFields::iter);
            let value =
                |value: Option<_>| value.map(|value: rocketlite_core::wire::Text<'_>| value.to_string());
            self.requests.push(Request {
                connection: link.id,
                code: command.code,
                opaque: command.opaque,
                fields: fields
                    .map(|(key, text)| (key.to_string(), value(text).unwrap_or_default()))
                    .collect(),
            });
            link.written.drain(..4 + length);
        }
        self.drive();
        self.requests.truncate(BOUND);
    }

    /// Lets time pass, in one step or from deadline to deadline.
    pub(crate) fn wait(&mut self, span: Duration, at_deadlines: bool) {
        let end = self.now.after(span);
        let (mut turns, mut at_once) = (0..BOUND, 0);
        while at_deadlines && let Some(at) = self.producer.poll_timeout().filter(|at| *at <= end) {
            assert!(turns.next().is_some(), "its deadlines never end");
            at_once = if at <= self.now { at_once + 1 } else { 0 };
            assert!(at_once <= AT_ONCE, "what is due at {at:?} stays due: {:?}", self.producer);
            self.now = self.now.max(at);
            self.input(rocketlite_core::Engine::handle_timeout);
        }
        self.now = end;
        self.input(rocketlite_core::Engine::handle_timeout);
    }

    /// Fetches what has happened.
    pub(crate) fn fetch(&mut self) {
        for turn in 0.. {
            assert!(turn < BOUND, "events without end");
            let Some(event) = self.producer.poll_event() else { break };
            match &event {
                Event::Sent { id } => {
                    let send = self.sends.get_mut(id).expect("it was accepted and not taken");
                    assert!(!send.announced, "a send ends once");
                    send.announced = true;
                }
                Event::Attempted { id, attempt, .. } => {
                    // Of a send that was taken already there may still be news.
                    if let Some(send) = self.sends.get_mut(id) {
                        assert!(*attempt > send.attempts && *attempt <= self.most_attempts);
                        send.attempts = *attempt;
                    }
                }
                _ => {}
            }
            self.events.push(event);
        }
    }

    /// Nobody is there any more and time passes: every send ends, and a shutdown too.
    pub(crate) fn settle(&mut self, longest: Duration) {
        self.producer.shutdown(self.now);
        self.drive();
        for turn in 0.. {
            while !self.links.is_empty() {
                self.lose(0);
            }
            self.fetch();
            for id in self.send_ids() {
                self.take(id);
            }
            if self.sends.is_empty() && self.producer.is_stopped() {
                break;
            }
            assert!(turn < 100, "it does not end: {:?}", self.producer);
            self.wait(longest, true);
        }
        assert_eq!(self.producer.poll_timeout(), None, "nothing is left to wait for");
    }
}

/// Where everybody listens.
pub(crate) fn address(text: &str) -> Address {
    Address::new(text).expect("an address")
}
