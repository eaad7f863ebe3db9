//! Bytes on their way from one side that has handed them out to another that takes them as it can.

/// Bytes that wait, at most `BYTES` of them.
#[derive(Debug)]
pub(super) struct Window<const BYTES: usize> {
    bytes: [u8; BYTES],
    start: usize,
    end: usize,
}

impl<const BYTES: usize> Window<BYTES> {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; BYTES], start: 0, end: 0 }
    }

    /// Forgets what waits.
    pub(super) const fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// What waits.
    pub(super) fn waiting(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The first `taken` of the bytes that wait are gone.
    pub(super) fn advance(&mut self, taken: usize) {
        self.start = self.start.saturating_add(taken).min(self.end);
    }

    /// Has `fill` write to the front of all the room, and keeps as many bytes as it says. Bytes that waited are lost:
    /// for a window that is empty.
    pub(super) fn refill<E>(&mut self, fill: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<usize, E> {
        self.clear();
        self.end = fill(&mut self.bytes)?.min(BYTES);
        Ok(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::convert::Infallible;

    #[test]
    fn bytes_leave_in_order_and_make_room_when_all_are_gone() {
        let mut window = Window::<4>::new();
        assert!(window.is_empty());
        let fill = |room: &mut [u8]| {
            room[..3].copy_from_slice(b"abc");
            Ok::<_, Infallible>(3)
        };
        assert_eq!(window.refill(fill), Ok(3));
        window.advance(1);
        assert_eq!(window.waiting(), b"bc");
        window.advance(9);
        assert!(window.is_empty());
        assert_eq!(window.refill(|room| Ok::<_, Infallible>(room.len())), Ok(4));
    }

    #[test]
    fn nobody_can_claim_more_than_there_is_room_for() {
        let mut window = Window::<4>::new();
        assert_eq!(window.refill(|_| Ok::<_, Infallible>(5)), Ok(4));
        assert_eq!(window.refill(|_| Err("broken")), Err("broken"));
        assert!(window.is_empty());
    }
}
