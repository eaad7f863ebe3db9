//! Pulls: what a queue has for one, and those that wait for a message.

use rocketlite_core::SlotId;
use rocketlite_core::wire::code::ResponseCode;

use super::State;
use crate::outgoing::{Content, MAX_PULL_MESSAGES, Outgoing, PullStatus, Pulled, Remark};
use crate::table::{Name, Pull, Queue};

/// Messages of a queue that one pull looks at, those with other tags included (`maxFilterMessageSize` of 16,000 bytes).
const MAX_SCANNED: usize = 800;

impl State<'_> {
    /// What the queue has for a pull (`DefaultMessageStore#getMessage`).
    pub(crate) fn look_up(&self, pull: &Pull) -> Pulled {
        let queue = self.topics.queue(pull.topic, pull.queue_id).copied().unwrap_or(Queue::EMPTY);
        let (min, max) = (queue.min_offset(), self.visible_max(queue));
        let offset = pull.offset;
        let (status, next_begin_offset) = match () {
            () if max == 0 => (PullStatus::NoMessageInQueue { at_start: offset == 0 }, 0),
            () if offset < min => (PullStatus::OffsetTooSmall, min),
            () if offset == max => (PullStatus::OffsetOverflowOne, offset),
            () if offset > max => (PullStatus::OffsetOverflowBadly, max),
            () => (PullStatus::NoMatchedMessage, offset),
        };
        let mut pulled = Pulled {
            status,
            topic: pull.topic,
            topic_sys_flag: self.topics.get(pull.topic).map_or(0, crate::table::Topic::sys_flag),
            queue_id: pull.queue_id,
            offset,
            next_begin_offset,
            min_offset: min,
            max_offset: max,
            messages: heapless::Vec::new(),
            bytes: 0,
            oldest: 0,
            damaged: None,
        };
        if status == PullStatus::NoMatchedMessage {
            self.collect(pull, &mut pulled);
        }
        pulled
    }

    /// Collects messages from the first on, as many as one answer may have (`#isTheBatchFull`).
    fn collect(&self, pull: &Pull, pulled: &mut Pulled) {
        let wanted = usize::try_from(pull.max_messages).unwrap_or(0).clamp(1, MAX_PULL_MESSAGES);
        let entries = self.topics.entries_from(pull.topic, pull.queue_id, pull.offset);
        let visible = entries.take_while(|(offset, _)| *offset < pulled.max_offset);
        for ((offset, entry), at) in visible.take(MAX_SCANNED).zip(0u16..) {
            let wanted_too = entry.size > 0 && pull.filter.matches(entry.tags_code);
            if wanted_too && !self.is_message(pull, offset, entry.physical_offset) {
                // Each is reported: the next pull begins with the second.
                if pulled.damaged.is_some() {
                    break;
                }
                pulled.damaged = Some((offset, entry));
            } else if wanted_too {
                let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
                // The first one goes however large it is.
                let bytes = pulled.bytes.saturating_add(size);
                let full = bytes > self.config.max_pull_bytes && !pulled.messages.is_empty();
                if pulled.messages.len() == wanted || full {
                    break;
                }
                if pulled.messages.is_empty() {
                    pulled.oldest = entry.physical_offset;
                }
                pulled.oldest = pulled.oldest.min(entry.physical_offset);
                pulled.bytes = bytes;
                let _ = pulled.messages.push(at);
                pulled.status = PullStatus::Found;
            }
            pulled.next_begin_offset = offset.saturating_add(1);
        }
    }

    /// Whether the record that the index names is that message, as it was stored. In memory nothing else can be.
    fn is_message(&self, pull: &Pull, queue_offset: i64, physical_offset: u64) -> bool {
        if self.storage.is_none() {
            return true;
        }
        let topic = self.topics.get(pull.topic).map(crate::table::Topic::name);
        self.log.sealed_at(physical_offset).is_some_and(|(message, ..)| {
            (message.queue_id, message.queue_offset) == (pull.queue_id, queue_offset)
                && topic == Some(message.topic)
        })
    }

    /// Reports a damaged message that a pull came across; it is no more, so the next pull does not.
    pub(crate) fn note_damaged(&mut self, pulled: &Pulled) {
        if let Some((queue_offset, entry)) = pulled.damaged {
            let end = entry.physical_offset.saturating_add(entry.size.into());
            self.report_damage(&(entry.physical_offset..end));
            self.topics.give_up(pulled.topic, pulled.queue_id, queue_offset);
        }
    }

    /// Counts messages that are handed out to a group.
    pub(crate) fn count_pulled(&mut self, group: SlotId, pulled: &Pulled) {
        let messages = u64::try_from(pulled.messages.len()).unwrap_or(0);
        if let Some(group) = self.groups.get_mut(group) {
            group.pulled.add(self.now, messages);
        }
        self.counters.pulled_messages = self.counters.pulled_messages.saturating_add(messages);
        let bytes = u64::try_from(pulled.bytes).unwrap_or(u64::MAX);
        self.counters.pulled_bytes = self.counters.pulled_bytes.saturating_add(bytes);
    }

    /// A queue has new messages: pulls that wait for them are answered.
    pub(crate) fn release_pulls(&mut self, topic: SlotId, queue_id: i32) {
        if self.held_pulls.is_empty() {
            return;
        }
        let Some(max) = self.topics.queue(topic, queue_id).map(|queue| self.visible_max(*queue)) else {
            return;
        };
        // One that finds no message with its tag goes on waiting, further on.
        loop {
            let Some(id) = self.held_pulls.find_of_queue(topic, queue_id, |held| held.pull.offset < max)
            else {
                return;
            };
            if !self.try_release(id, false) {
                return;
            }
        }
    }

    /// Answers a pull that waited if there is something for it or its time is over. Returns whether there was room.
    fn try_release(&mut self, id: SlotId, over: bool) -> bool {
        let Some(held) = self.held_pulls.get(id) else { return true };
        let (pulled, connection) = (self.look_up(&held.pull), held.connection);
        self.note_damaged(&pulled);
        if pulled.status == PullStatus::NoMatchedMessage && !over {
            let next = pulled.next_begin_offset;
            self.held_pulls.move_on(id, next);
            return true;
        }
        if !self.connections.has_spare_room(connection, self.config.max_pending) {
            self.pulls_wait = true;
            return false;
        }
        if let Some(held) = self.held_pulls.remove(id) {
            let content = if self.topics.get(held.pull.topic).is_some() {
                self.count_pulled(held.pull.group, &pulled);
                Content::Pulled(pulled)
            } else {
                let remark = Remark::Plain("the topic was deleted while the pull waited");
                let code = ResponseCode::TOPIC_NOT_EXIST;
                Content::Failure { code, remark, topic: Name::new(), of_send: false }
            };
            self.send(connection, Outgoing::new(held.serialize_type, held.opaque, content));
        }
        true
    }

    /// Answers pulls whose time is over.
    pub(super) fn expire_pulls(&mut self) {
        self.each_held(|held, now| now >= held.until);
    }

    /// Answers pulls for which there was something, or whose time was over, but no room.
    pub(crate) fn retry_pulls(&mut self) {
        if core::mem::take(&mut self.pulls_wait) {
            self.each_held(|_, _| true);
        }
    }

    fn each_held(&mut self, wanted: impl Fn(&crate::table::HeldPull, rocketlite_core::Instant) -> bool) {
        for place in self.held_pulls.places() {
            let Some(id) = self.held_pulls.id_at(place) else { continue };
            let Some(held) = self.held_pulls.get(id).filter(|held| wanted(held, self.now)) else { continue };
            let over = self.now >= held.until;
            let (topic, queue_id) = (held.pull.topic, held.pull.queue_id);
            let max = self.topics.queue(topic, queue_id).map_or(0, |queue| self.visible_max(*queue));
            let gone = self.topics.get(topic).is_none();
            if over || gone || held.pull.offset != max {
                self.try_release(id, over);
            }
        }
    }
}
