//! Connections and bytes between the engines.

use rocketlite_core::wire::command::{CommandHead, RemotingCommand};
use rocketlite_core::{Address, ConnectionId};

use super::{Action, World, other};
use crate::encode;
use crate::simulation::network::{CLIENT, PipeId, SERVER};

/// While a way is blocked it is tried again after so many milliseconds.
const TRY_AGAIN: u64 = 20;

impl World<'_> {
    fn after(&mut self, millis: u64, action: Action) {
        self.at(self.now.as_millis() + millis - 1, action);
    }

    /// How much longer everything takes between the ends of a connection.
    fn slow(&self, pipe: PipeId) -> u64 {
        let ends = self.network.pipes.get(&pipe).map(|pipe| [pipe.ends[0].node, pipe.ends[1].node]);
        ends.map_or(0, |ends| ends.iter().map(|node| self.states[*node].slow).sum())
    }

    fn is_cut(&self, pipe: PipeId) -> bool {
        let ends = self.network.pipes.get(&pipe).map(|pipe| [pipe.ends[0].node, pipe.ends[1].node]);
        ends.is_some_and(|ends| ends.iter().any(|node| self.states[*node].cut_off > 0))
    }

    pub(super) fn dial(&mut self, node: usize, connection: ConnectionId, address: &Address) {
        let server = self.server_at(address).expect("only servers are connected");
        self.trace.note(self.now, format_args!("{node} connects to {server}"));
        let pipe = self.network.open((node, connection), server);
        let latency = self.network.latency(self.slow(pipe));
        self.after(latency + 1, Action::Knock(pipe));
    }

    pub(super) fn knock(&mut self, pipe: PipeId) -> Result<(), String> {
        let Some(data) = self.network.pipes.get(&pipe) else { return Ok(()) };
        let server = data.ends[SERVER].node;
        if self.is_cut(pipe) {
            self.after(TRY_AGAIN, Action::Knock(pipe));
            return Ok(());
        }
        let latency = self.network.latency(self.slow(pipe));
        if self.nodes[server].engine(|_| ()).is_none() {
            self.marks.meet("network: dial refused");
            return self.hung_up(pipe, CLIENT, latency);
        }
        self.after(latency + 1, Action::Opened(pipe));
        // A system takes connections for a program that hangs.
        if self.states[server].hangs > 0 { Ok(()) } else { self.accept(pipe) }
    }

    pub(super) fn accept(&mut self, pipe: PipeId) -> Result<(), String> {
        let Some(data) = self.network.pipes.get(&pipe) else { return Ok(()) };
        let (client, server) = (data.ends[CLIENT].node, data.ends[SERVER].node);
        let peer = ([10, 0, 2, u8::try_from(client + 1).expect("few nodes")], 50_000);
        let now = self.now;
        let accepted = self.nodes[server].as_broker(|broker| broker.accept(now, peer.into()).ok()).flatten();
        let data = self.network.pipes.get_mut(&pipe).expect("it is there");
        if let Some(id) = accepted {
            data.ends[SERVER].id = Some(id);
            return self.drive(server);
        }
        self.marks.meet("network: no room for a connection");
        self.network.pipes.get_mut(&pipe).expect("it is there").ends[SERVER].closed = true;
        self.stream_ends(pipe, CLIENT);
        Ok(())
    }

    pub(super) fn opened(&mut self, pipe: PipeId) -> Result<(), String> {
        let Some(data) = self.network.pipes.get(&pipe) else { return Ok(()) };
        let Some(id) = data.ends[CLIENT].id else { return Ok(()) };
        let node = data.ends[CLIENT].node;
        if self.states[node].hangs > 0 || self.is_cut(pipe) {
            self.after(TRY_AGAIN, Action::Opened(pipe));
            return Ok(());
        }
        let now = self.now;
        self.nodes[node].engine(|engine| engine.handle_opened(now, id));
        self.drive(node)
    }

    /// An end is told that the connection is gone, after a while.
    fn hung_up(&mut self, pipe: PipeId, end: usize, latency: u64) -> Result<(), String> {
        if latency == 0 {
            return self.lost(pipe, end);
        }
        self.stream_ends(pipe, end);
        Ok(())
    }

    /// Tells an end that the connection is gone.
    pub(super) fn lost(&mut self, pipe: PipeId, end: usize) -> Result<(), String> {
        let Some(data) = self.network.pipes.get_mut(&pipe) else { return Ok(()) };
        let node = data.ends[end].node;
        data.ends[end].closed = true;
        let Some(id) = data.ends[end].id.take() else { return Ok(()) };
        let (now, both) = (self.now, data.ends.iter().all(|end| end.closed));
        if both {
            self.network.pipes.remove(&pipe);
        } else {
            // The other end learns of it as well.
            self.stream_ends(pipe, other(end));
        }
        self.nodes[node].engine(|engine| engine.handle_closed(now, id));
        self.drive(node)
    }

    /// Breaks a connection at both ends at once.
    pub(super) fn break_pipe(&mut self, pipe: PipeId) -> Result<(), String> {
        self.trace.note(self.now, format_args!("connection {pipe} breaks"));
        for end in [CLIENT, SERVER] {
            self.lost(pipe, end)?;
        }
        self.network.pipes.remove(&pipe);
        Ok(())
    }

    fn stream_ends(&mut self, pipe: PipeId, toward: usize) {
        let slow = self.slow(pipe);
        if let Some(at) = self.network.finish(self.now, pipe, toward, slow) {
            self.at(at.as_millis() - 1, Action::Progress(pipe, toward));
        }
    }

    /// A node's engine has closed a connection.
    pub(super) fn closed_by(&mut self, node: usize, connection: ConnectionId) {
        let Some((pipe, end)) = self.network.find(node, connection) else { return };
        self.trace.note(self.now, format_args!("{node} closes connection {pipe}"));
        let data = self.network.pipes.get_mut(&pipe).expect("it was found");
        data.ends[end].id = None;
        data.ends[end].closed = true;
        if data.ends[other(end)].closed || data.dead && end == CLIENT {
            self.network.pipes.remove(&pipe);
        } else {
            self.stream_ends(pipe, other(end));
        }
    }

    /// Sends what a node has for a connection, as far as there is room on the way.
    pub(super) fn pump(&mut self, node: usize, connection: ConnectionId) {
        let Some((pipe, end)) = self.network.find(node, connection) else { return };
        let toward = other(end);
        let most = self.producer_of(node).map(|index| self.plan.producers[index].write_bytes);
        let mut buffer = vec![0; most.unwrap_or(4_000)];
        loop {
            let room = self.network.room(pipe, toward).min(buffer.len());
            let place = &mut buffer[..room];
            let len = self.nodes[node].engine(|engine| engine.poll_transmit(connection, place)).unwrap_or(0);
            if room == 0 || len == 0 {
                return;
            }
            let bytes = self.as_sent(node, pipe, toward, &buffer[..len]);
            let slow = self.slow(pipe);
            if let Some(at) = self.network.push(self.now, pipe, toward, &bytes, slow) {
                self.at(at.as_millis() - 1, Action::Progress(pipe, toward));
            }
        }
    }

    /// What really leaves: a broker's answers may be changed on their way out; what a producer asks is taken note of.
    fn as_sent(&mut self, node: usize, pipe: PipeId, toward: usize, bytes: &[u8]) -> Vec<u8> {
        let mut frames = Vec::new();
        let data = self.network.pipes.get_mut(&pipe).expect("it is there");
        data.toward[toward].sent.take(bytes, |frame| frames.push(frame.to_vec()));
        if let Some(producer) = self.producer_of(node) {
            for frame in frames {
                self.taps[producer].asked(&frame);
            }
            return bytes.to_vec();
        }
        if node >= self.plan.servers() {
            return bytes.to_vec();
        }
        let answers = self.states[node].answers;
        frames
            .into_iter()
            .flat_map(|frame| answers.and_then(|code| changed(&frame, code)).unwrap_or(frame))
            .collect()
    }

    pub(super) fn progress(&mut self, pipe: PipeId, toward: usize) -> Result<(), String> {
        if self.is_cut(pipe) {
            self.after(TRY_AGAIN, Action::Progress(pipe, toward));
            return Ok(());
        }
        if let Some(at) = self.network.arrive(self.now, pipe, toward) {
            self.at(at.as_millis() - 1, Action::Progress(pipe, toward));
        }
        self.offer(pipe, toward)?;
        Ok(())
    }

    /// Hands to a node what has arrived for it. Returns whether it took anything.
    pub(super) fn offer(&mut self, pipe: PipeId, toward: usize) -> Result<bool, String> {
        let mut took = false;
        loop {
            let Some(data) = self.network.pipes.get_mut(&pipe) else { return Ok(took) };
            let end = &data.ends[toward];
            let (node, id) = (end.node, end.id);
            let Some(id) = id.filter(|_| self.states[node].hangs == 0) else { return Ok(took) };
            let half = &mut data.toward[toward];
            let bytes = half.arrived.make_contiguous();
            if bytes.is_empty() {
                break;
            }
            // Frame by frame, so that what each has led to can be told.
            let len = half.taken.up_to_end_of_frame(bytes);
            let piece = bytes[..len].to_vec();
            let taken = self.nodes[node].engine({
                let now = self.now;
                let piece = &piece;
                move |engine| engine.handle_received(now, id, piece)
            });
            let taken = taken.unwrap_or(0);
            let producer = self.producer_of(node);
            if let Some(data) = self.network.pipes.get_mut(&pipe) {
                let half = &mut data.toward[toward];
                half.drop_front(taken);
                let mut frames = Vec::new();
                half.taken.take(&piece[..taken], |frame| frames.push(frame.to_vec()));
                if let Some(producer) = producer {
                    for frame in frames {
                        self.taps[producer].told(&frame);
                    }
                }
            }
            self.drain(node)?;
            if taken == 0 {
                self.marks.meet("network: bytes held back");
                return Ok(took);
            }
            took = true;
            self.resume(pipe, other(toward));
        }
        if self.network.is_over(self.now, pipe, toward) {
            self.lost(pipe, toward)?;
        }
        Ok(took)
    }

    /// There is room again for what an end has to send.
    fn resume(&mut self, pipe: PipeId, end: usize) {
        let Some(data) = self.network.pipes.get(&pipe) else { return };
        let (node, id) = (data.ends[end].node, data.ends[end].id);
        if let Some(id) = id.filter(|_| self.states[node].hangs == 0) {
            self.pump(node, id);
        }
    }

    pub(super) fn offer_again(&mut self, node: usize) -> Result<(), String> {
        for (pipe, end) in self.network.of_node(node) {
            let waits =
                |pipe| self.network.pipes.get(&pipe).is_some_and(|p| !p.toward[end].arrived.is_empty());
            if waits(pipe) {
                self.offer(pipe, end)?;
            }
        }
        Ok(())
    }
}

/// The frame of an answer to a send with another code, if it is one.
fn changed(frame: &[u8], code: i32) -> Option<Vec<u8>> {
    let command = RemotingCommand::decode(&frame[4..]).ok()?;
    if !command.is_response() || command.code != 0 || command.field("queueOffset").is_none() {
        return None;
    }
    let head = CommandHead {
        serialize_type: command.serialize_type,
        code,
        language: command.language?,
        version: command.version,
        opaque: command.opaque,
        flag: command.flag,
        remark: Some("simulated".into()),
    };
    let fields: Vec<(String, String)> = command
        .ext_fields?
        .iter()
        .filter_map(|(key, value)| Some((key.to_string(), value?.to_string())))
        .collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (&**key, &**value)).collect();
    Some(encode::command(head, &fields, command.body))
}
