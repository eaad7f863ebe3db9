//! Which names and messages may be sent: the checks of `Validators`, in its order and with its texts, and those of
//! a broker's `TopicValidator`.
//!
//! Every error prints the reference's text without the pointer to its documentation that `MQClientException`
//! appends.

mod message;
mod name;

pub use message::{BatchError, MessageError, MessageLimits, check_batch, check_message};
pub use name::{
    BrokerTopicError, GroupError, GroupErrorKind, GroupLimit, TOPIC_MAX_LENGTH, TopicError, TopicErrorKind,
    check_broker_topic, check_group, check_own_topic, check_send_topic, check_topic, is_forbidden_topic,
    is_system_topic,
};

/// The code of an `MQClientException` without one of its own.
pub const CLIENT_ERROR: i32 = -1;
