//! The engines, each beside the memory it borrows.

use core::net::SocketAddr;

use rocketlite_broker::{BoxedMemory, Broker, BrokerConfig, BrokerEvent, BrokerLimits, WhenFull};
use rocketlite_core::message::MessageView;
use rocketlite_core::producer::{Producer, ProducerConfig, ProducerStorage};
use rocketlite_core::select::{MessageQueueSelector, PublishQueues};
use rocketlite_core::{Address, Engine, WallClock};
use self_cell::{MutBorrow, self_cell};

use super::consumer::Consumer;
use super::plan::{BrokerPlan, MAX_BODY, ProducerPlan};

/// 8 connections, 4 topics of 64 queues, 8 brokers, 16 sends of 128 KiB together.
type Usual = ProducerStorage<8, 4, 64, 8, 16, 131_072, 65_536, 1_024>;
/// The same with 2 connections.
type Few = ProducerStorage<2, 4, 64, 8, 16, 131_072, 65_536, 1_024>;

#[derive(Debug)]
enum Storage {
    Usual(Box<Usual>),
    Few(Box<Few>),
}

/// Sends a producer may have in flight.
pub(super) const IN_FLIGHT: usize = 16;

#[derive(Debug)]
pub(super) struct ProducerParts {
    client_id: String,
    name_servers: Vec<Address>,
    storage: Storage,
}

self_cell!(
    pub(super) struct ProducerCell {
        owner: MutBorrow<ProducerParts>,
        #[not_covariant]
        dependent: Producer,
    }
);

#[derive(Debug)]
pub(super) struct BrokerParts {
    name: String,
    name_servers: Vec<Address>,
    memory: BoxedMemory,
}

self_cell!(
    pub(super) struct BrokerCell {
        owner: MutBorrow<BrokerParts>,
        #[not_covariant]
        dependent: Broker,
    }
);

/// One of those who take part.
pub(super) enum Node {
    Producer(Box<ProducerCell>),
    Broker(Box<BrokerCell>),
    Consumer(Box<Consumer>),
    /// A server or a consumer that is down.
    Down,
}

/// Takes the place that its argument names, of those there are.
#[derive(Debug)]
struct ByArgument;

impl MessageQueueSelector for ByArgument {
    fn select(&self, queues: &PublishQueues<'_>, _: &MessageView<'_>, argument: u64) -> Option<usize> {
        usize::try_from(argument).ok().filter(|place| *place < queues.len())
    }
}

impl Node {
    pub(super) fn producer(
        index: usize,
        plan: &ProducerPlan,
        name_servers: Vec<Address>,
        clock: WallClock,
        seed: u64,
    ) -> Self {
        let storage = if plan.few_connections {
            Storage::Few(Box::new(Few::new()))
        } else {
            Storage::Usual(Box::new(Usual::new()))
        };
        let client_id = format!("10.0.2.{}@{index}", index + 1);
        let parts = ProducerParts { client_id, name_servers, storage };
        let cell = ProducerCell::new(MutBorrow::new(parts), |parts| {
            let parts = parts.borrow_mut();
            let mut config = ProducerConfig::new("producers", &parts.client_id, &parts.name_servers);
            plan.apply(&mut config);
            config.queue_selector = Some(&ByArgument);
            config.client_ip = [10, 0, 2, u8::try_from(index + 1).expect("few producers")].into();
            let memory = match &mut parts.storage {
                Storage::Usual(storage) => storage.memory(),
                Storage::Few(storage) => storage.memory(),
            };
            Producer::new(config, memory, clock, seed).expect("settings that can be used")
        });
        Self::Producer(Box::new(cell))
    }

    pub(super) fn broker(
        name: String,
        address: SocketAddr,
        plan: &BrokerPlan,
        auto_create_topics: bool,
        name_servers: Vec<Address>,
        clock: WallClock,
        seed: u64,
    ) -> Self {
        let limits = BrokerLimits {
            log: plan.log_bytes,
            frames: 256 << 10,
            frame_extents: 16,
            scratch: 4_096,
            connections: 16,
            outgoing: plan.outgoing,
            topics: 16,
            queues: 128,
            index: 512,
            clients: 16,
            groups: 8,
            subscriptions: 16,
            offsets: 64,
            locks: 64,
            // Who has little memory for answers has little for pulls.
            held_pulls: plan.outgoing.max(12),
            keys: 256,
            answers: 16 << 10,
            brokers: 8,
            broker_topics: 64,
            name_servers: name_servers.len(),
            events: 64,
        };
        let parts = BrokerParts { name, name_servers, memory: BoxedMemory::new(&limits) };
        let cell = BrokerCell::new(MutBorrow::new(parts), |parts| {
            let parts = parts.borrow_mut();
            let mut config = BrokerConfig::new(&parts.name, address);
            config.name_servers = &parts.name_servers;
            config.auto_create_topics = auto_create_topics;
            config.default_topic_queue_nums = plan.queues;
            config.max_message_size = MAX_BODY;
            config.max_frame = 128 << 10;
            config.when_full = if plan.refuses_when_full { WhenFull::Refuse } else { WhenFull::Evict };
            Broker::new(config, parts.memory.memory(), clock, seed).expect("settings that can be used")
        });
        Self::Broker(Box::new(cell))
    }

    pub(super) fn engine<R>(&mut self, act: impl FnOnce(&mut dyn Engine) -> R) -> Option<R> {
        match self {
            Self::Producer(cell) => Some(cell.with_dependent_mut(|_, engine| act(engine))),
            Self::Broker(cell) => Some(cell.with_dependent_mut(|_, engine| act(engine))),
            Self::Consumer(consumer) => Some(act(&mut **consumer)),
            Self::Down => None,
        }
    }

    /// # Panics
    /// If it is none.
    pub(super) fn as_producer<R>(&mut self, act: impl FnOnce(&mut Producer<'_>) -> R) -> R {
        let Self::Producer(cell) = self else { panic!("not a producer") };
        cell.with_dependent_mut(|_, engine| act(engine))
    }

    pub(super) fn as_broker<R>(&mut self, act: impl FnOnce(&mut Broker<'_>) -> R) -> Option<R> {
        let Self::Broker(cell) = self else { return None };
        Some(cell.with_dependent_mut(|_, engine| act(engine)))
    }

    pub(super) fn broker_event(&mut self) -> Option<BrokerEvent> {
        let Self::Broker(cell) = self else { return None };
        cell.with_dependent_mut(|_, engine| engine.poll_event())
    }
}
