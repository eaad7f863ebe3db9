//! Where a frame begins and ends in bytes that arrive in any pieces.
//!
//! A frame that lies whole in what the driver offers is never copied. The rest of one that does not is
//! collected in a piece of an [`Arena`] of exactly its size, which is given back when it was handled.

use super::cursor::copy;
use super::{DecodeError, DecodeErrorKind};
use crate::{Arena, Extent};

/// Bytes of the length word at the front of a frame; the length does not count it.
pub const LENGTH_BYTES: usize = 4;

/// Largest frame of the reference by default (`NettyDecoder`), its length word included.
pub const DEFAULT_MAX_FRAME: usize = 16_777_216;

/// The size of the frame that `bytes` begin with, its length word included, if four bytes are there to tell.
///
/// # Errors
/// For `frame length`: `BadLength` if it is negative or too small to hold the header's length, `OverLimit` if
/// the frame is larger than `max_frame`.
pub fn frame_size(bytes: &[u8], max_frame: usize) -> Result<Option<usize>, DecodeError> {
    let Some(length) = bytes.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let error = |kind| DecodeError::new("frame length", kind);
    let length =
        usize::try_from(i32::from_be_bytes(*length)).map_err(|_| error(DecodeErrorKind::BadLength))?;
    let size = length.saturating_add(LENGTH_BYTES);
    match () {
        () if size > max_frame => Err(error(DecodeErrorKind::OverLimit)),
        () if length < LENGTH_BYTES => Err(error(DecodeErrorKind::BadLength)),
        () => Ok(Some(size)),
    }
}

/// The part of a frame that one connection has received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Partial(State);

impl Partial {
    /// Nothing: the place for a connection in memory that is not used yet.
    pub const EMPTY: Self = Self(State::EMPTY);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first `count` bytes of a length word.
    Length { bytes: [u8; LENGTH_BYTES], count: usize },
    /// The first `filled` bytes of the frame.
    Frame { extent: Extent, filled: usize },
}

impl State {
    const EMPTY: Self = Self::Length { bytes: [0; LENGTH_BYTES], count: 0 };
}

impl Default for State {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// What became of the bytes offered to a [`Receiver`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the caller must handle every case")]
pub enum Received<'f> {
    /// A frame, without its length word. The first `taken` bytes belonged to it.
    Frame {
        /// What follows the length word.
        frame: &'f [u8],
        /// How many of the offered bytes are used up.
        taken: usize,
    },
    /// All bytes were taken and no frame is complete.
    Incomplete,
    /// `taken` bytes were taken; for the others there is no room at present.
    NoRoom {
        /// How many of the offered bytes are used up.
        taken: usize,
    },
}

/// Collects the frames of many connections in memory they share.
#[derive(Debug)]
pub struct Receiver<'m> {
    arena: Arena<'m>,
    partial: &'m mut [Partial],
    max_frame: usize,
}

impl<'m> Receiver<'m> {
    /// A receiver for as many connections as `partial` has places. No frame may be larger than `max_frame`, nor than
    /// the whole arena.
    pub fn new(arena: Arena<'m>, partial: &'m mut [Partial], max_frame: usize) -> Self {
        partial.fill(Partial::default());
        let max_frame = max_frame.min(arena.capacity());
        Self { arena, partial, max_frame }
    }

    /// The largest frame that is taken, its length word included.
    pub const fn max_frame(&self) -> usize {
        self.max_frame
    }

    /// Whether `connection` has sent the beginning of a frame and not its end.
    pub fn is_partial(&self, connection: u16) -> bool {
        self.partial.get(usize::from(connection)).is_some_and(|p| *p != Partial::default())
    }

    /// Whether `connection` has been given room for a frame whose end it has not sent yet.
    pub fn holds_room(&self, connection: u16) -> bool {
        self.progress(connection).is_some()
    }

    /// How many bytes of its frame `connection` has sent, and of how many, if it was given room for them.
    pub fn progress(&self, connection: u16) -> Option<(usize, usize)> {
        match self.partial.get(usize::from(connection))?.0 {
            State::Frame { extent, filled } => Some((filled, extent.len())),
            State::Length { .. } => None,
        }
    }

    /// Forgets what `connection` has sent.
    pub fn reset(&mut self, connection: u16) {
        if let Some(partial) = self.partial.get_mut(usize::from(connection)) {
            if let State::Frame { extent, .. } = partial.0 {
                self.arena.free(extent);
            }
            *partial = Partial::default();
        }
    }

    /// Takes the next bytes of `connection`, up to the end of a frame. After a frame was handled, call [`Receiver::reset`].
    ///
    /// # Errors
    /// Those of [`frame_size`]; the stream cannot be read on then.
    pub fn take<'f>(&'f mut self, connection: u16, bytes: &'f [u8]) -> Result<Received<'f>, DecodeError> {
        let Some(partial) = self.partial.get_mut(usize::from(connection)) else {
            return Ok(Received::NoRoom { taken: 0 });
        };
        if *partial == Partial::default()
            && let Some(size) = frame_size(bytes, self.max_frame)?
            && let Some(frame) = bytes.get(LENGTH_BYTES..size)
        {
            return Ok(Received::Frame { frame, taken: size });
        }
        let mut taken = 0usize;
        if let State::Length { bytes: length, count } = &mut partial.0 {
            let missing = length.get_mut(*count..).unwrap_or_default();
            taken = missing.len().min(bytes.len());
            for (to, from) in missing.iter_mut().zip(bytes) {
                *to = *from;
            }
            *count = count.saturating_add(taken);
            if *count < LENGTH_BYTES {
                return Ok(Received::Incomplete);
            }
            let size = frame_size(length, self.max_frame)?.unwrap_or_default();
            // The length word stays with the connection, so only what follows it needs room.
            let Some(extent) = self.arena.alloc(size.saturating_sub(LENGTH_BYTES)) else {
                return Ok(Received::NoRoom { taken });
            };
            partial.0 = State::Frame { extent, filled: 0 };
        }
        let State::Frame { extent, filled } = &mut partial.0 else { return Ok(Received::Incomplete) };
        let missing = self.arena.get_mut(*extent).get_mut(*filled..).unwrap_or_default();
        let offered = bytes.get(taken..).unwrap_or_default();
        let len = copy(missing, offered);
        *filled = filled.saturating_add(len);
        taken = taken.saturating_add(len);
        if *filled < extent.len() {
            return Ok(Received::Incomplete);
        }
        Ok(Received::Frame { frame: self.arena.get(*extent), taken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn frames() -> Vec<u8> {
        let mut bytes = Vec::new();
        for payload in [&b"\0\0\0\0"[..], b"\0\0\0\x02{}body", b"0123456789abcdef"] {
            bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(payload);
        }
        bytes
    }

    #[test]
    fn frames_come_whole_from_pieces_of_any_size() {
        let bytes = frames();
        for size in 1..=bytes.len() {
            let (mut memory, mut used, mut partial) = ([0u8; 32], [Extent::EMPTY; 1], [Partial::default()]);
            let mut receiver = Receiver::new(Arena::new(&mut memory, &mut used), &mut partial, 1024);
            let mut seen = Vec::new();
            for chunk in bytes.chunks(size) {
                let mut rest = chunk;
                while !rest.is_empty() {
                    match receiver.take(0, rest).unwrap() {
                        Received::Frame { frame, taken } => {
                            seen.push(frame.to_vec());
                            rest = &rest[taken..];
                            receiver.reset(0);
                        }
                        Received::Incomplete => rest = &[],
                        Received::NoRoom { .. } => panic!("room for one frame"),
                    }
                }
            }
            assert_eq!(
                seen,
                [&b"\0\0\0\0"[..], b"\0\0\0\x02{}body", b"0123456789abcdef"],
                "chunks of {size}"
            );
            assert!(!receiver.is_partial(0));
        }
    }

    #[test]
    fn impossible_lengths_are_refused_at_once() {
        let size = |word: u32| frame_size(&word.to_be_bytes(), 1024).map_err(|e| e.kind);
        assert_eq!(size(0), Err(DecodeErrorKind::BadLength));
        assert_eq!(size(3), Err(DecodeErrorKind::BadLength));
        assert_eq!(size(4), Ok(Some(8)));
        assert_eq!(size(1020), Ok(Some(1024)));
        assert_eq!(size(1021), Err(DecodeErrorKind::OverLimit));
        assert_eq!(size(0x7fff_ffff), Err(DecodeErrorKind::OverLimit));
        assert_eq!(size(0xffff_ffff), Err(DecodeErrorKind::BadLength));
        assert_eq!(frame_size(&[0, 0, 0], 1024), Ok(None));
    }

    #[test]
    fn without_room_the_rest_is_left_to_the_caller() {
        let (mut memory, mut used, mut partial) = ([0u8; 16], [Extent::EMPTY; 2], [Partial::default(); 2]);
        let mut receiver = Receiver::new(Arena::new(&mut memory, &mut used), &mut partial, 1024);
        assert_eq!(receiver.max_frame(), 16);
        assert_eq!(receiver.take(0, b"\0\0\0\x0aab"), Ok(Received::Incomplete));
        assert_eq!(receiver.take(1, b"\0\0\0\x08ab"), Ok(Received::NoRoom { taken: 4 }));
        assert_eq!(receiver.take(1, b"ab"), Ok(Received::NoRoom { taken: 0 }));
        assert!(receiver.holds_room(0) && !receiver.holds_room(1));
        assert_eq!((receiver.progress(0), receiver.progress(1)), (Some((2, 10)), None));
        receiver.reset(0);
        assert_eq!(receiver.take(1, b"abcdefgh!"), Ok(Received::Frame { frame: b"abcdefgh", taken: 8 }));
    }
}
