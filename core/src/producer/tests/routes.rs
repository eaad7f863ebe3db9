//! Route lookups: the default topic, failures, refreshes.

use super::*;

const ROUTE: RequestCode = RequestCode::GET_ROUTEINFO_BY_TOPIC;

#[test]
fn an_unknown_topic_takes_the_default_topics_queues() {
    let mut bench = Bench::new();
    bench.send();
    let first = bench.take(ROUTE);
    assert_eq!((first.address.as_str(), first.fields["topic"].as_str()), ("ns1:9876", "T"));
    bench.answer_with(&first, 17, Some("No topic route info"), &[], b"");
    let second = bench.take(ROUTE);
    assert_eq!(second.fields["topic"], "TBW102");
    bench.answer(&second, 0, &[], route(&[("a", 8)]).as_bytes());
    let send = bench.take(RequestCode::SEND_MESSAGE_V2);
    assert_eq!(send.fields["b"], "T");
    // Eight queues of the default topic are cut to `defaultTopicQueueNums`.
    assert!(send.fields["e"].parse::<u32>().unwrap() < 4);
}

#[test]
fn without_any_route_the_send_fails_and_the_next_one_asks_again() {
    let mut bench = Bench::new();
    for _ in 0..2 {
        let id = bench.send();
        for _ in 0..2 {
            let question = bench.take(ROUTE);
            bench.answer(&question, 17, &[], b"");
        }
        let error = bench.outcome(id).unwrap_err();
        assert_eq!((error.kind, error.response_code()), (SendErrorKind::NoRoute, 10_005));
    }
}

#[test]
fn a_route_without_a_queue_to_write_to_is_final() {
    let mut bench = Bench::new();
    let id = bench.send();
    let question = bench.take(ROUTE);
    let read_only = route(&[("a", 2)]).replace("\"perm\":6", "\"perm\":4");
    bench.answer(&question, 0, &[], read_only.as_bytes());
    assert_eq!(bench.outcome(id).unwrap_err().response_code(), 10_005);
    assert!(bench.requests.is_empty());
}

#[test]
fn a_route_that_was_asked_for_before_is_there_for_the_first_message() {
    let mut bench = Bench::new();
    bench.producer.prefetch_route(bench.now, "T").unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1)]);
    bench.send();
    assert_eq!(bench.take(RequestCode::SEND_MESSAGE_V2).address, "a:1");
    assert!(!bench.requests.iter().any(|request| request.code == RequestCode::GET_ROUTEINFO_BY_TOPIC));
    let error = bench.producer.prefetch_route(bench.now, "T.x").unwrap_err();
    assert!(matches!(error, SubmitError::Message(_)), "{error}");
    // A topic that nobody knows is nobody's concern until a message wants to go there.
    bench.producer.prefetch_route(bench.now, "U").unwrap();
    bench.drive();
    let question = bench.take(RequestCode::GET_ROUTEINFO_BY_TOPIC);
    bench.answer(&question, 17, &[], b"");
    assert!(bench.requests.is_empty(), "{:?}", bench.requests);
}

#[test]
fn an_unreachable_name_server_is_an_error() {
    let mut bench = Bench::new();
    bench.refused = vec!["ns1:9876".into()];
    let id = bench.send();
    assert_eq!(bench.outcome(id).unwrap_err().kind, SendErrorKind::NameServerUnreachable);
}

#[test]
fn every_name_server_of_the_list_is_tried() {
    let names: &'static [Address] =
        Box::leak(["ns1:9876", "ns2:9876", "ns3:9876"].map(|text| Address::new(text).unwrap()).into());
    let mut bench = Bench::with(|config| config.name_servers = names);
    bench.refused = vec!["ns1:9876".into(), "ns3:9876".into()];
    bench.send();
    assert_eq!(bench.take(ROUTE).address, "ns2:9876");
}

#[test]
fn a_silent_name_server_is_given_up() {
    let mut bench = Bench::new();
    let id = bench.send();
    bench.take(ROUTE);
    bench.pass(3_000);
    assert!(bench.in_flight(id));
    bench.pass(1);
    assert_eq!(bench.outcome(id).unwrap_err().kind, SendErrorKind::NameServerTimedOut);
    assert_eq!(bench.closed, ["ns1:9876"]);
}

#[test]
fn the_lookup_counts_against_the_timeout() {
    let mut bench = Bench::new();
    let id = bench.send();
    let question = bench.take(ROUTE);
    bench.pass(2_900);
    bench.answer(&question, 0, &[], route(&[("a", 1)]).as_bytes());
    bench.take(RequestCode::SEND_MESSAGE_V2);
    bench.pass(101);
    assert_eq!(bench.outcome(id).unwrap_err().kind, SendErrorKind::CallTimedOut);
}

#[test]
fn routes_are_asked_for_again_and_followed() {
    let (mut bench, id) = Bench::routed(&[("a", 1)]);
    let request = bench.take(RequestCode::SEND_MESSAGE_V2);
    bench.answer_stored(&request, 0);
    bench.outcome(id).unwrap();
    bench.pass(30_000);
    bench.answer_route(&[("b", 1)]);
    bench.send();
    assert_eq!(bench.take(RequestCode::SEND_MESSAGE_V2).address, "b:1");
}

#[test]
fn a_topic_that_is_gone_keeps_its_route() {
    let (mut bench, id) = Bench::routed(&[("a", 1)]);
    let request = bench.take(RequestCode::SEND_MESSAGE_V2);
    bench.answer_stored(&request, 0);
    bench.outcome(id).unwrap();
    bench.pass(30_000);
    let question = bench.take(ROUTE);
    bench.answer(&question, 17, &[], b"");
    bench.send();
    assert_eq!(bench.take(RequestCode::SEND_MESSAGE_V2).address, "a:1");
}

#[test]
fn a_route_that_does_not_fit_names_the_limit() {
    let (mut bench, id) = Bench::routed(&[("a", 13)]);
    assert_eq!(bench.outcome(id).unwrap_err().kind, SendErrorKind::RouteOverLimit("queues"));
}

#[test]
fn a_frame_larger_than_the_memory_for_frames_closes_the_connection() {
    let mut bench = Bench::new();
    let id = bench.send();
    let question = bench.take(ROUTE);
    let taken = bench.producer.handle_received(bench.now, question.connection, &[0, 0, 0x20, 0, 0]);
    assert_eq!(taken, 5);
    bench.drive();
    assert_eq!(bench.closed, ["ns1:9876"]);
    assert_eq!(bench.outcome(id).unwrap_err().kind, SendErrorKind::NameServerUnreachable);
}

#[test]
fn sends_that_wait_for_one_route_share_the_question() {
    let mut bench = Bench::new();
    let ids = [bench.send(), bench.send(), bench.send()];
    bench.answer_route(&[("a", 4)]);
    for id in ids {
        let request = bench.take(RequestCode::SEND_MESSAGE_V2);
        bench.answer_stored(&request, 0);
        assert!(bench.outcome(id).is_ok());
    }
}

#[test]
fn a_topic_is_not_forgotten_in_the_middle_of_its_question() {
    let mut bench = Bench::new();
    for topic in ["T", "U"] {
        bench.producer.send(bench.now, &Message::new(topic, b"x")).unwrap();
        bench.drive();
        bench.answer_route(&[("a", 1)]);
        let request = bench.take(RequestCode::SEND_MESSAGE_V2);
        bench.answer_stored(&request, 0);
        bench.pass(1_000);
    }
    while let Some(event) = bench.producer.poll_event() {
        if let Event::Sent { id } = event {
            bench.outcome(id).unwrap();
        }
    }
    // The route of T is due; it is also the topic that was used longest ago.
    bench.now = bench.now.after(Duration::from_secs(28));
    bench.producer.handle_timeout(bench.now);
    let Some(ConnectionRequest::Transmit { connection }) = bench.producer.poll_connection() else { panic!() };
    let mut bytes = vec![0; 10];
    assert_eq!(bench.producer.poll_transmit(connection, &mut bytes), 10);
    bench.producer.send(bench.now, &Message::new("V", b"x")).unwrap();
    let mut rest = [0; 1_000];
    let len = bench.producer.poll_transmit(connection, &mut rest);
    bytes.extend_from_slice(&rest[..len]);
    let end = 4 + usize::try_from(u32::from_be_bytes(bytes[..4].try_into().unwrap())).unwrap();
    let question = RemotingCommand::decode(&bytes[4..end]).unwrap();
    let topic = question.ext_fields.iter().flatten().find(|(key, _)| *key == *"topic");
    assert_eq!(topic.unwrap().1.unwrap().to_string(), "T");
}
