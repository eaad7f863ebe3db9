//! What a producer did, in the words of the vectors.

use std::collections::BTreeMap;

use rocketlite_core::Rules;
use rocketlite_core::SendId;
use rocketlite_core::producer::{Event, SubmitError};
use rocketlite_core::send::decision::{AttemptOutcome, Fault, Policy};
use rocketlite_core::send::outcome::{SendError, SendErrorKind};
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

pub(super) fn selects(rules: Rules, world: &World<Servers>) -> Value {
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
            select["reset"] = json!(last.is_some());
        }
        select
    });
    selects.collect()
}

/// The fault updates that the table of decisions asks for, whether or not the strategy is on.
pub(super) fn faults(case: &Value, rules: Rules, world: &World<Servers>) -> Value {
    if !case["target"].is_null() {
        return json!([]);
    }
    let codes: Vec<_> =
        case["add_retry_codes"].as_array().unwrap().iter().map(|code| code.as_i64().unwrap()).collect();
    let codes: Vec<_> = codes
        .into_iter()
        .map(|code| rocketlite_core::wire::code::ResponseCode(code.try_into().unwrap()))
        .collect();
    let policy = Policy {
        retry_another_broker_when_not_store_ok: case["producer"]["retryAnotherBrokerWhenNotStoreOK"] == true,
        start_detector_enable: false,
        more_retry_response_codes: &codes,
    };
    let faults = world.events.iter().filter_map(|event| match event {
        Event::Attempted { broker, outcome, .. } => {
            let update = outcome.verdict(rules, &policy).fault?;
            let name = world.producer.broker_name(*broker).to_string();
            let mut fault = json!({"broker": name, "isolation": update.isolation});
            if rules == Rules::V5 {
                fault["reachable"] = json!(update.reachable);
            }
            Some(fault)
        }
        _ => None,
    });
    faults.collect()
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
    let topic = text(&case["messages"][0], "topic");
    match world.producer.poll_send(id) {
        Ok(_) if one_way => json!({"sent": true}),
        Ok(result) => json!({
            "status": result.status.as_str(),
            "msg_id": names.of(&result.message_id.to_string()),
            "offset_msg_id": result.offset_message_id.map(|id| id.to_string()),
            "topic": topic,
            "broker": result.broker_name.as_str(),
            "queue_id": result.queue_id,
            "queue_offset": result.queue_offset,
        }),
        Err(nb::Error::Other(error)) => {
            let class = exception(&error, rules, !case["target"].is_null(), case);
            let mut outcome = json!({"exception": class});
            if matches!(class, "MQClientException" | "MQBrokerException") {
                outcome["response_code"] = json!(error.response_code());
            }
            outcome
        }
        Err(nb::Error::WouldBlock) => panic!("it has ended"),
    }
}

/// A message that was not taken.
pub(super) fn refused(error: &SubmitError<'_>) -> Value {
    match error {
        SubmitError::Message(error) => {
            json!({"exception": "MQClientException", "response_code": error.response_code()})
        }
        other => panic!("{other}"),
    }
}

/// The exception that Java throws where we have this error.
fn exception(error: &SendError, rules: Rules, bare: bool, case: &Value) -> &'static str {
    match error.kind {
        SendErrorKind::NameServerUnreachable | SendErrorKind::NameServerTimedOut => "IllegalStateException",
        SendErrorKind::CallTimedOut => "RemotingTooMuchRequestException",
        SendErrorKind::Attempt(AttemptOutcome::Unreadable(_)) => "NullPointerException",
        SendErrorKind::Attempt(AttemptOutcome::Refused(code)) => {
            let added =
                case["add_retry_codes"].as_array().unwrap().iter().any(|c| c.as_i64() == Some(code.0.into()));
            let retried = rules.retry_response_codes().contains(&code) || added;
            if bare || !retried { "MQBrokerException" } else { "MQClientException" }
        }
        SendErrorKind::Attempt(AttemptOutcome::Unanswered(fault)) if bare => match fault {
            Fault::Connect => "RemotingConnectException",
            Fault::TimedOut => "RemotingTimeoutException",
            _ => "RemotingSendRequestException",
        },
        _ => "MQClientException",
    }
}
