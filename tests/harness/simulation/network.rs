//! Connections as TCP makes them: ordered pieces that take their time, windows that fill up, and ends that break.

use std::collections::{BTreeMap, VecDeque};

use rocketlite_core::{ConnectionId, Instant};

use super::chance::{Chance, Concern};
use super::frames::Cutter;
use super::plan::NetworkPlan;

/// Names a connection for as long as the world lasts.
pub(super) type PipeId = u32;

/// The end that has opened a connection, and the end that was connected.
pub(super) const CLIENT: usize = 0;
pub(super) const SERVER: usize = 1;

/// A connection.
pub(super) struct Pipe {
    pub(super) ends: [End; 2],
    /// What is on its way to the end of the same place.
    pub(super) toward: [Half; 2],
    /// Whether everything sent is lost, without anybody noticing.
    pub(super) dead: bool,
}

pub(super) struct End {
    pub(super) node: usize,
    /// None until the engine knows of it, and after it was closed there.
    pub(super) id: Option<ConnectionId>,
    pub(super) closed: bool,
}

#[derive(Default)]
pub(super) struct Half {
    /// Pieces on their way, each with the instant of its arrival.
    queue: VecDeque<(Instant, Vec<u8>)>,
    /// Bytes that have arrived and were not taken.
    pub(super) arrived: VecDeque<u8>,
    /// Bytes of both.
    pub(super) held: usize,
    /// When the end of the stream arrives.
    fin: Option<Instant>,
    last: Instant,
    /// The frames that were taken.
    pub(super) taken: Cutter,
    /// The frames that were sent.
    pub(super) sent: Cutter,
}

pub(super) struct Network {
    plan: NetworkPlan,
    chance: Chance,
    pub(super) pipes: BTreeMap<PipeId, Pipe>,
    next: PipeId,
}

impl Network {
    pub(super) fn new(seed: u64, plan: NetworkPlan) -> Self {
        Self { plan, chance: Chance::new(seed, Concern::Network), pipes: BTreeMap::new(), next: 0 }
    }

    pub(super) fn open(&mut self, client: (usize, ConnectionId), server: usize) -> PipeId {
        let id = self.next;
        self.next += 1;
        let ends = [
            End { node: client.0, id: Some(client.1), closed: false },
            End { node: server, id: None, closed: false },
        ];
        let pipe = Pipe { ends, toward: Default::default(), dead: false };
        self.pipes.insert(id, pipe);
        id
    }

    /// The connection that `node` calls `id`, and which end of it the node is.
    pub(super) fn find(&self, node: usize, id: ConnectionId) -> Option<(PipeId, usize)> {
        self.pipes.iter().find_map(|(pipe, data)| {
            let end = data.ends.iter().position(|end| end.node == node && end.id == Some(id))?;
            Some((*pipe, end))
        })
    }

    /// Connections of a node, and which end of each the node is.
    pub(super) fn of_node(&self, node: usize) -> Vec<(PipeId, usize)> {
        let end = |pipe: &Pipe| pipe.ends.iter().position(|end| end.node == node);
        self.pipes.iter().filter_map(|(id, pipe)| Some((*id, end(pipe)?))).collect()
    }

    /// How long one way takes now.
    pub(super) fn latency(&mut self, slow: u64) -> u64 {
        let (least, most) = self.plan.latency;
        self.chance.within(least..most + 1) + slow
    }

    /// How much may be sent toward an end.
    pub(super) fn room(&self, pipe: PipeId, toward: usize) -> usize {
        self.pipes
            .get(&pipe)
            .map_or(0, |pipe| self.plan.windows[toward].saturating_sub(pipe.toward[toward].held))
    }

    /// Sends bytes in pieces. Returns when the first arrives.
    pub(super) fn push(
        &mut self,
        now: Instant,
        pipe: PipeId,
        toward: usize,
        bytes: &[u8],
        slow: u64,
    ) -> Option<Instant> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (least, most) = self.plan.piece;
            let len = self.chance.size(least..most + 1).min(rest.len());
            let latency = self.latency(slow);
            let pipe = self.pipes.get_mut(&pipe)?;
            if pipe.dead || pipe.ends[toward].closed {
                return None;
            }
            let half = &mut pipe.toward[toward];
            let at = Instant::from_millis(now.as_millis() + latency).max(half.last);
            half.last = at;
            half.held += len;
            half.queue.push_back((at, rest[..len].to_vec()));
            rest = &rest[len..];
        }
        self.pipes.get(&pipe)?.toward[toward].queue.front().map(|(at, _)| *at)
    }

    /// Ends the stream toward an end. Returns when that arrives.
    pub(super) fn finish(&mut self, now: Instant, pipe: PipeId, toward: usize, slow: u64) -> Option<Instant> {
        let latency = self.latency(slow);
        let pipe = self.pipes.get_mut(&pipe)?;
        if pipe.dead {
            return None;
        }
        let half = &mut pipe.toward[toward];
        let at = Instant::from_millis(now.as_millis() + latency).max(half.last);
        half.fin = Some(at);
        Some(at)
    }

    /// Lets arrive what is due, and returns when the next piece or the end of the stream is.
    pub(super) fn arrive(&mut self, now: Instant, pipe: PipeId, toward: usize) -> Option<Instant> {
        let half = &mut self.pipes.get_mut(&pipe)?.toward[toward];
        while let Some((at, _)) = half.queue.front() {
            if *at > now {
                return Some(*at);
            }
            half.arrived.extend(half.queue.pop_front().expect("it is there").1);
        }
        half.fin.filter(|at| *at > now)
    }

    /// Whether the stream toward an end is over and everything was taken.
    pub(super) fn is_over(&self, now: Instant, pipe: PipeId, toward: usize) -> bool {
        self.pipes.get(&pipe).is_some_and(|pipe| {
            let half = &pipe.toward[toward];
            half.fin.is_some_and(|at| at <= now) && half.queue.is_empty() && half.arrived.is_empty()
        })
    }
}

impl Half {
    /// Takes bytes off the front of what has arrived.
    pub(super) fn drop_front(&mut self, len: usize) {
        self.arrived.drain(..len);
        self.held -= len;
    }
}
