//! Against the real thing: Apache RocketMQ 4.9.7 and 5.4.0 take our messages, and their unmodified clients, in Java and Go,
//! send to our broker.
//!
//! `ROCKETLITE_INTEROP=1` asks for these tests, and `all` for the slow ones too, where servers are killed while we send;
//! without it they say that they were skipped. They need `java`, `mvn`
//! and `go`, and download the reference once. `ROCKETLITE_FIRMWARE=1` asks for those with an emulated device, which need what
//! `examples/firmware/README.md` names. `README.md` beside this file says what the scripts do.

mod device;
mod failures;
mod modes;
mod reference;
mod to_apache;
mod to_rocketlite;

/// Whether these tests are wanted; says so on the terminal if not, where a captured line would be lost.
fn wanted(test: &str) -> bool {
    asked_for(test, &["1", "all"])
}

/// As [`wanted`], for tests that kill servers or keep the machine busy for minutes.
fn wanted_slow(test: &str) -> bool {
    asked_for(test, &["all"])
}

fn asked_for(test: &str, by: &[&str]) -> bool {
    let wanted = std::env::var("ROCKETLITE_INTEROP").is_ok_and(|value| by.contains(&value.as_str()));
    if !wanted {
        rocketlite_tests::say(&format!(
            "interop {test}: skipped, ROCKETLITE_INTEROP is not {}",
            by.join(" or ")
        ));
    }
    wanted
}
