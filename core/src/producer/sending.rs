//! The loop of `DefaultMQProducerImpl#sendDefaultImpl`: one attempt after the other until the table of decisions, the
//! number of attempts or the time ends it.

use core::time::Duration;

use super::connections::Connect;
use super::event::Event;
use super::{DisconnectReason, Phase, RequestKind, State};
use crate::engine::ConnectionId;
use crate::route::{BrokerName, QueueRef};
use crate::select::{FaultItem, FaultUpdate, RoundRobin};
use crate::send::decision::{AttemptOutcome, Fault, Next, Verdict};
use crate::send::outcome::{Failure, Remark, SendErrorKind, SendResult, SendStatus};
use crate::send::{InFlight, SendId, SendMode, SendState, Target, attempt};
use crate::time::{left, millis};
use crate::wire::Text;
use crate::{Extent, Instant, SlotId};

impl State<'_> {
    /// Begins a send that was accepted: with a route at once, otherwise by asking for one.
    pub(super) fn start(&mut self, now: Instant, id: SlotId) {
        let Some(send) = self.sends.get(id) else { return };
        let topic = send.topic;
        let ready = match send.target {
            // A queue the caller names needs no publish list, only its broker's address.
            Target::Queue(_) => self.routes.broker(&self.named_broker(id)).is_some(),
            Target::Any | Target::Hash(_) | Target::Selector(_) => !self.routes.queues(topic).is_empty(),
        };
        if ready {
            self.next_attempt(now, id);
        } else {
            self.look_up(now, topic);
        }
    }

    /// Goes on with the sends that waited for the route of `topic`.
    pub(super) fn route_found(&mut self, now: Instant, topic: SlotId) {
        while let Some(id) = self.waiting_for_route(topic) {
            self.next_attempt(now, id);
        }
    }

    /// Ends the sends that waited for the route of `topic`.
    pub(super) fn route_failed(&mut self, now: Instant, topic: SlotId, kind: SendErrorKind) {
        while let Some(id) = self.waiting_for_route(topic) {
            if self.sends.get(id).is_some_and(|send| send.attempts > 0) {
                // It asked on its way, and goes on with what is known.
                self.next_attempt(now, id);
            } else {
                self.fail(now, id, kind);
            }
        }
    }

    pub(super) fn waiting_for_route(&self, topic: SlotId) -> Option<SlotId> {
        let waits = |send: &InFlight| send.topic == topic && matches!(send.state, SendState::Route);
        self.sends.iter().find(|(_, send)| waits(send)).map(|(id, _)| id)
    }

    /// Makes attempts until one is under way or the send has ended.
    pub(super) fn next_attempt(&mut self, now: Instant, id: SlotId) {
        while let Some(outcome) = self.try_attempt(now, id) {
            if !self.conclude(now, id, outcome) {
                return;
            }
        }
    }

    /// One turn of the loop. Returns the outcome of an attempt that ended at once.
    fn try_attempt(&mut self, now: Instant, id: SlotId) -> Option<AttemptOutcome> {
        let send = self.sends.get(id)?;
        if send.attempts >= send.attempts_total {
            let kind = send.last_outcome.map_or(SendErrorKind::NoRoute, SendErrorKind::Attempt);
            self.give_up(now, id, kind);
            return None;
        }
        let (target, mode) = (send.target, send.mode);
        let topic = send.topic;
        let Some(queue) = self.select(now, id) else {
            let kind = match target {
                // A broker that no route knows has no address.
                Target::Queue(_) => SendErrorKind::Attempt(AttemptOutcome::NoBrokerAddress),
                Target::Selector(_) if !self.routes.queues(topic).is_empty() => {
                    SendErrorKind::NoQueueSelected
                }
                _ => SendErrorKind::NoRoute,
            };
            self.give_up(now, id, kind);
            return None;
        };
        self.allow_for_selection(now, id);
        let send = self.sends.get(id)?;
        let left = left(send.timeout, now.since(send.first));
        let budget = match left {
            Some(left) => left,
            None if mode == SendMode::Async => return self.attempt_without_time(now, id, queue),
            None => {
                self.give_up(now, id, SendErrorKind::CallTimedOut);
                return None;
            }
        };
        let budget = self.attempt_budget(id, budget);
        let born = self.clock.unix_millis(now);
        self.sends.get_mut(id)?.begin_attempt(now, queue, budget, born);
        self.connect_attempt(now, id)
    }

    /// Puts the current attempt on a connection to its broker. Returns how it ended if it ended at once.
    fn connect_attempt(&mut self, now: Instant, id: SlotId) -> Option<AttemptOutcome> {
        let send = self.sends.get(id)?;
        let (queue, again) = (send.attempt.queue, send.mode == SendMode::Async && send.attempts > 1);
        let Some(mut address) = self.routes.master(queue.broker).cloned() else {
            return Some(AttemptOutcome::NoBrokerAddress);
        };
        if self.before_attempt(id) {
            return Some(AttemptOutcome::Forbidden);
        }
        self.submitted(now, id, queue.broker);
        // What tries an asynchronous send again knows nothing of second ports (`MQClientAPIImpl#onExceptionImpl`).
        if !again {
            self.redirect(&mut address);
        }
        match self.connect(now, &address) {
            Connect::NoRoom => Some(AttemptOutcome::Unanswered(Fault::NoConnection)),
            Connect::Open(connection) => {
                self.attach(now, connection);
                self.sends.get_mut(id)?.state = SendState::Connecting(connection);
                self.enqueue(now, id, connection)
            }
            Connect::Opening(connection) => {
                self.attach(now, connection);
                self.sends.get_mut(id)?.state = SendState::Connecting(connection);
                None
            }
        }
    }

    /// In 4.x an asynchronous send whose time is used up still makes its attempts, each of which fails at once.
    fn attempt_without_time(&mut self, now: Instant, id: SlotId, queue: QueueRef) -> Option<AttemptOutcome> {
        let born = self.clock.unix_millis(now);
        self.sends.get_mut(id)?.begin_attempt(now, queue, Duration::ZERO, born);
        Some(AttemptOutcome::Unanswered(Fault::NoTime))
    }

    /// The loop of an asynchronous send ends with its first request, whatever comes of that, and takes the broker for a
    /// good one.
    fn submitted(&mut self, now: Instant, id: SlotId, broker: SlotId) {
        let is_first = |send: &InFlight| {
            send.mode == SendMode::Async
                && send.attempts == 1
                && !send.attempt.reconnected
                && send.is_default_path()
        };
        if self.sends.get(id).is_some_and(is_first) {
            let verdict = AttemptOutcome::Stored(SendStatus::SendOk).async_verdict(self.config.rules);
            if let Some(update) = verdict.fault {
                self.learn(now, broker, Duration::ZERO, update);
            }
        }
    }

    /// The time for an attempt of what is left for the send: an attempt that is not the last may have a limit of its own
    /// (`sendMsgMaxTimeoutPerRequest`) or leave a share for each one after it, so that a broker that hangs leaves time for
    /// another.
    fn attempt_budget(&self, id: SlotId, left: Duration) -> Duration {
        let still = |send: &InFlight| send.attempts_total.saturating_sub(send.attempts);
        let still = self.sends.get(id).map_or(1, still);
        if still <= 1 {
            return left;
        }
        let share = millis(left).checked_div(still.into()).filter(|_| self.config.reserve_time_for_retry);
        let share = share.map(Duration::from_millis);
        let most = self.config.send_msg_max_timeout_per_request;
        [share, most].into_iter().flatten().fold(left, Duration::min)
    }

    /// The queue for the next attempt.
    fn select(&mut self, now: Instant, id: SlotId) -> Option<QueueRef> {
        let send = self.sends.get(id)?;
        let (topic, target, mode, last) = (send.topic, send.target, send.mode, send.last_broker());
        match target {
            Target::Any => {}
            // An attempt after the first stays where that went.
            _ if last.is_some() => return Some(send.attempt.queue),
            Target::Selector(argument) => return self.select_by_caller(id, argument),
            Target::Queue(_) | Target::Hash(_) => {
                return self.routes.chosen(topic, target, &self.named_broker(id));
            }
        }
        // `ThreadLocalIndex#reset`, at each attempt but the first.
        let resets = last.is_some() && mode == SendMode::Sync && self.strategy.resets();
        let reset = resets.then(|| RoundRobin::new(self.first_index_number() & i32::MAX));
        let queue = self.routes.select(now, topic, &mut self.strategy, last, reset)?;
        let (broker, queue_id) = (queue.broker, queue.queue_id);
        self.events.push(Event::Selected { id: SendId(id), broker, queue_id, last_broker: last });
        Some(queue)
    }

    /// Where a new publish list is gone through from.
    pub(super) fn first_index(&mut self) -> RoundRobin {
        RoundRobin::new(self.first_index_number())
    }

    fn first_index_number(&mut self) -> i32 {
        self.config.first_queue_index.unwrap_or_else(|| self.rng.next_i32())
    }

    /// Counts a send on a broker's connection. The broker gets to know the producer at once, so that it can be asked about
    /// it (`MQClientInstance#sendHeartbeatToBroker`, 5.x).
    fn attach(&mut self, now: Instant, connection: ConnectionId) {
        let Some(link) = self.links.get_mut(connection) else { return };
        link.users = link.users.saturating_add(1);
        if link.heartbeat_at.is_none() {
            link.heartbeat_at = Some(now);
            self.arm(now);
        }
    }

    /// Puts a send whose connection stands into its queue, unless connecting took all its time.
    pub(super) fn enqueue(
        &mut self,
        now: Instant,
        id: SlotId,
        connection: ConnectionId,
    ) -> Option<AttemptOutcome> {
        let opaque = self.next_opaque(RequestKind::Send, id.index());
        let send = self.sends.get_mut(id)?;
        send.attempt.left = left(send.attempt.budget, now.since(send.attempt.begin)).unwrap_or_default();
        if send.attempt.left.is_zero() {
            return Some(AttemptOutcome::Unanswered(Fault::TimedOut));
        }
        send.attempt.opaque = opaque;
        send.state = SendState::Queued(connection);
        let deadline = send.attempt.deadline();
        self.arm(deadline);
        self.links.push(connection, id, &mut self.sends);
        None
    }

    /// Ends an attempt. Returns whether the next one is to be made.
    pub(super) fn conclude(&mut self, now: Instant, id: SlotId, outcome: AttemptOutcome) -> bool {
        self.detach(now, id);
        let Some(send) = self.sends.get_mut(id) else { return false };
        send.last_outcome = Some(outcome);
        let (queue, latency) = (send.attempt.queue, now.since(send.attempt.begin));
        let (is_default_path, mode, attempt) = (send.is_default_path(), send.mode, send.attempts);
        if mode != SendMode::Async {
            self.after_attempt(id, outcome);
        }
        self.events.push(Event::Attempted {
            id: SendId(id),
            attempt,
            broker: queue.broker,
            queue_id: queue.queue_id,
            latency,
            outcome,
        });
        let Verdict { fault, next } = match mode {
            SendMode::Async => outcome.async_verdict(self.config.rules),
            SendMode::Sync | SendMode::OneWay => outcome.verdict(self.config.rules, &self.config.policy()),
        };
        if let Some(update) = fault.filter(|_| is_default_path || mode == SendMode::Async) {
            self.learn(now, queue.broker, latency, update);
        }
        #[cfg(feature = "state")]
        if self.asks_for_route(now, id, outcome) {
            return false;
        }
        match next {
            Next::Return => self.finish(now, id),
            Next::Retry if mode == SendMode::Async || is_default_path && mode == SendMode::Sync => {
                return true;
            }
            Next::Retry | Next::GiveUp => self.give_up(now, id, SendErrorKind::Attempt(outcome)),
            Next::Fail => self.fail(now, id, SendErrorKind::Attempt(outcome)),
        }
        false
    }

    /// Takes notice of how a broker did.
    fn learn(&mut self, now: Instant, broker: SlotId, latency: Duration, update: FaultUpdate) {
        if let Some(item) = self.strategy.update(now, broker, latency, update) {
            let FaultItem { available_at, reachable, .. } = item;
            self.events.push(Event::FaultUpdated { broker, latency, available_at, reachable });
            self.arm_probe();
        }
    }

    /// Ends an attempt and, if it is to be, begins the next.
    pub(super) fn conclude_and_go_on(&mut self, now: Instant, id: SlotId, outcome: AttemptOutcome) {
        if self.conclude(now, id, outcome) {
            self.next_attempt(now, id);
        }
    }

    /// A broker that shuts down wants its clients to connect again, and what is behind its address may be another one by
    /// then (`NettyRemotingClient#invokeImpl`, 5.x): the same attempt goes on over a new connection, once.
    pub(super) fn go_elsewhere(&mut self, now: Instant, id: SlotId, connection: ConnectionId) {
        if let Some(link) = self.links.get_mut(connection) {
            link.retired = true;
        }
        let Some(send) = self.sends.get_mut(id) else { return };
        if core::mem::replace(&mut send.attempt.reconnected, true) {
            self.conclude_and_go_on(now, id, AttemptOutcome::Unanswered(Fault::Disconnected));
            return;
        }
        self.detach(now, id);
        if let Some(outcome) = self.connect_attempt(now, id) {
            self.conclude_and_go_on(now, id, outcome);
        }
    }

    /// A broker stored the message.
    pub(super) fn stored(&mut self, now: Instant, id: SlotId, result: SendResult) {
        let outcome = AttemptOutcome::Stored(result.status);
        if let Some(send) = self.sends.get_mut(id) {
            send.outcome = Some(Ok(result));
        }
        self.conclude_and_go_on(now, id, outcome);
    }

    /// The last byte of a one-way send is gone.
    pub(super) fn written_one_way(&mut self, id: SlotId) {
        let Some(send) = self.sends.get(id) else { return };
        let name = self.routes.name_of_broker(send.attempt.queue.broker);
        let (now, result) = (send.attempt.begin, attempt::written(send, name));
        self.stored(now, id, result);
    }

    /// Takes a send off its connection.
    fn detach(&mut self, now: Instant, id: SlotId) {
        let Some(send) = self.sends.get(id) else { return };
        let Some(connection) = send.connection() else { return };
        if matches!(send.state, SendState::Queued(_)) {
            self.links.unlink(connection, id, &mut self.sends);
        }
        if let Some(send) = self.sends.get_mut(id) {
            send.state = SendState::Deciding;
            // The queue of a connection that is gone is gone too, and what came next there must not follow into another.
            send.next = None;
        }
        if let Some(link) = self.links.get_mut(connection) {
            link.users = link.users.saturating_sub(1);
            if link.retired && link.users == 0 {
                self.close(now, connection, DisconnectReason::ByPeer);
            }
        }
    }

    /// Ends a send whose attempts, time or queues are used up: with the result of an earlier attempt that was stored, only
    /// not as safely as wanted, or else with the error.
    fn give_up(&mut self, now: Instant, id: SlotId, kind: SendErrorKind) {
        let Some(send) = self.sends.get_mut(id) else { return };
        match &mut send.outcome {
            Some(Ok(result)) => {
                result.attempts = send.attempts;
                self.finish(now, id);
            }
            _ => self.fail(now, id, kind),
        }
    }

    pub(super) fn fail(&mut self, now: Instant, id: SlotId, kind: SendErrorKind) {
        let Some(send) = self.sends.get_mut(id) else { return };
        let is_unanswered = matches!(kind, SendErrorKind::Attempt(AttemptOutcome::Unanswered(_)));
        let failure = Failure {
            kind,
            elapsed: now.since(send.first),
            // The callback of an asynchronous send gets the exception of its last attempt as it is.
            coded: send.is_default_path() && !(send.mode == SendMode::Async && is_unanswered),
        };
        send.outcome = Some(Err(failure));
        self.finish(now, id);
    }

    fn finish(&mut self, now: Instant, id: SlotId) {
        if let Some(outcome) = self.sends.get(id).and_then(|send| send.last_outcome) {
            self.after_attempt(id, outcome);
        }
        let Some(send) = self.sends.get_mut(id) else { return };
        send.state = SendState::Done;
        send.next = None;
        let (bytes, topic) = (core::mem::replace(&mut send.bytes, Extent::EMPTY), send.topic);
        self.bodies.free(bytes);
        if let Some(topic) = self.routes.topics.get_mut(topic) {
            topic.sends = topic.sends.saturating_sub(1);
        }
        self.done.push(id, &mut self.sends);
        if self.phase == Phase::Draining {
            self.proceed_with_shutdown(now);
        }
    }

    /// The broker's name of an explicit queue.
    fn named_broker(&self, id: SlotId) -> BrokerName {
        let Some(send) = self.sends.get(id) else { return BrokerName::new() };
        let start = send.parts.properties.saturating_add(send.parts.body);
        let bytes = self.bodies.get(send.bytes).get(start..).unwrap_or_default();
        core::str::from_utf8(bytes).ok().and_then(|name| BrokerName::try_from(name).ok()).unwrap_or_default()
    }

    /// Keeps what a broker said about a send.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn remember(&mut self, id: SlotId, remark: Option<Text<'_>>) {
        if let Some(send) = self.sends.get_mut(id) {
            send.remark = remark.map(Remark::new).unwrap_or_default();
        }
    }
}
