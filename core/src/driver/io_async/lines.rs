//! Async byte streams that stand for connections.

use core::convert::Infallible;
use core::pin::pin;
use core::time::Duration;

use embassy_futures::join::{join, join_array, join3};
use embassy_futures::select::select;
use embedded_io_async::{Read, Write};

use super::{Driver, Timer};
use crate::driver::Line;
use crate::driver::buffer::Buffer;
use crate::engine::ConnectionId;
use crate::{Engine, Instant};

/// Before a stream that failed is read again.
const PAUSE: Duration = Duration::from_millis(10);

impl<E: Engine, T: Timer, const PLACES: usize, const BUFFER: usize> Driver<E, T, PLACES, BUFFER> {
    /// Moves the bytes of all connections over `lines`, each a reader and a writer, and keeps the time; see
    /// [lines](crate::driver#lines). What is read and what is written do not wait for each other.
    ///
    /// A line whose stream reports an error, or its end, loses its connection: after the bytes of an overrun nothing can be
    /// read on.
    ///
    /// It never ends. Two of them at the same time would take each other's connections.
    pub async fn run_lines<R: Read, W: Write>(&self, lines: &mut [Line<(R, W)>; PLACES]) -> Infallible {
        if let Ok(mut shared) = self.shared.try_borrow_mut() {
            shared.start(self.timer.now(), |index, place| {
                if let Some(line) = lines.get_mut(index) {
                    place.only = Some(line.address.clone());
                    place.quiet = line.quiet;
                    // Only once: a line that was at work has to rest.
                    place.line.start(core::mem::take(&mut line.rested));
                }
            });
        }
        let mut place = 0usize;
        let lines = lines.each_mut().map(|line| {
            let (index, (reader, writer)) = (place, &mut line.stream);
            place = place.saturating_add(1);
            join3(self.open(index), self.hear(index, reader), self.speak(index, writer))
        });
        let lines = pin!(join_array(lines));
        join(self.keep_time(), lines).await.0
    }

    /// Opens the connection that is wanted, as soon as the line is quiet.
    async fn open(&self, place: usize) -> Infallible {
        loop {
            let at = self.attention(|shared| shared.opens_at(self.timer.now(), place)).await;
            if at > self.timer.now() {
                let moved = self
                    .attention(|shared| (shared.opens_at(self.timer.now(), place) != Some(at)).then_some(()));
                select(moved, self.timer.sleep_until(at)).await;
                continue;
            }
            let wanted = self.attention(|shared| Some(shared.take_wanted(self.timer.now(), place))).await;
            if let Some((connection, _)) = wanted {
                self.input(|engine, now| engine.handle_opened(now, connection));
            }
        }
    }

    /// Reads, also while there is no connection: what arrives then is dropped, and starts the rest anew.
    async fn hear(&self, place: usize, reader: &mut impl Read) -> Infallible {
        let mut inbox = Buffer::<BUFFER>::new();
        loop {
            let read = reader.read(inbox.space()).await;
            let connection = self.current(place);
            match (read, connection) {
                (Ok(count @ 1..), Some(connection)) => {
                    inbox.filled_to(count);
                    self.deliver(place, connection, &mut inbox).await;
                }
                (Ok(1..), None) => self.disturbed(place),
                (Ok(0) | Err(_), _) => {
                    if let Some(connection) = connection {
                        self.lost(place, connection);
                    }
                    self.timer.sleep_until(self.timer.now().after(PAUSE)).await;
                }
            }
        }
    }

    /// Offers the engine what was received until it has taken everything, or the connection is over.
    async fn deliver(&self, place: usize, connection: ConnectionId, inbox: &mut Buffer<BUFFER>) {
        loop {
            let inputs = self.offer(connection, inbox);
            if inbox.is_empty() || !self.serves(place, connection) {
                return;
            }
            let changed = |shared: &mut super::Shared<E, PLACES>| {
                (shared.inputs != inputs || !shared.serves(place, connection)).then_some(())
            };
            self.attention(changed).await;
            if !self.serves(place, connection) {
                return;
            }
        }
    }

    /// Writes what the engine has to send.
    async fn speak(&self, place: usize, writer: &mut impl Write) -> Infallible {
        let mut outbox = Buffer::<BUFFER>::new();
        loop {
            let connection = self.attention(|shared| shared.transmitting(place)).await;
            self.writes(place, true);
            self.fetch(place, connection, &mut outbox);
            let mut broken = false;
            let mut is_flushed = outbox.is_empty();
            while !is_flushed && self.serves(place, connection) && !broken {
                broken = match outbox.filled() {
                    [] => {
                        is_flushed = true;
                        writer.flush().await.is_err()
                    }
                    bytes => match writer.write(bytes).await {
                        Ok(count @ 1..) => {
                            outbox.consume(count);
                            false
                        }
                        _ => true,
                    },
                };
                if outbox.is_empty() {
                    self.fetch(place, connection, &mut outbox);
                    is_flushed &= outbox.is_empty();
                }
            }
            outbox.clear();
            self.writes(place, false);
            if broken {
                self.lost(place, connection);
            }
        }
    }

    fn current(&self, place: usize) -> Option<ConnectionId> {
        self.shared.try_borrow().ok()?.places.get(place)?.line.current()
    }

    fn disturbed(&self, place: usize) {
        let now = self.timer.now();
        if let Ok(mut shared) = self.shared.try_borrow_mut() {
            shared.disturbed(now, place);
        }
    }

    /// Takes note of whether something is being written. Bytes of a connection that is over count as a disturbance.
    fn writes(&self, place: usize, is_writing: bool) {
        let now = self.timer.now();
        if let Ok(mut shared) = self.shared.try_borrow_mut()
            && let Some(at) = shared.places.get_mut(place)
        {
            at.is_writing = is_writing;
            shared.disturbed(now, place);
        }
    }
}

impl<E, const PLACES: usize> super::Shared<E, PLACES> {
    /// When the connection that the line is wanted for can be opened, if there is one and the line is free.
    fn opens_at(&mut self, now: Instant, place: usize) -> Option<Instant> {
        let place = self.places.get_mut(place).filter(|place| !place.is_writing)?;
        place.line.opens_at(now, place.quiet)
    }

    /// The connection of the line, if the engine may have bytes for it.
    fn transmitting(&self, place: usize) -> Option<ConnectionId> {
        let place = self.places.get(place).filter(|place| place.transmits)?;
        place.line.current()
    }

    /// Something moved on a line. It matters only while there is no connection.
    fn disturbed(&mut self, now: Instant, place: usize) {
        if let Some(place) = self.places.get_mut(place).filter(|place| place.line.current().is_none()) {
            place.line.disturbed(now);
        }
        self.wake_runner();
    }
}
