//! Memory of a broker whose sizes are settings, for machines with a heap.

use alloc::boxed::Box;
use alloc::vec;

use rocketlite_core::wire::frame::Partial;
use rocketlite_core::{Extent, Slot};

use crate::broker::max_checkpoint_bytes;
use crate::event::EventPlace;
use crate::log::{INDEX_CHUNK_BYTES, IndexedKey};
use crate::memory::BrokerMemory;
use crate::outgoing::Outgoing;
use crate::table::{
    BrokerTopic, Client, Connection, ConsumerGroup, ConsumerOffset, HeldPull, Queue, QueueLock,
    RegisteredBroker, Registration, Subscription, Topic,
};

/// How much a broker can hold, see [`BrokerMemory`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "every limit is to be named")]
pub struct BrokerLimits {
    /// Bytes of the commit log.
    pub log: usize,
    /// Bytes of frames that arrive in parts.
    pub frames: usize,
    /// Frames that arrive in parts at the same time.
    pub frame_extents: usize,
    /// Bytes of properties while a message is stored.
    pub scratch: usize,
    /// Connections.
    pub connections: usize,
    /// Frames that wait to be sent.
    pub outgoing: usize,
    /// Topics.
    pub topics: usize,
    /// Queues of all topics together.
    pub queues: usize,
    /// Pieces of the index, each of 16 messages of a queue.
    pub index: usize,
    /// Groups of clients.
    pub clients: usize,
    /// Consumer groups.
    pub groups: usize,
    /// Topics that groups subscribe to, all groups together.
    pub subscriptions: usize,
    /// Queues that groups consume, all groups together.
    pub offsets: usize,
    /// Queues that groups consume in order, all groups together.
    pub locks: usize,
    /// Pulls that wait for a message.
    pub held_pulls: usize,
    /// Keys that messages are found by.
    pub keys: usize,
    /// Bytes of answers that are made once and wait to be sent.
    pub answers: usize,
    /// Brokers that register here.
    pub brokers: usize,
    /// Topics of brokers that register here.
    pub broker_topics: usize,
    /// Name servers to register with.
    pub name_servers: usize,
    /// Events that nobody has taken yet.
    pub events: usize,
}

impl BrokerLimits {
    /// Most bytes that [`Broker::write_checkpoint`](crate::Broker::write_checkpoint) hands out.
    pub const fn checkpoint_bytes(&self) -> usize {
        max_checkpoint_bytes(self.topics, self.queues, self.groups, self.offsets)
    }
}

/// A [`BrokerMemory`] on the heap, allocated once.
#[derive(Debug)]
pub struct BoxedMemory {
    log: Box<[u8]>,
    frames: Box<[u8]>,
    frame_extents: Box<[Extent]>,
    scratch: Box<[u8]>,
    connections: Box<[Slot<Connection>]>,
    partial: Box<[Partial]>,
    outgoing: Box<[Slot<Outgoing>]>,
    topics: Box<[Slot<Topic>]>,
    topic_index: Box<[u16]>,
    queues: Box<[Queue]>,
    /// Bytes, not chunks: only of those the system has zeros without writing them.
    index: Box<[u8]>,
    clients: Box<[Slot<Client>]>,
    client_index: Box<[u16]>,
    groups: Box<[Slot<ConsumerGroup>]>,
    group_index: Box<[u16]>,
    subscriptions: Box<[Slot<Subscription>]>,
    subscription_index: Box<[u16]>,
    offsets: Box<[Slot<ConsumerOffset>]>,
    offset_index: Box<[u16]>,
    locks: Box<[Slot<QueueLock>]>,
    lock_index: Box<[u16]>,
    held_pulls: Box<[Slot<HeldPull>]>,
    held_pull_index: Box<[u16]>,
    keys: Box<[IndexedKey]>,
    answers: Box<[u8]>,
    answer_extents: Box<[Extent]>,
    brokers: Box<[Slot<RegisteredBroker>]>,
    broker_topics: Box<[Slot<BrokerTopic>]>,
    broker_topic_index: Box<[u16]>,
    name_servers: Box<[Registration]>,
    events: Box<[EventPlace]>,
}

impl BoxedMemory {
    /// As much as `limits` say.
    pub fn new(limits: &BrokerLimits) -> Self {
        Self {
            // Not touched before they are used.
            log: vec![0; limits.log].into_boxed_slice(),
            frames: vec![0; limits.frames].into_boxed_slice(),
            frame_extents: boxed(limits.frame_extents),
            scratch: vec![0; limits.scratch].into_boxed_slice(),
            connections: boxed(limits.connections),
            partial: boxed(limits.connections),
            outgoing: boxed(limits.outgoing),
            topics: boxed(limits.topics),
            topic_index: boxed(limits.topics.saturating_mul(2)),
            queues: boxed(limits.queues),
            index: vec![0; limits.index.saturating_mul(INDEX_CHUNK_BYTES)].into_boxed_slice(),
            clients: boxed(limits.clients),
            client_index: boxed(limits.clients.saturating_mul(6)),
            groups: boxed(limits.groups),
            group_index: boxed(limits.groups.saturating_mul(2)),
            subscriptions: boxed(limits.subscriptions),
            subscription_index: boxed(limits.subscriptions.saturating_mul(2)),
            offsets: boxed(limits.offsets),
            offset_index: boxed(limits.offsets.saturating_mul(2)),
            locks: boxed(limits.locks),
            lock_index: boxed(limits.locks.saturating_mul(2)),
            held_pulls: boxed(limits.held_pulls),
            held_pull_index: boxed(limits.held_pulls.saturating_mul(4)),
            keys: boxed(limits.keys),
            answers: vec![0; limits.answers].into_boxed_slice(),
            answer_extents: boxed(limits.connections),
            brokers: boxed(limits.brokers),
            broker_topics: boxed(limits.broker_topics),
            broker_topic_index: boxed(limits.broker_topics.saturating_mul(2)),
            name_servers: boxed(limits.name_servers),
            events: boxed(limits.events),
        }
    }

    /// The slices of it.
    pub const fn memory(&mut self) -> BrokerMemory<'_> {
        BrokerMemory {
            log: &mut self.log,
            frames: &mut self.frames,
            frame_extents: &mut self.frame_extents,
            scratch: &mut self.scratch,
            connections: &mut self.connections,
            partial: &mut self.partial,
            outgoing: &mut self.outgoing,
            topics: &mut self.topics,
            topic_index: &mut self.topic_index,
            queues: &mut self.queues,
            index: self.index.as_chunks_mut().0,
            clients: &mut self.clients,
            client_index: &mut self.client_index,
            groups: &mut self.groups,
            group_index: &mut self.group_index,
            subscriptions: &mut self.subscriptions,
            subscription_index: &mut self.subscription_index,
            offsets: &mut self.offsets,
            offset_index: &mut self.offset_index,
            locks: &mut self.locks,
            lock_index: &mut self.lock_index,
            held_pulls: &mut self.held_pulls,
            held_pull_index: &mut self.held_pull_index,
            keys: &mut self.keys,
            answers: &mut self.answers,
            answer_extents: &mut self.answer_extents,
            brokers: &mut self.brokers,
            broker_topics: &mut self.broker_topics,
            broker_topic_index: &mut self.broker_topic_index,
            name_servers: &mut self.name_servers,
            events: &mut self.events,
        }
    }
}

fn boxed<T: Default>(count: usize) -> Box<[T]> {
    (0..count).map(|_| T::default()).collect()
}
