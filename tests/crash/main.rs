//! The real broker with a data directory, killed at random moments while it works, and started again: what it has
//! acknowledged is there. `ROCKETLITE_KILLS` says how often each is killed.
//!
//! A broker that is killed loses what is in its memory, and nothing that it has given to the system; `tests/storage` and the
//! simulation take power away as well.
#![cfg(unix)]

mod audit;
mod consumer;
#[cfg(target_os = "linux")]
mod failing_disk;
mod ledger;
mod reader;
mod senders;

use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rocketlite_core::Rng;
use rocketlite_tests::program::DEADLINE;
use rocketlite_tests::restarted::RestartedBroker;

use crate::consumer::Consumer;
use crate::ledger::Ledger;
use crate::senders::Senders;

/// What is sent to, each with several queues.
const TOPICS: [&str; 3] = ["CrashA", "CrashB", "CrashC"];

/// More than any of the topics has.
const QUEUES: i32 = 8;

/// How a broker is set up, and what may become of its messages.
struct Variant {
    name: &'static str,
    seed: u64,
    flush: &'static str,
    /// The log, if it is to be so small that it is written over again and again.
    lapping: Option<usize>,
}

#[test]
fn with_sync_flush_nothing_acknowledged_is_lost() {
    survives(&Variant { name: "sync", seed: 1, flush: "sync", lapping: None });
}

#[test]
fn a_log_that_laps_loses_only_what_is_old() {
    survives(&Variant { name: "laps", seed: 2, flush: "sync", lapping: Some(2 << 20) });
}

#[test]
fn with_async_flush_a_killed_process_loses_nothing_either() {
    survives(&Variant { name: "async", seed: 3, flush: "async", lapping: None });
}

/// In order also while 80 sends are under way: the senders are told, and nothing is left to be recovered.
#[test]
fn asked_to_end_while_messages_come_it_saves_everything() {
    let mut broker = RestartedBroker::start("ends", &["--flush", "sync"], None);
    let ledger = Arc::new(Mutex::new(Ledger::new(None)));
    let senders = Senders::start(broker.address(), &ledger, 5);
    for _ in 0..3 {
        let enough = senders.acknowledged() + 300;
        senders.go_on_until(u64::MAX);
        await_that("messages are acknowledged", || senders.acknowledged() >= enough);
        broker.stop();
        senders.go_on_until(0);
        broker.start_again();
        audit::everything_acknowledged_is_there(broker.address(), &ledger);
    }
    senders.stop();
    broker.stop();
    assert_eq!(broker.recovered(), 0, "of all starts");
}

fn survives(variant: &Variant) {
    let kills = kills();
    let mut rng = Rng::new(variant.seed);
    let mut broker = RestartedBroker::start(variant.name, &["--flush", variant.flush], variant.lapping);
    let ledger = Arc::new(Mutex::new(Ledger::new(variant.lapping)));
    let senders = Senders::start(broker.address(), &ledger, variant.seed);
    let consumer = Consumer::start(broker.address(), &ledger);
    for _ in 0..kills {
        let enough = senders.acknowledged() + 20 + u64::from(rng.below(300));
        // More than can be sent until the broker is killed, so that sends are under way then, and not without end.
        senders.go_on_until(enough + 250);
        await_that("messages are acknowledged", || senders.acknowledged() >= enough);
        consumer.check();
        pause(&mut rng, 20_000);
        if rng.below(3) == 0 {
            broker.kill_while_it_ends(|| pause(&mut rng, 20_000));
        } else {
            broker.kill();
        }
        while rng.below(4) == 0 {
            broker.kill_while_it_starts(|| pause(&mut rng, 40_000));
        }
        broker.start_again();
        audit::everything_acknowledged_is_there(broker.address(), &ledger);
    }
    let sent = senders.stop();
    let finished = consumer.finish();
    broker.stop();
    let recovered = broker.recovered();
    broker.start_again();
    audit::everything_acknowledged_is_there(broker.address(), &ledger);
    finished.is_where_it_was(broker.address());
    broker.stop();
    assert_eq!(broker.newest_recovered(), Some(0), "it has ended in order");
    rocketlite_tests::say(&format!(
        "crash {}: {kills} kills, {sent}, {recovered} records recovered, {finished}",
        variant.name
    ));
    assert!(recovered > 0, "the broker never had anything to recover");
}

/// How often each broker is killed.
fn kills() -> u32 {
    let text = std::env::var("ROCKETLITE_KILLS").unwrap_or_else(|_| "20".to_owned());
    text.parse().unwrap_or_else(|error| panic!("ROCKETLITE_KILLS={text}: {error}"))
}

/// Waits for less than so many microseconds.
fn pause(rng: &mut Rng, micros: u32) {
    std::thread::sleep(Duration::from_micros(rng.below(micros).into()));
}

/// Waits until something is so.
#[track_caller]
fn await_that(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
