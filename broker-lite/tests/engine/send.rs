//! What is stored of a send, and what is answered.

use rocketlite_broker::{BrokerConfig, BrokerEvent, WhenFull};
use rocketlite_core::message::crc32;
use rocketlite_core::message::id::{MessageId, OffsetMessageId};
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::fields::SerializeType;

use crate::harness::{ADDRESS, Ask, Limits, PEER, Server, WALL, config, with_broker, with_peer};

/// The properties of the newest record.
fn newest_properties(server: &Server<'_>) -> String {
    let record = server.broker.log().records().last().unwrap();
    String::from_utf8(record.properties.to_vec()).unwrap()
}

#[test]
fn a_message_is_stored_with_all_that_was_sent() {
    with_peer(|server, peer| {
        server.now = rocketlite_core::Instant::from_millis(123);
        // Sys flag bits of IPv6 hosts are the broker's own.
        let answer =
            server.ask(peer, &Ask::send("T", b"hello").with("f", "49").with("j", "2").with("e", "3"));
        assert_eq!((answer.code, answer.flag, answer.opaque, answer.remark.clone()), (0, 1, 41, None));
        let id = OffsetMessageId { store_host: ADDRESS.parse().unwrap(), physical_offset: 0 };
        assert_eq!(answer.field("msgId"), id.to_string());
        assert_eq!((answer.field("queueId"), answer.field("queueOffset")), ("3", "0"));
        assert_eq!((answer.field("MSG_REGION"), answer.field("TRACE_ON")), ("DefaultRegion", "true"));
        assert!(answer.body.is_empty());

        let (record, _) = server.broker.log().read(0).unwrap();
        assert_eq!((record.topic, record.body, record.body_crc), ("T", &b"hello"[..], crc32(b"hello")));
        assert_eq!((record.queue_id, record.queue_offset, record.physical_offset), (3, 0, 0));
        assert_eq!((record.flag, record.sys_flag, record.reconsume_times), (5, 1, 2));
        assert_eq!((record.born_timestamp, record.store_timestamp), (1_699_999_999_000, WALL + 123));
        assert_eq!((record.born_host, record.store_host), (PEER.parse().unwrap(), ADDRESS.parse().unwrap()));
        assert_eq!(record.prepared_transaction_offset, 0);

        let answer = server.ask(peer, &Ask::send("T", b"again").with("e", "3"));
        assert_eq!(answer.field("queueOffset"), "1");
        let queue = server.broker.queue("T", 3).unwrap();
        assert_eq!((queue.min_offset(), queue.max_offset()), (0, 2));
        assert_eq!(server.broker.queue("T", 0).unwrap().max_offset(), 0);
        let counters = server.broker.counters();
        assert_eq!((counters.requests, counters.stored_messages, counters.refused), (2, 2, 0));
        assert_eq!(counters.stored_bytes, server.broker.log().max_offset());
    });
}

#[test]
fn all_three_codes_and_both_headers_send() {
    with_peer(|server, peer| {
        let v1 = [
            ("producerGroup", "PG"),
            ("topic", "T"),
            ("defaultTopic", "TBW102"),
            ("defaultTopicQueueNums", "4"),
            ("queueId", "1"),
            ("sysFlag", "0"),
            ("bornTimestamp", "1"),
            ("flag", "0"),
            ("properties", ""),
            ("maxReconsumeTimes", "0"),
        ];
        let requests = [
            Ask::new(RequestCode::SEND_MESSAGE, &v1, b"1"),
            Ask::send("T", b"2"),
            Ask { code: RequestCode::SEND_BATCH_MESSAGE, ..Ask::send("T", b"3") },
        ];
        for (n, request) in requests.into_iter().enumerate() {
            for request in [request.clone(), request.binary()] {
                let expected = request.serialize_type;
                let answer = server.ask(peer, &request.opaque(i32::try_from(n).unwrap() - 1));
                assert_eq!((answer.code, answer.serialize_type), (0, expected), "{answer:?}");
                assert_eq!(answer.opaque, i32::try_from(n).unwrap() - 1);
            }
        }
        assert_eq!(server.broker.log().records().count(), 6);
        assert_ne!(SerializeType::Json, SerializeType::RocketMq);
    });
}

#[test]
fn properties_are_completed_in_the_way_of_5_x() {
    with_peer(|server, peer| {
        let own = "A\u{1}1\u{2}broken\u{2}CLUSTER\u{1}x\u{2}POP_CK\u{1}x\u{2}MSG_REGION\u{1}x\u{2}TRACE_ON\u{1}no\u{2}UNIQ_KEY\u{1}K\u{2}WAIT\u{1}true";
        server.ask(peer, &Ask::send("T", b"b").with("i", own));
        assert_eq!(
            newest_properties(server),
            "A\u{1}1\u{2}UNIQ_KEY\u{1}K\u{2}WAIT\u{1}true\u{2}CLUSTER\u{1}DefaultCluster\u{2}MSG_REGION\u{1}DefaultRegion\u{2}TRACE_ON\u{1}true\u{2}"
        );
        server.ask(peer, &Ask::send("T", b"b").without("i"));
        let record = server.broker.log().records().last().unwrap();
        let id = record.properties().get("UNIQ_KEY").unwrap().to_string();
        assert_eq!(MessageId::parse(&id).unwrap().ip().to_string(), "127.0.0.1");
        server.ask(peer, &Ask::send("T", b"b").without("i").binary());
        let record = server.broker.log().records().last().unwrap();
        assert_ne!(record.properties().get("UNIQ_KEY").unwrap().to_string(), id);
    });
    let config = BrokerConfig { region_id: "R", trace_on: false, cluster_name: "C", ..config() };
    with_broker(config, Limits::default(), |server| {
        let peer = server.accept();
        let answer = server.ask(peer, &Ask::send("T", b"b").with("i", "UNIQ_KEY\u{1}K"));
        assert_eq!((answer.field("MSG_REGION"), answer.field("TRACE_ON")), ("R", "false"));
        assert_eq!(
            newest_properties(server),
            "UNIQ_KEY\u{1}K\u{2}CLUSTER\u{1}C\u{2}MSG_REGION\u{1}R\u{2}TRACE_ON\u{1}false\u{2}"
        );
    });
}

#[test]
fn an_unknown_topic_is_made_after_the_template() {
    with_peer(|server, peer| {
        server.ask(peer, &Ask::send("T", b"b").with("e", "1").with("d", "2"));
        let topic = server.broker.topic("T").unwrap();
        assert_eq!((topic.read_queue_nums(), topic.write_queue_nums(), topic.perm()), (2, 2, 6));
        let created = BrokerEvent::TopicCreated { topic: "T".try_into().unwrap(), queues: 2 };
        assert_eq!(server.events(), [created]);
        server.ask(peer, &Ask::send("U", b"b").with("d", "100"));
        assert_eq!(server.broker.topic("U").unwrap().write_queue_nums(), 8);
        server.ask(peer, &Ask::send("V", b"b").with("c", "broker-a").with("d", "9"));
        assert_eq!(server.broker.topic("V").unwrap().write_queue_nums(), 1);
        // A topic without the inherit bit is no template.
        for template in ["T", "nobody", ""] {
            let answer = server.ask(peer, &Ask::send("W", b"b").binary().with("c", template));
            assert_ne!(answer.code, 0, "{template}");
        }
        // No queues is a topic that nobody can send to.
        let answer = server.ask(peer, &Ask::send("X", b"b").with("d", "-3").with("e", "-1"));
        assert_eq!((answer.code, server.broker.topic("X").unwrap().write_queue_nums()), (29, 0));
    });
    with_broker(BrokerConfig { auto_create_topics: false, ..config() }, Limits::default(), |server| {
        let peer = server.accept();
        for template in ["TBW102", "broker-a"] {
            assert_eq!(server.ask(peer, &Ask::send("T", b"b").with("c", template)).code, 17);
        }
        assert!(server.broker.topic("TBW102").is_none());
        assert_eq!(server.ask(peer, &Ask::send("broker-a", b"b")).code, 0);
    });
}

#[test]
fn a_sender_without_choice_gets_any_queue() {
    with_peer(|server, peer| {
        let mut seen = [false; 4];
        for _ in 0..100 {
            let answer = server.ask(peer, &Ask::send("T", b"b").with("e", "-7"));
            seen[answer.field("queueId").parse::<usize>().unwrap()] = true;
        }
        assert_eq!(seen, [true; 4]);
        // The permission of the topic does not matter, nor does it in the reference.
        assert_eq!(server.ask(peer, &Ask::send("TBW102", b"b").with("e", "7")).code, 0);
    });
}

#[test]
fn one_way_sends_are_stored_and_not_answered() {
    with_peer(|server, peer| {
        let frame = Ask::send("T", b"b").one_way().frame();
        assert_eq!(server.receive(peer, &frame), frame.len());
        let refused = Ask::send("no topic", b"b").one_way().frame();
        assert_eq!(server.receive(peer, &refused), refused.len());
        assert_eq!(server.requests(), []);
        assert_eq!(server.transmit(peer, 100), []);
        let counters = server.broker.counters();
        assert_eq!((counters.stored_messages, counters.refused), (1, 1));
    });
}

#[test]
fn retries_end_as_dead_letters() {
    with_peer(|server, peer| {
        let retry = |times: &str, most: &str| {
            Ask::send("%RETRY%CG", b"b").with("c", "nobody").with("j", times).with("l", most)
        };
        // The retry topic is made although there is no template.
        assert_eq!(server.ask(peer, &retry("16", "16")).code, 0);
        let topic = server.broker.topic("%RETRY%CG").unwrap();
        assert_eq!((topic.write_queue_nums(), topic.perm()), (1, 6));
        let delayed = retry("17", "16").with("i", "UNIQ_KEY\u{1}K\u{2}DELAY\u{1}3\u{2}");
        let answer = server.ask(peer, &delayed);
        assert_eq!((answer.code, answer.field("queueId"), answer.field("queueOffset")), (0, "0", "0"));
        let record = server.broker.log().records().last().unwrap();
        assert_eq!((record.topic, record.reconsume_times), ("%DLQ%CG", 17));
        assert_eq!(record.properties().get("DELAY").unwrap(), "-1");
        // Before 3.4.9 the broker's own limit counts.
        let old = Ask { version: 120, ..retry("16", "1") };
        server.ask(peer, &old);
        assert_eq!(server.broker.log().records().last().unwrap().topic, "%RETRY%CG");
        server.ask(peer, &retry("17", "0").without("l"));
        assert_eq!(server.broker.log().records().last().unwrap().topic, "%DLQ%CG");
        assert_eq!(server.broker.queue("%DLQ%CG", 0).unwrap().max_offset(), 2);
    });
}

#[test]
fn a_full_log_evicts_or_refuses() {
    let limits = Limits { log: 66_100 + 32_767, ..Limits::default() };
    with_broker(config(), limits, |server| {
        let peer = server.accept();
        let body = vec![7; 30_000];
        for n in 0..10 {
            let answer = server.ask(peer, &Ask::send("T", &body));
            assert_eq!((answer.code, answer.field("queueOffset")), (0, n.to_string().as_str()));
        }
        let (queue, counters) = (server.broker.queue("T", 0).unwrap(), server.broker.counters());
        assert_eq!((queue.min_offset(), queue.max_offset()), (7, 10));
        assert_eq!((counters.stored_messages, counters.evicted_messages), (10, 7));
        let bytes = counters.evicted_bytes;
        let evicted = BrokerEvent::Evicted { messages: 7, bytes };
        assert_eq!(server.events().last(), Some(&evicted), "reports are added up");
        assert_eq!(server.broker.log().records().next().unwrap().queue_offset, 7);
    });
    let config = BrokerConfig { when_full: WhenFull::Refuse, ..config() };
    with_broker(config, limits, |server| {
        let peer = server.accept();
        let body = vec![7; 30_000];
        let codes: Vec<i32> = (0..5).map(|_| server.ask(peer, &Ask::send("T", &body)).code).collect();
        assert_eq!(codes, [0, 0, 0, 14, 14]);
        assert_eq!(server.broker.queue("T", 0).unwrap().max_offset(), 3);
        assert_eq!(server.ask(peer, &Ask::send("T", b"a small one still fits")).code, 0);
    });
}
