//! What a consumer asks, and what it does with answers.

use rocketlite_core::wire::code::{LanguageCode, RequestCode};
use rocketlite_core::wire::command::{CommandHead, FLAG_ONE_WAY, RemotingCommand};
use rocketlite_core::wire::fields::SerializeType;
use rocketlite_core::wire::json;
use rocketlite_core::wire::route::{PERM_READ, TopicRouteData};
use rocketlite_core::{Address, ConnectionId};

use super::{Consumer, MessageQueue, Told};
use crate::encode;

/// `mqClientApiTimeout`.
const TIMEOUT: u64 = 3_000;
/// Of a lock.
const LOCK_TIMEOUT: u64 = 1_000;
/// `consumerTimeoutMillisWhenSuspend`.
const PULL_TIMEOUT: u64 = 30_000;

/// A request that wants an answer.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) connection: ConnectionId,
    pub(super) deadline: u64,
    pub(super) asked_at: u64,
    pub(super) asked: Asked,
}

/// What was asked. A number is that of the process that asks.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    Route(String),
    Heartbeat,
    Members(String),
    Lock(MessageQueue, u64),
    LockAll(Vec<(MessageQueue, u64)>),
    Offset(MessageQueue, u64),
    Pull(MessageQueue, u64, i64),
    /// What must be refused with one of these codes.
    Odd(&'static str, &'static [i32]),
}

impl Consumer {
    /// Sends a request. Without an address it fails at once.
    pub(super) fn ask(
        &mut self,
        address: Option<Address>,
        code: RequestCode,
        fields: &[(&str, String)],
        body: &str,
        asked: Asked,
    ) {
        let Some(address) = address else { return self.failed(asked) };
        self.opaque += 1;
        let connection = self.say(&address, code, fields, body, 0);
        let timeout = match asked {
            Asked::Pull(..) => PULL_TIMEOUT,
            Asked::Lock(..) | Asked::LockAll(_) => LOCK_TIMEOUT,
            _ => TIMEOUT,
        };
        let deadline = self.now + timeout;
        self.waiting.insert(self.opaque, Waiting { connection, deadline, asked_at: self.now, asked });
    }

    /// Sends a request that wants no answer.
    pub(super) fn tell(&mut self, broker: &str, code: RequestCode, fields: &[(&str, String)], body: &str) {
        if let Some(address) = self.brokers.get(broker).cloned() {
            self.opaque += 1;
            self.say(&address, code, fields, body, FLAG_ONE_WAY);
        }
    }

    fn say(
        &mut self,
        address: &Address,
        code: RequestCode,
        fields: &[(&str, String)],
        body: &str,
        flag: i32,
    ) -> ConnectionId {
        let head = CommandHead {
            serialize_type: if self.plan.binary { SerializeType::RocketMq } else { SerializeType::Json },
            code: code.0,
            language: LanguageCode::JAVA,
            version: 477,
            opaque: self.opaque,
            flag,
            remark: None,
        };
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let connection = self.links.to(address);
        self.links.send(connection, &encode::command(head, &fields, body.as_bytes()));
        connection
    }

    pub(super) fn ask_routes(&mut self) {
        for topic in self.topics.clone() {
            let address = self.name_servers[self.name_server % self.name_servers.len()].clone();
            let fields = [("topic", topic.clone())];
            self.ask(Some(address), RequestCode::GET_ROUTEINFO_BY_TOPIC, &fields, "", Asked::Route(topic));
        }
    }

    pub(super) fn heartbeat(&mut self) {
        let version = self.sub_version;
        let subscription = |topic: &str, expression: &str| {
            format!(
                r#"{{"expressionType":"TAG","subString":"{expression}","subVersion":{version},"topic":"{topic}"}}"#
            )
        };
        let mut subscriptions: Vec<String> =
            self.topics.iter().map(|topic| subscription(topic, self.plan.tags.expression())).collect();
        subscriptions.push(subscription(&format!("%RETRY%{}", self.group), "*"));
        let body = format!(
            r#"{{"clientID":"{}","consumerDataSet":[{{"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":"{}","messageModel":"CLUSTERING","subscriptionDataSet":[{}]}}],"producerDataSet":[]}}"#,
            self.client_id,
            self.group,
            subscriptions.join(",")
        );
        for address in self.brokers.values().cloned().collect::<Vec<_>>() {
            self.ask(Some(address), RequestCode::HEART_BEAT, &[], &body, Asked::Heartbeat);
        }
    }

    pub(super) fn unregister(&mut self) {
        let fields = [("clientID", self.client_id.clone()), ("consumerGroup", self.group.clone())];
        for broker in self.brokers.keys().cloned().collect::<Vec<_>>() {
            self.tell(&broker, RequestCode::UNREGISTER_CLIENT, &fields, "");
        }
    }

    /// Gives up what has waited for too long, and its connection if it is one that should have been answered at once.
    pub(super) fn expire_requests(&mut self) {
        loop {
            let late = self.waiting.iter().find(|(_, waiting)| waiting.deadline <= self.now);
            let Some(opaque) = late.map(|(opaque, _)| *opaque) else { return };
            let Some(waiting) = self.waiting.remove(&opaque) else { return };
            if let Asked::Pull(queue, ..) = &waiting.asked {
                let asked_at = waiting.asked_at;
                self.told.push(Told::PullTimedOut { queue: queue.clone(), asked_at });
            } else if self.links.close(waiting.connection) {
                self.fail_all_of(waiting.connection);
            }
            self.failed(waiting.asked);
        }
    }

    /// There is no answer.
    pub(super) fn failed(&mut self, asked: Asked) {
        match asked {
            Asked::Route(_) => self.name_server += 1,
            Asked::Lock(queue, process) | Asked::Offset(queue, process) => self.not_begun(&queue, process),
            Asked::Pull(queue, process, _) => self.pull_failed(&queue, process),
            Asked::LockAll(_) | Asked::Heartbeat | Asked::Members(_) | Asked::Odd(..) => {}
        }
    }

    pub(super) fn answered(&mut self, waiting: Waiting, answer: &RemotingCommand<'_>) {
        let code = answer.code;
        if !matches!(waiting.asked, Asked::Pull(..)) && code != 0 {
            let kind = match &waiting.asked {
                Asked::Route(_) => "a route",
                Asked::Heartbeat => "a heartbeat",
                Asked::Members(_) => "the members",
                Asked::Offset(..) => "an offset",
                Asked::Odd(kind, _) => kind,
                _ => "a lock",
            };
            self.told.push(Told::Answered(format!("asked for {kind}, refused with {code}")));
        }
        match waiting.asked {
            Asked::Route(topic) if code == 0 => self.route(&topic, answer.body),
            Asked::Members(topic) if code == 0 => self.members(&topic, answer.body),
            Asked::Lock(queue, process) if code == 0 => {
                let granted = locked(answer.body);
                if granted.contains(&queue) {
                    self.lock_granted(&queue, process);
                    self.query(&queue, process);
                } else {
                    self.told.push(Told::Answered("asked for a lock that another member has".to_owned()));
                    self.not_begun(&queue, process);
                }
            }
            Asked::LockAll(queues) if code == 0 => {
                let granted = locked(answer.body);
                for (queue, process) in queues {
                    if granted.contains(&queue) {
                        self.lock_granted(&queue, process);
                    } else {
                        self.lock_lost(&queue, process);
                    }
                }
            }
            Asked::Offset(queue, process) => match (code, number(answer, "offset")) {
                (0, Some(offset)) => self.begin(&queue, process, offset),
                // `QUERY_NOT_FOUND`: from the first message on.
                (22, _) => self.begin(&queue, process, 0),
                _ => self.not_begun(&queue, process),
            },
            Asked::Pull(queue, process, offset) => {
                self.pulled(&queue, (process, offset, waiting.asked_at), answer);
            }
            Asked::Odd(kind, codes) if !codes.contains(&code) => {
                let remark = answer.remark.map(|remark| remark.to_string());
                self.told.push(Told::Wrong(format!("{kind} was answered with {code}, {remark:?}")));
            }
            // What else is refused is asked again in its time.
            _ => {}
        }
    }

    fn route(&mut self, topic: &str, body: &[u8]) {
        let Ok(route) = TopicRouteData::parse(body) else {
            self.told.push(Told::Wrong(format!("the route of {topic} cannot be read")));
            return;
        };
        let is_new = self.brokers.is_empty();
        for broker in route.brokers() {
            let address = broker.master().map(|address| Address::new(&address.to_string()));
            if let Some(Ok(address)) = address {
                self.brokers.insert(broker.broker_name.to_string(), address);
            }
        }
        let queues = route.queues().filter(|queue| queue.perm & PERM_READ != 0).flat_map(|queue| {
            let broker = queue.broker_name.to_string();
            let topic = topic.to_owned();
            (0..queue.read_queue_nums).map(move |queue_id| MessageQueue {
                topic: topic.clone(),
                broker: broker.clone(),
                queue_id,
            })
        });
        let mut queues: Vec<_> = queues.collect();
        queues.sort();
        self.routes.insert(topic.to_owned(), queues);
        if is_new {
            self.heartbeat();
            self.timers.rebalance = self.now + 500;
        }
    }

    /// Pulls that have to be refused, each by a check of its own.
    pub(super) fn ask_something_odd(&mut self) {
        let Some(queue) = self.owned().next().cloned() else { return };
        let fields = |group: &str, topic: &str, queue_id: i32, flag: i32, version: i64, kind: &str| {
            vec![
                ("consumerGroup", group.to_owned()),
                ("topic", topic.to_owned()),
                ("queueId", queue_id.to_string()),
                ("queueOffset", "0".to_owned()),
                ("maxMsgNums", "1".to_owned()),
                ("sysFlag", flag.to_string()),
                ("commitOffset", "0".to_owned()),
                ("suspendTimeoutMillis", "0".to_owned()),
                ("subscription", "x > 1".to_owned()),
                ("subVersion", version.to_string()),
                ("expressionType", kind.to_owned()),
            ]
        };
        let (group, topic, id) = (self.group.as_str(), queue.topic.as_str(), queue.queue_id);
        // A broker that has lost its memory may lack the topic and the member as well.
        let (fields, asked) = match self.rng.next_u64() % 9 {
            0 => (fields(group, topic, 99, 4, 0, "TAG"), Asked::Odd("a queue that is not there", &[29, 17])),
            1 => (fields(group, "missing", 0, 4, 0, "TAG"), Asked::Odd("a topic that is not there", &[17])),
            2 => (fields(group, topic, id, 4, 0, "SQL92"), Asked::Odd("SQL", &[1, 17, 29])),
            3 => (
                fields(group, topic, id, 0, i64::MAX, "TAG"),
                Asked::Odd("a later subscription", &[25, 24, 17, 29]),
            ),
            4 => (
                fields("nobody", topic, id, 0, 0, "TAG"),
                Asked::Odd("a group without members", &[24, 17, 29]),
            ),
            5 => (fields(group, "TBW102", 0, 0, 0, "TAG"), Asked::Odd("a topic of no subscription", &[24])),
            6 => {
                let asked = Asked::Odd("a code that is not there", &[3]);
                let address = self.brokers.get(&queue.broker).cloned();
                return self.ask(address, RequestCode(9_999), &[], "", asked);
            }
            7 => (fields("a b", topic, id, 4, 0, "TAG"), Asked::Odd("a group with a wrong name", &[1])),
            _ => return,
        };
        let address = self.brokers.get(&queue.broker).cloned();
        self.ask(address, RequestCode::PULL_MESSAGE, &fields, "", asked);
    }
}

/// A field that is a number.
pub(super) fn number(answer: &RemotingCommand<'_>, key: &str) -> Option<i64> {
    answer.field(key)?.to_string().parse().ok()
}

/// The queues of an answer to `LOCK_BATCH_MQ`.
fn locked(body: &[u8]) -> Vec<MessageQueue> {
    let Ok(body) = json::parse("body", body) else { return Vec::new() };
    let text = |value: &json::Value<'_>, key: &str| Some(value.get(key)?.text()?.to_string());
    let queue = |value: json::Value<'_>| {
        Some(MessageQueue {
            topic: text(&value, "topic")?,
            broker: text(&value, "brokerName")?,
            queue_id: value.get("queueId")?.integer("queueId", -1).ok()?,
        })
    };
    body.get("lockOKMQSet").unwrap_or(json::Value::Null).elements().filter_map(queue).collect()
}
