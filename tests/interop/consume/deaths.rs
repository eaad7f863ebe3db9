//! A group whose members come, leave and die.

use std::collections::{BTreeMap, BTreeSet};

use super::members::{Kind, Member, Members, Order};
use super::stage::{Draft, Sent, Stage};
use crate::admin::eventually;

const QUEUES: u32 = 8;

pub(super) fn a_group_shares_and_survives(stage: &Stage, members: &Members) {
    let prefix = members.client.prefix();
    let victims = Members::spawn(members.client, stage);
    let mut shared = Shared::new(stage, &format!("{prefix}Shared"));
    let [stays, leaves] = [members.start(shared.order()), members.start(shared.order())];
    shared.await_division(&[&stays, &leaves]);
    let dies = victims.start(shared.order());
    shared.await_division(&[&stays, &leaves, &dies]);
    let mut seen = leaves.deliveries();
    drop(leaves.stop());
    shared.await_division(&[&stays, &dies]);

    let resumed = Resumed::start(stage, &victims, &format!("{prefix}Resumed"));
    resumed.await_commit();
    victims.kill();
    seen.extend(dies.deliveries());
    shared.await_division(&[&stays]);
    resumed.check_successor(members);

    seen.extend(stays.stop());
    let got: BTreeSet<_> = seen.into_iter().map(|one| one.msg_id).collect();
    let missing = shared.sent.iter().filter(|one| !got.contains(&one.msg_id)).count();
    assert_eq!(missing, 0, "{prefix}: missing of {}", shared.sent.len());
}

/// A group and the messages sent to it, in rounds of one to each queue.
struct Shared<'s> {
    stage: &'s Stage,
    name: String,
    sent: Vec<Sent>,
}

impl<'s> Shared<'s> {
    fn new(stage: &'s Stage, name: &str) -> Self {
        stage.topic(name, QUEUES);
        Self { stage, name: name.to_owned(), sent: Vec::new() }
    }

    fn order(&self) -> Order {
        Order::new(Kind::Concurrent, &self.name, &self.name).begin_first()
    }

    /// Sends rounds until one is divided evenly among these members.
    fn await_division(&mut self, members: &[&Member<'_>]) {
        let queues = usize::try_from(QUEUES).expect("few");
        let even: BTreeSet<_> =
            [queues / members.len(), queues.div_ceil(members.len())].into_iter().collect();
        eventually("the queues are divided", || {
            let round: Vec<_> = self.stage.send(
                &self.name,
                (0..QUEUES).map(|queue| Draft::new(format!("to queue {queue}")).at_queue(queue)),
            );
            let ids: BTreeSet<_> = round.iter().map(|one| one.msg_id.clone()).collect();
            self.sent.extend(round);
            // Those that a member had been given which then left or died come late, if another gets them.
            std::thread::sleep(core::time::Duration::from_millis(300));
            let parts = members.iter().map(|member| {
                member.deliveries().into_iter().filter(|one| ids.contains(&one.msg_id)).count()
            });
            let parts: Vec<_> = parts.collect();
            let all = parts.iter().sum::<usize>() == queues;
            (all && parts.iter().all(|part| even.contains(part))).then_some(())
        });
    }
}

/// A group with one member, which is slow and dies on its way.
struct Resumed<'s> {
    stage: &'s Stage,
    name: String,
    sent: Vec<Sent>,
    slow: Member<'s>,
}

/// For each queue, how far the group has come.
type Offsets = BTreeMap<i64, i64>;

impl<'s> Resumed<'s> {
    const QUEUES: i64 = 4;
    /// With the milliseconds that each takes and 20 threads, twice as many as are consumed before the first commit, which
    /// comes after 5 s in Go, and in Java after 10 s.
    const COUNT: usize = 800;
    const WORK: i32 = 500;

    fn start(stage: &'s Stage, victims: &'s Members, name: &str) -> Self {
        stage.topic(name, u32::try_from(Self::QUEUES).expect("few"));
        let sent = stage.send(name, (0..Self::COUNT).map(|index| Draft::new(index.to_string())));
        let order = Order::new(Kind::Concurrent, name, name).begin_first().with("work", Self::WORK);
        Self { stage, name: name.to_owned(), sent, slow: victims.start(order) }
    }

    fn offsets(&self) -> Offsets {
        let committed = |queue| self.stage.committed(&self.name, &self.name, queue).unwrap_or(0);
        (0..Self::QUEUES).map(|queue| (queue, committed(queue))).collect()
    }

    fn await_commit(&self) {
        eventually("a commit", || self.offsets().values().any(|offset| *offset > 0).then_some(()));
    }

    /// Another one goes on where the dead one's last commit was.
    fn check_successor(self, members: &Members) {
        eventually("the server notices", || (!self.stage.has_members(&self.name)).then_some(()));
        let offsets = self.offsets();
        let before: BTreeSet<_> =
            self.slow.deliveries().iter().map(super::members::Delivery::place).collect();
        let (left, done): (Vec<_>, Vec<_>) =
            self.sent.iter().partition(|one| one.queue_offset >= offsets[&one.queue_id]);
        assert!(!left.is_empty() && !done.is_empty(), "it did not die in the middle: {offsets:?}");
        for one in done {
            assert!(before.contains(&(one.queue_id, one.queue_offset)), "committed unseen: {one:?}");
        }
        let successor = members.start(Order::new(Kind::Concurrent, &self.name, &self.name).begin_first());
        successor.await_count(left.len());
        let mut got: Vec<_> = successor.stop().iter().map(super::members::Delivery::place).collect();
        got.sort_unstable();
        let mut left: Vec<_> = left.iter().map(|one| (one.queue_id, one.queue_offset)).collect();
        left.sort_unstable();
        assert_eq!(got, left, "from {offsets:?} on");
    }
}
