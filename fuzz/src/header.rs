//! Commands: what is read of a frame is what is read of it when it was written again, in either form.

use std::collections::BTreeMap;

use rocketlite_core::wire::code::{LanguageCode, RequestCode};
use rocketlite_core::wire::command::{CommandHead, FrameEncoder, RemotingCommand};
use rocketlite_core::wire::fields::{ExtFields, FieldValue, FieldWriter, SerializeType};
use rocketlite_core::wire::header::{
    CheckTransactionStateRequestHeader, EndTransactionRequestHeader, GetRouteInfoRequestHeader,
    NotifyConsumerIdsChangedRequestHeader, QueueOffsetRequestHeader, QueueOffsetResponseHeader,
    RegisterBrokerRequestHeader, SendMessageRequestHeader, SendMessageResponseHeader,
    UnregisterBrokerRequestHeader, UnregisterClientRequestHeader, ViewMessageRequestHeader,
};
use rocketlite_core::wire::{DecodeErrorKind, Text};
use rocketlite_tests::encode::encoded;

use crate::json;

/// Longest key that the binary form has a length for.
const MAX_BINARY_KEY: usize = 32_767;

/// The first byte says how long the body is, the rest is a JSON header.
pub(crate) fn check_json(input: &[u8]) {
    let Some((&body, header)) = input.split_first() else { return };
    check(&frame(0, header, body));
    json::check(header);
}

/// The first byte says how long the body is, the rest is a binary header.
pub(crate) fn check_binary(input: &[u8]) {
    let Some((&body, header)) = input.split_first() else { return };
    check(&frame(1, header, body));
}

fn frame(form: u8, header: &[u8], body: u8) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(header.len()).expect("a short header").to_be_bytes();
    [&[form][..], &length, header, &vec![b'b'; usize::from(body) % 8]].concat()
}

/// A frame without its length word.
pub(crate) fn check(frame: &[u8]) {
    let Ok(command) = RemotingCommand::decode(frame) else { return };
    let fields = pairs(&command);
    for (key, value) in &fields {
        assert_eq!(command.field(key).map(|text| text.to_string()), *value, "the last value of {key}");
    }
    typed(&command);
    if fields.keys().any(|key| key.len() > MAX_BINARY_KEY) {
        return;
    }
    for form in [SerializeType::Json, SerializeType::RocketMq] {
        rewrite(&command, &fields, form);
    }
}

type Fields = BTreeMap<String, Option<String>>;

fn pairs(command: &RemotingCommand<'_>) -> Fields {
    let fields = command.ext_fields.iter().flat_map(ExtFields::iter);
    fields.map(|(key, value)| (key.to_string(), value.map(|value| value.to_string()))).collect()
}

/// Writes the command in `form` and reads it again.
fn rewrite(command: &RemotingCommand<'_>, fields: &Fields, form: SerializeType) {
    let head = head(command, form);
    let bytes = written(head, command.body, |writer| {
        for (key, value) in fields.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
            writer.text(key, Text::from(value.as_str()));
        }
    });
    let again = RemotingCommand::decode(&bytes[4..]).expect("what we write can be read");
    assert_eq!(again.serialize_type, form);
    assert_eq!(again.language, Some(head.language));
    assert_eq!((again.opaque, again.flag), (command.opaque, command.flag));
    assert_eq!(again.body, command.body);
    let binary = form == SerializeType::RocketMq;
    let cut = |number: i32| if binary { low_half(number) } else { number };
    assert_eq!((again.code, again.version), (cut(command.code), cut(command.version)));
    // The binary form cannot tell an empty string from none.
    let there = |text: &String| !binary || !text.is_empty();
    let remark = |command: &RemotingCommand<'_>| command.remark.map(|remark| remark.to_string());
    assert_eq!(remark(&again), remark(command).filter(there));
    let values = |fields: &Fields| -> BTreeMap<String, String> {
        let values = fields.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
        values.filter(|(_, value)| there(value)).collect()
    };
    assert_eq!(values(&pairs(&again)), values(fields));
}

fn head<'a>(command: &RemotingCommand<'a>, form: SerializeType) -> CommandHead<'a> {
    CommandHead {
        serialize_type: form,
        code: command.code,
        language: command.language.unwrap_or(LanguageCode::OTHER),
        version: command.version,
        opaque: command.opaque,
        flag: command.flag,
        remark: command.remark,
    }
}

fn low_half(number: i32) -> i32 {
    let [.., high, low] = number.to_be_bytes();
    i16::from_be_bytes([high, low]).into()
}

/// One frame, its length word included.
fn written(head: CommandHead<'_>, body: &[u8], put: impl Fn(&mut FieldWriter<'_, '_>)) -> Vec<u8> {
    encoded(|writer| {
        let mut frame = FrameEncoder::begin(writer, head);
        put(&mut frame.fields());
        let mut frame = frame.body();
        frame.writer().put(body);
        frame.finish();
    })
}

/// Checks one typed header, whose functions may take arguments before their own.
macro_rules! typed {
    ($command:expr, $header:ident $(, $code:expr)?) => {
        match $header::decode($($code,)? $command.ext_fields) {
            Ok(header) => {
                let mut values = Vec::new();
                header.visit($($code,)? &mut |key, value| values.push((key, text(value))));
                let bytes = written(head($command, $command.serialize_type), b"", |writer| {
                    header.encode($($code,)? writer);
                });
                let again = RemotingCommand::decode(&bytes[4..]).expect("what we write can be read");
                let again = $header::decode($($code,)? again.ext_fields).expect("it has every field");
                let mut values_again = Vec::new();
                again.visit($($code,)? &mut |key, value| values_again.push((key, text(value))));
                assert_eq!(values, values_again);
                for (key, value) in values {
                    let field = $command.field(key).expect("what is read is there").to_string();
                    assert!(means(&field, &value), "{key}: {field} is not {value}");
                }
            }
            Err(error) if error.kind == DecodeErrorKind::Missing => {
                assert!($command.field(error.field).is_none(), "{error}");
            }
            Err(error) => assert!($command.field(error.field).is_some(), "{error}"),
        }
    };
}

/// Every typed header that the fields make up is the same after it was written and read.
fn typed(command: &RemotingCommand<'_>) {
    typed!(command, CheckTransactionStateRequestHeader);
    typed!(command, EndTransactionRequestHeader);
    typed!(command, GetRouteInfoRequestHeader);
    typed!(command, NotifyConsumerIdsChangedRequestHeader);
    typed!(command, QueueOffsetRequestHeader);
    typed!(command, QueueOffsetResponseHeader);
    typed!(command, RegisterBrokerRequestHeader);
    typed!(command, SendMessageRequestHeader, RequestCode::SEND_MESSAGE);
    typed!(command, SendMessageRequestHeader, RequestCode::SEND_MESSAGE_V2);
    typed!(command, SendMessageResponseHeader);
    typed!(command, UnregisterBrokerRequestHeader);
    typed!(command, UnregisterClientRequestHeader);
    typed!(command, ViewMessageRequestHeader);
}

fn text(value: FieldValue<'_>) -> String {
    let mut bytes = Vec::new();
    value.decode(&mut |piece| bytes.extend_from_slice(piece));
    String::from_utf8(bytes).expect("values are text")
}

/// Whether a field reads as the value: as it is, as a number, or as `true` or `false`.
fn means(field: &str, value: &str) -> bool {
    field == value
        || field.parse::<i64>().is_ok_and(|number| value.parse() == Ok(number))
        || value.parse() == Ok(field.eq_ignore_ascii_case("true"))
}
