//! `route*.jsonl`: route data as name servers print it, and the queues that are made of it.

use std::collections::BTreeMap;

use rocketlite_core::wire::Text;
use rocketlite_core::wire::route::{MASTER_ID, RouteEntry, TopicRouteData, put_topic_route};
use rocketlite_tests::encode::encoded;
use rocketlite_tests::golden::{Checks, integer, list, run, same, text};
use serde_json::{Value, json};

#[test]
fn routes() {
    run("route.jsonl", name, check);
}

#[test]
fn routes_of_registered_brokers() {
    run("route_registered.jsonl", name, check);
}

fn name(case: &Value) -> String {
    text(case, "name").unwrap_or_default().into()
}

fn check(case: &Value, checks: &mut Checks) {
    if let Some(json) = text(case, "json") {
        checks.aspect("parse", || parse(case, json));
        if !case["route"].is_null() {
            checks.aspect("publish", || publish(case, json));
        }
    }
    if text(case, "kind") == Some("name_server") {
        checks.aspect("write", || write(case));
    }
}

fn parse(case: &Value, json: &str) -> Result<(), String> {
    let ours = TopicRouteData::parse(json.as_bytes()).ok().map(|route| structure(&route));
    let mut reference = case["route"].clone();
    if let Some(route) = reference.as_object_mut() {
        // Nothing acts on them, so they are passed over.
        route.remove("filter_servers");
    }
    same("route", &ours.unwrap_or_default(), &reference)
}

fn structure(route: &TopicRouteData<'_>) -> Value {
    let optional = |text: Option<Text<'_>>| text.map(|text| text.to_string());
    let brokers: Vec<_> = route.brokers().map(|broker| {
        let addresses: BTreeMap<_, _> =
            broker.addresses().map(|(id, address)| (id.to_string(), address.to_string())).collect();
        json!({"broker": broker.broker_name.to_string(), "cluster": optional(broker.cluster), "addresses": addresses})
    }).collect();
    let queues: Vec<_> = route
        .queues()
        .map(|queue| {
            json!({"broker": queue.broker_name.to_string(), "read_queues": queue.read_queue_nums,
                "write_queues": queue.write_queue_nums, "perm": queue.perm, "sys_flag": queue.topic_sys_flag})
        })
        .collect();
    json!({"order_topic_conf": optional(route.order_topic_conf()), "brokers": brokers, "queues": queues})
}

fn publish(case: &Value, json: &str) -> Result<(), String> {
    let route = TopicRouteData::parse(json.as_bytes()).map_err(|error| error.to_string())?;
    let mut queues = Vec::new();
    let order = route.publish_queues(None, &mut |broker, count| {
        queues.extend((0..count).map(|id| json!({"broker": broker.to_string(), "queue_id": id})));
    });
    let ours =
        order.ok().map(|order| json!({"ok": !queues.is_empty(), "order_topic": order, "queues": queues}));
    same("publish", &ours.unwrap_or_default(), &case["publish"])
}

/// Writes the route of the registered masters and reads it back; where the reference's route has nothing else, both must
/// say the same.
fn write(case: &Value) -> Result<(), String> {
    let masters = masters(case);
    let written = encoded(|writer| put_topic_route(writer, masters.values().copied()));
    let route = TopicRouteData::parse(&written).map_err(|error| error.to_string())?;
    let brokers: Vec<_> = masters
        .values()
        .map(|m| json!({"broker": m.broker_name, "cluster": m.cluster, "addresses": {"0": m.address}}))
        .collect();
    let queues: Vec<_> = masters
        .values()
        .map(|m| {
            json!({"broker": m.broker_name, "read_queues": m.read_queue_nums,
                "write_queues": m.write_queue_nums, "perm": m.perm, "sys_flag": m.topic_sys_flag})
        })
        .collect();
    let expected = json!({"order_topic_conf": null, "brokers": brokers, "queues": queues});
    same("written and read", &structure(&route), &expected)?;
    // Other readers than ours take only what is really JSON.
    let ours: Value = serde_json::from_slice(&written).map_err(|error| error.to_string())?;
    let reference = text(case, "json").and_then(|json| serde_json::from_str(json).ok());
    match reference {
        Some(reference) if only_masters(case) => same("JSON", &sorted(ours), &sorted(reference)),
        _ => Ok(()),
    }
}

/// The masters that have the topic, by name; of several registrations the last counts.
fn masters(case: &Value) -> BTreeMap<&str, RouteEntry<'_>> {
    let mut masters = BTreeMap::new();
    for broker in list(case, "registered") {
        let topic = &broker["topic"];
        if integer::<i64>(broker, "broker_id") != MASTER_ID || topic.is_null() {
            continue;
        }
        let entry = RouteEntry {
            cluster: text(broker, "cluster").unwrap_or_default(),
            broker_name: text(broker, "broker").unwrap_or_default(),
            address: text(broker, "address").unwrap_or_default(),
            read_queue_nums: integer(topic, "read_queues"),
            write_queue_nums: integer(topic, "write_queues"),
            perm: integer(topic, "perm"),
            topic_sys_flag: integer(topic, "sys_flag"),
        };
        masters.insert(entry.broker_name, entry);
    }
    masters
}

/// Whether every broker has registered once, as a master and with the topic. What a name server makes of the others, such as
/// slaves and brokers that change their address, is not what a broker writes that is its own name server.
fn only_masters(case: &Value) -> bool {
    masters(case).len() == list(case, "registered").len()
}

/// A route in which brokers and queues stand by name, for their order is that of a hash table, and without the zone, which
/// is empty.
fn sorted(mut route: Value) -> Value {
    for key in ["brokerDatas", "queueDatas"] {
        let Some(list) = route[key].as_array_mut() else { continue };
        list.sort_by_key(|entry| text(entry, "brokerName").map(String::from));
        for entry in list {
            entry.as_object_mut().map(|entry| entry.remove("zoneName"));
        }
    }
    route
}
