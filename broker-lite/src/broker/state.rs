//! Everything a broker knows but the bytes that have not become requests yet.

use core::net::SocketAddr;

use rocketlite_core::message::id::MessageIdGenerator;
use rocketlite_core::wire::code::{RequestCode, ResponseCode};
use rocketlite_core::wire::route::{PERM_INHERIT, PERM_READ, PERM_WRITE};
use rocketlite_core::{Address, Arena, ConnectionId, ConnectionRequest, Instant, Rng, SlotId, WallClock};

use super::delays::{Delays, MAX_LEVEL, SCHEDULE_TOPIC};
use super::rates::Rates;
use super::storage::Storage;
use crate::config::{BrokerConfig, CLUSTER_QUEUES, ConfigError, ConfigProblem};
use crate::event::{BrokerEvent, Counters, DisconnectReason, EventQueue, RegistrationFailure};
use crate::log::{CommitLog, KeyIndex};
use crate::memory::BrokerMemory;
use crate::outgoing::{Content, Outgoing, Sources, Wait};
use crate::table::{
    BrokerTable, Client, ClientRole, ClientTable, ConnectionTable, GroupTable, HeldPullTable, Link,
    LockTable, Name, NewTopic, OffsetTable, Registration, TopicTable,
};

/// The template for new topics (`TopicValidator#AUTO_CREATE_TOPIC_KEY_TOPIC`).
const TEMPLATE_TOPIC: &str = "TBW102";

/// What requests are answered from, and what they change.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each notes something that the next call looks at")]
pub(crate) struct State<'m> {
    pub(crate) config: BrokerConfig<'m>,
    /// The configured address as routes show it.
    pub(crate) address: Address,
    pub(crate) clock: WallClock,
    /// When the broker started, in milliseconds since 1970.
    pub(crate) started: i64,
    /// The time of the call that is acted on.
    pub(crate) now: Instant,
    pub(crate) rng: Rng,
    pub(crate) ids: MessageIdGenerator,
    pub(crate) log: CommitLog<'m>,
    /// What is known of the files that the log is in; `None` if it is in memory only.
    pub(crate) storage: Option<Storage>,
    /// Where the first record stands whose keys are not entered yet, after a restart.
    pub(crate) keys_behind: Option<u64>,
    /// Messages that were gone when it was last told who had not read them.
    pub(crate) told_of_gone: u64,
    /// Whether the sender that is served now does not want to wait for a flush.
    pub(crate) answers_at_once: bool,
    pub(crate) delays: Delays,
    pub(crate) topics: TopicTable<'m>,
    pub(crate) clients: ClientTable<'m>,
    pub(crate) groups: GroupTable<'m>,
    pub(crate) offsets: OffsetTable<'m>,
    pub(crate) locks: LockTable<'m>,
    pub(crate) held_pulls: HeldPullTable<'m>,
    pub(crate) keys: KeyIndex<'m>,
    pub(crate) brokers: BrokerTable<'m>,
    pub(crate) connections: ConnectionTable<'m>,
    pub(crate) name_servers: &'m mut [Registration],
    pub(crate) next_opaque: i32,
    pub(crate) scratch: &'m mut [u8],
    pub(crate) events: EventQueue<'m>,
    pub(crate) counters: Counters,
    pub(crate) rates: Rates,
    /// When to look for what has timed out.
    pub(crate) next_tick: Option<Instant>,
    /// Whether bytes were not taken for want of room.
    pub(crate) is_held_back: bool,
    /// Whether a frame has found no memory since the last tick.
    pub(crate) frames_wait: bool,
    /// Whether there has been room since.
    pub(crate) has_room_again: bool,
    /// Whether a pull that waited could not be answered for want of room.
    pub(crate) pulls_wait: bool,
    /// Whether the body of an answer has found no memory since the last tick.
    pub(crate) bodies_wait: bool,
    /// Whether name servers are told that this broker ends.
    pub(crate) is_shutting_down: bool,
}

impl<'m> State<'m> {
    /// The state at the start but for the topics that are always there, in memory that was checked against the settings.
    pub(crate) fn new(
        config: BrokerConfig<'m>,
        memory: BrokerMemory<'m>,
        log: CommitLog<'m>,
        clock: WallClock,
        seed: u64,
    ) -> Result<Self, ConfigError> {
        let BrokerMemory { connections, outgoing, name_servers, scratch, events, .. } = memory;
        let BrokerMemory { topics, topic_index, queues, index, clients, client_index, .. } = memory;
        let BrokerMemory { groups, group_index, subscriptions, subscription_index, .. } = memory;
        let BrokerMemory { offsets, offset_index, locks, lock_index, held_pulls, held_pull_index, .. } =
            memory;
        let BrokerMemory { brokers, broker_topics, broker_topic_index, answers, answer_extents, .. } = memory;
        let BrokerMemory { keys, .. } = memory;
        let mut rng = Rng::new(seed);
        let [process, loader] = [rng.next_i32(), rng.next_i32()].map(i32::cast_unsigned);
        let process = u16::try_from(process & 0xffff).unwrap_or(0);
        let seeds: [u64; 7] = core::array::from_fn(|_| rng.next_u64());
        let name_servers = name_servers.get_mut(..config.name_servers.len()).unwrap_or_default();
        name_servers.fill(Registration::EMPTY);
        Ok(Self {
            address: address_of(config.address)?,
            clock,
            started: clock.unix_millis(Instant::ZERO),
            now: Instant::ZERO,
            ids: MessageIdGenerator::new(config.address.ip(), process, loader),
            delays: Delays::new(&config, log.capacity(), scratch.len()),
            storage: None,
            keys_behind: None,
            told_of_gone: 0,
            answers_at_once: false,
            log,
            topics: TopicTable::new(topics, topic_index, queues, index, seeds[0]),
            clients: ClientTable::new(clients, client_index, seeds[1]),
            brokers: BrokerTable::new(brokers, broker_topics, broker_topic_index, seeds[2]),
            groups: GroupTable::new(groups, group_index, subscriptions, subscription_index, seeds[3]),
            offsets: OffsetTable::new(offsets, offset_index, seeds[4]),
            locks: LockTable::new(locks, lock_index, seeds[5]),
            held_pulls: HeldPullTable::new(held_pulls, held_pull_index),
            keys: KeyIndex::new(keys, seeds[6]),
            connections: ConnectionTable::new(connections, outgoing, Arena::new(answers, answer_extents)),
            name_servers,
            next_opaque: 0,
            scratch,
            events: EventQueue::new(events),
            counters: Counters::default(),
            rates: Rates::default(),
            next_tick: None,
            is_held_back: false,
            frames_wait: false,
            has_room_again: false,
            pulls_wait: false,
            bodies_wait: false,
            is_shutting_down: false,
            rng,
            config,
        })
    }

    /// Takes note of the time.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.next_tick.is_none() {
            self.next_tick = Some(self.now.after(super::timers::TICK));
        }
    }

    /// What frames to `connection` are made of.
    pub(crate) fn sources(&self, connection: ConnectionId) -> Sources<'_, 'm> {
        let peer = match self.connections.link(connection) {
            Some(Link::Accepted(peer)) => Some(peer),
            _ => None,
        };
        Sources {
            config: &self.config,
            address: &self.address,
            log: &self.log,
            topics: &self.topics,
            brokers: &self.brokers,
            bodies: self.connections.bodies(),
            started: self.started,
            peer,
        }
    }

    /// Where the peer is that connected over `connection`.
    pub(crate) fn peer(&self, connection: ConnectionId) -> Option<SocketAddr> {
        self.sources(connection).peer
    }

    /// Makes a topic that is not there yet, if there is room for it. The name servers are told after the request.
    pub(crate) fn create_topic(&mut self, new: NewTopic<'_>) -> Option<SlotId> {
        let id = self.topics.create(new)?;
        if self.brokers.routes(new.name).next().is_some() {
            // Their routes show this topic of ours from now on.
            self.brokers.touch();
        }
        if let Ok(topic) = Name::try_from(new.name) {
            self.events.push(BrokerEvent::TopicCreated { topic, queues: new.write_queue_nums });
        }
        self.tell_name_servers();
        self.note_change();
        Some(id)
    }

    /// The topics of `TopicConfigManager` that clients ask for. There is room for them.
    pub(super) fn create_built_in_topics(&mut self) {
        let all = PERM_READ | PERM_WRITE | PERM_INHERIT;
        let (cluster, broker) = (self.config.cluster_name, self.config.broker_name);
        let template = self.config.auto_create_topics.then_some(TEMPLATE_TOPIC);
        let queues = self.config.default_topic_queue_nums;
        let topics = [
            template.map(|name| (name, queues, all)),
            Some((cluster, CLUSTER_QUEUES, all)),
            Some((broker, 1, all)),
            Some((SCHEDULE_TOPIC, MAX_LEVEL, PERM_READ | PERM_WRITE)),
        ];
        for (name, queues, perm) in topics.into_iter().flatten() {
            if self.topics.find(name).is_none() {
                let (read_queue_nums, write_queue_nums) = (queues, queues);
                self.topics.create(NewTopic { name, read_queue_nums, write_queue_nums, perm, sys_flag: 0 });
            }
        }
        self.delays.topic = self.topics.find(SCHEDULE_TOPIC);
    }

    /// Counts and reports a request that is answered with an error.
    pub(crate) fn reject(&mut self, connection: ConnectionId, request: RequestCode, response: ResponseCode) {
        self.counters.refused = self.counters.refused.saturating_add(1);
        self.events.push(BrokerEvent::Rejected { connection, request, response });
    }

    /// Lets a frame wait for a connection, if there is room for it.
    pub(crate) fn send(&mut self, connection: ConnectionId, frame: Outgoing) -> bool {
        let body = frame.content.body();
        let sent = self.connections.push(connection, frame);
        if !sent {
            self.connections.bodies_mut().free(body);
        }
        sent
    }

    /// A frame of a connection was complete and has been acted on.
    pub(crate) fn frame_ended(&mut self, connection: ConnectionId) {
        self.connections.set_partial(self.now, connection, false);
    }

    /// Bytes were not taken.
    pub(crate) fn hold_back(&mut self) {
        self.is_held_back = true;
        self.counters.held_back = self.counters.held_back.saturating_add(1);
    }

    /// There is room for what may have been held back.
    pub(crate) fn make_room(&mut self) {
        self.has_room_again = self.is_held_back || self.pulls_wait;
    }

    /// The frame of a connection does not go on for want of room here.
    pub(crate) fn excuse_partial(&mut self, connection: ConnectionId) {
        self.connections.excuse_partial(self.now, connection);
        self.frames_wait = true;
    }

    /// Forgets a connection and what depends on it. Unless the peer closed it, the driver is told to.
    pub(crate) fn close(&mut self, connection: ConnectionId, reason: DisconnectReason) {
        match self.connections.link(connection) {
            Some(Link::Accepted(peer)) => {
                self.counters.disconnected = self.counters.disconnected.saturating_add(1);
                self.events.push(BrokerEvent::Disconnected { connection, peer, reason });
            }
            Some(Link::NameServer { place, .. }) => {
                let failure = match reason {
                    DisconnectReason::Decode(error) => RegistrationFailure::Decode(error),
                    DisconnectReason::Idle | DisconnectReason::SlowFrame => RegistrationFailure::TimedOut,
                    DisconnectReason::Peer
                    | DisconnectReason::LostAnswer
                    | DisconnectReason::UnreadAnswer => RegistrationFailure::Disconnected,
                };
                self.name_server_lost(place, failure);
            }
            Some(Link::Closed) | None => return,
        }
        self.connections.close(connection, reason != DisconnectReason::Peer);
        self.held_pulls.forget_connection(connection);
        while let Some(client) = self.clients.remove_of(connection) {
            self.client_gone(&client);
        }
        while let Some(broker) = self.brokers.remove_of(connection) {
            self.broker_gone(broker.name());
        }
        self.make_room();
    }

    /// Reports a client that left, to the other members of its group too.
    pub(crate) fn client_gone(&mut self, client: &Client) {
        if client.role() == ClientRole::Consumer {
            self.notify_consumers(client.group());
        }
        if let (Ok(client_id), Ok(group)) = (client.client_id().try_into(), client.group().try_into()) {
            self.events.push(BrokerEvent::ClientUnregistered { client_id, group, role: client.role() });
        }
    }

    /// Reports a registered broker that left.
    pub(crate) fn broker_gone(&mut self, name: &str) {
        if let Ok(name) = Name::try_from(name) {
            self.events.push(BrokerEvent::BrokerUnregistered { name });
        }
    }

    /// The next thing to tell the driver.
    pub(crate) fn poll_connection(&mut self) -> Option<ConnectionRequest> {
        let name_servers = self.config.name_servers;
        self.connections.next_notice(|place| name_servers.get(place))
    }

    /// Answers a request. A frame in which the answer does not fit cannot come: there is room for it.
    pub(crate) fn respond(
        &mut self,
        connection: ConnectionId,
        request: &rocketlite_core::wire::command::RemotingCommand<'_>,
        content: Content,
        wait: Wait,
    ) {
        if let Content::Failure { code, .. } = content {
            self.reject(connection, RequestCode(request.code), code);
        }
        if request.is_one_way() {
            let body = content.body();
            self.connections.bodies_mut().free(body);
        } else {
            let frame = Outgoing::new(request.serialize_type, request.opaque, content);
            let sent = self.send(connection, Outgoing { wait, ..frame });
            debug_assert!(sent, "no room was kept for an answer");
        }
    }
}

/// `address` as text.
fn address_of(address: SocketAddr) -> Result<Address, ConfigError> {
    let unusable = ConfigError { setting: "address", problem: ConfigProblem::Unspecified };
    Address::try_from(address).map_err(|_| unusable)
}
