//! Groups that are sent back or ahead.

use rocketlite_core::ConnectionId;
use rocketlite_core::wire::code::RequestCode;

use crate::consumer::{places, pull_with};
use crate::harness::{Answer, Ask, Limits, Server, WALL, config, with_broker, with_peer};

fn reset(server: &mut Server<'_>, peer: ConnectionId, group: &str, fields: &[(&str, &str)]) -> Answer {
    let usual = [("topic", "T"), ("group", group), ("timestamp", "-1"), ("isForce", "true")];
    let request = Ask::new(RequestCode::INVOKE_BROKER_TO_RESET_OFFSET, &usual, b"");
    let request = fields.iter().fold(request, |request, (key, value)| request.with(key, value));
    server.ask(peer, &request)
}

fn commit(server: &mut Server<'_>, peer: ConnectionId, offset: &str) {
    let fields = [("consumerGroup", "CG"), ("topic", "T"), ("queueId", "0"), ("commitOffset", offset)];
    assert_eq!(server.ask(peer, &Ask::new(RequestCode::UPDATE_CONSUMER_OFFSET, &fields, b"")).code, 0);
}

/// Three messages, a second apart, in the one queue of `T`, all of which `CG` has consumed.
fn with_consumed(test: impl FnOnce(&mut Server<'_>, ConnectionId)) {
    with_peer(|server, peer| {
        for body in [b"a", b"b", b"c"] {
            server.ask(peer, &Ask::send("T", body).with("d", "1"));
            server.wait(1_000);
        }
        commit(server, peer, "3");
        test(server, peer);
    });
}

fn table(offset: i64) -> String {
    format!(r#"{{"offsetTable":{{{{"brokerName":"broker-a","queueId":0,"topic":"T"}}:{offset}}}}}"#)
}

#[test]
fn a_group_goes_on_where_it_is_sent() {
    with_consumed(|server, peer| {
        let time = (WALL + 1_000).to_string();
        assert_eq!(reset(server, peer, "CG", &[("timestamp", &time)]).text(), table(1));
        assert_eq!(server.broker.consumer_offset("CG", "T", 0), Some(1));
        commit(server, peer, "3");
        assert_eq!(server.broker.consumer_offset("CG", "T", 0), Some(1), "it has not heard of it yet");
        let told = server.ask(peer, &pull_with("T", 3, "*"));
        assert_eq!((places(&told), told.remark.as_deref()), ((21, 1, 0, 3), Some("OFFSET_RESET")));
        assert!(told.body.is_empty());
        assert_eq!(places(&server.ask(peer, &pull_with("T", 1, "*"))), (0, 3, 0, 3), "it is told once");
        commit(server, peer, "2");
        assert_eq!(server.broker.consumer_offset("CG", "T", 0), Some(2));
        assert_eq!(reset(server, peer, "CG", &[]).text(), table(3), "behind the newest");
        assert_eq!(reset(server, peer, "CG", &[("timestamp", "0")]).text(), table(0));
        let one = [("queueId", "0"), ("offset", "2")];
        assert_eq!(reset(server, peer, "CG", &one).text(), table(2));
    });
}

#[test]
fn what_cannot_be_reset_is_named() {
    with_consumed(|server, peer| {
        let mut said = |group: &str, fields: &[(&str, &str)]| {
            let answer = reset(server, peer, group, fields);
            (answer.code, answer.remark.unwrap_or_default())
        };
        assert_eq!(said("CG", &[("topic", "S")]), (17, "Topic S does not exist".into()));
        assert_eq!(said("NO", &[]), (26, "Group NO does not exist".into()));
        let range = "Target offset 4 not in consume queue range [0-3]";
        assert_eq!(said("CG", &[("queueId", "0"), ("offset", "4")]), (1, range.into()));
        assert_eq!(said("CG", &[("queueId", "9")]), (1, "No queues to reset.".into()));
    });
    with_broker(config(), Limits { groups: 1, ..Limits::default() }, |server| {
        let peer = server.accept();
        for queue in 0..9 {
            server.ask(peer, &Ask::send("T", b"x").with("d", "8").with("e", &(queue % 8).to_string()));
        }
        server.ask(peer, &pull_with("T", 0, "*"));
        server.ask(peer, &Ask::send("S", b"x").with("d", "1"));
        assert_eq!(reset(server, peer, "CG", &[]).code, 0);
        let full = reset(server, peer, "CG", &[("topic", "S")]);
        assert_eq!((full.code, full.remark.as_deref()), (1, Some("memory.offsets is full")));
    });
}
