//! What a broker says of itself.

use std::collections::BTreeMap;

use rocketlite_core::ConnectionId;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::json;

use crate::consumer::pull_with;
use crate::harness::{Ask, Server, WALL, with_peer};

fn info(server: &mut Server<'_>, peer: ConnectionId) -> BTreeMap<String, String> {
    let answer = server.ask(peer, &Ask::new(RequestCode::GET_BROKER_RUNTIME_INFO, &[], b""));
    let body = json::parse("body", &answer.body).unwrap();
    let table = body.get("table").unwrap();
    let text = |value: json::Value<'_>| match value {
        json::Value::String(text) => text.to_string(),
        other => panic!("no text: {other:?}"),
    };
    table.members().map(|(key, value)| (key.to_string(), text(value))).collect()
}

#[test]
fn figures_are_those_of_what_was_done() {
    with_peer(|server, peer| {
        let empty = info(server, peer);
        assert_eq!(empty["earliestMessageTimeStamp"], WALL.to_string());
        assert_eq!((&*empty["putTps"], &*empty["putMessageAverageSize"]), ("0.000 0.000 0.000", "0.000"));
        for _ in 0..20 {
            server.ask(peer, &Ask::send("T", &[0; 1_000]));
        }
        server.ask(peer, &pull_with("T", 0, "*"));
        server.wait(3_725_000);
        let idle = server.accept();
        let info = info(server, idle);
        assert_eq!(info["earliestMessageTimeStamp"], WALL.to_string());
        assert_eq!((&*info["msgPutTotalTodayNow"], &*info["msgGetTotalTodayNow"]), ("20", "20"));
        assert_eq!(info["runtime"], "[ 0 days, 1 hours, 2 minutes, 5 seconds ]");
        assert_eq!((&*info["brokerVersionDesc"], &*info["brokerActive"]), ("V5_4_0", "true"));
        let bytes: f64 = info["putMessageSizeTotal"].parse().unwrap();
        assert!(
            bytes > 20_000.0
                && (bytes / 20.0 - info["putMessageAverageSize"].parse::<f64>().unwrap()).abs() < 0.001
        );
        let ratio: f64 = info["commitLogDiskRatio"].parse().unwrap();
        assert!((ratio - bytes / f64::from(256 * 1024)).abs() < 0.001, "{ratio}");
        for key in ["putTps", "getTransferredTps", "getTransferedTps"] {
            let rates: Vec<f64> = info[key].split(' ').map(|rate| rate.parse().unwrap()).collect();
            assert_eq!(rates.len(), 3, "{key}");
        }
        for key in
            ["sendThreadPoolQueueSize", "pullThreadPoolQueueHeadWaitTimeMills", "pageCacheLockTimeMills"]
        {
            assert_eq!(info[key], "0", "{key}");
        }
    });
}

#[test]
fn rates_count_what_was_sent_lately() {
    with_peer(|server, peer| {
        for _ in 0..10 {
            for _ in 0..5 {
                server.ask(peer, &Ask::send("T", b"x"));
            }
            server.wait(1_000);
        }
        assert_eq!(info(server, peer)["putTps"], "5.000 5.000 5.000");
        server.wait(10_000);
        server.wait(10_000);
        assert!(info(server, peer)["putTps"].starts_with("0.000 "), "nothing in the last seconds");
    });
}

#[test]
fn settings_have_the_references_names() {
    with_peer(|server, peer| {
        let answer = server.ask(peer, &Ask::new(RequestCode::GET_BROKER_CONFIG, &[], b""));
        let lines: BTreeMap<_, _> = answer.text().lines().map(|line| line.split_once('=').unwrap()).collect();
        for (key, value) in [
            ("brokerName", "broker-a"),
            ("brokerClusterName", "DefaultCluster"),
            ("brokerIP1", "127.0.0.1"),
            ("listenPort", "10911"),
            ("namesrvAddr", ""),
            ("autoCreateTopicEnable", "true"),
            ("defaultTopicQueueNums", "8"),
            ("maxMessageSize", "65536"),
        ] {
            assert_eq!(lines[key], value, "{key}");
        }
    });
}
