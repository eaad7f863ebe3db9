//! The driver between a scripted engine and a scripted stack, in virtual time.

use super::*;
use crate::SlotId;
use core::cell::RefCell;
use embedded_nal::{TcpError, TcpErrorKind};
use std::collections::VecDeque;
use std::rc::Rc;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

/// What was called, in order, on engine and stack.
type Log = Rc<RefCell<Vec<String>>>;

#[derive(Default)]
struct FakeEngine {
    log: Log,
    requests: VecDeque<ConnectionRequest>,
    /// Bytes for the peer, by place of the connection.
    transmit: [Vec<u8>; 3],
    received: [Vec<u8>; 3],
    /// How many bytes are taken at most until this is raised.
    appetite: usize,
    timeout: Option<Instant>,
}

impl FakeEngine {
    fn open(&mut self, index: u16, address: &str) {
        let address = Address::new(address).unwrap();
        self.requests.push_back(ConnectionRequest::Open { connection: SlotId::new(index, 0), address });
    }

    fn transmit(&mut self, index: u16, bytes: &[u8]) {
        self.transmit[usize::from(index)].extend_from_slice(bytes);
        self.requests.push_back(ConnectionRequest::Transmit { connection: SlotId::new(index, 0) });
    }

    fn close(&mut self, index: u16, generation: u16) {
        self.requests.push_back(ConnectionRequest::Close { connection: SlotId::new(index, generation) });
    }
}

impl Engine for FakeEngine {
    fn handle_opened(&mut self, now: Instant, connection: ConnectionId) {
        self.log.borrow_mut().push(format!("{} opened {}", now.as_millis(), connection.index()));
    }

    fn handle_received(&mut self, _: Instant, connection: ConnectionId, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.appetite);
        self.appetite -= taken;
        self.received[usize::from(connection.index())].extend_from_slice(&bytes[..taken]);
        taken
    }

    fn handle_closed(&mut self, now: Instant, connection: ConnectionId) {
        self.log.borrow_mut().push(format!("{} closed {}", now.as_millis(), connection.index()));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.log.borrow_mut().push(format!("{} timeout", now.as_millis()));
        self.timeout = None;
    }

    fn poll_connection(&mut self) -> Option<ConnectionRequest> {
        self.requests.pop_front()
    }

    fn poll_transmit(&mut self, connection: ConnectionId, buffer: &mut [u8]) -> usize {
        self.log.borrow_mut().push(format!("transmit {}?", connection.index()));
        let bytes = &mut self.transmit[usize::from(connection.index())];
        let len = bytes.len().min(buffer.len());
        buffer[..len].copy_from_slice(&bytes[..len]);
        bytes.drain(..len);
        len
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }
}

/// What a socket of the stack does next; at the end of the script, and unless told otherwise, it would block.
#[derive(Default)]
struct FakeStack {
    log: Log,
    sockets: usize,
    /// Whether a name is found; not yet if there is no answer.
    name: Option<Result<IpAddr, Failure>>,
    connect: VecDeque<nb::Result<(), Failure>>,
    /// How many bytes each send takes.
    send: VecDeque<nb::Result<usize, Failure>>,
    sent: Vec<u8>,
    receive: VecDeque<nb::Result<&'static [u8], Failure>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failure;

impl TcpError for Failure {
    fn kind(&self) -> TcpErrorKind {
        TcpErrorKind::Other
    }
}

impl TcpClientStack for FakeStack {
    type TcpSocket = usize;
    type Error = Failure;

    fn socket(&mut self) -> Result<usize, Failure> {
        self.sockets = self.sockets.checked_sub(1).ok_or(Failure)?;
        Ok(self.sockets)
    }

    fn connect(&mut self, _: &mut usize, remote: SocketAddr) -> nb::Result<(), Failure> {
        self.log.borrow_mut().push(format!("connect {remote}"));
        self.connect.pop_front().unwrap_or(Err(nb::Error::WouldBlock))
    }

    fn send(&mut self, _: &mut usize, buffer: &[u8]) -> nb::Result<usize, Failure> {
        let taken = self.send.pop_front().unwrap_or(Err(nb::Error::WouldBlock))?.min(buffer.len());
        self.sent.extend_from_slice(&buffer[..taken]);
        Ok(taken)
    }

    fn receive(&mut self, _: &mut usize, buffer: &mut [u8]) -> nb::Result<usize, Failure> {
        let bytes = self.receive.pop_front().unwrap_or(Err(nb::Error::WouldBlock))?;
        let now = bytes.len().min(buffer.len());
        buffer[..now].copy_from_slice(&bytes[..now]);
        if now < bytes.len() {
            self.receive.push_front(Ok(&bytes[now..]));
        }
        Ok(now)
    }

    fn close(&mut self, _: usize) -> Result<(), Failure> {
        self.sockets += 1;
        self.log.borrow_mut().push("close".to_string());
        Ok(())
    }
}

impl Dns for FakeStack {
    type Error = Failure;

    fn get_host_by_name(&mut self, name: &str, _: AddrType) -> nb::Result<IpAddr, Failure> {
        self.log.borrow_mut().push(format!("resolve {name}"));
        self.name.ok_or(nb::Error::WouldBlock)?.map_err(nb::Error::Other)
    }

    fn get_host_by_address(&mut self, _: IpAddr, _: &mut [u8]) -> nb::Result<usize, Failure> {
        Err(nb::Error::Other(Failure))
    }
}

/// Driver, engine and stack, and the time.
struct Bench {
    driver: TcpDriver<usize, 2, 4>,
    engine: FakeEngine,
    stack: FakeStack,
    log: Log,
    now: u64,
}

impl Bench {
    fn new() -> Self {
        let log = Log::default();
        let engine = FakeEngine { log: Rc::clone(&log), appetite: usize::MAX, ..FakeEngine::default() };
        let stack = FakeStack { log: Rc::clone(&log), sockets: 2, ..FakeStack::default() };
        Self { driver: TcpDriver::new(), engine, stack, log, now: 0 }
    }

    /// With connection 0 open.
    fn connected() -> Self {
        let mut bench = Self::new();
        bench.engine.open(0, "10.0.0.1:10911");
        bench.stack.connect.push_back(Ok(()));
        assert_eq!(bench.poll(), ["connect 10.0.0.1:10911", "0 opened 0"]);
        bench
    }

    /// One millisecond later; returns what was called.
    fn poll(&mut self) -> Vec<String> {
        let now = Instant::from_millis(self.now);
        self.driver.poll(now, &mut self.stack, &mut self.engine);
        self.now += 1;
        self.log.take()
    }

    fn poll_resolving(&mut self) -> Vec<String> {
        let now = Instant::from_millis(self.now);
        self.driver.poll_resolving(now, &mut self.stack, &mut self.engine);
        self.now += 1;
        self.log.take()
    }
}

#[test]
fn a_connection_is_asked_for_until_it_stands() {
    let mut bench = Bench::new();
    bench.engine.open(1, "10.0.0.1:10911");
    assert_eq!(bench.poll(), ["connect 10.0.0.1:10911"]);
    assert_eq!(bench.poll(), ["connect 10.0.0.1:10911"]);
    bench.stack.connect.push_back(Ok(()));
    assert_eq!(bench.poll(), ["connect 10.0.0.1:10911", "2 opened 1"]);
    assert_eq!(bench.poll(), Vec::<String>::new());
}

#[test]
fn a_refused_connection_is_reported_and_its_socket_given_back() {
    let mut bench = Bench::new();
    bench.engine.open(0, "10.0.0.1:10911");
    bench.stack.connect.push_back(Err(nb::Error::Other(Failure)));
    assert_eq!(bench.poll(), ["connect 10.0.0.1:10911", "close", "0 closed 0"]);
    assert_eq!(bench.stack.sockets, 2);
}

#[test]
fn an_engine_may_give_up_a_connection_that_does_not_come_about() {
    let mut bench = Bench::new();
    bench.engine.open(0, "10.0.0.1:10911");
    bench.poll();
    bench.engine.close(0, 7);
    assert_eq!(bench.poll(), ["connect 10.0.0.1:10911"], "another generation is meant");
    bench.engine.close(0, 0);
    assert_eq!(bench.poll(), ["close"]);
}

#[test]
fn connections_beyond_the_sockets_or_the_places_are_reported_closed() {
    let mut bench = Bench::new();
    bench.stack.sockets = 1;
    for index in 0..3 {
        bench.engine.open(index, "10.0.0.1:10911");
    }
    assert_eq!(bench.poll(), ["0 closed 1", "0 closed 2", "connect 10.0.0.1:10911"]);
}

#[test]
fn names_need_a_stack_that_resolves_them() {
    let mut bench = Bench::new();
    bench.engine.open(0, "broker:10911");
    assert_eq!(bench.poll(), ["close", "0 closed 0"]);

    bench.engine.open(0, "broker:10911");
    assert_eq!(bench.poll_resolving(), ["resolve broker"]);
    bench.stack.name = Some(Ok(IpAddr::from([10, 0, 0, 9])));
    bench.stack.connect.push_back(Ok(()));
    assert_eq!(bench.poll_resolving(), ["resolve broker", "connect 10.0.0.9:10911", "2 opened 0"]);

    bench.stack.name = Some(Err(Failure));
    bench.engine.open(1, "nobody:1");
    assert_eq!(bench.poll_resolving(), ["resolve nobody", "close", "3 closed 1"]);
}

#[test]
fn bytes_the_stack_does_not_take_are_sent_before_any_others() {
    let mut bench = Bench::connected();
    bench.engine.transmit(0, b"abcdefgh");
    bench.stack.send.extend([Ok(3), Ok(0)]);
    assert_eq!(bench.poll(), ["transmit 0?"]);
    assert_eq!(
        (bench.stack.sent.as_slice(), bench.engine.transmit[0].as_slice()),
        (&b"abc"[..], &b"efgh"[..])
    );
    bench.poll();
    bench.stack.send.extend([Ok(1), Ok(4)]);
    assert_eq!(bench.poll(), ["transmit 0?", "transmit 0?"]);
    assert_eq!(bench.stack.sent, b"abcdefgh");
}

#[test]
fn an_engine_takes_what_it_can_and_is_offered_the_rest_again() {
    let mut bench = Bench::connected();
    bench.engine.appetite = 5;
    bench.stack.receive.push_back(Ok(b"abcdefgh"));
    bench.poll();
    assert_eq!(bench.engine.received[0], b"abcde");
    bench.poll();
    assert_eq!(bench.engine.received[0], b"abcde");
    bench.engine.appetite = usize::MAX;
    bench.poll();
    assert_eq!(bench.engine.received[0], b"abcdefgh");
}

#[test]
fn a_connection_that_stalls_does_not_hold_up_another() {
    let mut bench = Bench::connected();
    bench.engine.open(1, "10.0.0.2:10911");
    bench.stack.connect.push_back(Ok(()));
    bench.poll();
    bench.engine.transmit(0, b"stuck");
    assert_eq!(bench.poll(), ["transmit 0?"]);
    bench.engine.transmit(1, b"ok");
    // The first is tried again, in vain.
    bench.stack.send.extend([Err(nb::Error::WouldBlock), Ok(2)]);
    assert_eq!(bench.poll(), ["transmit 1?", "transmit 1?"]);
    assert_eq!(bench.stack.sent, b"ok");
}

#[test]
fn a_broken_socket_is_reported_whichever_way_it_breaks() {
    let mut bench = Bench::connected();
    bench.stack.receive.push_back(Err(nb::Error::Other(Failure)));
    assert_eq!(bench.poll(), ["close", "1 closed 0"]);

    let mut bench = Bench::connected();
    bench.engine.transmit(0, b"x");
    bench.stack.send.push_back(Err(nb::Error::Other(Failure)));
    assert_eq!(bench.poll(), ["transmit 0?", "close", "1 closed 0"]);
}

#[test]
fn the_answer_that_came_before_the_end_is_read() {
    let mut bench = Bench::connected();
    bench.stack.receive.extend([Ok(&b"bye"[..]), Err(nb::Error::Other(Failure))]);
    assert_eq!(bench.poll(), ["close", "1 closed 0"]);
    assert_eq!(bench.engine.received[0], b"bye");
}

#[test]
fn no_bytes_are_the_end_only_for_stacks_that_mean_it() {
    let mut bench = Bench::connected();
    bench.stack.receive.push_back(Ok(b""));
    assert_eq!(bench.poll(), Vec::<String>::new());

    let mut bench = Bench::new();
    bench.driver = TcpDriver::new().zero_ends_stream(true);
    bench.engine.open(0, "10.0.0.1:10911");
    bench.stack.connect.push_back(Ok(()));
    bench.stack.receive.push_back(Ok(b""));
    assert_eq!(bench.poll(), ["connect 10.0.0.1:10911", "0 opened 0", "close", "0 closed 0"]);
}

#[test]
fn timers_run_when_they_are_due_and_say_when_to_come_back() {
    let mut bench = Bench::connected();
    bench.engine.timeout = Some(Instant::from_millis(3));
    let wake = |bench: &mut Bench| {
        let now = Instant::from_millis(bench.now);
        bench.now += 1;
        bench.driver.poll(now, &mut bench.stack, &mut bench.engine)
    };
    assert_eq!(wake(&mut bench), Some(Instant::from_millis(3)));
    assert_eq!(wake(&mut bench), Some(Instant::from_millis(3)));
    assert_eq!(wake(&mut bench), None);
    assert_eq!(bench.log.take(), ["3 timeout"]);
}

#[test]
fn a_flood_lets_others_have_their_turn() {
    let mut bench = Bench::connected();
    bench.stack.receive.extend(vec![Ok(&b"abcd"[..]); 1_000]);
    let now = Instant::from_millis(1);
    assert_eq!(bench.driver.poll(now, &mut bench.stack, &mut bench.engine), Some(now));
    assert!(!bench.stack.receive.is_empty());
}

#[test]
fn all_connections_can_be_given_up_at_once() {
    let mut bench = Bench::connected();
    bench.driver.close_all(Instant::from_millis(9), &mut bench.stack, &mut bench.engine);
    assert_eq!(bench.log.take(), ["close", "9 closed 0"]);
}
