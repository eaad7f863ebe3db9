//! Messages that wait for their time: how long, where they stand meanwhile, and what they may take.

use std::collections::VecDeque;

use rocketlite_broker::{BrokerConfig, WhenFull};
use rocketlite_core::message::crc32;
use rocketlite_core::message::id::OffsetMessageId;
use rocketlite_core::{ConnectionId, Engine, Instant, Rng, WallClock};

use crate::consumer::{bodies, pull, pull_with};
use crate::harness::{Answer, Ask, Limits, Server, WALL, config, with_broker, with_peer};

/// `messageDelayLevel` in seconds.
const SECONDS: [u64; 18] =
    [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200];

fn delayed<'a>(topic: &str, body: &'a [u8], level: i32) -> Ask<'a> {
    Ask::send(topic, body).with("i", &format!("UNIQ_KEY\u{1}K1\u{2}TAGS\u{1}TagA\u{2}DELAY\u{1}{level}"))
}

/// Lets time pass, and the broker act as often as it wants to.
pub(crate) fn pass(server: &mut Server<'_>, millis: u64) {
    server.wait(millis);
    while server.broker.poll_timeout().is_some_and(|timeout| timeout <= server.now) {
        server.wait(0);
    }
}

fn stored(server: &Server<'_>, topic: &str) -> i64 {
    server.broker.queue(topic, 0).map_or(0, |queue| queue.max_offset())
}

#[test]
fn each_level_has_its_own_time() {
    for (level, seconds) in (1..).zip(SECONDS) {
        with_peer(|server, peer| {
            server.wait(7);
            let answer = server.ask(peer, &delayed("T", b"late", level).with("e", "2"));
            assert_eq!((answer.code, answer.field("queueId"), answer.field("queueOffset")), (0, "2", "0"));
            assert_eq!((server.broker.delayed().0, stored(server, "T")), (1, 0));
            let waiting = server.broker.log().records().last().unwrap();
            assert_eq!((waiting.topic, waiting.queue_id), ("SCHEDULE_TOPIC_XXXX", level - 1));
            let id = OffsetMessageId::parse(answer.field("msgId")).unwrap();
            assert_eq!(id.physical_offset, waiting.physical_offset);
            server.broker.handle_closed(server.now, peer);
            let due = Instant::from_millis(7 + seconds * 1_000);
            assert_eq!(server.broker.poll_timeout(), Some(due), "nothing else is there to do");
            pass(server, seconds * 1_000 - 1);
            assert_eq!(server.broker.queue("T", 2).unwrap().max_offset(), 0, "level {level}");
            pass(server, 1);
            assert_eq!(server.broker.queue("T", 2).unwrap().max_offset(), 1, "level {level}");
            assert_eq!((server.broker.delayed(), server.broker.poll_timeout()), ((0, 0), None));
            let record = server.broker.log().records().last().unwrap();
            assert_eq!((record.topic, record.queue_id, record.queue_offset), ("T", 2, 0));
            assert_eq!((record.body, record.body_crc, record.flag), (&b"late"[..], crc32(b"late"), 5));
            assert_eq!(record.born_timestamp, 1_699_999_999_000);
            assert_eq!(record.store_timestamp, WALL + 7 + i64::try_from(seconds).unwrap() * 1_000);
            let property = |name: &str| record.properties().get(name).unwrap().to_string();
            assert_eq!(["REAL_TOPIC", "REAL_QID", "UNIQ_KEY"].map(property), ["T", "2", "K1"]);
            assert_eq!(property("DELAY"), level.to_string());
        });
    }
}

#[test]
fn levels_above_the_last_are_the_last() {
    with_peer(|server, peer| {
        for level in [19, i32::MAX] {
            assert_eq!(server.ask(peer, &delayed("T", b"b", level)).code, 0);
            let record = server.broker.log().records().last().unwrap();
            assert_eq!(
                (record.queue_id, record.properties().get("DELAY").unwrap().to_string()),
                (17, "18".into())
            );
        }
        // With a level, timers do not count.
        let both = delayed("T", b"b", 1).with("i", "TIMER_DELAY_SEC\u{1}9\u{2}DELAY\u{1}1\u{2}");
        assert_eq!(server.ask(peer, &both).code, 0);
        assert_eq!(server.broker.delayed().0, 3);
    });
}

#[test]
fn many_come_in_order_and_answer_who_waits() {
    with_peer(|server, peer| {
        server.ask(peer, &Ask::send("T", b"first"));
        let held =
            pull("T", 1).with("sysFlag", "6").with("subscription", "TagA").with("expressionType", "TAG");
        server.receive(peer, &held.frame());
        let expected: Vec<Vec<u8>> = (0..100u8).map(|n| vec![n; 3]).collect();
        for body in &expected {
            assert_eq!(server.ask(peer, &delayed("T", body, 2)).code, 0);
        }
        assert_eq!(server.broker.delayed().0, 100);
        server.wait(5_000);
        let some = stored(server, "T");
        assert!((2..101).contains(&some), "the others have their turn: {some}");
        assert_eq!(server.broker.poll_timeout(), Some(server.now));
        pass(server, 0);
        assert_eq!((stored(server, "T"), server.broker.delayed()), (101, (0, 0)));
        let answers = server.answers(peer);
        assert_eq!((answers.len(), answers[0].code), (1, 0));
        assert_eq!(bodies(&answers[0]), [vec![0; 3]], "the first answers the pull");
        let mut all = Vec::new();
        while all.len() < 100 {
            let next = 1 + i64::try_from(all.len()).unwrap();
            all.extend(bodies(&server.ask(peer, &pull_with("T", next, "TagA"))));
        }
        assert_eq!(all, expected);
    });
}

#[test]
fn the_wall_clock_decides() {
    with_peer(|server, peer| {
        server.ask(peer, &delayed("T", b"b", 18));
        let at = |server: &Server<'_>, millis: i64| WallClock::new(server.now, millis.cast_unsigned());
        server.broker.set_clock(at(server, WALL + 7_199_999));
        pass(server, 0);
        assert_eq!(stored(server, "T"), 0);
        pass(server, 1);
        assert_eq!(stored(server, "T"), 1);
        // One that was stored in the future does not wait for ever.
        server.ask(peer, &delayed("T", b"b", 3));
        server.broker.set_clock(at(server, WALL));
        pass(server, 0);
        assert_eq!(stored(server, "T"), 2);
    });
}

/// A log of 12 KiB for messages of up to 1 KiB.
fn small() -> (BrokerConfig<'static>, Limits) {
    let limits = Limits { log: 12_288, scratch: 1_024, index: 32, ..Limits::default() };
    (BrokerConfig { max_message_size: 1_024, ..config() }, limits)
}

#[test]
fn what_waits_survives_whatever_is_stored_meanwhile() {
    for seed in 0..30 {
        let (config, limits) = small();
        with_broker(config, Limits { log: limits.log + seed * 7, ..limits }, |server| {
            let peer = server.accept();
            let mut rng = Rng::new(seed as u64);
            let mut waiting: [VecDeque<Vec<u8>>; 3] = Default::default();
            let (mut seen, mut delivered, mut refused) = (0, 0, 0);
            for round in 0..600u32 {
                let size = 4 + rng.below(700) as usize;
                let body = round.to_le_bytes().repeat(size / 4);
                let level = rng.below(12);
                if level < 3 {
                    let answer = server.ask(peer, &delayed("D", &body, level.cast_signed() + 1));
                    refused += i32::from(answer.code == 14);
                    if answer.code == 0 {
                        waiting[level as usize].push_back(body);
                    }
                } else {
                    assert_eq!(server.ask(peer, &Ask::send("T", &body)).code, 0, "others always find room");
                }
                let number: usize = waiting.iter().map(VecDeque::len).sum();
                assert_eq!(server.broker.delayed().0, number);
                pass(server, rng.below(400).into());
                for record in server.broker.log().records() {
                    if record.topic == "D" && record.queue_offset >= seen {
                        seen = record.queue_offset + 1;
                        let level =
                            record.properties().get("DELAY").unwrap().parse::<usize>("DELAY").unwrap();
                        assert_eq!(waiting[level - 1].pop_front().unwrap(), record.body);
                        delivered += 1;
                    }
                }
            }
            pass(server, 10_000);
            assert_eq!((server.broker.delayed(), stored(server, "D")), ((0, 0), seen + rest(&waiting)));
            assert!(delivered > 20 && refused > 5, "{delivered} {refused}");
            assert!(server.broker.counters().evicted_messages > 300);
        });
    }
}

fn rest(waiting: &[VecDeque<Vec<u8>>]) -> i64 {
    waiting.iter().map(VecDeque::len).sum::<usize>().try_into().unwrap()
}

#[track_caller]
fn refused_for(answer: &Answer, setting: &str) {
    let remark = format!("{setting} is full");
    assert_eq!((answer.code, answer.remark.as_ref()), (14, Some(&remark)));
}

#[test]
fn what_waits_has_a_limit_and_is_refused_beyond_it() {
    let (config, limits) = small();
    let config = BrokerConfig { max_delayed_bytes: Some(2_000), ..config };
    with_broker(config, limits, |server| {
        let peer = server.accept();
        assert_eq!(server.ask(peer, &delayed("T", &[1; 600], 1)).code, 0);
        let (_, first) = server.broker.delayed();
        assert_eq!(server.ask(peer, &delayed("T", &[2; 600], 18)).code, 0);
        let (_, bytes) = server.broker.delayed();
        refused_for(&server.ask(peer, &delayed("T", &[3; 600], 2)), "max_delayed_bytes");
        assert_eq!(server.broker.delayed(), (2, bytes));
        assert_eq!(server.ask(peer, &Ask::send("T", &[4; 600])).code, 0, "what does not wait is stored");
        pass(server, 1_000);
        assert_eq!(server.broker.delayed(), (1, bytes - first));
        assert_eq!(server.ask(peer, &delayed("T", &[5; 600], 2)).code, 0, "there is room again");
        assert_eq!(stored(server, "T"), 2);
    });
}

/// Each level that is in use takes a piece of the index, and half of the pieces stay with the other topics.
#[test]
fn the_index_has_room_for_what_is_due() {
    let (config, limits) = small();
    with_broker(config, Limits { index: 2, log: 32_768, ..limits }, |server| {
        let peer = server.accept();
        for n in 0..16 {
            assert_eq!(server.ask(peer, &delayed("T", &[n], 1)).code, 0);
        }
        refused_for(&server.ask(peer, &delayed("T", b"b", 1)), "memory.index");
        refused_for(&server.ask(peer, &delayed("T", b"b", 2)), "memory.index");
        for queue in ["0", "1", "2", "0"] {
            assert_eq!(server.ask(peer, &Ask::send("U", b"b").with("e", queue)).code, 0);
        }
        pass(server, 1_000);
        assert_eq!((stored(server, "T"), server.broker.delayed()), (16, (0, 0)));
        assert_eq!(server.ask(peer, &delayed("T", b"b", 2)).code, 0);
    });
}

/// A log that keeps everything keeps room for what waits, too.
#[test]
fn a_log_that_refuses_delivers_what_it_has_taken() {
    for seed in 0..10 {
        let (config, limits) = small();
        let config = BrokerConfig { when_full: WhenFull::Refuse, ..config };
        with_broker(config, limits, |server| {
            let peer = server.accept();
            let mut rng = Rng::new(seed);
            let mut taken = 0;
            for _ in 0..200 {
                let body = vec![7; 1 + rng.below(900) as usize];
                let late = rng.below(3) == 0;
                let request = if late { delayed("T", &body, 1) } else { Ask::send("U", &body) };
                let answer = server.ask(peer, &request);
                assert!(matches!(answer.code, 0 | 14), "{answer:?}");
                taken += i64::from(late && answer.code == 0);
            }
            assert_eq!(server.ask(peer, &Ask::send("U", &[7; 900])).code, 14, "it is full");
            assert!(taken > 0);
            pass(server, 1_000);
            assert_eq!((stored(server, "T"), server.broker.delayed()), (taken, (0, 0)));
        });
    }
}

#[test]
fn a_limit_needs_a_log_that_is_larger() {
    let (config, limits) = small();
    let config = BrokerConfig { max_delayed_bytes: Some(12_288), ..config };
    let mut memory = crate::harness::boxes(limits);
    let error = rocketlite_broker::Broker::new(config, memory.memory(), WallClock::new(Instant::ZERO, 0), 0);
    assert_eq!(error.unwrap_err().to_string(), "memory.log is 12288, must be at least 14066");
}

#[test]
fn the_topic_of_what_waits_is_there_from_the_start() {
    with_peer(|server, _: ConnectionId| {
        let topic = server.broker.topic("SCHEDULE_TOPIC_XXXX").unwrap();
        assert_eq!((topic.read_queue_nums(), topic.write_queue_nums(), topic.perm()), (18, 18, 6));
    });
}
