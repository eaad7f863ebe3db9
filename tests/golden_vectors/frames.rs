//! `frames.jsonl`: commands encoded, decoded and refused, and streams of them.

use std::collections::BTreeMap;

use rocketlite_core::wire::code::LanguageCode;
use rocketlite_core::wire::command::{CommandHead, FrameEncoder, RemotingCommand};
use rocketlite_core::wire::cursor::Writer;
use rocketlite_core::wire::fields::{ExtFields, SerializeType};
use rocketlite_core::wire::frame::{DEFAULT_MAX_FRAME, Partial, Received, Receiver};
use rocketlite_core::wire::{DecodeError, Text};
use rocketlite_core::{Arena, Extent};
use rocketlite_tests::encode::encoded;
use rocketlite_tests::golden::{Checks, bytes, hex, integer, list, run, same, text};
use serde_json::{Map, Value, json};

use crate::headers;

#[test]
fn frames() {
    run("frames.jsonl", |case| text(case, "name").unwrap_or_default().into(), check);
}

fn check(case: &Value, checks: &mut Checks) {
    match text(case, "kind") {
        Some("encode") => encode(case, checks),
        Some("decode") => {
            let frame = bytes(case, "frame_hex");
            checks.aspect("whole", || decode(case, &[&frame]));
            checks.aspect("by bytes", || decode(case, &frame.chunks(1).collect::<Vec<_>>()));
        }
        Some("stream") => stream(case, checks),
        other => checks.aspect("kind", || Err(format!("unknown kind {other:?}"))),
    }
}

// Commands both ways

fn encode(case: &Value, checks: &mut Checks) {
    let frame = bytes(case, "frame_hex");
    let error = !case["decoded"]["error"].is_null();
    checks.aspect("decode", || {
        let read = receive(&[&frame])?.map(Arrived::only);
        match read {
            Ok(read) if error => Err(format!("{read}, the reference refuses its own frame")),
            Err(_) if error => Ok(()),
            read => same_members(&read.map_err(|error| error.to_string())?, &overlaid(case)),
        }
    });
    let ours = encoded(|writer| put(writer, case));
    checks.aspect("encode", || {
        let read = receive(&[&ours])?.map(Arrived::only).map_err(|error| error.to_string())?;
        same_members(&read, &carried(case))
    });
    // The reference writes several fields in the order of its hash table, and it may leave out some.
    let lossless = |key: &str| case["decoded"][key].is_null();
    if case["ext"].as_object().is_none_or(|ext| ext.len() < 2) && lossless("ext") {
        checks.aspect("bytes", || same("frame", &hex(&ours), &hex(&frame)));
    }
    headers::check(case, &frame, checks);
}

/// The members of a case as the reference's decoder gives them back.
fn overlaid(case: &Value) -> Value {
    let mut members = case.clone();
    if let (Some(members), Some(decoded)) = (members.as_object_mut(), case["decoded"].as_object()) {
        members.extend(decoded.clone());
    }
    members
}

/// The members of a case as far as the header's form can carry them.
fn carried(case: &Value) -> Value {
    let mut members = case.clone();
    let binary = text(case, "serialize") == Some("ROCKETMQ");
    if let Some(ext) = case["ext"].as_object() {
        let mut carried = Map::new();
        for (key, value) in ext.iter().filter(|(_, value)| !value.is_null()) {
            let empty = binary && value.as_str() == Some("");
            let key = if binary && key.is_empty() { "null" } else { key };
            carried.insert(key.into(), if empty { Value::Null } else { value.clone() });
        }
        members["ext"] = if binary && carried.is_empty() { Value::Null } else { carried.into() };
    }
    if binary {
        for key in ["code", "version"] {
            let [.., high, low] = integer::<i32>(case, key).to_be_bytes();
            members[key] = i16::from_be_bytes([high, low]).into();
        }
    }
    if binary && text(case, "remark") == Some("") {
        members["remark"] = Value::Null;
    }
    if text(case, "body_hex") == Some("") {
        members["body_hex"] = Value::Null;
    }
    members
}

/// The head that a case gives a frame.
pub(crate) fn head(case: &Value) -> CommandHead<'_> {
    CommandHead {
        serialize_type: match text(case, "serialize") {
            Some("JSON") => SerializeType::Json,
            _ => SerializeType::RocketMq,
        },
        code: integer(case, "code"),
        language: text(case, "language").and_then(LanguageCode::from_name).expect("a known language"),
        version: integer(case, "version"),
        opaque: integer(case, "opaque"),
        flag: integer(case, "flag"),
        remark: text(case, "remark").map(Text::from),
    }
}

fn put(writer: &mut Writer<'_>, case: &Value) {
    let mut frame = FrameEncoder::begin(writer, head(case));
    if let Some(ext) = case["ext"].as_object() {
        let mut fields = frame.fields();
        fields.open();
        for (key, value) in ext {
            if let Some(value) = value.as_str() {
                fields.text(key, value.into());
            }
        }
    }
    let mut body = frame.body();
    body.writer().put(&bytes(case, "body_hex"));
    body.finish();
}

fn same_members(ours: &Value, reference: &Value) -> Result<(), String> {
    for key in ["serialize", "code", "language", "version", "flag", "opaque", "remark", "ext", "body_hex"] {
        // A JSON header without `opaque` gets the next number of a counter in Java.
        if key != "opaque" || reference.get(key).is_some() {
            same(key, &ours[key], &reference[key])?;
        }
    }
    Ok(())
}

fn members(command: &RemotingCommand<'_>) -> Value {
    json!({
        "serialize": match command.serialize_type { SerializeType::Json => "JSON", SerializeType::RocketMq => "ROCKETMQ" },
        "code": command.code,
        "language": command.language.and_then(LanguageCode::name),
        "version": command.version,
        "flag": command.flag,
        "opaque": command.opaque,
        "remark": command.remark.map(|remark| remark.to_string()),
        "ext": command.ext_fields.map(|_| fields(command)),
        "body_hex": if command.body.is_empty() { None } else { Some(hex(command.body)) },
    })
}

/// The fields of a command; of several of one name the last, as in a Java map.
pub(crate) fn fields(command: &RemotingCommand<'_>) -> BTreeMap<String, Option<String>> {
    let key = |key: Text<'_>| {
        let null = key.is_empty() && command.serialize_type == SerializeType::RocketMq;
        if null { "null".into() } else { key.to_string() }
    };
    let fields = command.ext_fields.iter().flat_map(ExtFields::iter);
    fields.map(|(name, value)| (key(name), value.map(|value| value.to_string()))).collect()
}

// What arrives

fn decode(case: &Value, chunks: &[&[u8]]) -> Result<(), String> {
    let ours = receive(chunks)?;
    match (text(case, "outcome"), ours) {
        (Some("command"), ours) => {
            let read = ours.map(Arrived::only).map_err(|error| error.to_string())?;
            same_members(&read, case)
        }
        (Some("waiting"), Ok(Arrived { commands, .. })) if commands.is_empty() => Ok(()),
        (Some("closed"), Err(_)) => Ok(()),
        (outcome, ours) => Err(format!("{ours:?}, the reference: {outcome:?}")),
    }
}

fn stream(case: &Value, checks: &mut Checks) {
    let chunks: Vec<Vec<u8>> =
        list(case, "chunks").iter().map(|chunk| bytes(&json!({"c": chunk}), "c")).collect();
    let opaques: Vec<_> = list(case, "opaques").to_vec();
    let whole = chunks.concat();
    let check = |chunks: &[&[u8]]| {
        let arrived = receive(chunks)?.map_err(|error| error.to_string())?;
        let ours: Vec<_> = arrived.commands.iter().map(|command| command["opaque"].clone()).collect();
        same("opaques", &ours, &opaques)?;
        same("rest", &arrived.partial, &false)
    };
    checks.aspect("as recorded", || check(&chunks.iter().map(Vec::as_slice).collect::<Vec<_>>()));
    checks.aspect("whole", || check(&[&whole]));
    checks.aspect("by bytes", || check(&whole.chunks(1).collect::<Vec<_>>()));
}

/// What one connection has received.
#[derive(Debug)]
struct Arrived {
    commands: Vec<Value>,
    /// Whether the beginning of another frame is there.
    partial: bool,
}

impl Arrived {
    /// The one command that has arrived.
    fn only(self) -> Value {
        let [command] = <[Value; 1]>::try_from(self.commands).expect("one frame");
        command
    }
}

/// Feeds a connection; the inner error is that of the peer's bytes.
fn receive(chunks: &[&[u8]]) -> Result<Result<Arrived, DecodeError>, String> {
    let (mut memory, mut pieces) = (vec![0; DEFAULT_MAX_FRAME], [Extent::EMPTY]);
    let mut partial = [Partial::default()];
    let arena = Arena::new(&mut memory, &mut pieces);
    let mut receiver = Receiver::new(arena, &mut partial, DEFAULT_MAX_FRAME);
    let mut commands = Vec::new();
    for chunk in chunks {
        let mut rest = *chunk;
        while !rest.is_empty() {
            match receiver.take(0, rest) {
                Ok(Received::Frame { frame, taken }) => {
                    match RemotingCommand::decode(frame) {
                        Ok(command) => commands.push(members(&command)),
                        Err(error) => return Ok(Err(error)),
                    }
                    receiver.reset(0);
                    rest = &rest[taken..];
                }
                Ok(Received::Incomplete) => rest = &[],
                Ok(Received::NoRoom { .. }) => return Err("no room for one frame".into()),
                Err(error) => return Ok(Err(error)),
            }
        }
    }
    Ok(Ok(Arrived { commands, partial: receiver.is_partial(0) }))
}
