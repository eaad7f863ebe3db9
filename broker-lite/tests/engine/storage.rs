//! A log in files: what is answered when.

use rocketlite_broker::{
    Broker, BrokerConfig, BrokerEvent, FlushPolicy, Mark, Recovery, Saved, StorageFailure,
};
use rocketlite_core::{ConnectionId, ConnectionRequest, Instant, WallClock};

use crate::consumer::pull_with;
use crate::harness::{Ask, Limits, Server, WALL, boxes, config};

/// Files, as they would be after the program was killed.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    pub(crate) log: Vec<u8>,
    pub(crate) mark: Option<Mark>,
    pub(crate) images: [Vec<u8>; 2],
    pub(crate) checkpoint: Option<(u64, Vec<u8>)>,
}

pub(crate) const LOG: usize = 64 << 10;

pub(crate) fn limits() -> Limits {
    Limits { log: LOG, ..Limits::default() }
}

pub(crate) fn small<'m>() -> BrokerConfig<'m> {
    BrokerConfig { max_message_size: 2_000, max_delayed_bytes: Some(8_000), ..config() }
}

impl Disk {
    pub(crate) fn new() -> Self {
        let image = vec![0; limits().index * rocketlite_broker::INDEX_CHUNK_BYTES];
        Self { log: vec![0; LOG], mark: None, images: [image.clone(), image], checkpoint: None }
    }

    /// Starts a broker on what is there.
    pub(crate) fn run(
        &mut self,
        config: BrokerConfig<'_>,
        flush: FlushPolicy,
        test: impl FnOnce(&mut Self, &mut Server<'_>, Recovery),
    ) {
        let limits = Limits { scratch: 4_096, ..limits() };
        let mut boxes = boxes(limits);
        let memory = boxes.memory();
        memory.log.copy_from_slice(&self.log);
        let checkpoint = self.checkpoint.clone();
        let image = checkpoint.as_ref().map_or(0, |(sequence, _)| usize::from(sequence % 2 == 1));
        memory.index.as_flattened_mut().copy_from_slice(&self.images[image]);
        let checkpoint = checkpoint.as_ref().map(|(sequence, bytes)| (*sequence, bytes.as_slice()));
        let saved = Saved { flush, base: 0, mark: self.mark, checkpoint };
        let clock = WallClock::new(Instant::ZERO, WALL.cast_unsigned());
        let (broker, recovery) = Broker::recover(config, memory, saved, clock, 7).unwrap();
        let mut server = Server { broker, now: Instant::ZERO };
        self.flush(&mut server);
        test(self, &mut server, recovery);
    }

    pub(crate) fn write(&mut self, server: &mut Server<'_>) {
        while let Some(write) = server.broker.poll_write() {
            self.log[write.place..write.place + write.bytes.len()].copy_from_slice(write.bytes);
            let end = write.end;
            server.broker.handle_written(server.now, end);
        }
    }

    pub(crate) fn flush(&mut self, server: &mut Server<'_>) {
        self.write(server);
        if let Some(request) = server.broker.poll_flush() {
            self.mark = Some(request.mark);
            server.broker.handle_flushed(server.now);
        }
    }

    /// Saves a checkpoint if one is wanted.
    pub(crate) fn save(&mut self, server: &mut Server<'_>) -> bool {
        self.write(server);
        let Some(sequence) = server.broker.poll_checkpoint() else { return false };
        let mut bytes = Vec::new();
        server.broker.write_checkpoint(&mut |part| bytes.extend_from_slice(part));
        let image = &mut self.images[usize::from(sequence % 2 == 1)];
        server.broker.write_index(&mut |at, chunk| {
            image[at * chunk.len()..(at + 1) * chunk.len()].copy_from_slice(chunk);
        });
        self.checkpoint = Some((sequence, bytes));
        server.broker.handle_checkpoint_saved(server.now);
        true
    }

    /// Sends, writes and flushes; returns the code of the answer.
    pub(crate) fn send(&mut self, server: &mut Server<'_>, peer: ConnectionId, ask: &Ask<'_>) -> i32 {
        let frame = ask.frame();
        assert_eq!(server.receive(peer, &frame), frame.len());
        self.flush(server);
        self.save(server);
        server.requests();
        server.answers(peer).pop().unwrap().code
    }
}

pub(crate) fn offsets(server: &Server<'_>, topic: &str) -> Option<(i64, i64)> {
    server.broker.queue(topic, 0).map(|queue| (queue.min_offset(), queue.max_offset()))
}

/// The bodies of the messages of queue 0, as a consumer gets them.
pub(crate) fn bodies(server: &mut Server<'_>, peer: ConnectionId, topic: &str) -> Vec<Vec<u8>> {
    let (min, _) = offsets(server, topic).unwrap();
    let mut next = min;
    let mut all = Vec::new();
    loop {
        let answer = server.ask_told(peer, &pull_with(topic, next, "*"));
        if answer.code != 0 && answer.code != 20 {
            return all;
        }
        all.extend(crate::consumer::bodies(&answer));
        next = answer.field("nextBeginOffset").parse().unwrap();
    }
}

#[test]
fn with_sync_a_send_is_answered_and_consumed_when_it_is_flushed() {
    Disk::new().run(small(), FlushPolicy::Sync, |disk, server, _| {
        let peer = server.accept();
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"zero")), 0);
        let frame = Ask::send("T", b"one").frame();
        server.receive(peer, &frame);
        disk.write(server);
        assert!(server.requests().contains(&ConnectionRequest::Transmit { connection: peer }));
        assert!(server.answers(peer).is_empty(), "it is not flushed");
        assert_eq!(server.broker.queue("T", 0).unwrap().max_offset(), 2);
        let other = server.accept();
        assert_eq!(server.ask_told(other, &pull_with("T", 1, "*")).code, 19, "nor to be consumed");
        disk.flush(server);
        assert!(server.requests().contains(&ConnectionRequest::Transmit { connection: peer }));
        assert_eq!(server.answers(peer)[0].code, 0);
        assert_eq!(bodies(server, other, "T"), [&b"zero"[..], b"one"]);
        // One flush serves all that wait.
        let peers = [server.accept(), server.accept(), peer];
        for peer in peers {
            server.receive(peer, &frame);
        }
        disk.flush(server);
        server.requests();
        assert!(peers.iter().all(|peer| server.answers(*peer)[0].code == 0));
        // A sender that does not want to wait does not.
        let at_once = Ask::send("T", b"x").with("i", "WAIT\u{1}false\u{2}UNIQ_KEY\u{1}K\u{2}");
        server.receive(peer, &at_once.frame());
        disk.write(server);
        assert_eq!(server.answers(peer)[0].code, 0);
    });
}

#[test]
fn with_async_a_send_is_answered_when_it_is_written_and_flushed_later() {
    Disk::new().run(small(), FlushPolicy::Async, |disk, server, _| {
        let peer = server.accept();
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"zero")), 0);
        server.wait(500);
        disk.flush(server);
        server.receive(peer, &Ask::send("T", b"one").frame());
        disk.write(server);
        assert_eq!(server.answers(peer)[0].code, 0);
        assert_eq!(server.broker.poll_flush(), None);
        server.wait(499);
        assert_eq!(server.broker.poll_flush(), None);
        server.wait(1);
        let request = server.broker.poll_flush().unwrap();
        assert_eq!(request.end, server.broker.log().max_offset());
        assert_eq!(server.broker.poll_flush(), None, "one at a time");
    });
}

#[test]
fn a_flush_that_takes_too_long_is_told() {
    Disk::new().run(small(), FlushPolicy::Sync, |disk, server, _| {
        let peer = server.accept();
        server.receive(peer, &Ask::send("T", b"one").frame());
        disk.write(server);
        for _ in 0..4 {
            server.wait(1_000);
            server.requests();
            assert!(server.answers(peer).is_empty());
        }
        server.wait(1_000);
        server.requests();
        let answers = server.answers(peer);
        assert_eq!((answers[0].code, answers[0].fields["queueOffset"].as_str()), (10, "0"));
    });
}

#[test]
fn nothing_is_stored_any_more_while_everything_is_saved_for_the_end() {
    Disk::new().run(small(), FlushPolicy::Async, |disk, server, _| {
        let peer = server.accept();
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"stored")), 0);
        assert!(!server.broker.is_saved());
        server.broker.shutdown(server.now);
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"too late")), 14);
        disk.save(server);
        assert!(server.broker.is_saved());
        let end = server.broker.log().max_offset();
        assert_eq!(disk.mark.unwrap().flushed.max(end), end);
    });
}

#[test]
fn after_a_failure_nothing_is_acknowledged_and_what_was_flushed_is_served() {
    Disk::new().run(small(), FlushPolicy::Sync, |disk, server, _| {
        let peer = server.accept();
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"flushed")), 0);
        server.receive(peer, &Ask::send("T", b"not").frame());
        disk.write(server);
        assert!(server.broker.poll_flush().is_some());
        server.broker.handle_storage_failed(server.now, StorageFailure::Flush);
        server.requests();
        assert_eq!(server.answers(peer)[0].code, 14);
        assert!(server.events().contains(&BrokerEvent::StorageFailed { failure: StorageFailure::Flush }));
        assert_eq!(disk.send(server, peer, &Ask::send("T", b"more")), 14);
        assert_eq!(bodies(server, peer, "T"), [b"flushed"]);
        assert!(server.broker.has_storage_failed() && server.broker.poll_write().is_none());
    });
}

#[test]
fn who_does_not_wait_for_the_flush_waits_for_the_write() {
    Disk::new().run(small(), FlushPolicy::Sync, |_, server, _| {
        let peer = server.accept();
        let at_once = Ask::send("T", b"x").with("i", "WAIT\u{1}false\u{2}UNIQ_KEY\u{1}K\u{2}");
        server.receive(peer, &at_once.frame());
        server.broker.handle_storage_failed(server.now, StorageFailure::Write);
        server.requests();
        assert_eq!(server.answers(peer)[0].code, 14);
    });
}
