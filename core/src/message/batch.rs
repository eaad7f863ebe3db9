//! The body of a batch: its messages one after another, without count or padding (`MessageDecoder#encodeMessages`).

use super::id::MessageId;
use super::properties::{MAX_PROPERTIES_BYTES, Properties, PropertyForm, PropertyWriter};
use super::{Message, OverLimit, within};
use crate::wire::cursor::{Reader, Writer};
use crate::wire::{DecodeError, DecodeErrorKind};

/// Bytes of an entry beside its body and properties.
pub const FIXED_BYTES: usize = 22;
/// Largest body that leaves the size of its entry within a Java `int`.
pub const MAX_BODY_BYTES: usize = 0x7fff_ffff - FIXED_BYTES - MAX_PROPERTIES_BYTES;

/// One message of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The user's flag.
    pub flag: i32,
    /// The body.
    pub body: &'a [u8],
    /// The property string.
    pub properties: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The size of the entry.
    pub const fn encoded_len(&self) -> usize {
        entry_len(self.body.len(), self.properties.len())
    }

    /// Writes the entry.
    ///
    /// # Errors
    /// For `body` or `properties` if the layout has no room for it; nothing was written then.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), OverLimit> {
        put_front(writer, self.flag, self.body, self.properties.len())?;
        writer.put(self.properties);
        Ok(())
    }

    /// The properties.
    pub const fn properties(&self) -> Properties<'a> {
        Properties::new(self.properties)
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let size = reader.i32("totalSize")?;
        let rest = usize::try_from(size).ok().and_then(|size| size.checked_sub(4));
        let rest = rest.ok_or(DecodeError::new("totalSize", DecodeErrorKind::BadLength))?;
        let mut reader = Reader::new(reader.bytes("entry", rest)?);
        reader.i32("magicCode")?;
        reader.i32("bodyCRC")?;
        let flag = reader.i32("flag")?;
        let len = reader.i32("body length")?;
        let body = reader.counted("body", len)?;
        let len = reader.i16("properties length")?;
        let properties = reader.counted("properties", len.into())?;
        if reader.is_empty() {
            Ok(Self { flag, body, properties })
        } else {
            Err(DecodeError::new("totalSize", DecodeErrorKind::BadLength))
        }
    }
}

/// Writes `message` as an entry, with `id` as its `UNIQ_KEY` unless it has one of its own.
///
/// # Errors
/// For `body` or `properties` if the layout has no room for it; nothing was written then.
pub fn put_message(
    writer: &mut Writer<'_>,
    message: &Message<'_>,
    id: &MessageId,
    form: PropertyForm,
) -> Result<(), OverLimit> {
    let put = |writer: &mut Writer<'_>| {
        message.put_properties(&mut PropertyWriter::new(writer, form), Some(id));
    };
    let mut measure = Writer::new(&mut []);
    put(&mut measure);
    put_front(writer, message.flag(), message.body(), measure.position())?;
    put(writer);
    Ok(())
}

/// Writes what precedes the property string of an entry.
fn put_front(
    writer: &mut Writer<'_>,
    flag: i32,
    body: &[u8],
    properties_len: usize,
) -> Result<(), OverLimit> {
    within("body", body.len(), MAX_BODY_BYTES)?;
    within("properties", properties_len, MAX_PROPERTIES_BYTES)?;
    writer.put_u32(u32::try_from(entry_len(body.len(), properties_len)).unwrap_or(u32::MAX));
    // Magic and checksum, which the broker fills in for itself.
    writer.put_i64(0);
    writer.put_i32(flag);
    writer.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
    writer.put(body);
    writer.put_i16(i16::try_from(properties_len).unwrap_or(i16::MAX));
    Ok(())
}

/// The size of an entry with a body and a property string of these lengths.
pub const fn entry_len(body: usize, properties: usize) -> usize {
    FIXED_BYTES.saturating_add(body).saturating_add(properties)
}

/// The messages of the batch `body` in order. Nothing follows an error.
pub const fn entries(body: &[u8]) -> Entries<'_> {
    Entries { reader: Reader::new(body) }
}

/// Iterator of [`entries`].
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let entry = Entry::read(&mut self.reader);
        if entry.is_err() {
            self.reader = Reader::new(&[]);
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const BATCH: &[u8] = b"\0\0\0\x1b\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\x02hi\0\x03k\x01v\0\0\0\x16\0\0\0\0\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0";

    #[test]
    fn entries_written_are_the_entries_read() {
        let first = Entry { flag: 7, body: b"hi", properties: b"k\x01v" };
        let second = Entry { flag: -1, body: b"", properties: b"" };
        let mut buffer = [0u8; 64];
        let mut writer = Writer::new(&mut buffer);
        first.encode(&mut writer).unwrap();
        assert_eq!(writer.position(), first.encoded_len());
        second.encode(&mut writer).unwrap();
        let len = writer.filled();
        assert_eq!(&buffer[..len], BATCH);
        assert_eq!(entries(BATCH).collect::<Vec<_>>(), [Ok(first), Ok(second)]);
        assert_eq!(first.properties().get("k").unwrap(), "v");
        assert!(entries(b"").next().is_none());
    }

    #[test]
    fn broken_entries_end_the_batch() {
        let error = |at: usize, byte: u8| {
            let mut batch = BATCH.to_vec();
            batch[at] = byte;
            let mut entries = entries(&batch).skip_while(Result::is_ok);
            let error = entries.next().unwrap().unwrap_err();
            assert!(entries.next().is_none());
            (error.field, error.kind)
        };
        assert_eq!(error(0, 0x80), ("totalSize", DecodeErrorKind::BadLength));
        assert_eq!(error(3, 3), ("totalSize", DecodeErrorKind::BadLength));
        assert_eq!(error(3, 0x1c), ("totalSize", DecodeErrorKind::BadLength));
        assert_eq!(error(3, 0x1a), ("properties", DecodeErrorKind::Truncated));
        assert_eq!(error(0, 1), ("entry", DecodeErrorKind::Truncated));
        assert_eq!(error(16, 0xff), ("body", DecodeErrorKind::BadLength));
        assert_eq!(error(22, 0xff), ("properties", DecodeErrorKind::BadLength));
    }

    #[test]
    fn properties_have_a_limit() {
        let long = std::vec![b'p'; 32_768];
        let entry = Entry { flag: 0, body: b"", properties: &long };
        let mut writer = Writer::new(&mut []);
        assert_eq!(entry.encode(&mut writer).unwrap_err().field, "properties");
    }
}
