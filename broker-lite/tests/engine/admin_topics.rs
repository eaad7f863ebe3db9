//! Topics as administrators make, change and delete them.

use rocketlite_broker::BrokerEvent;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::{ConnectionId, Engine};

use crate::consumer::{heartbeat, heartbeat_of, pull, pull_with};
use crate::harness::{Answer, Ask, Limits, Server, WALL, config, with_broker, with_peer};

fn update(topic: &str, queues: &str) -> Ask<'static> {
    let fields = [
        ("topic", ""),
        ("defaultTopic", "TBW102"),
        ("readQueueNums", queues),
        ("writeQueueNums", queues),
        ("perm", "6"),
        ("topicFilterType", "SINGLE_TAG"),
        ("topicSysFlag", "0"),
        ("order", "false"),
    ];
    Ask::new(RequestCode::UPDATE_AND_CREATE_TOPIC, &fields, b"").with("topic", topic)
}

fn ask(server: &mut Server<'_>, peer: ConnectionId, code: RequestCode, topic: &str) -> Answer {
    server.ask(peer, &Ask::new(code, &[("topic", topic)], b""))
}

fn said(answer: &Answer) -> (i32, &str) {
    (answer.code, answer.remark.as_deref().unwrap_or_default())
}

#[test]
fn a_topic_is_made_changed_and_deleted() {
    with_peer(|server, peer| {
        assert_eq!(said(&server.ask(peer, &update("T", "2"))), (0, ""));
        assert_eq!(said(&server.ask(peer, &update("T", "2"))), (0, ""), "nothing changes");
        for n in 0..3 {
            assert_eq!(server.ask(peer, &Ask::send("T", &[n])).code, 0);
        }
        assert_eq!(said(&server.ask(peer, &update("T", "5").with("perm", "4"))), (0, ""));
        let topic = server.broker.topic("T").unwrap();
        assert_eq!((topic.read_queue_nums(), topic.write_queue_nums(), topic.perm()), (5, 5, 4));
        let queue = server.broker.queue("T", 0).unwrap();
        assert_eq!((queue.min_offset(), queue.max_offset()), (0, 3), "its messages stay");
        let one = ask(server, peer, RequestCode::GET_TOPIC_CONFIG, "T");
        let expected = r#"{"attributes":{},"order":false,"perm":4,"readQueueNums":5,"topicFilterType":"SINGLE_TAG","topicName":"T","topicSysFlag":0,"writeQueueNums":5}"#;
        assert_eq!(one.text(), expected);
        let all = server.ask(peer, &Ask::new(RequestCode::GET_ALL_TOPIC_CONFIG, &[], b""));
        assert!(all.text().contains(&format!(r#""T":{expected}"#)), "{}", all.text());
        assert_eq!(ask(server, peer, RequestCode::DELETE_TOPIC_IN_BROKER, "T").code, 0);
        assert!(server.broker.topic("T").is_none());
        assert_eq!(
            said(&ask(server, peer, RequestCode::GET_TOPIC_CONFIG, "T")),
            (17, "No topic in this broker. topic: T")
        );
        assert_eq!(ask(server, peer, RequestCode::DELETE_TOPIC_IN_BROKER, "T").code, 0, "it is gone");
        let name = "T".try_into().unwrap();
        let events = server.events();
        assert!(events.contains(&BrokerEvent::TopicUpdated { topic: "T".try_into().unwrap(), queues: 5 }));
        assert!(events.contains(&BrokerEvent::TopicDeleted { topic: name }));
        assert_eq!(
            events.iter().filter(|event| matches!(event, BrokerEvent::TopicUpdated { .. })).count(),
            1
        );
    });
}

#[test]
fn the_brokers_own_topics_are_not_for_users() {
    with_peer(|server, peer| {
        for topic in ["TBW102", "SCHEDULE_TOPIC_XXXX", "rmq_sys_x", "broker-a", "DefaultCluster"] {
            let text = format!("The topic[{topic}] is conflict with system topic.");
            assert_eq!(said(&server.ask(peer, &update(topic, "1"))), (29, text.as_str()));
            let answer = ask(server, peer, RequestCode::DELETE_TOPIC_IN_BROKER, topic);
            assert_eq!(said(&answer), (29, text.as_str()));
        }
        let own = server.ask(peer, &Ask::new(RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_BROKER, &[], b""));
        assert_eq!(
            own.text(),
            r#"{"topicList":["TBW102","DefaultCluster","broker-a","SCHEDULE_TOPIC_XXXX"]}"#
        );
    });
}

#[test]
fn what_cannot_be_a_topic_is_refused_by_name() {
    with_peer(|server, peer| {
        let mut refused = |request: &Ask<'_>| {
            let answer = server.ask(peer, request);
            (answer.code, answer.remark.unwrap_or_default())
        };
        assert_eq!(refused(&update(" ", "1")), (29, "The specified topic is blank.".into()));
        assert!(refused(&update("a!", "1")).1.contains("contains illegal characters"));
        assert!(refused(&update(&"t".repeat(128), "1")).1.contains("longer than topic max length"));
        let (code, text) = refused(&update("T", "-1"));
        assert_eq!((code, text.as_str()), (29, "readQueueNums and writeQueueNums must not be below 0"));
        assert!(refused(&update("T", "1").with("perm", "8")).1.starts_with("perm must be from 0 to 7"));
        assert_eq!(refused(&update("T", "129")), (1, "memory.topics or memory.queues is full".into()));
        let blank = Ask::new(RequestCode::DELETE_TOPIC_IN_BROKER, &[("topic", " ")], b"");
        assert_eq!(refused(&blank), (29, "The specified topic is blank.".into()));
        assert!(refused(&update("T", "1").without("perm")).1.contains("perm"));
    });
}

#[test]
fn what_depends_on_a_topic_goes_with_it() {
    with_broker(config(), Limits::default(), |server| {
        let (admin, consumer) = (server.accept(), server.accept());
        server.ask(admin, &Ask::send("T", b"old"));
        let beat = heartbeat("c", "CG", "T", "*", 1);
        server.ask_told(consumer, &heartbeat_of(&beat));
        let commit = [("consumerGroup", "CG"), ("topic", "T"), ("queueId", "0"), ("commitOffset", "1")];
        server.ask(consumer, &Ask::new(RequestCode::UPDATE_CONSUMER_OFFSET, &commit, b""));
        server.receive(consumer, &pull("T", 1).opaque(9).frame());
        // A pull of a queue without messages waits too, at offset 0.
        server.receive(consumer, &pull("T", 0).with("queueId", "1").opaque(10).frame());
        assert_eq!(server.answers(consumer), []);
        assert_eq!(ask(server, admin, RequestCode::DELETE_TOPIC_IN_BROKER, "T").code, 0);
        let mut answers = server.answers(consumer);
        answers.sort_by_key(|answer| answer.opaque);
        let said: Vec<_> = answers.iter().map(|answer| (answer.opaque, answer.code)).collect();
        assert_eq!(said, [(9, 17), (10, 17)], "the pulls do not wait for a topic that is gone");
        server.ask(admin, &Ask::send("T", b"new"));
        assert_eq!(server.broker.consumer_offset("CG", "T", 0), None, "it is another topic");
        let pulled = server.ask(consumer, &pull_with("T", 0, "*"));
        assert_eq!(crate::consumer::bodies(&pulled), [b"new".to_vec()]);
    });
}

#[test]
fn pulls_of_a_deleted_topic_are_answered_when_there_is_room() {
    let config = rocketlite_broker::BrokerConfig { max_pending: 1, ..config() };
    with_broker(config, Limits::default(), |server| {
        let (admin, consumer) = (server.accept(), server.accept());
        server.ask(admin, &Ask::send("T", b"old"));
        let beat = heartbeat("c", "CG", "T", "*", 1);
        server.ask_told(consumer, &heartbeat_of(&beat));
        server.receive(consumer, &pull("T", 1).opaque(9).frame());
        // Its one place is taken by an answer that it has not read.
        server.receive(consumer, &Ask::new(RequestCode(1), &[], b"").frame());
        ask(server, admin, RequestCode::DELETE_TOPIC_IN_BROKER, "T");
        assert_eq!(server.answers(consumer).len(), 1);
        server.broker.handle_timeout(server.now);
        let late = server.answers(consumer);
        assert_eq!(late.iter().map(|answer| (answer.opaque, answer.code)).collect::<Vec<_>>(), [(9, 17)]);
    });
}

#[test]
fn the_offsets_of_a_topic_are_listed() {
    with_peer(|server, peer| {
        server.ask(peer, &update("T", "2"));
        server.wait(5_000);
        server.ask(peer, &Ask::send("T", b"a"));
        let queue = |id: i32, time: i64, max: i32| {
            format!(
                r#"{{"brokerName":"broker-a","queueId":{id},"topic":"T"}}:{{"lastUpdateTimestamp":{time},"maxOffset":{max},"minOffset":0}}"#
            )
        };
        let stats = ask(server, peer, RequestCode::GET_TOPIC_STATS_INFO, "T");
        let expected = format!(r#"{{"offsetTable":{{{},{}}}}}"#, queue(0, WALL + 5_000, 1), queue(1, 0, 0));
        assert_eq!(stats.text(), expected);
        let none = ask(server, peer, RequestCode::GET_TOPIC_STATS_INFO, "S");
        assert_eq!(said(&none), (17, "topic[S] not exist"));
    });
}
