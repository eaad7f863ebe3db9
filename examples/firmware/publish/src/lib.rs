//! The publish path over a transport the optimiser knows nothing of: whatever can happen on a network may happen here,
//! so nothing of the path is left out of the image.
//!
//! The panic handler calls a function that does not exist: if the linker needs the handler, there is no image.
#![no_std]

use core::hint::black_box;
use core::panic::PanicInfo;

use rocketlite_core::{
    Address, ConnectionId, ConnectionRequest, Engine as _, Instant, Message, Producer, ProducerConfig,
    ProducerStorage, WallClock,
};

/// 4 brokers and their name server, 16 queues, 2 sends in flight of 1 KiB each.
pub type Storage = ProducerStorage<5, 1, 16, 4, 2, 2304, 1536, 4>;

/// Sends readings for ever. Ends only if the producer cannot be made.
pub fn run(storage: &mut Storage) -> Option<()> {
    let name_servers = [Address::new(black_box("10.0.0.1:9876")).ok()?];
    let mut config = ProducerConfig::new(black_box("sensors"), black_box("sensor-1"), &name_servers);
    config.send_latency_fault_enable = true;
    #[cfg(feature = "acl")]
    {
        config.session_credentials =
            Some(rocketlite_core::acl::SessionCredentials::new(black_box("key"), black_box("secret")));
    }
    let clock = WallClock::new(Instant::ZERO, black_box(1_700_000_000_000));
    let mut producer = Producer::new(config, storage.memory(), clock, black_box(7)).ok()?;
    loop {
        let now = Instant::from_millis(black_box(0));
        let message = Message::new(black_box("readings"), black_box(b"21.5 C"));
        let sent = producer.send(now, &message).ok();
        report(now, &mut producer);
        carry(now, &mut producer);
        if let Some(id) = sent {
            // The application reads whether and where it was stored.
            let _outcome = black_box(producer.poll_send(id));
        }
    }
}

/// Tells the producer of things that may happen on a network.
fn report(now: Instant, producer: &mut Producer<'_>) {
    let connection = ConnectionId::new(black_box(0), black_box(0));
    match black_box(0) {
        0 => producer.handle_opened(now, connection),
        1 => producer.handle_closed(now, connection),
        2 => producer.handle_timeout(now),
        _ => {
            let taken = producer.handle_received(now, connection, black_box(&[0; 64]));
            black_box(taken);
        }
    }
}

/// Does what the producer asks for.
fn carry(now: Instant, producer: &mut Producer<'_>) {
    while let Some(request) = producer.poll_connection() {
        if let ConnectionRequest::Transmit { connection } = request {
            let mut buffer = [0; 64];
            let len = producer.poll_transmit(connection, &mut buffer);
            black_box((len, &buffer));
        } else {
            black_box(&request);
        }
    }
    black_box(producer.poll_timeout().is_some_and(|at| at <= now));
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn a_panic_can_be_reached() -> !;
    }
    // SAFETY: it is never called, for it does not exist.
    unsafe { a_panic_can_be_reached() }
}
