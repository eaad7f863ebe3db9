//! The memory of a producer, named by its caller. Its sizes are the producer's limits.

use heapless::Deque;
use heapless::deque::DequeView;

use super::Event;
use super::config::ConfigError;
use super::connections::Link;
use super::limits::ProducerLimits;
use crate::route::{BrokerRoute, QueueRef, TopicRoute};
use crate::select::FaultPlace;
use crate::send::InFlight;
use crate::wire::frame::Partial;
use crate::{Extent, Slot};

/// Borrowed memory, of sizes that may be known only at run time.
#[derive(Debug)]
#[expect(
    missing_docs,
    reason = "each field is described by the constant of the same name in `ProducerStorage`"
)]
pub struct ProducerMemory<'m> {
    pub connections: &'m mut [Slot<Link>],
    pub partial_frames: &'m mut [Partial],
    pub frames: &'m mut [u8],
    pub frame_pieces: &'m mut [Extent],
    pub topics: &'m mut [Slot<TopicRoute>],
    pub queues: &'m mut [QueueRef],
    pub write_queue_nums: &'m mut [u16],
    pub brokers: &'m mut [Slot<BrokerRoute>],
    pub faults: &'m mut [FaultPlace],
    pub in_flight: &'m mut [Slot<InFlight>],
    pub bodies: &'m mut [u8],
    pub body_pieces: &'m mut [Extent],
    pub events: &'m mut DequeView<Event>,
}

impl ProducerMemory<'_> {
    /// The least frame that a producer needs room for: the answer to a send.
    pub const LEAST_FRAME: usize = 512;

    pub(super) fn check(&self) -> Result<(), ConfigError<'static>> {
        let least = [
            ("connections", self.connections.len(), 2),
            ("partial_frames", self.partial_frames.len(), self.connections.len()),
            ("frames", self.frames.len(), Self::LEAST_FRAME),
            ("frame_pieces", self.frame_pieces.len(), 1),
            ("topics", self.topics.len(), 1),
            ("queues", self.queues.len(), self.topics.len()),
            (
                "write_queue_nums",
                self.write_queue_nums.len(),
                self.topics.len().saturating_mul(self.brokers.len()),
            ),
            ("brokers", self.brokers.len(), 1),
            ("faults", self.faults.len(), self.brokers.len()),
            ("in_flight", self.in_flight.len(), 1),
            ("bodies", self.bodies.len(), 1),
            ("body_pieces", self.body_pieces.len(), self.in_flight.len()),
        ];
        for (what, have, least) in least {
            if have < least {
                return Err(ConfigError::TooLittleMemory { what, least });
            }
        }
        let most = [
            ("connections", self.connections.len(), MAX_TABLE),
            ("topics", self.topics.len(), MAX_TABLE),
            ("in_flight", self.in_flight.len(), MAX_TABLE),
        ];
        for (what, have, most) in most {
            if have > most {
                return Err(ConfigError::TooMuchMemory { what, most });
            }
        }
        Ok(())
    }
}

/// The place of an entry is part of its request's number, which has 14 bits for it.
pub(super) const MAX_TABLE: usize = 1 << 14;

/// Memory of sizes that are known when the program is built, for a `static`.
///
/// - `CONNECTIONS`: to brokers and name servers together, at least 2
/// - `TOPICS`: sent to at a time; one that is not in use makes room for another
/// - `QUEUES`: a topic may have
/// - `BROKERS`: all routes together may name
/// - `IN_FLIGHT`: sends that have not ended or whose outcome was not taken
/// - `BODIES`: bytes for bodies and properties of sends in flight
/// - `FRAMES`: bytes for frames that arrive in parts; the largest route must fit in
/// - `EVENTS`: that wait for the caller; more are dropped and counted
///
/// [`ProducerLimits::bytes`] says how large it is. The fields are in the order of their alignment, so that nothing is
/// lost between them, and `repr(C)` so that this stays so.
#[derive(Debug)]
#[repr(C)]
pub struct ProducerStorage<
    const CONNECTIONS: usize,
    const TOPICS: usize,
    const QUEUES: usize,
    const BROKERS: usize,
    const IN_FLIGHT: usize,
    const BODIES: usize,
    const FRAMES: usize,
    const EVENTS: usize,
> {
    connections: [Slot<Link>; CONNECTIONS],
    topics: [Slot<TopicRoute>; TOPICS],
    faults: [FaultPlace; BROKERS],
    in_flight: [Slot<InFlight>; IN_FLIGHT],
    events: Deque<Event, EVENTS>,
    brokers: [Slot<BrokerRoute>; BROKERS],
    partial_frames: [Partial; CONNECTIONS],
    frame_pieces: [Extent; CONNECTIONS],
    body_pieces: [Extent; IN_FLIGHT],
    queues: [[QueueRef; QUEUES]; TOPICS],
    write_queue_nums: [[u16; BROKERS]; TOPICS],
    bodies: [u8; BODIES],
    frames: [u8; FRAMES],
}

impl<
    const CONNECTIONS: usize,
    const TOPICS: usize,
    const QUEUES: usize,
    const BROKERS: usize,
    const IN_FLIGHT: usize,
    const BODIES: usize,
    const FRAMES: usize,
    const EVENTS: usize,
> ProducerStorage<CONNECTIONS, TOPICS, QUEUES, BROKERS, IN_FLIGHT, BODIES, FRAMES, EVENTS>
{
    /// The parameters.
    pub const LIMITS: ProducerLimits = ProducerLimits {
        connections: CONNECTIONS,
        topics: TOPICS,
        queues: QUEUES,
        brokers: BROKERS,
        in_flight: IN_FLIGHT,
        bodies: BODIES,
        frames: FRAMES,
        events: EVENTS,
    };

    /// The formula holds for whatever a program names, on whatever machine it is built for.
    const MEASURED: () = assert!(size_of::<Self>() == Self::LIMITS.bytes());

    /// Memory nobody uses yet.
    pub const fn new() -> Self {
        let () = Self::MEASURED;
        Self {
            connections: [const { Slot::EMPTY }; CONNECTIONS],
            partial_frames: [Partial::EMPTY; CONNECTIONS],
            frames: [0; FRAMES],
            frame_pieces: [Extent::EMPTY; CONNECTIONS],
            topics: [const { Slot::EMPTY }; TOPICS],
            queues: [[QueueRef::EMPTY; QUEUES]; TOPICS],
            write_queue_nums: [[0; BROKERS]; TOPICS],
            brokers: [const { Slot::EMPTY }; BROKERS],
            faults: [FaultPlace::EMPTY; BROKERS],
            in_flight: [const { Slot::EMPTY }; IN_FLIGHT],
            bodies: [0; BODIES],
            body_pieces: [Extent::EMPTY; IN_FLIGHT],
            events: Deque::new(),
        }
    }

    /// The memory, for one producer.
    pub fn memory(&mut self) -> ProducerMemory<'_> {
        ProducerMemory {
            connections: &mut self.connections,
            partial_frames: &mut self.partial_frames,
            frames: &mut self.frames,
            frame_pieces: &mut self.frame_pieces,
            topics: &mut self.topics,
            queues: self.queues.as_flattened_mut(),
            write_queue_nums: self.write_queue_nums.as_flattened_mut(),
            brokers: &mut self.brokers,
            faults: &mut self.faults,
            in_flight: &mut self.in_flight,
            bodies: &mut self.bodies,
            body_pieces: &mut self.body_pieces,
            events: self.events.as_mut_view(),
        }
    }
}

impl<
    const CONNECTIONS: usize,
    const TOPICS: usize,
    const QUEUES: usize,
    const BROKERS: usize,
    const IN_FLIGHT: usize,
    const BODIES: usize,
    const FRAMES: usize,
    const EVENTS: usize,
> Default for ProducerStorage<CONNECTIONS, TOPICS, QUEUES, BROKERS, IN_FLIGHT, BODIES, FRAMES, EVENTS>
{
    fn default() -> Self {
        Self::new()
    }
}
