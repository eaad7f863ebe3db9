//! More than a broker has room for.

use core::time::Duration;

use rocketlite::Broker;

use crate::wire::{Raw, send_request};
use crate::{Bystander, within};

#[tokio::test]
async fn surplus_connections_are_closed_at_once_and_a_place_that_is_free_again_is_given_away() {
    let broker = Broker::builder().max_connections(4).start().expect("settings");
    let bystander = Bystander::start(&broker).await;
    let mut peers = Vec::new();
    for opaque in 1..4 {
        let mut peer = Raw::connect(&broker).await;
        peer.is_served(opaque).await;
        peers.push(peer);
    }
    for _ in 0..20 {
        let mut surplus = Raw::connect(&broker).await;
        assert!(surplus.is_closed().await.is_empty());
    }
    // Those who were there first notice nothing.
    bystander.goes_on().await;
    for (peer, opaque) in peers.iter_mut().zip(10..) {
        peer.is_served(opaque).await;
    }
    for _ in 0..5 {
        drop(peers.pop());
        // The broker learns of it in its own time.
        let peer = within(async {
            loop {
                let mut peer = Raw::connect(&broker).await;
                peer.write(&send_request(1, b"is there a place?")).await;
                if crate::wire::read(&mut peer.0).await.is_ok() {
                    return peer;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        peers.push(peer);
    }
    bystander.goes_on().await;
}

#[tokio::test]
async fn a_broker_out_of_topics_refuses_new_ones_and_serves_those_it_has() {
    // Four are there from the start.
    let broker = Broker::builder().max_topics(7).start().expect("settings");
    let address = broker.local_addr().to_string();
    let builder = rocketlite::Producer::builder("hoarders").namesrv_addr(address);
    let producer = builder.retry_times_when_send_failed(0).start().expect("settings");
    let send = async |topic: &str| within(producer.send(&rocketlite::Message::new(topic, b"x"))).await;
    for topic in ["T1", "T2", "T3"] {
        send(topic).await.expect("a place is left");
    }
    let error = send("T4").await.expect_err("no place is left");
    assert_eq!(error.response_code(), 1, "{error}");
    for topic in ["T1", "T2", "T3"] {
        send(topic).await.expect("it is there");
    }
    within(producer.shutdown()).await;
}
