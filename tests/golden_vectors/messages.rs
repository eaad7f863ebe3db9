//! `messages*.jsonl`: stored messages, batches, property strings and ids.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;

use rocketlite_core::message::batch::{self, Entry};
use rocketlite_core::message::crc32;
use rocketlite_core::message::id::{MessageId, MessageIdGenerator, OffsetMessageId, id_time};
use rocketlite_core::message::properties::{Properties, PropertyForm, PropertyWriter};
use rocketlite_core::message::stored::{MAGIC_V1, StoredMessage};
use rocketlite_core::message::sys_flag::COMPRESSED;
use rocketlite_core::wire::cursor::Writer;
use rocketlite_tests::encode::encoded;
use rocketlite_tests::golden::{Checks, bytes, hex, integer, list, run, same, text};
use serde_json::{Value, json};

#[test]
fn messages_5_4_0() {
    run("messages.jsonl", name, |case, checks| check(case, PropertyForm::Terminated, checks));
}

#[test]
fn messages_4_9_7() {
    run("messages_4.9.7.jsonl", name, |case, checks| check(case, PropertyForm::Separated, checks));
}

fn name(case: &Value) -> String {
    text(case, "name").unwrap_or_default().into()
}

fn check(case: &Value, form: PropertyForm, checks: &mut Checks) {
    match text(case, "kind") {
        Some("stored") => stored(case, checks),
        Some("batch") => batch(case, form, checks),
        Some("properties_to_string") => checks.aspect("string", || properties_to_string(case, form)),
        Some("string_to_properties") => checks.aspect("properties", || {
            let string = text(case, "string").unwrap_or_default();
            same("properties", &properties(string.as_bytes()), &case["properties"])
        }),
        Some("offset_id") => offset_id(case, checks),
        Some("offset_id_decode") => checks.aspect("decode", || offset_id_decode(case)),
        Some("uniq_id") => unique_id(case, checks),
        other => checks.aspect("kind", || Err(format!("unknown kind {other:?}"))),
    }
}

// Stored messages

fn stored(case: &Value, checks: &mut Checks) {
    let record = bytes(case, "bytes_hex");
    let body = bytes(case, "body_hex");
    checks.aspect("checksum", || same("body_crc", &crc32(&body), &integer(case, "body_crc")));
    checks.aspect("decode", || decode(case, &record, &body));
    if case["decoded"].is_null() || !is_described(case) {
        return;
    }
    checks.aspect("encode", || {
        let message = message(case, &body);
        message.encode(&mut Writer::new(&mut [])).map_err(|error| error.to_string())?;
        let ours = encoded(|writer| message.encode(writer).unwrap());
        same("size", &message.encoded_len(), &ours.len())?;
        same("record", &hex(&ours), &hex(&record))
    });
}

/// Whether the members say everything about the bytes. Those of some cases are those of the record before it was broken.
fn is_described(case: &Value) -> bool {
    !matches!(
        text(case, "name"),
        Some("unknown magic" | "wrong crc" | "wrong total size" | "bytes after the message")
    )
}

fn message<'a>(case: &'a Value, body: &'a [u8]) -> StoredMessage<'a> {
    StoredMessage {
        queue_id: integer(case, "queue_id"),
        flag: integer(case, "flag"),
        queue_offset: integer(case, "queue_offset"),
        physical_offset: integer(case, "physical_offset"),
        sys_flag: integer(case, "sys_flag"),
        born_timestamp: integer(case, "born_timestamp"),
        born_host: host(case, "born_ip_hex", "born_port"),
        store_timestamp: integer(case, "store_timestamp"),
        store_host: host(case, "store_ip_hex", "store_port"),
        reconsume_times: integer(case, "reconsume_times"),
        prepared_transaction_offset: integer(case, "prepared_transaction_offset"),
        body_crc: integer(case, "body_crc"),
        body,
        topic: text(case, "topic").unwrap_or_default(),
        properties: text(case, "properties_string").unwrap_or_default().as_bytes(),
    }
}

/// Compares with what the reference's decoder has made of it, but for two things: it inflates the body, where
/// ours is compared with the stored one, and one line clears the bit that says so.
fn decode(case: &Value, record: &[u8], body: &[u8]) -> Result<(), String> {
    let decoded = &case["decoded"];
    let (ours, size) = match StoredMessage::decode(record) {
        Ok(read) if decoded.is_null() => return Err(format!("{read:?}, the reference reads nothing")),
        Err(_) if decoded.is_null() => return Ok(()),
        other => other.map_err(|error| error.to_string())?,
    };
    same("store_size", &size, &integer(decoded, "store_size"))?;
    same("sys_flag", &(ours.sys_flag & !COMPRESSED), &(integer::<i32>(decoded, "sys_flag") & !COMPRESSED))?;
    same("topic", &Some(ours.topic), &text(decoded, "topic"))?;
    let properties = if ours.properties.is_empty() { Value::Null } else { properties(ours.properties) };
    same("properties", &properties, &decoded["properties"])?;
    let id = OffsetMessageId { store_host: ours.store_host, physical_offset: ours.physical_offset };
    same("msg_id", &Some(id.to_string().as_str()), &text(decoded, "msg_id"))?;
    if ours.sys_flag & COMPRESSED == 0 {
        same("decoded body", &ours.body, &bytes(decoded, "body_hex").as_slice())?;
    }
    let mut expected = message(case, body);
    if !is_described(case) {
        expected.body_crc = ours.body_crc;
    }
    same("message", &ours, &expected)?;
    if crc32(ours.body) == ours.body_crc {
        StoredMessage::decode_checked(record, crc32).map(drop).map_err(|error| error.to_string())?;
    } else if StoredMessage::decode_checked(record, crc32).is_ok() {
        return Err("a wrong checksum was not noticed".into());
    }
    if integer::<i32>(case, "magic") == MAGIC_V1 {
        let again = encoded(|writer| ours.encode(writer).unwrap());
        same("read and written again", &hex(&again), &hex(&record[..size]))?;
    }
    Ok(())
}

fn host(case: &Value, ip: &str, port: &str) -> SocketAddr {
    SocketAddr::new(address(&bytes(case, ip)), integer(case, port))
}

fn address(bytes: &[u8]) -> IpAddr {
    match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).unwrap()),
        _ => IpAddr::from(<[u8; 16]>::try_from(bytes).unwrap()),
    }
}

// Property strings

fn properties(string: &[u8]) -> Value {
    let map: BTreeMap<String, String> =
        Properties::new(string).iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    json!(map)
}

/// Pairs without a name or value cannot be handed over.
fn properties_to_string(case: &Value, form: PropertyForm) -> Result<(), String> {
    let ours = encoded(|writer| {
        let mut properties = PropertyWriter::new(writer, form);
        for pair in list(case, "pairs") {
            if let (Some(name), Some(value)) = (pair[0].as_str(), pair[1].as_str()) {
                properties.put(name, value);
            }
        }
    });
    same("string", &String::from_utf8(ours).unwrap().as_str(), &text(case, "string").unwrap_or_default())
}

// Batches

fn batch(case: &Value, form: PropertyForm, checks: &mut Checks) {
    let body = bytes(case, "bytes_hex");
    let messages = list(case, "messages");
    checks.aspect("decode", || {
        let entries =
            batch::entries(&body).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        same("count", &entries.len(), &messages.len())?;
        for (entry, message) in entries.iter().zip(messages) {
            same("flag", &entry.flag, &integer(message, "flag"))?;
            same("body", &hex(entry.body).as_str(), &text(message, "body_hex").unwrap_or_default())?;
            same("properties", &properties(entry.properties), &message["properties"])?;
        }
        Ok(())
    });
    checks.aspect("encode", || {
        let bodies: Vec<_> = messages.iter().map(|message| bytes(message, "body_hex")).collect();
        let ours = encoded(|writer| {
            for (message, body) in messages.iter().zip(&bodies) {
                let properties = text(message, "properties_string").unwrap_or_default().as_bytes();
                let entry = Entry { flag: integer(message, "flag"), body, properties };
                entry.encode(writer).unwrap();
            }
        });
        same("batch", &hex(&ours), &hex(&body))
    });
    checks.aspect("properties", || {
        for message in messages {
            let string = text(message, "properties_string").unwrap_or_default();
            let ours = encoded(|writer| {
                let mut written = PropertyWriter::new(writer, form);
                for (name, value) in &Properties::new(string.as_bytes()) {
                    written.put_text(name, value);
                }
            });
            same("string", &String::from_utf8(ours).unwrap().as_str(), &string)?;
        }
        Ok(())
    });
}

// Ids

fn offset_id(case: &Value, checks: &mut Checks) {
    let id = OffsetMessageId {
        store_host: SocketAddr::new(address(&bytes(case, "ip_hex")), integer(case, "port")),
        physical_offset: integer(case, "offset"),
    };
    let digits = text(case, "id").unwrap_or_default();
    checks.aspect("encode", || {
        same("id", &id.to_string().as_str(), &digits)?;
        same("written", &encoded(|writer| id.write_to(writer)).as_slice(), &digits.as_bytes())
    });
    checks.aspect("decode", || same("id", &OffsetMessageId::parse(digits), &Ok(id)));
}

fn offset_id_decode(case: &Value) -> Result<(), String> {
    let ours = OffsetMessageId::parse(text(case, "id").unwrap_or_default()).ok();
    let ours = ours.map(|id| (id.store_host.ip(), id.store_host.port(), id.physical_offset));
    let read = text(case, "ip_hex").is_some();
    let reference =
        read.then(|| (address(&bytes(case, "ip_hex")), integer(case, "port"), integer(case, "offset")));
    same("id", &ours, &reference)
}

fn unique_id(case: &Value, checks: &mut Checks) {
    let ip = address(&bytes(case, "ip_hex"));
    let [process, counter] = ["pid", "counter"].map(|key| low_16_bits(integer(case, key)));
    let loader = integer::<i32>(case, "loader_hash").cast_unsigned();
    let since: i64 = integer(case, "since_month_start_ms");
    let id = MessageId::new(ip, process, loader, id_time(since), counter);
    let digits = text(case, "id").unwrap_or_default();
    checks.aspect("encode", || {
        same("id", &id.to_string().as_str(), &digits)?;
        same("written", &encoded(|writer| id.write_to(writer)).as_slice(), &digits.as_bytes())
    });
    checks.aspect("decode", || {
        let read = MessageId::parse(digits).map_err(|error| error.to_string())?;
        same("id", &read, &id)?;
        let ip = text(case, "decoded_ip").and_then(|ip| ip.parse().ok());
        same("decoded_ip", &Some(read.ip()), &ip)?;
        same("decoded_pid", &i32::from(read.process()), &integer(case, "decoded_pid"))
    });
    if (0..31 * DAY_MILLIS).contains(&since) {
        checks.aspect("generate", || {
            let mut generator = MessageIdGenerator::new(ip, process, loader);
            generator.counter = counter;
            same("id", &generator.next(JANUARY_2024 + since).to_string().as_str(), &digits)
        });
    }
}

fn low_16_bits(number: i32) -> u16 {
    let [.., high, low] = number.to_be_bytes();
    u16::from_be_bytes([high, low])
}

const DAY_MILLIS: i64 = 86_400_000;
/// 2024-01-01T00:00:00Z, the start of a month of 31 days.
const JANUARY_2024: i64 = 1_704_067_200_000;
