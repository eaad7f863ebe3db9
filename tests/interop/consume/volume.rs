//! Many messages.

use std::collections::HashSet;

use super::members::{Client, Kind, Members, Order};
use super::named;
use super::stage::Stage;
use crate::reference::java;

const QUEUES: u32 = 8;

/// One group of each client gets what Java sends.
pub(super) fn all_come_once_each(stage: &Stage, count: usize) {
    const TOPIC: &str = "Volume";
    stage.topic(TOPIC, QUEUES);
    let programs = Client::ALL.map(|client| Members::spawn(client, stage));
    let order = |members: &Members| {
        let group = format!("{}Volume", members.client.prefix());
        Order::new(Kind::Concurrent, &group, TOPIC).begin_first().with("brief", true)
    };
    let groups = programs.each_ref().map(|members| members.start(order(members)));
    let count_text = count.to_string();
    let arguments = ["--namesrv", stage.name_server(), "--topic", TOPIC, "--count", &*count_text];
    let sent = java("5.4.0", "Send", &[&arguments[..], &["--inflight", "16"]].concat(), "");
    let sent: HashSet<_> =
        sent.iter().map(|line| line["msgId"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(sent.len(), count);
    std::thread::scope(|scope| {
        for member in groups {
            let sent = &sent;
            named(scope, "volume", move || {
                member.await_count(count);
                let deliveries = member.stop();
                let twice = deliveries.len() - count;
                let ids: HashSet<_> = deliveries.into_iter().map(|one| one.msg_id).collect();
                let missing = sent.difference(&ids).count();
                assert_eq!((missing, twice), (0, 0), "of {count}: missing, twice");
            });
        }
    });
    rocketlite_tests::say(&format!(
        "interop consumers of {}: {count} messages came once each, to each of {} groups",
        stage.name,
        Client::ALL.len()
    ));
}
