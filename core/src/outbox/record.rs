//! What lies on the flash for a message: version, ticket, everything that goes into the request, and the body.

use core::fmt;

use heapless::Vec;
use serde::{Deserialize, Serialize};

use super::error::PushError;
use crate::message::Message;
use crate::message::id::MessageId;
use crate::message::properties::{DELAY, KEYS, TAGS, UNIQ_KEY, WAIT};

/// Most properties a message may have in an outbox, its `UNIQ_KEY` among them.
pub const MAX_PROPERTIES: usize = 16;

/// A message's place in the order of an outbox: counted up with each push, also across restarts as long as one
/// message is left. It names the message while the outbox is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ticket(pub(super) u32);

impl Ticket {
    /// That of the first message of an empty outbox, and of records that are in none yet.
    pub const FIRST: Self = Self(0);

    pub(super) const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// Whether it was given later. The numbers wrap, so it holds for messages less than 2³¹ pushes apart, more than any
    /// flash has room for.
    pub(super) const fn is_after(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() > 0
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A message of an outbox, as it was pushed, in the caller's buffer.
#[derive(Debug, Clone, Copy)]
pub struct Unsent<'b> {
    ticket: Ticket,
    /// Without its properties.
    message: Message<'b>,
    properties: [(&'b str, &'b str); MAX_PROPERTIES],
    property_count: usize,
    bytes: &'b [u8],
}

impl<'b> Unsent<'b> {
    /// Reads a record. `None` if it is none, or one of a version that is not known here.
    pub fn decode(bytes: &'b [u8]) -> Option<Self> {
        let (Head::V1(head), body) = postcard::take_from_bytes(bytes).ok()?;
        let message = Message::new(head.topic, body)
            .with_flag(head.flag)
            .with_delay_time_level(head.delay_time_level)
            .with_wait_store_msg_ok(head.wait_store_msg_ok);
        let message = head.tags.into_iter().fold(message, Message::with_tags);
        let message = head.keys.into_iter().fold(message, Message::with_keys);
        let mut properties = [("", ""); MAX_PROPERTIES];
        let property_count = head.properties.len();
        properties.get_mut(..property_count)?.copy_from_slice(&head.properties);
        Some(Self { ticket: Ticket(head.ticket), message, properties, property_count, bytes })
    }

    /// The message's name in the outbox.
    pub const fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// The message. It has its `UNIQ_KEY` as a property, which a producer keeps.
    pub fn message(&self) -> Message<'_> {
        self.message.with_properties(self.properties.get(..self.property_count).unwrap_or_default())
    }

    /// The id under which brokers and consumers see the message, however often it is sent.
    pub fn message_id(&self) -> Option<MessageId> {
        MessageId::parse(self.message().property(UNIQ_KEY)?).ok()
    }

    /// The record itself, to be decoded elsewhere.
    pub const fn as_bytes(&self) -> &'b [u8] {
        self.bytes
    }
}

/// The record of `message` in the front of `buffer`: [`Outbox::push`](super::Outbox::push) writes such ones by itself, and
/// elsewhere they are copies that need no heap. `id` becomes its `UNIQ_KEY` unless it has one.
///
/// # Errors
/// [`PushError::TooManyProperties`], [`PushError::TooLarge`].
pub fn encode<'a, 'b, E>(
    message: &Message<'a>,
    id: &MessageId,
    ticket: Ticket,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], PushError<'a, E>> {
    let limit = buffer.len();
    let too_many = PushError::TooManyProperties { limit: MAX_PROPERTIES };
    let mut digits = [0; MessageId::MAX_DIGITS];
    let Ok(mut properties) = Vec::from_slice(message.properties()) else { return Err(too_many) };
    let free = |name: &str| message.property(name).is_none();
    if free(UNIQ_KEY) && properties.push((UNIQ_KEY, id.encode(&mut digits))).is_err() {
        return Err(too_many);
    }
    let head = Head::V1(HeadV1 {
        ticket: ticket.0,
        topic: message.topic(),
        flag: message.flag(),
        tags: message.tags().filter(|_| free(TAGS)),
        keys: message.keys().filter(|_| free(KEYS)),
        delay_time_level: if free(DELAY) { message.delay_time_level() } else { 0 },
        wait_store_msg_ok: !free(WAIT) || message.wait_store_msg_ok(),
        properties,
    });
    let too_large = PushError::TooLarge { limit };
    let Ok(head) = postcard::to_slice(&head, buffer) else { return Err(too_large) };
    let start = head.len();
    let end = start.saturating_add(message.body().len());
    let Some(place) = buffer.get_mut(start..end) else { return Err(too_large) };
    place.copy_from_slice(message.body());
    Ok(buffer.get(..end).unwrap_or_default())
}

/// Most bytes of a record whose texts (topic, tag, keys, names and values of its own properties) have `text` bytes
/// together and whose body has `body`; `properties` is the number of its own properties.
pub const fn max_record_bytes(text: usize, properties: usize, body: usize) -> usize {
    // Version, ticket, flag, delay, wait and the marks of tag and keys; lengths of topic, tag and keys; the number of
    // properties; the key that is added, its name and the lengths of both.
    let fixed = 1 + 5 + 5 + 5 + 1 + 2 + 3 * LENGTH + LENGTH + 8 + MessageId::MAX_DIGITS + 2 * LENGTH;
    text.saturating_add(properties.saturating_mul(2 * LENGTH)).saturating_add(body).saturating_add(fixed)
}

/// Most bytes of the length of a text: flash queues have no records above 64 KiB.
const LENGTH: usize = 3;

/// The version of a record, as its first byte.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Head<'b> {
    #[serde(borrow)]
    V1(HeadV1<'b>),
}

/// All but the body. What the setters of [`Message`] were given stays apart from its properties, so that the
/// property string is the same in the end.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct HeadV1<'b> {
    ticket: u32,
    topic: &'b str,
    flag: i32,
    tags: Option<&'b str>,
    keys: Option<&'b str>,
    delay_time_level: i32,
    wait_store_msg_ok: bool,
    #[serde(borrow)]
    properties: Vec<(&'b str, &'b str), MAX_PROPERTIES>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::properties::{PropertyForm, PropertyWriter};
    use crate::wire::cursor::Writer;
    use core::convert::Infallible;
    use std::vec::Vec as List;

    const ID: &str = "0A000001000200000003000000040005";

    fn encoded<'a>(message: &Message<'a>, len: usize) -> Result<List<u8>, PushError<'a, Infallible>> {
        let mut buffer = std::vec![0; len];
        encode(message, &MessageId::parse(ID).unwrap(), Ticket(300), &mut buffer).map(<[u8]>::to_vec)
    }

    fn property_string(message: &Message<'_>, id: Option<&MessageId>) -> List<u8> {
        let mut buffer = [0; 512];
        let mut writer = Writer::new(&mut buffer);
        message.put_properties(&mut PropertyWriter::new(&mut writer, PropertyForm::Terminated), id);
        let len = writer.filled();
        buffer[..len].to_vec()
    }

    #[test]
    fn a_message_comes_back_as_it_would_have_been_sent() {
        let own = [("a", "1"), ("KEYS", "k2"), ("DELAY", "2")];
        let keyed = [(UNIQ_KEY, "0A0000010002000000030000000400FF"), ("WAIT", "false"), ("TAGS", "p")];
        let plain = Message::new("Topic", b"body");
        for message in [
            plain,
            plain.with_tags("t").with_keys("k1 k2").with_flag(-7).with_delay_time_level(3),
            plain.with_wait_store_msg_ok(false),
            plain.with_properties(&own).with_keys("k1").with_tags("t"),
            plain.with_properties(&keyed).with_tags("t").with_wait_store_msg_ok(true),
            Message::new("T", b""),
        ] {
            let record = encoded(&message, 256).unwrap();
            let unsent = Unsent::decode(&record).unwrap();
            let back = unsent.message();
            assert_eq!(
                (back.topic(), back.body(), back.flag()),
                (message.topic(), message.body(), message.flag())
            );
            assert_eq!((unsent.ticket(), unsent.as_bytes()), (Ticket(300), &record[..]));
            let id = MessageId::parse(ID).unwrap();
            let key = message.property(UNIQ_KEY).map_or(id, |key| MessageId::parse(key).unwrap());
            assert_eq!(unsent.message_id(), Some(key));
            assert_eq!(property_string(&back, None), property_string(&message, Some(&id)));
            let texts = [message.topic()].into_iter().chain(message.tags()).chain(message.keys());
            let texts = texts.chain(message.properties().iter().flat_map(|(name, value)| [*name, *value]));
            let text = texts.map(str::len).sum();
            assert!(record.len() <= max_record_bytes(text, message.properties().len(), message.body().len()));
        }
    }

    #[test]
    fn a_record_has_limits() {
        let message = Message::new("Topic", b"body");
        let least = encoded(&message, 256).unwrap().len();
        assert!(encoded(&message, least).is_ok());
        for limit in 0..least {
            assert_eq!(encoded(&message, limit).unwrap_err(), PushError::TooLarge { limit });
        }
        let many = [("name", "value"); MAX_PROPERTIES];
        let error = encoded(&message.with_properties(&many), 1024).unwrap_err();
        assert_eq!(error, PushError::TooManyProperties { limit: MAX_PROPERTIES });
        assert!(encoded(&message.with_properties(&many[1..]), 1024).is_ok());
        let keyed: List<_> = many[1..].iter().copied().chain([(UNIQ_KEY, ID)]).collect();
        assert!(encoded(&message.with_properties(&keyed), 1024).is_ok());
    }

    #[test]
    fn what_is_no_record_is_not_read() {
        let record = encoded(&Message::new("Topic", b"body"), 256).unwrap();
        let head = record.len() - 4;
        for end in 0..head {
            assert!(Unsent::decode(&record[..end]).is_none(), "{end}");
        }
        assert!(Unsent::decode(&[&[1], &record[1..]].concat()).is_none());
        assert!(Unsent::decode(&[0xff; 64]).is_none());
    }

    #[test]
    fn tickets_wrap() {
        assert!(Ticket(u32::MAX).next().is_after(Ticket(u32::MAX)));
        assert!(!Ticket(5).is_after(Ticket(5)));
        assert!(!Ticket(4).is_after(Ticket(5)));
    }
}
