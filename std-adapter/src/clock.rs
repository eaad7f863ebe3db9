//! The clocks of the machine, as the engines want them.

use core::hash::BuildHasher;
use core::time::Duration;
use std::hash::RandomState;
use std::time::{SystemTime, UNIX_EPOCH};

use rocketlite_core::{Instant, WallClock};

/// A monotonic clock whose origin is its creation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: tokio::time::Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: tokio::time::Instant::now() }
    }

    /// The present, cut to milliseconds.
    pub(crate) fn now(&self) -> Instant {
        let millis = self.origin.elapsed().as_millis();
        Instant::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// When to wake for `instant`. An instant too far ahead for the machine's clock is a year ahead.
    pub(crate) fn wake_at(&self, instant: Instant) -> tokio::time::Instant {
        let year = Duration::from_hours(24 * 365);
        let span = Duration::from_millis(instant.as_millis()).min(self.origin.elapsed() + year);
        self.origin + span
    }

    /// The wall clock, anchored at the present.
    pub(crate) fn wall(&self) -> WallClock {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallClock::new(self.now(), u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A seed that differs from process to process and from call to call.
pub(crate) fn seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
