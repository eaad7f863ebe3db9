//! The sensor as tasks of embassy: `embassy-net` carries the bytes, the driver for async stacks does the rest. No heap.
//!
//! Three tasks run on one executor:
//!
//! - [`network`]: `embassy-net` over the board's Ethernet device
//! - [`rocketmq`]: RocketMQ over that
//! - [`readings`]: the application, which sends one reading after the other and waits for what comes of it
//!
//! The command line and what is printed are those of the `sensor`.
#![no_std]
#![no_main]

mod clock;
mod ethernet;
mod executor;
mod host;

use cortex_m_rt::entry;
use device::arguments::Arguments;
use device::board::{self, Board, Frames, Lan9118, NO_FRAMES, stack};
use device::host::{ADDRESS, GATEWAY};
use device::reading;
use embassy_executor::Spawner;
use embassy_net::tcp::client::{TcpClient, TcpClientState};
use embassy_net::{Ipv4Cidr, Runner, StackResources, StaticConfigV4};
use embassy_time::{Duration, Instant, Timer};
use heapless::Vec;
use rocketlite_core::driver::io_async::{Driver, NoDns};
use rocketlite_core::{Address, Message, Producer, ProducerConfig, ProducerStorage, WallClock};
use semihosting::{eprintln, process};
use static_cell::{ConstStaticCell, StaticCell};

use clock::Clock;
use ethernet::Ethernet;
use executor::Executor;
use host::Host;

/// To the name server and up to 4 brokers.
const CONNECTIONS: usize = 5;

/// 1 topic of up to 16 queues on 4 brokers, 1 send of 1 KiB, 2 KiB for what arrives, 4 events.
type Storage = ProducerStorage<CONNECTIONS, 1, 16, 4, 1, 1024, 2048, 4>;

/// Bytes pass from and to the stack's own buffers in pieces of this size.
const PIECE: usize = 128;

type RocketMq = Driver<Producer<'static>, Clock, CONNECTIONS, PIECE>;

/// With 1 KiB of buffers each way for each connection.
type Tcp = TcpClient<'static, CONNECTIONS, 1024, 1024>;

#[entry]
fn main() -> ! {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    static ARGUMENTS: StaticCell<Arguments> = StaticCell::new();

    let arguments = ARGUMENTS.init_with(|| Arguments::read().unwrap_or_else(|error| refuse(error)));
    let board = Board::take();
    EXECUTOR.init_with(Executor::new).run(board, |spawner| start(spawner, arguments))
}

/// Spawns all tasks. What they work in is in statics: apart from `main`, whose stack is never given back.
#[inline(never)]
fn start(spawner: Spawner, arguments: &'static Arguments) {
    static SOCKETS: StaticCell<StackResources<CONNECTIONS>> = StaticCell::new();
    static BUFFERS: ConstStaticCell<TcpClientState<CONNECTIONS, 1024, 1024>> =
        ConstStaticCell::new(TcpClientState::new());
    static FRAMES: ConstStaticCell<Frames> = ConstStaticCell::new(NO_FRAMES);
    static ROCKETMQ: StaticCell<RocketMq> = StaticCell::new();

    let ethernet = Ethernet(Lan9118::start(FRAMES.take()));
    let config = embassy_net::Config::ipv4_static(StaticConfigV4 {
        address: Ipv4Cidr::new(ADDRESS, 24),
        gateway: Some(GATEWAY),
        dns_servers: Vec::new(),
    });
    let resources = SOCKETS.init_with(StackResources::new);
    let (stack, runner) = embassy_net::new(ethernet, config, resources, board::seed());
    let tcp = Host(TcpClient::new(stack, BUFFERS.take()));
    let driver: &RocketMq = ROCKETMQ.init_with(|| Driver::new(producer(&arguments.name_server), Clock));

    let spawned_once = "each task is spawned once";
    spawner.spawn(network(runner).expect(spawned_once));
    spawner.spawn(rocketmq(driver, tcp).expect(spawned_once));
    spawner.spawn(readings(driver, arguments).expect(spawned_once));
}

fn producer(name_server: &Address) -> Producer<'static> {
    static NAME_SERVERS: StaticCell<[Address; 1]> = StaticCell::new();
    static STORAGE: ConstStaticCell<Storage> = ConstStaticCell::new(Storage::new());

    let mut config = ProducerConfig::new("sensors", "sensor-1", NAME_SERVERS.init([name_server.clone()]));
    config.send_latency_fault_enable = true;
    config.reserve_time_for_retry = true;
    // Part of the messages' ids, which must not repeat after a restart.
    let [low, high, ..] = board::seed().to_le_bytes();
    config.process_id = u16::from_le_bytes([low, high]);
    let clock = WallClock::new(rocketlite_core::Instant::ZERO, 1_700_000_000_000);
    Producer::new(config, STORAGE.take().memory(), clock, board::seed()).unwrap_or_else(|error| refuse(error))
}

#[embassy_executor::task]
async fn network(mut runner: Runner<'static, Ethernet>) {
    runner.run().await;
}

#[embassy_executor::task]
async fn rocketmq(driver: &'static RocketMq, tcp: Host<Tcp>) {
    driver.run(&tcp, &NoDns).await;
}

/// Sends all readings, and ends the program with 0 if all were stored.
#[embassy_executor::task]
async fn readings(driver: &'static RocketMq, arguments: &'static Arguments) {
    let interval = Duration::from_millis(arguments.interval.as_millis() as u64);
    let mut due_at = Instant::now();
    let (mut stored, mut failed) = (0, 0);
    for number in 0..arguments.count {
        Timer::at(due_at).await;
        due_at = Instant::now().max(due_at + interval);
        let body = reading::measure(number);
        let message = Message::new(&arguments.topic, body.as_bytes()).with_tags("temperature");
        let sent = driver.with(|producer, now| producer.send(now, &message)).await;
        let id = sent.unwrap_or_else(|error| refuse(error));
        match driver.sent(id).await {
            Ok(result) => {
                reading::stored(number, &result);
                stored += 1;
            }
            Err(error) => {
                eprintln!("sensor: reading {number}: {error}");
                failed += 1;
            }
        }
    }
    driver.with(Producer::shutdown).await;
    driver.until(|producer, _| producer.is_stopped().then_some(())).await;
    let (stack, of_main) = stack::used();
    eprintln!(r#"{{"stored":{stored},"failed":{failed},"stack":{stack},"of_main":{of_main}}}"#);
    process::exit(i32::from(failed > 0))
}

/// Ends the program because of what it was told.
fn refuse(error: impl core::fmt::Display) -> ! {
    eprintln!("sensor: {error}");
    process::exit(2)
}
