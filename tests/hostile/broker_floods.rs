//! Peers that send and do not read.

use core::time::Duration;

use rocketlite::Broker;
use rocketlite::broker::WhenFull;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use crate::wire::{Raw, framed, send_request};
use crate::{Bystander, within};

/// More than the sockets of any machine hold.
const FLOOD_BYTES: usize = 256 << 20;

/// How long a peer waits until it believes that no more is taken. Too short a time only makes a flood smaller.
const PATIENCE: Duration = Duration::from_secs(1);

/// Connects with so little room for answers that it is soon used up.
async fn narrow(broker: &Broker) -> Raw {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a socket");
    Raw(within(socket.connect(broker.local_addr())).await.expect("it listens"))
}

/// Sends requests until they are not taken any more. Returns how many bytes were, and how long a request is.
async fn flood(peer: &mut Raw, body: &[u8]) -> (usize, usize) {
    // The number has one digit, so all requests have the same length.
    let requests: Vec<_> = (1..10).map(|opaque| send_request(opaque, body)).collect();
    let mut sent = 0;
    for request in requests.iter().cycle() {
        let mut rest = &request[..];
        while !rest.is_empty() {
            let Ok(written) = tokio::time::timeout(PATIENCE, peer.0.write(rest)).await else {
                return (sent, request.len());
            };
            let written = written.expect("the connection stays");
            sent += written;
            rest = &rest[written..];
        }
        assert!(sent < FLOOD_BYTES, "everything is taken: where is it?");
    }
    unreachable!("the requests repeat")
}

#[tokio::test]
async fn a_peer_that_never_reads_its_answers_stalls_itself_and_nobody_else() {
    let broker = Broker::builder().start().expect("settings");
    let bystander = Bystander::start(&broker).await;
    let mut peer = narrow(&broker).await;
    let (sent, length) = flood(&mut peer, &[b'f'; 2_000]).await;
    bystander.goes_on().await;
    // It reads after all: each request that is whole has its answer, in order.
    for request in 0..sent / length {
        let opaque = i32::try_from(request % 9 + 1).expect("a digit");
        assert_eq!(peer.answer().await, (0, opaque), "request {request} of {}", sent / length);
    }
    bystander.goes_on().await;
}

#[tokio::test]
async fn many_of_them_leave_room_for_others() {
    // Fewer answers than they leave unread together.
    let broker = Broker::builder().max_connections(50).max_pending_responses(100).start().expect("settings");
    let bystander = Bystander::start(&broker).await;
    let quiet = bystander.latency().await;
    let mut floods = Vec::new();
    for _ in 0..12 {
        let mut peer = narrow(&broker).await;
        floods.push(tokio::spawn(async move {
            flood(&mut peer, &[b'f'; 2_000]).await;
            peer
        }));
    }
    bystander.compare("peers that never read", quiet).await;
    let mut peers = Vec::new();
    for flood in floods {
        peers.push(within(flood).await.expect("it does not panic"));
    }
    // All that they could take they have taken.
    bystander.goes_on().await;
    // They hang up in the middle of everything.
    drop(peers);
    bystander.goes_on().await;
}

#[tokio::test]
async fn a_million_tiny_frames_are_read_beside_others() {
    const PEERS: i32 = 4;
    const FRAMES: usize = 250_000;
    let broker = Broker::builder().start().expect("settings");
    let bystander = Bystander::start(&broker).await;
    let quiet = bystander.latency().await;
    let mut floods = Vec::new();
    for opaque in 0..PEERS {
        let mut peer = Raw::connect(&broker).await;
        // A request that is not known and wants no answer: the least that makes work.
        let frames = framed(b"\0\0\0\x0a{\"flag\":2}").repeat(FRAMES / 100);
        floods.push(tokio::spawn(async move {
            for _ in 0..100 {
                peer.write(&frames).await;
            }
            peer.is_served(opaque).await;
        }));
    }
    bystander.compare("a million tiny frames", quiet).await;
    for flood in floods {
        within(flood).await.expect("it does not panic");
    }
    let requests = broker.counters().requests;
    assert!(requests >= 1_000_000, "{requests} requests");
    bystander.goes_on().await;
}

#[tokio::test]
async fn a_log_that_a_flood_has_filled_says_so_and_keeps_what_it_has() {
    let broker = Broker::builder().capacity(6 << 20).when_full(WhenFull::Refuse).start().expect("settings");
    let mut peer = Raw::connect(&broker).await;
    let mut codes = Vec::new();
    for opaque in 1..100 {
        peer.write(&send_request(opaque, &vec![b'f'; 200_000])).await;
        codes.push(peer.answer().await.0);
    }
    let stored = codes.iter().filter(|code| **code == 0).count();
    assert!(stored > 10 && codes[stored..].iter().all(|code| *code == 14), "{codes:?}");
    let mut found = 0;
    broker.for_each_message(|_| found += 1);
    assert_eq!(found, stored);
}
