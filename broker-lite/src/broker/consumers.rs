//! Consumer groups: who is told when their members change, and bodies of answers about them.

use rocketlite_core::wire::cursor::Writer;
use rocketlite_core::wire::fields::SerializeType;
use rocketlite_core::wire::route::{PERM_READ, PERM_WRITE};
use rocketlite_core::{Arena, Extent, SlotId};

use super::State;
use crate::outgoing::{Content, Outgoing};
use crate::table::{ClientRole, GroupName, MessageModel, Name, NewTopic};

/// What the name of a retry topic begins with (`MixAll.RETRY_GROUP_TOPIC_PREFIX`).
pub(crate) const RETRY_PREFIX: &str = "%RETRY%";

/// There is no room, in the table or memory of this setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom(pub(crate) &'static str);

impl State<'_> {
    /// The group of that name; it is made if it is not there and may be
    /// (`SubscriptionGroupManager#findSubscriptionGroupConfig`). `None` if it may not.
    pub(crate) fn find_or_create_group(&mut self, name: &GroupName) -> Result<Option<SlotId>, NoRoom> {
        let found = self.groups.find(name);
        if found.is_some_and(|id| self.groups.get(id).is_some_and(|group| !group.is_deleted)) {
            return Ok(found);
        }
        if !self.config.auto_create_groups {
            return Ok(None);
        }
        self.create_group(name).map(Some)
    }

    /// A group with the settings that new ones have; if one of that name was deleted, its offsets are those of the new one.
    pub(crate) fn create_group(&mut self, name: &GroupName) -> Result<SlotId, NoRoom> {
        self.note_change();
        let retry_max_times = self.config.retry_max_times;
        if let Some(id) = self.groups.find(name) {
            self.groups.restore(id, retry_max_times);
            return Ok(id);
        }
        if let Some(id) = self.groups.create(name.clone(), retry_max_times) {
            return Ok(id);
        }
        // What was deleted goes for good before a group is refused.
        let deleted = self.groups.iter().find(|(_, group)| group.is_deleted).map(|(id, _)| id);
        self.remove_group(deleted.ok_or(NoRoom("memory.groups"))?);
        self.groups.create(name.clone(), retry_max_times).ok_or(NoRoom("memory.groups"))
    }

    /// Forgets a group, how far it has come and which queues its members have.
    pub(crate) fn remove_group(&mut self, id: SlotId) {
        self.note_change();
        self.groups.remove(id);
        self.offsets.forget(|entry| entry.group == id);
        self.locks.forget_of(Some(id), None);
    }

    /// A group's own topic for messages that it failed with, made if it is not there; it can be found at once
    /// (`TopicConfigManager#createTopicInSendMessageBackMethod`).
    pub(crate) fn find_or_create_retry_topic(
        &mut self,
        group: &GroupName,
        queues: i32,
    ) -> Result<SlotId, NoRoom> {
        let mut name = Name::new();
        // A group's name is short enough for both parts.
        let _ = name.push_str(RETRY_PREFIX).and_then(|()| name.push_str(group));
        self.find_or_create_own_topic(&name, queues)
    }

    /// A topic of a consumer group, made if it is not there.
    pub(crate) fn find_or_create_own_topic(&mut self, name: &Name, queues: i32) -> Result<SlotId, NoRoom> {
        if let Some(id) = self.topics.find(name) {
            return Ok(id);
        }
        let (read_queue_nums, write_queue_nums) = (queues, queues);
        let perm = PERM_READ | PERM_WRITE;
        let new = NewTopic { name, read_queue_nums, write_queue_nums, perm, sys_flag: 0 };
        self.create_topic(new).ok_or(NoRoom("memory.topics or memory.queues"))
    }

    /// Tells all members of a consumer group that it has changed, as far as there is room: they look for themselves
    /// every 20 s (`DefaultConsumerIdsChangeListener`).
    pub(crate) fn notify_consumers(&mut self, group: &str) {
        let info = self.groups.find(group).and_then(|id| self.groups.get(id));
        let broadcasts =
            info.is_some_and(|info| info.consumption.message_model == MessageModel::Broadcasting);
        let Ok(name) = GroupName::try_from(group) else { return };
        if broadcasts {
            return;
        }
        for client in self.clients.of_group(ClientRole::Consumer, group) {
            let connection = client.connection();
            if !self.connections.has_spare_room(connection, self.config.max_pending) {
                continue;
            }
            let opaque = self.next_opaque;
            self.next_opaque = self.next_opaque.wrapping_add(1);
            let content = Content::ConsumersChanged { group: name.clone() };
            self.connections.push(connection, Outgoing::new(SerializeType::Json, opaque, content));
        }
    }

    /// An answer whose body `put` writes.
    pub(crate) fn make(&mut self, put: impl Fn(&State<'_>, &mut Writer<'_>)) -> Result<Content, NoRoom> {
        self.make_body(put).map(|body| Content::Made { body })
    }

    /// Memory of answers that `put` fills: it is called twice, once to learn how much that is.
    pub(crate) fn make_body(&mut self, put: impl Fn(&State<'_>, &mut Writer<'_>)) -> Result<Extent, NoRoom> {
        let mut measure = Writer::new(&mut []);
        put(self, &mut measure);
        let len = measure.position();
        let Some(body) = self.connections.bodies_mut().alloc(len) else {
            self.bodies_wait = true;
            return Err(NoRoom("memory.answers"));
        };
        // The memory is lent out while the rest is looked at.
        let nothing = Arena::new(&mut [], &mut []);
        let mut bodies = core::mem::replace(self.connections.bodies_mut(), nothing);
        put(self, &mut Writer::new(bodies.get_mut(body)));
        *self.connections.bodies_mut() = bodies;
        Ok(body)
    }
}
