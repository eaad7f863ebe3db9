//! What consumers ask.

use arbitrary::Arbitrary;
use rocketlite_core::wire::code::RequestCode;

use super::operation::{Parts, TOPICS};
use crate::choice::pick;

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Consumer {
    Heartbeat {
        client: u8,
        group: u8,
        topics: u8,
        tags: u8,
        version: u8,
        broadcasts: bool,
    },
    Pull {
        group: u8,
        topic: u8,
        queue: u8,
        offset: Offset,
        flags: u8,
        hold: u16,
        most: u8,
        version: u8,
        tags: u8,
    },
    QueryOffset {
        group: u8,
        topic: u8,
        queue: u8,
    },
    UpdateOffset {
        group: u8,
        topic: u8,
        queue: u8,
        offset: Offset,
    },
    Members(u8),
    Place {
        which: u8,
        topic: u8,
        queue: u8,
        at: Offset,
    },
    Lock {
        client: u8,
        group: u8,
        topic: u8,
        queues: u8,
    },
    Unlock {
        client: u8,
        group: u8,
        topic: u8,
        queues: u8,
    },
    LockOf(bool),
}

/// A place in a queue.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Offset {
    /// One of the first, where messages are.
    Near(u8),
    Any(i64),
}

impl Offset {
    fn text(self) -> String {
        match self {
            Self::Near(offset) => (i64::from(offset % 32) - 1).to_string(),
            Self::Any(offset) => offset.to_string(),
        }
    }
}

const TAGS: [&str; 7] = ["*", "A", "A || B", "", "C||", " A ", "x > 1"];

fn group(group: u8) -> String {
    format!("g{}", group % 5)
}

impl Consumer {
    /// A pull of queue 0 of the first topic from its second message on, that may wait and brings its subscription.
    pub(super) const WAITING: Self = Self::Pull {
        group: 0,
        topic: 0,
        queue: 1,
        offset: Offset::Near(2),
        flags: 6,
        hold: 20_000,
        most: 40,
        version: 0,
        tags: 1,
    };

    pub(super) const fn is_pull(self) -> bool {
        matches!(self, Self::Pull { .. })
    }

    pub(super) fn parts(self) -> Parts {
        match self {
            Self::Heartbeat { client, group, topics, tags, version, broadcasts } => {
                let body = heartbeat([client, group, topics, tags, version], broadcasts);
                Parts::new(RequestCode::HEART_BEAT, &[], body.as_bytes())
            }
            Self::Pull { .. } => self.pull(),
            Self::QueryOffset { group, topic, queue } => {
                of_queue(RequestCode::QUERY_CONSUMER_OFFSET, [group, topic, queue], &[])
            }
            Self::UpdateOffset { group, topic, queue, offset } => {
                let offset = [("commitOffset", offset.text())];
                of_queue(RequestCode::UPDATE_CONSUMER_OFFSET, [group, topic, queue], &offset)
            }
            Self::Members(member_of) => {
                let group = group(member_of);
                Parts::new(RequestCode::GET_CONSUMER_LIST_BY_GROUP, &[("consumerGroup", &group)], b"")
            }
            Self::Place { which, topic, queue, at } => {
                let code = [
                    RequestCode::GET_MAX_OFFSET,
                    RequestCode::GET_MIN_OFFSET,
                    RequestCode::SEARCH_OFFSET_BY_TIMESTAMP,
                    RequestCode::GET_EARLIEST_MSG_STORETIME,
                ][usize::from(which % 4)];
                of_queue(code, [0, topic, queue], &[("timestamp", at.text())])
            }
            Self::Lock { client, group, topic, queues } => {
                let body = queue_list([client, group, topic, queues]);
                Parts::new(RequestCode::LOCK_BATCH_MQ, &[], body.as_bytes())
            }
            Self::Unlock { client, group, topic, queues } => {
                let body = queue_list([client, group, topic, queues]);
                Parts::new(RequestCode::UNLOCK_BATCH_MQ, &[], body.as_bytes())
            }
            Self::LockOf(is_list) => {
                let body: &[u8] = if is_list { b"[]" } else { b"{\"mqSet\":[{}]}" };
                Parts::new(RequestCode::LOCK_BATCH_MQ, &[], body)
            }
        }
    }

    fn pull(self) -> Parts {
        let Self::Pull { group, topic, queue, offset, flags, hold, most, version, tags } = self else {
            return Parts::new(RequestCode::PULL_MESSAGE, &[], b"");
        };
        let fields = [
            ("queueOffset", offset.text()),
            ("maxMsgNums", (i16::from(most) - 8).to_string()),
            ("sysFlag", (flags % 16).to_string()),
            ("commitOffset", (hold % 8).to_string()),
            ("suspendTimeoutMillis", hold.to_string()),
            ("subscription", pick(&TAGS, tags).to_owned()),
            ("subVersion", (version % 4).to_string()),
            ("expressionType", if version > 250 { "SQL92" } else { "TAG" }.to_owned()),
        ];
        let code = if flags & 16 == 0 { RequestCode::PULL_MESSAGE } else { RequestCode::LITE_PULL_MESSAGE };
        of_queue(code, [group, topic, queue], &fields)
    }
}

fn of_queue(code: RequestCode, [of, topic, queue]: [u8; 3], more: &[(&'static str, String)]) -> Parts {
    let (group, queue) = (group(of), (i16::from(queue % 4) - 1).to_string());
    let mut fields =
        vec![("consumerGroup", group.as_str()), ("topic", pick(&TOPICS, topic)), ("queueId", &queue)];
    fields.extend(more.iter().map(|(key, value)| (*key, value.as_str())));
    Parts::new(code, &fields, b"")
}

fn heartbeat([client, member_of, topics, tags, version]: [u8; 5], broadcasts: bool) -> String {
    let (group, tags, version) = (group(member_of), pick(&TAGS, tags), version % 4);
    let subscription = |topic: u8| {
        let topic = pick(&TOPICS, topic);
        format!(r#"{{"topic":"{topic}","subString":"{tags}","subVersion":{version},"expressionType":"TAG"}}"#)
    };
    let list = (0..topics % 6).map(subscription).collect::<Vec<_>>().join(",");
    let model = if broadcasts { "BROADCASTING" } else { "CLUSTERING" };
    format!(
        r#"{{"clientID":"c{}","producerDataSet":[],"consumerDataSet":[{{"groupName":"{group}","consumeType":"CONSUME_PASSIVELY","messageModel":"{model}","consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","subscriptionDataSet":[{list}]}}]}}"#,
        client % 8
    )
}

fn queue_list([client, member_of, topic, queues]: [u8; 4]) -> String {
    let queue = |queue: u8| {
        format!(r#"{{"brokerName":"broker-a","queueId":{queue},"topic":"{}"}}"#, pick(&TOPICS, topic))
    };
    let list = (0..queues % 6).map(queue).collect::<Vec<_>>().join(",");
    let group = group(member_of);
    format!(r#"{{"clientId":"c{}","consumerGroup":"{group}","mqSet":[{list}]}}"#, client % 8)
}
