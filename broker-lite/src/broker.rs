//! [`Broker`]: the engine. It takes frames apart, hands each request to the part that answers it, and knows
//! nothing of what requests mean.

mod checkpoint;
mod consumers;
mod delays;
mod keys;
mod name_servers;
mod pulls;
mod rates;
mod recovery;
mod retention;
mod state;
mod storage;
mod store;
mod timers;
mod topics;
mod transmit;

use core::fmt;
use core::mem::take;
use core::net::SocketAddr;

use rocketlite_core::wire::DecodeError;
use rocketlite_core::wire::command::RemotingCommand;
use rocketlite_core::wire::frame::{Received, Receiver};
use rocketlite_core::{Arena, ConnectionId, ConnectionRequest, Engine, Instant, WallClock};

use crate::config::{BrokerConfig, ConfigError};
use crate::event::{BrokerEvent, Counters, DisconnectReason};
use crate::log::CommitLog;
use crate::memory::BrokerMemory;
use crate::receive;
use crate::table::{Client, ConsumerGroup, Link, Queue, RegisteredBroker, Topic};

pub use recovery::{RecoverError, Recovery, Saved};
pub use storage::{FlushPolicy, FlushRequest, LogWrite, Mark, StorageFailure};

pub(crate) use checkpoint::max_bytes as max_checkpoint_bytes;
pub(crate) use checkpoint::{
    GroupRecord as CheckpointGroup, Head as CheckpointHead, OffsetRecord as CheckpointOffset,
    QueueRecord as CheckpointQueue, TopicRecord as CheckpointTopic,
};
pub(crate) use consumers::{NoRoom, RETRY_PREFIX};
pub(crate) use delays::{MAX_LEVEL, SCHEDULE_TOPIC, put_delay_levels};
pub(crate) use rates::{PerSecond, Rate};
pub(crate) use recovery::{Bounds, Records as CheckpointRecords};
pub(crate) use state::State;
pub(crate) use store::Wanted;

/// A broker and name server on one port.
///
/// A driver accepts connections, reports them with [`Broker::accept`], and from then on speaks [`Engine`] with it.
/// Everything it works in is named by [`BrokerMemory`].
#[derive(Debug)]
pub struct Broker<'m> {
    /// Apart from the state, so that a frame can be looked at while it is acted on.
    receiver: Receiver<'m>,
    state: State<'m>,
}

impl<'m> Broker<'m> {
    /// A broker without connections and messages. `clock` gives the timestamps of messages; `seed` spreads messages over
    /// queues and hides how names are hashed.
    ///
    /// # Errors
    /// Names the setting that cannot be used; nothing is found wrong with settings later.
    pub fn new(
        config: BrokerConfig<'m>,
        memory: BrokerMemory<'m>,
        clock: WallClock,
        seed: u64,
    ) -> Result<Self, ConfigError> {
        let (receiver, mut memory) = Self::receiver(&config, memory)?;
        let log = CommitLog::new(take(&mut memory.log), config.when_full);
        let mut state = State::new(config, memory, log, clock, seed)?;
        state.create_built_in_topics();
        Ok(Self { receiver, state })
    }

    /// The part that puts frames together, and the rest of the memory, after the only check of both.
    fn receiver(
        config: &BrokerConfig<'m>,
        mut memory: BrokerMemory<'m>,
    ) -> Result<(Receiver<'m>, BrokerMemory<'m>), ConfigError> {
        config.check(&memory)?;
        let (frames, extents) = (take(&mut memory.frames), take(&mut memory.frame_extents));
        let partial = take(&mut memory.partial);
        Ok((Receiver::new(Arena::new(frames, extents), partial, config.max_frame), memory))
    }

    /// A peer connected from `peer`.
    ///
    /// # Errors
    /// If there is no place for it; the driver closes it then.
    pub fn accept(&mut self, now: Instant, peer: SocketAddr) -> Result<ConnectionId, Full> {
        self.state.advance(now);
        let state = &mut self.state;
        // Places for name servers are kept free.
        let kept = state.name_servers_unconnected();
        if state.connections.room() > kept
            && let Some(id) = state.connections.insert(now, Link::Accepted(peer))
        {
            state.counters.accepted = state.counters.accepted.saturating_add(1);
            return Ok(id);
        }
        state.counters.accept_refused = state.counters.accept_refused.saturating_add(1);
        Err(Full)
    }

    /// Tells the name servers that this broker ends, and has everything saved; if its log outlives it, it stores nothing more.
    /// The driver goes on until [`Broker::is_quiet`] and [`Broker::is_saved`].
    pub fn shutdown(&mut self, now: Instant) {
        self.state.advance(now);
        self.state.unregister_everywhere();
    }

    /// Whether nothing waits to be sent, nor for the answer of a name server.
    pub fn is_quiet(&self) -> bool {
        self.state.connections.is_quiet() && self.state.name_servers_answered()
    }

    /// Sets the wall clock anew, as often as the caller likes.
    pub const fn set_clock(&mut self, clock: WallClock) {
        self.state.clock = clock;
        if self.state.delays.messages > 0 {
            // What waits may be due by the new time.
            self.state.delays.next = Some(self.state.now);
        }
    }

    /// The oldest event that nobody has taken.
    pub fn poll_event(&mut self) -> Option<BrokerEvent> {
        self.state.events.pop()
    }

    /// What was counted since the start.
    pub fn counters(&self) -> Counters {
        Counters { lost_events: self.state.events.lost, ..self.state.counters }
    }

    /// The settings.
    pub const fn config(&self) -> &BrokerConfig<'m> {
        &self.state.config
    }

    /// The commit log, to read records from.
    pub const fn log(&self) -> &CommitLog<'m> {
        &self.state.log
    }

    /// All topics of this broker.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.state.topics.iter().map(|(_, topic)| topic)
    }

    /// The topic of that name, if this broker has it.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.state.topics.get(self.state.topics.find(name)?)
    }

    /// The offsets of one queue.
    pub fn queue(&self, topic: &str, queue_id: i32) -> Option<Queue> {
        self.state.topics.queue(self.state.topics.find(topic)?, queue_id).copied()
    }

    /// How many messages wait for their time, and the bytes of their records.
    pub const fn delayed(&self) -> (usize, usize) {
        (self.state.delays.messages, self.state.delays.bytes)
    }

    /// The groups that clients work for.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.state.clients.iter()
    }

    /// The consumer groups, whether they have members or not.
    pub fn consumer_groups(&self) -> impl Iterator<Item = &ConsumerGroup> {
        self.state.groups.iter().map(|(_, group)| group).filter(|group| !group.is_deleted)
    }

    /// How far a group has come in one queue: the offset of the next message to consume.
    pub fn consumer_offset(&self, group: &str, topic: &str, queue_id: i32) -> Option<i64> {
        let (group, topic) = (self.state.groups.find(group)?, self.state.topics.find(topic)?);
        self.state.offsets.get(group, topic, queue_id)
    }

    /// The brokers that registered here.
    pub fn registered_brokers(&self) -> impl Iterator<Item = &RegisteredBroker> {
        self.state.brokers.iter()
    }

    /// How many connections there are, those to name servers included.
    pub fn connection_count(&self) -> usize {
        self.state.connections.iter().count()
    }

    /// Acts on what `bytes` complete, as far as there is room for the answers.
    fn receive(&mut self, connection: ConnectionId, bytes: &[u8]) -> Result<usize, DecodeError> {
        let mut taken = 0usize;
        let max_pending = self.state.config.max_pending;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            // Whatever the frame is, its answer has a place before it is looked at.
            // A send may need room of which it is not yet known on the disk that it is free.
            if !self.state.connections.has_room(connection, max_pending) || self.state.awaits_flush() {
                self.state.hold_back();
                break;
            }
            match self.receiver.take(connection.index(), rest)? {
                Received::Frame { frame, taken: more } => {
                    taken = taken.saturating_add(more);
                    let command = RemotingCommand::decode(frame)?;
                    receive::command(&mut self.state, connection, &command);
                    self.receiver.reset(connection.index());
                    // The time of the next frame begins with it.
                    self.state.frame_ended(connection);
                    if self.state.connections.link(connection).is_none() {
                        return Ok(bytes.len());
                    }
                }
                Received::Incomplete => return Ok(bytes.len()),
                Received::NoRoom { taken: more } => {
                    taken = taken.saturating_add(more);
                    self.state.hold_back();
                    self.state.excuse_partial(connection);
                    break;
                }
            }
        }
        Ok(taken)
    }

    fn close(&mut self, connection: ConnectionId, reason: DisconnectReason) {
        self.receiver.reset(connection.index());
        self.state.close(connection, reason);
    }
}

impl Engine for Broker<'_> {
    fn handle_opened(&mut self, now: Instant, connection: ConnectionId) {
        self.state.advance(now);
        self.state.name_server_opened(connection);
    }

    fn handle_received(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) -> usize {
        self.state.advance(now);
        if self.state.connections.link(connection).is_none() {
            return bytes.len();
        }
        let had_room = self.receiver.holds_room(connection.index());
        match self.receive(connection, bytes) {
            Ok(taken) => {
                let partial = self.receiver.is_partial(connection.index());
                self.state.connections.set_partial(now, connection, partial);
                if !had_room && self.receiver.holds_room(connection.index()) {
                    // What was before, the peer could not change.
                    self.state.connections.excuse_partial(now, connection);
                }
                if taken > 0 {
                    self.state.connections.touch(now, connection);
                }
                // What the requests changed is told only now: each answer had its place first.
                self.state.drive_name_servers();
                taken
            }
            Err(error) => {
                self.close(connection, DisconnectReason::Decode(error));
                bytes.len()
            }
        }
    }

    fn handle_closed(&mut self, now: Instant, connection: ConnectionId) {
        self.state.advance(now);
        self.close(connection, DisconnectReason::Peer);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.state.advance(now);
        self.handle_tick();
        self.state.deliver_due();
        self.state.catch_up_keys();
        self.state.retry_pulls();
        while let Some(connection) = self.state.silent_name_server() {
            self.close(connection, DisconnectReason::Idle);
        }
        self.state.drive_name_servers();
    }

    fn poll_connection(&mut self) -> Option<ConnectionRequest> {
        self.state.poll_connection()
    }

    fn poll_transmit(&mut self, connection: ConnectionId, buffer: &mut [u8]) -> usize {
        let written = self.state.transmit(connection, buffer);
        if written.is_none() {
            self.close(connection, DisconnectReason::LostAnswer);
        }
        written.unwrap_or(0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.state.next_timeout()
    }
}

/// There is no place for another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory.connections is full")
    }
}

impl core::error::Error for Full {}
