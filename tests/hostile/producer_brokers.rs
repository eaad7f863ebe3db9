//! Brokers that answer sends as no broker should. Beside each stands one that does everything right.

use core::sync::atomic::{AtomicI64, Ordering};

use rocketlite::Producer;
use rocketlite::producer::{SendError, SendResult, SendStatus};
use rocketlite_core::send::decision::{AttemptOutcome, Fault};
use rocketlite_core::send::outcome::SendErrorKind;
use rocketlite_core::wire::code::RequestCode;

use crate::peer::{Act, MESSAGE, Peer, SHORT, builder, patient, stored};
use crate::wire::{Command, frame, framed, response};
use crate::within;

/// Two brokers, the name server that names them, and what sends to them come to.
struct Pair {
    bad: Peer,
    good: Peer,
    name_server: Peer,
}

impl Pair {
    async fn of(bad: Peer) -> Self {
        let good = Peer::polite().await;
        let name_server = Peer::name_server(&[("bad", &bad), ("good", &good)]).await;
        Self { bad, good, name_server }
    }

    async fn send(&self, producer: &Producer) -> Vec<Result<SendResult, SendError>> {
        let mut outcomes = Vec::new();
        for _ in 0..12 {
            outcomes.push(within(producer.send(&MESSAGE)).await);
        }
        outcomes
    }

    /// Sends with so much time that what fails at once is sent elsewhere: to the good broker, in the end.
    async fn ends_on_the_good_one(&self, what: &str) {
        let producer = patient(&self.name_server.address());
        for outcome in self.send(&producer).await {
            let result = outcome.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!((result.status, result.broker_name.as_str()), (SendStatus::SendOk, "good"), "{what}");
        }
        assert!(!self.bad.sends().is_empty(), "{what}: it was never tried");
        assert_eq!(self.good.sends().len(), 12, "{what}");
        within(producer.shutdown()).await;
    }

    /// Sends to a broker that leaves the producer waiting: either the time is used up, or the good one got it.
    async fn ends_in_time(&self, what: &str) {
        let builder = builder(&self.name_server.address()).send_msg_timeout(SHORT);
        let producer = builder.start().expect("settings");
        for outcome in self.send(&producer).await {
            match outcome {
                Ok(result) => assert_eq!(result.broker_name.as_str(), "good", "{what}"),
                Err(error) => {
                    assert_eq!(error.kind(), Some(SendErrorKind::CallTimedOut), "{what}: {error}");
                }
            }
        }
        assert!(!self.bad.sends().is_empty(), "{what}: it was never tried");
        within(producer.shutdown()).await;
    }
}

/// A name, and what the broker does about a send.
type Case = (&'static str, fn(&Command) -> Vec<Act>);

fn say(bytes: impl Into<Vec<u8>>) -> Vec<Act> {
    vec![Act::Say(bytes.into())]
}

fn half(command: &Command) -> Vec<u8> {
    let mut answer = stored(command, 1);
    answer.truncate(answer.len() / 2);
    answer
}

#[tokio::test]
async fn what_cannot_be_read_is_sent_to_another_broker() {
    let cases: [Case; 8] = [
        ("a greeting of the web", |_| say("HTTP/1.1 400 Bad Request\r\n\r\n")),
        ("a negative length", |_| say([0xff; 16])),
        ("a frame larger than may be", |_| say([0x01, 0, 0, 1, 0, 0, 0, 0])),
        ("a frame larger than there is memory for", |_| say([0x00, 0x7f, 0, 0, 0, 0, 0, 0])),
        ("a header longer than its frame", |_| say(framed(&[0, 0, 4, 0, b'{', b'}']))),
        ("a header that is no JSON", |_| say(framed(b"\0\0\0\x05hello"))),
        ("half an answer and no more", |command| vec![Act::Say(half(command)), Act::HangUp]),
        ("no answer", |_| vec![Act::HangUp]),
    ];
    for (what, manners) in cases {
        Pair::of(Peer::with_sends(manners).await).await.ends_on_the_good_one(what).await;
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_another_brokers_turn() {
    let good = Peer::polite().await;
    let gone = Peer::polite().await;
    let name_server = Peer::name_server(&[("bad", &gone), ("good", &good)]).await;
    drop(gone);
    let producer = patient(&name_server.address());
    for _ in 0..12 {
        // The peer ends in its own time, and may serve until then.
        within(producer.send(&MESSAGE)).await.expect("one of them stores it");
    }
    within(producer.shutdown()).await;
}

#[tokio::test]
async fn who_keeps_a_producer_waiting_uses_up_the_time_of_the_send_and_no_more() {
    let cases: [Case; 4] = [
        ("no answer", |_| Vec::new()),
        ("half an answer", |command| say(half(command))),
        ("an announcement", |_| say([0x00, 0x10, 0, 0])),
        ("the answer to another question", |command| {
            let other = Command { opaque: command.opaque ^ 0x4000, ..command.clone() };
            say(stored(&other, 1))
        }),
    ];
    for (what, manners) in cases {
        Pair::of(Peer::with_sends(manners).await).await.ends_in_time(what).await;
    }
}

#[tokio::test]
async fn answers_that_say_too_little_are_errors_of_their_own() {
    let bad = Peer::with_sends(|command| say(response(command, 0, &[("msgId", "x")], b""))).await;
    let pair = Pair::of(bad).await;
    let producer = patient(&pair.name_server.address());
    for outcome in pair.send(&producer).await {
        match outcome {
            Ok(result) => assert_eq!(result.broker_name.as_str(), "good"),
            Err(error) => {
                let kind = error.kind();
                assert!(
                    matches!(kind, Some(SendErrorKind::Attempt(AttemptOutcome::Unreadable(_)))),
                    "{error}"
                );
            }
        }
    }
    within(producer.shutdown()).await;
}

#[tokio::test]
async fn only_the_first_of_two_answers_counts() {
    static OFFSET: AtomicI64 = AtomicI64::new(0);
    let twice = Peer::with_sends(|command| {
        let offset = OFFSET.fetch_add(1, Ordering::Relaxed);
        // Also to earlier questions, the last one and one that was never asked.
        let before = Command { opaque: command.opaque - 0x4000, ..command.clone() };
        let [first, second] = [stored(command, offset), stored(command, 1_000_000)];
        let [stale, foreign] = [stored(&before, 2_000_000), frame(0, i32::MIN, 1, &[], b"")];
        say([stale, foreign, first, second].concat())
    })
    .await;
    let name_server = Peer::name_server(&[("twice", &twice)]).await;
    let producer = patient(&name_server.address());
    for expected in 0..50 {
        let result = within(producer.send(&MESSAGE)).await.expect("it is stored");
        assert_eq!((result.queue_offset, result.attempts), (Some(expected), 1));
    }
    within(producer.shutdown()).await;
}

#[tokio::test]
async fn questions_of_a_broker_are_declined_and_its_answer_is_heard() {
    const QUESTIONS: usize = 200;
    let curious = Peer::with_sends(|command| {
        let ask = |code: RequestCode| (0..).map(move |opaque| frame(code.0, opaque, 0, &[], b""));
        let mut bytes: Vec<u8> =
            ask(RequestCode::GET_CONSUMER_RUNNING_INFO).take(QUESTIONS).flatten().collect();
        // What wants no answer gets none.
        bytes.extend(frame(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED.0, 1, 2, &[], b""));
        bytes.extend(stored(command, 5));
        say(bytes)
    })
    .await;
    let name_server = Peer::name_server(&[("curious", &curious)]).await;
    let producer = patient(&name_server.address());
    for sent in 1..4 {
        let result = within(producer.send(&MESSAGE)).await.expect("it is stored");
        assert_eq!(result.queue_offset, Some(5));
        within(async {
            while curious.answers() < sent * QUESTIONS {
                tokio::time::sleep(core::time::Duration::from_millis(1)).await;
            }
        })
        .await;
    }
    within(producer.shutdown()).await;
    assert_eq!(curious.answers(), 3 * QUESTIONS);
}

#[tokio::test]
async fn refusals_are_tried_elsewhere_or_told_as_their_code_demands() {
    for (code, retried) in [(1, true), (2, true), (14, true), (13, false), (9_999, false), (-7, false)] {
        let pair =
            Pair::of(Peer::with_sends(move |command| say(response(command, code, &[], b""))).await).await;
        let producer = patient(&pair.name_server.address());
        for outcome in pair.send(&producer).await {
            match outcome {
                Ok(result) => assert_eq!(result.broker_name.as_str(), "good", "code {code}"),
                Err(error) => assert_eq!((error.response_code(), retried), (code, false), "{error}"),
            }
        }
        assert!(!pair.bad.sends().is_empty());
        within(producer.shutdown()).await;
    }
}

#[tokio::test]
async fn where_all_brokers_are_bad_each_send_ends_with_the_last_ones_fault() {
    let bad = [Peer::with_sends(|_| vec![Act::HangUp]).await, Peer::with_sends(|_| vec![Act::HangUp]).await];
    let name_server = Peer::name_server(&[("bad-a", &bad[0]), ("bad-b", &bad[1])]).await;
    let producer = patient(&name_server.address());
    for _ in 0..10 {
        let error = within(producer.send(&MESSAGE)).await.expect_err("nobody stores it");
        let lost = SendErrorKind::Attempt(AttemptOutcome::Unanswered(Fault::Disconnected));
        assert_eq!((error.kind(), error.response_code()), (Some(lost), -1));
        let SendError::Failed { brokers_sent, .. } = error else { panic!("{error}") };
        assert_eq!(brokers_sent.len(), 3, "{brokers_sent:?}");
    }
    assert_eq!(bad.iter().map(|peer| peer.sends().len()).sum::<usize>(), 30);
    within(producer.shutdown()).await;
}
