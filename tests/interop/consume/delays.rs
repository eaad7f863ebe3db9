//! Messages that are to come later.

use super::members::{Kind, Members, Order};
use super::stage::{Draft, Stage};

/// Levels with their milliseconds.
const LEVELS: [(i32, i64); 3] = [(0, 0), (1, 1_000), (2, 5_000)];

const EACH: usize = 5;

/// How late one may be: the reference is within a fraction of a second, but nobody knows how busy the machine is.
const LATE: i64 = 10_000;

pub(super) fn delayed_messages_come_in_time(stage: &Stage, members: &Members) {
    let prefix = members.client.prefix();
    let topic = format!("{prefix}Delays");
    stage.topic(&topic, 2);
    let member =
        members.start(Order::new(Kind::Concurrent, &format!("{prefix}Delays"), &topic).begin_first());
    let drafts = (0..EACH).flat_map(|index| {
        LEVELS.map(|(delay_level, _)| Draft { delay_level, ..Draft::new(format!("{delay_level} {index}")) })
    });
    let sent = stage.send(&topic, drafts);
    member.await_count(sent.len());
    let deliveries = member.stop();
    assert_eq!(deliveries.len(), sent.len(), "one came twice");
    let mut latest = 0;
    for one in &sent {
        let got = deliveries.iter().find(|got| got.msg_id == one.msg_id).expect("each has come");
        let delays = LEVELS.iter().find(|(level, _)| *level == one.draft.delay_level);
        let (_, delay) = delays.expect("one of them");
        let late = got.store_timestamp - one.stored_at - delay;
        assert!((0..LATE).contains(&late), "{late} ms after its time: {got:?}");
        assert_eq!((&got.body, &got.topic), (&one.draft.body, &topic));
        latest = latest.max(late);
    }
    rocketlite_tests::say(&format!(
        "interop {} consumes from {}: delayed messages at most {latest} ms after their time",
        members.client, stage.name
    ));
}
