//! How much stack the publish path takes: the story of a producer and a broker on one chip, whose every call of the producer
//! is measured by painting the stack below it. What the driver and the application need comes on top of that.
//!
//! The story has in it what the path is made of: the route of a topic, sends, heartbeats, a connection that is lost in the
//! middle of a send, an answer that does not come, a broker that refuses, bytes that are no frame, and the end. It goes on
//! only if each of them ends as it has to. Prints the most bytes of each function.
#![no_std]
#![no_main]

mod link;
mod measured;

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use cortex_m_rt::entry;
use device::board::Board;
use rocketlite_broker::{Broker, BrokerConfig, BrokerStorage, WhenFull};
use rocketlite_core::send::outcome::SendResult;
use rocketlite_core::{Address, Instant, Producer, ProducerConfig, ProducerStorage, WallClock};
use semihosting::process;

use link::{Line, Link};
use measured::Measured;

/// To brokers and name servers.
const CONNECTIONS: usize = 5;

/// 4 brokers and their name server, 16 queues, 2 sends in flight of 1 KiB each.
type Storage = ProducerStorage<CONNECTIONS, 1, 16, 4, 2, 2304, 1536, 4>;

/// Room for some messages; the next one is refused.
type Peer = BrokerStorage<8192, 2560, 1024, 256, CONNECTIONS, 10, 8, 50, 8, 2, 1, 4>;

#[entry]
fn main() -> ! {
    static mut STORAGE: Storage = Storage::new();
    static mut PEER: Peer = Peer::new();
    static mut NAME_SERVERS: Option<[Address; 1]> = None;

    let _board = Board::take();
    let clock = WallClock::new(Instant::ZERO, 1_700_000_000_000);
    let at = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), 9876));
    let mut config = BrokerConfig::new("broker-a", at);
    config.default_topic_queue_nums = 4;
    config.max_message_size = 1024;
    config.when_full = WhenFull::Refuse;
    let broker = Broker::new(config, PEER.memory(), clock, 7).expect("the settings fit the memory");
    let name_servers = NAME_SERVERS.insert([Address::new("10.0.0.1:9876").expect("it is an address")]);
    let mut config = ProducerConfig::new("sensors", "sensor-1", name_servers);
    config.send_latency_fault_enable = true;
    let producer = Producer::new(config, STORAGE.memory(), clock, 7).expect("the settings fit the memory");

    let mut link = Link::new(Measured::new(producer), broker);
    story(&mut link);
    link.producer.report();
    process::exit(0)
}

fn story(link: &mut Link) {
    // A route, a connection, a send.
    attempts(link.send().ok(), 1);
    // Heartbeats, and routes that are asked for again.
    link.pass(Duration::from_mins(2));
    attempts(link.send().ok(), 1);
    link.line = Line::Breaks;
    attempts(link.send().ok(), 2);
    link.line = Line::Noisy;
    attempts(link.send().ok(), 2);
    // No answer, and no time left for another attempt.
    link.line = Line::Deaf;
    assert_eq!(link.send().map_err(|error| error.attempts), Err(1));
    link.line = Line::Good;
    // Refusals, when the log is full.
    let refused = (0..100).find_map(|_| link.send().err()).expect("the log is full at some time");
    assert_eq!(refused.attempts, 3, "{refused}");
    assert!(link.shutdown(), "it says goodbye");
}

/// A message has to be stored after so many.
fn attempts(result: Option<SendResult>, attempts: u8) {
    assert_eq!(result.map(|result| result.attempts), Some(attempts));
}
