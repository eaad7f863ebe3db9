//! Emptying an outbox through a producer.

use core::fmt::Write as _;

use embedded_storage_async::nor_flash::MultiwriteNorFlash;
use heapless::{String, Vec};

use super::Outbox;
use super::error::OutboxError;
use super::patience::{ForwardConfig, Next, Patience};
use super::record::{Ticket, Unsent};
use crate::message::id::MessageId;
use crate::producer::{Producer, SubmitError};
use crate::send::SendId;
use crate::send::outcome::{Remark, SendError, SendResult};
use crate::{Instant, wire::Text};

/// Sends the messages of an outbox, oldest first, `WINDOW` at a time, and removes what a broker has acknowledged.
///
/// With a window of one, messages leave strictly in their order. With more, a message that fails is sent again after others
/// that were in flight with it; each of them is still sent until it is acknowledged.
///
/// The message of a send that is not [`SendStatus::SendOk`](crate::send::outcome::SendStatus) is stored and counts as
/// acknowledged, as for Java's callers; who wants more sets `retry_another_broker_when_not_store_ok`.
#[derive(Debug)]
pub struct Forwarder<const WINDOW: usize> {
    patience: Patience<WINDOW>,
    in_flight: Vec<(Ticket, SendId), WINDOW>,
    resume: Option<Instant>,
}

/// What became of a message of an outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Forwarded {
    /// It was sent, and is no longer in the outbox.
    Sent {
        /// The message.
        ticket: Ticket,
        /// Where it is.
        result: SendResult,
    },
    /// It was refused for good, and is no longer in the outbox. This is the only word about it.
    GivenUp {
        /// The message.
        ticket: Ticket,
        /// Its id.
        message_id: Option<MessageId>,
        /// Who refused it.
        reason: GiveUp,
    },
    /// It could not be sent now.
    Deferred {
        /// The message.
        ticket: Ticket,
        /// When the next send is tried.
        until: Instant,
        /// What was the matter.
        error: SendError,
    },
}

/// Why a message was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum GiveUp {
    /// The producer does not take it, for that reason.
    NotAccepted(Remark),
    /// Name servers or brokers refused it, the last time like this.
    Refused(SendError),
}

impl<const WINDOW: usize> Forwarder<WINDOW> {
    /// Has sent nothing yet.
    pub const fn new(config: ForwardConfig) -> Self {
        Self { patience: Patience::new(config), in_flight: Vec::new(), resume: None }
    }

    /// Does what there is to do: takes outcomes from the producer, and hands it the next messages. Call it after each turn of
    /// the producer's driver and at [`Forwarder::poll_timeout`], until `None`.
    ///
    /// `buffer` holds one record.
    ///
    /// # Errors
    /// What the flash or its content is missing. A message that was sent may be sent once more then.
    pub async fn poll<F: MultiwriteNorFlash, const PAGES: usize>(
        &mut self,
        now: Instant,
        outbox: &mut Outbox<F, PAGES>,
        producer: &mut Producer<'_>,
        buffer: &mut [u8],
    ) -> Result<Option<Forwarded>, OutboxError<F::Error>> {
        if let Some((ticket, outcome)) = self.take_outcome(producer) {
            return self.settle(now, outbox, ticket, outcome, buffer).await.map(Some);
        }
        if self.resume.is_some_and(|at| now < at) {
            return Ok(None);
        }
        self.resume = None;
        while !self.in_flight.is_full() && self.may_find_more(outbox.counters().waiting) {
            let mut busy = Vec::<Ticket, WINDOW>::new();
            busy.extend(self.in_flight.iter().map(|(ticket, _)| *ticket));
            let Some(unsent) = outbox.peek_but(&busy, buffer).await? else { break };
            let (ticket, message_id) = (unsent.ticket(), unsent.message_id());
            match submit(now, producer, &unsent, self.patience.config().hash) {
                Ok(id) => drop(self.in_flight.push((ticket, id))),
                Err(None) => break,
                Err(Some(reason)) => {
                    outbox.remove(ticket, buffer).await?;
                    let reason = GiveUp::NotAccepted(reason);
                    return Ok(Some(Forwarded::GivenUp { ticket, message_id, reason }));
                }
            }
        }
        Ok(None)
    }

    /// When to call [`Forwarder::poll`] at the latest; before that only when something has happened.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.resume
    }

    /// How many messages are with the producer.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether a look at the flash is worth while.
    fn may_find_more(&self, waiting: u32) -> bool {
        usize::try_from(waiting).is_ok_and(|waiting| waiting > self.in_flight.len())
    }

    fn take_outcome(
        &mut self,
        producer: &mut Producer<'_>,
    ) -> Option<(Ticket, Result<SendResult, SendError>)> {
        for index in 0..self.in_flight.len() {
            let (ticket, id) = *self.in_flight.get(index)?;
            let outcome = match producer.poll_send(id) {
                Err(nb::Error::WouldBlock) => continue,
                Err(nb::Error::Other(error)) => Err(error),
                Ok(result) => Ok(result),
            };
            self.in_flight.remove(index);
            return Some((ticket, outcome));
        }
        None
    }

    async fn settle<F: MultiwriteNorFlash, const PAGES: usize>(
        &mut self,
        now: Instant,
        outbox: &mut Outbox<F, PAGES>,
        ticket: Ticket,
        outcome: Result<SendResult, SendError>,
        buffer: &mut [u8],
    ) -> Result<Forwarded, OutboxError<F::Error>> {
        let error = match outcome {
            Ok(result) => {
                self.patience.sent(ticket);
                outbox.remove(ticket, buffer).await?;
                return Ok(Forwarded::Sent { ticket, result });
            }
            Err(error) => error,
        };
        match self.patience.failed(ticket, error.kind) {
            Next::Wait(delay) => {
                let until = now.after(delay);
                self.resume = Some(until);
                Ok(Forwarded::Deferred { ticket, until, error })
            }
            Next::GiveUp => {
                let unsent = outbox.get(ticket, buffer).await?;
                let message_id = unsent.and_then(|unsent| unsent.message_id());
                outbox.remove(ticket, buffer).await?;
                Ok(Forwarded::GivenUp { ticket, message_id, reason: GiveUp::Refused(error) })
            }
        }
    }
}

/// Hands a message to the producer. Otherwise says why it never takes it, or nothing if it may later.
fn submit(
    now: Instant,
    producer: &mut Producer<'_>,
    unsent: &Unsent<'_>,
    hash: Option<i32>,
) -> Result<SendId, Option<Remark>> {
    let message = unsent.message();
    let accepted = match hash {
        Some(hash) => producer.send_hashed(now, &message, hash),
        None => producer.send(now, &message),
    };
    accepted.map_err(|error| {
        let later = error.is_temporary() || error == SubmitError::NotRunning;
        (!later).then(|| {
            let mut text = String::<{ Remark::MAX_LENGTH }>::new();
            // What does not fit is cut.
            let _cut = write!(text, "{error}");
            Remark::new(Text::from(text.as_str()))
        })
    })
}
