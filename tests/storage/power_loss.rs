//! The engine and its files together, on a disk that loses power, fails, and flips bits.
//!
//! A seed is the life story of a data directory: several lives of a broker, each of which ends with a shutdown, a kill or a
//! power cut. Clients only know what they are told, and that has to stay true.
//!
//! `ROCKETLITE_SEED=N` runs one seed and tells its story, `ROCKETLITE_SEEDS=N` as many fresh ones, with both from that seed on.

mod client;
mod flips;
mod ledger;
mod life;
mod story;

use std::panic::{AssertUnwindSafe, catch_unwind};

use rocketlite_tests::say;
use rocketlite_tests::simulation::Marks;

use story::Story;

/// Those that are always run.
const FIXED: u64 = 1_000;

/// What they have to meet.
const EXPECTED: &[&str] = &[
    "Kill with data that is not flushed",
    "PowerCut with data that is not flushed",
    "Shutdown with data that is not flushed",
    "a flush and a checkpoint are under way",
    "a job fails",
    "a write fails",
    "async: an acknowledged message was lost with the power",
    "bits of BothSlots flipped",
    "bits of Index flipped",
    "bits of Log flipped",
    "bits of LogAndIndex flipped",
    "bits of Mark flipped",
    "bits of Slot flipped",
    "checkpoint cut in the middle",
    "checkpoint saved",
    "damage found and reported",
    "delayed messages are there after all lives",
    "evicted",
    "full",
    "held back until old records may be written over",
    "index rebuilt",
    "records recovered that no checkpoint knew",
    "recovered after two laps",
    "send answered with 0",
    "send answered with 10",
    "send answered with 14",
    "the end of the log was lost with the power",
    "the files are not opened",
    "topic answered with 0",
    "topic answered with 1",
    "topic answered with 14",
    "two laps",
];

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is '{text}', a number is allowed")))
}

/// Runs a seed; one of four flips bits.
fn check(seed: u64) -> (Marks, Vec<String>) {
    let mut story = Story::new(seed, seed % 4 == 3);
    if catch_unwind(AssertUnwindSafe(|| story.run())).is_err() {
        let told = story.told.join("\n");
        panic!(
            "seed {seed}: {told}\nagain with: ROCKETLITE_SEED={seed} cargo test -p rocketlite-tests --test storage one_story"
        );
    }
    (story.marks, story.told)
}

/// Runs seeds on as many threads as there are cores.
fn check_all(seeds: core::ops::Range<u64>) -> Marks {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let run = |of: u64| {
        let mut marks = Marks::default();
        for seed in seeds.clone().filter(|seed| seed % threads == of) {
            marks.add(&check(seed).0);
        }
        marks
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|of| scope.spawn(move || run(of))).collect();
        let mut all = Marks::default();
        for handle in handles {
            match handle.join() {
                Ok(marks) => all.add(&marks),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

#[test]
fn one_story() {
    if let Some(seed) = setting("ROCKETLITE_SEED") {
        let (marks, told) = check(seed);
        say(&format!("{}\n{marks}", told.join("\n")));
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_broken_is_served() {
    let marks = check_all(0..FIXED);
    assert_eq!(marks.missing_of(EXPECTED), [""; 0], "met:\n{marks}");
}

#[test]
fn fresh_stories_hold() {
    if let Some(seeds) = setting("ROCKETLITE_SEEDS") {
        let first = setting("ROCKETLITE_SEED").unwrap_or(FIXED);
        check_all(first..first + seeds);
        say(&format!("storage: {seeds} fresh stories from {first} held"));
    }
}
