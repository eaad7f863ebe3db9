//! Places in queues: those of groups, and those asked for by time.

use rocketlite_broker::BrokerConfig;
use rocketlite_core::ConnectionId;
use rocketlite_core::wire::code::RequestCode;

use crate::consumer::pull_with;
use crate::harness::{Answer, Ask, Limits, Server, WALL, config, with_broker, with_peer};

fn ask(server: &mut Server<'_>, peer: ConnectionId, code: RequestCode, fields: &[(&str, &str)]) -> Answer {
    let of_queue = [("consumerGroup", "CG"), ("topic", "T"), ("queueId", "0")];
    let mut request = Ask::new(code, &of_queue, b"");
    for (key, value) in fields {
        request = request.with(key, value);
    }
    server.ask(peer, &request)
}

fn offset(answer: &Answer) -> (i32, &str) {
    (answer.code, answer.field("offset"))
}

#[test]
fn a_group_goes_on_where_it_said() {
    with_peer(|server, peer| {
        let (query, update) = (RequestCode::QUERY_CONSUMER_OFFSET, RequestCode::UPDATE_CONSUMER_OFFSET);
        let missing = ask(server, peer, update, &[("commitOffset", "1")]);
        assert_eq!((missing.code, missing.remark.as_deref()), (17, Some("Topic T not exist!")));
        server.ask(peer, &Ask::send("T", b"x"));
        assert_eq!(ask(server, peer, update, &[("commitOffset", "7")]).code, 0);
        assert_eq!(offset(&ask(server, peer, query, &[])), (0, "7"));
        assert_eq!(ask(server, peer, update, &[("commitOffset", "3")]).code, 0);
        assert_eq!(offset(&ask(server, peer, query, &[])), (0, "3"));
        assert_eq!(server.broker.consumer_offset("CG", "T", 0), Some(3));
        assert_eq!(ask(server, peer, update, &[("commitOffset", "3"), ("queueId", "9")]).code, 29);
        // A pull may bring it along.
        let bringing = pull_with("T", 0, "*").with("sysFlag", "5").with("commitOffset", "1");
        server.ask(peer, &bringing);
        assert_eq!(offset(&ask(server, peer, query, &[])), (0, "1"));
    });
}

#[test]
fn a_full_table_of_offsets_refuses_more_and_goes_on_with_those_it_has() {
    with_broker(config(), Limits { groups: 1, ..Limits::default() }, |server| {
        let peer = server.accept();
        let commit = |server: &mut Server<'_>, topic: &str, queue_id: &str, offset: &str| {
            let fields = [("topic", topic), ("queueId", queue_id), ("commitOffset", offset)];
            let answer = ask(server, peer, RequestCode::UPDATE_CONSUMER_OFFSET, &fields);
            (answer.code, answer.remark)
        };
        for topic in ["T", "U", "V"] {
            server.ask(peer, &Ask::send(topic, b"x"));
        }
        for topic in ["T", "U"] {
            for queue_id in ["0", "1", "2", "3"] {
                assert_eq!(commit(server, topic, queue_id, "1"), (0, None));
            }
        }
        let refused = (1, Some("memory.offsets is full".to_string()));
        assert_eq!(commit(server, "V", "0", "1"), refused);
        assert_eq!(commit(server, "U", "3", "2"), (0, None));
        // A pull that brings an offset along is answered all the same.
        let bringing = pull_with("V", 0, "*").with("sysFlag", "5").with("commitOffset", "1");
        assert_eq!(server.ask(peer, &bringing).code, 0);
        assert_eq!(server.broker.consumer_offset("CG", "V", 0), None);
    });
}

#[test]
fn a_group_without_offset_begins_at_the_first_message_if_that_is_there() {
    let limits = Limits { log: 70_000, ..Limits::default() };
    with_broker(BrokerConfig { max_message_size: 20_000, ..config() }, limits, |server| {
        let peer = server.accept();
        let query = RequestCode::QUERY_CONSUMER_OFFSET;
        let zero = "Not found, do not set to zero, maybe this group boot first";
        let first = "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first";
        let answer = ask(server, peer, query, &[]);
        assert_eq!((answer.code, answer.remark.as_deref()), (22, Some(first)));
        server.ask(peer, &Ask::send("T", b"x"));
        assert_eq!(offset(&ask(server, peer, query, &[])), (0, "0"));
        assert_eq!(ask(server, peer, query, &[("queueId", "1")]).code, 22, "it never had a message");
        let answer = ask(server, peer, query, &[("setZeroIfNotFound", "false")]);
        assert_eq!((answer.code, answer.remark.as_deref()), (22, Some(zero)));
        for _ in 0..8 {
            server.ask(peer, &Ask::send("T", &[0; 10_000]));
        }
        assert_eq!(ask(server, peer, query, &[]).code, 22, "the first message is gone");
    });
}

#[test]
fn a_queue_is_searched_by_time() {
    with_peer(|server, peer| {
        let search = |server: &mut Server<'_>, at: i64, boundary: &str| {
            let at = (WALL + at).to_string();
            let fields = [("timestamp", at.as_str()), ("boundaryType", boundary)];
            let answer = ask(server, peer, RequestCode::SEARCH_OFFSET_BY_TIMESTAMP, &fields);
            offset(&answer).1.parse::<i64>().unwrap()
        };
        assert_eq!(search(server, 0, "LOWER"), 0, "there is no such queue");
        // Two at 0, 1000, 2000 and so on.
        for _ in 0..20 {
            server.ask(peer, &Ask::send("T", b"x"));
            server.ask(peer, &Ask::send("T", b"y"));
            server.wait(1_000);
        }
        for (at, lower, upper) in [(-5, 0, 0), (0, 0, 1), (1, 2, 2), (9_000, 18, 19), (19_000, 38, 39)] {
            assert_eq!((search(server, at, "LOWER"), search(server, at, "UPPER")), (lower, upper), "{at}");
        }
        assert_eq!(search(server, 19_001, "LOWER"), 40, "beyond the newest");
        let earliest = ask(server, peer, RequestCode::GET_EARLIEST_MSG_STORETIME, &[]);
        assert_eq!(earliest.field("timestamp"), WALL.to_string());
        let none = ask(server, peer, RequestCode::GET_EARLIEST_MSG_STORETIME, &[("queueId", "3")]);
        assert_eq!(none.field("timestamp"), "-1");
    });
}

#[test]
fn the_ends_of_a_queue_are_told() {
    with_peer(|server, peer| {
        let ends = |server: &mut Server<'_>, fields: &[(&str, &str)]| {
            let max = ask(server, peer, RequestCode::GET_MAX_OFFSET, fields);
            let min = ask(server, peer, RequestCode::GET_MIN_OFFSET, fields);
            (offset(&min).1.to_string(), offset(&max).1.to_string())
        };
        assert_eq!(ends(server, &[]), ("0".into(), "0".into()));
        for _ in 0..3 {
            server.ask(peer, &Ask::send("T", b"x"));
        }
        assert_eq!(ends(server, &[]), ("0".into(), "3".into()));
        assert_eq!(ends(server, &[("queueId", "2")]), ("0".into(), "0".into()));
    });
}
