//! A sensor that reports to a RocketMQ cluster: no operating system, no heap, all memory named here.
//!
//! Four parts are handed to each other in one loop, and none of them ever waits:
//!
//! - [`device::board`]: clock, sleep and the Ethernet device of the Arm MPS2 board with a Cortex-M4, which `qemu-system-arm`
//!   emulates
//! - [`network`]: smoltcp over that device, as an `embedded_nal::TcpClientStack`
//! - [`TcpDriver`] and [`Producer`]: RocketMQ, over any such stack
//! - [`readings`]: the application. It sends a reading every so often, several at a time, and keeps count
//!
//! For another chip replace `device`; for another stack `network`; the rest stays.
//!
//! The command line (here from the emulator, over semihosting) says `NAMESRV TOPIC COUNT INTERVAL`: the name server's
//! `host:port`, the topic, how many readings, and milliseconds between them. What became of each reading goes to the
//! standard error, defmt's frames to the standard output. The exit code is 0 if every reading was stored.
#![no_std]
#![no_main]

mod ethernet;
mod network;
mod readings;

use core::time::Duration;

use cortex_m_rt::entry;
use defmt_semihosting as _;
use device::arguments::Arguments;
use device::board::{self, Board, Frames, Lan9118, NO_FRAMES, stack};
use rocketlite_core::driver::nal::TcpDriver;
use rocketlite_core::{Instant, Producer, ProducerConfig, ProducerStorage, WallClock};
use semihosting::{eprintln, process};
use smoltcp::iface::SocketStorage;

use ethernet::Ethernet;
use network::{Buffers, Network, Socket, Sockets};
use readings::Readings;

/// To the name server and up to 4 brokers.
const CONNECTIONS: usize = 5;

/// 1 topic of up to 16 queues on 4 brokers, 2 sends in flight of 1 KiB in all, 2 KiB for what arrives, 16 events.
type Storage = ProducerStorage<CONNECTIONS, 1, 16, 4, { readings::IN_FLIGHT }, 1024, 2048, 16>;

/// Bytes pass from and to smoltcp's own buffers in pieces of this size.
const PIECE: usize = 128;

#[entry]
fn main() -> ! {
    static mut STORAGE: Storage = Storage::new();
    static mut DRIVER: TcpDriver<Socket, CONNECTIONS, PIECE> = TcpDriver::new();
    static mut SOCKETS: Sockets<CONNECTIONS> = [SocketStorage::EMPTY; CONNECTIONS];
    static mut BUFFERS: Buffers<CONNECTIONS> = [[[0; 1024]; 2]; CONNECTIONS];
    static mut FRAMES: Frames = NO_FRAMES;

    let arguments = Arguments::read().unwrap_or_else(|error| {
        eprintln!("sensor: {error}");
        process::exit(2)
    });
    let mut board = Board::take();
    let mut network = Network::new(SOCKETS, BUFFERS, Ethernet(Lan9118::start(FRAMES)), board::now());

    let name_servers = [arguments.name_server];
    let mut config = ProducerConfig::new("sensors", "sensor-1", &name_servers);
    config.send_latency_fault_enable = true;
    config.reserve_time_for_retry = true;
    // So that a name server that was away is noticed soon. A battery wants this to be long.
    config.poll_name_server_interval = Duration::from_secs(5);
    // Part of the messages' ids, which must not repeat after a restart.
    let [low, high, ..] = board::seed().to_le_bytes();
    config.process_id = u16::from_le_bytes([low, high]);
    // A device with a real-time clock sets it; one without may leave it to the broker's own timestamp.
    let clock = WallClock::new(Instant::ZERO, 1_700_000_000_000);
    let mut producer =
        Producer::new(config, STORAGE.memory(), clock, board::seed()).unwrap_or_else(|error| {
            eprintln!("sensor: {error}");
            process::exit(2)
        });

    let mut readings = Readings::new(&arguments.topic, arguments.count, arguments.interval);
    while !producer.is_stopped() {
        let now = board::now();
        network.poll(now);
        let driver_at = DRIVER.poll(now, &mut network, &mut producer);
        if !readings.poll(now, &mut producer) {
            // What the driver has written leaves now.
            let network_at = network.poll(now);
            board.sleep_until([driver_at, network_at, readings.next_at()].into_iter().flatten().min());
        }
    }
    network.poll(board::now());
    readings.report(stack::used());
    process::exit(i32::from(!readings.all_stored()))
}
