//! The examples do what their first lines say.

use rocketlite_tests::program::{RunningBroker, example, run};

#[test]
fn send_sync_starts_a_broker_of_its_own() {
    let finished = run(example("send_sync", &[]));
    assert_eq!(finished.success().lines().filter(|line| line.starts_with("SEND_OK ")).count(), 10);
}

#[test]
fn send_sync_sends_where_it_is_told_to() {
    let broker = RunningBroker::spawn(&["--name", "elsewhere"]);
    let finished = run(example("send_sync", &[&broker.address]));
    assert_eq!(finished.success().matches("broker=elsewhere").count(), 10, "{finished:?}");
    broker.stop();
}

#[test]
fn by_hand_tells_of_a_refusal_and_of_the_other_broker() {
    let finished = run(example("by_hand", &[]));
    let told = finished.success();
    let places = [
        "Open      ns:9876",
        "GET_ROUTEINFO_BY_TOPIC",
        "SEND_MESSAGE_V2",
        "14 SERVICE_NOT_AVAILABLE",
        "SEND_MESSAGE_V2",
        "0 SUCCESS",
        "2 attempts",
    ];
    let mut rest = told;
    for place in places {
        let (_, after) = rest.split_once(place).unwrap_or_else(|| panic!("no {place} in its place: {told}"));
        rest = after;
    }
}

#[test]
fn broker_in_process_shows_what_was_stored() {
    let finished = run(example("broker_in_process", &[]));
    let temperatures = finished.success().lines().filter(|line| line.starts_with("Temperature "));
    let ends: Vec<_> =
        temperatures.filter_map(|line| line.rsplit_once(" offset ")).map(|(_, end)| end).collect();
    assert_eq!(ends, ["0: 21.5", "1: 21.7", "2: 22.0"]);
}

#[test]
fn outbox_sends_in_order_what_it_has_kept() {
    let finished = run(example("outbox", &[]));
    let ends = |mark: &str| -> Vec<_> {
        finished
            .success()
            .lines()
            .filter_map(|line| line.split_once(mark))
            .map(|(_, end)| end.to_owned())
            .collect()
    };
    let kept = ends("  kept ");
    assert_eq!(ends("the broker has "), ["21.5", "21.7", "22.0"]);
    assert_eq!(ends("  not sent: ").len(), 1);
    let sent = ends("  SEND_OK ");
    assert_eq!(sent.len(), 3, "{finished:?}");
    for (kept, sent) in kept.iter().zip(&sent) {
        assert!(kept.starts_with(sent.as_str()), "{finished:?}");
    }
}
