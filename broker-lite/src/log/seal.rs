//! What tells a record that is whole from one that is not, in a log that outlives its broker.

use core::ops::Range;

use rocketlite_core::message::stored::{MAGIC_AT, MAGIC_V1, StoredMessage};

use super::commit_log::{ALIGNMENT, CommitLog, to_u64};
use super::walk::RecordFault;

/// Stands behind each record of a log that outlives its broker: which start of the broker wrote it, and a checksum of both,
/// four bytes each.
///
/// The sum in the record itself is only one of the body. The start tells what was written since the last recovery from
/// what a recovery has cut off: that may stand just where the next record would.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seal {
    /// The checksum, that of bodies.
    pub(crate) crc32: fn(&[u8]) -> u32,
    /// Counted up with each start of the broker.
    pub(crate) start: u32,
}

impl Seal {
    pub(super) const BYTES: usize = 8;
}

impl CommitLog<'_> {
    /// Seals the record of `len` bytes that was written at the beginning of `place`, and clears the rest of that.
    pub(super) fn put_seal(&mut self, place: Range<usize>, len: usize) {
        let Some(Seal { crc32, start }) = self.seal else { return };
        let Some((record, rest)) =
            self.memory.get_mut(place).and_then(|room| room.split_at_mut_checked(len.saturating_add(4)))
        else {
            return;
        };
        if let Some(place) = record.last_chunk_mut::<4>() {
            *place = start.to_be_bytes();
        }
        rest.fill(0);
        if let Some(place) = rest.first_chunk_mut::<4>() {
            *place = crc32(record).to_be_bytes();
        }
    }

    /// Whether the record there is as it was written. Always, if records are not sealed: nothing outside can change them.
    pub(crate) fn is_sound(&self, physical_offset: u64) -> bool {
        self.seal.is_none() || self.sealed_at(physical_offset).is_some()
    }

    /// The record that stands there if its seal is right, its size, and the start of the broker that wrote it. The log's own
    /// beginning and end do not count.
    pub(crate) fn sealed_at(&self, physical_offset: u64) -> Option<(StoredMessage<'_>, usize, u32)> {
        self.check_at(physical_offset).ok()
    }

    /// The same, or why there is none.
    pub(crate) fn check_at(
        &self,
        physical_offset: u64,
    ) -> Result<(StoredMessage<'_>, usize, u32), RecordFault> {
        let Seal { crc32, .. } = self.seal.ok_or(RecordFault::NoSeal)?;
        let bytes = self.memory.get(self.place(physical_offset)..).ok_or(RecordFault::Magic)?;
        if bytes.get(MAGIC_AT..).and_then(|rest| rest.first_chunk()) != Some(&MAGIC_V1.to_be_bytes()) {
            return Err(RecordFault::Magic);
        }
        let (message, size) = StoredMessage::decode(bytes).map_err(RecordFault::Layout)?;
        if i64::try_from(physical_offset) != Ok(message.physical_offset) {
            return Err(RecordFault::OtherOffset(message.physical_offset));
        }
        let sealed = size.checked_add(4).and_then(|len| bytes.split_at_checked(len));
        let (record, rest) = sealed.ok_or(RecordFault::NoSeal)?;
        if rest.first_chunk() != Some(&crc32(record).to_be_bytes()) {
            return Err(RecordFault::Seal);
        }
        let start = record.last_chunk().copied().map_or(0, u32::from_be_bytes);
        Ok((message, size, start))
    }

    /// Where the next record stands that is whole, after the damaged one at `damaged`; `until` if there is none before that.
    pub(crate) fn next_sound(&self, damaged: u64, until: u64) -> u64 {
        let step = to_u64(ALIGNMENT);
        let mut next = damaged.saturating_add(step);
        while next < until && self.sealed_at(next).is_none() {
            next = next.saturating_add(step);
        }
        next.min(until)
    }

    /// Records are sealed with this number of a start from now on.
    pub(crate) const fn set_start(&mut self, start: u32) {
        if let Some(seal) = &mut self.seal {
            seal.start = start;
        }
    }

    /// The log goes on at `end`.
    pub(crate) fn set_end(&mut self, end: u64) {
        self.max_offset = end;
        // What was written over since is old, whatever is said of it.
        let most = to_u64(self.capacity());
        if end.saturating_sub(self.min_offset) > most {
            let before = end.saturating_sub(most).saturating_sub(to_u64(ALIGNMENT));
            self.min_offset = self.next_sound(before, end);
        }
    }

    /// Where the blank ends that stands there, if one does.
    pub(crate) fn behind_blank(&self, physical_offset: u64) -> Option<u64> {
        let len = self.blank_at(physical_offset)?;
        let fits = len > 0 && len.is_multiple_of(to_u64(ALIGNMENT));
        let left = to_u64(self.left_in_lap(physical_offset));
        (fits && len <= left).then_some(physical_offset.saturating_add(len))
    }

    /// Lets go of what stands at the beginning and is no whole record. Returns where that was.
    pub(crate) fn skip_damaged(&mut self) -> Range<u64> {
        let damaged = self.min_offset;
        self.min_offset =
            if self.seal.is_some() { self.next_sound(damaged, self.max_offset) } else { self.max_offset };
        damaged..self.min_offset
    }
}
