//! The connections between producer and broker, and the time of both.

use core::time::Duration;

use rocketlite_broker::Broker;
use rocketlite_core::send::outcome::{SendError, SendResult};
use rocketlite_core::{ConnectionId, ConnectionRequest, Engine, Instant, Message};

use crate::CONNECTIONS;
use crate::measured::{Call, Measured};

/// A producer and a broker, which is its own name server.
pub struct Link {
    /// The one that is measured.
    pub producer: Measured,
    broker: Broker<'static>,
    now: Instant,
    /// The two names of a connection, by the place of the producer's.
    connections: [Option<(ConnectionId, ConnectionId)>; CONNECTIONS],
    /// What becomes of what the broker says next.
    pub line: Line,
}

/// What becomes of what the broker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// It is heard.
    Good,
    /// The connection breaks before it is heard; the one after it is good.
    Breaks,
    /// It is not heard.
    Deaf,
    /// Something else is heard; after it the line is good.
    Noisy,
}

impl Link {
    /// Not connected yet.
    pub fn new(producer: Measured, broker: Broker<'static>) -> Self {
        let now = Instant::from_millis(1_000);
        Self { producer, broker, now, connections: [None; CONNECTIONS], line: Line::Good }
    }

    /// Sends a message, and waits for what comes of it.
    pub fn send(&mut self) -> Result<SendResult, SendError> {
        let message = Message::new("readings", &[b'x'; 512]).with_tags("temperature").with_keys("sensor-1");
        let now = self.now;
        let id =
            self.producer.call(Call::Send, |producer| producer.send(now, &message).expect("there is room"));
        self.settle();
        loop {
            match self.producer.call(Call::PollSend, |producer| producer.poll_send(id)) {
                Ok(result) => return Ok(result),
                Err(nb::Error::Other(error)) => return Err(error),
                Err(nb::Error::WouldBlock) => self.pass(Duration::from_millis(100)),
            }
        }
    }

    /// Ends the producer, and waits until it has said so to the broker.
    pub fn shutdown(&mut self) -> bool {
        let now = self.now;
        self.producer.call(Call::Shutdown, |producer| producer.shutdown(now));
        self.pass(Duration::from_secs(10));
        self.producer.is_stopped()
    }

    /// Lets time pass, and everything happen that is due.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        loop {
            let due = [self.producer.poll_timeout(), self.broker.poll_timeout()];
            let Some(at) = due.into_iter().flatten().min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            self.producer.handle_timeout(self.now);
            self.broker.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// Does what both ask for until nothing is left.
    fn settle(&mut self) {
        let mut more = true;
        while more {
            more = false;
            while let Some(request) = self.producer.poll_connection() {
                more = true;
                match request {
                    ConnectionRequest::Open { connection, address } => {
                        let peer = address.socket_addr().expect("there are no names");
                        let accepted = self.broker.accept(self.now, peer).expect("there is room");
                        self.connections[usize::from(connection.index())] = Some((connection, accepted));
                        self.producer.handle_opened(self.now, connection);
                    }
                    ConnectionRequest::Transmit { connection } => self.carry_there(connection),
                    ConnectionRequest::Close { connection } => {
                        if let Some((_, accepted)) = self.end(|pair| pair.0 == connection) {
                            self.broker.handle_closed(self.now, accepted);
                        }
                    }
                }
            }
            while let Some(request) = self.broker.poll_connection() {
                more = true;
                match request {
                    ConnectionRequest::Open { .. } => unreachable!("it has no name server"),
                    ConnectionRequest::Transmit { connection } => self.carry_back(connection),
                    ConnectionRequest::Close { connection } => {
                        if let Some((connection, _)) = self.end(|pair| pair.1 == connection) {
                            self.producer.handle_closed(self.now, connection);
                        }
                    }
                }
            }
        }
    }

    fn carry_there(&mut self, connection: ConnectionId) {
        let Some((_, accepted)) = self.connections[usize::from(connection.index())] else { return };
        let mut buffer = [0; PIECE];
        loop {
            let len = self.producer.poll_transmit(connection, &mut buffer);
            if len == 0 {
                break;
            }
            let taken = self.broker.handle_received(self.now, accepted, &buffer[..len]);
            assert_eq!(taken, len, "the broker has room");
        }
    }

    fn carry_back(&mut self, accepted: ConnectionId) {
        let pair = self.connections.iter().flatten().find(|pair| pair.1 == accepted);
        let Some(&(connection, _)) = pair else { return };
        let mut buffer = [0; PIECE];
        loop {
            let len = self.broker.poll_transmit(accepted, &mut buffer);
            if len == 0 {
                break;
            }
            match self.line {
                Line::Good => self.hear(connection, &buffer[..len]),
                Line::Deaf => {}
                Line::Noisy => {
                    self.line = Line::Good;
                    self.hear(connection, b"HTTP/1.1 400 Bad Request\r\n");
                }
                Line::Breaks => {
                    self.line = Line::Good;
                    self.end(|pair| pair.0 == connection);
                    self.broker.handle_closed(self.now, accepted);
                    self.producer.handle_closed(self.now, connection);
                }
            }
        }
    }

    fn hear(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let taken = self.producer.handle_received(self.now, connection, bytes);
        assert_eq!(taken, bytes.len(), "the producer has room");
    }

    /// Forgets a connection.
    fn end(
        &mut self,
        is: impl Fn(&(ConnectionId, ConnectionId)) -> bool,
    ) -> Option<(ConnectionId, ConnectionId)> {
        self.connections.iter_mut().find_map(|pair| pair.take_if(|pair| is(pair)))
    }
}

/// Frames arrive in pieces of this many bytes.
const PIECE: usize = 128;
