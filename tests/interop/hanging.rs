//! Two of the reference's brokers, of which one hangs.

use core::time::Duration;
use std::sync::Arc;

use rocketlite::producer::{MessageQueue, SendError, SendResult};
use rocketlite::{Message, Producer};
use rocketlite_core::send::decision::AttemptOutcome;
use rocketlite_core::send::outcome::SendErrorKind;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::admin::{await_brokers, create_topic};
use crate::modes::{start_with, within};
use crate::pair::{Attempt, Mode, OURS_ALONE, Outcome, Pair};
use crate::reference::{Apache, Server, VERSIONS, find_all};
use crate::wanted;

/// Has several queues at each broker.
const WIDE: &str = "Wide";
/// Has one at each.
const NARROW: &str = "Narrow";
/// Only the one that hangs has it.
const LONELY: &str = "Lonely";

const GOOD: &str = "broker-a";
const HANGS: &str = "broker-b";

/// What a send has here: more than by default, for a broker that does not hang but is slow.
const TIMEOUT: Duration = Duration::from_secs(5);

const STORED: &str = "SEND_OK broker-a";
/// Nobody knows from it which broker it was.
const CALL_TIMED_OUT: &str = "-1 RemotingTooMuchRequestException";
const TIMED_OUT: &str = "-1 RemotingTimeoutException";

/// Two brokers, both with both topics at the first one's name server.
fn start_two(version: &str) -> (Apache, Apache) {
    let first = Apache::start(version, "hanging", "");
    let second = Apache::new(version, "hanging-too", &format!("brokerName={HANGS}\n")).joining(&first).run();
    for (topic, queues) in [(WIDE, 4), (NARROW, 1)] {
        for broker in [&first.broker, &second.broker] {
            create_topic(broker, topic, queues);
        }
        await_brokers(&first.name_server, topic, &[GOOD, HANGS]);
    }
    create_topic(&second.broker, LONELY, 1);
    await_brokers(&first.name_server, LONELY, &[HANGS]);
    (first, second)
}

/// Whether the first attempt of a send that failed took all its time. The connection is given up with the first send that
/// times out: the others on it go on with what is left of their time, if only a millisecond, as with 5.x in Java.
fn used_up_by_the_hanging_one(error: &SendError) -> bool {
    let SendError::Failed { brokers_sent, error, .. } = error else { panic!("{error}") };
    assert_eq!(brokers_sent[0], HANGS, "{error}");
    if error.attempts > 1 {
        let unanswered = matches!(error.kind, SendErrorKind::Attempt(AttemptOutcome::Unanswered(_)));
        assert!(unanswered || error.kind == SendErrorKind::CallTimedOut, "{error}");
        return false;
    }
    assert_eq!(error.kind, SendErrorKind::CallTimedOut, "{error}");
    assert!(error.elapsed >= TIMEOUT, "{error}");
    assert!(error.to_string().starts_with("sendDefaultImpl call timeout"), "{error}");
    true
}

/// A producer that has sent to both brokers.
async fn warm_producer(name_server: &str) -> Arc<Producer> {
    // A heartbeat that is not answered in time would give the connection up.
    let beyond = TIMEOUT + Duration::from_secs(1);
    let producer = start_with(name_server, |it| it.send_msg_timeout(TIMEOUT).mq_client_api_timeout(beyond));
    for broker_name in [GOOD, HANGS] {
        let (message, queue) = (Message::new(WIDE, b"first"), MessageQueue { broker_name, queue_id: 0 });
        within(async { while producer.send_to(&message, &queue).await.is_err() {} }).await;
    }
    producer
}

/// Many sends at a time.
async fn only_those_that_reach_it_wait(version: &'static str, name_server: String, producer: Arc<Producer>) {
    const SENDS: usize = 16;
    let body = |index: usize| format!("{index}").into_bytes();
    let tasks: Vec<_> = (0..SENDS)
        .map(|index| {
            let producer = Arc::clone(&producer);
            tokio::spawn(
                async move { (index, within(producer.send(&Message::new(WIDE, &body(index)))).await) },
            )
        })
        .collect();
    let (mut stored, mut at_once, mut waited): (Vec<(SendResult, u32)>, usize, usize) = (Vec::new(), 0, 0);
    for task in tasks {
        let (index, outcome) = within(task).await.expect("no panic");
        match outcome {
            Ok(result) => {
                assert_eq!(result.broker_name.as_str(), GOOD, "{version}");
                at_once += usize::from(result.attempts == 1);
                stored.push((result, crc32fast::hash(&body(index))));
            }
            Err(error) => waited += usize::from(used_up_by_the_hanging_one(&error)),
        }
    }
    // The queues of both take turns.
    assert_eq!(at_once, SENDS / 2, "{version}");
    assert!(waited > 0, "{version}: nobody had to wait");
    // It is not shut down: nobody would answer its farewell.
    block_in_place(|| find_all(version, &name_server, WIDE, stored));
    rocketlite_tests::say(&format!(
        "interop a hanging broker {version}: {at_once} stored by the other, {waited} timed out with it"
    ));
}

fn settings(timeout: Duration) -> Value {
    json!({
        "sendMsgTimeout": timeout.as_millis(),
        // A heartbeat that the hanging broker does not answer would give the connection up.
        "mqClientApiTimeout": 60_000,
        "heartbeatBrokerInterval": 600_000,
        "pollNameServerInterval": 600_000,
    })
}

fn with(mut settings: Value, name: &str, value: impl Into<Value>) -> Value {
    settings[name] = value.into();
    settings
}

/// As they are by default, but for the time.
fn plain() -> Value {
    settings(TIMEOUT)
}

/// For sends that nobody answers.
fn vain() -> Value {
    settings(Duration::from_secs(3))
}

fn once() -> Value {
    with(vain(), "retryTimesWhenSendFailed", 0)
}

/// Leaves time for another broker, as Java can from 5.3 on.
fn limited() -> Value {
    with(plain(), "sendMsgMaxTimeoutPerRequest", 1_000)
}

/// Leaves time for another broker in our own way.
fn reserving() -> Value {
    with(plain(), OURS_ALONE, true)
}

/// A topic that only the hanging broker has.
async fn it_is_the_only_one(pair: &mut Pair) {
    let asynchronous = if pair.is_4_x() { CALL_TIMED_OUT } else { TIMED_OUT };
    let scenario = "the only broker hangs";
    for (mode, expected) in
        [(Mode::OneWay, "written"), (Mode::Async, asynchronous), (Mode::Queue(HANGS, 0), TIMED_OUT)]
    {
        pair.expect(scenario, &vain(), Attempt::new(mode, LONELY), expected).await;
    }
    let outcomes = pair.send(scenario, &vain(), Attempt::new(Mode::Sync, LONELY)).await;
    assert!(was_used_up(&outcomes.java) && was_used_up(&outcomes.ours));
    let attempt = Attempt::new(Mode::Sync, LONELY);
    let expected = "10002 RemotingTimeoutException, 1 [broker-b]";
    pair.expect("and there is one attempt", &once(), attempt, expected).await;
}

const NEXT: Attempt = Attempt::new(Mode::Sync, NARROW);

/// Sends enough for one of them to begin with the hanging broker: queues take turns, and a send that fails has sometimes
/// used up a turn more than it had attempts for.
const SENDS: usize = 2;

/// Whether the hanging broker used up the time of a send.
///
/// Java's clock may still show the very millisecond at which the time ends: then the attempts that are left are made, with
/// no time, and the last one's error is told.
#[track_caller]
fn was_used_up(outcome: &Outcome) -> bool {
    let Outcome::Failed { reason, code, tries, .. } = outcome else {
        assert_eq!(outcome.to_string().split(',').next(), Some(STORED));
        return false;
    };
    let with_no_time = tries.as_ref().is_some_and(|(_, brokers)| brokers.starts_with(HANGS));
    let known = match (reason.as_str(), code) {
        ("RemotingTooMuchRequestException", -1) => tries.is_none() || with_no_time,
        ("RemotingTimeoutException", 10_002) => with_no_time,
        _ => false,
    };
    assert!(known, "{outcome:?}");
    true
}

/// A send that begins with the hanging broker fails, and the other one is not asked.
async fn one_of_two(pair: &mut Pair) {
    let (mut java, mut ours) = (0, 0);
    for _ in 0..SENDS {
        let outcomes = pair.send("one of two hangs", &plain(), NEXT).await;
        java += usize::from(was_used_up(&outcomes.java));
        ours += usize::from(was_used_up(&outcomes.ours));
    }
    assert!(java > 0 && ours > 0, "Java: {java}, ours: {ours}");
}

/// Every send succeeds that leaves time for the other broker.
async fn one_of_two_with_time_for_the_other(pair: &mut Pair) {
    if !pair.is_4_x() {
        for _ in 0..SENDS {
            pair.expect("the same, with a limit for each request", &limited(), NEXT, STORED).await;
        }
    }
    let (mut java, mut most) = (0, 0);
    for _ in 0..SENDS {
        let outcomes = pair.send("the same, with reserve_time_for_retry", &reserving(), NEXT).await;
        java += usize::from(was_used_up(&outcomes.java));
        let Outcome::Stored { status, broker, attempts, .. } = outcomes.ours else { panic!("{outcomes:?}") };
        assert_eq!((&*status, &*broker), ("SEND_OK", GOOD));
        most = most.max(attempts.expect("ours are counted"));
    }
    assert!(java > 0 && most > 1, "Java: {java}, ours: {most} attempts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_hangs_uses_up_the_time_of_the_sends_that_reach_it_as_in_java() {
    if !wanted("a hanging broker") {
        return;
    }
    // Both at once: most of it is waiting.
    for run in VERSIONS.map(|version| tokio::spawn(beside_java(version))) {
        run.await.expect("no panic");
    }
}

async fn beside_java(version: &'static str) {
    let (first, second) = block_in_place(|| start_two(version));
    let producer = warm_producer(&first.name_server).await;
    let mut pair = Pair::start(version, &first.name_server);
    for (settings, topic) in
        [(vain(), LONELY), (once(), LONELY), (plain(), NARROW), (limited(), NARROW), (reserving(), NARROW)]
    {
        if settings != limited() || !pair.is_4_x() {
            pair.warm_up(&settings, topic).await;
        }
    }
    block_in_place(|| second.freeze(Server::Broker));
    let many = only_those_that_reach_it_wait(version, first.name_server.clone(), producer);
    let many = tokio::spawn(many);
    it_is_the_only_one(&mut pair).await;
    one_of_two(&mut pair).await;
    one_of_two_with_time_for_the_other(&mut pair).await;
    within(many).await.expect("no panic");
}
