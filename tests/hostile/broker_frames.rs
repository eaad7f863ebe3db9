//! Bytes that are no frames, or no commands, or never end.

use rocketlite::Broker;
use rocketlite_core::wire::code::RequestCode;
use tokio::io::AsyncWriteExt as _;

use crate::wire::{Raw, frame, framed, send_request};
use crate::{Bystander, within};

fn broker() -> Broker {
    Broker::builder().start().expect("settings")
}

/// Each of these costs the peer its connection, at once and without an answer.
fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let json = |text: &str| {
        let length = u32::try_from(text.len()).expect("it is short");
        framed(&[&length.to_be_bytes(), text.as_bytes()].concat())
    };
    let nested = format!("{{\"code\":310,\"extFields\":{{\"a\":{}", "[".repeat(100_000));
    vec![
        ("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("a request of the web", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a greeting by SSH", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        ("2 GiB announced", vec![0x7f, 0xff, 0xff, 0xff]),
        ("16 MiB and one byte announced", 0x00ff_fffd_u32.to_be_bytes().to_vec()),
        ("the most negative length", vec![0x80, 0, 0, 0]),
        ("a length of -1", vec![0xff; 64]),
        ("a frame of nothing", vec![0; 4]),
        ("a frame too short for its header's length", vec![0, 0, 0, 3, 1, 2, 3]),
        ("a header longer than its frame", framed(&[0, 0, 4, 0, b'{', b'}'])),
        ("a header as long as can be", framed(&[0, 0xff, 0xff, 0xff, b'{', b'}'])),
        ("a serialize type that nobody knows", framed(&[7, 0, 0, 2, b'{', b'}'])),
        ("a header of nothing", framed(&[0; 4])),
        ("a header that is no JSON", json("hello")),
        ("a header that breaks off", json("{\"code\":310,\"extFields\":{\"a\":\"b")),
        ("a header that is a list", json("[1,2,3]")),
        ("a header that nests without end", json(&nested)),
        ("a code that is no number", json("{\"code\":\"x\"}")),
        ("a code that is too large a number", json("{\"code\":99999999999999999999}")),
        ("fields that are a text", json("{\"code\":310,\"extFields\":\"x\"}")),
        ("bytes that are no text", framed(&[0, 0, 0, 4, 0xff, 0xfe, 0xfd, 0xfc])),
        ("a binary header that breaks off", framed(&[1, 0, 0, 2, 0, 10])),
    ]
}

#[tokio::test]
async fn broken_bytes_cost_the_peer_its_connection_and_nobody_else_anything() {
    let broker = broker();
    let bystander = Bystander::start(&broker).await;
    for (what, bytes) in broken() {
        let mut peer = Raw::connect(&broker).await;
        peer.write(&bytes).await;
        assert!(peer.is_closed().await.is_empty(), "{what} was answered");
        // Also after commands that were right.
        let mut peer = Raw::connect(&broker).await;
        peer.is_served(1).await;
        peer.write(&bytes).await;
        assert!(peer.is_closed().await.is_empty(), "{what} was answered");
    }
    bystander.goes_on().await;
    Raw::connect(&broker).await.is_served(1).await;
}

#[tokio::test]
async fn noise_is_closed_however_it_begins() {
    let broker = broker();
    let bystander = Bystander::start(&broker).await;
    let mut state = 1_u64;
    for _ in 0..100 {
        let mut noise = Vec::with_capacity(4096);
        while noise.len() < 4096 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noise.extend_from_slice(&state.to_be_bytes());
        }
        // Not a length that may be.
        noise[0] |= 0x40;
        let mut peer = Raw::connect(&broker).await;
        peer.write(&noise).await;
        assert!(peer.is_closed().await.is_empty());
    }
    bystander.goes_on().await;
}

#[tokio::test]
async fn a_request_that_nobody_knows_is_answered_and_the_connection_stays() {
    let broker = broker();
    let mut peer = Raw::connect(&broker).await;
    for (opaque, code) in [(1, 9_999), (2, -1), (3, i32::MAX), (4, RequestCode::PULL_MESSAGE.0)] {
        peer.write(&frame(code, opaque, 0, &[], b"")).await;
        let (_, answered) = peer.answer().await;
        assert_eq!(answered, opaque);
    }
    // Answers to questions that were never asked, and requests that want no answer, get none.
    peer.write(&frame(0, 77, 1, &[], b"")).await;
    peer.write(&frame(9_999, 78, 2, &[], b"")).await;
    // A send without a single field is refused, not misread.
    peer.write(&frame(RequestCode::SEND_MESSAGE_V2.0, 5, 0, &[], b"x")).await;
    let (code, opaque) = peer.answer().await;
    assert_eq!((code != 0, opaque), (true, 5));
    peer.is_served(6).await;
}

#[tokio::test]
async fn one_byte_at_a_time_is_slow_and_right() {
    let broker = broker();
    let mut peer = Raw::connect(&broker).await;
    for opaque in 1..4 {
        for byte in send_request(opaque, b"drop by drop") {
            peer.write(&[byte]).await;
            // Lets the broker see it alone.
            tokio::task::yield_now().await;
        }
        assert_eq!(peer.answer().await, (0, opaque));
    }
}

#[tokio::test]
async fn frames_that_never_end_stand_beside_those_that_do() {
    let broker = broker();
    let bystander = Bystander::start(&broker).await;
    let request = send_request(1, &[b'x'; 1_000]);
    let mut halves = Vec::new();
    // Part of the length word, the length word alone, part of the header, all but one byte.
    for part in [1, 3, 4, 5, 40, request.len() - 1] {
        let mut peer = Raw::connect(&broker).await;
        peer.write(&request[..part]).await;
        halves.push((peer, part));
    }
    bystander.goes_on().await;
    // They may go on after all.
    for (mut peer, part) in halves {
        peer.write(&request[part..]).await;
        assert_eq!(peer.answer().await, (0, 1));
    }
    bystander.goes_on().await;
}

/// Peers that announce a frame and send no more than its beginning.
async fn announce(broker: &Broker, length: u32, peers: usize) -> Vec<Raw> {
    let mut announced = Vec::new();
    for _ in 0..peers {
        let mut peer = Raw::connect(broker).await;
        peer.write(&length.to_be_bytes()).await;
        peer.write(&[0; 100]).await;
        announced.push(peer);
    }
    announced
}

#[tokio::test]
async fn a_frame_larger_than_any_command_is_closed_when_it_is_announced() {
    let broker = broker();
    let bystander = Bystander::start(&broker).await;
    // The largest frame of the reference.
    for mut peer in announce(&broker, 0x00ff_fffc, 8).await {
        assert!(peer.is_closed().await.is_empty());
    }
    bystander.goes_on().await;
}

#[tokio::test]
async fn large_frames_that_are_announced_and_not_sent_leave_room_for_others() {
    let broker = broker();
    let bystander = Bystander::start(&broker).await;
    let peers = announce(&broker, 4 << 20, 2).await;
    bystander.goes_on().await;
    bystander.goes_on().await;
    drop(peers);
}

#[tokio::test]
async fn any_number_of_frames_that_are_announced_and_not_sent_leave_room_for_others() {
    let broker = broker();
    let bystander = Bystander::start(&broker).await;
    let peers = announce(&broker, 4 << 20, 8).await;
    bystander.goes_on().await;
    drop(peers);
}

#[tokio::test]
async fn peers_that_come_and_go_leave_nothing_behind() {
    let broker = Broker::builder().max_connections(16).start().expect("settings");
    let bystander = Bystander::start(&broker).await;
    let request = send_request(1, b"gone");
    for round in 0..300 {
        let mut peer = Raw::connect(&broker).await;
        // Some say nothing, some half of what they want, some do not wait for the answer.
        peer.write(&request[..request.len() * (round % 3) / 2]).await;
        if round % 2 == 0 {
            peer.0.set_zero_linger().expect("a socket");
        } else {
            within(peer.0.shutdown()).await.expect("a socket");
        }
    }
    bystander.goes_on().await;
}
