//! Headers of requests that consumers make.

use super::{DecodeError, ExtFields, Field, FieldValue, FieldWriter, Text, headers, values_of};

/// `sysFlag` of a pull, bit 0: `commitOffset` is to be stored (`PullSysFlag`).
pub const PULL_COMMIT_OFFSET: i32 = 1;
/// `sysFlag` of a pull, bit 1: the broker may hold the pull until there is a message.
pub const PULL_SUSPEND: i32 = 2;
/// `sysFlag` of a pull, bit 2: the subscription is in the pull, not in a heartbeat.
pub const PULL_SUBSCRIPTION: i32 = 4;

headers! {
    /// Of `PULL_MESSAGE`.
    PullMessageRequestHeader<'a> {
        /// The group that pulls.
        consumer_group: Text<'a> = "consumerGroup",
        /// The topic.
        topic: Text<'a> = "topic",
        /// Its queue.
        queue_id: i32 = "queueId",
        /// The first queue offset wanted.
        queue_offset: i64 = "queueOffset",
        /// How many messages at most.
        max_msg_nums: i32 = "maxMsgNums",
        /// [`PULL_COMMIT_OFFSET`], [`PULL_SUSPEND`], [`PULL_SUBSCRIPTION`].
        sys_flag: i32 = "sysFlag",
        /// The offset to store for the group.
        commit_offset: Option<i64> = "commitOffset",
        /// How long the pull may be held, in milliseconds.
        suspend_timeout_millis: Option<i64> = "suspendTimeoutMillis",
        /// The expression, with [`PULL_SUBSCRIPTION`].
        subscription: Option<Text<'a>> = "subscription",
        /// Its version, in whatever the client counts by.
        sub_version: Option<i64> = "subVersion",
        /// `TAG` or `SQL92`, with [`PULL_SUBSCRIPTION`].
        expression_type: Option<Text<'a>> = "expressionType",
    }

    /// Answers [`PullMessageRequestHeader`]. Java wants the first four in every answer.
    PullMessageResponseHeader {
        /// 0: the next pull goes to the master too.
        suggest_which_broker_id: i64 = "suggestWhichBrokerId",
        /// Where to pull next.
        next_begin_offset: i64 = "nextBeginOffset",
        /// The oldest queue offset that is stored.
        min_offset: i64 = "minOffset",
        /// The queue offset of the next message.
        max_offset: i64 = "maxOffset",
        /// The topic's flags (5.x).
        topic_sys_flag: Option<i32> = "topicSysFlag",
        /// The group's flags (5.x).
        group_sys_flag: Option<i32> = "groupSysFlag",
    }

    /// Of `QUERY_CONSUMER_OFFSET`.
    QueryConsumerOffsetRequestHeader<'a> {
        /// The group.
        consumer_group: Text<'a> = "consumerGroup",
        /// The topic.
        topic: Text<'a> = "topic",
        /// Its queue.
        queue_id: i32 = "queueId",
        /// Whether 0 may be made of an offset that is not stored; yes if not said (5.x).
        set_zero_if_not_found: Option<bool> = "setZeroIfNotFound",
    }

    /// Of `UPDATE_CONSUMER_OFFSET`.
    UpdateConsumerOffsetRequestHeader<'a> {
        /// The group.
        consumer_group: Text<'a> = "consumerGroup",
        /// The topic.
        topic: Text<'a> = "topic",
        /// Its queue.
        queue_id: i32 = "queueId",
        /// The offset of the next message to consume.
        commit_offset: i64 = "commitOffset",
    }

    /// Of `SEARCH_OFFSET_BY_TIMESTAMP`.
    SearchOffsetRequestHeader<'a> {
        /// The topic.
        topic: Text<'a> = "topic",
        /// Its queue.
        queue_id: i32 = "queueId",
        /// Milliseconds since 1970.
        timestamp: i64 = "timestamp",
        /// `UPPER`, or `LOWER` if it is not said (5.x).
        boundary_type: Option<Text<'a>> = "boundaryType",
    }

    /// Answers `GET_EARLIEST_MSG_STORETIME`.
    EarliestStoreTimeResponseHeader {
        /// Milliseconds since 1970, -1 if the queue is empty.
        timestamp: i64 = "timestamp",
    }

    /// Of `GET_CONSUMER_LIST_BY_GROUP`.
    ConsumerListRequestHeader<'a> {
        /// The group.
        consumer_group: Text<'a> = "consumerGroup",
    }

    /// Of `CONSUMER_SEND_MSG_BACK`.
    ConsumerSendMsgBackRequestHeader<'a> {
        /// The message's physical offset in the commit log.
        offset: i64 = "offset",
        /// The group that failed with it.
        group: Text<'a> = "group",
        /// Below 0: no more retries; 0: later each time; else the level of the delay.
        delay_level: i32 = "delayLevel",
        /// The message's id.
        origin_msg_id: Option<Text<'a>> = "originMsgId",
        /// The topic it came from.
        origin_topic: Option<Text<'a>> = "originTopic",
        /// Whether the client is of a unit.
        unit_mode: Option<bool> = "unitMode",
        /// How often the group wants to see it again.
        max_reconsume_times: Option<i32> = "maxReconsumeTimes",
    }
}
