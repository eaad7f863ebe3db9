//! Which record is the n-th of its queue: the index that consumers read by (`ConsumeQueue`).

use serde::{Deserialize, Serialize};

use super::index_chunk::{self, ChunkHead, IndexChunk};

/// Messages of one queue in one chunk.
pub(crate) const CHUNK_ENTRIES: usize = 16;
const CHUNK_SPAN: i64 = 16;

/// Where a message of a queue stands in the commit log, and its tag. The reference has 20 bytes for it, here are 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct QueueEntry {
    /// The record's place in the log.
    pub(crate) physical_offset: u64,
    /// The record's size; 0 if the record was damaged, so that there is no message.
    pub(crate) size: u32,
    /// The hash of its tag, see [`tags_code`](crate::filter::tags_code).
    pub(crate) tags_code: i32,
}

/// A place among the chunks, one more than its index; 0 is none, so that memory without content is all zero.
pub(super) type Link = u32;

/// Where the index of a queue begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ConsumeQueue {
    first: Link,
    last: Link,
}

impl ConsumeQueue {
    pub(crate) const EMPTY: Self = Self { first: 0, last: 0 };

    /// The piece that it begins with.
    pub(super) fn first_chunk(self, chunks: &[IndexChunk]) -> Option<&IndexChunk> {
        index_chunk::at_link(chunks, self.first)
    }
}

/// The indexes of all queues over one pool of chunks, so that a thousand short queues and a long one both find room.
///
/// Chunks are only added at the end of a queue and taken from its front. Each points to the one before it and to one far
/// before it, in the way of E. Myers' random-access lists ("An applicative random-access stack", 1983): any place is
/// found in a number of steps that grows with the logarithm of the queue's length.
#[derive(Debug)]
pub(crate) struct ConsumeQueues<'m> {
    chunks: &'m mut [IndexChunk],
    /// Chunks that were given back, linked by `after`.
    free: Link,
    free_count: usize,
    /// Chunks from here on were never used.
    unused: usize,
    /// Chunks that changed and have to be saved: two lists, those that changed since the index was last saved, and those
    /// that did between that and the time before. `None` if it is not saved at all.
    unsaved: Option<Unsaved>,
}

/// The first chunks of both lists.
#[derive(Debug, Clone, Copy)]
struct Unsaved {
    first: [Link; 2],
    /// Which list is that of what changes now.
    now: usize,
}

/// The end of a list of chunks to save: no chunk has so high a place, and 0 is not in any list.
const END: Link = Link::MAX;

/// What is known of the chunks beside their content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ChunkPool {
    pub(crate) free: Link,
    pub(crate) free_count: usize,
    pub(crate) unused: usize,
}

impl<'m> ConsumeQueues<'m> {
    pub(crate) const fn new(chunks: &'m mut [IndexChunk]) -> Self {
        Self { chunks, free: 0, free_count: 0, unused: 0, unsaved: None }
    }

    /// What is known of the chunks beside their content.
    pub(crate) const fn pool(&self) -> ChunkPool {
        ChunkPool { free: self.free, free_count: self.free_count, unused: self.unused }
    }

    /// Goes on with chunks that were saved, and saves what changes. Returns whether all of them are as they were saved; if
    /// not, nothing is in use.
    pub(crate) fn restore(&mut self, pool: Option<ChunkPool>, crc32: fn(&[u8]) -> u32) -> bool {
        let used = pool.and_then(|pool| self.chunks.get(..pool.unused));
        let sound = used.is_some_and(|used| used.iter().all(|chunk| index_chunk::is_sound(chunk, crc32)));
        let ChunkPool { free, free_count, unused } = pool.filter(|_| sound).unwrap_or_default();
        (self.free, self.free_count, self.unused) = (free, free_count, unused);
        let used = self.chunks.len().min(unused);
        // Without a checkpoint they are zero already.
        if !sound && pool.is_some() {
            self.chunks.fill(index_chunk::EMPTY_CHUNK);
        }
        self.unsaved = Some(Unsaved { first: [END; 2], now: 0 });
        // Of the two places where it is saved only one has these, so all have to be saved once to each.
        for place in (1..=Link::try_from(used).unwrap_or(0)).rev() {
            self.note_unsaved(place, 1);
        }
        sound
    }

    /// Hands out all chunks that changed since the time before the last, each with its index, as they are to be saved: the
    /// index is saved to two places in turn.
    pub(crate) fn save(&mut self, crc32: fn(&[u8]) -> u32, put: &mut dyn FnMut(usize, &IndexChunk)) {
        let Some(unsaved) = self.unsaved else { return };
        let (now, before) = (unsaved.now, 1usize.saturating_sub(unsaved.now));
        for list in [now, before] {
            let mut link = unsaved.first.get(list).copied().unwrap_or(END);
            while let Some(chunk) = self.chunk(link) {
                let in_both = list == before && index_chunk::next_unsaved(chunk, now) != 0;
                if !in_both {
                    let index = usize::try_from(link).unwrap_or(0).saturating_sub(1);
                    put(index, &index_chunk::saved(chunk, crc32));
                }
                let next = index_chunk::next_unsaved(chunk, list);
                if list == before
                    && let Some(chunk) = self.place_mut(link)
                {
                    index_chunk::set_next_unsaved(chunk, before, 0);
                }
                link = next;
            }
        }
        if let Some(unsaved) = &mut self.unsaved {
            unsaved.now = before;
            if let Some(first) = unsaved.first.get_mut(before) {
                *first = END;
            }
        }
    }

    /// Whether `messages` more of a queue fit behind the queue offset `max_offset`.
    pub(crate) fn has_room(&self, queue: ConsumeQueue, max_offset: i64, messages: u32) -> bool {
        let (begun, _) = split(max_offset);
        let (end, place) = split(max_offset.saturating_add(messages.into()));
        let mut wanted = end.saturating_sub(begun).saturating_add((place > 0).into());
        if self.head(queue.last).is_some_and(|last| last.number == begun) {
            wanted = wanted.saturating_sub(1);
        }
        usize::try_from(wanted).is_ok_and(|wanted| wanted <= self.free_chunks())
    }

    /// Whether so many messages fit, wherever the first of them stands in its chunk, beside nothing but `kept` chunks.
    pub(crate) fn fits(&self, messages: u32, kept: usize) -> bool {
        Self::most_chunks(messages) <= self.chunks.len().saturating_sub(kept)
    }

    /// Chunks that so many messages next to each other may begin.
    pub(crate) fn most_chunks(messages: u32) -> usize {
        let messages = usize::try_from(messages).unwrap_or(usize::MAX);
        // One alone stands in one chunk.
        messages.div_ceil(CHUNK_ENTRIES).saturating_add((messages > 1).into())
    }

    /// Chunks of all queues together.
    pub(crate) const fn capacity(&self) -> usize {
        self.chunks.len()
    }

    /// Chunks that a queue has whose messages are those of `offsets`.
    pub(crate) fn chunks_of(offsets: core::ops::Range<i64>) -> usize {
        if offsets.is_empty() {
            return 0;
        }
        let ((first, _), (last, _)) = (split(offsets.start), split(offsets.end.saturating_sub(1)));
        usize::try_from(last.saturating_sub(first)).unwrap_or(0).saturating_add(1)
    }

    /// Chunks that no queue has.
    pub(crate) fn free_chunks(&self) -> usize {
        self.chunks.len().saturating_sub(self.unused).saturating_add(self.free_count)
    }

    /// Enters the message with `queue_offset`, the one after the last. [`ConsumeQueues::has_room`] was asked before.
    pub(crate) fn push(&mut self, queue: &mut ConsumeQueue, queue_offset: i64, entry: QueueEntry) {
        let (number, place) = split(queue_offset);
        if self.head(queue.last).is_none_or(|last| last.number != number)
            && self.extend(queue, number).is_none()
        {
            debug_assert!(false, "no room was kept in the index");
            return;
        }
        if let Some(chunk) = self.chunk_mut(queue.last) {
            index_chunk::set_entry(chunk, place, entry);
        }
    }

    /// The message with `queue_offset`, which has to be one of those that are stored.
    pub(crate) fn get(&self, queue: ConsumeQueue, queue_offset: i64) -> Option<QueueEntry> {
        let (number, place) = split(queue_offset);
        let chunk = self.chunk(self.find(queue, number)?)?;
        Some(index_chunk::entry(chunk, place))
    }

    /// Enters other things of the message with `queue_offset`.
    pub(crate) fn set(&mut self, queue: ConsumeQueue, queue_offset: i64, entry: QueueEntry) {
        let (number, place) = split(queue_offset);
        if let Some(chunk) = self.find(queue, number).and_then(|link| self.chunk_mut(link)) {
            index_chunk::set_entry(chunk, place, entry);
        }
    }

    /// The messages from `queue_offset` on, and after the last of them whatever stands in its chunk.
    pub(crate) fn from(
        &self,
        queue: ConsumeQueue,
        queue_offset: i64,
    ) -> impl Iterator<Item = QueueEntry> + use<'_, 'm> {
        let (number, place) = split(queue_offset);
        let first = self.find(queue, number).and_then(|link| self.chunk(link));
        let chunks = core::iter::successors(first, |chunk| self.chunk(index_chunk::head(chunk).after));
        let entries = |chunk| (0..CHUNK_ENTRIES).map(move |place| index_chunk::entry(chunk, place));
        chunks.flat_map(entries).skip(place)
    }

    /// Gives back what lies before the queue offset `min_offset`.
    pub(crate) fn cut_before(&mut self, queue: &mut ConsumeQueue, min_offset: i64) {
        let (number, _) = split(min_offset);
        while let Some(chunk) = self.head(queue.first).filter(|chunk| chunk.number < number) {
            let after = chunk.after;
            self.give_back(queue.first);
            queue.first = after;
            match self.chunk_mut(after) {
                Some(chunk) => index_chunk::set_before(chunk, 0),
                None => queue.last = 0,
            }
        }
    }

    /// Gives back all of a queue.
    pub(crate) fn clear(&mut self, queue: &mut ConsumeQueue) {
        while let Some(after) = self.head(queue.first).map(|chunk| chunk.after) {
            self.give_back(queue.first);
            queue.first = after;
        }
        queue.last = 0;
    }

    fn find(&self, queue: ConsumeQueue, number: i64) -> Option<Link> {
        let first = self.head(queue.first)?.number;
        // What lies before the first chunk would lead to chunks of other queues, which have the places now.
        if number <= first {
            return (number == first).then_some(queue.first);
        }
        let mut link = queue.last;
        loop {
            let chunk = self.head(link)?;
            if chunk.number == number {
                return Some(link);
            }
            if chunk.number < number {
                return None;
            }
            // A jump to before the first chunk, which was given back, would also be one to before what is looked for.
            link = if chunk.jump != 0 && chunk.jump_number >= number { chunk.jump } else { chunk.before };
        }
    }

    fn extend(&mut self, queue: &mut ConsumeQueue, number: i64) -> Option<()> {
        let (jump, jump_number) = self.next_jump(*queue).unwrap_or_default();
        let link = self.take()?;
        let before = queue.last;
        let head = ChunkHead { number, jump_number, jump, before, after: 0 };
        index_chunk::set_head(self.chunk_mut(link)?, head);
        match self.chunk_mut(before) {
            Some(last) => index_chunk::set_after(last, link),
            None => queue.first = link,
        }
        queue.last = link;
        Some(())
    }

    /// Where the next chunk of a queue jumps to: as far as two jumps of equal length would lead, else to the last chunk.
    fn next_jump(&self, queue: ConsumeQueue) -> Option<(Link, i64)> {
        let (first, last) = (self.head(queue.first)?, self.head(queue.last)?);
        let to_last = Some((queue.last, last.number));
        if last.jump == 0 || last.jump_number < first.number {
            return to_last;
        }
        let jump = self.head(last.jump)?;
        let near = last.number.saturating_sub(jump.number);
        let far = jump.number.saturating_sub(jump.jump_number);
        if jump.jump != 0 && near == far { Some((jump.jump, jump.jump_number)) } else { to_last }
    }

    fn take(&mut self) -> Option<Link> {
        if self.free != 0 {
            let link = self.free;
            self.free = self.head(link)?.after;
            self.free_count = self.free_count.saturating_sub(1);
            return Some(link);
        }
        let next = self.unused.checked_add(1).filter(|next| *next <= self.chunks.len())?;
        self.unused = next;
        Link::try_from(next).ok()
    }

    fn give_back(&mut self, link: Link) {
        let free = self.free;
        if let Some(chunk) = self.chunk_mut(link) {
            index_chunk::set_after(chunk, free);
            self.free = link;
            self.free_count = self.free_count.saturating_add(1);
        }
    }

    fn chunk(&self, link: Link) -> Option<&IndexChunk> {
        index_chunk::at_link(self.chunks, link)
    }

    fn head(&self, link: Link) -> Option<ChunkHead> {
        self.chunk(link).map(index_chunk::head)
    }

    /// A chunk to change.
    fn chunk_mut(&mut self, link: Link) -> Option<&mut IndexChunk> {
        if let Some(Unsaved { now, .. }) = self.unsaved {
            self.note_unsaved(link, now);
        }
        self.place_mut(link)
    }

    fn place_mut(&mut self, link: Link) -> Option<&mut IndexChunk> {
        self.chunks.get_mut(usize::try_from(link).ok()?.checked_sub(1)?)
    }

    /// A chunk has to be saved.
    fn note_unsaved(&mut self, link: Link, list: usize) {
        let Some(first) = self.unsaved.and_then(|unsaved| unsaved.first.get(list).copied()) else { return };
        let Some(chunk) = self.place_mut(link).filter(|chunk| index_chunk::next_unsaved(chunk, list) == 0)
        else {
            return;
        };
        index_chunk::set_next_unsaved(chunk, list, first);
        if let Some(first) = self.unsaved.as_mut().and_then(|unsaved| unsaved.first.get_mut(list)) {
            *first = link;
        }
    }
}

/// The number of the chunk, and the place in it.
pub(super) fn split(queue_offset: i64) -> (i64, usize) {
    let place = usize::try_from(queue_offset.rem_euclid(CHUNK_SPAN)).unwrap_or(0);
    (queue_offset.div_euclid(CHUNK_SPAN), place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rocketlite_core::Rng;
    use std::vec;
    use std::vec::Vec;

    fn entry(n: i64) -> QueueEntry {
        let physical_offset = u64::try_from(n).unwrap() * 100;
        QueueEntry { physical_offset, size: 7, tags_code: i32::try_from(n % 5).unwrap() }
    }

    #[test]
    fn every_message_is_found_until_it_is_cut_off() {
        let mut memory = vec![index_chunk::EMPTY_CHUNK; 600];
        let mut index = ConsumeQueues::new(&mut memory);
        // Queues of very different lengths, cut at different places.
        let mut queues: Vec<(ConsumeQueue, i64, i64)> = vec![(ConsumeQueue::EMPTY, 0, 0); 7];
        let mut rng = Rng::new(11);
        for round in 0..30_000u32 {
            let of = usize::try_from(rng.below(7).min(rng.below(7))).unwrap();
            let (queue, min, max) = &mut queues[of];
            if index.has_room(*queue, *max, 1) && (*max - *min < 4_000) {
                index.push(queue, *max, entry(*max));
                *max += 1;
            } else {
                *min += i64::from(rng.below(u32::try_from(*max - *min + 1).unwrap()));
                index.cut_before(queue, *min);
            }
            if round % 50 == 0 {
                for (queue, min, max) in &queues {
                    for at in [*min, i64::midpoint(*min, *max), *max - 1] {
                        let expected = (at >= *min && at < *max).then(|| entry(at));
                        assert_eq!(index.get(*queue, at).filter(|_| at < *max && at >= *min), expected);
                    }
                    assert!(*min == *max || index.from(*queue, *min).next().is_some());
                }
            }
        }
        for (queue, min, max) in &mut queues {
            let count = usize::try_from(*max - *min).unwrap();
            let all: Vec<_> = index.from(*queue, *min).take(count).collect();
            assert_eq!(all, (*min..*max).map(entry).collect::<Vec<_>>());
            index.clear(queue);
        }
        assert_eq!(index.free_chunks(), 600);
    }

    #[test]
    fn a_place_in_a_long_queue_is_found_in_few_steps() {
        let mut memory = vec![index_chunk::EMPTY_CHUNK; 4_096];
        let mut index = ConsumeQueues::new(&mut memory);
        let mut queue = ConsumeQueue::EMPTY;
        for n in 0..65_536 {
            index.push(&mut queue, n, entry(n));
        }
        assert!(!index.has_room(queue, 65_536, 1));
        let steps = |number: i64| {
            let (mut link, mut steps) = (queue.last, 0);
            while index.head(link).unwrap().number != number {
                let chunk = index.head(link).unwrap();
                link = if chunk.jump != 0 && chunk.jump_number >= number { chunk.jump } else { chunk.before };
                steps += 1;
            }
            steps
        };
        let most = (0..4_096).map(steps).max().unwrap();
        assert!(most <= 40, "{most} steps");
    }

    #[test]
    fn room_is_counted_in_chunks() {
        let mut memory = vec![index_chunk::EMPTY_CHUNK; 2];
        let mut index = ConsumeQueues::new(&mut memory);
        let (mut a, mut b) = (ConsumeQueue::EMPTY, ConsumeQueue::EMPTY);
        assert!(index.has_room(a, 0, 32) && !index.has_room(a, 0, 33));
        for n in 0..10 {
            index.push(&mut a, n, entry(n));
        }
        assert!(index.has_room(a, 10, 22) && !index.has_room(a, 10, 23));
        index.push(&mut b, 0, entry(0));
        assert!(index.has_room(a, 10, 6) && !index.has_room(a, 10, 7));
        index.clear(&mut a);
        assert!(index.has_room(b, 1, 31) && !index.has_room(b, 1, 32));
        assert_eq!(index.get(a, 3), None);
        // A queue whose messages are all gone begins with a chunk of its own again.
        assert!(index.has_room(a, 10, 6) && !index.has_room(a, 10, 7));
    }
}
