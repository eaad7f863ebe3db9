//! What producers are asked for and what they tell, and the comparison of both with the model.

use core::time::Duration;
use std::collections::BTreeMap;

use rocketlite_broker::{self as broker, BrokerEvent};
use rocketlite_core::message::Message;
use rocketlite_core::producer::{Content, DisconnectReason, Event, MessageQueue, SendOptions};
use rocketlite_core::send::SendMode;
use rocketlite_core::send::outcome::SendErrorKind;
use rocketlite_core::wire::code::{RequestCode, ResponseCode};
use rocketlite_core::wire::command::RemotingCommand;
use rocketlite_core::{Rng, SlotId};

use super::World;
use crate::simulation::node::IN_FLIGHT;
use crate::simulation::oracle::Accepted;
use crate::simulation::plan::{BODY_FRONT, CHOSEN_BROKER, SendKind};

/// What a producer has asked name servers, and what it was told.
#[derive(Debug, Default)]
pub(super) struct Tap {
    /// Topics by number of the request.
    questions: BTreeMap<i32, String>,
    /// The route that was just handed over: the topic that was asked for, and the body.
    route: Option<(String, Vec<u8>)>,
}

impl Tap {
    pub(super) fn asked(&mut self, frame: &[u8]) {
        let Ok(command) = RemotingCommand::decode(&frame[4..]) else { return };
        if command.code == RequestCode::GET_ROUTEINFO_BY_TOPIC.0 {
            let topic = command.field("topic").map(|topic| topic.to_string()).unwrap_or_default();
            self.questions.insert(command.opaque, topic);
        }
    }

    pub(super) fn told(&mut self, frame: &[u8]) {
        let Ok(command) = RemotingCommand::decode(&frame[4..]) else { return };
        if command.is_response()
            && let Some(topic) = self.questions.remove(&command.opaque)
            && command.code == 0
        {
            self.route = Some((topic, command.body.to_vec()));
        }
    }
}

/// The number of a message that is sent after everything has healed.
const LAST: usize = 1_000_000;
/// Milliseconds within which a name server answers, or a connection stands: the producer's own limits for both.
const ANSWER: u64 = 3_000;
/// It has this much time.
const LAST_TIMEOUT: u64 = 20_000;

impl World<'_> {
    pub(super) fn send(&mut self, index: usize) -> Result<(), String> {
        let plan = &self.plan.sends[index];
        let timeout = self.plan.producers[plan.producer].timeout;
        self.submit(index, plan.producer, plan.topic, plan.len, plan.kind, (timeout, None))
    }

    pub(super) fn send_last(&mut self, producer: usize, topic: usize) -> Result<(), String> {
        let timeout = (LAST_TIMEOUT, Some(Duration::from_millis(LAST_TIMEOUT)));
        self.submit(LAST + producer * 10 + topic, producer, topic, 64, SendKind::Sync, timeout)
    }

    /// After everything has healed every message arrives, but at brokers that are full and refuse or want topics to be made
    /// by hand, and from producers with too few connections for all at once.
    pub(super) fn check_last_sends(&self) -> Result<(), String> {
        let full = self.plan.brokers.iter().any(|broker| broker.refuses_when_full);
        // With few connections a broker may not be asked at all.
        let few = self.plan.producers.iter().any(|producer| producer.few_connections);
        if full || few || !self.plan.auto_create_topics {
            return Ok(());
        }
        let topics = self.plan.sends.iter().map(|send| send.topic + 1).max().unwrap_or(0);
        for producer in 0..self.plan.producers.len() {
            for topic in 0..topics {
                if !self.ledger.was_stored(LAST + producer * 10 + topic) {
                    return Err(format!(
                        "producer {producer} cannot send to topic {topic} after all has healed"
                    ));
                }
            }
        }
        Ok(())
    }

    fn submit(
        &mut self,
        send: usize,
        producer: usize,
        topic: usize,
        len: usize,
        kind: SendKind,
        (timeout, given): (u64, Option<Duration>),
    ) -> Result<(), String> {
        let count = if let SendKind::Batch(count) = kind { count } else { 1 };
        let bodies: Vec<Vec<u8>> = (0..count).map(|index| body(send, index, len / count)).collect();
        let name = format!("Topic-{topic}");
        let message = |(index, body)| {
            let message = Message::new(&name, body);
            self.tags(send, index).map_or(message, |tags| message.with_tags(tags))
        };
        let messages: Vec<Message<'_>> = bodies.iter().map(Vec::as_slice).enumerate().map(message).collect();
        let queue = |queue_id| MessageQueue { broker_name: CHOSEN_BROKER, queue_id };
        let options = match kind {
            SendKind::Sync | SendKind::Batch(_) => SendOptions::new(),
            SendKind::Async => SendOptions::new().mode(SendMode::Async),
            SendKind::OneWay => SendOptions::new().mode(SendMode::OneWay),
            SendKind::ToQueue(queue_id) => SendOptions::new().to(queue(queue_id)),
            SendKind::Hashed(hash) => SendOptions::new().by_hash(hash),
            SendKind::Selected(argument) => SendOptions::new().by_selector(argument),
        };
        let options = given.map_or(options, |given| options.timeout(given));
        let content = match kind {
            SendKind::Batch(_) => Content::Batch(&messages),
            _ => Content::One(&messages[0]),
        };
        let (node, now) = (self.plan.servers() + producer, self.now);
        let accepted = self.nodes[node].as_producer(|engine| {
            engine
                .send_with(now, content, &options)
                .map_err(|error| (error.is_temporary(), error.to_string()))
        });
        let id = match accepted {
            Ok(id) => id,
            Err((true, _)) => {
                self.marks.meet("producer: no room for a send");
                return Ok(());
            }
            Err((false, error)) => return Err(format!("send {send}: {error}")),
        };
        let most_attempts = self.models[producer].accepted(id.index(), &name, kind, now, timeout);
        self.trace.note(now, format_args!("producer {producer}: send {send} {kind:?} {len} to {name}"));
        let one_way = kind == SendKind::OneWay;
        let accepted = Accepted {
            send,
            topic: name.clone(),
            bodies,
            at: now,
            timeout,
            most_attempts,
            one_way,
            attempts: 0,
        };
        self.ledger.accept(producer, id.index(), accepted)?;
        self.drive(node)
    }

    /// The producer that a node is.
    pub(super) fn producer_of(&self, node: usize) -> Option<usize> {
        node.checked_sub(self.plan.servers()).filter(|index| *index < self.plan.producers.len())
    }

    /// Takes what a node has to tell.
    pub(super) fn events(&mut self, node: usize) -> Result<(), String> {
        let Some(producer) = self.producer_of(node) else {
            if node >= self.plan.servers() {
                return self.hear_member(node);
            }
            self.look_at_log(node)?;
            while let Some(event) = self.nodes[node].broker_event() {
                self.marks.broker(&event);
                self.check_broker(node, &event)?;
            }
            return Ok(());
        };
        let (mut events, lost, in_flight) = self.nodes[node].as_producer(|engine| {
            let events: Vec<Event> = core::iter::from_fn(|| engine.poll_event()).collect();
            (events, engine.events_lost(), engine.in_flight())
        });
        if lost > 0 || in_flight > IN_FLIGHT {
            return Err(format!("{lost} events lost, {in_flight} sends in flight"));
        }
        self.route_told(node, producer, &events)?;
        for event in events.drain(..) {
            self.event(node, producer, &event)
                .map_err(|error| format!("producer {producer}, {event:?}: {error}"))?;
        }
        self.check_timer(node, producer)
    }

    /// Whatever a send waits for has an end, at which the producer wants to be called.
    fn check_timer(&mut self, node: usize, producer: usize) -> Result<(), String> {
        let Some(timeout) = self.ledger.longest_timeout(producer) else { return Ok(()) };
        let latest = self.now.after(Duration::from_millis(timeout.max(ANSWER) + 1));
        match self.timer(node) {
            Some(at) if at <= latest => Ok(()),
            other => Err(format!("producer {producer} has sends, and wants to be called at {other:?}")),
        }
    }

    /// Only a log that keeps what it has is ever full, and nobody sends what cannot be read.
    fn check_broker(&self, server: usize, event: &BrokerEvent) -> Result<(), String> {
        match event {
            BrokerEvent::Disconnected { reason: broker::DisconnectReason::Decode(_), .. } => {
                Err(format!("{}: {event:?}", self.server_name(server)))
            }
            BrokerEvent::Rejected { response: ResponseCode::SERVICE_NOT_AVAILABLE, .. }
                if !self.server_plan(server).refuses_when_full =>
            {
                Err(format!("{}: {event:?}, although it evicts", self.server_name(server)))
            }
            _ => Ok(()),
        }
    }

    fn route_told(&mut self, node: usize, producer: usize, events: &[Event]) -> Result<(), String> {
        let Some((asked, body)) = self.taps[producer].route.take() else { return Ok(()) };
        let changed = events.iter().find_map(|event| match event {
            Event::RouteChanged { topic, .. } => {
                Some(self.nodes[node].as_producer(|engine| engine.topic_name(*topic).to_owned()))
            }
            _ => None,
        });
        let default = asked == "TBW102";
        match (default, changed) {
            (true, Some(topic)) => self.models[producer].route(&topic, true, true, &body),
            (true, None) => Ok(()),
            (false, changed) => {
                if changed.as_ref().is_some_and(|topic| *topic != asked) {
                    return Err(format!("the route of {asked} changed that of {changed:?}"));
                }
                self.models[producer].route(&asked, false, changed.is_some(), &body)
            }
        }
    }

    /// A connection that is used is not given up, and nobody sends what cannot be read.
    fn check_connection(&self, producer: usize, event: &Event) -> Result<(), String> {
        match event {
            Event::Disconnected(_, DisconnectReason::Undecodable(_)) => {
                Err("it was sent by a broker".to_owned())
            }
            Event::Disconnected(address, DisconnectReason::Idle) => {
                let server = self.server_at(address);
                let used =
                    server.is_some_and(|server| self.models[producer].is_at(&self.server_name(server)));
                if used { Err("an attempt is under way there".to_owned()) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn broker_name(&mut self, node: usize, broker: SlotId) -> String {
        self.nodes[node].as_producer(|engine| engine.broker_name(broker).as_str().to_owned())
    }

    fn event(&mut self, node: usize, producer: usize, event: &Event) -> Result<(), String> {
        let now = self.now;
        self.marks.producer(event);
        match event {
            Event::Selected { id, broker, queue_id, last_broker } => {
                let name = self.broker_name(node, *broker);
                let last = last_broker.map(|last| self.broker_name(node, last));
                self.trace
                    .note(now, format_args!("producer {producer}: {} to {name} {queue_id}", id.index()));
                self.models[producer].selected(now, id.index(), last.as_deref(), (&name, *queue_id))
            }
            Event::Attempted { id, attempt, broker, latency, outcome, .. } => {
                self.marks.attempt(self.plan.producers[producer].rules, *outcome);
                let name = self.broker_name(node, *broker);
                self.trace.note(
                    now,
                    format_args!(
                        "producer {producer}: {} attempt {attempt} at {name}: {outcome:?}",
                        id.index()
                    ),
                );
                self.ledger.attempted(producer, id.index(), *attempt)?;
                self.models[producer].attempted(now, id.index(), &name, *latency, *outcome)
            }
            Event::FaultUpdated { broker, available_at, reachable, .. } => {
                let name = self.broker_name(node, *broker);
                self.models[producer].fault_updated(&name, *available_at, *reachable)
            }
            Event::Sent { id } => {
                let (outcome, again) = self.nodes[node].as_producer(|engine| {
                    let outcome = engine.poll_send(*id);
                    (outcome, engine.poll_send(*id))
                });
                let outcome = match outcome {
                    Ok(result) => Ok(result),
                    Err(nb::Error::Other(error)) => Err(error),
                    Err(nb::Error::WouldBlock) => return Err("it has ended and has no outcome".to_owned()),
                };
                if !matches!(&again, Err(nb::Error::Other(error)) if error.kind == SendErrorKind::ShutDown) {
                    return Err(format!("it can be taken twice: {again:?}"));
                }
                self.marks.end(&outcome);
                let stored = outcome.is_ok();
                let send = self.ledger.ended(producer, id.index(), outcome)?;
                self.trace
                    .note(now, format_args!("producer {producer}: send {send} has ended, stored: {stored}"));
                self.models[producer].ended(now, id.index(), stored)
            }
            other => {
                self.trace.note(now, format_args!("producer {producer}: {other:?}"));
                self.check_connection(producer, other)
            }
        }
    }
}

fn body(send: usize, index: usize, len: usize) -> Vec<u8> {
    let mut body = [send as u64, index as u64].map(u64::to_le_bytes).concat();
    let mut rng = Rng::new(send as u64);
    while body.len() < len.max(BODY_FRONT) {
        body.push(rng.next_u64().to_le_bytes()[0]);
    }
    body
}
