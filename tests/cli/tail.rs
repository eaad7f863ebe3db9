//! `rocketlite tail`: messages as they come.

use core::time::Duration;

use rocketlite_tests::program::{DEADLINE, Dialogue, RunningBroker, rocketlite, run};
use serde_json::Value;

use crate::{send, stored};

/// `rocketlite tail --json` of topic `T`.
fn tail(broker: &RunningBroker, arguments: &[&str]) -> Dialogue {
    let all = [&["tail", "--namesrv", &broker.address, "--topic", "T", "--json"], arguments].concat();
    Dialogue::spawn(rocketlite(&all))
}

fn next(tail: &mut Dialogue) -> Value {
    serde_json::from_str(&tail.hear(DEADLINE)).expect("a line of JSON")
}

#[test]
fn everything_from_the_first_message_on_is_printed_once() {
    let broker = RunningBroker::spawn(&[]);
    let sent = stored(&send(&broker, &["--topic", "T", "--size", "100", "--count", "200", "--json"]));
    let arguments =
        ["tail", "--namesrv", &broker.address, "--topic", "T", "--from", "first", "--count", "200"];
    let finished = run(rocketlite(&[&arguments[..], &["--json"]].concat()));
    let mut printed: Vec<String> =
        finished.json_lines().iter().map(|line| line["msgId"].as_str().expect("an id").to_owned()).collect();
    let mut expected: Vec<String> =
        sent.iter().map(|line| line["msgId"].as_str().expect("an id").to_owned()).collect();
    printed.sort();
    expected.sort();
    assert_eq!(printed, expected);
    broker.stop_and_tell("TERM");
}

#[test]
fn a_message_is_printed_when_it_comes() {
    let broker = RunningBroker::spawn(&[]);
    send(&broker, &["--topic", "T", "--body", "before"]);
    let mut tail = tail(&broker, &["--from", "last"]);
    // It begins behind the last message, wherever that is when it has asked: one of these comes after that.
    let (heard, said) = std::thread::scope(|scope| {
        let heard = scope.spawn(|| next(&mut tail));
        let mut said = 0;
        while !heard.is_finished() {
            said += 1;
            let body = format!("after {said}");
            send(&broker, &["--topic", "T", "--body", &body, "--tag", "x", "--key", "k"]);
            std::thread::sleep(Duration::from_millis(50));
        }
        (heard.join().expect("a line"), said)
    });
    let body = heard["body"].as_str().expect("text");
    assert!((1..=said).any(|n| body == format!("after {n}")), "{body}");
    assert_eq!((&heard["properties"]["TAGS"], &heard["properties"]["KEYS"]), (&"x".into(), &"k".into()));
    broker.stop_and_tell("TERM");
}

#[test]
fn tags_and_offsets_choose_and_people_can_read_it() {
    let broker = RunningBroker::spawn(&[]);
    for (tag, body) in [("Aa", "one"), ("BB", "two"), ("other", "three")] {
        send(&broker, &["--topic", "T", "--body", body, "--tag", tag]);
    }
    // `Aa` and `BB` have one hash.
    let mut chosen = tail(&broker, &["--from", "first", "--tag", "BB || none"]);
    assert_eq!(next(&mut chosen)["body"], "two");
    send(&broker, &["--topic", "T", "--body", "four\u{1b}[1m", "--tag", "BB"]);
    assert_eq!(next(&mut chosen)["body"], "four\u{1b}[1m");
    let arguments = ["tail", "--namesrv", &broker.address, "--topic", "T", "--from", "first", "--count", "4"];
    let finished = run(rocketlite(&arguments));
    assert_eq!(finished.success().lines().count(), 4);
    assert!(finished.stdout.contains("tags=BB keys=- body=two\n"), "{}", finished.stdout);
    assert!(finished.stdout.contains("body=four\\u{1b}[1m\n"), "{}", finished.stdout);
    broker.stop_and_tell("TERM");
}

#[test]
fn it_begins_at_the_offset_that_is_asked_for() {
    let broker = RunningBroker::spawn(&[]);
    // One process takes the queues in turn: two messages in each of the four. Several would each begin anywhere.
    send(&broker, &["--topic", "T", "--size", "10", "--count", "8"]);
    let mut tail = tail(&broker, &["--from", "1"]);
    let mut queues: Vec<_> = (0..4)
        .map(|_| {
            let line = next(&mut tail);
            assert_eq!(line["queueOffset"], 1);
            line["queueId"].as_i64().expect("a queue")
        })
        .collect();
    queues.sort_unstable();
    assert_eq!(queues, [0, 1, 2, 3]);
    broker.stop_and_tell("TERM");
}

#[test]
fn it_goes_on_when_a_broker_comes_back() {
    let broker = RunningBroker::spawn(&[]);
    let address = broker.address.clone();
    send(&broker, &["--topic", "T", "--body", "before"]);
    let mut tail = tail(&broker, &["--from", "first"]);
    assert_eq!(next(&mut tail)["body"], "before");
    broker.kill();
    let command = rocketlite(&["broker", "--listen", &address]);
    let broker = RunningBroker::of(command);
    for _ in 0..8 {
        send(&broker, &["--topic", "T", "--body", "after"]);
    }
    assert_eq!(next(&mut tail)["body"], "after");
    broker.stop_and_tell("TERM");
}
