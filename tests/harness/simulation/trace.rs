//! What has happened: all of it as one number, the last of it as text.

use core::fmt;
use std::collections::VecDeque;

use rocketlite_core::Instant;

/// Kept as text.
const LAST: usize = 50;

/// The trace of a run.
#[derive(Debug, Clone)]
pub struct Trace {
    hash: u64,
    count: u64,
    last: VecDeque<String>,
}

impl Default for Trace {
    fn default() -> Self {
        // The offset basis of FNV-1a.
        Self { hash: 0xcbf2_9ce4_8422_2325, count: 0, last: VecDeque::new() }
    }
}

impl Trace {
    /// Takes notice of something.
    pub fn note(&mut self, now: Instant, what: impl fmt::Display) {
        let line = format!("{:>7} {what}", now.as_millis());
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.count += 1;
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// Equal for equal runs.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// How many things have happened.
    pub const fn count(&self) -> u64 {
        self.count
    }
}

/// The last of it.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.last.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
