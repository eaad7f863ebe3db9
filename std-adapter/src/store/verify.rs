//! Whether all that is in a data directory is as a broker has written it.

mod index;
mod queues;

pub use index::{IndexState, index_state};

use core::fmt;
use core::ops::Range;
use std::io;

use rocketlite_broker::inspect::{CheckpointEntry, SavedCheckpoint, SavedItem, SavedLog, SavedRecord};

use super::checkpoint_file::{Checkpoint, CheckpointFile};
use super::directory::{CHECKPOINT, INDEX, LOG};
use super::file::RawFile;
use super::index_file::IndexFile;
use super::keeper::Loaded;
use super::log_file::LogFile;
use super::slot::Slot;
use crate::checksum::crc32;
use queues::Queues;

/// Something in a data directory that is not as a broker has written it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The physical offset of the record, if it is one.
    pub physical_offset: Option<u64>,
    /// The file.
    pub file: &'static str,
    /// Where in the file.
    pub position: u64,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(offset) = self.physical_offset {
            write!(f, "record at physical offset {offset}, ")?;
        }
        write!(f, "byte {} of the file '{}': {}", self.position, self.file, self.reason)
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// Records that are whole.
    pub records: u64,
    /// Bytes of these records.
    pub bytes: u64,
    /// Where the log begins.
    pub min_offset: u64,
    /// Where it ends.
    pub max_offset: u64,
    /// Queues that have records.
    pub queues: u64,
    /// Entries of the index that name the record that they should.
    pub index_entries: u64,
    /// How many faults there are.
    pub faults: u64,
    /// The first of them: the first broken record of the log if there is any, else of marks, checkpoints, index.
    pub first: Option<Fault>,
    /// What is no fault, but worth a line: what a power cut may leave behind.
    pub notes: Vec<String>,
}

impl Verification {
    /// Counts a fault. Records come before anything else, in their order.
    fn fault(&mut self, fault: Fault) {
        self.faults += 1;
        let place = |fault: &Fault| fault.physical_offset.unwrap_or(u64::MAX);
        if self.first.as_ref().is_none_or(|first| place(&fault) < place(first)) {
            self.first = Some(fault);
        }
    }

    fn fault_at(&mut self, file: &'static str, position: u64, reason: impl Into<String>) {
        self.fault(Fault { physical_offset: None, file, position, reason: reason.into() });
    }

    fn bad_record(&mut self, log: &SavedLog<'_>, at: u64, reason: impl fmt::Display) {
        let position = ring_position(log, at);
        self.fault(Fault { physical_offset: Some(at), file: LOG, position, reason: reason.to_string() });
    }
}

/// Looks at everything that is in the files of a data directory that nobody writes to; `ring` is that of `log`, and stays as it
/// is. An index or a checkpoint that cannot be read at all stands as the reason why. `progress` is told how many bytes of the
/// log were looked at.
///
/// # Errors
/// What the disk says. Everything else is a [`Fault`].
pub fn verify<F: RawFile>(
    log: &LogFile<F>,
    ring: &mut [u8],
    index: Result<&IndexFile<F>, String>,
    checkpoint: Result<&CheckpointFile<F>, String>,
    progress: &mut dyn FnMut(u64),
) -> io::Result<Verification> {
    let mut found = Verification::default();
    // They are told after records, which come first.
    let mut beside = Verification::default();
    check_marks(log, &mut beside)?;
    let newest = check_checkpoints(checkpoint, &mut beside)?;
    let loaded = Loaded::offline(log, newest);
    let saved = match SavedLog::open(ring, &loaded.saved(), crc32) {
        Ok(saved) => saved,
        Err(error) => {
            found.fault_at(LOG, 0, error.to_string());
            merge(&mut found, beside);
            return Ok(found);
        }
    };
    let damaged = check_records(&saved, &mut found, progress);
    merge(&mut found, beside);
    let newest = loaded.checkpoint.as_ref();
    let head =
        newest.and_then(|newest| Some((newest.sequence, SavedCheckpoint::read(&newest.content).ok()?)));
    match (index, head) {
        (Err(reason), _) => found.fault_at(INDEX, 0, reason),
        (Ok(file), Some((sequence, head))) => {
            index::check(&saved, &damaged, file, sequence, &head, &mut found)?;
        }
        (Ok(_), None) => {}
    }
    Ok(found)
}

fn merge(found: &mut Verification, beside: Verification) {
    let Verification { faults, first, notes, .. } = beside;
    found.faults += faults;
    found.first = found.first.take().or(first);
    found.notes.extend(notes);
}

fn check_marks<F: RawFile>(log: &LogFile<F>, found: &mut Verification) -> io::Result<()> {
    for (parity, slot) in (0..).zip(log.marks()?) {
        if slot == Slot::Damaged {
            found.fault_at(LOG, LogFile::<F>::mark_at(parity), "the mark there is damaged");
        }
    }
    Ok(())
}

/// Gives the newest checkpoint that a broker can go on from.
fn check_checkpoints<F: RawFile>(
    file: Result<&CheckpointFile<F>, String>,
    found: &mut Verification,
) -> io::Result<Option<Checkpoint>> {
    let file = match file {
        Ok(file) => file,
        Err(reason) => {
            found.fault_at(CHECKPOINT, 0, reason);
            return Ok(None);
        }
    };
    let slots = file.slots()?;
    let any_whole = slots.iter().any(|slot| matches!(slot, Slot::Whole(_)));
    let mut newest: Option<Checkpoint> = None;
    for (parity, slot) in (0..).zip(slots) {
        let at = file.slot_at(parity);
        match slot {
            Slot::Whole(checkpoint) => {
                if let Err(reason) = check_content(&checkpoint.content) {
                    found.fault_at(CHECKPOINT, at, format!("checkpoint {}: {reason}", checkpoint.sequence));
                } else if newest.as_ref().is_none_or(|newest| newest.sequence < checkpoint.sequence) {
                    newest = Some(checkpoint);
                }
            }
            Slot::Unfinished { sequence } if any_whole => found.notes.push(format!(
                "checkpoint {sequence} at byte {at} of the file '{CHECKPOINT}' is not whole, and the other one counts: \
                 a power cut may leave that, or it was damaged"
            )),
            Slot::Unfinished { sequence } => {
                found.fault_at(CHECKPOINT, at, format!("checkpoint {sequence} is not whole, and there is no other"));
            }
            Slot::Damaged => found.fault_at(CHECKPOINT, at, "the header of the checkpoint there is damaged"),
            Slot::Empty => {}
        }
    }
    Ok(newest)
}

/// Reads all of a checkpoint.
fn check_content(content: &[u8]) -> Result<(), String> {
    let checkpoint = SavedCheckpoint::read(content).map_err(|error| error.to_string())?;
    for entry in checkpoint.entries() {
        let entry = entry.map_err(|error| error.to_string())?;
        if let CheckpointEntry::Queue { queue_id, queue } = entry
            && queue.min_offset() > queue.max_offset()
        {
            return Err(format!("queue {queue_id} ends at {} before it begins", queue.max_offset()));
        }
    }
    Ok(())
}

/// Goes through the log. Gives what of it is damaged.
fn check_records(
    log: &SavedLog<'_>,
    found: &mut Verification,
    progress: &mut dyn FnMut(u64),
) -> Vec<Range<u64>> {
    let (mut queues, mut damaged) = (Queues::default(), Vec::new());
    let mut items = log.items();
    let mut first = None;
    while let Some(item) = items.next() {
        progress(items.end() - log.min_offset());
        match item {
            SavedItem::Record(record) => {
                first.get_or_insert(record.at);
                found.records += 1;
                found.bytes += record.size as u64;
                check_record(log, &record, found);
                if let Some(reason) = queues.enter(&record) {
                    found.bad_record(log, record.at, reason);
                }
            }
            SavedItem::Damaged { offsets, fault } => {
                let bytes = offsets.end - offsets.start;
                found.bad_record(log, offsets.start, format!("{fault}, and {bytes} bytes are lost"));
                queues.note_damage();
                damaged.push(offsets);
            }
            _ => {}
        }
    }
    for gap in queues.gaps() {
        found.bad_record(log, gap.at, gap.reason());
    }
    found.queues = queues.count();
    (found.min_offset, found.max_offset) = (first.unwrap_or(log.min_offset()), items.end());
    if let Some(fault) = items.torn() {
        let (end, position) = (items.end(), ring_position(log, items.end()));
        found.notes.push(format!(
            "behind the end of the log, at physical offset {end}, byte {position} of the file '{LOG}', stands what was never \
             known to be on the disk, as a power cut leaves it: {fault}"
        ));
    }
    damaged
}

/// The body against the sum that was taken of it when it came. Java does not look at that of a body that is empty.
fn check_record(log: &SavedLog<'_>, record: &SavedRecord<'_>, found: &mut Verification) {
    let message = &record.message;
    if !message.body.is_empty() && crc32(message.body) != message.body_crc {
        found.bad_record(log, record.at, "the body differs from its checksum");
    }
    if message.queue_id < 0 || message.queue_offset < 0 {
        let (queue, offset) = (message.queue_id, message.queue_offset);
        found.bad_record(log, record.at, format!("there is no queue offset {offset} of queue {queue}"));
    }
}

/// Where in the file a physical offset stands.
fn ring_position(log: &SavedLog<'_>, physical_offset: u64) -> u64 {
    LogFile::<std::fs::File>::ring_at(log.place(physical_offset) as u64)
}
