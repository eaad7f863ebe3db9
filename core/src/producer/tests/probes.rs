//! Brokers that are asked whether they can be reached again.

use super::*;
use crate::Rules;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;
const PROBE: RequestCode = RequestCode::GET_MAX_OFFSET;

/// A producer that probes and knows of two brokers; the connection to one of them has just been lost, and the message was
/// stored by the other. Also the address of the lost one.
fn bench(change: impl FnOnce(&mut ProducerConfig<'static>)) -> (Bench, String) {
    let mut bench = Bench::with(|config| {
        config.send_latency_fault_enable = true;
        config.start_detector_enable = true;
        change(config);
    });
    let id = bench.send();
    bench.answer_route(&[("a", 1), ("b", 1)]);
    let lost = bench.take(SEND);
    bench.hang_up(&lost);
    let second = bench.take(SEND);
    bench.answer_stored(&second, 0);
    assert!(bench.outcome(id).is_ok());
    bench.lessons();
    (bench, lost.address)
}

impl Bench {
    fn probes(&mut self) -> usize {
        self.pass(0);
        self.requests.iter().filter(|request| request.code == PROBE).count()
    }
}

#[test]
fn a_lost_broker_is_probed_until_it_says_that_it_is_there() {
    let (mut bench, lost) = bench(|_| {});
    bench.pass(2_000);
    assert_eq!(bench.probes(), 0);
    bench.pass(1);
    let probe = bench.take(PROBE);
    assert_eq!(probe.address, lost);
    assert_eq!((probe.fields["topic"].as_str(), probe.fields["queueId"].as_str()), ("T", "0"));
    // An error is an answer, but not the one that is waited for.
    bench.answer(&probe, 1, &[], b"");
    assert_eq!(bench.lessons(), []);
    bench.pass(2_001);
    let probe = bench.take(PROBE);
    bench.answer(&probe, 0, &[("offset", "7")], b"");
    // It stays isolated for the rest of its ten seconds.
    assert_eq!(bench.lessons(), [(lost[..1].into(), 0, 10_000 - 4_002, true)]);
    bench.pass(4_000);
    assert_eq!(bench.probes(), 0);
}

#[test]
fn a_broker_that_does_not_know_the_question_is_there() {
    let (mut bench, _) = bench(|_| {});
    bench.pass(2_001);
    let probe = bench.take(PROBE);
    bench.answer(&probe, 3, &[], b"");
    assert_eq!(bench.lessons().len(), 1);
}

#[test]
fn nobody_is_probed_unless_that_is_wanted_and_the_line_does() {
    for change in [
        (|config| config.start_detector_enable = false) as fn(&mut ProducerConfig<'static>),
        |config| config.send_latency_fault_enable = false,
        |config| config.rules = Rules::V4,
    ] {
        let (mut bench, _) = bench(change);
        bench.pass(6_000);
        assert_eq!(bench.probes(), 0);
    }
}

#[test]
fn a_probe_without_an_answer_costs_its_connection_only_if_nobody_uses_it() {
    let (mut bench, lost) = bench(|_| {});
    bench.pass(2_001);
    bench.take(PROBE);
    bench.pass(201);
    assert_eq!(bench.closed, [lost.as_str()]);
    bench.closed.clear();
    bench.pass(1_800);
    bench.take(PROBE);
    let queue = MessageQueue { broker_name: &lost[..1], queue_id: 0 };
    let id = bench.producer.send_to(bench.now, &Message::new("T", b"x"), &queue).unwrap();
    bench.drive();
    let request = bench.take(SEND);
    bench.pass(201);
    assert!(bench.closed.is_empty());
    bench.answer_stored(&request, 0);
    assert!(bench.outcome(id).is_ok());
}

#[test]
fn a_probe_gives_up_no_connection() {
    let (mut bench, lost) = bench(|_| {});
    // Two more brokers, and with the name server the table is full.
    let id = bench.producer.send(bench.now, &Message::new("U", b"x")).unwrap();
    bench.drive();
    bench.answer_route(&[("c", 1)]);
    let request = bench.take(SEND);
    bench.answer_stored(&request, 0);
    assert!(bench.outcome(id).is_ok());
    let queue = MessageQueue { broker_name: "d", queue_id: 0 };
    let id = bench.producer.send_to(bench.now, &Message::new("U", b"x"), &queue).unwrap();
    bench.drive();
    bench.answer_route(&[("c", 1), ("d", 1)]);
    let request = bench.take(SEND);
    bench.answer_stored(&request, 0);
    assert!(bench.outcome(id).is_ok());
    assert_eq!(bench.connections.len(), 4);
    bench.pass(2_001);
    assert_eq!((bench.probes(), bench.closed.len()), (0, 0));
    // As soon as there is a free place, it is probed again.
    bench.hang_up(&request);
    bench.pass(2_001);
    assert_eq!(bench.take(PROBE).address, lost);
}

#[test]
fn an_interval_of_zero_still_ends() {
    let (mut bench, lost) = bench(|config| config.detect_interval = Duration::ZERO);
    bench.refused = vec![lost];
    bench.pass(1);
    bench.pass(1);
    assert!(bench.producer.poll_timeout().is_some_and(|at| at > bench.now));
}
