//! The `rocketlite` program and the examples, run as a user runs them: arguments, standard streams, signals, exit codes.

mod broker;
#[cfg(unix)]
mod data;
mod demo;
mod examples;
mod limits;
#[cfg(unix)]
mod log;
mod logging;
mod mistakes;
mod outbox;
mod send;
mod tail;

use rocketlite_tests::program::{Finished, RunningBroker, rocketlite, run};
use serde_json::Value;

/// `rocketlite send` to a broker that runs, with time also on a machine that is busy with something else.
fn send(broker: &RunningBroker, arguments: &[&str]) -> Finished {
    run(rocketlite(&[&["send", "--namesrv", &broker.address, "--timeout", "30000"], arguments].concat()))
}

/// The lines that `rocketlite send --json` prints, which all say that a message was stored.
fn stored(finished: &Finished) -> Vec<Value> {
    let lines = finished.json_lines();
    for line in &lines {
        assert_eq!(line["status"], "SEND_OK", "{line}");
    }
    lines
}
