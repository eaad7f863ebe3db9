//! As much as a file of settings says, and not one more.

use std::path::PathBuf;

use rocketlite_core::wire::code::RequestCode;
use rocketlite_tests::program::{RunningBroker, rocketlite, run};
use rocketlite_tests::raw::RawClient;

/// A file that is gone when this is dropped.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rocketlite-{name}-{}.toml", std::process::id()));
        std::fs::write(&path, text).expect("a file to write");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path of text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // It may be gone already.
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// What a request is answered with.
fn ask(client: &mut RawClient, code: RequestCode, fields: &[(&str, &str)], body: &str) -> (i32, String) {
    client.request(code, fields, body.as_bytes(), |answer| {
        (answer.code, answer.remark.map(|remark| remark.to_string()).unwrap_or_default())
    })
}

fn create_topic(client: &mut RawClient, name: &str) -> (i32, String) {
    let fields = [
        ("topic", name),
        ("defaultTopic", "TBW102"),
        ("readQueueNums", "4"),
        ("writeQueueNums", "4"),
        ("perm", "6"),
        ("topicFilterType", "SINGLE_TAG"),
        ("topicSysFlag", "0"),
        ("order", "false"),
    ];
    ask(client, RequestCode::UPDATE_AND_CREATE_TOPIC, &fields, "")
}

fn join(client: &mut RawClient, group: &str) -> (i32, String) {
    let body = format!(
        r#"{{"clientID":"c","consumerDataSet":[{{"groupName":"{group}","messageModel":"BROADCASTING","subscriptionDataSet":[{{"topic":"T0","subString":"*"}}]}}]}}"#
    );
    ask(client, RequestCode::HEART_BEAT, &[], &body)
}

/// 10,000 topics of 4 queues and 1,000 groups, each with its retry topic, beside the broker's own 4 topics, which have 8, 16, 1
/// and 18 queues.
#[test]
fn ten_thousand_topics_and_a_thousand_groups_fit_and_the_next_one_is_told_which_limit_it_met() {
    let settings = File::new(
        "many",
        "max_topics = 11004\nmax_queues = 41043\nmax_consumer_groups = 1000\nmax_clients = 2000\n\
         max_subscriptions = 1001\ncapacity = \"8MiB\"\n",
    );
    let broker = RunningBroker::spawn(&["--config", settings.path()]);
    let mut client = RawClient::connect(&broker.address);
    for n in 0..10_000 {
        assert_eq!(create_topic(&mut client, &format!("T{n}")).0, 0, "topic {n}");
    }
    for n in 0..1_000 {
        assert_eq!(join(&mut client, &format!("G{n}")), (0, String::new()), "group {n}");
    }
    let full = "memory.topics or memory.queues is full";
    assert_eq!(create_topic(&mut client, "one_more"), (1, full.to_owned()));
    assert_eq!(join(&mut client, "one_more"), (1, "memory.groups is full".to_owned()));
    // What is there goes on.
    assert_eq!((create_topic(&mut client, "T77").0, join(&mut client, "G77").0), (0, 0));
    broker.stop_and_tell("TERM");
}

#[test]
fn what_the_command_line_says_counts_more_than_the_file() {
    let settings = File::new("name", "name = \"of-the-file\"\ncluster = \"of-the-file\"\n");
    let broker = RunningBroker::spawn(&["--config", settings.path(), "--name", "of-the-line"]);
    RawClient::connect(&broker.address).request(RequestCode::GET_BROKER_CLUSTER_INFO, &[], b"", |answer| {
        let text = String::from_utf8_lossy(answer.body).into_owned();
        assert!(text.contains(r#""clusterAddrTable":{"of-the-file":["of-the-line"]}"#), "{text}");
    });
    broker.stop_and_tell("TERM");
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let settings = File::new("wrong", "max_topics = 3000\nmax_toppings = 4\n");
    let finished = run(rocketlite(&["broker", "--config", settings.path()]));
    let complaint = finished.complaint();
    assert!(complaint.contains("line 2") && complaint.contains("max_toppings"), "{complaint}");
    let finished = run(rocketlite(&["broker", "--config", "/nowhere/at.all"]));
    assert!(finished.complaint().contains("/nowhere/at.all"), "{finished:?}");
}
