//! What the broker knows: topics, clients, groups and how far they have come, connections, and the brokers and name
//! servers it talks to.

mod brokers;
mod clients;
mod connections;
mod groups;
mod held_pulls;
mod locks;
mod name_index;
mod offsets;
mod registrations;
mod saved_topics;
mod topics;

pub use brokers::{BrokerTopic, RegisteredBroker};
pub use clients::{Client, ClientRole};
pub use connections::Connection;
pub use groups::{ConsumeFromWhere, ConsumeType, ConsumerGroup, Consumption, MessageModel, Subscription};
pub use held_pulls::HeldPull;
pub use locks::QueueLock;
pub use offsets::ConsumerOffset;
pub use registrations::Registration;
pub use topics::{Queue, Topic};

pub(crate) use brokers::{BrokerTable, NewBroker, Registered, TopicSettings};
pub(crate) use clients::{Arrival, ClientTable, Heartbeat};
pub(crate) use connections::{ConnectionTable, Link};
pub(crate) use groups::GroupTable;
pub(crate) use held_pulls::{HeldPullTable, Pull};
pub(crate) use locks::LockTable;
pub(crate) use name_index::NameIndex;
pub(crate) use offsets::OffsetTable;
pub(crate) use topics::{NewTopic, TopicTable};

/// A topic's, broker's or cluster's name, at most 127 bytes: a stored record has one byte for its length.
pub type Name = heapless::String<127>;
/// A group's name, at most 120 bytes: with `%RETRY%` before it, it is a topic's name.
pub type GroupName = heapless::String<120>;
/// A client's id, at most 120 bytes; Java's and Go's have up to about 60.
pub type ClientId = heapless::String<120>;
