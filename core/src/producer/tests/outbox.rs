//! An outbox that a producer empties.

use super::*;
use crate::message::properties::{Properties, UNIQ_KEY};
use crate::outbox::tests::flash::RamFlash;
use crate::outbox::{ForwardConfig, Forwarded, Forwarder, GiveUp, Outbox, Ticket, WhenFull, block_on};

const BROKERS: &[(&str, i32)] = &[("a", 2), ("b", 2)];

/// A producer, an outbox on a flash in memory, and what moves messages from one to the other.
struct Device<const WINDOW: usize> {
    bench: Bench,
    outbox: Outbox<RamFlash<4, 512>, 4>,
    forwarder: Forwarder<WINDOW>,
    buffer: [u8; 512],
}

impl<const WINDOW: usize> Device<WINDOW> {
    fn new() -> Self {
        Self::with(Bench::new(), RamFlash::new(4), ForwardConfig::default())
    }

    fn with(bench: Bench, flash: RamFlash<4, 512>, config: ForwardConfig) -> Self {
        let mut buffer = [0; 512];
        let area = flash.area();
        let outbox = block_on(Outbox::open(flash, area, WhenFull::RefuseNewest, &mut buffer)).unwrap();
        Self { bench, outbox, forwarder: Forwarder::new(config), buffer }
    }

    fn push(&mut self, body: &str) -> Ticket {
        self.push_message(&Message::new("T", body.as_bytes()))
    }

    fn push_message(&mut self, message: &Message<'_>) -> Ticket {
        let id = self.bench.producer.make_message_id(self.bench.now);
        block_on(self.outbox.push(message, &id, &mut self.buffer)).unwrap()
    }

    /// A turn of a firmware's main loop.
    fn turn(&mut self) -> Vec<Forwarded> {
        let mut told = Vec::new();
        self.bench.drive();
        let (now, producer) = (self.bench.now, &mut self.bench.producer);
        while let Some(event) =
            block_on(self.forwarder.poll(now, &mut self.outbox, producer, &mut self.buffer)).unwrap()
        {
            told.push(event);
        }
        self.bench.drive();
        told
    }

    fn sends(&mut self) -> Vec<Request> {
        let mut sends = Vec::new();
        self.bench.pass(0);
        while self.bench.requests.iter().any(|request| request.code == RequestCode::SEND_MESSAGE_V2) {
            sends.push(self.bench.take(RequestCode::SEND_MESSAGE_V2));
        }
        sends
    }

    fn waiting(&self) -> u32 {
        self.outbox.counters().waiting
    }
}

fn body(request: &Request) -> String {
    String::from_utf8(request.body.clone()).unwrap()
}

fn unique_key(request: &Request) -> String {
    Properties::new(request.fields["i"].as_bytes()).get(UNIQ_KEY).unwrap().to_string()
}

#[test]
fn messages_leave_one_by_one_and_go_when_they_are_stored() {
    let mut device = Device::<1>::new();
    let tickets: Vec<_> = ["one", "two", "three"].map(|body| device.push(body)).into();
    assert_eq!(device.turn(), []);
    device.bench.answer_route(BROKERS);
    for (index, expected) in ["one", "two", "three"].into_iter().enumerate() {
        let sends = device.sends();
        assert_eq!(sends.iter().map(body).collect::<Vec<_>>(), [expected]);
        assert_eq!(device.turn(), [], "it is in flight");
        assert_eq!(device.waiting(), u32::try_from(3 - index).unwrap(), "it stays until it is acknowledged");
        device.bench.answer_stored(&sends[0], 0);
        let told = device.turn();
        let [Forwarded::Sent { ticket, result }] = &told[..] else { panic!("{told:?}") };
        assert_eq!(*ticket, tickets[index]);
        assert_eq!(result.message_id.to_string(), unique_key(&sends[0]));
        assert_eq!(device.waiting(), u32::try_from(2 - index).unwrap());
    }
    assert_eq!((device.turn(), device.forwarder.in_flight()), (Vec::new(), 0));
}

#[test]
fn without_network_messages_wait_and_keep_their_keys() {
    let mut device = Device::<1>::new();
    device.bench.refused.push("ns1:9876".into());
    device.push("one");
    device.push("two");
    let mut waits = Vec::new();
    for _ in 0..4 {
        device.turn();
        while device.forwarder.poll_timeout().is_none() {
            device.bench.pass(100);
            for event in device.turn() {
                let Forwarded::Deferred { until, .. } = event else { panic!("{event:?}") };
                waits.push(until.since(device.bench.now).as_secs());
            }
        }
        let until = device.forwarder.poll_timeout().unwrap();
        device.bench.pass(until.since(device.bench.now).as_millis().try_into().unwrap());
    }
    assert_eq!((waits, device.waiting()), (std::vec![1, 2, 4, 8], 2));
    device.bench.refused.clear();
    device.turn();
    device.bench.answer_route(BROKERS);
    let first = device.sends().remove(0);

    // Power fails before the broker has answered: both are sent by the next life, under the keys they had.
    let Device { bench, outbox, .. } = device;
    let lost = bench.producer.in_flight();
    assert_eq!(lost, 1);
    let mut device = Device::<1>::with(Bench::new(), outbox.into_flash(), ForwardConfig::default());
    device.turn();
    device.bench.answer_route(BROKERS);
    let again = device.sends().remove(0);
    assert_eq!((body(&again), unique_key(&again)), ("one".into(), unique_key(&first)));
    device.bench.answer_stored(&again, 0);
    device.turn();
    let second = device.sends().remove(0);
    assert_eq!(body(&second), "two");
    assert_ne!(unique_key(&second), unique_key(&first));
}

#[test]
fn a_window_is_sent_at_a_time() {
    let mut device = Device::<3>::new();
    for body in ["1", "2", "3", "4"] {
        device.push(body);
    }
    device.turn();
    device.bench.answer_route(BROKERS);
    let sends = device.sends();
    assert_eq!(sends.iter().map(body).collect::<Vec<_>>(), ["1", "2", "3"]);
    // The second is answered first and makes room for the fourth; the first is refused, and sent again after it.
    device.bench.answer_stored(&sends[1], 0);
    assert_eq!(device.turn().len(), 1);
    let fourth = device.sends().remove(0);
    assert_eq!((body(&fourth), device.waiting()), ("4".into(), 3));
    device.bench.answer(&sends[0], 13, &[], b"");
    let told = device.turn();
    assert!(matches!(told[..], [Forwarded::GivenUp { reason: GiveUp::Refused(_), .. }]), "{told:?}");
    for send in [&fourth, &sends[2]] {
        device.bench.answer_stored(send, 0);
    }
    assert_eq!((device.turn().len(), device.waiting()), (2, 0));
}

#[test]
fn what_is_refused_for_good_is_told_of_and_does_not_block() {
    let config = ForwardConfig { max_refusals: 2, ..ForwardConfig::default() };
    let bench = Bench::with(|config| {
        config.max_message_size = 8;
        config.retry_times_when_send_failed = 0;
    });
    let mut device = Device::<1>::with(bench, RamFlash::new(4), config);
    device.push("nobody wants it");
    device.push("refused");
    device.push("good");
    let told = device.turn();
    let [Forwarded::GivenUp { message_id, reason: GiveUp::NotAccepted(reason), .. }] = &told[..] else {
        panic!("{told:?}")
    };
    assert!(message_id.is_some());
    assert_eq!(reason.as_str(), "the message body size over max value, MAX: 8");
    device.bench.answer_route(BROKERS);
    for last in [false, true] {
        let send = device.sends().remove(0);
        assert_eq!(body(&send), "refused");
        device.bench.answer(&send, 16, &[], b"");
        let told = device.turn();
        match &told[..] {
            [Forwarded::Deferred { until, error, .. }] if !last => {
                assert_eq!(error.response_code(), 16);
                assert_eq!(device.sends().len(), 0, "not before its time");
                device.bench.pass(until.since(device.bench.now).as_millis().try_into().unwrap());
                device.turn();
            }
            [Forwarded::GivenUp { message_id: Some(id), .. }] if last => {
                assert_eq!(id.to_string(), unique_key(&send));
            }
            other => panic!("{other:?}"),
        }
    }
    let send = device.sends().remove(0);
    assert_eq!((body(&send), device.waiting()), ("good".into(), 1));
}

#[test]
fn a_hash_chooses_one_queue_for_all() {
    let config = ForwardConfig { hash: Some(3), ..ForwardConfig::default() };
    let mut device = Device::<1>::with(Bench::new(), RamFlash::new(4), config);
    let mut queues = Vec::new();
    for round in 0..4 {
        device.push("m");
        device.turn();
        if round == 0 {
            device.bench.answer_route(BROKERS);
        }
        let send = device.sends().remove(0);
        queues.push((send.address.clone(), send.fields["e"].clone()));
        device.bench.answer_stored(&send, 0);
        assert_eq!(device.turn().len(), 1);
    }
    assert!(queues.iter().all(|queue| *queue == queues[0]), "{queues:?}");
}

#[test]
fn a_producer_that_is_full_or_gone_leaves_messages_where_they_are() {
    let mut device = Device::<4>::new();
    // The memory has places for four; three are taken by others.
    for _ in 0..3 {
        device.bench.send();
    }
    device.push("one");
    device.push("two");
    assert_eq!((device.turn(), device.forwarder.in_flight(), device.waiting()), (Vec::new(), 1, 2));
    device.bench.producer.shutdown(device.bench.now);
    assert_eq!((device.turn(), device.waiting()), (Vec::new(), 2));
}
