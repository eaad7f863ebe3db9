//! Records, batches, property strings, ids and names.

use rocketlite_core::message::batch::entries;
use rocketlite_core::message::crc32;
use rocketlite_core::message::id::{MessageId, OffsetMessageId};
use rocketlite_core::message::properties::{
    NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, Properties, PropertyForm, PropertyWriter, check_user_property,
};
use rocketlite_core::message::stored::{MAGIC_V1, StoredMessage, record_size};
use rocketlite_core::message::validate::{
    GroupLimit, check_broker_topic, check_group, check_send_topic, check_topic,
};
use rocketlite_tests::encode::encoded;

/// The same bytes as each of them.
pub(crate) fn check(input: &[u8]) {
    record(input);
    batch(input);
    properties(input);
    if let Ok(text) = core::str::from_utf8(input) {
        ids(text);
        names(text);
    }
}

/// A record that can be read is written as it was, unless it is of the second version.
fn record(input: &[u8]) {
    let size = record_size(input);
    let Ok((message, len)) = StoredMessage::decode(input) else {
        assert!(StoredMessage::decode_checked(input, crc32).is_err());
        return;
    };
    assert_eq!(size, Ok(Some(len)));
    assert!(len <= input.len());
    let checked = StoredMessage::decode_checked(input, crc32);
    assert_eq!(checked.is_ok(), message.body.is_empty() || crc32(message.body) == message.body_crc);
    if message.topic.len() > 127 {
        return;
    }
    let bytes = encoded(|writer| message.encode(writer).expect("it has room for what was read"));
    assert_eq!(bytes.len(), message.encoded_len());
    assert_eq!(StoredMessage::decode(&bytes), Ok((message, bytes.len())));
    if input[4..8] == MAGIC_V1.to_be_bytes() {
        assert_eq!(bytes, input[..len]);
    }
}

/// Entries fill the body; what is written of them is the body but for magic and checksum.
fn batch(input: &[u8]) {
    let mut at = 0;
    let mut broken = false;
    for entry in entries(input) {
        assert!(!broken, "nothing follows an error");
        let Ok(entry) = entry else {
            broken = true;
            continue;
        };
        let len = entry.encoded_len();
        let bytes = encoded(|writer| entry.encode(writer).expect("it has room for what was read"));
        assert_eq!(
            (bytes.len(), &bytes[..4], &bytes[12..]),
            (len, &input[at..at + 4], &input[at + 12..at + len])
        );
        assert_eq!(entries(&bytes).collect::<Vec<_>>(), [Ok(entry)]);
        at += len;
    }
    assert_eq!(broken, at < input.len());
}

/// Pairs by another way: Java's `split`, and `indexOf`.
fn properties(input: &[u8]) {
    let ours: Vec<(String, String)> =
        Properties::new(input).iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let pieces = input.split(|&byte| byte == PROPERTY_SEPARATOR);
    let pairs = pieces.filter_map(|piece| {
        let at = piece.iter().position(|&byte| byte == NAME_VALUE_SEPARATOR)?;
        let (name, value) = (&piece[..at], &piece[at + 1..]);
        let whole = !name.is_empty() && !value.is_empty();
        whole.then(|| [name, value].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).into())
    });
    assert_eq!(ours, pairs.collect::<Vec<_>>());
    for form in [PropertyForm::Terminated, PropertyForm::Separated] {
        let string = encoded(|writer| {
            let mut writer = PropertyWriter::new(writer, form);
            for (name, value) in &ours {
                writer.put(name, value);
            }
        });
        let again = Properties::new(&string);
        let pairs = again.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        assert!(pairs.eq(ours.iter().cloned()));
        for (name, _) in &ours {
            let last = ours.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.clone());
            assert_eq!(again.get(name).map(|value| value.to_string()), last);
        }
    }
}

fn ids(text: &str) {
    let is_id = [32, 56].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match MessageId::parse(text) {
        Ok(id) => {
            assert!(is_id);
            assert_eq!(id.encode(&mut [0; MessageId::MAX_DIGITS]), text.to_ascii_uppercase());
            assert_eq!(id.following(0x1_0000), id);
        }
        Err(_) => assert!(!is_id),
    }
    match OffsetMessageId::parse(text) {
        Ok(id) => {
            assert!(is_id);
            assert_eq!(id.encode(&mut [0; OffsetMessageId::MAX_DIGITS]), text.to_ascii_uppercase());
        }
        // Its port is a number of four bytes, of which two can be used.
        Err(_) => assert!(!is_id || &text[text.len() - 24..text.len() - 20] != "0000"),
    }
}

/// Names by another way: the pattern of the reference character by character, and Java's lengths.
fn names(text: &str) {
    let legal = |char: char| char.is_ascii_alphanumeric() || "%|-_".contains(char);
    let (is_legal, units) = (!text.is_empty() && text.chars().all(legal), text.encode_utf16().count());
    assert_eq!(check_topic(text).is_ok(), is_legal && units <= 127);
    for limit in [GroupLimit::Characters120, GroupLimit::Characters255] {
        assert_eq!(check_group(text, limit).is_ok(), is_legal && units <= limit.characters());
    }
    let of_group = text.starts_with("%RETRY%") || text.starts_with("%DLQ%");
    assert_eq!(check_broker_topic(text).is_ok(), is_legal && units <= if of_group { 255 } else { 127 });
    let forbidden = check_send_topic(text).is_err();
    assert!(!forbidden || text.contains("TOPIC") || text == "OFFSET_MOVED_EVENT");
    let user = check_user_property(text, text);
    let separated = text.contains(['\u{1}', '\u{2}']);
    assert!(!(user.is_ok() && (separated || text.trim_matches(|char| char <= ' ').is_empty())));
}
