//! The application: a reading every so often, as many in flight as there is memory for, and an account of them.

use core::time::Duration;

use device::arguments::Topic;
use device::reading;
use heapless::Vec;
use rocketlite_core::producer::Event;
use rocketlite_core::send::outcome::{SendError, SendResult};
use rocketlite_core::{Instant, Message, Producer, SendId};
use semihosting::eprintln;

/// Readings that are being sent at a time.
pub const IN_FLIGHT: usize = 2;

/// All readings.
pub struct Readings<'a> {
    topic: &'a Topic,
    count: u32,
    interval: Duration,
    /// The next one and when it is due.
    next: u32,
    due_at: Instant,
    in_flight: Vec<(SendId, u32), IN_FLIGHT>,
    stored: u32,
    failed: u32,
    /// Attempts after the first of a send.
    retries: u32,
    disconnects: u32,
}

impl<'a> Readings<'a> {
    /// `count` readings, the first at once.
    pub fn new(topic: &'a Topic, count: u32, interval: Duration) -> Self {
        Self {
            topic,
            count,
            interval,
            next: 0,
            due_at: Instant::ZERO,
            in_flight: Vec::new(),
            stored: 0,
            failed: 0,
            retries: 0,
            disconnects: 0,
        }
    }

    /// Takes the outcomes of sends that have ended, sends the next reading if it is due, and says farewell after the last.
    /// Returns whether the producer was given something to do.
    pub fn poll(&mut self, now: Instant, producer: &mut Producer<'_>) -> bool {
        while let Some(event) = producer.poll_event() {
            defmt::debug!("{}", event);
            match event {
                Event::Connected(address) => eprintln!(r#"{{"connected":"{address}"}}"#),
                Event::Disconnected(address, reason) => {
                    defmt::warn!("{} disconnected: {}", address, reason);
                    eprintln!(r#"{{"disconnected":"{address}"}}"#);
                    self.disconnects += 1;
                }
                _ => {}
            }
        }
        self.take_outcomes(producer);
        if self.next < self.count {
            return now >= self.due_at && !self.in_flight.is_full() && self.send(now, producer);
        }
        let is_over = self.in_flight.is_empty() && !producer.is_stopped();
        if is_over {
            producer.shutdown(now);
        }
        is_over
    }

    /// When the next reading is to be sent.
    pub fn next_at(&self) -> Option<Instant> {
        (self.next < self.count && !self.in_flight.is_full()).then_some(self.due_at)
    }

    /// Whether no reading was lost.
    pub fn all_stored(&self) -> bool {
        self.stored == self.count
    }

    /// Prints the account. Of the stack, `main` uses a part for itself, which is state like that in statics.
    pub fn report(&self, (stack, main): (usize, usize)) {
        let Self { stored, failed, retries, disconnects, .. } = self;
        eprintln!(
            r#"{{"stored":{stored},"failed":{failed},"retries":{retries},"disconnects":{disconnects},"stack":{stack},"of_main":{main}}}"#
        );
    }

    /// Sends the next reading. One that finds no room stays the next.
    fn send(&mut self, now: Instant, producer: &mut Producer<'_>) -> bool {
        let reading = reading::measure(self.next);
        let message = Message::new(self.topic, reading.as_bytes()).with_tags("temperature");
        match producer.send(now, &message) {
            Ok(id) => {
                // There is room, or it would not have been called.
                let _pushed = self.in_flight.push((id, self.next));
            }
            Err(error) if error.is_temporary() => return false,
            Err(error) => {
                eprintln!("sensor: {error}");
                self.failed += 1;
            }
        }
        self.next += 1;
        self.due_at = self.due_at.after(self.interval).max(now);
        true
    }

    fn take_outcomes(&mut self, producer: &mut Producer<'_>) {
        while let Some((at, number, outcome)) = self.ended(producer) {
            self.in_flight.swap_remove(at);
            match outcome {
                Ok(result) => self.stored(number, &result),
                Err(error) => {
                    eprintln!("sensor: reading {number}: {error}");
                    self.failed += 1;
                    self.retries += u32::from(error.attempts).saturating_sub(1);
                }
            }
        }
    }

    /// A send that has ended.
    fn ended(&self, producer: &mut Producer<'_>) -> Option<(usize, u32, Result<SendResult, SendError>)> {
        self.in_flight.iter().enumerate().find_map(|(at, (id, number))| match producer.poll_send(*id) {
            Ok(result) => Some((at, *number, Ok(result))),
            Err(nb::Error::Other(error)) => Some((at, *number, Err(error))),
            Err(nb::Error::WouldBlock) => None,
        })
    }

    fn stored(&mut self, number: u32, result: &SendResult) {
        let SendResult { broker_name, attempts, .. } = result;
        defmt::info!("reading {} on {=str}, {} attempts", number, broker_name.as_str(), attempts);
        self.stored += 1;
        self.retries += u32::from(*attempts).saturating_sub(1);
        reading::stored(number, result);
    }
}
