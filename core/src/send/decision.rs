//! The decision table: what `DefaultMQProducerImpl#sendDefaultImpl` does after each attempt, as one pure match.

use super::outcome::SendStatus;
use crate::Rules;
use crate::select::FaultUpdate;
use crate::wire::DecodeError;
use crate::wire::code::ResponseCode;

/// How one attempt ended; in Java, what `sendKernelImpl` returned or threw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// The broker stored the message (response code 0, 10, 11 or 12); of a one-way send, it was written.
    Stored(SendStatus),
    /// `MQClientException`: the broker's name has no address.
    NoBrokerAddress,
    /// `MQClientException`: a [`CheckForbiddenHook`](super::hook::CheckForbiddenHook) has forbidden it.
    Forbidden,
    /// `RemotingException`: no answer, for the reason given.
    Unanswered(Fault),
    /// `MQBrokerException`: the broker answered with another code.
    Refused(ResponseCode),
    /// The broker said it stored the message, but not where. Java dies of a null pointer here.
    Unreadable(DecodeError),
}

/// Why an attempt got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// `RemotingConnectException`: the connection could not be opened.
    Connect,
    /// `RemotingSendRequestException`: the connection was lost before the answer came.
    Disconnected,
    /// `RemotingTimeoutException`: the attempt's share of the timeout passed.
    TimedOut,
    /// All connections are busy with other sends; the limit is that of the connection table.
    NoConnection,
    /// `RemotingTooMuchRequestException`: no time was left to ask the broker. Only an asynchronous send of 4.x goes on
    /// until it has no attempts left either.
    NoTime,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the table has two answers in each row")]
pub struct Verdict {
    /// What the fault strategy learns about the broker, if anything.
    pub fault: Option<FaultUpdate>,
    /// How the send goes on.
    pub next: Next,
}

/// How a send goes on after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the table has four answers")]
pub enum Next {
    /// The caller gets the result.
    Return,
    /// The next attempt, on another broker if there is one. The result of this one, if there is any, is kept in case
    /// none of the others gives one.
    Retry,
    /// The caller gets the result that an earlier attempt left, otherwise this attempt's own error.
    GiveUp,
    /// The caller gets the attempt's own error at once.
    Fail,
}

/// The settings that the table depends on, beside the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "settings the reference's loop reads")]
pub struct Policy<'c> {
    /// A message that was stored, but not as safely as configured, is sent to another broker too
    /// (`retryAnotherBrokerWhenNotStoreOK`).
    pub retry_another_broker_when_not_store_ok: bool,
    /// Brokers that gave no answer are probed until they can be reached (`startDetectorEnable`).
    pub start_detector_enable: bool,
    /// Codes that are tried again beside those of the rules (`DefaultMQProducer#addRetryResponseCode`).
    pub more_retry_response_codes: &'c [ResponseCode],
}

impl AttemptOutcome {
    /// The row of the table for this outcome. Attempts left and time left are the caller's concern: they bound the
    /// loop, they do not change a row.
    #[rustfmt::skip]
    pub fn verdict(self, rules: Rules, policy: &Policy<'_>) -> Verdict {
        use Next::{Fail, GiveUp, Retry, Return};
        use SendStatus::SendOk;
        let elsewhere = policy.retry_another_broker_when_not_store_ok;
        let undetected = !policy.start_detector_enable;
        let more = policy.more_retry_response_codes;
        let code_retries = |code| rules.retry_response_codes().contains(&code) || more.contains(&code);

        let (v4, v5, next) = match self {
            // sendKernelImpl …                                isolation 4.x  5.x (isolation, reachable)  then …
            Self::Stored(SendOk)                            => (Some(false),   Some((false, true)),       Return),
            Self::Stored(_)  if elsewhere                   => (Some(false),   Some((false, true)),       Retry),
            Self::Stored(_)                                 => (Some(false),   Some((false, true)),       Return),
            Self::NoBrokerAddress | Self::Forbidden
                                    /* MQClientException */ => (Some(true),    Some((false, true)),       Retry),
            // No row of Java's, whose connections are not limited: the broker was not even asked.
            Self::Unanswered(Fault::NoConnection)           => (None,          None,                      Retry),
            Self::Unanswered(_)     /* RemotingException */ => (Some(true),    Some((true,  undetected)), Retry),
            Self::Refused(code)     /* MQBrokerException */
                             if code_retries(code)          => (Some(true),    Some((true,  false)),      Retry),
            Self::Refused(_)                                => (Some(true),    Some((true,  false)),      GiveUp),
            Self::Unreadable(_)  /* NullPointerException */ => (None,          None,                      Fail),
        };
        Verdict { fault: rules.fault(v4, v5), next }
    }

    /// The row for an asynchronous send, whose attempts after the first `MQClientAPIImpl#onExceptionImpl` makes. It
    /// knows no retry response codes, and a result is a result.
    #[rustfmt::skip]
    #[expect(clippy::match_same_arms, reason = "one row of the table each")]
    pub fn async_verdict(self, rules: Rules) -> Verdict {
        use Next::{Fail, Retry, Return};
        let in_4_x = if rules == Rules::V4 { Retry } else { Fail };

        let (v4, v5, next) = match self {
            // the callback of the request …                4.x: isolation, 5.x: isolation, reachable     onExceptionImpl …
            Self::Stored(_)                                 => (Some(false),   Some((false, true)),       Return),
            // Thrown before anything is asynchronous: a row of the other table, for a loop of one turn.
            Self::NoBrokerAddress | Self::Forbidden
                                    /* MQClientException */ => (Some(true),    Some((false, true)),       Fail),
            Self::Unanswered(Fault::NoConnection)           => (None,          None,                      Retry),
            // 5.x does not try again when no time is left, and after a timeout none is.
            Self::Unanswered(Fault::TimedOut | Fault::NoTime) => (Some(true),  Some((true,  true)),       in_4_x),
            Self::Unanswered(_)     /* RemotingException */ => (Some(true),    Some((true,  true)),       Retry),
            Self::Refused(_)        /* MQBrokerException */ => (Some(true),    Some((true,  true)),       Fail),
            Self::Unreadable(_)  /* NullPointerException */ => (Some(true),    Some((true,  true)),       Fail),
        };
        Verdict { fault: rules.fault(v4, v5), next }
    }
}

impl Rules {
    /// What the line that is followed learns of a broker.
    fn fault(self, v4: Option<bool>, v5: Option<(bool, bool)>) -> Option<FaultUpdate> {
        match self {
            Self::V4 => v4.map(|isolation| FaultUpdate { isolation, reachable: true }),
            Self::V5 => v5.map(|(isolation, reachable)| FaultUpdate { isolation, reachable }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::DecodeErrorKind;

    const NOT_OK: [SendStatus; 3] =
        [SendStatus::FlushDiskTimeout, SendStatus::FlushSlaveTimeout, SendStatus::SlaveNotAvailable];

    /// What 4.x learns (isolation), what 5.x learns (isolation, reachable), and what both do.
    type Row = (Option<bool>, Option<(bool, bool)>, Next);

    fn row_with(outcome: AttemptOutcome, policy: Policy<'_>) -> Row {
        let v4 = outcome.verdict(Rules::V4, &policy);
        let v5 = outcome.verdict(Rules::V5, &policy);
        assert_eq!(v4.next, v5.next, "{outcome:?}");
        (v4.fault.map(|f| f.isolation), v5.fault.map(|f| (f.isolation, f.reachable)), v4.next)
    }

    fn row(outcome: AttemptOutcome) -> Row {
        row_with(outcome, Policy::default())
    }

    #[test]
    fn returned_normally() {
        let stored = AttemptOutcome::Stored(SendStatus::SendOk);
        let policy = Policy { retry_another_broker_when_not_store_ok: true, ..Policy::default() };
        for policy in [policy, Policy::default()] {
            assert_eq!(row_with(stored, policy), (Some(false), Some((false, true)), Next::Return));
        }
    }

    #[test]
    fn a_store_that_is_not_ok_is_a_result_unless_another_broker_is_wanted() {
        for status in NOT_OK {
            for (wanted, next) in [(false, Next::Return), (true, Next::Retry)] {
                let policy = Policy { retry_another_broker_when_not_store_ok: wanted, ..Policy::default() };
                let expected = (Some(false), Some((false, true)), next);
                assert_eq!(row_with(AttemptOutcome::Stored(status), policy), expected);
            }
        }
    }

    #[test]
    fn a_client_exception_is_retried_and_isolates_in_4_x_only() {
        for outcome in [AttemptOutcome::NoBrokerAddress, AttemptOutcome::Forbidden] {
            assert_eq!(row(outcome), (Some(true), Some((false, true)), Next::Retry));
        }
    }

    #[test]
    fn the_remoting_exceptions_are_retried_and_unreachable_if_somebody_finds_out_when_that_ends() {
        for fault in [Fault::Connect, Fault::Disconnected, Fault::TimedOut] {
            for detector in [false, true] {
                let policy = Policy { start_detector_enable: detector, ..Policy::default() };
                let expected = (Some(true), Some((true, !detector)), Next::Retry);
                assert_eq!(row_with(AttemptOutcome::Unanswered(fault), policy), expected);
            }
        }
    }

    #[test]
    fn our_own_limit_is_not_the_brokers_fault() {
        assert_eq!(row(AttemptOutcome::Unanswered(Fault::NoConnection)), (None, None, Next::Retry));
    }

    #[test]
    fn a_broker_exception_is_retried_for_the_codes_of_the_line_only() {
        let v4 = [17, 14, 1, 16, 204, 205];
        let v5 = [17, 14, 1, 2, 16, 204, 205, 1500];
        for (rules, codes) in [(Rules::V4, &v4[..]), (Rules::V5, &v5[..])] {
            for code in 0..2_000 {
                let next = if codes.contains(&code) { Next::Retry } else { Next::GiveUp };
                let fault = FaultUpdate { isolation: true, reachable: rules == Rules::V4 };
                let verdict = AttemptOutcome::Refused(ResponseCode(code)).verdict(rules, &Policy::default());
                assert_eq!(verdict, Verdict { fault: Some(fault), next }, "code {code}");
            }
        }
    }

    #[test]
    fn more_codes_can_be_retried() {
        let policy = Policy { more_retry_response_codes: &[ResponseCode::FLOW_CONTROL], ..Policy::default() };
        let refused = AttemptOutcome::Refused(ResponseCode::FLOW_CONTROL);
        assert_eq!(row_with(refused, policy), (Some(true), Some((true, false)), Next::Retry));
    }

    #[test]
    fn an_unchecked_exception_ends_the_send_at_once_and_teaches_nothing() {
        let error = DecodeError::new("queueId", DecodeErrorKind::Missing);
        assert_eq!(row(AttemptOutcome::Unreadable(error)), (None, None, Next::Fail));
    }
}
