//! Where there are no files: a build without the feature `data`, or for another system than Unix.

use rocketlite_broker::Broker as Engine;
use rocketlite_core::Instant;

/// None is ever there.
#[derive(Debug)]
pub(super) enum Map {}

impl AsMut<[u8]> for Map {
    fn as_mut(&mut self) -> &mut [u8] {
        match *self {}
    }
}

/// None is ever there.
#[derive(Debug)]
pub(super) enum Storage {}

impl Storage {
    pub(super) fn persist(&self, _: &mut Engine<'_>, _: Instant) {
        match *self {}
    }
}
