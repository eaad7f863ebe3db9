//! The two ids of a message: the sender's [`MessageId`] and the broker's [`OffsetMessageId`].

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::stored::put_host;
use crate::wire::cursor::{Reader, Writer};
use crate::wire::{DecodeError, DecodeErrorKind};

/// The id that a sender gives a message, the property `UNIQ_KEY` (`MessageClientIDSetter`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    ip: IpAddr,
    process: u16,
    loader: u32,
    since_month_start: u32,
    counter: u16,
}

impl MessageId {
    /// Digits of the longest id, that of an IPv6 host. With IPv4 there are 32.
    pub const MAX_DIGITS: usize = 56;

    /// An id of these parts; [`MessageIdGenerator`] makes them.
    pub const fn new(ip: IpAddr, process: u16, loader: u32, since_month_start: u32, counter: u16) -> Self {
        Self { ip, process, loader, since_month_start, counter }
    }

    /// Reads 32 or 56 hexadecimal digits.
    ///
    /// # Errors
    /// For `UNIQ_KEY`: `BadLength`, or `BadNumber` if there is another character.
    pub fn parse(text: &str) -> Result<Self, DecodeError> {
        let mut bytes = [0u8; Self::MAX_DIGITS / 2];
        let mut reader = Reader::new(unhex("UNIQ_KEY", text, &mut bytes)?);
        Ok(Self {
            ip: read_ip(&mut reader, text)?,
            process: u16::from_be_bytes(reader.array("UNIQ_KEY")?),
            loader: u32::from_be_bytes(reader.array("UNIQ_KEY")?),
            since_month_start: u32::from_be_bytes(reader.array("UNIQ_KEY")?),
            counter: u16::from_be_bytes(reader.array("UNIQ_KEY")?),
        })
    }

    /// The sender's address (`MessageClientIDSetter#getIPStrFromID`).
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// The low 16 bits of the sender's process id (`MessageClientIDSetter#getPidFromID`).
    pub const fn process(&self) -> u16 {
        self.process
    }

    /// The hash code of the sender's class loader, or what stands for it.
    pub const fn loader(&self) -> u32 {
        self.loader
    }

    /// Milliseconds since the start of the month.
    pub const fn since_month_start(&self) -> u32 {
        self.since_month_start
    }

    /// The low 16 bits of the number of ids the sender had made before.
    pub const fn counter(&self) -> u16 {
        self.counter
    }

    /// The id that its sender makes `count` ids later, in the same millisecond.
    #[must_use]
    pub const fn following(self, count: usize) -> Self {
        // Only the low 16 bits of the count are part of an id.
        let [.., high, low] = count.to_be_bytes();
        Self { counter: self.counter.wrapping_add(u16::from_be_bytes([high, low])), ..self }
    }

    /// The digits, upper case, in `buffer`.
    pub fn encode<'b>(&self, buffer: &'b mut [u8; Self::MAX_DIGITS]) -> &'b str {
        let mut bytes = [0u8; Self::MAX_DIGITS / 2];
        hex(self.bytes(&mut bytes), buffer)
    }

    /// Appends the digits.
    pub fn write_to(&self, writer: &mut Writer<'_>) {
        writer.put(self.encode(&mut [0; Self::MAX_DIGITS]).as_bytes());
    }

    fn bytes<'b>(&self, buffer: &'b mut [u8]) -> &'b [u8] {
        let mut writer = Writer::new(buffer);
        match self.ip {
            IpAddr::V4(ip) => writer.put(&ip.octets()),
            IpAddr::V6(ip) => writer.put(&ip.octets()),
        }
        writer.put(&self.process.to_be_bytes());
        writer.put_u32(self.loader);
        writer.put_u32(self.since_month_start);
        writer.put(&self.counter.to_be_bytes());
        let len = writer.filled();
        buffer.get(..len).unwrap_or_default()
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encode(&mut [0; Self::MAX_DIGITS]))
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for MessageId {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.encode(&mut [0; Self::MAX_DIGITS]));
    }
}

/// Makes the ids of one sender (`MessageClientIDSetter#createUniqID`).
///
/// Two senders make different ids as long as they differ in one of the three fields; a device without
/// processes can take any constants. Java counts from the start of the month in its local time zone, here it is
/// UTC, for there is no zone to ask for; nobody computes with it.
#[derive(Debug, Clone)]
pub struct MessageIdGenerator {
    /// The sender's address.
    pub ip: IpAddr,
    /// Low 16 bits of the process id.
    pub process: u16,
    /// Any number that is the process's own; Java takes a hash code.
    pub loader: u32,
    /// How many ids were made, modulo 65536.
    pub counter: u16,
}

impl MessageIdGenerator {
    /// A sender that has made no ids yet.
    pub const fn new(ip: IpAddr, process: u16, loader: u32) -> Self {
        Self { ip, process, loader, counter: 0 }
    }

    /// The first of `count` ids in a row; the others are [`MessageId::following`] it.
    pub fn next_of(&mut self, now_unix_millis: i64, count: usize) -> MessageId {
        let id = self.next(now_unix_millis);
        self.counter = id.following(count).counter;
        id
    }

    /// The next id, at the given wall clock time in milliseconds since 1970.
    pub fn next(&mut self, now_unix_millis: i64) -> MessageId {
        let since = id_time(since_month_start(now_unix_millis).into());
        let id = MessageId::new(self.ip, self.process, self.loader, since, self.counter);
        self.counter = self.counter.wrapping_add(1);
        id
    }
}

/// The time of an id, from the milliseconds since the start of the month that the sender holds to be the current one:
/// cut to 32 bits, and 0 for a clock that was set back a little (`MessageClientIDSetter#createUniqID`).
pub const fn id_time(since_month_start: i64) -> u32 {
    let [.., a, b, c, d] = since_month_start.to_be_bytes();
    let time = i32::from_be_bytes([a, b, c, d]);
    if time < 0 && time > -1_000_000 { 0 } else { time.cast_unsigned() }
}

/// Milliseconds since the first of the month, 00:00 UTC, in the Gregorian calendar. A time before 1970 counts as its first.
fn since_month_start(unix_millis: i64) -> u32 {
    let unix_millis = u64::try_from(unix_millis).unwrap_or(0);
    let day = day_of_month(narrow(unix_millis / DAY_MILLIS % DAYS_IN_400_YEARS));
    // At most 30 days, which 32 bits hold.
    day.wrapping_mul(narrow(DAY_MILLIS)).wrapping_add(narrow(unix_millis % DAY_MILLIS))
}

/// A number known to have no more than 32 bits, in which a microcontroller divides at once.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The day of the month, from 0, of a day counted from 1970-01-01. Years are taken to start in March, so
/// that the leap day is their last; the calendar repeats after 400 of them.
#[expect(clippy::arithmetic_side_effects, reason = "the days are less than 400 years")]
const fn day_of_month(unix_day: u32) -> u32 {
    let day = (unix_day + DAYS_FROM_MARCH_1600) % 146_097;
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    // March to July and August to December have the same five lengths, 153 days; January and February begin a third.
    let month = (5 * day_of_year + 2) / 153;
    day_of_year - (153 * month + 2) / 5
}

const DAY_MILLIS: u64 = 86_400_000;
const DAYS_IN_400_YEARS: u64 = 146_097;
const DAYS_FROM_MARCH_1600: u32 = 135_080;

/// The id that a broker gives a stored message: where it is and at which broker (`MessageDecoder#createMessageId`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OffsetMessageId {
    /// The broker.
    pub store_host: SocketAddr,
    /// Place in its commit log.
    pub physical_offset: i64,
}

impl OffsetMessageId {
    /// Digits of the longest id, that of an IPv6 host. With IPv4 there are 32.
    pub const MAX_DIGITS: usize = 56;

    /// Reads 32 or 56 hexadecimal digits (`MessageDecoder#decodeMessageId`).
    ///
    /// # Errors
    /// For `msgId`: `BadLength`, or `BadNumber` if there is another character or a port above 65535. Java
    /// reads a number into any character.
    pub fn parse(text: &str) -> Result<Self, DecodeError> {
        let mut bytes = [0u8; Self::MAX_DIGITS / 2];
        let mut reader = Reader::new(unhex("msgId", text, &mut bytes)?);
        let ip = read_ip(&mut reader, text)?;
        let port = u16::try_from(reader.i32("msgId")?);
        let port = port.map_err(|_| DecodeError::new("msgId", DecodeErrorKind::BadNumber))?;
        Ok(Self { store_host: SocketAddr::new(ip, port), physical_offset: reader.i64("msgId")? })
    }

    /// The digits, upper case, in `buffer`.
    pub fn encode<'b>(&self, buffer: &'b mut [u8; Self::MAX_DIGITS]) -> &'b str {
        let mut bytes = [0u8; Self::MAX_DIGITS / 2];
        let mut writer = Writer::new(&mut bytes);
        put_host(&mut writer, self.store_host);
        writer.put_i64(self.physical_offset);
        let len = writer.filled();
        hex(bytes.get(..len).unwrap_or_default(), buffer)
    }

    /// Appends the digits.
    pub fn write_to(&self, writer: &mut Writer<'_>) {
        writer.put(self.encode(&mut [0; Self::MAX_DIGITS]).as_bytes());
    }
}

impl fmt::Display for OffsetMessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encode(&mut [0; Self::MAX_DIGITS]))
    }
}

impl fmt::Debug for OffsetMessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for OffsetMessageId {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.encode(&mut [0; Self::MAX_DIGITS]));
    }
}

/// The address at the front of an id; the number of digits says of which kind it is.
fn read_ip(reader: &mut Reader<'_>, text: &str) -> Result<IpAddr, DecodeError> {
    Ok(if text.len() == V4_DIGITS {
        IpAddr::V4(Ipv4Addr::from(reader.array::<4>("ip")?))
    } else {
        IpAddr::V6(Ipv6Addr::from(reader.array::<16>("ip")?))
    })
}

const V4_DIGITS: usize = 32;

/// The bytes of an id of either length.
fn unhex<'b>(field: &'static str, text: &str, buffer: &'b mut [u8]) -> Result<&'b [u8], DecodeError> {
    if text.len() != V4_DIGITS && text.len() != MessageId::MAX_DIGITS {
        return Err(DecodeError::new(field, DecodeErrorKind::BadLength));
    }
    let bad = DecodeError::new(field, DecodeErrorKind::BadNumber);
    let digit =
        |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(bad);
    for (byte, pair) in buffer.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return Err(bad) };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Ok(buffer.get(..text.len() / 2).unwrap_or_default())
}

/// The digits of `bytes`, upper case (`UtilAll#bytes2string`).
fn hex<'b>(bytes: &[u8], buffer: &'b mut [u8]) -> &'b str {
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    for (pair, byte) in buffer.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            (*high, *low) = (digit(byte >> 4), digit(byte & 0xf));
        }
    }
    let digits = buffer.get(..bytes.len().saturating_mul(2)).unwrap_or_default();
    core::str::from_utf8(digits).unwrap_or_default()
}

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn the_id_of_an_ipv4_host_has_32_digits() {
        let id = MessageId::new("201.127.93.185".parse().unwrap(), 60064, 777_595_004, 86_400_000, 0);
        assert_eq!(id.to_string(), "C97F5DB9EAA02E59287C05265C000000");
        assert_eq!(MessageId::parse(&id.to_string()), Ok(id));
        assert_eq!((id.process(), id.loader()), (60064, 777_595_004));
        assert_eq!((id.since_month_start(), id.counter()), (86_400_000, 0));
    }

    #[test]
    fn the_id_of_an_ipv6_host_has_56_digits() {
        let id = MessageId::new("fd00::2".parse().unwrap(), 0x44b5, 0x3094_6e09, 0x6f0c_fc5d, 0);
        assert_eq!(id.to_string(), "FD00000000000000000000000000000244B530946E096F0CFC5D0000");
        assert_eq!(MessageId::parse(&id.to_string()), Ok(id));
    }

    #[test]
    fn ids_count_from_the_start_of_the_month_in_utc() {
        let mut generator = MessageIdGenerator::new("10.0.0.1".parse().unwrap(), 1, 2);
        generator.counter = u16::MAX;
        // 2024-02-29T12:34:56.789Z
        let id = generator.next(1_709_210_096_789);
        let millis = ((28 * 24 + 12) * 60 + 34) * 60_000 + 56_789;
        assert_eq!((id.since_month_start(), id.counter()), (millis, u16::MAX));
        // 2024-03-01T00:00:00Z
        let id = generator.next(1_709_251_200_000);
        assert_eq!((id.since_month_start(), id.counter()), (0, 0));
    }

    #[test]
    fn every_day_of_six_hundred_years_is_in_its_month() {
        let (mut year, mut month, mut day) = (1970, 0, 0);
        for unix_day in 0..600 * 365 {
            assert_eq!(day_of_month(unix_day), day, "{year}-{month}");
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            day += 1;
            if day == days[month] {
                (day, month) = (0, (month + 1) % 12);
                year += i32::from(month == 0);
            }
        }
        assert_eq!((since_month_start(-1), since_month_start(i64::MIN)), (0, 0));
        assert!(u64::from(since_month_start(i64::MAX)) < 31 * DAY_MILLIS);
    }

    #[test]
    fn a_clock_set_back_a_little_counts_as_the_start() {
        assert_eq!(id_time(-999_999), 0);
        assert_eq!(id_time(-1_000_000), 0xfff0_bdc0);
        assert_eq!(id_time(2_677_869_892), 2_677_869_892);
        assert_eq!(id_time(0x1_0000_0001), 1);
    }

    #[test]
    fn offset_ids_name_broker_and_place() {
        for (host, text) in [
            ("127.0.0.1:10911", "7F00000100002A9F0000000000000400"),
            ("[fd00::1]:1", "FD000000000000000000000000000001000000010000000000000400"),
        ] {
            let id = OffsetMessageId { store_host: host.parse().unwrap(), physical_offset: 1024 };
            assert_eq!(id.to_string(), text);
            assert_eq!(OffsetMessageId::parse(text), Ok(id));
            assert_eq!(OffsetMessageId::parse(&text.to_lowercase()), Ok(id));
        }
    }

    #[test]
    fn broken_ids_are_refused() {
        let kind = |text: &str| OffsetMessageId::parse(text).unwrap_err().kind;
        assert_eq!(kind(""), DecodeErrorKind::BadLength);
        assert_eq!(kind("7F00000100002A9F00000000000004"), DecodeErrorKind::BadLength);
        assert_eq!(kind("7F00000100002A9F000000000000040x"), DecodeErrorKind::BadNumber);
        assert_eq!(kind("7F000001000100000000000000000400"), DecodeErrorKind::BadNumber);
        assert_eq!(kind("7F00000100002A9F00000000000004é"), DecodeErrorKind::BadNumber);
        assert_eq!(MessageId::parse("x").unwrap_err().kind, DecodeErrorKind::BadLength);
    }
}
