//! The firmware images of `examples/firmware` in an emulated device, and real servers on this machine: the messages they say
//! were stored are looked for there.

use core::time::Duration;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::Receiver;
use std::thread::sleep;
use std::time::Instant;

use rocketlite_core::message::id::OffsetMessageId;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_tests::program::{DEADLINE, Running, RunningBroker, lines, rocketlite, run};
use rocketlite_tests::raw::RawClient;
use serde_json::{Value, json};

use crate::reference::{Apache, VERSIONS, java};

/// Whether these tests are wanted: they need an emulator and a compiler for devices.
fn wanted(test: &str) -> bool {
    let wanted = std::env::var("ROCKETLITE_FIRMWARE").is_ok_and(|value| value == "1");
    if !wanted {
        rocketlite_tests::say(&format!("firmware {test}: skipped, ROCKETLITE_FIRMWARE is not 1"));
    }
    wanted
}

/// The image, which is built first.
const BUILD_DEADLINE: Duration = Duration::from_mins(15);

/// An emulated device that sends readings.
struct Device {
    running: Running,
    lines: Receiver<String>,
}

impl Device {
    /// Has an image send `count` readings, `interval` milliseconds apart.
    fn start(image: &str, name_server: &str, topic: &str, count: usize, interval: usize) -> Self {
        let firmware = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/firmware");
        let mut build = Command::new(firmware.join("build"));
        build.args(["build", "--release", "--package", image]);
        let mut build = Running::spawn(build);
        let status = build.wait(BUILD_DEADLINE);
        assert!(status.success(), "{status}: {}", build.complaints());
        let mut command = Command::new(firmware.join("run"));
        command.args([name_server, topic, &count.to_string(), &interval.to_string()]).env("IMAGE", image);
        let mut running = Running::spawn(command);
        let lines = lines(running.child().stdout.take().expect("it was piped"));
        Self { running, lines }
    }

    /// The next thing it says.
    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(DEADLINE).expect("it goes on");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// What it says until it has sent its last reading.
    fn all(&self) -> Vec<Value> {
        core::iter::from_fn(|| Some(self.next()).filter(|line| line["stored"].is_null())).collect()
    }

    fn ends_well(mut self) {
        let status = self.running.wait(DEADLINE);
        assert!(status.success(), "{status}: {}", self.running.complaints());
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // The script hands this on to the emulator, which a `KILL` would leave behind.
        if let Ok(None) = Child::try_wait(self.running.child()) {
            self.running.signal("TERM");
            self.running.wait(DEADLINE);
        }
    }
}

fn text<'v>(line: &'v Value, key: &str) -> &'v str {
    line[key].as_str().unwrap_or_else(|| panic!("{key} is missing: {line}"))
}

/// A `rocketlite broker` that registers with `name_server`.
fn broker(name: &str, listen: &str, name_server: &str) -> RunningBroker {
    let arguments = ["broker", "--listen", listen, "--name", name, "--namesrv", name_server];
    RunningBroker::of(rocketlite(&arguments))
}

/// Makes the topic on a broker by sending to it there.
fn create(topic: &str, broker: &RunningBroker) {
    let arguments =
        ["send", "--namesrv", &broker.address, "--topic", topic, "--body", "x", "--timeout", "30000"];
    run(rocketlite(&arguments)).success();
}

/// Waits until a name server says that `brokers` have the topic.
fn routed(topic: &str, name_server: &RunningBroker, brokers: &[&RunningBroker]) {
    let deadline = Instant::now() + DEADLINE;
    let fields = [("topic", topic)];
    loop {
        let mut client = RawClient::connect(&name_server.address);
        let knows = client.request(RequestCode::GET_ROUTEINFO_BY_TOPIC, &fields, b"", |answer| {
            let route = String::from_utf8_lossy(answer.body);
            brokers.iter().all(|broker| route.contains(&broker.address))
        });
        if knows {
            return;
        }
        assert!(Instant::now() < deadline, "the brokers do not register");
        sleep(Duration::from_millis(50));
    }
}

/// Whether the broker that runs at the address of a message's id has that message.
fn is_there(line: &Value) {
    let id = OffsetMessageId::parse(text(line, "offsetMsgId")).expect("an id");
    let offset = id.physical_offset;
    let record = RawClient::connect(&id.store_host.to_string()).view_message(offset);
    for part in [text(line, "body"), text(line, "msgId")] {
        assert!(
            record.windows(part.len()).any(|bytes| bytes == part.as_bytes()),
            "{line} is not what is stored"
        );
    }
}

/// Where readings go.
const TOPIC: &str = "Readings";

/// The story of a device and the servers that go away and come back.
struct Story {
    device: Device,
    found: usize,
    /// The broker that is away, and how many readings it took with it before anybody could look.
    away: Option<&'static str>,
    lost: usize,
}

/// Two brokers, the first of which may go away.
type Brokers = [RunningBroker; 2];

impl Story {
    /// Has a device send to two brokers of a name server.
    fn begin(image: &str) -> (Self, RunningBroker, Brokers) {
        let name_server = RunningBroker::spawn(&["--name", "name-server"]);
        let address = &name_server.address;
        let brokers = ["first", "second"].map(|name| broker(name, "127.0.0.1:0", address));
        for broker in &brokers {
            create(TOPIC, broker);
        }
        routed(TOPIC, &name_server, &brokers.each_ref());
        let device = Device::start(image, address, TOPIC, 100_000, 50);
        (Self { device, found: 0, away: None, lost: 0 }, name_server, brokers)
    }

    /// Kills the first broker and starts it again.
    fn while_first_is_away(&mut self, [first, second]: Brokers, name_server: &str) -> Brokers {
        for broker in ["first", "second"] {
            self.sent_to(broker, 10);
        }
        let first_address = first.address.clone();
        first.kill();
        self.away = Some("first");
        self.sent_to("second", 20);
        assert!(self.lost < 10, "{} readings went to a broker that is away", self.lost);
        self.away = None;
        let first = broker("first", &first_address, name_server);
        create(TOPIC, &first);
        self.sent_to("first", 10);
        [first, second]
    }

    /// Goes on until `enough` of something has been said, and looks for each reading at once, before its broker may go.
    fn until(&mut self, what: &str, mut enough: usize, counts: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while enough > 0 {
            let line = self.device.next();
            assert!(line["stored"].is_null(), "the last reading was sent before {what}: {line}");
            if self.away.is_some_and(|broker| line["broker"] == broker) {
                self.lost += 1;
            } else if line["reading"].is_u64() {
                is_there(&line);
                self.found += 1;
            }
            enough -= usize::from(counts(&line));
            assert!(Instant::now() < deadline, "never seen: {what}");
        }
    }

    fn sent_to(&mut self, broker: &str, count: usize) {
        self.until(broker, count, |line| line["broker"] == *broker);
    }

    fn connected(&mut self, server: &str) {
        self.until(server, 1, |line| line["connected"] == *server);
    }
}

#[test]
fn a_device_keeps_sending_while_a_broker_and_then_the_name_server_are_away() {
    if !wanted("against rocketlite") {
        return;
    }
    let (mut story, name_server, brokers) = Story::begin("sensor");
    let address = name_server.address.clone();
    let brokers = story.while_first_is_away(brokers, &address);

    name_server.kill();
    story.until("a name server that is away", 1, |line| line["disconnected"] == *address);
    story.sent_to("first", 10);
    story.sent_to("second", 10);
    let name_server =
        RunningBroker::of(rocketlite(&["broker", "--listen", &address, "--name", "name-server"]));
    story.connected(&address);
    story.sent_to("first", 10);
    story.sent_to("second", 10);
    rocketlite_tests::say(&format!("firmware: {} readings found where the device says", story.found));
    drop((story, brokers, name_server));
}

#[test]
fn a_device_with_an_async_stack_keeps_sending_while_a_broker_is_away() {
    if !wanted("async, against rocketlite") {
        return;
    }
    let (mut story, name_server, brokers) = Story::begin("sensor-async");
    let brokers = story.while_first_is_away(brokers, &name_server.address);
    rocketlite_tests::say(&format!("firmware async: {} readings found", story.found));
    drop((story, brokers, name_server));
}

#[test]
fn apache_stores_what_a_device_sends_and_java_finds_it() {
    if !wanted("against Apache") {
        return;
    }
    for version in VERSIONS {
        let apache = Apache::start(version, "device", "");
        let device = Device::start("sensor", &apache.name_server, "FromDevice", 100, 20);
        let said = device.all();
        device.ends_well();
        let readings = said.iter().filter(|line| line["reading"].is_u64());
        let wanted = readings.map(|line| {
            let body_crc = crc32fast::hash(text(line, "body").as_bytes());
            json!({ "offsetMsgId": line["offsetMsgId"], "msgId": line["msgId"], "body_crc": body_crc })
        });
        let wanted: Vec<String> = wanted.map(|line| line.to_string()).collect();
        let options = ["--namesrv", &apache.name_server, "--topic", "FromDevice"];
        let found = java(version, "Find", &options, &wanted.join("\n"));
        assert_eq!(found, [json!({ "found": 100, "missing": 0, "different": 0 })], "{version}");
    }
}
