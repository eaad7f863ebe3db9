//! Clients and their groups.

use rocketlite_broker::{BrokerEvent, ClientRole};
use rocketlite_core::Engine;
use rocketlite_core::wire::code::{LanguageCode, RequestCode};

use crate::harness::{Ask, Limits, Server, config, with_broker, with_peer};

const JAVA: &str = r#"{"clientID":"10.0.0.9@1#2","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":"CG","messageModel":"CLUSTERING","subscriptionDataSet":[{"topic":"T","subString":"*","subVersion":1}],"unitMode":false}],"heartbeatFingerprint":0,"producerDataSet":[{"groupName":"PG"},{"groupName":"CLIENT_INNER_PRODUCER"}],"withoutSub":false}"#;

fn heartbeat(body: &str) -> Ask<'_> {
    Ask::new(RequestCode::HEART_BEAT, &[], body.as_bytes())
}

fn groups(server: &Server<'_>) -> Vec<(ClientRole, String)> {
    let mut groups: Vec<_> =
        server.broker.clients().map(|client| (client.role(), client.group().to_string())).collect();
    groups.sort_by(|a, b| a.1.cmp(&b.1));
    groups
}

#[test]
fn producers_and_consumers_are_known_until_they_leave() {
    with_peer(|server, peer| {
        let answer = server.ask_told(peer, &heartbeat(JAVA));
        assert_eq!((answer.code, answer.remark, answer.fields.len()), (0, None, 0));
        let all = [
            (ClientRole::Consumer, "CG".into()),
            (ClientRole::Producer, "CLIENT_INNER_PRODUCER".into()),
            (ClientRole::Producer, "PG".into()),
        ];
        assert_eq!(groups(server), all);
        let client = server.broker.clients().next().unwrap();
        assert_eq!((client.client_id(), client.connection()), ("10.0.0.9@1#2", peer));
        assert_eq!((client.language(), client.version()), (Some(LanguageCode::JAVA), 477));
        let events = server.events();
        assert_eq!(events.iter().filter(|e| matches!(e, BrokerEvent::ClientRegistered { .. })).count(), 3);
        server.ask_told(peer, &heartbeat(JAVA));
        assert_eq!(server.events(), [], "the same again is nothing new");

        let leave = [("clientID", "10.0.0.9@1#2"), ("producerGroup", "PG")];
        assert_eq!(server.ask(peer, &Ask::new(RequestCode::UNREGISTER_CLIENT, &leave, b"")).code, 0);
        assert_eq!(groups(server).len(), 2);
        let leave = [("clientID", "10.0.0.9@1#2"), ("consumerGroup", "nobody")];
        assert_eq!(server.ask(peer, &Ask::new(RequestCode::UNREGISTER_CLIENT, &leave, b"")).code, 0);
        server.events();
        server.broker.handle_closed(server.now, peer);
        assert_eq!(groups(server), []);
        let left = |e: &&BrokerEvent| matches!(e, BrokerEvent::ClientUnregistered { .. });
        assert_eq!(server.events().iter().filter(left).count(), 2);
    });
}

#[test]
fn a_consumer_group_has_its_retry_topic_at_once() {
    with_peer(|server, peer| {
        server.ask_told(peer, &heartbeat(JAVA));
        let topic = server.broker.topic("%RETRY%CG").unwrap();
        assert_eq!((topic.read_queue_nums(), topic.write_queue_nums(), topic.perm()), (1, 1, 6));
        let route = [("topic", "%RETRY%CG")];
        assert_eq!(server.ask(peer, &Ask::new(RequestCode::GET_ROUTEINFO_BY_TOPIC, &route, b"")).code, 0);
    });
}

#[test]
fn silent_clients_are_forgotten() {
    with_peer(|server, peer| {
        server.ask_told(peer, &heartbeat(JAVA));
        for _ in 0..119 {
            server.wait(1000);
            // The connection lives, the client does not say so.
            server.ask(peer, &Ask::new(RequestCode(9999), &[], b""));
        }
        assert_eq!(groups(server).len(), 3);
        server.wait(1000);
        assert_eq!(groups(server), []);
        assert_eq!(server.broker.connection_count(), 1);
    });
}

#[test]
fn what_cannot_be_read_or_kept_is_refused() {
    with_peer(|server, peer| {
        for (body, remark) in [
            ("x", "heartbeat is not the JSON expected"),
            ("{}", "clientID is missing"),
            (
                r#"{"clientID":"c","producerDataSet":[{"groupName":"a b"}]}"#,
                "a group's name has 1 to 120 characters, allowed are %|-_ 0-9 a-z A-Z",
            ),
        ] {
            let answer = server.ask_told(peer, &heartbeat(body));
            assert_eq!((answer.code, answer.remark.as_deref()), (1, Some(remark)));
        }
        let long = "c".repeat(121);
        let answer = server.ask_told(peer, &heartbeat(&format!(r#"{{"clientID":"{long}"}}"#)));
        assert_eq!((answer.code, answer.remark.as_deref()), (1, Some("clientID is over its limit")));
        let leave = [("producerGroup", "PG")];
        assert_eq!(server.ask(peer, &Ask::new(RequestCode::UNREGISTER_CLIENT, &leave, b"")).code, 1);
    });
    with_broker(config(), Limits { clients: 2, ..Limits::default() }, |server| {
        let peer = server.accept();
        let answer = server.ask_told(peer, &heartbeat(JAVA));
        assert_eq!((answer.code, answer.remark.as_deref()), (1, Some("memory.clients is full")));
    });
}
