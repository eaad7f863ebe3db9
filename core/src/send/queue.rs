//! A list of sends in order, threaded through the sends themselves: it needs no memory of its own.

use super::InFlight;
use crate::{SlotId, Slots};

/// First in, first out. A send is in one list at a time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SendQueue {
    first: Option<SlotId>,
    last: Option<SlotId>,
}

impl SendQueue {
    /// The first send.
    pub(crate) const fn first(&self) -> Option<SlotId> {
        self.first
    }

    /// Appends a send.
    pub(crate) fn push(&mut self, id: SlotId, sends: &mut Slots<'_, InFlight>) {
        match self.last.and_then(|last| sends.get_mut(last)) {
            Some(last) => last.next = Some(id),
            None => self.first = Some(id),
        }
        self.last = Some(id);
    }

    /// Takes the first send.
    pub(crate) fn pop(&mut self, sends: &mut Slots<'_, InFlight>) -> Option<SlotId> {
        let first = self.first?;
        self.first = sends.get_mut(first).and_then(|send| send.next.take());
        if self.first.is_none() {
            self.last = None;
        }
        Some(first)
    }

    /// Takes a send out of the middle, if it is in the list.
    pub(crate) fn remove(&mut self, id: SlotId, sends: &mut Slots<'_, InFlight>) {
        if self.first == Some(id) {
            self.pop(sends);
            return;
        }
        let mut at = self.first;
        while let Some(before) = at {
            let next = sends.get(before).and_then(|send| send.next);
            if next == Some(id) {
                let after = sends.get_mut(id).and_then(|send| send.next.take());
                if let Some(before) = sends.get_mut(before) {
                    before.next = after;
                }
                if after.is_none() {
                    self.last = Some(before);
                }
                return;
            }
            at = next;
        }
    }
}
