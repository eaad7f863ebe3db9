//! The rows of the decision table as a caller sees them, with real frames.

use super::*;
use crate::send::decision::Fault;
use crate::send::outcome::SendStatus;
use crate::wire::code::ResponseCode;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

#[test]
fn a_stored_message_is_a_result() {
    let (mut bench, id) = Bench::routed(&[("a", 2)]);
    let request = bench.take(SEND);
    assert_eq!(request.address, "a:1");
    assert_eq!(request.flag, 0);
    assert_eq!(request.body, b"hello");
    let field = |key: &str| request.fields[key].as_str();
    assert_eq!((field("a"), field("b"), field("c"), field("d")), ("PG", "T", "TBW102", "4"));
    assert_eq!(
        (field("f"), field("h"), field("j"), field("k"), field("m"), field("n")),
        ("0", "0", "0", "false", "false", "a")
    );
    assert_eq!(field("g"), "1700000001000");
    bench.answer_stored(&request, 0);
    let result = bench.outcome(id).unwrap();
    assert_eq!((result.status, result.queue_id, result.queue_offset), (SendStatus::SendOk, 3, Some(42)));
    assert_eq!(result.offset_message_id.unwrap().to_string(), "7F00000100002A9F0000000000000400");
    assert!(field("i").contains(&format!("UNIQ_KEY\u{1}{}\u{2}", result.message_id)));
    assert!(field("i").contains("WAIT\u{1}true\u{2}"));
    assert_eq!(bench.attempts(), [AttemptOutcome::Stored(SendStatus::SendOk)]);
    assert_eq!(bench.producer.in_flight(), 0);
}

#[test]
fn a_store_that_is_not_ok_is_a_result_too() {
    for (code, status) in [
        (10, SendStatus::FlushDiskTimeout),
        (11, SendStatus::SlaveNotAvailable),
        (12, SendStatus::FlushSlaveTimeout),
    ] {
        let (mut bench, id) = Bench::routed(&[("a", 2), ("b", 2)]);
        let request = bench.take(SEND);
        bench.answer_stored(&request, code);
        assert_eq!(bench.outcome(id).unwrap().status, status);
    }
}

#[test]
fn a_retryable_code_goes_to_another_broker_with_the_same_key() {
    let (mut bench, id) = Bench::routed(&[("a", 2), ("b", 2)]);
    let first = bench.take(SEND);
    bench.answer_with(&first, 2, Some("busy"), &[], b"");
    let second = bench.take(SEND);
    assert_ne!(first.address, second.address);
    assert_eq!(first.fields["i"], second.fields["i"]);
    assert_ne!(first.opaque, second.opaque);
    bench.answer_stored(&second, 0);
    assert_eq!(bench.outcome(id).unwrap().attempts, 2);
}

#[test]
fn the_last_refusal_gives_its_code_and_remark() {
    let (mut bench, id) = Bench::routed(&[("a", 2)]);
    for remark in ["one", "two", "three"] {
        let request = bench.take(SEND);
        bench.answer_with(&request, 1, Some(remark), &[], b"");
    }
    let error = bench.outcome(id).unwrap_err();
    assert_eq!((error.response_code(), error.attempts, error.remark.as_str()), (1, 3, "three"));
}

#[test]
fn another_code_ends_the_send_at_once() {
    let (mut bench, id) = Bench::routed(&[("a", 2), ("b", 2)]);
    let request = bench.take(SEND);
    bench.answer_with(&request, 13, Some("the message is illegal"), &[], b"");
    let error = bench.outcome(id).unwrap_err();
    assert_eq!((error.response_code(), error.attempts), (13, 1));
    assert_eq!(error.kind, SendErrorKind::Attempt(AttemptOutcome::Refused(ResponseCode::MESSAGE_ILLEGAL)));
}

#[test]
fn a_refused_connection_is_tried_three_times() {
    let mut bench = Bench::new();
    bench.refused = vec!["a:1".into(), "b:1".into(), "c:1".into()];
    let id = bench.send();
    bench.answer_route(&[("a", 1), ("b", 1), ("c", 1)]);
    bench.drive();
    let error = bench.outcome(id).unwrap_err();
    assert_eq!((error.response_code(), error.attempts), (10_001, 3));
    assert_eq!(bench.attempts(), [AttemptOutcome::Unanswered(Fault::Connect); 3]);
}

#[test]
fn a_broker_that_hangs_up_costs_an_attempt() {
    let (mut bench, id) = Bench::routed(&[("a", 1)]);
    for _ in 0..3 {
        let request = bench.take(SEND);
        bench.hang_up(&request);
    }
    let error = bench.outcome(id).unwrap_err();
    assert_eq!((error.response_code(), error.attempts), (-1, 3));
    assert_eq!(error.kind, SendErrorKind::Attempt(AttemptOutcome::Unanswered(Fault::Disconnected)));
}

#[test]
fn a_broker_that_hangs_eats_the_whole_timeout() {
    let (mut bench, id) = Bench::routed(&[("a", 1), ("b", 1)]);
    let request = bench.take(SEND);
    bench.pass(3_000);
    assert!(bench.in_flight(id));
    bench.pass(1);
    let error = bench.outcome(id).unwrap_err();
    assert_eq!((error.kind, error.response_code(), error.attempts), (SendErrorKind::CallTimedOut, -1, 1));
    // The connection is given up with the attempt, and the answer that comes after all changes nothing.
    assert_eq!(bench.closed.concat(), request.address);
    bench.answer_stored(&request, 0);
    assert_eq!(bench.producer.in_flight(), 0);
}

#[test]
fn without_retries_a_hanging_broker_is_an_access_timeout() {
    let mut bench = Bench::with(|config| config.retry_times_when_send_failed = 0);
    let id = bench.send();
    bench.answer_route(&[("a", 1)]);
    bench.take(SEND);
    bench.pass(3_001);
    let error = bench.outcome(id).unwrap_err();
    assert_eq!(error.response_code(), 10_002, "{error:?}");
}

#[test]
fn an_answer_without_queue_is_an_error_of_its_own() {
    let (mut bench, id) = Bench::routed(&[("a", 1), ("b", 1)]);
    let request = bench.take(SEND);
    bench.answer(&request, 0, &[("msgId", "x"), ("queueOffset", "1")], b"");
    let error = bench.outcome(id).unwrap_err();
    assert_eq!(error.attempts, 1);
    assert!(error.to_string().contains("queueId is missing"), "{error}");
}

#[test]
fn a_broker_without_an_address_is_skipped_three_times() {
    let mut bench = Bench::new();
    let id = bench.send();
    let question = bench.take(RequestCode::GET_ROUTEINFO_BY_TOPIC);
    bench.answer(&question, 0, &[], br#"{"orderTopicConf":"ghost:2"}"#);
    let error = bench.outcome(id).unwrap_err();
    assert_eq!((error.response_code(), error.attempts), (10_003, 3));
}

#[test]
fn one_way_ends_when_it_is_written_and_is_not_answered() {
    let mut bench = Bench::new();
    let id = bench.producer.send_oneway(bench.now, &Message::new("T", b"x")).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1)]);
    assert_eq!(bench.take(SEND).flag, 2);
    let result = bench.outcome(id).unwrap();
    assert_eq!((result.queue_offset, result.offset_message_id), (None, None));
}

#[test]
fn one_way_does_not_try_again() {
    let mut bench = Bench::new();
    bench.refused = vec!["a:1".into()];
    let id = bench.producer.send_oneway(bench.now, &Message::new("T", b"x")).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1)]);
    bench.drive();
    let error = bench.outcome(id).unwrap_err();
    assert_eq!((error.response_code(), error.attempts), (10_001, 1));
}

#[test]
fn an_explicit_queue_gets_one_bare_attempt() {
    let mut bench = Bench::new();
    let queue = MessageQueue { broker_name: "b", queue_id: 1 };
    let id = bench.producer.send_to(bench.now, &Message::new("T", b"x"), &queue).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1), ("b", 2)]);
    let request = bench.take(SEND);
    assert_eq!((request.address.as_str(), request.fields["e"].as_str()), ("b:1", "1"));
    bench.hang_up(&request);
    let error = bench.outcome(id).unwrap_err();
    assert_eq!((error.response_code(), error.attempts), (-1, 1));
    let unknown = MessageQueue { broker_name: "ghost", queue_id: 0 };
    let id = bench.producer.send_to(bench.now, &Message::new("T", b"x"), &unknown).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1)]);
    assert_eq!(bench.outcome(id).unwrap_err().kind, SendErrorKind::Attempt(AttemptOutcome::NoBrokerAddress));
}

#[test]
fn a_hash_chooses_the_queue() {
    let (mut bench, _) = Bench::routed(&[("a", 2), ("b", 2)]);
    bench.take(SEND);
    bench.producer.send_hashed(bench.now, &Message::new("T", b"x"), -7).unwrap();
    bench.drive();
    let request = bench.take(SEND);
    assert_eq!((request.address.as_str(), request.fields["e"].as_str()), ("b:1", "1"));
}

#[test]
fn several_sends_share_a_connection_and_end_in_any_order() {
    let (mut bench, first) = Bench::routed(&[("a", 4)]);
    let others = [bench.send(), bench.send(), bench.send()];
    let requests: Vec<Request> = (0..4).map(|_| bench.take(SEND)).collect();
    for request in requests.iter().rev() {
        bench.answer_stored(request, 0);
    }
    for id in [first].into_iter().chain(others) {
        assert!(bench.outcome(id).is_ok());
    }
}

#[test]
fn a_timeout_in_the_middle_of_a_frame_closes_the_connection() {
    let (mut bench, id) = Bench::routed(&[("a", 1)]);
    let first = bench.take(SEND);
    bench.answer_stored(&first, 0);
    assert!(bench.outcome(id).is_ok());
    bench.producer.send(bench.now, &Message::new("T", &[7; 300])).unwrap();
    let Some(ConnectionRequest::Transmit { connection }) = bench.producer.poll_connection() else { panic!() };
    assert_eq!(bench.producer.poll_transmit(connection, &mut [0; 10]), 10);
    bench.pass(3_001);
    assert_eq!(bench.closed, ["a:1"]);
}

#[test]
fn time_reserved_for_a_retry_saves_a_send_from_a_broker_that_hangs() {
    let mut bench = Bench::with(|config| config.reserve_time_for_retry = true);
    let id = bench.send();
    bench.answer_route(&[("a", 1), ("b", 1)]);
    let first = bench.take(SEND);
    bench.pass(1_001);
    let second = bench.take(SEND);
    assert_ne!(first.address, second.address);
    bench.answer_stored(&second, 0);
    assert_eq!(bench.outcome(id).unwrap().attempts, 2);
}

#[test]
fn an_attempt_may_have_a_limit_of_its_own_unless_it_is_the_last() {
    let limit = Some(Duration::from_millis(500));
    let mut bench = Bench::with(|config| config.send_msg_max_timeout_per_request = limit);
    let id = bench.send();
    bench.answer_route(&[("a", 1), ("b", 1)]);
    for _ in 0..2 {
        bench.take(SEND);
        bench.pass(501);
    }
    bench.take(SEND);
    bench.pass(1_000);
    assert!(bench.in_flight(id));
    bench.pass(1_000);
    let error = bench.outcome(id).unwrap_err();
    assert_eq!((error.response_code(), error.attempts), (10_002, 3));
}

#[test]
fn a_broker_that_goes_away_is_asked_again_over_a_new_connection_once() {
    let (mut bench, id) = Bench::routed(&[("a", 1)]);
    let first = bench.take(SEND);
    bench.answer(&first, 1_500, &[], b"");
    let again = bench.take(SEND);
    assert_eq!((&again.address, again.body.as_slice()), (&first.address, &b"hello"[..]));
    assert!(again.connection != first.connection && again.opaque != first.opaque);
    assert_eq!(bench.closed, ["a:1"]);
    bench.answer_stored(&again, 0);
    assert_eq!(bench.outcome(id).unwrap().attempts, 1);
}

#[test]
fn a_broker_that_keeps_going_away_ends_as_a_lost_connection() {
    let (mut bench, id) = Bench::routed(&[("a", 1)]);
    for _ in 0..6 {
        let request = bench.take(SEND);
        bench.answer(&request, 1_500, &[], b"");
    }
    let error = bench.outcome(id).unwrap_err();
    assert_eq!((error.response_code(), error.attempts), (-1, 3));
}

#[test]
fn an_asynchronous_send_tries_again_without_an_answer_and_not_after_a_refusal() {
    let mut bench = Bench::new();
    let id = bench.producer.send_async(bench.now, &Message::new("T", b"x")).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1), ("b", 1)]);
    let first = bench.take(SEND);
    bench.hang_up(&first);
    let second = bench.take(SEND);
    assert_ne!(first.address, second.address);
    assert_eq!(second.fields["n"], second.address.trim_end_matches(":1"));
    bench.answer(&second, 1, &[], b"");
    let error = bench.outcome(id).unwrap_err();
    assert_eq!(
        (error.kind, error.attempts),
        (SendErrorKind::Attempt(AttemptOutcome::Refused(ResponseCode(1))), 2)
    );
}

#[test]
fn an_asynchronous_send_to_a_queue_stays_with_its_broker() {
    let mut bench = Bench::new();
    let queue = MessageQueue { broker_name: "b", queue_id: 0 };
    let options = SendOptions::new().mode(SendMode::Async).to(queue);
    let id = bench.producer.send_with(bench.now, &Message::new("T", b"x"), &options).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1), ("b", 1)]);
    for _ in 0..3 {
        let request = bench.take(SEND);
        assert_eq!(request.address, "b:1");
        bench.hang_up(&request);
    }
    assert_eq!(bench.outcome(id).unwrap_err().attempts, 3);
}

#[test]
fn what_waited_behind_a_send_on_a_lost_connection_does_not_follow_it_to_another_broker() {
    let (mut bench, first) = Bench::routed(&[("a", 2), ("b", 1), ("c", 1)]);
    let mut sends = vec![first];
    // Each broker is connected, and the next turn is that of the first.
    loop {
        let request = bench.take(SEND);
        bench.answer_stored(&request, 0);
        if request.address == "c:1" {
            break;
        }
        sends.push(bench.send());
    }
    for id in sends {
        bench.outcome(id).unwrap();
    }
    let bodies = [b"1", b"2", b"3", b"4"];
    for body in bodies {
        bench.producer.send(bench.now, &Message::new("T", body)).unwrap();
    }
    let (lost, _) = bench.connections.values().find(|(_, address)| address == "a:1").unwrap().clone();
    bench.connections.remove(&lost.index());
    bench.producer.handle_closed(bench.now, lost);
    for (connection, _) in bench.connections.clone().into_values() {
        bench.transmit(connection);
    }
    let mut written: Vec<_> = bench.requests.iter().filter(|request| request.code == SEND).collect();
    for request in &written {
        assert_eq!(format!("{}:1", request.fields["n"]), request.address);
    }
    written.sort_by_key(|request| request.body.clone());
    let written: Vec<_> = written.iter().map(|request| request.body.clone()).collect();
    assert_eq!(written, bodies.map(|body| body.to_vec()));
}
