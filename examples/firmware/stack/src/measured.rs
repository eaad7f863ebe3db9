//! A producer, and how much stack each of its functions took at most.

use device::board::stack;
use rocketlite_core::{ConnectionId, ConnectionRequest, Engine, Instant, Producer};
use semihosting::eprintln;

/// The producer.
pub struct Measured {
    producer: Producer<'static>,
    /// Bytes of stack by function.
    most: [usize; CALLS.len()],
}

/// A function of the producer, by its place in [`CALLS`].
#[derive(Debug, Clone, Copy)]
pub enum Call {
    Send,
    HandleOpened,
    HandleReceived,
    HandleClosed,
    HandleTimeout,
    PollConnection,
    PollTransmit,
    PollSend,
    Shutdown,
}

/// What is printed of them.
const CALLS: [&str; 9] = [
    "send",
    "handle_opened",
    "handle_received",
    "handle_closed",
    "handle_timeout",
    "poll_connection",
    "poll_transmit",
    "poll_send",
    "shutdown",
];

impl Measured {
    /// Nothing was called yet.
    pub fn new(producer: Producer<'static>) -> Self {
        Self { producer, most: [0; CALLS.len()] }
    }

    /// Calls a function of the producer.
    pub fn call<R>(&mut self, call: Call, act: impl FnOnce(&mut Producer<'static>) -> R) -> R {
        let (result, used) = stack::measure(|| act(&mut self.producer));
        let most = &mut self.most[call as usize];
        *most = used.max(*most);
        result
    }

    /// Whether it has ended.
    pub fn is_stopped(&self) -> bool {
        self.producer.is_stopped()
    }

    /// Prints each function and its bytes.
    pub fn report(&self) {
        for (name, most) in CALLS.iter().zip(self.most) {
            eprintln!("{name} {most}");
        }
    }
}

impl Engine for Measured {
    fn handle_opened(&mut self, now: Instant, connection: ConnectionId) {
        self.call(Call::HandleOpened, |producer| producer.handle_opened(now, connection));
    }

    fn handle_received(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) -> usize {
        self.call(Call::HandleReceived, |producer| producer.handle_received(now, connection, bytes))
    }

    fn handle_closed(&mut self, now: Instant, connection: ConnectionId) {
        self.call(Call::HandleClosed, |producer| producer.handle_closed(now, connection));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.call(Call::HandleTimeout, |producer| producer.handle_timeout(now));
    }

    fn poll_connection(&mut self) -> Option<ConnectionRequest> {
        self.call(Call::PollConnection, Producer::poll_connection)
    }

    fn poll_transmit(&mut self, connection: ConnectionId, buffer: &mut [u8]) -> usize {
        self.call(Call::PollTransmit, |producer| producer.poll_transmit(connection, buffer))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.producer.poll_timeout()
    }
}
