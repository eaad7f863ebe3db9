//! The body of `HEART_BEAT`: who is connected, and what its consumers subscribe to.

use super::cursor::Writer;
use super::json::{self, Value};
use super::{DecodeError, DecodeErrorKind, Text};

/// A received heartbeat (`HeartbeatData`), a view of its JSON.
#[derive(Debug, Clone, Copy)]
pub struct HeartbeatData<'a> {
    /// The client's id.
    pub client_id: Text<'a>,
    /// Fingerprint of the subscriptions, 0 without heartbeat V2.
    pub fingerprint: i32,
    /// Whether the subscriptions were left out because they did not change (heartbeat V2).
    pub without_subscriptions: bool,
    producers: Value<'a>,
    consumers: Value<'a>,
}

/// One consumer group of a heartbeat (`ConsumerData`).
#[derive(Debug, Clone, Copy)]
pub struct ConsumerData<'a> {
    /// The group.
    pub group_name: Text<'a>,
    /// `CONSUME_ACTIVELY`, `CONSUME_PASSIVELY` or `CONSUME_POP`.
    pub consume_type: Text<'a>,
    /// `BROADCASTING` or `CLUSTERING`.
    pub message_model: Text<'a>,
    /// `CONSUME_FROM_LAST_OFFSET`, `CONSUME_FROM_FIRST_OFFSET` or `CONSUME_FROM_TIMESTAMP`.
    pub consume_from_where: Text<'a>,
    subscriptions: Value<'a>,
}

/// One subscription (`SubscriptionData`). Tags and their hashes are derived from `sub_string`.
#[derive(Debug, Clone, Copy)]
pub struct SubscriptionData<'a> {
    /// The topic.
    pub topic: Text<'a>,
    /// The expression.
    pub sub_string: Text<'a>,
    /// `TAG` or `SQL92`.
    pub expression_type: Text<'a>,
    /// Larger is newer.
    pub sub_version: i64,
}

impl<'a> HeartbeatData<'a> {
    /// Reads a heartbeat's body.
    ///
    /// # Errors
    /// Names the member that is missing or of the wrong kind.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let root = json::parse("heartbeat", body)?;
        let data = Self {
            client_id: text(&root, "clientID")?,
            fingerprint: root
                .get("heartbeatFingerprint")
                .unwrap_or(Value::Null)
                .integer("heartbeatFingerprint", 0)?,
            without_subscriptions: matches!(root.get("withoutSub"), Some(Value::Bool(true))),
            producers: root.get("producerDataSet").unwrap_or(Value::Null),
            consumers: root.get("consumerDataSet").unwrap_or(Value::Null),
        };
        for producer in data.producers.elements() {
            text(&producer, "groupName")?;
        }
        for consumer in data.consumers.elements() {
            let consumer = ConsumerData::read(&consumer)?;
            for subscription in consumer.subscriptions.elements() {
                SubscriptionData::read(&subscription)?;
            }
        }
        Ok(data)
    }

    /// The producer groups.
    pub fn producer_groups(&self) -> impl Iterator<Item = Text<'a>> {
        self.producers.elements().filter_map(|producer| text(&producer, "groupName").ok())
    }

    /// The consumer groups.
    pub fn consumers(&self) -> impl Iterator<Item = ConsumerData<'a>> {
        self.consumers.elements().filter_map(|consumer| ConsumerData::read(&consumer).ok())
    }
}

impl<'a> ConsumerData<'a> {
    fn read(value: &Value<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            group_name: text(value, "groupName")?,
            consume_type: optional_text(value, "consumeType"),
            message_model: optional_text(value, "messageModel"),
            consume_from_where: optional_text(value, "consumeFromWhere"),
            subscriptions: value.get("subscriptionDataSet").unwrap_or(Value::Null),
        })
    }

    /// What the group subscribes to.
    pub fn subscriptions(&self) -> impl Iterator<Item = SubscriptionData<'a>> {
        self.subscriptions.elements().filter_map(|value| SubscriptionData::read(&value).ok())
    }
}

impl<'a> SubscriptionData<'a> {
    fn read(value: &Value<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            topic: text(value, "topic")?,
            sub_string: optional_text(value, "subString"),
            expression_type: optional_text(value, "expressionType"),
            sub_version: value.get("subVersion").unwrap_or(Value::Null).integer("subVersion", 0)?,
        })
    }
}

fn text<'a>(value: &Value<'a>, key: &'static str) -> Result<Text<'a>, DecodeError> {
    value.get(key).and_then(|value| value.text()).ok_or(DecodeError::new(key, DecodeErrorKind::Missing))
}

fn optional_text<'a>(value: &Value<'a>, key: &str) -> Text<'a> {
    value.get(key).and_then(|value| value.text()).unwrap_or(Text::EMPTY)
}

/// Writes the heartbeat of a client that only produces, for `groups`, as 5.x clients do.
pub fn put_producer_heartbeat(writer: &mut Writer<'_>, client_id: Text<'_>, groups: &[Text<'_>]) {
    writer.put(b"{\"clientID\":\"");
    client_id.write_json(writer);
    writer.put(b"\",\"consumerDataSet\":[],\"heartbeatFingerprint\":0,\"producerDataSet\":[");
    for (index, group) in groups.iter().enumerate() {
        writer.put(if index == 0 { b"{\"groupName\":\"" } else { b",{\"groupName\":\"" });
        group.write_json(writer);
        writer.put(b"\"}");
    }
    writer.put(b"],\"withoutSub\":false}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heartbeat_of_a_java_consumer_is_read() {
        let body = br#"{"clientID":"192.0.2.2@4878#17","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":"CG","messageModel":"CLUSTERING","subscriptionDataSet":[{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*","subVersion":1795354904139,"tagsSet":[],"topic":"T"},{"topic":"%RETRY%CG"}],"unitMode":false}],"heartbeatFingerprint":0,"producerDataSet":[{"groupName":"CLIENT_INNER_PRODUCER"}],"withoutSub":false}"#;
        let data = HeartbeatData::parse(body).unwrap();
        assert_eq!(data.client_id, "192.0.2.2@4878#17");
        assert_eq!(data.producer_groups().next().unwrap(), "CLIENT_INNER_PRODUCER");
        let consumer = data.consumers().next().unwrap();
        assert_eq!(consumer.group_name, "CG");
        assert_eq!(consumer.message_model, "CLUSTERING");
        let mut subscriptions = consumer.subscriptions();
        assert_eq!(subscriptions.next().unwrap().sub_version, 1_795_354_904_139);
        assert_eq!(subscriptions.next().unwrap().topic, "%RETRY%CG");
        assert!(subscriptions.next().is_none());
    }

    #[test]
    fn the_heartbeat_written_is_that_of_java() {
        let mut buffer = [0u8; 256];
        let mut writer = Writer::new(&mut buffer);
        put_producer_heartbeat(&mut writer, "ip@1".into(), &["PG".into(), "CLIENT_INNER_PRODUCER".into()]);
        let len = writer.filled();
        let expected = br#"{"clientID":"ip@1","consumerDataSet":[],"heartbeatFingerprint":0,"producerDataSet":[{"groupName":"PG"},{"groupName":"CLIENT_INNER_PRODUCER"}],"withoutSub":false}"#;
        assert_eq!(&buffer[..len], &expected[..]);
        assert_eq!(HeartbeatData::parse(&buffer[..len]).unwrap().producer_groups().count(), 2);
    }

    #[test]
    fn what_is_missing_is_named() {
        let field = |body: &[u8]| HeartbeatData::parse(body).unwrap_err().field;
        assert_eq!(field(b"x"), "heartbeat");
        assert_eq!(field(b"{}"), "clientID");
        assert_eq!(field(br#"{"clientID":"c","producerDataSet":[{}]}"#), "groupName");
        assert_eq!(
            field(br#"{"clientID":"c","consumerDataSet":[{"groupName":"g","subscriptionDataSet":[1]}]}"#),
            "topic"
        );
    }
}
