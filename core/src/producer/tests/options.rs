//! Sends with settings of their own.

use super::*;
use crate::Rules;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;
const BATCH: RequestCode = RequestCode::SEND_BATCH_MESSAGE;

/// A batch sent with `options` to a topic of two queues on each of two brokers.
fn batch(options: &SendOptions<'_>) -> (Bench, SendId, Request) {
    let mut bench = Bench::new();
    let messages = [Message::new("T", b"1"), Message::new("T", b"2")];
    let id = bench.producer.send_with(bench.now, &messages[..], options).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 2), ("b", 2)]);
    let request = bench.take(BATCH);
    (bench, id, request)
}

#[test]
fn a_batch_goes_every_way_that_a_message_goes() {
    let queue = MessageQueue { broker_name: "b", queue_id: 1 };
    for (options, attempts) in [
        (SendOptions::new().to(queue), 1),
        (SendOptions::new().by_hash(3), 1),
        (SendOptions::new().to(queue).mode(SendMode::Async), 3),
    ] {
        let (mut bench, id, mut request) = batch(&options);
        for attempt in 1..=attempts {
            assert_eq!((request.address.as_str(), request.fields["e"].as_str()), ("b:1", "1"));
            assert_eq!(request.fields["m"], "true");
            bench.hang_up(&request);
            if attempt < attempts {
                request = bench.take(BATCH);
            }
        }
        assert_eq!(bench.outcome(id).unwrap_err().attempts, attempts, "{options:?}");
    }
    let (mut bench, id, request) = batch(&SendOptions::new().mode(SendMode::Async));
    bench.answer(&request, 1, &[], b"");
    assert_eq!(bench.outcome(id).unwrap_err().attempts, 1);
    let (mut bench, id, request) = batch(&SendOptions::new().mode(SendMode::OneWay));
    assert_eq!(request.flag, crate::wire::command::FLAG_ONE_WAY);
    assert!(bench.outcome(id).is_ok());
}

#[test]
fn a_timeout_counts_for_one_send() {
    let (mut bench, first) = Bench::routed(&[("a", 1)]);
    bench.take(SEND);
    let options = SendOptions::new().timeout(Duration::from_millis(500));
    let second = bench.producer.send_with(bench.now, &Message::new("T", b"x"), &options).unwrap();
    bench.drive();
    bench.take(SEND);
    bench.pass(500);
    assert!(bench.in_flight(second));
    bench.pass(1);
    assert_eq!(bench.outcome(second).unwrap_err().kind, SendErrorKind::CallTimedOut);
    // It was the same connection, which is closed under it as in Java; it had time for another attempt.
    assert!(bench.in_flight(first));
    bench.take(SEND);
}

#[test]
fn in_5_x_the_lookup_does_not_count_for_a_chosen_queue_unless_there_is_a_timeout_for_the_send() {
    let timeout = Duration::from_millis(2_500);
    let given = SendOptions::new().timeout(timeout);
    for (rules, options, end) in [
        (Rules::V5, SendOptions::new().by_hash(0), 2_500),
        (Rules::V4, SendOptions::new().by_hash(0), 500),
        (Rules::V5, given.by_hash(0), 500),
        (Rules::V5, SendOptions::new(), 500),
    ] {
        let mut bench = Bench::with(|config| {
            config.rules = rules;
            config.send_msg_timeout = timeout;
        });
        let id = bench.producer.send_with(bench.now, &Message::new("T", b"x"), &options).unwrap();
        bench.drive();
        bench.pass(2_000);
        bench.answer_route(&[("a", 1)]);
        bench.take(SEND);
        bench.pass(end);
        assert!(bench.in_flight(id), "{rules:?} {options:?}");
        bench.pass(1);
        assert!(bench.outcome(id).is_err(), "{rules:?} {options:?}");
    }
}
