//! Route data: the body that answers `GET_ROUTEINFO_BY_TOPIC` (`TopicRouteData`).

use core::cmp::Ordering;

use super::cursor::Writer;
use super::json::{self, Value};
use super::{DecodeError, DecodeErrorKind, Text};

/// Permission bit: consumers may read.
pub const PERM_READ: i32 = 4;
/// Permission bit: producers may write.
pub const PERM_WRITE: i32 = 2;
/// Permission bit: new topics may take their settings from this one.
pub const PERM_INHERIT: i32 = 1;

/// The broker id of a master, the only one that producers write to (`MixAll.MASTER_ID`).
pub const MASTER_ID: i64 = 0;

/// A received route, a view of its JSON.
#[derive(Debug, Clone, Copy)]
pub struct TopicRouteData<'a> {
    order_topic_conf: Option<Text<'a>>,
    brokers: Value<'a>,
    queues: Value<'a>,
}

/// The addresses of one broker name (`BrokerData`).
#[derive(Debug, Clone, Copy)]
pub struct BrokerData<'a> {
    /// The broker's name.
    pub broker_name: Text<'a>,
    /// Its cluster.
    pub cluster: Option<Text<'a>>,
    addresses: Value<'a>,
}

/// The queues of a topic on one broker (`QueueData`).
#[derive(Debug, Clone, Copy)]
pub struct QueueData<'a> {
    /// The broker's name.
    pub broker_name: Text<'a>,
    /// Queues to read.
    pub read_queue_nums: i32,
    /// Queues to write.
    pub write_queue_nums: i32,
    /// [`PERM_READ`], [`PERM_WRITE`], [`PERM_INHERIT`].
    pub perm: i32,
    /// The topic's flags.
    pub topic_sys_flag: i32,
}

impl<'a> TopicRouteData<'a> {
    /// Reads a route. Broker ids may be quoted or bare; members that are not known are passed over.
    ///
    /// # Errors
    /// Names the member that is wrong.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let root = json::parse("route", body)?;
        if !matches!(root, Value::Object(_)) {
            return Err(DecodeError::new("route", DecodeErrorKind::BadJson));
        }
        let route = Self {
            order_topic_conf: root.get("orderTopicConf").and_then(|value| value.text()),
            brokers: root.get("brokerDatas").unwrap_or(Value::Null),
            queues: root.get("queueDatas").unwrap_or(Value::Null),
        };
        for broker in route.brokers.elements() {
            BrokerData::read(&broker)?;
            for (id, _) in broker.get("brokerAddrs").unwrap_or(Value::Null).members() {
                id.parse::<i64>("brokerAddrs")?;
            }
        }
        for queue in route.queues.elements() {
            QueueData::read(&queue)?;
        }
        Ok(route)
    }

    /// The order of queues an operator fixed, `name:count;name:count`.
    pub const fn order_topic_conf(&self) -> Option<Text<'a>> {
        self.order_topic_conf
    }

    /// The brokers, in the order they are written.
    pub fn brokers(&self) -> impl Iterator<Item = BrokerData<'a>> + Clone + use<'a> {
        self.brokers.elements().filter_map(|value| BrokerData::read(&value).ok())
    }

    /// The queues, in the order they are written.
    pub fn queues(&self) -> impl Iterator<Item = QueueData<'a>> + Clone + use<'a> {
        self.queues.elements().filter_map(|value| QueueData::read(&value).ok())
    }

    /// The first broker of that name, as in `MQClientInstance#topicRouteData2TopicPublishInfo`.
    pub fn broker(&self, name: Text<'_>) -> Option<BrokerData<'a>> {
        self.brokers().find(|broker| broker.broker_name.order(&name) == Ordering::Equal)
    }

    /// Calls `visit` with each broker and how many queues, from 0 on, a producer sends to there, in the order of
    /// the publish list. `at_most` bounds the number for a route that was asked for by the default topic
    /// (`MQClientInstance#updateTopicRouteInfoFromNameServer`). Returns whether an order was fixed.
    ///
    /// # Errors
    /// `BadNumber` for an `orderTopicConf` with a part that is not `name:count`; nothing was visited then.
    pub fn publish_queues(
        &self,
        at_most: Option<i32>,
        visit: &mut dyn FnMut(Text<'a>, u32),
    ) -> Result<bool, DecodeError> {
        if let Some(conf) = self.order_topic_conf.filter(|conf| !conf.is_empty()) {
            OrderParts::new(conf).try_for_each(|part| part.map(drop))?;
            OrderParts::new(conf).flatten().for_each(|(name, count)| visit(name, count));
            return Ok(true);
        }
        let mut last: Option<(Text<'a>, usize)> = None;
        while let Some((index, queue)) = self.next_by_name(last) {
            last = Some((queue.broker_name, index));
            let master = |broker: BrokerData<'a>| broker.addresses().any(|(id, _)| id == MASTER_ID);
            if queue.perm & PERM_WRITE != 0 && self.broker(queue.broker_name).is_some_and(master) {
                let count = match at_most {
                    Some(at_most) => at_most.min(queue.read_queue_nums),
                    None => queue.write_queue_nums,
                };
                visit(queue.broker_name, u32::try_from(count).unwrap_or(0));
            }
        }
        Ok(false)
    }

    /// The queue data after `last` in the order of broker names; equal names stay in the order they are written. Routes
    /// are short, so looking for the next one each time is cheaper than memory for a sorted copy.
    fn next_by_name(&self, last: Option<(Text<'a>, usize)>) -> Option<(usize, QueueData<'a>)> {
        let mut next: Option<(usize, QueueData<'a>)> = None;
        for (index, queue) in self.queues().enumerate() {
            let order = |name: &Text<'_>, at: usize| queue.broker_name.order(name).then(index.cmp(&at));
            let later = last.is_none_or(|(name, at)| order(&name, at) == Ordering::Greater);
            if later && next.is_none_or(|(at, next)| order(&next.broker_name, at) == Ordering::Less) {
                next = Some((index, queue));
            }
        }
        next
    }
}

/// The parts of an `orderTopicConf`, split as Java splits: empty parts at the end do not count.
struct OrderParts<'a> {
    rest: Option<Text<'a>>,
}

impl<'a> OrderParts<'a> {
    fn new(conf: Text<'a>) -> Self {
        Self { rest: Some(conf.trim_end(';')) }
    }
}

impl<'a> Iterator for OrderParts<'a> {
    type Item = Result<(Text<'a>, u32), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (part, rest) = self.rest?.split(';');
        self.rest = rest;
        let bad = DecodeError::new("orderTopicConf", DecodeErrorKind::BadNumber);
        let (name, count) = part.split(':');
        let Some((count, _)) = count.map(|count| count.split(':')) else { return Some(Err(bad)) };
        // A negative count makes no queues, as in Java.
        Some(count.parse::<i32>("orderTopicConf").map(|count| (name, u32::try_from(count).unwrap_or(0))))
    }
}

impl<'a> BrokerData<'a> {
    fn read(value: &Value<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            broker_name: name(value)?,
            cluster: value.get("cluster").and_then(|value| value.text()),
            addresses: value.get("brokerAddrs").unwrap_or(Value::Null),
        })
    }

    /// Broker ids and addresses, in the order they are written.
    pub fn addresses(&self) -> impl Iterator<Item = (i64, Text<'a>)> + use<'a> {
        self.addresses.members().filter_map(|(id, address)| Some((id.parse("").ok()?, address.text()?)))
    }

    /// The address of the master, if there is one.
    pub fn master(&self) -> Option<Text<'a>> {
        self.addresses().filter(|(id, _)| *id == MASTER_ID).last().map(|(_, address)| address)
    }
}

impl<'a> QueueData<'a> {
    fn read(value: &Value<'a>) -> Result<Self, DecodeError> {
        let int = |key: &'static str| value.get(key).unwrap_or(Value::Null).integer(key, 0);
        Ok(Self {
            broker_name: name(value)?,
            read_queue_nums: int("readQueueNums")?,
            write_queue_nums: int("writeQueueNums")?,
            perm: int("perm")?,
            // Servers older than 4.9.0 spell it the second way.
            topic_sys_flag: if value.get("topicSysFlag").is_some() {
                int("topicSysFlag")?
            } else {
                int("topicSynFlag")?
            },
        })
    }
}

fn name<'a>(value: &Value<'a>) -> Result<Text<'a>, DecodeError> {
    let missing = DecodeError::new("brokerName", DecodeErrorKind::Missing);
    value.get("brokerName").and_then(|value| value.text()).ok_or(missing)
}

/// One broker's part of a route to write.
#[derive(Debug, Clone, Copy)]
pub struct RouteEntry<'a> {
    /// Its cluster.
    pub cluster: &'a str,
    /// Its name.
    pub broker_name: &'a str,
    /// The master's address.
    pub address: &'a str,
    /// Queues to read.
    pub read_queue_nums: i32,
    /// Queues to write.
    pub write_queue_nums: i32,
    /// Permission bits.
    pub perm: i32,
    /// The topic's flags.
    pub topic_sys_flag: i32,
}

/// Writes a route with quoted keys and no blanks, the form that every client reads.
pub fn put_topic_route<'a>(writer: &mut Writer<'_>, entries: impl Iterator<Item = RouteEntry<'a>> + Clone) {
    writer.put(b"{\"brokerDatas\":[");
    for (index, entry) in entries.clone().enumerate() {
        writer.put(if index == 0 { b"{" } else { b",{" });
        writer.put(b"\"brokerAddrs\":{\"0\":\"");
        Text::from(entry.address).write_json(writer);
        writer.put(b"\"},\"brokerName\":\"");
        Text::from(entry.broker_name).write_json(writer);
        writer.put(b"\",\"cluster\":\"");
        Text::from(entry.cluster).write_json(writer);
        writer.put(b"\",\"enableActingMaster\":false}");
    }
    writer.put(b"],\"filterServerTable\":{},\"queueDatas\":[");
    for (index, entry) in entries.enumerate() {
        writer.put(if index == 0 { b"{" } else { b",{" });
        writer.put(b"\"brokerName\":\"");
        Text::from(entry.broker_name).write_json(writer);
        writer.put(b"\",\"perm\":");
        writer.put_decimal(entry.perm.into());
        writer.put(b",\"readQueueNums\":");
        writer.put_decimal(entry.read_queue_nums.into());
        writer.put(b",\"topicSysFlag\":");
        writer.put_decimal(entry.topic_sys_flag.into());
        writer.put(b",\"writeQueueNums\":");
        writer.put_decimal(entry.write_queue_nums.into());
        writer.put(b"}");
    }
    writer.put(b"]}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    fn publish(json: &str, at_most: Option<i32>) -> Result<(Vec<(String, u32)>, bool), DecodeError> {
        let mut queues = Vec::new();
        let route = TopicRouteData::parse(json.as_bytes())?;
        let order =
            route.publish_queues(at_most, &mut |name, count| queues.push((name.to_string(), count)))?;
        Ok((queues, order))
    }

    const ROUTE: &str = r#"{"brokerDatas":[{"brokerAddrs":{0:"10.0.0.1:1","1":"10.0.0.2:1"},"brokerName":"b"},{"brokerAddrs":{"0":"10.0.0.3:1"},"brokerName":"a"},{"brokerAddrs":{"1":"10.0.0.4:1"},"brokerName":"slave"}],"queueDatas":[{"brokerName":"b","perm":6,"readQueueNums":8,"writeQueueNums":2},{"brokerName":"slave","perm":6,"readQueueNums":8,"writeQueueNums":2},{"brokerName":"a","perm":6,"readQueueNums":3,"writeQueueNums":1},{"brokerName":"a","perm":4,"readQueueNums":3,"writeQueueNums":1}]}"#;

    #[test]
    fn brokers_come_by_name_and_only_writable_masters() {
        assert_eq!(publish(ROUTE, None).unwrap(), (std::vec![("a".into(), 1), ("b".into(), 2)], false));
        let route = TopicRouteData::parse(ROUTE.as_bytes()).unwrap();
        assert_eq!(route.broker("b".into()).unwrap().master().unwrap(), "10.0.0.1:1");
    }

    #[test]
    fn the_default_topic_counts_by_readable_queues() {
        assert_eq!(publish(ROUTE, Some(4)).unwrap().0, std::vec![("a".into(), 3), ("b".into(), 4)]);
    }

    #[test]
    fn a_fixed_order_is_taken_as_it_is() {
        let conf = |conf: &str| publish(&std::format!("{{\"orderTopicConf\":\"{conf}\"}}"), None);
        assert_eq!(conf("b:1;a:2;").unwrap(), (std::vec![("b".into(), 1), ("a".into(), 2)], true));
        assert_eq!(conf("").unwrap(), (std::vec![], false));
        for bad in ["b", ";b:1", "b:", "b:x", "b:1;;a:1"] {
            assert_eq!(conf(bad).unwrap_err().field, "orderTopicConf", "{bad}");
        }
    }

    #[test]
    fn a_route_written_is_the_route_read() {
        let entry = RouteEntry {
            cluster: "c",
            broker_name: "b\"1",
            address: "127.0.0.1:10911",
            read_queue_nums: 4,
            write_queue_nums: 3,
            perm: 6,
            topic_sys_flag: 0,
        };
        let mut buffer = [0u8; 512];
        let mut writer = Writer::new(&mut buffer);
        put_topic_route(&mut writer, [entry].into_iter());
        let len = writer.filled();
        let route = TopicRouteData::parse(&buffer[..len]).unwrap();
        let (broker, queue) = (route.brokers().next().unwrap(), route.queues().next().unwrap());
        assert_eq!(broker.broker_name, "b\"1");
        assert_eq!(broker.master().unwrap(), "127.0.0.1:10911");
        assert_eq!((queue.read_queue_nums, queue.write_queue_nums, queue.perm), (4, 3, 6));
    }
}
