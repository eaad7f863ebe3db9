//! Pulls that wait for a message.

use rocketlite_broker::BrokerConfig;
use rocketlite_core::{ConnectionId, Engine};

use crate::consumer::{bodies, heartbeat, heartbeat_of, places, pull, send_tagged};
use crate::harness::{Ask, Limits, Server, config, with_broker};

/// A producer, and a consumer of `tags` of `T` that waits at the end of queue 0.
fn with_waiting(
    config: BrokerConfig<'_>,
    tags: &str,
    test: impl FnOnce(&mut Server<'_>, ConnectionId, ConnectionId),
) {
    with_broker(config, Limits::default(), |server| {
        let (producer, consumer) = (server.accept(), server.accept());
        server.ask(producer, &Ask::send("T", b"first"));
        let beat = heartbeat("c", "CG", "T", tags, 1);
        server.ask_told(consumer, &heartbeat_of(&beat));
        server.receive(consumer, &pull("T", 1).opaque(77).frame());
        assert_eq!(server.answers(consumer), []);
        test(server, producer, consumer);
    });
}

#[test]
fn a_pull_waits_for_a_message() {
    with_waiting(config(), "*", |server, producer, consumer| {
        server.wait(10_000);
        assert_eq!(server.answers(consumer), []);
        assert_eq!(server.ask_told(producer, &Ask::send("T", b"second")).code, 0);
        let answer = server.answers(consumer).remove(0);
        assert_eq!(
            (answer.opaque, places(&answer), bodies(&answer)),
            (77, (0, 2, 0, 2), vec![b"second".to_vec()])
        );
        server.ask(producer, &Ask::send("T", b"third"));
        assert_eq!(server.answers(consumer), [], "it is answered once");
    });
}

#[test]
fn its_time_ends_as_it_asked_for_and_never_later_than_clients_wait() {
    with_waiting(config(), "*", |server, _, consumer| {
        server.wait(14_000);
        assert_eq!(server.answers(consumer), []);
        server.wait(1_000);
        let answer = server.answers(consumer).remove(0);
        assert_eq!((places(&answer), answer.remark.as_deref()), ((19, 1, 0, 1), Some("OFFSET_OVERFLOW_ONE")));
        let long = pull("T", 1).with("suspendTimeoutMillis", "60000");
        server.receive(consumer, &long.frame());
        server.wait(27_000);
        assert_eq!(server.answers(consumer), []);
        server.wait(1_000);
        assert_eq!(places(&server.answers(consumer)[0]).0, 19);
    });
}

#[test]
fn messages_with_other_tags_do_not_end_the_wait() {
    with_waiting(config(), "A || B", |server, producer, consumer| {
        for _ in 0..3 {
            server.ask(producer, &send_tagged("T", b"other", "C"));
            server.ask(producer, &send_tagged("T", b"none", ""));
        }
        assert_eq!(server.answers(consumer), []);
        server.ask_told(producer, &send_tagged("T", b"it", "B"));
        let answer = server.answers(consumer).remove(0);
        assert_eq!((places(&answer), bodies(&answer)), ((0, 8, 0, 8), vec![b"it".to_vec()]));
    });
    with_waiting(config(), "A", |server, producer, consumer| {
        server.ask(producer, &send_tagged("T", b"other", "C"));
        server.wait(15_000);
        // The next pull need not look at it again.
        assert_eq!(places(&server.answers(consumer)[0]), (19, 2, 0, 2));
    });
}

#[test]
fn only_the_queue_that_has_a_message_wakes_its_pulls() {
    with_waiting(config(), "*", |server, producer, consumer| {
        server.receive(consumer, &pull("T", 0).with("queueId", "1").opaque(78).frame());
        server.receive(consumer, &pull("T", 1).opaque(79).frame());
        server.ask_told(producer, &Ask::send("T", b"to 1").with("e", "1"));
        let opaques =
            |answers: &[crate::harness::Answer]| answers.iter().map(|a| a.opaque).collect::<Vec<_>>();
        assert_eq!(opaques(&server.answers(consumer)), [78]);
        server.ask_told(producer, &Ask::send("T", b"to 0"));
        let mut woken = opaques(&server.answers(consumer));
        woken.sort_unstable();
        assert_eq!(woken, [77, 79]);
    });
}

#[test]
fn a_pull_that_does_not_want_to_wait_is_answered_at_once() {
    with_waiting(config(), "*", |server, _, consumer| {
        let answer = server.ask(consumer, &pull("T", 1).with("sysFlag", "0"));
        assert_eq!(places(&answer), (19, 1, 0, 1));
    });
}

#[test]
fn a_connection_takes_its_pulls_along_and_there_are_only_so_many() {
    with_waiting(config(), "*", |server, producer, consumer| {
        for _ in 0..3 {
            server.receive(consumer, &pull("T", 1).frame());
        }
        assert_eq!(server.answers(consumer), []);
        let answer = server.ask(consumer, &pull("T", 1));
        assert_eq!((answer.code, answer.remark.as_deref()), (2, Some("memory.held_pulls is full")));
        server.broker.handle_closed(server.now, consumer);
        server.ask(producer, &Ask::send("T", b"for nobody"));
        // Whoever has the connection's place now is not told.
        let next = server.accept();
        server.receive(next, &pull("T", 2).with("sysFlag", "6").with("subscription", "*").frame());
        assert_eq!(server.answers(next), []);
        server.ask_told(producer, &Ask::send("T", b"for it"));
        assert_eq!(bodies(&server.answers(next)[0]), [b"for it"]);
    });
}

#[test]
fn a_message_for_a_consumer_that_does_not_read_waits_with_its_pull() {
    let config = BrokerConfig { max_pending: 2, ..config() };
    with_waiting(config, "*", |server, producer, consumer| {
        // Two answers wait to be read, so there is no room for a third.
        for _ in 0..2 {
            server.receive(consumer, &pull("T", 0).with("maxMsgNums", "1").frame());
        }
        server.ask_told(producer, &Ask::send("T", b"second"));
        let answers = server.answers(consumer);
        assert_eq!(answers.len(), 2);
        assert!(answers.iter().all(|answer| answer.opaque != 77));
        assert_eq!(server.broker.poll_timeout(), Some(server.now), "there is room again");
        server.wait(0);
        let answer = server.answers(consumer).remove(0);
        assert_eq!((answer.opaque, bodies(&answer)), (77, vec![b"second".to_vec()]));
    });
}

#[test]
fn a_pull_whose_time_is_over_while_nobody_reads_ends_as_soon_as_somebody_does() {
    let config = BrokerConfig { max_pending: 2, ..config() };
    with_waiting(config, "*", |server, _, consumer| {
        for _ in 0..2 {
            server.receive(consumer, &pull("T", 0).with("maxMsgNums", "1").frame());
        }
        server.wait(15_000);
        assert!(server.answers(consumer).iter().all(|answer| answer.opaque != 77));
        assert_eq!(server.broker.poll_timeout(), Some(server.now), "there is room again");
        server.wait(0);
        let answer = server.answers(consumer).remove(0);
        assert_eq!((answer.opaque, places(&answer).0), (77, 19));
    });
}

#[test]
fn peers_that_do_not_read_leave_a_place_to_a_pull_that_waited() {
    with_broker(config(), Limits { outgoing: 6, ..Limits::default() }, |server| {
        let (producer, consumer) = (server.accept(), server.accept());
        server.ask(producer, &Ask::send("T", b"first"));
        let pull = pull("T", 1).with("sysFlag", "6").with("subscription", "*");
        server.receive(consumer, &pull.frame());
        for _ in 0..4 {
            let silent = server.accept();
            server.receive(silent, &Ask::send("U", b"its answer is not read").frame());
        }
        assert_eq!(server.ask_told(producer, &Ask::send("T", b"second")).code, 0);
        assert_eq!(bodies(&server.answers(consumer)[0]), [b"second"]);
    });
}
