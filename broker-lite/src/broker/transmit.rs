//! Frames become bytes, straight in the driver's buffer.

use rocketlite_core::ConnectionId;
use rocketlite_core::wire::cursor::Writer;

use super::State;
use super::storage::{Readiness, without_disk};
use crate::outgoing::{Content, Wait};

impl State<'_> {
    /// Fills `buffer` with what waits for `connection`: the rest of a frame that was begun, then as many as fit, the last
    /// of them perhaps in part. Returns how many bytes that are, or `None` if a frame that was begun cannot be ended.
    pub(super) fn transmit(&mut self, connection: ConnectionId, buffer: &mut [u8]) -> Option<usize> {
        let Some((frame, written)) = self.connections.front(connection) else { return Some(0) };
        if written > 0 && !frame.is_intact(&self.sources(connection)) {
            return None;
        }
        let end = written.saturating_add(buffer.len());
        let mut writer = Writer::window(buffer, written);
        let mut written = written;
        while writer.position() < end {
            if written == 0 {
                if !self.settle_wait(connection) {
                    break;
                }
                self.prepare_front(connection);
            }
            let Some((frame, _)) = self.connections.front(connection) else { break };
            let start = writer.position();
            frame.encode(&self.sources(connection), &mut writer);
            if !writer.is_complete() {
                self.connections.set_written(connection, end.saturating_sub(start));
                break;
            }
            self.connections.pop(connection);
            written = 0;
            self.make_room();
        }
        let filled = writer.filled();
        if filled > 0 {
            self.connections.touch(self.now, connection);
            let filled = u64::try_from(filled).unwrap_or(u64::MAX);
            self.counters.transmitted_bytes = self.counters.transmitted_bytes.saturating_add(filled);
        }
        Some(filled)
    }

    /// Whether the first frame has waited for the disk for long enough. If that was in vain, it says something else.
    fn settle_wait(&mut self, connection: ConnectionId) -> bool {
        let Some(wait) = self.connections.front(connection).map(|(frame, _)| frame.wait) else { return true };
        if wait == Wait::Nothing {
            return true;
        }
        let readiness = self.readiness(wait);
        if readiness == Readiness::NotYet {
            self.connections.set_waits(connection);
            return false;
        }
        let Some(frame) = self.connections.front_mut(connection) else { return true };
        frame.wait = Wait::Nothing;
        if readiness != Readiness::Ready {
            let content = core::mem::replace(&mut frame.content, Content::Success);
            let content = without_disk(content, readiness);
            if let Some(frame) = self.connections.front_mut(connection) {
                frame.content = content;
            }
        }
        true
    }

    /// Settles what the first frame says, which no byte was written of.
    fn prepare_front(&mut self, connection: ConnectionId) {
        let Some((frame, _)) = self.connections.front(connection) else { return };
        if !frame.content.may_change() {
            return;
        }
        let Some(frame) = self.connections.front_mut(connection) else { return };
        let mut content = core::mem::replace(&mut frame.content, Content::Success);
        content.prepare(&self.sources(connection));
        if let Some(frame) = self.connections.front_mut(connection) {
            frame.content = content;
        }
    }
}
