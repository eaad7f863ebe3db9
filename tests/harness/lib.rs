//! What the test binaries of this package share.

#[cfg(unix)]
pub mod disk;
pub mod encode;
pub mod folder;
pub mod golden;
pub mod port;
pub mod program;
pub mod raw;
pub mod restarted;
pub mod scripted;
pub mod simulation;

use std::io::Write as _;

/// Prints past the test runner, which keeps what a passing test prints to itself.
pub fn say(line: &str) {
    // A closed stream is no reason to fail.
    let _ = writeln!(std::io::stderr(), "{line}");
}
