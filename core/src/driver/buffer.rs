//! Bytes on their way between an engine and a stream.

/// A queue of bytes that is filled only when it is empty, as both directions of a connection are.
#[derive(Debug)]
pub(super) struct Buffer<const BYTES: usize> {
    bytes: [u8; BYTES],
    start: usize,
    end: usize,
}

impl<const BYTES: usize> Buffer<BYTES> {
    /// Without room nothing would ever move.
    const HAS_ROOM: () = assert!(BYTES > 0, "a buffer needs room for a byte");

    pub(super) const fn new() -> Self {
        let () = Self::HAS_ROOM;
        Self { bytes: [0; BYTES], start: 0, end: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// The bytes that wait.
    pub(super) fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Takes the first `count` bytes out.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Drops all bytes.
    pub(super) const fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// The whole memory, for [`Self::filled_to`]. What was there before is dropped.
    pub(super) const fn space(&mut self) -> &mut [u8] {
        self.clear();
        &mut self.bytes
    }

    /// The first `count` bytes of the memory are those that wait.
    pub(super) fn filled_to(&mut self, count: usize) {
        self.start = 0;
        self.end = count.min(BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_consumed_stays_in_front() {
        let mut buffer = Buffer::<4>::new();
        assert!(buffer.is_empty() && buffer.filled().is_empty());
        buffer.space().copy_from_slice(b"abcd");
        buffer.filled_to(3);
        buffer.consume(1);
        assert_eq!(buffer.filled(), b"bc");
        buffer.consume(9);
        assert!(buffer.is_empty());
        assert_eq!(buffer.space().len(), 4);
        assert!(buffer.is_empty());
        buffer.filled_to(9);
        assert_eq!(buffer.filled(), b"abcd");
        buffer.clear();
        assert!(buffer.is_empty());
    }
}
