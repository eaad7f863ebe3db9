//! `rocketlite broker --data`: what is kept, and what is wrong with a directory.

use rocketlite_tests::folder::Folder;
use rocketlite_tests::program::{Finished, RunningBroker, rocketlite, run};
use serde_json::Value;

use crate::{send, stored};

fn broker(data: &str, more: &[&str]) -> RunningBroker {
    let small = ["--data", data, "--capacity", "20MiB", "--max-topics", "64"];
    RunningBroker::spawn(&[&small[..], more].concat())
}

/// A broker that does not start, and says why in one line.
#[track_caller]
fn refused(arguments: &[&str], words: &[&str]) -> Finished {
    let command = rocketlite(&[&["broker", "--listen", "127.0.0.1:0"], arguments].concat());
    let finished = run(command);
    let complaint = finished.complaint();
    for word in words {
        assert!(complaint.contains(word), "no '{word}': {complaint}");
    }
    assert_eq!(finished.stdout, "", "{complaint}");
    finished
}

/// Where the messages of topic `T` are, with their ids and bodies.
fn places(lines: &[Value]) -> Vec<(i64, i64, String)> {
    let number = |line: &Value, field| line[field].as_i64().expect("a number");
    let id = |line: &Value| line["msgId"].as_str().expect("an id").to_owned();
    let mut places: Vec<_> =
        lines.iter().map(|line| (number(line, "queueId"), number(line, "queueOffset"), id(line))).collect();
    places.sort();
    places
}

fn read(broker: &RunningBroker, count: usize) -> Vec<Value> {
    let count = count.to_string();
    let arguments = ["tail", "--namesrv", &broker.address, "--topic", "T", "--from", "first", "--json"];
    run(rocketlite(&[&arguments[..], &["--count", &count]].concat())).json_lines()
}

#[test]
fn what_was_sent_is_there_after_a_restart() {
    for flush in ["sync", "async"] {
        let folder = Folder::new(&format!("data-{flush}"));
        let data = folder.file("data");
        let first = broker(&data, &["--flush", flush]);
        let sent = stored(&send(&first, &["--topic", "T", "--size", "100", "--count", "50", "--json"]));
        first.stop();
        assert_eq!(folder.names("data"), ["checkpoint", "index", "lock", "log"]);
        let second = broker(&data, &["--flush", flush]);
        assert_eq!(places(&read(&second, 50)), places(&sent));
        let more = stored(&send(&second, &["--topic", "T", "--size", "100", "--count", "8", "--json"]));
        assert_eq!(places(&read(&second, 58)), places(&[sent, more].concat()));
        second.stop();
    }
}

#[test]
fn a_broker_says_what_it_has_recovered() {
    let folder = Folder::new("data-recovered");
    let data = folder.file("data");
    let told = |killed: bool| {
        let arguments = ["broker", "--listen", "127.0.0.1:0", "--data", &data, "--capacity", "20MiB"];
        let mut command = rocketlite(&arguments);
        command.env("RUST_LOG", "info");
        let broker = RunningBroker::of(command);
        stored(&send(&broker, &["--topic", "T", "--body", "x", "--count", "7", "--json"]));
        let log = if killed { broker.kill_and_tell() } else { broker.stop_and_tell("TERM") };
        let line = log.lines().find(|line| line.contains(": recovered ")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{log}"))
    };
    assert!(told(true).contains(" stored=0 records=0 "));
    let of_killed = told(false);
    assert!(!of_killed.contains(" stored=0 ") && !of_killed.contains(" records=0 "), "{of_killed}");
    let of_ended = told(false);
    assert!(!of_ended.contains(" stored=0 ") && of_ended.contains(" records=0 "), "{of_ended}");
}

#[test]
fn a_directory_is_used_by_one_broker() {
    let folder = Folder::new("data-two");
    let data = folder.file("data");
    let first = broker(&data, &[]);
    let process = format!("process {}", first.id());
    let finished = refused(&["--data", &data, "--capacity", "20MiB"], &[&data, "used by", &process]);
    assert_eq!(finished.status.code(), Some(1));
    // Nor does that harm the first.
    stored(&send(&first, &["--topic", "T", "--body", "x", "--json"]));
    first.kill();
    // Whoever was killed holds nothing.
    broker(&data, &[]).stop();
}

#[test]
fn another_capacity_is_refused_with_the_numbers() {
    let folder = Folder::new("data-capacity");
    let data = folder.file("data");
    broker(&data, &[]).stop();
    let larger = ["capacity of 20971520 bytes", "41943040 are wanted", "rocketlite log resize"];
    refused(&["--data", &data, "--capacity", "40MiB"], &larger);
    let smaller = ["capacity of 20971520 bytes", "17825792 are wanted", "never becomes smaller"];
    refused(&["--data", &data, "--capacity", "17MiB"], &smaller);
    refused(
        &["--data", &data, "--capacity", "20971521"],
        &["capacity of 20971521 bytes", "multiples of 4096"],
    );
    broker(&data, &[]).stop();
}

/// A log of a size that no broker takes would be in the way of one that it does.
#[test]
fn settings_that_cannot_be_used_make_no_files() {
    let folder = Folder::new("data-settings");
    let data = folder.file("data");
    refused(&["--data", &data, "--capacity", "8MiB"], &["capacity is 8388608", "at least 16909316"]);
    refused(&["--data", &data, "--name", "a b"], &["broker_name"]);
    assert!(!std::path::Path::new(&data).exists());
    broker(&data, &[]).stop();
}

#[test]
fn what_is_no_directory_is_named() {
    let folder = Folder::new("data-file");
    let file = folder.file("file");
    std::fs::write(&file, "mine").expect("a file can be written");
    refused(&["--data", &file], &[&file, "is not a directory"]);
    refused(&["--data", &folder.file("file/below")], &["is not a directory"]);
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "mine");
    let foreign = folder.file("foreign");
    std::fs::create_dir(&foreign).expect("a folder can be made");
    std::fs::write(folder.file("foreign/log"), "a log of something else").expect("a file can be written");
    refused(&["--data", &foreign], &["foreign/log", "bytes"]);
    assert_eq!(folder.names("foreign"), ["lock", "log"]);
}

#[test]
fn a_directory_without_permission_is_named() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = Folder::new("data-permission");
    let closed = folder.file("closed");
    std::fs::create_dir(&closed).expect("a folder can be made");
    let permit = |mode| {
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    permit(0o500);
    if std::fs::write(folder.file("closed/try"), "").is_ok() {
        rocketlite_tests::say("cli: no test without permission, this user may do everything");
        return;
    }
    refused(&["--data", &closed], &[&closed, "this user may not use"]);
    refused(&["--data", &folder.file("closed/data")], &["closed/data", "this user may not use"]);
    permit(0o700);
}

#[test]
fn memory_and_a_directory_exclude_each_other() {
    let finished = refused_usage(&["broker", "--memory", "--data", "x"]);
    assert!(finished.stderr.contains("--memory") && finished.stderr.contains("--data"), "{finished:?}");
}

fn refused_usage(arguments: &[&str]) -> Finished {
    let finished = run(rocketlite(arguments));
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    assert!(!std::path::Path::new("x").exists());
    finished
}
