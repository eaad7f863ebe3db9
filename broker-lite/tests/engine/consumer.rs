//! Requests as consumers make them.

use rocketlite_core::wire::code::RequestCode;

use crate::harness::{Answer, Ask};

/// The heartbeat of a member of `group` that wants `tags` of `topic`.
pub(crate) fn heartbeat(client_id: &str, group: &str, topic: &str, tags: &str, version: i64) -> String {
    format!(
        r#"{{"clientID":"{client_id}","consumerDataSet":[{{"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":"{group}","messageModel":"CLUSTERING","subscriptionDataSet":[{{"expressionType":"TAG","subString":"{tags}","subVersion":{version},"topic":"{topic}"}},{{"expressionType":"TAG","subString":"*","subVersion":{version},"topic":"%RETRY%{group}"}}]}}],"producerDataSet":[]}}"#
    )
}

pub(crate) fn heartbeat_of(body: &str) -> Ask<'_> {
    Ask::new(RequestCode::HEART_BEAT, &[], body.as_bytes())
}

/// A pull of queue 0 by group `CG` as Java's push consumer makes it, with the subscription of its heartbeat.
pub(crate) fn pull(topic: &str, offset: i64) -> Ask<'static> {
    let fields = [
        ("consumerGroup", "CG"),
        ("topic", topic),
        ("queueId", "0"),
        ("queueOffset", ""),
        ("maxMsgNums", "32"),
        ("sysFlag", "2"),
        ("commitOffset", "0"),
        ("suspendTimeoutMillis", "15000"),
        ("subVersion", "1"),
    ];
    Ask::new(RequestCode::PULL_MESSAGE, &fields, b"").with("queueOffset", &offset.to_string())
}

/// The same, with the subscription in it and without the wish to wait.
pub(crate) fn pull_with(topic: &str, offset: i64, tags: &str) -> Ask<'static> {
    pull(topic, offset).with("sysFlag", "4").with("subscription", tags).with("expressionType", "TAG")
}

/// A send to queue 0 with a tag, or without one.
pub(crate) fn send_tagged<'a>(topic: &str, body: &'a [u8], tag: &str) -> Ask<'a> {
    let tags = if tag.is_empty() { String::new() } else { format!("TAGS\u{1}{tag}\u{2}") };
    Ask::send(topic, body).with("i", &format!("UNIQ_KEY\u{1}K1\u{2}{tags}"))
}

/// The fields that every answer to a pull has.
pub(crate) fn places(answer: &Answer) -> (i32, i64, i64, i64) {
    assert_eq!(answer.field("suggestWhichBrokerId"), "0", "{answer:?}");
    let number = |key: &str| answer.field(key).parse::<i64>().unwrap();
    (answer.code, number("nextBeginOffset"), number("minOffset"), number("maxOffset"))
}

/// The bodies of the messages in an answer.
pub(crate) fn bodies(answer: &Answer) -> Vec<Vec<u8>> {
    use rocketlite_core::message::crc32;
    use rocketlite_core::message::stored::StoredMessage;
    let (mut rest, mut bodies) = (&answer.body[..], Vec::new());
    while !rest.is_empty() {
        let (message, size) = StoredMessage::decode_checked(rest, crc32).unwrap();
        bodies.push(message.body.to_vec());
        rest = &rest[size..];
    }
    bodies
}
