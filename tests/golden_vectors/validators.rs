//! `validators*.jsonl`: names and messages that pass or not.

use rocketlite_core::message::Message;
use rocketlite_core::message::properties::INNER_MULTI_DISPATCH;
use rocketlite_core::message::validate::{
    GroupLimit, MessageLimits, check_broker_topic, check_group, check_message, check_own_topic,
    check_send_topic, check_topic,
};
use rocketlite_tests::golden::{Checks, integer, run, same, text};
use serde_json::Value;

#[test]
fn validators_5_4_0() {
    run("validators.jsonl", name, |case, checks| {
        check(case, GroupLimit::Characters120, MessageLimits::default().path_separator, checks);
    });
}

#[test]
fn validators_4_9_7() {
    run("validators_4.9.7.jsonl", name, |case, checks| check(case, GroupLimit::Characters255, None, checks));
}

fn name(case: &Value) -> String {
    let kind = text(case, "kind").unwrap_or_default();
    if kind != "message" {
        return format!("{kind} {}", text(case, "name").unwrap_or("null"));
    }
    let message = &case["message"];
    match message {
        Value::Null => "message null".into(),
        _ => format!(
            "message to {}, body {}, dispatch {}",
            text(message, "topic").unwrap_or("null"),
            message["body_len"],
            text(message, "inner_multi_dispatch").unwrap_or("null")
        ),
    }
}

fn check(case: &Value, group: GroupLimit, path_separator: Option<char>, checks: &mut Checks) {
    // A name that is null is one that is empty, for there is no other way to leave it out.
    let name = text(case, "name").unwrap_or_default();
    let fail = |error: &dyn core::fmt::Display, code| Some((error.to_string(), code));
    checks.aspect("answer", || {
        let ours = match text(case, "kind") {
            Some("topic") => check_topic(name).err().and_then(|e| fail(&e, Some(e.response_code()))),
            Some("group") => check_group(name, group).err().and_then(|e| fail(&e, Some(e.response_code()))),
            Some("send_topic") => {
                check_send_topic(name).err().and_then(|e| fail(&e, Some(e.response_code())))
            }
            Some("system_topic") => {
                check_own_topic(name).err().and_then(|e| fail(&e, Some(e.response_code())))
            }
            Some("broker_topic") => check_broker_topic(name).err().and_then(|e| fail(&e, None)),
            Some("message") => message(case, path_separator),
            other => return Err(format!("unknown kind {other:?}")),
        };
        let code = case["code"].as_i64().map(|code| i32::try_from(code).unwrap());
        let failed = case["ok"] == Value::Bool(false);
        same("error", &ours, &failed.then(|| (text(case, "error").unwrap_or_default().to_string(), code)))
    });
}

/// Text and code of the error, if there is one. A message and a body that are null cannot be handed over; the nearest is
/// an empty one.
fn message(case: &Value, path_separator: Option<char>) -> Option<(String, Option<i32>)> {
    let given = &case["message"];
    let max_message_size = if given.is_null() { usize::MAX } else { integer(case, "max_message_size") };
    let body = vec![b'x'; given["body_len"].as_u64().map_or(0, |len| usize::try_from(len).unwrap())];
    let properties: Vec<_> =
        text(given, "inner_multi_dispatch").map(|value| (INNER_MULTI_DISPATCH, value)).into_iter().collect();
    let message = Message::new(text(given, "topic").unwrap_or_default(), &body).with_properties(&properties);
    let limits = MessageLimits { max_message_size, path_separator };
    check_message(&message, &limits).err().map(|error| (error.to_string(), Some(error.response_code())))
}
