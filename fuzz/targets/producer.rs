//! libFuzzer's entrance to the target of this name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rocketlite_fuzz::run("producer", data));
