//! The decisions of a RocketMQ broker and of a name server, as one state machine without input or output.
//!
//! [`Broker`] implements [`rocketlite_core::Engine`]: a driver hands it bytes and deadlines and takes bytes and
//! deadlines from it. Messages live in [`CommitLog`], a ring over memory the caller named; everything
//! else has a place in [`BrokerMemory`]. The crate never reads a clock, opens a socket, allocates or panics.
#![no_std]
#![cfg_attr(doctest, doc = include_str!("../README.md"))]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(feature = "alloc")]
mod boxed;
mod broker;
mod config;
mod event;
mod filter;
pub mod inspect;
mod json;
mod log;
mod memory;
mod outgoing;
mod receive;
mod table;

#[cfg(feature = "alloc")]
pub use boxed::{BoxedMemory, BrokerLimits};
pub use broker::{
    Broker, FlushPolicy, FlushRequest, Full, LogWrite, Mark, RecoverError, Recovery, Saved, StorageFailure,
};
pub use config::{BrokerConfig, ConfigError, ConfigProblem, WhenFull};
pub use event::{BrokerEvent, Counters, DisconnectReason, EventPlace, RegistrationFailure};
pub use log::{AppendError, CommitLog, INDEX_CHUNK_BYTES, IndexChunk, IndexedKey, ReadError, Records};
pub use memory::{BrokerMemory, BrokerStorage};
pub use outgoing::Outgoing;
pub use table::{
    BrokerTopic, Client, ClientId, ClientRole, Connection, ConsumeFromWhere, ConsumeType, ConsumerGroup,
    ConsumerOffset, Consumption, GroupName, HeldPull, MessageModel, Name, Queue, QueueLock, RegisteredBroker,
    Registration, Subscription, Topic,
};
