//! The reference's tool for administrators, `mqadmin`, prints of our broker what it prints of a real one.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use rocketlite_tests::program::Dialogue;
use serde_json::{Value, json};

use super::members::{Client, Kind, Members, Order};
use super::printed::stable;
use super::stage::{Draft, Sent, Stage};
use crate::reference::java_admin;

const TOPIC: &str = "Administered";
const GROUP: &str = "AdministeredGroup";
const QUEUES: u32 = 2;
const COUNT: usize = 5;

/// The longest that a command is waited for. None is expected to take so long.
const DEADLINE: Duration = Duration::from_mins(2);

/// What must be the same of both.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sameness {
    /// Everything but times, addresses and ids.
    Whole,
    /// The names, line by line before a colon or an equals sign, that we have; and these, with their values.
    Names(&'static [&'static str]),
    /// The lines that we have, in any order; and those with the names of this test must all be there.
    Lines,
}

/// A command, what came of it, and how that is compared.
pub(super) type Printed = (String, Sameness, String);

/// The tool, and the server that it is to look at.
struct Tool<'s> {
    stage: &'s Stage,
    dialogue: Dialogue,
    printed: Vec<Printed>,
}

impl Tool<'_> {
    /// Runs a command; `ID` in its arguments stands for what differs from server to server.
    fn run(&mut self, sameness: Sameness, command: &str, id: &str) {
        let (name_server, broker) = self.stage.addresses();
        let arguments = command.split(' ').map(|argument| match argument {
            "ID" => id,
            "BROKER" => broker,
            other => other,
        });
        let arguments: Vec<_> = arguments.chain(["-n", name_server]).collect();
        self.dialogue.say(&json!(arguments).to_string());
        let answer: Value = serde_json::from_str(&self.dialogue.hear(DEADLINE)).expect("an answer");
        let output = answer["output"].as_str().expect("a text").to_owned();
        self.printed.push((command.to_owned(), sameness, output));
    }

    fn same(&mut self, command: &str) {
        self.run(Sameness::Whole, command, "");
    }
}

/// Runs every command, while a producer and a consumer are there.
pub(super) fn everything_printed(stage: &Stage) -> Vec<Printed> {
    let mut tool = Tool { stage, dialogue: java_admin(), printed: Vec::new() };
    tool.same(&format!("updateTopic -b BROKER -t {TOPIC} -r {QUEUES} -w {QUEUES}"));
    stage.await_topic(TOPIC);
    let sent = stage.send(TOPIC, drafts());
    let members = Members::spawn(Client::Java("5.4.0"), stage);
    let member = members.start(Order::new(Kind::Concurrent, GROUP, TOPIC).begin_first());
    member.await_count(COUNT);
    stage.await_commits(GROUP, TOPIC, QUEUES);

    tool.look_around();
    tool.look_for(&sent);
    tool.same(&format!("printMsg -t {TOPIC} -d true"));
    tool.same(&format!("consumeMessage -t {TOPIC} -g {GROUP}Tool -c 3"));
    tool.same(&format!("resetOffsetByTime -t {TOPIC} -g {GROUP} -s 0"));
    // From the beginning, once more.
    member.await_count(2 * COUNT);
    tool.same(&format!("sendMessage -t {TOPIC} -p hello -k key9 -c TagB -b broker-a -i 1"));
    tool.same("topicRoute -t Nowhere");
    tool.same("consumerConnection -g Nobody");
    tool.same(&format!("deleteTopic -t {TOPIC} -c DefaultCluster"));
    tool.same(&format!("topicStatus -t {TOPIC}"));
    tool.printed
}

/// To each queue in turn, so that both servers have the same.
fn drafts() -> impl Iterator<Item = Draft> {
    (0..COUNT).zip((0..QUEUES).cycle()).map(|(index, queue)| Draft {
        tags: "TagA",
        keys: format!("key{index}"),
        ..Draft::new(format!("message {index}")).at_queue(queue)
    })
}

impl Tool<'_> {
    fn look_around(&mut self) {
        self.same("clusterList");
        self.same("clusterList -m");
        self.run(Sameness::Lines, "topicList", "");
        self.same(&format!("topicRoute -t {TOPIC}"));
        self.same(&format!("topicStatus -t {TOPIC}"));
        self.same(&format!("consumerProgress -g {GROUP}"));
        self.same("consumerProgress");
        self.same(&format!("consumerConnection -g {GROUP}"));
        self.same(&format!("producerConnection -g interop_producers -t {TOPIC}"));
        self.run(Sameness::Names(&[]), "brokerStatus -b BROKER", "");
        self.run(Sameness::Names(&STABLE_SETTINGS), "getBrokerConfig -b BROKER", "");
    }

    fn look_for(&mut self, sent: &[Sent]) {
        let first = sent.first().expect("some were sent");
        let place = first.offset_msg_id.as_str();
        self.run(Sameness::Whole, &format!("queryMsgById -t {TOPIC} -i ID"), place);
        self.run(Sameness::Whole, &format!("queryMsgByUniqueKey -t {TOPIC} -i ID"), &first.msg_id);
        self.same(&format!("queryMsgByKey -t {TOPIC} -k key1"));
        self.same(&format!("queryMsgByKey -t {TOPIC} -k nothing"));
    }
}

/// Settings that both have, with the same values.
const STABLE_SETTINGS: [&str; 5] =
    ["brokerName", "brokerClusterName", "brokerId", "autoCreateTopicEnable", "messageDelayLevel"];

/// What the tool of 4.9 asks a broker for under another name.
const OF_4_9: [&str; 1] = ["getTransferedTps"];

/// How ours differs from the reference's, if it does.
pub(super) fn difference(reference: &Printed, ours: &Printed) -> Option<String> {
    let (command, sameness, theirs) = reference;
    let (expected, actual) = (stable(theirs), stable(&ours.2));
    let same = match sameness {
        Sameness::Whole => expected == actual,
        Sameness::Lines => {
            let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
            let (expected, actual) = (lines(&expected), lines(&actual));
            let own = expected.iter().filter(|line| line.contains(TOPIC));
            actual.is_subset(&expected) && own.into_iter().all(|line| actual.contains(line))
        }
        Sameness::Names(values) => {
            let (expected, actual) = (named(&expected), named(&actual));
            let known = |name: &&&str| !expected.contains_key(**name) && !OF_4_9.contains(*name);
            let unknown: Vec<_> = actual.keys().filter(known).collect();
            let other: Vec<_> =
                values.iter().filter(|name| expected.get(**name) != actual.get(**name)).collect();
            if unknown.is_empty() && other.is_empty() && !actual.is_empty() {
                return None;
            }
            return Some(format!("{command}: not the reference's {unknown:?}, other values {other:?}"));
        }
    };
    (!same).then(|| format!("{command}\n--- the reference\n{expected}\n--- ours\n{actual}"))
}

/// What a table of two columns has.
fn named(text: &str) -> BTreeMap<&str, &str> {
    let pairs = text.lines().filter_map(|line| line.split_once([':', '=']));
    let pairs = pairs.map(|(name, value)| (name.trim(), value.trim()));
    // Some are about a folder, of which each server has its own.
    pairs.filter(|(name, _)| !name.is_empty() && !name.contains('/')).collect()
}
