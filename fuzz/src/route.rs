//! Routes: read as another reader does, and installed in a producer, which then sends where the route says.

use core::time::Duration;
use std::collections::BTreeSet;

use rocketlite_core::Message;
use rocketlite_core::producer::{Event, ProducerConfig};
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::route::{MASTER_ID, PERM_WRITE, TopicRouteData};
use rocketlite_tests::scripted::response;
use serde_json::Value;

use crate::json;
use crate::producer::{Bench, Storage, address};

/// The first byte says which of two answers the route is, of which the other is a route of one broker; the rest is its JSON.
pub(crate) fn check(input: &[u8]) {
    let Some((&second, route)) = input.split_first() else { return };
    json::check(route);
    let publish = publish(route);
    if let Some(publish) = &publish {
        by_another_reader(route, publish);
    }
    install(route, publish.as_deref(), second & 1 != 0);
}

/// The publish list, if the route can be read.
fn publish(route: &[u8]) -> Option<Vec<(String, u32)>> {
    let route = TopicRouteData::parse(route).ok()?;
    for broker in route.brokers() {
        let master = broker.addresses().filter(|(id, _)| *id == MASTER_ID).last();
        assert_eq!(master.is_some(), broker.master().is_some());
        assert!(route.broker(broker.broker_name).is_some());
    }
    let mut list = Vec::new();
    let is_ordered = route.publish_queues(None, &mut |name, count| list.push((name.to_string(), count)));
    let mut fewer = Vec::new();
    let again = route.publish_queues(Some(1), &mut |name, count| fewer.push((name.to_string(), count)));
    assert_eq!(again, is_ordered);
    if is_ordered == Ok(false) {
        assert!(fewer.iter().all(|(_, count)| *count <= 1));
        assert!(list.iter().map(|(name, _)| name).eq(fewer.iter().map(|(name, _)| name)));
    }
    is_ordered.ok().map(|_| list)
}

/// The publish list as the reference makes it (`MQClientInstance#topicRouteData2TopicPublishInfo`), where another reader
/// understands the route and no order is fixed.
fn by_another_reader(route: &[u8], publish: &[(String, u32)]) {
    let Ok(route) = serde_json::from_slice::<Value>(route) else { return };
    if !route["orderTopicConf"].is_null() {
        return;
    }
    let brokers = route["brokerDatas"].as_array().map_or(&[][..], Vec::as_slice);
    let queues = route["queueDatas"].as_array().map_or(&[][..], Vec::as_slice);
    let plain = |value: &Value| {
        value["brokerName"].is_string()
            && ["perm", "writeQueueNums"].iter().all(|key| value[key].is_null() || value[key].is_i64())
    };
    // Numbers may also be written as text, and texts as numbers; this reader does not know that.
    if !brokers.iter().chain(queues).all(plain) {
        return;
    }
    let has_master = |name: &str| {
        let broker = brokers.iter().find(|broker| broker["brokerName"] == name);
        let addresses = broker.and_then(|broker| broker["brokerAddrs"].as_object());
        addresses.is_some_and(|all| {
            all.iter().any(|(id, at)| {
                id.parse() == Ok(MASTER_ID) && !(at.is_null() || at.is_object() || at.is_array())
            })
        })
    };
    let name = |queue: &Value| queue["brokerName"].as_str().unwrap_or_default().to_owned();
    let int = |queue: &Value, key: &str| queue[key].as_i64().unwrap_or(0);
    let mut sorted: Vec<&Value> = queues.iter().collect();
    sorted.sort_by_key(|queue| name(queue));
    let writable = sorted.into_iter().filter(|queue| int(queue, "perm") & i64::from(PERM_WRITE) != 0);
    let expected: Vec<(String, u32)> = writable
        .filter(|queue| has_master(&name(queue)))
        .map(|queue| (name(queue), u32::try_from(int(queue, "writeQueueNums")).unwrap_or(0)))
        .collect();
    assert_eq!(publish, expected);
}

const ONE_BROKER: &[u8] = br#"{"brokerDatas":[{"brokerName":"b","brokerAddrs":{"0":"b:1"}}],"queueDatas":[{"brokerName":"b","perm":6,"writeQueueNums":2}]}"#;

/// Gives the route to a producer that wants to send, as the first answer or as the second.
fn install(route: &[u8], publish: Option<&[(String, u32)]>, second: bool) {
    let (names, mut storage) = ([address("ns:1")], Storage::new());
    let config = ProducerConfig::new("G", "client", &names);
    let mut bench = Bench::new(config, &mut storage);
    let message = Message::new("T", b"hello");
    if second {
        bench.producer.prefetch_route(bench.now, "T").expect("there is room");
        answer(&mut bench, ONE_BROKER);
        bench.wait(Duration::from_secs(31), true);
    } else {
        let id = bench.producer.send(bench.now, &message).expect("there is room");
        bench.accepted(id);
    }
    answer(&mut bench, route);
    bench.fetch();
    let refused = bench.events.iter().any(|event| matches!(event, Event::RouteRefused { .. }));
    if second && !bench.links.is_empty() {
        let id = bench.producer.send(bench.now, &message).expect("there is room");
        bench.accepted(id);
        bench.drive();
    }
    let taken = publish.filter(|_| !refused);
    // A route that cannot be used changes nothing.
    sends_go_where(&mut bench, taken, second && taken.is_none());
    bench.settle(Duration::from_secs(5));
}

/// Answers the question for a route with `body`.
fn answer(bench: &mut Bench<'_>, body: &[u8]) {
    bench.drive();
    bench.open(0);
    bench.transmit(0, 256);
    let question = bench.requests.iter().find(|r| r.code == RequestCode::GET_ROUTEINFO_BY_TOPIC.0);
    let question = question.expect("the route is asked for");
    let (connection, bytes) = (question.connection, response(question.opaque, 0, None, &[], body));
    bench.requests.clear();
    bench.receive(connection, &bytes);
}

/// Connects whatever is asked for, and looks at where the send went.
fn sends_go_where(bench: &mut Bench<'_>, publish: Option<&[(String, u32)]>, keeps_old: bool) {
    for place in 0..bench.links.len() {
        bench.open(place);
        bench.transmit(place, 256);
    }
    let mut allowed: BTreeSet<(&str, u32)> = BTreeSet::new();
    for (name, count) in publish.into_iter().flatten() {
        // A producer that has taken the route has room for no more.
        allowed.extend((0..(*count).min(16)).map(|queue| (name.as_str(), queue)));
    }
    if keeps_old {
        allowed.extend([("b", 0), ("b", 1)]);
    }
    for request in &bench.requests {
        if request.code == RequestCode::SEND_MESSAGE_V2.0 {
            let queue = request.fields["e"].parse().expect("a queue");
            assert!(allowed.contains(&(&request.fields["n"], queue)), "{allowed:?} to {request:?}");
        }
    }
}
