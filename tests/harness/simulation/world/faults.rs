//! What goes wrong, and how it ends.

use super::{Action, World};
use crate::simulation::network::SERVER;
use crate::simulation::node::Node;
use crate::simulation::plan::FaultKind;

/// A fault that strikes again and again does so after so many milliseconds.
const AGAIN: u64 = 700;

impl World<'_> {
    pub(super) fn fault_begins(&mut self, index: usize) -> Result<(), String> {
        let fault = &self.plan.faults[index];
        let server = fault.server;
        self.trace.note(self.now, format_args!("begins: {fault}"));
        self.marks.fault(fault.kind);
        match fault.kind {
            FaultKind::Crash => {
                self.nodes[server] = Node::Down;
                self.states[server].lost_at = Some(self.now);
                self.server_lost(server);
                self.break_pipes(server)?;
            }
            FaultKind::CutOff => self.states[server].cut_off += 1,
            FaultKind::Hang => self.states[server].hangs += 1,
            FaultKind::Reset => self.fault_goes_on(index)?,
            FaultKind::HalfOpen => {
                for (pipe, _) in self.network.of_node(server) {
                    self.network.pipes.get_mut(&pipe).expect("it was found").dead = true;
                }
            }
            FaultKind::Slow(millis) => self.states[server].slow += millis,
            FaultKind::Answers(code) => self.states[server].answers = Some(code),
        }
        Ok(())
    }

    pub(super) fn fault_goes_on(&mut self, index: usize) -> Result<(), String> {
        let (server, until) = (self.plan.faults[index].server, self.plan.faults[index].until);
        self.break_pipes(server)?;
        if self.now.as_millis() + AGAIN < until {
            self.at(self.now.as_millis() + AGAIN, Action::FaultGoesOn(index));
        }
        Ok(())
    }

    pub(super) fn fault_ends(&mut self, index: usize) -> Result<(), String> {
        let fault = &self.plan.faults[index];
        let server = fault.server;
        self.trace.note(self.now, format_args!("ends: {fault}"));
        match fault.kind {
            FaultKind::Crash => {
                if matches!(self.nodes[server], Node::Down) {
                    self.nodes[server] = self.new_server(server);
                    self.states[server].lost_at = Some(self.now);
                    self.drive(server)?;
                }
            }
            FaultKind::CutOff => self.states[server].cut_off -= 1,
            FaultKind::Hang => {
                self.states[server].hangs -= 1;
                self.wake(server)?;
            }
            FaultKind::Slow(millis) => self.states[server].slow -= millis,
            FaultKind::Answers(_) => self.states[server].answers = None,
            FaultKind::Reset | FaultKind::HalfOpen => {}
        }
        Ok(())
    }

    /// A program that hung goes on: it accepts who has connected, and reads and writes what has piled up.
    fn wake(&mut self, server: usize) -> Result<(), String> {
        if self.states[server].hangs > 0 {
            return Ok(());
        }
        for (pipe, end) in self.network.of_node(server) {
            let Some(data) = self.network.pipes.get(&pipe) else { continue };
            let new = end == SERVER && data.ends[SERVER].id.is_none() && !data.ends[SERVER].closed;
            if new {
                self.accept(pipe)?;
            }
            self.offer(pipe, end)?;
            let id = self.network.pipes.get(&pipe).and_then(|data| data.ends[end].id);
            if let Some(id) = id {
                self.pump(server, id);
            }
        }
        self.drive(server)
    }

    /// Breaks all connections of a node.
    pub(super) fn break_pipes(&mut self, node: usize) -> Result<(), String> {
        for (pipe, _) in self.network.of_node(node) {
            self.break_pipe(pipe)?;
        }
        Ok(())
    }
}
