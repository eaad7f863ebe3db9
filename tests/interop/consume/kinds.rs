//! Every kind of consumer gets every message once, as it was sent.

use std::collections::{BTreeMap, HashMap};

use super::members::{Client, Delivery, Kind, Members, Order};
use super::stage::{Draft, Sent, Stage};

const QUEUES: u32 = 4;
const BEFORE: usize = 200;
const AFTER: usize = 40;

/// What a message has: from its producer, from the server, and from the consumer's client, if not all of the latter.
const PROPERTIES: [&str; 9] =
    ["CLUSTER", "KEYS", "MAX_OFFSET", "MIN_OFFSET", "MSG_REGION", "TAGS", "TRACE_ON", "UNIQ_KEY", "WAIT"];

fn drafts(range: core::ops::Range<usize>) -> impl Iterator<Item = Draft> {
    range.map(|index| Draft {
        body: format!("{index}: Grüße 🚀"),
        tags: "TagA",
        keys: format!("key{index} other"),
        ..Draft::default()
    })
}

pub(super) fn every_kind_gets_every_message_once(stage: &Stage, members: &Members) {
    let prefix = members.client.prefix();
    let topic = format!("{prefix}Kinds");
    stage.topic(&topic, QUEUES);
    let mut sent = stage.send(&topic, drafts(0..BEFORE));
    let kinds: &[Kind] = match members.client {
        Client::Java(_) => &[Kind::Concurrent, Kind::Orderly, Kind::Lite, Kind::Pull],
        Client::Go => &[Kind::Concurrent, Kind::Orderly],
    };
    let group = |kind: Kind| format!("{prefix}{kind:?}");
    let broadcast = Order::new(Kind::Concurrent, &format!("{prefix}Broadcast"), &topic).broadcasting();
    let in_groups = kinds.iter().map(|kind| {
        let order = Order::new(*kind, &group(*kind), &topic);
        // Who pulls says from where, each time.
        if *kind == Kind::Pull { order } else { order.begin_first() }
    });
    let broadcast = broadcast.begin_first();
    let everybody = members.start_all(in_groups.chain([broadcast.clone(), broadcast]));
    for member in &everybody {
        member.await_count(BEFORE);
    }
    // They wait at the end of the queues by now.
    sent.extend(stage.send(&topic, drafts(BEFORE..BEFORE + AFTER)));
    for member in &everybody {
        member.await_count(sent.len());
    }
    for kind in kinds {
        stage.await_commits(&group(*kind), &topic, QUEUES);
    }
    for (index, member) in everybody.into_iter().enumerate() {
        let deliveries = member.stop();
        check(&topic, &sent, &deliveries);
        if kinds.get(index) == Some(&Kind::Orderly) {
            check_order(&deliveries);
        }
    }
}

/// Each once, and nothing of it has changed.
fn check(topic: &str, sent: &[Sent], deliveries: &[Delivery]) {
    let mut by_id: HashMap<_, _> = deliveries.iter().map(|one| (&*one.msg_id, one)).collect();
    assert_eq!((by_id.len(), deliveries.len()), (sent.len(), sent.len()), "some are missing, or came twice");
    for Sent { draft, msg_id, queue_id, queue_offset, stored_at, .. } in sent {
        let got = by_id.remove(&**msg_id).expect("it was sent");
        assert_eq!((&*got.topic, &*got.body), (topic, &*draft.body));
        assert_eq!((&*got.tags, &*got.keys), (draft.tags, &*draft.keys));
        assert_eq!(got.place(), (*queue_id, *queue_offset), "{got:?}");
        assert_eq!((got.reconsume_times, got.store_timestamp), (0, *stored_at), "{got:?}");
        assert!(got.born_timestamp > 0 && got.born_timestamp <= got.heard, "{got:?}");
        assert_eq!(got.properties.get("UNIQ_KEY"), Some(msg_id), "{got:?}");
        let names = got.properties.keys().filter(|name| *name != "CONSUME_START_TIME");
        assert!(names.eq(PROPERTIES), "{got:?}");
    }
}

/// Each queue's messages one after the other.
fn check_order(deliveries: &[Delivery]) {
    let mut next = BTreeMap::<i64, i64>::new();
    for delivery in deliveries {
        let next = next.entry(delivery.queue_id).or_default();
        assert_eq!(delivery.queue_offset, *next, "out of order: {delivery:?}");
        *next += 1;
    }
}
