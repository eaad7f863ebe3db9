//! The ring of records: RocketMQ's commit log in memory of a fixed size.

use core::ops::Range;

use rocketlite_core::message::stored::{MAGIC_AT, MAGIC_V1, PHYSICAL_OFFSET_AT, StoredMessage};
use rocketlite_core::wire::cursor::Writer;

use super::error::{AppendError, ReadError};
use super::seal::Seal;
use crate::config::WhenFull;

/// Stored messages in the order they came, over memory the caller named.
///
/// Physical offsets only grow; a record stands at its offset modulo the capacity, in the stored-message layout, so
/// what is read is what is sent. A record never wraps: what a lap has left is filled with the reference's
/// blank marker (`CommitLog.BLANK_MAGIC_CODE`), or left alone if it is shorter than the marker.
///
/// In a log that outlives its broker each record has a seal behind it (a checksum over all of it) and stands at a multiple of 8, and bytes of
/// old records are only written over when it is on stable storage that they are old.
#[derive(Debug)]
pub struct CommitLog<'m> {
    pub(super) memory: &'m mut [u8],
    when_full: WhenFull,
    /// What records are sealed with, if they are.
    pub(super) seal: Option<Seal>,
    /// The physical offset that stands at the beginning of the memory.
    pub(super) base: u64,
    /// Where the oldest record stands, or `max_offset` if there is none.
    pub(super) min_offset: u64,
    /// Where the newest record ends.
    pub(super) max_offset: u64,
    /// Bytes before it may be written over; never more than `min_offset`, and always that without seals.
    floor: u64,
}

impl<'m> CommitLog<'m> {
    /// An empty log over `memory`, whose length is its capacity.
    pub const fn new(memory: &'m mut [u8], when_full: WhenFull) -> Self {
        Self { memory, when_full, seal: None, base: 0, min_offset: 0, max_offset: 0, floor: 0 }
    }

    /// A log over memory that holds records from before, those from `min_offset` to `max_offset`; `base` is the offset
    /// that stands at its beginning.
    pub(crate) fn sealed(
        memory: &'m mut [u8],
        when_full: WhenFull,
        seal: Seal,
        base: u64,
        offsets: Range<u64>,
    ) -> Self {
        let capacity = memory.len() & !(ALIGNMENT - 1);
        let memory = memory.get_mut(..capacity).unwrap_or_default();
        let (min_offset, max_offset) = (offsets.start, offsets.end);
        Self { memory, when_full, seal: Some(seal), base, min_offset, max_offset, floor: min_offset }
    }

    /// Bytes of the log that a record of `len` bytes takes.
    pub(crate) const fn span(&self, len: usize) -> usize {
        if self.seal.is_none() {
            return len;
        }
        len.saturating_add(Seal::BYTES + ALIGNMENT - 1) & !(ALIGNMENT - 1)
    }

    /// It is on stable storage that everything before `floor` is old.
    pub(crate) fn reclaim(&mut self, floor: u64) {
        self.floor = self.floor.max(floor.min(self.min_offset));
    }

    /// What stands from `range`'s start on in one piece, to its end at most, and where it ends.
    pub(crate) fn part_mut(&mut self, range: Range<u64>) -> Option<(&mut [u8], u64)> {
        let wanted = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
        let len = wanted.min(self.left_in_lap(range.start));
        let place = self.place(range.start);
        let bytes = self.memory.get_mut(place..place.checked_add(len)?)?;
        Some((bytes, range.start.saturating_add(to_u64(len))))
    }

    /// Whether that would make room.
    pub(crate) const fn can_reclaim(&self, floor: u64) -> bool {
        self.seal.is_some() && self.floor < floor
    }

    /// Whether records of `len` bytes together would be written over bytes of which it is not on stable storage that they
    /// are old.
    pub(crate) fn is_blocked(&self, len: usize) -> bool {
        let (_, keep) = self.place_for(len);
        self.seal.is_some() && self.floor < keep && self.floor < self.max_offset
    }

    /// Takes over the records that stand between these offsets.
    pub(crate) fn adopt(&mut self, offsets: Range<u64>) {
        (self.min_offset, self.max_offset, self.floor) = (offsets.start, offsets.end, offsets.start);
    }

    /// The part of what stands from `from` on that can be written to a file in one piece: its place, its bytes, and where
    /// it ends.
    pub(crate) fn part(&self, from: u64) -> Option<(usize, &[u8], u64)> {
        let left = usize::try_from(self.max_offset.checked_sub(from)?).ok()?;
        let len = left.min(self.left_in_lap(from));
        let place = self.place(from);
        let bytes = self.memory.get(place..place.checked_add(len)?).filter(|bytes| !bytes.is_empty())?;
        Some((place, bytes, from.saturating_add(to_u64(len))))
    }

    /// Whether anything can be reclaimed.
    pub(crate) const fn is_behind(&self) -> bool {
        self.seal.is_some() && self.floor < self.min_offset
    }

    /// Bytes that it can hold.
    pub const fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// Physical offset of the oldest record, or of the next one if there is none.
    pub const fn min_offset(&self) -> u64 {
        self.min_offset
    }

    /// Where the newest record ends. The next one stands there or at the start of the next lap.
    pub const fn max_offset(&self) -> u64 {
        self.max_offset
    }

    /// Makes room for records of `len` bytes together, which will stand next to each other, and returns the
    /// physical offset of the first. `evicted` sees every record that has to go for it, oldest first.
    ///
    /// # Errors
    /// If there can be no such room, or not without evicting what [`WhenFull::Refuse`] keeps; nothing changed then.
    pub fn reserve(
        &mut self,
        len: usize,
        evicted: &mut dyn FnMut(&StoredMessage<'_>, usize),
    ) -> Result<u64, AppendError> {
        if len > self.capacity() {
            return Err(AppendError::TooLarge { capacity: self.capacity() });
        }
        if self.lacks_room(len) {
            if self.when_full == WhenFull::Refuse {
                return Err(AppendError::Full);
            }
            let (_, keep) = self.place_for(len);
            self.evict_before(keep, evicted);
        }
        if self.is_blocked(len) {
            return Err(AppendError::Unflushed);
        }
        let start = self.begin(len);
        // An empty log begins where the next record will stand.
        self.min_offset = self.skip_blank(self.min_offset);
        Ok(start)
    }

    /// Whether records have to go before one of `len` bytes, or some that stand next to each other, can be appended.
    pub fn lacks_room(&self, len: usize) -> bool {
        let (_, keep) = self.place_for(len);
        self.min_offset < keep && self.min_offset < self.max_offset
    }

    /// The oldest record, and its size.
    pub fn oldest(&self) -> Option<(StoredMessage<'_>, usize)> {
        self.read(self.min_offset).ok()
    }

    /// Lets the oldest record go, which `evicted` sees. Returns whether there was one.
    pub fn evict_oldest(&mut self, evicted: &mut dyn FnMut(&StoredMessage<'_>, usize)) -> bool {
        let any = self.min_offset < self.max_offset;
        self.evict_before(self.min_offset.saturating_add(1), evicted);
        any
    }

    /// Makes the oldest record the newest: it stands at another physical offset then, which is returned, and nothing
    /// else goes. `None` if there is no record.
    ///
    /// Without seals there is always room for it. Either the oldest record stands before the end of the lap that the log ends in: then
    /// from the log's end on there are at least the record's own bytes in that lap. Or it stands in
    /// the next lap: then everything before it there is free, and what the present lap has left too. In both
    /// cases the bytes it goes to are free or its own, and those before its own, so that `copy_within` may move it. With
    /// seals the bytes it goes to have to be free: `None` if they are not yet.
    pub fn requeue_oldest(&mut self) -> Option<u64> {
        let (_, size) = self.oldest()?;
        let span = self.span(size);
        if self.is_blocked(span) {
            return None;
        }
        let (from, old_end) = (self.min_offset, self.max_offset);
        let after = self.skip_blank(from.saturating_add(to_u64(span)));
        let start = self.begin(span);
        let physical_offset = i64::try_from(start).ok()?;
        let (from, to) = (self.place(from), self.place(start));
        let source = from..from.checked_add(size)?;
        // Both are within the memory, for neither wraps.
        if source.end <= self.memory.len() && to.checked_add(size)? <= self.memory.len() {
            self.memory.copy_within(source, to);
        }
        let offset_at = to.saturating_add(PHYSICAL_OFFSET_AT);
        if let Some(place) = self.memory.get_mut(offset_at..offset_at.saturating_add(8)) {
            place.copy_from_slice(&physical_offset.to_be_bytes());
        }
        self.put_seal(to..to.saturating_add(span), size);
        self.max_offset = start.saturating_add(to_u64(span));
        self.min_offset = if after == old_end { start } else { after };
        Some(start)
    }

    /// Appends a record at [`CommitLog::max_offset`], which becomes its physical offset. [`CommitLog::reserve`] has made
    /// room for it.
    ///
    /// # Errors
    /// If there is no such room, or the record has a field that the layout has no room for.
    pub fn push(&mut self, message: &StoredMessage<'_>) -> Result<u64, AppendError> {
        let len = message.encoded_len();
        let span = self.span(len);
        let (physical_offset, place) = self.next_place(span)?;
        let room = self.memory.get_mut(place.clone()).unwrap_or_default();
        let message = StoredMessage { physical_offset, ..*message };
        message.encode(&mut Writer::new(room)).map_err(AppendError::OverLimit)?;
        self.put_seal(place, len);
        Ok(self.end(span))
    }

    /// As [`CommitLog::push`], with the body of the record at `source` instead of the message's own, which has to be
    /// empty.
    ///
    /// # Errors
    /// Those of [`CommitLog::push`]; [`AppendError::NoSource`] if there is no record at `source`.
    pub fn push_with_body_of(
        &mut self,
        message: &StoredMessage<'_>,
        source: u64,
    ) -> Result<u64, AppendError> {
        let (body_len, source_size) = self
            .read(source)
            .map(|(source, size)| (source.body.len(), size))
            .map_err(|_| AppendError::NoSource)?;
        let span = self.span(message.encoded_len().saturating_add(body_len));
        let (physical_offset, place) = self.next_place(span)?;
        let from = self.place(source);
        // What is reserved and the source, which is stored, have no byte in common, so memory is cut between them.
        let cut = if from < place.start { place.start } else { from };
        let (low, high) = self.memory.split_at_mut_checked(cut).ok_or(AppendError::NoSource)?;
        let (source, room) = if from < place.start {
            (low.get(from..), high.get_mut(..place.len()))
        } else {
            (high.get(..), low.get_mut(place.clone()))
        };
        let record = source.and_then(|bytes| bytes.get(..source_size)).unwrap_or_default();
        let (record, _) = StoredMessage::decode(record).map_err(|_| AppendError::NoSource)?;
        let message = StoredMessage { physical_offset, body: record.body, ..*message };
        let len = message.encoded_len();
        message.encode(&mut Writer::new(room.unwrap_or_default())).map_err(AppendError::OverLimit)?;
        self.put_seal(place, len);
        Ok(self.end(span))
    }

    /// Appends one record and returns its physical offset: [`CommitLog::reserve`] and [`CommitLog::push`].
    ///
    /// # Errors
    /// Those of both.
    pub fn append(
        &mut self,
        message: &StoredMessage<'_>,
        evicted: &mut dyn FnMut(&StoredMessage<'_>, usize),
    ) -> Result<u64, AppendError> {
        self.reserve(self.span(message.encoded_len()), evicted)?;
        self.push(message)
    }

    /// The record at `physical_offset`, and its size.
    ///
    /// # Errors
    /// If the offset is out of the log, or no record begins there. A record counts only if it names the offset
    /// itself, so a number in a stranger's request finds nothing but a whole record.
    pub fn read(&self, physical_offset: u64) -> Result<(StoredMessage<'_>, usize), ReadError> {
        if physical_offset < self.min_offset {
            return Err(ReadError::TooSmall { min_offset: self.min_offset });
        }
        if physical_offset >= self.max_offset {
            return Err(ReadError::TooLarge { max_offset: self.max_offset });
        }
        let left = self.max_offset.saturating_sub(physical_offset);
        let left = usize::try_from(left).unwrap_or(usize::MAX).min(self.left_in_lap(physical_offset));
        let bytes = self.bytes(physical_offset, left).ok_or(ReadError::NoRecord)?;
        let (message, size) = StoredMessage::decode(bytes).map_err(|_| ReadError::NoRecord)?;
        if i64::try_from(physical_offset) == Ok(message.physical_offset) {
            Ok((message, size))
        } else {
            Err(ReadError::NoRecord)
        }
    }

    /// The records from `physical_offset` on, which has to be the offset of one, or [`CommitLog::max_offset`] as it is or
    /// was; from the oldest on if it is smaller than that.
    pub fn records_from(&self, physical_offset: u64) -> Records<'_, 'm> {
        Records { log: self, next: self.skip_blank(physical_offset.max(self.min_offset)) }
    }

    /// All records, oldest first.
    pub fn records(&self) -> Records<'_, 'm> {
        self.records_from(self.min_offset)
    }

    /// `len` bytes of the log, if they are there and do not wrap.
    pub(crate) fn bytes(&self, physical_offset: u64, len: usize) -> Option<&[u8]> {
        let end = physical_offset.checked_add(to_u64(len))?;
        let inside = physical_offset >= self.min_offset && end <= self.max_offset;
        let place = self.place(physical_offset);
        self.memory.get(place..place.checked_add(len)?).filter(|_| inside)
    }

    /// Where records of `len` bytes together would begin, and from where on everything is kept then.
    fn place_for(&self, len: usize) -> (u64, u64) {
        let left = self.left_in_lap(self.max_offset);
        let start = if len <= left { self.max_offset } else { self.max_offset.saturating_add(to_u64(left)) };
        let end = start.saturating_add(to_u64(len));
        (start, end.saturating_sub(to_u64(self.capacity())))
    }

    /// Goes on to where records of `len` bytes together begin, and returns that.
    fn begin(&mut self, len: usize) -> u64 {
        let (start, _) = self.place_for(len);
        if start > self.max_offset {
            self.put_blank(self.left_in_lap(self.max_offset));
            self.max_offset = start;
        }
        start
    }

    /// The physical offset and the bytes of a record of `len` bytes that is appended without going on.
    fn next_place(&self, len: usize) -> Result<(i64, Range<usize>), AppendError> {
        let start = self.max_offset;
        let used = usize::try_from(start.saturating_sub(self.min_offset)).unwrap_or(usize::MAX);
        if self.is_blocked(len) {
            return Err(AppendError::Unflushed);
        }
        if len > self.left_in_lap(start) || len > self.capacity().saturating_sub(used) {
            return Err(AppendError::Full);
        }
        let physical_offset = i64::try_from(start).map_err(|_| AppendError::Full)?;
        let place = self.place(start);
        Ok((physical_offset, place..place.saturating_add(len)))
    }

    /// A record of `len` bytes was written at the end; returns where it begins.
    fn end(&mut self, len: usize) -> u64 {
        let start = self.max_offset;
        self.max_offset = start.saturating_add(to_u64(len));
        start
    }

    /// Moves the beginning to the first record at `keep` or later.
    fn evict_before(&mut self, keep: u64, evicted: &mut dyn FnMut(&StoredMessage<'_>, usize)) {
        while self.min_offset < keep && self.min_offset < self.max_offset {
            let Ok((message, size)) = self.read(self.min_offset) else {
                // Without seals this cannot be: the log holds what it wrote.
                debug_assert!(self.seal.is_some(), "no record at {}", self.min_offset);
                self.skip_damaged();
                continue;
            };
            evicted(&message, size);
            let next = self.min_offset.saturating_add(to_u64(self.span(size)));
            self.min_offset = self.skip_blank(next);
        }
        if self.seal.is_none() {
            self.floor = self.min_offset;
        }
    }

    /// Where the next record stands if the one before it ended at `physical_offset`.
    fn skip_blank(&self, physical_offset: u64) -> u64 {
        if physical_offset >= self.max_offset {
            return self.max_offset;
        }
        let left = self.left_in_lap(physical_offset);
        let next_lap = physical_offset.saturating_add(to_u64(left));
        if left < BLANK_BYTES {
            return next_lap.min(self.max_offset);
        }
        match self.blank_at(physical_offset) {
            // The laps of a log that was made larger had other ends.
            Some(len) if self.seal.is_some() => physical_offset.saturating_add(len).min(self.max_offset),
            Some(_) => next_lap.min(self.max_offset),
            None => physical_offset,
        }
    }

    /// How long the blank is that stands there.
    pub(super) fn blank_at(&self, physical_offset: u64) -> Option<u64> {
        let place = self.place(physical_offset);
        let marker = self.memory.get(place..)?.first_chunk::<BLANK_BYTES>()?;
        let [a, b, c, d, magic @ ..] = *marker;
        (magic == BLANK_MAGIC.to_be_bytes()).then_some(u64::from(u32::from_be_bytes([a, b, c, d])))
    }

    /// Marks the rest of the lap, `left` bytes, as blank.
    fn put_blank(&mut self, left: usize) {
        let place = self.place(self.max_offset);
        if let Some(room) = self.memory.get_mut(place..place.saturating_add(BLANK_BYTES)) {
            let mut writer = Writer::new(room);
            writer.put_u32(u32::try_from(left).unwrap_or(u32::MAX));
            writer.put_i32(BLANK_MAGIC);
        }
    }

    pub(crate) fn place(&self, physical_offset: u64) -> usize {
        let distance = physical_offset.saturating_sub(self.base);
        let place = distance.checked_rem(to_u64(self.capacity())).unwrap_or(0);
        usize::try_from(place).unwrap_or(0)
    }

    /// Bytes from `physical_offset` to the end of its lap.
    pub(crate) fn left_in_lap(&self, physical_offset: u64) -> usize {
        self.capacity().saturating_sub(self.place(physical_offset))
    }
}

/// What marks the rest of a lap: its length, then this (`CommitLog.BLANK_MAGIC_CODE`).
const BLANK_MAGIC: i32 = -875_286_124;
const BLANK_BYTES: usize = 8;

/// Sealed records stand at multiples of it, so that what a lap has left always has room for the marker.
pub(crate) const ALIGNMENT: usize = 8;

// A record is never taken for a blank, nor is its beginning.
const _: () = assert!(BLANK_MAGIC != MAGIC_V1 && MAGIC_AT == 4);

pub(super) fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Iterator of [`CommitLog::records`].
#[derive(Debug, Clone)]
pub struct Records<'l, 'm> {
    log: &'l CommitLog<'m>,
    next: u64,
}

impl<'l> Iterator for Records<'l, '_> {
    type Item = StoredMessage<'l>;

    fn next(&mut self) -> Option<StoredMessage<'l>> {
        let (message, size) = match self.log.read(self.next) {
            Ok(record) => record,
            Err(ReadError::NoRecord) => {
                self.next = self.log.next_sound(self.next, self.log.max_offset);
                self.log.read(self.next).ok()?
            }
            Err(_) => return None,
        };
        self.next = self.log.skip_blank(self.next.saturating_add(to_u64(self.log.span(size))));
        Some(message)
    }
}

impl Records<'_, '_> {
    /// Where the next record stands, if there is one.
    pub(crate) const fn position(&self) -> u64 {
        self.next
    }
}
