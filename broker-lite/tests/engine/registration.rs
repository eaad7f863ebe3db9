//! A broker registers with name servers: two engines on one wire.

use rocketlite_broker::{Broker, BrokerConfig, BrokerEvent, RegistrationFailure};
use rocketlite_core::wire::code::{RequestCode, ResponseCode};
use rocketlite_core::{Address, ConnectionId, ConnectionRequest, Engine, Instant, WallClock};

use crate::harness::{ADDRESS, Ask, Limits, Server, WALL, answers, boxes, config, with_broker};

/// Two brokers: the first registers with the second, whose name server role is all that counts here.
struct Pair<'m> {
    broker: Server<'m>,
    name_server: Server<'m>,
    /// The connection between them, as each names it.
    wire: Option<(ConnectionId, ConnectionId)>,
    /// Whether the name server can be reached.
    is_up: bool,
    opens: usize,
}

impl Pair<'_> {
    /// Moves bytes until there are none.
    fn settle(&mut self) {
        for _ in 0..100 {
            let mut idle = true;
            for request in self.broker.requests() {
                idle = false;
                match request {
                    ConnectionRequest::Open { connection, address } => {
                        assert_eq!(address.as_str(), "10.0.0.1:9876");
                        self.opens += 1;
                        let now = self.broker.now;
                        if self.is_up {
                            self.wire = Some((connection, self.name_server.accept()));
                            self.broker.broker.handle_opened(now, connection);
                        } else {
                            self.broker.broker.handle_closed(now, connection);
                        }
                    }
                    ConnectionRequest::Close { connection } => self.cut(connection),
                    ConnectionRequest::Transmit { .. } => {}
                }
            }
            self.name_server.requests();
            if let Some((here, there)) = self.wire {
                let to = self.broker.transmit(here, 7);
                let from = self.name_server.transmit(there, 5);
                idle &= to.is_empty() && from.is_empty();
                assert_eq!(self.name_server.receive(there, &to), to.len());
                assert_eq!(self.broker.receive(here, &from), from.len());
            }
            if idle {
                return;
            }
        }
        panic!("it does not settle");
    }

    fn cut(&mut self, connection: ConnectionId) {
        if let Some((here, there)) = self.wire
            && here == connection
        {
            self.name_server.broker.handle_closed(self.name_server.now, there);
            self.wire = None;
        }
    }

    fn wait(&mut self, millis: u64) {
        self.broker.wait(millis);
        self.name_server.wait(millis);
        self.settle();
    }

    fn has_route(&mut self, topic: &str) -> bool {
        let peer = self.name_server.accept();
        let request = Ask::new(RequestCode::GET_ROUTEINFO_BY_TOPIC, &[("topic", topic)], b"");
        let answer = self.name_server.ask(peer, &request);
        self.name_server.broker.handle_closed(self.name_server.now, peer);
        answer.code == 0
    }
}

fn with_pair(test: impl FnOnce(&mut Pair<'_>)) {
    let servers = [Address::new("10.0.0.1:9876").unwrap()];
    let (mut first, mut second) = (boxes(Limits::default()), boxes(Limits::default()));
    let clock = WallClock::new(Instant::ZERO, WALL.cast_unsigned());
    let registering =
        BrokerConfig { name_servers: &servers, broker_name: "edge", cluster_name: "C", ..config() };
    let broker = Broker::new(registering, first.memory(), clock, 1).unwrap();
    let name_server = Broker::new(config(), second.memory(), clock, 2).unwrap();
    let now = Instant::ZERO;
    test(&mut Pair {
        broker: Server { broker, now },
        name_server: Server { broker: name_server, now },
        wire: None,
        is_up: true,
        opens: 0,
    });
}

#[test]
fn topics_are_registered_at_once_and_when_they_are_made() {
    with_pair(|pair| {
        assert_eq!(pair.broker.broker.poll_timeout(), Some(Instant::ZERO));
        pair.wait(0);
        let registered: Vec<_> = pair.name_server.broker.registered_brokers().cloned().collect();
        assert_eq!(registered.len(), 1);
        assert_eq!((registered[0].name(), registered[0].cluster()), ("edge", "C"));
        assert_eq!(registered[0].address().as_str(), ADDRESS);
        let name_server = Address::new("10.0.0.1:9876").unwrap();
        assert_eq!(pair.broker.events(), [BrokerEvent::Registered { name_server }]);
        assert!(pair.has_route("edge") && !pair.has_route("T"));

        let producer = pair.broker.accept();
        assert_eq!(pair.broker.ask(producer, &Ask::send("T", b"b")).code, 0);
        pair.settle();
        assert!(pair.has_route("T"));
        // Several topics while one registration is under way are told with the next one.
        for n in 0..5 {
            let frame = Ask::send(&format!("T{n}"), b"b").frame();
            pair.broker.receive(producer, &frame);
        }
        pair.settle();
        assert!(pair.has_route("T0") && pair.has_route("T4"));
        assert_eq!(pair.opens, 1);
    });
}

#[test]
fn the_broker_stays_registered_and_comes_back() {
    with_pair(|pair| {
        pair.wait(0);
        for _ in 0..400 {
            pair.wait(1000);
        }
        assert!(pair.has_route("edge"), "it registers every 30 s");
        assert_eq!(pair.opens, 1);
        let (here, _) = pair.wire.unwrap();
        pair.is_up = false;
        pair.cut(here);
        pair.broker.broker.handle_closed(pair.broker.now, here);
        assert!(!pair.has_route("edge"));
        pair.broker.events();
        pair.wait(2999);
        assert_eq!(pair.opens, 1);
        pair.wait(1);
        assert_eq!(pair.opens, 2);
        let name_server = Address::new("10.0.0.1:9876").unwrap();
        let failed = |reason| BrokerEvent::RegistrationFailed { name_server: name_server.clone(), reason };
        assert_eq!(pair.broker.events(), [failed(RegistrationFailure::Disconnected)]);
        pair.is_up = true;
        pair.wait(3000);
        assert!(pair.has_route("edge"));
        assert_eq!(pair.broker.events(), [BrokerEvent::Registered { name_server }]);
    });
}

#[test]
fn the_broker_says_when_it_ends() {
    with_pair(|pair| {
        pair.wait(0);
        pair.broker.broker.shutdown(pair.broker.now);
        assert!(!pair.broker.broker.is_quiet());
        pair.settle();
        assert!(pair.broker.broker.is_quiet());
        assert!(!pair.has_route("edge"));
        let producer = pair.broker.accept();
        pair.broker.ask(producer, &Ask::send("T", b"b"));
        for _ in 0..100 {
            pair.wait(1000);
        }
        assert!(!pair.has_route("T"));
    });
    // Before there is a connection there is nothing to say.
    with_pair(|pair| {
        pair.broker.wait(0);
        pair.broker.broker.shutdown(pair.broker.now);
        assert!(pair.broker.broker.is_quiet());
        assert_eq!(pair.broker.requests(), [], "what was not asked for yet need not be stopped");
        assert_eq!(pair.broker.broker.poll_timeout(), None);
    });
}

/// A broker whose name server the test plays.
fn with_scripted(test: impl FnOnce(&mut Server<'_>, ConnectionId)) {
    let servers = [Address::new("ns.example:9876").unwrap()];
    let limits = Limits { connections: 2, ..Limits::default() };
    with_broker(BrokerConfig { name_servers: &servers, ..config() }, limits, |server| {
        server.wait(0);
        let [ConnectionRequest::Open { connection, .. }] = server.requests()[..] else { panic!() };
        test(server, connection);
    });
}

fn response(to: i32, code: i32) -> Vec<u8> {
    Ask { flag: 1, opaque: to, ..Ask::new(RequestCode(code), &[], b"") }.frame()
}

fn failure(event: &BrokerEvent) -> Option<RegistrationFailure> {
    match event {
        BrokerEvent::RegistrationFailed { reason, .. } => Some(*reason),
        _ => None,
    }
}

#[test]
fn the_registration_is_what_a_java_name_server_reads() {
    with_scripted(|server, connection| {
        server.broker.handle_opened(server.now, connection);
        assert_eq!(server.requests(), [ConnectionRequest::Transmit { connection }]);
        let sent = answers(&server.transmit(connection, 64));
        assert_eq!((sent.len(), sent[0].code, sent[0].flag), (1, 103, 0));
        for (key, value) in [
            ("brokerName", "broker-a"),
            ("brokerAddr", ADDRESS),
            ("clusterName", "DefaultCluster"),
            ("brokerId", "0"),
            ("compressed", "false"),
            ("bodyCrc32", "0"),
        ] {
            assert_eq!(sent[0].field(key), value, "{key}");
        }
        let body = sent[0].text();
        assert!(body.starts_with(r#"{"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{"counter":4,"stateVersion":0,"timestamp":1700000000000},"topicConfigTable":{"TBW102":{"attributes":{},"order":false,"perm":7,"readQueueNums":8,"topicFilterType":"SINGLE_TAG","topicName":"TBW102","topicSysFlag":0,"writeQueueNums":8},"#));
        // Answers to something else change nothing, nor do answers of anybody else.
        let frame = response(sent[0].opaque + 1, 0);
        server.receive(connection, &frame);
        let stranger = server.accept();
        let frame = response(sent[0].opaque, 0);
        assert_eq!(server.receive(stranger, &frame), frame.len());
        assert_eq!((server.transmit(stranger, 64).len(), server.events().len()), (0, 0));
        server.receive(connection, &frame);
        assert!(matches!(server.events()[..], [BrokerEvent::Registered { .. }]));
    });
}

#[test]
fn a_name_server_that_fails_is_tried_again() {
    with_scripted(|server, connection| {
        // No connection in time.
        server.wait(24_000);
        let reasons: Vec<_> = server.events().iter().filter_map(failure).collect();
        assert_eq!(reasons, [RegistrationFailure::TimedOut]);
        assert_eq!(server.requests(), [ConnectionRequest::Close { connection }]);
        server.wait(3000);
        let [ConnectionRequest::Open { connection, .. }] = server.requests()[..] else { panic!() };
        // No answer in time.
        server.broker.handle_opened(server.now, connection);
        server.transmit(connection, 64);
        server.wait(24_000);
        let reasons: Vec<_> = server.events().iter().filter_map(failure).collect();
        assert_eq!(reasons, [RegistrationFailure::TimedOut]);
        server.wait(3000);
        let opened = server.requests().into_iter().find_map(|request| match request {
            ConnectionRequest::Open { connection, .. } => Some(connection),
            _ => None,
        });
        let connection = opened.unwrap();
        // An answer that refuses.
        server.broker.handle_opened(server.now, connection);
        let sent = answers(&server.transmit(connection, 64));
        server.receive(connection, &response(sent[0].opaque, 1));
        let reasons: Vec<_> = server.events().iter().filter_map(failure).collect();
        assert_eq!(reasons, [RegistrationFailure::Refused(ResponseCode::SYSTEM_ERROR)]);
        server.wait(30_000);
        assert_eq!(answers(&server.transmit(connection, 64)).len(), 1);
        // An answer that cannot be read.
        server.receive(connection, b"\0\0\0\0");
        let reasons: Vec<_> = server.events().iter().filter_map(failure).collect();
        assert!(matches!(reasons[..], [RegistrationFailure::Decode(_)]));
    });
}

#[test]
fn name_servers_have_their_places() {
    with_scripted(|server, connection| {
        let peer = server.accept();
        assert!(server.broker.accept(server.now, "10.0.0.1:1".parse().unwrap()).is_err());
        server.broker.handle_closed(server.now, connection);
        assert!(server.broker.accept(server.now, "10.0.0.1:1".parse().unwrap()).is_err());
        server.wait(3000);
        assert!(matches!(server.requests()[..], [ConnectionRequest::Open { .. }]));
        server.broker.handle_closed(server.now, peer);
        assert_eq!(server.broker.counters().accept_refused, 2);
        server.accept();
    });
}
