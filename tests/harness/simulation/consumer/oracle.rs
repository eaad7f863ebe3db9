//! What must be true of consuming, whatever went wrong: answers hold what is stored, nothing is passed over, and what is to be
//! consumed in order is.

use std::collections::{BTreeMap, BTreeSet};

use rocketlite_broker::Broker;
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::cursor::Writer;

use super::plan::{ConsumersPlan, GroupPlan};
use super::{MessageQueue, Pulled, Told};
use crate::simulation::marks::Marks;

/// Beyond the time that a pull waits: a tick of the broker, and the way of the answer behind others.
const BEYOND_HOLD: u64 = 12_000;

/// Everything that brokers have ever stored.
#[derive(Debug, Default)]
pub(in crate::simulation) struct Shelf {
    brokers: BTreeMap<String, Seen>,
}

/// What was seen of a broker.
#[derive(Debug, Default)]
struct Seen {
    /// How often it has lost its memory.
    life: u32,
    /// The part of its log that is left, and where the next record will stand.
    log: core::ops::Range<u64>,
    /// The messages of each queue from offset 0 on, by life.
    queues: BTreeMap<(u32, String, i32), Vec<Record>>,
}

#[derive(Debug)]
struct Record {
    life: u32,
    physical_offset: u64,
    bytes: Vec<u8>,
    tags: Option<String>,
}

impl Shelf {
    /// Takes notice of what a broker has stored and evicted.
    pub(in crate::simulation) fn look(&mut self, name: &str, broker: &Broker<'_>) -> Result<(), String> {
        let log = broker.log();
        let seen = self.brokers.entry(name.to_owned()).or_default();
        if seen.log == (log.min_offset()..log.max_offset()) {
            return Ok(());
        }
        for record in log.records_from(seen.log.end.max(log.min_offset())) {
            let place = (seen.life, record.topic.to_owned(), record.queue_id);
            let queue = seen.queues.entry(place).or_default();
            if i64::try_from(queue.len()) != Ok(record.queue_offset) {
                return Err(format!("{name}: {} messages, then {record:?}", queue.len()));
            }
            let physical_offset = record.physical_offset.cast_unsigned();
            let mut bytes = vec![0; record.encoded_len()];
            record.encode(&mut Writer::new(&mut bytes)).map_err(|error| format!("{name}: {error:?}"))?;
            let tags = record.properties().get("TAGS").map(|tags| tags.to_string());
            queue.push(Record { life: seen.life, physical_offset, bytes, tags });
        }
        seen.log = log.min_offset()..log.max_offset();
        Ok(())
    }

    /// A broker has lost its memory. Returns which life now begins.
    pub(in crate::simulation) fn lost(&mut self, name: &str) -> u32 {
        let seen = self.brokers.entry(name.to_owned()).or_default();
        seen.life += 1;
        seen.log = 0..0;
        seen.life
    }

    pub(in crate::simulation) fn life(&self, name: &str) -> u32 {
        self.brokers.get(name).map_or(0, |seen| seen.life)
    }

    fn queue(&self, queue: &MessageQueue, life: u32) -> &[Record] {
        let of = |seen: &'_ Seen| {
            let place = (life, queue.topic.clone(), queue.queue_id);
            seen.queues.contains_key(&place).then_some(place)
        };
        let seen = self.brokers.get(&queue.broker);
        seen.and_then(|seen| Some(&seen.queues[&of(seen)?][..])).unwrap_or_default()
    }

    /// All queues with messages, in the life that each broker has now.
    fn queues(&self) -> impl Iterator<Item = (MessageQueue, u32)> {
        self.brokers.iter().flat_map(|(broker, seen)| {
            seen.queues.keys().filter(|(life, ..)| *life == seen.life).map(|(life, topic, queue_id)| {
                let (topic, broker, queue_id) = (topic.clone(), broker.clone(), *queue_id);
                (MessageQueue { topic, broker, queue_id }, *life)
            })
        })
    }

    fn is_gone(&self, broker: &str, record: &Record) -> bool {
        self.brokers
            .get(broker)
            .is_none_or(|seen| record.life < seen.life || record.physical_offset < seen.log.start)
    }
}

/// What groups have consumed.
#[derive(Debug)]
pub(in crate::simulation) struct Groups {
    groups: Vec<Group>,
    /// The group of each member.
    members: Vec<usize>,
    /// From when on answers come in time.
    calm_at: u64,
}

#[derive(Debug)]
struct Group {
    plan: GroupPlan,
    progress: BTreeMap<(MessageQueue, u32), Progress>,
    /// The furthest that any member has ever been.
    reached: BTreeMap<MessageQueue, i64>,
    /// How far that was when a life of the broker began: its members may go on from there.
    floors: BTreeMap<(MessageQueue, u32), i64>,
    /// Who is consuming what in order.
    busy: BTreeMap<(MessageQueue, u32), (usize, i64)>,
}

#[derive(Debug, Default)]
struct Progress {
    consumed: BTreeSet<i64>,
    /// Up to there everything was consumed, or need not be.
    front: i64,
}

impl Group {
    fn reach(&mut self, queue: &MessageQueue, offset: i64) {
        let reached = self.reached.entry(queue.clone()).or_default();
        *reached = offset.max(*reached);
    }

    /// The first message that is still to be consumed.
    fn front(&mut self, stored: &Shelf, queue: &MessageQueue, life: u32) -> i64 {
        let place = (queue.clone(), life);
        let floor = self.floors.get(&place).copied().unwrap_or(0);
        let tags = self.plan.tags;
        let progress = self.progress.entry(place).or_default();
        let from = usize::try_from(progress.front).expect("not negative");
        for record in stored.queue(queue, life).iter().skip(from) {
            let done = progress.front < floor
                || progress.consumed.contains(&progress.front)
                || !tags.want(record.tags.as_deref())
                || stored.is_gone(&queue.broker, record);
            if !done {
                break;
            }
            progress.front += 1;
        }
        progress.front
    }

    /// Nothing that is to be consumed lies before `offset`.
    fn check_front(
        &mut self,
        stored: &Shelf,
        queue: &MessageQueue,
        life: u32,
        offset: i64,
    ) -> Result<(), String> {
        let front = self.front(stored, queue, life);
        let len = i64::try_from(stored.queue(queue, life).len()).expect("few");
        if front < offset.min(len) {
            return Err(format!("{queue:?} goes on at {offset}, {front} was not consumed"));
        }
        Ok(())
    }

    /// An answer holds what is stored, and leaves out only what is not wanted or not there any more.
    fn check_messages(&self, stored: &Shelf, pulled: &Pulled) -> Result<(), String> {
        let records = stored.queue(&pulled.queue, stored.life(&pulled.queue.broker));
        let (mut rest, mut next, mut count) = (&pulled.body[..], pulled.offset, 0);
        let passed = |from: i64, to: i64| {
            (from.max(0)..to).find(|offset| {
                let record = usize::try_from(*offset).ok().and_then(|at| records.get(at));
                record.is_none_or(|record| {
                    self.plan.tags.want(record.tags.as_deref())
                        && !stored.is_gone(&pulled.queue.broker, record)
                })
            })
        };
        while !rest.is_empty() {
            let (message, size) = StoredMessage::decode(rest).map_err(|error| error.to_string())?;
            let offset = message.queue_offset;
            let record = usize::try_from(offset).ok().and_then(|at| records.get(at));
            let is_same = record.is_some_and(|record| {
                record.bytes == rest[..size] && self.plan.tags.want(record.tags.as_deref())
            });
            if !is_same || offset < next {
                let kept = record.map(|record| (record.physical_offset, record.bytes.len(), &record.tags));
                let pulled = (message.physical_offset, size, message.properties().get("TAGS"));
                return Err(format!("at {offset} is {pulled:?}, stored is {kept:?}"));
            }
            if let Some(missing) = passed(next, offset) {
                return Err(format!("{missing} is not in it"));
            }
            (next, rest, count) = (offset + 1, &rest[size..], count + 1);
        }
        if let Some(missing) = passed(next, pulled.next) {
            return Err(format!("{missing} is not in it, and is passed over"));
        }
        // The first record goes whatever was asked for.
        if count > self.plan.batch.clamp(1, 32) || (pulled.code == 0) == pulled.body.is_empty() {
            return Err(format!("{count} messages"));
        }
        Ok(())
    }
}

impl Groups {
    pub(in crate::simulation) fn new(plan: &ConsumersPlan, calm_at: u64) -> Self {
        let group = |plan: &GroupPlan| Group {
            plan: plan.clone(),
            progress: BTreeMap::new(),
            reached: BTreeMap::new(),
            floors: BTreeMap::new(),
            busy: BTreeMap::new(),
        };
        let groups = plan.groups.iter().map(group).collect();
        Self { groups, members: plan.member_groups(), calm_at }
    }

    /// A broker has lost its memory; members of groups go on where they were.
    pub(in crate::simulation) fn broker_lost(&mut self, name: &str, life: u32) {
        for group in &mut self.groups {
            let reached = group.reached.iter().filter(|(queue, _)| queue.broker == name);
            group.floors.extend(reached.map(|(queue, offset)| ((queue.clone(), life), *offset)));
        }
    }

    /// A member is gone, with what it was consuming.
    pub(in crate::simulation) fn member_lost(&mut self, member: usize) {
        self.groups[self.members[member]].busy.retain(|_, (other, _)| *other != member);
    }

    /// Checks what a member does.
    pub(in crate::simulation) fn told(
        &mut self,
        stored: &Shelf,
        marks: &mut Marks,
        now: u64,
        member: usize,
        told: &Told,
    ) -> Result<(), String> {
        let (calm_at, number) = (self.calm_at, self.members[member]);
        let group = &mut self.groups[number];
        match told {
            Told::Starts { queue, offset } => {
                marks.meet("consumer: a queue is taken");
                group.reach(queue, *offset);
                group.check_front(stored, queue, stored.life(&queue.broker), *offset)
            }
            Told::Pulled(pulled) => {
                marks.pulled(pulled.code, &pulled.remark);
                check_time(pulled, now, calm_at)?;
                if !matches!(pulled.code, 0 | 19 | 20 | 21) {
                    return Ok(());
                }
                group.reach(&pulled.queue, pulled.next);
                group.check_messages(stored, pulled)
            }
            Told::PullTimedOut { queue, asked_at } if *asked_at > calm_at => {
                Err(format!("a pull of {queue:?} is not answered"))
            }
            Told::PullTimedOut { .. } => {
                marks.meet("consumer: a pull timed out");
                Ok(())
            }
            Told::Begins { queue, life, offset, lock } => {
                marks.meet("consumer: a message is consumed in order");
                group.check_front(stored, queue, *life, *offset)?;
                if life != lock {
                    // The broker that gave the lock has forgotten it.
                    return Ok(());
                }
                match group.busy.insert((queue.clone(), *life), (member, *offset)) {
                    Some((other, at)) if other != member => {
                        Err(format!("members {other} and {member} consume {queue:?} at {at} and {offset}"))
                    }
                    _ => Ok(()),
                }
            }
            Told::Consumed { queue, life, offsets } => {
                let place = (queue.clone(), *life);
                if group.busy.get(&place).is_some_and(|(other, _)| *other == member) {
                    group.busy.remove(&place);
                }
                group.progress.entry(place).or_default().consumed.extend(offsets);
                Ok(())
            }
            Told::Commits { queue, offset } => {
                marks.meet("consumer: an offset is committed");
                let known = group.reached.get(queue).copied().unwrap_or(0);
                if *offset > known { Err(format!("{offset} of {queue:?}, at most {known}")) } else { Ok(()) }
            }
            Told::Answered(what) => {
                marks.meet(format!("consumer: {what}"));
                Ok(())
            }
            Told::Wrong(what) => Err(what.clone()),
        }
    }

    /// Everything that is left in the logs was consumed by every group that wants it.
    pub(in crate::simulation) fn check_all_consumed(&mut self, stored: &Shelf) -> Result<(), String> {
        for (queue, life) in stored.queues() {
            for (number, group) in self.groups.iter_mut().enumerate() {
                let checked = group.check_front(stored, &queue, life, i64::MAX);
                checked.map_err(|error| format!("group {number}: {error}"))?;
            }
        }
        Ok(())
    }

    /// How far a group can say it has come.
    pub(in crate::simulation) fn reached(&self, group: usize, queue: &MessageQueue) -> i64 {
        self.groups[group].reached.get(queue).copied().unwrap_or(0)
    }

    pub(in crate::simulation) fn group_of(&self, member: usize) -> usize {
        self.members[member]
    }
}

/// A pull that found nothing has waited as long as it was to, and no pull for longer.
fn check_time(pulled: &Pulled, now: u64, calm_at: u64) -> Result<(), String> {
    let waited = now - pulled.asked_at;
    if pulled.code == 19 && waited < pulled.hold {
        return Err(format!("a pull found nothing after {waited} ms, it was to wait {} ms", pulled.hold));
    }
    if pulled.asked_at > calm_at && waited > pulled.hold + BEYOND_HOLD {
        return Err(format!("a pull was answered after {waited} ms, it was to wait {} ms", pulled.hold));
    }
    Ok(())
}
