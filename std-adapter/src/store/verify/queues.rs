//! Whether the messages of each queue follow each other.

use core::ops::Range;
use std::collections::HashMap;

use rocketlite_broker::inspect::SavedRecord;

/// What was seen of each queue.
///
/// A log holds every message of a queue from some queue offset on, one after another. Messages that wait for their time, or are
/// sent back, are written again further on when the ring comes round to them: such a record is older than what stands
/// before it, and may come after others of its queue, twice, or stand alone where those behind it have gone.
#[derive(Debug, Default)]
pub(super) struct Queues {
    topics: HashMap<String, HashMap<i32, Queue>>,
    gaps: Vec<Gap>,
    /// The newest time at which any record so far was stored.
    newest: i64,
    /// Damaged places so far.
    damaged: u64,
}

#[derive(Debug)]
struct Queue {
    max_offset: i64,
    newest: i64,
    /// Whether what comes after its last message has to follow it.
    is_sure: bool,
    /// Damaged places up to its last message.
    damaged: u64,
}

/// Queue offsets that no record has.
#[derive(Debug)]
pub(super) struct Gap {
    topic: String,
    queue_id: i32,
    offsets: Range<i64>,
    /// Where the record behind them stands.
    pub(super) at: u64,
}

impl Gap {
    pub(super) fn reason(&self) -> String {
        let (Range { start, end }, queue_id, topic) = (&self.offsets, self.queue_id, &self.topic);
        format!("queue offsets {start} to {} of queue {queue_id} of '{topic}' are missing before it", end - 1)
    }
}

impl Queues {
    /// Something is missing that was there.
    pub(super) const fn note_damage(&mut self) {
        self.damaged += 1;
    }

    pub(super) fn count(&self) -> u64 {
        self.topics.values().map(|queues| queues.len() as u64).sum()
    }

    /// Queue offsets that are missing after all.
    pub(super) fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter()
    }

    /// Enters the next record of the log. Says what is wrong with its place in its queue.
    pub(super) fn enter(&mut self, record: &SavedRecord<'_>) -> Option<String> {
        let message = &record.message;
        let (offset, stored, damaged) = (message.queue_offset, message.store_timestamp, self.damaged);
        let is_moved = stored < self.newest;
        self.newest = self.newest.max(stored);
        if !self.topics.contains_key(message.topic) {
            self.topics.insert(message.topic.to_owned(), HashMap::new());
        }
        let queues = self.topics.get_mut(message.topic)?;
        let present = Queue { max_offset: offset, newest: stored, is_sure: !is_moved, damaged };
        let Some(queue) = queues.get_mut(&message.queue_id) else {
            // What it followed has gone, if this one was not moved away from there.
            queues.insert(message.queue_id, Queue { is_sure: false, ..present });
            return None;
        };
        if offset > queue.max_offset {
            let offsets = queue.max_offset.saturating_add(1)..offset;
            if !offsets.is_empty() && queue.is_sure && queue.damaged == damaged {
                let (topic, queue_id) = (message.topic.to_owned(), message.queue_id);
                self.gaps.push(Gap { topic, queue_id, offsets, at: record.at });
            }
            *queue = Queue { newest: queue.newest.max(stored), ..present };
            return None;
        }
        if stored <= queue.newest {
            let queue_id = message.queue_id;
            fill(&mut self.gaps, message.topic, queue_id, offset);
            return None;
        }
        if offset == 0 {
            // The topic was removed and made again.
            *queue = present;
            return None;
        }
        let (queue_id, topic) = (message.queue_id, message.topic);
        Some(format!("queue offset {offset} of queue {queue_id} of '{topic}' was there before"))
    }
}

/// A message that was moved was not missing.
fn fill(gaps: &mut Vec<Gap>, topic: &str, queue_id: i32, offset: i64) {
    let is_in = |gap: &Gap| gap.queue_id == queue_id && gap.offsets.contains(&offset) && gap.topic == topic;
    let Some(at) = gaps.iter().position(is_in) else { return };
    let Gap { topic, offsets, at, .. } = gaps.swap_remove(at);
    for offsets in [offsets.start..offset, offset.saturating_add(1)..offsets.end] {
        if !offsets.is_empty() {
            gaps.push(Gap { topic: topic.clone(), queue_id, offsets, at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rocketlite_core::message::stored::StoredMessage;

    /// Enters records, each a queue offset and a time; gives the complaints and the gaps.
    fn entered(records: &[(i64, i64)]) -> (Vec<String>, Vec<Range<i64>>) {
        let mut queues = Queues::default();
        let complaints = records.iter().filter_map(|(offset, stored)| enter(&mut queues, *offset, *stored));
        let complaints = complaints.collect();
        (complaints, queues.gaps().map(|gap| gap.offsets.clone()).collect())
    }

    fn enter(queues: &mut Queues, queue_offset: i64, store_timestamp: i64) -> Option<String> {
        let host = "127.0.0.1:1".parse().unwrap();
        let message = StoredMessage {
            queue_id: 1,
            flag: 0,
            queue_offset,
            physical_offset: 0,
            sys_flag: 0,
            born_timestamp: 0,
            born_host: host,
            store_timestamp,
            store_host: host,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body_crc: 0,
            body: b"",
            topic: "T",
            properties: b"",
        };
        let mut bytes = vec![0; 4_096];
        let encoded = {
            let mut writer = rocketlite_core::wire::cursor::Writer::new(&mut bytes);
            message.encode(&mut writer).unwrap();
            writer.position()
        };
        bytes.resize(encoded.next_multiple_of(8) + 16, 0);
        let sum = encoded + 4;
        let seal = crate::checksum::crc32(&bytes[..sum]);
        bytes[sum..sum + 4].copy_from_slice(&seal.to_be_bytes());
        let saved = rocketlite_broker::Saved::default();
        let log = rocketlite_broker::inspect::SavedLog::open(&mut bytes, &saved, crate::checksum::crc32);
        let log = log.unwrap();
        queues.enter(&log.record(0).unwrap())
    }

    #[test]
    fn messages_that_follow_each_other_are_right() {
        let (complaints, gaps) = entered(&[(7, 1), (8, 1), (9, 2), (10, 2)]);
        assert!(complaints.is_empty() && gaps.is_empty(), "{complaints:?} {gaps:?}");
    }

    #[test]
    fn what_is_missing_or_repeated_is_said() {
        let (complaints, gaps) = entered(&[(7, 1), (8, 1), (11, 2), (10, 3)]);
        assert_eq!((gaps.len(), &gaps[0]), (1, &(9..11)));
        assert_eq!(complaints, ["queue offset 10 of queue 1 of 'T' was there before"]);
    }

    #[test]
    fn what_was_moved_is_not_missing() {
        // 7 stands alone, what followed it has gone.
        assert_eq!(entered(&[(7, 1), (11, 2), (12, 3)]), (vec![], vec![]));
        assert_eq!(entered(&[(4, 1), (5, 2), (9, 9), (7, 3), (6, 3), (8, 3), (10, 9)]), (vec![], vec![]));
        // Both places of a record that was moved.
        assert_eq!(entered(&[(4, 1), (5, 2), (4, 1), (6, 3)]), (vec![], vec![]));
    }

    #[test]
    fn a_topic_that_was_made_again_begins_again() {
        assert_eq!(entered(&[(0, 1), (1, 2), (0, 3), (1, 4)]), (vec![], vec![]));
    }

    #[test]
    fn what_is_damaged_is_not_missing_as_well() {
        let mut queues = Queues::default();
        for (offset, stored) in [(1, 1), (2, 2)] {
            assert_eq!(enter(&mut queues, offset, stored), None);
        }
        queues.note_damage();
        assert_eq!(enter(&mut queues, 5, 5), None);
        assert_eq!(queues.gaps().count(), 0);
    }
}
