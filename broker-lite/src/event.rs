//! What a broker reports beside its answers.

use core::net::SocketAddr;

use rocketlite_core::wire::DecodeError;
use rocketlite_core::wire::code::{RequestCode, ResponseCode};
use rocketlite_core::{Address, ConnectionId};

use crate::broker::StorageFailure;
use crate::table::{ClientId, ClientRole, GroupName, Name};

/// Something that an operator or a test may want to know. Owned, so that it outlives the engine's next step.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BrokerEvent {
    /// A topic was made.
    TopicCreated {
        /// The topic.
        topic: Name,
        /// Its queues to write.
        queues: i32,
    },
    /// A topic was given other settings.
    TopicUpdated {
        /// The topic.
        topic: Name,
        /// Its queues to write.
        queues: i32,
    },
    /// A topic was forgotten, and how far groups had come in it.
    TopicDeleted {
        /// The topic.
        topic: Name,
    },
    /// The oldest messages went to make room. Reports that nobody has taken yet are added up.
    Evicted {
        /// How many messages.
        messages: u64,
        /// How many bytes of the log.
        bytes: u64,
    },
    /// Messages went because they were old enough. Reports that nobody has taken yet are added up.
    Expired {
        /// How many messages.
        messages: u64,
        /// How many bytes of the log.
        bytes: u64,
    },
    /// Messages went, for want of room or because of their age, that a consumer group with members had not consumed.
    LostUnread {
        /// The group.
        group: GroupName,
        /// The topic.
        topic: Name,
        /// How many, since the last such report.
        messages: u64,
    },
    /// The disk failed: nothing is stored from now on, and what was flushed is still served.
    StorageFailed {
        /// What could not be done.
        failure: StorageFailure,
    },
    /// Bytes of the log are not what was written there. What they were is not served.
    Damaged {
        /// Where they stand.
        physical_offset: u64,
        /// How many they are, as far as that is known.
        bytes: u64,
    },
    /// A request was answered with an error.
    Rejected {
        /// Whose request.
        connection: ConnectionId,
        /// What it asked for.
        request: RequestCode,
        /// The answer.
        response: ResponseCode,
    },
    /// A client sent its first heartbeat for a group.
    ClientRegistered {
        /// The client.
        client_id: ClientId,
        /// The group.
        group: GroupName,
        /// What it does for it.
        role: ClientRole,
    },
    /// A client left a group: it said so, its connection closed, or it fell silent.
    ClientUnregistered {
        /// The client.
        client_id: ClientId,
        /// The group.
        group: GroupName,
        /// What it did for it.
        role: ClientRole,
    },
    /// A connection that had been accepted is no more.
    Disconnected {
        /// Which.
        connection: ConnectionId,
        /// Where it came from.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        peer: SocketAddr,
        /// Why.
        reason: DisconnectReason,
    },
    /// Another broker registered here for the first time.
    BrokerRegistered {
        /// Its name.
        name: Name,
    },
    /// Another broker is no longer registered here.
    BrokerUnregistered {
        /// Its name.
        name: Name,
    },
    /// A name server took this broker's registration, for the first time on this connection.
    Registered {
        /// The name server.
        name_server: Address,
    },
    /// This broker could not register; it tries again.
    RegistrationFailed {
        /// The name server.
        name_server: Address,
        /// Why.
        reason: RegistrationFailure,
    },
}

/// Why a connection is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The peer closed it, or it broke.
    Peer,
    /// The peer sent bytes that cannot be read.
    Decode(DecodeError),
    /// Nothing moved for `idle_timeout`.
    Idle,
    /// A frame was still incomplete after `frame_timeout`, or did not go on while others waited for its memory.
    SlowFrame,
    /// An answer was not read for `stalled_frame_timeout` while others wanted its memory.
    UnreadAnswer,
    /// Half of an answer was sent, and what it was made of changed or was evicted.
    LostAnswer,
}

/// Why a registration failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RegistrationFailure {
    /// There is no connection, or it was lost.
    Disconnected,
    /// No connection or no answer within `registration_timeout`.
    TimedOut,
    /// The name server refused it.
    Refused(ResponseCode),
    /// The name server sent bytes that cannot be read.
    Decode(DecodeError),
}

/// What a broker has counted since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Counters {
    /// Requests.
    pub requests: u64,
    /// Requests answered with an error.
    pub refused: u64,
    /// Messages stored.
    pub stored_messages: u64,
    /// Bytes of their records.
    pub stored_bytes: u64,
    /// Messages that went to make room.
    pub evicted_messages: u64,
    /// Bytes of their records.
    pub evicted_bytes: u64,
    /// Messages that went because they were old enough.
    pub expired_messages: u64,
    /// Bytes of their records.
    pub expired_bytes: u64,
    /// Damaged places of the log.
    pub damaged_records: u64,
    /// Messages handed to consumers.
    pub pulled_messages: u64,
    /// Bytes of their records.
    pub pulled_bytes: u64,
    /// Bytes handed to the driver.
    pub transmitted_bytes: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections refused because there was no place.
    pub accept_refused: u64,
    /// Accepted connections that are no more.
    pub disconnected: u64,
    /// Times that bytes were not taken because there was no room.
    pub held_back: u64,
    /// Events that nobody took in time.
    pub lost_events: u64,
}

/// A place for an event that waits to be taken.
#[derive(Debug, Default)]
pub struct EventPlace(Place);

impl EventPlace {
    /// No event.
    pub const EMPTY: Self = Self(Place::Empty);
}

/// All zero while it is empty, so that a `static` costs no flash: the tag is a byte of its own, where that of an
/// `Option` may be any number that the event leaves over.
#[derive(Debug, Default)]
#[repr(u8)]
#[expect(clippy::large_enum_variant, reason = "an empty place is room for a full one")]
enum Place {
    #[default]
    Empty,
    Event(BrokerEvent),
}

/// Events that wait to be taken, over places the caller named.
#[derive(Debug)]
pub(crate) struct EventQueue<'m> {
    places: &'m mut [EventPlace],
    first: usize,
    len: usize,
    /// How many found no place.
    pub(crate) lost: u64,
}

impl<'m> EventQueue<'m> {
    pub(crate) fn new(places: &'m mut [EventPlace]) -> Self {
        places.fill_with(EventPlace::default);
        Self { places, first: 0, len: 0, lost: 0 }
    }

    pub(crate) fn push(&mut self, event: BrokerEvent) {
        let last = self.len.checked_sub(1).and_then(|last| self.place_mut(last));
        match (&event, last) {
            (
                BrokerEvent::Evicted { messages: more, bytes: more_bytes },
                Some(Place::Event(BrokerEvent::Evicted { messages, bytes })),
            )
            | (
                BrokerEvent::Expired { messages: more, bytes: more_bytes },
                Some(Place::Event(BrokerEvent::Expired { messages, bytes })),
            ) => {
                *messages = messages.saturating_add(*more);
                *bytes = bytes.saturating_add(*more_bytes);
                return;
            }
            _ => {}
        }
        match self.place_mut(self.len) {
            Some(place @ Place::Empty) => {
                *place = Place::Event(event);
                self.len = self.len.saturating_add(1);
            }
            _ => self.lost = self.lost.saturating_add(1),
        }
    }

    pub(crate) fn pop(&mut self) -> Option<BrokerEvent> {
        let Place::Event(event) = core::mem::take(self.place_mut(0)?) else { return None };
        self.first = self.first.saturating_add(1).checked_rem(self.places.len()).unwrap_or(0);
        self.len = self.len.saturating_sub(1);
        Some(event)
    }

    /// The `n`-th place from the oldest event on.
    fn place_mut(&mut self, n: usize) -> Option<&mut Place> {
        let at = self.first.saturating_add(n).checked_rem(self.places.len())?;
        self.places.get_mut(at).map(|place| &mut place.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(n: u8) -> BrokerEvent {
        BrokerEvent::TopicCreated { topic: Name::try_from("T").unwrap(), queues: n.into() }
    }

    #[test]
    fn events_come_in_order_and_losses_are_counted() {
        let mut places = [const { EventPlace::EMPTY }; 2];
        let mut queue = EventQueue::new(&mut places);
        for round in 0..5 {
            queue.push(topic(round));
            queue.push(topic(round + 1));
            queue.push(topic(round + 2));
            assert_eq!((queue.pop(), queue.pop()), (Some(topic(round)), Some(topic(round + 1))));
            assert_eq!((queue.pop(), queue.lost), (None, u64::from(round) + 1));
        }
        let mut none = EventQueue::new(&mut []);
        none.push(topic(0));
        assert_eq!((none.pop(), none.lost), (None, 1));
    }

    #[test]
    fn evictions_add_up() {
        let mut places = [const { EventPlace::EMPTY }; 1];
        let mut queue = EventQueue::new(&mut places);
        queue.push(BrokerEvent::Evicted { messages: 1, bytes: 100 });
        queue.push(BrokerEvent::Evicted { messages: 2, bytes: 300 });
        assert_eq!(queue.pop(), Some(BrokerEvent::Evicted { messages: 3, bytes: 400 }));
    }
}
