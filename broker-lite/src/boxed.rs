//! Memory of a broker whose sizes are settings, for machines with a heap.

use alloc::boxed::Box;
use alloc::vec;

use rocketlite_core::wire::frame::Partial;
use rocketlite_core::{Extent, Slot};

use crate::event::EventPlace;
use crate::memory::BrokerMemory;
use crate::outgoing::Outgoing;
use crate::table::{BrokerTopic, Client, Connection, Queue, RegisteredBroker, Registration, Topic};

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
    /// Groups of clients.
    pub clients: usize,
    /// Brokers that register here.
    pub brokers: usize,
    /// Topics of brokers that register here.
    pub broker_topics: usize,
    /// Name servers to register with.
    pub name_servers: usize,
    /// Events that nobody has taken yet.
    pub events: usize,
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
    clients: Box<[Slot<Client>]>,
    client_index: Box<[u16]>,
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
            clients: boxed(limits.clients),
            client_index: boxed(limits.clients.saturating_mul(4)),
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
            clients: &mut self.clients,
            client_index: &mut self.client_index,
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
