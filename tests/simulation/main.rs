//! The deterministic simulation: seeds that are always run, and fresh ones.
//!
//! `ROCKETLITE_SEED=N` runs one seed and tells everything about it, `ROCKETLITE_SEEDS=N` as many fresh ones, with both from
//! that seed on.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use rocketlite_tests::say;
use rocketlite_tests::simulation::{Marks, Plan, run, shorten};

/// Those that are always run.
const FIXED: u64 = 400;
/// Fresh ones, if nobody says how many.
const FRESH: u64 = 200;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is '{text}', a number is allowed")))
}

/// Runs a seed. What is found wrong is shortened, and told with what it takes to see it again.
fn check(seed: u64, marks: &mut Marks) -> u64 {
    let plan = Plan::draw(seed);
    let finding = match run(&plan) {
        Ok(report) => {
            marks.add(&report.marks);
            return report.trace_hash;
        }
        Err(finding) => finding,
    };
    let shortest = shorten(&plan);
    let finding = run(&shortest).err().unwrap_or(finding);
    let faults = shortest.told_faults();
    panic!(
        "{finding}\ncommit {}\nfaults that are needed: {faults:#?}\nagain with: ROCKETLITE_SEED={seed} cargo test -p \
         rocketlite-tests --test simulation one_seed",
        commit()
    );
}

fn commit() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let told = output.ok().filter(|output| output.status.success());
    told.map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn one_seed() {
    if let Some(seed) = setting("ROCKETLITE_SEED") {
        let mut marks = Marks::default();
        say(&format!("{:#?}", Plan::draw(seed)));
        check(seed, &mut marks);
        say(&marks.to_string());
    }
}

#[test]
fn fixed_seeds_hold_and_meet_everything_that_can_be_met() {
    let mut marks = Marks::default();
    for seed in 0..FIXED {
        check(seed, &mut marks);
    }
    assert_eq!(marks.missing(), [""; 0], "met:\n{marks}");
}

#[test]
fn what_waits_behind_a_send_on_a_lost_connection_does_not_follow_it_to_another_broker() {
    check(907_504_304_753, &mut Marks::default());
}

fn by_chance() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    FIXED + u64::from(now.subsec_nanos()) * 1_000
}

#[test]
fn a_send_that_waits_for_its_route_keeps_no_broker_in_the_table() {
    check(1_000_000_631, &mut Marks::default());
}

#[test]
fn what_is_known_of_the_broker_of_a_chosen_queue_stays_until_the_send_has_ended() {
    check(1_000_002_794, &mut Marks::default());
}

#[test]
fn fresh_seeds_hold() {
    let seeds = setting("ROCKETLITE_SEEDS").unwrap_or(FRESH);
    let first = setting("ROCKETLITE_SEED").unwrap_or_else(by_chance);
    for seed in first..first + seeds {
        check(seed, &mut Marks::default());
    }
    say(&format!("simulation: {seeds} fresh seeds from {first} held"));
}

#[test]
fn a_seed_always_runs_the_same_way() {
    for seed in 1_000..1_020 {
        let hashes = [(); 2].map(|()| check(seed, &mut Marks::default()));
        assert_eq!(hashes[0], hashes[1], "seed {seed}");
    }
}
