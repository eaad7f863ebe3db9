//! Big-endian reading and windowed writing.

use super::{DecodeError, DecodeErrorKind};

/// Reads fields from the front of a slice; every error names the field.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of `bytes` from their start.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// `Truncated` if there are fewer.
    pub fn bytes(&mut self, field: &'static str, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) =
            self.rest.split_at_checked(len).ok_or(DecodeError::new(field, DecodeErrorKind::Truncated))?;
        self.rest = rest;
        Ok(taken)
    }

    /// The bytes of a field whose length was read as a Java `int` or `short`.
    ///
    /// # Errors
    /// `BadLength` if it is negative, `Truncated` if there are fewer bytes.
    pub fn counted(&mut self, field: &'static str, len: i32) -> Result<&'a [u8], DecodeError> {
        let len = usize::try_from(len).map_err(|_| DecodeError::new(field, DecodeErrorKind::BadLength))?;
        self.bytes(field, len)
    }

    /// One byte.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    /// A Java `short`.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn i16(&mut self, field: &'static str) -> Result<i16, DecodeError> {
        self.array(field).map(i16::from_be_bytes)
    }

    /// A Java `int`.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn i32(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        self.array(field).map(i32::from_be_bytes)
    }

    /// A Java `long`.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn i64(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        self.array(field).map(i64::from_be_bytes)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// `Truncated` if there are fewer.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (taken, rest) =
            self.rest.split_first_chunk::<N>().ok_or(DecodeError::new(field, DecodeErrorKind::Truncated))?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// Writes an encoding, or any window of it, into a caller's buffer.
///
/// The writer counts every byte but stores only those that fall into the window. An encoder is a pure function
/// of its input, so a frame larger than the buffer is written by running the encoder again with the
/// window moved on; no encoder has to know where it was interrupted.
#[derive(Debug)]
pub struct Writer<'b> {
    window: &'b mut [u8],
    /// Where the window starts in the encoding.
    skip: usize,
    position: usize,
}

impl<'b> Writer<'b> {
    /// Writes the encoding's first bytes to `buffer`.
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self::window(buffer, 0)
    }

    /// Writes the encoding's bytes from `skip` on to `buffer`.
    pub const fn window(buffer: &'b mut [u8], skip: usize) -> Self {
        Self { window: buffer, skip, position: 0 }
    }

    /// How long the encoding is so far, whether or not it was stored.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// How many bytes of the window are filled.
    pub fn filled(&self) -> usize {
        self.position.saturating_sub(self.skip).min(self.window.len())
    }

    /// Whether the whole encoding so far is stored up to its end.
    pub fn is_complete(&self) -> bool {
        self.position <= self.skip.saturating_add(self.window.len())
    }

    /// Appends `bytes`.
    pub fn put(&mut self, bytes: &[u8]) {
        let start = self.position;
        self.position = start.saturating_add(bytes.len());
        self.store(start, bytes);
    }

    /// Replaces four bytes at `position` of the encoding: a length that was not known before.
    pub fn set_u32(&mut self, position: usize, value: u32) {
        self.store(position, &value.to_be_bytes());
    }

    /// Appends one byte.
    pub fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    /// Appends a Java `short`.
    pub fn put_i16(&mut self, value: i16) {
        self.put(&value.to_be_bytes());
    }

    /// Appends a Java `int`.
    pub fn put_i32(&mut self, value: i32) {
        self.put(&value.to_be_bytes());
    }

    /// Appends a length or other unsigned word.
    pub fn put_u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    /// Appends a Java `long`.
    pub fn put_i64(&mut self, value: i64) {
        self.put(&value.to_be_bytes());
    }

    /// Appends `value` in decimal.
    pub fn put_decimal(&mut self, value: i64) {
        let mut digits = [0u8; 20];
        let mut rest = value.unsigned_abs();
        let mut used = 0usize;
        for digit in digits.iter_mut().rev() {
            // `rest % 10` is below ten, so only its lowest byte counts.
            let [low, ..] = (rest % 10).to_le_bytes();
            *digit = low.wrapping_add(b'0');
            rest /= 10;
            used = used.saturating_add(1);
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            self.put_u8(b'-');
        }
        let start = digits.len().saturating_sub(used);
        self.put(digits.get(start..).unwrap_or_default());
    }

    fn store(&mut self, start: usize, bytes: &[u8]) {
        // The usual case, a window that starts with the encoding and holds all of it, comes first.
        if self.skip == 0
            && let Some(place) = self.window.get_mut(start..).and_then(|rest| rest.get_mut(..bytes.len()))
        {
            copy(place, bytes);
            return;
        }
        let cut = self.skip.saturating_sub(start);
        let Some(bytes) = bytes.get(cut..) else { return };
        let at = start.saturating_add(cut).saturating_sub(self.skip);
        let Some(place) = self.window.get_mut(at..) else { return };
        copy(place, bytes);
    }
}

/// Copies as many bytes as both have, and returns how many. `copy_from_slice` is kept for lengths that are equal, and
/// stops the program if they are not.
pub(crate) fn copy(to: &mut [u8], from: &[u8]) -> usize {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    to.len().min(from.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn encode(w: &mut Writer<'_>) {
        let start = w.position();
        w.put_u32(0);
        w.put_decimal(i64::MIN);
        w.put(b" ");
        w.put_decimal(0);
        w.put_i16(-2);
        w.put_i64(7);
        let len = u32::try_from(w.position() - start).unwrap();
        w.set_u32(start, len);
    }

    #[test]
    fn every_window_shows_the_same_encoding() {
        let mut whole = [0u8; 64];
        let mut w = Writer::new(&mut whole);
        encode(&mut w);
        let len = w.filled();
        assert!(w.is_complete());
        assert_eq!(&whole[..len], b"\x00\x00\x00\x24-9223372036854775808 0\xff\xfe\0\0\0\0\0\0\0\x07");
        for size in 1..=len + 1 {
            let mut joined = Vec::new();
            loop {
                let mut buffer = std::vec![0u8; size];
                let mut w = Writer::window(&mut buffer, joined.len());
                encode(&mut w);
                let (filled, complete) = (w.filled(), w.is_complete());
                joined.extend_from_slice(&buffer[..filled]);
                if complete {
                    break;
                }
            }
            assert_eq!(joined, &whole[..len], "windows of {size}");
        }
    }

    #[test]
    fn reading_past_the_end_names_the_field() {
        let mut r = Reader::new(&[0, 1, 2]);
        assert_eq!(r.i16("a"), Ok(1));
        assert_eq!(r.i32("b"), Err(DecodeError::new("b", DecodeErrorKind::Truncated)));
        assert_eq!(r.counted("c", -1), Err(DecodeError::new("c", DecodeErrorKind::BadLength)));
        assert_eq!(r.bytes("d", 1), Ok(&[2][..]));
        assert!(r.is_empty());
    }
}
