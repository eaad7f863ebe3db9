//! Topics change and go, and everything that depends on them.

use rocketlite_core::SlotId;
use rocketlite_core::message::validate::is_system_topic;

use super::State;
use crate::event::BrokerEvent;
use crate::table::{Name, NewTopic};

impl State<'_> {
    /// Whether a topic is the broker's own and not for users to change (`TopicValidator#isSystemTopic`).
    pub(crate) fn is_own_topic(&self, name: &str) -> bool {
        is_system_topic(name) || name == self.config.cluster_name || name == self.config.broker_name
    }

    /// Gives a topic other settings. Returns whether there was room for more queues.
    pub(crate) fn update_topic(&mut self, id: SlotId, new: NewTopic<'_>) -> bool {
        if !self.topics.update(id, new) {
            return false;
        }
        self.brokers.touch();
        if let Ok(topic) = Name::try_from(new.name) {
            self.events.push(BrokerEvent::TopicUpdated { topic, queues: new.write_queue_nums });
        }
        self.tell_name_servers();
        self.note_change();
        true
    }

    /// Forgets a topic, how far groups have come in it, and who has its queues. Pulls that wait for it are answered.
    pub(crate) fn remove_topic(&mut self, id: SlotId) {
        let Some(topic) = self.topics.remove(id) else { return };
        self.offsets.forget(|entry| entry.topic == id);
        self.locks.forget_of(None, Some(id));
        self.brokers.touch();
        if let Ok(topic) = Name::try_from(topic.name()) {
            self.events.push(BrokerEvent::TopicDeleted { topic });
        }
        self.tell_name_servers();
        self.note_change();
        self.pulls_wait = true;
        self.retry_pulls();
    }

    /// The topics changed: name servers are told after the request.
    pub(super) fn tell_name_servers(&mut self) {
        for name_server in self.name_servers.iter_mut() {
            name_server.is_told = false;
        }
    }
}
