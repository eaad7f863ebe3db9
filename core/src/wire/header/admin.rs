//! Headers of requests that administrators make.

use super::{DecodeError, ExtFields, Field, FieldValue, FieldWriter, Text, headers, values_of};

headers! {
    /// Of `UPDATE_AND_CREATE_TOPIC`.
    CreateTopicRequestHeader<'a> {
        /// The topic.
        topic: Text<'a> = "topic",
        /// Queues to read.
        read_queue_nums: i32 = "readQueueNums",
        /// Queues to write.
        write_queue_nums: i32 = "writeQueueNums",
        /// Permission bits, see [`route`](crate::wire::route).
        perm: i32 = "perm",
        /// The topic's flags.
        topic_sys_flag: Option<i32> = "topicSysFlag",
    }

    /// Of requests that name a topic and nothing else that counts: `DELETE_TOPIC_IN_BROKER`, `GET_TOPIC_STATS_INFO`,
    /// `GET_TOPIC_CONFIG`, `QUERY_TOPIC_CONSUME_BY_WHO`.
    TopicRequestHeader<'a> {
        /// The topic.
        topic: Text<'a> = "topic",
    }

    /// Of `DELETE_TOPIC_IN_NAMESRV`.
    DeleteTopicFromNamesrvRequestHeader<'a> {
        /// The topic.
        topic: Text<'a> = "topic",
        /// The cluster that is to forget it; all if none is named (5.x).
        cluster_name: Option<Text<'a>> = "clusterName",
    }

    /// Of `GET_TOPICS_BY_CLUSTER`.
    GetTopicsByClusterRequestHeader<'a> {
        /// The cluster.
        cluster: Text<'a> = "cluster",
    }

    /// Of `GET_KV_CONFIG` and `DELETE_KV_CONFIG`; `GET_KVLIST_BY_NAMESPACE` names no key.
    KvConfigRequestHeader<'a> {
        /// The namespace.
        namespace: Text<'a> = "namespace",
        /// The key.
        key: Option<Text<'a>> = "key",
    }

    /// Of `GET_SUBSCRIPTIONGROUP_CONFIG`.
    GetSubscriptionGroupConfigRequestHeader<'a> {
        /// The group.
        group: Text<'a> = "group",
    }

    /// Of `DELETE_SUBSCRIPTIONGROUP`.
    DeleteSubscriptionGroupRequestHeader<'a> {
        /// The group.
        group_name: Text<'a> = "groupName",
        /// Whether its offsets go too; no if it is not said.
        clean_offset: Option<bool> = "cleanOffset",
    }

    /// Of `GET_PRODUCER_CONNECTION_LIST`.
    ProducerConnectionListRequestHeader<'a> {
        /// The group.
        producer_group: Text<'a> = "producerGroup",
    }

    /// Of `GET_CONSUME_STATS`.
    GetConsumeStatsRequestHeader<'a> {
        /// The group.
        consumer_group: Text<'a> = "consumerGroup",
        /// The topic; all that the group has offsets of if it is empty or not named.
        topic: Option<Text<'a>> = "topic",
    }

    /// Of `INVOKE_BROKER_TO_RESET_OFFSET`.
    ResetOffsetRequestHeader<'a> {
        /// The topic.
        topic: Text<'a> = "topic",
        /// The group.
        group: Text<'a> = "group",
        /// Milliseconds since 1970; below 0 is behind the newest message.
        timestamp: i64 = "timestamp",
        /// One queue; all if it is below 0 or not named (5.x).
        queue_id: Option<i32> = "queueId",
        /// The offset for that queue instead of one by the time; -1 counts as none (5.x).
        offset: Option<i64> = "offset",
    }

    /// Of `QUERY_MESSAGE`.
    QueryMessageRequestHeader<'a> {
        /// The topic.
        topic: Text<'a> = "topic",
        /// The key.
        key: Text<'a> = "key",
        /// How many messages at most.
        max_num: i32 = "maxNum",
        /// The first time of storing that counts, in milliseconds since 1970.
        begin_timestamp: i64 = "beginTimestamp",
        /// The last one.
        end_timestamp: i64 = "endTimestamp",
        /// Whether the key is a message's `UNIQ_KEY` (`MixAll.UNIQUE_MSG_QUERY_FLAG`).
        unique_key_query: Option<bool> = "_UNIQUE_KEY_QUERY",
    }

    /// Answers [`QueryMessageRequestHeader`].
    QueryMessageResponseHeader {
        /// When the newest message was stored that has a key, in milliseconds since 1970.
        index_last_update_timestamp: i64 = "indexLastUpdateTimestamp",
        /// Where it stands in the commit log.
        index_last_update_phyoffset: i64 = "indexLastUpdatePhyoffset",
    }
}
