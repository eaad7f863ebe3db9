//! A pull reader of JSON text: checked once as a whole, then walked without errors and without memory.
//!
//! Besides RFC 8259 it takes object keys that are bare integers (`{0:"…"}`), which name servers write, and raw
//! control characters in strings. Nothing is recursive; the depth has a limit.

use super::{DecodeError, DecodeErrorKind, Text};

/// How deep arrays and objects may nest. RocketMQ's own bodies need four.
pub const MAX_JSON_DEPTH: u32 = 32;

/// A JSON value of a text that was checked.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "JSON has six kinds of values")]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it is written.
    Number(Text<'a>),
    /// A string.
    String(Text<'a>),
    /// An array.
    Array(Container<'a>),
    /// An object.
    Object(Container<'a>),
}

/// The text of an array or object, brackets included.
#[derive(Debug, Clone, Copy)]
pub struct Container<'a>(&'a [u8]);

/// Checks `bytes` as one JSON text.
///
/// # Errors
/// For `field`: `NotUtf8`, `BadJson`, or `OverLimit` if it nests deeper than [`MAX_JSON_DEPTH`].
pub fn parse<'a>(field: &'static str, bytes: &'a [u8]) -> Result<Value<'a>, DecodeError> {
    if core::str::from_utf8(bytes).is_err() {
        return Err(DecodeError::new(field, DecodeErrorKind::NotUtf8));
    }
    let mut scanner = Scanner { rest: bytes };
    let value = scanner.value().map_err(|kind| DecodeError::new(field, kind))?;
    scanner.white_space();
    if scanner.rest.is_empty() { Ok(value) } else { Err(DecodeError::new(field, DecodeErrorKind::BadJson)) }
}

impl<'a> Value<'a> {
    /// The members if it is an object, otherwise none.
    pub fn members(&self) -> Members<'a> {
        match self {
            Self::Object(object) => object.members(),
            _ => Members { scanner: Scanner { rest: &[] } },
        }
    }

    /// The elements if it is an array, otherwise none.
    pub fn elements(&self) -> Elements<'a> {
        let rest = match self {
            Self::Array(Container(text)) => text.get(1..).unwrap_or_default(),
            _ => &[],
        };
        Elements { scanner: Scanner { rest } }
    }

    /// The member `key` of an object; of several, the last, as in Java.
    pub fn get(&self, key: &str) -> Option<Self> {
        self.members().filter(|(name, _)| *name == *key).map(|(_, value)| value).last()
    }

    /// A string's text, or a number or truth value as it is written; none for `null` and containers.
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn text(&self) -> Option<Text<'a>> {
        match self {
            Self::String(text) | Self::Number(text) => Some(*text),
            Self::Bool(true) => Some(Text::from("true")),
            Self::Bool(false) => Some(Text::from("false")),
            Self::Null | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// An integer, also one written as a string; `null` counts as `default`.
    ///
    /// # Errors
    /// `BadNumber` for `field`.
    pub fn integer<T: TryFrom<i64>>(&self, field: &'static str, default: T) -> Result<T, DecodeError> {
        match self {
            Self::Null => Ok(default),
            other => other.text().ok_or(DecodeError::new(field, DecodeErrorKind::BadNumber))?.parse(field),
        }
    }
}

impl<'a> Container<'a> {
    /// The members of an object.
    pub fn members(&self) -> Members<'a> {
        Members { scanner: Scanner { rest: self.0.get(1..).unwrap_or_default() } }
    }
}

/// The members of an object in the order they are written, repeated keys included.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    scanner: Scanner<'a>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.scanner.comma();
        let key = self.scanner.key().ok()?;
        let value = self.scanner.value().ok()?;
        Some((key, value))
    }
}

/// The elements of an array.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    scanner: Scanner<'a>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.scanner.comma();
        self.scanner.value().ok()
    }
}

/// Walks over text; what it has passed is known to be right.
#[derive(Debug, Clone)]
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn white_space(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Passes a separator if there is one.
    fn comma(&mut self) {
        self.white_space();
        if let [b',', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Passes a key and its colon.
    fn key(&mut self) -> Result<Text<'a>, DecodeErrorKind> {
        self.white_space();
        let key = match self.rest {
            [b'"', rest @ ..] => {
                self.rest = rest;
                self.string()?
            }
            [b'0'..=b'9' | b'-', ..] => Text::from_bytes(self.run(|b| b.is_ascii_digit() || b == b'-')),
            _ => return Err(DecodeErrorKind::BadJson),
        };
        self.white_space();
        let [b':', rest @ ..] = self.rest else { return Err(DecodeErrorKind::BadJson) };
        self.rest = rest;
        Ok(key)
    }

    /// Passes one value.
    fn value(&mut self) -> Result<Value<'a>, DecodeErrorKind> {
        self.white_space();
        let start = self.rest;
        match start {
            [b'{', ..] => Ok(Value::Object(Container(self.container(start)?))),
            [b'[', ..] => Ok(Value::Array(Container(self.container(start)?))),
            _ => self.scalar(),
        }
    }

    fn scalar(&mut self) -> Result<Value<'a>, DecodeErrorKind> {
        match self.rest {
            [b'"', rest @ ..] => {
                self.rest = rest;
                self.string().map(Value::String)
            }
            [b'n', b'u', b'l', b'l', rest @ ..] => {
                self.rest = rest;
                Ok(Value::Null)
            }
            [b't', b'r', b'u', b'e', rest @ ..] => {
                self.rest = rest;
                Ok(Value::Bool(true))
            }
            [b'f', b'a', b'l', b's', b'e', rest @ ..] => {
                self.rest = rest;
                Ok(Value::Bool(false))
            }
            [b'0'..=b'9' | b'-', ..] => self.number().map(Value::Number),
            _ => Err(DecodeErrorKind::BadJson),
        }
    }

    /// Passes a whole array or object and gives its text.
    fn container(&mut self, start: &'a [u8]) -> Result<&'a [u8], DecodeErrorKind> {
        let mut depth = Depth::default();
        loop {
            self.white_space();
            match self.rest {
                [open @ (b'{' | b'['), rest @ ..] => {
                    self.rest = rest;
                    depth.enter(*open == b'{')?;
                    if !self.at_close(depth.in_object()) {
                        if depth.in_object() {
                            self.key()?;
                        }
                        continue;
                    }
                }
                _ => {
                    self.scalar()?;
                }
            }
            // After a value: close what ends here, then either everything is closed or a comma follows.
            while self.at_close(depth.in_object()) {
                self.rest = self.rest.get(1..).unwrap_or_default();
                if depth.leave() == 0 {
                    let len = start.len().saturating_sub(self.rest.len());
                    return start.get(..len).ok_or(DecodeErrorKind::BadJson);
                }
            }
            let [b',', rest @ ..] = self.rest else { return Err(DecodeErrorKind::BadJson) };
            self.rest = rest;
            if depth.in_object() {
                self.key()?;
            }
        }
    }

    fn at_close(&mut self, object: bool) -> bool {
        self.white_space();
        self.rest.first() == Some(if object { &b'}' } else { &b']' })
    }

    /// Passes the rest of a string after its opening quote.
    fn string(&mut self) -> Result<Text<'a>, DecodeErrorKind> {
        let start = self.rest;
        let mut at = 0usize;
        loop {
            let rest = start.get(at..).unwrap_or_default();
            at = at.saturating_add(rest.iter().position(|&b| b == b'"' || b == b'\\').unwrap_or(rest.len()));
            match start.get(at..).unwrap_or_default() {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Ok(Text::from_json(start.get(..at).unwrap_or_default()));
                }
                [b'\\', b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|h| h.is_ascii_hexdigit()) => {
                    at = at.saturating_add(6);
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => {
                    at = at.saturating_add(2);
                }
                _ => return Err(DecodeErrorKind::BadJson),
            }
        }
    }

    fn number(&mut self) -> Result<Text<'a>, DecodeErrorKind> {
        let text = self.run(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'));
        if is_number(text) { Ok(Text::from_bytes(text)) } else { Err(DecodeErrorKind::BadJson) }
    }

    /// Passes the longest run of bytes that are `wanted`.
    fn run(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let len = self.rest.iter().position(|&b| !wanted(b)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, &[]));
        self.rest = rest;
        run
    }
}

/// RFC 8259 section 6, but for leading zeros, which fastjson takes too.
fn is_number(text: &[u8]) -> bool {
    let mut rest = after_digits(text.strip_prefix(b"-").unwrap_or(text));
    if let Some([b'.', fraction @ ..]) = rest {
        rest = after_digits(fraction);
    }
    if let Some([b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..]) = rest {
        rest = after_digits(exponent);
    }
    rest.is_some_and(<[u8]>::is_empty)
}

/// What follows one or more digits.
fn after_digits(text: &[u8]) -> Option<&[u8]> {
    let len = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    text.get(len..).filter(|_| len > 0)
}

/// Which kinds of containers are open: one bit each, the innermost lowest.
#[derive(Default)]
struct Depth {
    open: u32,
    objects: u32,
}

impl Depth {
    fn enter(&mut self, object: bool) -> Result<(), DecodeErrorKind> {
        if self.open >= MAX_JSON_DEPTH {
            return Err(DecodeErrorKind::OverLimit);
        }
        self.open = self.open.saturating_add(1);
        self.objects = self.objects << 1 | u32::from(object);
        Ok(())
    }

    const fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    const fn leave(&mut self) -> u32 {
        self.open = self.open.saturating_sub(1);
        self.objects >>= 1;
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    #[test]
    fn values_are_found_where_they_stand() {
        let text = br#" {"a":[1,-2.5e3,{"b":null}],"c":"x\"y", 0:"zero","d":true,"a":{"last":1}} "#;
        let value = parse("t", text).unwrap();
        let keys: Vec<String> = value.members().map(|(k, _)| k.to_string()).collect();
        assert_eq!(keys, ["a", "c", "0", "d", "a"]);
        assert_eq!(value.get("c").unwrap().text().unwrap(), "x\"y");
        assert_eq!(value.get("0").unwrap().text().unwrap(), "zero");
        assert_eq!(value.get("a").unwrap().get("last").unwrap().integer("n", 0), Ok(1));
        let first = value.members().next().unwrap().1;
        assert_eq!(first.elements().count(), 3);
        assert!(matches!(first.elements().nth(2).unwrap().get("b"), Some(Value::Null)));
    }

    #[test]
    fn broken_text_is_refused_whole() {
        for bad in [
            "",
            "{",
            "[",
            "{]",
            "[}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1,]",
            "[1 2]",
            "{a:1}",
            "{'a':1}",
            "nul",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "01x",
            "1.",
            "-",
            "1e",
            "[1]]",
            "{} {}",
            "{\"a\":1 \"b\":2}",
        ] {
            assert_eq!(parse("t", bad.as_bytes()).unwrap_err().kind, DecodeErrorKind::BadJson, "{bad}");
        }
        assert_eq!(parse("t", b"\"\xff\"").unwrap_err().kind, DecodeErrorKind::NotUtf8);
    }

    #[test]
    fn depth_has_a_limit_and_needs_no_stack() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(parse("t", nested(32).as_bytes()).is_ok());
        assert_eq!(parse("t", nested(33).as_bytes()).unwrap_err().kind, DecodeErrorKind::OverLimit);
        assert_eq!(
            parse("t", "[".repeat(1_000_000).as_bytes()).unwrap_err().kind,
            DecodeErrorKind::OverLimit
        );
    }

    #[test]
    fn integers_may_be_quoted() {
        let value = parse("t", br#"{"a":"7","b":8,"c":null,"d":[]}"#).unwrap();
        assert_eq!(value.get("a").unwrap().integer("a", 0), Ok(7));
        assert_eq!(value.get("b").unwrap().integer("b", 0), Ok(8));
        assert_eq!(value.get("c").unwrap().integer("c", 5), Ok(5));
        assert!(value.get("d").unwrap().integer("d", 0).is_err());
    }
}
