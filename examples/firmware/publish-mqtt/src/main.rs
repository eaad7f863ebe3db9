//! What `publish` is for RocketMQ, for MQTT 5: a device that connects to its broker, publishes with quality of service 1, waits
//! for the acknowledgement, keeps the connection alive, and connects again when it is lost, all done by minimq. It does not
//! subscribe.
//!
//! Transport and clock are such that the optimiser knows nothing of them, so nothing of the path is left out of the image.
//! They are not part of what is measured; neither are they in `publish`. There is no executor: one task is polled for ever.
#![no_std]
#![no_main]

use core::future::poll_fn;
use core::hint::{black_box, spin_loop};
use core::panic::PanicInfo;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use cortex_m_rt::entry;
use embassy_time_driver::{Driver, time_driver_impl};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use minimq::{Buffers, ConfigBuilder, ConfigError, Publication, QoS, Session};

#[entry]
fn main() -> ! {
    static mut RECEIVED: [u8; 1536] = [0; 1536];
    static mut SENT: [u8; 2304] = [0; 2304];

    let mut running = pin!(run(Buffers::new(RECEIVED, SENT)));
    while running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
    stop()
}

/// Sends readings for ever. Ends only if the settings are wrong.
async fn run(buffers: Buffers<'static>) -> Result<(), ConfigError> {
    let mut session = Session::new(ConfigBuilder::new(buffers).client_id(black_box("sensor-1"))?);
    loop {
        // An error, or a connection that is lost, is followed by the next connection.
        let Ok(mut connection) = session.connect(Opaque).await else { continue };
        loop {
            let reading =
                Publication::bytes(black_box("readings"), black_box(b"21.5 C")).qos(QoS::AtLeastOnce);
            let Ok(Some(sent)) = connection.publish(reading).await else { break };
            while connection.is_pending(&sent) && connection.poll().await.is_ok() {}
            // The application reads whether it arrived.
            if !black_box(connection.is_complete(&sent)) {
                break;
            }
        }
    }
}

/// A transport that may do anything, at once or later.
struct Opaque;

impl ErrorType for Opaque {
    type Error = ErrorKind;
}

impl Read for Opaque {
    fn read(&mut self, buffer: &mut [u8]) -> impl Future<Output = Result<usize, ErrorKind>> {
        poll_fn(move |_| {
            black_box(&mut *buffer);
            black_box(Poll::Ready(Ok(0)))
        })
    }
}

impl Write for Opaque {
    fn write(&mut self, buffer: &[u8]) -> impl Future<Output = Result<usize, ErrorKind>> {
        poll_fn(move |_| {
            black_box(buffer);
            black_box(Poll::Ready(Ok(0)))
        })
    }

    fn flush(&mut self) -> impl Future<Output = Result<(), ErrorKind>> {
        poll_fn(|_| black_box(Poll::Ready(Ok(()))))
    }
}

/// A clock that may show any time.
struct Clock;

impl Driver for Clock {
    fn now(&self) -> u64 {
        black_box(0)
    }

    fn schedule_wake(&self, at: u64, _: &Waker) {
        black_box(at);
    }
}

time_driver_impl!(static CLOCK: Clock = Clock);

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    stop()
}

fn stop() -> ! {
    loop {
        spin_loop();
    }
}
