//! Callers that leave, callers that are too many, and producers that are shut down in the middle of everything.

use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Poll;
use core::time::Duration;
use std::sync::Arc;

use rocketlite::producer::{SendError, SendResult};
use rocketlite::{Broker, Message, Producer};
use rocketlite_core::send::outcome::SendErrorKind;
use tokio::task::JoinHandle;

use crate::peer::{Act, MESSAGE, Peer, SHORT, builder, patient, stored};
use crate::within;

/// A broker that answers no send until it is told to, and the name server for it.
async fn gated() -> (Peer, Peer, Arc<AtomicBool>) {
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    let broker = Peer::with_sends(move |command| {
        if gate.load(Ordering::Relaxed) { vec![Act::Say(stored(command, 1))] } else { Vec::new() }
    })
    .await;
    let name_server = Peer::name_server(&[("gated", &broker)]).await;
    (broker, name_server, open)
}

fn send_from_tasks(producer: &Arc<Producer>, count: usize) -> Vec<JoinHandle<Result<SendResult, SendError>>> {
    let task = |_| {
        let producer = Arc::clone(producer);
        tokio::spawn(async move { producer.send(&MESSAGE).await })
    };
    (0..count).map(task).collect()
}

/// Lets a future begin.
async fn is_pending<T>(mut future: Pin<&mut impl Future<Output = T>>) -> bool {
    core::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

async fn outcomes(
    tasks: Vec<JoinHandle<Result<SendResult, SendError>>>,
) -> Vec<Result<SendResult, SendError>> {
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(within(task).await.expect("it does not panic"));
    }
    outcomes
}

#[tokio::test]
async fn a_send_whose_caller_left_gives_its_place_back() {
    let (broker, name_server, open) = gated().await;
    let producer = builder(&name_server.address()).max_in_flight(1).start().expect("settings");
    for _ in 0..3 {
        open.store(false, Ordering::Relaxed);
        let sends = broker.sends().len() + 1;
        // One that is in flight, and one that waits for its place.
        let abandoned = async { tokio::join!(producer.send(&MESSAGE), producer.send(&MESSAGE)) };
        tokio::select! {
            ended = abandoned => panic!("the broker does not answer: {ended:?}"),
            () = broker.hears_of(sends) => {}
        }
        open.store(true, Ordering::Relaxed);
        // The one in flight goes on without its caller: it loses its connection and is made again.
        broker.hang_up();
        within(producer.send(&MESSAGE)).await.expect("there is a place");
    }
    within(producer.shutdown()).await;
}

#[tokio::test]
async fn callers_beyond_the_limit_wait_and_are_all_served() {
    let broker = Broker::builder().start().expect("settings");
    let builder = builder(&broker.local_addr().to_string()).max_in_flight(2);
    let producer = Arc::new(builder.start().expect("settings"));
    for outcome in outcomes(send_from_tasks(&producer, 50)).await {
        outcome.expect("there is room in time");
    }
    within(producer.shutdown()).await;
    let mut stored = 0;
    broker.for_each_message(|_| stored += 1);
    assert_eq!(stored, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_on_several_threads_are_all_served() {
    let broker = Broker::builder().start().expect("settings");
    let builder = builder(&broker.local_addr().to_string()).max_in_flight(8);
    let producer = Arc::new(builder.start().expect("settings"));
    for outcome in outcomes(send_from_tasks(&producer, 500)).await {
        outcome.expect("there is room in time");
    }
    within(producer.shutdown()).await;
    within(broker.shutdown()).await;
}

#[tokio::test]
async fn bodies_that_do_not_fit_beside_each_other_wait_for_each_other() {
    let broker = Broker::builder().start().expect("settings");
    let builder = builder(&broker.local_addr().to_string()).body_memory(100_000);
    let producer = Arc::new(builder.start().expect("settings"));
    let send = |_| {
        let producer = Arc::clone(&producer);
        tokio::spawn(async move { producer.send(&Message::new("Large", &vec![b'l'; 60_000])).await })
    };
    for outcome in outcomes((0..40).map(send).collect()).await {
        outcome.expect("there is room in time");
    }
    // What can never fit is told at once.
    let error = within(producer.send(&Message::new("Large", &vec![b'l'; 100_001]))).await;
    let error = error.expect_err("it does not fit");
    assert!(matches!(error, SendError::Illegal { .. }) && error.to_string().contains("100000"), "{error}");
    within(producer.shutdown()).await;
}

#[tokio::test]
async fn a_producer_without_room_all_the_time_is_busy() {
    // A route that never comes holds the only place for much longer than anybody waits.
    let silent = Peer::start(|_| Vec::new()).await;
    let builder = builder(&silent.address()).send_msg_timeout(SHORT);
    let producer = builder.max_in_flight(1).start().expect("settings");
    let busy = within(async {
        tokio::select! {
            biased;
            outcome = producer.send(&MESSAGE) => panic!("{outcome:?}"),
            outcome = producer.send(&MESSAGE) => outcome,
        }
    })
    .await;
    assert_eq!(busy, Err(SendError::Busy { waited: SHORT }));
}

#[tokio::test]
async fn a_shutdown_lets_what_is_in_flight_end_and_sends_nothing_more() {
    let (broker, name_server, open) = gated().await;
    let producer = Arc::new(patient(&name_server.address()));
    let tasks = send_from_tasks(&producer, 8);
    broker.hears_of(8).await;
    let mut shutdown = core::pin::pin!(producer.shutdown());
    assert!(is_pending(shutdown.as_mut()).await);
    // From now on nobody else is let in.
    assert_eq!(within(producer.send(&MESSAGE)).await, Err(SendError::NotRunning));
    assert!(tasks.iter().all(|task| !task.is_finished()));
    open.store(true, Ordering::Relaxed);
    // Their answers are lost, and they are made again: a shutdown does not change how a send ends.
    broker.hang_up();
    for outcome in outcomes(tasks).await {
        assert_eq!(outcome.expect("it is stored in the end").attempts, 2);
    }
    within(shutdown).await;
    assert_eq!(within(producer.send(&MESSAGE)).await, Err(SendError::NotRunning));
    assert_eq!(broker.sends().len(), 16);
}

#[tokio::test]
async fn a_shutdown_ends_in_time_also_if_nobody_answers() {
    let (broker, name_server, _) = gated().await;
    // Time for three of them to be heard of.
    let builder = builder(&name_server.address()).send_msg_timeout(Duration::from_secs(4));
    let producer = Arc::new(builder.max_in_flight(3).start().expect("settings"));
    let tasks = send_from_tasks(&producer, 9);
    broker.hears_of(3).await;
    within(producer.shutdown()).await;
    let (mut timed_out, mut turned_away) = (0, 0);
    for outcome in outcomes(tasks).await {
        match outcome.expect_err("nobody answers") {
            SendError::NotRunning => turned_away += 1,
            error if error.kind() == Some(SendErrorKind::CallTimedOut) => timed_out += 1,
            error => panic!("{error}"),
        }
    }
    assert_eq!((timed_out, turned_away), (3, 6));
}

#[tokio::test]
async fn a_shutdown_ends_although_brokers_do_not_say_good_bye() {
    let broker = Peer::start(|command| {
        let farewell = command.code == rocketlite_core::wire::code::RequestCode::UNREGISTER_CLIENT.0;
        if farewell { Vec::new() } else { crate::peer::polite(command, "") }
    })
    .await;
    let name_server = Peer::name_server(&[("rude", &broker)]).await;
    let builder = builder(&name_server.address()).mq_client_api_timeout(Duration::from_secs(2));
    let producer = builder.start().expect("settings");
    within(producer.send(&MESSAGE)).await.expect("it is stored");
    within(producer.shutdown()).await;
    // Once more changes nothing.
    within(producer.shutdown()).await;
}

#[tokio::test]
async fn dropping_a_producer_lets_what_is_in_flight_end() {
    let (broker, name_server, open) = gated().await;
    open.store(true, Ordering::Relaxed);
    let producer = patient(&name_server.address());
    {
        let message = MESSAGE;
        let mut send = core::pin::pin!(producer.send(&message));
        // It is accepted, and its caller goes.
        assert!(is_pending(send.as_mut()).await);
    }
    drop(producer);
    broker.hears_of(1).await;
}
