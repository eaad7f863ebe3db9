//! Queues that a member has: pulls, messages that wait, and consuming them (`ProcessQueue`, `DefaultMQPushConsumerImpl#pullMessage`,
//! `ConsumeMessageConcurrentlyService`, `ConsumeMessageOrderlyService`).

use std::collections::BTreeMap;

use rocketlite_core::message::crc32;
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::command::RemotingCommand;

use super::requests::{Asked, number};
use super::{Consumer, MessageQueue, Pulled, Told};

/// `pullTimeDelayMillsWhenException`.
const AFTER_FAILURE: u64 = 3_000;
/// `PULL_TIME_DELAY_MILLS_WHEN_CACHE_FLOW_CONTROL`.
const WHEN_FULL: u64 = 50;
/// How long after an offset that is none its queue is begun again.
const AFTER_MOVE: u64 = 10_000;
/// `ProcessQueue.REBALANCE_LOCK_MAX_LIVE_TIME`.
const LOCK_LIFE: u64 = 30_000;

/// A queue of a member.
#[derive(Debug)]
pub(super) struct Process {
    id: u64,
    stage: Stage,
    dropped: bool,
    /// Where the next pull begins.
    next: i64,
    /// When the next pull is due, unless one is under way.
    pull_at: Option<u64>,
    pulled_at: u64,
    /// What was pulled and is not yet consumed: the life of the broker each is from.
    messages: BTreeMap<i64, u32>,
    behind: i64,
    /// What is being consumed, and when that is done.
    consuming: Vec<(u64, u32, Vec<i64>)>,
    /// When the lock was given last, and by which life of the broker.
    lock: Option<(u64, u32)>,
    /// Where the queue is begun anew, and when.
    moves: Option<(u64, i64)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// It waits for its lock, or for its offset.
    Begins,
    Active,
}

impl Process {
    pub(super) const fn new(id: u64, now: u64) -> Self {
        Self {
            id,
            stage: Stage::Begins,
            dropped: false,
            next: 0,
            pull_at: None,
            pulled_at: now,
            messages: BTreeMap::new(),
            behind: 0,
            consuming: Vec::new(),
            lock: None,
            moves: None,
        }
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn is_active(&self) -> bool {
        self.stage == Stage::Active && !self.dropped
    }

    pub(super) const fn is_consuming(&self) -> bool {
        !self.consuming.is_empty()
    }

    pub(super) const fn pulled_at(&self) -> u64 {
        self.pulled_at
    }

    pub(super) const fn drop_it(&mut self) {
        self.dropped = true;
    }

    /// When there is something to do.
    pub(super) fn wake(&self) -> Option<u64> {
        let pull = self.pull_at.filter(|_| self.is_active());
        let moves = self.moves.map(|(at, _)| at).filter(|_| !self.is_consuming());
        self.consuming.iter().map(|(at, ..)| *at).chain(pull).chain(moves).min()
    }
}

impl Consumer {
    fn process(&mut self, queue: &MessageQueue, id: u64) -> Option<&mut Process> {
        self.queues.get_mut(queue).filter(|process| process.id == id)
    }

    /// Neither lock nor offset: the next rebalance tries again.
    pub(super) fn not_begun(&mut self, queue: &MessageQueue, id: u64) {
        if self.process(queue, id).is_some_and(|process| process.stage == Stage::Begins) {
            self.queues.remove(queue);
        }
    }

    pub(super) fn begin(&mut self, queue: &MessageQueue, id: u64, offset: i64) {
        let now = self.now;
        let Some(process) = self.process(queue, id) else { return };
        process.stage = Stage::Active;
        process.next = offset;
        process.behind = offset;
        process.pull_at = Some(now);
        self.told.push(Told::Starts { queue: queue.clone(), offset });
    }

    pub(super) fn lock_granted(&mut self, queue: &MessageQueue, id: u64) {
        let lock = Some((self.now, self.life(&queue.broker)));
        if let Some(process) = self.process(queue, id) {
            process.lock = lock;
        }
    }

    pub(super) fn lock_lost(&mut self, queue: &MessageQueue, id: u64) {
        if let Some(process) = self.process(queue, id) {
            process.lock = None;
            self.told.push(Told::Answered("a lock was not renewed".to_owned()));
        }
    }

    /// Everything that is due.
    pub(super) fn work(&mut self) {
        let queues: Vec<MessageQueue> = self.queues.keys().cloned().collect();
        for queue in queues {
            self.finish_consuming(&queue);
            self.move_offset(&queue);
            if self.plan.orderly {
                self.consume_next(&queue);
            }
            self.pull_if_due(&queue);
        }
    }

    fn pull_if_due(&mut self, queue: &MessageQueue) {
        let (now, threshold, orderly) = (self.now, self.plan.threshold, self.plan.orderly);
        let Some(process) = self.queues.get_mut(queue).filter(|process| process.is_active()) else { return };
        if process.pull_at.is_none_or(|at| at > now) {
            return;
        }
        process.pulled_at = now;
        if process.messages.len() > threshold {
            process.pull_at = Some(now + WHEN_FULL);
        } else if orderly && process.lock.is_none() {
            process.pull_at = Some(now + AFTER_FAILURE);
        } else {
            process.pull_at = None;
            let (id, offset) = (process.id, process.next);
            self.pull(queue, id, offset);
        }
    }

    fn pull(&mut self, queue: &MessageQueue, id: u64, offset: i64) {
        let commit = self.offsets.get(queue).copied().filter(|offset| *offset > 0);
        // `PullSysFlag`: commit the offset, wait for a message, and there is a subscription.
        let flag = i32::from(commit.is_some()) + 2 + 4 * i32::from(self.plan.post_subscription);
        let mut fields = vec![
            ("consumerGroup", self.group.clone()),
            ("topic", queue.topic.clone()),
            ("queueId", queue.queue_id.to_string()),
            ("queueOffset", offset.to_string()),
            ("maxMsgNums", self.plan.batch.to_string()),
            ("sysFlag", flag.to_string()),
            ("commitOffset", commit.unwrap_or(0).to_string()),
            ("suspendTimeoutMillis", self.plan.hold.to_string()),
            ("subVersion", self.sub_version.to_string()),
            ("expressionType", "TAG".to_owned()),
        ];
        if self.plan.post_subscription {
            fields.push(("subscription", self.plan.tags.expression().to_owned()));
        }
        let address = self.brokers.get(&queue.broker).cloned();
        let asked = Asked::Pull(queue.clone(), id, offset);
        self.ask(address, RequestCode::PULL_MESSAGE, &fields, "", asked);
    }

    pub(super) fn pull_failed(&mut self, queue: &MessageQueue, id: u64) {
        let at = self.now + AFTER_FAILURE;
        if let Some(process) = self.process(queue, id) {
            process.pull_at = Some(at);
        }
    }

    /// The answer to a pull (`PullCallback#onSuccess`, `PullAPIWrapper#processPullResult`).
    pub(super) fn pulled(
        &mut self,
        queue: &MessageQueue,
        (id, offset, asked_at): (u64, i64, u64),
        answer: &RemotingCommand<'_>,
    ) {
        let next = number(answer, "nextBeginOffset");
        self.told.push(Told::Pulled(Pulled {
            queue: queue.clone(),
            offset,
            code: answer.code,
            remark: answer.remark.map(|remark| remark.to_string()).unwrap_or_default(),
            next: next.unwrap_or(offset),
            body: answer.body.to_vec(),
            asked_at,
            hold: self.plan.hold,
        }));
        let (now, life) = (self.now, self.life(&queue.broker));
        let tags = self.plan.tags;
        let Some(process) = self.process(queue, id).filter(|process| !process.dropped) else { return };
        let next = match (answer.code, next) {
            (0 | 19 | 20, Some(next)) => next,
            (21, Some(next)) => {
                process.dropped = true;
                process.moves = Some((now + AFTER_MOVE, next));
                return;
            }
            _ => return self.pull_failed(queue, id),
        };
        process.next = next;
        process.pull_at = Some(now);
        let mut rest = answer.body;
        let mut new = Vec::new();
        while let Ok((message, size)) = StoredMessage::decode_checked(rest, crc32) {
            rest = &rest[size..];
            let tag = message.properties().get("TAGS").map(|tag| tag.to_string());
            if tags.want(tag.as_deref()) {
                new.push(message.queue_offset);
            }
        }
        if !rest.is_empty() {
            self.told.push(Told::Wrong(format!("a message of {queue:?} from {offset} on cannot be read")));
            return;
        }
        process.messages.extend(new.iter().map(|offset| (*offset, life)));
        process.behind = new.last().map_or(process.behind, |last| last + 1);
        let none = process.messages.is_empty();
        if none {
            // `correctTagsOffset`.
            self.come(queue, next);
        } else if !new.is_empty() && !self.plan.orderly {
            let done = now + self.within(0, self.plan.consume);
            let process = self.queues.get_mut(queue).expect("it was found");
            process.consuming.push((done, life, new));
        }
    }

    /// How far it has come, never back.
    fn come(&mut self, queue: &MessageQueue, offset: i64) {
        let known = self.offsets.entry(queue.clone()).or_insert(offset);
        *known = offset.max(*known);
    }

    fn finish_consuming(&mut self, queue: &MessageQueue) {
        let now = self.now;
        let Some(process) = self.queues.get_mut(queue) else { return };
        let done: Vec<_> = process.consuming.extract_if(.., |(at, ..)| *at <= now).collect();
        let any = !done.is_empty();
        for (_, life, offsets) in done {
            for offset in &offsets {
                process.messages.remove(offset);
            }
            self.told.push(Told::Consumed { queue: queue.clone(), life, offsets });
        }
        if !any {
            return;
        }
        let (dropped, moves) = (process.dropped, process.moves.is_some());
        let first = process.messages.keys().next().copied().unwrap_or(process.behind);
        if !dropped {
            self.come(queue, first);
        } else if self.plan.orderly && !moves {
            self.give_up(queue);
        }
    }

    /// Takes the next message of a queue that it has locked.
    fn consume_next(&mut self, queue: &MessageQueue) {
        let now = self.now;
        let busy = |process: &Process| !process.is_active() || process.is_consuming();
        let Some(process) = self.queues.get(queue).filter(|process| !busy(process)) else { return };
        let Some((given_at, lock)) = process.lock.filter(|(at, _)| now < *at + LOCK_LIFE) else { return };
        debug_assert!(given_at <= now, "a lock of the future");
        let Some((offset, life)) = process.messages.first_key_value().map(|(at, life)| (*at, *life)) else {
            return;
        };
        let done = now + self.within(1, self.plan.consume);
        let process = self.queues.get_mut(queue).expect("it was found");
        process.consuming.push((done, life, vec![offset]));
        self.told.push(Told::Begins { queue: queue.clone(), life, offset, lock });
    }

    /// The queue is begun anew, where the broker said (`OFFSET_ILLEGAL`).
    fn move_offset(&mut self, queue: &MessageQueue) {
        let now = self.now;
        let Some(process) = self.queues.get_mut(queue) else { return };
        let Some((_, offset)) = process.moves.filter(|(at, _)| *at <= now && process.consuming.is_empty())
        else {
            return;
        };
        self.offsets.insert(queue.clone(), offset);
        self.give_up(queue);
    }
}
