//! A place for a data directory, and what is done there.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rocketlite_tests::program::{Finished, RunningBroker, rocketlite, run};

use crate::{send, stored};

/// A directory with the settings of a small broker, removed in the end.
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rocketlite-log-{}-{name}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        let settings = "max_message_size = \"16KiB\"\nmax_topics = 20\nmax_queues = 100\nmax_connections = 20\n\
                        max_consumer_offsets = 100\n";
        std::fs::write(path.join("settings.toml"), settings).unwrap();
        Self(path)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.data().join(name)
    }

    /// A broker with this capacity, in the data directory.
    pub(super) fn broker(&self, capacity: &str) -> RunningBroker {
        RunningBroker::of(self.broker_command(capacity))
    }

    pub(super) fn broker_command(&self, capacity: &str) -> std::process::Command {
        let (data, settings) = (self.data(), self.0.join("settings.toml"));
        let mut command = rocketlite(&["broker", "--listen", "127.0.0.1:0", "--capacity", capacity]);
        command.arg("--config").arg(settings).arg("--data").arg(data);
        command
    }

    /// Sends so many messages of 100 bytes.
    pub(super) fn send(&self, broker: &RunningBroker, topic: &str, count: usize) {
        let count_text = count.to_string();
        let sent = send(broker, &["--topic", topic, "--size", "100", "--count", &count_text, "--json"]);
        assert_eq!(stored(&sent).len(), count, "{}", self.0.display());
    }

    /// `rocketlite log COMMAND DIR ...`
    pub(super) fn log(&self, command: &str, arguments: &[&str]) -> Finished {
        let mut program = rocketlite(&["log", command]);
        program.arg(self.data()).args(arguments);
        run(program)
    }

    /// Lets a bit of a file flip.
    pub(super) fn flip(&self, name: &str, at: u64) {
        let file = self.open(name);
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 4], at).unwrap();
    }

    pub(super) fn open(&self, name: &str) -> File {
        OpenOptions::new().read(true).write(true).open(self.file(name)).unwrap()
    }
}

impl AsRef<Path> for Place {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _absent = std::fs::remove_dir_all(&self.0);
    }
}
