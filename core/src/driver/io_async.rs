//! A driver for async firmware: any executor, any TCP stack of `embedded-nal-async`, any streams of `embedded-io-async`.
//!
//! One future, [`Driver::run`], moves the bytes of all connections and keeps the time; other tasks of the same executor
//! reach the engine through the driver that they share:
//!
//! ```
//! # use rocketlite_core::driver::io_async::{Driver, NoDns, Timer};
//! # use rocketlite_core::message::Message;
//! # use rocketlite_core::send::outcome::SendResult;
//! # use rocketlite_core::{Instant, Producer};
//! // With embassy, one line each; the origin is that of the clock, which a `WallClock` anchors.
//! # mod embassy_time {
//! #     pub struct Instant(pub u64);
//! #     impl Instant {
//! #         pub fn now() -> Self { Self(0) }
//! #         pub fn as_millis(&self) -> u64 { self.0 }
//! #         pub fn from_millis(millis: u64) -> Self { Self(millis) }
//! #     }
//! #     pub struct Timer;
//! #     impl Timer { pub async fn at(_: Instant) {} }
//! # }
//! struct EmbassyTime;
//!
//! impl Timer for EmbassyTime {
//!     fn now(&self) -> Instant {
//!         Instant::from_millis(embassy_time::Instant::now().as_millis())
//!     }
//!
//!     async fn sleep_until(&self, at: Instant) {
//!         embassy_time::Timer::at(embassy_time::Instant::from_millis(at.as_millis())).await;
//!     }
//! }
//!
//! // One task: `driver.run(&tcp_client, &dns_socket).await`. Another one:
//! async fn report(driver: &Driver<Producer<'_>, EmbassyTime, 4, 256>, body: &[u8]) -> Option<SendResult> {
//!     let message = Message::new("Temperature", body);
//!     let id = driver.with(|producer, now| producer.send(now, &message)).await.ok()?;
//!     driver.sent(id).await.ok()
//! }
//! ```
//!
//! # Dropped futures
//! Every future here may be dropped at any time. Without [`Driver::run`] nothing moves; when it is dropped its connections
//! go with it, and the engine hears of that when it runs again: sends that waited for an answer are tried again within
//! their timeouts. A send whose [`Driver::sent`] was dropped goes on, and its outcome waits to be asked for again.
//!
//! Of a TCP connection the driver drops a read when there is something to write, for a connection of `embedded-nal-async`
//! cannot do both at once: its reads have to lose nothing when they are dropped, as those of `embassy-net` do. The reads and
//! writes of a line are dropped with `run` only, so that they may use DMA.

mod lines;
mod shared;
mod tcp;

use core::cell::{RefCell, RefMut};
use core::convert::Infallible;
use core::fmt;
use core::future::poll_fn;
use core::task::Poll;

use embassy_futures::select::select;
use embassy_futures::yield_now;

pub use tcp::{NoDns, NoResolver};

use crate::driver::buffer::Buffer;
use crate::engine::{Address, ConnectionId};
use crate::producer::Producer;
use crate::send::SendId;
use crate::send::outcome::{SendError, SendResult};
use crate::{Engine, Instant};
use shared::Shared;

/// The clock of an async driver, and a way to sleep on it.
pub trait Timer {
    /// The present. It must not decrease.
    fn now(&self) -> Instant;

    /// Waits until the clock has reached `at`, and not much longer. Dropped when something else comes first.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()>;
}

/// Runs an engine over at most `PLACES` connections at a time; give it as many as the engine has.
///
/// Its memory is the engine's value, a place for each connection, and in the future of [`Self::run`], of each connection, two
/// buffers of `BUFFER` bytes, about half a KiB of its own, and what the stack needs. Any size from 1 works; a frame that
/// arrives whole in a buffer is not copied.
pub struct Driver<E, T, const PLACES: usize, const BUFFER: usize> {
    shared: RefCell<Shared<E, PLACES>>,
    timer: T,
}

impl<E: Engine, T: Timer, const PLACES: usize, const BUFFER: usize> Driver<E, T, PLACES, BUFFER> {
    /// A driver for `engine`, whose instants are those of `timer`.
    pub const fn new(engine: E, timer: T) -> Self {
        Self { shared: RefCell::new(Shared::new(engine)), timer }
    }

    /// Calls `act` with the engine and the present, and has what follows from it done. It does not wait.
    pub async fn with<R>(&self, act: impl FnOnce(&mut E, Instant) -> R) -> R {
        let mut act = Some(act);
        self.until(|engine, now| act.take().map(|act| act(engine, now))).await
    }

    /// Asks `ready` after each input to the engine, until it answers. More than 8 tasks that wait like this at the same time
    /// keep each other awake: right, but a waste of power.
    pub async fn until<R>(&self, mut ready: impl FnMut(&mut E, Instant) -> Option<R>) -> R {
        poll_fn(|context| {
            // Taken only when `ready` itself polls this driver, which then goes on when `ready` has returned.
            let Ok(mut shared) = self.shared.try_borrow_mut() else {
                context.waker().wake_by_ref();
                return Poll::Pending;
            };
            let now = self.timer.now();
            let answer = ready(&mut shared.engine, now);
            let has_asked = shared.drain(now);
            if answer.is_some() {
                shared.changed(now);
                return answer.map_or(Poll::Pending, Poll::Ready);
            }
            // Only what is new may wake anybody: this task may be the one that runs the driver.
            if has_asked {
                shared.changed(now);
                context.waker().wake_by_ref();
            } else if shared.engine.poll_timeout() != shared.deadline {
                shared.wake_runner();
            }
            shared.wait(context.waker());
            Poll::Pending
        })
        .await
    }

    /// The last address that the engine wanted to connect and no line stands for. Only [`Self::run_lines`] refuses any.
    pub fn refused(&self) -> Option<Address> {
        self.shared.try_borrow().ok()?.refused.clone()
    }

    /// Hands the engine an input and does at once what it asks for.
    fn input(&self, act: impl FnOnce(&mut E, Instant)) {
        if let Ok(mut shared) = self.shared.try_borrow_mut() {
            let now = self.timer.now();
            act(&mut shared.engine, now);
            shared.changed(now);
        }
    }

    /// Reports a connection as gone, if the engine still counts on it.
    fn lost(&self, place: usize, connection: ConnectionId) {
        let now = self.timer.now();
        let ended = |mut shared: RefMut<'_, Shared<E, PLACES>>| shared.end(now, place, connection);
        if self.shared.try_borrow_mut().is_ok_and(ended) {
            self.input(|engine, now| engine.handle_closed(now, connection));
        }
    }

    /// Whether the engine still counts on the connection.
    fn serves(&self, place: usize, connection: ConnectionId) -> bool {
        self.shared.try_borrow().is_ok_and(|shared| shared.serves(place, connection))
    }

    /// Offers the engine what was received and it has not taken yet. Returns the number of inputs; when there were more, it
    /// may take what is left.
    fn offer(&self, connection: ConnectionId, inbox: &mut Buffer<BUFFER>) -> u32 {
        let Ok(mut shared) = self.shared.try_borrow_mut() else { return 0 };
        if !inbox.is_empty() {
            let now = self.timer.now();
            let taken = shared.engine.handle_received(now, connection, inbox.filled());
            inbox.consume(taken);
            // Two connections that wait for room would wake each other for ever if a vain offer counted.
            if taken > 0 {
                shared.changed(now);
            }
        }
        shared.inputs
    }

    /// Takes the next bytes of a connection from the engine.
    fn fetch(&self, place: usize, connection: ConnectionId, outbox: &mut Buffer<BUFFER>) {
        let Ok(mut shared) = self.shared.try_borrow_mut() else { return };
        let shared = &mut *shared;
        let Some(place) = shared.places.get_mut(place).filter(|place| place.transmits) else { return };
        let count = shared.engine.poll_transmit(connection, outbox.space());
        outbox.filled_to(count);
        place.transmits = !outbox.is_empty();
        if !outbox.is_empty() {
            shared.changed(self.timer.now());
        }
    }

    /// Waits until `ready` answers, which is asked after each input to the engine and each request of it.
    async fn attention<R>(&self, mut ready: impl FnMut(&mut Shared<E, PLACES>) -> Option<R>) -> R {
        poll_fn(|context| {
            let Ok(mut shared) = self.shared.try_borrow_mut() else {
                context.waker().wake_by_ref();
                return Poll::Pending;
            };
            shared.attend(context.waker());
            ready(&mut shared).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Wakes the engine when it wants to be woken.
    async fn keep_time(&self) -> Infallible {
        loop {
            let deadline = self.attention(|shared| {
                shared.deadline = shared.engine.poll_timeout();
                Some(shared.deadline)
            });
            let deadline = deadline.await;
            let changed = self.attention(|shared| (shared.engine.poll_timeout() != deadline).then_some(()));
            match deadline {
                None => changed.await,
                Some(at) if at <= self.timer.now() => {
                    self.input(E::handle_timeout);
                    // An engine that is late over and over must not keep the others from their turn.
                    yield_now().await;
                }
                Some(at) => {
                    select(changed, self.timer.sleep_until(at)).await;
                }
            }
        }
    }
}

impl<T: Timer, const PLACES: usize, const BUFFER: usize> Driver<Producer<'_>, T, PLACES, BUFFER> {
    /// Waits for the outcome of a send, and takes it.
    ///
    /// # Errors
    /// Why the send failed, finally.
    pub async fn sent(&self, id: SendId) -> Result<SendResult, SendError> {
        self.until(|producer, _| match producer.poll_send(id) {
            Ok(result) => Some(Ok(result)),
            Err(nb::Error::Other(error)) => Some(Err(error)),
            Err(nb::Error::WouldBlock) => None,
        })
        .await
    }
}

impl<E, T, const PLACES: usize, const BUFFER: usize> fmt::Debug for Driver<E, T, PLACES, BUFFER> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("places", &PLACES).field("buffer", &BUFFER).finish_non_exhaustive()
    }
}
