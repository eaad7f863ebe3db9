//! An engine over any TCP stack that speaks `embedded-nal`: smoltcp, a modem behind AT commands, a chip with a stack of
//! its own.
//!
//! Nothing here waits. [`TcpDriver::poll`] does all that can be done now and returns when it wants to be called next;
//! the caller's loop sleeps in between, and wakes up early when the stack has news:
//!
//! ```no_run
//! use embedded_nal::TcpClientStack;
//! use rocketlite_core::driver::nal::TcpDriver;
//! use rocketlite_core::send::outcome::{SendError, SendResult};
//! use rocketlite_core::{Instant, Producer, SendId};
//!
//! /// Waits for the outcome of a send.
//! fn outcome<S: TcpClientStack>(
//!     id: SendId,
//!     driver: &mut TcpDriver<S::TcpSocket, 4, 128>,
//!     stack: &mut S,
//!     producer: &mut Producer<'_>,
//!     now: impl Fn() -> Instant,
//!     sleep_until: impl Fn(Option<Instant>),
//! ) -> Result<SendResult, SendError> {
//!     nb::block!({
//!         // Stacks that have to be polled themselves, as smoltcp has, get their turn here.
//!         let wake_at = driver.poll(now(), stack, producer);
//!         let outcome = producer.poll_send(id);
//!         if outcome == Err(nb::Error::WouldBlock) {
//!             sleep_until(wake_at);
//!         }
//!         outcome
//!     })
//! }
//! ```

use core::net::{IpAddr, SocketAddr};

use embedded_nal::{AddrType, Dns, TcpClientStack};

use super::buffer::Buffer;
use crate::{Address, ConnectionId, ConnectionRequest, Engine, Instant};

/// Runs one engine over one stack. `S` is the stack's socket.
///
/// - `CONNECTIONS`: as many as the engine has; one that has no place here counts as one that could not be opened
/// - `BYTES`: of two buffers for each connection, at least 1. Frames pass through in pieces, so small ones do; large ones
///   save calls, which matters where each is a command to a modem
///
/// Memory: `CONNECTIONS` × (2 × `BYTES` + a socket + about 130 bytes).
#[derive(Debug)]
pub struct TcpDriver<S, const CONNECTIONS: usize, const BYTES: usize> {
    /// By place, as are their buffers.
    connections: [Option<Connection<S>>; CONNECTIONS],
    buffers: [Buffers<BYTES>; CONNECTIONS],
    zero_ends_stream: bool,
}

#[derive(Debug)]
struct Connection<S> {
    id: ConnectionId,
    socket: S,
    stage: Stage,
    /// Whether the engine may have more to hand out.
    transmits: bool,
    zero_ends_stream: bool,
}

#[derive(Debug)]
struct Buffers<const BYTES: usize> {
    /// What the engine has handed out and the socket has not taken.
    outgoing: Buffer<BYTES>,
    /// What the socket has handed out and the engine has not taken.
    incoming: Buffer<BYTES>,
}

#[derive(Debug, Clone)]
enum Stage {
    Resolving(Address),
    Connecting(SocketAddr),
    Open,
}

/// A socket is of no use any more.
#[derive(Debug)]
struct Broken;

/// How names of hosts become addresses.
type Resolve<T> = fn(&mut T, &str) -> nb::Result<IpAddr, Broken>;

impl<S, const CONNECTIONS: usize, const BYTES: usize> TcpDriver<S, CONNECTIONS, BYTES> {
    /// A driver without connections.
    pub const fn new() -> Self {
        Self {
            connections: [const { None }; CONNECTIONS],
            buffers: [const { Buffers { outgoing: Buffer::new(), incoming: Buffer::new() } }; CONNECTIONS],
            zero_ends_stream: false,
        }
    }

    /// Says what a stack means by having received 0 bytes. The trait leaves it open: with `smoltcp-nal` nothing has
    /// arrived (the default here), with `std-embedded-nal` the peer has closed the connection.
    #[must_use]
    pub const fn zero_ends_stream(mut self, ends: bool) -> Self {
        self.zero_ends_stream = ends;
        self
    }

    /// Does what `engine` asks for and what `stack` is ready for. Peers must be given by number: a name counts as one
    /// that cannot be reached.
    ///
    /// Returns when to call again at the latest, `None` for not before the stack has news or the engine is given
    /// something to do. The time of the present call means at once: there is more to do, but others should get their
    /// turn.
    pub fn poll<T, E>(&mut self, now: Instant, stack: &mut T, engine: &mut E) -> Option<Instant>
    where
        T: TcpClientStack<TcpSocket = S>,
        E: Engine + ?Sized,
    {
        self.poll_with(now, stack, engine, |_, _| Err(nb::Error::Other(Broken)))
    }

    /// As [`TcpDriver::poll`], for a stack that can find the addresses of names.
    pub fn poll_resolving<T, E>(&mut self, now: Instant, stack: &mut T, engine: &mut E) -> Option<Instant>
    where
        T: TcpClientStack<TcpSocket = S> + Dns,
        E: Engine + ?Sized,
    {
        self.poll_with(now, stack, engine, |stack, name| {
            stack.get_host_by_name(name, AddrType::Either).map_err(|error| error.map(|_| Broken))
        })
    }

    /// Closes all sockets, as before a network goes down. The engine hears of it.
    pub fn close_all<T, E>(&mut self, now: Instant, stack: &mut T, engine: &mut E)
    where
        T: TcpClientStack<TcpSocket = S>,
        E: Engine + ?Sized,
    {
        for place in 0..CONNECTIONS {
            if let Some(id) = self.close(place, stack) {
                engine.handle_closed(now, id);
            }
        }
    }

    fn poll_with<T, E>(
        &mut self,
        now: Instant,
        stack: &mut T,
        engine: &mut E,
        resolve: Resolve<T>,
    ) -> Option<Instant>
    where
        T: TcpClientStack<TcpSocket = S>,
        E: Engine + ?Sized,
    {
        self.do_requests(now, stack, engine);
        for _ in 0..ROUNDS {
            if engine.poll_timeout().is_some_and(|at| at <= now) {
                engine.handle_timeout(now);
                self.do_requests(now, stack, engine);
            }
            let mut progress = false;
            for place in 0..CONNECTIONS {
                progress |= self.serve(place, now, stack, engine, resolve);
                self.do_requests(now, stack, engine);
            }
            if !progress {
                return engine.poll_timeout();
            }
        }
        Some(now)
    }

    /// Does what the engine asks for, until nothing is left. Bytes to transmit are asked for when a connection is served.
    fn do_requests<T, E>(&mut self, now: Instant, stack: &mut T, engine: &mut E)
    where
        T: TcpClientStack<TcpSocket = S>,
        E: Engine + ?Sized,
    {
        while let Some(request) = engine.poll_connection() {
            match request {
                ConnectionRequest::Open { connection, address } => {
                    if self.open(connection, address, stack).is_err() {
                        engine.handle_closed(now, connection);
                    }
                }
                ConnectionRequest::Transmit { connection } => {
                    if let Some(connection) = self.connection(connection) {
                        connection.transmits = true;
                    }
                }
                ConnectionRequest::Close { connection } => {
                    if self.connection(connection).is_some() {
                        self.close(connection.index().into(), stack);
                    }
                }
            }
        }
    }

    fn open<T>(&mut self, id: ConnectionId, address: Address, stack: &mut T) -> Result<(), Broken>
    where
        T: TcpClientStack<TcpSocket = S>,
    {
        let place = usize::from(id.index());
        self.close(place, stack);
        let connection = self.connections.get_mut(place).ok_or(Broken)?;
        let buffers = self.buffers.get_mut(place).ok_or(Broken)?;
        let socket = stack.socket().map_err(|_| Broken)?;
        let stage = match address.socket_addr() {
            Some(remote) => Stage::Connecting(remote),
            None => Stage::Resolving(address),
        };
        buffers.outgoing.clear();
        buffers.incoming.clear();
        let zero_ends_stream = self.zero_ends_stream;
        *connection = Some(Connection { id, socket, stage, transmits: false, zero_ends_stream });
        Ok(())
    }

    fn connection(&mut self, id: ConnectionId) -> Option<&mut Connection<S>> {
        let place = self.connections.get_mut(usize::from(id.index()))?;
        place.as_mut().filter(|connection| connection.id == id)
    }

    fn close<T>(&mut self, place: usize, stack: &mut T) -> Option<ConnectionId>
    where
        T: TcpClientStack<TcpSocket = S>,
    {
        let Connection { id, socket, .. } = self.connections.get_mut(place)?.take()?;
        // A socket that cannot be closed is as gone as another: it was given back.
        let _closed = stack.close(socket);
        Some(id)
    }

    /// Takes a connection one step on. Returns whether anything has changed.
    fn serve<T, E>(
        &mut self,
        place: usize,
        now: Instant,
        stack: &mut T,
        engine: &mut E,
        resolve: Resolve<T>,
    ) -> bool
    where
        T: TcpClientStack<TcpSocket = S>,
        E: Engine + ?Sized,
    {
        let Some(Some(connection)) = self.connections.get_mut(place) else { return false };
        let Some(buffers) = self.buffers.get_mut(place) else { return false };
        let served = match connection.stage {
            Stage::Open => connection.pass_on(now, stack, engine, buffers),
            _ => connection.dial(now, stack, engine, resolve),
        };
        served.unwrap_or_else(|Broken| {
            if let Some(id) = self.close(place, stack) {
                engine.handle_closed(now, id);
            }
            true
        })
    }
}

impl<S, const CONNECTIONS: usize, const BYTES: usize> Default for TcpDriver<S, CONNECTIONS, BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Connection<S> {
    fn dial<T, E>(
        &mut self,
        now: Instant,
        stack: &mut T,
        engine: &mut E,
        resolve: Resolve<T>,
    ) -> Result<bool, Broken>
    where
        T: TcpClientStack<TcpSocket = S>,
        E: Engine + ?Sized,
    {
        let mut progress = false;
        if let Stage::Resolving(address) = &self.stage {
            let Some(ip) = ready(resolve(stack, address.host()))? else { return Ok(false) };
            self.stage = Stage::Connecting(SocketAddr::new(ip, address.port()));
            progress = true;
        }
        let Stage::Connecting(remote) = self.stage else { return Ok(progress) };
        if ready(stack.connect(&mut self.socket, remote))?.is_some() {
            self.stage = Stage::Open;
            engine.handle_opened(now, self.id);
            progress = true;
        }
        Ok(progress)
    }

    /// Carries bytes both ways. First those that arrived: an answer may free what the engine needs for the next request.
    fn pass_on<T, E, const BYTES: usize>(
        &mut self,
        now: Instant,
        stack: &mut T,
        engine: &mut E,
        buffers: &mut Buffers<BYTES>,
    ) -> Result<bool, Broken>
    where
        T: TcpClientStack<TcpSocket = S>,
        E: Engine + ?Sized,
    {
        let received = self.receive(now, stack, engine, &mut buffers.incoming)?;
        Ok(self.transmit(stack, engine, &mut buffers.outgoing)? || received)
    }

    fn receive<T, E, const BYTES: usize>(
        &mut self,
        now: Instant,
        stack: &mut T,
        engine: &mut E,
        incoming: &mut Buffer<BYTES>,
    ) -> Result<bool, Broken>
    where
        T: TcpClientStack<TcpSocket = S>,
        E: Engine + ?Sized,
    {
        if incoming.is_empty() {
            let received = ready(stack.receive(&mut self.socket, incoming.space()))?;
            incoming.filled_to(received.unwrap_or(0));
            match received {
                Some(0) if self.zero_ends_stream => return Err(Broken),
                None | Some(0) => return Ok(false),
                Some(_) => {}
            }
        }
        let taken = engine.handle_received(now, self.id, incoming.filled());
        incoming.consume(taken);
        Ok(taken > 0)
    }

    fn transmit<T, E, const BYTES: usize>(
        &mut self,
        stack: &mut T,
        engine: &mut E,
        outgoing: &mut Buffer<BYTES>,
    ) -> Result<bool, Broken>
    where
        T: TcpClientStack<TcpSocket = S>,
        E: Engine + ?Sized,
    {
        if outgoing.is_empty() && self.transmits {
            let count = engine.poll_transmit(self.id, outgoing.space());
            outgoing.filled_to(count);
            self.transmits = !outgoing.is_empty();
        }
        if outgoing.is_empty() {
            return Ok(false);
        }
        let written = ready(stack.send(&mut self.socket, outgoing.filled()))?.unwrap_or(0);
        outgoing.consume(written);
        Ok(written > 0)
    }
}

/// What has come of a call that does not wait: `None` if it has to be made again.
fn ready<V, E>(result: nb::Result<V, E>) -> Result<Option<V>, Broken> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(nb::Error::WouldBlock) => Ok(None),
        Err(nb::Error::Other(_)) => Err(Broken),
    }
}

/// How often one call serves all connections before it lets others have their turn.
const ROUNDS: usize = 16;

#[cfg(test)]
mod tests;
