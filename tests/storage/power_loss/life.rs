//! One life of a broker: its clients, its clock, and the jobs that its disk is given.

use core::net::{Ipv4Addr, SocketAddr};
use std::collections::BTreeMap;

use rocketlite::store::{Job, Keeper, report};
use rocketlite_broker::{Broker, BrokerEvent};
use rocketlite_core::message::id::OffsetMessageId;
use rocketlite_core::{ConnectionId, ConnectionRequest, Engine as _, Instant};
use rocketlite_tests::disk::FaultyFile;
use rocketlite_tests::simulation::{Chance, Marks};

use super::client::{Answer, Asked, answers};
use super::ledger::{Ledger, Place, Progress, Read};

/// A connection.
#[derive(Debug)]
struct Peer {
    connection: ConnectionId,
    /// Bytes that were not taken yet, of the request with this opaque.
    held_back: (i32, Vec<u8>),
    asked: BTreeMap<i32, Asked>,
    opaque: i32,
}

/// A job that the disk has not done yet.
#[derive(Debug)]
struct Held {
    job: Job,
    /// Where the log ended when it was taken.
    end: u64,
    /// What groups had committed then.
    progress: BTreeMap<(&'static str, Place), i64>,
}

/// A broker that runs, and all around it.
#[derive(Debug)]
pub(super) struct Life<'s, 'm> {
    pub(super) broker: Broker<'m>,
    pub(super) keeper: &'s Keeper<FaultyFile>,
    pub(super) ledger: &'s mut Ledger,
    pub(super) marks: &'s mut Marks,
    pub(super) chance: &'s mut Chance,
    pub(super) story: &'s mut Vec<String>,
    pub(super) now: Instant,
    /// Whether jobs are done as soon as they come.
    pub(super) is_prompt: bool,
    /// Places of the log that were reported as damaged.
    pub(super) damaged: Vec<(u64, u64)>,
    peers: Vec<Peer>,
    jobs: Vec<Held>,
    /// The answer to the newest pull or question of the first peer.
    told: Option<Answer>,
    min_offset: u64,
    /// Most bytes of the log that are free after something was evicted.
    pub(super) most_free: u64,
}

const PEERS: usize = 3;

/// More calls than any input leads to.
const BOUND: usize = 2_000;

impl<'s, 'm> Life<'s, 'm> {
    pub(super) fn new(
        broker: Broker<'m>,
        keeper: &'s Keeper<FaultyFile>,
        (ledger, marks, chance, story): (&'s mut Ledger, &'s mut Marks, &'s mut Chance, &'s mut Vec<String>),
    ) -> Self {
        let (now, is_prompt, min_offset) = (Instant::ZERO, true, broker.log().min_offset());
        let (peers, jobs, damaged, told) = (Vec::new(), Vec::new(), Vec::new(), None);
        Self {
            broker,
            keeper,
            ledger,
            marks,
            chance,
            story,
            now,
            is_prompt,
            damaged,
            peers,
            jobs,
            told,
            min_offset,
            most_free: 0,
        }
    }

    /// Lets clients connect.
    pub(super) fn open(&mut self) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
        for _ in 0..PEERS {
            let connection = self.broker.accept(self.now, address).expect("a place");
            let (held_back, asked) = ((0, Vec::new()), BTreeMap::new());
            self.peers.push(Peer { connection, held_back, asked, opaque: 0 });
        }
    }

    /// Any client that has nothing to say yet.
    pub(super) fn idle_peer(&mut self) -> Option<usize> {
        let peer = self.chance.size(0..PEERS);
        self.peers[peer].held_back.1.is_empty().then_some(peer)
    }

    /// A client asks for something.
    pub(super) fn ask(&mut self, peer: usize, asked: Asked) {
        let of = &mut self.peers[peer];
        of.opaque += 1;
        of.held_back = (of.opaque, asked.frame(of.opaque));
        of.asked.insert(of.opaque, asked);
        self.drain();
    }

    /// Asks and waits for the answer.
    pub(super) fn ask_and_wait(&mut self, asked: Asked) -> Answer {
        self.told = None;
        self.ask(0, asked);
        for _ in 0..20 {
            if let Some(answer) = self.told.take() {
                return answer;
            }
            self.wait(100);
        }
        panic!("no answer: {:?}", self.peers[0]);
    }

    /// Lets so many milliseconds pass.
    pub(super) fn wait(&mut self, millis: u64) {
        let end = Instant::from_millis(self.now.as_millis() + millis);
        for _ in 0..BOUND {
            let next = self.broker.poll_timeout().filter(|next| *next <= end && *next > self.now);
            self.now = next.unwrap_or(end);
            self.broker.handle_timeout(self.now);
            self.drain();
            if next.is_none() {
                return;
            }
        }
        panic!("time does not go on");
    }

    /// Does whatever the engine wants, in the order that it asks for.
    pub(super) fn drain(&mut self) {
        for _ in 0..BOUND {
            if self.keeper.write(&mut self.broker, self.now).is_err() {
                self.fail("a write");
            }
            let transmitted = self.transmit();
            let taken = self.offer();
            self.check_events();
            let worked = (self.is_prompt || self.chance.percent(60)) && self.take_jobs();
            if self.is_prompt {
                while !self.jobs.is_empty() {
                    self.run_job();
                }
            }
            if !(transmitted || taken || (worked && self.is_prompt)) {
                return;
            }
        }
        panic!("the engine always wants more: {:?}", self.peers);
    }

    fn fail(&mut self, what: &str) {
        if !self.ledger.has_failed {
            self.story.push(format!("  {what} fails at {}", self.now.as_millis()));
        }
        self.marks.meet(format!("{what} fails"));
        (self.ledger.has_failed, self.ledger.was_cut) = (true, true);
    }

    /// Gives the disk what there is to do.
    fn take_jobs(&mut self) -> bool {
        let before = self.jobs.len();
        while let Some(job) = self.keeper.take_job(&mut self.broker) {
            let known = self.ledger.progress.iter();
            let progress = known.filter_map(|(of, progress)| Some((of.clone(), progress.newest?))).collect();
            self.jobs.push(Held { job, end: self.broker.log().max_offset(), progress });
            assert!(self.jobs.len() <= 2, "one flush and one checkpoint: {:?}", self.jobs);
        }
        if self.jobs.len() == 2 {
            self.marks.meet("a flush and a checkpoint are under way");
        }
        self.jobs.len() > before
    }

    /// Lets the disk do one of its jobs, if it has any, and tells the engine.
    pub(super) fn run_job(&mut self) {
        if self.jobs.is_empty() {
            return;
        }
        let place = self.chance.size(0..self.jobs.len());
        let Held { job, end, progress } = self.jobs.swap_remove(place);
        let kind = format!("{job:?}");
        let result = self.keeper.run(job);
        match &result {
            Ok(_) => {
                self.ledger.flushed = self.ledger.flushed.max(end);
                if kind.starts_with("Job(Checkpoint") {
                    self.marks.meet("checkpoint saved");
                    for (of, offset) in progress {
                        self.ledger.progress.entry(of).or_default().saved = Some(offset);
                    }
                }
            }
            Err(_) => self.fail("a job"),
        }
        report(&mut self.broker, self.now, &result);
    }

    /// Lets the jobs that are under way begin, but not end.
    pub(super) fn interrupt_jobs(&mut self) {
        for Held { job, .. } in self.jobs.drain(..) {
            let checkpoint = format!("{job:?}").starts_with("Job(Checkpoint");
            let interrupted = self.keeper.run(job).is_err();
            if checkpoint && interrupted {
                self.marks.meet("checkpoint cut in the middle");
            }
        }
    }

    fn transmit(&mut self) -> bool {
        let mut any = false;
        for _ in 0..BOUND {
            let Some(request) = self.broker.poll_connection() else { return any };
            any = true;
            let ConnectionRequest::Transmit { connection } = request else { panic!("{request:?}") };
            let peer = self.peers.iter().position(|peer| peer.connection == connection).expect("a peer");
            let (mut bytes, mut buffer) = (Vec::new(), [0; 4_096]);
            loop {
                let written = self.broker.poll_transmit(connection, &mut buffer);
                if written == 0 {
                    break;
                }
                bytes.extend_from_slice(&buffer[..written]);
            }
            for answer in answers(&bytes) {
                self.take_answer(peer, answer);
            }
        }
        panic!("the engine always has something to send");
    }

    /// Offers bytes that were not taken.
    fn offer(&mut self) -> bool {
        let mut any = false;
        for peer in &mut self.peers {
            let (opaque, bytes) = &mut peer.held_back;
            if bytes.is_empty() {
                continue;
            }
            let taken = self.broker.handle_received(self.now, peer.connection, bytes);
            bytes.drain(..taken);
            any |= taken > 0;
            if bytes.is_empty() {
                if let Some(Asked::Send(send)) = peer.asked.get_mut(opaque) {
                    send.end = self.broker.log().max_offset();
                }
            } else {
                self.marks.meet("held back until old records may be written over");
            }
        }
        any
    }

    fn take_answer(&mut self, peer: usize, answer: Answer) {
        let asked = self.peers[peer].asked.remove(&answer.opaque);
        let asked = asked.unwrap_or_else(|| panic!("nobody asked for {answer:?}"));
        match &asked {
            Asked::Send(send) => {
                self.marks.meet(format!("send answered with {}", answer.code));
                if answer.code == 0 {
                    let ids = answer.fields.get("msgId").expect("ids").split(',');
                    let offset = |id| OffsetMessageId::parse(id).expect("an id").physical_offset;
                    let offsets: Vec<u64> = ids.map(|id| offset(id).cast_unsigned()).collect();
                    self.ledger.acknowledge(send, answer.number("queueOffset"), &offsets);
                } else if answer.code == 14 && !self.ledger.has_failed {
                    self.marks.meet("full");
                }
            }
            Asked::Pull { topic, queue_id, offset, .. } => {
                self.marks.meet(format!("pull answered with {}", answer.code));
                if answer.code == 0 {
                    self.ledger.serve(&(topic.clone(), *queue_id), *offset, &answer.body);
                }
            }
            Asked::Commit { group, topic, queue_id, offset } => {
                if answer.code == 0 {
                    let of = (*group, (topic.clone(), *queue_id));
                    self.ledger.progress.entry(of).or_default().newest = Some(*offset);
                }
            }
            Asked::Topic { name, queues } => {
                self.marks.meet(format!("topic answered with {}", answer.code));
                if answer.code == 0 {
                    self.ledger.topics.insert(name.clone(), *queues);
                }
            }
            Asked::Progress { .. } => {}
        }
        if peer == 0 {
            self.told = Some(answer);
        }
    }

    fn check_events(&mut self) {
        while let Some(event) = self.broker.poll_event() {
            match event {
                BrokerEvent::Damaged { physical_offset, bytes } => {
                    self.damaged.push((physical_offset, bytes));
                }
                BrokerEvent::Evicted { .. } => self.marks.meet("evicted"),
                BrokerEvent::StorageFailed { .. } => assert!(self.ledger.has_failed, "{event:?}"),
                _ => {}
            }
        }
        let (min, max) = (self.broker.log().min_offset(), self.broker.log().max_offset());
        assert!(self.min_offset <= min && min <= max, "the log is {min}..{max}");
        if self.min_offset < min && self.damaged.is_empty() {
            let least = (self.broker.log().capacity() as u64).saturating_sub(self.most_free);
            assert!(max - min >= least, "only {min}..{max} is left");
        }
        self.min_offset = min;
    }

    /// Reads all queues of these topics from their beginning to their end.
    pub(super) fn read_all(&mut self) -> BTreeMap<Place, Read> {
        let own = |name: &&str| name.starts_with("Topic") || name.starts_with("Made");
        let topics: Vec<(String, i32)> = self
            .broker
            .topics()
            .filter(|topic| own(&topic.name()))
            .map(|topic| (topic.name().to_owned(), topic.read_queue_nums()))
            .collect();
        let mut all = BTreeMap::new();
        for (topic, queues) in topics {
            for queue_id in 0..queues {
                all.insert((topic.clone(), queue_id), self.read_queue(&topic, queue_id));
            }
        }
        all
    }

    fn read_queue(&mut self, topic: &str, queue_id: i32) -> Read {
        let place = (topic.to_owned(), queue_id);
        let mut offset = 0;
        let mut read = Read::default();
        for _ in 0..BOUND {
            let topic = topic.to_owned();
            let answer = self.ask_and_wait(Asked::Pull { topic, queue_id, offset, waits: false });
            (read.min, read.max) = (answer.number("minOffset"), answer.number("maxOffset"));
            if answer.code == 0 {
                read.messages.extend(self.ledger.serve(&place, offset, &answer.body));
            }
            let next = answer.number("nextBeginOffset");
            if next <= offset || answer.code == 19 {
                return read;
            }
            offset = next;
        }
        panic!("{topic} {queue_id} has no end: {read:?}");
    }

    /// What the broker says of how far groups have come agrees with `all` that they said before.
    pub(super) fn check_progress(&mut self, all: BTreeMap<(&'static str, Place), Progress>) {
        let mut now = BTreeMap::new();
        for ((group, place), Progress { saved, asked, .. }) in all {
            let (topic, queue_id) = place.clone();
            let max = self.broker.queue(&topic, queue_id).map_or(0, |queue| queue.max_offset());
            let answer = self.ask_and_wait(Asked::Progress { group, topic, queue_id });
            let told = (answer.code == 0).then(|| answer.number("offset"));
            let least = saved.map(|saved| saved.min(max));
            let fine = told >= least && told.is_none_or(|told| told <= asked.min(max));
            assert!(fine, "{group} {place:?}: {told:?}, saved {saved:?}, asked {asked}, queue to {max}");
            // What comes back was saved, so it will come back again.
            if let Some(told) = told {
                now.insert((group, place), Progress { saved: Some(told), newest: Some(told), asked: told });
            }
        }
        for (name, queues) in &self.ledger.topics {
            let found = self.broker.topic(name).map(rocketlite_broker::Topic::read_queue_nums);
            assert!(found >= Some(*queues), "{name} has {found:?} queues, not {queues}");
        }
        self.ledger.progress = now;
    }

    /// Ends the broker as it is to be ended: everything is saved then, unless the disk fails.
    pub(super) fn shut_down(&mut self) {
        self.is_prompt = true;
        self.broker.shutdown(self.now);
        for _ in 0..BOUND {
            self.drain();
            if self.broker.is_saved() {
                return;
            }
            self.wait(10);
        }
        panic!("it is never saved");
    }

    /// Whether no commit of that group is under way.
    pub(super) fn commits_nothing_of(&self, group: &str, place: &Place) -> bool {
        let same = |asked: &Asked| {
            matches!(asked, Asked::Commit { group: of, topic, queue_id, .. }
                if *of == group && (topic, queue_id) == (&place.0, &place.1))
        };
        !self.peers.iter().any(|peer| peer.asked.values().any(same))
    }

    /// How much is not flushed.
    pub(super) fn unflushed(&self) -> u64 {
        self.broker.log().max_offset().saturating_sub(self.ledger.flushed)
    }
}
