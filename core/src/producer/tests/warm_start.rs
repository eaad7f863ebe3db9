//! Starting with the routes and counters of an earlier start.

use super::*;
use crate::producer::warm_start::{RestoreError, SaveError};
use crate::wire::code::ResponseCode;
use std::collections::BTreeSet;

const ROUTE: RequestCode = RequestCode::GET_ROUTEINFO_BY_TOPIC;
const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

/// What a producer saves that has sent to `T` on these brokers.
fn saved_after(brokers: &[(&str, i32)]) -> Vec<u8> {
    let (mut bench, id) = Bench::routed(brokers);
    let request = bench.take(SEND);
    bench.answer_stored(&request, 0);
    bench.outcome(id).unwrap();
    save(&bench)
}

fn save(bench: &Bench) -> Vec<u8> {
    let mut buffer = [0xee; 2_048];
    let length = bench.producer.save(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

/// The next start of the same device.
fn woken(saved: &[u8]) -> Bench {
    woken_with(saved, |_| {})
}

fn woken_with(saved: &[u8], change: impl FnOnce(&mut ProducerConfig<'static>)) -> Bench {
    let mut bench = Bench::with(change);
    bench.producer.restore(bench.now, saved).unwrap();
    bench
}

fn asks_nobody(bench: &Bench) -> bool {
    !bench.requests.iter().any(|request| request.code == ROUTE)
}

#[test]
fn the_first_send_asks_nobody() {
    let saved = saved_after(&[("a", 2), ("b", 2)]);
    let mut bench = woken(&saved);
    bench.refused = vec!["ns1:9876".into()];
    for _ in 0..4 {
        let id = bench.send();
        let request = bench.take(SEND);
        bench.answer_stored(&request, 0);
        assert_eq!(bench.outcome(id).unwrap().attempts, 1);
    }
    assert!(asks_nobody(&bench));
    assert!(!bench.connections.values().any(|(_, address)| address == "ns1:9876"));
}

#[test]
fn queues_go_on_in_turn_where_they_were() {
    let turns = |bench: &mut Bench, count: usize| -> Vec<(String, String)> {
        let turn = |bench: &mut Bench| {
            bench.send();
            let request = bench.take(SEND);
            bench.answer_stored(&request, 0);
            (request.address.clone(), request.fields["e"].clone())
        };
        (0..count)
            .map(|_| {
                let queue = turn(bench);
                while let Some(event) = bench.producer.poll_event() {
                    if let Event::Sent { id } = event {
                        bench.outcome(id).unwrap();
                    }
                }
                queue
            })
            .collect()
    };
    let (mut bench, id) = Bench::routed(&[("a", 3), ("b", 2)]);
    let request = bench.take(SEND);
    bench.answer_stored(&request, 0);
    bench.outcome(id).unwrap();
    let saved = save(&bench);
    assert_eq!(turns(&mut woken(&saved), 7), turns(&mut bench, 7));
}

#[test]
fn routes_are_asked_for_as_always_later_on() {
    let saved = saved_after(&[("a", 2)]);
    let mut bench = woken(&saved);
    bench.pass(29_999);
    assert!(asks_nobody(&bench));
    bench.pass(1);
    bench.answer_route(&[("a", 2)]);
    while let Some(event) = bench.producer.poll_event() {
        assert!(!matches!(event, Event::RouteChanged { .. }), "the route is the same");
    }
}

/// A send on an old route to `a`, until the name server is asked.
fn asked_after(fail: impl FnOnce(&mut Bench, Request)) -> (Bench, SendId) {
    let mut bench = woken_with(&saved_after(&[("a", 1)]), |config| config.retry_times_when_send_failed = 0);
    let id = bench.send();
    let request = bench.take(SEND);
    assert!(asks_nobody(&bench));
    fail(&mut bench, request);
    assert!(bench.in_flight(id));
    (bench, id)
}

fn refuse(code: ResponseCode) -> impl FnOnce(&mut Bench, Request) {
    move |bench, request| bench.answer(&request, code.0, &[], b"")
}

#[test]
fn a_broker_that_refuses_or_hangs_up_has_the_name_server_asked_and_the_send_goes_on() {
    let hang_up = |bench: &mut Bench, request: Request| bench.hang_up(&request);
    for (mut bench, id) in [
        asked_after(refuse(ResponseCode::TOPIC_NOT_EXIST)),
        asked_after(refuse(ResponseCode::NO_PERMISSION)),
        asked_after(hang_up),
    ] {
        bench.answer_route(&[("b", 1)]);
        let request = bench.take(SEND);
        assert_eq!((request.address.as_str(), request.fields["n"].as_str()), ("b:1", "b"));
        bench.answer_stored(&request, 0);
        let result = bench.outcome(id).unwrap();
        assert_eq!((result.broker_name.as_str(), result.attempts), ("b", 2));
    }
}

#[test]
fn a_broker_that_cannot_be_reached_has_the_name_server_asked() {
    for to_one_queue in [false, true] {
        let mut bench =
            woken_with(&saved_after(&[("a", 1)]), |config| config.retry_times_when_send_failed = 0);
        bench.refused = vec!["a:1".into()];
        let message = Message::new("T", b"hello");
        let id = if to_one_queue {
            let queue = MessageQueue { broker_name: "a", queue_id: 0 };
            bench.producer.send_to(bench.now, &message, &queue).unwrap()
        } else {
            bench.producer.send(bench.now, &message).unwrap()
        };
        // The broker has moved.
        let question = bench.take(ROUTE);
        let moved = route(&[("a", 1)]).replace("a:1", "a:2");
        bench.answer(&question, 0, &[], moved.as_bytes());
        let request = bench.take(SEND);
        assert_eq!(request.address, "a:2");
        bench.answer_stored(&request, 0);
        assert_eq!(bench.outcome(id).unwrap().attempts, 2);
    }
}

#[test]
fn a_one_way_and_an_asynchronous_send_ask_too() {
    let mut bench = woken(&saved_after(&[("a", 1)]));
    bench.refused = vec!["a:1".into()];
    let message = Message::new("T", b"hello");
    let ids = [
        bench.producer.send_oneway(bench.now, &message).unwrap(),
        bench.producer.send_async(bench.now, &message).unwrap(),
    ];
    bench.drive();
    bench.answer_route(&[("b", 1)]);
    for _ in ids {
        let request = bench.take(SEND);
        assert_eq!(request.address, "b:1");
        if request.flag == 0 {
            bench.answer_stored(&request, 0);
        }
    }
    assert!(ids.map(|id| bench.outcome(id).is_ok()) == [true; 2]);
}

#[test]
fn what_is_not_the_routes_fault_is_not_asked_about() {
    for code in [ResponseCode::MESSAGE_ILLEGAL, ResponseCode::SYSTEM_ERROR] {
        let mut bench =
            woken_with(&saved_after(&[("a", 1)]), |config| config.retry_times_when_send_failed = 0);
        let id = bench.send();
        let request = bench.take(SEND);
        bench.answer(&request, code.0, &[], b"");
        assert_eq!(bench.outcome(id).unwrap_err().attempts, 1);
        assert!(asks_nobody(&bench));
    }
}

#[test]
fn a_route_that_was_confirmed_is_not_asked_for_again() {
    let (mut bench, id) = asked_after(refuse(ResponseCode::NO_PERMISSION));
    bench.answer_route(&[("a", 1)]);
    let request = bench.take(SEND);
    bench.answer(&request, ResponseCode::NO_PERMISSION.0, &[], b"");
    let error = bench.outcome(id).unwrap_err();
    assert_eq!((error.response_code(), error.attempts), (16, 2));
    assert!(asks_nobody(&bench));
}

#[test]
fn without_a_name_server_the_send_goes_on_with_what_it_knows() {
    let mut bench = woken(&saved_after(&[("a", 1), ("b", 1)]));
    bench.refused = vec!["ns1:9876".into()];
    let id = bench.send();
    let first = bench.take(SEND);
    bench.hang_up(&first);
    let second = bench.take(SEND);
    assert_ne!(first.address, second.address);
    bench.answer_stored(&second, 0);
    assert_eq!(bench.outcome(id).unwrap().attempts, 2);
}

#[test]
fn when_nothing_can_be_reached_the_send_ends_with_the_brokers_failure() {
    let mut bench = woken(&saved_after(&[("a", 1)]));
    bench.refused = vec!["ns1:9876".into(), "a:1".into()];
    let id = bench.send();
    let error = bench.outcome(id).unwrap_err();
    // Three attempts, and the one that found out that the route is old.
    assert_eq!((error.response_code(), error.attempts), (10_001, 4));
}

#[test]
fn a_topic_that_no_name_server_knows_any_more_is_created_anew() {
    let (mut bench, id) = asked_after(refuse(ResponseCode::TOPIC_NOT_EXIST));
    let question = bench.take(ROUTE);
    bench.answer(&question, 17, &[], b"");
    let question = bench.take(ROUTE);
    assert_eq!(question.fields["topic"], "TBW102");
    bench.answer(&question, 0, &[], route(&[("b", 8)]).as_bytes());
    let request = bench.take(SEND);
    assert_eq!(request.address, "b:1");
    bench.answer_stored(&request, 0);
    assert!(bench.outcome(id).is_ok());
}

#[test]
fn a_send_without_time_does_not_wait_but_the_next_one_has_the_answer() {
    let mut bench = woken(&saved_after(&[("a", 1)]));
    let id = bench.send();
    bench.take(SEND);
    bench.pass(3_001);
    assert_eq!(bench.outcome(id).unwrap_err().kind, SendErrorKind::CallTimedOut);
    bench.answer_route(&[("b", 1)]);
    bench.send();
    assert_eq!(bench.take(SEND).address, "b:1");
}

/// The ids of a start's first messages, by a clock that begins in 1970 each time.
fn ids_of(bench: &mut Bench) -> Vec<String> {
    bench.producer.state.clock = WallClock::new(bench.now, 0);
    let mut ids = Vec::new();
    for _ in 0..5 {
        let id = bench.producer.send(bench.now, &Message::new("T", b"x")).unwrap();
        bench.drive();
        if !asks_nobody(bench) {
            bench.answer_route(&[("a", 1)]);
        }
        let request = bench.take(SEND);
        bench.answer_stored(&request, 0);
        ids.push(bench.outcome(id).unwrap().message_id.to_string());
    }
    ids
}

#[test]
fn no_start_repeats_the_ids_of_another() {
    let mut first = Bench::new();
    let mut all: BTreeSet<String> = BTreeSet::new();
    all.extend(ids_of(&mut first));
    assert!(ids_of(&mut Bench::new()).iter().all(|id| all.contains(id)), "without care ids repeat");
    let mut kept = save(&first);
    for start in 1..50 {
        let mut bench = woken(&kept);
        assert_eq!(bench.producer.start_number(), start);
        kept = save(&bench);
        // Whether or not the device saves again before it sleeps.
        let ids = ids_of(&mut bench);
        if start % 2 == 0 {
            kept = save(&bench);
        }
        for id in ids {
            assert!(all.insert(id.clone()), "{id} again, in start {start}");
        }
    }
}

#[test]
fn a_start_can_have_a_number_of_the_callers() {
    let mut all = BTreeSet::new();
    for number in [0, 1, 77, u32::MAX] {
        let mut bench = Bench::with(|config| config.loader_hash = 5);
        bench.producer.set_start_number(number);
        all.extend(ids_of(&mut bench));
    }
    assert_eq!(all.len(), 20);
}

#[test]
fn states_of_no_use_say_why_and_change_nothing() {
    let saved = saved_after(&[("a", 1)]);
    let refused = |saved: &[u8]| {
        let mut bench = Bench::new();
        let error = bench.producer.restore(bench.now, saved).unwrap_err();
        bench.send();
        bench.take(ROUTE);
        (error, bench.producer.start_number())
    };
    assert_eq!(refused(&[]), (RestoreError::Nothing, 0));
    assert_eq!(refused(&[0xff; 512]), (RestoreError::Nothing, 0));
    assert_eq!(refused(&[0; 512]), (RestoreError::Nothing, 0));
    assert_eq!(refused(&saved[..4]), (RestoreError::Damaged, 0));
    assert_eq!(refused(&saved[..saved.len() - 1]), (RestoreError::Damaged, 0));
    let mut newer = saved.clone();
    newer[4] = 2;
    assert_eq!(refused(&newer), (RestoreError::OtherVersion { version: 2 }, 0));
    // What is left of a page of flash does not matter.
    let page = [&saved[..], &[0xff; 100]].concat();
    assert!(Bench::new().producer.restore(Instant::ZERO, &page).is_ok());
    let mut used = Bench::new();
    used.send();
    assert_eq!(used.producer.restore(used.now, &saved), Err(RestoreError::InUse));
    let mut twice = woken(&saved);
    assert_eq!(twice.producer.restore(twice.now, &saved), Err(RestoreError::InUse));
}

#[test]
fn routes_of_another_cluster_or_too_large_ones_leave_the_start_its_number() {
    let saved = saved_after(&[("a", 1)]);
    let others: &'static [Address] = Box::leak(Box::new([Address::new("ns2:9876").unwrap()]));
    let mut elsewhere = Bench::with(|config| config.name_servers = others);
    assert_eq!(elsewhere.producer.restore(elsewhere.now, &saved), Err(RestoreError::OtherOrigin));
    assert_eq!(elsewhere.producer.start_number(), 1);
    let mut renamed = Bench::with(|config| config.namespace = Some("ns"));
    assert_eq!(renamed.producer.restore(renamed.now, &saved), Err(RestoreError::OtherOrigin));

    let names: &'static [Address] = Box::leak(Box::new([Address::new("ns1:9876").unwrap()]));
    let clock = WallClock::new(Instant::ZERO, 0);
    let mut storage = ProducerStorage::<2, 1, 1, 1, 1, 64, 512, 4>::new();
    let config = ProducerConfig::new("PG", "client", names);
    let mut small = Producer::new(config, storage.memory(), clock, 1).unwrap();
    for (brokers, what) in [(&[("a", 2)][..], "queues"), (&[("a", 1), ("b", 1)], "brokers")] {
        let error = small.restore(Instant::ZERO, &saved_after(brokers)).unwrap_err();
        assert_eq!(error, RestoreError::TooLarge { what, limit: 1 });
        assert_eq!((small.start_number(), small.state.routes.is_empty()), (1, true));
    }
    assert_eq!(small.restore(Instant::ZERO, &saved).unwrap().topics, 1);
}

#[test]
fn a_buffer_that_is_too_small_is_an_error_and_the_bound_is_enough() {
    let limits = ProducerLimits { brokers: 4, topics: 2, queues: 12, ..Storage::LIMITS };
    let names = ["x".repeat(64), "y".repeat(64), "z".repeat(64), "w".repeat(64)];
    let brokers: Vec<(&str, i32)> = names.iter().map(|name| (name.as_str(), 3)).collect();
    let mut bench = Bench::new();
    for topic in ["t".repeat(127), "u".repeat(127)] {
        bench.producer.send(bench.now, &Message::new(&topic, b"x")).unwrap();
        bench.drive();
        bench.answer_route(&brokers);
    }
    let saved = save(&bench);
    assert!(saved.len() > 600 && saved.len() <= limits.max_saved_bytes(), "{}", saved.len());
    for length in 0..saved.len() {
        let error = bench.producer.save(&mut vec![0; length]);
        assert_eq!(error, Err(SaveError::BufferTooSmall), "{length}");
    }
}
