//! Drivers: the loop that runs an [`Engine`](crate::Engine) over the streams of a device, with memory of a fixed size.
//!
//! | feature | module | runs over |
//! | --- | --- | --- |
//! | `embedded-io` | [`io`] | byte streams that are polled, such as a serial line to a gateway |
//! | `embedded-nal` | [`nal`] | a TCP stack of the `nb` kind, by polling |
//! | `embedded-io-async` | [`io_async`] | an async TCP stack (`embedded-nal-async`), or async byte streams |
//!
//! # Lines
//! A *line* is a byte stream that is always there, such as a UART, and stands for the connection to one address: that of a
//! broker which is its own name server, as `rocketlite broker` is. The device's configuration names that address as its
//! name server; it has to be, to the letter, the address that the broker advertises, so that the route leads to the same
//! line. On the other end something copies bytes between the line and that address, such as
//!
//! ```text
//! rocketlite broker --listen 127.0.0.1:9876
//! while true; do socat -T 5 /dev/ttyUSB0,b115200,raw,echo=0,crtscts TCP:127.0.0.1:9876; done
//! ```
//!
//! - A connection to the line's address is open as soon as the line is quiet; one to any other address fails at once, which
//!   the engine reports with that address (`Event::Disconnected` of a producer) and the driver remembers.
//! - Frames have no mark to find their beginning by, and a stream no way to say that it starts anew. So a line that lost a
//!   connection (a late answer, a read error, a restart of the device in the middle of a frame) *rests*: it writes nothing,
//!   and drops what arrives, until nothing has arrived for the time [`Line::with_quiet`] names. The bridge's side must take
//!   less time of silence (`-T` above) for its reason to end the connection; then both begin again with a new one, and no
//!   old byte is left between them. Three things follow: `quiet` is longer than the bridge's silence (6 s for `-T 5`); it is
//!   shorter than the producer's `connect_timeout` and `send_msg_timeout`, or the line never opens in time (10 s, 20 s); and
//!   `heartbeat_broker_interval` is shorter than the bridge's silence (4 s), or the connection ends whenever the device has
//!   nothing to say.
//!   A device that slept for so long says so with [`Line::rested`] and starts at once.
//! - Nothing checks the bytes of a body on their way: RocketMQ leaves that to TCP. A line that may lose or change bytes needs
//!   flow control at least.

mod buffer;
#[cfg(feature = "embedded-io")]
pub mod io;
#[cfg(feature = "embedded-io-async")]
pub mod io_async;
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
mod line;
#[cfg(feature = "embedded-nal")]
pub mod nal;

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub use line::Line;
