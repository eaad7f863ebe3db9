//! The order in which filters are tried, and for how long a slow or failing broker is avoided: `MQFaultStrategy`.

use core::fmt;
use core::time::Duration;

use super::RoundRobin;
use super::fault::{FaultItem, FaultPlace, FaultTable, FaultUpdate};
use crate::route::QueueRef;
use crate::time::millis;
use crate::{Instant, Rules, SlotId};

/// The queues of a topic, as a selector sees them (`TopicPublishInfo`).
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "what the reference's selector takes from a topic")]
pub struct PublishList<'a> {
    /// The queues. The 4.x line overwrites an entry when it prefers a broker among those that are all isolated.
    pub queues: &'a mut [QueueRef],
    /// The topic's place in the round.
    pub index: &'a mut RoundRobin,
    /// How many queues can be written on the broker in each place of the broker table. Only the 4.x line asks.
    pub write_queue_nums: &'a [u16],
}

/// There is no queue to choose from. Java dies of a division by zero here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_structs, reason = "there is nothing else to say")]
pub struct NoQueues;

impl fmt::Display for NoQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the topic has no queue to write to")
    }
}

impl core::error::Error for NoQueues {}

/// Chooses queues, and remembers which brokers to avoid.
///
/// With `send_latency_fault_enable` off it only takes turns and remembers nothing; a broker is then avoided by the send that
/// has just failed on it, and by no other.
#[derive(Debug)]
pub struct FaultStrategy<'m> {
    rules: Rules,
    send_latency_fault_enable: bool,
    table: FaultTable<'m>,
    /// Takes turns among the better half of brokers that are all isolated (`whichItemWorst`).
    worst_index: RoundRobin,
}

impl<'m> FaultStrategy<'m> {
    /// A strategy that knows of no fault. `items` has a place for each broker, that of its [`SlotId`]; a broker beyond is
    /// never at fault. `worst_index` is a random place to start from; only the 4.x line uses it.
    pub fn new(
        rules: Rules,
        send_latency_fault_enable: bool,
        items: &'m mut [FaultPlace],
        worst_index: RoundRobin,
    ) -> Self {
        Self { rules, send_latency_fault_enable, table: FaultTable::new(items), worst_index }
    }

    /// Whether [`Self::select`] wants a place to go on from for each attempt but a send's first.
    pub fn resets(&self) -> bool {
        self.rules == Rules::V5 && self.send_latency_fault_enable
    }

    /// Learns from an attempt that took `latency` (`MQFaultStrategy#updateFaultItem`). Returns what is known of the broker
    /// now, if anything is remembered at all.
    pub fn update(
        &mut self,
        now: Instant,
        broker: SlotId,
        latency: Duration,
        update: FaultUpdate,
    ) -> Option<FaultItem> {
        if !self.send_latency_fault_enable {
            return None;
        }
        let until = now.after(not_available_duration(self.rules, latency, update.isolation));
        let available_at = match self.rules {
            Rules::V4 => until,
            // A success in between, of an attempt that was on its way already, does not shorten what a failure has set.
            Rules::V5 => self.table.get(broker).map_or(until, |item| item.available_at.max(until)),
        };
        let item = FaultItem { broker, latency, available_at, reachable: update.reachable, tried_at: now };
        self.table.put(item);
        Some(item)
    }

    /// The broker that could not be reached and was tried longest ago, for a probe
    /// (`LatencyFaultToleranceImpl#detectByOneRound`, which also probes those that can be reached, to no effect).
    pub fn longest_unreachable(&self) -> Option<FaultItem> {
        self.table.iter().filter(|item| !item.reachable).min_by_key(|item| item.tried_at).copied()
    }

    /// Takes notice that a probe is on its way.
    pub fn probing(&mut self, now: Instant, broker: SlotId) {
        if let Some(item) = self.table.get_mut(broker) {
            item.tried_at = now;
        }
    }

    /// Takes notice that a probe was answered. That does not end an isolation. Returns what is known of the broker now, if
    /// that has changed.
    pub fn reached(&mut self, broker: SlotId) -> Option<FaultItem> {
        let item = self.table.get_mut(broker).filter(|item| !item.reachable)?;
        item.reachable = true;
        Some(*item)
    }

    /// Whether the broker is not isolated (`LatencyFaultTolerance#isAvailable`).
    pub fn is_available(&self, now: Instant, broker: SlotId) -> bool {
        self.table.get(broker).is_none_or(|item| item.is_available(now))
    }

    /// Whether the broker could be reached when it was last tried (`LatencyFaultTolerance#isReachable`).
    pub fn is_reachable(&self, broker: SlotId) -> bool {
        self.table.get(broker).is_none_or(|item| item.reachable)
    }

    /// Forgets the faults of brokers that `keep` does not want kept.
    pub fn retain(&mut self, keep: impl Fn(SlotId) -> bool) {
        self.table.retain(keep);
    }

    /// The queue for an attempt (`MQFaultStrategy#selectOneMessageQueue`). `last_broker` is that of the attempt before; `reset`
    /// is for an attempt that is not the first, a random place to go on from (`resetIndex` of the 5.x line).
    ///
    /// # Errors
    /// If there is none.
    pub fn select(
        &mut self,
        now: Instant,
        list: &mut PublishList<'_>,
        last_broker: Option<SlotId>,
        reset: Option<RoundRobin>,
    ) -> Result<QueueRef, NoQueues> {
        let elsewhere = |queue: QueueRef| Some(queue.broker) != last_broker;
        let queue = match self.rules {
            _ if !self.send_latency_fault_enable => list.next_where(elsewhere),
            Rules::V4 => self.select_v4(now, list),
            Rules::V5 => {
                *list.index = reset.unwrap_or(*list.index);
                list.next_where(|queue| elsewhere(queue) && self.is_available(now, queue.broker))
                    .or_else(|| list.next_where(|queue| elsewhere(queue) && self.is_reachable(queue.broker)))
            }
        };
        queue.or_else(|| list.next()).ok_or(NoQueues)
    }

    /// The first queue of an available broker, or else one of the better half of the others. The broker of the attempt before
    /// is not avoided for its own sake: if it failed, it is isolated.
    fn select_v4(&mut self, now: Instant, list: &mut PublishList<'_>) -> Option<QueueRef> {
        let available = list.ahead_where(|queue| self.is_available(now, queue.broker));
        if available.is_some() {
            return available;
        }
        let best = self.pick_one_at_least(now)?;
        match list.write_queue_nums.get(usize::from(best.index())) {
            Some(&count) if count > 0 => list.overwrite_next(best, count),
            // Nothing can be written there, so that it does not get in the way of the others again.
            _ => {
                self.table.retain(|broker| broker != best);
                None
            }
        }
    }

    /// One of the better half of all brokers that something is known of, in turn
    /// (`LatencyFaultToleranceImpl#pickOneAtLeast`, 4.x).
    fn pick_one_at_least(&mut self, now: Instant) -> Option<SlotId> {
        let half = self.table.iter().count() >> 1;
        // Of one item there is no half, and the index stays where it is.
        let better = if half == 0 { 0 } else { self.worst_index.step_within(half)? };
        self.table.nth_best(now, better).map(|item| item.broker)
    }
}

impl PublishList<'_> {
    /// The next queue.
    fn next(&mut self) -> Option<QueueRef> {
        let place = self.index.step_within(self.queues.len())?;
        self.queues.get(place).copied()
    }

    /// The next queue that will do, in one round.
    fn next_where(&mut self, will_do: impl Fn(QueueRef) -> bool) -> Option<QueueRef> {
        (0..self.queues.len()).find_map(|_| self.next().filter(|queue| will_do(*queue)))
    }

    /// Like [`Self::next_where`], but the index steps only once, however far ahead the queue is. Whatever follows a
    /// broker that is avoided therefore gets that broker's share too.
    fn ahead_where(&mut self, will_do: impl Fn(QueueRef) -> bool) -> Option<QueueRef> {
        let start = self.index.step();
        let len = i32::try_from(self.queues.len()).ok()?;
        (0..len).find_map(|ahead| {
            // The smallest `int` has no absolute value; what Java makes of it is the first place.
            let place = start.wrapping_add(ahead).checked_abs().map_or(Some(0), |at| at.checked_rem(len))?;
            self.queues.get(usize::try_from(place).ok()?).copied().filter(|queue| will_do(*queue))
        })
    }

    /// Makes the next entry one of the `count` queues of `broker`. That it stays so afterwards is what the reference does.
    fn overwrite_next(&mut self, broker: SlotId, count: u16) -> Option<QueueRef> {
        let place = self.index.step_within(self.queues.len())?;
        let queue_id = self.index.step_within(count.into())?;
        let entry = self.queues.get_mut(place)?;
        *entry = QueueRef { broker, queue_id: u16::try_from(queue_id).ok()? };
        Some(*entry)
    }
}

/// For how long a broker is avoided after an attempt (`MQFaultStrategy#computeNotAvailableDuration`).
fn not_available_duration(rules: Rules, latency: Duration, isolation: bool) -> Duration {
    let (ladder, isolated) = match rules {
        Rules::V4 => (&LADDER_V4, Duration::from_secs(30)),
        Rules::V5 => (&LADDER_V5, Duration::from_secs(10)),
    };
    let latency = if isolation { isolated } else { latency };
    let latency = millis(latency);
    let step = ladder.iter().rev().find(|(at_least, _)| latency >= *at_least);
    Duration::from_millis(step.map_or(0, |(_, avoided)| *avoided))
}

/// `latencyMax` and `notAvailableDuration` in milliseconds.
type Ladder = [(u64, u64); 7];

#[rustfmt::skip]
const LADDER_V4: Ladder =
    [(50, 0), (100, 0), (550, 30_000), (1_000, 60_000), (2_000, 120_000), (3_000, 180_000), (15_000, 600_000)];

#[rustfmt::skip]
const LADDER_V5: Ladder =
    [(50, 0), (100, 0), (550, 2_000),  (1_800, 5_000),  (3_000, 6_000),   (5_000, 10_000),  (15_000, 30_000)];

#[cfg(test)]
mod tests;
