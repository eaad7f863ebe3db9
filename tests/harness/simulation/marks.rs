//! What runs have met: each row of the table of decisions, each refusal of a broker, each way a connection ends, each fault.
//! A suite of runs that leaves one of them out proves nothing about it.

use core::fmt;
use std::collections::BTreeMap;

use rocketlite_broker::BrokerEvent;
use rocketlite_core::Rules;
use rocketlite_core::producer::{DisconnectReason, Event};
use rocketlite_core::send::decision::{AttemptOutcome, Fault};
use rocketlite_core::send::outcome::{SendError, SendErrorKind, SendResult, SendStatus};

use super::consumer::plan::MemberFaultKind;
use super::plan::FaultKind;

/// How often what was met.
#[derive(Debug, Clone, Default)]
pub struct Marks(BTreeMap<String, u64>);

/// Every mark that has to be met.
const EXPECTED: &[&str] = &[
    "V4 attempt: stored",
    "V4 attempt: stored, not ok",
    "V4 attempt: could not connect",
    "V4 attempt: disconnected",
    "V4 attempt: timed out",
    "V4 attempt: no time",
    "V4 attempt: refused, a code that is tried again",
    "V4 attempt: refused, another code",
    "V5 attempt: stored",
    "V5 attempt: stored, not ok",
    "V5 attempt: could not connect",
    "V5 attempt: disconnected",
    "V5 attempt: timed out",
    "V5 attempt: refused, a code that is tried again",
    "V5 attempt: refused, another code",
    "attempt: no connection",
    "end: stored at once",
    "end: stored after a retry",
    "end: no route",
    "end: no name server",
    "end: silent name server",
    "end: out of time",
    "end: no queue",
    "end: last attempt",
    "producer: a probe or an attempt updated a fault item",
    "producer: route changed",
    "producer: lookup failed",
    "producer: disconnected ConnectFailed",
    "producer: disconnected ByPeer",
    "producer: disconnected TimedOut",
    "producer: disconnected Idle",
    "producer: no room for a send",
    "broker: topic created",
    "broker: evicted",
    "broker: refused 3 REQUEST_CODE_NOT_SUPPORTED",
    "broker: refused 14 SERVICE_NOT_AVAILABLE",
    "broker: refused 17 TOPIC_NOT_EXIST",
    "broker: refused 29 INVALID_PARAMETER",
    "broker: client registered",
    "broker: client unregistered",
    "broker: disconnected Peer",
    "broker: disconnected Idle",
    "broker: broker registered",
    "broker: broker unregistered",
    "broker: registered",
    "broker: registration failed",
    "network: dial refused",
    "network: bytes held back",
    "broker: refused 1 SYSTEM_ERROR",
    "broker: refused 2 SYSTEM_BUSY",
    "broker: refused 22 QUERY_NOT_FOUND",
    "broker: refused 24 SUBSCRIPTION_NOT_EXIST",
    "broker: refused 25 SUBSCRIPTION_NOT_LATEST",
    "consumer: a lock was not renewed",
    "consumer: a message is consumed in order",
    "consumer: a pull timed out",
    "consumer: a queue is taken",
    "consumer: an offset is committed",
    "consumer: asked for SQL, refused with 1",
    "consumer: asked for a code that is not there, refused with 3",
    "consumer: asked for a group with a wrong name, refused with 1",
    "consumer: asked for a group without members, refused with 24",
    "consumer: asked for a later subscription, refused with 25",
    "consumer: asked for a lock that another member has",
    "consumer: asked for a queue that is not there, refused with 29",
    "consumer: asked for a topic of no subscription, refused with 24",
    "consumer: asked for a topic that is not there, refused with 17",
    "consumer: asked for an offset, refused with 22",
    "consumer: asked for the members, refused with 1",
    "consumer: told that the group has changed",
    "pull: 0 FOUND",
    "pull: 19 NO_MESSAGE_IN_QUEUE",
    "pull: 19 OFFSET_OVERFLOW_ONE",
    "pull: 20 NO_MATCHED_MESSAGE",
    "pull: 21 NO_MESSAGE_IN_QUEUE",
    "pull: 21 OFFSET_OVERFLOW_BADLY",
    "pull: 21 OFFSET_TOO_SMALL",
    "pull: refused with 2",
    "pull: refused with 17",
    "pull: refused with 24",
    "pull: refused with 25",
    "member: cut off",
    "member: dies",
    "member: dies for good",
    "member: leaves",
    "member: reset",
    "fault: crash",
    "fault: cut off",
    "fault: hang",
    "fault: reset",
    "fault: half open",
    "fault: slow",
    "fault: answers",
];

impl Marks {
    /// Something was met.
    pub fn meet(&mut self, mark: impl Into<String>) {
        *self.0.entry(mark.into()).or_default() += 1;
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (mark, count) in &other.0 {
            *self.0.entry(mark.clone()).or_default() += count;
        }
    }

    /// Expected marks that were not met.
    pub fn missing(&self) -> Vec<&'static str> {
        self.missing_of(EXPECTED)
    }

    /// Those of `expected` that were not met.
    pub fn missing_of(&self, expected: &[&'static str]) -> Vec<&'static str> {
        expected.iter().copied().filter(|mark| !self.0.contains_key(*mark)).collect()
    }

    pub(super) fn attempt(&mut self, rules: Rules, outcome: AttemptOutcome) {
        let what = match outcome {
            AttemptOutcome::Stored(SendStatus::SendOk) => "stored",
            AttemptOutcome::Stored(_) => "stored, not ok",
            AttemptOutcome::Unanswered(Fault::Connect) => "could not connect",
            AttemptOutcome::Unanswered(Fault::Disconnected) => "disconnected",
            AttemptOutcome::Unanswered(Fault::TimedOut) => "timed out",
            AttemptOutcome::Unanswered(Fault::NoTime) => "no time",
            AttemptOutcome::Unanswered(Fault::NoConnection) => return self.meet("attempt: no connection"),
            AttemptOutcome::Refused(code) if rules.retry_response_codes().contains(&code) => {
                "refused, a code that is tried again"
            }
            AttemptOutcome::Refused(_) => "refused, another code",
            _ => "of another kind",
        };
        self.meet(format!("{rules:?} attempt: {what}"));
    }

    pub(super) fn end(&mut self, outcome: &Result<SendResult, SendError>) {
        self.meet(match outcome {
            Ok(result) if result.attempts > 1 => "end: stored after a retry",
            Ok(_) => "end: stored at once",
            Err(error) => match error.kind {
                SendErrorKind::NoRoute => "end: no route",
                SendErrorKind::NameServerUnreachable => "end: no name server",
                SendErrorKind::NameServerTimedOut => "end: silent name server",
                SendErrorKind::CallTimedOut => "end: out of time",
                SendErrorKind::NoQueueSelected => "end: no queue",
                SendErrorKind::Attempt(_) => "end: last attempt",
                _ => "end: of another kind",
            },
        });
    }

    pub(super) fn producer(&mut self, event: &Event) {
        match event {
            Event::FaultUpdated { .. } => self.meet("producer: a probe or an attempt updated a fault item"),
            Event::RouteChanged { .. } => self.meet("producer: route changed"),
            Event::RouteRefused { .. } => self.meet("producer: route refused"),
            Event::LookupFailed { .. } => self.meet("producer: lookup failed"),
            Event::Disconnected(_, DisconnectReason::Undecodable(_)) => {
                self.meet("producer: disconnected Undecodable");
            }
            Event::Disconnected(_, reason) => self.meet(format!("producer: disconnected {reason:?}")),
            _ => {}
        }
    }

    pub(super) fn broker(&mut self, event: &BrokerEvent) {
        match event {
            BrokerEvent::TopicCreated { .. } => self.meet("broker: topic created"),
            BrokerEvent::Evicted { .. } => self.meet("broker: evicted"),
            BrokerEvent::Rejected { response, .. } => self.meet(format!("broker: refused {response}")),
            BrokerEvent::ClientRegistered { .. } => self.meet("broker: client registered"),
            BrokerEvent::ClientUnregistered { .. } => self.meet("broker: client unregistered"),
            BrokerEvent::Disconnected { reason, .. } => self.meet(format!("broker: disconnected {reason:?}")),
            BrokerEvent::BrokerRegistered { .. } => self.meet("broker: broker registered"),
            BrokerEvent::BrokerUnregistered { .. } => self.meet("broker: broker unregistered"),
            BrokerEvent::Registered { .. } => self.meet("broker: registered"),
            BrokerEvent::RegistrationFailed { .. } => self.meet("broker: registration failed"),
            _ => {}
        }
    }

    /// The answer to a pull.
    pub(super) fn pulled(&mut self, code: i32, remark: &str) {
        match code {
            0 | 19 | 20 | 21 => self.meet(format!("pull: {code} {remark}")),
            _ => self.meet(format!("pull: refused with {code}")),
        }
    }

    pub(super) fn member_fault(&mut self, kind: MemberFaultKind) {
        self.meet(match kind {
            MemberFaultKind::Dies { .. } => "member: dies",
            MemberFaultKind::DiesForGood => "member: dies for good",
            MemberFaultKind::Leaves => "member: leaves",
            MemberFaultKind::Reset => "member: reset",
            MemberFaultKind::CutOff => "member: cut off",
        });
    }

    pub(super) fn fault(&mut self, kind: FaultKind) {
        self.meet(match kind {
            FaultKind::Crash => "fault: crash",
            FaultKind::CutOff => "fault: cut off",
            FaultKind::Hang => "fault: hang",
            FaultKind::Reset => "fault: reset",
            FaultKind::HalfOpen => "fault: half open",
            FaultKind::Slow(_) => "fault: slow",
            FaultKind::Answers(_) => "fault: answers",
        });
    }
}

/// One line for each.
impl fmt::Display for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(mark, count)| writeln!(f, "{count:>9} {mark}"))
    }
}
