//! Listeners that fail: when a message comes again, how often, and where it ends.

use std::collections::BTreeMap;

use super::members::{Client, Delivery, Kind, Member, Members, Order};
use super::stage::{Draft, Sent, Stage};

const COUNT: usize = 3;

/// How late a message may come again: the reference is within a fraction of a second, but nobody knows how busy the machine is.
const LATE: i64 = 15_000;

/// The retries that a message has, before it is a dead letter.
const RETRIES: i64 = 2;

const ALWAYS: i32 = 1_000;

pub(super) fn failed_messages_come_again_and_then_are_dead_letters(stage: &Stage, members: &Members) {
    let prefix = members.client.prefix();
    let name = |of: &str| format!("{prefix}Fails{of}");
    let (topic, ordered) = (name(""), name("InOrder"));
    for topic in [&topic, &ordered] {
        stage.topic(topic, 1);
    }
    let drafts = || (0..COUNT).map(|index| Draft { tags: "TagA", ..Draft::new(format!("message {index}")) });
    let (sent, sent_in_order) = (stage.send(&topic, drafts()), stage.send(&ordered, drafts()));
    let order = |kind, group: &str, topic: &str| Order::new(kind, &name(group), topic).begin_first();
    let started = members.start_all([
        // The level of the client's own choice: 3, which is 10 s.
        order(Kind::Concurrent, "Once", &topic).with("fail", 1),
        // Level 1 is 1 s.
        order(Kind::Concurrent, "Always", &topic)
            .with("fail", ALWAYS)
            .with("delayLevel", 1)
            .set("maxReconsumeTimes", RETRIES),
        order(Kind::Orderly, "AlwaysInOrder", &ordered)
            .with("fail", ALWAYS)
            .set("maxReconsumeTimes", RETRIES)
            .set("suspendCurrentQueueTimeMillis", 1_000),
    ]);
    let Ok([once, always, in_order]) = <[Member<'_>; 3]>::try_from(started) else { panic!("three") };

    always.await_count(COUNT * 3);
    check_dead_letters(stage, members, &name("Always"), &topic, &sent, RETRIES + 1);
    let latest = check_retries(&sent, &always.stop(), RETRIES, 1_000);

    // Go gives up one later. What it counts, it alone knows, and so in part does 4.9.7.
    let (deliveries, counted) = match members.client {
        Client::Java("4.9.7") => (RETRIES + 1, RETRIES),
        Client::Java(_) => (RETRIES + 1, RETRIES + 1),
        Client::Go => (RETRIES + 2, 1),
    };
    in_order.await_count(COUNT * usize::try_from(deliveries).expect("few"));
    check_dead_letters(stage, members, &name("AlwaysInOrder"), &ordered, &sent_in_order, counted);
    check_order(&sent_in_order, &in_order.stop(), deliveries);

    once.await_count(COUNT * 2);
    let latest = latest.max(check_retries(&sent, &once.stop(), 1, 10_000));
    rocketlite_tests::say(&format!(
        "interop {} consumes from {}: retries at most {latest} ms after their time",
        members.client, stage.name
    ));
}

/// Each message comes at once and then `retries` times, each after the delay; in between it has another place.
fn check_retries(sent: &[Sent], deliveries: &[Delivery], retries: i64, delay: i64) -> i64 {
    let mut latest = 0;
    let mut by_id = BTreeMap::<_, Vec<_>>::new();
    for delivery in deliveries {
        by_id.entry(&*delivery.msg_id).or_default().push(delivery);
    }
    assert_eq!(by_id.len(), sent.len());
    for one in sent {
        let of_one = &by_id[&*one.msg_id];
        let times: Vec<_> = of_one.iter().map(|delivery| delivery.reconsume_times).collect();
        assert_eq!(times, (0..=retries).collect::<Vec<_>>(), "{}", one.draft.body);
        for delivery in of_one {
            assert_eq!((&*delivery.body, &*delivery.tags), (&*one.draft.body, one.draft.tags));
            assert_eq!(delivery.topic, of_one[0].topic, "a retry has its own topic");
        }
        for pair in of_one.windows(2) {
            let late = pair[1].store_timestamp - pair[0].heard - delay;
            assert!((0..LATE).contains(&late), "{late} ms after its time: {pair:?}");
            latest = latest.max(late);
        }
    }
    latest
}

/// The queue waits for each message until that is given up, and none overtakes it.
fn check_order(sent: &[Sent], deliveries: &[Delivery], each: i64) {
    let got = deliveries.iter().map(|one| (&*one.msg_id, one.queue_offset, one.reconsume_times));
    let expected = sent.iter().flat_map(|one| (0..each).map(|times| (&*one.msg_id, one.queue_offset, times)));
    assert_eq!(got.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    for pair in deliveries.windows(2).filter(|pair| pair[0].msg_id == pair[1].msg_id) {
        let pause = pair[1].heard - pair[0].heard;
        assert!((1_000..1_000 + LATE).contains(&pause), "{pause} ms: {pair:?}");
    }
}

/// Every message is in the group's topic of dead letters, once.
fn check_dead_letters(
    stage: &Stage,
    members: &Members,
    group: &str,
    topic: &str,
    sent: &[Sent],
    reconsume_times: i64,
) {
    let dead = format!("%DLQ%{group}");
    stage.await_topic(&dead);
    let reader = members.start(Order::new(Kind::Concurrent, &format!("{group}Dead"), &dead).begin_first());
    reader.await_count(sent.len());
    let mut letters = reader.stop();
    letters.sort_by(|one, other| one.body.cmp(&other.body));
    let ids: Vec<_> = letters.iter().map(|letter| &letter.msg_id).collect();
    assert_eq!(ids, sent.iter().map(|one| &one.msg_id).collect::<Vec<_>>(), "{dead}");
    for (letter, one) in letters.iter().zip(sent) {
        assert_eq!((&*letter.body, &*letter.tags), (&*one.draft.body, one.draft.tags), "{letter:?}");
        assert_eq!((&*letter.topic, letter.reconsume_times), (&*dead, reconsume_times), "{letter:?}");
        assert_eq!(letter.properties["RETRY_TOPIC"], topic, "{letter:?}");
        assert!(letter.properties.contains_key("ORIGIN_MESSAGE_ID"), "{letter:?}");
    }
}
