//! The reference's send loop once more, written down straight from its description and sharing no decision with the producer:
//! fed with the same routes and outcomes it must choose the same queues, learn the same of brokers, and end at the same
//! attempt.

use core::time::Duration;
use std::collections::BTreeMap;

use rocketlite_core::send::decision::{AttemptOutcome, Fault};
use rocketlite_core::send::outcome::SendStatus;
use rocketlite_core::{Instant, Rules};
use serde_json::Value;

use super::plan::{CHOSEN_BROKER, FIRST_QUEUE_INDEX, ProducerPlan, SendKind};

/// `TopicPublishInfo`.
#[derive(Debug, Default)]
struct PublishInfo {
    queues: Vec<(String, u16)>,
    index: i32,
}

/// `FaultItem`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Item {
    start: u64,
    reachable: bool,
}

/// How the caller sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Sync,
    Async,
    /// Once.
    Bare,
}

/// A send on its way.
#[derive(Debug)]
struct Sending {
    topic: String,
    mode: Mode,
    kind: SendKind,
    first: Instant,
    timeout: u64,
    total: u8,
    attempts: u8,
    last_broker: Option<String>,
    /// Whether it waited for its route first.
    waited: bool,
    /// When the queue of the present attempt was selected.
    begin: Option<Instant>,
    /// An attempt has left a result that is not as good as was wanted.
    result: bool,
    expects: Expected,
}

/// What has to come next of a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// The first queue, or an end for want of a route.
    Begin,
    Selected,
    Attempted,
    /// The end, with a result or without.
    End(bool),
}

/// `latencyMax` and `notAvailableDuration` of both lines.
const MAX_4: [u128; 7] = [50, 100, 550, 1_000, 2_000, 3_000, 15_000];
const AVOIDED_4: [u64; 7] = [0, 0, 30_000, 60_000, 120_000, 180_000, 600_000];
const MAX_5: [u128; 7] = [50, 100, 550, 1_800, 3_000, 5_000, 15_000];
const AVOIDED_5: [u64; 7] = [0, 0, 2_000, 5_000, 6_000, 10_000, 30_000];

/// One producer's decisions.
#[derive(Debug)]
pub(super) struct Model {
    plan: ProducerPlan,
    topics: BTreeMap<String, PublishInfo>,
    items: BTreeMap<String, Item>,
    sends: BTreeMap<u16, Sending>,
    /// All brokers were isolated under the rules of 4.x, which then overwrite an entry of the list, or forget a broker, by a
    /// choice that starts at random: which queues are selected cannot be told any more.
    unsure: bool,
}

impl Model {
    pub(super) const fn new(plan: ProducerPlan) -> Self {
        Self { plan, topics: BTreeMap::new(), items: BTreeMap::new(), sends: BTreeMap::new(), unsure: false }
    }

    const fn is_v4(&self) -> bool {
        matches!(self.plan.rules, Rules::V4)
    }

    pub(super) fn accepted(
        &mut self,
        place: u16,
        topic: &str,
        kind: SendKind,
        now: Instant,
        timeout: u64,
    ) -> u8 {
        let mode = Mode::of(kind);
        let total = match mode {
            Mode::Sync if !is_chosen(kind) => self.plan.retries + 1,
            Mode::Async => self.plan.async_retries + 1,
            _ => 1,
        };
        let sending = Sending {
            topic: topic.to_owned(),
            mode,
            kind,
            first: now,
            timeout,
            total,
            attempts: 0,
            last_broker: None,
            waited: false,
            begin: None,
            result: false,
            expects: Expected::Begin,
        };
        let last_broker = self.chosen_broker(topic, kind);
        self.sends.insert(place, Sending { waited: last_broker.is_none(), last_broker, ..sending });
        total
    }

    /// The broker that a send goes to whose queue is not for the producer to select, once it is known, if it can be told.
    fn chosen_broker(&self, topic: &str, kind: SendKind) -> Option<String> {
        if self.unsure {
            return None;
        }
        let of_topic = |place: u64| {
            let queues = &self.topics.get(topic)?.queues;
            queues.get(usize::try_from(place).ok()?).map(|(broker, _)| broker.clone())
        };
        match kind {
            SendKind::ToQueue(_) => self.is_known(CHOSEN_BROKER).then(|| CHOSEN_BROKER.to_owned()),
            SendKind::Hashed(hash) => {
                let n = self.topics.get(topic)?.queues.len();
                of_topic(u64::from(hash.unsigned_abs()).checked_rem(n.try_into().ok()?)?)
            }
            SendKind::Selected(place) => of_topic(place),
            SendKind::Sync | SendKind::Async | SendKind::OneWay | SendKind::Batch(_) => None,
        }
    }

    /// Whether a broker is in a route or in use.
    fn is_known(&self, broker: &str) -> bool {
        self.topics.values().any(|info| info.queues.iter().any(|(name, _)| name == broker))
            || self.sends.values().any(|send| send.last_broker.as_deref() == Some(broker))
    }

    /// A name server has answered a question for `topic` with this route; `default` if the question was for `TBW102`.
    pub(super) fn route(
        &mut self,
        topic: &str,
        default: bool,
        changed: bool,
        body: &[u8],
    ) -> Result<(), String> {
        let route: Value = serde_json::from_slice(body).map_err(|error| format!("route: {error}"))?;
        let list = |key: &str| route[key].as_array().cloned().unwrap_or_default();
        let has_master = |name: &Value| {
            list("brokerDatas")
                .iter()
                .any(|broker| broker["brokerName"] == *name && broker["brokerAddrs"].get("0").is_some())
        };
        let mut datas = list("queueDatas");
        datas.sort_by_key(|data| data["brokerName"].as_str().map(str::to_owned));
        let mut queues = Vec::new();
        for data in datas {
            if data["perm"].as_i64().unwrap_or(0) & 2 == 0 || !has_master(&data["brokerName"]) {
                continue;
            }
            let count = if default {
                data["readQueueNums"].as_i64().unwrap_or(0).min(4)
            } else {
                data["writeQueueNums"].as_i64().unwrap_or(0)
            };
            let name = data["brokerName"].as_str().unwrap_or_default();
            queues.extend((0..u16::try_from(count).unwrap_or(0)).map(|id| (name.to_owned(), id)));
        }
        let info = self.topics.entry(topic.to_owned()).or_default();
        if changed != (info.queues != queues) && !self.unsure {
            return Err(format!("route of {topic}: changed is {changed}, {:?} to {queues:?}", info.queues));
        }
        info.queues = queues;
        if changed {
            info.index = FIRST_QUEUE_INDEX;
            self.forget_items();
        }
        self.begin_chosen(topic);
        Ok(())
    }

    /// Sends that waited for the route go where their callers want them to go.
    fn begin_chosen(&mut self, topic: &str) {
        let waits = |send: &Sending| send.topic == topic && send.last_broker.is_none();
        let waiting: Vec<_> =
            self.sends.iter().filter(|(_, send)| waits(send)).map(|(place, _)| *place).collect();
        for place in waiting {
            let broker = self.chosen_broker(topic, self.sends[&place].kind);
            self.sends.get_mut(&place).expect("it is there").last_broker = broker;
        }
    }

    /// Whether an attempt is under way at a broker. Of sends whose queue was chosen nothing tells when they begin: those that
    /// waited for their route do so one after the other.
    pub(super) fn is_at(&self, broker: &str) -> bool {
        let under_way = |send: &Sending| match send.expects {
            Expected::Attempted => true,
            Expected::Begin | Expected::Selected => is_chosen(send.kind) && !send.waited,
            Expected::End(_) => false,
        };
        self.sends.values().any(|send| send.last_broker.as_deref() == Some(broker) && under_way(send))
    }

    /// What is not in any route and not in use is forgotten: a limit of ours, where Java's table grows.
    fn forget_items(&mut self) {
        let mut items = core::mem::take(&mut self.items);
        items.retain(|broker, _| self.is_known(broker));
        self.items = items;
    }

    fn is_available(&self, now: Instant, broker: &str) -> bool {
        self.items.get(broker).is_none_or(|item| now.as_millis() >= item.start)
    }

    /// The queue of the next attempt, if it can be told (`MQFaultStrategy#selectOneMessageQueue`).
    fn select(&mut self, now: Instant, place: u16) -> Option<(String, u16)> {
        let sending = &self.sends[&place];
        let (topic, last) = (sending.topic.clone(), sending.last_broker.clone());
        let again = sending.mode == Mode::Sync && last.is_some();
        let mut info = self.topics.remove(&topic).unwrap_or_default();
        let chosen = self.select_of(now, &mut info, last.as_deref(), again);
        self.unsure |= chosen.is_none() && self.is_v4();
        self.topics.insert(topic, info);
        chosen.filter(|_| !self.unsure)
    }

    fn select_of(
        &self,
        now: Instant,
        info: &mut PublishInfo,
        last: Option<&str>,
        again: bool,
    ) -> Option<(String, u16)> {
        let n = info.queues.len();
        if n == 0 {
            return None;
        }
        let other = |queue: &(String, u16)| Some(queue.0.as_str()) != last;
        if !self.plan.fault_strategy {
            return info.first_of_round(other).or_else(|| info.step());
        }
        if self.is_v4() {
            info.index = info.index.wrapping_add(1);
            let start = info.index & i32::MAX;
            for ahead in 0..i32::try_from(n).expect("few") {
                let at = start.wrapping_add(ahead).checked_abs().unwrap_or(0);
                let queue = &info.queues[usize::try_from(at).expect("not negative") % n];
                if self.is_available(now, &queue.0) {
                    return Some(queue.clone());
                }
            }
            // `pickOneAtLeast`: its index starts at random.
            return None;
        }
        if again {
            info.index = FIRST_QUEUE_INDEX;
        }
        let reachable = |queue: &(String, u16)| self.items.get(&queue.0).is_none_or(|item| item.reachable);
        info.first_of_round(|queue| other(queue) && self.is_available(now, &queue.0))
            .or_else(|| info.first_of_round(|queue| other(queue) && reachable(queue)))
            .or_else(|| info.step())
    }

    /// The producer has chosen a queue.
    pub(super) fn selected(
        &mut self,
        now: Instant,
        place: u16,
        last: Option<&str>,
        queue: (&str, u16),
    ) -> Result<(), String> {
        let sending = self.sends.get(&place).ok_or("a queue for a send that there is not")?;
        if !matches!(sending.expects, Expected::Begin | Expected::Selected) {
            return Err(format!("a queue was selected, {:?} expected: {sending:?}", sending.expects));
        }
        if sending.last_broker.as_deref() != last {
            return Err(format!("the last broker was {:?}, not {last:?}", sending.last_broker));
        }
        let left = now.since(sending.first) <= Duration::from_millis(sending.timeout);
        if let Some(expected) = self.select(now, place)
            && (expected.0.as_str(), expected.1) != queue
        {
            return Err(format!("{queue:?} was selected, {expected:?} expected; {:?}", self.items));
        }
        let sending = self.sends.get_mut(&place).expect("it is there");
        sending.last_broker = Some(queue.0.to_owned());
        sending.begin = Some(now);
        // An asynchronous send goes through its attempts also without time.
        let goes_on = left || sending.mode == Mode::Async;
        sending.expects = if goes_on { Expected::Attempted } else { Expected::End(sending.result) };
        if left && sending.mode == Mode::Async && sending.attempts == 0 {
            // The loop ends with the submission, and takes the broker for a good one, if it is asked at all.
            self.learn_submitted(now, queue.0);
        }
        Ok(())
    }

    fn learn_submitted(&mut self, now: Instant, broker: &str) {
        self.learn(now, broker, Duration::ZERO, false, true);
    }

    /// `updateFaultItem`.
    fn learn(&mut self, now: Instant, broker: &str, latency: Duration, isolation: bool, reachable: bool) {
        if !self.plan.fault_strategy {
            return;
        }
        let v4 = self.is_v4();
        let (max, avoided) = if v4 { (MAX_4, AVOIDED_4) } else { (MAX_5, AVOIDED_5) };
        let latency = match (isolation, v4) {
            (true, true) => 30_000,
            (true, false) => 10_000,
            (false, _) => latency.as_millis(),
        };
        let step = (0..7).rev().find(|index| latency >= max[*index]);
        let until = now.as_millis() + step.map_or(0, |index| avoided[index]);
        let before = self.items.get(broker).map(|item| item.start);
        let start = if v4 { until } else { before.map_or(until, |before| before.max(until)) };
        let reachable = v4 || reachable;
        self.items.insert(broker.to_owned(), Item { start, reachable });
    }

    /// An attempt has ended.
    pub(super) fn attempted(
        &mut self,
        now: Instant,
        place: u16,
        broker: &str,
        latency: Duration,
        outcome: AttemptOutcome,
    ) -> Result<(), String> {
        let sending = self.sends.get_mut(&place).ok_or("an attempt of a send that there is not")?;
        let begins = matches!(sending.expects, Expected::Attempted)
            || is_chosen(sending.kind) && matches!(sending.expects, Expected::Begin | Expected::Selected);
        if !begins {
            return Err(format!("an attempt has ended, {:?} expected: {sending:?}", sending.expects));
        }
        sending.attempts += 1;
        sending.result |= matches!(outcome, AttemptOutcome::Stored(_));
        let (mode, chosen) = (sending.mode, is_chosen(sending.kind));
        // A one-way send has ended for Java when it was submitted, however long its bytes take.
        let end = sending.begin.map_or(now, |begin| begin.after(latency));
        if let Some((isolation, reachable)) = self.fault_of(mode, outcome)
            && (!chosen || mode == Mode::Async)
        {
            self.learn(end, broker, latency, isolation, reachable);
        }
        let goes_on = self.goes_on(mode, outcome);
        let sending = self.sends.get_mut(&place).expect("it is there");
        let attempts_left = sending.attempts < sending.total;
        let retries = goes_on && attempts_left && (!chosen || mode == Mode::Async);
        // What an earlier attempt has stored counts, but not against an error that is thrown at once.
        let kept = sending.result && !matches!(outcome, AttemptOutcome::Unreadable(_));
        sending.expects = if retries { Expected::Selected } else { Expected::End(kept) };
        Ok(())
    }

    /// What is learnt of the broker: isolation, reachable (producer.md 2.2 and 6.6).
    fn fault_of(&self, mode: Mode, outcome: AttemptOutcome) -> Option<(bool, bool)> {
        let v4 = self.is_v4();
        match (mode, outcome) {
            (_, AttemptOutcome::Stored(_)) => Some((false, true)),
            (_, AttemptOutcome::NoBrokerAddress | AttemptOutcome::Forbidden) => Some((v4, true)),
            // The broker was not asked, for want of a connection of ours.
            (_, AttemptOutcome::Unanswered(Fault::NoConnection)) => None,
            (Mode::Async, _) => Some((true, true)),
            (_, AttemptOutcome::Unanswered(_)) => Some((true, !self.plan.detector)),
            (_, AttemptOutcome::Refused(_)) => Some((true, false)),
            (_, _) => None,
        }
    }

    /// Whether the loop goes on, if it may.
    fn goes_on(&self, mode: Mode, outcome: AttemptOutcome) -> bool {
        match (mode, outcome) {
            (Mode::Sync, AttemptOutcome::Stored(status)) => {
                status != SendStatus::SendOk && self.plan.retry_another_broker
            }
            (Mode::Async, AttemptOutcome::Unanswered(Fault::TimedOut | Fault::NoTime)) => self.is_v4(),
            (Mode::Sync | Mode::Async, AttemptOutcome::Unanswered(_))
            | (Mode::Sync, AttemptOutcome::NoBrokerAddress | AttemptOutcome::Forbidden) => true,
            (Mode::Sync, AttemptOutcome::Refused(code)) => match code.0 {
                17 | 14 | 1 | 16 | 204 | 205 => true,
                2 | 1500 => !self.is_v4(),
                _ => false,
            },
            _ => false,
        }
    }

    /// What the producer says it knows of a broker now. `probed` if a probe may have been answered.
    pub(super) fn fault_updated(
        &mut self,
        broker: &str,
        available_at: Instant,
        reachable: bool,
    ) -> Result<(), String> {
        let item = self.items.get_mut(broker).ok_or_else(|| format!("nothing is known of {broker}"))?;
        if self.plan.detector && reachable {
            // A probe that was answered says the same, and nothing else.
            item.reachable = true;
        }
        let told = Item { start: available_at.as_millis(), reachable };
        if *item == told { Ok(()) } else { Err(format!("{broker} is {told:?}, expected {item:?}")) }
    }

    /// A send has ended.
    pub(super) fn ended(&mut self, now: Instant, place: u16, stored: bool) -> Result<(), String> {
        let sending = self.sends.remove(&place).ok_or("the end of a send that there is not")?;
        let out_of_time = now.since(sending.first) > Duration::from_millis(sending.timeout);
        let fits = match sending.expects {
            Expected::End(result) => result == stored,
            // No route, no queue, or no time any more after the route has come.
            Expected::Begin => !stored,
            // The list has lost its queues, or time is up before anything is sent to the queue of the caller.
            Expected::Selected => {
                stored == sending.result && (out_of_time || self.has_no_queue(&sending.topic))
            }
            Expected::Attempted => false,
        };
        if fits { Ok(()) } else { Err(format!("it has ended, stored: {stored}; {sending:?}")) }
    }

    fn has_no_queue(&self, topic: &str) -> bool {
        self.topics.get(topic).is_none_or(|info| info.queues.is_empty())
    }
}

impl Mode {
    const fn of(kind: SendKind) -> Self {
        match kind {
            SendKind::Async => Self::Async,
            SendKind::OneWay => Self::Bare,
            _ => Self::Sync,
        }
    }
}

/// Whether the caller has chosen the queue.
const fn is_chosen(kind: SendKind) -> bool {
    matches!(kind, SendKind::ToQueue(_) | SendKind::Hashed(_) | SendKind::Selected(_))
}

impl PublishInfo {
    fn step(&mut self) -> Option<(String, u16)> {
        self.index = self.index.wrapping_add(1);
        let at = usize::try_from(self.index & i32::MAX).expect("not negative") % self.queues.len();
        self.queues.get(at).cloned()
    }

    fn first_of_round(&mut self, will_do: impl Fn(&(String, u16)) -> bool) -> Option<(String, u16)> {
        (0..self.queues.len()).find_map(|_| self.step().filter(|queue| will_do(queue)))
    }
}
