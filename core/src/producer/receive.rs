//! What arrives: connections that stand or fall, and answers.

use super::connections::{Control, ControlRequest, LinkState};
use super::event::{DisconnectReason, Event};
use super::{RequestKind, State};
use crate::engine::ConnectionId;
use crate::send::decision::{AttemptOutcome, Fault};
use crate::send::outcome::SendStatus;
use crate::send::{SendState, attempt};
use crate::wire::DecodeError;
use crate::wire::code::ResponseCode;
use crate::wire::command::RemotingCommand;
use crate::{Instant, Rules, SlotId};

impl State<'_> {
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn handle_opened(&mut self, now: Instant, connection: ConnectionId) {
        let Some(link) = self.links.get_mut(connection) else { return };
        if !matches!(link.state, LinkState::Opening { .. }) {
            return;
        }
        link.state = LinkState::Open;
        link.last_activity = now;
        let address = link.address.clone();
        self.events.push(Event::Connected(address));
        self.arm(now.after(self.config.client_channel_max_idle_time));
        if self.name_server.connection == Some(connection) {
            self.queue_lookups(now, connection);
        }
        for index in 0..self.send_places() {
            let Some(id) = self.sends.id_at(index) else { continue };
            let waits = |state: &SendState| matches!(state, SendState::Connecting(c) if *c == connection);
            if self.sends.get(id).is_some_and(|send| waits(&send.state))
                && let Some(outcome) = self.enqueue(now, id, connection)
            {
                self.conclude_and_go_on(now, id, outcome);
            }
        }
        self.heartbeat_timers(now);
        self.ask_probe(now, connection);
    }

    /// The driver reports that a connection is gone, or could not be opened.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn handle_closed(&mut self, now: Instant, connection: ConnectionId) {
        if let Some(reason) = self.forget(connection) {
            self.connection_lost(now, connection, reason);
        }
    }

    /// Takes out a connection that is gone. Returns why, unless that is ours and already known. Apart from what follows, so
    /// that a device has the connection on its stack only for so long.
    #[cfg_attr(target_os = "none", inline(never))]
    fn forget(&mut self, connection: ConnectionId) -> Option<DisconnectReason> {
        let link = self.links.remove(connection)?;
        let reason = match link.state {
            LinkState::Open => DisconnectReason::ByPeer,
            LinkState::New { .. } | LinkState::Opening { .. } => DisconnectReason::ConnectFailed,
            LinkState::Closing => return None,
        };
        self.event_closed(link.address, reason);
        Some(reason)
    }

    /// Closes a connection for a reason of our own.
    pub(super) fn close(&mut self, now: Instant, connection: ConnectionId, reason: DisconnectReason) {
        if self.mark_closed(connection, reason) {
            self.connection_lost(now, connection, reason);
        }
    }

    /// Marks a connection as closed. Returns whether it was not before.
    #[cfg_attr(target_os = "none", inline(never))]
    fn mark_closed(&mut self, connection: ConnectionId, reason: DisconnectReason) -> bool {
        let address = self.links.close(connection);
        let was_open = address.is_some();
        if let Some(address) = address {
            self.event_closed(address, reason);
        }
        was_open
    }

    /// Ends everything that waits on a connection that is gone. In 5.x whoever waits is told at once.
    fn connection_lost(&mut self, now: Instant, connection: ConnectionId, reason: DisconnectReason) {
        if self.name_server.connection == Some(connection) {
            self.name_server_lost(now, connection);
        }
        let fault = match reason {
            DisconnectReason::ConnectFailed => Fault::Connect,
            _ => Fault::Disconnected,
        };
        for index in 0..self.send_places() {
            let Some(id) = self.sends.id_at(index) else { continue };
            if self.sends.get(id).and_then(crate::send::InFlight::connection) == Some(connection) {
                self.conclude_and_go_on(now, id, AttemptOutcome::Unanswered(fault));
            }
        }
        self.proceed_with_shutdown(now);
    }

    pub(super) fn touch(&mut self, now: Instant, connection: ConnectionId) {
        if let Some(link) = self.links.get_mut(connection) {
            link.last_activity = now;
        }
    }

    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn handle_frame(&mut self, now: Instant, connection: ConnectionId, frame: &[u8]) {
        self.touch(now, connection);
        match RemotingCommand::decode(frame) {
            Ok(command) if command.is_response() => self.handle_response(now, connection, &command),
            Ok(command) => self.handle_request(connection, &command),
            Err(error) => self.close(now, connection, DisconnectReason::Undecodable(error)),
        }
    }

    fn handle_response(&mut self, now: Instant, connection: ConnectionId, response: &RemotingCommand<'_>) {
        match RequestKind::of(response.opaque) {
            Some((RequestKind::Send, index)) => self.handle_send_response(now, connection, index, response),
            Some((RequestKind::Lookup, index)) => self.handle_route(now, connection, index, response),
            Some((RequestKind::Control, _)) => self.handle_control_response(now, connection, response),
            None => {}
        }
    }

    #[cfg_attr(target_os = "none", inline(never))]
    fn handle_send_response(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        index: u16,
        response: &RemotingCommand<'_>,
    ) {
        let Some(id) = self.sends.id_at(index) else { return };
        let Some(send) = self.sends.get(id) else { return };
        let waits = matches!(send.state, SendState::Waiting(c) if c == connection);
        if !waits || send.attempt.opaque != response.opaque {
            // The answer to an attempt that was given up.
            return;
        }
        let code = ResponseCode(response.code);
        if code == ResponseCode::GO_AWAY && self.config.rules == Rules::V5 {
            self.go_elsewhere(now, id, connection);
            return;
        }
        let Some(status) = SendStatus::of(code) else {
            self.remember(id, response.remark);
            self.conclude_and_go_on(now, id, AttemptOutcome::Refused(code));
            return;
        };
        let outcome = match self.keep_result(id, status, response) {
            Ok(()) => AttemptOutcome::Stored(status),
            Err(error) => AttemptOutcome::Unreadable(error),
        };
        self.conclude_and_go_on(now, id, outcome);
    }

    /// Keeps where a broker has put a message. Apart from what follows, so that a device has the result on its stack only
    /// for so long.
    #[cfg_attr(target_os = "none", inline(never))]
    fn keep_result(
        &mut self,
        id: SlotId,
        status: SendStatus,
        response: &RemotingCommand<'_>,
    ) -> Result<(), DecodeError> {
        let Some(send) = self.sends.get_mut(id) else { return Ok(()) };
        let name = self.routes.name_of_broker(send.attempt.queue.broker);
        let result = attempt::read_stored(send, name, status, response)?;
        send.outcome = Some(Ok(result));
        Ok(())
    }

    /// Any answer to a heartbeat or a farewell will do.
    fn handle_control_response(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        response: &RemotingCommand<'_>,
    ) {
        let Some(link) = self.links.get_mut(connection) else { return };
        let Control::Asked { opaque, what, .. } = link.control else { return };
        if opaque != response.opaque {
            return;
        }
        link.control = Control::None;
        // While an answer was due, only that had a deadline.
        if let Some(at) = link.heartbeat_at {
            self.arm(at);
        }
        match what {
            ControlRequest::Heartbeat => {}
            ControlRequest::Unregister => self.close(now, connection, DisconnectReason::ShutDown),
            ControlRequest::Probe { broker, .. } => self.probed(broker, ResponseCode(response.code)),
        }
        self.ask_probe(now, connection);
    }

    pub(super) fn send_places(&self) -> u16 {
        u16::try_from(self.sends.capacity()).unwrap_or(u16::MAX)
    }

    pub(super) fn send_at(&self, index: u16) -> Option<SlotId> {
        self.sends.id_at(index)
    }
}
