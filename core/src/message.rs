//! Messages: what a caller sends, what a broker stores, and the property strings, batches and ids between them.

pub mod batch;
pub mod compression;
pub mod id;
pub mod namespace;
pub mod properties;
pub mod stored;
pub mod sys_flag;
pub mod validate;
mod view;

pub use view::MessageView;

use core::fmt;

use self::id::MessageId;
use self::properties::{DELAY, KEYS, PropertyWriter, TAGS, UNIQ_KEY, WAIT};
use crate::wire::text::decimal;

/// A message to send, borrowed from the caller (`org.apache.rocketmq.common.message.Message`).
///
/// Its properties are what the setters below were given. A user property of the same name as one of them
/// replaces it, as the later `putProperty` does in Java; nothing is checked here, [`validate`] does that.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Message<'a> {
    topic: &'a str,
    body: &'a [u8],
    flag: i32,
    tags: Option<&'a str>,
    keys: Option<&'a str>,
    properties: &'a [(&'a str, &'a str)],
    delay_time_level: i32,
    wait_store_msg_ok: bool,
}

impl<'a> Message<'a> {
    /// A message without tags, keys and properties, flag 0, that waits until it is stored.
    pub const fn new(topic: &'a str, body: &'a [u8]) -> Self {
        Self {
            topic,
            body,
            flag: 0,
            tags: None,
            keys: None,
            properties: &[],
            delay_time_level: 0,
            wait_store_msg_ok: true,
        }
    }

    /// Sets the tag by which consumers choose.
    pub const fn with_tags(mut self, tags: &'a str) -> Self {
        self.tags = Some(tags);
        self
    }

    /// Sets the keys by which the message can be found, separated by blanks.
    pub const fn with_keys(mut self, keys: &'a str) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Sets the flag, which means what the caller wants it to.
    pub const fn with_flag(mut self, flag: i32) -> Self {
        self.flag = flag;
        self
    }

    /// Sets the user's properties.
    pub const fn with_properties(mut self, properties: &'a [(&'a str, &'a str)]) -> Self {
        self.properties = properties;
        self
    }

    /// Sets the delay level, 1 to 18 on a broker with default settings; 0 is no delay.
    pub const fn with_delay_time_level(mut self, level: i32) -> Self {
        self.delay_time_level = level;
        self
    }

    /// Sets whether the broker answers only when disk and replica have the message.
    pub const fn with_wait_store_msg_ok(mut self, wait: bool) -> Self {
        self.wait_store_msg_ok = wait;
        self
    }

    /// The topic.
    pub const fn topic(&self) -> &'a str {
        self.topic
    }

    /// The body.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The flag.
    pub const fn flag(&self) -> i32 {
        self.flag
    }

    /// The user's properties.
    pub const fn properties(&self) -> &'a [(&'a str, &'a str)] {
        self.properties
    }

    /// The tag.
    pub fn tags(&self) -> Option<&'a str> {
        self.property(TAGS).or(self.tags)
    }

    /// The keys.
    pub fn keys(&self) -> Option<&'a str> {
        self.property(KEYS).or(self.keys)
    }

    /// The delay level; 0 is none, and so is a property `DELAY` that is no number.
    pub fn delay_time_level(&self) -> i32 {
        self.property(DELAY).map_or(self.delay_time_level, |level| decimal(level).unwrap_or(0))
    }

    /// Whether the broker answers only when disk and replica have the message (`Message#isWaitStoreMsgOK`).
    pub fn wait_store_msg_ok(&self) -> bool {
        self.property(WAIT).map_or(self.wait_store_msg_ok, |wait| wait.eq_ignore_ascii_case("true"))
    }

    /// The user property `name`; of several, the last, as a reader of the property string takes it.
    pub fn property(&self, name: &str) -> Option<&'a str> {
        self.properties.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// Writes the properties. `unique_key` is left out if a user property `UNIQ_KEY` already names the message
    /// (`MessageClientIDSetter#setUniqID`).
    pub fn put_properties(&self, writer: &mut PropertyWriter<'_, '_>, unique_key: Option<&MessageId>) {
        self.put_properties_but(&|_| false, writer, unique_key);
    }

    /// The same without user properties for whose names `left_out` holds.
    pub(crate) fn put_properties_but(
        &self,
        left_out: &dyn Fn(&str) -> bool,
        writer: &mut PropertyWriter<'_, '_>,
        unique_key: Option<&MessageId>,
    ) {
        let free = |name: &str| self.property(name).is_none();
        for (name, value) in self.properties.iter().filter(|(name, _)| !left_out(name)) {
            writer.put(name, value);
        }
        if let Some(id) = unique_key.filter(|_| free(UNIQ_KEY)) {
            writer.put(UNIQ_KEY, id.encode(&mut [0; MessageId::MAX_DIGITS]));
        }
        if let Some(keys) = self.keys.filter(|_| free(KEYS)) {
            writer.put(KEYS, keys);
        }
        if let Some(tags) = self.tags.filter(|_| free(TAGS)) {
            writer.put(TAGS, tags);
        }
        if self.delay_time_level != 0 && free(DELAY) {
            writer.put_int(DELAY, self.delay_time_level.into());
        }
        if free(WAIT) {
            writer.put(WAIT, if self.wait_store_msg_ok { "true" } else { "false" });
        }
    }
}

/// CRC-32 of a body without its highest bit (`UtilAll#crc32`): the sum of stored messages and of `REGISTER_BROKER`.
pub fn crc32(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes) & 0x7fff_ffff
}

/// The whole CRC-32, for what is only ours.
#[cfg(feature = "state")]
pub(crate) fn whole_crc32(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

/// One table of 1 KiB: eight times as fast as none, and sixteen would not fit every device.
static CRC: crc::Crc<u32, crc::Table<1>> = crc::Crc::<u32, crc::Table<1>>::new(&crc::CRC_32_ISO_HDLC);

/// Something that an encoding has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct OverLimit {
    /// What is too long, by its name in the protocol.
    pub field: &'static str,
    /// How many bytes it may have.
    pub limit: usize,
}

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is longer than {} bytes", self.field, self.limit)
    }
}

impl core::error::Error for OverLimit {}

/// Whether `len` is within `limit`.
const fn within(field: &'static str, len: usize, limit: usize) -> Result<(), OverLimit> {
    if len > limit { Err(OverLimit { field, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::properties::{PropertyForm, UNIQ_KEY};
    use super::*;
    use crate::wire::cursor::Writer;
    use std::string::String;

    fn text(message: &Message<'_>, form: PropertyForm, id: Option<&MessageId>) -> String {
        let mut buffer = [0u8; 256];
        let mut writer = Writer::new(&mut buffer);
        message.put_properties(&mut PropertyWriter::new(&mut writer, form), id);
        let len = writer.filled();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    }

    #[test]
    fn properties_are_those_of_the_setters() {
        let plain = Message::new("T", b"b");
        assert_eq!(text(&plain, PropertyForm::Terminated, None), "WAIT\x01true\x02");
        assert_eq!(text(&plain, PropertyForm::Separated, None), "WAIT\x01true");
        let id = MessageId::new("10.0.0.1".parse().unwrap(), 2, 3, 4, 5);
        let message =
            plain.with_tags("t").with_keys("k1 k2").with_delay_time_level(3).with_wait_store_msg_ok(false);
        assert_eq!(
            text(&message, PropertyForm::Separated, Some(&id)),
            "UNIQ_KEY\x010A000001000200000003000000040005\x02KEYS\x01k1 k2\x02TAGS\x01t\x02DELAY\x013\x02WAIT\x01false"
        );
    }

    #[test]
    fn user_properties_come_before_what_the_setters_say() {
        let properties =
            [("DELAY", "2"), ("WAIT", "False"), (UNIQ_KEY, "mine"), ("TAGS", "t2"), ("KEYS", "k2")];
        let id = MessageId::new("::1".parse().unwrap(), 2, 3, 4, 5);
        let message = Message::new("T", b"").with_tags("t").with_keys("k").with_properties(&properties);
        assert_eq!(
            text(&message, PropertyForm::Terminated, Some(&id)),
            "DELAY\x012\x02WAIT\x01False\x02UNIQ_KEY\x01mine\x02TAGS\x01t2\x02KEYS\x01k2\x02"
        );
        assert_eq!((message.tags(), message.keys()), (Some("t2"), Some("k2")));
        assert_eq!((message.delay_time_level(), message.wait_store_msg_ok()), (2, false));
    }

    #[test]
    fn checksums_have_no_highest_bit() {
        assert_eq!(crc32(b"hi"), 0x5893_2aac);
        assert_eq!(crc32(b"hello"), 907_060_870);
        assert_eq!(crc32(b""), 0);
        // 0xcbf43926 with all its bits.
        assert_eq!(crc32(b"123456789"), 0x4bf4_3926);
    }
}
