//! Random peers with small tables: whatever happens, answers are whole, in order and true.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use rocketlite_broker::{BrokerConfig, BrokerEvent, DisconnectReason};
use rocketlite_core::message::batch::Entry;
use rocketlite_core::message::id::OffsetMessageId;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::cursor::Writer;
use rocketlite_core::wire::frame::frame_size;
use rocketlite_core::{ConnectionId, ConnectionRequest, Engine, Instant, Rng};

use crate::consumer::bodies;
use crate::harness::{Answer, Ask, Limits, Server, answers, config, with_broker};

#[derive(Debug, Default)]
struct Peer {
    /// Bytes that the broker has not taken yet.
    unsent: Vec<u8>,
    /// Requests without answer: their numbers, and the body if it is a send.
    asked: VecDeque<(i32, Option<Vec<u8>>)>,
    /// Bytes of answers.
    received: Vec<u8>,
    /// Whether it sent what cannot be read.
    is_broken: bool,
}

struct World<'w, 'm> {
    server: &'w mut Server<'m>,
    rng: Rng,
    peers: BTreeMap<ConnectionId, Peer>,
    opaque: i32,
    /// Messages that were acknowledged, by their place in the log.
    acknowledged: BTreeMap<i64, Vec<u8>>,
    reasons: Vec<DisconnectReason>,
}

impl World<'_, '_> {
    fn below(&mut self, bound: usize) -> usize {
        self.rng.below(u32::try_from(bound).unwrap()) as usize
    }

    fn step(&mut self) {
        let any = self.below(self.peers.len().max(1));
        let Some(id) = self.peers.keys().nth(any).copied().filter(|_| self.below(20) > 0) else {
            if let Ok(id) = self.server.broker.accept(self.server.now, "10.0.0.1:1".parse().unwrap()) {
                self.peers.insert(id, Peer::default());
            }
            return;
        };
        match self.below(100) {
            0..30 => self.ask(id),
            30..60 => {
                self.offer(id, 400);
            }
            60..95 => {
                let size = 1 + self.below(500);
                self.transmit(id, size);
            }
            95..97 => {
                let millis = self.below(3000) as u64;
                self.server.wait(millis);
            }
            97 => {
                self.server.broker.handle_closed(self.server.now, id);
                self.peers.remove(&id);
            }
            _ if self.below(10) == 0 => {
                let peer = self.peers.get_mut(&id).unwrap();
                peer.unsent.extend_from_slice(b"\0\0\0\x05\0\0\0\xffx");
                peer.is_broken = true;
            }
            _ => {}
        }
        self.drain();
    }

    fn ask(&mut self, id: ConnectionId) {
        self.opaque += 1;
        let text = format!("message {}", self.opaque).repeat(1 + self.below(30));
        let topic = format!("T{}", self.below(8));
        let mut entries = vec![0; 4096];
        let mut writer = Writer::new(&mut entries);
        for body in [&text[..9], "second"] {
            Entry { flag: 0, body: body.as_bytes(), properties: b"" }.encode(&mut writer).unwrap();
        }
        let len = writer.filled();
        let offset = self.server.broker.log().min_offset().to_string();
        let heartbeat =
            format!(r#"{{"clientID":"c{}","producerDataSet":[{{"groupName":"G"}}]}}"#, self.below(6));
        let registration = format!(
            r#"{{"topicConfigSerializeWrapper":{{"topicConfigTable":{{"T{}":{{"perm":6}}}}}}}}"#,
            self.below(8)
        );
        let (kind, queues) = (self.below(14), self.below(7).to_string());
        let listing = LISTINGS[self.below(LISTINGS.len())];
        let mut body = None;
        let request = match kind {
            0..4 => {
                body = Some(text.clone().into_bytes());
                Ask::send(&topic, text.as_bytes())
            }
            4 => Ask::send(&topic, &entries[..len]).with("m", "true"),
            5 => Ask::new(RequestCode::GET_ROUTEINFO_BY_TOPIC, &[("topic", &topic)], b""),
            6 => Ask::new(RequestCode::VIEW_MESSAGE_BY_ID, &[("offset", &offset)], b""),
            7 => Ask::new(RequestCode::HEART_BEAT, &[], heartbeat.as_bytes()),
            8 => {
                let fields =
                    [("brokerName", "b"), ("brokerAddr", "h:1"), ("clusterName", "C"), ("brokerId", "0")];
                Ask::new(RequestCode::REGISTER_BROKER, &fields, registration.as_bytes())
            }
            9 => Ask::new(RequestCode::GET_BROKER_CLUSTER_INFO, &[], b""),
            10 => {
                let fields =
                    [("topic", &*topic), ("readQueueNums", "3"), ("writeQueueNums", &queues), ("perm", "6")];
                Ask::new(RequestCode::UPDATE_AND_CREATE_TOPIC, &fields, b"")
            }
            11 => Ask::new(RequestCode::DELETE_TOPIC_IN_BROKER, &[("topic", &topic)], b""),
            12 => {
                let times = [("beginTimestamp", "0"), ("endTimestamp", "9223372036854775807")];
                let fields = [("topic", &*topic), ("key", "K1"), ("maxNum", "3"), times[0], times[1]];
                Ask::new(RequestCode::QUERY_MESSAGE, &fields, b"")
            }
            _ => Ask::new(listing, &[("topic", &topic), ("consumerGroup", "CG")], b""),
        };
        let request = if self.below(2) == 0 { request } else { request.binary() };
        let (one_way, opaque) = (self.below(10) == 0, self.opaque);
        let request = if one_way { request.one_way() } else { request }.opaque(opaque);
        let peer = self.peers.get_mut(&id).unwrap();
        if peer.is_broken {
            return;
        }
        peer.unsent.extend(request.frame());
        if !one_way {
            peer.asked.push_back((opaque, body));
        }
    }

    fn offer(&mut self, id: ConnectionId, most: usize) -> bool {
        let len = 1 + self.below(most);
        let peer = self.peers.get_mut(&id).unwrap();
        let len = len.min(peer.unsent.len());
        let taken = self.server.broker.handle_received(self.server.now, id, &peer.unsent[..len]);
        peer.unsent.drain(..taken);
        taken > 0
    }

    fn transmit(&mut self, id: ConnectionId, size: usize) -> bool {
        let mut buffer = vec![0; size];
        let written = self.server.broker.poll_transmit(id, &mut buffer);
        let peer = self.peers.get_mut(&id).unwrap();
        peer.received.extend_from_slice(&buffer[..written]);
        while let Ok(Some(size)) = frame_size(&peer.received, usize::MAX)
            && size <= peer.received.len()
        {
            let frame: Vec<u8> = peer.received.drain(..size).collect();
            let answer = answers(&frame).remove(0);
            let (opaque, body) = peer.asked.pop_front().expect("nothing was asked");
            assert_eq!(answer.opaque, opaque, "answers come in order");
            if let Some(body) = body.filter(|_| answer.code == 0) {
                let id = OffsetMessageId::parse(answer.field("msgId")).unwrap();
                assert_eq!(self.acknowledged.insert(id.physical_offset, body), None);
            } else {
                plausible(&answer);
            }
        }
        written > 0
    }

    /// Does what the broker wants done, and keeps the reasons of what it closes.
    fn drain(&mut self) {
        while let Some(request) = self.server.broker.poll_connection() {
            match request {
                ConnectionRequest::Close { connection } => {
                    self.peers.remove(&connection).expect("closed once");
                }
                ConnectionRequest::Transmit { connection } => assert!(self.peers.contains_key(&connection)),
                ConnectionRequest::Open { .. } => panic!("there is no name server"),
            }
        }
        while let Some(event) = self.server.broker.poll_event() {
            if let BrokerEvent::Disconnected { reason, .. } = event {
                self.reasons.push(reason);
            }
        }
    }

    /// Everything that was asked is answered, and everything that was acknowledged is stored or evicted.
    fn settle(&mut self) {
        loop {
            let mut progress = false;
            for id in self.peers.keys().copied().collect::<Vec<_>>() {
                progress |= self.peers.contains_key(&id) && self.offer(id, 10_000);
                self.drain();
                progress |= self.peers.contains_key(&id) && self.transmit(id, 10_000);
                self.drain();
            }
            if !progress {
                break;
            }
        }
        for peer in self.peers.values() {
            assert_eq!((peer.unsent.len(), peer.asked.len(), peer.received.len()), (0, 0, 0));
        }
        assert!(self.server.broker.is_quiet());
        let log = self.server.broker.log();
        for (offset, body) in &self.acknowledged {
            match log.read(offset.cast_unsigned()) {
                Ok((record, _)) => assert_eq!(record.body, body),
                Err(_) => assert!(offset.cast_unsigned() < log.min_offset()),
            }
        }
        let counters = self.server.broker.counters();
        assert_eq!(counters.stored_messages - counters.evicted_messages, log.records().count() as u64);
    }
}

/// What administrators look at.
const LISTINGS: [RequestCode; 8] = [
    RequestCode::GET_ALL_TOPIC_CONFIG,
    RequestCode::GET_BROKER_CONFIG,
    RequestCode::GET_BROKER_RUNTIME_INFO,
    RequestCode::GET_TOPIC_STATS_INFO,
    RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
    RequestCode::GET_CONSUME_STATS,
    RequestCode::QUERY_TOPIC_CONSUME_BY_WHO,
    RequestCode::GET_ALL_PRODUCER_INFO,
];

fn plausible(answer: &Answer) {
    match answer.code {
        0 if answer.fields.contains_key("indexLastUpdateTimestamp") => {
            assert!((1..=3).contains(&bodies(answer).len()));
        }
        0 => assert_eq!(answer.remark, None),
        22 => assert!(answer.fields.contains_key("indexLastUpdateTimestamp")),
        1 | 13 | 17 | 29 => assert!(answer.remark.is_some()),
        other => panic!("{other} {answer:?}"),
    }
}

#[test]
fn answers_are_whole_in_order_and_true() {
    let limits = Limits {
        log: 8_192,
        frames: 8_000,
        extents: 2,
        scratch: 1_024,
        connections: 5,
        outgoing: 4,
        topics: 10,
        queues: 64,
        index: 24,
        clients: 4,
        groups: 2,
        held_pulls: 2,
        keys: 8,
        answers: 2_048,
        peers: 1,
        events: 8,
    };
    let mut reasons = Vec::new();
    for seed in 0..60 {
        let frame_timeout = Duration::from_secs(4);
        let config = BrokerConfig { max_message_size: 2_048, max_pending: 3, frame_timeout, ..config() };
        with_broker(config, limits, |server| {
            let rng = Rng::new(seed);
            server.now = Instant::from_millis(seed);
            let (peers, acknowledged) = (BTreeMap::new(), BTreeMap::new());
            let mut world = World { server, rng, peers, opaque: 0, acknowledged, reasons: Vec::new() };
            for _ in 0..2_000 {
                world.step();
            }
            world.settle();
            assert!(world.acknowledged.len() > 20, "{} were stored", world.acknowledged.len());
            reasons.append(&mut world.reasons);
        });
    }
    let seen = |wanted: fn(&DisconnectReason) -> bool| assert!(reasons.iter().any(wanted));
    seen(|reason| matches!(reason, DisconnectReason::Decode(error) if error.field == "header"));
    seen(|reason| *reason == DisconnectReason::Peer);
    seen(|reason| *reason == DisconnectReason::LostAnswer);
    seen(|reason| *reason == DisconnectReason::SlowFrame);
}
