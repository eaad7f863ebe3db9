//! The reference's unmodified consumers, in Java and Go. Everything is expected of a real broker first, and then, to the
//! letter, of ours.

mod deaths;
mod delays;
mod failing;
mod kinds;
mod members;
mod stage;
mod starts;
mod tags;
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
