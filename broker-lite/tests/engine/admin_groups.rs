//! Consumer and producer groups as administrators see and change them.

use rocketlite_core::ConnectionId;
use rocketlite_core::wire::code::RequestCode;

use crate::consumer::{heartbeat, heartbeat_of, pull_with};
use crate::harness::{Answer, Ask, Limits, PEER, Server, WALL, config, with_broker, with_peer};

fn settings(server: &mut Server<'_>, peer: ConnectionId, body: &str) -> Answer {
    server.ask(peer, &Ask::new(RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, &[], body.as_bytes()))
}

fn delete(server: &mut Server<'_>, peer: ConnectionId, clean: &str) {
    let fields = [("groupName", "CG"), ("cleanOffset", clean)];
    assert_eq!(server.ask(peer, &Ask::new(RequestCode::DELETE_SUBSCRIPTIONGROUP, &fields, b"")).code, 0);
}

fn commit(server: &mut Server<'_>, peer: ConnectionId, offset: &str) {
    let fields = [("consumerGroup", "CG"), ("topic", "T"), ("queueId", "0"), ("commitOffset", offset)];
    assert_eq!(server.ask(peer, &Ask::new(RequestCode::UPDATE_CONSUMER_OFFSET, &fields, b"")).code, 0);
}

#[test]
fn a_groups_settings_are_kept_and_shown() {
    with_peer(|server, peer| {
        let body = r#"{"groupName":"CG","consumeEnable":false,"retryQueueNums":3,"retryMaxTimes":5}"#;
        assert_eq!(settings(server, peer, body).code, 0);
        let one =
            server.ask(peer, &Ask::new(RequestCode::GET_SUBSCRIPTIONGROUP_CONFIG, &[("group", "CG")], b""));
        let expected = r#"{"attributes":{},"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":false,"consumeFromMinEnable":true,"consumeMessageOrderly":false,"consumeTimeoutMinute":15,"groupName":"CG","groupSysFlag":0,"notifyConsumerIdsChangedEnable":true,"retryMaxTimes":5,"retryQueueNums":3,"whichBrokerWhenConsumeSlowly":1}"#;
        assert_eq!(one.text(), expected);
        let all = server.ask(peer, &Ask::new(RequestCode::GET_ALL_SUBSCRIPTIONGROUP_CONFIG, &[], b""));
        assert!(all.text().ends_with(&format!(r#""subscriptionGroupTable":{{"CG":{expected}}}}}"#)));
        server.ask(peer, &Ask::send("T", b"x"));
        let refused = server.ask(peer, &pull_with("T", 0, "*"));
        assert_eq!(
            (refused.code, refused.remark.unwrap()),
            (16, "subscription group no permission, CG".into())
        );
        assert_eq!(settings(server, peer, r#"{"groupName":"CG","consumeEnable":true}"#).code, 0);
        assert_eq!(server.ask(peer, &pull_with("T", 0, "*")).code, 0);
        let bad = settings(server, peer, r#"{"groupName":"C G"}"#);
        assert!(bad.code == 1 && bad.remark.unwrap().starts_with("a group's name has 1 to 120 characters"));
        assert_eq!(settings(server, peer, "{").code, 1);
    });
}

#[test]
fn a_deleted_groups_offsets_are_kept_unless_they_are_to_go() {
    let config = rocketlite_broker::BrokerConfig { auto_create_groups: false, ..config() };
    with_broker(config, Limits { groups: 1, ..Limits::default() }, |server| {
        let peer = server.accept();
        server.ask(peer, &Ask::send("T", b"x"));
        let make = r#"{"groupName":"CG","retryMaxTimes":3}"#;
        settings(server, peer, make);
        commit(server, peer, "1");
        delete(server, peer, "false");
        assert_eq!(server.broker.consumer_groups().count(), 0);
        assert_eq!(server.ask(peer, &pull_with("T", 0, "*")).code, 26, "there is no such group");
        settings(server, peer, make);
        assert_eq!(server.broker.consumer_offset("CG", "T", 0), Some(1));
        delete(server, peer, "true");
        settings(server, peer, make);
        assert_eq!(server.broker.consumer_offset("CG", "T", 0), None);
        commit(server, peer, "1");
        delete(server, peer, "false");
        // What is left of it does not keep others out.
        assert_eq!(settings(server, peer, r#"{"groupName":"OTHER"}"#).code, 0);
        let full = settings(server, peer, make);
        assert_eq!((full.code, full.remark.as_deref()), (1, Some("memory.groups is full")));
        assert_eq!(
            server.broker.consumer_groups().map(rocketlite_broker::ConsumerGroup::name).collect::<Vec<_>>(),
            ["OTHER"]
        );
    });
}

#[test]
fn members_are_listed_with_what_they_subscribe_to() {
    with_peer(|server, peer| {
        let beat = heartbeat("c-1", "CG", "T", "A || B", 7);
        server.ask_told(peer, &heartbeat_of(&beat));
        let ask = |server: &mut Server<'_>, group: &str| {
            let fields = [("consumerGroup", group)];
            server.ask(peer, &Ask::new(RequestCode::GET_CONSUMER_CONNECTION_LIST, &fields, b""))
        };
        let retry = r#""%RETRY%CG":{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*","subVersion":7,"tagsSet":[],"topic":"%RETRY%CG"}"#;
        let own = r#""T":{"classFilterMode":false,"codeSet":[65,66],"expressionType":"TAG","subString":"A || B","subVersion":7,"tagsSet":["A","B"],"topic":"T"}"#;
        let text = ask(server, "CG").text().to_string();
        let head = format!(
            r#"{{"connectionSet":[{{"clientAddr":"{PEER}","clientId":"c-1","language":"JAVA","version":477}}],"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","subscriptionTable":{{"#
        );
        assert!(text.starts_with(&head) && text.contains(retry) && text.contains(own), "{text}");
        let none = ask(server, "NO");
        assert_eq!((none.code, none.remark.as_deref()), (206, Some("the consumer group[NO] not online")));
    });
}

#[test]
fn producers_are_listed() {
    with_peer(|server, peer| {
        server.wait(1_000);
        let beat = r#"{"clientID":"p-1","consumerDataSet":[],"producerDataSet":[{"groupName":"PG"},{"groupName":"PH"}]}"#;
        server.ask(peer, &heartbeat_of(beat));
        let ask = |server: &mut Server<'_>, group: &str| {
            let fields = [("producerGroup", group)];
            server.ask(peer, &Ask::new(RequestCode::GET_PRODUCER_CONNECTION_LIST, &fields, b""))
        };
        let member = format!(r#"{{"clientAddr":"{PEER}","clientId":"p-1","language":"JAVA","version":477}}"#);
        assert_eq!(ask(server, "PG").text(), format!(r#"{{"connectionSet":[{member}]}}"#));
        let none = ask(server, "NO");
        assert_eq!((none.code, none.remark.as_deref()), (1, Some("the producer group[NO] not exist")));
        let all = server.ask(peer, &Ask::new(RequestCode::GET_ALL_PRODUCER_INFO, &[], b""));
        let member = format!(
            r#"[{{"clientId":"p-1","language":"JAVA","lastUpdateTimestamp":{},"remoteIP":"/{PEER}","version":477}}]"#,
            WALL + 1_000
        );
        assert_eq!(all.text(), format!(r#"{{"data":{{"PG":{member},"PH":{member}}}}}"#));
    });
}

#[test]
fn a_groups_progress_is_shown() {
    with_peer(|server, peer| {
        for body in [b"a", b"b", b"c"] {
            server.ask(peer, &Ask::send("T", body).with("d", "1"));
        }
        assert_eq!(server.ask(peer, &pull_with("T", 0, "*")).code, 0);
        commit(server, peer, "2");
        let ask = |server: &mut Server<'_>, group: &str, topic: &str| {
            let fields = [("consumerGroup", group), ("topic", topic)];
            let answer = server.ask(peer, &Ask::new(RequestCode::GET_CONSUME_STATS, &fields, b""));
            assert_eq!(answer.code, 0, "{answer:?}");
            answer.text().to_string()
        };
        server.wait(30_000);
        let queue = format!(
            r#"{{"brokerName":"broker-a","queueId":0,"topic":"T"}}:{{"brokerOffset":3,"consumerOffset":2,"lastTimestamp":{WALL},"pullOffset":2}}"#
        );
        // 3 in a minute that has not ended and the one before it.
        let expected = format!(r#"{{"consumeTps":0.033,"offsetTable":{{{queue}}}}}"#);
        assert_eq!(ask(server, "CG", ""), expected);
        assert_eq!(ask(server, "CG", "T"), expected);
        assert_eq!(ask(server, "NO", ""), r#"{"consumeTps":0.000,"offsetTable":{}}"#);
        let who =
            server.ask(peer, &Ask::new(RequestCode::QUERY_TOPIC_CONSUME_BY_WHO, &[("topic", "T")], b""));
        assert_eq!(who.text(), r#"{"groupList":["CG"]}"#);
        // Online, the group consumes what it subscribes to and nothing else.
        let beat = heartbeat("c", "CG", "S", "*", 1);
        server.ask_told(peer, &heartbeat_of(&beat));
        assert!(ask(server, "CG", "").ends_with(r#""offsetTable":{}}"#));
        let who =
            server.ask(peer, &Ask::new(RequestCode::QUERY_TOPIC_CONSUME_BY_WHO, &[("topic", "S")], b""));
        assert_eq!(who.text(), r#"{"groupList":["CG"]}"#);
    });
}
