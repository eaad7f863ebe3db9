//! The async driver over TCP: several connections at once to real brokers, and streams in memory that are slow or break.

use core::time::Duration;

use embassy_futures::select::select;
use rocketlite::Broker;
use rocketlite_core::driver::io_async::{Driver, NoDns};
use rocketlite_core::producer::{Event, Producer, ProducerConfig, SmallProducerStorage};
use rocketlite_core::send::outcome::{SendErrorKind, SendStatus};
use rocketlite_core::{Address, Message, SendId, WallClock};

use crate::chatter::Chatter;
use crate::tokio_stack::{Prepared, Sockets, TokioTimer, talk};

type Device = Driver<Producer<'static>, TokioTimer, 4, 256>;

/// A producer with time also on a machine that is busy with something else.
pub(crate) fn producer(name_server: &str) -> Producer<'static> {
    let names: &'static [Address] = Box::leak(Box::new([Address::new(name_server).unwrap()]));
    let mut config = ProducerConfig::new("sensors", "sensor-7", names);
    config.send_msg_timeout = Duration::from_secs(30);
    config.connect_timeout = Duration::from_secs(30);
    config.mq_client_api_timeout = Duration::from_secs(30);
    let storage = Box::leak(Box::new(SmallProducerStorage::new()));
    Producer::new(config, storage.memory(), WallClock::new(rocketlite_core::Instant::ZERO, 0), 5).unwrap()
}

fn device(name_server: &str) -> Device {
    Driver::new(producer(name_server), TokioTimer::start())
}

/// Lets `app` work while the driver runs.
async fn run<R>(device: &Device, app: impl Future<Output = R>) -> R {
    tokio::select! {
        _ = device.run(&Sockets, &NoDns) => unreachable!(),
        result = app => result,
    }
}

async fn submit(device: &Device, topic: &str, body: &[u8]) -> SendId {
    let message = Message::new(topic, body);
    // Waits for a place: the storage has two.
    device.until(|producer, now| producer.send(now, &message).ok()).await
}

/// Sends bodies `from..to`, two at a time, and returns the brokers that stored them.
async fn send_all(device: &Device, from: u32, to: u32) -> Vec<String> {
    let mut brokers = Vec::new();
    let mut before = None;
    for n in from..to {
        let id = submit(device, "Readings", &n.to_be_bytes()).await;
        for id in before.replace(id).into_iter().chain((n + 1 == to).then_some(id)) {
            let result = device.sent(id).await.unwrap();
            assert_eq!(result.status, SendStatus::SendOk);
            brokers.push(result.broker_name.as_str().to_owned());
        }
    }
    brokers
}

/// A name server that is a broker too, and two more brokers; ready when the first names all of them.
async fn cluster() -> [Broker; 3] {
    let first = Broker::builder().broker_name("a").capacity(8 << 20).start().unwrap();
    let address = first.local_addr().to_string();
    let more = ["b", "c"].map(|name| {
        Broker::builder().broker_name(name).capacity(8 << 20).namesrv_addr(&address).start().unwrap()
    });
    while first.registered_brokers().len() < more.len() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let [second, third] = more;
    [first, second, third]
}

fn bodies(brokers: &[Broker]) -> Vec<u32> {
    let mut bodies = Vec::new();
    for broker in brokers {
        broker.for_each_message(|m| bodies.push(u32::from_be_bytes(m.body.try_into().unwrap())));
    }
    bodies.sort_unstable();
    bodies
}

#[tokio::test]
async fn several_connections_at_once_to_real_brokers() {
    let brokers = cluster().await;
    let device = device(&brokers[0].local_addr().to_string());
    let used = run(&device, send_all(&device, 0, 60)).await;
    for name in ["a", "b", "c"] {
        assert_eq!(used.iter().filter(|used| *used == name).count(), 20, "{used:?}");
    }
    assert_eq!(bodies(&brokers), (0..60).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_broker_that_goes_away_loses_nothing() {
    let brokers = cluster().await;
    let device = device(&brokers[0].local_addr().to_string());
    run(&device, async {
        send_all(&device, 0, 12).await;
        brokers[1].isolate();
        let used = send_all(&device, 12, 24).await;
        assert!(!used.iter().any(|used| used == "b"), "{used:?}");
        let gone = brokers[1].local_addr().to_string();
        let lost = |event: &Event| matches!(event, Event::Disconnected(at, _) if at.as_str() == gone);
        let events =
            device.with(|producer, _| core::iter::from_fn(|| producer.poll_event()).collect::<Vec<_>>());
        let lost_events = device.with(|producer, _| producer.events_lost()).await;
        assert!(events.await.iter().any(lost) || lost_events > 0);
    })
    .await;
    assert_eq!(bodies(&brokers), (0..24).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_run_that_was_dropped_goes_on_where_it_was() {
    let brokers = cluster().await;
    let device = device(&brokers[0].local_addr().to_string());
    run(&device, send_all(&device, 0, 6)).await;
    for n in 6..16 {
        let id = run(&device, submit(&device, "Readings", &u32::to_be_bytes(n))).await;
        // Dropped at a different place each time, mostly in the middle of a request. Each costs an attempt at most.
        tokio::select! {
            biased;
            _ = device.run(&Sockets, &NoDns) => unreachable!(),
            () = async { for _ in 6..n { tokio::task::yield_now().await; } } => {}
        }
        run(&device, device.sent(id)).await.unwrap();
    }
    // At least once: a request may have arrived whose answer did not.
    let mut stored = bodies(&brokers);
    stored.dedup();
    assert_eq!(stored, (0..16).collect::<Vec<_>>());
    assert_eq!(device.with(|producer, _| producer.in_flight()).await, 0);
}

#[tokio::test]
async fn an_outcome_can_be_asked_for_again() {
    let broker = Broker::builder().start().unwrap();
    let device = device(&broker.local_addr().to_string());
    run(&device, async {
        let id = submit(&device, "Readings", b"1234").await;
        for _ in 0..3 {
            assert!(embassy_futures::poll_once(device.sent(id)).is_pending());
        }
        let (first, second) = tokio::join!(device.sent(id), async {
            // Only one of two gets it.
            device.until(|producer, _| (producer.in_flight() == 0).then_some(())).await;
            device.sent(id).await
        });
        assert_eq!(first.unwrap().status, SendStatus::SendOk);
        assert_eq!(second.unwrap_err().kind, SendErrorKind::ShutDown);
    })
    .await;
}

#[tokio::test]
async fn a_name_that_nobody_resolves_is_unreachable() {
    let device = device("name.invalid:9876");
    let id = run(&device, submit(&device, "Readings", b"x")).await;
    let error = run(&device, device.sent(id)).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::NameServerUnreachable);
}

#[tokio::test]
async fn a_shutdown_comes_to_its_end() {
    let broker = Broker::builder().start().unwrap();
    let device = device(&broker.local_addr().to_string());
    run(&device, async {
        send_all(&device, 0, 2).await;
        device.with(Producer::shutdown).await;
        device.until(|producer, _| producer.is_stopped().then_some(())).await;
    })
    .await;
    assert_eq!(broker.counters().stored_messages, 2);
}

const LENGTH: usize = 3_000;

/// Lets an engine and its peer talk over streams that hold `pipe` bytes; the first one breaks after `patience`.
async fn chat<const BUFFER: usize>(pipe: usize, patience: Option<usize>) -> (usize, usize) {
    let first = tokio::io::duplex(pipe);
    let second = tokio::io::duplex(pipe);
    let stack = Prepared::new([first.0, second.0]);
    let engine = Chatter::new(Address::new("10.0.0.1:9876").unwrap(), LENGTH);
    let driver = Driver::<_, _, 2, BUFFER>::new(engine, TokioTimer::start());
    let peers = async {
        talk(first.1, LENGTH, patience.unwrap_or(LENGTH)).await;
        talk(second.1, LENGTH, LENGTH).await;
    };
    let heard = driver.until(|engine, _| engine.has_heard_all().then_some((engine.closed, engine.refusals)));
    let work = select(driver.run(&stack, &NoDns), peers);
    let limit = tokio::time::timeout(Duration::from_mins(10), async {
        tokio::select! {
            heard = heard => heard,
            _ = work => unreachable!(),
        }
    });
    limit.await.expect("they come to an end")
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_not_taken_are_offered_again_and_none_is_lost() {
    for pipe in [1, 13, 512] {
        let ends =
            [chat::<1>(pipe, None).await, chat::<7>(pipe, None).await, chat::<1_024>(pipe, None).await];
        for (closed, refusals) in ends {
            assert_eq!(closed, 0);
            assert!(pipe == 1 || refusals > 3, "{refusals} with {pipe}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_is_reported_and_replaced() {
    for patience in [1, 2, 100, 2_999] {
        let (closed, _) = chat::<32>(64, Some(patience)).await;
        assert_eq!(closed, 1, "after {patience} bytes");
    }
}
