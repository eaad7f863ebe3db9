//! The border between decisions and input/output: one trait, spoken by producer and broker alike.
//!
//! A driver hands over what happened (`handle_*`) and then asks what to do (`poll_*`) until nothing is
//! left: first [`Engine::poll_connection`], which opens, closes and names the connections that have
//! bytes to send, then [`Engine::poll_transmit`] for each of those, at last [`Engine::poll_timeout`].

mod address;
mod ip;

pub use address::{Address, AddressError};

use crate::{Instant, SlotId};

/// One connection of an engine, named by the engine. Its place is below the capacity of the engine's connection
/// table, so drivers may index by it; its generation tells a late report on an earlier connection apart.
pub type ConnectionId = SlotId;

/// What an engine wants done with a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a driver must handle every request")]
pub enum ConnectionRequest {
    /// Connect to `address`; report with [`Engine::handle_opened`] or, if that fails, [`Engine::handle_closed`].
    Open {
        /// The connection's name from now on.
        connection: ConnectionId,
        /// Where to.
        address: Address,
    },
    /// [`Engine::poll_transmit`] has bytes for this connection.
    Transmit {
        /// Whose bytes.
        connection: ConnectionId,
    },
    /// Close the connection, or stop opening it, without a report: the engine has already forgotten it.
    Close {
        /// Which.
        connection: ConnectionId,
    },
}

/// A sans-IO protocol engine.
///
/// Time only enters through `now`, which must not decrease from call to call. Reports about a
/// connection that the engine does not know (any more) change nothing.
pub trait Engine {
    /// The connection was established.
    fn handle_opened(&mut self, now: Instant, connection: ConnectionId);

    /// The peer sent `bytes`. Returns how many were taken.
    ///
    /// Taking fewer than offered is back-pressure: the driver keeps the rest, stops reading from this
    /// connection, and offers the rest again after the next `handle_*` call on this engine.
    fn handle_received(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) -> usize;

    /// The peer closed the connection, it broke, or it could not be opened.
    fn handle_closed(&mut self, now: Instant, connection: ConnectionId);

    /// Time passed. A spurious call does nothing.
    fn handle_timeout(&mut self, now: Instant);

    /// The next thing to do with a connection; ask until `None`.
    #[must_use]
    fn poll_connection(&mut self) -> Option<ConnectionRequest>;

    /// Writes the next bytes for the peer to the front of `buffer` and returns how many; 0 means that there
    /// are none. Bytes that were handed out once are not handed out again.
    #[must_use]
    fn poll_transmit(&mut self, connection: ConnectionId, buffer: &mut [u8]) -> usize;

    /// When [`Engine::handle_timeout`] wants to be called, if nothing else happens first.
    #[must_use]
    fn poll_timeout(&self) -> Option<Instant>;
}
