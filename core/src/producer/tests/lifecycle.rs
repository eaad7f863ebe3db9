//! Limits, heartbeats, idle connections, hostile peers, and the end.

use super::*;
use crate::message::validate::MessageError;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

#[test]
fn a_full_table_refuses_and_recovers() {
    let mut bench = Bench::new();
    let ids: Vec<SendId> = (0..4).map(|_| bench.send()).collect();
    let message = Message::new("T", b"x");
    assert_eq!(bench.producer.send(bench.now, &message), Err(SubmitError::TooManyInFlight { limit: 4 }));
    bench.refused = vec!["a:1".into()];
    bench.answer_route(&[("a", 1)]);
    bench.drive();
    assert!(bench.outcome(ids[2]).is_err());
    assert!(bench.producer.send(bench.now, &message).is_ok());
}

#[test]
fn bodies_share_the_arena() {
    let mut bench = Bench::new();
    let body = [7u8; 3_900];
    assert!(bench.producer.send(bench.now, &Message::new("T", &body)).is_ok());
    assert_eq!(bench.producer.send(bench.now, &Message::new("T", &body)), Err(SubmitError::NoRoomForBody));
    let larger = [7u8; 4_096];
    let error = bench.producer.send(bench.now, &Message::new("T", &larger)).unwrap_err();
    assert_eq!(error, SubmitError::MessageTooLarge { limit: 4_096 });
    assert!(!error.is_temporary());
}

#[test]
fn illegal_messages_are_refused_before_anything_happens() {
    let mut bench = Bench::new();
    let mut refuse = |message: &Message<'_>| bench.producer.send(bench.now, message).unwrap_err().to_string();
    assert!(refuse(&Message::new("", b"x")).contains("The specified topic is blank"));
    assert!(refuse(&Message::new("a.b", b"x")).contains("illegal characters"));
    assert_eq!(refuse(&Message::new("T", b"")), "the message body length is zero");
    assert!(refuse(&Message::new("T", b"x").with_tags("a\u{2}b")).contains("TAGS"));
    assert!(refuse(&Message::new("T", b"x").with_properties(&[("UNIQ_KEY", "short")])).contains("UNIQ_KEY"));
    let too_long = vec![0u8; (4 << 20) + 1];
    let error = bench.producer.send(bench.now, &Message::new("T", &too_long)).unwrap_err();
    assert_eq!(error, SubmitError::Message(MessageError::BodyTooLong { max: 4 << 20 }));
    assert!(bench.producer.poll_connection().is_none());
}

#[test]
fn a_broker_is_told_who_sends() {
    let (mut bench, _) = Bench::routed(&[("a", 1)]);
    let heartbeat = bench.take(RequestCode::HEART_BEAT);
    assert_eq!(heartbeat.address, "a:1");
    assert!(String::from_utf8(heartbeat.body.clone()).unwrap().contains("\"groupName\":\"PG\""));
    bench.answer(&heartbeat, 0, &[], b"");
    let request = bench.take(SEND);
    bench.answer_stored(&request, 0);
    bench.pass(29_999);
    assert!(!bench.requests.iter().any(|r| r.code == RequestCode::HEART_BEAT));
    bench.pass(1);
    bench.take(RequestCode::HEART_BEAT);
}

#[test]
fn heartbeats_may_follow_each_other_faster_than_their_answers_time_out() {
    let mut bench = Bench::with(|config| config.heartbeat_broker_interval = Duration::from_millis(500));
    bench.send();
    bench.answer_route(&[("a", 1)]);
    for _ in 0..3 {
        let heartbeat = bench.take(RequestCode::HEART_BEAT);
        bench.answer(&heartbeat, 0, &[], b"");
        bench.pass(499);
        assert!(!bench.requests.iter().any(|r| r.code == RequestCode::HEART_BEAT));
        bench.pass(1);
    }
}

#[test]
fn a_broker_that_ignores_heartbeats_loses_its_connection() {
    let (mut bench, _) = Bench::routed(&[("a", 1)]);
    let heartbeat = bench.take(RequestCode::HEART_BEAT);
    let request = bench.requests.remove(0);
    bench.answer_stored(&request, 0);
    bench.pass(3_001);
    assert_eq!(bench.closed, [heartbeat.address]);
}

#[test]
fn an_idle_connection_is_closed() {
    let mut bench = Bench::with(|config| {
        config.poll_name_server_interval = Duration::from_secs(1_000);
        config.heartbeat_broker_interval = Duration::from_secs(1_000);
    });
    let id = bench.send();
    bench.answer_route(&[("a", 1)]);
    let request = bench.take(SEND);
    bench.answer_stored(&request, 0);
    bench.outcome(id).unwrap();
    bench.pass(119_999);
    assert!(bench.closed.is_empty());
    bench.pass(1);
    bench.closed.sort();
    assert_eq!(bench.closed, ["a:1", "ns1:9876"]);
    // The next send opens what it needs.
    bench.send();
    bench.take(SEND);
}

#[test]
fn the_connection_idle_longest_makes_room() {
    let (mut bench, id) = Bench::routed(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    let first = bench.take(SEND);
    bench.answer_stored(&first, 0);
    bench.outcome(id).unwrap();
    for _ in 0..3 {
        bench.pass(10);
        let id = bench.send();
        let request = bench.take(SEND);
        bench.answer_stored(&request, 0);
        bench.outcome(id).unwrap();
    }
    // Four connections: the name server's stays, and the first broker's went.
    assert_eq!(bench.closed, [first.address]);
}

#[test]
fn garbage_closes_the_connection_and_nothing_else() {
    let (mut bench, id) = Bench::routed(&[("a", 1), ("b", 1)]);
    let first = bench.take(SEND);
    let garbage = b"\0\0\0\x08\0\0\0\x04xxxx";
    assert_eq!(bench.producer.handle_received(bench.now, first.connection, garbage), garbage.len());
    bench.drive();
    assert_eq!(bench.closed.concat(), first.address);
    let second = bench.take(SEND);
    assert_ne!(second.address, first.address);
    bench.answer_stored(&second, 0);
    assert!(bench.outcome(id).is_ok());
}

#[test]
fn a_shutdown_lets_sends_end_and_says_farewell() {
    let (mut bench, id) = Bench::routed(&[("a", 1)]);
    let request = bench.take(SEND);
    bench.producer.shutdown(bench.now);
    bench.drive();
    assert_eq!(bench.producer.send(bench.now, &Message::new("T", b"x")), Err(SubmitError::NotRunning));
    assert!(!bench.producer.is_stopped() && bench.in_flight(id));
    bench.answer_stored(&request, 0);
    let farewell = bench.take(RequestCode::UNREGISTER_CLIENT);
    assert_eq!(
        (farewell.fields["clientID"].as_str(), farewell.fields["producerGroup"].as_str()),
        ("client", "PG")
    );
    bench.answer(&farewell, 0, &[], b"");
    assert!(bench.producer.is_stopped());
    assert!(bench.outcome(id).is_ok());
    assert!(bench.connections.is_empty());
    assert_eq!(bench.producer.poll_timeout(), None);
}

#[test]
fn a_shutdown_does_not_wait_for_a_broker_that_hangs() {
    let (mut bench, id) = Bench::routed(&[("a", 1)]);
    bench.take(SEND);
    bench.producer.shutdown(bench.now);
    bench.pass(3_001);
    assert!(bench.outcome(id).is_err());
    bench.pass(3_001);
    assert!(bench.producer.is_stopped());
}

#[test]
fn an_outcome_is_announced_once_and_taken_once() {
    let (mut bench, id) = Bench::routed(&[("a", 1)]);
    let request = bench.take(SEND);
    bench.answer_stored(&request, 0);
    let mut announced = 0;
    while let Some(event) = bench.producer.poll_event() {
        announced += usize::from(event == Event::Sent { id });
    }
    assert_eq!(announced, 1);
    assert!(bench.outcome(id).is_ok());
    assert_eq!(bench.outcome(id).unwrap_err().kind, SendErrorKind::ShutDown);
}

#[test]
fn too_little_memory_is_found_at_once() {
    let names = [Address::new("ns:1").unwrap()];
    let clock = WallClock::new(Instant::ZERO, 0);
    let mut storage = ProducerStorage::<1, 1, 1, 1, 1, 64, 512, 1>::new();
    let error =
        Producer::new(ProducerConfig::new("PG", "c", &names), storage.memory(), clock, 1).unwrap_err();
    assert_eq!(error, ConfigError::TooLittleMemory { what: "connections", least: 2 });
    let mut storage = ProducerStorage::<2, 1, 1, 1, 1, 64, 100, 1>::new();
    let error =
        Producer::new(ProducerConfig::new("PG", "c", &names), storage.memory(), clock, 1).unwrap_err();
    assert_eq!(error.to_string(), "memory for frames: at least 512 needed");
}

#[test]
fn nothing_is_due_after_a_shutdown_whatever_was_asked_for() {
    let mut bench = Bench::new();
    bench.refused.push("ns1:9876".into());
    let id = bench.producer.send(bench.now, &Message::new("T", b"hello")).unwrap();
    // Fails last, when the shutdown is complete already.
    bench.producer.prefetch_route(bench.now, "U").unwrap();
    bench.producer.shutdown(bench.now);
    bench.drive();
    assert!(bench.producer.is_stopped());
    assert_eq!(bench.outcome(id).unwrap_err().kind, SendErrorKind::NameServerUnreachable);
    assert_eq!(bench.producer.poll_timeout(), None);
}

#[test]
fn a_heartbeat_that_is_due_in_a_shutdown_does_not_keep_the_driver_busy() {
    let (mut bench, first) = Bench::routed(&[("a", 1)]);
    let request = bench.take(SEND);
    bench.answer_stored(&request, 0);
    bench.pass(29_000);
    let id = bench.send();
    bench.take(SEND);
    bench.producer.shutdown(bench.now);
    // The next heartbeat is due, and a send is in flight.
    bench.now = bench.now.after(Duration::from_millis(1_500));
    for _ in 0..3 {
        bench.producer.handle_timeout(bench.now);
        bench.drive();
    }
    assert!(bench.outcome(first).is_ok() && bench.in_flight(id));
    assert!(bench.producer.poll_timeout() > Some(bench.now));
}

#[test]
fn a_connection_that_was_given_up_before_the_driver_heard_of_it_is_not_closed() {
    let mut bench = Bench::new();
    bench.producer.send(bench.now, &Message::new("T", b"hello")).unwrap();
    // Nobody asks what to do with connections until there is no time left for this one.
    bench.now = bench.now.after(Duration::from_mins(1));
    bench.producer.handle_timeout(bench.now);
    let requests: Vec<_> = core::iter::from_fn(|| bench.producer.poll_connection()).collect();
    assert!(
        !requests.iter().any(|request| matches!(request, ConnectionRequest::Close { .. })),
        "{requests:?}"
    );
}
