//! Messages that go because they are old, and who is told when unread ones go.

use core::time::Duration;

use rocketlite_broker::{BrokerConfig, BrokerEvent};
use rocketlite_core::wire::code::RequestCode;

use crate::consumer::{heartbeat, heartbeat_of};
use crate::harness::{Ask, Limits, config, with_broker};

#[test]
fn messages_go_when_they_are_old_enough_whether_anybody_is_there_or_not() {
    let config = BrokerConfig { retain: Some(Duration::from_secs(10)), ..config() };
    with_broker(config, Limits::default(), |server| {
        let peer = server.accept();
        assert_eq!(server.ask(peer, &Ask::send("T", b"one")).code, 0);
        server.wait(6_000);
        assert_eq!(server.ask(peer, &Ask::send("T", b"two")).code, 0);
        rocketlite_core::Engine::handle_closed(&mut server.broker, server.now, peer);
        server.events();
        server.wait(4_000);
        assert_eq!(server.broker.queue("T", 0).unwrap().min_offset(), 0);
        assert!(rocketlite_core::Engine::poll_timeout(&server.broker).is_some());
        server.wait(1_000);
        let queue = server.broker.queue("T", 0).unwrap();
        assert_eq!((queue.min_offset(), queue.max_offset()), (1, 2));
        assert!(
            matches!(server.events()[..], [BrokerEvent::Expired { messages: 1, bytes: 100.. }]),
            "{:?}",
            server.broker.counters()
        );
        server.wait(60_000);
        let counters = server.broker.counters();
        assert_eq!((counters.expired_messages, counters.evicted_messages), (2, 0));
        assert_eq!(server.broker.log().records().count(), 0);
    });
}

#[test]
fn delayed_messages_do_not_grow_old() {
    let config = BrokerConfig { retain: Some(Duration::from_secs(2)), ..config() };
    with_broker(config, Limits::default(), |server| {
        let peer = server.accept();
        let delayed = Ask::send("T", b"later").with("i", "UNIQ_KEY\u{1}K\u{2}DELAY\u{1}2\u{2}");
        assert_eq!(server.ask(peer, &delayed).code, 0);
        for _ in 0..4 {
            server.wait(1_000);
        }
        assert_eq!((server.broker.delayed().0, server.broker.counters().expired_messages), (1, 0));
        server.wait(1_000);
        assert_eq!(server.broker.queue("T", 0).unwrap().max_offset(), 1);
    });
}

#[test]
fn a_group_that_had_not_read_what_went_is_named_once() {
    with_broker(config(), Limits { log: 100 << 10, ..Limits::default() }, |server| {
        let peer = server.accept();
        let beat = heartbeat("C1", "CG", "T", "*", 1);
        assert_eq!(server.ask_told(peer, &heartbeat_of(&beat)).code, 0);
        for n in 0..20 {
            assert_eq!(server.ask(peer, &Ask::send("T", &[n; 4_000])).code, 0);
        }
        let commit = |group, offset| {
            let fields =
                [("consumerGroup", group), ("topic", "T"), ("queueId", "0"), ("commitOffset", offset)];
            Ask::new(RequestCode::UPDATE_CONSUMER_OFFSET, &fields, b"")
        };
        assert_eq!(server.ask(peer, &commit("CG", "3")).code, 0);
        assert_eq!(server.ask(peer, &commit("Nobody", "0")).code, 0);
        server.events();
        let lost = |server: &mut crate::harness::Server<'_>| -> Vec<(String, u64)> {
            server.wait(1_000);
            let lost = server.events().into_iter().filter_map(|event| match event {
                BrokerEvent::LostUnread { group, messages, .. } => {
                    Some((group.as_str().to_owned(), messages))
                }
                _ => None,
            });
            lost.collect()
        };
        for _ in 0..10 {
            assert_eq!(server.ask(peer, &Ask::send("T", &[9; 4_000])).code, 0);
        }
        let min = server.broker.queue("T", 0).unwrap().min_offset();
        assert!(min > 3, "{min}");
        // A group without members has nobody to read them.
        assert_eq!(lost(server), [("CG".to_owned(), min.unsigned_abs() - 3)]);
        assert_eq!(lost(server), []);
        assert_eq!(server.ask(peer, &Ask::send("T", &[9; 4_000])).code, 0);
        let more = server.broker.queue("T", 0).unwrap().min_offset() - min;
        assert_eq!(lost(server), [("CG".to_owned(), more.unsigned_abs())]);
    });
}
