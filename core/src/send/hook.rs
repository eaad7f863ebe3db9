//! What an application may see and forbid of each attempt: `CheckForbiddenHook` and `SendMessageHook`.

use core::fmt;

use super::decision::AttemptOutcome;
use super::outcome::SendResult;
use super::{SendId, SendMode};
use crate::Address;
use crate::message::MessageView;

/// What is known of an attempt before its request is written (`SendMessageContext`, `CheckForbiddenContext`).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SendContext<'m> {
    /// The send, the same at each of its attempts.
    pub id: SendId,
    /// The number of the attempt, from 1.
    pub attempt: u8,
    /// By which rules it is sent.
    pub mode: SendMode,
    /// The group, with its namespace.
    pub producer_group: &'m str,
    /// The message.
    pub message: MessageView<'m>,
    /// The broker's name.
    pub broker_name: &'m str,
    /// The queue.
    pub queue_id: u16,
    /// Where the broker's master listens; none if it has left the route in the meantime.
    pub broker_address: Option<&'m Address>,
}

/// Decides whether a message may be sent to a broker (`CheckForbiddenHook`).
///
/// `Sync`, so that a producer can move between threads.
pub trait CheckForbiddenHook: fmt::Debug + Sync {
    /// Whether the attempt is forbidden. If so, it ends as [`AttemptOutcome::Forbidden`], and another one may follow.
    /// Asked before each attempt but those that an asynchronous send makes after its first.
    fn is_forbidden(&self, context: &SendContext<'_>) -> bool;
}

/// Is told of attempts (`SendMessageHook`).
///
/// As in Java, an attempt to a broker without address or one that is forbidden is not told of, and neither are those
/// that an asynchronous send makes after its first: its `send_message_after` comes with the outcome of the whole send.
/// Java calls that method also when the first request was handed to the network, without a result.
///
/// `Sync`, so that a producer can move between threads.
pub trait SendMessageHook: fmt::Debug + Sync {
    /// An attempt begins.
    fn send_message_before(&self, context: &SendContext<'_>);

    /// It has ended: stored, or with an outcome that is not [`AttemptOutcome::Stored`]. For each call of
    /// `send_message_before` there is one of this.
    fn send_message_after(&self, context: &SendContext<'_>, outcome: Result<&SendResult, AttemptOutcome>);
}
