//! From what is on the disk to a broker: the newest checkpoint, and then the records that were stored after it.
//!
//! What was written before a crash is in the log up to some place; nothing else says where that is. A record counts if its
//! seal is right and it names its own offset, and if no earlier start of the broker wrote it than the record before it.

mod bounds;
mod replay;
mod tables;

use core::fmt;
use core::ops::Range;

use rocketlite_core::WallClock;

pub(crate) use self::bounds::Bounds;
pub(crate) use self::tables::Records;
use super::storage::{FlushPolicy, Mark, Storage};
use super::{Broker, State};
use crate::config::{BrokerConfig, ConfigError};
use crate::event::BrokerEvent;
use crate::log::{CommitLog, INDEX_CHUNK_BYTES, Seal};
use crate::memory::BrokerMemory;

/// What a driver has read from its files. The log is in [`BrokerMemory::log`], the index of the checkpoint's image in
/// [`BrokerMemory::index`].
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "a driver fills it")]
pub struct Saved<'a> {
    /// When sends are answered from now on.
    pub flush: FlushPolicy,
    /// The physical offset that stands at the beginning of the log.
    pub base: u64,
    /// The newest mark, if there is one.
    pub mark: Option<Mark>,
    /// The newest checkpoint that can be read, and its number.
    pub checkpoint: Option<(u64, &'a [u8])>,
}

impl Saved<'_> {
    /// How many bytes of the index the checkpoint speaks of, from the first on; `None` if it cannot be read. More need not be
    /// in [`BrokerMemory::index`].
    pub fn index_bytes(checkpoint: &[u8]) -> Option<usize> {
        let (version, _) = postcard::take_from_bytes::<u16>(checkpoint).ok()?;
        if version != super::checkpoint::VERSION {
            return None;
        }
        let (head, _) = postcard::take_from_bytes::<super::checkpoint::Head>(checkpoint).ok()?;
        head.pool.unused.checked_mul(INDEX_CHUNK_BYTES)
    }
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Recovery {
    /// Records that no checkpoint knew.
    pub records: u64,
    /// Bytes of the log that were looked at for them.
    pub bytes: u64,
    /// Places of the log that hold no whole record although one was flushed there.
    pub damaged: u32,
    /// Whether the index was made anew from the whole log, because none was saved for this one or it was damaged.
    pub index_rebuilt: bool,
    /// Where the oldest record stands.
    pub min_offset: u64,
    /// Where the newest record ends.
    pub max_offset: u64,
}

/// Why there is no broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RecoverError {
    /// A setting cannot be used.
    Config(ConfigError),
    /// The checkpoint is one of another release.
    Version {
        /// The version of its format; this one is 1.
        version: u16,
    },
    /// The checkpoint says something that cannot be.
    Checkpoint,
    /// The mark says something that cannot be.
    Mark,
    /// There is more of it on the disk than this limit allows.
    NoRoom(&'static str),
}

impl fmt::Display for RecoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Version { version } => {
                write!(
                    f,
                    "the checkpoint has format {version}, this release reads {}",
                    super::checkpoint::VERSION
                )
            }
            Self::Checkpoint => f.write_str("the checkpoint says something that cannot be"),
            Self::Mark => f.write_str("the mark of the log says something that cannot be"),
            Self::NoRoom(setting) => write!(f, "{setting} is too small for what is saved"),
        }
    }
}

impl core::error::Error for RecoverError {}

impl From<ConfigError> for RecoverError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl<'m> Broker<'m> {
    /// A broker with the messages that are in its log, and everything else as the checkpoint says; an empty one if nothing
    /// is saved. The driver writes ([`Broker::poll_write`]) and flushes ([`Broker::poll_flush`]) before anybody is
    /// served.
    ///
    /// # Errors
    /// A setting that cannot be used, or one that has no room for what is saved.
    pub fn recover(
        config: BrokerConfig<'m>,
        memory: BrokerMemory<'m>,
        saved: Saved<'_>,
        clock: WallClock,
        seed: u64,
    ) -> Result<(Self, Recovery), RecoverError> {
        config.check_storage(&memory)?;
        let (receiver, mut memory) = Self::receiver(&config, memory)?;
        let log = core::mem::take(&mut memory.log);
        let when_full = config.when_full;
        let mark = saved.newest_mark();
        let seal = Seal { crc32: config.crc32, start: mark.start };
        let log = CommitLog::sealed(log, when_full, seal, saved.base, mark.min_offset..mark.min_offset);
        let mut state = State::new(config, memory, log, clock, seed)?;
        let recovery = state.recover(mark, &saved)?;
        Ok((Self { receiver, state }, recovery))
    }
}

impl State<'_> {
    fn recover(&mut self, mark: Mark, saved: &Saved<'_>) -> Result<Recovery, RecoverError> {
        let checkpoint = saved.checkpoint.map(|(_, bytes)| self.restore_tables(bytes)).transpose()?;
        let head = checkpoint.as_ref();
        let index_is_sound = self.topics.restore_index(head.map(|head| head.pool), self.config.crc32);
        self.create_built_in_topics();
        let Bounds { min, known } = Bounds::new(&mark, head, saved.base, self.log.capacity())?;
        let from = if index_is_sound { known.checkpointed } else { min };
        self.log.adopt(min..from);
        let mut recovery = Recovery { index_rebuilt: !index_is_sound, ..Recovery::default() };
        if !index_is_sound {
            self.topics.forget_index();
        }
        let newest = self.replay(from, known, &mut recovery)?;
        if let Some((_, bytes)) = saved.checkpoint.filter(|_| !index_is_sound) {
            self.restore_ends(bytes)?;
        }
        self.topics.cut_before(self.log.min_offset());
        self.keys_behind = Some(head.map_or(min, |head| head.keys_from));
        self.recount_delays();
        self.clamp_offsets();
        let start = mark.start.max(newest).saturating_add(1);
        self.log.set_start(start);
        let end = self.log.max_offset();
        let flushed = mark.flushed.min(end);
        let mark = Mark { start, flushed, min_offset: self.log.min_offset(), ..mark };
        let sequence = saved.checkpoint.map_or(0, |(sequence, _)| sequence);
        let checkpoints = super::checkpoint::Checkpoints::new(sequence, known.checkpointed);
        recovery.index_rebuilt &= head.is_some() || recovery.records > 0;
        self.storage = Some(Storage::new(saved.flush, mark, checkpoints));
        self.note_change();
        (recovery.min_offset, recovery.max_offset) = (self.log.min_offset(), end);
        Ok(recovery)
    }

    /// Reports bytes of the log that are no whole record.
    pub(super) fn report_damage(&mut self, damaged: &Range<u64>) {
        let bytes = damaged.end.saturating_sub(damaged.start);
        self.counters.damaged_records = self.counters.damaged_records.saturating_add(1);
        self.events.push(BrokerEvent::Damaged { physical_offset: damaged.start, bytes });
    }
}
