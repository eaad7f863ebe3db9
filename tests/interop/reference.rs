//! The scripts beside this file, as values.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rocketlite_tests::program::feed;
use serde_json::Value;

/// Releases whose servers and clients are all to be had.
pub(crate) const VERSIONS: [&str; 2] = ["4.9.7", "5.4.0"];

/// The longest that a script may take, downloads included.
const DEADLINE_SECONDS: &str = "900";

fn script(name: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop");
    let mut command = Command::new("timeout");
    command.arg(DEADLINE_SECONDS).arg("bash").arg(folder.join(name));
    command
}

fn checked(command: &mut Command, input: &str) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Output { status, stdout, stderr } = feed(command, input.as_bytes());
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}\n{stderr}");
    String::from_utf8(stdout).expect("the scripts write UTF-8")
}

fn lines(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// A program of the reference's Java client.
pub(crate) fn java(version: &str, program: &str, arguments: &[&str], input: &str) -> Vec<Value> {
    lines(&checked(script("java.sh").args([version, program]).args(arguments), input))
}

/// The program of the Go client.
pub(crate) fn go(arguments: &[&str]) -> Vec<Value> {
    lines(&checked(script("go.sh").args(arguments), ""))
}

/// A real name server and broker; they stop with this value.
#[derive(Debug)]
pub(crate) struct Apache {
    folder: PathBuf,
    pub(crate) name_server: String,
}

impl Apache {
    /// Starts a release, with further lines of its broker's configuration.
    pub(crate) fn start(version: &str, name: &str, configuration: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rocketlite-{name}-{version}-{}", std::process::id()));
        let output = checked(script("apache.sh").args(["start", version]).arg(&folder), configuration);
        let name_server = output.lines().find_map(|line| line.strip_prefix("NAMESRV=")).expect("it says where");
        Self { folder, name_server: name_server.to_owned() }
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        // At once: nothing of it is looked at again, and in order it would take many seconds.
        let stopped = script("apache.sh").arg("kill").arg(&self.folder).status();
        assert!(stopped.is_ok_and(|status| status.success()), "Apache RocketMQ in {} runs on", self.folder.display());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
