//! The layout of a stored message: of the commit log, of pull responses and of `CHECK_TRANSACTION_STATE`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::properties::{MAX_PROPERTIES_BYTES, Properties};
use super::sys_flag::{BORN_HOST_V6, STORE_HOST_V6};
use super::{OverLimit, within};
use crate::wire::cursor::{Reader, Writer};
use crate::wire::{DecodeError, DecodeErrorKind};

/// Magic of the first version, which every client reads.
pub const MAGIC_V1: i32 = -626_843_481;
/// Magic of the second version, whose topic length has two bytes. 4.9 and Go clients misread it, so it is
/// never written.
pub const MAGIC_V2: i32 = -626_843_477;

/// Bytes of a record beside body, topic and properties, both hosts being IPv4.
pub const FIXED_BYTES: usize = 91;
/// Bytes that an IPv6 host takes more than an IPv4 host.
pub const V6_EXTRA_BYTES: usize = 12;
/// Longest topic a record of the first version has room for.
pub const MAX_TOPIC_BYTES: usize = 127;

/// Where the magic stands in a record.
pub const MAGIC_AT: usize = 4;
/// Where the queue offset stands in a record, eight bytes.
pub const QUEUE_OFFSET_AT: usize = 20;
/// Where the physical offset stands in a record, eight bytes.
pub const PHYSICAL_OFFSET_AT: usize = 28;

/// A stored message (`MessageExt`), borrowed from its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredMessage<'a> {
    /// The queue.
    pub queue_id: i32,
    /// The user's flag.
    pub flag: i32,
    /// Place in the queue.
    pub queue_offset: i64,
    /// Place in the commit log.
    pub physical_offset: i64,
    /// [`sys_flag`](super::sys_flag) bits. Those of the hosts follow from the hosts when it is encoded.
    pub sys_flag: i32,
    /// The sender's wall clock in milliseconds.
    pub born_timestamp: i64,
    /// The sender.
    pub born_host: SocketAddr,
    /// The broker's wall clock in milliseconds.
    pub store_timestamp: i64,
    /// The broker, at the address clients reach it.
    pub store_host: SocketAddr,
    /// How often a consumer has failed with it.
    pub reconsume_times: i32,
    /// Where the half message of a committed one stands, else 0.
    pub prepared_transaction_offset: i64,
    /// Checksum of the body, see [`crc32`](super::crc32).
    pub body_crc: u32,
    /// The body as it was sent, still compressed if [`COMPRESSED`](super::sys_flag::COMPRESSED) is set.
    pub body: &'a [u8],
    /// The topic.
    pub topic: &'a str,
    /// The property string.
    pub properties: &'a [u8],
}

impl<'a> StoredMessage<'a> {
    /// Reads the record at the front of `bytes` and gives its size (`MessageDecoder#decode`). The fields must
    /// fill that size exactly; Java takes a record whose size is wrong.
    ///
    /// # Errors
    /// Names the field that is wrong.
    pub fn decode(bytes: &'a [u8]) -> Result<(Self, usize), DecodeError> {
        let size = record_size(bytes)?.ok_or(DecodeError::new("totalSize", DecodeErrorKind::Truncated))?;
        let record = bytes.get(..size).ok_or(DecodeError::new("record", DecodeErrorKind::Truncated))?;
        let mut reader = Reader::new(record);
        reader.i32("totalSize")?;
        let magic = reader.i32("magicCode")?;
        if magic != MAGIC_V1 && magic != MAGIC_V2 {
            return Err(DecodeError::new("magicCode", DecodeErrorKind::Unknown));
        }
        let body_crc = reader.i32("bodyCRC")?.cast_unsigned();
        let queue_id = reader.i32("queueId")?;
        let flag = reader.i32("flag")?;
        let queue_offset = reader.i64("queueOffset")?;
        let physical_offset = reader.i64("physicalOffset")?;
        let sys_flag = reader.i32("sysFlag")?;
        let message = Self {
            queue_id,
            flag,
            queue_offset,
            physical_offset,
            sys_flag,
            body_crc,
            born_timestamp: reader.i64("bornTimestamp")?,
            born_host: host(&mut reader, "bornHost", sys_flag & BORN_HOST_V6 != 0)?,
            store_timestamp: reader.i64("storeTimestamp")?,
            store_host: host(&mut reader, "storeHost", sys_flag & STORE_HOST_V6 != 0)?,
            reconsume_times: reader.i32("reconsumeTimes")?,
            prepared_transaction_offset: reader.i64("preparedTransactionOffset")?,
            body: counted(&mut reader, "body", Reader::i32)?,
            topic: topic(&mut reader, magic)?,
            properties: counted(&mut reader, "properties", |reader, field| reader.i16(field).map(i32::from))?,
        };
        if reader.is_empty() { Ok((message, size)) } else { Err(bad_length("totalSize")) }
    }

    /// As [`decode`](Self::decode), and checks the body by `crc`, which is [`crc32`](super::crc32) or a faster one.
    ///
    /// # Errors
    /// Names the field that is wrong: `body` with `BadChecksum` if the sum differs.
    pub fn decode_checked(bytes: &'a [u8], crc: fn(&[u8]) -> u32) -> Result<(Self, usize), DecodeError> {
        let (message, size) = Self::decode(bytes)?;
        // Java does not look at the sum of a body that is empty.
        if message.body.is_empty() || crc(message.body) == message.body_crc {
            Ok((message, size))
        } else {
            Err(DecodeError::new("body", DecodeErrorKind::BadChecksum))
        }
    }

    /// Its numbers and hosts, without body, topic and properties.
    pub const fn head(&self) -> StoredMessage<'static> {
        StoredMessage {
            queue_id: self.queue_id,
            flag: self.flag,
            queue_offset: self.queue_offset,
            physical_offset: self.physical_offset,
            sys_flag: self.sys_flag,
            born_timestamp: self.born_timestamp,
            born_host: self.born_host,
            store_timestamp: self.store_timestamp,
            store_host: self.store_host,
            reconsume_times: self.reconsume_times,
            prepared_transaction_offset: self.prepared_transaction_offset,
            body_crc: self.body_crc,
            body: b"",
            topic: "",
            properties: b"",
        }
    }

    /// The size of the record.
    pub const fn encoded_len(&self) -> usize {
        let len = FIXED_BYTES
            .saturating_add(self.body.len())
            .saturating_add(self.topic.len())
            .saturating_add(self.properties.len());
        let born = if self.born_host.is_ipv6() { V6_EXTRA_BYTES } else { 0 };
        let store = if self.store_host.is_ipv6() { V6_EXTRA_BYTES } else { 0 };
        len.saturating_add(born).saturating_add(store)
    }

    /// Writes the record in the first version of the layout (`MessageExtEncoder`).
    ///
    /// # Errors
    /// For `topic`, `properties` or `body` if the layout has no room for it; nothing was written then.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), OverLimit> {
        within("topic", self.topic.len(), MAX_TOPIC_BYTES)?;
        within("properties", self.properties.len(), MAX_PROPERTIES_BYTES)?;
        let size = u32::try_from(self.encoded_len()).ok().filter(|size| *size <= i32::MAX.cast_unsigned());
        let size = size.ok_or(OverLimit { field: "body", limit: MAX_BODY_BYTES })?;
        writer.put_u32(size);
        writer.put_i32(MAGIC_V1);
        writer.put_u32(self.body_crc);
        writer.put_i32(self.queue_id);
        writer.put_i32(self.flag);
        writer.put_i64(self.queue_offset);
        writer.put_i64(self.physical_offset);
        writer.put_i32(self.encoded_sys_flag());
        writer.put_i64(self.born_timestamp);
        put_host(writer, self.born_host);
        writer.put_i64(self.store_timestamp);
        put_host(writer, self.store_host);
        writer.put_i32(self.reconsume_times);
        writer.put_i64(self.prepared_transaction_offset);
        writer.put_u32(u32::try_from(self.body.len()).unwrap_or(u32::MAX));
        writer.put(self.body);
        writer.put_u8(u8::try_from(self.topic.len()).unwrap_or(u8::MAX));
        writer.put(self.topic.as_bytes());
        writer.put_i16(i16::try_from(self.properties.len()).unwrap_or(i16::MAX));
        writer.put(self.properties);
        Ok(())
    }

    /// The properties.
    pub const fn properties(&self) -> Properties<'a> {
        Properties::new(self.properties)
    }

    const fn encoded_sys_flag(&self) -> i32 {
        let born = if self.born_host.is_ipv6() { BORN_HOST_V6 } else { 0 };
        let store = if self.store_host.is_ipv6() { STORE_HOST_V6 } else { 0 };
        self.sys_flag & !(BORN_HOST_V6 | STORE_HOST_V6) | born | store
    }
}

/// The size of the record that `bytes` begin with, if four bytes are there to tell. Whether the record is whole, or
/// even begins here, [`StoredMessage::decode`] has to find out.
///
/// # Errors
/// `BadLength` for `totalSize` if no record is that small.
pub fn record_size(bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
    let Some(size) = bytes.first_chunk::<4>() else { return Ok(None) };
    match usize::try_from(i32::from_be_bytes(*size)) {
        Ok(size) if size >= FIXED_BYTES => Ok(Some(size)),
        _ => Err(bad_length("totalSize")),
    }
}

const fn bad_length(field: &'static str) -> DecodeError {
    DecodeError::new(field, DecodeErrorKind::BadLength)
}

/// A field and the length before it, which `length` reads.
fn counted<'a>(
    reader: &mut Reader<'a>,
    field: &'static str,
    length: impl Fn(&mut Reader<'a>, &'static str) -> Result<i32, DecodeError>,
) -> Result<&'a [u8], DecodeError> {
    let len = length(reader, field)?;
    reader.counted(field, len)
}

fn topic<'a>(reader: &mut Reader<'a>, magic: i32) -> Result<&'a str, DecodeError> {
    let bytes = counted(reader, "topic", |reader, field| {
        if magic == MAGIC_V2 {
            return reader.i16(field).map(i32::from);
        }
        // A Java `byte`, so 128 and more are below zero.
        reader.u8(field).map(|len| len.cast_signed().into())
    })?;
    core::str::from_utf8(bytes).map_err(|_| DecodeError::new("topic", DecodeErrorKind::NotUtf8))
}

fn host(reader: &mut Reader<'_>, field: &'static str, v6: bool) -> Result<SocketAddr, DecodeError> {
    let ip = if v6 {
        IpAddr::V6(Ipv6Addr::from(reader.array(field)?))
    } else {
        IpAddr::V4(Ipv4Addr::from(reader.array::<4>(field)?))
    };
    let port = u16::try_from(reader.i32(field)?);
    Ok(SocketAddr::new(ip, port.map_err(|_| DecodeError::new(field, DecodeErrorKind::BadNumber))?))
}

/// Address and port, the port as a Java `int`.
pub(super) fn put_host(writer: &mut Writer<'_>, host: SocketAddr) {
    match host.ip() {
        IpAddr::V4(ip) => writer.put(&ip.octets()),
        IpAddr::V6(ip) => writer.put(&ip.octets()),
    }
    writer.put_u32(host.port().into());
}

/// A body that leaves room for the longest topic, properties and hosts within a Java `int`.
const MAX_BODY_BYTES: usize =
    0x7fff_ffff - 2 * V6_EXTRA_BYTES - FIXED_BYTES - MAX_TOPIC_BYTES - MAX_PROPERTIES_BYTES;

#[cfg(test)]
mod tests {
    use super::super::crc32;
    use super::*;
    use std::vec::Vec;

    /// A record that the reference's clients of both lines read.
    const RECORD: &[u8] = b"\0\0\0\x65\xda\xa3\x20\xa7\x58\x93\x2a\xac\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x01\x8b\xcf\xe5\x68\0\x0a\0\0\x01\0\0\xc3\x50\0\0\x01\x8b\xcf\xe5\x68\x7b\x7f\0\0\x01\0\0\x2a\x9f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02hi\x01T\0\x07TAGS\x01A\x02";

    fn message() -> StoredMessage<'static> {
        StoredMessage {
            queue_id: 3,
            flag: 0,
            queue_offset: 5,
            physical_offset: 1024,
            sys_flag: 0,
            born_timestamp: 1_700_000_000_000,
            born_host: "10.0.0.1:50000".parse().unwrap(),
            store_timestamp: 1_700_000_000_123,
            store_host: "127.0.0.1:10911".parse().unwrap(),
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body_crc: crc32(b"hi"),
            body: b"hi",
            topic: "T",
            properties: b"TAGS\x01A\x02",
        }
    }

    fn encoded(message: &StoredMessage<'_>) -> Vec<u8> {
        let mut buffer = std::vec![0u8; message.encoded_len() + 1];
        let mut writer = Writer::new(&mut buffer);
        message.encode(&mut writer).unwrap();
        assert_eq!(writer.position(), message.encoded_len());
        let len = writer.filled();
        buffer.truncate(len);
        buffer
    }

    #[test]
    fn the_reference_record_is_read_and_written() {
        assert_eq!(encoded(&message()), RECORD);
        assert_eq!(StoredMessage::decode_checked(RECORD, crc32), Ok((message(), RECORD.len())));
        assert_eq!(RECORD[QUEUE_OFFSET_AT..PHYSICAL_OFFSET_AT], 5i64.to_be_bytes());
        assert_eq!(RECORD[PHYSICAL_OFFSET_AT..PHYSICAL_OFFSET_AT + 8], 1024i64.to_be_bytes());
        assert_eq!(RECORD[MAGIC_AT..MAGIC_AT + 4], MAGIC_V1.to_be_bytes());
        assert_eq!(message().properties().get("TAGS").unwrap(), "A");
    }

    #[test]
    fn hosts_set_their_bits() {
        let v6 =
            StoredMessage { born_host: "[::1]:1".parse().unwrap(), sys_flag: STORE_HOST_V6 | 1, ..message() };
        let bytes = encoded(&v6);
        let (read, size) = StoredMessage::decode(&bytes).unwrap();
        assert_eq!(size, FIXED_BYTES + V6_EXTRA_BYTES + 10);
        assert_eq!(read, StoredMessage { sys_flag: BORN_HOST_V6 | 1, ..v6 });
    }

    #[test]
    fn the_second_version_is_read() {
        let mut record = RECORD.to_vec();
        (record[3], record[7]) = (0x66, 0xab);
        record.insert(90, 0);
        assert_eq!(StoredMessage::decode_checked(&record, crc32), Ok((message(), record.len())));
        record[90] = 0x80;
        assert_eq!(StoredMessage::decode(&record).unwrap_err(), bad_length("topic"));
    }

    #[test]
    fn records_that_contradict_themselves_are_refused() {
        let error = |at: usize, byte: u8| {
            let mut record = RECORD.to_vec();
            record[at] = byte;
            let error = StoredMessage::decode_checked(&record, crc32).unwrap_err();
            (error.field, error.kind)
        };
        assert_eq!(error(3, 0x66), ("record", DecodeErrorKind::Truncated));
        assert_eq!(error(3, 0x64), ("properties", DecodeErrorKind::Truncated));
        assert_eq!(error(3, 90), ("totalSize", DecodeErrorKind::BadLength));
        assert_eq!(error(0, 0x80), ("totalSize", DecodeErrorKind::BadLength));
        assert_eq!(error(7, 0xa8), ("magicCode", DecodeErrorKind::Unknown));
        assert_eq!(error(8, 0), ("body", DecodeErrorKind::BadChecksum));
        assert_eq!(error(53, 1), ("bornHost", DecodeErrorKind::BadNumber));
        assert_eq!(error(84, 0xff), ("body", DecodeErrorKind::BadLength));
        assert_eq!(error(90, 0x80), ("topic", DecodeErrorKind::BadLength));
        assert_eq!(error(91, 0xff), ("topic", DecodeErrorKind::NotUtf8));
        assert_eq!(error(93, 6), ("totalSize", DecodeErrorKind::BadLength));
        assert_eq!(record_size(&RECORD[..3]), Ok(None));
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        let (topic, properties) = ("t".repeat(128), std::vec![b'p'; 32_768]);
        let mut buffer = [0u8; 8];
        let mut writer = Writer::new(&mut buffer);
        let long = StoredMessage { topic: &topic, ..message() };
        assert_eq!(long.encode(&mut writer), Err(OverLimit { field: "topic", limit: 127 }));
        let long = StoredMessage { properties: &properties, ..message() };
        assert_eq!(long.encode(&mut writer), Err(OverLimit { field: "properties", limit: 32_767 }));
        assert_eq!(writer.position(), 0);
    }
}
