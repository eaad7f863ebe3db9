//! What holds for a producer whatever its brokers do, in virtual time: scripts are drawn, and shortened when one fails.

mod round_trips;
mod saved_state;

use core::time::Duration;

use proptest::prelude::*;
use rocketlite_core::producer::{Event, ProducerConfig};
use rocketlite_core::send::decision::AttemptOutcome;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::command::RemotingCommand;
use rocketlite_core::{Message, Rules, SendId};
use rocketlite_tests::scripted::{Answer, NAME_SERVER, Script, World, response};
use serde_json::json;

/// What a broker does with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Store(i32),
    Refuse(i32),
    HangUp,
    Garbage,
    Silence,
    Headless,
    Twice,
}

/// A broker: its queues, whether it is up, and what it does with each request; the last entry repeats.
#[derive(Debug, Clone)]
struct Broker {
    queues: u32,
    up: bool,
    script: Vec<Does>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Sync,
    Async,
    OneWay,
}

#[derive(Debug, Clone)]
struct Case {
    brokers: Vec<Broker>,
    modes: Vec<Mode>,
    retries: u8,
    timeout_ms: u64,
    fault_strategy: bool,
    retry_not_ok: bool,
    index: i32,
}

/// Codes that both lines treat alike: 2 and 1500 are retried in 5.x only.
const CODES: [i32; 7] = [1, 13, 14, 16, 17, 204, 777];

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        4 => prop::sample::select(vec![0, 10, 11, 12]).prop_map(Does::Store),
        3 => prop::sample::select(CODES.to_vec()).prop_map(Does::Refuse),
        1 => Just(Does::HangUp),
        1 => Just(Does::Garbage),
        1 => Just(Does::Silence),
        1 => Just(Does::Headless),
        1 => Just(Does::Twice),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let broker = (1..4u32, prop::bool::weighted(0.8), prop::collection::vec(does(), 1..4))
        .prop_map(|(queues, up, script)| Broker { queues, up, script });
    let mode = prop_oneof![3 => Just(Mode::Sync), 1 => Just(Mode::Async), 1 => Just(Mode::OneWay)];
    let settings = (0..5u8, 1..4_000u64, any::<bool>(), any::<bool>(), any::<i32>());
    (prop::collection::vec(broker, 1..4), prop::collection::vec(mode, 1..5), settings).prop_map(
        |(brokers, modes, (retries, timeout_ms, fault_strategy, retry_not_ok, index))| Case {
            brokers,
            modes,
            retries,
            timeout_ms,
            fault_strategy,
            retry_not_ok,
            index,
        },
    )
}

/// The broker that got a request, its flag and its body.
type Request = (usize, i32, Vec<u8>);

/// Brokers `b0`, `b1` … at `b0:1`, `b1:1` …
#[derive(Debug)]
struct Servers {
    brokers: Vec<Broker>,
    requests: Vec<usize>,
    received: Vec<Request>,
}

impl Servers {
    fn place(address: &str) -> usize {
        address.trim_start_matches('b').trim_end_matches(":1").parse().expect("a broker's address")
    }

    fn route(&self) -> String {
        let names = (0..self.brokers.len()).map(|place| format!("b{place}"));
        let datas = names.clone().map(|b| json!({"brokerName": b, "brokerAddrs": {"0": format!("{b}:1")}}));
        let queues = names.zip(&self.brokers).map(|(b, broker)| {
            json!({"brokerName": b, "perm": 6, "readQueueNums": broker.queues, "writeQueueNums": broker.queues})
        });
        json!({"brokerDatas": datas.collect::<Vec<_>>(), "queueDatas": queues.collect::<Vec<_>>()})
            .to_string()
    }
}

impl Script for Servers {
    fn listens(&self, address: &str) -> bool {
        address == NAME_SERVER || self.brokers[Self::place(address)].up
    }

    fn answer(&mut self, address: &str, request: &RemotingCommand<'_>) -> Answer {
        if request.code == RequestCode::GET_ROUTEINFO_BY_TOPIC.0 {
            return Answer::Bytes(response(request.opaque, 0, None, &[], self.route().as_bytes()));
        }
        let place = Self::place(address);
        let script = &self.brokers[place].script;
        let does = script[self.requests[place].min(script.len() - 1)];
        self.requests[place] += 1;
        self.received.push((place, request.flag, request.body.to_vec()));
        let header = [("msgId", "0A00000100002A9F0000000000000000"), ("queueId", "0"), ("queueOffset", "7")];
        let stored = |code| response(request.opaque, code, None, &header, b"");
        match does {
            _ if request.is_one_way() => Answer::Silence,
            Does::Store(code) => Answer::Bytes(stored(code)),
            Does::Refuse(code) => Answer::Bytes(response(request.opaque, code, Some("no"), &[], b"")),
            Does::HangUp => Answer::HangUp(stored(0)[..20].to_vec()),
            Does::Garbage => Answer::Bytes(b"\0\0\0\x08\0\0\0\x04nope".to_vec()),
            Does::Silence => Answer::Silence,
            Does::Headless => Answer::Bytes(response(request.opaque, 0, None, &[], b"")),
            Does::Twice => Answer::Bytes([stored(0), stored(0)].concat()),
        }
    }
}

/// What one send came to: the broker and attempts of a result, or the error's code and attempts.
type End = Result<(String, u8), (i32, u8)>;

/// Runs a case and checks each send on the way. Returns how each ended and what the brokers received.
fn run(case: &Case, rules: Rules) -> (Vec<End>, Vec<Request>) {
    let servers = Servers {
        brokers: case.brokers.clone(),
        requests: vec![0; case.brokers.len()],
        received: Vec::new(),
    };
    let mut world = World::new(servers, 4_096, |config: &mut ProducerConfig<'static>| {
        config.rules = rules;
        config.retry_times_when_send_failed = case.retries;
        config.retry_times_when_send_async_failed = case.retries;
        config.send_msg_timeout = Duration::from_millis(case.timeout_ms);
        config.send_latency_fault_enable = case.fault_strategy;
        config.retry_another_broker_when_not_store_ok = case.retry_not_ok;
        config.first_queue_index = Some(case.index);
    });
    let ends = case.modes.iter().map(|mode| one(case, &mut world, *mode)).collect();
    assert_eq!(world.producer.in_flight(), 0, "a place was not given back");
    (ends, world.script.received)
}

fn one(case: &Case, world: &mut World<Servers>, mode: Mode) -> End {
    world.events.clear();
    let before = world.script.received.len();
    let (now, message) = (world.now(), Message::new("T", b"body"));
    let accepted = match mode {
        Mode::Sync => world.producer.send(now, &message),
        Mode::Async => world.producer.send_async(now, &message),
        Mode::OneWay => world.producer.send_oneway(now, &message),
    };
    let id = accepted.expect("there is room for one");
    world.run_until_sent(id);
    check_events(case, world, id, mode);
    let received = world.script.received.len() - before;
    let attempts = attempts_of(world);
    assert!(received <= attempts.len(), "{received} requests for {} attempts", attempts.len());
    match world.producer.poll_send(id) {
        Ok(result) => {
            assert_eq!(usize::from(result.attempts), attempts.len());
            Ok((result.broker_name.as_str().to_owned(), result.attempts))
        }
        Err(nb::Error::Other(error)) => {
            assert_eq!(usize::from(error.attempts), attempts.len());
            Err((error.response_code(), error.attempts))
        }
        Err(nb::Error::WouldBlock) => panic!("it was said to have ended"),
    }
}

fn attempts_of(world: &World<Servers>) -> Vec<AttemptOutcome> {
    let outcome = |event: &Event| match event {
        Event::Attempted { outcome, .. } => Some(*outcome),
        _ => None,
    };
    world.events.iter().filter_map(outcome).collect()
}

/// Each send ends once, and makes no more attempts than it may.
fn check_events(case: &Case, world: &World<Servers>, id: SendId, mode: Mode) {
    let ends = world.events.iter().filter(|event| **event == Event::Sent { id }).count();
    assert_eq!(ends, 1, "a send ends once");
    let most = if mode == Mode::OneWay { 1 } else { usize::from(case.retries) + 1 };
    let attempts = attempts_of(world).len();
    assert!(attempts <= most, "{attempts} attempts of at most {most}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_brokers_do_a_send_ends_once_with_attempts_to_spare(case in case()) {
        for rules in [Rules::V4, Rules::V5] {
            run(&case, rules);
        }
    }

    #[test]
    fn without_the_fault_strategy_both_lines_send_alike(mut case in case()) {
        case.fault_strategy = false;
        // The lines differ in what an asynchronous send does after a timeout.
        case.modes.retain(|mode| *mode != Mode::Async);
        prop_assert_eq!(run(&case, Rules::V4), run(&case, Rules::V5));
    }

    #[test]
    fn the_same_case_runs_the_same_way(case in case()) {
        prop_assert_eq!(run(&case, Rules::V5), run(&case, Rules::V5));
    }
}
