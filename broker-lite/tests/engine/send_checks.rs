//! Every row of the table of checks, with its code and text.

use rocketlite_broker::{BrokerConfig, BrokerEvent};
use rocketlite_core::wire::code::{RequestCode, ResponseCode};

use crate::harness::{Ask, Limits, Server, config, with_broker, with_peer};

const FAQ: &str = "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

#[track_caller]
fn refused(request: &Ask<'_>, code: i32, remark: &str) {
    for request in [request.clone(), request.clone().binary()] {
        with_peer(|server, peer| {
            let answer = server.ask(peer, &request);
            assert_eq!((answer.code, answer.remark.as_deref()), (code, Some(remark)));
            assert_eq!((answer.field("MSG_REGION"), answer.field("TRACE_ON")), ("DefaultRegion", "true"));
            assert_eq!(server.broker.log().max_offset(), 0, "nothing is stored");
            assert_eq!(server.broker.counters().refused, 1);
            let rejected = BrokerEvent::Rejected {
                connection: peer,
                request: request.code,
                response: ResponseCode(code),
            };
            assert!(server.events().contains(&rejected));
        });
    }
}

#[test]
fn the_topic_has_to_be_one() {
    let broken = "The specified topic: a b, contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$";
    refused(&Ask::send("a b", b"b"), 29, broken);
    refused(&Ask::send("  ", b"b"), 29, "The specified topic is blank.");
    let long = "x".repeat(128);
    with_peer(|server, peer| {
        let answer = server.ask(peer, &Ask::send(&long, b"b"));
        assert_eq!(answer.code, 29);
        assert!(answer.remark.unwrap().contains("longer than topic max length"));
        let answer = server.ask(peer, &Ask::send(&format!("%RETRY%{long}"), b"b"));
        assert_eq!(answer.code, 29);
        assert_eq!(server.ask(peer, &Ask::send(&"x".repeat(127), b"b")).code, 0);
    });
}

#[test]
fn the_brokers_own_topics_are_not_for_senders() {
    for topic in [
        "SCHEDULE_TOPIC_XXXX",
        "RMQ_SYS_TRANS_HALF_TOPIC",
        "RMQ_SYS_TRANS_OP_HALF_TOPIC",
        "TRANS_CHECK_MAX_TIME_TOPIC",
        "SELF_TEST_TOPIC",
        "OFFSET_MOVED_EVENT",
    ] {
        refused(&Ask::send(topic, b"b"), 16, &format!("Sending message to topic[{topic}] is forbidden."));
    }
}

#[test]
fn a_topic_that_cannot_be_made_is_missing() {
    let text = format!("topic[T] not exist, apply first please!{FAQ}");
    refused(&Ask::send("T", b"b").with("c", "nobody"), 17, &text);
}

#[test]
fn queues_have_an_end() {
    refused(
        &Ask::send("T", b"b").with("e", "4"),
        29,
        "request queueId[4] is illegal, TopicConfig [topicName=T, readQueueNums=4, writeQueueNums=4, perm=RW-, topicFilterType=SINGLE_TAG, topicSysFlag=0, order=false, attributes={}] Producer: 10.1.2.3:50000",
    );
}

#[test]
fn half_messages_are_not_taken() {
    let text = "the broker[127.0.0.1] sending transaction message is forbidden";
    let properties = "UNIQ_KEY\u{1}K\u{2}TRAN_MSG\u{1}True\u{2}PGROUP\u{1}PG\u{2}";
    refused(&Ask::send("T", b"b").with("i", properties), 16, text);
    refused(&Ask::send("T", b"b").with("f", "4"), 16, text);
    with_peer(|server, peer| {
        let no = "TRAN_MSG\u{1}true\u{2}TRAN_MSG\u{1}false\u{2}";
        assert_eq!(server.ask(peer, &Ask::send("T", b"b").with("i", no)).code, 0);
    });
}

#[test]
fn times_of_its_own_are_not_taken() {
    let text = "timers are not supported by this broker, only the levels of DELAY";
    for property in ["TIMER_DELAY_SEC\u{1}5", "TIMER_DELAY_MS\u{1}5", "TIMER_DELIVER_MS\u{1}5"] {
        refused(&Ask::send("T", b"b").with("i", property), 13, text);
    }
    refused(&Ask::send("T", b"b").with("i", "DELAY\u{1}x"), 13, "DELAY is not a number");
    with_peer(|server, peer| {
        for level in ["0", "-1"] {
            let request = Ask::send("T", b"b").with("i", &format!("DELAY\u{1}{level}\u{2}"));
            assert_eq!(server.ask(peer, &request).code, 0);
        }
    });
}

#[test]
fn body_and_properties_have_limits() {
    let text = "the message is illegal, maybe msg body or properties length not matched. msg body length limit 65536B, msg properties length limit 32KB.";
    refused(&Ask::send("T", &vec![7; 65_537]), 13, text);
    let long = |len: usize| format!("k\u{1}{}\u{2}", "v".repeat(len));
    refused(&Ask::send("T", b"b").with("i", &long(32_767)), 13, text);
    with_peer(|server, peer| {
        assert_eq!(server.ask(peer, &Ask::send("T", &vec![7; 65_536])).code, 0);
        // What the broker adds counts too.
        let added = "UNIQ_KEY\u{1}1\u{2}CLUSTER\u{1}DefaultCluster\u{2}MSG_REGION\u{1}DefaultRegion\u{2}TRACE_ON\u{1}true\u{2}";
        let with = |len: usize| Ask::send("T", b"b").with("i", &format!("UNIQ_KEY\u{1}1\u{2}{}", long(len)));
        assert_eq!(server.ask(peer, &with(32_767 - added.len() - 3)).code, 0);
        assert_eq!(server.broker.log().records().last().unwrap().properties.len(), 32_767);
        assert_eq!(server.ask(peer, &with(32_767 - added.len() - 2)).code, 13);
    });
    refused(&Ask::send("T", b""), 1, "the message has no body");
}

#[test]
fn a_field_that_is_missing_or_wrong_is_named() {
    refused(&Ask::send("T", b"b").without("b"), 1, "b is missing");
    refused(&Ask::send("T", b"b").with("e", "x"), 1, "e is not a number of its type");
    refused(&Ask::new(RequestCode::SEND_MESSAGE, &[], b"b"), 1, "producerGroup is missing");
}

#[test]
fn tables_that_are_full_are_named() {
    let fill = |server: &mut Server<'_>, peer| {
        let answers: Vec<_> = (0..20).map(|n| server.ask(peer, &Ask::send(&format!("T{n}"), b"b"))).collect();
        let refused: Vec<_> = answers.into_iter().filter(|answer| answer.code != 0).collect();
        assert!(refused.iter().all(|answer| answer.code == 1));
        assert_eq!(refused[0].remark.as_deref(), Some("memory.topics or memory.queues is full"));
        refused.len()
    };
    with_broker(config(), Limits { topics: 6, ..Limits::default() }, |server| {
        let peer = server.accept();
        assert_eq!(fill(server, peer), 18);
        assert_eq!(server.ask(peer, &Ask::send("T0", b"b")).code, 0, "what is there goes on");
    });
    with_broker(
        BrokerConfig { ..config() },
        Limits { queues: 43 + 3 * 4, topics: 32, ..Limits::default() },
        |server| {
            let peer = server.accept();
            assert_eq!(fill(server, peer), 17);
        },
    );
}
