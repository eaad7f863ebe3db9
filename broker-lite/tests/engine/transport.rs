//! Bytes in any pieces, full tables, and connections that end.

use core::time::Duration;

use rocketlite_broker::{BrokerConfig, BrokerEvent, DisconnectReason};
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::{DecodeError, DecodeErrorKind};
use rocketlite_core::{ConnectionId, ConnectionRequest, Engine};

use crate::harness::{ADDRESS, Ask, Limits, PEER, Server, answers, config, with_broker, with_peer};

fn route(topic: &str) -> Ask<'_> {
    Ask::new(RequestCode::GET_ROUTEINFO_BY_TOPIC, &[("topic", topic)], b"")
}

fn view(offset: u64) -> Vec<u8> {
    Ask::new(RequestCode::VIEW_MESSAGE_BY_ID, &[("offset", &offset.to_string())], b"").frame()
}

fn reasons(server: &mut Server<'_>) -> Vec<DisconnectReason> {
    let reason = |event: BrokerEvent| match event {
        BrokerEvent::Disconnected { peer, reason, .. } => {
            assert_eq!(peer, PEER.parse().unwrap());
            Some(reason)
        }
        _ => None,
    };
    server.events().into_iter().filter_map(reason).collect()
}

#[test]
fn frames_may_come_and_go_in_any_pieces() {
    let mut frames = Vec::new();
    frames.extend(Ask::send("T", b"hello").opaque(1).frame());
    frames.extend(route("T").opaque(2).frame());
    frames.extend(route("none").binary().opaque(3).frame());
    frames.extend(Ask::send("no topic", b"hello").opaque(4).frame());
    frames.extend(view(0));
    frames.extend(Ask::new(RequestCode::GET_BROKER_CLUSTER_INFO, &[], b"").opaque(6).frame());
    let mut expected = None;
    for (piece, buffer) in [(usize::MAX, 65_536), (1, 1), (3, 7), (200, 13), (usize::MAX, 1)] {
        with_peer(|server, peer| {
            for bytes in frames.chunks(piece.min(frames.len())) {
                assert_eq!(server.receive(peer, bytes), bytes.len());
            }
            let sent = server.transmit(peer, buffer);
            let opaques: Vec<i32> = answers(&sent).iter().map(|answer| answer.opaque).collect();
            assert_eq!(opaques, [1, 2, 3, 4, 41, 6]);
            assert_eq!(server.broker.counters().transmitted_bytes, u64::try_from(sent.len()).unwrap());
            assert_eq!(expected.get_or_insert(sent.clone()), &sent, "pieces of {piece} and {buffer}");
        });
    }
}

#[test]
fn connections_with_something_to_send_are_named() {
    with_peer(|server, first| {
        let second = server.accept();
        server.receive(second, &route("T").frame());
        server.receive(first, &route("T").frame());
        let transmit = |connection| ConnectionRequest::Transmit { connection };
        assert_eq!(server.requests(), [transmit(second), transmit(first)]);
        assert_eq!(server.requests(), []);
        server.receive(first, &route("T").frame());
        assert_eq!(server.requests(), [transmit(first)]);
        assert_eq!(server.answers(first).len(), 2);
        assert_eq!(server.transmit(ConnectionId::new(7, 0), 10), []);
        assert_eq!(server.transmit(second, 0), []);
        assert_eq!(server.answers(second).len(), 1);
    });
}

#[test]
fn garbage_closes_its_connection_and_no_other() {
    let bad = |field, kind| DisconnectReason::Decode(DecodeError::new(field, kind));
    for (bytes, reason) in [
        (&b"\0\0\0\0"[..], bad("frame length", DecodeErrorKind::BadLength)),
        (b"\xff\0\0\0", bad("frame length", DecodeErrorKind::BadLength)),
        (b"\x7f\0\0\0", bad("frame length", DecodeErrorKind::OverLimit)),
        (b"\0\0\0\x06\0\0\0\x09{}", bad("header", DecodeErrorKind::Truncated)),
        (b"\0\0\0\x06\0\0\0\x02{]", bad("header", DecodeErrorKind::BadJson)),
        (b"\0\0\0\x04\x07\0\0\0", bad("serialize type", DecodeErrorKind::Unknown)),
        (b"GET / HTTP/1.1\r\n", bad("frame length", DecodeErrorKind::OverLimit)),
    ] {
        with_peer(|server, good| {
            let evil = server.accept();
            server.receive(evil, &route("T").frame());
            assert_eq!(server.receive(evil, bytes), bytes.len());
            assert_eq!(reasons(server), [reason]);
            assert_eq!(server.requests(), [ConnectionRequest::Close { connection: evil }]);
            assert_eq!(server.transmit(evil, 100), [], "what waited for it is gone");
            assert_eq!(server.receive(evil, b"more"), 4);
            server.broker.handle_closed(server.now, evil);
            assert_eq!(server.ask(good, &Ask::send("T", b"b")).code, 0);
            assert_ne!(server.accept(), evil);
        });
    }
}

#[test]
fn a_full_table_of_answers_holds_requests_back() {
    for (limits, most) in [(Limits { outgoing: 5, ..Limits::default() }, 64), (Limits::default(), 3)] {
        with_broker(BrokerConfig { max_pending: most, ..config() }, limits, |server| {
            let peer = server.accept();
            let frames: Vec<Vec<u8>> = (0..10).map(|n| Ask::send("T", b"b").opaque(n).frame()).collect();
            let bytes = frames.concat();
            let taken = server.receive(peer, &bytes);
            assert_eq!(taken, frames[..3].concat().len());
            assert_eq!(server.receive(peer, &bytes[taken..]), 0);
            assert!(server.broker.poll_timeout().unwrap() > server.now);
            let mut sent = server.transmit(peer, 100);
            // There is room again, so the driver is to come back and offer the rest.
            assert_eq!(server.broker.poll_timeout(), Some(server.now));
            server.wait(0);
            let mut rest = &bytes[taken..];
            while !rest.is_empty() {
                let taken = server.receive(peer, rest);
                assert!(taken > 0);
                rest = &rest[taken..];
                sent.extend(server.transmit(peer, 100));
            }
            let opaques: Vec<i32> = answers(&sent).iter().map(|answer| answer.opaque).collect();
            assert_eq!(opaques, (0..10).collect::<Vec<_>>());
            assert_eq!(server.broker.counters().stored_messages, 10);
            assert!(server.broker.counters().held_back >= 2);
        });
    }
}

#[test]
fn a_peer_that_does_not_read_holds_back_only_itself() {
    with_broker(BrokerConfig { max_pending: 2, ..config() }, Limits::default(), |server| {
        let (deaf, good) = (server.accept(), server.accept());
        let frame = Ask::send("T", b"b").frame();
        let taken = server.receive(deaf, &frame.repeat(5));
        assert_eq!(taken, frame.len() * 2);
        assert_eq!(server.ask(good, &Ask::send("T", b"b")).code, 0);
        // Nothing moves on it, so it is closed as if it were silent.
        for _ in 0..119 {
            server.wait(1000);
            assert_eq!(server.receive(deaf, &frame), 0);
            server.ask(good, &route("T"));
        }
        server.events();
        server.wait(1000);
        assert_eq!(reasons(server), [DisconnectReason::Idle]);
        assert_eq!(server.broker.connection_count(), 1);
    });
}

#[test]
fn a_full_arena_holds_frames_back() {
    let limits = Limits { frames: 100_000, ..Limits::default() };
    let patient = BrokerConfig { stalled_frame_timeout: Duration::from_mins(1), ..config() };
    with_broker(patient, limits, |server| {
        let (first, second) = (server.accept(), server.accept());
        let frame = Ask::send("T", &vec![7; 60_000]).frame();
        assert_eq!(server.receive(first, &frame[..100]), 100);
        // The second takes no more than the length of its frame; whole frames need no room.
        assert_eq!(server.receive(second, &frame[..50_000]), 4);
        assert_eq!(server.receive(second, &frame[4..50_000]), 0);
        let third = server.accept();
        assert_eq!(server.ask(third, &Ask::send("T", b"b")).code, 0);
        // That it does not go on is not its own doing.
        for _ in 0..20 {
            server.wait(1000);
            assert_eq!(server.receive(second, &frame[4..]), 0);
        }
        assert_eq!(server.receive(first, &frame[100..]), frame.len() - 100);
        server.wait(20_000);
        assert_eq!(server.receive(second, &frame[4..]), frame.len() - 4);
        assert_eq!(server.answers(first)[0].code, 0);
        assert_eq!(server.answers(second)[0].code, 0);
        assert_eq!(reasons(server), []);
    });
}

#[test]
fn a_frame_that_does_not_go_on_gives_way_to_one_that_waits() {
    let limits = Limits { frames: 100_000, ..Limits::default() };
    with_broker(config(), limits, |server| {
        let (silent, slow) = (server.accept(), server.accept());
        let frame = Ask::send("T", &vec![7; 60_000]).frame();
        assert_eq!(server.receive(silent, &frame[..100]), 100);
        // Nobody waits for its memory.
        server.wait(5_000);
        assert_eq!(reasons(server), []);
        assert_eq!(server.receive(slow, &frame[..50_000]), 4);
        server.wait(1_000);
        assert_eq!(reasons(server), [DisconnectReason::SlowFrame]);
        // The other one goes on, if slowly, and nobody takes its memory away: it would be done within 30 s.
        let rest = &frame[4..];
        assert_eq!(server.receive(slow, &rest[..10]), 10);
        let waiting = server.accept();
        assert_eq!(server.receive(waiting, &frame[..100]), 4);
        let pace = frame.len() / 29;
        for piece in rest[10..].chunks(pace).take(10) {
            assert_eq!(server.receive(slow, piece), pace);
            server.wait(999);
            assert_eq!(server.receive(waiting, &frame[4..100]), 0);
        }
        assert_eq!(reasons(server), []);
        let rest = &rest[10 + 10 * pace..];
        assert_eq!(server.receive(slow, rest), rest.len());
        assert_eq!(server.answers(slow)[0].code, 0);
        assert_eq!(server.receive(waiting, &frame[4..]), frame.len() - 4);
        assert_eq!(server.answers(waiting)[0].code, 0);
    });
}

#[test]
fn a_frame_that_drips_gives_way_to_one_that_waits() {
    let limits = Limits { frames: 100_000, ..Limits::default() };
    with_broker(config(), limits, |server| {
        let (dripping, waiting) = (server.accept(), server.accept());
        let frame = Ask::send("T", &vec![7; 60_000]).frame();
        assert_eq!(server.receive(dripping, &frame[..100]), 100);
        assert_eq!(server.receive(waiting, &frame[..50_000]), 4);
        // Something moves all the time, but it would take hours.
        for at in 100..104 {
            server.wait(250);
            server.receive(dripping, &frame[at..=at]);
        }
        assert_eq!(reasons(server), [DisconnectReason::SlowFrame]);
        assert_eq!(server.receive(waiting, &frame[4..]), frame.len() - 4);
        assert_eq!(server.answers(waiting)[0].code, 0);
    });
}

#[test]
fn peers_that_do_not_read_leave_answers_to_those_who_do() {
    // One after the other takes what it can have, so that those who come first have most.
    with_broker(config(), Limits { outgoing: 16, ..Limits::default() }, |server| {
        let frame = route("T").frame();
        let mut deaf = Vec::new();
        for _ in 0..7 {
            let peer = server.accept();
            assert!(server.receive(peer, &frame.repeat(20)) >= frame.len());
            deaf.push(peer);
        }
        let good = server.accept();
        for _ in 0..20 {
            assert_eq!(server.ask(good, &route("T")).code, 17);
        }
        // Whoever reads after all has the others' places too.
        for peer in deaf {
            while !server.transmit(peer, 4_096).is_empty() {}
        }
        assert_eq!(server.receive(good, &frame.repeat(20)), frame.len() * 9);
    });
}

#[test]
fn slow_frames_and_silent_peers_are_closed() {
    with_peer(|server, slow| {
        let frame = Ask::send("T", b"b").frame();
        // A stream that always has the next frame begun is not slow.
        let busy = server.accept();
        server.receive(busy, &frame[..10]);
        for n in 0..30 {
            if n == 5 {
                server.receive(slow, &frame[..10]);
            }
            server.wait(1000);
            server.receive(busy, &frame[10..]);
            server.receive(busy, &frame[..10]);
            server.answers(busy);
        }
        assert_eq!(reasons(server), []);
        for _ in 0..4 {
            server.wait(1000);
            server.receive(slow, &frame[10..11]);
            server.receive(busy, &frame[10..]);
            server.receive(busy, &frame[..10]);
            server.answers(busy);
        }
        assert_eq!(reasons(server), []);
        server.wait(1000);
        assert_eq!(reasons(server), [DisconnectReason::SlowFrame]);
        assert!(server.requests().contains(&ConnectionRequest::Close { connection: slow }));
        server.receive(busy, &frame[10..]);
        server.wait(119_999);
        assert_eq!(reasons(server), []);
        server.wait(1000);
        assert_eq!(reasons(server), [DisconnectReason::Idle]);
        server.requests();
        assert_eq!(server.broker.connection_count(), 0);
        assert_eq!(server.broker.poll_timeout(), None);
    });
}

#[test]
fn what_is_evicted_before_it_is_sent_is_an_error() {
    let limits = Limits { log: 66_100 + 32_767, ..Limits::default() };
    with_broker(config(), limits, |server| {
        let (reader, writer) = (server.accept(), server.accept());
        let body = vec![7; 40_000];
        server.ask(writer, &Ask::send("T", &body));
        server.receive(reader, &view(0));
        server.receive(reader, &route("T").frame());
        for _ in 0..3 {
            server.ask(writer, &Ask::send("T", &body));
        }
        let answers = server.answers(reader);
        let remark = answers[0].remark.as_deref();
        assert_eq!((answers[0].code, remark), (1, Some("can not find message by the offset, 0")));
        assert_eq!(answers[1].code, 0);
    });
}

#[test]
fn what_is_evicted_half_way_closes_the_connection() {
    let limits = Limits { log: 66_100 + 32_767, ..Limits::default() };
    with_broker(config(), limits, |server| {
        let (reader, writer) = (server.accept(), server.accept());
        let body = vec![7; 40_000];
        server.ask(writer, &Ask::send("T", &body));
        server.receive(reader, &view(0));
        let mut buffer = [0; 1000];
        assert_eq!(server.broker.poll_transmit(reader, &mut buffer), 1000);
        server.ask(writer, &Ask::send("T", &body));
        assert_eq!(server.broker.poll_transmit(reader, &mut buffer), 1000, "it is still there");
        server.ask(writer, &Ask::send("T", &body));
        assert_eq!(server.broker.poll_transmit(reader, &mut buffer), 0);
        assert_eq!(reasons(server), [DisconnectReason::LostAnswer]);
        assert!(server.requests().contains(&ConnectionRequest::Close { connection: reader }));
        assert_eq!(server.ask(writer, &Ask::send("T", b"b")).code, 0);
    });
}

#[test]
fn a_route_that_changes_half_way_closes_the_connection() {
    with_peer(|server, peer| {
        let other = server.accept();
        let fields =
            [("brokerName", "broker-b"), ("brokerAddr", ADDRESS), ("clusterName", "C"), ("brokerId", "0")];
        let body = br#"{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{"perm":6}}}}"#;
        let register = Ask::new(RequestCode::REGISTER_BROKER, &fields, body);
        server.ask(other, &register);
        let mut buffer = [0; 100];
        let route = route("T").frame();
        server.receive(peer, &route);
        assert_eq!(server.broker.poll_transmit(peer, &mut buffer), 100);
        server.ask(other, &register);
        server.ask(other, &Ask::send("U", b"b"));
        assert_eq!(server.broker.poll_transmit(peer, &mut buffer), 100, "nothing of it has changed");
        server.ask(other, &Ask::send("T", b"b"));
        assert_eq!(server.broker.poll_transmit(peer, &mut buffer), 0);
        assert_eq!(reasons(server), [DisconnectReason::LostAnswer]);
        // One of which nothing was sent shows what is true when it is sent.
        let peer = server.accept();
        server.receive(peer, &route);
        server.broker.handle_closed(server.now, other);
        assert_eq!(server.answers(peer)[0].text().matches("cluster").count(), 1);
    });
}

#[test]
fn a_full_table_of_connections_refuses() {
    with_broker(config(), Limits { connections: 2, ..Limits::default() }, |server| {
        let first = server.accept();
        server.accept();
        let peer = PEER.parse().unwrap();
        let full = server.broker.accept(server.now, peer).unwrap_err();
        assert_eq!(full.to_string(), "memory.connections is full");
        server.receive(first, &route("T").frame());
        // While the list of things to do still names it, the place is not given away.
        server.broker.handle_closed(server.now, first);
        assert!(server.broker.accept(server.now, peer).is_err());
        assert_eq!(server.requests(), []);
        assert_ne!(server.accept(), first);
        let counters = server.broker.counters();
        assert_eq!((counters.accepted, counters.accept_refused, counters.disconnected), (3, 2, 1));
    });
}
