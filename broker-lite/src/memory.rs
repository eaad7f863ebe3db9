//! The memory of a broker, named by the caller: its sizes are the limits.

use rocketlite_core::wire::frame::Partial;
use rocketlite_core::{Extent, Slot};

use crate::event::EventPlace;
use crate::outgoing::Outgoing;
use crate::table::{BrokerTopic, Client, Connection, Queue, RegisteredBroker, Registration, Topic};

/// Every slice a [`Broker`](crate::Broker) works in. What is in them at first does not matter.
///
/// The slices may come from a [`BrokerStorage`], whose sizes are part of its type, or from boxes and mapped files, whose
/// sizes are settings. The broker needs nothing else but its own value and some stack.
#[derive(Debug)]
pub struct BrokerMemory<'m> {
    /// The commit log; at least [`BrokerConfig::max_record`](crate::BrokerConfig::max_record) bytes.
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
    /// One for each topic, at least 3; at most 65,535.
    pub topics: &'m mut [Slot<Topic>],
    /// Two for each topic.
    pub topic_index: &'m mut [u16],
    /// One for each queue of all topics, the larger of a topic's two numbers counting.
    pub queues: &'m mut [Queue],
    /// One for each group that each client works for.
    pub clients: &'m mut [Slot<Client>],
    /// Four for each of `clients`.
    pub client_index: &'m mut [u16],
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

/// Memory of fixed sizes, for firmware and tests.
///
/// | parameter | is the number of |
/// | --- | --- |
/// | `LOG`, `FRAMES`, `SCRATCH` | bytes of the commit log, of frames that arrive in parts, of properties at work |
/// | `CONNECTIONS` | connections, each of which may have a frame that arrives in parts |
/// | `OUTGOING` | frames that wait to be sent |
/// | `TOPICS`, `QUEUES` | topics and their queues, and the same for brokers that register here (`TOPICS` together) |
/// | `CLIENTS` | groups of clients |
/// | `PEERS` | brokers that register here, and name servers to register with |
/// | `EVENTS` | events that wait to be taken |
#[derive(Debug)]
pub struct BrokerStorage<
    const LOG: usize,
    const FRAMES: usize,
    const SCRATCH: usize,
    const CONNECTIONS: usize,
    const OUTGOING: usize,
    const TOPICS: usize,
    const QUEUES: usize,
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
    clients: [Slot<Client>; CLIENTS],
    client_index: [[u16; 4]; CLIENTS],
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
    const CONNECTIONS: usize,
    const OUTGOING: usize,
    const TOPICS: usize,
    const QUEUES: usize,
    const CLIENTS: usize,
    const PEERS: usize,
    const EVENTS: usize,
> BrokerStorage<LOG, FRAMES, SCRATCH, CONNECTIONS, OUTGOING, TOPICS, QUEUES, CLIENTS, PEERS, EVENTS>
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
            clients: [const { Slot::EMPTY }; CLIENTS],
            client_index: [[0; 4]; CLIENTS],
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
            clients: &mut self.clients,
            client_index: self.client_index.as_flattened_mut(),
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
    const CONNECTIONS: usize,
    const OUTGOING: usize,
    const TOPICS: usize,
    const QUEUES: usize,
    const CLIENTS: usize,
    const PEERS: usize,
    const EVENTS: usize,
> Default
    for BrokerStorage<LOG, FRAMES, SCRATCH, CONNECTIONS, OUTGOING, TOPICS, QUEUES, CLIENTS, PEERS, EVENTS>
{
    fn default() -> Self {
        Self::new()
    }
}
