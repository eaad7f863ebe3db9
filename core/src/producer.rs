//! The producer: what `DefaultMQProducer` decides, driven by bytes and deadlines.
//!
//! [`Producer::send`] accepts a message and copies it into the caller's memory; from then on the [`Engine`] face does
//! the rest, and [`Producer::poll_send`] gives the outcome, once.

mod config;
mod connections;
mod draft;
mod event;
pub(crate) mod frame;
mod hooks;
mod limits;
mod lookups;
mod memory;
mod options;
mod probes;
mod receive;
mod requests;
mod sending;
mod store;
mod submit;
mod timers;
mod transmit;
#[cfg(feature = "state")]
pub mod warm_start;

pub(crate) use config::GroupName;
pub use config::{ConfigError, MAX_ATTEMPTS, ProducerConfig};
pub use connections::Link;
pub use event::{DisconnectReason, Event, SubmitError};
pub use limits::{GatewayProducerStorage, ProducerLimits, SmallProducerStorage, TinyProducerStorage};
pub use memory::{ProducerMemory, ProducerStorage};
pub use options::{Content, MessageQueue, SendOptions};
#[cfg(feature = "outbox")]
pub(crate) use submit::check_properties;

use core::time::Duration;

use crate::engine::{Address, ConnectionId, ConnectionRequest, Engine};
use crate::message::Message;
use crate::message::id::{MessageId, MessageIdGenerator};
use crate::route::{BrokerName, Routes};
use crate::select::{FaultStrategy, RoundRobin};
use crate::send::outcome::{SendError, SendResult};
use crate::send::queue::SendQueue;
use crate::send::{InFlight, SendId, SendMode, SendState};
use crate::time::sooner;
use crate::wire::frame::{Received, Receiver};
use crate::{Arena, Instant, Rng, SlotId, Slots, WallClock};
use connections::Links;
use event::Events;
use lookups::NameServer;
use requests::AskedGroup;

/// A RocketMQ producer without sockets and clock. See the [module](self).
#[derive(Debug)]
pub struct Producer<'m> {
    receiver: Receiver<'m>,
    state: State<'m>,
}

/// Everything but the frames that arrive, so that a frame can be borrowed while it is acted upon.
#[derive(Debug)]
struct State<'m> {
    config: ProducerConfig<'m>,
    group: GroupName,
    clock: WallClock,
    rng: Rng,
    ids: MessageIdGenerator,
    links: Links<'m>,
    routes: Routes<'m>,
    strategy: FaultStrategy<'m>,
    sends: Slots<'m, InFlight>,
    bodies: Arena<'m>,
    events: Events<'m>,
    /// Sends that are done and not announced yet.
    done: SendQueue,
    name_server: NameServer,
    /// The group that a broker has asked about.
    asked_group: Option<AskedGroup>,
    phase: Phase,
    /// Counted up with each request; part of its number.
    sequence: u16,
    /// Tells the ids of this start from those of others.
    #[cfg(feature = "state")]
    start_number: u32,
    /// No timer is due before this. It may be too early: then the call for it does nothing.
    deadline: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// No new sends; those in flight go on.
    Draining,
    /// Brokers are told.
    Leaving,
    Stopped,
}

impl<'m> Producer<'m> {
    /// A producer in the memory given. `clock` only fills timestamps; `seed` chooses queues and name servers.
    ///
    /// # Errors
    /// What is wrong with the configuration or too little of the memory. Nothing is discovered later.
    pub fn new(
        config: ProducerConfig<'m>,
        memory: ProducerMemory<'m>,
        clock: WallClock,
        seed: u64,
    ) -> Result<Self, ConfigError<'m>> {
        let group = config.group()?;
        config.check()?;
        memory.check()?;
        let mut rng = Rng::new(seed);
        let ProducerMemory { connections, partial_frames, frames, frame_pieces, events, .. } = memory;
        let ProducerMemory { topics, queues, write_queue_nums, brokers, faults, .. } = memory;
        let ProducerMemory { in_flight, bodies, body_pieces, .. } = memory;
        let name_server = NameServer::new(&mut rng);
        let worst_index = RoundRobin::new(rng.next_i32());
        let frames = Arena::new(frames, frame_pieces);
        let state = State {
            ids: MessageIdGenerator::new(config.client_ip, config.process_id, config.loader_hash),
            clock,
            links: Links::new(connections),
            routes: Routes::new(topics, brokers, queues, write_queue_nums),
            strategy: FaultStrategy::new(config.rules, config.send_latency_fault_enable, faults, worst_index),
            sends: Slots::new(in_flight),
            bodies: Arena::new(bodies, body_pieces),
            events: Events::new(events),
            done: SendQueue::default(),
            name_server,
            asked_group: None,
            phase: Phase::Running,
            sequence: 0,
            #[cfg(feature = "state")]
            start_number: 0,
            deadline: None,
            rng,
            group,
            config,
        };
        let receiver = Receiver::new(frames, partial_frames, state.config.max_frame_size);
        Ok(Self { receiver, state })
    }

    /// Sends to a queue that the producer chooses, with all attempts (`DefaultMQProducer#send(Message)`).
    ///
    /// # Errors
    /// Why the message was not accepted; then nothing is sent.
    pub fn send<'a>(&mut self, now: Instant, message: &Message<'a>) -> Result<SendId, SubmitError<'a>> {
        self.send_with(now, message, &SendOptions::new())
    }

    /// Sends a message or a batch in the way that `options` say.
    ///
    /// # Errors
    /// Why it was not accepted; then nothing is sent.
    pub fn send_with<'c, 'a: 'c>(
        &mut self,
        now: Instant,
        content: impl Into<Content<'c, 'a>>,
        options: &SendOptions<'_>,
    ) -> Result<SendId, SubmitError<'a>> {
        self.state.submit(now, content.into(), options)
    }

    /// Sends to a queue that the producer chooses, as the reference's asynchronous send does: it tries again when no
    /// broker has answered, but not after a refusal (`DefaultMQProducer#send(Message, SendCallback)`).
    ///
    /// # Errors
    /// Why the message was not accepted; then nothing is sent.
    pub fn send_async<'a>(&mut self, now: Instant, message: &Message<'a>) -> Result<SendId, SubmitError<'a>> {
        self.send_with(now, message, &SendOptions::new().mode(SendMode::Async))
    }

    /// Sends without asking for an answer: the send ends when its last byte was handed to the driver
    /// (`DefaultMQProducer#sendOneway(Message)`).
    ///
    /// # Errors
    /// Why the message was not accepted; then nothing is sent.
    pub fn send_oneway<'a>(
        &mut self,
        now: Instant,
        message: &Message<'a>,
    ) -> Result<SendId, SubmitError<'a>> {
        self.send_with(now, message, &SendOptions::new().mode(SendMode::OneWay))
    }

    /// Sends to one queue, in one attempt (`DefaultMQProducer#send(Message, MessageQueue)`). The message's topic counts.
    ///
    /// # Errors
    /// Why the message was not accepted; then nothing is sent.
    pub fn send_to<'a>(
        &mut self,
        now: Instant,
        message: &Message<'a>,
        queue: &MessageQueue<'_>,
    ) -> Result<SendId, SubmitError<'a>> {
        self.send_with(now, message, &SendOptions::new().to(*queue))
    }

    /// Sends to the queue that belongs to `hash`, in one attempt (`SelectMessageQueueByHash`): messages of one hash stay
    /// in order as long as the topic's queues do not change.
    ///
    /// # Errors
    /// Why the message was not accepted; then nothing is sent.
    pub fn send_hashed<'a>(
        &mut self,
        now: Instant,
        message: &Message<'a>,
        hash: i32,
    ) -> Result<SendId, SubmitError<'a>> {
        self.send_with(now, message, &SendOptions::new().by_hash(hash))
    }

    /// Sends several messages of one topic as one, with all attempts (`DefaultMQProducer#send(Collection)`): the broker
    /// stores all of them or none. They must agree in topic and in whether they wait for disk and replica; none may be
    /// delayed. Together they may be as large as one message.
    ///
    /// The result has the id of the first message; that of the `n`th after it is
    /// [`MessageId::following(n)`](crate::message::id::MessageId::following), but for messages that bring a `UNIQ_KEY` of
    /// their own. If the first one does, the rest should.
    ///
    /// Under the rules of 5.x the batch itself has an id too, which brokers older than 5.0 put over those of its messages:
    /// with such brokers take [`Rules::V4`](crate::Rules::V4).
    ///
    /// # Errors
    /// Why the batch was not accepted; then nothing is sent.
    pub fn send_batch<'a>(
        &mut self,
        now: Instant,
        messages: &[Message<'a>],
    ) -> Result<SendId, SubmitError<'a>> {
        self.send_with(now, messages, &SendOptions::new())
    }

    /// Asks for the route of `topic` before a message is sent there, so that the first one need not wait for it
    /// (`DefaultMQProducer#setTopics`). Nothing tells of its arrival but [`Event::RouteChanged`].
    ///
    /// # Errors
    /// Why it is not asked for.
    pub fn prefetch_route<'a>(&mut self, now: Instant, topic: &'a str) -> Result<(), SubmitError<'a>> {
        self.state.prefetch_route(now, topic)
    }

    /// The outcome of a send, and with it the send's place. [`nb::Error::WouldBlock`] as long as it is in flight; a send
    /// whose outcome was taken before counts as shut down.
    ///
    /// # Errors
    /// Why the send failed, finally.
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn poll_send(&mut self, id: SendId) -> nb::Result<SendResult, SendError> {
        let Some(send) = self.state.sends.get_mut(id.0) else {
            return Err(nb::Error::Other(SendError::shut_down()));
        };
        if send.state != SendState::Done {
            return Err(nb::Error::WouldBlock);
        }
        let outcome = send.take_outcome();
        self.state.done.remove(id.0, &mut self.state.sends);
        self.state.sends.remove(id.0);
        outcome.map_err(nb::Error::Other)
    }

    /// An id as this producer gives to what it sends: for messages that wait in an outbox and need theirs before.
    pub fn make_message_id(&mut self, now: Instant) -> MessageId {
        self.state.ids.next(self.state.clock.unix_millis(now))
    }

    /// What has happened. Ask until `None`.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.state
            .events
            .pop()
            .or_else(|| self.state.done.pop(&mut self.state.sends).map(|id| Event::Sent { id: SendId(id) }))
    }

    /// How many events were dropped because nobody fetched them. Never [`Event::Sent`].
    pub const fn events_lost(&self) -> u64 {
        self.state.events.lost()
    }

    /// The name of a broker of an event, empty if its last route is gone.
    pub fn broker_name(&self, broker: SlotId) -> BrokerName {
        self.state.routes.broker_name(broker)
    }

    /// The name of a topic of an event, as name servers and brokers know it; empty if it was forgotten.
    pub fn topic_name(&self, topic: SlotId) -> &str {
        self.state.routes.topics.get(topic).map_or("", |topic| topic.name())
    }

    /// How many sends are in flight or wait for their outcome to be taken.
    pub const fn in_flight(&self) -> usize {
        self.state.sends.len()
    }

    /// Takes no more messages, lets those in flight end, tells the brokers, and closes all connections
    /// (`DefaultMQProducer#shutdown`, which does not wait for sends). [`Producer::is_stopped`] says when.
    pub fn shutdown(&mut self, now: Instant) {
        if self.state.phase == Phase::Running {
            self.state.phase = Phase::Draining;
            self.state.proceed_with_shutdown(now);
        }
    }

    /// Whether a shutdown is complete. Outcomes can still be taken.
    pub fn is_stopped(&self) -> bool {
        self.state.phase == Phase::Stopped
    }
}

impl Engine for Producer<'_> {
    fn handle_opened(&mut self, now: Instant, connection: ConnectionId) {
        self.receiver.reset(connection.index());
        self.state.handle_opened(now, connection);
    }

    #[cfg_attr(target_os = "none", inline(never))]
    fn handle_received(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) -> usize {
        let mut taken = 0usize;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            if !self.state.links.is_open(connection) {
                return bytes.len();
            }
            if self.state.must_reply_first(connection) {
                break;
            }
            match self.receiver.take(connection.index(), rest) {
                Ok(Received::Frame { frame, taken: more }) => {
                    taken = taken.saturating_add(more);
                    self.state.handle_frame(now, connection, frame);
                    self.receiver.reset(connection.index());
                }
                Ok(Received::Incomplete) => {
                    self.state.touch(now, connection);
                    return bytes.len();
                }
                Ok(Received::NoRoom { taken: more }) => {
                    taken = taken.saturating_add(more);
                    break;
                }
                Err(error) => self.state.close(now, connection, DisconnectReason::Undecodable(error)),
            }
        }
        taken
    }

    fn handle_closed(&mut self, now: Instant, connection: ConnectionId) {
        self.receiver.reset(connection.index());
        self.state.handle_closed(now, connection);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.state.handle_timeout(now);
    }

    fn poll_connection(&mut self) -> Option<ConnectionRequest> {
        let request = self.state.links.poll();
        if let Some(ConnectionRequest::Close { connection }) = request {
            self.receiver.reset(connection.index());
        }
        request
    }

    fn poll_transmit(&mut self, connection: ConnectionId, buffer: &mut [u8]) -> usize {
        self.state.transmit(connection, buffer)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.state.deadline
    }
}

impl State<'_> {
    /// Remembers that something is due at `at`. After a shutdown nothing is.
    #[cfg_attr(target_os = "none", inline(never))]
    fn arm(&mut self, at: Instant) {
        if self.phase != Phase::Stopped {
            self.deadline = sooner(self.deadline, Some(at));
        }
    }

    /// The number of a new request: what it is about, a sequence number, and the place of the entry that waits for
    /// the answer.
    fn next_opaque(&mut self, kind: RequestKind, index: u16) -> i32 {
        self.sequence = self.sequence.wrapping_add(1) & 0x7fff;
        let kind = match kind {
            RequestKind::Send => 0,
            RequestKind::Lookup => 1,
            RequestKind::Control => 2,
        };
        kind << 29 | i32::from(self.sequence) << 14 | i32::from(index & 0x3fff)
    }

    fn event_closed(&mut self, address: Address, reason: DisconnectReason) {
        self.events.push(Event::Disconnected(address, reason));
    }
}

/// What a request of ours is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestKind {
    Send,
    Lookup,
    /// A heartbeat, a farewell or a probe.
    Control,
}

impl RequestKind {
    /// Of an opaque that may be one of ours: what it is about, and the place of the entry.
    fn of(opaque: i32) -> Option<(Self, u16)> {
        let kind = match opaque >> 29 {
            0 => Self::Send,
            1 => Self::Lookup,
            2 => Self::Control,
            _ => return None,
        };
        Some((kind, u16::try_from(opaque & 0x3fff).ok()?))
    }
}

/// A span that has surely passed only in the next millisecond, for instants are cut to milliseconds.
fn surely_after(now: Instant, span: Duration) -> Instant {
    now.after(span).after(Duration::from_millis(1))
}

#[cfg(test)]
mod tests;
