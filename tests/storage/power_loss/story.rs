//! One story of a data directory: settings, lives, and how each of them ends.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::BTreeMap;

use rocketlite::store::{Keeper, Store, Wanted};
use rocketlite_broker::{
    BoxedMemory, Broker, BrokerConfig, BrokerLimits, FlushPolicy, INDEX_CHUNK_BYTES, Recovery, WhenFull,
};
use rocketlite_core::{Instant, WallClock};
use rocketlite_tests::disk::{FaultRates, FaultyDisk, FaultyFile};
use rocketlite_tests::simulation::{Chance, Marks};

use super::client::{Asked, Send};
use super::ledger::{Ledger, Place, Read};
use super::life::Life;

/// What is drawn before anything runs.
#[derive(Debug, Clone)]
struct Settings {
    flush: FlushPolicy,
    when_full: WhenFull,
    capacity: u64,
    rates: FaultRates,
    lives: u64,
    /// Percent of sends that are delayed.
    delayed: u64,
    max_unsaved_bytes: u64,
    flush_timeout: u64,
    /// Percent of steps after which a job is done.
    disk_speed: u64,
    flips: bool,
}

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All is saved, and then the process ends or the power is cut.
    Shutdown,
    Kill,
    PowerCut,
}

/// Everything that outlives a broker.
#[derive(Debug)]
pub(super) struct Story {
    seed: u64,
    settings: Settings,
    pub(super) disk: FaultyDisk,
    pub(super) chance: Chance,
    pub(super) ledger: Ledger,
    pub(super) marks: Marks,
    /// What has happened.
    pub(super) told: Vec<String>,
    /// The wall clock.
    unix_millis: u64,
    /// Whether a checkpoint was there before.
    has_checkpoint: bool,
    /// Where the log of the life before was when it ended.
    log: core::ops::Range<u64>,
}

/// Sizes that every story has.
const LIMITS: BrokerLimits = BrokerLimits {
    log: 0,
    frames: 16_384,
    frame_extents: 4,
    scratch: 1_024,
    connections: 4,
    outgoing: 64,
    topics: 16,
    queues: 64,
    index: 128,
    clients: 4,
    groups: 4,
    subscriptions: 4,
    offsets: 32,
    locks: 4,
    held_pulls: 16,
    keys: 32,
    answers: 4_096,
    brokers: 1,
    broker_topics: 1,
    name_servers: 1,
    events: 256,
};

const MAX_BODY: usize = 1_200;

/// Most bytes of the log that are free after something was evicted: what is kept free and a batch, at the end of a lap and behind
/// it, and the longest record.
const MOST_FREE: u64 = 14_000;

const fn wanted(capacity: u64) -> Wanted {
    Wanted {
        capacity,
        index_image_bytes: (LIMITS.index * INDEX_CHUNK_BYTES) as u64,
        checkpoint_slot_bytes: LIMITS.checkpoint_bytes() as u64,
    }
}

/// Bytes from one image of the index to the other.
pub(super) const fn index_image_bytes() -> u64 {
    wanted(4_096).index_file_bytes().saturating_sub(4_096) / 2
}

/// Bytes from one slot of the checkpoint to the other.
pub(super) const fn slot_stride() -> u64 {
    wanted(4_096).checkpoint_file_bytes().saturating_sub(4_096) / 2
}

impl Settings {
    fn draw(chance: &mut Chance, flips: bool) -> Self {
        let fails = !flips && chance.percent(40);
        let sync = if fails { chance.pick(&[0, 30, 200]) } else { 0 };
        let write = if fails && chance.percent(50) { 20 } else { 0 };
        Self {
            flush: chance.pick(&[FlushPolicy::Sync, FlushPolicy::Sync, FlushPolicy::Async]),
            when_full: chance.pick(&[WhenFull::Evict, WhenFull::Evict, WhenFull::Refuse]),
            capacity: chance.pick(&[16 << 10, 24 << 10, 32 << 10]),
            rates: FaultRates { sync, write, read: 0 },
            lives: chance.within(2..6),
            delayed: chance.pick(&[0, 0, 10, 30]),
            max_unsaved_bytes: chance.pick(&[4_000, 20_000, 1 << 20]),
            flush_timeout: chance.pick(&[1_000, 5_000]),
            disk_speed: chance.pick(&[10, 50, 90]),
            flips,
        }
    }

    fn config<'m>(&self) -> BrokerConfig<'m> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 10_911));
        BrokerConfig {
            default_topic_queue_nums: 2,
            max_message_size: MAX_BODY,
            when_full: self.when_full,
            max_delayed_bytes: Some(4_000),
            flush_timeout: Duration::from_millis(self.flush_timeout),
            max_unsaved_bytes: self.max_unsaved_bytes,
            crc32: |bytes| crc32fast::hash(bytes) & 0x7fff_ffff,
            ..BrokerConfig::new("broker-a", address)
        }
    }
}

impl Story {
    pub(super) fn new(seed: u64, flips: bool) -> Self {
        let mut chance = Chance::of_seed(!seed);
        let settings = Settings::draw(&mut chance, flips);
        let disk = FaultyDisk::new(seed);
        let wanted = wanted(settings.capacity);
        let log = disk.create("log", wanted.log_file_bytes());
        let index = disk.create("index", wanted.index_file_bytes());
        let checkpoint = disk.create("checkpoint", wanted.checkpoint_file_bytes());
        Store::create(log, index, checkpoint, &wanted).expect("a disk that does not fail yet");
        let is_sync = settings.flush == FlushPolicy::Sync;
        let ledger = Ledger::new(seed, is_sync, settings.when_full == WhenFull::Evict);
        let told = vec![format!("{settings:?}")];
        let (marks, unix_millis) = (Marks::default(), 1_700_000_000_000);
        Self {
            seed,
            settings,
            disk,
            chance,
            ledger,
            marks,
            told,
            unix_millis,
            has_checkpoint: false,
            log: 0..0,
        }
    }

    /// Bytes of the log.
    pub(super) const fn capacity(&self) -> u64 {
        self.settings.capacity
    }

    /// Lives all lives, and in the end looks at everything in peace.
    pub(super) fn run(&mut self) {
        for number in 0..self.settings.lives {
            self.live(number);
        }
        if self.settings.flips {
            super::flips::run(self);
        } else {
            self.told.push("the last life".to_owned());
            self.with_broker(true, |life, recovery| {
                life.check_recovery(&recovery);
                if life.ledger.has_delayed() {
                    life.marks.meet("delayed messages are there after all lives");
                }
                for _ in 0..40 {
                    life.wait(500);
                }
                let found = life.read_all();
                life.ledger.compare_delayed(&found);
            });
        }
        for _ in 0..self.ledger.lost {
            self.marks.meet("async: an acknowledged message was lost with the power");
        }
    }

    /// One life, up to its end.
    fn live(&mut self, number: u64) {
        let end = match self.chance.within(0..10) {
            0..=1 => End::Shutdown,
            2..=4 => End::Kill,
            _ => End::PowerCut,
        };
        let calm = self.chance.percent(85);
        self.told.push(format!("life {number} ends with {end:?}"));
        let settings = self.settings.clone();
        let disk = self.disk.clone();
        disk.set_rates(if calm { FaultRates::default() } else { settings.rates });
        self.with_broker(calm, |life, recovery| {
            life.check_recovery(&recovery);
            disk.set_rates(settings.rates);
            life.is_prompt = false;
            for _ in 0..life.chance.within(20..160) {
                step(life, &settings);
            }
            finish(life, &disk, end, &settings);
        });
        self.disk.set_rates(FaultRates::default());
        let cut = end == End::PowerCut || (end == End::Shutdown && self.chance.percent(50));
        if cut {
            self.disk.crash();
        } else {
            self.disk.kill();
        }
        // Everything was saved, or all that was written stays.
        self.ledger.is_intact &= end != End::PowerCut;
        self.ledger.was_cut |= end == End::PowerCut;
    }

    /// Opens the files and runs a broker on them; the first flush is done. A disk that does not let it is cut off.
    pub(super) fn with_broker(&mut self, calm: bool, work: impl FnOnce(&mut Life<'_, '_>, Recovery)) {
        let open =
            |disk: &FaultyDisk| Store::open(disk.open("log"), disk.open("index"), disk.open("checkpoint"));
        let store = match open(&self.disk) {
            Ok(store) => store,
            Err(error) => {
                assert!(!calm || self.settings.rates.sync > 0, "{error}");
                self.told.push(format!("  the files are not opened: {error}"));
                self.marks.meet("the files are not opened");
                self.disk.set_rates(FaultRates::default());
                self.disk.crash();
                (self.ledger.is_intact, self.ledger.was_cut) = (false, true);
                open(&self.disk).expect("a disk that is whole again")
            }
        };
        let mut boxes = BoxedMemory::new(&BrokerLimits { log: usize_of(self.settings.capacity), ..LIMITS });
        let memory = boxes.memory();
        store.log.read(0, memory.log).expect("reads do not fail");
        let keeper = Keeper::<FaultyFile>::from(store);
        let loaded = keeper.load(self.settings.flush, memory.index.as_flattened_mut());
        let loaded = loaded.expect("reads do not fail");
        let has_checkpoint = loaded.checkpoint.is_some();
        let clock = WallClock::new(Instant::ZERO, self.unix_millis);
        let (broker, recovery) =
            Broker::recover(self.settings.config(), memory, loaded.saved(), clock, self.seed)
                .expect("what was saved can be recovered");
        self.told.push(format!(
            "  checkpoint {:?}, {:?}: {recovery:?}",
            loaded.checkpoint.as_ref().map(|newest| newest.sequence),
            loaded.mark
        ));
        self.has_checkpoint = has_checkpoint;
        self.note_recovery(&recovery);
        // What was failed is over; what is there is there.
        let Self { ledger, marks, chance, told, .. } = self;
        ledger.has_failed = false;
        // No checkpoint counts that is saved before the groups know how far they are.
        let progress = core::mem::take(&mut ledger.progress);
        let mut life = Life::new(broker, &keeper, (ledger, marks, chance, told));
        life.most_free = match self.settings.when_full {
            WhenFull::Evict => MOST_FREE,
            WhenFull::Refuse => self.settings.capacity,
        };
        life.drain();
        if life.ledger.has_failed {
            life.marks.meet("the first flush fails");
            // Nothing can be told of what is there.
            life.ledger.is_intact = false;
            life.ledger.progress = progress;
        } else {
            life.ledger.flushed = life.broker.log().max_offset();
            life.open();
            life.check_progress(progress);
            work(&mut life, recovery);
        }
        let lived = life.now.as_millis();
        self.log = life.broker.log().min_offset()..life.broker.log().max_offset();
        self.unix_millis += lived + self.chance.within(0..3_000);
    }

    fn note_recovery(&mut self, recovery: &Recovery) {
        if recovery.index_rebuilt && self.has_checkpoint {
            self.marks.meet("index rebuilt");
        }
        if recovery.records > 0 {
            self.marks.meet("records recovered that no checkpoint knew");
        }
        let lost = recovery.max_offset < self.log.end;
        if lost {
            self.marks.meet("the end of the log was lost with the power");
        }
        let kept = self.ledger.is_damaged || recovery.min_offset <= self.log.start || lost;
        assert!(kept, "the log was {:?}: {recovery:?}", self.log);
        if recovery.max_offset > 2 * self.settings.capacity {
            self.marks.meet("recovered after two laps");
        }
        if !self.ledger.is_damaged {
            assert_eq!(recovery.damaged, 0, "{recovery:?}");
            assert!(!recovery.index_rebuilt || !self.has_checkpoint, "{recovery:?}");
        }
    }
}

impl Life<'_, '_> {
    /// Compares what is there at the beginning with what has to be.
    pub(super) fn check_recovery(&mut self, recovery: &Recovery) -> BTreeMap<Place, Read> {
        let found = self.read_all();
        self.ledger.compare(&found, recovery.min_offset);
        assert_eq!(self.damaged, [], "nothing is damaged");
        self.ledger.is_intact = true;
        found
    }
}

/// Something happens.
fn step(life: &mut Life<'_, '_>, settings: &Settings) {
    if life.chance.percent(settings.disk_speed) {
        life.run_job();
        life.drain();
    }
    let Some(peer) = life.idle_peer() else {
        let millis = life.chance.within(0..100);
        return life.wait(millis);
    };
    match life.chance.within(0..100) {
        0..=59 => {
            let asked = draw_send(life, settings);
            life.ask(peer, asked);
        }
        60..=69 => {
            let (topic, queue_id) = draw_queue(life);
            let offset = i64::try_from(life.chance.within(0..40)).expect("a small number");
            let waits = life.chance.percent(50);
            life.ask(peer, Asked::Pull { topic, queue_id, offset, waits });
        }
        70..=76 => commit(life, peer),
        77..=78 => {
            let name = format!("Made{}", life.chance.within(0..3));
            let before = life.broker.topic(&name).map_or(0, rocketlite_broker::Topic::read_queue_nums);
            let queues = before.max(1) + i32::from(life.chance.percent(30));
            life.ask(peer, Asked::Topic { name, queues: queues.min(3) });
        }
        79..=96 => {
            let millis = life.chance.within(0..300);
            life.wait(millis);
        }
        _ => {
            let millis = life.chance.within(1_000..6_000);
            life.wait(millis);
        }
    }
}

fn draw_queue(life: &mut Life<'_, '_>) -> (String, i32) {
    let topic = format!("Topic{}", life.chance.within(0..2));
    (topic, i32::from(life.chance.percent(40)))
}

fn draw_send(life: &mut Life<'_, '_>, settings: &Settings) -> Asked {
    let (mut topic, mut queue_id) = draw_queue(life);
    if life.chance.percent(10) {
        (topic, queue_id) = (format!("Made{}", life.chance.within(0..3)), 0);
    }
    let level =
        if life.chance.percent(settings.delayed) { 1 + i32::from(life.chance.percent(50)) } else { 0 };
    let count = if level == 0 && life.chance.percent(20) { life.chance.size(2..5) } else { 1 };
    let most = if count > 1 { 200 } else { life.chance.pick(&[60, 600, MAX_BODY - 8]) };
    let (mut ids, mut bodies) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let len = life.chance.size(0..most);
        let (id, body) = life.ledger.message(&topic, queue_id, level, len);
        ids.push(id);
        bodies.push(body);
    }
    let waits = count > 1 || life.chance.percent(90);
    Asked::Send(Send { topic, queue_id, ids, bodies, level, waits, end: 0 })
}

/// A group goes on, not further than it can see.
fn commit(life: &mut Life<'_, '_>, peer: usize) {
    let group = life.chance.pick(&["G", "H"]);
    let place = draw_queue(life);
    let seen = life.ledger.seen_to(&place);
    let before = life.ledger.progress.get(&(group, place.clone())).map_or(0, |progress| progress.asked);
    if before < seen && life.commits_nothing_of(group, &place) {
        let more = life.chance.within(1..(seen - before).cast_unsigned() + 1).cast_signed();
        let offset = before + more;
        life.ledger.progress.entry((group, place.clone())).or_default().asked = offset;
        let (topic, queue_id) = place;
        life.ask(peer, Asked::Commit { group, topic, queue_id, offset });
    }
}

/// The end of a life, up to what the disk does.
fn finish(life: &mut Life<'_, '_>, disk: &FaultyDisk, end: End, settings: &Settings) {
    if life.unflushed() > 0 && !life.ledger.has_failed {
        life.marks.meet(format!("{end:?} with data that is not flushed"));
    }
    if life.broker.log().max_offset() > 2 * settings.capacity {
        life.marks.meet("two laps");
    }
    match end {
        End::Shutdown => {
            life.shut_down();
            life.ledger.is_intact = !life.ledger.has_failed;
        }
        End::Kill => life.ledger.is_intact &= !life.ledger.has_failed,
        End::PowerCut => {
            if life.chance.percent(50) {
                for name in ["log", "index", "checkpoint"] {
                    if life.chance.percent(40) {
                        disk.fail_next_sync(name);
                    }
                }
                life.interrupt_jobs();
            }
        }
    }
}

fn usize_of(bytes: u64) -> usize {
    usize::try_from(bytes).expect("it fits into memory")
}
