//! A broker that is killed and comes back.

use crate::folder::Folder;
use crate::port::lasting_address;
use crate::program::{Running, RunningBroker, rocketlite};

/// The program with a data directory, always on the same port.
#[derive(Debug)]
pub struct RestartedBroker {
    folder: Folder,
    address: String,
    options: Vec<String>,
    running: Option<RunningBroker>,
    /// The records that each start had to recover.
    recovered: Vec<u64>,
}

/// Messages that a small log has room for.
const SETTINGS: &str = "max_message_size = \"64KiB\"\n";

/// Room for all that a test sends.
const CAPACITY: usize = 512 << 20;

impl RestartedBroker {
    /// Starts one with a new directory. `capacity` is that of a log that is soon full; otherwise it has room for all that a
    /// test sends.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(name: &str, options: &[&str], capacity: Option<usize>) -> Self {
        let folder = Folder::new(&format!("crash-{name}"));
        let settings = folder.file("settings.toml");
        std::fs::write(&settings, SETTINGS).expect("a file can be written");
        let (data, capacity) = (folder.file("data"), capacity.unwrap_or(CAPACITY).to_string());
        let (address, mut all) = (lasting_address(), vec!["broker", "--listen"]);
        all.extend([&*address, "--config", &settings, "--data", &data, "--capacity", &capacity]);
        all.extend(options);
        let options = all.into_iter().map(str::to_owned).collect();
        let mut server = Self { folder, address, options, running: None, recovered: Vec::new() };
        server.start_again();
        server
    }

    /// Where it serves, whenever it does.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Starts it again where it was, and waits until it serves.
    ///
    /// # Panics
    /// If it does not.
    pub fn start_again(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let running = RunningBroker::of(self.command());
        assert_eq!(running.address, self.address);
        self.running = Some(running);
    }

    /// Ends it at once.
    ///
    /// # Panics
    /// If it has complained.
    pub fn kill(&mut self) {
        let log = self.running.take().expect("it runs").kill_and_tell();
        self.read(&log);
    }

    /// Asks it to end, and ends it at once after a while: it may have saved everything by then, or nothing.
    ///
    /// # Panics
    /// If it has complained.
    pub fn kill_while_it_ends(&mut self, pause: impl FnOnce()) {
        self.running.as_ref().expect("it runs").terminate();
        pause();
        self.kill();
    }

    /// Starts it, and ends it at once after a while: it may not serve yet.
    ///
    /// # Panics
    /// If it has complained.
    pub fn kill_while_it_starts(&mut self, pause: impl FnOnce()) {
        let mut running = Running::spawn(self.command());
        pause();
        running.kill();
        let log = running.complaints();
        assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Panics
    /// If it does not end with success, or has complained.
    pub fn stop(&mut self) {
        let log = self.stop_and_tell();
        self.read(&log);
    }

    /// The same for one that has reason to complain. Gives what it has written to its standard error.
    ///
    /// # Panics
    /// If it does not end with success.
    pub fn stop_and_tell(&mut self) -> String {
        self.running.take().expect("it runs").stop_and_tell("TERM")
    }

    /// The id of its process.
    ///
    /// # Panics
    /// If it does not run.
    pub fn id(&self) -> u32 {
        self.running.as_ref().expect("it runs").id()
    }

    /// The records that all starts together had to recover.
    pub fn recovered(&self) -> u64 {
        self.recovered.iter().sum()
    }

    /// The records that the start had to recover that has ended last.
    pub fn newest_recovered(&self) -> Option<u64> {
        self.recovered.last().copied()
    }

    fn command(&self) -> std::process::Command {
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        let mut command = rocketlite(&options);
        command.env("RUST_LOG", "info").current_dir(&self.folder);
        command
    }

    /// Reads what one has written to its standard error.
    fn read(&mut self, log: &str) {
        // Nothing that a process leaves behind that was killed is a damage.
        assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
        let records = log
            .lines()
            .find(|line| line.contains(": recovered "))
            .and_then(|line| line.split(' ').find_map(|word| word.strip_prefix("records="))?.parse().ok());
        self.recovered.push(records.unwrap_or_else(|| panic!("it does not say what was recovered: {log}")));
    }
}

impl Drop for RestartedBroker {
    /// A test that has failed says what the broker has to say of it.
    fn drop(&mut self) {
        if let Some(running) = self.running.take().filter(|_| std::thread::panicking()) {
            crate::say(&running.kill_and_tell());
        }
    }
}
