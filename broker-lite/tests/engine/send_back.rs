//! Messages that a consumer has failed with: when it sees them again, and where they end.

use rocketlite_broker::BrokerConfig;
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::{ConnectionId, Rng};

use crate::consumer::{bodies, pull_with};
use crate::delays::pass;
use crate::harness::{Answer, Ask, Limits, Server, config, with_broker, with_peer};

/// Group `CG` has failed with the message at `offset`.
fn send_back(offset: i64) -> Ask<'static> {
    let fields = [
        ("offset", offset.to_string()),
        ("group", "CG".into()),
        ("delayLevel", "0".into()),
        ("originMsgId", "x".into()),
        ("originTopic", "T".into()),
        ("unitMode", "false".into()),
        ("maxReconsumeTimes", "16".into()),
    ];
    let mut ask = Ask::new(RequestCode::CONSUMER_SEND_MSG_BACK, &[], b"");
    ask.fields.extend(fields);
    ask
}

/// Sends a message to `T`; returns its place in the log.
fn store(server: &mut Server<'_>, peer: ConnectionId, body: &[u8]) -> i64 {
    assert_eq!(server.ask(peer, &Ask::send("T", body)).code, 0);
    newest(server).physical_offset
}

fn newest<'s>(server: &'s Server<'_>) -> StoredMessage<'s> {
    server.broker.log().records().last().unwrap()
}

fn property(message: &StoredMessage<'_>, name: &str) -> String {
    message.properties().get(name).map(|value| value.to_string()).unwrap_or_default()
}

fn done(answer: &Answer) {
    assert_eq!((answer.code, &answer.remark, answer.fields.len()), (0, &None, 0));
}

#[test]
fn each_time_it_comes_back_later() {
    with_peer(|server, peer| {
        let mut offset = store(server, peer, b"body");
        let (id, sent) = (offset, newest(server).born_timestamp);
        for (times, seconds) in [(1, 10), (2, 30), (3, 60)] {
            done(&server.ask(peer, &send_back(offset)));
            pass(server, seconds * 1_000 - 1);
            assert_eq!(newest(server).topic, "SCHEDULE_TOPIC_XXXX");
            pass(server, 1);
            let record = newest(server);
            assert_eq!((record.topic, record.queue_id, record.queue_offset), ("%RETRY%CG", 0, times - 1));
            assert_eq!((record.body, record.flag, record.born_timestamp), (&b"body"[..], 5, sent));
            assert_eq!(i64::from(record.reconsume_times), times);
            for (name, value) in [
                ("RETRY_TOPIC", "T"),
                ("WAIT", "false"),
                ("REAL_TOPIC", "%RETRY%CG"),
                ("REAL_QID", "0"),
                ("TAGS", "TagA"),
                ("UNIQ_KEY", "K1"),
                ("CLUSTER", "DefaultCluster"),
            ] {
                assert_eq!(property(&record, name), value, "{name}");
            }
            assert_eq!(property(&record, "DELAY"), (times + 2).to_string());
            assert_eq!(property(&record, "ORIGIN_MESSAGE_ID"), format!("7F00000100002A9F{id:016X}"));
            offset = record.physical_offset;
        }
        assert_eq!(bodies(&server.ask(peer, &pull_with("%RETRY%CG", 0, "TagA"))).len(), 3);
        let topic = server.broker.topic("%RETRY%CG").unwrap();
        assert_eq!((topic.write_queue_nums(), topic.perm()), (1, 6));
    });
}

#[test]
fn the_level_may_be_named() {
    with_peer(|server, peer| {
        let offset = store(server, peer, b"body");
        done(&server.ask(peer, &send_back(offset).with("delayLevel", "1").binary()));
        pass(server, 1_000);
        assert_eq!(newest(server).topic, "%RETRY%CG");
        done(&server.ask(peer, &send_back(offset).with("delayLevel", "99")));
        assert_eq!((newest(server).topic, newest(server).queue_id), ("SCHEDULE_TOPIC_XXXX", 17));
    });
}

#[test]
fn what_fails_too_often_is_a_dead_letter() {
    with_peer(|server, peer| {
        let offset = store(server, peer, b"body");
        done(&server.ask(peer, &send_back(offset).with("delayLevel", "-1")));
        let record = newest(server);
        assert_eq!((record.topic, record.queue_id, record.body), ("%DLQ%CG", 0, &b"body"[..]));
        assert_eq!((record.reconsume_times, property(&record, "RETRY_TOPIC").as_str()), (1, "T"));
        assert_eq!(["DELAY", "WAIT"].map(|name| property(&record, name)), ["0", "false"]);
        let topic = server.broker.topic("%DLQ%CG").unwrap();
        assert_eq!((topic.write_queue_nums(), topic.perm()), (1, 6));

        // Twice to see again, and then no more.
        let mut offset = offset;
        for _ in 0..2 {
            done(&server.ask(peer, &send_back(offset).with("maxReconsumeTimes", "2")));
            pass(server, 30_000);
            assert_eq!(newest(server).topic, "%RETRY%CG");
            offset = newest(server).physical_offset;
        }
        done(&server.ask(peer, &send_back(offset).with("maxReconsumeTimes", "2")));
        assert_eq!((newest(server).topic, newest(server).reconsume_times), ("%DLQ%CG", 3));
        // Before 3.4.9 the group's own limit counts.
        let old = Ask { version: 120, ..send_back(offset).with("maxReconsumeTimes", "2") };
        done(&server.ask(peer, &old));
        assert_eq!(newest(server).topic, "SCHEDULE_TOPIC_XXXX");
    });
}

#[test]
fn what_cannot_come_back_is_refused() {
    with_peer(|server, peer| {
        let offset = store(server, peer, b"body");
        for wrong in [offset + 1, offset + 10_000, -1, i64::MAX] {
            let answer = server.ask(peer, &send_back(wrong));
            let remark = format!("look message by offset failed, {wrong}");
            assert_eq!((answer.code, answer.remark), (1, Some(remark)));
        }
        assert_eq!(server.ask(peer, &send_back(offset).with("group", "a b")).code, 1);
        let answer = server.ask(peer, &send_back(offset).without("delayLevel"));
        assert_eq!((answer.code, answer.remark.as_deref()), (1, Some("delayLevel is missing")));
        assert_eq!(server.broker.log().records().count(), 1);
    });
    let closed = BrokerConfig { auto_create_groups: false, ..config() };
    with_broker(closed, Limits::default(), |server| {
        let peer = server.accept();
        let offset = store(server, peer, b"body");
        let text = "subscription group not exist, CG \nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";
        let fallback = Ask::send("%RETRY%CG", b"body");
        for request in [send_back(offset), fallback] {
            let answer = server.ask(peer, &request);
            assert_eq!((answer.code, answer.remark.as_deref()), (26, Some(text)));
        }
    });
    let none = BrokerConfig { max_delayed_bytes: Some(100), ..config() };
    with_broker(none, Limits::default(), |server| {
        let peer = server.accept();
        let offset = store(server, peer, b"body");
        let answer = server.ask(peer, &send_back(offset));
        assert_eq!((answer.code, answer.remark.as_deref()), (14, Some("max_delayed_bytes is full")));
        done(&server.ask(peer, &send_back(offset).with("delayLevel", "-1")));
    });
}

/// Room for the copy may be made at the cost of the message itself, but not before it is copied.
#[test]
fn the_oldest_message_of_a_full_log_can_come_back() {
    let config = BrokerConfig { max_message_size: 1_024, ..config() };
    for seed in 0..20 {
        let limits = Limits { log: 9_000 + seed * 11, scratch: 1_024, ..Limits::default() };
        with_broker(config.clone(), limits, |server| {
            let peer = server.accept();
            let mut rng = Rng::new(seed as u64);
            for round in 0..200u32 {
                let body = round.to_le_bytes().repeat(1 + rng.below(200) as usize);
                store(server, peer, &body);
                let records: Vec<_> = server.broker.log().records().collect();
                let any = &records[rng.below(2.min(u32::try_from(records.len()).unwrap())) as usize];
                let (offset, body) = (any.physical_offset, any.body.to_vec());
                let answer = server.ask(peer, &send_back(offset).with("delayLevel", "-1"));
                done(&answer);
                assert_eq!((newest(server).topic, newest(server).body), ("%DLQ%CG", &body[..]));
                assert!(server.broker.log().records().any(|record| record.topic == "T"));
            }
        });
    }
}

/// A client sends to the retry topic itself when it cannot send back; one that consumes in order does nothing else.
#[test]
fn what_an_ordered_consumer_gives_up_is_a_dead_letter() {
    with_peer(|server, peer| {
        store(server, peer, b"body");
        let retry = Ask::send("%RETRY%CG", b"body")
            .with("j", "1")
            .with("l", "16")
            .with("i", "DELAY\u{1}3\u{2}RETRY_TOPIC\u{1}T\u{2}");
        assert_eq!(server.ask(peer, &retry).code, 0);
        assert_eq!(newest(server).topic, "SCHEDULE_TOPIC_XXXX");
        let body = r#"{"clientId":"c@1","consumerGroup":"CG","mqSet":[{"brokerName":"broker-a","queueId":0,"topic":"T"}]}"#;
        assert_eq!(server.ask(peer, &Ask::new(RequestCode::LOCK_BATCH_MQ, &[], body.as_bytes())).code, 0);
        let answer = server.ask(peer, &retry);
        assert_eq!((answer.code, answer.field("queueId"), answer.field("queueOffset")), (0, "0", "0"));
        assert_eq!((newest(server).topic, property(&newest(server), "DELAY").as_str()), ("%DLQ%CG", "-1"));
        pass(server, 60_001);
        assert_eq!(server.ask(peer, &retry).code, 0);
        assert_eq!(newest(server).topic, "SCHEDULE_TOPIC_XXXX", "nobody has renewed the lock");
    });
}
