//! Who consumes, how, and what goes wrong with consumers.

use core::fmt;

use crate::simulation::chance::{Chance, Concern};

/// All consumers of a run; none by default.
#[derive(Debug, Clone, Default)]
#[expect(clippy::exhaustive_structs, reason = "scenarios are written out")]
pub struct ConsumersPlan {
    /// The groups.
    pub groups: Vec<GroupPlan>,
    /// What goes wrong with their members.
    pub faults: Vec<MemberFault>,
}

/// A consumer group. Its members want all topics there are, and the same of each.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "scenarios are written out")]
pub struct GroupPlan {
    /// Whether queues are locked and consumed in order.
    pub orderly: bool,
    /// The tags that it wants.
    pub tags: Tags,
    /// Whether each pull says what is wanted, as `postSubscriptionWhenPull` does.
    pub post_subscription: bool,
    /// How headers are written.
    pub binary: bool,
    /// `brokerSuspendMaxTimeMillis`.
    pub hold: u64,
    /// `pullBatchSize`.
    pub batch: i32,
    /// Messages of a queue that may wait to be consumed, `pullThresholdForQueue`.
    pub threshold: usize,
    /// The most milliseconds that consuming takes.
    pub consume: u64,
    /// When each member starts, in milliseconds.
    pub members: Vec<u64>,
}

/// What a group wants of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are exercised")]
pub enum Tags {
    /// Everything.
    All,
    /// Messages with tag `A`.
    A,
    /// Messages with tag `A` or `B`.
    AOrB,
}

/// Something that happens to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "scenarios are written out")]
pub struct MemberFault {
    /// Milliseconds after the start.
    pub from: u64,
    /// When it is over.
    pub until: u64,
    /// Which, counted through all groups.
    pub member: usize,
    /// What.
    pub kind: MemberFaultKind,
}

/// What happens to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these can be drawn")]
pub enum MemberFaultKind {
    /// It is gone at once, with all it has not committed, and comes back.
    Dies {
        /// Whether it comes back under the same name.
        same_name: bool,
    },
    /// It is gone and does not come back.
    DiesForGood,
    /// It commits, unlocks and says goodbye, and comes back.
    Leaves,
    /// All its connections break.
    Reset,
    /// Nothing reaches it, and nothing that it says arrives, until that ends.
    CutOff,
}

impl Tags {
    /// As a subscription says it.
    pub(in crate::simulation) const fn expression(self) -> &'static str {
        match self {
            Self::All => "*",
            Self::A => "A",
            Self::AOrB => "A || B",
        }
    }

    /// Whether a message with these tags is wanted.
    pub(in crate::simulation) fn want(self, tags: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::A => tags == Some("A"),
            Self::AOrB => tags == Some("A") || tags == Some("B"),
        }
    }
}

/// The tags of a message, which are chosen by its number.
pub(in crate::simulation) const fn tags_of(number: usize) -> Option<&'static str> {
    match number % 4 {
        0 => None,
        1 => Some("A"),
        2 => Some("B"),
        _ => Some("C"),
    }
}

impl ConsumersPlan {
    /// Half of all seeds have consumers.
    pub(in crate::simulation) fn has_any(seed: u64) -> bool {
        Chance::new(seed, Concern::Consumers).percent(50)
    }

    pub(in crate::simulation) fn draw(seed: u64, heal_at: u64) -> Self {
        let mut chance = Chance::new(seed, Concern::Consumers);
        if !chance.percent(50) {
            return Self::default();
        }
        let groups: Vec<_> = (0..chance.size(1..3)).map(|_| GroupPlan::draw(&mut chance)).collect();
        let mut plan = Self { groups, faults: Vec::new() };
        plan.faults = draw_faults(&mut chance, &plan.member_groups(), heal_at);
        plan
    }

    /// The group of each member.
    pub(in crate::simulation) fn member_groups(&self) -> Vec<usize> {
        let of = |(index, group): (usize, &GroupPlan)| vec![index; group.members.len()];
        self.groups.iter().enumerate().flat_map(of).collect()
    }
}

impl GroupPlan {
    fn draw(chance: &mut Chance) -> Self {
        Self {
            orderly: chance.percent(40),
            tags: chance.pick(&[Tags::All, Tags::All, Tags::A, Tags::AOrB]),
            post_subscription: chance.percent(30),
            binary: chance.percent(30),
            hold: chance.pick(&[5_000, 15_000, 15_000]),
            batch: chance.pick(&[1, 4, 32]),
            threshold: chance.pick(&[4, 1_000]),
            consume: chance.pick(&[1, 50, 500]),
            members: (0..chance.size(1..4)).map(|_| chance.within(0..20_000)).collect(),
        }
    }
}

fn draw_faults(chance: &mut Chance, member_groups: &[usize], heal_at: u64) -> Vec<MemberFault> {
    let all = [
        MemberFaultKind::Dies { same_name: false },
        MemberFaultKind::DiesForGood,
        MemberFaultKind::Leaves,
        MemberFaultKind::Reset,
        MemberFaultKind::CutOff,
    ];
    let likely = chance.pick(&[0, 20, 50]);
    let kinds: Vec<_> = all.into_iter().filter(|_| chance.percent(likely)).collect();
    if kinds.is_empty() {
        return Vec::new();
    }
    let count = chance.size(1..6);
    let draw = |_| {
        let from = chance.within(0..heal_at);
        let kind = match chance.pick(&kinds) {
            MemberFaultKind::Dies { .. } => MemberFaultKind::Dies { same_name: chance.percent(50) },
            other => other,
        };
        let until = (from + chance.within(1..20_000)).min(heal_at);
        let member = chance.size(0..member_groups.len());
        // Somebody of each group is there in the end.
        let first = member_groups.iter().position(|group| *group == member_groups[member]) == Some(member);
        let kind = if first && kind == MemberFaultKind::DiesForGood { MemberFaultKind::Leaves } else { kind };
        MemberFault { from, until, member, kind }
    };
    (0..count).map(draw).collect()
}

impl fmt::Display for MemberFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of member {} from {} to {} ms", self.kind, self.member, self.from, self.until)
    }
}
