//! Asking name servers for routes: `MQClientInstance#updateTopicRouteInfoFromNameServer` and the choice of a name server in
//! `NettyRemotingClient`.
//!
//! One name server is asked until it fails, then the next of the list. Java 5.x gives a call up when its name server
//! cannot be connected; here, as in 4.x, the call goes through the whole list first.

use super::connections::Connect;
use super::event::Event;
use super::{Phase, RequestKind, State, surely_after};
use crate::engine::ConnectionId;
use crate::route::{Lookup, LookupFailure, Question};
use crate::send::outcome::SendErrorKind;
use crate::wire::DecodeErrorKind;
use crate::wire::code::ResponseCode;
use crate::wire::command::RemotingCommand;
use crate::wire::route::TopicRouteData;
use crate::{Instant, Rng, SlotId};

/// The name server in use.
#[derive(Debug)]
pub(super) struct NameServer {
    /// Counted up with each choice; the list is gone through from a random place.
    choice: usize,
    pub(super) connection: Option<ConnectionId>,
    /// How many in a row could not be connected or hung up.
    failures: usize,
}

impl NameServer {
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self { choice: usize::try_from(rng.below(999)).unwrap_or(0), connection: None, failures: 0 }
    }
}

impl State<'_> {
    /// Asks for the route of a topic, unless that is under way.
    pub(super) fn look_up(&mut self, now: Instant, topic: SlotId) {
        if self.routes.topics.get(topic).is_some_and(|topic| topic.lookup == Lookup::Idle) {
            self.ask(now, topic, Question::Topic);
        }
    }

    fn ask(&mut self, now: Instant, topic: SlotId, question: Question) {
        self.set_lookup(topic, Lookup::Waiting { question });
        match self.connect_name_server(now) {
            Some(Connect::Open(connection)) => self.queue_lookups(now, connection),
            Some(Connect::Opening(_)) => {}
            Some(Connect::NoRoom) | None => self.lookup_failed(now, topic, LookupFailure::Unreachable),
        }
    }

    fn set_lookup(&mut self, topic: SlotId, lookup: Lookup) {
        if let Some(topic) = self.routes.topics.get_mut(topic) {
            topic.lookup = lookup;
        }
    }

    /// The connection to the chosen name server, or to the next one if there is none.
    fn connect_name_server(&mut self, now: Instant) -> Option<Connect> {
        if let Some(connection) = self.name_server.connection {
            let open = self.links.is_open(connection);
            return Some(if open { Connect::Open(connection) } else { Connect::Opening(connection) });
        }
        self.name_server.choice = self.name_server.choice.wrapping_add(1);
        let place = self.name_server.choice.checked_rem(self.config.name_servers.len())?;
        let address = self.config.name_servers.get(place)?;
        let connect = self.connect(now, address);
        if let Connect::Open(connection) | Connect::Opening(connection) = connect {
            self.name_server.connection = Some(connection);
        }
        Some(connect)
    }

    /// Lets the lookups that waited for a connection go out on it. Their time runs from now on.
    pub(super) fn queue_lookups(&mut self, now: Instant, connection: ConnectionId) {
        let deadline = surely_after(now, self.config.mq_client_api_timeout);
        for index in 0..self.topic_places() {
            let Some(id) = self.routes.topics.id_at(index) else { continue };
            let Some(Lookup::Waiting { question }) = self.routes.topics.get(id).map(|topic| topic.lookup)
            else {
                continue;
            };
            let opaque = self.next_opaque(RequestKind::Lookup, index);
            self.set_lookup(id, Lookup::Asked { question, connection, opaque, deadline, written: false });
            self.arm(deadline);
        }
        self.links.wake(connection);
    }

    /// The name server's connection could not be opened, or is gone. The lookups go to the next one of the list,
    /// unless every one has failed.
    pub(super) fn name_server_lost(&mut self, now: Instant, connection: ConnectionId) {
        self.name_server.connection = None;
        self.name_server.failures = self.name_server.failures.saturating_add(1);
        let mut interrupted = false;
        for (_, topic) in self.routes.topics.iter_mut() {
            let question = topic.lookup.question();
            if let Some(question) =
                question.filter(|_| topic.lookup.connection().is_none_or(|c| c == connection))
            {
                topic.lookup = Lookup::Waiting { question };
                interrupted = true;
            }
        }
        if !interrupted {
            return;
        }
        let wanted = matches!(self.phase, Phase::Running | Phase::Draining);
        let another = wanted && self.name_server.failures < self.config.name_servers.len();
        match if another { self.connect_name_server(now) } else { None } {
            Some(Connect::Open(connection)) => self.queue_lookups(now, connection),
            Some(Connect::Opening(_)) => {}
            Some(Connect::NoRoom) | None => {
                self.name_server.failures = 0;
                self.waiting_lookups_failed(now);
            }
        }
    }

    fn waiting_lookups_failed(&mut self, now: Instant) {
        for index in 0..self.topic_places() {
            let Some(topic) = self.routes.topics.id_at(index) else { continue };
            if matches!(self.routes.topics.get(topic).map(|topic| topic.lookup), Some(Lookup::Waiting { .. }))
            {
                self.lookup_failed(now, topic, LookupFailure::Unreachable);
            }
        }
    }

    fn topic_places(&self) -> u16 {
        u16::try_from(self.routes.topics.capacity()).unwrap_or(u16::MAX)
    }

    /// Takes the next lookup that is to go out on `connection`.
    pub(super) fn next_lookup(&mut self, connection: ConnectionId) -> Option<SlotId> {
        if self.name_server.connection != Some(connection) {
            return None;
        }
        let mut unwritten = self.routes.topics.iter_mut().filter_map(|(id, topic)| match &mut topic.lookup {
            Lookup::Asked { written, .. } if !*written => Some((id, written)),
            _ => None,
        });
        let (topic, written) = unwritten.next()?;
        *written = true;
        Some(topic)
    }

    /// Reads a name server's answer.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn handle_route(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        index: u16,
        response: &RemotingCommand<'_>,
    ) {
        let Some(topic) = self.routes.topics.id_at(index) else { return };
        let question = match self.routes.topics.get(topic).map(|topic| topic.lookup) {
            Some(Lookup::Asked { question, connection: asked, opaque, .. })
                if asked == connection && opaque == response.opaque =>
            {
                question
            }
            // A late answer: nobody waits for it any more.
            _ => return,
        };
        self.name_server.failures = 0;
        self.set_lookup(topic, Lookup::Idle);
        if let Some(topic) = self.routes.topics.get_mut(topic) {
            topic.next_refresh = now.after(self.config.poll_name_server_interval);
        }
        self.arm(now.after(self.config.poll_name_server_interval));
        let has_route = response.code == ResponseCode::SUCCESS.0 && !response.body.is_empty();
        let installed = if has_route { self.install(topic, question, response.body) } else { Ok(false) };
        match installed {
            Ok(true) => self.route_found(now, topic),
            Err(failure) => self.lookup_failed(now, topic, failure),
            // A topic that nobody knows may be created by the first message, with the default topic's settings. Only a
            // send asks for that; a refresh leaves what is known.
            Ok(false) if question == Question::Topic && self.waiting_for_route(topic).is_some() => {
                self.ask(now, topic, Question::DefaultTopic);
            }
            Ok(false) => self.lookup_ended(now, topic, SendErrorKind::NoRoute),
        }
    }

    fn lookup_ended(&mut self, now: Instant, topic: SlotId, kind: SendErrorKind) {
        self.events.push(Event::LookupFailed { topic, kind });
        self.route_failed(now, topic, kind);
    }

    /// Takes over a route. False if it cannot be read: Java asks for the default topic then too.
    #[cfg_attr(target_os = "none", inline(never))]
    fn install(&mut self, topic: SlotId, question: Question, body: &[u8]) -> Result<bool, LookupFailure> {
        let at_most = (question == Question::DefaultTopic).then_some(self.config.default_topic_queue_nums);
        let start = self.first_index();
        let route = TopicRouteData::parse(body);
        match route.and_then(|route| self.routes.install(topic, &route, at_most, start)) {
            Ok(changed) => {
                if changed {
                    let queues = self.routes.queues(topic).len();
                    self.events.push(Event::RouteChanged { topic, queues });
                    let sends = &self.sends;
                    // A send that has made no attempt yet names no broker.
                    let used = |broker| sends.iter().any(|(_, send)| send.last_broker() == Some(broker));
                    self.routes.forget_brokers(used);
                    let routes = &self.routes;
                    self.strategy.retain(|broker| routes.knows(broker));
                }
                Ok(true)
            }
            Err(error) => {
                self.events.push(Event::RouteRefused { topic, error });
                match error.kind {
                    // JSON that nests too deeply is no more readable than broken one; everything else is a limit of ours.
                    DecodeErrorKind::OverLimit if error.field != "route" => {
                        Err(LookupFailure::OverLimit(error.field))
                    }
                    _ => Ok(false),
                }
            }
        }
    }

    /// A lookup got no usable answer. Whoever waits for it fails; what is known of the topic stays.
    pub(super) fn lookup_failed(&mut self, now: Instant, topic: SlotId, failure: LookupFailure) {
        self.set_lookup(topic, Lookup::Idle);
        if let Some(topic) = self.routes.topics.get_mut(topic) {
            topic.next_refresh = now.after(self.config.poll_name_server_interval);
        }
        self.arm(now.after(self.config.poll_name_server_interval));
        let kind = match failure {
            LookupFailure::Unreachable => SendErrorKind::NameServerUnreachable,
            LookupFailure::TimedOut => SendErrorKind::NameServerTimedOut,
            LookupFailure::OverLimit(limit) => SendErrorKind::RouteOverLimit(limit),
        };
        self.lookup_ended(now, topic, kind);
    }

    /// What is due for routes at `now`: answers that took too long, and routes to ask for again
    /// (`MQClientInstance#updateTopicRouteInfoFromNameServer()`).
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn lookup_timers(&mut self, now: Instant) {
        for index in 0..self.topic_places() {
            let Some(id) = self.routes.topics.id_at(index) else { continue };
            let Some(topic) = self.routes.topics.get(id) else { continue };
            match topic.lookup {
                Lookup::Asked { deadline, connection, .. } if now >= deadline => {
                    self.lookup_failed(now, id, LookupFailure::TimedOut);
                    self.close(now, connection, super::DisconnectReason::TimedOut);
                }
                Lookup::Idle if now >= topic.next_refresh && self.phase == Phase::Running => {
                    self.look_up(now, id);
                }
                _ => {}
            }
        }
    }

    /// The next instant at which [`State::lookup_timers`] has something to do.
    pub(super) fn lookup_deadline(&self) -> Option<Instant> {
        let due = |topic: &crate::route::TopicRoute| match topic.lookup {
            Lookup::Asked { deadline, .. } => Some(deadline),
            Lookup::Idle if self.phase == Phase::Running => Some(topic.next_refresh),
            _ => None,
        };
        self.routes.topics.iter().filter_map(|(_, topic)| due(topic)).min()
    }
}
