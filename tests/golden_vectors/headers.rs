//! The typed headers and bodies of the commands in `frames.jsonl`.

use std::collections::BTreeMap;

use rocketlite_core::message::batch;
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::command::{FrameEncoder, RemotingCommand};
use rocketlite_core::wire::fields::FieldWriter;
use rocketlite_core::wire::header::{
    CheckTransactionStateRequestHeader, EndTransactionRequestHeader, GetRouteInfoRequestHeader,
    NotifyConsumerIdsChangedRequestHeader, QueueOffsetRequestHeader, QueueOffsetResponseHeader,
    RegisterBrokerRequestHeader, SendMessageRequestHeader, SendMessageResponseHeader,
    UnregisterBrokerRequestHeader, UnregisterClientRequestHeader, ViewMessageRequestHeader,
};
use rocketlite_core::wire::heartbeat::HeartbeatData;
use rocketlite_core::wire::{DecodeError, DecodeErrorKind};
use rocketlite_tests::encode::encoded;
use rocketlite_tests::golden::{Checks, hex, list, same, text};
use serde_json::Value;

use crate::frames::{fields, head};

/// Names of fields, those that the reference requires with a `!` before them.
type Keys = &'static [&'static str];

/// Checks the header and body of a recorded frame, if we have a type for it.
pub(crate) fn check(case: &Value, frame: &[u8], checks: &mut Checks) {
    let name = text(case, "name").unwrap_or_default();
    // Some frames cannot be read back by the reference itself.
    let Ok(command) = RemotingCommand::decode(&frame[4..]) else { return };
    header(name, case, &command, checks);
    match name {
        "request SEND_BATCH_MESSAGE" => checks.aspect("body", || batch_body(command.body)),
        "request CHECK_TRANSACTION_STATE" => checks.aspect("body", || stored_body(command.body)),
        "request HEART_BEAT" | "request CHECK_CLIENT_CONFIG" => {
            checks.aspect("body", || heartbeat_body(command.body));
        }
        _ => {}
    }
}

/// Reads the header by its type and writes it again.
macro_rules! typed {
    ($checks:ident, $case:ident, $command:ident, $header:ident, $keys:expr) => {
        $checks.aspect("header", || {
            round_trip($case, $command, $keys, $header::decode($command.ext_fields), |header, fields| {
                header.encode(fields);
            })
        })
    };
}

fn header(name: &str, case: &Value, command: &RemotingCommand<'_>, checks: &mut Checks) {
    match name {
        "request SEND_MESSAGE" => send(case, command, SEND_V1, checks),
        "request SEND_MESSAGE_V2" | "request SEND_BATCH_MESSAGE" | "request SEND_REPLY_MESSAGE_V2" => {
            send(case, command, SEND_V2, checks);
        }
        "request VIEW_MESSAGE_BY_ID" => typed!(checks, case, command, ViewMessageRequestHeader, &["!offset"]),
        "request GET_MAX_OFFSET" | "request GET_MIN_OFFSET" => {
            typed!(checks, case, command, QueueOffsetRequestHeader, &["!topic", "!queueId"]);
        }
        "request UNREGISTER_CLIENT" => {
            let keys = &["!clientID", "producerGroup", "consumerGroup"];
            typed!(checks, case, command, UnregisterClientRequestHeader, keys);
        }
        "request END_TRANSACTION" => {
            typed!(checks, case, command, EndTransactionRequestHeader, END_TRANSACTION);
        }
        "request CHECK_TRANSACTION_STATE" => {
            typed!(checks, case, command, CheckTransactionStateRequestHeader, CHECK_TRANSACTION);
        }
        "request NOTIFY_CONSUMER_IDS_CHANGED" => {
            typed!(checks, case, command, NotifyConsumerIdsChangedRequestHeader, &["!consumerGroup"]);
        }
        "request GET_ROUTEINFO_BY_TOPIC" => {
            let keys = &["!topic", "acceptStandardJsonOnly"];
            typed!(checks, case, command, GetRouteInfoRequestHeader, keys);
        }
        "request REGISTER_BROKER" => {
            typed!(checks, case, command, RegisterBrokerRequestHeader, REGISTER_BROKER);
        }
        "request UNREGISTER_BROKER" => {
            let keys = &["!brokerName", "!brokerAddr", "!clusterName", "!brokerId"];
            typed!(checks, case, command, UnregisterBrokerRequestHeader, keys);
        }
        "response GET_MAX_OFFSET" | "response GET_MIN_OFFSET" => {
            typed!(checks, case, command, QueueOffsetResponseHeader, &["!offset"]);
        }
        _ if name.starts_with("response SEND_MESSAGE") => {
            typed!(checks, case, command, SendMessageResponseHeader, SEND_RESPONSE);
        }
        _ => {}
    }
}

fn send(case: &Value, command: &RemotingCommand<'_>, keys: Keys, checks: &mut Checks) {
    let code = RequestCode(command.code);
    checks.aspect("header", || {
        let header = SendMessageRequestHeader::decode(code, command.ext_fields);
        round_trip(case, command, keys, header, |header, fields| header.encode(code, fields))
    });
}

fn round_trip<H>(
    case: &Value,
    command: &RemotingCommand<'_>,
    keys: Keys,
    header: Result<H, DecodeError>,
    encode: impl Fn(&H, &mut FieldWriter<'_, '_>),
) -> Result<(), String> {
    let given = fields(command);
    let value = |key: &str| given.get(key).and_then(Clone::clone);
    let missing = keys.iter().filter_map(|key| key.strip_prefix('!')).find(|key| value(key).is_none());
    let header = match (header, missing) {
        (Err(DecodeError { field, kind: DecodeErrorKind::Missing }), Some(_)) => {
            return same("what is missing", &given.get(field).cloned().flatten(), &None);
        }
        (Ok(_), Some(missing)) => return Err(format!("read without the required field {missing}")),
        (header, _) => header.map_err(|error| error.to_string())?,
    };
    let frame = encoded(|writer| {
        let mut frame = FrameEncoder::begin(writer, head(case));
        encode(&header, &mut frame.fields());
        frame.finish();
    });
    let again = RemotingCommand::decode(&frame[4..]).map_err(|error| error.to_string())?;
    let known = keys.iter().map(|key| key.trim_start_matches('!'));
    let expected: BTreeMap<_, _> =
        known.filter_map(|key| Some((key.to_string(), Some(value(key)?)))).collect();
    same("fields read and written", &fields(&again), &expected)
}

fn batch_body(body: &[u8]) -> Result<(), String> {
    let entries = batch::entries(body).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    same("messages", &entries.len(), &3)?;
    let again = encoded(|writer| entries.iter().for_each(|entry| entry.encode(writer).unwrap()));
    same("batch", &hex(&again), &hex(body))
}

fn stored_body(body: &[u8]) -> Result<(), String> {
    let (message, size) = StoredMessage::decode(body).map_err(|error| error.to_string())?;
    same("size", &size, &body.len())?;
    let again = encoded(|writer| message.encode(writer).unwrap());
    same("record", &hex(&again), &hex(body))
}

fn heartbeat_body(body: &[u8]) -> Result<(), String> {
    let json: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let data = HeartbeatData::parse(body).map_err(|error| error.to_string())?;
    same("clientID", &Some(data.client_id.to_string().as_str()), &text(&json, "clientID"))?;
    let groups: Vec<_> = data.producer_groups().map(|group| Value::from(group.to_string())).collect();
    let reference: Vec<_> = list(&json, "producerDataSet").iter().map(|p| p["groupName"].clone()).collect();
    same("producers", &groups, &reference)?;
    let consumers = list(&json, "consumerDataSet");
    same("consumers", &data.consumers().count(), &consumers.len())?;
    for (ours, reference) in data.consumers().zip(consumers) {
        for (key, ours) in [
            ("groupName", ours.group_name),
            ("consumeType", ours.consume_type),
            ("messageModel", ours.message_model),
            ("consumeFromWhere", ours.consume_from_where),
        ] {
            same(key, &Some(ours.to_string().as_str()), &text(reference, key))?;
        }
        let subscriptions = list(reference, "subscriptionDataSet");
        same("subscriptions", &ours.subscriptions().count(), &subscriptions.len())?;
        for (ours, reference) in ours.subscriptions().zip(subscriptions) {
            same("topic", &Some(ours.topic.to_string().as_str()), &text(reference, "topic"))?;
            same("subString", &Some(ours.sub_string.to_string().as_str()), &text(reference, "subString"))?;
            let kind = ours.expression_type.to_string();
            same("expressionType", &Some(kind.as_str()), &text(reference, "expressionType"))?;
            same("subVersion", &Some(ours.sub_version), &reference["subVersion"].as_i64())?;
        }
    }
    Ok(())
}

const SEND_V1: Keys = &[
    "!producerGroup",
    "!topic",
    "!defaultTopic",
    "!defaultTopicQueueNums",
    "!queueId",
    "!sysFlag",
    "!bornTimestamp",
    "!flag",
    "properties",
    "reconsumeTimes",
    "unitMode",
    "maxReconsumeTimes",
    "batch",
    "bname",
];

const SEND_V2: Keys = &["!a", "!b", "!c", "!d", "!e", "!f", "!g", "!h", "i", "j", "k", "l", "m", "n"];

const SEND_RESPONSE: Keys = &[
    "msgId",
    "!queueId",
    "!queueOffset",
    "transactionId",
    "batchUniqId",
    "recallHandle",
    "MSG_REGION",
    "TRACE_ON",
];

const END_TRANSACTION: Keys = &[
    "!producerGroup",
    "!tranStateTableOffset",
    "!commitLogOffset",
    "!commitOrRollback",
    "fromTransactionCheck",
    "!msgId",
    "transactionId",
    "bname",
    "topic",
];

const CHECK_TRANSACTION: Keys =
    &["!tranStateTableOffset", "!commitLogOffset", "msgId", "transactionId", "offsetMsgId", "bname", "topic"];

const REGISTER_BROKER: Keys =
    &["!brokerName", "!brokerAddr", "!clusterName", "haServerAddr", "!brokerId", "compressed", "bodyCrc32"];
