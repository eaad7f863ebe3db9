//! The other brokers that registered here, and their topics: what the name server role knows.

use core::time::Duration;

use rocketlite_core::{Address, ConnectionId, Instant, Slot, SlotId, Slots};

use super::{Name, NameIndex};

/// A master that registered (`BrokerLiveInfo` and `BrokerData`).
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RegisteredBroker {
    name: Name,
    cluster: Name,
    address: Address,
    connection: ConnectionId,
    last_registration: Instant,
}

impl RegisteredBroker {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its cluster.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Where clients reach it.
    pub const fn address(&self) -> &Address {
        &self.address
    }
}

/// A topic of a registered broker (`QueueData`).
#[derive(Debug, Clone)]
pub struct BrokerTopic {
    broker: SlotId,
    name: Name,
    settings: TopicSettings,
    /// Whether the registration that is being read lists it.
    listed: bool,
}

/// Queue numbers, permission and flags of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopicSettings {
    pub(crate) read_queue_nums: i32,
    pub(crate) write_queue_nums: i32,
    pub(crate) perm: i32,
    pub(crate) sys_flag: i32,
}

/// What came of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registered {
    /// A broker that was not known.
    New,
    /// One that was.
    Known,
    /// There is no room for the broker; nothing changed.
    NoBroker,
    /// There is no room for all its topics; those that fit are known.
    NoTopic,
}

/// Who registers.
#[derive(Debug)]
pub(crate) struct NewBroker {
    pub(crate) name: Name,
    pub(crate) cluster: Name,
    pub(crate) address: Address,
    pub(crate) connection: ConnectionId,
}

/// All registered brokers and their topics.
#[derive(Debug)]
pub(crate) struct BrokerTable<'m> {
    brokers: Slots<'m, RegisteredBroker>,
    topics: Slots<'m, BrokerTopic>,
    index: NameIndex<'m>,
    /// Counted up with every change of what a route could show.
    version: u32,
}

impl<'m> BrokerTable<'m> {
    pub(crate) fn new(
        brokers: &'m mut [Slot<RegisteredBroker>],
        topics: &'m mut [Slot<BrokerTopic>],
        index: &'m mut [u16],
        seed: u64,
    ) -> Self {
        let topics = Slots::new(topics);
        let index = NameIndex::new(index, topics.capacity(), seed);
        Self { brokers: Slots::new(brokers), topics, index, version: 0 }
    }

    /// The version of the table: as long as it is the same, so is every answer made from the table.
    pub(crate) const fn version(&self) -> u32 {
        self.version
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &RegisteredBroker> + Clone {
        // `Slots::iter` cannot be cloned, and the places of a table can.
        (0..u16::try_from(self.brokers.capacity()).unwrap_or(u16::MAX))
            .filter_map(|at| self.brokers.get(self.brokers.id_at(at)?))
    }

    /// The brokers that have the topic `name`, and how.
    pub(crate) fn routes(
        &self,
        name: &str,
    ) -> impl Iterator<Item = (&RegisteredBroker, TopicSettings)> + Clone {
        self.index
            .places(self.index.hash(&[name]))
            .filter_map(|at| self.topics.get(self.topics.id_at(at)?))
            .filter(move |topic| topic.name == name)
            .filter_map(|topic| Some((self.brokers.get(topic.broker)?, topic.settings)))
    }

    /// Takes note of a broker and its topics (`RouteInfoManager#registerBroker`). A broker of the same name is replaced;
    /// topics that are not listed any more are forgotten.
    pub(crate) fn register(
        &mut self,
        now: Instant,
        new: NewBroker,
        topics: impl Iterator<Item = (Name, TopicSettings)> + Clone,
    ) -> Registered {
        let known = self.brokers.iter().find(|(_, broker)| broker.name == new.name).map(|(id, _)| id);
        let Some(id) = self.enter(now, known, new) else { return Registered::NoBroker };
        for (_, topic) in self.topics.iter_mut().filter(|(_, topic)| topic.broker == id) {
            topic.listed = false;
        }
        // What is no longer listed makes room for what is new.
        for (name, settings) in topics.clone() {
            self.update(id, &name, settings);
        }
        self.remove_topics(|topic| topic.broker == id && !topic.listed);
        let mut result = if known.is_some() { Registered::Known } else { Registered::New };
        for (name, settings) in topics {
            if !self.update(id, &name, settings) && !self.add(id, name, settings) {
                result = Registered::NoTopic;
            }
        }
        result
    }

    /// Takes out the broker of that name and address (`RouteInfoManager#unregisterBroker`).
    pub(crate) fn unregister(&mut self, name: &str, address: &str) -> Option<RegisteredBroker> {
        self.remove_where(|broker| broker.name == name && broker.address.as_str() == address)
    }

    /// Takes out one broker that registered over a connection that is no more; ask until `None`.
    pub(crate) fn remove_of(&mut self, connection: ConnectionId) -> Option<RegisteredBroker> {
        self.remove_where(|broker| broker.connection == connection)
    }

    /// Takes out one broker that was silent for `silence`; ask until `None`.
    pub(crate) fn remove_expired(&mut self, now: Instant, silence: Duration) -> Option<RegisteredBroker> {
        self.remove_where(|broker| now >= broker.last_registration.after(silence))
    }

    /// The topics of brokers in clusters that are `wanted`, each once.
    pub(crate) fn topic_names(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
        self.topics.iter().filter_map(move |(_, topic)| {
            let first = self.routes(&topic.name).map(|(broker, _)| broker).find(|b| wanted(b.cluster()))?;
            let own = self.brokers.get(topic.broker)?;
            (first.name == own.name).then_some(topic.name.as_str())
        })
    }

    /// Forgets that brokers in clusters that are `wanted` have a topic.
    pub(crate) fn remove_topic(&mut self, name: &str, wanted: impl Fn(&str) -> bool) {
        loop {
            let places = self.index.places(self.index.hash(&[name]));
            let is_of = |topic: &BrokerTopic| {
                topic.name == name && self.brokers.get(topic.broker).is_some_and(|b| wanted(b.cluster()))
            };
            let found = places
                .filter_map(|at| self.topics.id_at(at))
                .find(|id| self.topics.get(*id).is_some_and(is_of));
            let Some(id) = found else { return };
            self.index.remove(self.index.hash(&[name]), id.index());
            self.topics.remove(id);
            self.touch();
        }
    }

    /// Something outside the table changed that routes from it are shown together with.
    pub(crate) fn touch(&mut self) {
        self.version = self.version.wrapping_add(1);
    }

    /// Enters the broker in its old place or a new one.
    fn enter(&mut self, now: Instant, known: Option<SlotId>, new: NewBroker) -> Option<SlotId> {
        if let Some(broker) = known.and_then(|id| self.brokers.get_mut(id)) {
            if broker.address != new.address || broker.cluster != new.cluster {
                self.version = self.version.wrapping_add(1);
            }
            broker.cluster = new.cluster;
            broker.address = new.address;
            broker.connection = new.connection;
            broker.last_registration = now;
            return known;
        }
        let NewBroker { name, cluster, address, connection } = new;
        let broker = RegisteredBroker { name, cluster, address, connection, last_registration: now };
        let id = self.brokers.insert(broker)?;
        self.touch();
        Some(id)
    }

    /// Notes that a broker still has a topic. Returns whether it had it before.
    fn update(&mut self, broker: SlotId, name: &Name, settings: TopicSettings) -> bool {
        let same = |topic: &BrokerTopic| topic.broker == broker && topic.name == *name;
        let places = self.index.places(self.index.hash(&[name])).filter_map(|at| self.topics.id_at(at));
        let known = { places }.find(|id| self.topics.get(*id).is_some_and(same));
        let Some(topic) = known.and_then(|id| self.topics.get_mut(id)) else { return false };
        topic.listed = true;
        if topic.settings != settings {
            topic.settings = settings;
            self.touch();
        }
        true
    }

    /// Enters a topic of a broker, if there is room.
    fn add(&mut self, broker: SlotId, name: Name, settings: TopicSettings) -> bool {
        let hash = self.index.hash(&[&name]);
        let topic = BrokerTopic { broker, name, settings, listed: true };
        let Some(id) = self.topics.insert(topic) else { return false };
        self.index.insert(hash, id.index());
        self.touch();
        true
    }

    fn remove_where(&mut self, wanted: impl Fn(&RegisteredBroker) -> bool) -> Option<RegisteredBroker> {
        let (id, _) = self.brokers.iter().find(|(_, broker)| wanted(broker))?;
        let broker = self.brokers.remove(id)?;
        self.touch();
        self.remove_topics(|topic| topic.broker == id);
        Some(broker)
    }

    /// Takes out the topics that are `unwanted`.
    fn remove_topics(&mut self, unwanted: impl Fn(&BrokerTopic) -> bool) {
        for place in 0..u16::try_from(self.topics.capacity()).unwrap_or(u16::MAX) {
            if let Some(id) = self.topics.id_at(place)
                && self.topics.get(id).is_some_and(&unwanted)
                && let Some(topic) = self.topics.remove(id)
            {
                self.index.remove(self.index.hash(&[&topic.name]), place);
                self.touch();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const SETTINGS: TopicSettings =
        TopicSettings { read_queue_nums: 4, write_queue_nums: 4, perm: 6, sys_flag: 0 };

    fn broker(name: &str, port: u16) -> NewBroker {
        NewBroker {
            name: name.try_into().unwrap(),
            cluster: "c".try_into().unwrap(),
            address: Address::new(&std::format!("10.0.0.1:{port}")).unwrap(),
            connection: ConnectionId::new(port, 0),
        }
    }

    fn register(table: &mut BrokerTable<'_>, millis: u64, new: NewBroker, topics: &[&str]) -> Registered {
        let topics = topics.iter().map(|name| ((*name).try_into().unwrap(), SETTINGS));
        table.register(Instant::from_millis(millis), new, topics)
    }

    fn route(table: &BrokerTable<'_>, topic: &str) -> Vec<u16> {
        let mut ports: Vec<u16> = table.routes(topic).map(|(broker, _)| broker.address.port()).collect();
        ports.sort_unstable();
        ports
    }

    #[test]
    fn routes_follow_registrations() {
        let (mut brokers, mut topics) = ([const { Slot::EMPTY }; 2], [const { Slot::EMPTY }; 3]);
        let mut index = [0u16; 6];
        let mut table = BrokerTable::new(&mut brokers, &mut topics, &mut index, 1);
        assert_eq!(register(&mut table, 0, broker("a", 1), &["T", "U"]), Registered::New);
        assert_eq!(register(&mut table, 0, broker("b", 2), &["T"]), Registered::New);
        assert_eq!(route(&table, "T"), [1, 2]);
        assert_eq!(register(&mut table, 0, broker("c", 3), &["T"]), Registered::NoBroker);
        let version = table.version();
        assert_eq!(register(&mut table, 5, broker("a", 1), &["T", "U"]), Registered::Known);
        assert_eq!(table.version(), version, "the same again is no change");
        assert_eq!(register(&mut table, 5, broker("a", 1), &["T", "U", "V"]), Registered::NoTopic);
        assert_eq!(register(&mut table, 5, broker("a", 4), &["T", "V"]), Registered::Known);
        assert_eq!(
            (route(&table, "T"), route(&table, "U"), route(&table, "V")),
            ([2, 4].into(), [].into(), [4].into())
        );
        assert_ne!(table.version(), version);
        assert!(table.remove_of(ConnectionId::new(1, 0)).is_none());
        assert!(table.unregister("b", "10.0.0.1:1").is_none());
        assert!(table.unregister("b", "10.0.0.1:2").is_some());
        assert!(table.remove_expired(Instant::from_millis(14), Duration::from_millis(10)).is_none());
        assert!(table.remove_expired(Instant::from_millis(15), Duration::from_millis(10)).is_some());
        assert_eq!((route(&table, "T"), table.iter().count()), ([].into(), 0));
    }
}
