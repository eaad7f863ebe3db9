//! How long a message that could not be sent is tried again.

use core::time::Duration;

use heapless::Vec;

use super::record::Ticket;
use crate::send::decision::AttemptOutcome;
use crate::send::outcome::SendErrorKind;
use crate::wire::code::ResponseCode;

/// How an outbox is emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "settings")]
pub struct ForwardConfig {
    /// The wait after a failed send: 1 s. It doubles with each failure and begins anew with a success.
    pub first_delay: Duration,
    /// The longest wait: 60 s.
    pub max_delay: Duration,
    /// How often a message may be refused by a name server or broker that was reached: 30, which takes 25 minutes with the
    /// other defaults. Then it is given up, so that it does not block those behind it. Failures of the network and of
    /// brokers that are busy do not count.
    pub max_refusals: u16,
    /// All messages of a topic go to the queue that belongs to this hash, where consumers find them in order; without one
    /// (the default) over all queues.
    pub hash: Option<i32>,
}

impl Default for ForwardConfig {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_secs(1),
            max_delay: Duration::from_mins(1),
            max_refusals: 30,
            hash: None,
        }
    }
}

/// What to do with a message that could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "it is sent again or not")]
pub enum Next {
    /// Send it again, after that time.
    Wait(Duration),
    /// Remove it from the outbox, and tell.
    GiveUp,
}

/// Counts failures and says when to try again. `WINDOW` is the number of messages in flight at a time.
#[derive(Debug, Clone)]
pub struct Patience<const WINDOW: usize> {
    config: ForwardConfig,
    delay: Duration,
    /// Messages that were refused, and how often.
    refused: Vec<(Ticket, u16), WINDOW>,
}

impl<const WINDOW: usize> Patience<WINDOW> {
    /// Nothing has failed yet.
    pub const fn new(config: ForwardConfig) -> Self {
        Self { config, delay: config.first_delay, refused: Vec::new() }
    }

    /// The settings.
    pub const fn config(&self) -> &ForwardConfig {
        &self.config
    }

    /// A message was sent.
    pub fn sent(&mut self, ticket: Ticket) {
        self.delay = self.config.first_delay;
        self.forget(ticket);
    }

    /// A message was not sent, for that reason.
    pub fn failed(&mut self, ticket: Ticket, kind: SendErrorKind) -> Next {
        let give_up = match Refusal::of(kind) {
            Refusal::None => false,
            Refusal::ForNow => self.refuse(ticket),
            Refusal::ForEver => true,
        };
        if give_up {
            self.forget(ticket);
            return Next::GiveUp;
        }
        self.wait()
    }

    /// Nothing can be sent.
    pub fn wait(&mut self) -> Next {
        let delay = self.delay.min(self.config.max_delay);
        self.delay = delay.saturating_mul(2);
        Next::Wait(delay)
    }

    /// Counts a refusal. Says whether it was one too many.
    fn refuse(&mut self, ticket: Ticket) -> bool {
        if let Some((_, times)) = self.refused.iter_mut().find(|(of, _)| *of == ticket) {
            *times = times.saturating_add(1);
            return *times >= self.config.max_refusals;
        }
        if self.refused.is_full() {
            // Of a message that has been dropped since: no more than WINDOW are sent again and again.
            self.refused.swap_remove(0);
        }
        let _full = self.refused.push((ticket, 1));
        self.config.max_refusals <= 1
    }

    fn forget(&mut self, ticket: Ticket) {
        self.refused.retain(|(of, _)| *of != ticket);
    }
}

/// What a failure says about the message itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// Nothing: the network is away, or who was reached has no time for anybody.
    None,
    /// Somebody who was reached does not want it; that may change, for people change topics and permissions.
    ForNow,
    /// The broker calls the message illegal.
    ForEver,
}

impl Refusal {
    const fn of(kind: SendErrorKind) -> Self {
        match kind {
            SendErrorKind::NoRoute
            | SendErrorKind::NoQueueSelected
            | SendErrorKind::RouteOverLimit(_)
            | SendErrorKind::Attempt(AttemptOutcome::Unreadable(_) | AttemptOutcome::Forbidden) => {
                Self::ForNow
            }
            SendErrorKind::Attempt(AttemptOutcome::Refused(code)) => Self::by_code(code),
            SendErrorKind::NameServerUnreachable
            | SendErrorKind::NameServerTimedOut
            | SendErrorKind::CallTimedOut
            | SendErrorKind::ShutDown
            | SendErrorKind::Attempt(
                AttemptOutcome::Stored(_) | AttemptOutcome::NoBrokerAddress | AttemptOutcome::Unanswered(_),
            ) => Self::None,
        }
    }

    const fn by_code(code: ResponseCode) -> Self {
        match code {
            ResponseCode::MESSAGE_ILLEGAL => Self::ForEver,
            ResponseCode::SYSTEM_BUSY
            | ResponseCode::SERVICE_NOT_AVAILABLE
            | ResponseCode::FLOW_CONTROL
            | ResponseCode::GO_AWAY => Self::None,
            // A system error too: a message that makes a broker stumble would stand in the way for ever.
            _ => Self::ForNow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: SendErrorKind = SendErrorKind::Attempt(AttemptOutcome::Refused(ResponseCode::SYSTEM_BUSY));
    const NO_TOPIC: SendErrorKind =
        SendErrorKind::Attempt(AttemptOutcome::Refused(ResponseCode::TOPIC_NOT_EXIST));
    const ILLEGAL: SendErrorKind =
        SendErrorKind::Attempt(AttemptOutcome::Refused(ResponseCode::MESSAGE_ILLEGAL));

    fn wait(secs: u64) -> Next {
        Next::Wait(Duration::from_secs(secs))
    }

    #[test]
    fn waits_double_up_to_a_limit_and_begin_anew_with_a_success() {
        let mut patience = Patience::<1>::new(ForwardConfig::default());
        for secs in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(patience.failed(Ticket(1), SendErrorKind::NameServerUnreachable), wait(secs));
        }
        patience.sent(Ticket(1));
        assert_eq!(patience.failed(Ticket(2), BUSY), wait(1));
        for _ in 0..10_000 {
            assert!(matches!(patience.failed(Ticket(2), BUSY), Next::Wait(_)), "never given up");
        }
        assert_eq!(patience.failed(Ticket(2), BUSY), wait(60));
    }

    #[test]
    fn a_message_nobody_wants_is_given_up() {
        let config = ForwardConfig { max_refusals: 3, ..ForwardConfig::default() };
        let mut patience = Patience::<2>::new(config);
        for _ in 0..2 {
            assert!(matches!(patience.failed(Ticket(1), NO_TOPIC), Next::Wait(_)));
            assert!(matches!(patience.failed(Ticket(2), SendErrorKind::NoRoute), Next::Wait(_)));
            // Whoever else is sent or fails, the count stays.
            patience.sent(Ticket(3));
            assert!(matches!(patience.failed(Ticket(1), BUSY), Next::Wait(_)));
        }
        assert_eq!(patience.failed(Ticket(1), NO_TOPIC), Next::GiveUp);
        assert_eq!(patience.failed(Ticket(2), NO_TOPIC), Next::GiveUp);
        assert!(matches!(patience.failed(Ticket(1), NO_TOPIC), Next::Wait(_)), "counted anew");
        assert_eq!(patience.failed(Ticket(4), ILLEGAL), Next::GiveUp);
    }

    #[test]
    fn one_refusal_can_be_enough() {
        let config = ForwardConfig { max_refusals: 1, ..ForwardConfig::default() };
        assert_eq!(Patience::<1>::new(config).failed(Ticket(1), NO_TOPIC), Next::GiveUp);
    }
}
