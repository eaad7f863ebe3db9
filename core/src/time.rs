//! Time as an argument: a monotonic [`Instant`] for every decision, a [`WallClock`] for what goes on the wire.

use core::time::Duration;

/// Milliseconds of a monotonic clock of the caller's choice.
///
/// Only differences matter. The arithmetic saturates: no deadline wraps around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The clock's origin.
    pub const ZERO: Self = Self(0);

    /// An instant `millis` milliseconds after the clock's origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the clock's origin.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This instant moved `span` into the future; parts of a millisecond are dropped.
    #[must_use]
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// The time from `earlier` to this instant, zero if `earlier` is later.
    #[cfg_attr(target_os = "none", inline(never))]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Wall time, as an anchor on the monotonic clock. It decides nothing: it only fills timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WallClock {
    at: Instant,
    unix_millis: u64,
}

impl WallClock {
    /// At the instant `at` the wall clock showed `unix_millis`, milliseconds since 1970 UTC.
    pub const fn new(at: Instant, unix_millis: u64) -> Self {
        Self { at, unix_millis }
    }

    /// Milliseconds since 1970 UTC at `now`, as a Java `long`.
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn unix_millis(&self, now: Instant) -> i64 {
        let millis = if now >= self.at {
            self.unix_millis.saturating_add(now.0.saturating_sub(self.at.0))
        } else {
            self.unix_millis.saturating_sub(self.at.0.saturating_sub(now.0))
        };
        i64::try_from(millis).unwrap_or(i64::MAX)
    }
}

/// What `used` leaves of `span`, none if it is more: `Duration::checked_sub` in whole milliseconds, without its code for
/// nanoseconds that run over.
pub(crate) fn left(span: Duration, used: Duration) -> Option<Duration> {
    millis(span).checked_sub(millis(used)).map(Duration::from_millis)
}

/// The sooner of two instants, if there is one.
#[cfg_attr(target_os = "none", inline(never))]
pub(crate) fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Whole milliseconds of `span`, the unit of every timer here. `Duration::as_millis` has 128 bits, which cost a
/// microcontroller dearly.
#[cfg_attr(target_os = "none", inline(never))]
pub(crate) fn millis(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1_000).saturating_add(span.subsec_millis().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_saturate() {
        let end = Instant::from_millis(u64::MAX);
        assert_eq!(end.after(Duration::from_secs(1)), end);
        assert_eq!(Instant::ZERO.since(end), Duration::ZERO);
    }

    #[test]
    fn wall_time_follows_the_anchor_both_ways() {
        let clock = WallClock::new(Instant::from_millis(1_000), 1_700_000_000_000);
        assert_eq!(clock.unix_millis(Instant::from_millis(1_500)), 1_700_000_000_500);
        assert_eq!(clock.unix_millis(Instant::from_millis(400)), 1_699_999_999_400);
    }
}
