//! A driver for byte streams that are polled: those of `embedded-io` that can say whether they are ready.
//!
//! Nothing here waits. [`Driver::poll`] does what can be done at the moment and says when it wants to be called again;
//! firmware calls it in its main loop, and whenever a stream's interrupt has woken it:
//!
//! ```
//! # use rocketlite_core::driver::{Line, io::Driver};
//! # use rocketlite_core::producer::{Producer, ProducerConfig, TinyProducerStorage};
//! # use rocketlite_core::{Address, Instant, Message, WallClock};
//! # struct Uart;
//! # impl embedded_io::ErrorType for Uart { type Error = embedded_io::ErrorKind; }
//! # impl embedded_io::Read for Uart {
//! #     fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> { Err(embedded_io::ErrorKind::Other) }
//! # }
//! # impl embedded_io::ReadReady for Uart { fn read_ready(&mut self) -> Result<bool, Self::Error> { Ok(false) } }
//! # impl embedded_io::Write for Uart {
//! #     fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> { Ok(bytes.len()) }
//! #     fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
//! # }
//! # impl embedded_io::WriteReady for Uart { fn write_ready(&mut self) -> Result<bool, Self::Error> { Ok(true) } }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let uart = Uart;
//! # let mut millis = 0;
//! # let mut uptime = || { millis += 1_000; Instant::from_millis(millis) };
//! let gateway = Address::new("127.0.0.1:9876")?;
//! let mut driver = Driver::<_, 1, 128>::new([Line::new(gateway.clone(), uart)]);
//! let name_servers = [gateway];
//! let mut storage = TinyProducerStorage::new();
//! let config = ProducerConfig::new("sensors", "sensor-7", &name_servers);
//! let clock = WallClock::new(uptime(), 0);
//! let mut producer = Producer::new(config, storage.memory(), clock, 7).map_err(|error| error.to_string())?;
//!
//! let id = producer.send(uptime(), &Message::new("Temperature", b"21.5")).map_err(|error| error.to_string())?;
//! let result = nb::block!({
//!     driver.poll(&mut producer, uptime());
//!     producer.poll_send(id)
//! });
//! # assert!(result.is_err(), "nobody answers on this line");
//! # Ok(())
//! # }
//! ```

use embedded_io::{Read, ReadReady, Write, WriteReady};

use super::Line;
use super::buffer::Buffer;
use super::line::LineState;
use crate::engine::{Address, ConnectionId, ConnectionRequest};
use crate::{Engine, Instant};

/// Runs an engine over `LINES` byte streams, each of which stands for the connection to one address.
///
/// Its memory is the streams and, of each, two buffers of `BUFFER` bytes: what was received and the engine has no room for,
/// and what the stream has not taken. Any size from 1 works; a frame that arrives whole in a buffer is not copied.
///
/// A stream has to send what it was given without being flushed, for that would wait. A line whose stream reports an error,
/// or its end, loses its connection: after the bytes of an overrun nothing can be read on.
#[derive(Debug)]
pub struct Driver<S, const LINES: usize, const BUFFER: usize> {
    wires: [Wire<S, BUFFER>; LINES],
    refused: Option<Address>,
}

impl<S: Read + ReadReady + Write + WriteReady, const LINES: usize, const BUFFER: usize>
    Driver<S, LINES, BUFFER>
{
    /// A driver for these lines.
    pub fn new(lines: [Line<S>; LINES]) -> Self {
        Self { wires: lines.map(Wire::new), refused: None }
    }

    /// Hands `engine` what has happened until `now`, and does what it asks for, as far as no stream has to be waited for. No
    /// more than a buffer is read from and written to each line, so that the caller gets its turn.
    ///
    /// Returns when the next call is due even if no stream becomes ready: `now` if there is more to do at once, `None` if
    /// there is no such time. To call more often does no harm; to call later makes timeouts late.
    ///
    /// Always the same engine has to be given: the driver holds its connections.
    pub fn poll(&mut self, engine: &mut impl Engine, now: Instant) -> Option<Instant> {
        if engine.poll_timeout().is_some_and(|at| at <= now) {
            engine.handle_timeout(now);
        }
        self.drain(engine, now);
        let mut more = false;
        for index in 0..LINES {
            more |= self.wires.get_mut(index).is_some_and(|wire| wire.proceed(engine, now));
            self.drain(engine, now);
        }
        if more {
            return Some(now);
        }
        let opens = self.wires.iter_mut().filter_map(|wire| wire.state.opens_at(now, wire.line.quiet));
        engine.poll_timeout().into_iter().chain(opens).min()
    }

    /// The last address that the engine wanted to connect and no line stands for: where the broker says it listens, if that
    /// is not what the device knows it by.
    pub const fn refused(&self) -> Option<&Address> {
        self.refused.as_ref()
    }

    /// The lines, for what only their streams can do.
    pub fn lines_mut(&mut self) -> impl Iterator<Item = &mut Line<S>> {
        self.wires.iter_mut().map(|wire| &mut wire.line)
    }

    /// Does what the engine asks for until nothing is left.
    fn drain(&mut self, engine: &mut impl Engine, now: Instant) {
        while let Some(request) = engine.poll_connection() {
            match request {
                ConnectionRequest::Open { connection, address } => {
                    let wire = self.wires.iter_mut().find(|wire| wire.line.address == address);
                    if wire.is_none() {
                        self.refused = Some(address);
                    }
                    if !wire.is_some_and(|wire| wire.state.want(connection)) {
                        engine.handle_closed(now, connection);
                    }
                }
                ConnectionRequest::Transmit { connection } => {
                    if let Some(wire) = self.wires.iter_mut().find(|wire| wire.serves(connection)) {
                        wire.transmits = true;
                    }
                }
                ConnectionRequest::Close { connection } => {
                    for wire in &mut self.wires {
                        wire.end(now, connection);
                    }
                }
            }
        }
    }
}

/// A line at work.
#[derive(Debug)]
struct Wire<S, const BUFFER: usize> {
    line: Line<S>,
    state: LineState,
    /// What the engine has not taken yet; the stream is not read until it is gone.
    inbox: Buffer<BUFFER>,
    /// What the stream has not taken yet; the engine is not asked for more until it is gone.
    outbox: Buffer<BUFFER>,
    /// Whether the engine may have bytes to send.
    transmits: bool,
}

/// The stream is of no use: an error, or its end.
struct Broken;

impl<S: Read + ReadReady + Write + WriteReady, const BUFFER: usize> Wire<S, BUFFER> {
    fn new(line: Line<S>) -> Self {
        let (inbox, outbox, mut state) = (Buffer::new(), Buffer::new(), LineState::NEW);
        state.start(line.rested);
        Self { line, state, inbox, outbox, transmits: false }
    }

    fn serves(&self, connection: ConnectionId) -> bool {
        self.state.current() == Some(connection)
    }

    /// Forgets a connection and its bytes. Returns whether the line stood for it.
    fn end(&mut self, now: Instant, connection: ConnectionId) -> bool {
        let stood = self.state.end(now, connection);
        if stood {
            self.inbox.clear();
            self.outbox.clear();
            self.transmits = false;
        }
        stood
    }

    /// Opens, reads and writes what is ready. Returns whether there may be more.
    fn proceed(&mut self, engine: &mut impl Engine, now: Instant) -> bool {
        let Some(connection) = self.state.current() else {
            return self.rest(engine, now);
        };
        let moved = match self.receive(engine, now, connection) {
            Ok(received) => self.transmit(engine, connection).map(|sent| received || sent),
            Err(broken) => Err(broken),
        };
        moved.unwrap_or_else(|Broken| {
            if self.end(now, connection) {
                engine.handle_closed(now, connection);
            }
            true
        })
    }

    /// Drops what arrives before a connection is open, and opens it once that has ended.
    fn rest(&mut self, engine: &mut impl Engine, now: Instant) -> bool {
        // An error is no byte: a stream that is broken for good would never be quiet otherwise.
        if matches!(self.read(), Ok(true)) {
            self.inbox.clear();
            self.state.disturbed(now);
            return true;
        }
        match self.state.open(now, self.line.quiet) {
            Some(connection) => {
                engine.handle_opened(now, connection);
                true
            }
            None => false,
        }
    }

    /// Fills the inbox if the stream has bytes. Returns whether it had.
    fn read(&mut self) -> Result<bool, Broken> {
        if !self.line.stream.read_ready().map_err(|_| Broken)? {
            return Ok(false);
        }
        let count = self.line.stream.read(self.inbox.space()).unwrap_or(0);
        self.inbox.filled_to(count);
        if count > 0 { Ok(true) } else { Err(Broken) }
    }

    fn receive(
        &mut self,
        engine: &mut impl Engine,
        now: Instant,
        connection: ConnectionId,
    ) -> Result<bool, Broken> {
        let received = self.inbox.is_empty() && self.read()?;
        if !self.inbox.is_empty() {
            let taken = engine.handle_received(now, connection, self.inbox.filled());
            self.inbox.consume(taken);
        }
        Ok(received)
    }

    fn transmit(&mut self, engine: &mut impl Engine, connection: ConnectionId) -> Result<bool, Broken> {
        if self.outbox.is_empty() && self.transmits {
            let count = engine.poll_transmit(connection, self.outbox.space());
            self.outbox.filled_to(count);
            self.transmits = !self.outbox.is_empty();
        }
        let mut sent = false;
        while !self.outbox.is_empty() && self.line.stream.write_ready().map_err(|_| Broken)? {
            match self.line.stream.write(self.outbox.filled()) {
                Ok(0) | Err(_) => return Err(Broken),
                Ok(count) => self.outbox.consume(count),
            }
            sent = true;
        }
        Ok(sent)
    }
}
