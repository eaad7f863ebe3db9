//! Peers that take their time.

use core::time::Duration;

use rocketlite::Broker;
use rocketlite::broker::BrokerBuilder;
use tokio::task::JoinSet;

use crate::wire::{Raw, send_request};
use crate::{Bystander, within};

/// What takes seconds by default. The broker looks once a second.
const SHORT: Duration = Duration::from_millis(500);

/// Between two bytes of a peer that takes its time.
const DRIP: Duration = Duration::from_millis(20);

fn impatient() -> BrokerBuilder {
    Broker::builder().frame_timeout(SHORT)
}

/// Sends one byte after another until the broker has had enough.
async fn drip(peer: &mut Raw) {
    within(async {
        loop {
            tokio::select! {
                _ = peer.is_closed() => return,
                () = tokio::time::sleep(DRIP) => peer.write(b"x").await,
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_frame_that_takes_too_long_costs_its_peer_the_connection() {
    let broker = impatient().start().expect("settings");
    let bystander = Bystander::start(&broker).await;
    let request = send_request(1, &[b'x'; 1_000]);
    // Part of the length word, the length word alone, part of the header, all but one byte.
    for part in [1, 3, 4, 40, request.len() - 1] {
        let mut peer = Raw::connect(&broker).await;
        peer.is_served(1).await;
        peer.write(&request[..part]).await;
        assert!(peer.is_closed().await.is_empty(), "{part} bytes");
    }
    let mut peer = Raw::connect(&broker).await;
    peer.write(&request[..40]).await;
    drip(&mut peer).await;
    bystander.goes_on().await;
}

#[tokio::test]
async fn a_peer_that_says_nothing_loses_its_connection() {
    let broker = Broker::builder().idle_timeout(SHORT).start().expect("settings");
    let mut peers = [Raw::connect(&broker).await, Raw::connect(&broker).await];
    peers[1].is_served(1).await;
    for mut peer in peers {
        assert!(peer.is_closed().await.is_empty());
    }
    assert_eq!(broker.counters().disconnected, 2);
}

/// Peers that announce `length` bytes and send one at a time, and come back as soon as they are closed.
fn dripping(broker: &Broker, length: u32, peers: usize) -> JoinSet<()> {
    let address = broker.local_addr();
    let mut set = JoinSet::new();
    for _ in 0..peers {
        set.spawn(async move {
            loop {
                let stream = tokio::net::TcpStream::connect(address).await;
                let mut peer = Raw(stream.expect("it listens"));
                peer.write(&length.to_be_bytes()).await;
                drip(&mut peer).await;
            }
        });
    }
    set
}

#[tokio::test]
async fn peers_that_send_a_byte_at_a_time_leave_memory_to_others() {
    // As much as four of the largest frames take, which is what eight such peers want.
    let broker = Broker::builder().start().expect("settings");
    let bystander = Bystander::start(&broker).await;
    let quiet = bystander.latency().await;
    let peers = dripping(&broker, 4 << 20, 8);
    bystander.compare("frames that drip", quiet).await;
    drop(peers);
    bystander.goes_on().await;
}

#[tokio::test]
async fn sixteen_mebibytes_that_may_come_and_do_not_leave_memory_to_others() {
    // With its header a frame is as large as the reference's largest.
    let broker = Broker::builder().max_message_size((16 << 20) - (128 << 10)).start().expect("settings");
    let bystander = Bystander::start(&broker).await;
    let quiet = bystander.latency().await;
    let mut announced = Vec::new();
    for _ in 0..4 {
        let mut peer = Raw::connect(&broker).await;
        peer.write(&0x00ff_fffc_u32.to_be_bytes()).await;
        peer.write(&[0; 100]).await;
        announced.push(peer);
    }
    bystander.compare("16 MiB that do not come", quiet).await;
    drop(announced);
}
