//! More connections than anybody needs.

use core::net::SocketAddr;
use std::sync::Arc;

use rocketlite_tests::program::RunningBroker;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::wire::{Raw, read, send_request};
use crate::{Bystander, within};

/// Connections, if the machine lets a process have so many.
const MOST: usize = 20_000;

/// What a process needs file descriptors for beside them.
const OTHER_FILES: usize = 200;

/// Connections that are opened at a time, fewer than may wait to be accepted.
const AT_A_TIME: usize = 500;

/// How many files a process may have open.
fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    match line.and_then(|line| line.split_whitespace().nth(3)) {
        Some("unlimited") => usize::MAX,
        // What every system gives.
        soft => soft.and_then(|soft| soft.parse().ok()).unwrap_or(256 + OTHER_FILES),
    }
}

/// A connection that has begun a frame and does not end it.
async fn begin_frame(address: SocketAddr, frame: &[u8], begun: usize) -> (Raw, usize) {
    let mut stream = TcpStream::connect(address).await.expect("there is a place");
    stream.write_all(&frame[..begun]).await.expect("it is taken");
    (Raw(stream), begun)
}

#[tokio::test]
async fn twenty_thousand_connections_with_half_a_frame_each_stand_beside_others() {
    let count = MOST.min(open_files().saturating_sub(OTHER_FILES));
    // In a process of its own, which has as many files again.
    let most = (count + 100).to_string();
    let broker = RunningBroker::spawn(&["--max-connections", &most, "--capacity", "64MiB"]);
    let address: SocketAddr = broker.address.parse().expect("an address");
    let bystander = Bystander::start_at(&broker.address).await;
    let quiet = bystander.latency().await;
    let request: Arc<[u8]> = send_request(1, b"hello").into();
    let mut peers = Vec::new();
    while peers.len() < count {
        let mut opened = JoinSet::new();
        for place in 0..AT_A_TIME.min(count - peers.len()) {
            let frame = Arc::clone(&request);
            opened.spawn(async move { begin_frame(address, &frame, place % frame.len()).await });
        }
        peers.extend(within(opened.join_all()).await);
    }
    bystander.compare(&format!("{count} connections"), quiet).await;
    // Each of them is a connection like any other, unless its frame has taken too long meanwhile.
    for (peer, begun) in peers.iter_mut().step_by(count.div_ceil(100)) {
        peer.write(&request[*begun..]).await;
        match within(read(&mut peer.0)).await {
            Ok(answer) => assert_eq!((answer.code, answer.opaque), (0, 1)),
            Err(error) => assert!(*begun > 0, "{error}"),
        }
    }
    drop(peers);
    bystander.goes_on().await;
    drop(bystander);
    broker.stop();
}
