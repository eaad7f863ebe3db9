//! Name servers that answer as no name server should.

use rocketlite_core::send::decision::AttemptOutcome;
use rocketlite_core::send::outcome::SendErrorKind;

use crate::peer::{Act, MESSAGE, Peer, SHORT, builder, patient, polite, route};
use crate::wire::{Command, framed, response};
use crate::within;

/// A name, and what the peer does.
type Case = (&'static str, fn(&Command) -> Vec<Act>);

const BROKEN: [Case; 5] = [
    ("a greeting of the web", |_| vec![Act::Say(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())]),
    ("a frame larger than there is memory for", |_| vec![Act::Say(vec![0x00, 0x7f, 0, 0, 0, 0])]),
    ("a header that is no JSON", |_| vec![Act::Say(framed(b"\0\0\0\x05hello"))]),
    ("half an answer and no more", |_| vec![Act::Say(vec![0, 0, 1, 0, 0, 0]), Act::HangUp]),
    ("no answer", |_| vec![Act::HangUp]),
];

#[tokio::test]
async fn who_cannot_be_understood_is_as_good_as_not_there() {
    for (what, manners) in BROKEN {
        let name_server = Peer::start(manners).await;
        let producer = patient(&name_server.address());
        for _ in 0..3 {
            let error = within(producer.send(&MESSAGE)).await.expect_err("there is no route");
            assert_eq!(error.kind(), Some(SendErrorKind::NameServerUnreachable), "{what}");
        }
        within(producer.shutdown()).await;
    }
}

#[tokio::test]
async fn another_name_server_of_the_list_is_asked_instead() {
    let broker = Peer::polite().await;
    let good = Peer::name_server(&[("good", &broker)]).await;
    for (what, manners) in BROKEN {
        let bad = Peer::start(manners).await;
        // Which of them is asked first is up to chance.
        for _ in 0..4 {
            let producer = patient(&format!("{};{}", bad.address(), good.address()));
            let sent = within(producer.send(&MESSAGE)).await;
            sent.unwrap_or_else(|error| panic!("{what}: {error}"));
            within(producer.shutdown()).await;
        }
    }
}

#[tokio::test]
async fn who_never_answers_is_told_apart_from_who_is_not_there() {
    let silent: [Case; 3] = [
        ("no answer", |_| Vec::new()),
        ("half an answer", |_| vec![Act::Say(vec![0, 0, 1, 0, 0, 0])]),
        ("the answer to another question", |command| {
            let other = Command { opaque: command.opaque ^ 0x4000, ..command.clone() };
            vec![Act::Say(response(&other, 0, &[], route(&[]).as_bytes()))]
        }),
    ];
    for (what, manners) in silent {
        let name_server = Peer::start(manners).await;
        let builder = builder(&name_server.address()).mq_client_api_timeout(SHORT);
        let producer = builder.start().expect("settings");
        // Several callers wait for the same answer, and each is told.
        let [a, b, c] = [producer.send(&MESSAGE), producer.send(&MESSAGE), producer.send(&MESSAGE)];
        let (a, b, c) = within(async { tokio::join!(a, b, c) }).await;
        for outcome in [a, b, c] {
            let error = outcome.expect_err("there is no route");
            assert_eq!(error.kind(), Some(SendErrorKind::NameServerTimedOut), "{what}");
        }
        within(producer.shutdown()).await;
    }
}

#[tokio::test]
async fn routes_that_make_no_sense_are_no_routes() {
    let datas = r#""brokerDatas":[{"brokerName":"a","brokerAddrs":{"0":"127.0.0.1:1"}}]"#;
    let queues = |queues: &str| {
        format!(r#"{{{datas},"queueDatas":[{{"brokerName":"a","perm":6,"writeQueueNums":{queues}}}]}}"#)
    };
    let no_route = |kind: SendErrorKind| kind == SendErrorKind::NoRoute;
    let over_limit = |kind: SendErrorKind| matches!(kind, SendErrorKind::RouteOverLimit(_));
    let no_address = |kind: SendErrorKind| {
        no_route(kind) || kind == SendErrorKind::Attempt(AttemptOutcome::NoBrokerAddress)
    };
    let cases: [(String, &dyn Fn(SendErrorKind) -> bool); 9] = [
        ("hello".into(), &no_route),
        ("{".into(), &no_route),
        ("[]".into(), &no_route),
        ("{}".into(), &no_route),
        ("[".repeat(100_000), &no_route),
        (queues("-1"), &no_route),
        (queues("0"), &no_route),
        (queues("2147483647"), &over_limit),
        (route(&[("a", "nonsense".into())]), &no_address),
    ];
    for (body, expected) in cases {
        let shown: String = body.chars().take(80).collect();
        let name_server = Peer::start(move |command| polite(command, &body)).await;
        let producer = patient(&name_server.address());
        for _ in 0..2 {
            let error = within(producer.send(&MESSAGE)).await.expect_err("there is no route");
            assert!(error.kind().is_some_and(expected), "{shown}: {error}");
        }
        within(producer.shutdown()).await;
    }
}

#[tokio::test]
async fn hosts_may_be_names_everywhere() {
    let broker = Peer::polite().await;
    let by_name = route(&[("b", format!("localhost:{}", broker.port))]);
    let name_server = Peer::start(move |command| polite(command, &by_name)).await;
    let producer = patient(&format!("localhost:{}", name_server.port));
    let result = within(producer.send(&MESSAGE)).await.expect("both are found");
    assert_eq!(result.broker_name.as_str(), "b");
    within(producer.shutdown()).await;
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_a_name_server_that_is_not_there() {
    let producer = patient("no-such-host.invalid:9876");
    let error = within(producer.send(&MESSAGE)).await.expect_err("there is no route");
    assert_eq!(error.kind(), Some(SendErrorKind::NameServerUnreachable));
    within(producer.shutdown()).await;
}
