//! The property string, `name 0x01 value 0x02 …`, and the names that clients and brokers act on.
//!
//! Nothing is escaped, so neither a name nor a value can hold the two separators.

use core::fmt;

use crate::wire::Text;
use crate::wire::cursor::Writer;

/// Between a name and its value (`MessageDecoder.NAME_VALUE_SEPARATOR`).
pub const NAME_VALUE_SEPARATOR: u8 = 1;
/// Between two properties (`MessageDecoder.PROPERTY_SEPARATOR`).
pub const PROPERTY_SEPARATOR: u8 = 2;
/// Longest property string a record has room for.
pub const MAX_PROPERTIES_BYTES: usize = 32_767;

/// A view of a property string.
#[derive(Debug, Clone, Copy)]
pub struct Properties<'a>(&'a [u8]);

impl<'a> Properties<'a> {
    /// Views `bytes`; there is no string that cannot be read.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Names and values in the order they are written. Left out is what Java leaves out: properties without
    /// separator, name or value (`MessageDecoder#string2messageProperties`).
    pub const fn iter(&self) -> Iter<'a> {
        Iter { rest: self.0 }
    }

    /// The value of `name`; of several, the last, as in Java.
    pub fn get(&self, name: &str) -> Option<Text<'a>> {
        self.iter().filter(|(key, _)| *key == *name).last().map(|(_, value)| value)
    }
}

impl<'a> IntoIterator for &Properties<'a> {
    type Item = (Text<'a>, Text<'a>);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Iterator of [`Properties::iter`].
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Text<'a>, Text<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (piece, rest) = split(self.rest, PROPERTY_SEPARATOR).unwrap_or((self.rest, &[]));
            self.rest = rest;
            if let Some((name, value)) = split(piece, NAME_VALUE_SEPARATOR)
                && !name.is_empty()
                && !value.is_empty()
            {
                return Some((Text::from_bytes(name), Text::from_bytes(value)));
            }
        }
        None
    }
}

/// What stands before the first `separator` and after it.
fn split(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == separator)?;
    let (before, after) = bytes.split_at_checked(at)?;
    Some((before, after.get(1..)?))
}

/// How a property string ends. Every reader takes both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "there is a last separator or there is none")]
pub enum PropertyForm {
    /// Each property ends with a separator, as clients write since 5.2.0.
    #[default]
    Terminated,
    /// No separator after the last property, as older clients write.
    Separated,
}

/// Writes a property string, one call a property. Any pair is taken; [`check_user_property`] is the gate for users.
#[derive(Debug)]
pub struct PropertyWriter<'w, 'b> {
    writer: &'w mut Writer<'b>,
    form: PropertyForm,
    /// Whether it stands inside a JSON string.
    json: bool,
    /// Whether the last property still lacks its separator.
    unterminated: bool,
}

impl<'w, 'b> PropertyWriter<'w, 'b> {
    /// Writes the bytes of the string.
    pub const fn new(writer: &'w mut Writer<'b>, form: PropertyForm) -> Self {
        Self { writer, form, json: false, unterminated: false }
    }

    /// Writes the inside of a field's value as [`FieldWriter::value`] wants it: escaped if `json`.
    ///
    /// [`FieldWriter::value`]: crate::wire::fields::FieldWriter::value
    pub const fn in_field(writer: &'w mut Writer<'b>, json: bool, form: PropertyForm) -> Self {
        Self { writer, form, json, unterminated: false }
    }

    /// Appends a property.
    pub fn put(&mut self, name: &str, value: &str) {
        self.put_text(name.into(), value.into());
    }

    /// Appends a property whose value is a decimal number.
    pub fn put_int(&mut self, name: &str, value: i64) {
        let mut digits = [0u8; 20];
        let mut writer = Writer::new(&mut digits);
        writer.put_decimal(value);
        let len = writer.filled();
        self.put_text(name.into(), Text::from_bytes(digits.get(..len).unwrap_or_default()));
    }

    /// Appends a property as it was read elsewhere.
    pub fn put_text(&mut self, name: Text<'_>, value: Text<'_>) {
        self.terminate();
        self.text(name);
        self.text(Text::from_bytes(&[NAME_VALUE_SEPARATOR]));
        self.text(value);
        self.unterminated = true;
        if self.form == PropertyForm::Terminated {
            self.terminate();
        }
    }

    /// Appends a whole property string of either form; what is put next is separated from it.
    pub fn put_string(&mut self, string: Text<'_>) {
        if let Some(last) = string.chars().last() {
            self.terminate();
            self.text(string);
            self.unterminated = last != char::from(PROPERTY_SEPARATOR);
        }
    }

    fn terminate(&mut self) {
        if self.unterminated {
            self.text(Text::from_bytes(&[PROPERTY_SEPARATOR]));
            self.unterminated = false;
        }
    }

    fn text(&mut self, text: Text<'_>) {
        if self.json { text.write_json(self.writer) } else { text.write_to(self.writer) }
    }
}

/// Whether a user may set this property (`Message#putUserProperty`).
///
/// # Errors
/// [`PropertyError`] says why not. Java lets the separators pass and then misreads the property.
pub fn check_user_property<'a>(name: &'a str, value: &str) -> Result<(), PropertyError<'a>> {
    let error = |kind| Err(PropertyError { name, kind });
    // `String#trim` cuts everything up to the blank.
    let blank = |text: &str| text.chars().all(|c| c <= ' ');
    let separated =
        |text: &str| text.bytes().any(|byte| byte == NAME_VALUE_SEPARATOR || byte == PROPERTY_SEPARATOR);
    match () {
        () if separated(name) || separated(value) => error(PropertyErrorKind::Separator),
        () if RESERVED.contains(&name) => error(PropertyErrorKind::Reserved),
        () if blank(name) || blank(value) => error(PropertyErrorKind::Blank),
        () => Ok(()),
    }
}

/// A property that a user may not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PropertyError<'a> {
    /// The property's name.
    pub name: &'a str,
    /// Why not.
    pub kind: PropertyErrorKind,
}

/// Why a user may not set a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PropertyErrorKind {
    /// The name means something to clients and brokers.
    Reserved,
    /// The name or the value is empty or blank.
    Blank,
    /// The name or the value holds one of the two separators.
    Separator,
    /// The name wants a number.
    NotANumber,
}

impl fmt::Display for PropertyError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            PropertyErrorKind::Reserved => {
                write!(f, "The Property<{}> is used by system, input another please", self.name)
            }
            PropertyErrorKind::Blank => {
                f.write_str("The name or value of property can not be null or blank string!")
            }
            PropertyErrorKind::Separator => {
                write!(f, "The Property<{}> holds a separator, 0x01 or 0x02", self.name.escape_debug())
            }
            PropertyErrorKind::NotANumber => write!(f, "The Property<{}> is not a number", self.name),
        }
    }
}

impl core::error::Error for PropertyError<'_> {}

macro_rules! names {
    (
        reserved { $($(#[$doc:meta])* $name:ident = $value:literal,)* }
        free { $($(#[$free_doc:meta])* $free:ident = $free_value:literal,)* }
    ) => {
        $($(#[$doc])* pub const $name: &str = $value;)*
        $($(#[$free_doc])* pub const $free: &str = $free_value;)*

        /// Names that users may not set (`MessageConst.STRING_HASH_SET` of 5.4.0).
        const RESERVED: &[&str] = &[$($name,)*];
    };
}

names! {
    reserved {
        /// Keys to find the message by, separated by blanks.
        KEYS = "KEYS",
        /// The tag that consumers choose by.
        TAGS = "TAGS",
        /// `false`: the broker need not wait for disk and replica.
        WAIT = "WAIT",
        /// Delay level.
        DELAY = "DELAY",
        /// The buyer, for units.
        BUYER_ID = "BUYER_ID",
        /// The namespace's instance.
        INSTANCE_ID = "INSTANCE_ID",
        /// The sender's id of the message, [`MessageId`](super::id::MessageId).
        UNIQ_KEY = "UNIQ_KEY",
        /// More about the identity (5.x).
        EXTEND_UNIQ_INFO = "EXTEND_UNIQ_INFO",
        /// The first offset message id of a message that was sent back.
        ORIGIN_MESSAGE_ID = "ORIGIN_MESSAGE_ID",
        /// The broker's cluster.
        CLUSTER = "CLUSTER",
        /// The topic of a message that was sent back.
        RETRY_TOPIC = "RETRY_TOPIC",
        /// The topic of a message that waits under another.
        REAL_TOPIC = "REAL_TOPIC",
        /// The queue of a message that waits under another.
        REAL_QID = "REAL_QID",
        /// Carries the header's `reconsumeTimes` in a client.
        RECONSUME_TIME = "RECONSUME_TIME",
        /// Carries the header's `maxReconsumeTimes` in a client.
        MAX_RECONSUME_TIMES = "MAX_RECONSUME_TIMES",
        /// When a consumer began with it.
        CONSUME_START_TIME = "CONSUME_START_TIME",
        /// `true`: a half message.
        TRAN_MSG = "TRAN_MSG",
        /// The group that is asked how a transaction ended.
        PGROUP = "PGROUP",
        /// The queue offset of an earlier half message.
        TRAN_PREPARED_QUEUE_OFFSET = "TRAN_PREPARED_QUEUE_OFFSET",
        /// The queue's first offset, set by a consumer.
        MIN_OFFSET = "MIN_OFFSET",
        /// The queue's end, set by a consumer.
        MAX_OFFSET = "MAX_OFFSET",
        /// The broker's region.
        MSG_REGION = "MSG_REGION",
        /// Whether consumers should trace.
        TRACE_ON = "TRACE_ON",
        /// Kept for other products.
        TRANSFER_FLAG = "TRANSFER_FLAG",
        /// Kept for other products.
        CORRECTION_FLAG = "CORRECTION_FLAG",
        /// Kept for other products.
        MQ2_FLAG = "MQ2_FLAG",
        /// Joins a reply to its request.
        CORRELATION_ID = "CORRELATION_ID",
        /// The client that waits for the reply.
        REPLY_TO_CLIENT = "REPLY_TO_CLIENT",
        /// How long the requester waits.
        TTL = "TTL",
        /// When a reply arrived.
        ARRIVE_TIME = "ARRIVE_TIME",
        /// When a reply was pushed.
        PUSH_REPLY_TIME = "PUSH_REPLY_TIME",
        /// `reply` for replies.
        MSG_TYPE = "MSG_TYPE",
        /// The offsets in light queues.
        INNER_MULTI_QUEUE_OFFSET = "INNER_MULTI_QUEUE_OFFSET",
        /// Deliver after so many seconds (5.x).
        TIMER_DELAY_SEC = "TIMER_DELAY_SEC",
        /// Deliver after so many milliseconds (5.x).
        TIMER_DELAY_MS = "TIMER_DELAY_MS",
        /// Deliver at this time (5.x).
        TIMER_DELIVER_MS = "TIMER_DELIVER_MS",
        /// When a timer message was queued (5.x).
        TIMER_ENQUEUE_MS = "TIMER_ENQUEUE_MS",
        /// When a timer message was taken out (5.x).
        TIMER_DEQUEUE_MS = "TIMER_DEQUEUE_MS",
        /// How often a timer message was put back (5.x).
        TIMER_ROLL_TIMES = "TIMER_ROLL_TIMES",
        /// When a timer message is due (5.x).
        TIMER_OUT_MS = "TIMER_OUT_MS",
        /// The timer message to take back (5.x).
        TIMER_DEL_UNIQKEY = "TIMER_DEL_UNIQKEY",
        /// The delay level a timer came from (5.x).
        TIMER_DELAY_LEVEL = "TIMER_DELAY_LEVEL",
        /// Receipt of a pop (5.x).
        POP_CK = "POP_CK",
        /// Receipt's offset (5.x).
        POP_CK_OFFSET = "POP_CK_OFFSET",
        /// When it was first popped (5.x).
        FIRST_POP_TIME = "1ST_POP_TIME",
        /// Marks a copy (5.x).
        DUP_INFO = "DUP_INFO",
        /// Where it was born, of another product's message (5.x).
        BORN_HOST = "__BORNHOST",
        /// When it was born, of another product's message (5.x).
        BORN_TIMESTAMP = "BORN_TIMESTAMP",
        /// The topic of a message that failed for good (5.x).
        DLQ_ORIGIN_TOPIC = "DLQ_ORIGIN_TOPIC",
        /// The offset message id of a message that failed for good (5.x).
        DLQ_ORIGIN_MESSAGE_ID = "DLQ_ORIGIN_MESSAGE_ID",
        /// Checksum of the whole record (5.x).
        CRC32 = "__CRC32#",
    }
    free {
        /// What orders messages.
        SHARDING_KEY = "__SHARDINGKEY",
        /// How often a half message was checked.
        TRANSACTION_CHECK_TIMES = "TRANSACTION_CHECK_TIMES",
        /// Seconds before a half message is checked.
        CHECK_IMMUNITY_TIME_IN_SECONDS = "CHECK_IMMUNITY_TIME_IN_SECONDS",
        /// The transaction's id.
        TRANSACTION_ID = "__transactionId__",
        /// Light queues the message goes to.
        INNER_MULTI_DISPATCH = "INNER_MULTI_DISPATCH",
        /// Messages in an inner batch (5.x).
        INNER_NUM = "INNER_NUM",
        /// First offset of an inner batch (5.x).
        INNER_BASE = "INNER_BASE",
        /// The tracer's context (5.x).
        TRACE_CONTEXT = "TRACE_CONTEXT",
        /// The queue a message is passed on to (5.x).
        FORWARD_QUEUE_ID = "PROPERTY_FORWARD_QUEUE_ID",
        /// Whether it was passed on (5.x).
        REDIRECT = "REDIRECT",
        /// Names that begin so are not stored (5.x).
        TRANSIENT_PREFIX = "__RMQ.TRANSIENT.",
    }
}

#[cfg(test)]
#[path = "properties_tests.rs"]
mod tests;
