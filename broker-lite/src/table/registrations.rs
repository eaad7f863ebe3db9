//! Where this broker registers, and how far that is.

use rocketlite_core::{ConnectionId, Instant};

/// The state of registering with one name server. A driver only makes room for it.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    pub(crate) connection: Option<ConnectionId>,
    /// Whether the connection is there.
    pub(crate) is_open: bool,
    /// Whether the name server has taken a registration on this connection.
    pub(crate) is_registered: bool,
    /// Whether all that is new was told.
    pub(crate) is_told: bool,
    /// The request that is not answered yet.
    pub(crate) awaited: Option<i32>,
    /// When to do the next thing: connect, register again, or give up waiting.
    pub(crate) deadline: Instant,
}

impl Registration {
    /// Not begun: to connect as soon as possible.
    pub const EMPTY: Self = Self {
        connection: None,
        is_open: false,
        is_registered: false,
        is_told: false,
        awaited: None,
        deadline: Instant::ZERO,
    };

    /// After a connection was lost: to connect at `deadline`.
    pub(crate) const fn after_loss(deadline: Instant) -> Self {
        Self { deadline, ..Self::EMPTY }
    }
}

impl Default for Registration {
    fn default() -> Self {
        Self::EMPTY
    }
}
