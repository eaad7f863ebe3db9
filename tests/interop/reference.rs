//! The scripts beside this file, as values.

use core::time::Duration;
use std::fmt::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use rocketlite::producer::SendResult;
use rocketlite_tests::program::{Dialogue, run_within};
use serde_json::{Value, json};

use crate::admin::eventually;

/// Releases whose servers and clients are all to be had.
pub(crate) const VERSIONS: [&str; 2] = ["4.9.7", "5.4.0"];

/// Has a broker take every message however slow the machine is; by default it refuses those that have waited 200 ms.
const PATIENT: &str = "brokerFastFailureEnable=false\nosPageCacheBusyTimeOutMills=60000\n";

/// The longest that a script may take, downloads included.
const DEADLINE: Duration = Duration::from_mins(15);

fn script(name: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(name));
    command
}

fn checked(command: Command, input: &str) -> String {
    let called = format!("{command:?}");
    let finished = run_within(DEADLINE, command, input.as_bytes());
    assert!(finished.status.success(), "{called}: {}\n{}", finished.status, finished.stderr);
    finished.stdout
}

fn with(mut command: Command, arguments: &[&str]) -> Command {
    command.args(arguments);
    command
}

fn lines(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// A program of the reference's Java client.
pub(crate) fn java(version: &str, program: &str, arguments: &[&str], input: &str) -> Vec<Value> {
    lines(&checked(with(script("java.sh"), &[&[version, program], arguments].concat()), input))
}

/// The same that is heard while it runs.
pub(crate) fn java_program(version: &str, program: &str, arguments: &[&str]) -> Command {
    with(script("java.sh"), &[&[version, program], arguments].concat())
}

/// The Java client's producer, which sends when it is told to.
pub(crate) fn java_tries(version: &str, name_server: &str) -> Dialogue {
    Dialogue::spawn(with(script("java.sh"), &[version, "Try", "--namesrv", name_server]))
}

/// Consumers of the Java client, which start and stop when they are told to.
pub(crate) fn java_members(version: &str, name_server: &str) -> Command {
    with(script("java.sh"), &[version, "Members", "--namesrv", name_server])
}

/// The reference's tool for administrators, which runs a command when it is told to.
pub(crate) fn java_admin() -> Dialogue {
    Dialogue::spawn(with(script("java.sh"), &["5.4.0", "Admin"]))
}

/// The consumers of the Go client.
pub(crate) fn go_members(name_server: &str) -> Command {
    with(script("go.sh"), &["members", "--namesrv", name_server])
}

/// The program of the Go client.
pub(crate) fn go(arguments: &[&str]) -> Vec<Value> {
    lines(&checked(with(script("go.sh"), arguments), ""))
}

/// Has the Java client look for messages that were acknowledged, each with the CRC-32 of its body.
///
/// # Panics
/// If it does not find all of them as they were sent.
pub(crate) fn find_all(
    version: &str,
    name_server: &str,
    topic: &str,
    sent: impl IntoIterator<Item = (SendResult, u32)>,
) {
    let (mut lines, mut count) = (String::new(), 0);
    for (result, body_crc) in sent {
        let id = result.offset_message_id.expect("the broker gives one").to_string();
        let line = json!({ "offsetMsgId": id, "msgId": result.message_id.to_string(), "body_crc": body_crc });
        writeln!(lines, "{line}").expect("memory suffices");
        count += 1;
    }
    let found = java(version, "Find", &["--namesrv", name_server, "--topic", topic], &lines);
    assert_eq!(found, [json!({"found": count, "missing": 0, "different": 0})], "{version} {topic}");
}

/// One of the two that run together.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Server {
    NameServer,
    Broker,
}

/// A real name server and broker; they stop with this value.
#[derive(Debug)]
pub(crate) struct Apache {
    version: String,
    configuration: String,
    folder: PathBuf,
    joined: Option<String>,
    pub(crate) name_server: String,
    pub(crate) broker: String,
}

impl Apache {
    /// Starts a release, with further lines of its broker's configuration.
    pub(crate) fn start(version: &str, name: &str, configuration: &str) -> Self {
        Self::new(version, name, configuration).run()
    }

    /// One that does not run yet.
    pub(crate) fn new(version: &str, name: &str, configuration: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rocketlite-{name}-{version}-{}", std::process::id()));
        Self {
            version: version.to_owned(),
            configuration: format!("{PATIENT}{configuration}"),
            folder,
            joined: None,
            name_server: String::new(),
            broker: String::new(),
        }
    }

    /// Gives it a file, by its name in its folder.
    pub(crate) fn with_file(self, name: &str, content: &str) -> Self {
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        std::fs::write(path, content).expect("a file can be written");
        self
    }

    /// Has its broker register at another's name server too.
    pub(crate) fn joining(mut self, other: &Self) -> Self {
        self.joined = Some(other.name_server.clone());
        self
    }

    /// Starts both.
    pub(crate) fn run(mut self) -> Self {
        (self.name_server, self.broker) = self.launch();
        self
    }

    /// Starts both, and returns the addresses of the name server and the broker.
    fn launch(&self) -> (String, String) {
        let mut command = with(script("apache.sh"), &["start", &self.version]);
        command.arg(&self.folder);
        command.env("APACHE_JOIN", self.joined.as_deref().unwrap_or_default());
        let output = checked(command, &self.configuration);
        let address = |name| output.lines().find_map(|line| line.strip_prefix(name)).expect("it says where");
        (address("NAMESRV=").to_owned(), address("BROKER=").to_owned())
    }

    /// Ends both at once, as a power failure would but for the memory that the system keeps.
    pub(crate) fn kill(&self) {
        let mut command = with(script("apache.sh"), &["kill"]);
        command.arg(&self.folder);
        checked(command, "");
    }

    /// Starts both again where they were, with the messages they had.
    pub(crate) fn start_again(&self) {
        assert_eq!(self.launch().0, self.name_server, "somebody else has taken its ports");
    }

    /// Ends one of them at once.
    pub(crate) fn kill_one(&self, server: Server) {
        self.signal(server, "KILL");
        let address = match server {
            Server::NameServer => &self.name_server,
            Server::Broker => &self.broker,
        };
        eventually("it listens no more", || TcpStream::connect(address).is_err().then_some(()));
    }

    /// Has one of them hang, as a machine does whose disk does not answer: it is connected to and written to as ever.
    pub(crate) fn freeze(&self, server: Server) {
        let id = self.signal(server, "STOP");
        // On a busy machine its threads may go on for a while.
        eventually("all its threads stand still", || {
            let mut threads = std::fs::read_dir(format!("/proc/{id}/task")).expect("it runs");
            threads.all(|thread| is_stopped(&thread.expect("a thread").path())).then_some(())
        });
    }

    /// Sends a signal, and returns the id of the process.
    fn signal(&self, server: Server, signal: &str) -> String {
        let processes = std::fs::read_to_string(self.folder.join("processes")).expect("it runs");
        let line = match server {
            Server::NameServer => processes.lines().next(),
            Server::Broker => processes.lines().nth(1),
        };
        let id = line.and_then(|line| line.split(' ').next()).expect("its process is known");
        let status = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", signal, id]).status();
        assert!(status.is_ok_and(|status| status.success()), "no signal was sent");
        id.to_owned()
    }
}

/// Whether a thread, by its folder, is stopped. One that has just ended is.
fn is_stopped(thread: &Path) -> bool {
    let Ok(stat) = std::fs::read_to_string(thread.join("stat")) else { return true };
    // Number, name in parentheses, state.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

impl Drop for Apache {
    fn drop(&mut self) {
        // At once: nothing of it is looked at again, and in order it would take many seconds.
        let stopped = script("apache.sh").arg("kill").arg(&self.folder).status();
        assert!(
            stopped.is_ok_and(|status| status.success()),
            "Apache RocketMQ in {} runs on",
            self.folder.display()
        );
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
