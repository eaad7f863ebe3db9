//! A saved log from its beginning on: which bytes are records, which are damaged, and where it ends.

use core::fmt;
use core::ops::Range;

use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::DecodeError;

use super::commit_log::{CommitLog, to_u64};

/// What is known of a saved log beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// Up to here everything was durable, so what is no record there is damage; behind it the log ends there.
    pub(crate) durable: u64,
    /// Where the log ended when the checkpoint was made.
    pub(crate) checkpointed: u64,
    /// The start of the broker that made the checkpoint. No earlier one wrote anything behind that end.
    pub(crate) start: u32,
}

/// Goes through a saved log, record after record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk {
    next: u64,
    end: u64,
    /// The newest start of the broker that wrote any record so far.
    start: u32,
    known: Known,
}

/// What comes next in a saved log.
#[derive(Debug)]
pub(crate) enum Step<'l> {
    /// A whole record.
    Record(SavedRecord<'l>),
    /// Bytes that are no record although one was durable there.
    Damaged(Range<u64>),
    /// Nothing: what stands there is of an earlier lap, or was never durable.
    End,
}

/// A record of a saved log whose seal is right.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SavedRecord<'l> {
    /// Its physical offset.
    pub at: u64,
    /// The record, whose body may still differ from the sum that its sender gave.
    pub message: StoredMessage<'l>,
    /// Bytes of the record.
    pub size: usize,
    /// Where its seal ends, and the next record or blank stands.
    pub end: u64,
    /// The start of the broker that wrote it, counted from 1.
    pub start: u32,
}

impl Walk {
    pub(crate) const fn new(from: u64, known: Known) -> Self {
        Self { next: from, end: from, start: 0, known }
    }

    /// Where the log ends, as far as it was gone through.
    pub(crate) const fn end(&self) -> u64 {
        self.end
    }

    /// Where it goes on.
    pub(crate) const fn position(&self) -> u64 {
        self.next
    }

    /// The newest start of the broker that wrote any of it.
    pub(crate) const fn start(&self) -> u32 {
        self.start
    }

    /// What comes next.
    pub(crate) fn step<'l>(&mut self, log: &'l CommitLog<'_>) -> Step<'l> {
        loop {
            let at = self.next;
            if at >= self.known.checkpointed {
                self.start = self.start.max(self.known.start);
            }
            // Whatever an earlier lap has left there ends it.
            if let Some((message, size, start)) = log.sealed_at(at).filter(|(.., by)| *by >= self.start) {
                let end = at.saturating_add(to_u64(log.span(size)));
                (self.next, self.end, self.start) = (end, end, start);
                return Step::Record(SavedRecord { at, message, size, end, start });
            }
            // A blank is one of the present lap only if something stands behind it.
            let behind = log.behind_blank(at).filter(|behind| {
                *behind < self.known.durable
                    || log.sealed_at(*behind).is_some_and(|(.., by)| by >= self.start)
            });
            if let Some(behind) = behind {
                self.next = behind;
                continue;
            }
            if at >= self.known.durable {
                return Step::End;
            }
            let sound = log.next_sound(at, self.known.durable);
            (self.next, self.end) = (sound, sound);
            return Step::Damaged(at..sound);
        }
    }
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RecordFault {
    /// They do not begin as a record does.
    Magic,
    /// A field cannot be what it is.
    Layout(DecodeError),
    /// The record says that it stands elsewhere: one of an earlier lap does.
    OtherOffset(i64),
    /// The seal behind it is cut off by the end of the ring.
    NoSeal,
    /// Record and seal do not agree.
    Seal,
    /// An earlier start of the broker wrote it than what stands before it: it was cut off by a recovery.
    EarlierStart(u32),
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("no record begins there"),
            Self::Layout(error) => write!(f, "no record can be so: {error}"),
            Self::OtherOffset(offset) => write!(f, "the record there says that it stands at {offset}"),
            Self::NoSeal => f.write_str("the record there leaves no room for its seal"),
            Self::Seal => f.write_str("the record differs from what its seal says"),
            Self::EarlierStart(start) => {
                write!(
                    f,
                    "the record there is left from start {start} of the broker, which a recovery cut off"
                )
            }
        }
    }
}

impl core::error::Error for RecordFault {}
