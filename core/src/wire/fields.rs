//! The `extFields` of a command: the strings by name that carry each request's own header.

use super::cursor::{Reader, Writer};
use super::json::{Members, Value};
use super::{DecodeError, DecodeErrorKind, Text};

/// How a header is written (`SerializeType`), the highest byte of a frame's second word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "the protocol has two")]
pub enum SerializeType {
    /// Text, the default of every client.
    #[default]
    Json,
    /// The binary form `ROCKETMQ`; its code and version have 16 bits.
    RocketMq,
}

/// The fields of a received command.
#[derive(Debug, Clone, Copy)]
pub struct ExtFields<'a> {
    source: Source<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Json(Value<'a>),
    Binary(&'a [u8]),
}

impl<'a> ExtFields<'a> {
    /// The fields of a JSON object; anything else has none.
    pub(super) const fn json(value: Value<'a>) -> Self {
        Self { source: Source::Json(value) }
    }

    /// The fields of a binary header, `len` bytes, after checking every length. As in the reference the last one may end
    /// later, but no string may be longer than `len` (`RocketMQSerializable#mapDeserialize`).
    pub(super) fn binary(reader: &mut Reader<'a>, len: usize) -> Result<Self, DecodeError> {
        let bytes = reader.rest();
        let mut taken = 0;
        while taken < len {
            let key_len = reader.i16("extFields key length")?;
            let key = reader.counted("extFields key", key_len.into())?;
            let value_len = reader.i32("extFields value length")?;
            let value = reader.counted("extFields value", value_len)?;
            if key.len() > len || value.len() > len {
                return Err(DecodeError::new("extFields length", DecodeErrorKind::BadLength));
            }
            taken = bytes.len().saturating_sub(reader.rest().len());
        }
        Ok(Self { source: Source::Binary(bytes.get(..taken).unwrap_or_default()) })
    }

    /// All fields in the order they are written. A value is `None` where Java has null: JSON `null`, or
    /// in a binary header a string without bytes.
    pub fn iter(&self) -> Fields<'a> {
        match self.source {
            Source::Json(value) => Fields::Json(value.members()),
            Source::Binary(bytes) => Fields::Binary(Reader::new(bytes)),
        }
    }

    /// The value of the field `key`; of several, the last, as in Java.
    pub fn get(&self, key: &str) -> Option<Text<'a>> {
        self.iter().filter(|(name, _)| *name == *key).last().and_then(|(_, value)| value)
    }
}

impl<'a> IntoIterator for &ExtFields<'a> {
    type Item = (Text<'a>, Option<Text<'a>>);
    type IntoIter = Fields<'a>;

    fn into_iter(self) -> Fields<'a> {
        self.iter()
    }
}

/// Iterator of [`ExtFields::iter`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fields<'a> {
    /// Of a JSON header.
    Json(Members<'a>),
    /// Of a binary header.
    Binary(Reader<'a>),
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Text<'a>, Option<Text<'a>>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Json(members) => members.next().map(|(key, value)| (key, value.text())),
            Self::Binary(reader) => {
                let len = reader.i16("").ok()?;
                let key = reader.counted("", len.into()).ok()?;
                let len = reader.i32("").ok()?;
                let value = reader.counted("", len).ok()?;
                Some((Text::from_bytes(key), (!value.is_empty()).then(|| Text::from_bytes(value))))
            }
        }
    }
}

/// Writes the fields of a command, one call a field.
#[derive(Debug)]
pub struct FieldWriter<'w, 'b> {
    pub(super) writer: &'w mut Writer<'b>,
    pub(super) serialize_type: SerializeType,
    pub(super) written: &'w mut Written,
}

/// How far the fields of a command are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Written {
    /// There is no object.
    #[default]
    Nothing,
    /// The object is open and empty.
    Open,
    /// The next field is not the first.
    Fields,
}

impl FieldWriter<'_, '_> {
    /// Opens the object, so that it is there even if it stays empty.
    pub fn open(&mut self) {
        if *self.written == Written::Nothing {
            if self.serialize_type == SerializeType::Json {
                self.writer.put(b",\"extFields\":{");
            }
            *self.written = Written::Open;
        }
    }

    /// A field of any kind.
    pub fn put(&mut self, key: &str, value: FieldValue<'_>) {
        match value {
            FieldValue::Text(text) => self.text(key, text),
            FieldValue::Int(number) => self.int(key, number),
        }
    }

    /// A text field.
    pub fn text(&mut self, key: &str, value: Text<'_>) {
        self.value(key, &mut |writer, json| {
            if json { value.write_json(writer) } else { value.write_to(writer) }
        });
    }

    /// A field made of several texts in a row.
    pub fn joined(&mut self, key: &str, values: &[Text<'_>]) {
        self.value(key, &mut |writer, json| {
            for value in values {
                if json { value.write_json(writer) } else { value.write_to(writer) }
            }
        });
    }

    /// A decimal number.
    pub fn int(&mut self, key: &str, value: i64) {
        self.value(key, &mut |writer, _| writer.put_decimal(value));
    }

    /// `true` or `false`.
    pub fn bool(&mut self, key: &str, value: bool) {
        self.text(key, Text::from(if value { "true" } else { "false" }));
    }

    /// A field whose value `put` writes; its flag says whether the value stands inside a JSON string, where quotes,
    /// backslashes and control characters must be escaped.
    pub fn value(&mut self, key: &str, put: &mut dyn FnMut(&mut Writer<'_>, bool)) {
        self.open();
        let first = core::mem::replace(self.written, Written::Fields) == Written::Open;
        match self.serialize_type {
            SerializeType::Json => {
                self.writer.put(if first { b"\"" } else { b",\"" });
                Text::from(key).write_json(self.writer);
                self.writer.put(b"\":\"");
                put(self.writer, true);
                self.writer.put_u8(b'"');
            }
            SerializeType::RocketMq => {
                self.writer.put_i16(i16::try_from(key.len()).unwrap_or(i16::MAX));
                self.writer.put(key.as_bytes());
                put_counted(self.writer, &mut |writer| put(writer, false));
            }
        }
    }
}

/// Appends a 32-bit length and then what `put` writes.
pub(super) fn put_counted(writer: &mut Writer<'_>, put: &mut dyn FnMut(&mut Writer<'_>)) {
    let at = writer.position();
    writer.put_u32(0);
    let start = writer.position();
    put(writer);
    let len = writer.position().saturating_sub(start);
    writer.set_u32(at, u32::try_from(len).unwrap_or(u32::MAX));
}

/// The value of a field that is to be written.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "the reference's headers have no other kinds")]
pub enum FieldValue<'a> {
    /// A text.
    Text(Text<'a>),
    /// A decimal number.
    Int(i64),
}

impl FieldValue<'_> {
    /// Calls `sink` with valid UTF-8 pieces that make up the value as its reader will have it.
    pub fn decode(&self, sink: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Text(text) => text.decode(sink),
            Self::Int(number) => {
                let mut digits = [0u8; 20];
                let mut writer = Writer::new(&mut digits);
                writer.put_decimal(*number);
                let len = writer.filled();
                sink(digits.get(..len).unwrap_or_default());
            }
        }
    }
}

/// A typed header field: how it is read from a text, and what is written of it.
pub trait Field<'a>: Sized {
    /// Reads the field `key`.
    ///
    /// # Errors
    /// `Missing` if it is required and absent, otherwise what is wrong with its value.
    fn read(key: &'static str, value: Option<Text<'a>>) -> Result<Self, DecodeError>;

    /// What is written, if the field is there.
    fn value(&self) -> Option<FieldValue<'a>>;
}

fn required<'a>(key: &'static str, value: Option<Text<'a>>) -> Result<Text<'a>, DecodeError> {
    value.ok_or(DecodeError::new(key, DecodeErrorKind::Missing))
}

impl<'a> Field<'a> for Text<'a> {
    fn read(key: &'static str, value: Option<Self>) -> Result<Self, DecodeError> {
        required(key, value)
    }

    fn value(&self) -> Option<FieldValue<'a>> {
        Some(FieldValue::Text(*self))
    }
}

impl<'a> Field<'a> for i32 {
    fn read(key: &'static str, value: Option<Text<'a>>) -> Result<Self, DecodeError> {
        required(key, value)?.parse(key)
    }

    fn value(&self) -> Option<FieldValue<'a>> {
        Some(FieldValue::Int((*self).into()))
    }
}

impl<'a> Field<'a> for i64 {
    fn read(key: &'static str, value: Option<Text<'a>>) -> Result<Self, DecodeError> {
        required(key, value)?.parse(key)
    }

    fn value(&self) -> Option<FieldValue<'a>> {
        Some(FieldValue::Int(*self))
    }
}

/// Anything but `true` in any case reads as false (`Boolean#parseBoolean`).
impl<'a> Field<'a> for bool {
    fn read(key: &'static str, value: Option<Text<'a>>) -> Result<Self, DecodeError> {
        let mut buffer = [0u8; 4];
        let value = required(key, value)?;
        Ok(value.decode_into(&mut buffer).is_some_and(|text| text.eq_ignore_ascii_case("true")))
    }

    fn value(&self) -> Option<FieldValue<'a>> {
        Some(FieldValue::Text(Text::from(if *self { "true" } else { "false" })))
    }
}

impl<'a, T: Field<'a>> Field<'a> for Option<T> {
    fn read(key: &'static str, value: Option<Text<'a>>) -> Result<Self, DecodeError> {
        value.map(|value| T::read(key, Some(value))).transpose()
    }

    fn value(&self) -> Option<FieldValue<'a>> {
        self.as_ref().and_then(T::value)
    }
}
