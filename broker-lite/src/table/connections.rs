//! Who is connected, and what waits to be sent to whom.

use core::net::SocketAddr;

use rocketlite_core::{Arena, ConnectionId, ConnectionRequest, Instant, Slot, SlotId, Slots};

use crate::outgoing::Outgoing;

/// What the broker keeps of one connection. A driver only makes room for it.
#[derive(Debug)]
pub struct Connection {
    link: Link,
    /// When bytes last went either way.
    last_activity: Instant,
    /// Since when a frame has been incomplete.
    partial_since: Option<Instant>,
    /// The frames to send, linked through their table.
    queue: Queued,
    /// How much of the first of them was handed out.
    written: usize,
    /// What the driver has to be told.
    notice: Notice,
    /// Whether it stands in the list of those with a notice, and which comes after it there.
    noticed: bool,
    next_noticed: Option<ConnectionId>,
    /// Whether the first frame waits for the disk.
    waits: bool,
}

/// What a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// A peer connected from this address.
    Accepted(SocketAddr),
    /// The broker connects to the name server in this place of its list, or has connected.
    NameServer {
        /// Place in the list.
        place: usize,
        /// Whether it is connected.
        open: bool,
    },
    /// Nothing any more: the place waits until the driver was told.
    Closed,
}

#[derive(Debug, Clone, Copy, Default)]
struct Queued {
    first: Option<SlotId>,
    last: Option<SlotId>,
    len: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notice {
    Nothing,
    Open,
    Transmit,
    Close,
}

/// All connections, the frames that wait for them, and the list of those with something to do.
#[derive(Debug)]
pub(crate) struct ConnectionTable<'m> {
    connections: Slots<'m, Connection>,
    outgoing: Slots<'m, Outgoing>,
    /// Bodies that frames which wait were given, and that go with them.
    bodies: Arena<'m>,
    /// How many connections have frames that wait.
    waited_for: usize,
    first_noticed: Option<ConnectionId>,
    last_noticed: Option<ConnectionId>,
    /// Whether a connection's first frame waits for the disk.
    any_waits: bool,
}

impl<'m> ConnectionTable<'m> {
    pub(crate) fn new(
        connections: &'m mut [Slot<Connection>],
        outgoing: &'m mut [Slot<Outgoing>],
        bodies: Arena<'m>,
    ) -> Self {
        let (connections, outgoing) = (Slots::new(connections), Slots::new(outgoing));
        Self {
            connections,
            outgoing,
            bodies,
            waited_for: 0,
            first_noticed: None,
            last_noticed: None,
            any_waits: false,
        }
    }

    /// The bodies that frames which wait were given.
    pub(crate) const fn bodies(&self) -> &Arena<'m> {
        &self.bodies
    }

    /// The bodies that frames which wait were given.
    pub(crate) const fn bodies_mut(&mut self) -> &mut Arena<'m> {
        &mut self.bodies
    }

    /// How many places are free.
    pub(crate) const fn room(&self) -> usize {
        self.connections.capacity().saturating_sub(self.connections.len())
    }

    /// Enters a connection, if there is a place for it. One to a name server is asked for.
    pub(crate) fn insert(&mut self, now: Instant, link: Link) -> Option<ConnectionId> {
        let connection = Connection {
            link,
            last_activity: now,
            partial_since: None,
            queue: Queued::default(),
            written: 0,
            notice: Notice::Nothing,
            noticed: false,
            next_noticed: None,
            waits: false,
        };
        let id = self.connections.insert(connection)?;
        if matches!(link, Link::NameServer { .. }) {
            self.notify(id, Notice::Open);
        }
        Some(id)
    }

    /// What the connection is; none if it is closed or was never there.
    pub(crate) fn link(&self, id: ConnectionId) -> Option<Link> {
        self.connections.get(id).map(|connection| connection.link).filter(|link| *link != Link::Closed)
    }

    /// The connections that are not closed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnectionId, Link)> {
        let links = self.connections.iter().map(|(id, connection)| (id, connection.link));
        links.filter(|(_, link)| *link != Link::Closed)
    }

    /// The connection to a name server is there.
    pub(crate) fn set_open(&mut self, now: Instant, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id) {
            if let Link::NameServer { open, .. } = &mut connection.link {
                *open = true;
            }
            connection.last_activity = now;
        }
    }

    /// Forgets a connection and all that waited for it. `tell`: the driver has to close it.
    pub(crate) fn close(&mut self, id: ConnectionId, tell: bool) {
        while self.pop(id).is_some() {}
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.link = Link::Closed;
        if tell && connection.notice != Notice::Open {
            self.notify(id, Notice::Close);
        } else if connection.noticed {
            // Its place in the list cannot be given away before the list has come to it.
            connection.notice = Notice::Nothing;
        } else {
            self.connections.remove(id);
        }
    }

    /// Whether one more frame can wait for this connection, of at most `limit`. Only the first frame of a connection may have
    /// one of the places that are kept: as long as there are two for each connection, peers who do not read leave one to
    /// everybody else.
    pub(crate) fn has_room(&self, id: ConnectionId, limit: usize) -> bool {
        let free = self.outgoing.capacity().saturating_sub(self.outgoing.len());
        match self.queued(id) {
            0 => free > 0,
            queued => queued < limit && free > self.kept(),
        }
    }

    /// As [`ConnectionTable::has_room`], beside a place for the answer that is being made, on whatever connection.
    pub(crate) fn has_spare_room(&self, id: ConnectionId, limit: usize) -> bool {
        let free = self.outgoing.capacity().saturating_sub(self.outgoing.len());
        match self.queued(id) {
            0 => free > 1,
            queued => queued.saturating_add(1) < limit && free > self.kept().saturating_add(1),
        }
    }

    /// Places for frames of connections for which none waits, or will wait when they are there; half of all at most.
    fn kept(&self) -> usize {
        let without = self.connections.capacity().saturating_sub(self.waited_for);
        without.min(self.outgoing.capacity() / 2)
    }

    /// How many frames wait for this connection.
    pub(crate) fn queued(&self, id: ConnectionId) -> usize {
        self.connections.get(id).map_or(0, |connection| connection.queue.len)
    }

    /// Whether no frame waits for any connection.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// Lets a frame wait for the connection. Returns whether there was room.
    pub(crate) fn push(&mut self, id: ConnectionId, frame: Outgoing) -> bool {
        let Some(connection) = self.connections.get_mut(id) else { return false };
        let Some(place) = self.outgoing.insert(frame) else { return false };
        let queue = &mut connection.queue;
        if let Some(last) = queue.last.and_then(|last| self.outgoing.get_mut(last)) {
            last.next = Some(place);
        } else {
            queue.first = Some(place);
            self.waited_for = self.waited_for.saturating_add(1);
        }
        queue.last = Some(place);
        queue.len = queue.len.saturating_add(1);
        if connection.notice == Notice::Nothing {
            self.notify(id, Notice::Transmit);
        }
        true
    }

    /// The first frame that waits for the connection, and how much of it was handed out.
    pub(crate) fn front(&self, id: ConnectionId) -> Option<(&Outgoing, usize)> {
        let connection = self.connections.get(id)?;
        Some((self.outgoing.get(connection.queue.first?)?, connection.written))
    }

    /// The first frame that waits for the connection.
    pub(crate) fn front_mut(&mut self, id: ConnectionId) -> Option<&mut Outgoing> {
        self.outgoing.get_mut(self.connections.get(id)?.queue.first?)
    }

    /// The first frame of a connection waits for the disk.
    pub(crate) fn set_waits(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.waits = true;
            self.any_waits = true;
        }
    }

    /// The disk has done something: those that waited for it try again.
    pub(crate) fn wake_waiting(&mut self) {
        if !core::mem::take(&mut self.any_waits) {
            return;
        }
        for place in self.places() {
            let Some(id) = self.connections.id_at(place) else { continue };
            let waits = self.connections.get_mut(id).map(|connection| core::mem::take(&mut connection.waits));
            let nothing =
                self.connections.get(id).is_some_and(|connection| connection.notice == Notice::Nothing);
            if waits == Some(true) && nothing {
                self.notify(id, Notice::Transmit);
            }
        }
    }

    /// Whether the first frame that waits for the connection has a body that was made for it.
    pub(crate) fn holds_body(&self, id: ConnectionId) -> bool {
        self.front(id).is_some_and(|(frame, _)| !frame.content.body().is_empty())
    }

    /// Takes out the first frame that waits for the connection.
    pub(crate) fn pop(&mut self, id: ConnectionId) -> Option<Outgoing> {
        let connection = self.connections.get_mut(id)?;
        let frame = self.outgoing.remove(connection.queue.first?)?;
        connection.queue.first = frame.next;
        if frame.next.is_none() {
            connection.queue.last = None;
            self.waited_for = self.waited_for.saturating_sub(1);
        }
        connection.queue.len = connection.queue.len.saturating_sub(1);
        connection.written = 0;
        self.bodies.free(frame.content.body());
        Some(frame)
    }

    /// So much of the first frame was handed out.
    pub(crate) fn set_written(&mut self, id: ConnectionId, written: usize) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.written = written;
        }
    }

    /// Bytes went from or to the peer.
    pub(crate) fn touch(&mut self, now: Instant, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.last_activity = now;
        }
    }

    /// Whether the beginning of a frame is there and its end is not. The time counts from the first such report on.
    pub(crate) fn set_partial(&mut self, now: Instant, id: ConnectionId, partial: bool) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.partial_since = partial.then(|| connection.partial_since.unwrap_or(now));
        }
    }

    /// The time of an incomplete frame starts anew: that it does not go on is not the peer's doing.
    pub(crate) fn excuse_partial(&mut self, now: Instant, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.partial_since = Some(now);
        }
    }

    /// Since when nothing went either way, and since when a frame has been incomplete.
    pub(crate) fn times(&self, place: u16) -> Option<(ConnectionId, Instant, Option<Instant>)> {
        let id = self.connections.id_at(place)?;
        let connection = self.connections.get(id).filter(|connection| connection.link != Link::Closed)?;
        Some((id, connection.last_activity, connection.partial_since))
    }

    /// All places of the table.
    pub(crate) fn places(&self) -> core::ops::Range<u16> {
        0..u16::try_from(self.connections.capacity()).unwrap_or(u16::MAX)
    }

    /// Whether there is no connection.
    pub(crate) const fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// The next thing that the driver has to be told; `address` names the name servers.
    pub(crate) fn next_notice<'a>(
        &mut self,
        address: impl Fn(usize) -> Option<&'a rocketlite_core::Address>,
    ) -> Option<ConnectionRequest> {
        loop {
            let id = self.first_noticed?;
            let connection = self.connections.get_mut(id)?;
            self.first_noticed = connection.next_noticed.take();
            if self.first_noticed.is_none() {
                self.last_noticed = None;
            }
            connection.noticed = false;
            let (notice, link) = (connection.notice, connection.link);
            connection.notice = Notice::Nothing;
            match (notice, link) {
                (Notice::Close, _) => {
                    self.connections.remove(id);
                    return Some(ConnectionRequest::Close { connection: id });
                }
                (_, Link::Closed) => {
                    self.connections.remove(id);
                }
                (Notice::Open, Link::NameServer { place, .. }) => {
                    if let Some(address) = address(place) {
                        return Some(ConnectionRequest::Open { connection: id, address: address.clone() });
                    }
                }
                (Notice::Transmit, _) => return Some(ConnectionRequest::Transmit { connection: id }),
                _ => {}
            }
        }
    }

    fn notify(&mut self, id: ConnectionId, notice: Notice) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.notice = notice;
        if connection.noticed {
            return;
        }
        connection.noticed = true;
        match self.last_noticed.and_then(|last| self.connections.get_mut(last)) {
            Some(last) => last.next_noticed = Some(id),
            None => self.first_noticed = Some(id),
        }
        self.last_noticed = Some(id);
    }
}
