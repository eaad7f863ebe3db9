//! Hooks that see, forbid and count attempts, and selectors of the caller's.

use core::fmt;
use std::sync::Mutex;

use super::*;
use crate::message::MessageView;
use crate::message::properties::{TAGS, UNIQ_KEY};
use crate::select::{MessageQueueSelector, PublishQueues};
use crate::send::decision::Fault;
use crate::send::hook::{CheckForbiddenHook, SendContext, SendMessageHook};

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

/// Writes down what it is told, and forbids a broker.
#[derive(Default)]
struct Witness {
    forbids: Option<&'static str>,
    seen: Mutex<Vec<String>>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

impl Witness {
    fn new(forbids: Option<&'static str>) -> &'static Self {
        Box::leak(Box::new(Self { forbids, ..Self::default() }))
    }

    fn note(&self, what: String) {
        self.seen.lock().unwrap().push(what);
    }

    fn seen(&self) -> Vec<String> {
        core::mem::take(&mut self.seen.lock().unwrap())
    }
}

impl CheckForbiddenHook for Witness {
    fn is_forbidden(&self, context: &SendContext<'_>) -> bool {
        self.forbids == Some(context.broker_name)
    }
}

impl SendMessageHook for Witness {
    fn send_message_before(&self, context: &SendContext<'_>) {
        let SendContext { attempt, broker_name, queue_id, .. } = context;
        let address = context.broker_address.unwrap();
        self.note(format!("before {attempt} {broker_name} {queue_id} {address}"));
    }

    fn send_message_after(&self, context: &SendContext<'_>, outcome: Result<&SendResult, AttemptOutcome>) {
        let outcome = outcome.map(|result| (result.queue_id, result.queue_offset));
        self.note(format!("after {} {} {outcome:?}", context.attempt, context.broker_name));
    }
}

fn watched(witness: &'static Witness) -> Bench {
    Bench::with(|config| {
        config.check_forbidden_hook = Some(witness);
        config.send_message_hook = Some(witness);
        config.first_queue_index = Some(0);
    })
}

const STORED: &str = "Ok((3, Some(42)))";

#[test]
fn each_attempt_is_told_before_and_after() {
    let witness = Witness::new(None);
    let mut bench = watched(witness);
    let id = bench.send();
    bench.answer_route(&[("a", 1), ("b", 1)]);
    let first = bench.take(SEND);
    bench.hang_up(&first);
    let second = bench.take(SEND);
    bench.answer_stored(&second, 0);
    bench.outcome(id).unwrap();
    let (one, two) = if first.address == "a:1" { ("a", "b") } else { ("b", "a") };
    let lost = AttemptOutcome::Unanswered(Fault::Disconnected);
    assert_eq!(
        witness.seen(),
        [
            format!("before 1 {one} 0 {one}:1"),
            format!("after 1 {one} Err({lost:?})"),
            format!("before 2 {two} 0 {two}:1"),
            format!("after 2 {two} {STORED}"),
        ]
    );
}

#[test]
fn an_asynchronous_send_is_told_once_with_its_last_outcome() {
    let witness = Witness::new(None);
    let mut bench = watched(witness);
    let id = bench.producer.send_async(bench.now, &Message::new("T", b"x")).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1), ("b", 1)]);
    for _ in 0..3 {
        let request = bench.take(SEND);
        bench.hang_up(&request);
    }
    bench.outcome(id).unwrap_err();
    let seen = witness.seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen[0].starts_with("before 1 ") && seen[1].starts_with("after 3 "), "{seen:?}");
}

#[test]
fn a_forbidden_broker_is_passed_over_and_a_send_that_finds_no_other_fails() {
    let witness = Witness::new(Some("a"));
    let mut bench = watched(witness);
    let id = bench.send();
    bench.answer_route(&[("a", 1), ("b", 1)]);
    let request = bench.take(SEND);
    assert_eq!(request.address, "b:1");
    bench.answer_stored(&request, 0);
    bench.outcome(id).unwrap();
    assert!(witness.seen().iter().all(|line| line.contains(" b ")));

    let mut bench = watched(witness);
    let id = bench.send();
    bench.answer_route(&[("a", 1)]);
    let error = bench.outcome(id).unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Attempt(AttemptOutcome::Forbidden));
    assert_eq!((error.attempts, error.response_code()), (3, 10_003));
    // Nobody was connected for it.
    assert!(bench.connections.values().all(|(_, address)| address != "a:1"));
    assert_eq!(witness.seen(), [""; 0]);
}

#[test]
fn a_hook_sees_the_message_as_the_broker_gets_it_but_for_the_namespace() {
    #[derive(Debug)]
    struct Look;
    impl SendMessageHook for Look {
        fn send_message_before(&self, context: &SendContext<'_>) {
            let MessageView { topic, flag, properties, body, sys_flag, .. } = context.message;
            assert_eq!((topic, flag, sys_flag, body), ("T", 7, 0, &b"hello"[..]));
            assert_eq!(properties.get(TAGS).unwrap().as_str(), Some("tag"));
            assert_eq!(properties.get(UNIQ_KEY).unwrap().len(), 32);
            assert_eq!((context.producer_group, context.mode), ("ns%PG", SendMode::OneWay));
        }

        fn send_message_after(&self, _: &SendContext<'_>, outcome: Result<&SendResult, AttemptOutcome>) {
            assert_eq!(outcome.unwrap().queue_offset, None);
        }
    }
    let mut bench = Bench::with(|config| {
        config.namespace = Some("ns");
        config.send_message_hook = Some(&Look);
    });
    let message = Message::new("T", b"hello").with_tags("tag").with_flag(7);
    let id = bench.producer.send_oneway(bench.now, &message).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1)]);
    bench.outcome(id).unwrap();
}

/// Chooses the place that its argument or the message's tag says.
#[derive(Debug)]
struct ByArgument;

impl MessageQueueSelector for ByArgument {
    fn select(&self, queues: &PublishQueues<'_>, message: &MessageView<'_>, argument: u64) -> Option<usize> {
        assert_eq!(queues.len(), queues.iter().count());
        let tag = message.properties.get(TAGS);
        if let Some(broker) = tag.and_then(|tag| tag.as_str()) {
            return queues.iter().position(|queue| queue.broker_name == broker);
        }
        usize::try_from(argument).ok()
    }
}

fn selecting(change: impl FnOnce(&mut ProducerConfig<'static>)) -> Bench {
    Bench::with(|config| {
        config.queue_selector = Some(&ByArgument);
        change(config);
    })
}

#[test]
fn a_selector_chooses_the_queue_when_the_route_is_known() {
    let mut bench = selecting(|_| {});
    let message = Message::new("T", b"x");
    let options = SendOptions::new().by_selector(3);
    let id = bench.producer.send_with(bench.now, &message, &options).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 2), ("b", 2)]);
    let request = bench.take(SEND);
    assert_eq!((request.address.as_str(), request.fields["e"].as_str()), ("b:1", "1"));
    bench.hang_up(&request);
    // One bare attempt, as to a queue the caller names.
    let error = bench.outcome(id).unwrap_err();
    assert_eq!((error.attempts, error.response_code()), (1, -1));
    let tagged = message.with_tags("b");
    bench.producer.send_with(bench.now, &tagged, &options).unwrap();
    bench.drive();
    let request = bench.take(SEND);
    assert_eq!((request.address.as_str(), request.fields["e"].as_str()), ("b:1", "0"));
}

#[test]
fn a_selector_that_chooses_no_queue_of_the_topic_fails_the_send() {
    let mut bench = selecting(|_| {});
    let id = bench.send();
    bench.answer_route(&[("a", 2)]);
    let request = bench.take(SEND);
    bench.answer_stored(&request, 0);
    bench.outcome(id).unwrap();
    for (argument, tag) in [(2, None), (u64::MAX, None), (0, Some("ghost"))] {
        let message = Message::new("T", b"x");
        let message = tag.map_or(message, |tag| message.with_tags(tag));
        let options = SendOptions::new().by_selector(argument);
        let id = bench.producer.send_with(bench.now, &message, &options).unwrap();
        let error = bench.outcome(id).unwrap_err();
        assert_eq!((error.kind, error.attempts), (SendErrorKind::NoQueueSelected, 0));
        assert_eq!(error.response_code(), -1);
    }
    let mut bench = Bench::new();
    let id = bench
        .producer
        .send_with(bench.now, &Message::new("T", b"x"), &SendOptions::new().by_selector(0))
        .unwrap();
    bench.drive();
    bench.answer_route(&[("a", 2)]);
    // Nothing chooses.
    assert_eq!(bench.outcome(id).unwrap_err().kind, SendErrorKind::NoQueueSelected);
}

#[test]
fn an_asynchronous_send_by_a_selector_stays_with_its_broker() {
    let mut bench = selecting(|_| {});
    let options = SendOptions::new().by_selector(2).mode(SendMode::Async);
    let id = bench.producer.send_with(bench.now, &Message::new("T", b"x"), &options).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 2), ("b", 2)]);
    for _ in 0..3 {
        let request = bench.take(SEND);
        assert_eq!((request.address.as_str(), request.fields["e"].as_str()), ("b:1", "0"));
        bench.hang_up(&request);
    }
    assert_eq!(bench.outcome(id).unwrap_err().attempts, 3);
}
