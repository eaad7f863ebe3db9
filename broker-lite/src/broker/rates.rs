//! How much goes through in a second (`StoreStatsService`, `StatsItem`).

use core::time::Duration;

use rocketlite_core::Instant;

use crate::event::Counters;

/// Counts in so much time make a sample.
const STEP: Duration = Duration::from_secs(10);

/// Samples that are kept: those of ten minutes, and the one at their beginning.
const SAMPLES: usize = 61;

/// What had been counted at a time.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    at: Instant,
    stored: u64,
    pulled: u64,
}

/// Messages stored and handed out in the last 10, 60 and 600 seconds.
#[derive(Debug)]
pub(crate) struct Rates {
    /// The newest first.
    samples: heapless::Deque<Sample, SAMPLES>,
}

impl Default for Rates {
    fn default() -> Self {
        let mut samples = heapless::Deque::new();
        let _ = samples.push_front(Sample::default());
        Self { samples }
    }
}

/// So many in a second, in thousandths, in the last 10, 60 and 600 seconds.
pub(crate) type PerSecond = [u64; 3];

impl Rates {
    /// Takes note of the counters, if the last time was long enough ago.
    pub(crate) fn sample(&mut self, now: Instant, counters: &Counters) {
        if self.samples.front().is_some_and(|newest| now < newest.at.after(STEP)) {
            return;
        }
        if self.samples.is_full() {
            self.samples.pop_back();
        }
        let Counters { stored_messages: stored, pulled_messages: pulled, .. } = *counters;
        let _ = self.samples.push_front(Sample { at: now, stored, pulled });
    }

    /// How many were stored.
    pub(crate) fn stored(&self, now: Instant, counters: &Counters) -> PerSecond {
        self.per_second(now, counters.stored_messages, |sample| sample.stored)
    }

    /// How many were handed out.
    pub(crate) fn pulled(&self, now: Instant, counters: &Counters) -> PerSecond {
        self.per_second(now, counters.pulled_messages, |sample| sample.pulled)
    }

    fn per_second(&self, now: Instant, count: u64, of: impl Fn(&Sample) -> u64) -> PerSecond {
        [10, 60, 600].map(|seconds| {
            let old = |sample: &&Sample| now >= sample.at.after(Duration::from_secs(seconds));
            let since = self.samples.iter().find(old).or_else(|| self.samples.back());
            since.map_or(0, |since| thousandths(count.saturating_sub(of(since)), now.since(since.at)))
        })
    }
}

/// How often something happens, over the last minute or two: what a group consumes.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Rate {
    /// When the minute began that is counted, and what was in it and in the one before.
    since: u64,
    count: u64,
    before: u64,
}

const MINUTE: u64 = 60_000;

impl Rate {
    pub(crate) fn add(&mut self, now: Instant, count: u64) {
        *self = self.at(now);
        self.count = self.count.saturating_add(count);
    }

    /// So many in a second, in thousandths.
    pub(crate) fn per_second(&self, now: Instant) -> u64 {
        let Self { since, count, before } = self.at(now);
        let span = now.as_millis().saturating_sub(since).saturating_add(MINUTE);
        thousandths(count.saturating_add(before), Duration::from_millis(span))
    }

    fn at(&self, now: Instant) -> Self {
        let now = now.as_millis();
        let past = now.saturating_sub(self.since) / MINUTE;
        match past {
            0 => self.clone(),
            _ => Self {
                since: now.saturating_sub(now % MINUTE),
                count: 0,
                before: if past == 1 { self.count } else { 0 },
            },
        }
    }
}

fn thousandths(count: u64, span: Duration) -> u64 {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1_000_000).checked_div(millis).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(stored: u64) -> Counters {
        Counters { stored_messages: stored, ..Counters::default() }
    }

    #[test]
    fn rates_are_those_of_three_spans() {
        let mut rates = Rates::default();
        let at = Instant::from_millis;
        assert_eq!(rates.stored(at(0), &counters(0)), [0; 3]);
        assert_eq!(rates.stored(at(5_000), &counters(50)), [10_000; 3], "10 in each of 5 seconds");
        for second in 1..=900 {
            // 10 a second, and none in the last minute.
            rates.sample(at(second * 1_000), &counters((second * 10).min(8_400)));
        }
        assert_eq!(rates.stored(at(900_000), &counters(8_400)), [0, 0, 9_000]);
        assert_eq!(rates.stored(at(910_000), &counters(8_500)), [10_000, 1_666, 9_000]);
    }

    #[test]
    fn a_rate_looks_back_a_minute_or_two() {
        let mut rate = Rate::default();
        let at = Instant::from_millis;
        rate.add(at(30_000), 600);
        assert_eq!(rate.per_second(at(60_000)), 10_000);
        rate.add(at(90_000), 300);
        assert_eq!(rate.per_second(at(90_000)), 10_000);
        assert_eq!(rate.per_second(at(180_000)), 0, "two minutes later");
    }
}
