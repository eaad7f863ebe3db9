//! The topics and brokers a producer knows: what `MQClientInstance` keeps of the routes it was told.

mod lookup;

pub(crate) use lookup::{Lookup, LookupFailure, Question};

use heapless::String;

use crate::engine::Address;
use crate::select::{self, RoundRobin};
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
pub struct QueueRef {
    pub(crate) broker: SlotId,
    pub(crate) queue_id: u16,
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

/// All routes. Each topic has an equal part of the list of queues.
#[derive(Debug)]
pub(crate) struct Routes<'m> {
    pub(crate) topics: Slots<'m, TopicRoute>,
    brokers: Slots<'m, BrokerRoute>,
    queues: &'m mut [QueueRef],
}

impl<'m> Routes<'m> {
    pub(crate) fn new(
        topics: &'m mut [Slot<TopicRoute>],
        brokers: &'m mut [Slot<BrokerRoute>],
        queues: &'m mut [QueueRef],
    ) -> Self {
        Self { topics: Slots::new(topics), brokers: Slots::new(brokers), queues }
    }

    /// Most queues a topic's publish list may have.
    pub(crate) fn queues_per_topic(&self) -> usize {
        self.queues.len().checked_div(self.topics.capacity()).unwrap_or(0)
    }

    /// The entry of the topic `name`, made if there is none. A full table forgets the topic that was used longest ago
    /// and has no send in flight.
    pub(crate) fn topic(&mut self, now: Instant, name: &str, rng: &mut Rng) -> Option<SlotId> {
        let found = self.topics.iter_mut().find(|(_, topic)| topic.name == *name);
        if let Some((id, topic)) = found {
            topic.last_used = now;
            return Some(id);
        }
        if self.topics.is_full() {
            let idle = self.topics.iter().filter(|(_, topic)| topic.sends == 0);
            let (oldest, _) = idle.min_by_key(|(_, topic)| topic.last_used)?;
            self.topics.remove(oldest);
        }
        let topic = TopicRoute {
            name: String::try_from(name).ok()?,
            queue_count: 0,
            known: false,
            index: RoundRobin::new(rng.next_i32()),
            lookup: Lookup::Idle,
            next_refresh: now,
            sends: 0,
            last_used: now,
        };
        self.topics.insert(topic).ok()
    }

    /// The publish list of a topic.
    pub(crate) fn queues(&self, topic: SlotId) -> &[QueueRef] {
        let Some(entry) = self.topics.get(topic) else { return &[] };
        let start = usize::from(topic.index()).saturating_mul(self.queues_per_topic());
        self.queues.get(start..start.saturating_add(entry.queue_count)).unwrap_or_default()
    }

    /// The queue for the next attempt of a send.
    pub(crate) fn select(
        &mut self,
        topic: SlotId,
        target: Target,
        broker_name: &str,
        last: Option<SlotId>,
    ) -> Option<QueueRef> {
        match target {
            Target::Queue(queue_id) => Some(QueueRef { broker: self.broker(broker_name)?, queue_id }),
            Target::Hash(hash) => select::by_hash(self.queues(topic), hash),
            Target::Any => {
                let mut index = self.topics.get(topic)?.index;
                let queue = select::select(self.queues(topic), &mut index, last);
                self.topics.get_mut(topic)?.index = index;
                queue
            }
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
    /// changed; a changed list starts at a new random place.
    ///
    /// # Errors
    /// What the route has more of than there is memory for, or what is wrong in it; nothing changed then but
    /// the addresses of brokers that were known.
    pub(crate) fn install(
        &mut self,
        topic: SlotId,
        route: &TopicRouteData<'_>,
        at_most: Option<i32>,
        rng: &mut Rng,
    ) -> Result<bool, DecodeError> {
        for broker in route.brokers() {
            self.install_broker(broker.broker_name, broker.master())?;
        }
        let room = self.queues_per_topic();
        let start = usize::from(topic.index()).saturating_mul(room);
        let mut total = 0usize;
        let mut result = Ok(());
        let brokers = &mut self.brokers;
        // The first visit only counts and makes room for brokers that an order names and no broker data describes.
        route.publish_queues(at_most, &mut |name, count| {
            total = total.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
            result = result.and(intern(brokers, name).map(drop));
        })?;
        result?;
        if total > room {
            return Err(over_limit("queues"));
        }
        let places = self.queues.get_mut(start..start.saturating_add(total)).unwrap_or_default();
        let mut places = places.iter_mut();
        let mut changed = false;
        route.publish_queues(at_most, &mut |name, count| {
            let Ok(broker) = intern(brokers, name) else { return };
            let ids = 0..u16::try_from(count).unwrap_or(u16::MAX);
            for (queue_id, place) in ids.zip(&mut places) {
                let queue = QueueRef { broker, queue_id };
                changed |= core::mem::replace(place, queue) != queue;
            }
        })?;
        if let Some(entry) = self.topics.get_mut(topic) {
            changed |= !entry.known || entry.queue_count != total;
            entry.known = true;
            entry.queue_count = total;
            if changed {
                entry.index = RoundRobin::new(rng.next_i32());
            }
        }
        Ok(changed)
    }

    /// Forgets the brokers that no route names any more (`MQClientInstance#cleanOfflineBroker`), but for those
    /// that `in_use` wants kept.
    pub(crate) fn forget_brokers(&mut self, in_use: impl Fn(SlotId) -> bool) {
        for index in 0..u16::try_from(self.brokers.capacity()).unwrap_or(u16::MAX) {
            let Some(id) = self.brokers.id_at(index) else { continue };
            let routed =
                self.topics.iter().any(|(topic, _)| self.queues(topic).iter().any(|q| q.broker == id));
            if !routed && !in_use(id) {
                self.brokers.remove(id);
            }
        }
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
    brokers.insert(BrokerRoute { name: text, master: None }).map_err(|_| over_limit("brokers"))
}

const fn over_limit(limit: &'static str) -> DecodeError {
    DecodeError::new(limit, DecodeErrorKind::OverLimit)
}

#[cfg(test)]
mod tests;
