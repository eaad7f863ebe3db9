//! Against the real thing: Apache RocketMQ 4.9.7 and 5.4.0 take our messages, and their unmodified clients, in Java and Go,
//! send to our broker.
//!
//! `ROCKETLITE_INTEROP=1` asks for these tests; without it they say that they were skipped. They need `java`, `mvn` and
//! `go`, and download the reference once. `ROCKETLITE_FIRMWARE=1` asks for those with an emulated device, which need what
//! `examples/firmware/README.md` names. `README.md` beside this file says what the scripts do.

mod access;
mod admin;
mod consume;
mod crash;
mod device;
mod failures;
mod hanging;
mod modes;
mod names;
mod pair;
mod reference;
mod refused;
mod to_apache;
mod to_rocketlite;

/// Whether these tests are wanted; says so on the terminal if not, where a captured line would be lost.
fn wanted(test: &str) -> bool {
    let wanted = std::env::var("ROCKETLITE_INTEROP").is_ok_and(|value| !matches!(value.as_str(), "" | "0"));
    if !wanted {
        rocketlite_tests::say(&format!("interop {test}: skipped, ROCKETLITE_INTEROP is not 1"));
    }
    wanted
}
