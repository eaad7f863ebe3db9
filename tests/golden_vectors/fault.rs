//! `fault_*.jsonl`: scripts of selections, updates and pauses, as `MQFaultStrategy` answers them.

use core::time::Duration;

use rocketlite_core::route::QueueRef;
use rocketlite_core::select::{FaultPlace, FaultStrategy, FaultUpdate, PublishList, RoundRobin};
use rocketlite_core::wire::route::TopicRouteData;
use rocketlite_core::{Instant, Rules, SlotId};
use rocketlite_tests::golden::{Checks, integer, list, run, same, text};
use serde_json::{Value, json};

#[test]
fn faults_4_9_7() {
    run("fault_4.9.7.jsonl", name, |case, checks| check(case, Rules::V4, checks));
}

#[test]
fn faults_5_4_0() {
    run("fault_5.4.0.jsonl", name, |case, checks| check(case, Rules::V5, checks));
}

fn name(case: &Value) -> String {
    text(case, "name").unwrap_or_default().into()
}

fn check(case: &Value, rules: Rules, checks: &mut Checks) {
    checks.aspect("publish", || {
        let brokers = Brokers::of(case);
        let ours: Vec<_> = publish(case)?;
        let reference: Vec<_> = list(case, "queues").iter().map(|queue| brokers.queue(queue)).collect();
        let ours: Vec<_> = ours.iter().map(|(name, id)| (brokers.id(name), *id)).collect();
        same("queues", &ours, &reference.iter().map(|queue| (queue.broker, queue.queue_id)).collect())
    });
    checks.aspect("script", || script(case, rules));
}

/// The brokers of a case, each in a place of its own.
struct Brokers<'c>(Vec<&'c str>);

impl<'c> Brokers<'c> {
    /// Every name that occurs: in the route, in the list, in a step.
    fn of(case: &'c Value) -> Self {
        let routed = list(case, "brokers").iter().filter_map(|broker| text(broker, "name"));
        let listed = list(case, "queues").iter().filter_map(|queue| text(queue, "broker"));
        let steps = list(case, "steps");
        let stepped = steps.iter().flat_map(|step| [text(step, "broker"), text(step, "last_broker")]);
        let mut names: Vec<_> = routed.chain(listed).chain(stepped.flatten()).collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    fn id(&self, name: &str) -> SlotId {
        let place = self.0.iter().position(|known| *known == name);
        // Not zero, so that what only compares places is noticed.
        SlotId::new(u16::try_from(place.unwrap_or_else(|| panic!("no broker {name}"))).unwrap(), 7)
    }

    fn queue(&self, value: &Value) -> QueueRef {
        QueueRef { broker: self.id(text(value, "broker").unwrap()), queue_id: integer(value, "queue_id") }
    }

    fn shown(&self, queue: QueueRef) -> Value {
        json!({"broker": self.0[usize::from(queue.broker.index())], "queue_id": queue.queue_id})
    }

    /// `TopicPublishInfo#getWriteQueueIdByBroker`: of the first queue data of that name, whatever its permissions.
    fn write_queue_nums(&self, case: &Value) -> Vec<u16> {
        let nums = |name: &&str| {
            let data = list(case, "brokers").iter().find(|broker| text(broker, "name") == Some(name));
            data.map_or(0, |data| integer(data, "write_queues"))
        };
        self.0.iter().map(nums).collect()
    }
}

/// The publish list, made by us of the route that the case describes.
fn publish(case: &Value) -> Result<Vec<(String, u16)>, String> {
    let brokers = list(case, "brokers");
    let datas: Vec<_> = brokers
        .iter()
        .map(|b| {
            let id = if b["master"] == Value::Bool(true) { "0" } else { "1" };
            json!({"brokerName": b["name"], "brokerAddrs": {id: "127.0.0.1:1"}})
        })
        .collect();
    let queues: Vec<_> = brokers
        .iter()
        .map(|b| {
            json!({"brokerName": b["name"], "perm": b["perm"], "readQueueNums": b["read_queues"],
                "writeQueueNums": b["write_queues"]})
        })
        .collect();
    let route =
        json!({"brokerDatas": datas, "queueDatas": queues, "orderTopicConf": case["order_topic_conf"]});
    let route = route.to_string();
    let route = TopicRouteData::parse(route.as_bytes()).map_err(|error| error.to_string())?;
    let mut list = Vec::new();
    route
        .publish_queues(None, &mut |broker, count| {
            let ids = 0..u16::try_from(count).unwrap();
            list.extend(ids.map(|id| (broker.to_string(), id)));
        })
        .map_err(|error| error.to_string())?;
    Ok(list)
}

/// A case under way.
struct Script<'c> {
    brokers: Brokers<'c>,
    strategy: FaultStrategy<'c>,
    queues: Vec<QueueRef>,
    write_queue_nums: Vec<u16>,
    index: RoundRobin,
    now: Instant,
}

/// Later than the longest isolation, so that the beginning is in no way special.
const START: Instant = Instant::from_millis(1_000_000_000);

fn script(case: &Value, rules: Rules) -> Result<(), String> {
    let brokers = Brokers::of(case);
    let mut items = vec![FaultPlace::EMPTY; brokers.0.len()];
    let worst = case["worst_index"].as_i64().map_or(0, |worst| i32::try_from(worst).unwrap());
    let enable = case["latency_fault_enable"].as_bool().ok_or("no latency_fault_enable")?;
    let mut script = Script {
        strategy: FaultStrategy::new(rules, enable, &mut items, RoundRobin::new(worst)),
        queues: list(case, "queues").iter().map(|queue| brokers.queue(queue)).collect(),
        write_queue_nums: brokers.write_queue_nums(case),
        index: RoundRobin::new(integer(case, "index")),
        now: START,
        brokers,
    };
    for (at, step) in list(case, "steps").iter().enumerate() {
        script.step(step).map_err(|how| format!("step {at}: {how}"))?;
    }
    let after = if case["queues_after"].is_null() { "queues" } else { "queues_after" };
    let reference: Vec<_> = list(case, after).iter().map(|queue| script.brokers.queue(queue)).collect();
    // The entry that was overwritten last is the tie, and what may be selected may stand there too.
    let tie = list(case, "steps").last().filter(|step| step["allowed"].is_array());
    let equal = |(ours, reference): (&QueueRef, &QueueRef)| {
        ours == reference || tie.is_some_and(|step| script.is_allowed(*ours, step))
    };
    if script.queues.len() == reference.len() && script.queues.iter().zip(&reference).all(equal) {
        return Ok(());
    }
    same("queues afterwards", &script.queues, &reference)
}

impl Script<'_> {
    fn step(&mut self, step: &Value) -> Result<(), String> {
        match text(step, "op") {
            Some("select") => self.select(step),
            Some("update") => {
                let update = FaultUpdate {
                    isolation: step["isolation"].as_bool().ok_or("no isolation")?,
                    reachable: step["reachable"].as_bool().unwrap_or(true),
                };
                let latency = Duration::from_millis(integer::<u64>(step, "latency_ms"));
                let broker = self.brokers.id(text(step, "broker").ok_or("no broker")?);
                self.strategy.update(self.now, broker, latency, update);
                Ok(())
            }
            Some("advance") => {
                self.now = self.now.after(Duration::from_millis(integer::<u64>(step, "ms")));
                Ok(())
            }
            other => Err(format!("unknown step {other:?}")),
        }
    }

    fn select(&mut self, step: &Value) -> Result<(), String> {
        let last_broker = text(step, "last_broker").map(|name| self.brokers.id(name));
        let reset = step["reset_to"].as_i64().map(|value| RoundRobin::new(i32::try_from(value).unwrap()));
        let mut list = PublishList {
            queues: &mut self.queues,
            index: &mut self.index,
            write_queue_nums: &self.write_queue_nums,
        };
        let ours = self.strategy.select(self.now, &mut list, last_broker, reset);
        same("index", &self.index.value(), &integer(step, "index"))?;
        match ours {
            Ok(queue) if self.is_allowed(queue, step) => Ok(()),
            Ok(queue) => same("queue", &self.brokers.shown(queue), step),
            // The only thing that can go wrong is that there is nothing to choose from.
            Err(_) => same("error", &text(step, "error"), &Some("ArithmeticException")),
        }
    }

    /// Whether `queue` is what the reference selected, or as good.
    fn is_allowed(&self, queue: QueueRef, step: &Value) -> bool {
        let chosen = step["error"].is_null().then_some(step);
        chosen.into_iter().chain(list(step, "allowed")).any(|allowed| {
            self.brokers.shown(queue) == json!({"broker": allowed["broker"], "queue_id": allowed["queue_id"]})
        })
    }
}
