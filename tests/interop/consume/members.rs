//! The reference's consumers, which start and stop when they are told to.

use core::fmt;
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::process::ChildStdin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rocketlite_tests::program::{Running, lines};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::admin::eventually;
use crate::reference::{go_members, java_members};

/// Whose consumers they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    Java(&'static str),
    Go,
}

impl Client {
    pub(super) const ALL: [Self; 3] = [Self::Java("4.9.7"), Self::Java("5.4.0"), Self::Go];

    /// What begins the names of its topics and groups, which must not have dots.
    pub(super) fn prefix(self) -> String {
        self.to_string().replace([' ', '.'], "")
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Java(version) => write!(f, "Java {version}"),
            Self::Go => f.write_str("Go"),
        }
    }
}

/// Which of the clients' consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Concurrent,
    Orderly,
    /// Java alone.
    Lite,
    /// Java alone.
    Pull,
}

/// What a consumer is and does.
#[derive(Debug, Clone)]
pub(super) struct Order {
    group: String,
    fields: Value,
}

impl Order {
    pub(super) fn new(kind: Kind, group: &str, topic: &str) -> Self {
        let kind = match kind {
            Kind::Concurrent => "concurrent",
            Kind::Orderly => "orderly",
            Kind::Lite => "lite",
            Kind::Pull => "pull",
        };
        let fields = json!({
            "order": "start", "kind": kind, "group": group, "topic": topic, "tag": "*", "settings": {},
        });
        Self { group: group.to_owned(), fields }
    }

    pub(super) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.fields[field] = value.into();
        self
    }

    /// A setting by the name it has in Java.
    pub(super) fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields["settings"][name] = value.into();
        self
    }

    pub(super) fn begin_first(self) -> Self {
        self.set("consumeFromWhere", "CONSUME_FROM_FIRST_OFFSET")
    }

    pub(super) fn broadcasting(self) -> Self {
        self.set("messageModel", "BROADCASTING")
    }
}

/// A message as an application gets it.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) msg_id: String,
    pub(super) queue_id: i64,
    pub(super) queue_offset: i64,
    pub(super) topic: String,
    pub(super) body: String,
    pub(super) tags: String,
    pub(super) keys: String,
    pub(super) reconsume_times: i64,
    pub(super) born_timestamp: i64,
    pub(super) store_timestamp: i64,
    /// When the application got it.
    pub(super) heard: i64,
    pub(super) properties: BTreeMap<String, String>,
}

impl Delivery {
    fn of(line: &Value) -> Self {
        let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        let number = |field: &str| line[field].as_i64().unwrap_or_default();
        let properties = line["properties"].as_object().into_iter().flatten();
        Self {
            msg_id: text("msgId"),
            queue_id: number("queueId"),
            queue_offset: number("queueOffset"),
            topic: text("topic"),
            body: text("body"),
            tags: text("tags"),
            keys: text("keys"),
            reconsume_times: number("reconsumeTimes"),
            born_timestamp: number("bornTimestamp"),
            store_timestamp: number("storeTimestamp"),
            heard: number("heard"),
            properties: properties
                .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
                .collect(),
        }
    }

    pub(super) fn place(&self) -> (i64, i64) {
        (self.queue_id, self.queue_offset)
    }
}

/// What has become of one member so far.
#[derive(Debug, Default)]
struct Story {
    started: bool,
    stopped: bool,
    deliveries: Vec<Delivery>,
    failure: Option<String>,
}

#[derive(Debug, Default)]
struct Heard {
    stories: HashMap<String, Story>,
    /// The program's own, so all its members'.
    failure: Option<String>,
}

impl Heard {
    fn note(&mut self, line: &str) {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            self.failure = Some(format!("not an event: {line}"));
            return;
        };
        let story = self.stories.entry(event["member"].as_str().unwrap_or_default().to_owned()).or_default();
        match event["event"].as_str() {
            Some("message") => story.deliveries.push(Delivery::of(&event)),
            Some("started") => story.started = true,
            Some("stopped") => story.stopped = true,
            _ => story.failure = Some(event.to_string()),
        }
    }
}

/// Consumers of one client in one program.
pub(super) struct Members {
    pub(super) client: Client,
    running: Mutex<Running>,
    input: Mutex<ChildStdin>,
    heard: Arc<Mutex<Heard>>,
}

impl Members {
    pub(super) fn spawn(client: Client, stage: &Stage) -> Self {
        let mut command = match client {
            Client::Java(version) => java_members(version, stage.name_server()),
            Client::Go => go_members(stage.name_server()),
        };
        command.env("LOCAL_OFFSETS", stage.offsets());
        let mut running = Running::spawn(command);
        let input = running.child().stdin.take().expect("it was piped");
        let output = lines(running.child().stdout.take().expect("it was piped"));
        let heard = Arc::<Mutex<Heard>>::default();
        let ear = Arc::clone(&heard);
        std::thread::spawn(move || {
            for line in output {
                locked(&ear).note(&line);
            }
            locked(&ear).failure.get_or_insert_with(|| "the program has ended".to_owned());
        });
        Self { client, running: Mutex::new(running), input: Mutex::new(input), heard }
    }

    /// Starts one, and returns when it has begun to ask for messages.
    pub(super) fn start(&self, order: Order) -> Member<'_> {
        self.start_all([order]).pop().expect("one for each")
    }

    /// Starts several at the same time.
    pub(super) fn start_all(&self, orders: impl IntoIterator<Item = Order>) -> Vec<Member<'_>> {
        let start = |order: Order| {
            let name = {
                let stories = &mut locked(&self.heard).stories;
                let name = format!("{}-{}", order.group, stories.len());
                stories.insert(name.clone(), Story::default());
                name
            };
            self.say(&order.with("member", &*name).fields);
            Member { members: self, name }
        };
        let members: Vec<_> = orders.into_iter().map(start).collect();
        for member in &members {
            member.wait("it starts", |story| story.started);
        }
        members
    }

    fn say(&self, order: &Value) {
        writeln!(locked(&self.input), "{order}").expect("the program reads");
    }

    /// Ends the program at once, as a power failure would.
    pub(super) fn kill(&self) {
        locked(&self.running).kill();
    }
}

/// A test that has failed elsewhere is no reason to fail here.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One consumer. It goes on when this is dropped.
pub(super) struct Member<'m> {
    members: &'m Members,
    name: String,
}

impl Member<'_> {
    fn read<T>(&self, read: impl FnOnce(&Story) -> T) -> T {
        read(locked(&self.members.heard).stories.get(&self.name).expect("it was started"))
    }

    #[track_caller]
    fn wait(&self, what: &str, done: impl Fn(&Story) -> bool) {
        eventually(&format!("{} {}: {what}", self.members.client, self.name), || {
            if self.read(&done) {
                return Some(());
            }
            let of_all = locked(&self.members.heard).failure.clone();
            let failure = self.read(|story| story.failure.clone()).or(of_all);
            failure.map(|failure| panic!("{} {}: {failure}", self.members.client, self.name))
        });
    }

    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        self.read(|story| story.deliveries.clone())
    }

    /// Waits until it has got so many messages, or more.
    #[track_caller]
    pub(super) fn await_count(&self, count: usize) {
        self.wait(&format!("{count} messages"), |story| story.deliveries.len() >= count);
    }

    /// Shuts it down in order, and tells what it has got.
    #[track_caller]
    pub(super) fn stop(self) -> Vec<Delivery> {
        self.members.say(&json!({ "order": "stop", "member": self.name }));
        self.wait("it stops", |story| story.stopped);
        self.deliveries()
    }
}
