//! Properties that the broker sets in the place of a message's own.

use core::fmt::{self, Write as _};

use rocketlite_core::message::properties::{DELAY, REAL_QID, REAL_TOPIC};

use crate::table::Name;

/// Names and values, each once. No value is longer than a topic.
#[derive(Debug, Default)]
pub(super) struct Overrides(heapless::Vec<(&'static str, Name), 6>);

impl Overrides {
    pub(super) fn set(&mut self, name: &'static str, value: impl fmt::Display) {
        let mut text = Name::new();
        let written = write!(text, "{value}").is_ok() && self.0.push((name, text)).is_ok();
        debug_assert!(written, "{name} has no room");
    }

    /// The message waits for the time of a level, then it goes to a queue of `topic`
    /// (`HookUtils#transformDelayLevelMessage`).
    pub(super) fn delay(&mut self, level: i32, topic: &str, queue_id: i32) {
        self.set(DELAY, level);
        self.set(REAL_TOPIC, topic);
        self.set(REAL_QID, queue_id);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}
