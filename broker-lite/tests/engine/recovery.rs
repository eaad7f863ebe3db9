//! A log in files: what is there after a crash.

use rocketlite_broker::{Broker, BrokerEvent, ConsumerGroup, FlushPolicy, Saved};
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::{Instant, WallClock};

use crate::harness::{Ask, Limits, Server, WALL, boxes};
use crate::storage::{Disk, LOG, bodies, limits, offsets, small};

#[test]
fn after_a_kill_everything_written_is_there() {
    let mut disk = Disk::new();
    let mut sent: Vec<Vec<u8>> = Vec::new();
    for round in 0..20u8 {
        disk.run(small(), FlushPolicy::Async, |disk, server, recovery| {
            let peer = server.accept();
            assert!(!recovery.index_rebuilt || disk.checkpoint.is_none());
            assert_eq!(recovery.damaged, 0);
            if round > 0 {
                assert_eq!(bodies(server, peer, "T"), sent, "round {round}");
            }
            for n in 0..round {
                let body = vec![round, n, 3];
                assert_eq!(disk.send(server, peer, &Ask::send("T", &body)), 0);
                sent.push(body);
                server.wait(1_300);
                let saved = n % 5 == 0 && disk.save(server);
                assert!(!saved || disk.checkpoint.is_some());
            }
            assert_eq!(offsets(server, "T").map_or(0, |(_, max)| max), i64::try_from(sent.len()).unwrap());
            // A topic is there with its settings, however it was left.
            let _ = disk.send(server, peer, &Ask::send("T", b"last"));
            sent.push(b"last".to_vec());
        });
    }
}

#[test]
fn what_was_not_flushed_for_sure_is_written_again() {
    let mut disk = Disk::new();
    disk.run(small(), FlushPolicy::Sync, |disk, server, _| {
        let peer = server.accept();
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"flushed")), 0);
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"shown")), 0);
    });
    // A sync has failed, and the system shows what it does not have: it has to be written to get to the disk.
    let shown = disk.log.clone();
    disk.log[usize::try_from(disk.mark.unwrap().flushed).unwrap()..].fill(0);
    assert_ne!(disk.log, shown);
    let mut boxes = boxes(Limits { scratch: 4_096, ..limits() });
    let memory = boxes.memory();
    memory.log.copy_from_slice(&shown);
    let saved = Saved { flush: FlushPolicy::Sync, base: 0, mark: disk.mark, checkpoint: None };
    let clock = WallClock::new(Instant::ZERO, WALL.cast_unsigned());
    let (broker, _) = Broker::recover(small(), memory, saved, clock, 7).unwrap();
    disk.write(&mut Server { broker, now: Instant::ZERO });
    assert_eq!(disk.log, shown);
}

#[test]
fn the_lap_before_is_never_taken_for_the_present() {
    let mut disk = Disk::new();
    let mut count = 0i64;
    for round in 0..30u8 {
        disk.run(small(), FlushPolicy::Sync, |disk, server, recovery| {
            let peer = server.accept();
            assert_eq!(
                recovery.damaged,
                0,
                "round {round} {:?} {recovery:?} {:?}",
                disk.mark,
                server.events()
            );
            if round > 0 {
                let (min, max) = offsets(server, "T").unwrap();
                assert_eq!(max, count, "round {round}");
                let all = bodies(server, peer, "T");
                assert_eq!(all.len(), usize::try_from(max - min).unwrap());
                let first = min;
                for (body, n) in all.iter().zip(first..) {
                    assert_eq!(body[..8], n.to_le_bytes(), "round {round}");
                }
            }
            for n in 0..(37 + i64::from(round) * 3) {
                let mut body = vec![7; 100 + usize::try_from(n * 13 % 1_500).unwrap()];
                body[..8].copy_from_slice(&count.to_le_bytes());
                assert_eq!(disk.send(server, peer, &Ask::send("T", &body)), 0);
                count += 1;
                if n % 16 == 0 {
                    server.wait(5_000);
                    disk.save(server);
                }
            }
            assert!(server.events().iter().all(|event| !matches!(event, BrokerEvent::Damaged { .. })));
        });
    }
    assert!(disk.mark.unwrap().min_offset > 5 * LOG as u64, "it went round several times");
}

#[test]
fn damaged_records_are_named_and_never_served() {
    let mut disk = Disk::new();
    disk.run(small(), FlushPolicy::Sync, |disk, server, _| {
        let peer = server.accept();
        for n in 0..10u8 {
            assert_eq!(disk.send(server, peer, &Ask::send("T", &[n; 50])), 0);
        }
        server.wait(5_000);
        assert!(disk.save(server));
        for n in 10..20u8 {
            assert_eq!(disk.send(server, peer, &Ask::send("T", &[n; 50])), 0);
        }
    });
    let span = usize::try_from(disk.mark.unwrap().flushed).unwrap() / 19;
    // Two records before the checkpoint and one behind it, in a byte that no checksum of the body has.
    for record in [3, 4, 14] {
        disk.log[record * span + 95] ^= 4;
    }
    disk.run(small(), FlushPolicy::Sync, |disk, server, recovery| {
        assert_eq!((recovery.damaged, recovery.records), (1, 9));
        let peer = server.accept();
        let expected: Vec<_> = (0..20u8).filter(|n| ![3, 4, 14].contains(n)).map(|n| vec![n; 50]).collect();
        assert_eq!(bodies(server, peer, "T"), expected);
        assert_eq!(offsets(server, "T"), Some((0, 20)), "the others keep their offsets");
        let damaged: Vec<u64> = server
            .events()
            .into_iter()
            .filter_map(|event| match event {
                BrokerEvent::Damaged { physical_offset, .. } => Some(physical_offset),
                _ => None,
            })
            .collect();
        assert_eq!(damaged, [14, 3, 4].map(|record| record * span as u64));
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"more")), 0);
    });
}

#[test]
fn without_index_what_the_checkpoint_knows_is_looked_through_to_its_end() {
    let mut disk = Disk::new();
    disk.run(small(), FlushPolicy::Sync, |disk, server, _| {
        let peer = server.accept();
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"first")), 0);
        // One flush for both, and no mark after it.
        let pair = [Ask::send("T", b"second").frame(), Ask::send("T", b"third").frame()].concat();
        server.receive(peer, &pair);
        disk.flush(server);
        server.wait(6_000);
        assert!(disk.save(server));
    });
    let flushed = usize::try_from(disk.mark.unwrap().flushed).unwrap();
    disk.log[flushed + 95] ^= 1;
    disk.images.iter_mut().for_each(|image| image[100] ^= 1);
    disk.run(small(), FlushPolicy::Sync, |_, server, recovery| {
        assert_eq!((recovery.index_rebuilt, recovery.damaged), (true, 1));
        let peer = server.accept();
        assert_eq!(bodies(server, peer, "T"), [&b"first"[..], b"third"]);
    });
    let third = flushed + (disk.log[flushed..].windows(5).position(|bytes| bytes == b"third").unwrap());
    disk.log[third] ^= 1;
    disk.run(small(), FlushPolicy::Sync, |disk, server, _| {
        assert_eq!(offsets(server, "T"), Some((0, 3)), "no offset is given twice");
        let peer = server.accept();
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"fourth")), 0);
        assert_eq!(bodies(server, peer, "T"), [&b"first"[..], b"fourth"]);
    });
}

#[test]
fn an_index_that_is_damaged_is_made_anew() {
    let mut disk = Disk::new();
    let mut expected = Vec::new();
    disk.run(small(), FlushPolicy::Sync, |disk, server, _| {
        let peer = server.accept();
        for n in 0..100u8 {
            assert_eq!(disk.send(server, peer, &Ask::send("T", &[n; 50])), 0);
            server.wait(1_000);
            disk.save(server);
        }
        expected = bodies(server, peer, "T");
    });
    // Its records are of two starts, and the newest checkpoint is of the second.
    disk.run(small(), FlushPolicy::Sync, |disk, server, _| {
        let peer = server.accept();
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"second")), 0);
        server.wait(6_000);
        assert!(disk.save(server));
        expected.push(b"second".to_vec());
    });
    for image in &mut disk.images {
        image[100] ^= 1;
    }
    disk.run(small(), FlushPolicy::Sync, |_, server, recovery| {
        assert!(recovery.index_rebuilt);
        let peer = server.accept();
        assert_eq!(bodies(server, peer, "T"), expected);
    });
    disk.checkpoint = None;
    disk.run(small(), FlushPolicy::Sync, |_, server, recovery| {
        assert!(recovery.index_rebuilt);
        let peer = server.accept();
        assert_eq!(bodies(server, peer, "T"), expected, "without any checkpoint the log is enough");
    });
}

#[test]
fn topics_groups_and_offsets_come_back_and_changes_are_saved_before_they_are_answered() {
    let mut disk = Disk::new();
    disk.run(small(), FlushPolicy::Async, |disk, server, _| {
        let peer = server.accept();
        let fields = [("topic", "Admin"), ("defaultTopic", "TBW102"), ("readQueueNums", "3")];
        let topic = Ask::new(RequestCode::UPDATE_AND_CREATE_TOPIC, &fields, b"");
        let topic = topic.with("writeQueueNums", "2").with("perm", "6").with("topicFilterType", "SINGLE_TAG");
        server.receive(peer, &topic.frame());
        server.requests();
        assert!(server.answers(peer).is_empty());
        assert!(disk.save(server));
        server.requests();
        assert_eq!(server.answers(peer)[0].code, 0);
        for n in 0..3 {
            assert_eq!(disk.send(server, peer, &Ask::send("Admin", &[n])), 0);
        }
        let fields = [("consumerGroup", "G"), ("topic", "Admin"), ("queueId", "0"), ("commitOffset", "2")];
        assert_eq!(server.ask(peer, &Ask::new(RequestCode::UPDATE_CONSUMER_OFFSET, &fields, b"")).code, 0);
        assert!(!disk.save(server));
        server.wait(5_000);
        assert!(disk.save(server));
    });
    disk.run(small(), FlushPolicy::Async, |_, server, _| {
        let topic = server.broker.topic("Admin").unwrap();
        assert_eq!((topic.read_queue_nums(), topic.write_queue_nums(), topic.perm()), (3, 2, 6));
        assert_eq!(server.broker.consumer_offset("G", "Admin", 0), Some(2));
        assert_eq!(server.broker.consumer_groups().map(ConsumerGroup::name).collect::<Vec<_>>(), ["G"]);
    });
}

#[test]
fn a_change_that_is_not_saved_in_time_is_no_success() {
    Disk::new().run(small(), FlushPolicy::Async, |_, server, _| {
        let peer = server.accept();
        let fields = [("topic", "Admin"), ("defaultTopic", "TBW102"), ("readQueueNums", "1")];
        let topic = Ask::new(RequestCode::UPDATE_AND_CREATE_TOPIC, &fields, b"");
        let topic = topic.with("writeQueueNums", "1").with("perm", "6").with("topicFilterType", "SINGLE_TAG");
        server.receive(peer, &topic.frame());
        assert!(server.broker.poll_checkpoint().is_some(), "it is under way");
        server.wait(4_000);
        server.requests();
        assert!(server.answers(peer).is_empty());
        server.wait(1_000);
        server.requests();
        let answer = server.answers(peer).pop().unwrap();
        let told = "the disk is slow: whether this is known after a restart is not known yet";
        assert_eq!((answer.code, answer.remark.as_deref()), (1, Some(told)));
    });
}

#[test]
fn delayed_messages_come_back_and_are_delivered_once() {
    let mut disk = Disk::new();
    let delayed =
        |n: u8| Ask::send("T", &[0; 3]).with("i", &format!("UNIQ_KEY\u{1}K{n}\u{2}DELAY\u{1}2\u{2}"));
    disk.run(small(), FlushPolicy::Sync, |disk, server, _| {
        let peer = server.accept();
        // The first is of the topic's checkpoint.
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"first")), 0);
        for n in 0..4 {
            assert_eq!(disk.send(server, peer, &delayed(n)), 0);
        }
        server.wait(5_000);
        disk.flush(server);
        // All four were delivered; the checkpoint before that does not know.
        assert_eq!(offsets(server, "T"), Some((0, 5)));
        server.receive(peer, &delayed(4).frame());
        disk.flush(server);
        assert_eq!(server.answers(peer).pop().unwrap().code, 0);
    });
    disk.run(small(), FlushPolicy::Sync, |disk, server, recovery| {
        assert_eq!(recovery.records, 9);
        assert_eq!(server.broker.delayed().0, 1);
        assert_eq!(offsets(server, "T"), Some((0, 5)));
        server.wait(10_001);
        disk.flush(server);
        assert_eq!((server.broker.delayed().0, offsets(server, "T")), (0, Some((0, 6))));
    });
}

#[test]
fn a_delayed_message_to_a_topic_that_only_it_names_is_delivered_after_a_crash() {
    let mut disk = Disk::new();
    disk.run(small(), FlushPolicy::Sync, |disk, server, _| {
        let peer = server.accept();
        let delayed =
            Ask::send("New", b"later").with("i", "UNIQ_KEY\u{1}K\u{2}DELAY\u{1}1\u{2}").with("e", "3");
        assert_eq!(disk.send(server, peer, &delayed), 0);
    });
    disk.run(small(), FlushPolicy::Sync, |disk, server, _| {
        server.wait(1_001);
        disk.flush(server);
        assert_eq!(server.broker.queue("New", 3).map(|queue| queue.max_offset()), Some(1));
    });
}

#[test]
fn a_delayed_message_that_moves_is_not_called_old_before_it_is_durable_elsewhere() {
    Disk::new().run(small(), FlushPolicy::Sync, |disk, server, _| {
        let peer = server.accept();
        let delayed = Ask::send("T", b"waits").with("i", "UNIQ_KEY\u{1}K\u{2}DELAY\u{1}9\u{2}");
        assert_eq!(disk.send(server, peer, &delayed), 0);
        // As many as make it the newest.
        let before = loop {
            let max = server.broker.log().max_offset();
            assert_eq!(disk.send(server, peer, &Ask::send("T", &[7; 1_500])), 0);
            server.wait(5_000);
            disk.save(server);
            if server.broker.log().min_offset() > 0 {
                break max;
            }
        };
        assert_eq!(disk.mark.unwrap().min_offset, 0, "its copy is at {before}, and was not flushed then");
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"more")), 0);
        assert!(disk.mark.unwrap().min_offset > 0);
    });
}

#[test]
fn another_release_or_too_small_a_table_is_named() {
    let mut disk = Disk::new();
    disk.run(small(), FlushPolicy::Async, |disk, server, _| {
        server.wait(6_000);
        assert!(disk.save(server));
    });
    let (sequence, bytes) = disk.checkpoint.clone().unwrap();
    let mut boxes = boxes(Limits { log: LOG, scratch: 4_096, topics: 4, ..limits() });
    let clock = WallClock::new(Instant::ZERO, WALL.cast_unsigned());
    let mut other = bytes.clone();
    other[0] = 9;
    let saved = Saved { checkpoint: Some((sequence, &other)), ..Saved::default() };
    let error = Broker::recover(small(), boxes.memory(), saved, clock, 7).unwrap_err();
    assert_eq!(error.to_string(), "the checkpoint has format 9, this release reads 1");
    let cut = &bytes[..bytes.len() - 1];
    let saved = Saved { checkpoint: Some((sequence, cut)), ..Saved::default() };
    let error = Broker::recover(small(), boxes.memory(), saved, clock, 7).unwrap_err();
    assert_eq!(error.to_string(), "the checkpoint says something that cannot be");
}
