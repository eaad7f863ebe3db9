//! A byte stream that stands for the connection to one address.

use core::time::Duration;

use crate::Instant;
use crate::engine::{Address, ConnectionId};

/// A byte stream and the address it stands for; see the [module](super#lines).
///
/// `S` is the stream: one that reads and writes for [`io`](super#lines), a pair of a reader and a writer for `io_async`.
#[derive(Debug)]
pub struct Line<S> {
    pub(super) address: Address,
    pub(super) stream: S,
    pub(super) quiet: Duration,
    pub(super) rested: bool,
}

impl<S> Line<S> {
    /// A line to `address` whose other end always knows where a connection begins, so that it never has to rest: a
    /// modem in transparent mode, a pipe of a test.
    pub const fn new(address: Address, stream: S) -> Self {
        Self { address, stream, quiet: Duration::ZERO, rested: false }
    }

    /// How long nothing must have arrived before a connection is opened: longer than the silence after which the
    /// bridge ends its own connection, shorter than the engine's time to connect.
    #[must_use]
    pub const fn with_quiet(mut self, quiet: Duration) -> Self {
        self.quiet = quiet;
        self
    }

    /// The line is known to have been silent for long enough, because the device slept: its first connection is opened at
    /// once.
    #[must_use]
    pub const fn rested(mut self) -> Self {
        self.rested = true;
        self
    }

    /// The stream, for what only it can do.
    pub const fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }
}

/// How a line comes from one connection to the next.
#[derive(Debug)]
pub(super) struct LineState {
    current: Option<ConnectionId>,
    /// What the engine wants opened: when the line is quiet, and free of the connection before.
    wanted: Option<ConnectionId>,
    /// Since when nothing has arrived.
    quiet_since: Option<Instant>,
    /// Whether it needs no rest before its next connection.
    rested: bool,
}

impl LineState {
    /// A line nobody has looked at yet.
    pub(super) const NEW: Self = Self { current: None, wanted: None, quiet_since: None, rested: false };

    /// Takes note of whether it needs no rest before its first connection.
    pub(super) const fn start(&mut self, rested: bool) {
        self.rested = rested;
    }

    /// The connection that the line stands for.
    pub(super) const fn current(&self) -> Option<ConnectionId> {
        self.current
    }

    /// Takes note that the engine wants a connection. False if another one waits already.
    pub(super) fn want(&mut self, connection: ConnectionId) -> bool {
        let free = self.wanted.is_none();
        self.wanted = self.wanted.or(Some(connection));
        free
    }

    /// Takes note that the engine closed a connection, or that it was lost. Returns whether the line stood for it.
    pub(super) fn end(&mut self, now: Instant, connection: ConnectionId) -> bool {
        self.wanted = self.wanted.filter(|wanted| *wanted != connection);
        if self.current != Some(connection) {
            return false;
        }
        self.current = None;
        self.disturbed(now);
        true
    }

    /// Something arrived while the line rests, or was written too late.
    pub(super) const fn disturbed(&mut self, now: Instant) {
        self.quiet_since = Some(now);
        self.rested = false;
    }

    /// When the connection that is wanted can be opened, unless something arrives. The first question starts the rest.
    pub(super) fn opens_at(&mut self, now: Instant, quiet: Duration) -> Option<Instant> {
        let since = *self.quiet_since.get_or_insert(now);
        let at = if self.rested { now } else { since.after(quiet) };
        self.wanted.filter(|_| self.current.is_none()).map(|_| at)
    }

    /// The connection that is open from now on, if it is time.
    pub(super) fn open(&mut self, now: Instant, quiet: Duration) -> Option<ConnectionId> {
        self.opens_at(now, quiet).filter(|at| now >= *at)?;
        self.current = self.wanted.take();
        self.current
    }

    /// Whether it stands for no connection, and none waits.
    #[cfg(feature = "embedded-io-async")]
    pub(super) const fn is_vacant(&self) -> bool {
        self.current.is_none() && self.wanted.is_none()
    }

    /// Gives up the connection that is open, for a driver that starts anew.
    #[cfg(feature = "embedded-io-async")]
    pub(super) const fn abandon(&mut self, now: Instant) -> Option<ConnectionId> {
        self.disturbed(now);
        self.current.take()
    }

    /// Gives up the connection that is wanted, if `refuse`.
    #[cfg(feature = "embedded-io-async")]
    pub(super) fn refuse_if(&mut self, refuse: bool) -> Option<ConnectionId> {
        self.wanted.take_if(|_| refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_millis(100);

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn id(generation: u16) -> ConnectionId {
        ConnectionId::new(0, generation)
    }

    #[test]
    fn a_line_rests_before_each_connection() {
        let mut line = LineState::NEW;
        assert_eq!(line.opens_at(at(5), QUIET), None);
        assert!(line.want(id(1)));
        assert_eq!((line.opens_at(at(6), QUIET), line.open(at(6), QUIET)), (Some(at(105)), None));
        line.disturbed(at(50));
        assert_eq!(line.open(at(149), QUIET), None);
        assert_eq!(line.open(at(150), QUIET), Some(id(1)));
        assert_eq!((line.current(), line.open(at(999), QUIET)), (Some(id(1)), None));
        assert!(line.end(at(1_000), id(1)) && !line.end(at(1_000), id(1)));
        assert!(line.want(id(2)));
        assert_eq!((line.open(at(1_099), QUIET), line.open(at(1_100), QUIET)), (None, Some(id(2))));
    }

    #[test]
    fn a_line_that_has_rested_opens_at_once_the_first_time() {
        let mut line = LineState::NEW;
        line.start(true);
        assert!(line.want(id(1)));
        assert_eq!(line.open(at(0), QUIET), Some(id(1)));
        assert!(line.end(at(1), id(1)) && line.want(id(2)));
        assert_eq!((line.open(at(100), QUIET), line.open(at(101), QUIET)), (None, Some(id(2))));
        let mut line = LineState::NEW;
        line.start(true);
        line.disturbed(at(0));
        assert!(line.want(id(1)));
        assert_eq!(line.open(at(0), QUIET), None, "it was not silent after all");
    }

    #[test]
    fn the_next_connection_waits_for_the_end_of_the_one_before() {
        let mut line = LineState::NEW;
        assert!(line.want(id(1)));
        assert_eq!(line.open(at(0), Duration::ZERO), Some(id(1)));
        assert!(line.want(id(2)));
        assert!(!line.want(id(3)), "one may wait");
        assert_eq!(line.open(at(1), Duration::ZERO), None);
        assert!(line.end(at(2), id(1)));
        assert_eq!(line.open(at(2), Duration::ZERO), Some(id(2)));
        assert_eq!(line.current(), Some(id(2)));
    }

    #[test]
    fn what_is_not_wanted_any_more_is_not_opened() {
        let mut line = LineState::NEW;
        assert!(line.want(id(1)));
        assert!(!line.end(at(0), id(1)));
        assert_eq!(line.open(at(1_000), QUIET), None);
    }
}
