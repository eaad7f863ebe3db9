//! Requests whose frames are right and whose fields are not.

use rocketlite::Broker;
use rocketlite_core::message::batch::Entry;
use rocketlite_core::wire::code::{RequestCode, ResponseCode};
use rocketlite_tests::encode::encoded;

use crate::Bystander;
use crate::wire::{Raw, SEND_FIELDS, binary_frame, frame, framed, send_request};

fn broker() -> Broker {
    Broker::builder().start().expect("settings")
}

/// A send of a message to `topic` in each form of header.
fn sends_to(topic: &str, opaque: i32) -> [Vec<u8>; 2] {
    let fields: Vec<_> =
        SEND_FIELDS.iter().map(|(key, value)| (*key, if *key == "b" { topic } else { *value })).collect();
    let code = RequestCode::SEND_MESSAGE_V2.0;
    [frame(code, opaque, 0, &fields, b"hello"), binary_frame(code, opaque, 0, &fields, b"hello")]
}

#[tokio::test]
async fn topics_as_long_as_can_be_of_each_kind_of_character() {
    let broker = broker();
    let bystander = Bystander::start(&broker).await;
    let mut peer = Raw::connect(&broker).await;
    let (mut good, mut opaque) = (0, 0);
    let bytes_127 = |text: &str| format!("{}{}", text.repeat(127 / text.len()), "a".repeat(127 % text.len()));
    for kind in ["t", "Z", "7", "%", "|", "-", "_", "%RETRY%g"] {
        for (topic, code) in
            [(bytes_127(kind), 0), (bytes_127(kind) + "a", ResponseCode::INVALID_PARAMETER.0)]
        {
            for request in sends_to(&topic, opaque) {
                peer.write(&request).await;
                assert_eq!(peer.answer().await, (code, opaque), "{} bytes: {topic}", topic.len());
                good += u32::from(code == 0);
            }
            opaque += 1;
        }
    }
    for kind in
        ["é", "主", "🚀", "\u{0}", "\"", "\\", "\n", " ", "/", ".", "\u{3000}", "\u{202e}", "\u{fffd}"]
    {
        for request in sends_to(&bytes_127(kind), opaque) {
            peer.write(&request).await;
            assert_eq!(peer.answer().await, (ResponseCode::INVALID_PARAMETER.0, opaque), "{kind:?}");
        }
        opaque += 1;
    }
    let mut stored = 0;
    broker.for_each_message(|message| stored += u32::from(message.topic.len() == 127));
    assert_eq!(stored, good);
    bystander.goes_on().await;
}

#[tokio::test]
async fn of_fields_that_are_repeated_the_last_counts() {
    let broker = broker();
    let mut peer = Raw::connect(&broker).await;
    for times in [2, 100, 2_000] {
        let topics: Vec<String> = (0..times).map(|number| format!("Topic{number}")).collect();
        let mut fields = SEND_FIELDS.to_vec();
        fields.extend(topics.iter().map(|topic| ("b", topic.as_str())));
        let code = RequestCode::SEND_MESSAGE_V2.0;
        for request in [frame(code, 1, 0, &fields, b"x"), binary_frame(code, 1, 0, &fields, b"x")] {
            peer.write(&request).await;
            assert_eq!(peer.answer().await, (0, 1));
        }
        let (mut stored, mut others) = (0, 0);
        broker.for_each_message(|message| {
            let wanted = message.topic == topics[times - 1];
            (stored, others) = (stored + u32::from(wanted), others + u32::from(!wanted));
        });
        assert_eq!(stored, 2, "{others} others");
    }
    // Members of the header itself.
    let json = r#"{"code":1,"code":105,"opaque":1,"opaque":9,"extFields":{},"extFields":{"topic":"T"}}"#;
    let length = u32::try_from(json.len()).expect("it is short").to_be_bytes();
    peer.write(&framed(&[&length, json.as_bytes()].concat())).await;
    assert_eq!(peer.answer().await, (ResponseCode::TOPIC_NOT_EXIST.0, 9));
}

/// `[[[…]]]` of so many brackets.
fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

#[tokio::test]
async fn json_that_nests_too_deeply_is_refused_where_it_stands() {
    let broker = broker();
    let bystander = Bystander::start(&broker).await;
    let with_header = |value: &str| {
        let json = format!(r#"{{"code":105,"opaque":3,"x":{value},"extFields":{{"topic":"T"}}}}"#);
        let length = u32::try_from(json.len()).expect("it is short").to_be_bytes();
        framed(&[&length, json.as_bytes()].concat())
    };
    for (depth, closes) in [(1, false), (30, false), (33, true), (1_000, true), (1_000_000, true)] {
        let mut peer = Raw::connect(&broker).await;
        peer.write(&with_header(&nested(depth))).await;
        if closes {
            assert!(peer.is_closed().await.is_empty(), "{depth} deep");
        } else {
            assert_eq!(peer.answer().await, (ResponseCode::TOPIC_NOT_EXIST.0, 3), "{depth} deep");
        }
    }
    // A body belongs to its request alone.
    let mut peer = Raw::connect(&broker).await;
    let registration = [("brokerName", "b"), ("brokerAddr", "h:1"), ("clusterName", "C"), ("brokerId", "0")];
    for depth in [100, 100_000] {
        for body in [nested(depth), format!(r#"{{"clientID":"c","producerDataSet":{}}}"#, nested(depth))] {
            for (code, fields) in
                [(RequestCode::HEART_BEAT, &[][..]), (RequestCode::REGISTER_BROKER, &registration)]
            {
                peer.write(&frame(code.0, 4, 0, fields, body.as_bytes())).await;
                assert_eq!(peer.answer().await, (1, 4), "{code:?}, {depth} deep");
            }
        }
    }
    peer.is_served(5).await;
    bystander.goes_on().await;
}

/// A binary header whose fields are `fields`, said to be `length` bytes.
fn with_binary_fields(length: i32, fields: &[u8]) -> Vec<u8> {
    let fixed = b"\0\x69\0\x01\xd9\0\0\0\x01\0\0\0\0\0\0\0\0";
    let header = [&fixed[..], &length.to_be_bytes(), fields].concat();
    let [_, word @ ..] = u32::try_from(header.len()).expect("it is short").to_be_bytes();
    framed(&[&[1], &word[..], &header].concat())
}

#[tokio::test]
async fn lengths_that_disagree_within_a_frame_are_refused() {
    let broker = broker();
    let bystander = Bystander::start(&broker).await;
    let field = b"\0\x05topic\0\0\0\x01T";
    let whole = i32::try_from(field.len()).expect("it is short");
    let mut peer = Raw::connect(&broker).await;
    peer.write(&with_binary_fields(whole, field)).await;
    assert_eq!(peer.answer().await, (ResponseCode::TOPIC_NOT_EXIST.0, 1));
    for (what, bytes) in [
        ("more fields than there are", with_binary_fields(whole + 1, field)),
        ("fields as long as can be", with_binary_fields(i32::MAX, field)),
        ("a key longer than all", with_binary_fields(whole, b"\x7f\xfftopic\0\0\0\x01T")),
        ("a key of a negative length", with_binary_fields(whole, b"\xff\xfftopic\0\0\0\x01T")),
        ("a value longer than all", with_binary_fields(whole, b"\0\x05topic\0\0\0\x02T")),
        ("a value of a negative length", with_binary_fields(whole, b"\0\x05topic\xff\xff\xff\xffT")),
    ] {
        let mut peer = Raw::connect(&broker).await;
        peer.write(&bytes).await;
        assert!(peer.is_closed().await.is_empty(), "{what} was answered");
    }
    // The sizes within a batch are a matter of its request.
    let entry = Entry { flag: 0, body: b"hello", properties: b"TAGS\x01t\x02" };
    let entry = encoded(|writer| entry.encode(writer).expect("it is short"));
    let mut fields = SEND_FIELDS.to_vec();
    fields.push(("m", "true"));
    let batch = |body: &[u8]| frame(RequestCode::SEND_BATCH_MESSAGE.0, 2, 0, &fields, body);
    peer.write(&batch(&entry.repeat(3))).await;
    assert_eq!(peer.answer().await, (0, 2));
    // The highest and the lowest byte of the size of the entry, of its body, and of its properties.
    for at in [0, 3, 16, 19, 25, 26] {
        for change in [1, 0x7f, 0x80, 0xff] {
            let mut changed = entry.clone();
            changed[at] = changed[at].wrapping_add(change);
            peer.write(&batch(&[entry.clone(), changed].concat())).await;
            let (code, opaque) = peer.answer().await;
            assert_eq!((code != 0, opaque), (true, 2), "{change} more at {at}");
        }
    }
    let mut stored = 0;
    broker.for_each_message(|message| stored += u32::from(message.topic == "Hostile"));
    assert_eq!(stored, 3, "of a broken batch nothing is stored");
    peer.write(&send_request(3, b"x")).await;
    assert_eq!(peer.answer().await, (0, 3));
    bystander.goes_on().await;
}
