//! The broker engine and the memory it works in.

use core::fmt;
use core::net::SocketAddr;

use rocketlite_broker::{BoxedMemory, Broker as Engine, BrokerConfig, BrokerLimits, ConfigError, Counters};
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::{Address, ConnectionId, Instant, WallClock};
use self_cell::{MutBorrow, self_cell};

use super::log;
use crate::drive::Host;

/// Strings that the configuration borrows, and memory.
struct Parts {
    names: Names,
    memory: BoxedMemory,
}

#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) broker_name: String,
    pub(super) cluster_name: String,
    pub(super) name_servers: Vec<Address>,
}

/// How much a broker can hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) log_bytes: usize,
    pub(super) frame_bytes: usize,
    pub(super) connections: usize,
    pub(super) pending_responses: usize,
    pub(super) topics: usize,
    pub(super) queues: usize,
    pub(super) clients: usize,
    pub(super) consumer_groups: usize,
    pub(super) subscriptions: usize,
    pub(super) consumer_offsets: usize,
    pub(super) queue_locks: usize,
    pub(super) held_pulls: usize,
    pub(super) answer_bytes: usize,
    pub(super) registered_brokers: usize,
}

/// Properties of a message while it is stored: as they came and as they are stored, 32,767 bytes each.
const SCRATCH_BYTES: usize = 65_534;

/// Events between two inputs; the host fetches them after each.
const EVENTS: usize = 256;

/// Bytes of a record that the index has room for: a body of about 100 bytes. With smaller ones, the index evicts messages
/// before the log is full.
const INDEXED_RECORD: usize = 256;

impl Limits {
    /// Pieces of the index, each of 16 messages: enough for a log full of records of [`INDEXED_RECORD`] bytes in few
    /// queues, and for the last piece of every queue.
    const fn index(&self) -> usize {
        (self.log_bytes / (16 * INDEXED_RECORD)).saturating_add(self.queues)
    }

    fn of_engine(&self, name_servers: usize) -> BrokerLimits {
        BrokerLimits {
            log: self.log_bytes,
            frames: self.frame_bytes,
            frame_extents: self.connections,
            scratch: SCRATCH_BYTES,
            connections: self.connections,
            outgoing: self.pending_responses,
            topics: self.topics,
            queues: self.queues,
            index: self.index(),
            clients: self.clients,
            groups: self.consumer_groups,
            subscriptions: self.subscriptions,
            offsets: self.consumer_offsets,
            locks: self.queue_locks,
            held_pulls: self.held_pulls,
            answers: self.answer_bytes,
            brokers: self.registered_brokers,
            // A broker that nobody registers with needs no places for their topics.
            broker_topics: if self.registered_brokers == 0 { 0 } else { self.topics },
            name_servers,
            events: EVENTS,
        }
    }
}

/// The error in the words of the builder, whose settings the sizes of the memory are.
fn explain(error: &ConfigError) -> String {
    let setting = match error.setting {
        "memory.log" => "capacity",
        "memory.connections" | "memory.frame_extents" => "max_connections",
        "memory.topics" => "max_topics",
        "memory.queues" => "max_queues",
        "memory.outgoing" => "max_pending_responses",
        "memory.index" => "capacity or max_queues",
        "max_pending" => "max_pending_per_connection",
        other => other,
    };
    ConfigError { setting, problem: error.problem }.to_string()
}

self_cell!(
    /// The engine beside the memory it borrows.
    struct Owned {
        owner: MutBorrow<Parts>,
        #[not_covariant]
        dependent: Engine,
    }
);

/// The engine, and whether it goes on.
pub(super) struct BrokerHost {
    engine: Owned,
    over: bool,
}

impl BrokerHost {
    pub(super) fn new(
        names: Names,
        limits: &Limits,
        address: SocketAddr,
        settings: impl FnOnce(&mut BrokerConfig<'_>),
        clock: WallClock,
        seed: u64,
    ) -> Result<Self, String> {
        let memory = BoxedMemory::new(&limits.of_engine(names.name_servers.len()));
        let engine = Owned::try_new(MutBorrow::new(Parts { names, memory }), |parts| {
            let parts = parts.borrow_mut();
            let mut config = BrokerConfig::new(&parts.names.broker_name, address);
            config.cluster_name = &parts.names.cluster_name;
            config.name_servers = &parts.names.name_servers;
            // The machine's own instructions; the engine's table is made for devices.
            config.crc32 = |bytes| crc32fast::hash(bytes) & 0x7fff_ffff;
            settings(&mut config);
            Engine::new(config, parts.memory.memory(), clock, seed).map_err(|error| explain(&error))
        })?;
        Ok(Self { engine, over: false })
    }

    pub(super) fn accept(&mut self, now: Instant, peer: SocketAddr) -> Option<ConnectionId> {
        self.engine.with_dependent_mut(|_, engine| engine.accept(now, peer)).ok()
    }

    pub(super) fn counters(&self) -> Counters {
        self.engine.with_dependent(|_, engine| engine.counters())
    }

    pub(super) fn registered_brokers(&self) -> Vec<String> {
        self.engine
            .with_dependent(|_, engine| engine.registered_brokers().map(|b| b.name().to_owned()).collect())
    }

    pub(super) fn for_each_message(&self, mut visit: impl FnMut(&StoredMessage<'_>)) {
        self.engine.with_dependent(|_, engine| engine.log().records().for_each(|message| visit(&message)));
    }

    pub(super) fn shutdown(&mut self, now: Instant) {
        self.engine.with_dependent_mut(|_, engine| engine.shutdown(now));
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.engine.with_dependent(|_, engine| engine.is_quiet())
    }

    /// Has the driver stop.
    pub(super) const fn end(&mut self) {
        self.over = true;
    }
}

impl Host for BrokerHost {
    fn with<R>(&mut self, act: impl FnOnce(&mut dyn rocketlite_core::Engine) -> R) -> R {
        self.engine.with_dependent_mut(|_, engine| act(engine))
    }

    fn settle(&mut self) {
        while let Some(event) = self.engine.with_dependent_mut(|_, engine| engine.poll_event()) {
            log::event(&event);
        }
    }

    fn is_over(&mut self) -> bool {
        self.over
    }
}

impl fmt::Debug for BrokerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerHost").finish_non_exhaustive()
    }
}
