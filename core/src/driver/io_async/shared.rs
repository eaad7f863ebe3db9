//! What the futures of an async driver share: the engine, who serves which connection, and who is to be woken.

use core::task::Waker;
use core::time::Duration;

use heapless::Vec;

use crate::driver::line::LineState;
use crate::engine::{Address, ConnectionId, ConnectionRequest};
use crate::{Engine, Instant};

/// The engine and its connections. Borrowed for one step at a time, never while something is waited for.
#[derive(Debug)]
pub(super) struct Shared<E, const PLACES: usize> {
    pub(super) engine: E,
    pub(super) places: [Place; PLACES],
    /// The last address that no place stands for.
    pub(super) refused: Option<Address>,
    /// Counted up whenever the engine may have room for bytes again that it did not take before.
    pub(super) inputs: u32,
    /// When the runner wakes the engine.
    pub(super) deadline: Option<Instant>,
    /// Whether it is known what the places stand for; the engine is not asked before.
    is_mapped: bool,
    runner: Option<Waker>,
    waiting: Vec<Waker, WAITING>,
}

/// Tasks that can wait at the same time without being woken for nothing; see `Driver::until`.
const WAITING: usize = 8;

/// A connection of the driver.
#[derive(Debug)]
pub(super) struct Place {
    /// The only address it may be connected to; otherwise any, which is then `address`.
    pub(super) only: Option<Address>,
    pub(super) quiet: Duration,
    pub(super) line: LineState,
    /// Where the connection that is wanted or open leads to.
    pub(super) address: Option<Address>,
    /// Whether the engine may have bytes to send.
    pub(super) transmits: bool,
    /// Whether bytes of a connection, be it over by now, are still being written to a line.
    pub(super) is_writing: bool,
}

impl Place {
    const VACANT: Self = Self {
        only: None,
        quiet: Duration::ZERO,
        line: LineState::NEW,
        address: None,
        transmits: false,
        is_writing: false,
    };
}

impl<E, const PLACES: usize> Shared<E, PLACES> {
    pub(super) const fn new(engine: E) -> Self {
        Self {
            engine,
            places: [Place::VACANT; PLACES],
            refused: None,
            inputs: 0,
            deadline: None,
            is_mapped: false,
            runner: None,
            waiting: Vec::new(),
        }
    }

    pub(super) fn wake_runner(&self) {
        if let Some(runner) = &self.runner {
            runner.wake_by_ref();
        }
    }

    /// The task that runs the driver is woken by this.
    pub(super) fn attend(&mut self, waker: &Waker) {
        if !self.runner.as_ref().is_some_and(|runner| runner.will_wake(waker)) {
            self.runner = Some(waker.clone());
        }
    }

    /// Has the task woken by the next input.
    pub(super) fn wait(&mut self, waker: &Waker) {
        if self.waiting.iter().any(|waiting| waiting.will_wake(waker)) {
            return;
        }
        if let Err(waker) = self.waiting.push(waker.clone()) {
            // Those that still wait come back, and one of them finds this one's place taken: slow, but nobody is forgotten.
            self.wake_waiting();
            waker.wake();
        }
    }

    pub(super) fn wake_waiting(&mut self) {
        for waker in core::mem::take(&mut self.waiting) {
            waker.wake();
        }
    }

    /// Whether the place stands for the connection.
    pub(super) fn serves(&self, place: usize, connection: ConnectionId) -> bool {
        self.places.get(place).is_some_and(|place| place.line.current() == Some(connection))
    }

    /// Takes the connection off its place. Returns whether it was there.
    pub(super) fn end(&mut self, now: Instant, place: usize, connection: ConnectionId) -> bool {
        self.places.get_mut(place).is_some_and(|place| place.line.end(now, connection))
    }
}

impl<E: Engine, const PLACES: usize> Shared<E, PLACES> {
    /// The engine had an input, or gave bytes away: it may want something, and may have room again.
    pub(super) fn changed(&mut self, now: Instant) {
        self.drain(now);
        self.inputs = self.inputs.wrapping_add(1);
        self.wake_runner();
        self.wake_waiting();
    }

    /// Notes what the engine asks for until nothing is left. Returns whether there was anything.
    pub(super) fn drain(&mut self, now: Instant) -> bool {
        let mut has_asked = false;
        while self.is_mapped
            && let Some(request) = self.engine.poll_connection()
        {
            has_asked = true;
            match request {
                ConnectionRequest::Open { connection, address } => self.open(now, connection, address),
                ConnectionRequest::Transmit { connection } => {
                    for place in self.places.iter_mut().filter(|p| p.line.current() == Some(connection)) {
                        place.transmits = true;
                    }
                }
                ConnectionRequest::Close { connection } => {
                    for place in &mut self.places {
                        place.line.end(now, connection);
                    }
                }
            }
        }
        has_asked
    }

    fn open(&mut self, now: Instant, connection: ConnectionId, address: Address) {
        let fixed = self.places.iter().any(|place| place.only.is_some());
        let will_do = |place: &&mut Place| match &place.only {
            Some(only) => *only == address,
            None => !fixed && place.line.is_vacant(),
        };
        let Some(place) = self.places.iter_mut().find(will_do) else {
            self.refused = Some(address).filter(|_| fixed).or(self.refused.take());
            return self.refuse(now, connection);
        };
        if place.line.want(connection) {
            place.address = Some(address);
        } else {
            self.refuse(now, connection);
        }
    }

    /// The connection cannot be opened.
    fn refuse(&mut self, now: Instant, connection: ConnectionId) {
        self.engine.handle_closed(now, connection);
        self.wake_waiting();
    }

    /// Begins to run: each place stands for what `map` makes of it. The connections of an earlier run went with the future
    /// that held them; those that nobody has tried to open yet are opened now, if they still can be.
    pub(super) fn start(&mut self, now: Instant, mut map: impl FnMut(usize, &mut Place)) {
        for index in 0..PLACES {
            let Some(place) = self.places.get_mut(index) else { continue };
            let lost = place.line.abandon(now);
            map(index, place);
            let leads_elsewhere = |only: &Address| place.address.as_ref() != Some(only);
            let refused = place.line.refuse_if(place.only.as_ref().is_some_and(leads_elsewhere));
            place.transmits = false;
            place.is_writing = false;
            for connection in lost.into_iter().chain(refused) {
                self.engine.handle_closed(now, connection);
            }
        }
        self.is_mapped = true;
        self.changed(now);
    }

    /// Opens the connection that the place is wanted for, when it is time, and says where it leads.
    pub(super) fn take_wanted(&mut self, now: Instant, place: usize) -> Option<(ConnectionId, Address)> {
        let place = self.places.get_mut(place)?;
        let quiet = place.quiet;
        let connection = place.line.open(now, quiet)?;
        place.transmits = false;
        Some((connection, place.address.clone()?))
    }
}
