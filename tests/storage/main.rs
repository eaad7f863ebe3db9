//! The files of a data directory: on a disk that loses power and fails, and on the real one.
#![cfg(unix)]

mod checkpoints;
mod directory;
mod flips;
mod marks;
mod mistakes;
mod model;
mod power_loss;
mod temporary;

use rocketlite_core::Rng;

/// Histories that are run, each with a seed of its own.
const SEEDS: u64 = 4_000;

/// Bytes that only these numbers have.
fn pattern(of: [u64; 3], len: usize) -> Vec<u8> {
    let [a, b, c] = of;
    let mut rng = Rng::new(Rng::new(a).next_u64() ^ Rng::new(!b).next_u64().rotate_left(17) ^ c);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&rng.next_u64().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
