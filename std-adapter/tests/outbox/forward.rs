//! From the file to a broker.

use core::time::Duration;

use rocketlite::outbox::{ForwardConfig, Forwarded};
use rocketlite::{Broker, Message, Outbox, Producer};

use super::{TempFile, stored};

const CAPACITY: u64 = 256 << 10;

fn producer(name_server: &str) -> Producer {
    // A broker that is away is found out soon.
    let timeout = Duration::from_millis(500);
    let builder = Producer::builder("outbox").namesrv_addr(name_server).send_msg_timeout(timeout);
    builder.connect_timeout(timeout).start().unwrap()
}

fn soon() -> ForwardConfig {
    let first_delay = Duration::from_millis(10);
    ForwardConfig { first_delay, max_delay: Duration::from_millis(50), ..ForwardConfig::default() }
}

#[tokio::test]
async fn messages_outlive_the_process_and_the_brokers_absence() {
    let file = TempFile::new("restart");
    let broker = Broker::builder().start().unwrap();
    let name_server = broker.local_addr().to_string();
    broker.isolate();

    // Three lives without a broker.
    let mut expected = Vec::new();
    for life in 0..3 {
        let outbox = Outbox::open(&file, CAPACITY).await.unwrap();
        for number in 0..5 {
            let body = format!("{life}-{number}");
            let id = outbox.push(&Message::new("T", body.as_bytes()).with_tags("t")).await.unwrap();
            expected.push((id.to_string(), body));
        }
        let producer = producer(&name_server);
        let mut forwarder = outbox.forwarder(&producer).with_config(soon());
        for _ in 0..2 {
            let told = forwarder.next().await.unwrap();
            assert!(matches!(told, Some(Forwarded::Deferred { .. })), "{told:?}");
        }
        drop(forwarder);
        assert_eq!(outbox.counters().await.waiting, (life + 1) * 5);
        producer.shutdown().await;
    }

    // It comes back while the fourth is trying.
    let outbox = Outbox::open(&file, CAPACITY).await.unwrap();
    let producer = producer(&name_server);
    let mut forwarder = outbox.forwarder(&producer).with_config(soon());
    assert!(matches!(forwarder.next().await.unwrap(), Some(Forwarded::Deferred { .. })));
    broker.rejoin().await.unwrap();
    let mut sent = 0;
    while sent < expected.len() {
        sent += usize::from(matches!(forwarder.next().await.unwrap(), Some(Forwarded::Sent(_))));
    }
    assert_eq!(outbox.counters().await.waiting, 0);
    let mut stored = stored(&broker);
    // A send that timed out may have been stored: at least once is what is promised.
    stored.dedup();
    assert_eq!(stored, expected);
    drop(forwarder);
    drop(outbox);
    assert_eq!(Outbox::open(&file, CAPACITY).await.unwrap().counters().await.waiting, 0);
    producer.shutdown().await;
}

#[tokio::test]
async fn what_comes_while_it_forwards_is_sent_too() {
    let file = TempFile::new("live");
    let broker = Broker::builder().start().unwrap();
    let outbox = Outbox::builder(&file).capacity(CAPACITY).sync(false).open().await.unwrap();
    let producer = producer(&broker.local_addr().to_string());
    let push = async {
        for number in 0..50 {
            let body = number.to_string();
            outbox.push(&Message::new("T", body.as_bytes())).await.unwrap();
            if number % 10 == 9 {
                outbox.emptied().await;
            }
        }
    };
    tokio::select! {
        ended = outbox.forward(&producer) => panic!("{ended:?}"),
        () = push => {}
    }
    let bodies: Vec<_> = stored(&broker).into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies, (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
    let counters = outbox.counters().await;
    assert_eq!((counters.pushed, counters.removed, counters.waiting), (50, 50, 0));
}

#[tokio::test]
async fn a_window_sends_several_at_a_time_and_each_once() {
    let file = TempFile::new("window");
    let broker = Broker::builder().start().unwrap();
    let outbox = Outbox::builder(&file).capacity(CAPACITY).sync(false).open().await.unwrap();
    let producer = producer(&broker.local_addr().to_string());
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(outbox.push(&Message::new("T", b"m")).await.unwrap().to_string());
    }
    let mut forwarder = outbox.forwarder(&producer).with_window(8);
    for _ in 0..40 {
        let told = forwarder.next().await.unwrap();
        assert!(matches!(told, Some(Forwarded::Sent(_))), "{told:?}");
    }
    let mut keys: Vec<_> = stored(&broker).into_iter().map(|(key, _)| key).collect();
    keys.sort();
    ids.sort();
    assert_eq!(keys, ids);
    producer.shutdown().await;
    outbox.push(&Message::new("T", b"late")).await.unwrap();
    assert!(forwarder.next().await.unwrap().is_none(), "the producer was shut down");
    assert_eq!(outbox.counters().await.waiting, 1);
}

#[tokio::test]
async fn a_message_nobody_takes_does_not_block_the_others() {
    let file = TempFile::new("poison");
    let broker = Broker::builder().max_message_size(1_000).start().unwrap();
    let outbox = Outbox::builder(&file).capacity(CAPACITY).sync(false).open().await.unwrap();
    let name_server = broker.local_addr().to_string();
    let large = [b'x'; 2_000];
    // Too large for the producer, then for the broker only.
    for (max, code) in [(1_000, 13), (4_000, 13)] {
        outbox.push(&Message::new("T", &large)).await.unwrap();
        outbox.push(&Message::new("T", b"small")).await.unwrap();
        let builder = Producer::builder("outbox").namesrv_addr(&name_server).max_message_size(max);
        let producer = builder.compress_msg_body_over_howmuch(10_000).start().unwrap();
        let mut forwarder = outbox.forwarder(&producer).with_config(soon());
        match forwarder.next().await.unwrap() {
            Some(Forwarded::GivenUp(message)) => {
                assert_eq!((message.topic.as_str(), &message.body[..]), ("T", &large[..]));
                assert_eq!(message.error.response_code(), code, "{}", message.error);
                assert!(message.message_id.is_some());
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(forwarder.next().await.unwrap(), Some(Forwarded::Sent(_))));
    }
    assert_eq!(stored(&broker).len(), 2);
    assert_eq!(outbox.counters().await.waiting, 0);
}
