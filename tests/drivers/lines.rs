//! The async driver over lines: a real broker behind a bridge, and streams in memory.

use core::time::Duration;

use embedded_io_adapters::tokio_1::FromTokio;
use rocketlite::Broker;
use rocketlite_core::driver::Line;
use rocketlite_core::driver::io_async::Driver;
use rocketlite_core::send::outcome::SendStatus;
use rocketlite_core::{Address, Message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio::net::TcpStream;

use crate::chatter::Chatter;
use crate::tcp::producer;
use crate::tokio_stack::{TokioTimer, talk};

type Ends = (FromTokio<ReadHalf<DuplexStream>>, FromTokio<WriteHalf<DuplexStream>>);

/// The two halves of a stream, which can be used at the same time.
fn halves(stream: DuplexStream) -> Ends {
    let (reader, writer) = tokio::io::split(stream);
    (FromTokio::new(reader), FromTokio::new(writer))
}

fn address() -> Address {
    Address::new("gateway:9876").unwrap()
}

#[tokio::test]
async fn a_real_broker_behind_a_bridge() {
    let broker = Broker::builder().start().unwrap();
    let at = broker.local_addr();
    let (near, mut far) = tokio::io::duplex(64);
    let bridge = tokio::spawn(async move {
        let mut socket = TcpStream::connect(at).await.unwrap();
        tokio::io::copy_bidirectional(&mut far, &mut socket).await
    });
    let device = Driver::<_, _, 1, 128>::new(producer(&at.to_string()), TokioTimer::start());
    let line = Line::new(Address::try_from(at).unwrap(), halves(near));
    let mut lines = [line.with_quiet(Duration::from_millis(20))];
    let send = async {
        for n in 0..30u16 {
            let body = vec![7; usize::from(n) * 20 + 1];
            let message = Message::new("Readings", &body);
            let id = device.with(|producer, now| producer.send(now, &message)).await.unwrap();
            let result = device.sent(id).await.unwrap();
            assert_eq!((result.status, result.attempts), (SendStatus::SendOk, 1));
        }
    };
    tokio::select! {
        _ = device.run_lines(&mut lines) => unreachable!(),
        () = send => {}
    }
    let mut lengths = Vec::new();
    broker.for_each_message(|message| lengths.push(message.body.len()));
    assert_eq!(lengths, (0..30).map(|n| n * 20 + 1).collect::<Vec<_>>());
    assert_eq!(broker.counters().accepted, 1);
    bridge.abort();
}

const LENGTH: usize = 3_000;

/// Lets an engine and its peer talk over a line that holds `pipe` bytes.
async fn chat<const BUFFER: usize>(pipe: usize) -> (usize, usize) {
    let (near, far) = tokio::io::duplex(pipe);
    let driver = Driver::<_, _, 1, BUFFER>::new(Chatter::new(address(), LENGTH), TokioTimer::start());
    let mut lines = [Line::new(address(), halves(near))];
    let heard = driver.until(|engine, _| engine.has_heard_all().then_some((engine.closed, engine.refusals)));
    tokio::select! {
        heard = heard => heard,
        _ = driver.run_lines(&mut lines) => unreachable!(),
        () = talk(far, LENGTH, LENGTH) => unreachable!(),
        () = tokio::time::sleep(Duration::from_mins(10)) => panic!("they never come to an end"),
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_not_taken_are_offered_again_and_none_is_lost() {
    for pipe in [1, 13, 512] {
        for (closed, _) in [chat::<1>(pipe).await, chat::<7>(pipe).await, chat::<1_024>(pipe).await] {
            assert_eq!(closed, 0);
        }
    }
    assert!(chat::<64>(512).await.1 > 3, "something was refused");
}

#[tokio::test(start_paused = true)]
async fn a_line_rests_until_what_is_left_over_has_passed() {
    let (near, mut far) = tokio::io::duplex(64);
    let driver = Driver::<_, _, 1, 16>::new(Chatter::new(address(), 100), TokioTimer::start());
    let start = tokio::time::Instant::now();
    let mut lines = [Line::new(address(), halves(near)).with_quiet(Duration::from_millis(500))];
    let peer = async {
        for _ in 0..4 {
            far.write_all(b"the rest of an answer to somebody else").await.unwrap();
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        talk(far, 100, 100).await;
    };
    tokio::select! {
        () = driver.until(|engine, _| engine.has_heard_all().then_some(())) => {}
        _ = driver.run_lines(&mut lines) => unreachable!(),
        () = peer => unreachable!(),
    }
    // The last of it came after 1.2 s.
    assert!(start.elapsed() >= Duration::from_millis(1_700), "{:?}", start.elapsed());
    assert_eq!(driver.with(|engine, _| engine.closed).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_ended_is_no_busy_loop_and_each_attempt_fails() {
    let (near, far) = tokio::io::duplex(64);
    drop(far);
    let driver = Driver::<_, _, 1, 16>::new(Chatter::new(address(), 100), TokioTimer::start());
    let mut lines = [Line::new(address(), halves(near))];
    tokio::select! {
        () = driver.until(|engine, _| (engine.closed > 10).then_some(())) => {}
        _ = driver.run_lines(&mut lines) => unreachable!(),
    }
}

#[tokio::test(start_paused = true)]
async fn two_lines_serve_their_addresses_and_any_other_is_refused() {
    let (near, mut far) = tokio::io::duplex(64);
    let (unused, _peer) = tokio::io::duplex(64);
    let driver = Driver::<_, _, 2, 16>::new(Chatter::new(address(), 1), TokioTimer::start());
    let elsewhere = Address::new("elsewhere:1").unwrap();
    let mut lines = [Line::new(elsewhere, halves(unused)), Line::new(address(), halves(near))];
    let first = async { far.read_u8().await.unwrap() };
    tokio::select! {
        first = first => assert_eq!(first, crate::chatter::byte(0)),
        _ = driver.run_lines(&mut lines) => unreachable!(),
    }
    assert_eq!(driver.refused(), None);

    let (near, _far) = tokio::io::duplex(64);
    let other = Address::new("nobody:1").unwrap();
    let driver = Driver::<_, _, 1, 16>::new(Chatter::new(other.clone(), 1), TokioTimer::start());
    let mut lines = [Line::new(address(), halves(near))];
    tokio::select! {
        () = driver.until(|engine, _| (engine.closed > 2).then_some(())) => {}
        _ = driver.run_lines(&mut lines) => unreachable!(),
    }
    assert_eq!(driver.refused(), Some(other));
}
