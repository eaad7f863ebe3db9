//! What a seed stands for: who takes part, what is sent, and what goes wrong. It is drawn before anything runs, so that a
//! part of it can be left out.

use core::fmt;
use core::time::Duration;

use rocketlite_core::Rules;
use rocketlite_core::producer::ProducerConfig;
use rocketlite_core::wire::fields::SerializeType;

use super::chance::{Chance, Concern};
use super::consumer::plan::ConsumersPlan;

/// Everything that is decided beforehand.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "scenarios are written out")]
pub struct Plan {
    /// Where it was drawn from; it also feeds the choices on the way.
    pub seed: u64,
    /// Name servers beside the brokers. Without any, the first broker is the name server.
    pub name_servers: usize,
    /// The brokers.
    pub brokers: Vec<BrokerPlan>,
    /// The producers.
    pub producers: Vec<ProducerPlan>,
    /// Whether sends make new topics. If not, nothing can be sent at all.
    pub auto_create_topics: bool,
    /// How the network is, apart from faults.
    pub network: NetworkPlan,
    /// What is sent, in the order of time.
    pub sends: Vec<SendPlan>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Who consumes, and what goes wrong with them.
    pub consumers: ConsumersPlan,
    /// When all faults end, milliseconds after the start.
    pub heal_at: u64,
}

/// What name servers are.
pub(super) const NAME_SERVER: BrokerPlan =
    BrokerPlan { queues: 4, log_bytes: 128 << 10, refuses_when_full: false, outgoing: 64 };

/// A broker.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "scenarios are written out")]
pub struct BrokerPlan {
    /// Queues of a new topic, at most.
    pub queues: i32,
    /// Bytes of the log.
    pub log_bytes: usize,
    /// Whether a full log refuses messages.
    pub refuses_when_full: bool,
    /// Frames that may wait to be sent.
    pub outgoing: usize,
}

/// A producer.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "scenarios are written out")]
#[expect(clippy::struct_excessive_bools, reason = "the settings of the reference, each by its name there")]
pub struct ProducerPlan {
    /// The line that decides.
    pub rules: Rules,
    /// `sendMsgTimeout` in milliseconds.
    pub timeout: u64,
    /// `retryTimesWhenSendFailed`.
    pub retries: u8,
    /// `retryTimesWhenSendAsyncFailed`.
    pub async_retries: u8,
    /// `retryAnotherBrokerWhenNotStoreOK`.
    pub retry_another_broker: bool,
    /// `sendLatencyFaultEnable`.
    pub fault_strategy: bool,
    /// `startDetectorEnable`.
    pub detector: bool,
    /// Ours.
    pub reserve_time: bool,
    /// How headers are written.
    pub binary: bool,
    /// Bytes that are written at a time.
    pub write_bytes: usize,
    /// Whether there is memory for few connections only.
    pub few_connections: bool,
    /// `clientCloseSocketIfTimeout`.
    pub close_if_timeout: bool,
}

impl ProducerPlan {
    /// Makes these settings.
    pub fn apply(&self, config: &mut ProducerConfig<'_>) {
        config.rules = self.rules;
        config.send_msg_timeout = Duration::from_millis(self.timeout);
        config.retry_times_when_send_failed = self.retries;
        config.retry_times_when_send_async_failed = self.async_retries;
        config.retry_another_broker_when_not_store_ok = self.retry_another_broker;
        config.send_latency_fault_enable = self.fault_strategy;
        config.start_detector_enable = self.detector;
        config.reserve_time_for_retry = self.reserve_time;
        config.client_close_socket_if_timeout = self.close_if_timeout;
        config.serialize_type = if self.binary { SerializeType::RocketMq } else { SerializeType::Json };
        config.first_queue_index = Some(FIRST_QUEUE_INDEX);
        config.max_message_size = MAX_BODY;
    }
}

/// Where each publish list is gone through from, so that the model knows.
pub(super) const FIRST_QUEUE_INDEX: i32 = 5;
/// The broker whose queues callers name.
pub(super) const CHOSEN_BROKER: &str = "broker-0";
/// Bytes at the front of each body that tell it from all others.
pub(super) const BODY_FRONT: usize = 16;
/// Largest body.
pub(super) const MAX_BODY: usize = 32 * 1024;

/// The network without faults.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "scenarios are written out")]
pub struct NetworkPlan {
    /// Least and most milliseconds for a piece to arrive.
    pub latency: (u64, u64),
    /// Least and most bytes of a piece.
    pub piece: (usize, usize),
    /// Bytes of a connection that may be on their way: to the end that has opened it, and from it.
    pub windows: [usize; 2],
}

/// A send.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "scenarios are written out")]
pub struct SendPlan {
    /// Milliseconds after the start.
    pub at: u64,
    /// Whose.
    pub producer: usize,
    /// Number of the topic.
    pub topic: usize,
    /// Bytes of the body, at least 16.
    pub len: usize,
    /// How.
    pub kind: SendKind,
}

/// How a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are exercised")]
pub enum SendKind {
    /// With all attempts.
    Sync,
    /// By the rules of asynchronous sends.
    Async,
    /// Without an answer.
    OneWay,
    /// To a queue of the first broker.
    ToQueue(u32),
    /// By a hash.
    Hashed(i32),
    /// By a selector.
    Selected(u64),
    /// As many messages as one.
    Batch(usize),
}

/// Something that goes wrong for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "scenarios are written out")]
pub struct Fault {
    /// Milliseconds after the start.
    pub from: u64,
    /// And until when.
    pub until: u64,
    /// A server: name servers first, then brokers.
    pub server: usize,
    /// What.
    pub kind: FaultKind,
}

/// What goes wrong with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these can be drawn")]
pub enum FaultKind {
    /// It loses its memory and is down; connections are refused.
    Crash,
    /// It can neither be reached nor does it reach anybody: bytes wait until that ends.
    CutOff,
    /// It does nothing, but what is sent to it arrives.
    Hang,
    /// All its connections break at once, again and again.
    Reset,
    /// Its connections lose everything that is sent, for good; new ones are fine.
    HalfOpen,
    /// Everything takes so many milliseconds longer.
    Slow(u64),
    /// Its answers to sends have this code.
    Answers(i32),
}

/// Codes a broker answers with, some of which are tried again.
const CODES: [i32; 11] = [1, 2, 10, 11, 12, 13, 14, 16, 17, 215, 1500];

impl Plan {
    /// What `seed` stands for.
    pub fn draw(seed: u64) -> Self {
        let mut chance = Chance::new(seed, Concern::Topology);
        // Name servers have queues that the others do not know, so consumers of two would never agree on whose they are.
        let most = if ConsumersPlan::has_any(seed) { 1 } else { 2 };
        let name_servers = chance.size(0..3).min(most);
        let brokers: Vec<_> = (0..chance.size(1..5)).map(|_| BrokerPlan::draw(&mut chance)).collect();
        let mut closing = Chance::new(seed, Concern::Closing);
        let producers: Vec<_> =
            (0..chance.size(1..4)).map(|_| ProducerPlan::draw(&mut chance, &mut closing)).collect();
        // Without name servers only the broker that is one is known.
        let brokers = if name_servers == 0 { brokers[..1].to_vec() } else { brokers };
        let mut network = NetworkPlan::draw(&mut chance);
        let auto_create_topics = !chance.percent(4);
        let heal_at = chance.within(10_000..60_000);
        let sends = draw_sends(seed, producers.len(), heal_at);
        let faults = draw_faults(seed, name_servers + brokers.len(), heal_at);
        let consumers = ConsumersPlan::draw(seed, heal_at);
        if !consumers.groups.is_empty() {
            // A client gives a pull 30 s: so long a message must not be on its way.
            network.windows = network.windows.map(|window| window.max(4_000));
        }
        Self {
            seed,
            name_servers,
            brokers,
            producers,
            auto_create_topics,
            network,
            sends,
            faults,
            consumers,
            heal_at,
        }
    }

    /// The same without one of its faults.
    #[must_use]
    pub fn without_fault(&self, index: usize) -> Self {
        let mut plan = self.clone();
        match index.checked_sub(plan.faults.len()) {
            None => drop(plan.faults.remove(index)),
            Some(index) => drop(plan.consumers.faults.remove(index)),
        }
        plan
    }

    /// How many faults there are, those of consumers included.
    pub fn fault_count(&self) -> usize {
        self.faults.len() + self.consumers.faults.len()
    }

    /// All of them, in words.
    pub fn told_faults(&self) -> Vec<String> {
        let of_members = self.consumers.faults.iter().map(ToString::to_string);
        self.faults.iter().map(ToString::to_string).chain(of_members).collect()
    }

    /// How many servers there are.
    pub fn servers(&self) -> usize {
        self.name_servers + self.brokers.len()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of server {} from {} to {} ms", self.kind, self.server, self.from, self.until)
    }
}

impl BrokerPlan {
    fn draw(chance: &mut Chance) -> Self {
        let small = chance.percent(40);
        Self {
            queues: i32::try_from(chance.within(1..9)).expect("small"),
            log_bytes: if small { 128 << 10 } else { 4 << 20 },
            refuses_when_full: chance.percent(30),
            outgoing: if chance.percent(40) { 4 } else { 64 },
        }
    }
}

impl ProducerPlan {
    fn draw(chance: &mut Chance, closing: &mut Chance) -> Self {
        Self {
            rules: chance.pick(&[Rules::V4, Rules::V5]),
            timeout: chance.pick(&[200, 1_000, 3_000]),
            retries: chance.pick(&[0, 1, 2, 2, 2, 5]),
            async_retries: chance.pick(&[0, 2, 3]),
            retry_another_broker: chance.percent(30),
            fault_strategy: chance.percent(60),
            detector: chance.percent(40),
            reserve_time: chance.percent(30),
            binary: chance.percent(30),
            write_bytes: chance.pick(&[16, 100, 1_000, 10_000]),
            few_connections: chance.percent(20),
            close_if_timeout: closing.percent(70),
        }
    }
}

impl NetworkPlan {
    fn draw(chance: &mut Chance) -> Self {
        let least = chance.within(0..20);
        let smallest = chance.pick(&[1, 20, 200, 2_000]);
        Self {
            latency: (least, least + chance.within(0..50)),
            piece: (smallest, smallest * chance.size(1..20)),
            windows: [(); 2].map(|()| chance.pick(&[100, 4_000, 64_000])),
        }
    }
}

fn draw_sends(seed: u64, producers: usize, heal_at: u64) -> Vec<SendPlan> {
    let mut chance = Chance::new(seed, Concern::Workload);
    let topics = chance.size(1..4);
    let count = chance.size(10..120);
    let (large, bursts) = (chance.percent(20), chance.percent(30));
    let mut at = 0;
    let mut sends: Vec<_> = (0..count)
        .map(|_| SendPlan {
            at: {
                if !(bursts && chance.percent(80)) {
                    at = chance.within(0..heal_at);
                }
                at
            },
            producer: chance.size(0..producers),
            topic: chance.size(0..topics),
            len: if large && chance.percent(30) {
                chance.size(2_000..MAX_BODY - 4_000)
            } else {
                chance.size(16..600)
            },
            kind: match chance.size(0..14) {
                0 => SendKind::Async,
                1 => SendKind::OneWay,
                2 => SendKind::ToQueue(chance.pick(&[0, 0, 99])),
                3 => SendKind::Hashed(i32::from_le_bytes(
                    chance.number().to_le_bytes()[..4].try_into().expect("4"),
                )),
                4 => SendKind::Selected(chance.within(0..5)),
                5 => SendKind::Batch(chance.size(1..4)),
                _ => SendKind::Sync,
            },
        })
        .collect();
    sends.sort_by_key(|send| send.at);
    sends
}

/// Swarm testing: first which kinds of faults there are at all, often few, then each of them.
fn draw_faults(seed: u64, servers: usize, heal_at: u64) -> Vec<Fault> {
    let mut chance = Chance::new(seed, Concern::Faults);
    let all = [
        FaultKind::Crash,
        FaultKind::CutOff,
        FaultKind::Hang,
        FaultKind::Reset,
        FaultKind::HalfOpen,
        FaultKind::Slow(0),
        FaultKind::Answers(0),
    ];
    let likely = chance.pick(&[0, 15, 15, 40]);
    let kinds: Vec<_> = all.into_iter().filter(|_| chance.percent(likely)).collect();
    if kinds.is_empty() {
        return Vec::new();
    }
    let count = chance.size(1..10);
    let mut faults: Vec<_> = (0..count)
        .map(|_| {
            let from = chance.within(0..heal_at);
            let kind = match chance.pick(&kinds) {
                FaultKind::Slow(_) => FaultKind::Slow(chance.within(10..2_000)),
                FaultKind::Answers(_) => FaultKind::Answers(chance.pick(&CODES)),
                other => other,
            };
            let until = (from + chance.within(1..20_000)).min(heal_at);
            Fault { from, until, server: chance.size(0..servers), kind }
        })
        .collect();
    faults.sort_by_key(|fault| fault.from);
    faults
}
