//! Routes and counters that outlive a restart, so that a device that wakes up sends at once.
//!
//! [`Producer::save`] writes what is known into bytes that the caller keeps (flash, RAM that keeps its content, a file),
//! [`Producer::restore`] takes them over. The first send then goes to a broker without asking a name server first. If the
//! broker says that it does not have the topic or that it may not be written, cannot be reached, or hangs up, the name
//! server is asked after all, and the same send goes on with the answer; that attempt is not counted. A name server that
//! cannot be reached either changes nothing: the send goes on with the brokers it knows. Routes are asked for as always once
//! `poll_name_server_interval` has passed.
//!
//! # Ids
//! A device whose clock starts in 1970 at each start would give its messages the ids of the start before: an id is made of
//! the sender's address, process number and a constant of its own, the milliseconds since the month began, and a counter. So
//! each start has a number, which [`Producer::restore`] counts up and which is added to that constant
//! ([`ProducerConfig::loader_hash`]). It only works if the new number is kept before the first message leaves:
//!
//! ```
//! # use rocketlite_core::producer::warm_start::{RestoreError, SaveError};
//! # use rocketlite_core::{Instant, Producer};
//! # trait Flash { fn read(&self) -> &[u8]; fn write(&mut self, bytes: &[u8]); fn random(&mut self) -> u32; }
//! # fn start(producer: &mut Producer<'_>, flash: &mut impl Flash, now: Instant) -> Result<(), SaveError> {
//! // At each start, before the first send:
//! match producer.restore(now, flash.read()) {
//!     Ok(_) => {}
//!     // The number of this start is lost: take one that is surely new, or as good as that.
//!     Err(RestoreError::Damaged | RestoreError::OtherVersion { .. }) => producer.set_start_number(flash.random()),
//!     // The first start ever; or routes that are of no use, with a number that is.
//!     Err(_) => {}
//! }
//! let mut bytes = [0; 1024];
//! let length = producer.save(&mut bytes)?;
//! flash.write(&bytes[..length]);
//! # Ok(())
//! # }
//! ```
//!
//! and once more before the device sleeps, if the routes are to be fresh. That is one write to flash for each start; with a
//! source of randomness it can be left out: 32 random bits in `loader_hash`, new at each start, do as well. The same holds for
//! a boot counter that the device has anyway.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::{Phase, Producer, ProducerConfig, ProducerLimits, State};
use crate::message::whole_crc32;
use crate::route::{RecordReader, RecordWriter, Unfit, max_saved_bytes};
use crate::send::SendState;
use crate::send::decision::{AttemptOutcome, Fault};
use crate::wire::code::ResponseCode;
use crate::{Instant, Rng, SlotId};

/// The mark that a saved state begins with.
const MARK: [u8; 4] = *b"RLPS";

/// Of what follows the mark. Another one is not read.
const VERSION: u8 = 1;

/// Mark, version and the length of the records.
const HEAD_BYTES: usize = MARK.len() + 1 + LENGTH_BYTES;
const LENGTH_BYTES: usize = 4;
const CRC_BYTES: usize = 4;

/// The first record.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Counters {
    /// Which name servers and namespaces the routes come from.
    origin: u32,
    start_number: u32,
    /// Of message ids.
    ids: u16,
    /// Of requests.
    requests: u16,
}

/// Most bytes of [`Counters`].
const COUNTERS_BYTES: usize = 5 + 5 + 3 + 3;

/// What was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Restored {
    /// Topics that can be sent to at once.
    pub topics: usize,
    /// The number of this start.
    pub start_number: u32,
}

/// Why nothing was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SaveError {
    /// What is known does not fit. [`ProducerLimits::max_saved_bytes`] always does.
    BufferTooSmall,
}

/// Why routes were not taken over. None of them was; the producer is as it was, but for the number of its start where that
/// says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RestoreError {
    /// The bytes do not begin with the mark: nothing was ever saved there, or it was erased.
    Nothing,
    /// They were saved by another release.
    OtherVersion {
        /// The version of that format; this one is 1.
        version: u8,
    },
    /// They are cut off, or some of them have changed.
    Damaged,
    /// The routes come from other name servers, or are those of another namespace. The start has its number.
    OtherOrigin,
    /// There are more of these than the producer has memory for. The start has its number.
    TooLarge {
        /// The limit, by its name in [`ProducerLimits`].
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The producer has been used already; it has to be restored first.
    InUse,
}

impl Producer<'_> {
    /// Writes routes and counters to the front of `buffer` and returns how many bytes; see the
    /// [module](self). What follows them does not matter to [`Self::restore`].
    ///
    /// # Errors
    /// If they do not fit; what is in the buffer then is of no use.
    pub fn save(&self, buffer: &mut [u8]) -> Result<usize, SaveError> {
        self.state.save(buffer).ok_or(SaveError::BufferTooSmall)
    }

    /// Takes over routes and counters that an earlier start saved, and gives this start the next number. The producer must be
    /// new. All routes are taken over, or none.
    ///
    /// # Errors
    /// Why the routes are of no use. The producer then asks for its routes, as one does that is not restored.
    pub fn restore(&mut self, now: Instant, saved: &[u8]) -> Result<Restored, RestoreError> {
        self.state.restore(now, saved)
    }

    /// Gives this start a number that no other start of this device has, to make the ids of its messages differ from theirs:
    /// a boot counter, or 32 random bits. [`Self::restore`] sets one too.
    pub const fn set_start_number(&mut self, number: u32) {
        self.state.start_number = number;
        self.state.ids.loader = self.state.config.loader_hash.wrapping_add(number);
    }

    /// The number of this start; 0 if nothing has set it.
    pub const fn start_number(&self) -> u32 {
        self.state.start_number
    }
}

impl ProducerLimits {
    /// Most bytes that [`Producer::save`] writes for a producer of these limits. What it does write is less for names of usual
    /// length: about 110 bytes for a topic on two brokers.
    pub const fn max_saved_bytes(self) -> usize {
        let frame = HEAD_BYTES.saturating_add(COUNTERS_BYTES).saturating_add(CRC_BYTES);
        max_saved_bytes(self.brokers, self.topics, self.queues).saturating_add(frame)
    }
}

impl State<'_> {
    fn save(&self, buffer: &mut [u8]) -> Option<usize> {
        let (head, records) = buffer.split_at_mut_checked(HEAD_BYTES)?;
        let mut writer = RecordWriter::new(records);
        writer.put(&Counters {
            origin: origin(&self.config),
            start_number: self.start_number,
            ids: self.ids.counter,
            requests: self.sequence,
        })?;
        self.routes.save(&mut writer)?;
        let length = writer.filled();
        let (mark, rest) = head.split_at_mut_checked(MARK.len())?;
        mark.copy_from_slice(&MARK);
        let (version, length_bytes) = rest.split_first_mut()?;
        *version = VERSION;
        length_bytes.copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
        let end = HEAD_BYTES.saturating_add(length);
        let crc = whole_crc32(buffer.get(..end)?);
        let crc_end = end.saturating_add(CRC_BYTES);
        buffer.get_mut(end..crc_end)?.copy_from_slice(&crc.to_le_bytes());
        Some(crc_end)
    }

    fn restore(&mut self, now: Instant, saved: &[u8]) -> Result<Restored, RestoreError> {
        // The tables were never used if no request was ever made.
        let is_new = self.routes.is_empty() && self.sends.is_empty() && self.sequence == 0;
        if !is_new || self.phase != Phase::Running {
            return Err(RestoreError::InUse);
        }
        let mut records = RecordReader::new(unwrapped(saved)?);
        let counters: Counters = records.take().map_err(|_| RestoreError::Damaged)?;
        let refresh = now.after(self.config.poll_name_server_interval);
        let unfit = |unfit| match unfit {
            Unfit::Unreadable => RestoreError::Damaged,
            Unfit::TooMany { what, limit } => RestoreError::TooLarge { what, limit },
        };
        let fits = self.routes.restore(now, refresh, records, false).map_err(unfit);
        if fits == Err(RestoreError::Damaged) {
            return Err(RestoreError::Damaged);
        }
        self.start_number = counters.start_number.wrapping_add(1);
        self.ids.loader = self.config.loader_hash.wrapping_add(self.start_number);
        self.ids.counter = counters.ids;
        fits?;
        if counters.origin != origin(&self.config) {
            return Err(RestoreError::OtherOrigin);
        }
        let counts = self.routes.restore(now, refresh, records, true).map_err(unfit)?;
        self.sequence = counters.requests & 0x7fff;
        self.arm(refresh);
        Ok(Restored { topics: counts.topics.into(), start_number: self.start_number })
    }

    /// Asks the name server after an attempt on a route of an earlier start has failed in a way that a change of the route
    /// explains. Returns whether the send waits for the answer, with one more attempt; it does so once.
    pub(super) fn asks_for_route(&mut self, now: Instant, id: SlotId, outcome: AttemptOutcome) -> bool {
        let Some(send) = self.sends.get_mut(id) else { return false };
        let topic = send.topic;
        let is_restored = self.routes.topics.get(topic).is_some_and(|topic| topic.restored);
        if !is_restored || !may_be_of_an_old_route(outcome) {
            return false;
        }
        let waits = !send.has_asked_for_route && now.since(send.first) < send.timeout;
        if waits {
            send.has_asked_for_route = true;
            send.attempts_total = send.attempts_total.saturating_add(1);
            send.state = SendState::Route;
        }
        self.look_up(now, topic);
        waits
    }
}

/// Whether another broker, or another address of the same one, may be the cure.
const fn may_be_of_an_old_route(outcome: AttemptOutcome) -> bool {
    match outcome {
        AttemptOutcome::NoBrokerAddress
        | AttemptOutcome::Unanswered(Fault::Connect | Fault::Disconnected | Fault::TimedOut) => true,
        AttemptOutcome::Refused(code) => {
            matches!(code, ResponseCode::TOPIC_NOT_EXIST | ResponseCode::NO_PERMISSION)
        }
        _ => false,
    }
}

/// The records of a saved state that is whole.
fn unwrapped(saved: &[u8]) -> Result<&[u8], RestoreError> {
    let rest = saved.strip_prefix(&MARK).ok_or(RestoreError::Nothing)?;
    let (&version, rest) = rest.split_first().ok_or(RestoreError::Damaged)?;
    if version != VERSION {
        return Err(RestoreError::OtherVersion { version });
    }
    let (length, rest) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or(RestoreError::Damaged)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| RestoreError::Damaged)?;
    let (records, rest) = rest.split_at_checked(length).ok_or(RestoreError::Damaged)?;
    let crc = rest.first_chunk::<CRC_BYTES>().ok_or(RestoreError::Damaged)?;
    let covered = saved.get(..HEAD_BYTES.saturating_add(length)).ok_or(RestoreError::Damaged)?;
    if whole_crc32(covered) == u32::from_le_bytes(*crc) { Ok(records) } else { Err(RestoreError::Damaged) }
}

/// Tells clusters apart: by the name servers, in whatever order, and the namespaces.
fn origin(config: &ProducerConfig<'_>) -> u32 {
    let texts = config.name_servers.iter().map(|address| (0, address.as_str()));
    let texts = texts.chain(config.namespace.map(|text| (1, text)));
    let texts = texts.chain(config.namespace_v2.map(|text| (2, text)));
    let spread = |(kind, text): (u64, &str)| {
        let mixed = Rng::new(kind << 32 | u64::from(whole_crc32(text.as_bytes()))).next_u64();
        let [a, b, c, d, ..] = mixed.to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    };
    texts.map(spread).fold(0, u32::wrapping_add)
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall => f.write_str("the buffer is too small for the state of the producer"),
        }
    }
}

impl core::error::Error for SaveError {}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("there is no saved state"),
            Self::OtherVersion { version } => {
                write!(f, "the saved state has version {version}, only {VERSION} can be read")
            }
            Self::Damaged => f.write_str("the saved state is damaged"),
            Self::OtherOrigin => f.write_str("the saved routes come from other name servers or namespaces"),
            Self::TooLarge { what, limit } => {
                write!(f, "the saved state has more {what} than there is memory for, {limit}")
            }
            Self::InUse => f.write_str("the producer has been used already"),
        }
    }
}

impl core::error::Error for RestoreError {}
