//! Streams cut into frames.

use rocketlite_core::wire::frame::{DEFAULT_MAX_FRAME, LENGTH_BYTES, frame_size};

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    held: Vec<u8>,
}

impl Cutter {
    /// Takes bytes in, and gives `each` every frame that is complete, its length word included.
    pub(super) fn take(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) {
        self.held.extend_from_slice(bytes);
        while let Ok(Some(size)) = frame_size(&self.held, DEFAULT_MAX_FRAME) {
            if self.held.len() < size {
                return;
            }
            let rest = self.held.split_off(size);
            each(&core::mem::replace(&mut self.held, rest));
        }
    }

    /// How many bytes of `bytes`, which come next, belong to the frame that has begun, or to the first of them.
    pub(super) fn up_to_end_of_frame(&self, bytes: &[u8]) -> usize {
        let start: Vec<u8> = self.held.iter().chain(bytes).take(LENGTH_BYTES).copied().collect();
        match frame_size(&start, DEFAULT_MAX_FRAME) {
            Ok(Some(size)) => bytes.len().min(size - self.held.len()),
            _ => bytes.len(),
        }
    }
}
