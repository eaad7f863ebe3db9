//! A serial line, the bridge behind it, and a real broker, in virtual time.

use core::time::Duration;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};
use rocketlite_broker::{Broker, BrokerConfig, BrokerStorage};
use rocketlite_core::{ConnectionId, ConnectionRequest, Engine as _, Instant, WallClock};

/// Where the broker says it listens, and where the device's configuration says its name server is.
pub(crate) const ADDRESS: &str = "127.0.0.1:9876";

/// Of silence, until the bridge ends its connection: `socat -T`.
const SILENCE: Duration = Duration::from_secs(1);

/// Bytes that a FIFO of the line holds, and bytes that it moves in a millisecond: 115200 baud.
const FIFO: usize = 16;
const BYTES_PER_MS: usize = 11;

#[derive(Debug, Default)]
struct Wire {
    to_gateway: VecDeque<u8>,
    to_device: VecDeque<u8>,
    /// Whether the device's next read reports an overrun.
    overrun: bool,
}

/// The device's end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uart(Rc<RefCell<Wire>>);

impl ErrorType for Uart {
    type Error = ErrorKind;
}

impl ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        let wire = self.0.borrow();
        Ok(wire.overrun || !wire.to_device.is_empty())
    }
}

impl Read for Uart {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let mut wire = self.0.borrow_mut();
        if core::mem::take(&mut wire.overrun) {
            wire.to_device.clear();
            return Err(ErrorKind::Other);
        }
        let count = buffer.len().min(wire.to_device.len());
        assert!(count > 0, "a read that would wait");
        for (place, byte) in buffer.iter_mut().zip(wire.to_device.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }
}

impl WriteReady for Uart {
    fn write_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(self.0.borrow().to_gateway.len() < FIFO)
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let mut wire = self.0.borrow_mut();
        let count = bytes.len().min(FIFO - wire.to_gateway.len());
        assert!(count > 0, "a write that would wait");
        wire.to_gateway.extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        panic!("a flush would wait")
    }
}

impl Uart {
    /// Something goes wrong: what has arrived is lost.
    pub(crate) fn overrun(&self) {
        self.0.borrow_mut().overrun = true;
    }
}

/// 64 KiB of log, frames of 16 KiB, 4 connections.
type Storage = BrokerStorage<65_536, 16_384, 2_048, 1_024, 4, 8, 8, 64, 16, 4, 1, 8>;

/// The gateway: the bridge and the broker.
pub(crate) struct Gateway {
    pub(crate) uart: Uart,
    pub(crate) broker: Broker<'static>,
    pub(crate) now: Instant,
    connection: Option<ConnectionId>,
    /// How often the bridge has connected.
    pub(crate) connections: usize,
    /// What the broker said and the line has not carried yet.
    answers: VecDeque<u8>,
    last_byte: Instant,
}

impl Gateway {
    pub(crate) fn new() -> Self {
        let storage = Box::leak(Box::new(Storage::new()));
        let config =
            BrokerConfig { max_message_size: 8_192, ..BrokerConfig::new("edge", ADDRESS.parse().unwrap()) };
        let clock = WallClock::new(Instant::ZERO, 1_700_000_000_000);
        let broker = Broker::new(config, storage.memory(), clock, 3).unwrap();
        Self {
            uart: Uart::default(),
            broker,
            now: Instant::from_millis(1_000),
            connection: None,
            connections: 0,
            answers: VecDeque::new(),
            last_byte: Instant::ZERO,
        }
    }

    /// The bodies in the broker's log.
    pub(crate) fn stored(&self) -> Vec<Vec<u8>> {
        self.broker.log().records().map(|message| message.body.to_vec()).collect()
    }

    /// A millisecond passes.
    pub(crate) fn pass(&mut self) {
        self.now = self.now.after(Duration::from_millis(1));
        self.broker.handle_timeout(self.now);
        let arrived: Vec<u8> = {
            let mut wire = self.uart.0.borrow_mut();
            let count = BYTES_PER_MS.min(wire.to_gateway.len());
            wire.to_gateway.drain(..count).collect()
        };
        if !arrived.is_empty() {
            self.last_byte = self.now;
            let connection = self.connect();
            let taken = self.broker.handle_received(self.now, connection, &arrived);
            assert_eq!(taken, arrived.len(), "this broker has room");
        }
        self.serve();
        let mut wire = self.uart.0.borrow_mut();
        let count = BYTES_PER_MS.min(self.answers.len()).min(FIFO - wire.to_device.len().min(FIFO));
        if count > 0 {
            self.last_byte = self.now;
            wire.to_device.extend(self.answers.drain(..count));
        }
        drop(wire);
        if self.now.since(self.last_byte) >= SILENCE
            && let Some(connection) = self.connection.take()
        {
            self.broker.handle_closed(self.now, connection);
            self.answers.clear();
        }
    }

    /// The bridge's connection; one that ended is replaced.
    fn connect(&mut self) -> ConnectionId {
        if let Some(connection) = self.connection {
            return connection;
        }
        let peer = "127.0.0.1:50000".parse().unwrap();
        let connection = self.broker.accept(self.now, peer).expect("a place");
        self.connections += 1;
        self.connection = Some(connection);
        connection
    }

    fn serve(&mut self) {
        while let Some(request) = self.broker.poll_connection() {
            match request {
                ConnectionRequest::Transmit { connection } => {
                    let mut buffer = [0; 512];
                    loop {
                        match self.broker.poll_transmit(connection, &mut buffer) {
                            0 => break,
                            count => self.answers.extend(&buffer[..count]),
                        }
                    }
                }
                ConnectionRequest::Close { .. } => {
                    self.connection = None;
                    self.answers.clear();
                }
                ConnectionRequest::Open { .. } => panic!("this broker has nowhere to connect to"),
            }
        }
    }
}
