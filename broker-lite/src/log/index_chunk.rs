//! A piece of the index of a queue, as bytes: so it may stand in any memory, and on a disk as it stands there.

use super::consume_queue::{CHUNK_ENTRIES, Link, QueueEntry};

/// Bytes of an [`IndexChunk`].
pub const INDEX_CHUNK_BYTES: usize = ENTRIES_AT + CHUNK_ENTRIES * ENTRY_BYTES;

/// A piece of the index of one queue: 16 messages. A driver only makes room for it, all zero.
///
/// | at | is, little endian |
/// | --- | --- |
/// | 0 | which piece of its queue it is: queue offset / 16, 8 bytes |
/// | 8 | the number of the piece that it jumps to, 8 bytes |
/// | 16, 20, 24 | the pieces that it jumps to, before it and after it: places counted from 1, 0 is none |
/// | 28 | a checksum of all the rest, where it is saved |
/// | 32, 36 | the next piece among those that have to be saved, of two lists; zero where it is saved |
/// | 40 | 16 times a message: its physical offset in 8 bytes, the size of its record and the hash of its tag |
pub type IndexChunk = [u8; INDEX_CHUNK_BYTES];

/// An unused one.
pub(crate) const EMPTY_CHUNK: IndexChunk = [0; INDEX_CHUNK_BYTES];

const ENTRY_BYTES: usize = 16;
const ENTRIES_AT: usize = 40;
const SUM_AT: usize = 28;
const LISTS_AT: usize = 32;

/// What a chunk is among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ChunkHead {
    pub(super) number: i64,
    pub(super) jump_number: i64,
    pub(super) jump: Link,
    pub(super) before: Link,
    pub(super) after: Link,
}

fn bytes_at<const N: usize>(chunk: &IndexChunk, at: usize) -> [u8; N] {
    chunk.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

fn put_at<const N: usize>(chunk: &mut IndexChunk, at: usize, bytes: [u8; N]) {
    if let Some(place) = chunk.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = bytes;
    }
}

/// The chunk at a place counted from 1.
pub(super) fn at_link(chunks: &[IndexChunk], link: Link) -> Option<&IndexChunk> {
    chunks.get(usize::try_from(link).ok()?.checked_sub(1)?)
}

pub(super) fn head(chunk: &IndexChunk) -> ChunkHead {
    ChunkHead {
        number: i64::from_le_bytes(bytes_at(chunk, 0)),
        jump_number: i64::from_le_bytes(bytes_at(chunk, 8)),
        jump: Link::from_le_bytes(bytes_at(chunk, 16)),
        before: Link::from_le_bytes(bytes_at(chunk, 20)),
        after: Link::from_le_bytes(bytes_at(chunk, 24)),
    }
}

pub(super) fn set_head(chunk: &mut IndexChunk, head: ChunkHead) {
    put_at(chunk, 0, head.number.to_le_bytes());
    put_at(chunk, 8, head.jump_number.to_le_bytes());
    put_at(chunk, 16, head.jump.to_le_bytes());
    set_before(chunk, head.before);
    set_after(chunk, head.after);
}

pub(super) fn set_before(chunk: &mut IndexChunk, before: Link) {
    put_at(chunk, 20, before.to_le_bytes());
}

pub(super) fn set_after(chunk: &mut IndexChunk, after: Link) {
    put_at(chunk, 24, after.to_le_bytes());
}

/// The next piece in the list `list` of those that have to be saved; 0 if it is in no such list.
pub(super) fn next_unsaved(chunk: &IndexChunk, list: usize) -> Link {
    Link::from_le_bytes(bytes_at(chunk, unsaved_at(list)))
}

pub(super) fn set_next_unsaved(chunk: &mut IndexChunk, list: usize, next: Link) {
    put_at(chunk, unsaved_at(list), next.to_le_bytes());
}

const fn unsaved_at(list: usize) -> usize {
    if list == 0 { LISTS_AT } else { LISTS_AT + 4 }
}

pub(super) fn entry(chunk: &IndexChunk, place: usize) -> QueueEntry {
    let at = entry_at(place);
    QueueEntry {
        physical_offset: u64::from_le_bytes(bytes_at(chunk, at)),
        size: u32::from_le_bytes(bytes_at(chunk, at.saturating_add(8))),
        tags_code: i32::from_le_bytes(bytes_at(chunk, at.saturating_add(12))),
    }
}

pub(super) fn set_entry(chunk: &mut IndexChunk, place: usize, entry: QueueEntry) {
    let at = entry_at(place);
    put_at(chunk, at, entry.physical_offset.to_le_bytes());
    put_at(chunk, at.saturating_add(8), entry.size.to_le_bytes());
    put_at(chunk, at.saturating_add(12), entry.tags_code.to_le_bytes());
}

const fn entry_at(place: usize) -> usize {
    ENTRIES_AT.saturating_add(place.saturating_mul(ENTRY_BYTES))
}

/// The chunk as it is saved, with its checksum.
pub(super) fn saved(chunk: &IndexChunk, crc32: fn(&[u8]) -> u32) -> IndexChunk {
    let mut saved = *chunk;
    put_at(&mut saved, SUM_AT, [0; 12]);
    let sum = crc32(&saved);
    put_at(&mut saved, SUM_AT, sum.to_le_bytes());
    saved
}

/// Whether a chunk that was read is one that was saved.
pub(crate) fn is_sound(chunk: &IndexChunk, crc32: fn(&[u8]) -> u32) -> bool {
    *chunk == saved(chunk, crc32)
}
