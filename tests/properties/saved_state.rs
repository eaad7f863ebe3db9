//! What holds for a saved state, whatever routes it is of and whatever happens to its bytes.

use proptest::prelude::*;
use rocketlite_core::producer::warm_start::RestoreError;
use rocketlite_core::producer::{Producer, ProducerConfig, ProducerLimits, ProducerStorage};
use rocketlite_core::wire::command::RemotingCommand;
use rocketlite_core::{Address, Instant, Message, WallClock};
use rocketlite_tests::scripted::{Answer, NAME_SERVER, Script, World, response};
use serde_json::json;

/// Of each topic the brokers that have it and how many queues.
type Routes = Vec<Vec<(u8, u32)>>;

/// Name servers that know these routes, and brokers that store nothing.
struct Servers(Routes);

impl Script for Servers {
    fn listens(&self, _: &str) -> bool {
        true
    }

    fn answer(&mut self, address: &str, request: &RemotingCommand<'_>) -> Answer {
        if address != NAME_SERVER {
            return Answer::Bytes(response(request.opaque, 13, Some("not wanted"), &[], b""));
        }
        let topic = request.ext_fields.iter().flatten().find(|(key, _)| *key == *"topic").unwrap().1.unwrap();
        let topic: usize = topic.to_string().trim_start_matches("topic").parse().unwrap();
        let datas = self.0[topic].iter().map(|(broker, _)| {
            json!({"brokerName": format!("broker-{broker}"), "brokerAddrs": {"0": format!("10.0.0.{broker}:10911")}})
        });
        let queues = self.0[topic].iter().map(|(broker, queues)| {
            json!({"brokerName": format!("broker-{broker}"), "perm": 6, "readQueueNums": queues, "writeQueueNums": queues})
        });
        let route =
            json!({"brokerDatas": datas.collect::<Vec<_>>(), "queueDatas": queues.collect::<Vec<_>>()});
        Answer::Bytes(response(request.opaque, 0, None, &[], route.to_string().as_bytes()))
    }
}

fn routes() -> impl Strategy<Value = Routes> {
    let route = prop::collection::btree_map(0..8u8, 1..9u32, 1..5);
    prop::collection::vec(route.prop_map(|route| route.into_iter().collect()), 1..8)
}

/// The state of a producer that has sent to each of the topics.
fn saved(routes: &Routes) -> Vec<u8> {
    let mut world = World::new(Servers(routes.clone()), 4_096, |_| {});
    for topic in 0..routes.len() {
        let (now, topic) = (world.now(), format!("topic{topic}"));
        let id = world.producer.send(now, &Message::new(&topic, b"x")).unwrap();
        world.run_until_sent(id);
        world.producer.poll_send(id).unwrap_err();
    }
    save(&world.producer)
}

fn save(producer: &Producer<'_>) -> Vec<u8> {
    let mut buffer = vec![0; 65_536];
    let length = producer.save(&mut buffer).unwrap();
    buffer.truncate(length);
    buffer
}

type Storage = ProducerStorage<2, 8, 64, 8, 1, 64, 512, 4>;
type SmallStorage = ProducerStorage<2, 2, 8, 3, 1, 64, 512, 4>;

/// Has `test` look at a new producer.
fn with_producer<R>(small: bool, test: impl FnOnce(&mut Producer<'_>) -> R) -> R {
    let names = [Address::new(NAME_SERVER).unwrap()];
    let config = ProducerConfig::new("producers", "client", &names);
    let clock = WallClock::new(Instant::ZERO, 0);
    let (mut storage, mut small_storage) = (Storage::new(), SmallStorage::new());
    let memory = if small { small_storage.memory() } else { storage.memory() };
    test(&mut Producer::new(config, memory, clock, 1).unwrap())
}

/// Longest state without any route.
fn most_without_routes() -> usize {
    ProducerLimits { brokers: 0, topics: 0, ..ProducerLimits::TINY }.max_saved_bytes()
}

/// Restores, and checks that a refusal leaves no route behind.
fn restore(small: bool, bytes: &[u8]) -> Result<Vec<u8>, RestoreError> {
    with_producer(small, |producer| {
        let outcome = producer.restore(Instant::ZERO, bytes);
        let after = save(producer);
        if outcome.is_err() {
            assert!(after.len() <= most_without_routes(), "{outcome:?} left {} bytes", after.len());
        }
        outcome.map(|_| after)
    })
}

/// The bytes with a sum that fits again.
fn sealed(mut bytes: Vec<u8>, records: usize) -> Vec<u8> {
    bytes.truncate(9 + records);
    bytes[5..9].copy_from_slice(&u32::try_from(records).unwrap().to_le_bytes());
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_restored_is_what_was_saved(routes in routes()) {
        let bytes = saved(&routes);
        with_producer(false, |producer| {
            let restored = producer.restore(Instant::ZERO, &bytes).unwrap();
            prop_assert_eq!((restored.topics, restored.start_number), (routes.len(), 1));
            producer.set_start_number(0);
            prop_assert_eq!(save(producer), bytes);
            Ok(())
        })?;
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_refused(routes in routes(), places in prop::collection::vec(any::<prop::sample::Index>(), 20)) {
        let bytes = saved(&routes);
        for place in places {
            let bit = place.index(bytes.len() * 8);
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = restore(false, &flipped).unwrap_err();
            let expected = match bit / 8 {
                0..4 => matches!(error, RestoreError::Nothing),
                4 => matches!(error, RestoreError::OtherVersion { .. }),
                _ => error == RestoreError::Damaged,
            };
            prop_assert!(expected, "bit {} gives {:?}", bit, error);
            let cut = restore(false, &bytes[..place.index(bytes.len())]).unwrap_err();
            prop_assert!(matches!(cut, RestoreError::Nothing | RestoreError::Damaged), "{:?}", cut);
        }
    }

    #[test]
    fn routes_fit_as_a_whole_or_not_at_all(routes in routes()) {
        let bytes = saved(&routes);
        let brokers: std::collections::BTreeSet<u8> = routes.iter().flatten().map(|(broker, _)| *broker).collect();
        let most_queues = routes.iter().map(|route| route.iter().map(|(_, queues)| queues).sum::<u32>()).max();
        let fits = routes.len() <= 2 && brokers.len() <= 3 && most_queues <= Some(8);
        match restore(true, &bytes) {
            Ok(_) => prop_assert!(fits),
            Err(RestoreError::TooLarge { .. }) => prop_assert!(!fits),
            Err(error) => prop_assert!(false, "{:?}", error),
        }
    }

    #[test]
    fn records_that_nobody_wrote_are_refused_or_make_a_producer_that_can_be_saved(
        routes in routes(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        cuts in prop::bool::weighted(0.3),
    ) {
        let mut bytes = saved(&routes);
        let records = bytes.len() - 13;
        for (place, value) in changes {
            bytes[9 + place.index(records)] = value;
        }
        let length = if cuts { cut.index(records) } else { records };
        let bytes = sealed(bytes, length);
        for small in [false, true] {
            if let Ok(saved) = restore(small, &bytes) {
                prop_assert!(restore(small, &saved).is_ok());
            }
        }
    }

    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(restore(true, &noise).is_err());
        let marked = [b"RLPS\x01\0\0\0\0", noise.as_slice()].concat();
        let _ = restore(true, &sealed(marked, noise.len()));
    }
}
