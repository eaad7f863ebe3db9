use super::*;
use std::vec::Vec;

const A: SlotId = SlotId::new(0, 0);
const B: SlotId = SlotId::new(1, 0);
const NOW: Instant = Instant::from_millis(1_000_000);
const FAILED: FaultUpdate = FaultUpdate { isolation: true, reachable: false };
const STORED: FaultUpdate = FaultUpdate { isolation: false, reachable: true };

/// A strategy and one topic with `counts[place]` queues on each broker.
struct Bench {
    strategy: FaultStrategy<'static>,
    queues: Vec<QueueRef>,
    counts: Vec<u16>,
    index: RoundRobin,
}

impl Bench {
    fn new(rules: Rules, counts: &[u16]) -> Self {
        Self::with(rules, true, counts)
    }

    fn with(rules: Rules, enable: bool, counts: &[u16]) -> Self {
        let memory = std::vec![FaultPlace::EMPTY; counts.len()].leak();
        let queues = (0u16..).zip(counts).flat_map(|(place, count)| {
            (0..*count).map(move |queue_id| QueueRef { broker: SlotId::new(place, 0), queue_id })
        });
        Self {
            strategy: FaultStrategy::new(rules, enable, memory, RoundRobin::new(-1)),
            queues: queues.collect(),
            counts: counts.to_vec(),
            index: RoundRobin::new(-1),
        }
    }

    fn update(&mut self, broker: SlotId, millis: u64, update: FaultUpdate) {
        self.strategy.update(NOW, broker, Duration::from_millis(millis), update);
    }

    fn select(&mut self, after: u64, last_broker: Option<SlotId>, reset: Option<i32>) -> Option<(u16, u16)> {
        let now = NOW.after(Duration::from_millis(after));
        let Self { strategy, queues, counts, index } = self;
        let mut list = PublishList { queues, index, write_queue_nums: counts };
        let queue = strategy.select(now, &mut list, last_broker, reset.map(RoundRobin::new)).ok()?;
        Some((queue.broker.index(), queue.queue_id))
    }

    fn brokers(&mut self, after: u64, last: Option<SlotId>) -> Vec<u16> {
        (0..4).map(|_| self.select(after, last, None).unwrap().0).collect()
    }
}

#[test]
fn a_retry_goes_to_the_next_queue_of_another_broker() {
    for rules in [Rules::V4, Rules::V5] {
        let mut bench = Bench::with(rules, false, &[2, 2, 1]);
        let mut last = None;
        let order: Vec<u16> = (0..4)
            .map(|_| {
                let (broker, _) = bench.select(0, last, None).unwrap();
                last = Some(SlotId::new(broker, 0));
                broker
            })
            .collect();
        assert_eq!(order, [0, 1, 2, 0]);
    }
}

#[test]
fn a_single_broker_is_tried_again_on_the_queue_after_a_whole_round() {
    let mut bench = Bench::with(Rules::V5, false, &[3]);
    assert_eq!(bench.select(0, None, None), Some((0, 0)));
    assert_eq!(bench.select(0, Some(A), None), Some((0, 1)));
}

#[test]
fn what_is_not_enabled_learns_nothing_and_does_not_reset() {
    let mut bench = Bench::with(Rules::V5, false, &[1, 1]);
    bench.update(A, 60_000, FAILED);
    assert!(bench.strategy.is_available(NOW, A) && bench.strategy.is_reachable(A));
    assert_eq!(bench.select(0, Some(B), Some(700)), Some((0, 0)));
    assert_eq!(bench.index.value(), 0);
}

#[test]
fn no_queue_is_an_error_in_every_mode() {
    for (rules, enable) in [(Rules::V4, false), (Rules::V4, true), (Rules::V5, false), (Rules::V5, true)] {
        let mut bench = Bench::with(rules, enable, &[0, 0]);
        bench.update(A, 5, FAILED);
        assert_eq!(bench.select(0, Some(A), None), None);
    }
}

#[test]
fn a_failure_isolates_for_the_time_of_its_line() {
    for (rules, millis) in [(Rules::V4, 600_000), (Rules::V5, 10_000)] {
        let mut bench = Bench::new(rules, &[2, 2]);
        bench.update(A, 3, FAILED);
        assert_eq!(bench.brokers(millis - 1, None), [1; 4]);
        assert!(bench.brokers(millis, None).contains(&0));
    }
}

#[test]
fn only_the_4_x_line_forgives_at_the_next_success() {
    for (rules, available) in [(Rules::V4, true), (Rules::V5, false)] {
        let mut bench = Bench::new(rules, &[2, 2]);
        bench.update(A, 3, FAILED);
        bench.update(A, 3, STORED);
        assert_eq!(bench.strategy.is_available(NOW, A), available);
        assert!(bench.strategy.is_reachable(A));
    }
}

#[test]
fn the_queue_after_an_isolated_broker_gets_its_share_in_4_x() {
    let mut bench = Bench::new(Rules::V4, &[4, 4]);
    bench.update(A, 3, FAILED);
    let ids: Vec<_> = (0..8).map(|_| bench.select(0, None, None).unwrap()).collect();
    assert_eq!(ids, [0, 0, 0, 0, 0, 1, 2, 3].map(|id| (1, id)));
}

#[test]
fn all_isolated_in_4_x_rewrites_entries_to_the_best_broker() {
    let mut bench = Bench::new(Rules::V4, &[1, 3]);
    bench.update(A, 11, FAILED);
    bench.update(B, 12, FAILED);
    // One step to look for an available broker, one for the entry (2 % 4 was 1), one for the queue.
    assert_eq!(bench.select(0, None, None), Some((0, 0)));
    assert_eq!(bench.index.value(), 2);
    assert_eq!(bench.queues[1], QueueRef { broker: A, queue_id: 0 });
}

#[test]
fn a_best_broker_that_cannot_be_written_is_forgotten_in_4_x() {
    let mut bench = Bench::new(Rules::V4, &[2, 0]);
    bench.update(A, 900, FAILED);
    bench.update(B, 5, FAILED);
    assert!(!bench.strategy.is_available(NOW, B));
    bench.select(0, None, None).unwrap();
    assert!(bench.strategy.is_available(NOW, B));
    // Then nothing is left but the isolated broker itself, whose entry names it already.
    assert_eq!(bench.select(0, None, None).unwrap().0, 0);
    // And an empty table ends in the plain round.
    bench.strategy.retain(|_| false);
    bench.counts = std::vec![0, 0];
    assert_eq!(bench.select(0, None, None).unwrap().0, 0);
}

#[test]
fn half_of_the_isolated_brokers_take_turns_in_4_x() {
    let mut bench = Bench::new(Rules::V4, &[1; 5]);
    for (place, latency) in (0u16..).zip([500, 400, 300, 200, 100]) {
        bench.update(SlotId::new(place, 0), latency, FAILED);
    }
    assert_eq!(bench.brokers(0, None), [4, 3, 4, 3]);
}

#[test]
fn the_5_x_line_tries_available_then_reachable_then_any() {
    let mut bench = Bench::new(Rules::V5, &[1, 1]);
    bench.update(A, 3, FaultUpdate { isolation: true, reachable: true });
    assert_eq!(bench.brokers(0, None), [1; 4]);
    bench.update(B, 3, FAILED);
    assert_eq!(bench.brokers(0, None), [0; 4]);
    // The only reachable broker is the one that has just failed: plainly the next queue.
    assert_eq!(bench.brokers(0, Some(A)), [1, 0, 1, 0]);
}

#[test]
fn a_reset_starts_the_round_anew_in_5_x_only() {
    for (rules, expected) in [(Rules::V4, 0), (Rules::V5, 701)] {
        let mut bench = Bench::new(rules, &[2]);
        bench.select(0, None, Some(700));
        assert_eq!(bench.index.value(), expected);
    }
}
