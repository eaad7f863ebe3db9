//! Messages that go: because they are old enough, and because there was no room, which those who had not read them are told.

use core::time::Duration;

use rocketlite_core::SlotId;

use super::State;
use super::store::{Fate, Gone};
use crate::event::BrokerEvent;
use crate::table::{ClientRole, Name, Queue};

/// Most messages that go in one second because of their age and hold up others for it.
const MAX_EXPIRED: usize = 16_384;

impl State<'_> {
    /// Lets messages go that were stored longer ago than they are to be kept (`fileReservedTime`). Those that wait for their
    /// time stay.
    pub(super) fn expire_messages(&mut self) {
        let Some(retain) = self.config.retain else { return };
        let (mut gone, mut stayed) = (Gone::default(), 0usize);
        for _ in 0..MAX_EXPIRED {
            if !self.is_oldest_expired(retain) || stayed > self.delays.messages {
                break;
            }
            match self.let_oldest_go(&mut None, &mut gone) {
                Some(Fate::Evicted) => stayed = 0,
                Some(Fate::Kept) => stayed = stayed.saturating_add(1),
                None => break,
            }
        }
        let Gone { messages, bytes } = gone;
        if messages > 0 {
            self.counters.expired_messages = self.counters.expired_messages.saturating_add(messages);
            self.counters.expired_bytes = self.counters.expired_bytes.saturating_add(bytes);
            self.events.push(BrokerEvent::Expired { messages, bytes });
        }
    }

    /// Whether the oldest message is old enough; what is damaged always is.
    fn is_oldest_expired(&self, retain: Duration) -> bool {
        if self.log.min_offset() >= self.log.max_offset() {
            return false;
        }
        let Some((oldest, _)) = self.log.oldest() else { return true };
        let age = self.clock.unix_millis(self.now).saturating_sub(oldest.store_timestamp);
        u64::try_from(age).is_ok_and(|age| Duration::from_millis(age) > retain)
    }

    /// Tells which groups, of those that have members, have lost messages that they had not consumed.
    pub(super) fn tell_unread(&mut self) {
        let gone = self.counters.evicted_messages.saturating_add(self.counters.expired_messages);
        if core::mem::replace(&mut self.told_of_gone, gone) == gone {
            return;
        }
        for place in self.offsets.places() {
            let Some((group, topic)) = self.offsets.at(place).map(|entry| (entry.group, entry.topic)) else {
                continue;
            };
            let messages = self.lost_of(group, topic);
            let names = self.groups.get(group).zip(self.topics.get(topic));
            let Some((group_info, topic_info)) = names.filter(|_| messages > 0) else { continue };
            let (group, name) = (group_info.name(), Name::try_from(topic_info.name()));
            if self.clients.of_group(ClientRole::Consumer, group).next().is_some()
                && let (Ok(group), Ok(topic)) = (group.try_into(), name)
            {
                self.events.push(BrokerEvent::LostUnread { group, topic, messages });
            }
        }
    }

    /// How many messages of a topic went that a group had not consumed, since it was last asked.
    fn lost_of(&mut self, group: SlotId, topic: SlotId) -> u64 {
        let queues =
            self.topics.get(topic).map_or(0, |topic| topic.read_queue_nums().max(topic.write_queue_nums()));
        let mut lost = 0u64;
        for queue_id in 0..queues {
            let min = self.topics.queue(topic, queue_id).map_or(0, Queue::min_offset);
            lost = lost.saturating_add(self.offsets.take_lost(group, topic, queue_id, min));
        }
        lost
    }
}
