//! The fields of each request and response, typed; names in quotes are those on the wire.

mod consumer;
mod send_message;

pub use consumer::*;
pub use send_message::{SendMessageRequestHeader, SendMessageResponseHeader};

use super::fields::{ExtFields, Field, FieldValue, FieldWriter};
use super::{DecodeError, Text};

/// A table of fields becomes a struct that reads and writes them.
macro_rules! headers {
    ($(
        $(#[$doc:meta])*
        $name:ident$(<$lt:lifetime>)? { $($(#[$field_doc:meta])* $field:ident: $ty:ty = $key:literal,)* }
    )*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name$(<$lt>)? {
            $($(#[$field_doc])* pub $field: $ty,)*
        }

        impl<'h $(, $lt)?> $name$(<$lt>)? $(where 'h: $lt)? {
            /// Reads the fields of a command; those that are not known are passed over.
            ///
            /// # Errors
            /// Names the field that is missing or has a wrong value.
            pub fn decode(fields: Option<ExtFields<'h>>) -> Result<Self, DecodeError> {
                let [$($field),*] = values_of(fields, &[$($key),*]);
                Ok(Self { $($field: Field::read($key, $field)?,)* })
            }

            /// Calls `sink` with each field that is there.
            pub fn visit<'o>(&self, sink: &mut dyn FnMut(&'static str, FieldValue<'o>)) $(where $lt: 'o)? {
                $(if let Some(value) = Field::value(&self.$field) {
                    sink($key, value);
                })*
            }

            /// Writes the fields.
            pub fn encode(&self, fields: &mut FieldWriter<'_, '_>) {
                self.visit(&mut |key, value| fields.put(key, value));
            }
        }
    )* };
}
use headers;

/// The values of the fields `keys`; of several with one name the last, as in Java.
fn values_of<'a, const N: usize>(fields: Option<ExtFields<'a>>, keys: &[&str; N]) -> [Option<Text<'a>>; N] {
    let mut values = [None; N];
    for (key, value) in fields.iter().flat_map(ExtFields::iter) {
        let place = keys.iter().zip(&mut values).find(|(name, _)| key == **name);
        if let Some((_, place)) = place {
            *place = value;
        }
    }
    values
}

headers! {
    /// Of `GET_ROUTEINFO_BY_TOPIC`.
    GetRouteInfoRequestHeader<'a> {
        /// The topic asked for.
        topic: Text<'a> = "topic",
        /// Asks for quoted keys whatever the version says (5.x).
        accept_standard_json_only: Option<bool> = "acceptStandardJsonOnly",
    }

    /// Of `UNREGISTER_CLIENT`.
    UnregisterClientRequestHeader<'a> {
        /// The client.
        client_id: Text<'a> = "clientID",
        /// The producer group it leaves.
        producer_group: Option<Text<'a>> = "producerGroup",
        /// The consumer group it leaves.
        consumer_group: Option<Text<'a>> = "consumerGroup",
    }

    /// Of `VIEW_MESSAGE_BY_ID`.
    ViewMessageRequestHeader {
        /// The message's physical offset in the commit log.
        offset: i64 = "offset",
    }

    /// Of `GET_MAX_OFFSET` and `GET_MIN_OFFSET`.
    QueueOffsetRequestHeader<'a> {
        /// The topic.
        topic: Text<'a> = "topic",
        /// Its queue.
        queue_id: i32 = "queueId",
    }

    /// Answers [`QueueOffsetRequestHeader`].
    QueueOffsetResponseHeader {
        /// The queue offset.
        offset: i64 = "offset",
    }

    /// Of `END_TRANSACTION`.
    EndTransactionRequestHeader<'a> {
        /// The producer's group.
        producer_group: Text<'a> = "producerGroup",
        /// The half message's queue offset.
        tran_state_table_offset: i64 = "tranStateTableOffset",
        /// The half message's physical offset.
        commit_log_offset: i64 = "commitLogOffset",
        /// 8 commit, 12 roll back, 0 unknown.
        commit_or_rollback: i32 = "commitOrRollback",
        /// Whether a check asked for it.
        from_transaction_check: Option<bool> = "fromTransactionCheck",
        /// The message's UNIQ_KEY.
        msg_id: Text<'a> = "msgId",
        /// The transaction's id.
        transaction_id: Option<Text<'a>> = "transactionId",
        /// The broker's name.
        broker_name: Option<Text<'a>> = "bname",
        /// The message's topic (5.x).
        topic: Option<Text<'a>> = "topic",
    }

    /// Of `CHECK_TRANSACTION_STATE`, from a broker to a producer.
    CheckTransactionStateRequestHeader<'a> {
        /// The half message's queue offset.
        tran_state_table_offset: i64 = "tranStateTableOffset",
        /// The half message's physical offset.
        commit_log_offset: i64 = "commitLogOffset",
        /// The message's UNIQ_KEY.
        msg_id: Option<Text<'a>> = "msgId",
        /// The transaction's id.
        transaction_id: Option<Text<'a>> = "transactionId",
        /// The half message's offset message id.
        offset_msg_id: Option<Text<'a>> = "offsetMsgId",
        /// The broker's name.
        broker_name: Option<Text<'a>> = "bname",
        /// The message's topic (5.x).
        topic: Option<Text<'a>> = "topic",
    }

    /// Of `NOTIFY_CONSUMER_IDS_CHANGED`, from a broker to its consumers.
    NotifyConsumerIdsChangedRequestHeader<'a> {
        /// The group whose members changed.
        consumer_group: Text<'a> = "consumerGroup",
    }

    /// Of `REGISTER_BROKER`; the body lists the broker's topics.
    RegisterBrokerRequestHeader<'a> {
        /// The broker's name.
        broker_name: Text<'a> = "brokerName",
        /// Where clients reach it.
        broker_addr: Text<'a> = "brokerAddr",
        /// Its cluster.
        cluster_name: Text<'a> = "clusterName",
        /// Where its replicas reach it.
        ha_server_addr: Option<Text<'a>> = "haServerAddr",
        /// 0 for a master.
        broker_id: i64 = "brokerId",
        /// Whether the body is a zlib stream.
        compressed: Option<bool> = "compressed",
        /// CRC-32 of the body without its highest bit.
        body_crc32: Option<i32> = "bodyCrc32",
    }

    /// Of `UNREGISTER_BROKER`.
    UnregisterBrokerRequestHeader<'a> {
        /// The broker's name.
        broker_name: Text<'a> = "brokerName",
        /// Where clients reached it.
        broker_addr: Text<'a> = "brokerAddr",
        /// Its cluster.
        cluster_name: Text<'a> = "clusterName",
        /// 0 for a master.
        broker_id: i64 = "brokerId",
    }
}

#[cfg(test)]
mod tests {
    use super::super::DecodeErrorKind;
    use super::super::code::{LanguageCode, RequestCode};
    use super::super::command::{CommandHead, FrameEncoder, RemotingCommand};
    use super::super::cursor::Writer;
    use super::super::fields::SerializeType;
    use super::*;

    #[test]
    fn a_header_written_is_the_header_read() {
        for serialize_type in [SerializeType::Json, SerializeType::RocketMq] {
            let mut buffer = [0u8; 512];
            let mut writer = Writer::new(&mut buffer);
            let head = CommandHead {
                serialize_type,
                code: RequestCode::UNREGISTER_CLIENT.0,
                language: LanguageCode::RUST,
                version: 477,
                opaque: 3,
                flag: 0,
                remark: None,
            };
            let mut frame = FrameEncoder::begin(&mut writer, head);
            let header = UnregisterClientRequestHeader {
                client_id: "10.0.0.1@\"7\"".into(),
                producer_group: Some("PG".into()),
                consumer_group: None,
            };
            header.encode(&mut frame.fields());
            frame.finish();
            let len = writer.filled();
            let command = RemotingCommand::decode(&buffer[4..len]).unwrap();
            let header = UnregisterClientRequestHeader::decode(command.ext_fields).unwrap();
            assert_eq!(header.client_id, "10.0.0.1@\"7\"");
            assert_eq!(header.producer_group.unwrap(), "PG");
            assert!(header.consumer_group.is_none());
        }
    }

    #[test]
    fn a_name_may_be_written_with_escapes() {
        let header = br#"{"co\u0064e":34,"extFields":{"cli\u0065ntID":"c","\u0063onsumerGroup":"g"}}"#;
        let frame = [&[0, 0, 0, u8::try_from(header.len()).unwrap()], &header[..]].concat();
        let command = RemotingCommand::decode(&frame).unwrap();
        assert_eq!(command.code, 34);
        let header = UnregisterClientRequestHeader::decode(command.ext_fields).unwrap();
        assert!(header.client_id == "c" && header.consumer_group.unwrap() == "g");
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = ViewMessageRequestHeader::decode(None).unwrap_err();
        assert_eq!(error, DecodeError::new("offset", DecodeErrorKind::Missing));
    }
}
