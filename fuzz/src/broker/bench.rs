//! A broker, its driver, and what must hold after every input.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rocketlite_broker::{Broker, BrokerConfig, BrokerStorage, CommitLog};
use rocketlite_core::message::id::OffsetMessageId;
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::command::RemotingCommand;
use rocketlite_core::wire::frame::frame_size;
use rocketlite_core::{ConnectionId, ConnectionRequest, Engine as _, Instant, WallClock};

pub(super) const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 10_911);
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000);

/// Room for few of everything, so that every limit is met.
pub(super) type Storage =
    BrokerStorage<LOG, 2_048, 1_024, 512, CONNECTIONS, 4, TOPICS, 50, 6, CLIENTS, PEERS, 4>;

const LOG: usize = 2_048;
const CONNECTIONS: usize = 4;
const TOPICS: usize = 7;
const CLIENTS: usize = 3;
const PEERS: usize = 2;

/// Turns of a loop that has to end.
const BOUND: usize = 1_000;

/// Deadlines at one instant: what is done at one may be followed by another.
const AT_ONCE: usize = 8;

/// Bytes that wait on a connection until the broker takes them.
const BACKLOG: usize = 8_192;

/// A request that wants an answer.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) opaque: i32,
    /// The body that is to be stored.
    pub(super) body: Option<Vec<u8>>,
    /// Whether its answer may come later than those of others.
    pub(super) is_pull: bool,
}

/// A connection as a driver and its peer have it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: ConnectionId,
    /// Whether the broker connects to it, and has connected.
    pub(super) is_name_server: bool,
    pub(super) is_open: bool,
    /// Whether it has sent what may be misread: what comes of that is nobody's fault.
    is_damaged: bool,
    /// What the broker has not taken yet.
    backlog: Vec<u8>,
    /// The requests that want an answer: their numbers, and the body of one that is to be stored.
    asked: VecDeque<(i32, Option<Vec<u8>>)>,
    /// Pulls without an answer.
    pulls: BTreeSet<i32>,
    received: Vec<u8>,
    /// Numbers of what the broker itself has asked.
    pub(super) questions: Vec<i32>,
}

pub(super) struct Bench<'m> {
    pub(super) broker: Broker<'m>,
    now: Instant,
    pub(super) links: Vec<Link>,
    pub(super) opaque: i32,
    /// Messages that were acknowledged, by their place in the log.
    acknowledged: BTreeMap<u64, Vec<u8>>,
}

impl<'m> Bench<'m> {
    pub(super) fn new(config: BrokerConfig<'m>, storage: &'m mut Storage) -> Self {
        let clock = WallClock::new(Instant::ZERO, 1_700_000_000_000);
        let broker = Broker::new(config, storage.memory(), clock, 5).expect("settings that can be used");
        let (links, acknowledged) = (Vec::new(), BTreeMap::new());
        let mut bench = Self { broker, now: Instant::from_millis(1_000), links, opaque: 0, acknowledged };
        bench.drive();
        bench
    }

    fn add(&mut self, id: ConnectionId, is_name_server: bool) {
        assert!(usize::from(id.index()) < CONNECTIONS);
        let taken = self.links.iter().any(|link| link.id.index() == id.index());
        assert!(!taken, "two connections have one place");
        self.links.push(Link {
            id,
            is_name_server,
            is_open: !is_name_server,
            is_damaged: false,
            backlog: Vec::new(),
            asked: VecDeque::new(),
            pulls: BTreeSet::new(),
            received: Vec::new(),
            questions: Vec::new(),
        });
    }

    /// Whether a pull of that link has no answer yet.
    pub(super) fn waits(&self, link: usize) -> bool {
        self.links.get(link).is_some_and(|link| !link.pulls.is_empty())
    }

    pub(super) fn accept(&mut self) {
        if let Ok(id) = self.broker.accept(self.now, PEER) {
            self.add(id, false);
        }
        self.drive();
    }

    /// Does what a driver must do after each input.
    fn drive(&mut self) {
        let mut turns = 0..BOUND;
        while let Some(request) = self.broker.poll_connection() {
            assert!(turns.next().is_some(), "it never has enough");
            match request {
                ConnectionRequest::Open { connection, .. } => self.add(connection, true),
                ConnectionRequest::Transmit { connection } => {
                    assert!(self.links.iter().any(|link| link.id == connection && link.is_open));
                }
                ConnectionRequest::Close { connection } => {
                    let place = self.links.iter().position(|link| link.id == connection);
                    self.links.swap_remove(place.expect("it was opened"));
                }
            }
        }
        while self.broker.poll_event().is_some() {
            assert!(turns.next().is_some(), "events without end");
        }
    }

    /// Hands over an input, and then offers again what was not taken before.
    pub(super) fn input(&mut self, act: impl FnOnce(&mut Broker<'m>, Instant)) {
        act(&mut self.broker, self.now);
        self.drive();
    }

    pub(super) fn open(&mut self, place: usize) {
        if let Some(link) = self.links.get_mut(place).filter(|link| !link.is_open) {
            link.is_open = true;
            let id = link.id;
            self.input(|broker, now| broker.handle_opened(now, id));
        }
    }

    pub(super) fn lose(&mut self, place: usize) {
        if place < self.links.len() {
            let link = self.links.swap_remove(place);
            self.input(|broker, now| broker.handle_closed(now, link.id));
        }
    }

    /// A whole request of a peer, and what it expects of the answer.
    pub(super) fn ask(&mut self, place: usize, frame: &[u8], asked: Option<Asked>) {
        let Some(link) = self.links.get_mut(place).filter(|link| link.is_open) else { return };
        if link.backlog.len() + frame.len() <= BACKLOG {
            link.backlog.extend_from_slice(frame);
            match asked {
                Some(asked) if asked.is_pull => drop(link.pulls.insert(asked.opaque)),
                Some(asked) => link.asked.push_back((asked.opaque, asked.body)),
                None => {}
            }
        }
    }

    /// Bytes of a peer that may be anything.
    pub(super) fn say(&mut self, place: usize, bytes: &[u8]) {
        if let Some(link) = self.links.get_mut(place).filter(|link| link.is_open) {
            link.is_damaged |= !bytes.is_empty();
        }
        self.ask(place, bytes, None);
    }

    /// Offers the next bytes of a connection. Returns whether any were taken.
    pub(super) fn offer(&mut self, place: usize, most: usize) -> bool {
        let Some(link) = self.links.get_mut(place).filter(|link| link.is_open) else { return false };
        let offered = &link.backlog[..most.min(link.backlog.len())];
        if offered.is_empty() {
            return false;
        }
        let taken = self.broker.handle_received(self.now, link.id, offered);
        assert!(taken <= offered.len());
        link.backlog.drain(..taken);
        self.drive();
        taken > 0
    }

    /// Writes what there is for a connection, once, through a buffer of `size` bytes. Returns whether there was anything.
    pub(super) fn transmit(&mut self, place: usize, size: usize) -> bool {
        let Some(link) = self.links.get_mut(place).filter(|link| link.is_open) else { return false };
        let mut buffer = [0; 1_024];
        let buffer = &mut buffer[..size.clamp(1, 1_024)];
        let written = self.broker.poll_transmit(link.id, buffer);
        assert!(written <= buffer.len());
        link.received.extend_from_slice(&buffer[..written]);
        while let Some(size) = frame_size(&link.received, 65_536).expect("lengths that can be")
            && size <= link.received.len()
        {
            let frame: Vec<u8> = link.received.drain(..size).collect();
            let command = RemotingCommand::decode(&frame[4..]).expect("what it writes can be read");
            if let Some((offset, body)) = link.answered(&command, self.broker.log()) {
                assert_eq!(self.acknowledged.insert(offset, body), None, "a place is given once");
            }
        }
        self.drive();
        written > 0
    }

    pub(super) fn wait(&mut self, span: Duration) {
        let end = self.now.after(span);
        let (mut turns, mut at_once) = (0..BOUND, 0);
        while let Some(at) = self.broker.poll_timeout().filter(|at| *at <= end) {
            assert!(turns.next().is_some(), "its deadlines never end");
            at_once = if at <= self.now { at_once + 1 } else { 0 };
            assert!(at_once <= AT_ONCE, "what is due at {at:?} stays due: {:?}", self.broker);
            self.now = self.now.max(at);
            self.input(rocketlite_core::Engine::handle_timeout);
        }
        self.now = end;
        self.input(rocketlite_core::Engine::handle_timeout);
    }

    /// What was acknowledged is there unless it was evicted, and nothing is larger than it may be.
    pub(super) fn check(&mut self) {
        let log = self.broker.log();
        assert!(log.max_offset() - log.min_offset() <= u64::try_from(LOG).expect("it is small"));
        self.acknowledged = self.acknowledged.split_off(&log.min_offset());
        for (offset, body) in &self.acknowledged {
            let (record, _) = log.read(*offset).expect("what was acknowledged is there");
            assert_eq!(record.body, body);
        }
        let counters = self.broker.counters();
        let left = counters.stored_messages - counters.evicted_messages;
        assert_eq!(usize::try_from(left), Ok(log.records().count()));
        assert_eq!(self.broker.connection_count(), self.links.len());
        assert!(self.links.len() <= CONNECTIONS && self.broker.topics().count() <= TOPICS);
        assert!(
            self.broker.clients().count() <= CLIENTS && self.broker.registered_brokers().count() <= PEERS
        );
    }

    /// Nobody asks anything more: everything that was asked is answered, or its connection is closed.
    pub(super) fn settle(&mut self) {
        for place in (0..self.links.len()).rev() {
            if self.links[place].is_name_server {
                self.lose(place);
            }
        }
        for _ in 0..8 {
            let mut turns = 0..BOUND;
            loop {
                let mut progress = false;
                for place in 0..self.links.len() {
                    progress |= self.offer(place, 4_096);
                    progress |= self.transmit(place, 1_024);
                }
                if !progress {
                    break;
                }
                assert!(turns.next().is_some(), "it is never done");
            }
            self.check();
            // Longer than a frame may take; all together longer than a pull may wait.
            self.wait(Duration::from_secs(5));
        }
        for link in self.links.iter().filter(|link| !link.is_damaged && !link.is_name_server) {
            assert_eq!((link.backlog.len(), link.asked.len(), link.received.len()), (0, 0, 0));
            assert!(link.pulls.is_empty(), "pulls wait for ever");
        }
    }
}

impl Link {
    /// Checks an answer. Returns where a message was stored, and its body.
    fn answered(&mut self, command: &RemotingCommand<'_>, log: &CommitLog<'_>) -> Option<(u64, Vec<u8>)> {
        if self.is_name_server {
            // A name server may ask, too.
            self.questions.extend((!command.is_response()).then_some(command.opaque));
            return None;
        }
        if !command.is_response() {
            // Consumers are told that their group has changed.
            assert_eq!(command.code, 40);
            return None;
        }
        if self.is_damaged {
            return None;
        }
        if self.pulls.remove(&command.opaque) {
            check_pulled(command, log);
            return None;
        }
        let (opaque, body) = self.asked.pop_front().expect("nothing was asked");
        assert_eq!(command.opaque, opaque, "answers come in order");
        assert!(command.code == 0 || command.remark.is_some(), "{command:?}");
        let body = body.filter(|_| command.code == 0)?;
        let id = command.field("msgId").expect("the place of the message").to_string();
        let id = OffsetMessageId::parse(&id).expect("the reference's form");
        assert_eq!(id.store_host, ADDRESS);
        Some((id.physical_offset.cast_unsigned(), body))
    }
}

/// An answer to a pull is made of whole records, those of the log as far as they are still there.
fn check_pulled(command: &RemotingCommand<'_>, log: &CommitLog<'_>) {
    assert!([0, 1, 2, 16, 17, 19, 20, 21, 24, 25, 26, 29].contains(&command.code), "{command:?}");
    assert_eq!(command.code == 0, !command.body.is_empty());
    let mut rest = command.body;
    while !rest.is_empty() {
        let (message, size) = StoredMessage::decode(rest).expect("a whole record");
        rest = &rest[size..];
        if let Ok((stored, _)) = log.read(message.physical_offset.cast_unsigned()) {
            assert_eq!(stored, message);
        }
    }
}
