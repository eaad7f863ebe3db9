//! A push consumer as Java's is (`DefaultMQPushConsumerImpl`), without input and output: what a broker and its oracles need of
//! it, and written for them alone. It shares nothing with the broker but the wire.
//!
//! Not in it: the retry topic, which it names in its heartbeat and does not pull.

mod links;
pub(super) mod oracle;
pub(super) mod plan;
mod process;
mod rebalance;
mod requests;

use core::time::Duration;
use std::collections::BTreeMap;

use rocketlite_core::wire::command::RemotingCommand;
use rocketlite_core::{Address, ConnectionId, ConnectionRequest, Engine, Instant, Rng};

use links::Links;
use plan::GroupPlan;
use process::Process;
use requests::Waiting;

/// `pollNameServerInterval`.
const ROUTE_PERIOD: u64 = 30_000;
/// `heartbeatBrokerInterval`.
const HEARTBEAT_PERIOD: u64 = 30_000;
/// `RebalanceService#waitInterval`.
const REBALANCE_PERIOD: u64 = 20_000;
/// `persistConsumerOffsetInterval`.
const COMMIT_PERIOD: u64 = 5_000;
/// `ProcessQueue.REBALANCE_LOCK_INTERVAL`.
const LOCK_PERIOD: u64 = 20_000;

/// `MessageQueue`, in the order of its `compareTo`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MessageQueue {
    pub(super) topic: String,
    pub(super) broker: String,
    pub(super) queue_id: i32,
}

/// What an oracle is told of a consumer.
#[derive(Debug)]
pub(super) enum Told {
    /// It begins with a queue there.
    Starts { queue: MessageQueue, offset: i64 },
    /// The answer to a pull.
    Pulled(Pulled),
    /// A pull was not answered in the time of a client.
    PullTimedOut { queue: MessageQueue, asked_at: u64 },
    /// A message is about to be consumed; `lock` is the life of the broker that gave the lock for it.
    Begins { queue: MessageQueue, life: u32, offset: i64, lock: u32 },
    /// Messages were consumed.
    Consumed { queue: MessageQueue, life: u32, offsets: Vec<i64> },
    /// It says how far it has come.
    Commits { queue: MessageQueue, offset: i64 },
    /// Something else was answered.
    Answered(String),
    /// What should have been refused was answered with another code.
    Wrong(String),
}

impl Told {
    /// In few words.
    pub(super) fn brief(&self) -> String {
        let Self::Pulled(Pulled { queue, offset, code, remark, next, body, .. }) = self else {
            return format!("{self:?}");
        };
        format!("pulled {queue:?} at {offset}: {code} {remark}, {} bytes, next {next}", body.len())
    }
}

/// The answer to a pull.
#[derive(Debug)]
pub(super) struct Pulled {
    pub(super) queue: MessageQueue,
    pub(super) offset: i64,
    pub(super) code: i32,
    pub(super) remark: String,
    pub(super) next: i64,
    pub(super) body: Vec<u8>,
    pub(super) asked_at: u64,
    pub(super) hold: u64,
}

/// A member of a group.
#[derive(Debug)]
pub(super) struct Consumer {
    plan: GroupPlan,
    group: String,
    client_id: String,
    topics: Vec<String>,
    /// Grows with each start, as the clock does that Java takes it from.
    sub_version: u64,
    now: u64,
    rng: Rng,
    name_servers: Vec<Address>,
    /// The name server that is asked.
    name_server: usize,
    links: Links,
    opaque: i32,
    waiting: BTreeMap<i32, Waiting>,
    routes: BTreeMap<String, Vec<MessageQueue>>,
    brokers: BTreeMap<String, Address>,
    queues: BTreeMap<MessageQueue, Process>,
    next_process: u64,
    /// How far it has come, as far as it says so.
    offsets: BTreeMap<MessageQueue, i64>,
    timers: Timers,
    /// When it wants to be called.
    wake: u64,
    /// How often each broker has lost its memory. A client does not know; it is handed through to the oracles.
    pub(super) lives: BTreeMap<String, u32>,
    pub(super) told: Vec<Told>,
}

#[derive(Debug)]
struct Timers {
    route: u64,
    heartbeat: u64,
    rebalance: u64,
    commit: u64,
    lock: u64,
}

/// Who a consumer is.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) group: String,
    pub(super) client_id: String,
    pub(super) topics: Vec<String>,
    pub(super) seed: u64,
}

impl Consumer {
    /// It starts now.
    pub(super) fn new(plan: GroupPlan, who: Identity, name_servers: Vec<Address>, now: Instant) -> Self {
        let now = now.as_millis();
        let timers = Timers {
            route: now,
            heartbeat: now + 1_000,
            rebalance: now + 1_500,
            commit: now + 10_000,
            lock: now + 1_000,
        };
        Self {
            plan,
            group: who.group,
            client_id: who.client_id,
            topics: who.topics,
            sub_version: now,
            now,
            rng: Rng::new(who.seed),
            name_servers,
            name_server: 0,
            links: Links::default(),
            opaque: 0,
            waiting: BTreeMap::new(),
            routes: BTreeMap::new(),
            brokers: BTreeMap::new(),
            queues: BTreeMap::new(),
            next_process: 0,
            offsets: BTreeMap::new(),
            timers,
            wake: now,
            lives: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    fn within(&mut self, least: u64, most: u64) -> u64 {
        least + self.rng.next_u64() % (most - least + 1)
    }

    fn life(&self, broker: &str) -> u32 {
        self.lives.get(broker).copied().unwrap_or(0)
    }

    /// The queues that it pulls and consumes.
    pub(super) fn owned(&self) -> impl Iterator<Item = &MessageQueue> {
        self.queues.iter().filter(|(_, process)| process.is_active()).map(|(queue, _)| queue)
    }

    /// `DefaultMQPushConsumerImpl#shutdown`.
    pub(super) fn leave(&mut self, now: Instant) {
        self.now = now.as_millis();
        let queues: Vec<MessageQueue> = self.queues.keys().cloned().collect();
        for queue in queues {
            self.give_up(&queue);
        }
        self.unregister();
        // It takes no part in anything any more.
        self.topics.clear();
        self.routes.clear();
        self.waiting.clear();
        self.timers.heartbeat = u64::MAX;
    }

    fn act_on_time(&mut self) {
        self.expire_requests();
        let now = self.now;
        if now >= self.timers.route {
            self.timers.route = now + ROUTE_PERIOD;
            self.ask_routes();
        }
        if now >= self.timers.heartbeat {
            self.timers.heartbeat = now + HEARTBEAT_PERIOD;
            self.heartbeat();
        }
        if now >= self.timers.rebalance {
            self.timers.rebalance = now + REBALANCE_PERIOD;
            self.rebalance();
            self.ask_something_odd();
        }
        if now >= self.timers.commit {
            self.timers.commit = now + COMMIT_PERIOD;
            self.commit_all();
        }
        if self.plan.orderly && now >= self.timers.lock {
            self.timers.lock = now + LOCK_PERIOD;
            self.lock_all();
        }
        self.work();
    }

    fn settle(&mut self) {
        self.work();
        let timers = &self.timers;
        let mut wake = timers.route.min(timers.heartbeat).min(timers.rebalance).min(timers.commit);
        if self.plan.orderly {
            wake = wake.min(timers.lock);
        }
        let waiting = self.waiting.values().map(|waiting| waiting.deadline);
        let queues = self.queues.values().filter_map(Process::wake);
        self.wake = waiting.chain(queues).fold(wake, u64::min);
    }

    fn fail_all_of(&mut self, connection: ConnectionId) {
        let lost: Vec<i32> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.connection == connection)
            .map(|(opaque, _)| *opaque)
            .collect();
        for opaque in lost {
            if let Some(waiting) = self.waiting.remove(&opaque) {
                self.failed(waiting.asked);
            }
        }
    }

    fn heard(&mut self, frame: &[u8]) {
        let Ok(command) = RemotingCommand::decode(&frame[4..]) else {
            self.told.push(Told::Wrong("it cannot be read".to_owned()));
            return;
        };
        if !command.is_response() {
            // `NOTIFY_CONSUMER_IDS_CHANGED`.
            if command.code == 40 {
                self.told.push(Told::Answered("told that the group has changed".to_owned()));
                self.timers.rebalance = self.now;
            }
            return;
        }
        if let Some(waiting) = self.waiting.remove(&command.opaque) {
            self.answered(waiting, &command);
        }
    }
}

impl Engine for Consumer {
    fn handle_opened(&mut self, now: Instant, connection: ConnectionId) {
        self.now = now.as_millis();
        self.links.opened(connection);
    }

    fn handle_received(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) -> usize {
        self.now = now.as_millis();
        for frame in self.links.received(connection, bytes) {
            self.heard(&frame);
        }
        self.settle();
        bytes.len()
    }

    fn handle_closed(&mut self, now: Instant, connection: ConnectionId) {
        self.now = now.as_millis();
        if self.links.closed(connection) {
            self.fail_all_of(connection);
        }
        self.settle();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now.as_millis();
        self.act_on_time();
        self.settle();
    }

    fn poll_connection(&mut self) -> Option<ConnectionRequest> {
        self.links.next_request()
    }

    fn poll_transmit(&mut self, connection: ConnectionId, buffer: &mut [u8]) -> usize {
        self.links.transmit(connection, buffer)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Some(Instant::ZERO.after(Duration::from_millis(self.wake)))
    }
}
