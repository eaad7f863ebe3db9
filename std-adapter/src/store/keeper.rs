//! The conversation between a broker's engine and its files.
//!
//! What is written is written at once, by whoever drives the engine; it stands in the system's memory then. Waiting for the
//! disk is a [`Job`], which another thread does while the engine goes on: take it with the engine at hand, run it
//! without, and report it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rocketlite_broker::{Broker as Engine, FlushPolicy, INDEX_CHUNK_BYTES, Mark, Saved, StorageFailure};
use rocketlite_core::Instant;

use super::Store;
use super::checkpoint_file::{Checkpoint, CheckpointError, CheckpointFile};
use super::file::RawFile;
use super::index_file::IndexFile;
use super::log_file::LogFile;

/// The files of a broker that runs.
#[derive(Debug)]
pub struct Keeper<F, L = F> {
    log: LogFile<L>,
    index: IndexFile<F>,
    checkpoint: Mutex<CheckpointFile<F>>,
    /// Whether a sync of the log has failed. The system tells that once, and what was to be synced is lost: who asks next
    /// must not be told that all is well.
    log_failed: Mutex<bool>,
    /// Up to where the log's memory was given back.
    released: AtomicU64,
}

/// What the files say, for [`Engine::recover`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// When sends are to be answered.
    pub flush: FlushPolicy,
    /// The physical offset that stands at the beginning of the log.
    pub base: u64,
    /// How far the log was on the disk.
    pub mark: Option<Mark>,
    /// The newest checkpoint.
    pub checkpoint: Option<Checkpoint>,
}

impl Loaded {
    /// What files say that nobody works with.
    pub(super) fn offline<F: RawFile>(log: &LogFile<F>, checkpoint: Option<Checkpoint>) -> Self {
        Self { flush: FlushPolicy::Async, base: log.base(), mark: log.newest_mark(), checkpoint }
    }

    /// The same, as the engine takes it.
    pub fn saved(&self) -> Saved<'_> {
        Saved {
            flush: self.flush,
            base: self.base,
            mark: self.mark,
            checkpoint: self.checkpoint.as_ref().map(|newest| (newest.sequence, newest.content.as_slice())),
        }
    }
}

/// Something that takes the disk's time.
#[derive(Debug)]
pub struct Job(Work);

impl Job {
    /// Whether it is a flush, which sends wait for.
    pub const fn is_flush(&self) -> bool {
        matches!(self.0, Work::Flush(_))
    }
}

#[derive(Debug)]
enum Work {
    Flush(Mark),
    Checkpoint(Checkpoint),
    /// The index could not be written.
    Failed(io::Error),
}

/// Bytes of the log whose memory is given back in one call.
const RELEASED_AT_ONCE: u64 = 8 << 20;

/// Bytes of the index written at a time.
const PIECE_BYTES: usize = 64 * 1024;

impl<F: RawFile> From<Store<F>> for Keeper<F> {
    fn from(Store { log, index, checkpoint }: Store<F>) -> Self {
        Self::new(log, index, checkpoint)
    }
}

impl<F: RawFile, L: RawFile> Keeper<F, L> {
    /// Of these files.
    pub const fn new(log: LogFile<L>, index: IndexFile<F>, checkpoint: CheckpointFile<F>) -> Self {
        Self {
            log,
            index,
            checkpoint: Mutex::new(checkpoint),
            log_failed: Mutex::new(false),
            released: AtomicU64::new(0),
        }
    }

    /// Reads what is known beside the log, and fills `index` with the image of the newest checkpoint.
    ///
    /// # Errors
    /// What the disk says.
    pub fn load(&self, flush: FlushPolicy, index: &mut [u8]) -> io::Result<Loaded> {
        let newest = self.checkpoints().read_all()?.into_iter().next();
        let used = newest.as_ref().and_then(|newest| Saved::index_bytes(&newest.content));
        if let Some((newest, index)) = newest.as_ref().zip(used.and_then(|used| index.get_mut(..used))) {
            self.index.read(newest.sequence, index)?;
        }
        Ok(Loaded { flush, base: self.log.base(), mark: self.log.newest_mark(), checkpoint: newest })
    }

    /// Writes what the engine wants to have written, which has to be done before it is asked for bytes to transmit. If that
    /// fails, the engine knows.
    ///
    /// # Errors
    /// What the disk says, for the log of events.
    pub fn write(&self, engine: &mut Engine<'_>, now: Instant) -> io::Result<()> {
        while let Some(write) = engine.poll_write() {
            let end = write.end;
            match self.log.write(write.place as u64, write.bytes) {
                Ok(()) => engine.handle_written(now, end),
                Err(error) => {
                    engine.handle_storage_failed(now, StorageFailure::Write);
                    return Err(error);
                }
            }
        }
        self.release(engine)
    }

    /// Gives back memory of what was written, so that a log may be larger than memory.
    fn release(&self, engine: &mut Engine<'_>) -> io::Result<()> {
        let released = self.released.load(Ordering::Relaxed).max(engine.log().min_offset());
        if engine.log().max_offset().saturating_sub(released) < RELEASED_AT_ONCE {
            return Ok(());
        }
        let Some((bytes, end)) = engine.lend_written(released) else { return Ok(()) };
        self.log.release(bytes)?;
        self.released.store(end, Ordering::Relaxed);
        Ok(())
    }

    /// The next thing that takes the disk's time, if there is any. Everything has been [written](Self::write).
    pub fn take_job(&self, engine: &mut Engine<'_>) -> Option<Job> {
        if let Some(request) = engine.poll_flush() {
            return Some(Job(Work::Flush(request.mark)));
        }
        let sequence = engine.poll_checkpoint()?;
        let mut content = Vec::new();
        engine.write_checkpoint(&mut |part| content.extend_from_slice(part));
        let mut pieces =
            Pieces { index: &self.index, image: sequence, at: 0, bytes: Vec::new(), result: Ok(()) };
        engine.write_index(&mut |place, chunk| pieces.put(place, chunk));
        pieces.flush();
        Some(Job(match pieces.result {
            Ok(()) => Work::Checkpoint(Checkpoint { sequence, content }),
            Err(error) => Work::Failed(error),
        }))
    }

    /// Does it, and waits for the disk.
    ///
    /// # Errors
    /// What the disk says.
    pub fn run(&self, job: Job) -> Result<Done, Failed> {
        match job.0 {
            Work::Flush(mark) => {
                let flushed = self.sync_log(|log| log.flush(mark));
                flushed
                    .map(|()| Done::Flush)
                    .map_err(|error| Failed { failure: StorageFailure::Flush, error })
            }
            Work::Checkpoint(checkpoint) => {
                let saved = self.save(&checkpoint);
                saved
                    .map(|()| Done::Checkpoint)
                    .map_err(|error| Failed { failure: StorageFailure::Checkpoint, error })
            }
            Work::Failed(error) => Err(Failed { failure: StorageFailure::Checkpoint, error }),
        }
    }

    /// A checkpoint counts from when it is whole, so what it speaks of is durable before.
    fn save(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        self.sync_log(LogFile::sync)?;
        self.index.sync()?;
        self.checkpoints().write(checkpoint.sequence, &checkpoint.content).map_err(|error| match error {
            CheckpointError::Io(error) => error,
            other => io::Error::other(other),
        })
    }

    fn sync_log(&self, sync: impl FnOnce(&LogFile<L>) -> io::Result<()>) -> io::Result<()> {
        let mut failed = self.log_failed.lock().unwrap_or_else(PoisonError::into_inner);
        if *failed {
            return Err(io::Error::other("an earlier sync of the log has failed"));
        }
        let result = sync(&self.log);
        *failed = result.is_err();
        result
    }

    fn checkpoints(&self) -> std::sync::MutexGuard<'_, CheckpointFile<F>> {
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Done {
    /// The log was flushed.
    Flush,
    /// A checkpoint was saved.
    Checkpoint,
}

/// What could not be done.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failed {
    /// Which part of it.
    pub failure: StorageFailure,
    /// What the disk said.
    pub error: io::Error,
}

/// Tells the engine what became of a job.
pub fn report(engine: &mut Engine<'_>, now: Instant, result: &Result<Done, Failed>) {
    match result {
        Ok(Done::Flush) => engine.handle_flushed(now),
        Ok(Done::Checkpoint) => engine.handle_checkpoint_saved(now),
        Err(failed) => engine.handle_storage_failed(now, failed.failure),
    }
}

/// Chunks of the index, those next to each other written together.
struct Pieces<'f, F> {
    index: &'f IndexFile<F>,
    image: u64,
    at: usize,
    bytes: Vec<u8>,
    result: io::Result<()>,
}

impl<F: RawFile> Pieces<'_, F> {
    fn put(&mut self, place: usize, chunk: &[u8; INDEX_CHUNK_BYTES]) {
        let at = place * INDEX_CHUNK_BYTES;
        if at != self.at + self.bytes.len() || self.bytes.len() >= PIECE_BYTES {
            self.flush();
            self.at = at;
        }
        self.bytes.extend_from_slice(chunk);
    }

    fn flush(&mut self) {
        if self.result.is_ok() && !self.bytes.is_empty() {
            self.result = self.index.write(self.image, self.at as u64, &self.bytes);
        }
        self.bytes.clear();
    }
}
