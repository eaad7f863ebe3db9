//! The loop: one thing after the other, each at its instant.

mod consuming;
mod delivery;
mod faults;
mod sending;

use core::fmt;
use core::net::SocketAddr;
use std::collections::BTreeMap;

use rocketlite_broker::Broker;
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::{Address, ConnectionRequest, Instant, WallClock};

use super::chance::{Chance, Concern};
use super::consumer::oracle::{Groups, Shelf};
use super::marks::Marks;
use super::model::Model;
use super::network::{CLIENT, Network, PipeId, SERVER};
use super::node::Node;
use super::oracle::{Ledger, Logs};
use super::plan::{BrokerPlan, FaultKind, NAME_SERVER, Plan};
use super::trace::Trace;

/// A plan that runs.
pub struct World<'p> {
    plan: &'p Plan,
    now: Instant,
    /// Servers first, then producers, then consumers.
    nodes: Vec<Node>,
    states: Vec<State>,
    network: Network,
    /// What will happen, by time and then in order.
    actions: BTreeMap<(Instant, u64), Action>,
    order: u64,
    engines: Chance,
    ledger: Ledger,
    models: Vec<Model>,
    taps: Vec<sending::Tap>,
    shelf: Shelf,
    groups: Groups,
    /// How often each member has got a new name.
    names: Vec<u32>,
    trace: Trace,
    marks: Marks,
}

/// What is the matter with a node.
#[derive(Debug, Default)]
struct State {
    cut_off: u32,
    hangs: u32,
    slow: u64,
    answers: Option<i32>,
    /// When it lost its memory last.
    lost_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum Action {
    /// Number of the plan.
    Send(usize),
    /// One that has to arrive, after everything has healed.
    LastSend {
        producer: usize,
        topic: usize,
    },
    FaultBegins(usize),
    FaultGoesOn(usize),
    FaultEnds(usize),
    MemberStarts(usize),
    MemberGoes(usize),
    MemberFaultBegins(usize),
    MemberFaultGoesOn(usize),
    MemberFaultEnds(usize),
    /// A connection is asked for.
    Knock(PipeId),
    Opened(PipeId),
    /// Something may have arrived.
    Progress(PipeId, usize),
    /// Everything must have ended.
    Settled,
    End,
}

/// What a run has shown.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// Equal for equal runs.
    pub trace_hash: u64,
    /// How many things have happened.
    pub happened: u64,
    /// Sends that have ended.
    pub ended: usize,
    /// Of them, those whose message was stored.
    pub stored: usize,
    /// What was met, and how often.
    pub marks: Marks,
}

/// Something that must not be.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finding {
    /// What.
    pub what: String,
    /// The last things that have happened.
    pub trace: Trace,
    /// The seed of the plan.
    pub seed: u64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.trace)?;
        write!(f, "seed {}: {}", self.seed, self.what)
    }
}

/// Once faults have ended, every send has ended after this: the longest timeout, and those of lookups at each name server.
const SETTLE: u64 = 40_000;
/// And after this every producer reaches every broker again: registrations and routes come every 30 s.
const CONVERGE: u64 = 150_000;
/// What is sent last has this much more time to be consumed, from queues that may be new: routes come every 30 s, and queues
/// have new owners every 20 s.
const CONSUME: u64 = 80_000;
/// More than any input may ask for.
const MOST_REQUESTS: usize = 10_000;

impl<'p> World<'p> {
    /// Everybody is there, and nothing has happened.
    pub fn new(plan: &'p Plan) -> Self {
        let members = plan.consumers.member_groups().len();
        let mut world = Self {
            plan,
            now: Instant::from_millis(1),
            nodes: Vec::new(),
            states: (0..plan.servers() + plan.producers.len() + members).map(|_| State::default()).collect(),
            network: Network::new(plan.seed, plan.network.clone()),
            actions: BTreeMap::new(),
            order: 0,
            engines: Chance::new(plan.seed, Concern::Engines),
            ledger: Ledger::default(),
            models: plan.producers.iter().cloned().map(Model::new).collect(),
            taps: plan.producers.iter().map(|_| sending::Tap::default()).collect(),
            shelf: Shelf::default(),
            groups: Groups::new(&plan.consumers, plan.heal_at + SETTLE),
            names: vec![0; members],
            trace: Trace::default(),
            marks: Marks::default(),
        };
        world.nodes = (0..plan.servers()).map(|server| world.new_server(server)).collect();
        for (index, producer) in plan.producers.iter().enumerate() {
            let seed = world.engines.number();
            let node = Node::producer(index, producer, world.name_servers(), world.clock(), seed);
            world.nodes.push(node);
        }
        world.nodes.extend((0..members).map(|_| Node::Down));
        world.schedule();
        world
    }

    fn schedule(&mut self) {
        let plan = self.plan;
        for (index, send) in plan.sends.iter().enumerate() {
            self.at(send.at, Action::Send(index));
        }
        for (index, fault) in plan.faults.iter().enumerate() {
            self.at(fault.from, Action::FaultBegins(index));
            self.at(fault.until, Action::FaultEnds(index));
        }
        self.at(plan.heal_at + SETTLE, Action::Settled);
        let topics = plan.sends.iter().map(|send| send.topic + 1).max().unwrap_or(0);
        for producer in 0..plan.producers.len() {
            for topic in 0..topics {
                self.at(plan.heal_at + CONVERGE, Action::LastSend { producer, topic });
            }
        }
        let consume = if plan.consumers.groups.is_empty() { 0 } else { CONSUME };
        self.at(plan.heal_at + CONVERGE + SETTLE + consume, Action::End);
        self.schedule_members();
    }

    fn at(&mut self, millis: u64, action: Action) {
        self.order += 1;
        self.actions.insert((Instant::from_millis(millis + 1).max(self.now), self.order), action);
    }

    const fn clock(&self) -> WallClock {
        WallClock::new(self.now, 1_700_000_000_000 + self.now.as_millis())
    }

    fn server_address(server: usize) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, u8::try_from(server + 1).expect("few servers")], 10_911))
    }

    fn server_at(&self, address: &Address) -> Option<usize> {
        (0..self.plan.servers()).find(|server| Self::server_address(*server).to_string() == address.as_str())
    }

    fn name_servers(&self) -> Vec<Address> {
        let address = |server| Address::new(&Self::server_address(server).to_string()).expect("an address");
        (0..self.plan.name_servers.max(1)).map(address).collect()
    }

    /// A name server is a broker that others register with; new topics have queues there, too.
    fn new_server(&mut self, server: usize) -> Node {
        let seed = self.engines.number();
        let (address, clock) = (Self::server_address(server), self.clock());
        let name = self.server_name(server);
        let registers = self.plan.name_servers > 0 && server >= self.plan.name_servers;
        let name_servers = if registers { self.name_servers() } else { Vec::new() };
        let plan = self.server_plan(server);
        Node::broker(name, address, plan, self.plan.auto_create_topics, name_servers, clock, seed)
    }

    pub(super) fn server_plan(&self, server: usize) -> &'p BrokerPlan {
        match server.checked_sub(self.plan.name_servers) {
            None => &NAME_SERVER,
            Some(index) => &self.plan.brokers[index],
        }
    }

    fn server_name(&self, server: usize) -> String {
        match server.checked_sub(self.plan.name_servers) {
            None => format!("name-server-{server}"),
            Some(index) => format!("broker-{index}"),
        }
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// What must not be, and what had happened before.
    pub fn run(mut self) -> Result<Report, Box<Finding>> {
        match self.run_through() {
            Ok(()) => {
                let (ended, stored) = self.ledger.counts();
                let (trace_hash, happened) = (self.trace.hash(), self.trace.count());
                Ok(Report { trace_hash, happened, ended, stored, marks: self.marks })
            }
            Err(what) => Err(Box::new(Finding { what, trace: self.trace, seed: self.plan.seed })),
        }
    }

    fn run_through(&mut self) -> Result<(), String> {
        for node in 0..self.nodes.len() {
            self.drive(node)?;
        }
        let mut stuck = 0;
        loop {
            let action = self.actions.keys().next().map(|(at, _)| *at);
            let timer = (0..self.nodes.len()).filter_map(|node| self.timer(node)).min();
            let next = action.into_iter().chain(timer).min().expect("the end is an action").max(self.now);
            stuck = if next == self.now { stuck + 1 } else { 0 };
            if stuck > MOST_REQUESTS {
                return Err("time stands still".to_owned());
            }
            self.now = next;
            while let Some(entry) = self.actions.first_entry().filter(|entry| entry.key().0 <= next) {
                let action = entry.remove();
                if matches!(action, Action::End) {
                    return self.end();
                }
                self.act(action)?;
            }
            for node in 0..self.nodes.len() {
                if self.timer(node).is_some_and(|at| at <= next) {
                    self.nodes[node].engine(|engine| engine.handle_timeout(next));
                    self.drive(node)?;
                }
            }
        }
    }

    /// When a node wants to be told of the time, if it can hear.
    fn timer(&mut self, node: usize) -> Option<Instant> {
        if self.states[node].hangs > 0 {
            return None;
        }
        self.nodes[node].engine(|engine| engine.poll_timeout()).flatten()
    }

    fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Send(index) => self.send(index),
            Action::LastSend { producer, topic } => self.send_last(producer, topic),
            Action::FaultBegins(index) => self.fault_begins(index),
            Action::FaultGoesOn(index) => self.fault_goes_on(index),
            Action::FaultEnds(index) => self.fault_ends(index),
            Action::MemberStarts(member) => self.member_starts(member),
            Action::MemberGoes(member) => self.member_goes(member),
            Action::MemberFaultBegins(index) => self.member_fault_begins(index),
            Action::MemberFaultGoesOn(index) => self.member_fault_goes_on(index),
            Action::MemberFaultEnds(index) => self.member_fault_ends(index),
            Action::Knock(pipe) => self.knock(pipe),
            Action::Opened(pipe) => self.opened(pipe),
            Action::Progress(pipe, toward) => self.progress(pipe, toward),
            Action::Settled => match &self.ledger.open()[..] {
                [] => Ok(()),
                open => Err(format!("sends {open:?} have not ended")),
            },
            Action::End => Ok(()),
        }
    }

    /// Does what a node's engine asks for, until nothing is left.
    fn drive(&mut self, node: usize) -> Result<(), String> {
        if self.states[node].hangs > 0 {
            return Ok(());
        }
        self.drain(node)?;
        // What was not taken before may be taken now.
        self.offer_again(node)
    }

    fn drain(&mut self, node: usize) -> Result<(), String> {
        for _ in 0..MOST_REQUESTS {
            let request = self.nodes[node].engine(|engine| engine.poll_connection()).flatten();
            match request {
                None => return self.events(node),
                Some(ConnectionRequest::Open { connection, address }) => {
                    self.dial(node, connection, &address);
                }
                Some(ConnectionRequest::Transmit { connection }) => self.pump(node, connection),
                Some(ConnectionRequest::Close { connection }) => self.closed_by(node, connection),
            }
        }
        Err(format!("node {node} asks for ever more"))
    }

    /// The last comparison.
    fn end(&mut self) -> Result<(), String> {
        let mut logs = Logs::default();
        for server in 0..self.plan.servers() {
            let (name, lost_at) = (self.server_name(server), self.states[server].lost_at);
            let keeps = self.server_plan(server).refuses_when_full;
            self.nodes[server].as_broker(|broker| logs.read(&name, broker, keeps, lost_at)).transpose()?;
        }
        // An attempt that is told to go away asks once more.
        let goes_away = FaultKind::Answers(ResponseCode::GO_AWAY.0);
        let copies = 1 + usize::from(self.plan.faults.iter().any(|fault| fault.kind == goes_away));
        self.ledger.compare(&logs, copies)?;
        self.check_registrations()?;
        self.check_consumers()?;
        self.check_last_sends()
    }

    /// Long after everything has healed each name server knows every broker.
    fn check_registrations(&mut self) -> Result<(), String> {
        let brokers: Vec<String> =
            (self.plan.name_servers..self.plan.servers()).map(|server| self.server_name(server)).collect();
        for server in 0..self.plan.name_servers {
            let known = |broker: &mut Broker<'_>| {
                broker.registered_brokers().map(|broker| broker.name().to_owned()).collect::<Vec<_>>()
            };
            let known = self.nodes[server].as_broker(known).unwrap_or_default();
            if let Some(broker) = brokers.iter().find(|broker| !known.contains(*broker)) {
                return Err(format!("{} knows {known:?}, and not {broker}", self.server_name(server)));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now).finish_non_exhaustive()
    }
}

/// Which of a connection's ends a number is.
const fn other(end: usize) -> usize {
    if end == CLIENT { SERVER } else { CLIENT }
}
