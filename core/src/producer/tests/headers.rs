//! What the settings and the properties of a message make of its request.

use super::*;
use crate::Rules;

const PROPERTIES: [(&str, &str); 3] = [("k", "v"), ("MAX_RECONSUME_TIMES", "16"), ("RECONSUME_TIME", "2")];

/// The request of a message with these properties.
fn request(
    change: impl FnOnce(&mut ProducerConfig<'static>),
    properties: &[(&str, &str)],
    code: RequestCode,
) -> Request {
    let mut bench = Bench::with(change);
    let message = Message::new("T", b"x").with_properties(properties);
    bench.producer.send(bench.now, &message).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1)]);
    bench.take(code)
}

fn field<'r>(request: &'r Request, key: &str) -> &'r str {
    request.fields.get(key).map_or("", String::as_str)
}

#[test]
fn a_retry_topic_moves_its_counts_into_the_header_and_forgets_them_then() {
    let mut bench = Bench::new();
    let message = Message::new("%RETRY%group", b"x").with_properties(&PROPERTIES);
    bench.producer.send(bench.now, &message).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1)]);
    let first = bench.take(RequestCode::SEND_MESSAGE_V2);
    assert_eq!((field(&first, "j"), field(&first, "l")), ("2", "16"));
    let string = "RECONSUME_TIME\u{1}2\u{2}MAX_RECONSUME_TIMES\u{1}16\u{2}k\u{1}v\u{2}UNIQ_KEY\u{1}";
    assert!(field(&first, "i").starts_with(string), "{first:?}");

    bench.answer(&first, 1, &[], b"");
    let second = bench.take(RequestCode::SEND_MESSAGE_V2);
    assert_eq!((field(&second, "j"), second.fields.get("l")), ("0", None));
    assert!(field(&second, "i").starts_with("k\u{1}v\u{2}UNIQ_KEY\u{1}"), "{second:?}");
}

#[test]
fn an_ordinary_topic_keeps_such_properties_to_itself() {
    let request = request(|_| {}, &PROPERTIES, RequestCode::SEND_MESSAGE_V2);
    assert_eq!((field(&request, "j"), request.fields.get("l")), ("0", None));
    assert!(field(&request, "i").contains("RECONSUME_TIME\u{1}2\u{2}"));
}

#[test]
fn a_count_that_is_no_number_is_refused() {
    let mut bench = Bench::new();
    let message = Message::new("%RETRY%group", b"x").with_properties(&[("RECONSUME_TIME", "two")]);
    let error = bench.producer.send(bench.now, &message).unwrap_err();
    assert_eq!(error.to_string(), "The Property<RECONSUME_TIME> is not a number");
}

#[test]
fn a_half_message_says_so() {
    for (value, flag) in [("true", "4"), ("TRUE", "4"), ("yes", "0")] {
        let request = request(|_| {}, &[("TRAN_MSG", value)], RequestCode::SEND_MESSAGE_V2);
        assert_eq!(field(&request, "f"), flag, "{value}");
    }
}

#[test]
fn replies_and_long_names_have_codes_of_their_own() {
    let reply = [("MSG_TYPE", "reply")];
    let other = [("MSG_TYPE", "Reply")];
    assert_eq!(field(&request(|_| {}, &reply, RequestCode::SEND_REPLY_MESSAGE_V2), "b"), "T");
    assert_eq!(field(&request(|_| {}, &other, RequestCode::SEND_MESSAGE_V2), "b"), "T");
    let long = |config: &mut ProducerConfig<'_>| config.send_smart_msg = false;
    assert_eq!(field(&request(long, &reply, RequestCode::SEND_REPLY_MESSAGE), "topic"), "T");
    let long = request(long, &[], RequestCode::SEND_MESSAGE);
    assert_eq!((field(&long, "topic"), field(&long, "bname"), field(&long, "batch")), ("T", "a", "false"));
    assert_eq!(field(&long, "b"), "");
}

#[test]
fn settings_go_into_the_header() {
    let change = |config: &mut ProducerConfig<'_>| {
        config.unit_mode = true;
        config.create_topic_key = "SEED";
        config.default_topic_queue_nums = 6;
    };
    let request = request(change, &[], RequestCode::SEND_MESSAGE_V2);
    assert_eq!((field(&request, "k"), field(&request, "c"), field(&request, "d")), ("true", "SEED", "6"));
}

#[test]
fn only_the_older_line_asks_for_the_route_of_another_create_topic_key() {
    for (rules, asked) in [(Rules::V4, "SEED"), (Rules::V5, "TBW102")] {
        let mut bench = Bench::with(|config| {
            config.create_topic_key = "SEED";
            config.rules = rules;
        });
        bench.send();
        let own = bench.take(RequestCode::GET_ROUTEINFO_BY_TOPIC);
        bench.answer(&own, 17, &[], b"");
        let question = bench.take(RequestCode::GET_ROUTEINFO_BY_TOPIC);
        assert_eq!(field(&question, "topic"), asked);
    }
}
