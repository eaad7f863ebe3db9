//! What is written is what is read: values are drawn, and shortened when one fails.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use rocketlite_core::message::batch::{Entry, entries};
use rocketlite_core::message::crc32;
use rocketlite_core::message::id::{MessageId, OffsetMessageId};
use rocketlite_core::message::properties::{Properties, PropertyForm, PropertyWriter};
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::message::sys_flag::{BORN_HOST_V6, STORE_HOST_V6};
use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::LanguageCode;
use rocketlite_core::wire::command::{CommandHead, FrameEncoder, RemotingCommand};
use rocketlite_core::wire::fields::{ExtFields, SerializeType};
use rocketlite_core::wire::heartbeat::{HeartbeatData, put_producer_heartbeat};
use rocketlite_core::wire::route::{MASTER_ID, RouteEntry, TopicRouteData, put_topic_route};
use rocketlite_tests::encode::encoded;

/// Any characters, those that JSON escapes more often than others.
fn text() -> impl Strategy<Value = String> {
    "(\\PC|[\"\\\\\n\r\t\u{0}-\u{1f}é主🚀]){0,12}"
}

fn name() -> impl Strategy<Value = String> {
    "[%|a-zA-Z0-9_-]{1,32}"
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..200)
}

/// Names and values without separators, as users may set them.
fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(("[^\u{1}\u{2}]{1,8}", "[^\u{1}\u{2}]{1,16}"), 0..6)
}

fn host() -> impl Strategy<Value = SocketAddr> {
    let ip = prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)];
    (ip, any::<u16>()).prop_map(SocketAddr::from)
}

/// A property string.
fn string(pairs: &[(String, String)], form: PropertyForm) -> Vec<u8> {
    encoded(|writer| {
        let mut writer = PropertyWriter::new(writer, form);
        for (name, value) in pairs {
            writer.put(name, value);
        }
    })
}

#[derive(Debug, Clone)]
struct Command {
    binary: bool,
    /// Code and version: the binary form has 16 bits for each.
    numbers: (i16, i16),
    language: u8,
    opaque: i32,
    flag: i32,
    remark: Option<String>,
    fields: BTreeMap<String, String>,
    body: Vec<u8>,
}

fn command() -> impl Strategy<Value = Command> {
    let head = (any::<bool>(), any::<(i16, i16)>(), 0..14_u8, any::<i32>(), any::<i32>());
    let rest = (proptest::option::of(text()), btree_map(text(), text(), 0..6), bytes());
    (head, rest).prop_map(|((binary, numbers, language, opaque, flag), (remark, fields, body))| Command {
        binary,
        numbers,
        language,
        opaque,
        flag,
        remark,
        fields,
        body,
    })
}

fn frame(command: &Command) -> Vec<u8> {
    let head = CommandHead {
        serialize_type: if command.binary { SerializeType::RocketMq } else { SerializeType::Json },
        code: command.numbers.0.into(),
        language: LanguageCode(command.language),
        version: command.numbers.1.into(),
        opaque: command.opaque,
        flag: command.flag,
        remark: command.remark.as_deref().map(Text::from),
    };
    encoded(|writer| {
        let mut frame = FrameEncoder::begin(writer, head);
        for (key, value) in &command.fields {
            frame.fields().text(key, value.as_str().into());
        }
        let mut frame = frame.body();
        frame.writer().put(&command.body);
        frame.finish();
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_command_that_was_written_is_read(command in command()) {
        let frame = frame(&command);
        let length = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]);
        prop_assert_eq!(usize::try_from(length).unwrap(), frame.len() - 4);
        let read = RemotingCommand::decode(&frame[4..]).unwrap();
        prop_assert_eq!((read.code, read.version), (command.numbers.0.into(), command.numbers.1.into()));
        prop_assert_eq!(read.language, Some(LanguageCode(command.language)));
        prop_assert_eq!((read.opaque, read.flag, read.body), (command.opaque, command.flag, &command.body[..]));
        // The binary form cannot tell what is empty from what is not there.
        let there = |text: &String| !command.binary || !text.is_empty();
        prop_assert_eq!(read.remark.map(|text| text.to_string()), command.remark.filter(there));
        let fields = read.ext_fields.iter().flat_map(ExtFields::iter);
        let fields: BTreeMap<String, String> = fields
            .map(|(key, value)| (key.to_string(), value.map(|value| value.to_string()).unwrap_or_default()))
            .collect();
        prop_assert_eq!(fields, command.fields);
    }

    #[test]
    fn a_record_that_was_written_is_read(
        (queue_id, flag, reconsume_times) in any::<(i32, i32, i32)>(),
        (queue_offset, physical_offset) in any::<(i64, i64)>(),
        (born_timestamp, store_timestamp, prepared_transaction_offset) in any::<(i64, i64, i64)>(),
        (born_host, store_host) in (host(), host()),
        (sys_flag, topic, body, pairs) in (any::<i32>(), name(), bytes(), pairs()),
    ) {
        let properties = string(&pairs, PropertyForm::Terminated);
        let message = StoredMessage {
            queue_id, flag, queue_offset, physical_offset, sys_flag, born_timestamp, born_host, store_timestamp,
            store_host, reconsume_times, prepared_transaction_offset, body_crc: crc32(&body), body: &body,
            topic: &topic, properties: &properties,
        };
        let record = encoded(|writer| message.encode(writer).unwrap());
        prop_assert_eq!(record.len(), message.encoded_len());
        // The bits of the hosts are those of the hosts.
        let mut sys_flag = sys_flag & !(BORN_HOST_V6 | STORE_HOST_V6);
        sys_flag |= if born_host.is_ipv6() { BORN_HOST_V6 } else { 0 };
        sys_flag |= if store_host.is_ipv6() { STORE_HOST_V6 } else { 0 };
        let expected = StoredMessage { sys_flag, ..message };
        let longer = [&record[..], b"what follows"].concat();
        prop_assert_eq!(StoredMessage::decode_checked(&longer, crc32), Ok((expected, record.len())));
        prop_assert!(StoredMessage::decode(&record[..record.len() - 1]).is_err());
    }

    #[test]
    fn a_batch_that_was_written_is_read(messages in vec((any::<i32>(), bytes(), pairs()), 0..6)) {
        let strings: Vec<_> = messages.iter().map(|(.., pairs)| string(pairs, PropertyForm::Separated)).collect();
        let written: Vec<_> = messages
            .iter()
            .zip(&strings)
            .map(|((flag, body, _), properties)| Entry { flag: *flag, body, properties })
            .collect();
        let body = encoded(|writer| written.iter().for_each(|entry| entry.encode(writer).unwrap()));
        let read: Result<Vec<_>, _> = entries(&body).collect();
        prop_assert_eq!(read, Ok(written));
    }

    #[test]
    fn properties_that_were_written_are_read(pairs in pairs(), separated in any::<bool>()) {
        let form = if separated { PropertyForm::Separated } else { PropertyForm::Terminated };
        let string = string(&pairs, form);
        let read = Properties::new(&string);
        let read: Vec<_> = read.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        prop_assert_eq!(read, pairs);
    }

    #[test]
    fn ids_that_were_written_are_read(
        (host, offset) in (host(), any::<i64>()),
        (process, loader, time, counter) in any::<(u16, u32, u32, u16)>(),
        count in any::<usize>(),
    ) {
        let id = OffsetMessageId { store_host: host, physical_offset: offset };
        prop_assert_eq!(OffsetMessageId::parse(&id.to_string()), Ok(id));
        prop_assert_eq!(OffsetMessageId::parse(&id.to_string().to_lowercase()), Ok(id));
        let id = MessageId::new(host.ip(), process, loader, time, counter);
        prop_assert_eq!(MessageId::parse(&id.to_string()), Ok(id));
        let parts = (id.ip(), id.process(), id.loader(), id.since_month_start(), id.counter());
        prop_assert_eq!(parts, (host.ip(), process, loader, time, counter));
        prop_assert_eq!(id.following(count).following(1), id.following(count.wrapping_add(1)));
    }

    #[test]
    fn a_route_that_was_written_is_read(
        entries in vec((text(), text(), text(), any::<(i32, i32, i32, i32)>()), 0..6),
    ) {
        let bytes = encoded(|writer| {
            put_topic_route(writer, entries.iter().map(|(cluster, broker_name, address, numbers)| RouteEntry {
                cluster,
                broker_name,
                address,
                read_queue_nums: numbers.0,
                write_queue_nums: numbers.1,
                perm: numbers.2,
                topic_sys_flag: numbers.3,
            }));
        });
        let route = TopicRouteData::parse(&bytes).unwrap();
        let brokers = route.brokers().map(|broker| {
            let addresses: Vec<_> = broker.addresses().map(|(id, at)| (id, at.to_string())).collect();
            (broker.cluster.unwrap().to_string(), broker.broker_name.to_string(), addresses)
        });
        let expected = entries.iter().map(|(cluster, name, at, _)| {
            (cluster.clone(), name.clone(), vec![(MASTER_ID, at.clone())])
        });
        prop_assert!(brokers.eq(expected));
        let queues = route.queues().map(|queue| {
            let numbers = (queue.read_queue_nums, queue.write_queue_nums, queue.perm, queue.topic_sys_flag);
            (queue.broker_name.to_string(), numbers)
        });
        prop_assert!(queues.eq(entries.iter().map(|(_, name, _, numbers)| (name.clone(), *numbers))));
    }

    #[test]
    fn a_heartbeat_that_was_written_is_read(client in text(), groups in vec(text(), 0..5)) {
        let names: Vec<Text<'_>> = groups.iter().map(|group| group.as_str().into()).collect();
        let bytes = encoded(|writer| put_producer_heartbeat(writer, client.as_str().into(), &names));
        let heartbeat = HeartbeatData::parse(&bytes).unwrap();
        prop_assert_eq!(heartbeat.client_id.to_string(), client);
        prop_assert!(heartbeat.producer_groups().map(|group| group.to_string()).eq(groups));
        prop_assert_eq!(heartbeat.consumers().count(), 0);
    }
}
