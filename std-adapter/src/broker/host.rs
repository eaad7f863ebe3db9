//! The broker engine and the memory it works in.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

#[cfg(all(feature = "data", unix))]
use rocketlite_broker::RecoverError;
use rocketlite_broker::{
    BoxedMemory, Broker as Engine, BrokerConfig, BrokerLimits, BrokerMemory, ConfigError, Counters, Recovery,
};
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::{Address, ConnectionId, Instant, WallClock};
use self_cell::{MutBorrow, self_cell};

use super::{files, log};
#[cfg(all(feature = "data", unix))]
use crate::clock::Clock;
use crate::drive::Host;

/// Strings that the configuration borrows, and memory.
struct Parts {
    names: Names,
    memory: BoxedMemory,
    /// The log, if it is in a file.
    map: Option<files::Map>,
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
    pub(super) indexed_keys: usize,
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

    /// The sizes of the files of such a broker.
    #[cfg(all(feature = "data", unix))]
    pub(super) fn of_files(&self, name_servers: usize) -> crate::store::Wanted {
        let limits = self.of_engine(name_servers);
        crate::store::Wanted {
            capacity: limits.log as u64,
            index_image_bytes: (limits.index * rocketlite_broker::INDEX_CHUNK_BYTES) as u64,
            checkpoint_slot_bytes: limits.checkpoint_bytes() as u64,
        }
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
            keys: self.indexed_keys,
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

/// The same for what is saved.
#[cfg(all(feature = "data", unix))]
fn explain_recovery(error: &RecoverError) -> String {
    let setting = match error {
        RecoverError::Config(error) => return explain(error),
        RecoverError::NoRoom("memory.groups") => "max_consumer_groups",
        RecoverError::NoRoom("memory.offsets") => "max_consumer_offsets",
        RecoverError::NoRoom("memory.topics or memory.queues") => "max_topics or max_queues",
        RecoverError::NoRoom("memory.index") => "max_queues",
        other => return other.to_string(),
    };
    RecoverError::NoRoom(setting).to_string()
}

self_cell!(
    /// The engine beside the memory it borrows.
    struct Owned {
        owner: MutBorrow<Parts>,
        #[not_covariant]
        dependent: Engine,
    }
);

/// The engine, its files, and whether it goes on.
pub(super) struct BrokerHost {
    engine: Owned,
    storage: Option<files::Storage>,
    over: bool,
}

/// What was found in files, and how long it took to read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// What was found.
    pub recovery: Recovery,
    /// How long that took.
    pub time: Duration,
}

/// The settings of an engine whose names are these.
fn config(
    names: &Names,
    address: SocketAddr,
    settings: impl FnOnce(&mut BrokerConfig<'_>),
) -> BrokerConfig<'_> {
    let mut config = BrokerConfig::new(&names.broker_name, address);
    config.cluster_name = &names.cluster_name;
    config.name_servers = &names.name_servers;
    config.crc32 = crate::checksum::crc32;
    settings(&mut config);
    config
}

/// The memory of an engine, with its log in a file if that is mapped.
fn memory_of<'m>(memory: &'m mut BoxedMemory, map: Option<&'m mut files::Map>) -> BrokerMemory<'m> {
    let memory = memory.memory();
    match map {
        Some(map) => BrokerMemory { log: map.as_mut(), ..memory },
        None => memory,
    }
}

impl BrokerHost {
    /// A broker whose log is in memory.
    pub(super) fn new(
        names: Names,
        limits: &Limits,
        address: SocketAddr,
        settings: impl FnOnce(&mut BrokerConfig<'_>),
        clock: WallClock,
        seed: u64,
    ) -> Result<Self, String> {
        let memory = BoxedMemory::new(&limits.of_engine(names.name_servers.len()));
        let engine = Owned::try_new(MutBorrow::new(Parts { names, memory, map: None }), |parts| {
            let parts = parts.borrow_mut();
            let config = config(&parts.names, address, settings);
            let memory = memory_of(&mut parts.memory, parts.map.as_mut());
            Engine::new(config, memory, clock, seed).map_err(|error| explain(&error))
        })?;
        Ok(Self { engine, storage: None, over: false })
    }

    /// Whether such a broker can keep its log in files, before any is made.
    #[cfg(all(feature = "data", unix))]
    pub(super) fn check_for_files(
        names: &Names,
        limits: &Limits,
        address: SocketAddr,
        settings: impl FnOnce(&mut BrokerConfig<'_>),
    ) -> Result<(), String> {
        let limits_of_engine = limits.of_engine(names.name_servers.len());
        // What grows with the log is not needed for that, and there may be no memory for it.
        let index = limits_of_engine.index.min(2);
        let of_engine = BrokerLimits { log: 0, index, ..limits_of_engine };
        let config = config(names, address, settings);
        let checked = config.check_for_files(&BoxedMemory::new(&of_engine).memory(), limits.log_bytes);
        checked.map_err(|error| explain(&error))
    }

    /// A broker with what these files hold.
    #[cfg(all(feature = "data", unix))]
    pub(super) fn recover(
        names: Names,
        limits: &Limits,
        address: SocketAddr,
        settings: impl FnOnce(&mut BrokerConfig<'_>),
        clock: &Clock,
        seed: u64,
        files: files::OpenFiles,
    ) -> Result<(Self, Recovered), String> {
        let begun = std::time::Instant::now();
        let of_engine = BrokerLimits { log: 0, ..limits.of_engine(names.name_servers.len()) };
        let mut memory = BoxedMemory::new(&of_engine);
        let index = memory.memory().index.as_flattened_mut();
        let (map, loaded, storage) = files.load(index).map_err(|error| error.to_string())?;
        let mut recovery = Recovery::default();
        let mut engine = Owned::try_new(MutBorrow::new(Parts { names, memory, map: Some(map) }), |parts| {
            let parts = parts.borrow_mut();
            let config = config(&parts.names, address, settings);
            let memory = memory_of(&mut parts.memory, parts.map.as_mut());
            let (engine, found) = Engine::recover(config, memory, loaded.saved(), clock.wall(), seed)
                .map_err(|error| explain_recovery(&error))?;
            recovery = found;
            Ok::<_, String>(engine)
        })?;
        engine
            .with_dependent_mut(|_, engine| storage.begin(engine, clock.now()))
            .map_err(|error| error.to_string())?;
        let host = Self { engine, storage: Some(storage), over: false };
        Ok((host, Recovered { recovery, time: begun.elapsed() }))
    }

    /// Takes out what starts the threads that wait for the disk.
    #[cfg(all(feature = "data", unix))]
    pub(super) fn take_jobs(&mut self) -> Option<files::Jobs> {
        self.storage.as_mut().map(files::Storage::take_jobs)
    }

    /// What became of something that took the disk's time.
    #[cfg(all(feature = "data", unix))]
    pub(super) fn report(&mut self, now: Instant, result: &Result<crate::store::Done, crate::store::Failed>) {
        self.engine.with_dependent_mut(|_, engine| crate::store::report(engine, now, result));
    }

    /// Whether everything is on the disk, as far as it takes anything.
    pub(super) fn is_saved(&self) -> bool {
        self.engine.with_dependent(|_, engine| engine.is_saved())
    }

    /// Whether the disk has failed.
    pub(super) fn has_storage_failed(&self) -> bool {
        self.engine.with_dependent(|_, engine| engine.has_storage_failed())
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

    fn persist(&mut self, now: Instant) {
        if let Some(storage) = &self.storage {
            self.engine.with_dependent_mut(|_, engine| storage.persist(engine, now));
        }
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
