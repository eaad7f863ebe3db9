//! What the broker knows: topics, clients, connections, and the brokers and name servers it talks to.

mod brokers;
mod clients;
mod connections;
mod name_index;
mod registrations;
mod topics;

pub use brokers::{BrokerTopic, RegisteredBroker};
pub use clients::{Client, ClientRole};
pub use connections::Connection;
pub use registrations::Registration;
pub use topics::{Queue, Topic};

pub(crate) use brokers::{BrokerTable, NewBroker, Registered, TopicSettings};
pub(crate) use clients::{ClientTable, Heartbeat};
pub(crate) use connections::{ConnectionTable, Link};
pub(crate) use name_index::NameIndex;
pub(crate) use topics::{NewTopic, TopicTable};

/// A topic's, broker's or cluster's name, at most 127 bytes: a stored record has one byte for its length.
pub type Name = heapless::String<127>;
/// A group's name, at most 120 bytes: with `%RETRY%` before it, it is a topic's name.
pub type GroupName = heapless::String<120>;
/// A client's id, at most 120 bytes; Java's and Go's have up to about 60.
pub type ClientId = heapless::String<120>;
