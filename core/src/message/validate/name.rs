//! Checks of topics and groups.

use core::fmt;

use super::CLIENT_ERROR;

/// Most characters of a topic (`Validators.TOPIC_MAX_LENGTH`).
pub const TOPIC_MAX_LENGTH: usize = 127;
/// Most characters that a broker takes in a topic of retries or dead letters (`TopicValidator`).
const RETRY_TOPIC_MAX_LENGTH: usize = 255;

/// A topic that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicError<'a> {
    /// The topic.
    pub topic: &'a str,
    /// What is wrong with it.
    pub kind: TopicErrorKind,
}

/// What can be wrong with a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TopicErrorKind {
    /// Nothing but white space.
    Blank,
    /// More than [`TOPIC_MAX_LENGTH`] characters, or than a broker takes for topics of retries.
    TooLong,
    /// A character other than letters and digits of ASCII and `%|-_`.
    IllegalCharacters,
    /// A topic of the broker's own that nobody may send to.
    Forbidden,
    /// A topic of the broker's own that nobody may create.
    System,
}

impl TopicError<'_> {
    /// The code of the reference's exception.
    pub const fn response_code(&self) -> i32 {
        CLIENT_ERROR
    }
}

impl fmt::Display for TopicError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, kind } = self;
        match kind {
            TopicErrorKind::Blank => f.write_str("The specified topic is blank"),
            TopicErrorKind::TooLong => {
                write!(f, "The specified topic is longer than topic max length {TOPIC_MAX_LENGTH}.")
            }
            TopicErrorKind::IllegalCharacters => {
                write!(f, "The specified topic[{topic}] contains illegal characters, allowing only {PATTERN}")
            }
            TopicErrorKind::Forbidden => write!(f, "Sending message to topic[{topic}] is forbidden."),
            TopicErrorKind::System => write!(f, "The topic[{topic}] is conflict with system topic."),
        }
    }
}

impl core::error::Error for TopicError<'_> {}

/// Whether `topic` is the name of a topic (`Validators#checkTopic`).
///
/// # Errors
/// The first of `Blank`, `TooLong` and `IllegalCharacters` that holds.
pub fn check_topic(topic: &str) -> Result<(), TopicError<'_>> {
    let error = |kind| Err(TopicError { topic, kind });
    match () {
        () if is_blank(topic) => error(TopicErrorKind::Blank),
        () if length(topic) > TOPIC_MAX_LENGTH => error(TopicErrorKind::TooLong),
        () if !is_legal(topic) => error(TopicErrorKind::IllegalCharacters),
        () => Ok(()),
    }
}

/// Whether a producer may send to `topic` (`Validators#isNotAllowedSendTopic`).
///
/// # Errors
/// `Forbidden` if not.
pub fn check_send_topic(topic: &str) -> Result<(), TopicError<'_>> {
    if is_forbidden_topic(topic) {
        Err(TopicError { topic, kind: TopicErrorKind::Forbidden })
    } else {
        Ok(())
    }
}

/// Whether a user may call a topic `topic` (`Validators#isSystemTopic`).
///
/// # Errors
/// `System` if it is a broker's own.
pub fn check_own_topic(topic: &str) -> Result<(), TopicError<'_>> {
    if is_system_topic(topic) { Err(TopicError { topic, kind: TopicErrorKind::System }) } else { Ok(()) }
}

/// Whether nobody may send to `topic` (`TopicValidator#isNotAllowedSendTopic`).
pub fn is_forbidden_topic(topic: &str) -> bool {
    FORBIDDEN_TOPICS.contains(&topic)
}

/// Whether `topic` is one of a broker's own (`TopicValidator#isSystemTopic`).
pub fn is_system_topic(topic: &str) -> bool {
    is_forbidden_topic(topic) || SYSTEM_TOPICS.contains(&topic) || topic.starts_with(SYSTEM_TOPIC_PREFIX)
}

const FORBIDDEN_TOPICS: [&str; 6] = [
    "SCHEDULE_TOPIC_XXXX",
    "RMQ_SYS_TRANS_HALF_TOPIC",
    "RMQ_SYS_TRANS_OP_HALF_TOPIC",
    "TRANS_CHECK_MAX_TIME_TOPIC",
    "SELF_TEST_TOPIC",
    "OFFSET_MOVED_EVENT",
];

/// System topics that may be sent to. Only 5.x knows the last, which nobody on 4.9 would miss.
const SYSTEM_TOPICS: [&str; 4] = ["TBW102", "BenchmarkTest", "RMQ_SYS_TRACE_TOPIC", "CHECKPOINT_TOPIC"];

const SYSTEM_TOPIC_PREFIX: &str = "rmq_sys_";

/// A topic that a broker does not create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerTopicError<'a> {
    /// The topic.
    pub topic: &'a str,
    /// What is wrong with it.
    pub kind: TopicErrorKind,
}

impl fmt::Display for BrokerTopicError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, kind } = self;
        match kind {
            TopicErrorKind::Blank => f.write_str("The specified topic is blank."),
            TopicErrorKind::TooLong if is_retry(topic) => write!(
                f,
                "The specified topic is DLQ or Retry topic: {topic}, and it's longer than topic max length: {RETRY_TOPIC_MAX_LENGTH}"
            ),
            TopicErrorKind::TooLong => {
                write!(f, "The specified topic: {topic}, is longer than topic max length: {TOPIC_MAX_LENGTH}")
            }
            TopicErrorKind::IllegalCharacters => {
                write!(
                    f,
                    "The specified topic: {topic}, contains illegal characters, allowing only {PATTERN}"
                )
            }
            kind @ (TopicErrorKind::Forbidden | TopicErrorKind::System) => {
                fmt::Display::fmt(&TopicError { topic, kind: *kind }, f)
            }
        }
    }
}

impl core::error::Error for BrokerTopicError<'_> {}

/// Whether a broker takes `topic` (`TopicValidator#validateTopic`); topics of retries and dead letters may be longer.
///
/// # Errors
/// The first of `Blank`, `IllegalCharacters` and `TooLong` that holds.
pub fn check_broker_topic(topic: &str) -> Result<(), BrokerTopicError<'_>> {
    let error = |kind| Err(BrokerTopicError { topic, kind });
    let limit = if is_retry(topic) { RETRY_TOPIC_MAX_LENGTH } else { TOPIC_MAX_LENGTH };
    match () {
        () if is_blank(topic) => error(TopicErrorKind::Blank),
        () if !is_legal(topic) => error(TopicErrorKind::IllegalCharacters),
        () if length(topic) > limit => error(TopicErrorKind::TooLong),
        () => Ok(()),
    }
}

/// How long the name of a group may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "the reference has had two limits")]
pub enum GroupLimit {
    /// 120 characters, since the release after 5.3.3: `%RETRY%` and the group must make a topic.
    #[default]
    Characters120,
    /// 255 characters, before that.
    Characters255,
}

impl GroupLimit {
    /// The number.
    pub const fn characters(self) -> usize {
        match self {
            Self::Characters120 => 120,
            Self::Characters255 => 255,
        }
    }
}

/// A group that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupError<'a> {
    /// The group.
    pub group: &'a str,
    /// What is wrong with it.
    pub kind: GroupErrorKind,
}

/// What can be wrong with a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum GroupErrorKind {
    /// Nothing but white space.
    Blank,
    /// More characters than this limit.
    TooLong(GroupLimit),
    /// A character other than letters and digits of ASCII and `%|-_`.
    IllegalCharacters,
}

impl GroupError<'_> {
    /// The code of the reference's exception.
    pub const fn response_code(&self) -> i32 {
        CLIENT_ERROR
    }
}

impl fmt::Display for GroupError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, kind } = self;
        match kind {
            GroupErrorKind::Blank => f.write_str("the specified group is blank"),
            GroupErrorKind::TooLong(GroupLimit::Characters120) => {
                write!(f, "the specified group[{group}] is longer than group max length: 120.")
            }
            GroupErrorKind::TooLong(GroupLimit::Characters255) => {
                f.write_str("the specified group is longer than group max length 255.")
            }
            GroupErrorKind::IllegalCharacters => {
                write!(f, "the specified group[{group}] contains illegal characters, allowing only {PATTERN}")
            }
        }
    }
}

impl core::error::Error for GroupError<'_> {}

/// Whether `group` is the name of a group (`Validators#checkGroup`).
///
/// # Errors
/// The first of `Blank`, `TooLong` and `IllegalCharacters` that holds.
pub fn check_group(group: &str, limit: GroupLimit) -> Result<(), GroupError<'_>> {
    let error = |kind| Err(GroupError { group, kind });
    match () {
        () if is_blank(group) => error(GroupErrorKind::Blank),
        () if length(group) > limit.characters() => error(GroupErrorKind::TooLong(limit)),
        () if !is_legal(group) => error(GroupErrorKind::IllegalCharacters),
        () => Ok(()),
    }
}

/// `TopicValidator`'s pattern, as its texts show it.
const PATTERN: &str = "^[%|a-zA-Z0-9_-]+$";

fn is_legal(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'|' | b'-' | b'_'))
}

fn is_retry(topic: &str) -> bool {
    topic.starts_with("%RETRY%") || topic.starts_with("%DLQ%")
}

/// `String#length`: UTF-16 units.
fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).fold(0, usize::saturating_add)
}

/// Nothing but what `Character#isWhitespace` holds for white space.
fn is_blank(text: &str) -> bool {
    text.chars().all(|char| {
        matches!(char, '\t'..='\r' | '\u{1c}'..=' ' | '\u{1680}' | '\u{2000}'..='\u{2006}')
            || matches!(char, '\u{2008}'..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{205f}' | '\u{3000}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn the_first_thing_wrong_with_a_topic_is_told() {
        let text = |topic: &str| check_topic(topic).map_err(|e| e.to_string()).err().unwrap_or_default();
        assert_eq!(text("%RETRY%g-1|_"), "");
        assert_eq!(text(" \u{3000}"), "The specified topic is blank");
        assert_eq!(text(&" ".repeat(300)), "The specified topic is blank");
        assert_eq!(text(&"é".repeat(128)), "The specified topic is longer than topic max length 127.");
        let illegal =
            "The specified topic[a.b] contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$";
        assert_eq!(text("a.b"), illegal);
        // A no-break space is no white space in Java.
        assert_eq!(check_topic("\u{a0}").unwrap_err().kind, TopicErrorKind::IllegalCharacters);
        // 64 characters outside the basic plane are 128 in Java.
        assert_eq!(check_topic(&"🚀".repeat(64)).unwrap_err().kind, TopicErrorKind::TooLong);
    }

    #[test]
    fn brokers_keep_topics_to_themselves() {
        let error = check_send_topic("SELF_TEST_TOPIC").unwrap_err();
        assert_eq!(error.to_string(), "Sending message to topic[SELF_TEST_TOPIC] is forbidden.");
        assert_eq!(error.response_code(), -1);
        assert!(check_send_topic("TBW102").is_ok());
        let error = check_own_topic("rmq_sys_x").unwrap_err();
        assert_eq!(error.to_string(), "The topic[rmq_sys_x] is conflict with system topic.");
        assert!(is_system_topic("TBW102") && is_system_topic("SELF_TEST_TOPIC") && !is_system_topic("T"));
    }

    #[test]
    fn brokers_take_longer_topics_for_retries() {
        let kind = |topic: &str| check_broker_topic(topic).err().map(|e| e.kind);
        assert_eq!(kind(&"t".repeat(127)), None);
        assert_eq!(kind(&"t".repeat(128)), Some(TopicErrorKind::TooLong));
        let retry = "%RETRY%".to_string() + &"g".repeat(248);
        assert_eq!(kind(&retry), None);
        let error = check_broker_topic(&"%DLQ%".repeat(52)).unwrap_err().to_string();
        assert!(error.starts_with("The specified topic is DLQ or Retry topic: %DLQ%"), "{error}");
        assert!(error.ends_with("%, and it's longer than topic max length: 255"), "{error}");
    }

    #[test]
    fn groups_have_had_two_limits() {
        let text = |group: &str, limit| check_group(group, limit).unwrap_err().to_string();
        let group = "g".repeat(121);
        assert!(check_group(&group, GroupLimit::Characters255).is_ok());
        let long = std::format!("the specified group[{group}] is longer than group max length: 120.");
        assert_eq!(text(&group, GroupLimit::Characters120), long);
        assert_eq!(
            text(&"g".repeat(256), GroupLimit::Characters255),
            "the specified group is longer than group max length 255."
        );
        assert_eq!(text("", GroupLimit::Characters120), "the specified group is blank");
        let illegal =
            "the specified group[a b] contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$";
        assert_eq!(text("a b", GroupLimit::Characters120), illegal);
    }
}
