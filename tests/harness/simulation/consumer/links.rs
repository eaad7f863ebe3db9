//! A consumer's connections, one for each address.

use std::collections::VecDeque;

use rocketlite_core::{Address, ConnectionId, ConnectionRequest};

use crate::simulation::frames::Cutter;

#[derive(Debug, Default)]
pub(super) struct Links {
    places: Vec<Place>,
    requests: VecDeque<ConnectionRequest>,
}

#[derive(Debug, Default)]
struct Place {
    generation: u16,
    link: Option<Link>,
}

#[derive(Debug)]
struct Link {
    address: Address,
    is_open: bool,
    /// What is still to be sent.
    out: VecDeque<u8>,
    received: Cutter,
}

impl Links {
    /// The connection to an address, which is opened if there is none.
    pub(super) fn to(&mut self, address: &Address) -> ConnectionId {
        let is = |place: &Place| place.link.as_ref().is_some_and(|link| link.address == *address);
        if let Some(at) = self.places.iter().position(is) {
            return self.id(at);
        }
        let free = self.places.iter().position(|place| place.link.is_none());
        let at = free.unwrap_or_else(|| {
            self.places.push(Place::default());
            self.places.len() - 1
        });
        let place = &mut self.places[at];
        place.generation += 1;
        place.link = Some(Link {
            address: address.clone(),
            is_open: false,
            out: VecDeque::new(),
            received: Cutter::default(),
        });
        let connection = self.id(at);
        self.requests.push_back(ConnectionRequest::Open { connection, address: address.clone() });
        connection
    }

    fn id(&self, at: usize) -> ConnectionId {
        ConnectionId::new(u16::try_from(at).expect("few"), self.places[at].generation)
    }

    fn link(&mut self, id: ConnectionId) -> Option<&mut Link> {
        let place = self.places.get_mut(usize::from(id.index()))?;
        if place.generation == id.generation() { place.link.as_mut() } else { None }
    }

    pub(super) fn send(&mut self, id: ConnectionId, frame: &[u8]) {
        let Some(link) = self.link(id) else { return };
        link.out.extend(frame);
        if link.is_open {
            self.requests.push_back(ConnectionRequest::Transmit { connection: id });
        }
    }

    pub(super) fn opened(&mut self, id: ConnectionId) {
        let Some(link) = self.link(id) else { return };
        link.is_open = true;
        self.requests.push_back(ConnectionRequest::Transmit { connection: id });
    }

    /// Forgets a connection. Returns whether there was one.
    pub(super) fn closed(&mut self, id: ConnectionId) -> bool {
        let known = self.link(id).is_some();
        if known {
            self.places[usize::from(id.index())].link = None;
        }
        known
    }

    /// Closes a connection. Returns whether there was one.
    pub(super) fn close(&mut self, id: ConnectionId) -> bool {
        let known = self.closed(id);
        if known {
            self.requests.push_back(ConnectionRequest::Close { connection: id });
        }
        known
    }

    /// The frames that are complete with these bytes.
    pub(super) fn received(&mut self, id: ConnectionId, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        if let Some(link) = self.link(id) {
            link.received.take(bytes, |frame| frames.push(frame.to_vec()));
        }
        frames
    }

    pub(super) fn transmit(&mut self, id: ConnectionId, buffer: &mut [u8]) -> usize {
        let Some(link) = self.link(id).filter(|link| link.is_open) else { return 0 };
        let len = link.out.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(link.out.drain(..len)) {
            *place = byte;
        }
        len
    }

    pub(super) fn next_request(&mut self) -> Option<ConnectionRequest> {
        self.requests.pop_front()
    }
}
