//! Settings and memory: what is wrong is said at once, and named.

use core::time::Duration;

use rocketlite_broker::{Broker, BrokerConfig, BrokerStorage, ConfigError, ConfigProblem, WhenFull};
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::{Address, Instant, WallClock};

use crate::harness::{ADDRESS, Ask, Limits, Server, boxes, config};

fn error(config: BrokerConfig<'_>, limits: Limits) -> ConfigError {
    let mut memory = boxes(limits);
    Broker::new(config, memory.memory(), WallClock::new(Instant::ZERO, 0), 0).unwrap_err()
}

#[test]
fn defaults_are_those_of_the_reference() {
    let config = BrokerConfig::new("broker-a", ADDRESS.parse().unwrap());
    assert_eq!(
        (config.cluster_name, config.region_id, config.trace_on),
        ("DefaultCluster", "DefaultRegion", true)
    );
    assert_eq!((config.auto_create_topics, config.default_topic_queue_nums), (true, 8));
    assert_eq!((config.max_message_size, config.max_frame), (4 << 20, 16 << 20));
    assert_eq!((config.retry_max_times, config.when_full), (16, WhenFull::Evict));
    let seconds = |span: Duration| span.as_secs();
    assert_eq!((seconds(config.idle_timeout), seconds(config.client_timeout)), (120, 120));
    assert_eq!((seconds(config.broker_timeout), seconds(config.registration_period)), (120, 30));
    assert_eq!((seconds(config.registration_timeout), seconds(config.frame_timeout)), (24, 30));
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let zero = Duration::from_micros(999);
    let small = |given, least| ConfigProblem::TooSmall { given, least };
    for (config, setting, problem) in [
        (BrokerConfig { broker_name: "a b", ..config() }, "broker_name", ConfigProblem::Name),
        (BrokerConfig { cluster_name: "", ..config() }, "cluster_name", ConfigProblem::Name),
        (BrokerConfig { region_id: "a\u{2}b", ..config() }, "region_id", ConfigProblem::Region),
        (
            BrokerConfig { address: "0.0.0.0:1".parse().unwrap(), ..config() },
            "address",
            ConfigProblem::Unspecified,
        ),
        (
            BrokerConfig { address: "[::1]:0".parse().unwrap(), ..config() },
            "address",
            ConfigProblem::Unspecified,
        ),
        (BrokerConfig { default_topic_queue_nums: -4, ..config() }, "default_topic_queue_nums", small(0, 1)),
        (BrokerConfig { max_message_size: 0, ..config() }, "max_message_size", small(0, 1)),
        (BrokerConfig { max_pending: 0, ..config() }, "max_pending", small(0, 1)),
        (BrokerConfig { max_frame: 99_326, ..config() }, "max_frame", small(99_326, 99_327)),
        (BrokerConfig { idle_timeout: zero, ..config() }, "idle_timeout", small(0, 1)),
        (BrokerConfig { reconnect_delay: zero, ..config() }, "reconnect_delay", small(0, 1)),
    ] {
        assert_eq!(error(config, Limits::default()), ConfigError { setting, problem });
    }
    let text = error(BrokerConfig { max_frame: 7, ..config() }, Limits::default()).to_string();
    assert_eq!(text, "max_frame is 7, must be at least 99327");
    let text = error(BrokerConfig { broker_name: "", ..config() }, Limits::default()).to_string();
    assert_eq!(text, "broker_name must have 1 to 127 characters, allowed are %|-_ 0-9 a-z A-Z");
}

#[test]
fn memory_that_is_too_small_is_named() {
    let servers = [Address::new("a:1").unwrap(), Address::new("b:1").unwrap()];
    let with_servers = || BrokerConfig { name_servers: &servers, ..config() };
    let all = Limits::default();
    for (limits, setting, given, least) in [
        (Limits { scratch: 1023, ..all }, "memory.scratch", 1023, 1024),
        (Limits { log: 98_544, ..all }, "memory.log", 98_544, 98_545),
        (Limits { frames: 99_326, ..all }, "memory.frames", 99_326, 99_327),
        (Limits { extents: 0, ..all }, "memory.frame_extents", 0, 1),
        (Limits { connections: 2, ..all }, "memory.connections", 2, 3),
        (Limits { outgoing: 2, ..all }, "memory.outgoing", 2, 3),
        (Limits { peers: 1, ..all }, "memory.name_servers", 1, 2),
        (Limits { topics: 3, ..all }, "memory.topics", 3, 4),
        (Limits { queues: 42, ..all }, "memory.queues", 42, 43),
    ] {
        let problem = ConfigProblem::TooSmall { given, least };
        assert_eq!(error(with_servers(), limits), ConfigError { setting, problem });
    }
    for setting in
        ["memory.partial", "memory.topic_index", "memory.client_index", "memory.broker_topic_index"]
    {
        let (mut boxes, mut empty) =
            (boxes(all), boxes(Limits { connections: 0, topics: 0, clients: 0, ..all }));
        let (mut memory, empty) = (boxes.memory(), empty.memory());
        match setting {
            "memory.partial" => memory.partial = empty.partial,
            "memory.topic_index" => memory.topic_index = empty.topic_index,
            "memory.client_index" => memory.client_index = empty.client_index,
            _ => memory.broker_topic_index = empty.broker_topic_index,
        }
        let error = Broker::new(config(), memory, WallClock::new(Instant::ZERO, 0), 0).unwrap_err();
        assert_eq!(error.setting, setting);
    }
}

/// The least that settings allow is enough to serve.
#[test]
fn the_least_memory_is_enough() {
    let least = Limits {
        log: 98_545,
        frames: 99_327,
        extents: 1,
        scratch: 65_534,
        connections: 1,
        outgoing: 1,
        topics: 5,
        queues: 43 + 4,
        index: 2,
        clients: 0,
        groups: 0,
        held_pulls: 0,
        keys: 0,
        answers: 0,
        peers: 0,
        events: 0,
    };
    crate::harness::with_broker(config(), least, |server| {
        let peer = server.accept();
        for _ in 0..10 {
            assert_eq!(server.ask(peer, &Ask::send("T", &vec![7; 65_536])).code, 0);
        }
        let frame =
            Ask::send("T", &vec![7; 65_536]).with("i", &format!("k\u{1}{}\u{2}", "v".repeat(32_000))).frame();
        for bytes in frame.chunks(100) {
            assert_eq!(server.receive(peer, bytes), bytes.len());
        }
        assert_eq!(server.answers(peer)[0].code, 0);
        let newest = server.broker.log().records().last().unwrap();
        assert_eq!((newest.body.len(), newest.queue_offset), (65_536, 10));
        assert_eq!(server.broker.counters().lost_events, server.broker.counters().evicted_messages + 1);
    });
}

/// A broker for a device: 4 KiB messages, in a static.
#[test]
fn storage_of_fixed_size_serves() {
    type Storage = BrokerStorage<16_384, 8_192, 2_048, 1_024, 4, 8, 8, 48, 8, 4, 1, 8>;
    const _: () = assert!(size_of::<Storage>() < 64 * 1024, "a board with 64 KiB has room for it");
    static STORAGE: std::sync::Mutex<Storage> = std::sync::Mutex::new(Storage::new());
    let mut storage = STORAGE.lock().unwrap();
    let config = BrokerConfig { max_message_size: 4_096, ..config() };
    let broker = Broker::new(config, storage.memory(), WallClock::new(Instant::ZERO, 0), 3).unwrap();
    let mut server = Server { broker, now: Instant::ZERO };
    let peer = server.accept();
    for n in 0..100 {
        assert_eq!(server.ask(peer, &Ask::send("T", &[n; 4_000])).code, 0);
    }
    assert_eq!(server.broker.log().records().count(), 3);
    assert_eq!(server.ask(peer, &Ask::new(RequestCode(1), &[], b"")).code, 3);
}

/// What the README says of each slice.
#[cfg(target_pointer_width = "64")]
#[test]
fn the_readme_says_how_many_bytes_each_place_takes() {
    use rocketlite_broker as b;
    use rocketlite_core::wire::frame::Partial;
    use rocketlite_core::{Extent, Slot};
    let readme = include_str!("../../README.md");
    let index = |words: usize| words * size_of::<u16>();
    let rows = [
        (
            "`connections` with `partial`, `frame_extents` and `answer_extents`",
            size_of::<Slot<b::Connection>>() + size_of::<Partial>() + 2 * size_of::<Extent>(),
        ),
        ("`outgoing`", size_of::<Slot<b::Outgoing>>()),
        ("`topics` with `topic_index`", size_of::<Slot<b::Topic>>() + index(2)),
        ("`queues`", size_of::<b::Queue>()),
        ("`index`, 16 messages of a queue", size_of::<b::IndexChunk>()),
        ("`clients` with `client_index`", size_of::<Slot<b::Client>>() + index(6)),
        ("`groups` with `group_index`", size_of::<Slot<b::ConsumerGroup>>() + index(2)),
        ("`subscriptions` with `subscription_index`", size_of::<Slot<b::Subscription>>() + index(2)),
        ("`offsets` with `offset_index`", size_of::<Slot<b::ConsumerOffset>>() + index(2)),
        ("`locks` with `lock_index`", size_of::<Slot<b::QueueLock>>() + index(2)),
        ("`held_pulls` with `held_pull_index`", size_of::<Slot<b::HeldPull>>() + index(4)),
        ("`keys`", size_of::<b::IndexedKey>()),
        ("`brokers`", size_of::<Slot<b::RegisteredBroker>>()),
        ("`broker_topics` with `broker_topic_index`", size_of::<Slot<b::BrokerTopic>>() + index(2)),
        ("`name_servers`", size_of::<b::Registration>()),
        ("`events`", size_of::<b::EventPlace>()),
    ];
    let rows = rows.map(|(slice, bytes)| format!("| {slice} | {bytes} |"));
    let missing: Vec<_> = rows.iter().filter(|row| !readme.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "not in the README: {missing:#?}");
}
