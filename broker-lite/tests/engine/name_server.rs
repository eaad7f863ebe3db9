//! The name server role: routes, the cluster, and brokers that register.

use rocketlite_broker::BrokerEvent;
use rocketlite_core::ConnectionId;
use rocketlite_core::Engine;
use rocketlite_core::message::crc32;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::route::TopicRouteData;

use crate::harness::{ADDRESS, Answer, Ask, Limits, Server, config, with_broker, with_peer};

fn ask_route(server: &mut Server<'_>, peer: ConnectionId, topic: &str) -> Answer {
    server.ask(peer, &Ask::new(RequestCode::GET_ROUTEINFO_BY_TOPIC, &[("topic", topic)], b""))
}

fn register<'a>(name: &'a str, address: &'a str, body: &'a str) -> Ask<'a> {
    let fields = [
        ("brokerName", name),
        ("brokerAddr", address),
        ("clusterName", "DefaultCluster"),
        ("haServerAddr", "10.0.0.2:10912"),
        ("brokerId", "0"),
        ("compressed", "false"),
        ("bodyCrc32", "0"),
    ];
    Ask::new(RequestCode::REGISTER_BROKER, &fields, body.as_bytes())
        .with("bodyCrc32", &crc32(body.as_bytes()).to_string())
}

/// As a broker of 5.3 writes it.
const TOPICS: &str = r#"{"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{"counter":2,"stateVersion":0,"timestamp":1},"mappingDataVersion":{},"topicConfigTable":{"T":{"attributes":{},"order":false,"perm":6,"readQueueNums":3,"topicFilterType":"SINGLE_TAG","topicName":"T","topicSysFlag":1,"writeQueueNums":2},"U":{"perm":4,"readQueueNums":1,"writeQueueNums":1}}}}"#;

#[test]
fn a_route_is_that_of_a_5_x_name_server() {
    with_peer(|server, peer| {
        server.ask(peer, &Ask::send("T", b"b"));
        let answer = ask_route(server, peer, "T");
        assert_eq!((answer.code, answer.remark.as_deref(), answer.fields.len()), (0, None, 0));
        assert_eq!(
            answer.text(),
            r#"{"brokerDatas":[{"brokerAddrs":{"0":"127.0.0.1:10911"},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false}],"filterServerTable":{},"queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]}"#
        );
        for (topic, perm, queues) in [("TBW102", 7, 8), ("DefaultCluster", 7, 16), ("broker-a", 7, 1)] {
            let answer = ask_route(server, peer, topic);
            let queue = TopicRouteData::parse(&answer.body).unwrap().queues().next().unwrap();
            assert_eq!((queue.perm, queue.read_queue_nums, queue.write_queue_nums), (perm, queues, queues));
        }
        let request = Ask::new(RequestCode::GET_ROUTEINFO_BY_TOPIC, &[("topic", "T")], b"").binary();
        assert_eq!(server.ask(peer, &request).text(), answer.text());
    });
}

#[test]
fn an_unknown_topic_has_no_route() {
    with_peer(|server, peer| {
        let text = |topic: &str| {
            format!(
                "No topic route info in name server for the topic: {topic}\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."
            )
        };
        let answer = ask_route(server, peer, "T");
        assert_eq!((answer.code, answer.remark), (17, Some(text("T"))));
        assert!(answer.body.is_empty());
        let answer = server.ask(peer, &Ask::new(RequestCode::GET_ROUTEINFO_BY_TOPIC, &[], b""));
        assert_eq!((answer.code, answer.remark), (17, Some(text("null"))));
        let answer = ask_route(server, peer, &format!("TBW102{}", "x".repeat(200)));
        assert_eq!((answer.code, answer.remark), (17, Some(text(&format!("TBW102{}", "x".repeat(121))))));
    });
}

#[test]
fn registered_brokers_share_in_routes_until_they_are_gone() {
    with_peer(|server, peer| {
        let broker = server.accept();
        let answer = server.ask(broker, &register("broker-b", "10.0.0.2:10911", TOPICS));
        assert_eq!((answer.code, answer.remark), (0, None));
        let registered = BrokerEvent::BrokerRegistered { name: "broker-b".try_into().unwrap() };
        assert_eq!(server.events(), [registered]);
        let answer = ask_route(server, peer, "T");
        let route = TopicRouteData::parse(&answer.body).unwrap();
        let (data, queue) = (route.brokers().next().unwrap(), route.queues().next().unwrap());
        assert_eq!(data.broker_name, "broker-b");
        assert_eq!(data.master().unwrap(), "10.0.0.2:10911");
        assert_eq!((queue.read_queue_nums, queue.write_queue_nums, queue.perm), (3, 2, 6));
        assert_eq!(queue.topic_sys_flag, 1);
        server.ask(peer, &Ask::send("T", b"b"));
        let answer = ask_route(server, peer, "T");
        assert_eq!(TopicRouteData::parse(&answer.body).unwrap().brokers().count(), 2);

        let answer = server.ask(peer, &Ask::new(RequestCode::GET_BROKER_CLUSTER_INFO, &[], b""));
        assert_eq!(
            answer.text(),
            r#"{"brokerAddrTable":{"broker-a":{"brokerAddrs":{"0":"127.0.0.1:10911"},"brokerName":"broker-a","cluster":"DefaultCluster"},"broker-b":{"brokerAddrs":{"0":"10.0.0.2:10911"},"brokerName":"broker-b","cluster":"DefaultCluster"}},"clusterAddrTable":{"DefaultCluster":["broker-a","broker-b"]}}"#
        );

        server.broker.handle_closed(server.now, broker);
        assert_eq!(ask_route(server, peer, "U").code, 17);
        let answer = ask_route(server, peer, "T");
        assert_eq!(TopicRouteData::parse(&answer.body).unwrap().brokers().count(), 1);
        let gone = BrokerEvent::BrokerUnregistered { name: "broker-b".try_into().unwrap() };
        assert!(server.events().contains(&gone));
    });
}

#[test]
fn a_broker_leaves_when_it_says_so_or_falls_silent() {
    with_peer(|server, peer| {
        server.ask(peer, &register("broker-b", "10.0.0.2:10911", TOPICS));
        let leave = register("broker-b", "10.0.0.3:1", "").without("compressed");
        let leave = Ask { code: RequestCode::UNREGISTER_BROKER, ..leave };
        assert_eq!(server.ask(peer, &leave).code, 0);
        assert_eq!(server.broker.registered_brokers().count(), 1, "another address is another broker");
        let leave = leave.with("brokerAddr", "10.0.0.2:10911");
        assert_eq!(server.ask(peer, &leave).code, 0);
        assert_eq!(server.broker.registered_brokers().count(), 0);

        server.ask(peer, &register("broker-b", "10.0.0.2:10911", TOPICS));
        for _ in 0..119 {
            server.wait(1000);
            assert_eq!(ask_route(server, peer, "U").code, 0);
        }
        server.wait(1000);
        assert_eq!(ask_route(server, peer, "U").code, 17);
    });
}

#[test]
fn a_registration_replaces_the_one_before() {
    with_peer(|server, peer| {
        server.ask(peer, &register("broker-b", "10.0.0.2:10911", TOPICS));
        let only_u = TOPICS.replace("\"T\":", "\"V\":");
        server.ask(peer, &register("broker-b", "10.0.0.3:10911", &only_u));
        assert_eq!(ask_route(server, peer, "T").code, 17);
        let answer = ask_route(server, peer, "V");
        let route = TopicRouteData::parse(&answer.body).unwrap();
        assert_eq!(route.brokers().next().unwrap().master().unwrap(), "10.0.0.3:10911");
        // A broker without topics is one all the same.
        assert_eq!(server.ask(peer, &register("broker-b", "10.0.0.3:10911", "")).code, 0);
        assert_eq!(ask_route(server, peer, "V").code, 17);
        assert_eq!(server.broker.registered_brokers().count(), 1);
    });
}

#[test]
fn registrations_that_cannot_be_taken_are_refused() {
    let good = register("broker-b", "10.0.0.2:10911", TOPICS);
    for (request, remark) in [
        (good.clone().with("bodyCrc32", "1"), "crc32 not match"),
        (
            good.clone().with("compressed", "true"),
            "compressed registrations are not supported by this name server",
        ),
        (
            good.clone().with("brokerId", "1"),
            "only masters, whose brokerId is 0, may register with this name server",
        ),
        (good.clone().with("brokerName", "broker-a"), "this brokerName is that of the name server itself"),
        (good.clone().with("brokerAddr", "x"), "brokerAddr has an unknown value"),
        (good.clone().without("clusterName"), "clusterName is missing"),
        (register("broker-b", ADDRESS, "{"), "registration is not the JSON expected"),
        (
            register(
                "broker-b",
                ADDRESS,
                r#"{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{"perm":"x"}}}}"#,
            ),
            "perm is not a number of its type",
        ),
    ] {
        with_peer(|server, peer| {
            let answer = server.ask(peer, &request);
            assert_eq!((answer.code, answer.remark.as_deref()), (1, Some(remark)));
            assert_eq!(server.broker.registered_brokers().count(), 0);
        });
    }
    with_broker(config(), Limits { peers: 1, topics: 4, ..Limits::default() }, |server| {
        let peer = server.accept();
        server.ask(peer, &good);
        let answer = server.ask(peer, &register("broker-c", "10.0.0.3:10911", TOPICS));
        assert_eq!((answer.code, answer.remark.as_deref()), (1, Some("memory.brokers is full")));
        let five = TOPICS.replace("\"U\":", "\"V\":{},\"W\":{},\"X\":{},\"U\":");
        let answer = server.ask(peer, &register("broker-b", "10.0.0.2:10911", &five));
        assert_eq!((answer.code, answer.remark.as_deref()), (1, Some("memory.broker_topics is full")));
        assert_eq!(ask_route(server, peer, "T").code, 0, "what fits is known");
    });
}

#[test]
fn codes_that_are_not_known_are_not_supported() {
    with_peer(|server, peer| {
        for code in [37, 0, -5, 200_050] {
            let answer = server.ask(peer, &Ask::new(RequestCode(code), &[("x", "y")], b"body"));
            let expected = format!(" request type {code} not supported");
            assert_eq!((answer.code, answer.remark), (3, Some(expected)));
        }
    });
}

fn ask_text(
    server: &mut Server<'_>,
    peer: ConnectionId,
    code: RequestCode,
    fields: &[(&str, &str)],
) -> String {
    let answer = server.ask(peer, &Ask::new(code, fields, b""));
    assert_eq!(answer.code, 0, "{answer:?}");
    answer.text().to_string()
}

#[test]
fn topics_are_listed_once_whoever_has_them() {
    with_peer(|server, peer| {
        server.ask(peer, &Ask::send("T", b"b"));
        server.ask(peer, &register("broker-b", "10.0.0.2:10911", TOPICS));
        server.ask(peer, &register("broker-c", "10.0.0.3:10911", TOPICS).with("clusterName", "Other"));
        let all = ask_text(server, peer, RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER, &[]);
        assert_eq!(
            all,
            r#"{"topicList":["TBW102","DefaultCluster","broker-a","SCHEDULE_TOPIC_XXXX","T","U"]}"#
        );
        let of = |server: &mut Server<'_>, cluster: &str| {
            ask_text(server, peer, RequestCode::GET_TOPICS_BY_CLUSTER, &[("cluster", cluster)])
        };
        assert_eq!(of(server, "DefaultCluster"), all);
        assert_eq!(of(server, "Other"), r#"{"topicList":["T","U"]}"#);
        assert_eq!(of(server, "None"), r#"{"topicList":[]}"#);
        let own = ask_text(server, peer, RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_NS, &[]);
        let expected = format!(
            r#"{{"brokerAddr":"{ADDRESS}","topicList":["DefaultCluster","broker-a","broker-b","Other","broker-c"]}}"#
        );
        assert_eq!(own, expected);
    });
}

#[test]
fn a_name_server_forgets_a_topic_of_one_cluster_or_all() {
    with_peer(|server, peer| {
        server.ask(peer, &register("broker-b", "10.0.0.2:10911", TOPICS));
        server.ask(peer, &register("broker-c", "10.0.0.3:10911", TOPICS).with("clusterName", "Other"));
        let forget = [("topic", "T"), ("clusterName", "Other")];
        ask_text(server, peer, RequestCode::DELETE_TOPIC_IN_NAMESRV, &forget);
        let route = ask_route(server, peer, "T");
        assert!(route.text().contains("broker-b") && !route.text().contains("broker-c"), "{}", route.text());
        ask_text(server, peer, RequestCode::DELETE_TOPIC_IN_NAMESRV, &[("topic", "T")]);
        assert_eq!((ask_route(server, peer, "T").code, ask_route(server, peer, "U").code), (17, 0));
        server.ask(peer, &register("broker-b", "10.0.0.2:10911", TOPICS));
        assert_eq!(ask_route(server, peer, "T").code, 0, "it was registered again");
    });
}

#[test]
fn there_are_no_settings_in_a_name_server() {
    with_peer(|server, peer| {
        let fields = [("namespace", "ORDER_TOPIC_CONFIG"), ("key", "T")];
        let one = server.ask(peer, &Ask::new(RequestCode::GET_KV_CONFIG, &fields, b""));
        let text = "No config item, Namespace: ORDER_TOPIC_CONFIG Key: T";
        assert_eq!((one.code, one.remark.as_deref()), (22, Some(text)));
        let all = server.ask(peer, &Ask::new(RequestCode::GET_KVLIST_BY_NAMESPACE, &fields[..1], b""));
        assert_eq!(
            (all.code, all.remark.unwrap()),
            (22, "No config item, Namespace: ORDER_TOPIC_CONFIG".into())
        );
        assert_eq!(server.ask(peer, &Ask::new(RequestCode::DELETE_KV_CONFIG, &fields, b"")).code, 0);
    });
}
