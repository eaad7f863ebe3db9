//! The decisions of RocketMQ's `DefaultMQProducer` as a state machine without input or output.
//!
//! The crate never reads a clock, opens a socket, allocates or panics: bytes, deadlines and memory
//! come from the caller. [`Engine`] is the border that every driver (tokio, firmware,
//! simulator) speaks; [`wire`] is the remoting protocol, [`message`] what is stored and sent.
#![no_std]
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

#[cfg(test)]
extern crate std;

#[cfg(feature = "acl")]
pub mod acl;
mod arena;
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async", feature = "embedded-nal"))]
pub mod driver;
pub mod engine;
pub mod message;
#[cfg(feature = "outbox")]
pub mod outbox;
pub mod producer;
mod rng;
pub mod route;
mod rules;
pub mod select;
pub mod send;
mod slots;
mod time;
pub mod wire;

pub use arena::{Arena, Extent};
pub use engine::{Address, AddressError, ConnectionId, ConnectionRequest, Engine};
pub use message::Message;
pub use producer::{Producer, ProducerConfig, ProducerStorage};
pub use rng::Rng;
pub use rules::Rules;
pub use send::SendId;
pub use slots::{Slot, SlotId, Slots};
pub use time::{Instant, WallClock};
