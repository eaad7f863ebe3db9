//! The property string of a message: what it asks for, and what is stored of it.

use rocketlite_core::message::id::MessageId;
use rocketlite_core::message::properties::{
    CLUSTER, DELAY, MSG_REGION, POP_CK, Properties, PropertyForm, PropertyWriter, TAGS, TIMER_DELAY_MS,
    TIMER_DELAY_SEC, TIMER_DELIVER_MS, TRACE_ON, TRAN_MSG, UNIQ_KEY, WAIT,
};
use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::cursor::Writer;

use super::overrides::Overrides;
use crate::broker::MAX_LEVEL;
use crate::config::{BrokerConfig, max_properties};
use crate::filter::tags_code;
use crate::outgoing::Remark;
use crate::receive::Refusal;

/// Copies a property string out of its header to the front of `memory` and returns its length.
pub(super) fn copy(text: Text<'_>, memory: &mut [u8]) -> Result<usize, Refusal> {
    let mut writer = Writer::new(memory);
    text.write_to(&mut writer);
    if writer.is_complete() { Ok(writer.position()) } else { Err(too_long()) }
}

/// Body or properties are longer than they may be (`SendMessageProcessor#handlePutMessageResult`).
pub(super) const fn too_long() -> Refusal {
    Refusal::new(ResponseCode::MESSAGE_ILLEGAL, Remark::TooLong)
}

/// What properties ask the broker for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Special {
    /// It is a half message.
    pub(super) transaction: bool,
    pub(super) delay: Delay,
    pub(super) has_unique_key: bool,
    /// Its sender does not want to wait for the disk (`MessageConst.PROPERTY_WAIT_STORE_MSG_OK`).
    pub(super) answers_at_once: bool,
    /// The hash of its tag, 0 without one.
    pub(super) tags_code: i32,
}

/// When a message is to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Delay {
    /// At once.
    #[default]
    Now,
    /// After the time of this level, from 1 to [`MAX_LEVEL`].
    Level(i32),
    /// At a time of its own.
    Timer,
    /// `DELAY` is no number.
    Unreadable,
}

impl Delay {
    /// The delay for a value of `DELAY` (`HookUtils#transformDelayLevelMessage`).
    pub(super) fn of_level(level: i32) -> Self {
        if level > 0 { Self::Level(level.min(MAX_LEVEL)) } else { Self::Now }
    }

    /// The level, 0 without delay.
    pub(super) fn level(self) -> Result<i32, Refusal> {
        let refused = |text| Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, Remark::Plain(text)));
        match self {
            Self::Now => Ok(0),
            Self::Level(level) => Ok(level),
            // Delivering at once what should come later would be worse than to refuse it.
            Self::Timer => refused("timers are not supported by this broker, only the levels of DELAY"),
            Self::Unreadable => refused("DELAY is not a number"),
        }
    }
}

impl Special {
    pub(super) fn of(properties: &Properties<'_>) -> Self {
        let (mut special, mut timer) = (Self::default(), false);
        for (name, value) in properties {
            match name.as_str() {
                // Of several the last counts.
                Some(DELAY) => {
                    special.delay = value.parse(DELAY).map_or(Delay::Unreadable, Delay::of_level);
                }
                Some(TRAN_MSG) => {
                    special.transaction =
                        value.as_str().is_some_and(|value| value.eq_ignore_ascii_case("true"));
                }
                Some(TIMER_DELAY_SEC | TIMER_DELAY_MS | TIMER_DELIVER_MS) => timer = true,
                Some(TAGS) => special.tags_code = tags_code(value),
                Some(WAIT) => special.answers_at_once = value.as_str() == Some("false"),
                Some(UNIQ_KEY) => special.has_unique_key = true,
                _ => {}
            }
        }
        if timer && special.delay == Delay::Now {
            special.delay = Delay::Timer;
        }
        special
    }
}

/// What is stored as a message's properties.
#[derive(Debug)]
pub(super) struct Merge<'a> {
    /// The message's own.
    pub(super) own: Properties<'a>,
    /// Those of its batch; the message's own of the same name win. In the reference both are stored, and readers
    /// take the batch's id for that of each of its messages.
    pub(super) batch: Properties<'a>,
    /// The id of a message that has none.
    pub(super) unique_key: Option<&'a MessageId>,
    /// Names and values that are stored instead of the message's own.
    pub(super) overrides: &'a Overrides,
}

impl Merge<'_> {
    /// Writes the properties in the way of 5.x to the front of `memory`, and returns their length
    /// (`AbstractSendMessageProcessor#buildMsgContext`, `#clearReservedProperties`, `SendMessageProcessor#sendMessage`).
    pub(super) fn write(&self, config: &BrokerConfig<'_>, memory: &mut [u8]) -> Result<usize, Refusal> {
        let limit = max_properties(memory.len().saturating_mul(2));
        let mut writer = Writer::new(memory);
        let mut properties = PropertyWriter::new(&mut writer, PropertyForm::Terminated);
        let kept = |name: &Text<'_>| {
            let ours = [POP_CK, CLUSTER, MSG_REGION, TRACE_ON].iter().any(|ours| name == *ours);
            !ours && self.overrides.iter().all(|(set, _)| *name != *set)
        };
        for (name, value) in self.own.iter().filter(|(name, _)| kept(name)) {
            properties.put_text(name, value);
        }
        let has = |name: &Text<'_>| self.own.iter().any(|(own, _)| same(own, *name));
        for (name, value) in self.batch.iter().filter(|(name, _)| kept(name) && !has(name)) {
            properties.put_text(name, value);
        }
        if let Some(id) = self.unique_key {
            properties.put(UNIQ_KEY, id.encode(&mut [0; MessageId::MAX_DIGITS]));
        }
        for (name, value) in self.overrides.iter() {
            properties.put(name, value);
        }
        properties.put(CLUSTER, config.cluster_name);
        properties.put(MSG_REGION, config.region_id);
        properties.put(TRACE_ON, if config.trace_on { "true" } else { "false" });
        let complete = writer.is_complete() && writer.position() <= limit;
        if complete { Ok(writer.position()) } else { Err(too_long()) }
    }
}

fn same(a: Text<'_>, b: Text<'_>) -> bool {
    a.order(&b).is_eq()
}
