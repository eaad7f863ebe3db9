//! The polled driver over a scripted stream.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};
use rocketlite_core::driver::Line;
use rocketlite_core::driver::io::Driver;
use rocketlite_core::{Address, Instant, Rng};

use crate::chatter::{Chatter, byte};

/// A peer that says the sequence and checks it, and a stream that moves a few bytes at a time.
#[derive(Debug)]
struct Script {
    rng: Rng,
    to_device: VecDeque<u8>,
    from_device: usize,
    /// How many reads and writes until the stream fails; then it works again.
    fails_in: Option<u32>,
    ends_instead: bool,
}

#[derive(Debug, Clone)]
struct Scripted(Rc<RefCell<Script>>);

impl Scripted {
    fn new(length: usize) -> Self {
        let to_device = (0..length).map(byte).collect();
        let script =
            Script { rng: Rng::new(5), to_device, from_device: 0, fails_in: None, ends_instead: false };
        Self(Rc::new(RefCell::new(script)))
    }

    fn ready(&self) -> bool {
        self.0.borrow_mut().rng.below(3) > 0
    }
}

impl Script {
    /// Whether this is the call that fails. The peer starts anew then.
    fn fails(&mut self, length: usize) -> bool {
        let fails = self.fails_in == Some(0);
        self.fails_in = self.fails_in.and_then(|calls| calls.checked_sub(1));
        if fails {
            self.to_device = (0..length).map(byte).collect();
            self.from_device = 0;
        }
        fails
    }
}

const LENGTH: usize = 3_000;

impl ErrorType for Scripted {
    type Error = ErrorKind;
}

impl ReadReady for Scripted {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        // A peer answers; it does not speak first.
        let has_spoken = self.0.borrow().from_device > 0;
        Ok(self.ready() && has_spoken && !self.0.borrow().to_device.is_empty())
    }
}

impl Read for Scripted {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let mut script = self.0.borrow_mut();
        if script.fails(LENGTH) {
            return if script.ends_instead { Ok(0) } else { Err(ErrorKind::Other) };
        }
        let count = 1 + script.rng.below(40) as usize;
        let count = count.min(buffer.len()).min(script.to_device.len());
        assert!(count > 0, "a read that would wait");
        for (place, byte) in buffer.iter_mut().zip(script.to_device.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }
}

impl WriteReady for Scripted {
    fn write_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(self.ready())
    }
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let mut script = self.0.borrow_mut();
        if script.fails(LENGTH) {
            return Err(ErrorKind::BrokenPipe);
        }
        let count = (1 + script.rng.below(40) as usize).min(bytes.len());
        for &said in &bytes[..count] {
            assert_eq!(said, byte(script.from_device), "byte {} of what was sent", script.from_device);
            script.from_device += 1;
        }
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        panic!("a flush would wait")
    }
}

fn address() -> Address {
    Address::new("gateway:9876").unwrap()
}

/// Lets the engine and the peer talk until both have heard everything.
fn talk<const BUFFER: usize>(stream: &Scripted) -> Chatter {
    let mut engine = Chatter::new(address(), LENGTH);
    let mut driver = Driver::<_, 1, BUFFER>::new([Line::new(address(), stream.clone())]);
    let mut now = Instant::from_millis(1);
    while !(engine.has_heard_all() && stream.0.borrow().from_device == LENGTH) {
        let next = driver.poll(&mut engine, now).expect("this engine has timers");
        // A stream may also have become ready in the meantime.
        now = next.min(Instant::from_millis(now.as_millis() + 1)).max(now);
        assert!(now < Instant::from_millis(100_000), "they never come to an end: {engine:?}");
    }
    engine
}

#[test]
fn bytes_that_are_not_taken_are_offered_again_and_none_is_lost() {
    for engine in [talk::<1>, talk::<7>, talk::<64>, talk::<4_096>].map(|talk| talk(&Scripted::new(LENGTH))) {
        assert_eq!(engine.closed, 0);
        assert!(engine.refusals > 10, "{engine:?}");
    }
}

#[test]
fn a_stream_that_fails_or_ends_loses_its_connection_and_is_used_again() {
    for (calls, ends_instead) in [(0, false), (1, true), (57, false), (58, true), (200, false)] {
        let stream = Scripted::new(LENGTH);
        {
            let mut script = stream.0.borrow_mut();
            (script.fails_in, script.ends_instead) = (Some(calls), ends_instead);
        }
        assert_eq!(talk::<32>(&stream).closed, 1, "after {calls} calls");
    }
}

#[test]
fn a_connection_to_another_address_fails_at_once() {
    let stream = Scripted::new(0);
    let mut engine = Chatter::new(Address::new("elsewhere:1").unwrap(), 0);
    let mut driver = Driver::<_, 1, 16>::new([Line::new(address(), stream)]);
    assert_eq!(driver.refused(), None);
    for millis in 1..4 {
        driver.poll(&mut engine, Instant::from_millis(millis));
        assert_eq!(engine.closed as u64, millis, "once for each time the engine asks");
    }
    assert_eq!(driver.refused().map(Address::as_str), Some("elsewhere:1"));
}
