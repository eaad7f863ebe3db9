//! What is due when time passes: attempts, connections, heartbeats, routes, and the steps of a shutdown.

use super::connections::{Control, ControlRequest, LinkState};
use super::event::DisconnectReason;
use super::{Phase, RequestKind, State, surely_after};
use crate::Instant;
use crate::engine::ConnectionId;
use crate::send::SendState;
use crate::send::decision::{AttemptOutcome, Fault};
use crate::time::sooner;

impl State<'_> {
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.send_timers(now);
        self.forget_late_probes(now);
        self.connection_timers(now);
        self.heartbeat_timers(now);
        self.lookup_timers(now);
        self.probe_timers(now);
        self.deadline = self.next_deadline();
    }

    fn next_deadline(&self) -> Option<Instant> {
        let max_idle = self.config.client_channel_max_idle_time;
        let mut next = sooner(self.lookup_deadline(), self.probe_deadline());
        for (_, send) in self.sends.iter() {
            next = sooner(next, send.deadline());
        }
        // As in `heartbeat_timers`: what is due and never done would be due for ever.
        let heartbeats = self.phase == Phase::Running;
        for (_, link) in self.links.iter() {
            next = sooner(next, link.deadline(max_idle, heartbeats));
        }
        next
    }

    #[cfg_attr(target_os = "none", inline(never))]
    fn send_timers(&mut self, now: Instant) {
        for index in 0..self.send_places() {
            let Some(id) = self.send_at(index) else { continue };
            let Some(send) = self.sends.get(id) else { continue };
            if send.deadline().is_none_or(|deadline| now < deadline) {
                continue;
            }
            let Some(connection) = send.connection() else { continue };
            let queued = matches!(send.state, SendState::Queued(_));
            let close = self.config.client_close_socket_if_timeout && send.attempt.closes_connection();
            // A frame that is half written cannot be taken back: then too the connection has to go.
            let half_written = queued && self.is_half_written(connection, id);
            if self.conclude(now, id, AttemptOutcome::Unanswered(Fault::TimedOut)) {
                // The connection goes first, so that the next attempt does not choose it again.
                if close || half_written {
                    self.close(now, connection, DisconnectReason::TimedOut);
                }
                self.next_attempt(now, id);
            } else if close || half_written {
                self.close(now, connection, DisconnectReason::TimedOut);
            }
        }
    }

    fn connection_timers(&mut self, now: Instant) {
        let max_idle = self.config.client_channel_max_idle_time;
        for index in 0..self.link_places() {
            let Some(id) = self.links.id_at(index) else { continue };
            if let Some(reason) = self.links.get(id).and_then(|link| link.expired(now, max_idle)) {
                self.close(now, id, reason);
            }
        }
    }

    /// Brokers that are connected get a heartbeat (`MQClientInstance#sendHeartbeatToAllBroker`). Java connects to every
    /// broker of every route for that; a device keeps no connections it does not send on.
    pub(super) fn heartbeat_timers(&mut self, now: Instant) {
        for index in 0..self.link_places() {
            let Some(id) = self.links.id_at(index) else { continue };
            let Some(link) = self.links.get(id) else { continue };
            let due = link.heartbeat_at.is_some_and(|at| now >= at);
            if !due
                || link.state != LinkState::Open
                || link.control != Control::None
                || self.phase != Phase::Running
            {
                continue;
            }
            let next = now.after(self.config.heartbeat_broker_interval);
            // A broker that left all routes is not told any more, and its connection ends by being idle.
            let heartbeat_at = self.is_routed(&link.address).then_some(next);
            if let Some(link) = self.links.get_mut(id) {
                link.heartbeat_at = heartbeat_at;
            }
            self.arm(next);
            self.tell(now, id, ControlRequest::Heartbeat);
        }
    }

    /// Sends a heartbeat, the farewell, or a probe.
    pub(super) fn tell(&mut self, now: Instant, connection: ConnectionId, what: ControlRequest) {
        let opaque = self.next_opaque(RequestKind::Control, connection.index());
        let timeout = match what {
            ControlRequest::Heartbeat | ControlRequest::Unregister => self.config.mq_client_api_timeout,
            ControlRequest::Probe { .. } => self.config.detect_timeout,
        };
        let deadline = surely_after(now, timeout);
        if let Some(link) = self.links.get_mut(connection) {
            link.control = Control::Asked { opaque, deadline, what, written: false };
        }
        self.arm(deadline);
        self.links.wake(connection);
    }

    /// The next step of a shutdown, if there is one (`MQClientInstance#shutdown`).
    pub(super) fn proceed_with_shutdown(&mut self, now: Instant) {
        let busy = self.sends.iter().any(|(_, send)| send.state != SendState::Done);
        if self.phase == Phase::Draining && !busy {
            self.phase = Phase::Leaving;
            for index in 0..self.link_places() {
                let Some(id) = self.links.id_at(index) else { continue };
                let Some(link) = self.links.get(id) else { continue };
                if link.state == LinkState::Open && link.heartbeat_at.is_some() {
                    self.tell(now, id, ControlRequest::Unregister);
                } else {
                    self.close(now, id, DisconnectReason::ShutDown);
                }
            }
        }
        let gone = self.links.iter().all(|(_, link)| link.state == LinkState::Closing);
        if self.phase == Phase::Leaving && gone {
            self.phase = Phase::Stopped;
            self.deadline = None;
        }
    }

    pub(super) fn link_places(&self) -> u16 {
        u16::try_from(self.links.capacity()).unwrap_or(u16::MAX)
    }
}
