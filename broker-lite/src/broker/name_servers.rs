//! This broker as a client of name servers: it connects, registers its topics, and says when it ends
//! (`BrokerOuterAPI#registerBrokerAll`, `BrokerController#registerBrokerAll`).

use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::fields::SerializeType;
use rocketlite_core::{ConnectionId, Instant};

use super::State;
use super::timers::TICK;
use crate::event::{BrokerEvent, RegistrationFailure};
use crate::outgoing::{Content, Outgoing};
use crate::table::{Link, Registration};

impl State<'_> {
    /// Does what is due: connects, registers. A name server without a connection has its turn at its deadline.
    pub(super) fn drive_name_servers(&mut self) {
        for place in 0..self.name_servers.len() {
            let Some(state) = self.name_servers.get(place).copied() else { continue };
            let late = self.now >= state.deadline;
            match state.connection {
                _ if self.is_shutting_down => {}
                None if late => self.connect(place),
                Some(connection) if state.is_open && state.awaited.is_none() && (late || !state.is_told) => {
                    self.register(place, connection);
                }
                _ => {}
            }
        }
    }

    /// A name server that did not connect or answer in time.
    pub(super) fn silent_name_server(&self) -> Option<ConnectionId> {
        let silent =
            |state: &&Registration| self.now >= state.deadline && (!state.is_open || state.awaited.is_some());
        self.name_servers.iter().filter(|state| state.connection.is_some()).find(silent)?.connection
    }

    /// When there is something to do for a name server.
    pub(super) fn next_registration(&self) -> Option<Instant> {
        let wanted = |state: &&Registration| !self.is_shutting_down || state.awaited.is_some();
        self.name_servers.iter().filter(wanted).map(|state| state.deadline).min()
    }

    /// How many connections name servers may still need.
    pub(super) fn name_servers_unconnected(&self) -> usize {
        self.name_servers.iter().filter(|state| state.connection.is_none()).count()
    }

    /// Whether no name server has to answer.
    pub(super) fn name_servers_answered(&self) -> bool {
        self.name_servers.iter().all(|state| state.awaited.is_none())
    }

    /// A connection that was asked for is there.
    pub(super) fn name_server_opened(&mut self, connection: ConnectionId) {
        let Some(Link::NameServer { place, open: false }) = self.connections.link(connection) else { return };
        self.connections.set_open(self.now, connection);
        if let Some(state) = self.name_servers.get_mut(place) {
            state.is_open = true;
        }
        self.drive_name_servers();
    }

    /// A connection to a name server is no more, or could not be opened.
    pub(super) fn name_server_lost(&mut self, place: usize, reason: RegistrationFailure) {
        let deadline = self.now.after(self.config.reconnect_delay);
        if let Some(state) = self.name_servers.get_mut(place) {
            *state = Registration::after_loss(deadline);
        }
        self.registration_failed(place, reason);
    }

    /// A name server answered the request `opaque`.
    pub(crate) fn name_server_answered(&mut self, place: usize, opaque: i32, code: ResponseCode) {
        let deadline = self.now.after(self.config.registration_period);
        let Some(state) = self.name_servers.get_mut(place) else { return };
        if state.awaited != Some(opaque) {
            return;
        }
        state.awaited = None;
        state.deadline = deadline;
        if code != ResponseCode::SUCCESS {
            self.registration_failed(place, RegistrationFailure::Refused(code));
        } else if !core::mem::replace(&mut state.is_registered, true)
            && let Some(name_server) = self.config.name_servers.get(place)
        {
            self.events.push(BrokerEvent::Registered { name_server: name_server.clone() });
        }
    }

    /// Says goodbye where the broker is connected, and connects nowhere any more.
    pub(super) fn unregister_everywhere(&mut self) {
        self.is_shutting_down = true;
        for place in 0..self.name_servers.len() {
            let Some(state) = self.name_servers.get(place).copied() else { continue };
            match state.connection {
                Some(connection) if state.is_open => {
                    let awaited = self.ask(connection, Content::UnregisterBroker);
                    self.await_answer(place, awaited);
                }
                Some(connection) => {
                    self.connections.close(connection, true);
                    self.forget(place);
                }
                None => self.forget(place),
            }
        }
    }

    fn connect(&mut self, place: usize) {
        let connection = self.connections.insert(self.now, Link::NameServer { place, open: false });
        let wait = match connection {
            Some(_) => self.config.registration_timeout,
            None => self.config.reconnect_delay,
        };
        let deadline = self.now.after(wait);
        if let Some(state) = self.name_servers.get_mut(place) {
            *state = Registration { connection, ..Registration::after_loss(deadline) };
        }
    }

    fn register(&mut self, place: usize, connection: ConnectionId) {
        let version = self.topics.version();
        let awaited = self.ask(connection, Content::RegisterBroker { version });
        self.await_answer(place, awaited);
    }

    /// Sends a request, and returns its number if there was room for it.
    fn ask(&mut self, connection: ConnectionId, content: Content) -> Option<i32> {
        let opaque = self.next_opaque;
        let sent = self.send(connection, Outgoing::new(SerializeType::Json, opaque, content));
        self.next_opaque = opaque.wrapping_add(1);
        sent.then_some(opaque)
    }

    /// Waits for the answer to a request, or to send it a little later if there was no room for it.
    fn await_answer(&mut self, place: usize, awaited: Option<i32>) {
        let wait = if awaited.is_some() { self.config.registration_timeout } else { TICK };
        let deadline = self.now.after(wait);
        if let Some(state) = self.name_servers.get_mut(place) {
            state.awaited = awaited;
            // What changes from now on has to be told again.
            state.is_told = awaited.is_some();
            state.deadline = deadline;
        }
    }

    fn forget(&mut self, place: usize) {
        if let Some(state) = self.name_servers.get_mut(place) {
            *state = Registration::EMPTY;
        }
    }

    fn registration_failed(&mut self, place: usize, reason: RegistrationFailure) {
        if let Some(name_server) = self.config.name_servers.get(place) {
            let name_server = name_server.clone();
            self.events.push(BrokerEvent::RegistrationFailed { name_server, reason });
        }
    }
}
