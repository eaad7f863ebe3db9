//! Pulls that are answered at once: what they get, in what amounts, and why they get nothing.

use rocketlite_broker::BrokerConfig;
use rocketlite_core::ConnectionId;

use crate::consumer::{bodies, heartbeat, heartbeat_of, places, pull, pull_with, send_tagged};
use crate::harness::{Ask, Limits, Server, config, with_broker, with_peer};

/// Stores so many messages in queue 0 of `T`, each with its number for a body.
fn store(server: &mut Server<'_>, peer: ConnectionId, count: u8) {
    for n in 0..count {
        assert_eq!(server.ask(peer, &Ask::send("T", &[n])).code, 0);
    }
}

#[test]
fn messages_come_in_order_as_they_are_stored() {
    with_peer(|server, peer| {
        store(server, peer, 40);
        let answer = server.ask(peer, &pull_with("T", 0, "*"));
        assert_eq!((answer.remark.as_deref(), places(&answer)), (Some("FOUND"), (0, 32, 0, 40)));
        assert_eq!(bodies(&answer), (0..32).map(|n| vec![n]).collect::<Vec<_>>());
        let answer = server.ask(peer, &pull_with("T", 32, "").binary());
        assert_eq!(places(&answer), (0, 40, 0, 40));
        assert_eq!(bodies(&answer), (32..40).map(|n| vec![n]).collect::<Vec<_>>());
        // At least one, and no more than 32 whatever is asked for.
        for (wanted, got) in [("-1", 1), ("0", 1), ("1", 1), ("5", 5), ("1000", 32)] {
            let answer = server.ask(peer, &pull_with("T", 3, "*").with("maxMsgNums", wanted));
            assert_eq!(bodies(&answer).len(), got, "{wanted}");
            assert_eq!(bodies(&answer)[0], [3]);
        }
        let counters = server.broker.counters();
        assert_eq!(counters.pulled_messages, 32 + 8 + 1 + 1 + 1 + 5 + 32);
        assert!(counters.pulled_bytes > counters.pulled_messages * 91);
        // What is pulled is what is stored.
        let answer = server.ask(peer, &pull_with("T", 7, "*").with("maxMsgNums", "1"));
        let stored = server.broker.log().records().nth(7).unwrap();
        let (pulled, _) = rocketlite_core::message::stored::StoredMessage::decode(&answer.body).unwrap();
        assert_eq!(pulled, stored);
    });
}

#[test]
fn an_answer_is_the_same_through_buffers_of_any_size() {
    with_peer(|server, peer| {
        store(server, peer, 10);
        let frame = pull_with("T", 0, "*").frame();
        let mut all = Vec::new();
        for size in [65_536, 1_000, 64, 7, 1] {
            server.receive(peer, &frame);
            all.push(server.transmit(peer, size));
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    });
}

#[test]
fn an_answer_has_a_limit_in_bytes_but_for_its_first_message() {
    let config = BrokerConfig { max_pull_bytes: 1_000, ..config() };
    with_broker(config, Limits::default(), |server| {
        let peer = server.accept();
        for _ in 0..3 {
            server.ask(peer, &Ask::send("T", &[7; 300]));
        }
        server.ask(peer, &Ask::send("T", &[8; 5_000]));
        let answer = server.ask(peer, &pull_with("T", 0, "*"));
        assert_eq!((bodies(&answer).len(), places(&answer)), (2, (0, 2, 0, 4)));
        let answer = server.ask(peer, &pull_with("T", 3, "*"));
        assert_eq!((bodies(&answer).len(), places(&answer)), (1, (0, 4, 0, 4)));
    });
}

#[test]
fn where_a_queue_has_nothing_the_answer_says_where_to_go_on() {
    let limits = Limits { log: 70_000, ..Limits::default() };
    with_broker(BrokerConfig { max_message_size: 20_000, ..config() }, limits, |server| {
        let peer = server.accept();
        let ask = |server: &mut Server<'_>, queue: &str, offset: i64| {
            let answer = server.ask(peer, &pull_with("T", offset, "*").with("queueId", queue));
            (answer.remark.clone().unwrap(), places(&answer))
        };
        store(server, peer, 1);
        for _ in 0..10 {
            server.ask(peer, &Ask::send("T", &[0; 10_000]));
        }
        // Six of the 11 messages are left.
        assert_eq!(ask(server, "0", 5).1, (0, 11, 5, 11));
        assert_eq!(ask(server, "0", 4), ("OFFSET_TOO_SMALL".into(), (21, 5, 5, 11)));
        assert_eq!(ask(server, "0", -1), ("OFFSET_TOO_SMALL".into(), (21, 5, 5, 11)));
        assert_eq!(ask(server, "0", 11), ("OFFSET_OVERFLOW_ONE".into(), (19, 11, 5, 11)));
        assert_eq!(ask(server, "0", 12), ("OFFSET_OVERFLOW_BADLY".into(), (21, 11, 5, 11)));
        assert_eq!(ask(server, "1", 0), ("NO_MESSAGE_IN_QUEUE".into(), (19, 0, 0, 0)));
        assert_eq!(ask(server, "1", 9), ("NO_MESSAGE_IN_QUEUE".into(), (21, 0, 0, 0)));
    });
}

#[test]
fn only_messages_with_a_wanted_tag_are_sent() {
    with_peer(|server, peer| {
        // `Aa` and `BB` have one hash: both pass, and the client looks again.
        for (n, tag) in ["A", "B", "", "A", "C", "Aa", "BB"].iter().enumerate() {
            let body = [u8::try_from(n).unwrap()];
            server.ask(peer, &send_tagged("T", &body, tag));
        }
        let got = |server: &mut Server<'_>, tags: &str| {
            let answer = server.ask(peer, &pull_with("T", 0, tags));
            (bodies(&answer).concat(), places(&answer))
        };
        assert_eq!(got(server, "A"), (vec![0, 3], (0, 7, 0, 7)));
        assert_eq!(got(server, "C || B"), (vec![1, 4], (0, 7, 0, 7)));
        assert_eq!(got(server, "BB"), (vec![5, 6], (0, 7, 0, 7)));
        assert_eq!(got(server, "none"), (vec![], (20, 7, 0, 7)));
        assert_eq!(got(server, "*").0.len(), 7);
    });
}

#[test]
fn one_pull_looks_at_so_many_messages_and_no_more() {
    with_peer(|server, peer| {
        for _ in 0..850 {
            server.ask(peer, &send_tagged("T", b"x", "other"));
        }
        server.ask(peer, &send_tagged("T", b"it", "it"));
        let answer = server.ask(peer, &pull_with("T", 0, "it"));
        assert_eq!(answer.remark.as_deref(), Some("NO_MATCHED_MESSAGE"));
        assert_eq!(places(&answer), (20, 800, 0, 851));
        assert_eq!(bodies(&server.ask(peer, &pull_with("T", 800, "it"))), [b"it"]);
    });
}

#[test]
fn what_may_not_be_pulled_is_refused_in_the_words_of_the_reference() {
    with_peer(|server, peer| {
        store(server, peer, 1);
        let ask = |server: &mut Server<'_>, ask: &Ask<'_>| {
            let answer = server.ask(peer, ask);
            (answer.code, answer.remark.unwrap())
        };
        let faq = "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";
        assert_eq!(
            ask(server, &pull_with("missing", 0, "*")),
            (17, format!("topic[missing] not exist, apply first please! {faq}"))
        );
        let illegal =
            "queueId[4] is illegal, topic:[T] topicConfig.readQueueNums:[4] consumer:[/10.1.2.3:50000]";
        assert_eq!(ask(server, &pull_with("T", 0, "*").with("queueId", "4")), (29, illegal.into()));
        assert_eq!(ask(server, &pull_with("T", 0, "*").with("queueId", "-1")).0, 29);
        let sql = "The broker does not support consumer to filter message by SQL92";
        let by_sql = pull_with("T", 0, "a > 1").with("expressionType", "SQL92");
        assert_eq!(ask(server, &by_sql), (1, sql.into()));
        assert_eq!(ask(server, &pull("T", 0)), (24, format!("the consumer's group info not exist{faq}")));
        let other = heartbeat("c", "CG", "S", "*", 1);
        server.ask_told(peer, &heartbeat_of(&other));
        assert_eq!(ask(server, &pull("T", 0)), (24, format!("the consumer's subscription not exist{faq}")));
        let this = heartbeat("c", "CG", "T", "*", 1);
        server.ask_told(peer, &heartbeat_of(&this));
        assert_eq!(ask(server, &pull("T", 0)), (0, "FOUND".into()));
        let newer = pull("T", 0).with("subVersion", "2");
        assert_eq!(ask(server, &newer), (25, "the consumer's subscription not latest".into()));
        assert_eq!(ask(server, &pull("T", 0).without("queueOffset")).0, 1);
    });
}

#[test]
fn messages_that_are_evicted_before_they_are_sent_are_not_promised() {
    let limits = Limits { log: 70_000, ..Limits::default() };
    with_broker(BrokerConfig { max_message_size: 20_000, ..config() }, limits, |server| {
        let (consumer, producer) = (server.accept(), server.accept());
        store(server, producer, 3);
        // Asked for before they are evicted, and handed out after it.
        server.receive(consumer, &pull_with("T", 0, "*").frame());
        for _ in 0..8 {
            server.ask_told(producer, &Ask::send("T", &[0; 10_000]));
        }
        let answer = server.answers(consumer).remove(0);
        let (min, max) = (5, 11);
        assert_eq!(answer.remark.as_deref(), Some("MESSAGE_WAS_REMOVING"));
        assert_eq!((places(&answer), answer.body.len()), ((20, min, min, max), 0));
        // Half of the answer is on its way when its messages go: the connection cannot be of use any more.
        server.receive(consumer, &pull_with("T", min, "*").frame());
        assert_eq!(server.broker.connection_count(), 2);
        let mut buffer = [0; 1_000];
        assert_eq!(rocketlite_core::Engine::poll_transmit(&mut server.broker, consumer, &mut buffer), 1_000);
        for _ in 0..8 {
            server.ask_told(producer, &Ask::send("T", &[0; 10_000]));
        }
        assert_eq!(rocketlite_core::Engine::poll_transmit(&mut server.broker, consumer, &mut buffer), 0);
        assert_eq!(server.broker.connection_count(), 1);
    });
}

#[test]
fn an_index_that_is_full_evicts_or_refuses() {
    let limits = Limits { index: 4, ..Limits::default() };
    with_broker(config(), limits, |server| {
        let peer = server.accept();
        store(server, peer, 200);
        let queue = server.broker.queue("T", 0).unwrap();
        assert_eq!(queue.max_offset(), 200);
        assert!((48..=64).contains(&(queue.max_offset() - queue.min_offset())), "{queue:?}");
        assert_eq!(bodies(&server.ask(peer, &pull_with("T", queue.min_offset(), "*"))).len(), 32);
    });
    let config = BrokerConfig { when_full: rocketlite_broker::WhenFull::Refuse, ..config() };
    with_broker(config, limits, |server| {
        let peer = server.accept();
        store(server, peer, 64);
        let answer = server.ask(peer, &Ask::send("T", b"x"));
        assert_eq!((answer.code, answer.remark.as_deref()), (14, Some("memory.index is full")));
        assert_eq!(bodies(&server.ask(peer, &pull_with("T", 0, "*").with("maxMsgNums", "1"))), [[0]]);
    });
}
