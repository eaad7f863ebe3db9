//! Brokers that are avoided, and results that are kept in case no better one comes.

use super::*;
use crate::Rules;
use crate::send::decision::Fault;
use crate::send::outcome::SendStatus;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

/// A producer that avoids brokers and knows the topic `T`, whose first message has been stored.
fn avoiding(rules: Rules, brokers: &[(&str, i32)]) -> Bench {
    let mut bench = Bench::with(|config| {
        config.rules = rules;
        config.send_latency_fault_enable = true;
    });
    let id = bench.send();
    bench.answer_route(brokers);
    let request = bench.take(SEND);
    bench.answer_stored(&request, 0);
    assert!(bench.outcome(id).is_ok());
    bench
}

impl Bench {
    /// Sends one message that is stored at once, and returns whom it went to and its queue.
    fn sent_to(&mut self) -> (String, String) {
        let id = self.send();
        let request = self.take(SEND);
        self.answer_stored(&request, 0);
        assert!(self.outcome(id).is_ok());
        (request.address, request.fields["e"].clone())
    }

    /// Sends until a message goes to `address`, and has that refused; returns where the send went then.
    fn refuse_one(&mut self, address: &str) -> String {
        for _ in 0..20 {
            let id = self.send();
            let request = self.take(SEND);
            if request.address == address {
                self.answer(&request, 1, &[], b"");
                let retry = self.take(SEND);
                self.answer_stored(&retry, 0);
                assert_eq!(self.outcome(id).unwrap().attempts, 2);
                return retry.address;
            }
            self.answer_stored(&request, 0);
            assert!(self.outcome(id).is_ok());
        }
        panic!("nothing goes to {address}")
    }

    /// What the attempts taught: broker, latency, for how long it is isolated, and whether it can be reached.
    pub(super) fn lessons(&mut self) -> Vec<(String, u128, u128, bool)> {
        let mut lessons = Vec::new();
        while let Some(event) = self.producer.poll_event() {
            if let Event::FaultUpdated { broker, latency, available_at, reachable } = event {
                let name = self.producer.broker_name(broker).as_str().to_string();
                lessons.push((
                    name,
                    latency.as_millis(),
                    available_at.since(self.now).as_millis(),
                    reachable,
                ));
            }
        }
        lessons
    }
}

#[test]
fn a_broker_that_refuses_is_avoided_by_every_send_until_its_time_is_up() {
    for (rules, millis) in [(Rules::V4, 600_000), (Rules::V5, 10_000)] {
        let mut bench = avoiding(rules, &[("a", 2), ("b", 2), ("c", 2)]);
        bench.lessons();
        assert_ne!(bench.refuse_one("b:1"), "b:1");
        let lesson = bench.lessons().into_iter().find(|lesson| lesson.0 == "b").unwrap();
        assert_eq!(lesson, ("b".into(), 0, millis, rules == Rules::V4));
        let sent: Vec<_> = (0..6).map(|_| bench.sent_to().0).collect();
        assert!(!sent.contains(&"b:1".into()), "{sent:?}");
        bench.now = bench.now.after(Duration::from_millis(millis.try_into().unwrap()));
        let sent: Vec<_> = (0..6).map(|_| bench.sent_to().0).collect();
        assert!(sent.contains(&"b:1".into()), "{sent:?}");
    }
}

#[test]
fn a_slow_broker_is_avoided_although_it_stored_the_message() {
    let mut bench = avoiding(Rules::V5, &[("a", 1), ("b", 1)]);
    let id = bench.send();
    let request = bench.take(SEND);
    bench.lessons();
    bench.pass(600);
    bench.answer_stored(&request, 0);
    assert!(bench.outcome(id).is_ok());
    assert_eq!(bench.lessons(), [(request.address[..1].into(), 600, 2_000, true)]);
    let sent: Vec<_> = (0..4).map(|_| bench.sent_to().0).collect();
    assert!(!sent.contains(&request.address), "{sent:?}");
}

#[test]
fn a_send_that_waits_for_its_route_keeps_nothing_known_of_a_broker() {
    let mut bench = avoiding(Rules::V5, &[("a", 1), ("b", 1)]);
    bench.refuse_one("a:1");
    let unknown = SendOptions::new().to(MessageQueue { broker_name: "x", queue_id: 0 });
    for brokers in [&[("b", 1)][..], &[("a", 1), ("b", 1)]] {
        let id = bench.producer.send_with(bench.now, &Message::new("T", b"x"), &unknown).unwrap();
        bench.drive();
        bench.answer_route(brokers);
        assert!(bench.outcome(id).is_err());
    }
    // The broker has left all routes, and is a new one now.
    let sent: Vec<_> = (0..4).map(|_| bench.sent_to().0).collect();
    assert!(sent.contains(&"a:1".into()), "{sent:?}");
}

#[test]
fn nothing_is_learnt_unless_it_is_enabled() {
    let (mut bench, id) = Bench::routed(&[("a", 1), ("b", 1)]);
    let request = bench.take(SEND);
    bench.answer(&request, 1, &[], b"");
    let retry = bench.take(SEND);
    bench.answer_stored(&retry, 0);
    assert!(bench.outcome(id).is_ok());
    assert_eq!(bench.lessons(), []);
    let sent: Vec<_> = (0..2).map(|_| bench.sent_to().0).collect();
    assert!(sent.contains(&request.address), "{sent:?}");
}

#[test]
fn a_retry_goes_on_from_a_random_place_in_5_x_if_brokers_are_avoided() {
    let story = |rules, enable| {
        let mut bench = Bench::with(|config| {
            config.rules = rules;
            config.send_latency_fault_enable = enable;
        });
        let mut retries = Vec::new();
        let mut known = false;
        while retries.len() < 6 {
            let id = bench.send();
            if !core::mem::replace(&mut known, true) {
                bench.answer_route(&[("a", 1), ("b", 11)]);
            }
            let mut request = bench.take(SEND);
            if request.address == "a:1" {
                bench.answer(&request, 1, &[], b"");
                request = bench.take(SEND);
                retries.push(request.fields["e"].clone());
            }
            bench.answer_stored(&request, 0);
            assert!(bench.outcome(id).is_ok());
            // Past every isolation.
            bench.now = bench.now.after(Duration::from_secs(if rules == Rules::V4 { 600 } else { 10 }));
        }
        retries.sort();
        retries.dedup();
        retries.len()
    };
    assert_eq!(story(Rules::V5, false), 1);
    assert_eq!(story(Rules::V4, true), 1);
    assert!(story(Rules::V5, true) > 2);
}

#[test]
fn the_queue_after_an_avoided_broker_gets_a_burst_in_4_x() {
    let mut bench = avoiding(Rules::V4, &[("a", 4), ("b", 4)]);
    assert_eq!(bench.refuse_one("a:1"), "b:1");
    let mut queues: Vec<_> = (0..8).map(|_| bench.sent_to().1).collect();
    queues.sort();
    // One turn each, and the first of them also those of all four queues of a.
    assert_eq!(queues, ["0", "0", "0", "0", "0", "1", "2", "3"]);
}

#[test]
fn what_4_x_overwrites_comes_back_with_the_next_route() {
    let mut bench = avoiding(Rules::V4, &[("a", 1), ("b", 1)]);
    bench.refused = vec!["a:1".into(), "b:1".into()];
    // The connections that stand are given up first, so that dialling decides.
    bench.now = bench.now.after(Duration::from_mins(2));
    bench.pass(0);
    bench.answer_route(&[("a", 1), ("b", 1)]);
    for _ in 0..3 {
        let id = bench.send();
        bench.drive();
        assert!(bench.outcome(id).is_err());
    }
    let topic = bench.producer.state.routes.topics.id_at(0).unwrap();
    let listed = |bench: &Bench| {
        let queues = bench.producer.state.routes.queues(topic);
        let mut names: Vec<_> = queues.iter().map(|q| bench.producer.broker_name(q.broker)).collect();
        names.dedup();
        names.len()
    };
    assert_eq!(listed(&bench), 1, "both entries are those of the better broker");
    while bench.producer.poll_event().is_some() {}
    bench.pass(30_000);
    bench.answer_route(&[("a", 1), ("b", 1)]);
    assert_eq!(listed(&bench), 2);
    let events: Vec<_> = core::iter::from_fn(|| bench.producer.poll_event()).collect();
    assert!(!events.iter().any(|event| matches!(event, Event::RouteChanged { .. })), "{events:?}");
}

#[test]
fn faults_of_a_broker_leave_with_its_last_route() {
    let mut bench = avoiding(Rules::V5, &[("a", 1), ("b", 1)]);
    bench.refuse_one("a:1");
    let state = &mut bench.producer.state;
    let a = state.routes.broker("a").unwrap();
    assert!(!state.strategy.is_available(bench.now, a));
    bench.pass(30_000);
    bench.answer_route(&[("b", 1)]);
    // Known of nobody, so available, even at a time when it was not.
    assert!(bench.producer.state.strategy.is_available(Instant::ZERO, a));
}

#[test]
fn a_queue_of_the_callers_choice_teaches_nothing() {
    let mut bench = avoiding(Rules::V5, &[("a", 1), ("b", 1)]);
    bench.lessons();
    let queue = MessageQueue { broker_name: "a", queue_id: 0 };
    let id = bench.producer.send_to(bench.now, &Message::new("T", b"x"), &queue).unwrap();
    bench.drive();
    let request = bench.take(SEND);
    bench.answer(&request, 1, &[], b"");
    assert!(bench.outcome(id).is_err());
    assert_eq!(bench.lessons(), []);
}

#[test]
fn busy_is_retried_in_5_x_only() {
    for (rules, attempts) in [(Rules::V4, 1), (Rules::V5, 2)] {
        let mut bench = Bench::with(|config| {
            config.rules = rules;
            config.retry_times_when_send_failed = 1;
        });
        let id = bench.send();
        bench.answer_route(&[("a", 1), ("b", 1)]);
        for _ in 0..attempts {
            let request = bench.take(SEND);
            bench.answer(&request, 2, &[], b"");
        }
        let error = bench.outcome(id).unwrap_err();
        assert_eq!((error.response_code(), error.attempts), (2, attempts));
    }
}

/// A producer that wants every message stored as safely as configured, and the first request of a send.
fn particular() -> (Bench, SendId, Request) {
    let mut bench = Bench::with(|config| config.retry_another_broker_when_not_store_ok = true);
    let id = bench.send();
    bench.answer_route(&[("a", 1), ("b", 1), ("c", 1)]);
    let request = bench.take(SEND);
    (bench, id, request)
}

#[test]
fn a_store_that_is_not_ok_is_tried_elsewhere_if_that_is_wanted() {
    let (mut bench, id, first) = particular();
    bench.answer_stored(&first, 11);
    let second = bench.take(SEND);
    assert_ne!(first.address, second.address);
    assert_eq!(first.fields["i"], second.fields["i"]);
    bench.answer_stored(&second, 0);
    let result = bench.outcome(id).unwrap();
    assert_eq!((result.status, result.attempts), (SendStatus::SendOk, 2));
    assert_eq!(result.broker_name.as_str(), &second.address[..1]);
}

type Story<'a> = &'a dyn Fn(&mut Bench);

#[test]
fn the_result_that_is_not_ok_outlasts_every_later_failure() {
    let refuse = |bench: &mut Bench, code| {
        let request = bench.take(SEND);
        bench.answer(&request, code, &[], b"");
    };
    let hang_up = |bench: &mut Bench| {
        let request = bench.take(SEND);
        bench.hang_up(&request);
    };
    let time_out = |bench: &mut Bench| {
        bench.take(SEND);
        bench.pass(3_001);
    };
    // What the other brokers do, and how many attempts that makes.
    let stories: [(Story<'_>, u8); 5] = [
        (&|bench| (0..2).for_each(|_| refuse(bench, 1)), 3),
        (&|bench| (0..2).for_each(|_| hang_up(bench)), 3),
        // No time is left for a third attempt.
        (&time_out, 2),
        // Not a code that is tried again.
        (&|bench| refuse(bench, 13), 2),
        (&|bench| (hang_up(bench), refuse(bench, 13)).0, 3),
    ];
    for (story, attempts) in stories {
        let (mut bench, id, first) = particular();
        bench.answer_stored(&first, 12);
        assert!(bench.in_flight(id));
        story(&mut bench);
        let result = bench.outcome(id).unwrap();
        assert_eq!((result.status, result.attempts), (SendStatus::FlushSlaveTimeout, attempts));
        assert_eq!(result.broker_name.as_str(), &first.address[..1]);
        assert_eq!(bench.producer.in_flight(), 0);
    }
}

#[test]
fn of_several_results_that_are_not_ok_the_last_counts() {
    let (mut bench, id, first) = particular();
    bench.answer_stored(&first, 12);
    for code in [10, 11] {
        let request = bench.take(SEND);
        bench.answer_stored(&request, code);
    }
    assert_eq!(bench.outcome(id).unwrap().status, SendStatus::SlaveNotAvailable);
}

#[test]
fn an_unreadable_answer_is_an_error_even_after_a_result() {
    let (mut bench, id, first) = particular();
    bench.answer_stored(&first, 12);
    let second = bench.take(SEND);
    bench.answer(&second, 0, &[("msgId", "x")], b"");
    let error = bench.outcome(id).unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Attempt(AttemptOutcome::Unreadable(_))), "{error:?}");
}

#[test]
fn a_queue_of_the_callers_choice_is_not_tried_elsewhere() {
    let (mut bench, _, _) = particular();
    let id = bench.producer.send_hashed(bench.now, &Message::new("T", b"x"), 1).unwrap();
    bench.drive();
    let request = bench.take(SEND);
    bench.answer_stored(&request, 10);
    assert_eq!(bench.outcome(id).unwrap().status, SendStatus::FlushDiskTimeout);
}

#[test]
fn a_connection_limit_does_not_isolate_the_broker() {
    let mut bench = avoiding(Rules::V5, &[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    bench.lessons();
    // Four connections for four brokers and the name server.
    let ids: Vec<_> = (0..4).map(|_| bench.send()).collect();
    let unasked = AttemptOutcome::Unanswered(Fault::NoConnection);
    let mut events = Vec::new();
    while let Some(event) = bench.producer.poll_event() {
        events.push(event);
    }
    let limited = |event: &&Event| matches!(event, Event::Attempted { outcome, .. } if *outcome == unasked);
    assert!(events.iter().filter(limited).count() > 0, "{ids:?} {events:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::FaultUpdated { .. })), "{events:?}");
}
