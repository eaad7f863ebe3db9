//! A string as it stands in a frame: plain UTF-8, or JSON with its escapes.

use core::cmp::Ordering;
use core::fmt;

use heapless::string::StringView;

use super::cursor::Writer;
use super::{DecodeError, DecodeErrorKind};

/// A borrowed string of a frame, decoded while it is read.
///
/// JSON escapes are resolved and bytes that are not UTF-8 become U+FFFD, as in Java; neither needs memory.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Text<'a> {
    /// No characters.
    pub const EMPTY: Self = Self { raw: &[], escaped: false };

    /// The bytes of a binary header's string.
    pub const fn from_bytes(raw: &'a [u8]) -> Self {
        Self { raw, escaped: false }
    }

    /// What stands between the quotes of a JSON string that was checked.
    pub(super) fn from_json(raw: &'a [u8]) -> Self {
        Self { raw, escaped: raw.contains(&b'\\') }
    }

    /// Whether there are no characters.
    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Length in bytes of the decoded text.
    pub fn len(&self) -> usize {
        if let Some(text) = self.as_str() {
            return text.len();
        }
        let mut len = 0usize;
        self.decode(&mut |piece| len = len.saturating_add(piece.len()));
        len
    }

    /// The text itself if it stands in the frame as it is.
    pub fn as_str(&self) -> Option<&'a str> {
        if self.escaped { None } else { core::str::from_utf8(self.raw).ok() }
    }

    /// Appends the decoded text.
    pub fn write_to(&self, writer: &mut Writer<'_>) {
        self.decode(&mut |piece| writer.put(piece));
    }

    /// Appends the text as the inside of a JSON string.
    pub fn write_json(&self, writer: &mut Writer<'_>) {
        if self.escaped {
            writer.put(self.raw);
        } else {
            self.decode(&mut |piece| put_escaped(writer, piece));
        }
    }

    /// Appends the decoded text to `string`, whole or not at all.
    ///
    /// # Errors
    /// `OverLimit` for `field` if it does not fit.
    pub fn copy_to(&self, field: &'static str, string: &mut StringView) -> Result<(), DecodeError> {
        let too_long = DecodeError::new(field, DecodeErrorKind::OverLimit);
        if self.len() > string.capacity().saturating_sub(string.len()) {
            return Err(too_long);
        }
        let mut result = Ok(());
        self.decode(&mut |piece| {
            let piece = core::str::from_utf8(piece).unwrap_or_default();
            result = result.and(string.push_str(piece).map_err(|_| too_long));
        });
        result
    }

    /// The decoded text at the front of `buffer`, if it fits.
    pub fn decode_into<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b str> {
        let mut writer = Writer::new(buffer);
        self.write_to(&mut writer);
        let len = writer.position();
        core::str::from_utf8(buffer.get(..len)?).ok()
    }

    /// The text as a decimal number.
    ///
    /// # Errors
    /// `BadNumber` for `field`.
    pub fn parse<T: TryFrom<i64>>(&self, field: &'static str) -> Result<T, DecodeError> {
        let mut digits = [0u8; 24];
        self.decode_into(&mut digits)
            .and_then(decimal)
            .ok_or(DecodeError::new(field, DecodeErrorKind::BadNumber))
    }

    /// The order of the characters, whatever the form.
    pub fn order(&self, other: &Text<'_>) -> Ordering {
        self.chars().cmp(other.chars())
    }

    /// The text before the first `separator`, and the text after it if there is one. The separator must be a
    /// character that JSON never escapes.
    pub fn split(&self, separator: char) -> (Self, Option<Self>) {
        let part = |raw| Self { raw, escaped: self.escaped };
        let at = self.raw.iter().position(|&byte| char::from(byte) == separator);
        let Some((before, after)) = at.and_then(|at| self.raw.split_at_checked(at)) else {
            return (*self, None);
        };
        (part(before), after.get(1..).map(part))
    }

    /// The text without the `separator`s at its end, which must be a character that JSON never escapes.
    #[must_use]
    pub fn trim_end(&self, separator: char) -> Self {
        let mut raw = self.raw;
        while let [rest @ .., last] = raw
            && char::from(*last) == separator
        {
            raw = rest;
        }
        Self { raw, escaped: self.escaped }
    }

    /// The decoded characters.
    pub const fn chars(&self) -> Chars<'a> {
        Chars { rest: self.raw, escaped: self.escaped }
    }

    /// Calls `sink` with valid UTF-8 pieces that make up the decoded text.
    pub fn decode(&self, sink: &mut dyn FnMut(&[u8])) {
        let mut rest = self.raw;
        let escape_at = |rest: &[u8]| rest.iter().position(|&byte| self.escaped && byte == b'\\');
        while let Some(at) = escape_at(rest) {
            let (plain, escape) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            lossy(plain, sink);
            let (char, after) = unescape(escape);
            sink(char.encode_utf8(&mut [0; 4]).as_bytes());
            rest = after;
        }
        lossy(rest, sink);
    }
}

/// Iterator of [`Text::chars`].
#[derive(Debug, Clone)]
pub struct Chars<'a> {
    rest: &'a [u8],
    escaped: bool,
}

impl Iterator for Chars<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        if self.escaped && self.rest.first() == Some(&b'\\') {
            let (char, rest) = unescape(self.rest);
            self.rest = rest;
            return Some(char);
        }
        // No character is longer than four bytes.
        let front = self.rest.get(..self.rest.len().min(4)).unwrap_or_default();
        let (valid, invalid) = valid_front(front);
        let (char, len) = match valid.chars().next() {
            Some(char) => (char, char.len_utf8()),
            None if invalid > 0 => (char::REPLACEMENT_CHARACTER, invalid),
            None => return None,
        };
        self.rest = self.rest.get(len..).unwrap_or_default();
        Some(char)
    }
}

/// Valid UTF-8 pieces of `bytes`, what is wrong replaced by U+FFFD.
fn lossy(bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (valid, invalid) = valid_front(rest);
        sink(valid.as_bytes());
        if invalid > 0 {
            sink("\u{fffd}".as_bytes());
        }
        rest = rest.get(valid.len().saturating_add(invalid)..).unwrap_or_default();
    }
}

/// The UTF-8 at the front of `bytes`, and how many bytes after it are a sequence that is none. It takes no more than
/// `from_utf8`, where `utf8_chunks` would be a second decoder in the firmware.
fn valid_front(bytes: &[u8]) -> (&str, usize) {
    let error = match core::str::from_utf8(bytes) {
        Ok(text) => return (text, 0),
        Err(error) => error,
    };
    let (valid, rest) = bytes.split_at_checked(error.valid_up_to()).unwrap_or_default();
    (core::str::from_utf8(valid).unwrap_or_default(), error.error_len().unwrap_or(rest.len()))
}

/// The character of the escape at the start of `bytes`, and what follows it. Half a surrogate pair gives U+FFFD.
fn unescape(bytes: &[u8]) -> (char, &[u8]) {
    let (kind, rest) = match bytes {
        [b'\\', kind, rest @ ..] => (*kind, rest),
        _ => return (char::REPLACEMENT_CHARACTER, &[]),
    };
    let plain = match kind {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unescape_unicode(rest),
        other => char::from(other),
    };
    (plain, rest)
}

fn unescape_unicode(bytes: &[u8]) -> (char, &[u8]) {
    let Some((high, rest)) = hex4(bytes) else { return (char::REPLACEMENT_CHARACTER, &[]) };
    if let Some(char) = char::from_u32(high) {
        return (char, rest);
    }
    let low = rest.strip_prefix(b"\\u").and_then(hex4);
    let pair =
        low.filter(|(low, _)| high < 0xdc00 && (0xdc00..0xe000).contains(low)).and_then(|(low, rest)| {
            let bits = (high & 0x3ff) << 10 | (low & 0x3ff);
            Some((char::from_u32(bits.wrapping_add(0x1_0000))?, rest))
        });
    pair.unwrap_or((char::REPLACEMENT_CHARACTER, rest))
}

fn hex4(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = bytes.split_first_chunk::<4>()?;
    let mut value = 0u32;
    for digit in digits {
        value = value << 4 | char::from(*digit).to_digit(16)?;
    }
    Some((value, rest))
}

/// Appends UTF-8 with what JSON needs escaped and nothing else, the way fastjson2 does.
fn put_escaped(writer: &mut Writer<'_>, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&b| needs_escape(b)) {
        let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        writer.put(plain);
        let Some((&byte, after)) = special.split_first() else { return };
        match byte {
            b'"' => writer.put(b"\\\""),
            b'\\' => writer.put(b"\\\\"),
            b'\n' => writer.put(b"\\n"),
            b'\r' => writer.put(b"\\r"),
            b'\t' => writer.put(b"\\t"),
            0x08 => writer.put(b"\\b"),
            0x0c => writer.put(b"\\f"),
            other => {
                let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
                writer.put(b"\\u00");
                writer.put(digit(other >> 4).encode_utf8(&mut [0; 4]).as_bytes());
                writer.put(digit(other & 0xf).encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        rest = after;
    }
    writer.put(rest);
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::from_bytes(text.as_bytes())
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        if !self.escaped && (self.raw == other.as_bytes() || self.raw.is_ascii()) {
            return self.raw == other.as_bytes();
        }
        let mut rest = Some(other.as_bytes());
        self.decode(&mut |piece| rest = rest.and_then(|rest| rest.strip_prefix(piece)));
        rest.is_some_and(<[u8]>::is_empty)
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.decode(&mut |piece| {
            result = result.and_then(|()| f.write_str(core::str::from_utf8(piece).unwrap_or_default()));
        });
        result
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// A decimal number within the range of `T`. Numbers of all widths share one parser, for devices.
pub(crate) fn decimal<T: TryFrom<i64>>(text: &str) -> Option<T> {
    text.parse::<i64>().ok().and_then(|number| T::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn escapes_are_resolved() {
        let text = Text::from_json(br#"a\u0001\"\u4f60\ud83d\ude00\/\b\ud83dx"#);
        assert_eq!(text.to_string(), "a\u{1}\"你😀/\u{8}\u{fffd}x");
        assert_eq!(text, "a\u{1}\"你😀/\u{8}\u{fffd}x");
        assert!(text != "a");
        assert_eq!(text.len(), text.to_string().len());
        assert_eq!(text.chars().collect::<std::string::String>(), text.to_string());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        let text = Text::from_bytes(b"a\xffb");
        assert_eq!(text.to_string(), "a\u{fffd}b");
        assert_eq!(text.as_str(), None);
        assert_eq!(text.chars().collect::<std::string::String>(), "a\u{fffd}b");
    }

    #[test]
    fn escaping_and_reading_back_agree() {
        let original: std::string::String = (0u8..=0x7f).map(char::from).chain("é标😀".chars()).collect();
        let mut buffer = [0u8; 1024];
        let mut writer = Writer::new(&mut buffer);
        Text::from(original.as_str()).write_json(&mut writer);
        let len = writer.filled();
        assert_eq!(Text::from_json(&buffer[..len]).to_string(), original);
    }

    #[test]
    fn numbers_parse_whole_or_not() {
        assert_eq!(Text::from("-12").parse::<i32>("n"), Ok(-12));
        for bad in ["", "x", "1x", "2147483648", "123456789012345678901234567890"] {
            assert!(Text::from(bad).parse::<i32>("n").is_err(), "{bad}");
        }
    }
}
