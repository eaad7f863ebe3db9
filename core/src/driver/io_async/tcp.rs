//! Connections of an async TCP stack.

use core::array;
use core::convert::Infallible;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::pin::pin;
use core::time::Duration;

use embassy_futures::join::{join, join_array};
use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};
use embedded_nal_async::{AddrType, Dns, TcpConnect};

use super::{Driver, Timer};
use crate::Engine;
use crate::driver::buffer::Buffer;
use crate::engine::{Address, ConnectionId};

/// Resolves no names: for devices whose name servers and brokers are known by numbers. A connection to a name fails at once.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to it")]
pub struct NoDns;

/// There is nobody to ask for the address of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing else to say")]
pub struct NoResolver;

impl fmt::Display for NoResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names cannot be resolved here")
    }
}

impl core::error::Error for NoResolver {}

impl Dns for NoDns {
    type Error = NoResolver;

    async fn get_host_by_name(&self, _: &str, _: AddrType) -> Result<IpAddr, NoResolver> {
        Err(NoResolver)
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, NoResolver> {
        Err(NoResolver)
    }
}

impl<E: Engine, T: Timer, const PLACES: usize, const BUFFER: usize> Driver<E, T, PLACES, BUFFER> {
    /// Moves the bytes of all connections over `stack`, whose connections close when they are dropped, and keeps the time.
    /// `dns` gives the addresses of names; [`NoDns`] gives none.
    ///
    /// The stack needs room for `PLACES` sockets. While a peer takes no bytes nothing is read from it either, until the
    /// engine's time for the attempt is over and the connection is given up.
    ///
    /// It never ends. Two of them at the same time would take each other's connections.
    pub async fn run(&self, stack: &impl TcpConnect, dns: &impl Dns) -> Infallible {
        if let Ok(mut shared) = self.shared.try_borrow_mut() {
            shared.start(self.timer.now(), |_, place| (place.only, place.quiet) = (None, Duration::ZERO));
        }
        // In its place before it is joined, because joining copies: this is the large one.
        let connections = array::from_fn::<_, PLACES, _>(|place| self.connect(place, stack, dns));
        let connections = pin!(join_array(connections));
        join(self.keep_time(), connections).await.0
    }

    /// One connection after the other.
    async fn connect(&self, place: usize, stack: &impl TcpConnect, dns: &impl Dns) -> Infallible {
        loop {
            let wanted = self.attention(|shared| shared.take_wanted(self.timer.now(), place));
            let (connection, address) = wanted.await;
            let dialed = async {
                let remote = resolve(dns, &address).await?;
                stack.connect(remote).await.ok()
            };
            match select(self.closed(place, connection), dialed).await {
                Either::First(()) => {}
                Either::Second(None) => self.lost(place, connection),
                Either::Second(Some(mut stream)) => {
                    self.input(|engine, now| engine.handle_opened(now, connection));
                    self.exchange(place, connection, &mut stream).await;
                    drop(stream);
                    self.lost(place, connection);
                }
            }
        }
    }

    /// Waits until the engine has closed the connection.
    async fn closed(&self, place: usize, connection: ConnectionId) {
        self.attention(|shared| (!shared.serves(place, connection)).then_some(())).await;
    }

    /// Reads and writes until the connection is closed by either side, or broken.
    async fn exchange(&self, place: usize, connection: ConnectionId, stream: &mut (impl Read + Write)) {
        let (mut inbox, mut outbox) = (Buffer::<BUFFER>::new(), Buffer::<BUFFER>::new());
        let mut flushed = true;
        loop {
            let inputs = self.offer(connection, &mut inbox);
            if outbox.is_empty() {
                self.fetch(place, connection, &mut outbox);
            }
            let is_stalled = !inbox.is_empty();
            let work = self.attention(|shared| {
                let has_room = is_stalled && shared.inputs != inputs;
                let transmits = shared.places.get(place).is_some_and(|place| place.transmits);
                (has_room || transmits || !shared.serves(place, connection)).then_some(())
            });
            let step = if !outbox.is_empty() {
                let closed = self.closed(place, connection);
                match select(closed, stream.write(outbox.filled())).await {
                    Either::Second(Ok(count @ 1..)) => Ok(Moved::Sent(count)),
                    Either::First(()) | Either::Second(_) => Err(()),
                }
            } else if !flushed {
                match select(work, stream.flush()).await {
                    Either::First(()) => Ok(Moved::Nothing),
                    Either::Second(result) => result.map(|()| Moved::Flushed).map_err(drop),
                }
            } else if !is_stalled {
                match select(work, stream.read(inbox.space())).await {
                    Either::First(()) => Ok(Moved::Nothing),
                    Either::Second(Ok(count @ 1..)) => Ok(Moved::Received(count)),
                    Either::Second(_) => Err(()),
                }
            } else {
                work.await;
                Ok(Moved::Nothing)
            };
            match step {
                Err(()) => return,
                Ok(Moved::Sent(count)) => {
                    outbox.consume(count);
                    flushed = false;
                }
                Ok(Moved::Flushed) => flushed = true,
                Ok(Moved::Received(count)) => inbox.filled_to(count),
                Ok(Moved::Nothing) => {}
            }
            if !self.serves(place, connection) {
                return;
            }
        }
    }
}

/// What came of a step.
enum Moved {
    Nothing,
    Sent(usize),
    Flushed,
    Received(usize),
}

/// The address in numbers, asked for if it is a name.
async fn resolve(dns: &impl Dns, address: &Address) -> Option<SocketAddr> {
    if let Some(remote) = address.socket_addr() {
        return Some(remote);
    }
    let ip = dns.get_host_by_name(address.host(), AddrType::Either).await.ok()?;
    Some(SocketAddr::new(ip, address.port()))
}
