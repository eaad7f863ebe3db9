//! Producers and consumers that send heartbeats.

use core::time::Duration;

use rocketlite_core::wire::code::LanguageCode;
use rocketlite_core::{ConnectionId, Instant, Slot, SlotId, Slots};

use super::{ClientId, GroupName, NameIndex};

/// What a client does for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "the protocol has two")]
pub enum ClientRole {
    /// It sends.
    Producer,
    /// It pulls.
    Consumer,
}

impl ClientRole {
    /// What sets names of one role apart from those of the other.
    const fn letter(self) -> &'static str {
        match self {
            Self::Producer => "p",
            Self::Consumer => "c",
        }
    }
}

/// A client's membership in one group (`ClientChannelInfo`).
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Client {
    role: ClientRole,
    group: GroupName,
    client_id: ClientId,
    connection: ConnectionId,
    language: Option<LanguageCode>,
    version: i32,
    last_heartbeat: Instant,
}

impl Client {
    /// What it does.
    pub const fn role(&self) -> ClientRole {
        self.role
    }

    /// The group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The client's id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Where its newest heartbeat came from.
    pub const fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// Its language, if it is a known one.
    pub const fn language(&self) -> Option<LanguageCode> {
        self.language
    }

    /// Its release.
    pub const fn version(&self) -> i32 {
        self.version
    }
}

/// What a heartbeat says of one membership.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heartbeat<'a> {
    pub(crate) role: ClientRole,
    pub(crate) group: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) connection: ConnectionId,
    pub(crate) language: Option<LanguageCode>,
    pub(crate) version: i32,
}

/// What a heartbeat changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The client is new in the group.
    New,
    /// It came over another connection.
    Moved,
    /// Nothing.
    Known,
}

/// All memberships, found by their names, by their connection and by their group.
#[derive(Debug)]
pub(crate) struct ClientTable<'m> {
    clients: Slots<'m, Client>,
    by_name: NameIndex<'m>,
    by_connection: NameIndex<'m>,
    by_group: NameIndex<'m>,
}

impl<'m> ClientTable<'m> {
    /// How many words the index of so many memberships needs.
    pub(crate) const fn least_index(clients: usize) -> usize {
        NameIndex::least_memory(clients).saturating_mul(3)
    }

    pub(crate) fn new(clients: &'m mut [Slot<Client>], index: &'m mut [u16], seed: u64) -> Self {
        let clients = Slots::new(clients);
        let third = index.len() / 3;
        let (names, rest) = index.split_at_mut(third);
        let (connections, groups) = rest.split_at_mut(third);
        let by_name = NameIndex::new(names, clients.capacity(), seed);
        let by_connection = NameIndex::new(connections, clients.capacity(), seed);
        let by_group = NameIndex::new(groups, clients.capacity(), seed);
        Self { clients, by_name, by_connection, by_group }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter().map(|(_, client)| client)
    }

    /// Takes note of a heartbeat (`ProducerManager#registerProducer`, `ConsumerManager#registerConsumer`). The
    /// same client on a new connection replaces the old one.
    ///
    /// Returns `None` if there is no room.
    pub(crate) fn register(&mut self, now: Instant, heartbeat: Heartbeat<'_>) -> Option<Arrival> {
        let found = self.find(heartbeat.role, heartbeat.group, heartbeat.client_id);
        if let Some(client) = found.and_then(|id| self.clients.get_mut(id))
            && client.connection == heartbeat.connection
        {
            client.last_heartbeat = now;
            return Some(Arrival::Known);
        }
        if let Some(id) = found {
            self.remove(id);
        }
        let id = self.clients.insert(Client {
            role: heartbeat.role,
            group: GroupName::try_from(heartbeat.group).ok()?,
            client_id: ClientId::try_from(heartbeat.client_id).ok()?,
            connection: heartbeat.connection,
            language: heartbeat.language,
            version: heartbeat.version,
            last_heartbeat: now,
        });
        let place = id?.index();
        let hash = self.hash(heartbeat.role, heartbeat.group, heartbeat.client_id);
        self.by_name.insert(hash, place);
        self.by_connection.insert(heartbeat.connection.index().into(), place);
        self.by_group.insert(self.group_hash(heartbeat.role, heartbeat.group), place);
        Some(if found.is_none() { Arrival::New } else { Arrival::Moved })
    }

    /// The members of a group, the one that came last first.
    pub(crate) fn of_group(&self, role: ClientRole, group: &str) -> impl Iterator<Item = &Client> {
        let places = self.by_group.places(self.group_hash(role, group));
        let clients = places.filter_map(|at| self.clients.id_at(at)).filter_map(|id| self.clients.get(id));
        clients.filter(move |client| client.role == role && client.group == group)
    }

    /// Takes out the membership of that name.
    pub(crate) fn unregister(&mut self, role: ClientRole, group: &str, client_id: &str) -> Option<Client> {
        let id = self.find(role, group, client_id)?;
        self.remove(id)
    }

    /// Takes out one membership of a connection that is no more; ask until `None`.
    pub(crate) fn remove_of(&mut self, connection: ConnectionId) -> Option<Client> {
        let of = |id: &SlotId| self.clients.get(*id).is_some_and(|client| client.connection == connection);
        let places = self.by_connection.places(connection.index().into());
        let id = { places }.find_map(|at| self.clients.id_at(at).filter(of))?;
        self.remove(id)
    }

    /// Takes out one membership without a heartbeat for `silence`; ask until `None`.
    pub(crate) fn remove_expired(&mut self, now: Instant, silence: Duration) -> Option<Client> {
        let expired = |client: &Client| now >= client.last_heartbeat.after(silence);
        let (id, _) = self.clients.iter().find(|(_, client)| expired(client))?;
        self.remove(id)
    }

    fn find(&self, role: ClientRole, group: &str, client_id: &str) -> Option<SlotId> {
        let same = |id: &SlotId| {
            self.clients.get(*id).is_some_and(|client| {
                client.role == role && client.group == group && client.client_id == client_id
            })
        };
        let hash = self.hash(role, group, client_id);
        self.by_name.places(hash).filter_map(|at| self.clients.id_at(at)).find(same)
    }

    fn hash(&self, role: ClientRole, group: &str, client_id: &str) -> u32 {
        self.by_name.hash(&[role.letter(), group, client_id])
    }

    fn group_hash(&self, role: ClientRole, group: &str) -> u32 {
        self.by_group.hash(&[role.letter(), group])
    }

    fn remove(&mut self, id: SlotId) -> Option<Client> {
        let client = self.clients.remove(id)?;
        let hash = self.hash(client.role, &client.group, &client.client_id);
        self.by_name.remove(hash, id.index());
        self.by_connection.remove(client.connection.index().into(), id.index());
        self.by_group.remove(self.group_hash(client.role, &client.group), id.index());
        Some(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ConnectionId = ConnectionId::new(0, 0);
    const B: ConnectionId = ConnectionId::new(1, 0);

    fn heartbeat<'a>(group: &'a str, client_id: &'a str, connection: ConnectionId) -> Heartbeat<'a> {
        let language = Some(LanguageCode::JAVA);
        Heartbeat { role: ClientRole::Producer, group, client_id, connection, language, version: 477 }
    }

    #[test]
    fn a_client_is_known_until_its_connection_closes() {
        let (mut slots, mut index) = ([const { Slot::EMPTY }; 3], [0u16; 18]);
        let mut table = ClientTable::new(&mut slots, &mut index, 3);
        let now = Instant::ZERO;
        assert_eq!(table.register(now, heartbeat("g", "1", A)), Some(Arrival::New));
        assert_eq!(table.register(now, heartbeat("g", "1", A)), Some(Arrival::Known));
        assert_eq!(table.register(now, heartbeat("h", "1", A)), Some(Arrival::New));
        assert_eq!(table.register(now, heartbeat("g", "2", B)), Some(Arrival::New));
        assert_eq!(table.register(now, heartbeat("g", "3", B)), None);
        // Under a new connection the client is still the same one.
        assert_eq!(table.register(now, heartbeat("g", "1", B)), Some(Arrival::Moved));
        let ids = table.of_group(ClientRole::Producer, "g").map(|client| client.client_id.as_str());
        assert_eq!(ids.collect::<std::vec::Vec<_>>(), ["1", "2"]);
        assert_eq!(table.of_group(ClientRole::Consumer, "g").count(), 0);
        assert_eq!(table.remove_of(A).map(|client| client.group), Some("h".try_into().unwrap()));
        assert!(table.remove_of(A).is_none());
        assert!(table.unregister(ClientRole::Consumer, "g", "2").is_none());
        assert!(table.unregister(ClientRole::Producer, "g", "2").is_some());
        assert_eq!(table.iter().map(|client| client.client_id.as_str()).collect::<std::vec::Vec<_>>(), ["1"]);
        assert!(table.remove_of(B).is_some());
        assert_eq!(table.iter().count(), 0);
    }

    #[test]
    fn a_silent_client_is_forgotten() {
        let (mut slots, mut index) = ([const { Slot::EMPTY }; 2], [0u16; 12]);
        let mut table = ClientTable::new(&mut slots, &mut index, 3);
        let silence = Duration::from_mins(2);
        table.register(Instant::ZERO, heartbeat("g", "1", A));
        table.register(Instant::from_millis(1), heartbeat("g", "2", A));
        let at = Instant::from_millis(120_000);
        assert_eq!(table.remove_expired(at, silence).map(|c| c.client_id), Some("1".try_into().unwrap()));
        assert!(table.remove_expired(at, silence).is_none());
    }
}
