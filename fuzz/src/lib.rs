//! What must hold for any input at all: one function a target, which libFuzzer, the program `random` and the tests call.
//!
//! A target takes bytes and panics when something does not hold. It needs nothing from outside, so an input that was once
//! found runs the same way everywhere.
#![forbid(unsafe_code)]

mod broker;
mod choice;
mod commit_log;
mod frame;
mod header;
mod json;
pub mod mutate;
mod producer;
mod route;
mod seeds;
mod stored_message;

use core::fmt::Debug;
use core::sync::atomic::{AtomicBool, Ordering};

static SHOWS: AtomicBool = AtomicBool::new(false);

/// From now on every operation of a list is printed before it is run.
pub fn show_operations() {
    SHOWS.store(true, Ordering::Relaxed);
}

fn show(operation: &dyn Debug) {
    if SHOWS.load(Ordering::Relaxed) {
        println!("{operation:?}");
    }
}

/// Bytes to try, and what must hold for them.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Target {
    /// Its name, also that of its program for libFuzzer.
    pub name: &'static str,
    /// Longer inputs find nothing new, only later.
    pub max_len: usize,
    check: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: [Target; 8] = [
    Target { name: "frame", max_len: 1_024, check: frame::check, seeds: seeds::frames },
    Target { name: "json_header", max_len: 1_024, check: header::check_json, seeds: seeds::json_headers },
    Target {
        name: "binary_header",
        max_len: 1_024,
        check: header::check_binary,
        seeds: seeds::binary_headers,
    },
    Target { name: "route", max_len: 1_024, check: route::check, seeds: seeds::routes },
    Target { name: "stored_message", max_len: 1_024, check: stored_message::check, seeds: seeds::messages },
    Target { name: "commit_log", max_len: 512, check: commit_log::check, seeds: seeds::operations },
    Target { name: "producer", max_len: 512, check: producer::check, seeds: seeds::operations },
    Target { name: "broker", max_len: 512, check: broker::check, seeds: seeds::operations },
];

impl Target {
    /// The target `name`.
    pub fn find(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Checks that everything holds for `input`.
    ///
    /// # Panics
    /// If something does not.
    pub fn check(&self, input: &[u8]) {
        (self.check)(input);
    }

    /// Inputs to start from: the reference's recorded bytes, where the target reads such bytes.
    ///
    /// # Panics
    /// If the recorded bytes cannot be read.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        let mut seeds = (self.seeds)();
        seeds.retain(|seed| seed.len() <= self.max_len);
        seeds
    }
}

/// Checks `input` by the target `name`.
///
/// # Panics
/// If something does not hold, or there is no such target.
pub fn run(name: &str, input: &[u8]) {
    Target::find(name).unwrap_or_else(|| panic!("there is no target {name}")).check(input);
}
