//! The memory of a broker, named by the caller: its sizes are the limits.

use rocketlite_core::wire::frame::Partial;
use rocketlite_core::{Extent, Slot};

use crate::broker::max_checkpoint_bytes;
use crate::event::EventPlace;
use crate::log::{EMPTY_CHUNK, IndexChunk, IndexedKey};
use crate::outgoing::Outgoing;
use crate::table::{
    BrokerTopic, Client, Connection, ConsumerGroup, ConsumerOffset, HeldPull, Queue, QueueLock,
    RegisteredBroker, Registration, Subscription, Topic,
};

/// Every slice a [`Broker`](crate::Broker) works in. What is in them at first does not matter.
///
/// The slices may come from a [`BrokerStorage`], whose sizes are part of its type, or from boxes and mapped files, whose
/// sizes are settings. The broker needs nothing else but its own value and some stack.
#[derive(Debug)]
pub struct BrokerMemory<'m> {
    /// The commit log; at least [`BrokerConfig::max_record`](crate::BrokerConfig::max_record) bytes, and
    /// [`BrokerConfig::max_delayed_bytes`](crate::BrokerConfig::max_delayed_bytes) more if that is set.
    pub log: &'m mut [u8],
    /// One for each connection, those to name servers included; at most 65,535.
    pub connections: &'m mut [Slot<Connection>],
    /// As many as `connections`.
    pub partial: &'m mut [Partial],
    /// Frames that arrive in parts; at least the largest send, `max_message_size` and its header. A frame takes
    /// its size from when its length is known until its last byte.
    pub frames: &'m mut [u8],
    /// One for each frame that arrives in parts at the same time.
    pub frame_extents: &'m mut [Extent],
    /// One for each frame that waits to be sent, on all connections together. With two for each of `connections`, peers who
    /// do not read leave one to everybody else.
    pub outgoing: &'m mut [Slot<Outgoing>],
    /// One for each topic, at least 4; at most 65,535.
    pub topics: &'m mut [Slot<Topic>],
    /// Two for each topic.
    pub topic_index: &'m mut [u16],
    /// One for each queue of all topics, the larger of a topic's two numbers counting.
    pub queues: &'m mut [Queue],
    /// What consumers read the log by: one for each 16 messages of a queue, and one more for each queue that is in use. For a
    /// log that is kept in files: what was saved of it, and zeros.
    pub index: &'m mut [IndexChunk],
    /// One for each group that each client works for.
    pub clients: &'m mut [Slot<Client>],
    /// Six for each of `clients`.
    pub client_index: &'m mut [u16],
    /// One for each consumer group.
    pub groups: &'m mut [Slot<ConsumerGroup>],
    /// Two for each of `groups`.
    pub group_index: &'m mut [u16],
    /// One for each topic that a group subscribes to; its own retry topic is one.
    pub subscriptions: &'m mut [Slot<Subscription>],
    /// Two for each of `subscriptions`.
    pub subscription_index: &'m mut [u16],
    /// One for each queue that a group consumes.
    pub offsets: &'m mut [Slot<ConsumerOffset>],
    /// Two for each of `offsets`.
    pub offset_index: &'m mut [u16],
    /// One for each queue that a group consumes in order.
    pub locks: &'m mut [Slot<QueueLock>],
    /// Two for each of `locks`.
    pub lock_index: &'m mut [u16],
    /// One for each pull that waits for a message.
    pub held_pulls: &'m mut [Slot<HeldPull>],
    /// Four for each of `held_pulls`.
    pub held_pull_index: &'m mut [u16],
    /// One for each key that messages are found by: a message has its id, and each word of its `KEYS`. The oldest are
    /// forgotten first; without any, queries by key find nothing.
    pub keys: &'m mut [IndexedKey],
    /// Bodies of answers that are made once and wait to be sent: lists of members, locks, topics, figures.
    pub answers: &'m mut [u8],
    /// One for each of those bodies.
    pub answer_extents: &'m mut [Extent],
    /// One for each broker that registers here.
    pub brokers: &'m mut [Slot<RegisteredBroker>],
    /// One for each topic of each broker that registers here.
    pub broker_topics: &'m mut [Slot<BrokerTopic>],
    /// Two for each of `broker_topics`.
    pub broker_topic_index: &'m mut [u16],
    /// One for each name server to register with.
    pub name_servers: &'m mut [Registration],
    /// Properties while a message is stored: half of it, and at most 32,767 bytes, is the limit of properties; at
    /// least 1,024 bytes, and 65,534 for the reference's limit.
    pub scratch: &'m mut [u8],
    /// Events that nobody has taken yet.
    pub events: &'m mut [EventPlace],
}

impl BrokerMemory<'_> {
    /// Most bytes that [`Broker::write_checkpoint`](crate::Broker::write_checkpoint) hands out.
    pub const fn checkpoint_bytes(&self) -> usize {
        max_checkpoint_bytes(self.topics.len(), self.queues.len(), self.groups.len(), self.offsets.len())
    }
}

/// Memory of fixed sizes, for firmware and tests.
///
/// | parameter | is the number of |
/// | --- | --- |
/// | `LOG`, `FRAMES`, `SCRATCH`, `ANSWERS` | bytes of the commit log, of frames that arrive in parts, of properties at work, of answers made once |
/// | `CONNECTIONS` | connections, each of which may have a frame that arrives in parts, a pull that waits and an answer made once |
/// | `OUTGOING` | frames that wait to be sent |
/// | `TOPICS`, `QUEUES` | topics and their queues, and the same for brokers that register here (`TOPICS` together); a group can consume and lock `QUEUES` queues |
/// | `CHUNKS` | pieces of the index, each of 16 messages of a queue; 16 times as many keys that messages are found by |
/// | `CLIENTS` | groups of clients; four times as many subscriptions |
/// | `PEERS` | brokers that register here, and name servers to register with |
/// | `EVENTS` | events that wait to be taken |
#[derive(Debug)]
pub struct BrokerStorage<
    const LOG: usize,
    const FRAMES: usize,
    const SCRATCH: usize,
    const ANSWERS: usize,
    const CONNECTIONS: usize,
    const OUTGOING: usize,
    const TOPICS: usize,
    const QUEUES: usize,
    const CHUNKS: usize,
    const CLIENTS: usize,
    const PEERS: usize,
    const EVENTS: usize,
> {
    log: [u8; LOG],
    frames: [u8; FRAMES],
    scratch: [u8; SCRATCH],
    connections: [Slot<Connection>; CONNECTIONS],
    partial: [Partial; CONNECTIONS],
    frame_extents: [Extent; CONNECTIONS],
    outgoing: [Slot<Outgoing>; OUTGOING],
    topics: [Slot<Topic>; TOPICS],
    topic_index: [[u16; 2]; TOPICS],
    queues: [Queue; QUEUES],
    index: [IndexChunk; CHUNKS],
    clients: [Slot<Client>; CLIENTS],
    client_index: [[u16; 6]; CLIENTS],
    groups: [Slot<ConsumerGroup>; CLIENTS],
    group_index: [[u16; 2]; CLIENTS],
    subscriptions: [[Slot<Subscription>; 4]; CLIENTS],
    subscription_index: [[u16; 8]; CLIENTS],
    offsets: [Slot<ConsumerOffset>; QUEUES],
    offset_index: [[u16; 2]; QUEUES],
    locks: [Slot<QueueLock>; QUEUES],
    lock_index: [[u16; 2]; QUEUES],
    held_pulls: [Slot<HeldPull>; CONNECTIONS],
    held_pull_index: [[u16; 4]; CONNECTIONS],
    keys: [[IndexedKey; 16]; CHUNKS],
    answers: [u8; ANSWERS],
    answer_extents: [Extent; CONNECTIONS],
    brokers: [Slot<RegisteredBroker>; PEERS],
    broker_topics: [Slot<BrokerTopic>; TOPICS],
    broker_topic_index: [[u16; 2]; TOPICS],
    name_servers: [Registration; PEERS],
    events: [EventPlace; EVENTS],
}

impl<
    const LOG: usize,
    const FRAMES: usize,
    const SCRATCH: usize,
    const ANSWERS: usize,
    const CONNECTIONS: usize,
    const OUTGOING: usize,
    const TOPICS: usize,
    const QUEUES: usize,
    const CHUNKS: usize,
    const CLIENTS: usize,
    const PEERS: usize,
    const EVENTS: usize,
>
    BrokerStorage<
        LOG,
        FRAMES,
        SCRATCH,
        ANSWERS,
        CONNECTIONS,
        OUTGOING,
        TOPICS,
        QUEUES,
        CHUNKS,
        CLIENTS,
        PEERS,
        EVENTS,
    >
{
    /// All of it unused, and all of it zero, so that a `static` costs no flash.
    pub const fn new() -> Self {
        Self {
            log: [0; LOG],
            frames: [0; FRAMES],
            scratch: [0; SCRATCH],
            connections: [const { Slot::EMPTY }; CONNECTIONS],
            partial: [Partial::EMPTY; CONNECTIONS],
            frame_extents: [Extent::EMPTY; CONNECTIONS],
            outgoing: [const { Slot::EMPTY }; OUTGOING],
            topics: [const { Slot::EMPTY }; TOPICS],
            topic_index: [[0; 2]; TOPICS],
            queues: [Queue::EMPTY; QUEUES],
            index: [EMPTY_CHUNK; CHUNKS],
            clients: [const { Slot::EMPTY }; CLIENTS],
            client_index: [[0; 6]; CLIENTS],
            groups: [const { Slot::EMPTY }; CLIENTS],
            group_index: [[0; 2]; CLIENTS],
            subscriptions: [const { [const { Slot::EMPTY }; 4] }; CLIENTS],
            subscription_index: [[0; 8]; CLIENTS],
            offsets: [const { Slot::EMPTY }; QUEUES],
            offset_index: [[0; 2]; QUEUES],
            locks: [const { Slot::EMPTY }; QUEUES],
            lock_index: [[0; 2]; QUEUES],
            held_pulls: [const { Slot::EMPTY }; CONNECTIONS],
            held_pull_index: [[0; 4]; CONNECTIONS],
            keys: [[IndexedKey::EMPTY; 16]; CHUNKS],
            answers: [0; ANSWERS],
            answer_extents: [Extent::EMPTY; CONNECTIONS],
            brokers: [const { Slot::EMPTY }; PEERS],
            broker_topics: [const { Slot::EMPTY }; TOPICS],
            broker_topic_index: [[0; 2]; TOPICS],
            name_servers: [Registration::EMPTY; PEERS],
            events: [const { EventPlace::EMPTY }; EVENTS],
        }
    }

    /// The slices of it.
    pub const fn memory(&mut self) -> BrokerMemory<'_> {
        BrokerMemory {
            log: &mut self.log,
            frames: &mut self.frames,
            scratch: &mut self.scratch,
            connections: &mut self.connections,
            partial: &mut self.partial,
            frame_extents: &mut self.frame_extents,
            outgoing: &mut self.outgoing,
            topics: &mut self.topics,
            topic_index: self.topic_index.as_flattened_mut(),
            queues: &mut self.queues,
            index: &mut self.index,
            clients: &mut self.clients,
            client_index: self.client_index.as_flattened_mut(),
            groups: &mut self.groups,
            group_index: self.group_index.as_flattened_mut(),
            subscriptions: self.subscriptions.as_flattened_mut(),
            subscription_index: self.subscription_index.as_flattened_mut(),
            offsets: &mut self.offsets,
            offset_index: self.offset_index.as_flattened_mut(),
            locks: &mut self.locks,
            lock_index: self.lock_index.as_flattened_mut(),
            held_pulls: &mut self.held_pulls,
            held_pull_index: self.held_pull_index.as_flattened_mut(),
            keys: self.keys.as_flattened_mut(),
            answers: &mut self.answers,
            answer_extents: &mut self.answer_extents,
            brokers: &mut self.brokers,
            broker_topics: &mut self.broker_topics,
            broker_topic_index: self.broker_topic_index.as_flattened_mut(),
            name_servers: &mut self.name_servers,
            events: &mut self.events,
        }
    }
}

impl<
    const LOG: usize,
    const FRAMES: usize,
    const SCRATCH: usize,
    const ANSWERS: usize,
    const CONNECTIONS: usize,
    const OUTGOING: usize,
    const TOPICS: usize,
    const QUEUES: usize,
    const CHUNKS: usize,
    const CLIENTS: usize,
    const PEERS: usize,
    const EVENTS: usize,
> Default
    for BrokerStorage<
        LOG,
        FRAMES,
        SCRATCH,
        ANSWERS,
        CONNECTIONS,
        OUTGOING,
        TOPICS,
        QUEUES,
        CHUNKS,
        CLIENTS,
        PEERS,
        EVENTS,
    >
{
    fn default() -> Self {
        Self::new()
    }
}
