//! Consumer groups, their settings, and what they subscribe to.

use rocketlite_core::{Slot, SlotId, Slots};

use super::saved_topics::find_in_order;
use super::{GroupName, Name, NameIndex};
use crate::broker::Rate;
use crate::filter::Expression;

/// How a group's members consume (`ConsumeType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "the protocol has three")]
pub enum ConsumeType {
    /// `CONSUME_ACTIVELY`: the program pulls.
    #[default]
    Actively,
    /// `CONSUME_PASSIVELY`: the client pulls and calls the program.
    Passively,
    /// `CONSUME_POP`.
    Pop,
}

impl ConsumeType {
    /// The protocol's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Actively => "CONSUME_ACTIVELY",
            Self::Passively => "CONSUME_PASSIVELY",
            Self::Pop => "CONSUME_POP",
        }
    }
}

/// Who gets a message (`MessageModel`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "the protocol has two")]
pub enum MessageModel {
    /// One member of the group.
    #[default]
    Clustering,
    /// Every member, which keeps its offsets itself.
    Broadcasting,
}

impl MessageModel {
    /// The protocol's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clustering => "CLUSTERING",
            Self::Broadcasting => "BROADCASTING",
        }
    }
}

/// Where a group begins that has no offset (`ConsumeFromWhere`). Clients act on it; the broker only shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "the protocol has three")]
pub enum ConsumeFromWhere {
    /// `CONSUME_FROM_LAST_OFFSET`.
    #[default]
    LastOffset,
    /// `CONSUME_FROM_FIRST_OFFSET`.
    FirstOffset,
    /// `CONSUME_FROM_TIMESTAMP`.
    Timestamp,
}

impl ConsumeFromWhere {
    /// The protocol's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LastOffset => "CONSUME_FROM_LAST_OFFSET",
            Self::FirstOffset => "CONSUME_FROM_FIRST_OFFSET",
            Self::Timestamp => "CONSUME_FROM_TIMESTAMP",
        }
    }
}

/// What a consumer's heartbeat says of its group (`ConsumerData`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_structs, reason = "the protocol has three such members")]
pub struct Consumption {
    /// How its members consume.
    pub consume_type: ConsumeType,
    /// Who gets a message.
    pub message_model: MessageModel,
    /// Where it begins.
    pub consume_from_where: ConsumeFromWhere,
}

/// A consumer group (`SubscriptionGroupConfig`, `ConsumerGroupInfo`). It stays when its members leave.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConsumerGroup {
    pub(crate) name: GroupName,
    pub(crate) consumption: Consumption,
    /// Whether it may pull (`consumeEnable`).
    pub(crate) consume_enable: bool,
    /// Whether it may broadcast (`consumeBroadcastEnable`).
    pub(crate) consume_broadcast_enable: bool,
    /// Queues of its retry topic; without any, what failed is dropped (`retryQueueNums`).
    pub(crate) retry_queue_nums: i32,
    /// How often a message may fail, if the client does not say (`retryMaxTimes`).
    pub(crate) retry_max_times: i32,
    /// Messages handed out to it.
    pub(crate) pulled: Rate,
    /// Whether it was deleted and only its offsets are kept.
    pub(crate) is_deleted: bool,
    /// Its number in the checkpoint that it was restored from.
    pub(crate) saved_place: u16,
}

impl ConsumerGroup {
    fn new(name: GroupName, retry_max_times: i32) -> Self {
        Self {
            name,
            consumption: Consumption::default(),
            consume_enable: true,
            consume_broadcast_enable: true,
            retry_queue_nums: 1,
            retry_max_times,
            pulled: Rate::default(),
            is_deleted: false,
            saved_place: 0,
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its newest heartbeat said.
    pub const fn consumption(&self) -> Consumption {
        self.consumption
    }
}

/// What a group's members want of one topic (`SubscriptionData`). A driver only makes room for it.
#[derive(Debug, Clone)]
pub struct Subscription {
    pub(crate) group: SlotId,
    pub(crate) topic: Name,
    pub(crate) expression: Expression,
    /// Whether the expression is one of SQL92, which this broker does not read.
    pub(crate) is_sql: bool,
    /// Larger is newer; Java counts in milliseconds, Go in nanoseconds.
    pub(crate) version: i64,
    /// Whether the heartbeat that is being read has named it.
    named: bool,
}

/// All groups, found by name, and their subscriptions, found by their group.
#[derive(Debug)]
pub(crate) struct GroupTable<'m> {
    groups: Slots<'m, ConsumerGroup>,
    names: NameIndex<'m>,
    subscriptions: Slots<'m, Subscription>,
    by_group: NameIndex<'m>,
}

impl<'m> GroupTable<'m> {
    pub(crate) fn new(
        groups: &'m mut [Slot<ConsumerGroup>],
        names: &'m mut [u16],
        subscriptions: &'m mut [Slot<Subscription>],
        by_group: &'m mut [u16],
        seed: u64,
    ) -> Self {
        let (groups, subscriptions) = (Slots::new(groups), Slots::new(subscriptions));
        let names = NameIndex::new(names, groups.capacity(), seed);
        let by_group = NameIndex::new(by_group, subscriptions.capacity(), seed);
        Self { groups, names, subscriptions, by_group }
    }

    pub(crate) fn find(&self, name: &str) -> Option<SlotId> {
        let same = |id: &SlotId| self.groups.get(*id).is_some_and(|group| group.name == name);
        self.names.places(self.names.hash(&[name])).filter_map(|at| self.groups.id_at(at)).find(same)
    }

    pub(crate) fn get(&self, id: SlotId) -> Option<&ConsumerGroup> {
        self.groups.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: SlotId) -> Option<&mut ConsumerGroup> {
        self.groups.get_mut(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SlotId, &ConsumerGroup)> {
        self.groups.iter()
    }

    /// Makes a group, which must not be there yet. Returns `None` if there is no room.
    pub(crate) fn create(&mut self, name: GroupName, retry_max_times: i32) -> Option<SlotId> {
        let hash = self.names.hash(&[&name]);
        let id = self.groups.insert(ConsumerGroup::new(name, retry_max_times))?;
        self.names.insert(hash, id.index());
        Some(id)
    }

    /// The group of that number in the checkpoint they were restored from, in the order of their numbers.
    pub(crate) fn find_saved(&self, place: u16) -> Option<SlotId> {
        let count = u16::try_from(self.groups.len()).unwrap_or(u16::MAX);
        let saved =
            |at: u16| Some((self.groups.id_at(at)?, self.groups.get(self.groups.id_at(at)?)?.saved_place));
        find_in_order(count, place, saved)
    }

    /// Gives a group that was deleted the settings of a new one.
    pub(crate) fn restore(&mut self, id: SlotId, retry_max_times: i32) {
        if let Some(group) = self.groups.get_mut(id) {
            let name = core::mem::take(&mut group.name);
            *group = ConsumerGroup::new(name, retry_max_times);
        }
    }

    /// Deletes a group but for its offsets, which count again when it is made again.
    pub(crate) fn delete(&mut self, id: SlotId) {
        if let Some(group) = self.groups.get_mut(id) {
            group.is_deleted = true;
            self.retain_named(id, |_| false);
        }
    }

    /// Forgets a group and what it subscribed to.
    pub(crate) fn remove(&mut self, id: SlotId) -> Option<ConsumerGroup> {
        let group = self.groups.remove(id)?;
        self.names.remove(self.names.hash(&[&group.name]), id.index());
        self.retain_named(id, |_| false);
        Some(group)
    }

    /// What a group subscribes to.
    pub(crate) fn subscriptions(&self, group: SlotId) -> impl Iterator<Item = &Subscription> {
        self.subscription_ids(group).filter_map(|id| self.subscriptions.get(id))
    }

    /// What a group wants of a topic.
    pub(crate) fn subscription(&self, group: SlotId, topic: &str) -> Option<&Subscription> {
        self.subscriptions(group).find(|subscription| subscription.topic == topic)
    }

    /// Begins to take note of all that a group's heartbeat subscribes to.
    pub(crate) fn begin_subscriptions(&mut self, group: SlotId) {
        for (_, subscription) in self.subscriptions.iter_mut() {
            if subscription.group == group {
                subscription.named = false;
            }
        }
    }

    /// Takes note of one subscription; an older version than the one that is known changes nothing
    /// (`ConsumerGroupInfo#updateSubscription`). Returns whether it is new, or `None` if there is no room.
    pub(crate) fn subscribe(
        &mut self,
        group: SlotId,
        topic: Name,
        version: i64,
        is_sql: bool,
        expression: impl FnOnce() -> Expression,
    ) -> Option<bool> {
        let found = self
            .subscription_ids(group)
            .find(|id| self.subscriptions.get(*id).is_some_and(|subscription| subscription.topic == topic));
        if let Some(known) = found.and_then(|id| self.subscriptions.get_mut(id)) {
            known.named = true;
            if version > known.version {
                (known.version, known.is_sql) = (version, is_sql);
                known.expression = expression();
            }
            return Some(false);
        }
        let id = self.subscriptions.insert(Subscription {
            group,
            topic,
            expression: expression(),
            is_sql,
            version,
            named: true,
        })?;
        self.by_group.insert(group.index().into(), id.index());
        Some(true)
    }

    /// Drops what the heartbeat did not name. Returns whether there was any.
    pub(crate) fn end_subscriptions(&mut self, group: SlotId) -> bool {
        self.retain_named(group, |subscription| subscription.named)
    }

    fn retain_named(&mut self, group: SlotId, keep: impl Fn(&Subscription) -> bool) -> bool {
        let mut dropped = false;
        loop {
            let gone = self
                .subscription_ids(group)
                .find(|id| self.subscriptions.get(*id).is_some_and(|subscription| !keep(subscription)));
            let Some(id) = gone else { return dropped };
            self.subscriptions.remove(id);
            self.by_group.remove(group.index().into(), id.index());
            dropped = true;
        }
    }

    fn subscription_ids(&self, group: SlotId) -> impl Iterator<Item = SlotId> {
        let places = self.by_group.places(group.index().into());
        places.filter_map(|at| self.subscriptions.id_at(at)).filter(move |id| {
            self.subscriptions.get(*id).is_some_and(|subscription| subscription.group == group)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::TagFilter;
    use rocketlite_core::wire::Text;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn a_heartbeat_replaces_what_a_group_subscribes_to() {
        let mut groups = vec![Slot::EMPTY; 2];
        let mut subscriptions = vec![Slot::EMPTY; 3];
        let (mut names, mut by_group) = ([0u16; 4], [0u16; 6]);
        let mut table = GroupTable::new(&mut groups, &mut names, &mut subscriptions, &mut by_group, 3);
        let group = |name: &str| GroupName::try_from(name).unwrap();
        let topic = |name: &str| Name::try_from(name).unwrap();
        let tags = |text: &'static str| move || Expression::new(Text::from(text));
        let (a, b) = (table.create(group("a"), 16).unwrap(), table.create(group("b"), 16).unwrap());
        assert!(table.create(group("c"), 16).is_none());
        assert_eq!((table.find("a"), table.find("c")), (Some(a), None));

        table.begin_subscriptions(a);
        assert_eq!(table.subscribe(a, topic("S"), 5, false, tags("*")), Some(true));
        assert_eq!(table.subscribe(a, topic("T"), 5, false, tags("x")), Some(true));
        assert!(!table.end_subscriptions(a));
        assert_eq!(table.subscribe(b, topic("T"), 5, false, tags("y")), Some(true));
        assert_eq!(table.subscribe(b, topic("U"), 5, false, tags("y")), None, "there is no room");

        table.begin_subscriptions(a);
        assert_eq!(table.subscribe(a, topic("T"), 5, false, tags("z")), Some(false));
        assert_eq!(table.subscription(a, "T").unwrap().expression.text, "x", "the version is no newer");
        assert_eq!(table.subscribe(a, topic("T"), 6, false, tags("*")), Some(false));
        assert_eq!(table.subscription(a, "T").unwrap().expression.filter, TagFilter::All);
        assert!(table.end_subscriptions(a), "S was not named");
        assert_eq!(table.subscriptions(a).map(|s| s.topic.as_str()).collect::<Vec<_>>(), ["T"]);

        assert!(table.remove(a).is_some() && table.remove(a).is_none());
        assert_eq!((table.find("a"), table.subscriptions(a).count()), (None, 0));
        assert_eq!(table.subscriptions(b).count(), 1);
    }
}
