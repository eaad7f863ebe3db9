//! What a producer did, in the words of the vectors.

use std::collections::BTreeMap;

use rocketlite_core::Rules;
use rocketlite_core::SendId;
use rocketlite_core::producer::{Event, SubmitError};
use rocketlite_core::send::decision::{AttemptOutcome, Fault, Policy};
use rocketlite_core::send::outcome::{SendError, SendErrorKind, SendStatus};
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_tests::golden::text;
use rocketlite_tests::scripted::World;
use serde_json::{Value, json};

use super::servers::Servers;

/// Message ids by the order in which they were first seen: `<id1>`, `<id2>` …
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, usize>);

impl Names {
    pub(super) fn of(&mut self, id: &str) -> String {
        let next = self.0.len() + 1;
        format!("<id{}>", self.0.entry(id.to_owned()).or_insert(next))
    }
}

/// The part of a recorded aspect that is compared: of outcomes kind, code and place, but not their words.
pub(super) fn reduced(aspect: &str, recorded: &Value) -> Value {
    match aspect {
        "outcome" => {
            let mut outcome = recorded.clone();
            let members = outcome.as_object_mut().unwrap();
            for member in ["message", "cause", "transaction_id", "region", "trace_on"] {
                members.remove(member);
            }
            outcome
        }
        "faults" => {
            let mut faults = recorded.clone();
            for fault in faults.as_array_mut().unwrap() {
                fault.as_object_mut().unwrap().remove("latency_ms");
            }
            faults
        }
        _ => recorded.clone(),
    }
}

pub(super) fn selects(case: &Value, rules: Rules, world: &World<Servers>) -> Value {
    let selected = world.events.iter().filter_map(|event| match event {
        Event::Selected { broker, queue_id, last_broker, .. } => Some((broker, queue_id, last_broker)),
        _ => None,
    });
    let name = |broker| world.producer.broker_name(broker).to_string();
    let selects = selected.map(|(broker, queue_id, last)| {
        let mut select = json!({
            "last_broker": last.map(name), "broker": name(*broker), "queue_id": queue_id,
        });
        if rules == Rules::V5 {
            select["reset"] = json!(last.is_some() && !is_async(case));
        }
        select
    });
    selects.collect()
}

fn is_async(case: &Value) -> bool {
    text(case, "mode") == Some("async")
}

/// The fault updates that the tables of decisions ask for, whether or not the strategy is on. Those of sends that another
/// thread goes on with are recorded in no order.
pub(super) fn faults(case: &Value, rules: Rules, world: &World<Servers>) -> Value {
    let bare = !case["target"].is_null();
    if bare && !is_async(case) {
        return json!([]);
    }
    let codes = case["add_retry_codes"].as_array().unwrap().iter();
    let codes: Vec<_> = codes.map(|code| ResponseCode(code.as_i64().unwrap().try_into().unwrap())).collect();
    let policy = Policy {
        retry_another_broker_when_not_store_ok: case["producer"]["retryAnotherBrokerWhenNotStoreOK"] == true,
        start_detector_enable: false,
        more_retry_response_codes: &codes,
    };
    let submitted = AttemptOutcome::Stored(SendStatus::SendOk);
    let updates = world.events.iter().filter_map(|event| match event {
        Event::Attempted { broker, outcome, .. } if is_async(case) => {
            Some((broker, outcome.async_verdict(rules)))
        }
        Event::Attempted { broker, outcome, .. } => Some((broker, outcome.verdict(rules, &policy))),
        // An asynchronous send takes the broker of its first request for a good one.
        Event::Selected { broker, last_broker: None, .. } if is_async(case) => {
            Some((broker, submitted.async_verdict(rules)))
        }
        _ => None,
    });
    let mut faults: Vec<_> = updates
        .filter_map(|(broker, verdict)| {
            let update = verdict.fault?;
            let mut fault = json!({
                "broker": world.producer.broker_name(*broker).as_str(), "isolation": update.isolation,
            });
            if rules == Rules::V5 {
                fault["reachable"] = json!(update.reachable);
            }
            Some(fault)
        })
        .collect();
    if text(case, "mode") != Some("sync") {
        faults.sort_by_key(Value::to_string);
    }
    Value::Array(faults)
}

/// What the caller got.
pub(super) fn outcome(
    case: &Value,
    rules: Rules,
    world: &mut World<Servers>,
    names: &mut Names,
    id: SendId,
) -> Value {
    let one_way = text(case, "mode") == Some("oneway");
    let called = |mut outcome: Value| {
        if is_async(case) {
            // Each event of its end would have been a call.
            let ends = world.events.iter().filter(|event| **event == Event::Sent { id }).count();
            outcome["callbacks"] = json!(ends);
        }
        outcome
    };
    let topic = text(&case["messages"][0], "topic");
    match world.producer.poll_send(id) {
        Ok(_) if one_way => json!({"sent": true}),
        Ok(result) => called(json!({
            "status": result.status.as_str(),
            "msg_id": names.of(&result.message_id.to_string()),
            "offset_msg_id": result.offset_message_id.map(|id| id.to_string()),
            "topic": topic,
            "broker": result.broker_name.as_str(),
            "queue_id": result.queue_id,
            "queue_offset": result.queue_offset,
        })),
        Err(nb::Error::Other(error)) => {
            let class = exception(&error, rules, !case["target"].is_null(), case);
            let mut outcome = json!({"exception": class});
            if matches!(class, "MQClientException" | "MQBrokerException") {
                outcome["response_code"] = json!(error.response_code());
            }
            called(outcome)
        }
        Err(nb::Error::WouldBlock) => panic!("it has ended"),
    }
}

/// A message that was not taken.
pub(super) fn refused(case: &Value, error: &SubmitError<'_>) -> Value {
    match error {
        SubmitError::Message(error) => {
            let mut outcome =
                json!({"exception": "MQClientException", "response_code": error.response_code()});
            if is_async(case) {
                // The caller is told once, and at once.
                outcome["callbacks"] = json!(1);
            }
            outcome
        }
        other => panic!("{other}"),
    }
}

/// The exception that Java throws where we have this error.
fn exception(error: &SendError, rules: Rules, bare: bool, case: &Value) -> &'static str {
    match error.kind {
        SendErrorKind::NameServerUnreachable | SendErrorKind::NameServerTimedOut => "IllegalStateException",
        SendErrorKind::CallTimedOut | SendErrorKind::Attempt(AttemptOutcome::Unanswered(Fault::NoTime)) => {
            "RemotingTooMuchRequestException"
        }
        SendErrorKind::Attempt(AttemptOutcome::Unreadable(_)) => "NullPointerException",
        SendErrorKind::Attempt(AttemptOutcome::Refused(code)) => {
            let added =
                case["add_retry_codes"].as_array().unwrap().iter().any(|c| c.as_i64() == Some(code.0.into()));
            let retried = rules.retry_response_codes().contains(&code) || added;
            if bare || is_async(case) || !retried { "MQBrokerException" } else { "MQClientException" }
        }
        // `MQClientAPIImpl#onExceptionImpl` wraps all of them in 5.x, and those that came later in 4.x.
        SendErrorKind::Attempt(AttemptOutcome::Unanswered(Fault::Connect))
            if is_async(case) && rules == Rules::V4 =>
        {
            "RemotingConnectException"
        }
        SendErrorKind::Attempt(AttemptOutcome::Unanswered(fault)) if bare && !is_async(case) => match fault {
            Fault::Connect => "RemotingConnectException",
            Fault::TimedOut => "RemotingTimeoutException",
            _ => "RemotingSendRequestException",
        },
        _ => "MQClientException",
    }
}
