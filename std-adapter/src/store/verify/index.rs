//! The index of a checkpoint against the records of the log.

use core::ops::Range;
use std::io;

use rocketlite_broker::INDEX_CHUNK_BYTES;
use rocketlite_broker::inspect::{
    CheckpointEntry, SavedCheckpoint, SavedEntry, SavedIndex, SavedLog, SavedRecord, is_sound_chunk,
    tags_code_of,
};

use super::super::directory::INDEX;
use super::super::file::RawFile;
use super::super::index_file::IndexFile;
use super::Verification;
use crate::checksum::crc32;

/// What is in the index, as far as a checkpoint speaks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexState {
    /// It is not of this checkpoint, or was not written yet: the next start makes it from the log.
    Other,
    /// All of it is as it was saved.
    Sound {
        /// Pieces in use, each of 16 messages.
        pieces: usize,
    },
    /// Some of it is not: the next start makes it from the log.
    Damaged {
        /// Pieces in use, each of 16 messages.
        pieces: usize,
        /// Those of them that are not as they were saved.
        damaged: usize,
    },
}

/// What is in the index, as far as the checkpoint of this sequence speaks of it.
///
/// # Errors
/// What the disk says.
pub fn index_state<F: RawFile>(
    file: &IndexFile<F>,
    sequence: u64,
    checkpoint: &SavedCheckpoint<'_>,
) -> io::Result<IndexState> {
    let Some(chunks) = read(file, sequence, checkpoint.index_chunks())? else { return Ok(IndexState::Other) };
    let (pieces, damaged) = (chunks.len(), damaged_pieces(&chunks).count());
    Ok(if damaged == 0 { IndexState::Sound { pieces } } else { IndexState::Damaged { pieces, damaged } })
}

/// The places of pieces that are not as they were saved.
fn damaged_pieces(chunks: &[[u8; INDEX_CHUNK_BYTES]]) -> impl Iterator<Item = usize> {
    let pieces = chunks.iter().enumerate();
    pieces.filter(|(_, chunk)| !is_sound_chunk(chunk, crc32)).map(|(place, _)| place)
}

/// Looks at every piece of the index that the checkpoint of this sequence has in use, and at each entry of each queue.
pub(super) fn check<F: RawFile>(
    log: &SavedLog<'_>,
    damaged: &[Range<u64>],
    file: &IndexFile<F>,
    sequence: u64,
    checkpoint: &SavedCheckpoint<'_>,
    found: &mut Verification,
) -> io::Result<()> {
    let Some(chunks) = read(file, sequence, checkpoint.index_chunks())? else {
        found
            .notes
            .push("the index is not that of the checkpoint, and is made anew by the next start".to_owned());
        return Ok(());
    };
    let image_at = file.image_at(sequence);
    let mut is_sound = true;
    for place in damaged_pieces(&chunks) {
        is_sound = false;
        let at = image_at + (place * INDEX_CHUNK_BYTES) as u64;
        found.fault_at(INDEX, at, format!("piece {place} of the index differs from its checksum"));
    }
    // A broker does not use it then.
    if !is_sound {
        return Ok(());
    }
    let index = SavedIndex::new(&chunks);
    let mut topic = "";
    for entry in checkpoint.entries().map_while(Result::ok) {
        match entry {
            CheckpointEntry::Topic { name } => topic = name,
            CheckpointEntry::Queue { queue_id, queue } => {
                for entry in index.entries(&queue) {
                    let wrong = match entry {
                        Ok(entry) => check_entry(log, damaged, topic, queue_id, &entry, found),
                        Err(fault) => Some(fault.to_string()),
                    };
                    if let Some(reason) = wrong {
                        found.fault_at(INDEX, image_at, format!("queue {queue_id} of '{topic}': {reason}"));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The pieces in use, or `None` if the image is not of this checkpoint: it is too short, or nothing was written to it yet.
fn read<F: RawFile>(
    file: &IndexFile<F>,
    sequence: u64,
    count: usize,
) -> io::Result<Option<Vec<[u8; INDEX_CHUNK_BYTES]>>> {
    let bytes = count.checked_mul(INDEX_CHUNK_BYTES).and_then(|bytes| u64::try_from(bytes).ok());
    if bytes.is_none_or(|bytes| bytes > file.image_bytes()) {
        return Ok(None);
    }
    let mut chunks = Vec::new();
    chunks.try_reserve_exact(count).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    let mut at = 0;
    for _ in 0..count {
        let mut chunk = [0; INDEX_CHUNK_BYTES];
        file.read_at(sequence, at, &mut chunk)?;
        at += INDEX_CHUNK_BYTES as u64;
        chunks.push(chunk);
    }
    let is_new = count > 0 && chunks.iter().all(|chunk| chunk.iter().all(|byte| *byte == 0));
    Ok((!is_new).then_some(chunks))
}

/// Says what is wrong with an entry.
fn check_entry(
    log: &SavedLog<'_>,
    damaged: &[Range<u64>],
    topic: &str,
    queue_id: i32,
    entry: &SavedEntry,
    found: &mut Verification,
) -> Option<String> {
    let SavedEntry { queue_offset, physical_offset, size, .. } = *entry;
    let is_damaged = || damaged.iter().any(|offsets| offsets.contains(&physical_offset));
    // Of a record that was damaged, or is old, or is damaged now, there is nothing to say.
    if size == 0 || physical_offset < log.min_offset() || is_damaged() {
        return None;
    }
    let names = |record: &SavedRecord<'_>| {
        let message = &record.message;
        message.topic == topic
            && (message.queue_id, message.queue_offset) == (queue_id, queue_offset)
            && u32::try_from(record.size) == Ok(size)
            && tags_code_of(message) == entry.tags_code
    };
    match log.record(physical_offset) {
        Ok(record) if names(&record) => {
            found.index_entries += 1;
            None
        }
        Ok(_) => {
            Some(format!("offset {queue_offset} names another record, at physical offset {physical_offset}"))
        }
        Err(fault) => Some(format!("offset {queue_offset} names physical offset {physical_offset}: {fault}")),
    }
}
