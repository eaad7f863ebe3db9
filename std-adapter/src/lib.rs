//! RocketMQ for desktops and edge machines: an async [`Producer`] and a [`Broker`], both the engines of
//! `rocketlite-core` and `rocketlite-broker` over tokio sockets.
//!
//! Nothing is decided here: this crate moves bytes, time and memory, the engines do the rest.

pub mod broker;
mod checksum;
mod clock;
mod drive;
mod name_servers;
#[cfg(feature = "outbox")]
pub mod outbox;
pub mod producer;
#[cfg(all(feature = "data", unix))]
pub mod store;

pub use broker::{Broker, BrokerBuilder};
pub use name_servers::NameServerError;
#[cfg(feature = "outbox")]
pub use outbox::Outbox;
pub use producer::{Producer, ProducerBuilder};
pub use rocketlite_core::message::Message;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
