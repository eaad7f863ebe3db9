//! The topics and brokers a producer knows: what `MQClientInstance` keeps of the routes it was told.

mod lookup;
#[cfg(feature = "state")]
mod saved;

pub(crate) use lookup::{Lookup, LookupFailure, Question};
#[cfg(feature = "state")]
pub(crate) use saved::{RecordReader, RecordWriter, Unfit, max_bytes as max_saved_bytes};

use core::ops::Range;

use heapless::String;

use crate::engine::Address;
use crate::select::{self, FaultStrategy, PublishList, RoundRobin};
use crate::send::Target;
use crate::wire::route::TopicRouteData;
use crate::wire::{DecodeError, DecodeErrorKind, Text};
use crate::{Instant, Rng, Slot, SlotId, Slots};

/// Longest broker name in bytes. It bounds the memory of every broker entry.
pub const MAX_BROKER_NAME: usize = 64;

/// A broker's name.
pub type BrokerName = String<MAX_BROKER_NAME>;

/// Longest topic in bytes (`Validators.TOPIC_MAX_LENGTH`; its characters are all ASCII).
pub const MAX_TOPIC: usize = 127;

/// A queue of a topic's publish list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a queue is a broker and a number")]
pub struct QueueRef {
    /// The broker, by its place in the table of brokers.
    pub broker: SlotId,
    /// The queue's number on that broker.
    pub queue_id: u16,
}

impl QueueRef {
    /// A place of the list that is not in use.
    pub const EMPTY: Self = Self { broker: SlotId::new(0, 0), queue_id: 0 };
}

/// A topic and its queues (`TopicPublishInfo`). Opaque: it is public so that callers can name the memory for it.
#[derive(Debug)]
pub struct TopicRoute {
    name: String<MAX_TOPIC>,
    /// How many places of its part of the list are in use.
    queue_count: usize,
    /// Whether a name server ever answered with a route, be it without a queue to write to.
    known: bool,
    /// Whether the route is that of an earlier start, and no name server has said since that it still holds.
    #[cfg(feature = "state")]
    pub(crate) restored: bool,
    /// Of the publish list as it was installed: the list itself may be overwritten by then.
    fingerprint: u64,
    index: RoundRobin,
    pub(crate) lookup: Lookup,
    pub(crate) next_refresh: Instant,
    /// Sends in flight for it; it cannot be forgotten while there are any.
    pub(crate) sends: u16,
    last_used: Instant,
}

impl TopicRoute {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// A broker's name and where its master listens. Opaque: it is public so that callers can name the memory for it.
#[derive(Debug)]
pub struct BrokerRoute {
    name: BrokerName,
    master: Option<Address>,
}

/// All routes. Each topic has an equal part of the list of queues, and a number for each broker.
#[derive(Debug)]
pub(crate) struct Routes<'m> {
    pub(crate) topics: Slots<'m, TopicRoute>,
    brokers: Slots<'m, BrokerRoute>,
    queues: &'m mut [QueueRef],
    /// By topic and broker.
    write_queue_nums: &'m mut [u16],
}

impl<'m> Routes<'m> {
    pub(crate) fn new(
        topics: &'m mut [Slot<TopicRoute>],
        brokers: &'m mut [Slot<BrokerRoute>],
        queues: &'m mut [QueueRef],
        write_queue_nums: &'m mut [u16],
    ) -> Self {
        Self { topics: Slots::new(topics), brokers: Slots::new(brokers), queues, write_queue_nums }
    }

    /// Most queues a topic's publish list may have.
    pub(crate) fn queues_per_topic(&self) -> usize {
        self.queues.len().checked_div(self.topics.capacity()).unwrap_or(0)
    }

    /// The entry of the topic `name`, made if there is none. A full table forgets the topic that was used longest ago,
    /// has no send in flight, and is not one that `keep` wants kept.
    pub(crate) fn topic(
        &mut self,
        now: Instant,
        name: &str,
        start: RoundRobin,
        keep: impl Fn(SlotId) -> bool,
    ) -> Option<SlotId> {
        let found = self.topics.iter_mut().find(|(_, topic)| topic.name == *name);
        if let Some((id, topic)) = found {
            topic.last_used = now;
            return Some(id);
        }
        if self.topics.is_full() {
            let idle = self.topics.iter().filter(|(id, topic)| topic.sends == 0 && !keep(*id));
            let (oldest, _) = idle.min_by_key(|(_, topic)| topic.last_used)?;
            self.topics.remove(oldest);
        }
        let topic = TopicRoute {
            name: String::try_from(name).ok()?,
            queue_count: 0,
            known: false,
            #[cfg(feature = "state")]
            restored: false,
            fingerprint: 0,
            index: start,
            lookup: Lookup::Idle,
            next_refresh: now,
            sends: 0,
            last_used: now,
        };
        let id = self.topics.insert(topic)?;
        let row = self.row(id);
        self.write_queue_nums.get_mut(row).unwrap_or_default().fill(0);
        Some(id)
    }

    /// The publish list of a topic.
    pub(crate) fn queues(&self, topic: SlotId) -> &[QueueRef] {
        self.queues.get(self.places(topic)).unwrap_or_default()
    }

    /// The places of a topic's publish list that are in use.
    fn places(&self, topic: SlotId) -> Range<usize> {
        let start = usize::from(topic.index()).saturating_mul(self.queues_per_topic());
        let count = self.topics.get(topic).map_or(0, |topic| topic.queue_count);
        start..start.saturating_add(count)
    }

    /// Where a topic's numbers of queues are, one for each broker.
    fn row(&self, topic: SlotId) -> Range<usize> {
        let len = self.brokers.capacity();
        let start = usize::from(topic.index()).saturating_mul(len);
        start..start.saturating_add(len)
    }

    /// The queue for the next attempt of a send that left the choice to us; see [`FaultStrategy::select`].
    pub(crate) fn select(
        &mut self,
        now: Instant,
        topic: SlotId,
        strategy: &mut FaultStrategy<'_>,
        last_broker: Option<SlotId>,
        reset: Option<RoundRobin>,
    ) -> Option<QueueRef> {
        let (places, row) = (self.places(topic), self.row(topic));
        let mut list = PublishList {
            queues: self.queues.get_mut(places).unwrap_or_default(),
            index: &mut self.topics.get_mut(topic)?.index,
            write_queue_nums: self.write_queue_nums.get(row).unwrap_or_default(),
        };
        strategy.select(now, &mut list, last_broker, reset).ok()
    }

    /// The queue for a send whose caller has made the choice.
    pub(crate) fn chosen(&self, topic: SlotId, target: Target, broker_name: &str) -> Option<QueueRef> {
        match target {
            Target::Queue(queue_id) => Some(QueueRef { broker: self.broker(broker_name)?, queue_id }),
            Target::Hash(hash) => select::by_hash(self.queues(topic), hash),
            Target::Any | Target::Selector(_) => None,
        }
    }

    /// The broker of that name.
    pub(crate) fn broker(&self, name: &str) -> Option<SlotId> {
        self.brokers.iter().find(|(_, broker)| broker.name == *name).map(|(id, _)| id)
    }

    /// A broker's name, empty if it was forgotten.
    pub(crate) fn broker_name(&self, broker: SlotId) -> BrokerName {
        self.brokers.get(broker).map(|broker| broker.name.clone()).unwrap_or_default()
    }

    /// The same, borrowed.
    pub(crate) fn name_of_broker(&self, broker: SlotId) -> &str {
        self.brokers.get(broker).map_or("", |broker| &broker.name)
    }

    /// Where a broker's master listens.
    pub(crate) fn master(&self, broker: SlotId) -> Option<&Address> {
        self.brokers.get(broker)?.master.as_ref()
    }

    /// Whether `address` is that of a master in any route.
    pub(crate) fn is_master(&self, address: &Address) -> bool {
        self.brokers.iter().any(|(_, broker)| broker.master.as_ref() == Some(address))
    }

    /// Takes over a route that a name server answered with (`MQClientInstance#updateTopicRouteInfoFromNameServer`); `at_most`
    /// bounds the queues of a route that was asked for by the default topic. Returns whether the publish list
    /// changed; a changed list is gone through from `first`.
    ///
    /// The list is written anew even if it has not changed, so that what [`Rules::V4`](crate::Rules::V4) has overwritten
    /// comes back; in Java it is lost until the route changes.
    ///
    /// # Errors
    /// What the route has more of than there is memory for, or what is wrong in it; nothing changed then but
    /// the addresses of brokers that were known.
    pub(crate) fn install(
        &mut self,
        topic: SlotId,
        route: &TopicRouteData<'_>,
        at_most: Option<i32>,
        first: RoundRobin,
    ) -> Result<bool, DecodeError> {
        // A broker has one entry in each list. The list is gone through for each of its entries, so there is an end to them.
        let most = self.brokers.capacity().saturating_mul(2);
        if route.brokers().nth(most).is_some() || route.queues().nth(most).is_some() {
            return Err(over_limit("brokers"));
        }
        for broker in route.brokers() {
            self.install_broker(broker.broker_name, broker.master())?;
        }
        let room = self.queues_per_topic();
        let start = usize::from(topic.index()).saturating_mul(room);
        let mut total = 0usize;
        let mut fingerprint = 0;
        let mut result = Ok(());
        let brokers = &mut self.brokers;
        // The first visit only counts and makes room for brokers that an order names and no broker data describes.
        route.publish_queues(at_most, &mut |name, count| {
            total = total.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
            match intern(brokers, name) {
                Ok(broker) => fingerprint = mixed(fingerprint, broker, count),
                Err(error) => result = result.and(Err(error)),
            }
        })?;
        result?;
        if total > room {
            return Err(over_limit("queues"));
        }
        let places = self.queues.get_mut(start..start.saturating_add(total)).unwrap_or_default();
        let mut places = places.iter_mut();
        route.publish_queues(at_most, &mut |name, count| {
            let Ok(broker) = intern(brokers, name) else { return };
            let ids = 0..u16::try_from(count).unwrap_or(u16::MAX);
            for (queue_id, place) in ids.zip(&mut places) {
                *place = QueueRef { broker, queue_id };
            }
        })?;
        self.install_write_queue_nums(topic, route, at_most);
        let Some(entry) = self.topics.get_mut(topic) else { return Ok(false) };
        let changed = !entry.known || entry.queue_count != total || entry.fingerprint != fingerprint;
        entry.known = true;
        #[cfg(feature = "state")]
        {
            entry.restored = false;
        }
        entry.queue_count = total;
        entry.fingerprint = fingerprint;
        if changed {
            entry.index = first;
        }
        Ok(changed)
    }

    /// How many queues each broker has for the topic (`TopicPublishInfo#getWriteQueueIdByBroker`): by the first queue data of
    /// its name, whatever its permissions.
    fn install_write_queue_nums(&mut self, topic: SlotId, route: &TopicRouteData<'_>, at_most: Option<i32>) {
        let row = self.row(topic);
        let row = self.write_queue_nums.get_mut(row).unwrap_or_default();
        row.fill(0);
        for (id, broker) in self.brokers.iter() {
            let data = route.queues().find(|queue| queue.broker_name == *broker.name.as_str());
            let count = data.map_or(0, |data| match at_most {
                Some(at_most) => at_most.min(data.read_queue_nums),
                None => data.write_queue_nums,
            });
            if let Some(place) = row.get_mut(usize::from(id.index())) {
                *place = u16::try_from(count.max(0)).unwrap_or(u16::MAX);
            }
        }
    }

    /// Forgets the brokers that no route names any more (`MQClientInstance#cleanOfflineBroker`), but for those
    /// that `in_use` wants kept.
    pub(crate) fn forget_brokers(&mut self, in_use: impl Fn(SlotId) -> bool) {
        for index in 0..u16::try_from(self.brokers.capacity()).unwrap_or(u16::MAX) {
            let Some(id) = self.brokers.id_at(index) else { continue };
            let listed = |topic| self.queues(topic).iter().any(|queue| queue.broker == id);
            // Where every entry of a broker was overwritten, its queues are still known to be there.
            let routed =
                self.topics.iter().any(|(topic, _)| listed(topic) || self.write_queues(topic, id) > 0);
            if !routed && !in_use(id) {
                self.brokers.remove(id);
            }
        }
    }

    fn write_queues(&self, topic: SlotId, broker: SlotId) -> u16 {
        let row = self.write_queue_nums.get(self.row(topic)).unwrap_or_default();
        row.get(usize::from(broker.index())).copied().unwrap_or(0)
    }

    /// Whether the broker is in the table still.
    pub(crate) fn knows(&self, broker: SlotId) -> bool {
        self.brokers.get(broker).is_some()
    }

    /// An address that is none makes the broker one without address, not the whole route useless.
    fn install_broker(&mut self, name: Text<'_>, master: Option<Text<'_>>) -> Result<(), DecodeError> {
        let id = intern(&mut self.brokers, name)?;
        let mut buffer = [0u8; Address::MAX_LENGTH];
        let master = master.and_then(|text| Address::new(text.decode_into(&mut buffer)?).ok());
        if let Some(broker) = self.brokers.get_mut(id) {
            broker.master = master;
        }
        Ok(())
    }
}

/// The broker `name`, added without an address if it is new.
fn intern(brokers: &mut Slots<'_, BrokerRoute>, name: Text<'_>) -> Result<SlotId, DecodeError> {
    if let Some((id, _)) = brokers.iter().find(|(_, broker)| name == *broker.name.as_str()) {
        return Ok(id);
    }
    let mut text = BrokerName::new();
    name.copy_to("brokerName", &mut text)?;
    brokers.insert(BrokerRoute { name: text, master: None }).ok_or(over_limit("brokers"))
}

/// Takes a broker and how many queues it has into the fingerprint of a publish list. The generator's finish spreads every
/// bit, so two lists have the same one by bad luck only, and then a change is taken over without being reported.
fn mixed(fingerprint: u64, broker: SlotId, queues: u32) -> u64 {
    let place = u64::from(broker.index()) << 48 | u64::from(broker.generation()) << 32;
    Rng::new(fingerprint ^ (place | u64::from(queues))).next_u64()
}

const fn over_limit(limit: &'static str) -> DecodeError {
    DecodeError::new(limit, DecodeErrorKind::OverLimit)
}

#[cfg(test)]
pub(crate) mod tests;
