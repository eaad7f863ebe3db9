//! Tag filters.

use std::collections::BTreeSet;

use super::members::{Kind, Members, Order};
use super::stage::{Draft, Sent, Stage};

/// The second half have the same hash codes in Java as another: `Aa` and `BB`, `AaAa` and `BBBB`.
const TAGS: [&str; 9] = ["TagA", "TagB", "TagC", "", "tagA", "Aa", "BB", "AaAa", "BBBB"];

/// What is subscribed to, and which tags those have that come.
const FILTERS: [(&str, &[&str]); 4] =
    [("TagA || TagB", &["TagA", "TagB"]), ("Aa", &["Aa"]), ("BBBB||TagC", &["BBBB", "TagC"]), ("*", &TAGS)];

const TIMES: usize = 10;

pub(super) fn a_filter_delivers_what_is_tagged(stage: &Stage, members: &Members) {
    let prefix = members.client.prefix();
    let topic = format!("{prefix}Tags");
    stage.topic(&topic, 2);
    let round = |time: usize| {
        stage.send(&topic, TAGS.map(|tags| Draft { tags, ..Draft::new(format!("{tags} {time}")) }))
    };
    let mut sent: Vec<Sent> = (0..TIMES).flat_map(round).collect();
    let group = |index: usize| format!("{prefix}Filter{index}");
    let orders = FILTERS.iter().enumerate().map(|(index, (filter, _))| {
        Order::new(Kind::Concurrent, &group(index), &topic).with("tag", *filter).begin_first()
    });
    let filtering = members.start_all(orders);
    for (member, (_, tags)) in filtering.iter().zip(FILTERS) {
        member.await_count(tags.len() * TIMES);
    }
    // To those who wait at the end of the queues.
    sent.extend(round(TIMES));
    let everything = filtering.last().expect("one filter is none");
    everything.await_count(sent.len());
    for (member, (filter, tags)) in filtering.into_iter().zip(FILTERS) {
        member.await_count(tags.len() * (TIMES + 1));
        let deliveries = member.stop();
        let got: BTreeSet<_> = deliveries.iter().map(|one| &*one.body).collect();
        let tagged = sent.iter().filter(|one| tags.contains(&one.draft.tags));
        assert_eq!(got, tagged.map(|one| &*one.draft.body).collect(), "{filter}");
        assert_eq!(got.len(), deliveries.len(), "{filter}: one came twice");
    }
}
