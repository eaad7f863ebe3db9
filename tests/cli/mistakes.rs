//! What is wrong is said in one line that names it, and the exit code is not 0.

use core::time::Duration;
use std::net::TcpListener;
use std::time::Instant;

use rocketlite_tests::program::{DEADLINE, Finished, RunningBroker, rocketlite, run, run_with_input};

use crate::send;

/// Runs the program with each of these arguments, without a broker, and looks for words in what it complains about.
#[track_caller]
fn complains(cases: &[(&[&str], &[&str])]) {
    for (arguments, words) in cases {
        names(&run(rocketlite(arguments)), words);
    }
}

#[track_caller]
fn names(finished: &Finished, words: &[&str]) {
    let complaint = finished.complaint();
    for word in words {
        assert!(complaint.contains(word), "no '{word}': {complaint}");
    }
    // Nothing that was not done is shown as a result.
    assert_eq!(finished.stdout, "", "{complaint}");
}

#[test]
fn options_that_are_misspelt_missing_or_at_odds() {
    let send: &[&str] = &["send", "--namesrv", "127.0.0.1:1", "--topic", "T"];
    complains(&[
        (&["broker", "--bogus"], &["--bogus"]),
        (&["borker"], &["borker"]),
        (&["send", "--topic", "T", "--body", "x"], &["--namesrv"]),
        (&["send", "--namesrv", "127.0.0.1:1", "--body", "x"], &["--topic"]),
        (&[send, &["--body", "x", "--file", "y"]].concat(), &["--body", "--file"]),
        (&[send, &["--size", "many"]].concat(), &["--size", "many"]),
        (&[send, &["--body", "x", "--count", "-1"]].concat(), &["-1"]),
        (&[send, &["--body", "x", "--retries", "16"]].concat(), &["retry", "16"]),
        (&["demo", "--count", "1"], &["--count", "10"]),
        (&["tail", "--namesrv", "127.0.0.1:1", "--topic", "T", "--from", "-1"], &["--from", "first", "last"]),
        (&["tail", "--namesrv", "nowhere", "--topic", "T"], &["name server", "nowhere"]),
        (&["tail", "--namesrv", "127.0.0.1:1", "--topic", "T"], &["cannot connect", "127.0.0.1:1"]),
    ]);
    let broker = RunningBroker::spawn(&[]);
    let arguments = ["tail", "--namesrv", &broker.address, "--topic", "missing"];
    names(&run(rocketlite(&arguments)), &["no topic 'missing'"]);
}

#[test]
fn help_and_version_are_no_mistakes() {
    for arguments in
        [&["--help"][..], &["--version"], &["broker", "--help"], &["send", "--help"], &["tail", "--help"]]
    {
        let finished = run(rocketlite(arguments));
        assert!(finished.success().contains("rocketlite"), "{finished:?}");
    }
}

#[test]
fn sizes_that_are_no_sizes_or_cannot_be_had() {
    complains(&[
        (&["broker", "--capacity", "lots"], &["--capacity", "lots"]),
        (&["broker", "--capacity", "-1"], &["-1"]),
        (&["broker", "--capacity", "99999999999999999999999"], &["--capacity"]),
        (&["broker", "--listen", "127.0.0.1:0", "--capacity", "8EiB"], &["capacity", "memory"]),
        (&["broker", "--listen", "127.0.0.1:0", "--capacity", "0"], &["capacity", "at least"]),
        (&["broker", "--listen", "127.0.0.1:0", "--capacity", "1MiB"], &["capacity", "at least"]),
        (&["broker", "--max-topics", "100000000000"], &["--max-topics", "65535"]),
        (&["broker", "--max-topics", "3"], &["--max-topics", "4"]),
        (&["broker", "--max-connections", "0"], &["--max-connections", "1"]),
        (&["broker", "--max-connections", "65536"], &["--max-connections", "65535"]),
    ]);
}

#[test]
fn addresses_that_are_none() {
    let send: &[&str] = &["send", "--topic", "T", "--body", "x", "--namesrv"];
    complains(&[
        (&["broker", "--listen", "127.0.0.1"], &["--listen", "127.0.0.1"]),
        (&["broker", "--listen", "here:0"], &["--listen", "here:0"]),
        (&["broker", "--listen", "192.0.2.1:0"], &["192.0.2.1:0"]),
        (&["broker", "--listen", "0.0.0.0:0"], &["0.0.0.0", "advertise"]),
        (&["broker", "--listen", "[::]:0"], &["[::]", "advertise"]),
        (&["broker", "--listen", "127.0.0.1:0", "--advertise", "nonsense"], &["advertise", "nonsense"]),
        (&["broker", "--listen", "127.0.0.1:0", "--advertise", "127.0.0.1:0"], &["address", "port"]),
        (&["broker", "--listen", "127.0.0.1:0", "--advertise", "0.0.0.0:1"], &["0.0.0.0:1", "advertise"]),
        (&["broker", "--listen", "127.0.0.1:0", "--namesrv", "nonsense"], &["nonsense", "port"]),
        (&["broker", "--listen", "127.0.0.1:0", "--name", "a b"], &["broker_name"]),
        (&[send, &["nonsense"]].concat(), &["nonsense", "port"]),
        (&[send, &["127.0.0.1:x"]].concat(), &["127.0.0.1:x", "port"]),
        (&[send, &["127.0.0.1:1;bad"]].concat(), &["'bad'"]),
        (&[send, &[""]].concat(), &["name_server"]),
    ]);
}

#[test]
fn an_advertised_address_makes_up_for_listening_everywhere() {
    let broker =
        RunningBroker::of(rocketlite(&["broker", "--listen", "0.0.0.0:0", "--advertise", "127.0.0.1:1"]));
    broker.stop();
}

#[test]
fn topics_that_are_none() {
    let long = "x".repeat(128);
    let send =
        |topic| run(rocketlite(&["send", "--namesrv", "127.0.0.1:1", "--body", "x", "--topic", topic]));
    names(&send(""), &["topic is blank"]);
    names(&send("a.b"), &["a.b", "illegal"]);
    names(&send("a b"), &["a b", "illegal"]);
    names(&send(&long), &["topic", "longer", "127"]);
    names(&send("SCHEDULE_TOPIC_XXXX"), &["SCHEDULE_TOPIC_XXXX"]);
}

#[test]
fn bodies_that_are_none_or_too_large() {
    let broker = RunningBroker::spawn(&[]);
    names(&send(&broker, &["--topic", "T", "--body", ""]), &["body length is zero"]);
    names(&send(&broker, &["--topic", "T", "--size", "0"]), &["body length is zero"]);
    names(&send(&broker, &["--topic", "T", "--size", "4194305"]), &["body size", "4194304"]);
    // Much larger than any machine's memory.
    names(&send(&broker, &["--topic", "T", "--size", "1PiB"]), &["body size", "4194304"]);
    names(&send(&broker, &["--topic", "T", "--file", "/dev/zero"]), &["body size", "4194304"]);
    names(&send(&broker, &["--topic", "T", "--file", "no/such/file"]), &["no/such/file"]);
    names(&send(&broker, &["--topic", "T", "--file", env!("CARGO_MANIFEST_DIR")]), &["cannot read"]);
    broker.stop();
}

#[test]
fn a_line_that_is_no_body_is_named() {
    let broker = RunningBroker::spawn(&[]);
    let command = || rocketlite(&["send", "--namesrv", &broker.address, "--topic", "T"]);
    let finished = run_with_input(command(), b"one\ntwo\n\nfour\n");
    assert!(finished.complaint().contains("line 3"), "{finished:?}");
    // The lines before it were sent and are shown; those after it were not.
    assert_eq!(finished.stdout.lines().count(), 2);
    let mut long = b"one\n".to_vec();
    long.resize(5 << 20, b'x');
    let finished = run_with_input(command(), &long);
    assert!(finished.complaint().contains("line 2") && finished.complaint().contains("4194304"));
    broker.stop();
}

#[test]
fn a_name_server_that_is_not_there_is_named() {
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let address = nobody.to_string();
    let finished = run(rocketlite(&["send", "--namesrv", &address, "--topic", "T", "--body", "x"]));
    names(&finished, &[&address, "reached"]);
}

#[test]
fn a_name_server_that_never_answers_is_named() {
    // Connections stand in the listener's queue; nobody reads from them.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let finished = run(rocketlite(&["send", "--namesrv", &address, "--topic", "T", "--body", "x"]));
    names(&finished, &[&address, "answer"]);
}

#[test]
fn a_name_server_that_hangs_up_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    listener.set_nonblocking(true).expect("a socket");
    let (ended, end) = std::sync::mpsc::channel::<()>();
    let closing = std::thread::spawn(move || {
        let deadline = Instant::now() + DEADLINE;
        while end.recv_timeout(Duration::from_millis(5)).is_err() && Instant::now() < deadline {
            drop(listener.accept());
        }
    });
    let finished = run(rocketlite(&["send", "--namesrv", &address, "--topic", "T", "--body", "x"]));
    ended.send(()).expect("it waits");
    closing.join().expect("it does not panic");
    names(&finished, &[&address]);
}
