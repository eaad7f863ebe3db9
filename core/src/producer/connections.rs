//! The connections of a producer: which stand, what is written on each, and when they are of no use any more.

use core::time::Duration;

use super::event::DisconnectReason;
use super::requests::Reply;
use super::{State, surely_after};
use crate::engine::{Address, ConnectionId, ConnectionRequest};
use crate::send::InFlight;
use crate::send::queue::SendQueue;
use crate::{Instant, Slot, SlotId, Slots};

/// A connection. Opaque: it is public so that callers can name the memory for it.
#[derive(Debug)]
pub struct Link {
    pub(super) address: Address,
    pub(super) state: LinkState,
    pub(super) last_activity: Instant,
    /// Sends that use it.
    pub(super) users: u16,
    /// The sends that wait to be written.
    pub(super) queue: SendQueue,
    /// What is being written, and how many of its bytes are gone.
    pub(super) writing: Option<Outgoing>,
    pub(super) written: usize,
    /// The signature of the request that is being written.
    #[cfg(feature = "acl")]
    pub(super) signature: Option<crate::acl::Signature>,
    /// A request of the broker that is answered next.
    pub(super) reply: Option<Reply>,
    /// When the next heartbeat is due; none for a name server.
    pub(super) heartbeat_at: Option<Instant>,
    /// The heartbeat, farewell or probe that has no answer yet.
    pub(super) control: Control,
    /// The broker that is probed on it as soon as nothing else is asked.
    pub(super) probe: Option<SlotId>,
    /// Whether the driver has to be told that there are bytes.
    ready: bool,
    /// Whether the peer is going away: nothing new is written here, and the connection ends with its last send.
    pub(super) retired: bool,
    /// Whether the driver was asked to open it: only then is it asked to close it.
    known: bool,
    /// The connection that had this place and that the driver has to close first.
    replaces: Option<ConnectionId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkState {
    /// To be opened.
    New { deadline: Instant },
    /// Being opened.
    Opening { deadline: Instant },
    /// Established.
    Open,
    /// To be closed.
    Closing,
}

/// A frame to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outgoing {
    Reply(Reply),
    /// The question for a topic's route.
    Lookup(SlotId),
    Heartbeat,
    Unregister,
    /// The question for the largest offset of a topic's first queue.
    Probe(SlotId),
    Send(SlotId),
}

/// A request to a broker that concerns no send; there is one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    None,
    /// The answer is due; `written` once the request has begun to leave.
    Asked {
        opaque: i32,
        deadline: Instant,
        what: ControlRequest,
        written: bool,
    },
}

/// Which request that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ControlRequest {
    Heartbeat,
    /// The farewell.
    Unregister,
    /// Whether the broker can be reached, asked by a topic it may know.
    Probe {
        broker: SlotId,
        topic: SlotId,
    },
}

/// What came of asking for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connect {
    Open(ConnectionId),
    Opening(ConnectionId),
    /// All connections are in use.
    NoRoom,
}

impl State<'_> {
    /// The connection to `address`, opened if there is none. A full table gives up the one that was idle longest for it, but
    /// never the name server's.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn connect(&mut self, now: Instant, address: &Address) -> Connect {
        let timeout = self.config.connect_timeout;
        let connect = self.links.find(address).unwrap_or_else(|| {
            let replaces = self.give_up_idle();
            // One millisecond more, so that the whole timeout has surely passed.
            let deadline = now.after(timeout).after(Duration::from_millis(1));
            self.links.open(now, address, deadline, replaces)
        });
        if let Connect::Opening(_) = connect {
            self.arm(surely_after(now, timeout));
        }
        connect
    }

    /// Gives up the connection that was idle longest, if all are in use.
    #[cfg_attr(target_os = "none", inline(never))]
    fn give_up_idle(&mut self) -> Option<ConnectionId> {
        let id = self.links.to_give_up(self.name_server.connection)?;
        let address = self.links.get(id)?.address.clone();
        self.links.remove(id);
        self.event_closed(address, DisconnectReason::Idle);
        Some(id)
    }

    /// Where a send to the master at `address` goes (`MixAll#brokerVIPChannel`).
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn redirect(&self, address: &mut Address) {
        let port = address.port().checked_sub(VIP_DISTANCE).filter(|_| self.config.vip_channel_enabled);
        if let Some(second) = port.and_then(|port| address.with_port(port)) {
            *address = second;
        }
    }

    /// Whether `address` is that of a master in any route, or where its sends go.
    pub(super) fn is_routed(&self, address: &Address) -> bool {
        let master = address.port().checked_add(VIP_DISTANCE).filter(|_| self.config.vip_channel_enabled);
        self.routes.is_master(address)
            || master.and_then(|port| address.with_port(port)).is_some_and(|at| self.routes.is_master(&at))
    }
}

/// How far below a broker's port its second port is.
const VIP_DISTANCE: u16 = 2;

#[derive(Debug)]
pub(super) struct Links<'m> {
    links: Slots<'m, Link>,
    /// Whether a link may have something for [`Links::poll`].
    attention: bool,
}

impl<'m> Links<'m> {
    pub(super) fn new(links: &'m mut [Slot<Link>]) -> Self {
        Self { links: Slots::new(links), attention: false }
    }

    pub(super) const fn capacity(&self) -> usize {
        self.links.capacity()
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Link> {
        self.links.get(id)
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Link> {
        self.links.get_mut(id)
    }

    pub(super) fn id_at(&self, index: u16) -> Option<ConnectionId> {
        self.links.id_at(index)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &Link)> {
        self.links.iter()
    }

    pub(super) fn is_open(&self, id: ConnectionId) -> bool {
        self.links.get(id).is_some_and(|link| link.state == LinkState::Open)
    }

    /// The connection to `address`, if there is one.
    fn find(&self, address: &Address) -> Option<Connect> {
        let serves =
            |link: &Link| link.address == *address && link.state != LinkState::Closing && !link.retired;
        let (id, link) = self.links.iter().find(|(_, link)| serves(link))?;
        Some(if link.state == LinkState::Open { Connect::Open(id) } else { Connect::Opening(id) })
    }

    /// A new connection to `address`, which has to stand at `deadline`, in the place of `replaces`.
    #[cfg_attr(target_os = "none", inline(never))]
    fn open(
        &mut self,
        now: Instant,
        address: &Address,
        deadline: Instant,
        replaces: Option<ConnectionId>,
    ) -> Connect {
        let link = Link {
            address: address.clone(),
            state: LinkState::New { deadline },
            last_activity: now,
            users: 0,
            queue: SendQueue::default(),
            writing: None,
            written: 0,
            #[cfg(feature = "acl")]
            signature: None,
            reply: None,
            heartbeat_at: None,
            control: Control::None,
            probe: None,
            ready: false,
            retired: false,
            known: false,
            replaces,
        };
        let Some(id) = self.links.insert(link) else { return Connect::NoRoom };
        self.attention = true;
        Connect::Opening(id)
    }

    /// The connection that was idle longest and that `keep` does not want kept, if there is no place for another.
    fn to_give_up(&self, keep: Option<ConnectionId>) -> Option<ConnectionId> {
        if !self.links.is_full() {
            return None;
        }
        let idle = |(id, link): &(ConnectionId, &Link)| {
            link.state == LinkState::Open && link.users == 0 && link.writing.is_none() && keep != Some(*id)
        };
        self.links.iter().filter(idle).min_by_key(|(_, link)| link.last_activity).map(|(id, _)| id)
    }

    /// Whether a frame that is being written or about to be names the topic.
    pub(super) fn is_named(&self, topic: SlotId) -> bool {
        self.links.iter().any(|(_, link)| match (link.writing, link.control) {
            (Some(Outgoing::Lookup(named) | Outgoing::Probe(named)), _) if named == topic => true,
            (_, Control::Asked { what: ControlRequest::Probe { topic: named, .. }, .. }) => named == topic,
            _ => false,
        })
    }

    /// The connection to `address`, or whether there is a free place for one.
    pub(super) fn has_room_for(&self, address: &Address) -> bool {
        !self.links.is_full() || self.links.iter().any(|(_, link)| link.address == *address)
    }

    /// Has the driver ask for bytes.
    pub(super) fn wake(&mut self, id: ConnectionId) {
        if let Some(link) = self.links.get_mut(id)
            && link.state == LinkState::Open
        {
            link.ready = true;
            self.attention = true;
        }
    }

    /// Puts a send at the end of a connection's queue.
    pub(super) fn push(&mut self, id: ConnectionId, send: SlotId, sends: &mut Slots<'_, InFlight>) {
        if let Some(link) = self.links.get_mut(id) {
            link.queue.push(send, sends);
            self.wake(id);
        }
    }

    /// Takes the first send of a connection's queue.
    pub(super) fn pop(&mut self, id: ConnectionId, sends: &mut Slots<'_, InFlight>) -> Option<SlotId> {
        self.links.get_mut(id)?.queue.pop(sends)
    }

    /// Takes a send out of a connection's queue.
    pub(super) fn unlink(&mut self, id: ConnectionId, send: SlotId, sends: &mut Slots<'_, InFlight>) {
        if let Some(link) = self.links.get_mut(id) {
            link.queue.remove(send, sends);
        }
    }

    /// Marks a connection as closed by us; the driver will be told. Returns its address if it was not closed yet.
    pub(super) fn close(&mut self, id: ConnectionId) -> Option<Address> {
        let link = self.links.get_mut(id).filter(|link| link.state != LinkState::Closing)?;
        link.state = LinkState::Closing;
        self.attention = true;
        Some(link.address.clone())
    }

    /// Takes out a connection that the driver reports closed.
    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Link> {
        self.links.remove(id)
    }

    /// The next request to the driver.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn poll(&mut self) -> Option<ConnectionRequest> {
        if !self.attention {
            return None;
        }
        for index in 0..u16::try_from(self.links.capacity()).unwrap_or(u16::MAX) {
            let Some(connection) = self.links.id_at(index) else { continue };
            let Some(link) = self.links.get_mut(connection) else { continue };
            if let Some(connection) = link.replaces.take() {
                return Some(ConnectionRequest::Close { connection });
            }
            match link.state {
                LinkState::New { deadline } => {
                    link.state = LinkState::Opening { deadline };
                    link.known = true;
                    return Some(ConnectionRequest::Open { connection, address: link.address.clone() });
                }
                LinkState::Closing => {
                    let known = link.known;
                    self.links.remove(connection);
                    if known {
                        return Some(ConnectionRequest::Close { connection });
                    }
                }
                LinkState::Open if core::mem::take(&mut link.ready) => {
                    return Some(ConnectionRequest::Transmit { connection });
                }
                LinkState::Open | LinkState::Opening { .. } => {}
            }
        }
        self.attention = false;
        None
    }
}

impl Link {
    /// When something has to be done about this connection if nothing happens on it. Whether its next heartbeat counts is the
    /// caller's knowledge.
    pub(super) fn deadline(&self, max_idle: Duration, heartbeats: bool) -> Option<Instant> {
        match self.state {
            LinkState::New { deadline } | LinkState::Opening { deadline } => Some(deadline),
            LinkState::Closing => None,
            LinkState::Open => {
                let control = match self.control {
                    Control::Asked { deadline, .. } => Some(deadline),
                    Control::None => self.heartbeat_at.filter(|_| heartbeats),
                };
                // A connection in use is not idle; its sends have deadlines of their own.
                let idle = (self.users == 0).then(|| self.last_activity.after(max_idle));
                idle.into_iter().chain(control).min()
            }
        }
    }

    /// Why the connection is closed at `now`, if it is.
    pub(super) fn expired(&self, now: Instant, max_idle: Duration) -> Option<DisconnectReason> {
        match (self.state, self.control) {
            (LinkState::New { deadline } | LinkState::Opening { deadline }, _) if now >= deadline => {
                Some(DisconnectReason::ConnectFailed)
            }
            (LinkState::Open, Control::Asked { deadline, .. }) if now >= deadline => {
                Some(DisconnectReason::TimedOut)
            }
            (LinkState::Open, _) if self.users == 0 && now >= self.last_activity.after(max_idle) => {
                Some(DisconnectReason::Idle)
            }
            _ => None,
        }
    }
}
