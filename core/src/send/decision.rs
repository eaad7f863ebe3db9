//! The decision table: what `DefaultMQProducerImpl#sendDefaultImpl` does after each attempt, as one pure match.

use super::outcome::SendStatus;
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
}

/// What to do after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the table has three answers")]
pub enum Verdict {
    /// The caller gets the result.
    Return,
    /// The next attempt, on another broker if there is one.
    Retry,
    /// The caller gets the attempt's own error at once.
    Fail,
}

/// Response codes after which the default path tries again (`DefaultMQProducer#retryResponseCodes`, 5.x).
pub const RETRY_RESPONSE_CODES: &[ResponseCode] = &[
    ResponseCode::TOPIC_NOT_EXIST,
    ResponseCode::SERVICE_NOT_AVAILABLE,
    ResponseCode::SYSTEM_ERROR,
    ResponseCode::SYSTEM_BUSY,
    ResponseCode::NO_PERMISSION,
    ResponseCode::NO_BUYER_ID,
    ResponseCode::NOT_IN_CURRENT_UNIT,
    ResponseCode::GO_AWAY,
];

impl AttemptOutcome {
    /// The row of the table for this outcome. Attempts left and time left are the caller's concern: they bound the
    /// loop, they do not change a row.
    #[rustfmt::skip]
    #[expect(clippy::match_same_arms, reason = "one row of the table each")]
    pub fn verdict(self, retry_response_codes: &[ResponseCode]) -> Verdict {
        match self {
            // sendKernelImpl …                                                              sendDefaultImpl …
            Self::Stored(_)                                                                 => Verdict::Return,
            Self::NoBrokerAddress        /* MQClientException      */                       => Verdict::Retry,
            Self::Unanswered(_)          /* RemotingException      */                       => Verdict::Retry,
            Self::Refused(code)          /* MQBrokerException      */
                if retry_response_codes.contains(&code)                                     => Verdict::Retry,
            Self::Refused(_)                                                                => Verdict::Fail,
            Self::Unreadable(_)          /* NullPointerException   */                       => Verdict::Fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::DecodeErrorKind;

    fn verdict(outcome: AttemptOutcome) -> Verdict {
        outcome.verdict(RETRY_RESPONSE_CODES)
    }

    #[test]
    fn returned_normally() {
        assert_eq!(verdict(AttemptOutcome::Stored(SendStatus::SendOk)), Verdict::Return);
    }

    #[test]
    fn a_store_that_is_not_ok_is_still_a_result() {
        for status in
            [SendStatus::FlushDiskTimeout, SendStatus::FlushSlaveTimeout, SendStatus::SlaveNotAvailable]
        {
            assert_eq!(verdict(AttemptOutcome::Stored(status)), Verdict::Return);
        }
    }

    #[test]
    fn a_client_exception_is_retried() {
        assert_eq!(verdict(AttemptOutcome::NoBrokerAddress), Verdict::Retry);
    }

    #[test]
    fn the_remoting_exceptions_are_retried() {
        for fault in [Fault::Connect, Fault::Disconnected, Fault::TimedOut, Fault::NoConnection] {
            assert_eq!(verdict(AttemptOutcome::Unanswered(fault)), Verdict::Retry);
        }
    }

    #[test]
    fn a_broker_exception_is_retried_for_the_codes_of_the_list_only() {
        for code in 0..2_000 {
            let retry = [17, 14, 1, 2, 16, 204, 205, 1500].contains(&code);
            let expected = if retry { Verdict::Retry } else { Verdict::Fail };
            assert_eq!(verdict(AttemptOutcome::Refused(ResponseCode(code))), expected, "code {code}");
        }
    }

    #[test]
    fn an_unchecked_exception_ends_the_send_at_once() {
        let error = DecodeError::new("queueId", DecodeErrorKind::Missing);
        assert_eq!(verdict(AttemptOutcome::Unreadable(error)), Verdict::Fail);
    }
}
