//! Where a group begins that has not been there before.

use core::time::Duration;
use std::collections::BTreeSet;

use super::members::{Delivery, Kind, Member, Members, Order};
use super::stage::{Draft, Stage, now};
use crate::admin::eventually;

const COUNT: usize = 12;

/// Where to begin, and which messages come: the old ones, those since a time, and those since the consumer runs.
const STARTS: [(&str, &[&str]); 3] = [
    ("CONSUME_FROM_FIRST_OFFSET", &["old", "recent", "new"]),
    ("CONSUME_FROM_TIMESTAMP", &["recent", "new"]),
    ("CONSUME_FROM_LAST_OFFSET", &["new"]),
];

/// Only those who broadcast ask for the ends of a queue, and for a time in it. All others are told to begin at 0 by a broker
/// that has not lost any message yet, however they begin.
pub(super) fn consumption_begins_where_it_is_told_to(stage: &Stage, members: &Members) {
    let prefix = members.client.prefix();
    let topic = format!("{prefix}Starts");
    stage.topic(&topic, 3);
    let send =
        |age: &'static str| stage.send(&topic, (0..COUNT).map(|index| Draft::new(format!("{age} {index}"))));
    let old = send("old");
    // The clients know whole seconds only.
    let last = old.iter().map(|one| one.stored_at).max().expect("some were sent");
    let time = (last / 1_000 + 1) * 1_000;
    while now() <= time {
        std::thread::sleep(Duration::from_millis(50));
    }
    send("recent");

    let group = |index: usize| format!("{prefix}Starts{index}");
    let order = |index: usize, (from, _): (&str, &[&str])| {
        let order = Order::new(Kind::Concurrent, &group(index), &topic).set("consumeFromWhere", from);
        order.with("consumeFrom", time)
    };
    let broadcast = STARTS.iter().enumerate().map(|(index, start)| order(index, *start).broadcasting());
    let in_group = order(STARTS.len(), STARTS[2]);
    let everybody = members.start_all(broadcast.chain([in_group]));
    // The one in a group is no broadcaster.
    let ages_of = |index: usize| STARTS.get(index).copied().unwrap_or(STARTS[0]);
    let everything =
        |(index, member): (usize, &Member<'_>)| has_all(&bodies(member.deliveries()), ages_of(index).1);
    eventually("everything that is to come, from all queues", || {
        send("new");
        std::thread::sleep(Duration::from_millis(500));
        everybody.iter().enumerate().all(everything).then_some(())
    });
    for (index, member) in everybody.into_iter().enumerate() {
        let (from, ages) = ages_of(index);
        let got = bodies(member.stop());
        for age in ["old", "recent"] {
            let expected = if ages.contains(&age) { COUNT } else { 0 };
            assert_eq!(count(&got, age), expected, "{from}: {age} ones");
        }
    }
}

fn bodies(deliveries: Vec<Delivery>) -> BTreeSet<String> {
    deliveries.into_iter().map(|one| one.body).collect()
}

fn count(bodies: &BTreeSet<String>, age: &str) -> usize {
    bodies.iter().filter(|body| body.starts_with(age)).count()
}

/// Whether all messages of these ages have come. Each queue of a topic may be begun with at another time.
fn has_all(bodies: &BTreeSet<String>, ages: &[&str]) -> bool {
    ages.iter().all(|age| count(bodies, age) >= COUNT)
}
