//! Messages by their keys.

use rocketlite_broker::WhenFull;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::{ConnectionId, Engine};

use crate::consumer::bodies;
use crate::harness::{Answer, Ask, Limits, Server, WALL, config, with_broker, with_peer};

fn query<'a>(topic: &'a str, key: &'a str) -> Ask<'a> {
    let fields = [
        ("topic", topic),
        ("key", key),
        ("maxNum", "64"),
        ("beginTimestamp", "0"),
        ("endTimestamp", "9223372036854775807"),
    ];
    Ask::new(RequestCode::QUERY_MESSAGE, &fields, b"")
}

fn send(server: &mut Server<'_>, peer: ConnectionId, body: &[u8], id: &str, keys: &str) {
    let properties = format!("UNIQ_KEY\u{1}{id}\u{2}KEYS\u{1}{keys}\u{2}");
    assert_eq!(server.ask(peer, &Ask::send("T", body).with("i", &properties)).code, 0);
}

fn large(byte: u8) -> Vec<u8> {
    vec![byte; 40_000]
}

fn nothing(answer: &Answer) {
    let text = "can not find message, maybe time range not correct";
    assert_eq!((answer.code, answer.remark.as_deref(), answer.body.len()), (22, Some(text), 0));
}

#[test]
fn messages_are_found_by_id_and_by_each_of_their_keys() {
    with_peer(|server, peer| {
        nothing(&server.ask(peer, &query("T", "a")));
        send(server, peer, b"one", "ID1", "a b");
        server.wait(1_000);
        send(server, peer, b"two", "ID2", " b  a-longer-key b");
        let found = server.ask(peer, &query("T", "b"));
        assert_eq!((found.code, bodies(&found)), (0, vec![b"one".to_vec(), b"two".to_vec()]));
        assert_eq!(found.field("indexLastUpdateTimestamp"), (WALL + 1_000).to_string());
        assert_ne!(found.field("indexLastUpdatePhyoffset"), "0");
        for (key, expected) in [("a", "one"), ("a-longer-key", "two"), ("ID1", "one"), ("ID2", "two")] {
            let found = server.ask(peer, &query("T", key).binary());
            assert_eq!(bodies(&found), [expected.as_bytes()], "{key}");
        }
        let unique = |key: &'static str| query("T", key).with("_UNIQUE_KEY_QUERY", "true");
        assert_eq!(bodies(&server.ask(peer, &unique("ID2"))), [b"two"]);
        nothing(&server.ask(peer, &unique("b")));
        for (topic, key) in [("T", "c"), ("S", "b"), ("T", ""), ("T", "A")] {
            nothing(&server.ask(peer, &query(topic, key)));
        }
    });
}

#[test]
fn number_and_time_limit_what_is_found() {
    with_broker(config(), Limits { keys: 256, ..Limits::default() }, |server| {
        let peer = server.accept();
        for n in 0..70u8 {
            send(server, peer, &[n], "ID", "k");
            server.wait(1_000);
        }
        let mut found = |request: &Ask<'_>| {
            let answer = server.ask(peer, request);
            if answer.code == 0 { bodies(&answer).concat() } else { Vec::new() }
        };
        assert_eq!(found(&query("T", "k")), (6..70).collect::<Vec<_>>(), "the newest 64");
        assert_eq!(found(&query("T", "k").with("maxNum", "1000")).len(), 64);
        assert_eq!(found(&query("T", "k").with("maxNum", "3")), [67, 68, 69]);
        assert_eq!(found(&query("T", "k").with("maxNum", "0")), []);
        assert_eq!(found(&query("T", "k").with("maxNum", "-1")), []);
        assert_eq!(found(&query("T", "ID").with("_UNIQUE_KEY_QUERY", "true")).len(), 32);
        let times = query("T", "k").with("beginTimestamp", &(WALL + 10_000).to_string());
        let times = times.with("endTimestamp", &(WALL + 12_000).to_string());
        assert_eq!(found(&times), [10, 11, 12]);
    });
    let config = rocketlite_broker::BrokerConfig { max_frame: 101_000, ..config() };
    with_broker(config, Limits::default(), |server| {
        let peer = server.accept();
        for n in 0..3u8 {
            send(server, peer, &large(n), "ID", "k");
        }
        let found = server.ask(peer, &query("T", "k"));
        let first: Vec<_> = bodies(&found).iter().map(|body| body[0]).collect();
        assert_eq!(first, [1, 2], "as many as a frame may have");
    });
}

#[test]
fn the_oldest_keys_are_forgotten_first() {
    with_broker(config(), Limits { keys: 4, ..Limits::default() }, |server| {
        let peer = server.accept();
        for n in 0..3 {
            send(server, peer, &[n], &format!("ID{n}"), "k");
        }
        assert_eq!(bodies(&server.ask(peer, &query("T", "k"))), [[1], [2]]);
        nothing(&server.ask(peer, &query("T", "ID0")));
        assert_eq!(bodies(&server.ask(peer, &query("T", "ID1"))), [[1]]);
    });
    with_broker(config(), Limits { keys: 0, ..Limits::default() }, |server| {
        let peer = server.accept();
        send(server, peer, b"x", "ID", "k");
        nothing(&server.ask(peer, &query("T", "k")));
    });
}

#[test]
fn what_was_evicted_is_not_found() {
    let config = rocketlite_broker::BrokerConfig { when_full: WhenFull::Evict, ..config() };
    with_broker(config, Limits { log: 150_000, ..Limits::default() }, |server| {
        let (peer, reader) = (server.accept(), server.accept());
        for n in 0..3u8 {
            send(server, peer, &large(n), "ID", "k");
        }
        // It is asked before, and sent after the first is gone.
        server.receive(reader, &query("T", "k").opaque(1).frame());
        send(server, peer, &large(3), "ID", "k");
        let first = |answer: &Answer| bodies(answer).iter().map(|body| body[0]).collect::<Vec<_>>();
        assert_eq!(first(&server.answers(reader)[0]), [1, 2]);
        assert_eq!(first(&server.ask(peer, &query("T", "k"))), [1, 2, 3]);
        // Half of an answer whose records go cannot be ended.
        server.receive(reader, &query("T", "k").frame());
        let mut buffer = [0; 1_000];
        assert_eq!(server.broker.poll_transmit(reader, &mut buffer), 1_000);
        send(server, peer, &large(4), "ID", "k");
        assert_eq!(server.broker.poll_transmit(reader, &mut buffer), 0);
        assert_eq!(server.broker.connection_count(), 1);
        // The memory of the lost answer is free again, and so is that of answers nobody got.
        server.receive(peer, &query("T", "k").one_way().frame());
        for _ in 0..700 {
            assert_eq!(server.ask(peer, &query("T", "k")).code, 0);
        }
    });
}

#[test]
fn an_answer_of_which_all_is_gone_finds_nothing() {
    with_broker(config(), Limits { log: 100_000, ..Limits::default() }, |server| {
        let (peer, reader) = (server.accept(), server.accept());
        send(server, peer, &large(0), "ID", "k");
        server.receive(reader, &query("T", "k").frame());
        for _ in 0..2 {
            send(server, peer, &large(1), "OTHER", "other");
        }
        nothing(&server.answers(reader)[0]);
    });
}
