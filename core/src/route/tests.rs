use super::*;
use std::format;
use std::string::{String as StdString, ToString};
use std::vec::Vec;

struct Memory {
    topics: [Slot<TopicRoute>; 2],
    brokers: [Slot<BrokerRoute>; 3],
    queues: [QueueRef; 8],
    write_queue_nums: [u16; 6],
}

impl Memory {
    fn new() -> Self {
        Self {
            topics: [const { Slot::EMPTY }; 2],
            brokers: [const { Slot::EMPTY }; 3],
            queues: [QueueRef::EMPTY; 8],
            write_queue_nums: [0; 6],
        }
    }

    fn routes(&mut self) -> Routes<'_> {
        Routes::new(&mut self.topics, &mut self.brokers, &mut self.queues, &mut self.write_queue_nums)
    }
}

/// A route in JSON: of each broker its name and how many queues it has.
pub(crate) fn route(brokers: &[(&str, i32)]) -> StdString {
    let datas: Vec<_> = brokers
        .iter()
        .map(|(b, _)| format!(r#"{{"brokerName":"{b}","brokerAddrs":{{"0":"{b}:1"}}}}"#))
        .collect();
    let queues: Vec<_> = brokers
        .iter()
        .map(|(b, n)| format!(r#"{{"brokerName":"{b}","perm":6,"readQueueNums":{n},"writeQueueNums":{n}}}"#))
        .collect();
    format!(r#"{{"brokerDatas":[{}],"queueDatas":[{}]}}"#, datas.join(","), queues.join(","))
}

fn install(routes: &mut Routes<'_>, topic: SlotId, json: &str) -> Result<bool, DecodeError> {
    routes.install(topic, &TopicRouteData::parse(json.as_bytes()).unwrap(), None, RoundRobin::new(0))
}

fn list(routes: &Routes<'_>, topic: SlotId) -> Vec<StdString> {
    routes.queues(topic).iter().map(|q| format!("{}/{}", routes.broker_name(q.broker), q.queue_id)).collect()
}

#[test]
fn a_route_becomes_a_publish_list() {
    let mut memory = Memory::new();
    let mut routes = memory.routes();
    let topic = routes.topic(Instant::ZERO, "T", RoundRobin::new(0), |_| false).unwrap();
    assert_eq!(install(&mut routes, topic, &route(&[("b", 2), ("a", 1)])), Ok(true));
    assert_eq!(list(&routes, topic), ["a/0", "b/0", "b/1"]);
    assert_eq!(install(&mut routes, topic, &route(&[("b", 2), ("a", 1)])), Ok(false));
    let a = routes.broker("a").unwrap();
    assert_eq!(routes.master(a).unwrap().to_string(), "a:1");
}

#[test]
fn limits_are_named_and_leave_the_old_route() {
    let mut memory = Memory::new();
    let mut routes = memory.routes();
    let topic = routes.topic(Instant::ZERO, "T", RoundRobin::new(0), |_| false).unwrap();
    install(&mut routes, topic, &route(&[("a", 4)])).unwrap();
    assert_eq!(install(&mut routes, topic, &route(&[("a", 5)])).unwrap_err().field, "queues");
    assert_eq!(
        install(&mut routes, topic, &route(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)])).unwrap_err().field,
        "brokers"
    );
    assert_eq!(list(&routes, topic).len(), 4);
    let long = "x".repeat(MAX_BROKER_NAME + 1);
    assert_eq!(install(&mut routes, topic, &route(&[(&long, 1)])).unwrap_err().field, "brokerName");
}

#[test]
fn a_list_without_end_is_refused_before_anybody_goes_through_it() {
    let mut memory = Memory::new();
    let mut routes = memory.routes();
    let topic = routes.topic(Instant::ZERO, "T", RoundRobin::new(0), |_| false).unwrap();
    // Twice as many as there is memory for brokers: each of two is there three times.
    let twice = route(&[("a", 1), ("b", 1), ("a", 1), ("b", 1), ("a", 0), ("b", 0)]);
    assert_eq!(install(&mut routes, topic, &twice), Ok(true));
    let endless = route(&[("a", 1)])
        .replace("}]}", &("}".to_string() + &r#",{"brokerName":"a"}"#.repeat(20_000) + "]}"));
    assert_eq!(install(&mut routes, topic, &endless).unwrap_err().field, "brokers");
    assert_eq!(list(&routes, topic).len(), 4);
}

#[test]
fn a_huge_number_of_queues_is_only_a_number() {
    let mut memory = Memory::new();
    let mut routes = memory.routes();
    let topic = routes.topic(Instant::ZERO, "T", RoundRobin::new(0), |_| false).unwrap();
    assert_eq!(install(&mut routes, topic, &route(&[("a", i32::MAX)])).unwrap_err().field, "queues");
}

#[test]
fn the_topic_used_longest_ago_makes_room_unless_it_is_in_use() {
    let mut memory = Memory::new();
    let mut routes = memory.routes();
    let topic = |routes: &mut Routes<'_>, at, name| {
        routes.topic(Instant::from_millis(at), name, RoundRobin::new(0), |_| false)
    };
    let first = topic(&mut routes, 1, "first").unwrap();
    let second = topic(&mut routes, 2, "second").unwrap();
    assert_eq!(topic(&mut routes, 3, "first"), Some(first));
    let third = topic(&mut routes, 4, "third").unwrap();
    assert!(routes.topics.get(second).is_none());
    for id in [first, third] {
        routes.topics.get_mut(id).unwrap().sends = 1;
    }
    assert_eq!(topic(&mut routes, 5, "fourth"), None);
}

#[test]
fn brokers_without_a_route_are_forgotten() {
    let mut memory = Memory::new();
    let mut routes = memory.routes();
    let topic = routes.topic(Instant::ZERO, "T", RoundRobin::new(0), |_| false).unwrap();
    install(&mut routes, topic, &route(&[("a", 1), ("b", 1)])).unwrap();
    install(&mut routes, topic, &route(&[("b", 1)])).unwrap();
    let a = routes.broker("a").unwrap();
    routes.forget_brokers(|id| id == a);
    assert!(routes.broker("a").is_some());
    routes.forget_brokers(|_| false);
    assert!(routes.broker("a").is_none() && routes.broker("b").is_some());
}

#[test]
fn numbers_of_queues_are_those_of_the_first_queue_data_and_leave_with_the_broker() {
    let mut memory = Memory::new();
    let mut routes = memory.routes();
    let topic = |routes: &mut Routes<'_>, name| {
        routes.topic(Instant::ZERO, name, RoundRobin::new(0), |_| false).unwrap()
    };
    let first = topic(&mut routes, "first");
    let second = topic(&mut routes, "second");
    // Broker b is only read from.
    let json = r#"{"brokerDatas":[{"brokerName":"a","brokerAddrs":{"0":"a:1"}},{"brokerName":"b","brokerAddrs":{"0":"b:1"}}],
        "queueDatas":[{"brokerName":"a","perm":6,"readQueueNums":5,"writeQueueNums":3},
        {"brokerName":"b","perm":4,"readQueueNums":4,"writeQueueNums":4},
        {"brokerName":"b","perm":4,"readQueueNums":1,"writeQueueNums":1}]}"#;
    install(&mut routes, first, json).unwrap();
    let counts = |routes: &Routes<'_>, topic| {
        ["a", "b", "c"].map(|b| routes.broker(b).map_or(0, |id| routes.write_queues(topic, id)))
    };
    assert_eq!((counts(&routes, first), counts(&routes, second)), ([3, 4, 0], [0; 3]));
    // Queues of the default topic are those that can be read, as many as a new topic gets.
    let parsed = TopicRouteData::parse(json.as_bytes()).unwrap();
    routes.install(first, &parsed, Some(2), RoundRobin::new(0)).unwrap();
    assert_eq!(counts(&routes, first), [2, 2, 0]);
    install(&mut routes, first, &route(&[("c", 1)])).unwrap();
    routes.forget_brokers(|_| false);
    assert_eq!(counts(&routes, first), [0, 0, 1]);
    // A topic in an old place starts without numbers.
    routes.topics.remove(first);
    let third = topic(&mut routes, "third");
    assert_eq!((third.index(), counts(&routes, third)), (first.index(), [0; 3]));
}

#[test]
fn a_broker_whose_entries_are_all_overwritten_is_not_forgotten() {
    let mut memory = Memory::new();
    let mut routes = memory.routes();
    let topic = routes.topic(Instant::ZERO, "T", RoundRobin::new(0), |_| false).unwrap();
    install(&mut routes, topic, &route(&[("a", 1), ("b", 1)])).unwrap();
    routes.queues[1] = routes.queues[0];
    routes.forget_brokers(|_| false);
    assert!(routes.broker("b").is_some());
    // The next route brings its entry back, which is no change of the route.
    assert_eq!(install(&mut routes, topic, &route(&[("a", 1), ("b", 1)])), Ok(false));
    assert_eq!(list(&routes, topic), ["a/0", "b/0"]);
}
