//! Consumer groups: members, what they are told, and queues they have for themselves.

use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::{ConnectionId, Engine};

use crate::consumer::{heartbeat, heartbeat_of, pull};
use crate::harness::{Answer, Ask, Limits, Server, config, with_broker, with_peer};

fn members(server: &mut Server<'_>, peer: ConnectionId, group: &str) -> Answer {
    server
        .ask_told(peer, &Ask::new(RequestCode::GET_CONSUMER_LIST_BY_GROUP, &[("consumerGroup", group)], b""))
}

/// The groups that a peer was told have changed; they come before any answer.
fn told(server: &mut Server<'_>, peer: ConnectionId) -> Vec<String> {
    let frames = server.answers(peer);
    let changes = frames.iter().filter(|frame| frame.flag & 1 == 0);
    changes
        .map(|frame| {
            assert_eq!((frame.code, frame.flag), (40, 2));
            frame.field("consumerGroup").to_string()
        })
        .collect()
}

#[test]
fn members_hear_of_each_other_and_are_listed() {
    with_broker(config(), Limits::default(), |server| {
        let (a, b) = (server.accept(), server.accept());
        let (first, second) = (heartbeat("1", "CG", "T", "*", 1), heartbeat("2", "CG", "T", "*", 1));
        server.receive(a, &heartbeat_of(&first).frame());
        let frames = server.answers(a);
        assert_eq!(frames.iter().map(|f| (f.code, f.flag)).collect::<Vec<_>>(), [(40, 2), (0, 1)]);
        server.receive(a, &heartbeat_of(&first).frame());
        assert_eq!(told(server, a), [""; 0], "nothing is new");
        server.receive(b, &heartbeat_of(&second).frame());
        assert_eq!((told(server, a), told(server, b)), (vec!["CG".to_string()], vec!["CG".to_string()]));
        assert_eq!(members(server, a, "CG").text(), r#"{"consumerIdList":["2","1"]}"#);
        // Another subscription is a change too.
        let other = heartbeat("2", "CG", "S", "*", 2);
        server.receive(b, &heartbeat_of(&other).frame());
        assert_eq!(told(server, a), ["CG"]);
        server.answers(b);
        server.broker.handle_closed(server.now, b);
        assert_eq!(told(server, a), ["CG"]);
        assert_eq!(members(server, a, "CG").text(), r#"{"consumerIdList":["1"]}"#);
        let leave = [("clientID", "1"), ("consumerGroup", "CG")];
        server.ask(a, &Ask::new(RequestCode::UNREGISTER_CLIENT, &leave, b""));
        let none = members(server, a, "CG");
        assert_eq!((none.code, none.remark.as_deref()), (1, Some("no consumer for this group, CG")));
    });
}

#[test]
fn a_silent_member_is_missed_by_the_others() {
    with_broker(config(), Limits::default(), |server| {
        let (a, b) = (server.accept(), server.accept());
        let (first, second) = (heartbeat("1", "CG", "T", "*", 1), heartbeat("2", "CG", "T", "*", 1));
        server.receive(a, &heartbeat_of(&first).frame());
        server.receive(b, &heartbeat_of(&second).frame());
        server.wait(60_000);
        server.receive(b, &heartbeat_of(&second).frame());
        server.receive(a, &pull("S", 0).frame());
        server.answers(a);
        server.answers(b);
        server.wait(60_000);
        assert_eq!(told(server, b), ["CG"]);
        assert_eq!(members(server, b, "CG").text(), r#"{"consumerIdList":["2"]}"#);
    });
}

#[test]
fn members_that_broadcast_need_not_know_each_other() {
    with_broker(config(), Limits::default(), |server| {
        let (a, b) = (server.accept(), server.accept());
        for (peer, id) in [(a, "1"), (b, "2")] {
            let beat = heartbeat(id, "CG", "T", "*", 1).replace("CLUSTERING", "BROADCASTING");
            server.receive(peer, &heartbeat_of(&beat).frame());
            assert_eq!(told(server, peer), [""; 0]);
        }
        assert_eq!(told(server, a), [""; 0]);
    });
}

#[test]
fn a_queue_is_locked_for_one_member() {
    with_peer(|server, peer| {
        server.ask(peer, &Ask::send("T", b"x"));
        let ask = |server: &mut Server<'_>, code: RequestCode, client: &str, queues: &[i32]| {
            let queues: Vec<_> = queues
                .iter()
                .map(|n| format!(r#"{{"brokerName":"broker-a","queueId":{n},"topic":"T"}}"#))
                .collect();
            let body = format!(
                r#"{{"clientId":"{client}","consumerGroup":"CG","mqSet":[{}],"onlyThisBroker":false}}"#,
                queues.join(",")
            );
            let answer = server.ask(peer, &Ask::new(code, &[], body.as_bytes()));
            assert_eq!(answer.code, 0, "{answer:?}");
            answer.text().to_string()
        };
        let granted = |queues: &[i32]| {
            let queues: Vec<_> = queues
                .iter()
                .map(|n| format!(r#"{{"brokerName":"broker-a","queueId":{n},"topic":"T"}}"#))
                .collect();
            format!(r#"{{"lockOKMQSet":[{}]}}"#, queues.join(","))
        };
        let (lock, unlock) = (RequestCode::LOCK_BATCH_MQ, RequestCode::UNLOCK_BATCH_MQ);
        assert_eq!(ask(server, lock, "1", &[0, 1, 9]), granted(&[0, 1]), "there is no queue 9");
        assert_eq!(ask(server, lock, "2", &[0, 1, 2]), granted(&[2]));
        server.wait(50_000);
        assert_eq!(ask(server, lock, "1", &[0]), granted(&[0]), "renewed");
        assert_eq!(ask(server, unlock, "2", &[0, 2]), "");
        assert_eq!(ask(server, lock, "2", &[0, 2]), granted(&[2]), "it was not theirs to unlock");
        server.wait(11_000);
        assert_eq!(ask(server, lock, "2", &[0, 1]), granted(&[1]), "not renewed for a minute");
        assert_eq!(ask(server, unlock, "1", &[0]), "");
        assert_eq!(ask(server, lock, "2", &[0]), granted(&[0]));
    });
}

#[test]
fn tables_that_are_full_say_so_by_name() {
    with_broker(config(), Limits { groups: 1, topics: 32, ..Limits::default() }, |server| {
        let peer = server.accept();
        let beat = heartbeat("1", "CG", "T", "*", 1);
        assert_eq!(server.ask_told(peer, &heartbeat_of(&beat)).code, 0);
        let beat = heartbeat("1", "CH", "T", "*", 1);
        let answer = server.ask(peer, &heartbeat_of(&beat));
        assert_eq!((answer.code, answer.remark.as_deref()), (1, Some("memory.groups is full")));
        let many: Vec<_> = (0..5).map(|n| format!(r#"{{"topic":"T{n}","subString":"*"}}"#)).collect();
        let beat = format!(
            r#"{{"clientID":"1","consumerDataSet":[{{"groupName":"CG","subscriptionDataSet":[{}]}}]}}"#,
            many.join(",")
        );
        let answer = server.ask_told(peer, &heartbeat_of(&beat));
        assert_eq!((answer.code, answer.remark.as_deref()), (1, Some("memory.subscriptions is full")));
    });
    with_broker(config(), Limits { answers: 20, ..Limits::default() }, |server| {
        let peer = server.accept();
        let beat = heartbeat("1", "CG", "T", "*", 1);
        server.ask_told(peer, &heartbeat_of(&beat));
        let answer = members(server, peer, "CG");
        assert_eq!((answer.code, answer.remark.as_deref()), (1, Some("memory.answers is full")));
    });
}

#[test]
fn a_full_table_of_locks_refuses_more_until_some_are_not_renewed() {
    with_broker(config(), Limits { groups: 1, ..Limits::default() }, |server| {
        let peer = server.accept();
        server.ask(peer, &Ask::send("T", b"x"));
        server.ask(peer, &Ask::send("U", b"x"));
        let lock = |server: &mut Server<'_>, topic: &str, queue_id: i32| {
            let body = format!(
                r#"{{"clientId":"1","consumerGroup":"CG","mqSet":[{{"brokerName":"broker-a","queueId":{queue_id},"topic":"{topic}"}}]}}"#
            );
            let answer = server.ask(peer, &Ask::new(RequestCode::LOCK_BATCH_MQ, &[], body.as_bytes()));
            (answer.code, answer.remark)
        };
        for queue_id in 0..4 {
            assert_eq!(lock(server, "T", queue_id), (0, None));
        }
        assert_eq!(lock(server, "U", 0), (1, Some("memory.locks is full".to_string())));
        server.wait(61_000);
        assert_eq!(lock(server, "U", 0), (0, None));
    });
}

#[test]
fn an_answer_nobody_reads_gives_way_to_others() {
    with_broker(config(), Limits { answers: 30, ..Limits::default() }, |server| {
        let (a, b) = (server.accept(), server.accept());
        let beat = heartbeat("1", "CG", "T", "*", 1);
        server.ask_told(a, &heartbeat_of(&beat));
        let list = Ask::new(RequestCode::GET_CONSUMER_LIST_BY_GROUP, &[("consumerGroup", "CG")], b"");
        server.receive(b, &list.frame());
        assert_eq!(members(server, a, "CG").code, 1);
        server.wait(1_000);
        assert_eq!(server.broker.connection_count(), 1, "it did not read for a second");
        assert_eq!(members(server, a, "CG").code, 0);
    });
}

#[test]
fn a_consumer_may_filter_by_tags_only() {
    with_peer(|server, peer| {
        let ask = |server: &mut Server<'_>, kind: &str| {
            let body = format!(
                r#"{{"clientId":"c","group":"CG","subscriptionData":{{"expressionType":"{kind}"}}}}"#
            );
            server.ask(peer, &Ask::new(RequestCode::CHECK_CLIENT_CONFIG, &[], body.as_bytes())).code
        };
        assert_eq!((ask(server, "TAG"), ask(server, "SQL92")), (0, 1));
    });
}
