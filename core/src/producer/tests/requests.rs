//! What brokers ask a producer. The expected answers were recorded from Java's producer, 4.9.7 and 5.4.0 alike.

use super::*;
use crate::wire::command::FLAG_ONE_WAY;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

/// A producer that waits for an answer to a send, and the connection of that.
fn waiting() -> (Bench, ConnectionId) {
    let (mut bench, _) = Bench::routed(&[("a", 1)]);
    let connection = bench.take(SEND).connection;
    (bench, connection)
}

/// The answer to a request: code, remark and body.
fn ask(code: RequestCode, fields: &[(&str, &str)]) -> Option<(i32, String, String)> {
    let (mut bench, connection) = waiting();
    bench.receive(connection, &frame(head(77, code.0, 0), fields, b"body"));
    let reply = bench.requests.iter().position(|request| request.flag == FLAG_RESPONSE)?;
    let reply = bench.requests.remove(reply);
    assert_eq!(reply.opaque, 77);
    Some((reply.code.0, reply.remark, String::from_utf8(reply.body).unwrap()))
}

fn answer(code: i32, remark: &str) -> (i32, String, String) {
    (code, remark.to_string(), String::new())
}

#[test]
fn a_producer_says_that_it_has_no_consumers() {
    for code in [RequestCode::GET_CONSUMER_RUNNING_INFO, RequestCode::CONSUME_MESSAGE_DIRECTLY] {
        let expected = Some(answer(1, "The Consumer Group <CG> not exist in this consumer"));
        assert_eq!(ask(code, &[("consumerGroup", "CG")]), expected);
        assert_eq!(ask(code, &[]), Some(answer(1, "the request names no consumer group")));
    }
    let status = RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT;
    let empty = String::from(r#"{"consumerTable":{},"messageQueueTable":{}}"#);
    let expected = Some((0, "not set any response code".to_string(), empty));
    assert_eq!(ask(status, &[("topic", "T"), ("group", "CG")]), expected);
    assert_eq!(ask(status, &[]), Some(answer(1, "the request names no consumer group")));
}

#[test]
fn a_reply_that_nobody_waits_for_is_taken_if_it_is_one() {
    let numbers =
        [("queueId", "0"), ("sysFlag", "0"), ("flag", "0"), ("bornTimestamp", "1"), ("storeTimestamp", "1")];
    assert_eq!(ask(RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT, &numbers), Some(answer(0, "")));
    let without_one = &numbers[1..];
    let expected = Some(answer(1, "process reply message fail"));
    assert_eq!(ask(RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT, without_one), expected);
}

#[test]
fn other_requests_are_not_supported() {
    assert_eq!(ask(RequestCode(999), &[]), Some(answer(3, " request type 999 not supported")));
    assert_eq!(ask(RequestCode(-1), &[]), Some(answer(3, " request type -1 not supported")));
}

#[test]
fn notices_are_not_answered() {
    for code in [
        RequestCode::CHECK_TRANSACTION_STATE,
        RequestCode::NOTIFY_CONSUMER_IDS_CHANGED,
        RequestCode::RESET_CONSUMER_CLIENT_OFFSET,
    ] {
        assert_eq!(ask(code, &[("group", "CG")]), None, "{code}");
    }
    let (mut bench, connection) = waiting();
    let one_way = head(77, RequestCode::GET_CONSUMER_RUNNING_INFO.0, FLAG_ONE_WAY);
    bench.receive(connection, &frame(one_way, &[("consumerGroup", "g")], b""));
    assert!(bench.requests.iter().all(|request| request.flag != FLAG_RESPONSE), "{:?}", bench.requests);
}

#[test]
fn an_answer_names_as_much_of_a_group_as_fits() {
    let long = "g".repeat(300);
    let (code, remark, _) = ask(RequestCode::GET_CONSUMER_RUNNING_INFO, &[("consumerGroup", &long)]).unwrap();
    assert_eq!(code, 1);
    let kept = &long[..GroupName::new().capacity()];
    assert_eq!(remark, format!("The Consumer Group <{kept}> not exist in this consumer"));
}

#[test]
fn the_second_of_two_brokers_that_ask_about_groups_at_once_is_told_to_wait() {
    let (mut bench, id) = Bench::routed(&[("a", 1), ("b", 1)]);
    let first = bench.take(SEND);
    bench.answer_stored(&first, 0);
    bench.outcome(id).unwrap();
    bench.send();
    let second = bench.take(SEND);
    assert_ne!(first.connection, second.connection);
    let question =
        frame(head(77, RequestCode::GET_CONSUMER_RUNNING_INFO.0, 0), &[("consumerGroup", "CG")], b"");
    for request in [&first, &second] {
        bench.producer.handle_received(bench.now, request.connection, &question);
    }
    bench.drive();
    let answers: Vec<_> = bench
        .requests
        .iter()
        .filter(|r| r.flag == FLAG_RESPONSE)
        .map(|r| (r.code.0, r.remark.as_str()))
        .collect();
    assert_eq!(
        answers,
        [
            (1, "The Consumer Group <CG> not exist in this consumer"),
            (2, "[OVERLOAD]system busy, start flow control for a while")
        ]
    );
    // The place is free again as soon as the first answer is written.
    bench.requests.clear();
    bench.receive(second.connection, &question);
    assert_eq!(bench.requests[0].code.0, 1);
}
