//! Queues that the broker shares out among the members of a group.

use rocketlite_core::ConnectionId;
use rocketlite_core::wire::code::RequestCode;

use crate::consumer::{heartbeat, heartbeat_of};
use crate::harness::{Ask, Server, with_peer};

fn ask(server: &mut Server<'_>, peer: ConnectionId, client: &str, topic: &str, more: (&str, &str)) -> String {
    let (model, strategy) = more;
    let body = format!(
        r#"{{"clientId":"{client}","consumerGroup":"CG","messageModel":"{model}","strategyName":"{strategy}","topic":"{topic}"}}"#
    );
    let answer = server.ask(peer, &Ask::new(RequestCode::QUERY_ASSIGNMENT, &[], body.as_bytes()));
    assert_eq!(answer.code, 0, "{answer:?}");
    answer.text().to_string()
}

fn queues(of: &[(&str, i32)]) -> String {
    let list: Vec<_> = of
        .iter()
        .map(|(broker, queue)| {
            format!(
                r#"{{"messageQueue":{{"brokerName":"{broker}","queueId":{queue},"topic":"T"}},"mode":"PULL"}}"#
            )
        })
        .collect();
    format!(r#"{{"messageQueueAssignments":[{}]}}"#, list.join(","))
}

const AVG: (&str, &str) = ("CLUSTERING", "AVG");

/// Members `a`, `b` and `c` of `CG`, and `T` with five queues here.
fn with_members(test: impl FnOnce(&mut Server<'_>, ConnectionId)) {
    with_peer(|server, peer| {
        server.ask(peer, &Ask::send("T", b"x").with("d", "5"));
        for client in ["b", "c", "a"] {
            let beat = heartbeat(client, "CG", "T", "*", 1);
            server.ask_told(peer, &heartbeat_of(&beat));
        }
        test(server, peer);
    });
}

#[test]
fn members_share_the_queues() {
    with_members(|server, peer| {
        let own = |list: &[i32]| queues(&list.iter().map(|queue| ("broker-a", *queue)).collect::<Vec<_>>());
        for (client, expected) in [("a", vec![0, 1]), ("b", vec![2, 3]), ("c", vec![4]), ("d", vec![])] {
            assert_eq!(ask(server, peer, client, "T", AVG), own(&expected), "{client}");
        }
        let circle = ("CLUSTERING", "AVG_BY_CIRCLE");
        for (client, expected) in [("a", vec![0, 3]), ("b", vec![1, 4]), ("c", vec![2])] {
            assert_eq!(ask(server, peer, client, "T", circle), own(&expected), "{client}");
        }
        let all = own(&[0, 1, 2, 3, 4]);
        assert_eq!(ask(server, peer, "a", "T", ("BROADCASTING", "AVG")), all);
        assert_eq!(ask(server, peer, "a", "NO", AVG), "{}", "there is no such topic");
        assert_eq!(ask(server, peer, "a", "T", ("CLUSTERING", "NEAREST")), "{}", "nor such a strategy");
        let leave = [("clientID", "a"), ("consumerGroup", "CG")];
        server.ask_told(peer, &Ask::new(RequestCode::UNREGISTER_CLIENT, &leave, b""));
        assert_eq!(ask(server, peer, "b", "T", AVG), own(&[0, 1, 2]));
        for client in ["b", "c"] {
            let leave = [("clientID", client), ("consumerGroup", "CG")];
            server.ask_told(peer, &Ask::new(RequestCode::UNREGISTER_CLIENT, &leave, b""));
        }
        assert_eq!(ask(server, peer, "b", "T", AVG), "{}", "nobody is known");
    });
}

#[test]
fn queues_of_brokers_that_register_here_are_shared_too() {
    with_members(|server, peer| {
        for (name, perm) in [("a-first", 6), ("z-last", 2)] {
            let fields = [
                ("brokerName", name),
                ("brokerAddr", "10.0.0.2:10911"),
                ("clusterName", "DefaultCluster"),
                ("brokerId", "0"),
            ];
            let topics = format!(
                r#"{{"topicConfigSerializeWrapper":{{"topicConfigTable":{{"T":{{"perm":{perm},"readQueueNums":2,"writeQueueNums":2}}}}}}}}"#
            );
            let request = Ask::new(RequestCode::REGISTER_BROKER, &fields, topics.as_bytes());
            assert_eq!(server.ask(peer, &request).code, 0);
        }
        assert_eq!(
            ask(server, peer, "a", "T", AVG),
            queues(&[("a-first", 0), ("a-first", 1), ("broker-a", 0)]),
            "in the order of their names; what cannot be read is nobody's"
        );
        assert_eq!(ask(server, peer, "c", "T", AVG), queues(&[("broker-a", 3), ("broker-a", 4)]));
    });
}

#[test]
fn pulling_is_the_only_mode() {
    with_members(|server, peer| {
        let mut said = |topic: &str, group: &str, mode: &str| {
            let body = format!(
                r#"{{"consumerGroup":"{group}","mode":"{mode}","popShareQueueNum":0,"topic":"{topic}"}}"#
            );
            let answer =
                server.ask(peer, &Ask::new(RequestCode::SET_MESSAGE_REQUEST_MODE, &[], body.as_bytes()));
            (answer.code, answer.remark.unwrap_or_default())
        };
        assert_eq!(said("T", "CG", "PULL").0, 0);
        assert_eq!(
            said("T", "CG", "POP"),
            (3, "the broker does not support POP, the mode must be PULL".into())
        );
        assert_eq!(said("%RETRY%CG", "CG", "PULL"), (16, "retry topic is not allowed to set mode".into()));
        assert_eq!(said("NO", "CG", "PULL"), (17, "topic[NO] not exist".into()));
        assert_eq!(said("T", "NO", "PULL"), (26, "subscription group does not exist".into()));
    });
}
