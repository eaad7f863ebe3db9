//! The reference's unmodified consumers, in Java and Go. Everything is expected of a real broker first, and then, to the
//! letter, of ours.

mod deaths;
mod delays;
mod failing;
mod kinds;
mod members;
mod printed;
mod stage;
mod starts;
mod tags;
mod tool;
mod volume;

use std::thread::{Builder, Scope};

use members::{Client, Members};
use stage::{Server, Stage};

use crate::wanted;

type Scenario = fn(&Stage, &Members);

/// What is done with each client, all at the same time: most of it is waiting.
const SCENARIOS: [(&str, Scenario); 6] = [
    ("kinds", kinds::every_kind_gets_every_message_once),
    ("tags", tags::a_filter_delivers_what_is_tagged),
    ("starts", starts::consumption_begins_where_it_is_told_to),
    ("delays", delays::delayed_messages_come_in_time),
    ("failing", failing::failed_messages_come_again_and_then_are_dead_letters),
    ("deaths", deaths::a_group_shares_and_survives),
];

fn consumers_get_what_they_should(server: Server) {
    let stage = Stage::new(&server);
    let programs = Client::ALL.map(|client| Members::spawn(client, &stage));
    std::thread::scope(|scope| {
        for members in &programs {
            for (name, scenario) in SCENARIOS {
                let stage = &stage;
                named(scope, &format!("{name}, {}", members.client), move || scenario(stage, members));
            }
        }
    });
    drop(programs);
    server.stop();
}

fn many_messages_come_once_each(server: Server, count: usize) {
    volume::all_come_once_each(&Stage::new(&server), count);
    server.stop();
}

/// A thread whose panic tells which scenario it was.
fn named<'s>(scope: &'s Scope<'s, '_>, name: &str, run: impl FnOnce() + Send + 's) {
    Builder::new().name(name.to_owned()).spawn_scoped(scope, run).expect("a thread can be started");
}

#[test]
fn consumers_get_from_apache_what_they_should() {
    if wanted("consumers of Apache") {
        consumers_get_what_they_should(Server::apache("consume"));
    }
}

#[test]
fn many_messages_come_from_apache_once_each() {
    if wanted("many messages from Apache") {
        many_messages_come_once_each(Server::apache("volume"), 20_000);
    }
}

#[test]
fn consumers_get_from_our_broker_what_they_should() {
    if wanted("consumers of our broker") {
        consumers_get_what_they_should(Server::rocketlite());
    }
}

#[test]
fn many_messages_come_from_our_broker_once_each() {
    if wanted("many messages from our broker") {
        many_messages_come_once_each(Server::rocketlite(), 100_000);
    }
}

#[test]
fn the_admin_tool_prints_of_our_broker_what_it_prints_of_apache() {
    if !wanted("the admin tool") {
        return;
    }
    let servers = [Server::apache("tool"), Server::rocketlite()];
    let stages = servers.each_ref().map(Stage::new);
    let [theirs, ours] = std::thread::scope(|scope| {
        let runs = stages.each_ref().map(|stage| scope.spawn(|| tool::everything_printed(stage)));
        runs.map(|run| run.join().expect("no panic"))
    });
    let differences: Vec<_> =
        theirs.iter().zip(&ours).filter_map(|(theirs, ours)| tool::difference(theirs, ours)).collect();
    rocketlite_tests::say(&format!(
        "interop mqadmin 5.4.0: {} of {} commands print the same",
        theirs.len() - differences.len(),
        theirs.len()
    ));
    assert!(
        differences.is_empty() && theirs.len() == ours.len(),
        "{}",
        differences.join(
            "

"
        )
    );
    servers.into_iter().for_each(Server::stop);
}
