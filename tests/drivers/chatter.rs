//! An engine that says and hears a known sequence of bytes, as slowly as it can, to see what drivers do with the rest.

use std::collections::VecDeque;

use rocketlite_core::{Address, ConnectionId, ConnectionRequest, Engine, Instant, Rng};

/// The bytes of both directions: the n-th one.
pub(crate) fn byte(n: usize) -> u8 {
    n.wrapping_mul(31).wrapping_add(n >> 8).to_le_bytes()[0]
}

/// One connection, on which it says `length` bytes.
#[derive(Debug)]
pub(crate) struct Chatter {
    address: Address,
    connection: ConnectionId,
    length: usize,
    rng: Rng,
    requests: VecDeque<ConnectionRequest>,
    is_open: bool,
    /// Whether it wants another connection at its next timeout.
    reopens: bool,
    /// Bytes handed out.
    pub(crate) said: usize,
    /// Bytes taken, each of which was the right one.
    pub(crate) heard: usize,
    /// Offers of which it did not take everything.
    pub(crate) refusals: usize,
    /// How often its connection was lost.
    pub(crate) closed: usize,
    last: Instant,
}

impl Chatter {
    pub(crate) fn new(address: Address, length: usize) -> Self {
        let connection = ConnectionId::new(0, 0);
        let open = ConnectionRequest::Open { connection, address: address.clone() };
        Self {
            address,
            connection,
            length,
            rng: Rng::new(11),
            requests: [open].into(),
            is_open: false,
            reopens: false,
            said: 0,
            heard: 0,
            refusals: 0,
            closed: 0,
            last: Instant::ZERO,
        }
    }

    pub(crate) fn has_heard_all(&self) -> bool {
        self.heard == self.length && self.said == self.length
    }

    fn draw(&mut self, below: usize) -> usize {
        self.rng.below(u32::try_from(below).unwrap()) as usize
    }

    /// Time does not go backwards.
    fn see(&mut self, now: Instant) {
        assert!(now >= self.last);
        self.last = now;
    }
}

impl Engine for Chatter {
    fn handle_opened(&mut self, now: Instant, connection: ConnectionId) {
        self.see(now);
        assert!(connection == self.connection && !self.is_open);
        self.is_open = true;
        self.requests.push_back(ConnectionRequest::Transmit { connection });
    }

    fn handle_received(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) -> usize {
        self.see(now);
        assert!(connection == self.connection && !bytes.is_empty());
        let taken = self.draw(bytes.len() + 1);
        for &heard in &bytes[..taken] {
            assert_eq!(heard, byte(self.heard), "byte {} of what was received", self.heard);
            self.heard += 1;
        }
        self.refusals += usize::from(taken < bytes.len());
        taken
    }

    fn handle_closed(&mut self, now: Instant, connection: ConnectionId) {
        self.see(now);
        assert_eq!(connection, self.connection);
        self.closed += 1;
        self.is_open = false;
        // The next one starts both sequences anew.
        self.connection = ConnectionId::new(0, connection.generation() + 1);
        (self.said, self.heard) = (0, 0);
        self.reopens = true;
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.see(now);
        if core::mem::take(&mut self.reopens) {
            let open = ConnectionRequest::Open { connection: self.connection, address: self.address.clone() };
            self.requests.push_back(open);
        }
    }

    fn poll_connection(&mut self) -> Option<ConnectionRequest> {
        self.requests.pop_front()
    }

    fn poll_transmit(&mut self, connection: ConnectionId, buffer: &mut [u8]) -> usize {
        assert!(connection == self.connection && self.is_open && !buffer.is_empty());
        let most = buffer.len().min(self.length - self.said);
        let count = if most == 0 { 0 } else { 1 + self.draw(most) };
        for place in &mut buffer[..count] {
            *place = byte(self.said);
            self.said += 1;
        }
        count
    }

    fn poll_timeout(&self) -> Option<Instant> {
        // Every millisecond: each call is an input after which refused bytes are offered again.
        Some(Instant::from_millis(self.last.as_millis() + 1))
    }
}
