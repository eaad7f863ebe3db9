//! What time alone changes.

use core::time::Duration;

use rocketlite_core::{ConnectionId, Instant};

use super::{Broker, State};
use crate::event::DisconnectReason;
use crate::table::Link;

/// How exact the long timeouts are: everything is looked at once in so much time, while there is anything.
pub(super) const TICK: Duration = Duration::from_secs(1);

impl Broker<'_> {
    /// Closes what has been silent or slow, and forgets clients and brokers without a sign of life.
    pub(super) fn handle_tick(&mut self) {
        self.state.is_held_back = false;
        self.state.has_room_again = false;
        let now = self.state.now;
        if self.state.next_tick.is_none_or(|tick| now < tick) {
            return;
        }
        self.state.next_tick = Some(now.after(TICK));
        let frames_wait = core::mem::take(&mut self.state.frames_wait);
        let bodies_wait = core::mem::take(&mut self.state.bodies_wait);
        for place in self.state.connections.places() {
            // Memory that is held for bytes that do not come belongs to those that do.
            let in_the_way = self.receiver.progress(place).filter(|_| frames_wait);
            if let Some((connection, reason)) = self.state.timed_out(place, in_the_way, bodies_wait) {
                self.close(connection, reason);
            }
        }
        self.state.expire_messages();
        self.state.tell_unread();
        self.state.rates.sample(now, &self.state.counters);
        self.state.expire_pulls();
        // Some may have waited for the disk long enough.
        self.state.connections.wake_waiting();
        while let Some(client) = self.state.clients.remove_expired(now, self.state.config.client_timeout) {
            self.state.client_gone(&client);
        }
        while let Some(broker) = self.state.brokers.remove_expired(now, self.state.config.broker_timeout) {
            self.state.broker_gone(broker.name());
        }
    }
}

/// So many bytes times so many milliseconds, to compare paces by.
fn times(bytes: usize, span: Duration) -> u128 {
    u128::try_from(bytes).unwrap_or(u128::MAX).saturating_mul(span.as_millis())
}

impl State<'_> {
    /// Whether the connection in this place has to be closed. `in_the_way` is how far its frame is, if others wait for the
    /// memory that it takes; `bodies_wait` is whether others wait for the memory of answers.
    fn timed_out(
        &self,
        place: u16,
        in_the_way: Option<(usize, usize)>,
        bodies_wait: bool,
    ) -> Option<(ConnectionId, DisconnectReason)> {
        let (connection, last_activity, partial_since) = self.connections.times(place)?;
        let config = &self.config;
        if partial_since.is_some_and(|since| self.now >= since.after(config.frame_timeout)) {
            return Some((connection, DisconnectReason::SlowFrame));
        }
        if let Some((filled, size)) = in_the_way {
            let stalled = self.now >= last_activity.after(config.stalled_frame_timeout);
            let spent = self.now.since(partial_since.unwrap_or(self.now));
            let late = spent >= config.stalled_frame_timeout
                && times(filled, config.frame_timeout) < times(size, spent);
            if stalled || late {
                return Some((connection, DisconnectReason::SlowFrame));
            }
        }
        let unread = bodies_wait && self.connections.holds_body(connection);
        if unread && self.now >= last_activity.after(config.stalled_frame_timeout) {
            return Some((connection, DisconnectReason::UnreadAnswer));
        }
        // Name servers have timeouts of their own.
        let accepted = matches!(self.connections.link(connection), Some(Link::Accepted(_)));
        let idle = self.now >= last_activity.after(config.idle_timeout);
        (accepted && idle).then_some((connection, DisconnectReason::Idle))
    }

    /// When the engine wants to be called.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        if self.has_room_again {
            // Drivers offer again what was not taken after the next call, so that one comes at once.
            return Some(self.now);
        }
        // Messages grow old whether anybody is connected or not.
        let ages = self.config.retain.is_some() && self.log.min_offset() < self.log.max_offset();
        let tick = self.next_tick.filter(|_| ages || !self.connections.is_empty());
        let keys = self.keys_behind.map(|_| self.now);
        let storage = self.next_storage_timeout();
        [tick, self.next_registration(), self.delays.next, keys, storage].into_iter().flatten().min()
    }
}
