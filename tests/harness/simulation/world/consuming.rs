//! Members of consumer groups: how they come and go, and what they tell.

use super::{Action, World};
use crate::simulation::consumer::plan::{MemberFaultKind, tags_of};
use crate::simulation::consumer::{Consumer, Identity, MessageQueue};
use crate::simulation::node::Node;
use crate::simulation::plan::Plan;

/// Whoever leaves has so long to say so.
const GOODBYE: u64 = 500;
/// A member whose connections break sees it so often.
const AGAIN: u64 = 700;

/// How many topics there are.
fn topics(plan: &Plan) -> usize {
    plan.sends.iter().map(|send| send.topic + 1).max().unwrap_or(0)
}

impl World<'_> {
    pub(super) fn schedule_members(&mut self) {
        let plan = self.plan;
        let starts = plan.consumers.groups.iter().flat_map(|group| &group.members);
        for (member, at) in starts.enumerate() {
            self.at(*at, Action::MemberStarts(member));
        }
        for (index, fault) in plan.consumers.faults.iter().enumerate() {
            self.at(fault.from, Action::MemberFaultBegins(index));
            self.at(fault.until, Action::MemberFaultEnds(index));
        }
    }

    fn member_node(&self, member: usize) -> usize {
        self.plan.servers() + self.plan.producers.len() + member
    }

    /// The member that a node is.
    fn member_of(&self, node: usize) -> Option<usize> {
        node.checked_sub(self.plan.servers() + self.plan.producers.len())
    }

    /// The tags of a message; without consumers none has any.
    pub(super) fn tags(&self, send: usize, index: usize) -> Option<&'static str> {
        if self.plan.consumers.groups.is_empty() { None } else { tags_of(send + index) }
    }

    pub(super) fn member_starts(&mut self, member: usize) -> Result<(), String> {
        let node = self.member_node(member);
        if !matches!(self.nodes[node], Node::Down) {
            return Ok(());
        }
        let group = self.groups.group_of(member);
        let who = Identity {
            group: format!("group-{group}"),
            client_id: format!("10.0.3.{member}@{}", self.names[member]),
            topics: (0..topics(self.plan)).map(|topic| format!("Topic-{topic}")).collect(),
            seed: self.engines.number(),
        };
        self.trace.note(self.now, format_args!("member {member} starts as {}", who.client_id));
        let plan = self.plan.consumers.groups[group].clone();
        let mut consumer = Consumer::new(plan, who, self.name_servers(), self.now);
        consumer.lives = (0..self.plan.servers())
            .map(|server| self.server_name(server))
            .map(|name| (name.clone(), self.shelf.life(&name)))
            .collect();
        self.nodes[node] = Node::Consumer(Box::new(consumer));
        self.drive(node)
    }

    pub(super) fn member_fault_begins(&mut self, index: usize) -> Result<(), String> {
        let fault = &self.plan.consumers.faults[index];
        let (member, node) = (fault.member, self.member_node(fault.member));
        self.trace.note(self.now, format_args!("begins: {fault}"));
        self.marks.member_fault(fault.kind);
        match fault.kind {
            MemberFaultKind::Dies { same_name } => {
                self.names[member] += u32::from(!same_name);
                self.member_goes(member)
            }
            MemberFaultKind::DiesForGood => self.member_goes(member),
            MemberFaultKind::Leaves => {
                let now = self.now;
                if let Node::Consumer(consumer) = &mut self.nodes[node] {
                    consumer.leave(now);
                    self.drive(node)?;
                }
                self.at(self.now.as_millis() + GOODBYE, Action::MemberGoes(member));
                Ok(())
            }
            MemberFaultKind::Reset => self.member_fault_goes_on(index),
            MemberFaultKind::CutOff => {
                self.states[node].cut_off += 1;
                Ok(())
            }
        }
    }

    pub(super) fn member_fault_goes_on(&mut self, index: usize) -> Result<(), String> {
        let fault = &self.plan.consumers.faults[index];
        let again = self.now.as_millis() + AGAIN;
        if again < fault.until {
            self.at(again, Action::MemberFaultGoesOn(index));
        }
        self.break_pipes(self.member_node(fault.member))
    }

    pub(super) fn member_fault_ends(&mut self, index: usize) -> Result<(), String> {
        let fault = &self.plan.consumers.faults[index];
        let node = self.member_node(fault.member);
        self.trace.note(self.now, format_args!("ends: {fault}"));
        match fault.kind {
            MemberFaultKind::Dies { .. } => self.member_starts(fault.member),
            MemberFaultKind::Leaves => {
                // It may have just said goodbye.
                self.at(self.now.as_millis() + 2 * GOODBYE, Action::MemberStarts(fault.member));
                Ok(())
            }
            MemberFaultKind::CutOff => {
                self.states[node].cut_off -= 1;
                Ok(())
            }
            MemberFaultKind::Reset | MemberFaultKind::DiesForGood => Ok(()),
        }
    }

    pub(super) fn member_goes(&mut self, member: usize) -> Result<(), String> {
        let node = self.member_node(member);
        self.nodes[node] = Node::Down;
        self.groups.member_lost(member);
        self.break_pipes(node)
    }

    /// A broker loses its memory.
    pub(super) fn server_lost(&mut self, server: usize) {
        let name = self.server_name(server);
        let life = self.shelf.lost(&name);
        self.groups.broker_lost(&name, life);
        for node in &mut self.nodes {
            if let Node::Consumer(consumer) = node {
                consumer.lives.insert(name.clone(), life);
            }
        }
    }

    /// Looks at what a broker has stored, before anybody is told of it.
    pub(super) fn look_at_log(&mut self, server: usize) -> Result<(), String> {
        if self.plan.consumers.groups.is_empty() {
            return Ok(());
        }
        let name = self.server_name(server);
        let stored = &mut self.shelf;
        self.nodes[server].as_broker(|broker| stored.look(&name, broker)).unwrap_or(Ok(()))
    }

    /// Takes what a member tells.
    pub(super) fn hear_member(&mut self, node: usize) -> Result<(), String> {
        let Some(member) = self.member_of(node) else { return Ok(()) };
        let Node::Consumer(consumer) = &mut self.nodes[node] else { return Ok(()) };
        for told in core::mem::take(&mut consumer.told) {
            self.trace.note(self.now, format_args!("member {member}: {}", told.brief()));
            self.groups
                .told(&self.shelf, &mut self.marks, self.now.as_millis(), member, &told)
                .map_err(|error| format!("member {member}, {}: {error}", told.brief()))?;
        }
        Ok(())
    }

    /// Each queue has one owner, nothing is left to be consumed, and offsets are those of messages.
    pub(super) fn check_consumers(&mut self) -> Result<(), String> {
        if self.plan.consumers.groups.is_empty() {
            return Ok(());
        }
        self.check_owners()?;
        self.groups.check_all_consumed(&self.shelf)
    }

    /// The queues that there are of topics that are consumed, and the offset of the next message of each.
    fn queues(&mut self) -> Vec<(usize, MessageQueue, i64)> {
        let topics: Vec<String> = (0..topics(self.plan)).map(|topic| format!("Topic-{topic}")).collect();
        let mut queues = Vec::new();
        for server in 0..self.plan.servers() {
            let broker = self.server_name(server);
            for topic in &topics {
                let found = self.nodes[server].as_broker(|engine| {
                    let count = engine.topic(topic)?.read_queue_nums();
                    let max = |queue_id| engine.queue(topic, queue_id).map_or(0, |queue| queue.max_offset());
                    Some((0..count).map(|queue_id| (queue_id, max(queue_id))).collect::<Vec<_>>())
                });
                for (queue_id, max) in found.flatten().unwrap_or_default() {
                    let (topic, broker) = (topic.clone(), broker.clone());
                    queues.push((server, MessageQueue { topic, broker, queue_id }, max));
                }
            }
        }
        queues
    }

    fn check_owners(&mut self) -> Result<(), String> {
        for (server, queue, max) in self.queues() {
            let mut owners = vec![Vec::new(); self.plan.consumers.groups.len()];
            for (node, member) in self.nodes.iter().zip(0usize..) {
                let Node::Consumer(consumer) = node else { continue };
                let member = member - self.plan.servers() - self.plan.producers.len();
                if consumer.owned().any(|owned| *owned == queue) {
                    owners[self.groups.group_of(member)].push(member);
                }
            }
            for (group, owners) in owners.iter().enumerate() {
                if owners.len() != 1 {
                    return Err(format!("{queue:?} is consumed by members {owners:?} of group {group}"));
                }
                let MessageQueue { topic, queue_id, .. } = &queue;
                let name = format!("group-{group}");
                let offset =
                    self.nodes[server].as_broker(|engine| engine.consumer_offset(&name, topic, *queue_id));
                // A broker that has lost its memory is told how far members were before.
                let most = max.max(self.groups.reached(group, &queue));
                if offset.flatten().is_some_and(|offset| offset > most) {
                    return Err(format!("{queue:?}: group {group} is at {offset:?} of {most}"));
                }
            }
        }
        Ok(())
    }
}
