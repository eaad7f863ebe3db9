//! `rocketlite send`

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::ChildStdin;

use rocketlite_tests::program::{DEADLINE, Running, RunningBroker, rocketlite, run, run_with_input};
use serde_json::Value;

use crate::{send, stored};

#[test]
fn a_body_of_the_command_line_is_stored() {
    let broker = RunningBroker::spawn(&[]);
    let finished = send(&broker, &["--topic", "T", "--body", "hello"]);
    let line = finished.success().trim_end();
    let words: Vec<_> = line.split(' ').collect();
    assert_eq!(words[0], "SEND_OK", "{line}");
    for name in ["msgId", "offsetMsgId", "broker", "queueId", "queueOffset"] {
        assert!(words.iter().any(|word| word.starts_with(&format!("{name}="))), "no {name}: {line}");
    }
    broker.stop();
}

#[test]
fn json_has_every_field_of_the_result() {
    let broker = RunningBroker::spawn(&["--name", "b1"]);
    let lines = stored(&send(&broker, &["--topic", "T", "--body", "hello", "--json"]));
    let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
    assert_eq!((&line["broker"], &line["attempts"]), (&Value::from("b1"), &Value::from(1)));
    assert_eq!(line["queueOffset"], 0);
    assert!(line["queueId"].as_u64().is_some_and(|queue| queue < 4), "{line}");
    for id in ["msgId", "offsetMsgId"] {
        let id = line[id].as_str().expect("a text");
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
    }
    broker.stop();
}

#[test]
fn tag_key_and_group_are_let_through() {
    let broker = RunningBroker::spawn(&[]);
    let arguments =
        ["--topic", "T", "--body", "x", "--json", "--tag", "TagA", "--key", "k1 k2", "--group", "g"];
    assert_eq!(stored(&send(&broker, &arguments)).len(), 1);
    broker.stop();
}

#[test]
fn a_count_sends_as_many_messages_with_ids_of_their_own() {
    let broker = RunningBroker::spawn(&[]);
    let lines = stored(&send(&broker, &["--topic", "T", "--body", "x", "--count", "25", "--json"]));
    let ids: HashSet<_> = lines.iter().map(|line| line["msgId"].to_string()).collect();
    let places: HashSet<_> =
        lines.iter().map(|line| (line["queueId"].to_string(), line["queueOffset"].to_string())).collect();
    assert_eq!((lines.len(), ids.len(), places.len()), (25, 25, 25));
    broker.stop();
}

#[test]
fn sizes_up_to_the_largest_body_are_sent() {
    let broker = RunningBroker::spawn(&[]);
    for size in ["1", "64KiB", "1048577", "4MiB"] {
        assert_eq!(stored(&send(&broker, &["--topic", "T", "--size", size, "--json"])).len(), 1, "{size}");
    }
    broker.stop();
}

#[test]
fn a_file_is_a_body_whatever_its_bytes_are() {
    let broker = RunningBroker::spawn(&[]);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("body-{}", std::process::id()));
    std::fs::write(&file, (0..=255).cycle().take(100_000).collect::<Vec<u8>>()).expect("a file");
    let path = file.to_str().expect("a path that is text");
    let finished = send(&broker, &["--topic", "T", "--file", path, "--json"]);
    std::fs::remove_file(&file).expect("it is there");
    assert_eq!(stored(&finished).len(), 1);
    broker.stop();
}

#[test]
fn each_line_of_the_standard_input_is_a_message() {
    let broker = RunningBroker::spawn(&[]);
    let arguments = ["send", "--namesrv", &broker.address, "--topic", "T", "--json", "--count", "2"];
    // With both ends of a line, with bytes that are no text, and with a last line that does not end.
    let finished = run_with_input(rocketlite(&arguments), b"one\ntwo\r\n\xff\xfe\nlast");
    assert_eq!(stored(&finished).len(), 8);
    broker.stop();
}

#[test]
fn an_empty_standard_input_is_no_message() {
    let broker = RunningBroker::spawn(&[]);
    assert_eq!(send(&broker, &["--topic", "T"]).success(), "");
    broker.stop();
}

#[test]
fn one_way_prints_no_place() {
    let broker = RunningBroker::spawn(&[]);
    let finished = send(&broker, &["--topic", "T", "--body", "x", "--oneway", "--count", "3"]);
    assert_eq!(finished.success(), "ONEWAY\n".repeat(3));
    let lines = send(&broker, &["--topic", "T", "--body", "x", "--oneway", "--json"]).json_lines();
    assert_eq!(lines, [serde_json::json!({ "status": "ONEWAY" })]);
    broker.stop();
}

#[test]
fn several_name_servers_are_tried() {
    let broker = RunningBroker::spawn(&[]);
    for list in [format!("127.0.0.1:1;{}", broker.address), format!("{};127.0.0.1:1;", broker.address)] {
        let finished =
            run(rocketlite(&["send", "--namesrv", &list, "--topic", "T", "--body", "x", "--json"]));
        assert_eq!(stored(&finished).len(), 1, "{list}");
    }
    broker.stop();
}

#[test]
fn a_broker_that_came_back_between_two_lines_gets_the_second() {
    let broker = RunningBroker::spawn(&[]);
    let address = broker.address.clone();
    // A connection that was closed in the meantime must not be written to: this message has one attempt.
    let (mut sender, mut input) = interactive(&["--namesrv", &address, "--topic", "T", "--retries", "0"]);
    let mut output = BufReader::new(sender.child().stdout.take().expect("it was piped"));
    let mut line = String::new();
    writeln!(input, "first").expect("it reads");
    output.read_line(&mut line).expect("it writes");
    assert!(line.starts_with("SEND_OK"), "{line}");
    broker.stop();
    let again = RunningBroker::of(rocketlite(&["broker", "--listen", &address]));
    line.clear();
    writeln!(input, "second").expect("it reads");
    output.read_line(&mut line).expect("it writes");
    drop(input);
    let status = sender.wait(DEADLINE);
    assert!(line.starts_with("SEND_OK") && status.success(), "{line} {}", sender.complaints());
    again.stop();
}

#[test]
fn a_failure_ends_it_although_more_input_may_come() {
    let (mut sender, mut input) = interactive(&["--namesrv", "127.0.0.1:1", "--topic", "T"]);
    writeln!(input, "first").expect("it reads");
    let status = sender.wait(DEADLINE);
    assert!(!status.success());
    let complaint = sender.complaints();
    assert!(complaint.contains("line 1") && complaint.lines().count() == 1, "{complaint}");
    drop(input);
}

#[test]
fn an_output_that_nobody_reads_is_a_failure_and_no_crash() {
    let broker = RunningBroker::spawn(&[]);
    for kind in [&[][..], &["--oneway"]] {
        let arguments = [&["--namesrv", &broker.address, "--topic", "T"], kind].concat();
        let (mut sender, mut input) = interactive(&arguments);
        drop(sender.child().stdout.take());
        writeln!(input, "first").expect("it reads");
        drop(input);
        assert_eq!(sender.wait(DEADLINE).code(), Some(1));
        let complaint = sender.complaints();
        assert!(complaint.contains("standard output") && complaint.lines().count() == 1, "{complaint}");
    }
    broker.stop();
}

/// A `rocketlite send` whose input comes bit by bit.
fn interactive(arguments: &[&str]) -> (Running, ChildStdin) {
    let mut running = Running::spawn(rocketlite(&[&["send"], arguments].concat()));
    let input = running.child().stdin.take().expect("it was piped");
    (running, input)
}
