//! The real programs: the `rocketlite` program and the examples, run as a user runs them.
//!
//! Cargo names the path of a program to the tests of its own package only, so it is asked to build them. What it builds
//! is what stands in the sources, also when nothing but this package's tests are run.

use core::time::Duration;
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use serde_json::Value;

/// The longest that anything here is waited for, builds apart.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// The `rocketlite` program with `arguments`. It logs nothing, so that whatever it says is a complaint.
///
/// # Panics
/// If it cannot be built.
pub fn rocketlite(arguments: &[&str]) -> Command {
    // A program that was installed, for instance, instead of one that is built now.
    let path = match std::env::var_os("ROCKETLITE_PROGRAM") {
        Some(path) => PathBuf::from(path),
        None => built("rocketlite", "bin", "rocketlite"),
    };
    let mut command = Command::new(path);
    command.args(arguments).env("RUST_LOG", "off");
    command
}

/// An example of the package `rocketlite-examples` with `arguments`.
///
/// # Panics
/// If it cannot be built.
pub fn example(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(built("rocketlite-examples", "example", name));
    command.args(arguments);
    command
}

/// What became of a program that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Everything it wrote to its standard output.
    pub stdout: String,
    /// Everything it wrote to its standard error.
    pub stderr: String,
}

impl Finished {
    /// Its output, if it has done everything and complained about nothing.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn success(&self) -> &str {
        assert!(self.status.success() && self.stderr.is_empty(), "{self:#?}");
        &self.stdout
    }

    /// The lines of its output, each a value.
    ///
    /// # Panics
    /// If it has failed, or a line is not JSON.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.success().lines().map(parse).collect()
    }

    /// The one line that says what was wrong.
    ///
    /// # Panics
    /// If it has not failed, was killed, or has said more or less than one line.
    #[track_caller]
    pub fn complaint(&self) -> &str {
        assert!(self.status.code().is_some_and(|code| code != 0), "{self:#?}");
        match self.stderr.lines().collect::<Vec<_>>()[..] {
            [line] if !line.trim().is_empty() => line,
            _ => panic!("not one line: {self:#?}"),
        }
    }
}

/// Runs a program to its end, with nothing on its standard input.
///
/// # Panics
/// If it does not end within [`DEADLINE`]; it is killed then.
pub fn run(command: Command) -> Finished {
    run_with_input(command, b"")
}

/// Runs a program to its end, with `input` on its standard input.
///
/// # Panics
/// If it does not end within [`DEADLINE`]; it is killed then.
pub fn run_with_input(command: Command, input: &[u8]) -> Finished {
    run_within(DEADLINE, command, input)
}

/// Runs a program to its end, with `input` on its standard input.
///
/// # Panics
/// If it does not end within `limit`; it is killed then.
pub fn run_within(limit: Duration, command: Command, input: &[u8]) -> Finished {
    let mut running = Running::spawn(command);
    let stdout = collect(running.child.stdout.take().expect("it was piped"));
    let mut stdin = running.child.stdin.take().expect("it was piped");
    let input = input.to_vec();
    // A program that has seen enough reads no further: that is its right.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let status = running.wait(limit);
    feeder.join().expect("it does not panic");
    Finished { status, stdout: joined(stdout), stderr: running.complaints() }
}

/// A program that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts a program whose standard streams are pipes.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stderr = child.stderr.take().map(collect);
        Self { child, stderr }
    }

    /// Its standard streams that nobody has taken yet.
    pub const fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends it a signal: `TERM`, `INT`.
    ///
    /// # Panics
    /// If that is not possible.
    pub fn signal(&self, name: &str) {
        // The shell's own `kill` is there on every machine that has a shell.
        let id = self.child.id().to_string();
        let status = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &id]).status();
        assert!(status.is_ok_and(|status| status.success()), "no signal was sent");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If that does not come within `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().expect("it was started") {
                return status;
            }
            if Instant::now() > deadline {
                self.kill();
                panic!("it did not end within {limit:?}; stderr: {}", self.complaints());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it wrote to its standard error, once it has ended.
    pub fn complaints(&mut self) -> String {
        self.stderr.take().map(joined).unwrap_or_default()
    }

    /// Ends it at once, as a power failure would.
    pub fn kill(&mut self) {
        // One that has ended by itself does not mind.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program that answers each line of its input with a line of its output. It is killed when this is dropped.
#[derive(Debug)]
pub struct Dialogue {
    running: Running,
    input: ChildStdin,
    answers: Receiver<String>,
}

impl Dialogue {
    /// Starts a program.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn(command: Command) -> Self {
        let mut running = Running::spawn(command);
        let input = running.child.stdin.take().expect("it was piped");
        let answers = lines(running.child.stdout.take().expect("it was piped"));
        Self { running, input, answers }
    }

    /// Gives it a line, which it need not answer at once.
    ///
    /// # Panics
    /// If it has ended.
    pub fn say(&mut self, line: &str) {
        if let Err(error) = writeln!(self.input, "{line}") {
            self.give_up(&error.to_string());
        }
    }

    /// Its next answer.
    ///
    /// # Panics
    /// If there is none within `limit`.
    pub fn hear(&mut self, limit: Duration) -> String {
        self.answers.recv_timeout(limit).unwrap_or_else(|error| self.give_up(&error.to_string()))
    }

    fn give_up(&mut self, reason: &str) -> ! {
        self.running.kill();
        panic!("no answer, {reason}; stderr: {}", self.running.complaints());
    }
}

/// A `rocketlite broker` that serves. It is killed when this is dropped.
#[derive(Debug)]
pub struct RunningBroker {
    /// Where it serves: the address it printed.
    pub address: String,
    running: Running,
    lines: Receiver<String>,
}

impl RunningBroker {
    /// Starts `rocketlite broker` on a free port of the loopback interface and waits until it is ready.
    ///
    /// # Panics
    /// If it is not within [`DEADLINE`].
    pub fn spawn(arguments: &[&str]) -> Self {
        let command = rocketlite(&[&["broker", "--listen", "127.0.0.1:0"], arguments].concat());
        Self::of(command)
    }

    /// Starts a program that says `ready ADDRESS` when it serves, and waits until it does.
    ///
    /// # Panics
    /// If it does not within [`DEADLINE`].
    pub fn of(command: Command) -> Self {
        let mut running = Running::spawn(command);
        let lines = lines(running.child.stdout.take().expect("it was piped"));
        match lines.recv_timeout(DEADLINE) {
            Ok(line) => match line.strip_prefix("ready ") {
                Some(address) => Self { address: address.to_owned(), running, lines },
                None => panic!("not ready: {line}"),
            },
            Err(error) => {
                running.kill();
                panic!("not ready, {error}; stderr: {}", running.complaints());
            }
        }
    }

    /// Asks it to end as a service manager does, and waits until it has.
    ///
    /// # Panics
    /// If it does not end with success, or has anything to say on its way.
    pub fn stop(self) {
        self.stop_by("TERM");
    }

    /// Asks it to end as a terminal does, and waits until it has.
    ///
    /// # Panics
    /// If it does not end with success, or has anything to say on its way.
    pub fn interrupt(self) {
        self.stop_by("INT");
    }

    fn stop_by(self, signal: &str) {
        let log = self.stop_and_tell(signal);
        assert!(log.is_empty(), "{log}");
    }

    /// Asks it to end by `signal`, waits until it has, and gives what it has written to its standard error.
    ///
    /// # Panics
    /// If it does not end with success.
    pub fn stop_and_tell(mut self, signal: &str) -> String {
        self.running.signal(signal);
        let status = self.running.wait(DEADLINE);
        let stderr = self.running.complaints();
        assert!(status.success(), "{status}: {stderr}");
        assert_eq!(self.lines.recv_timeout(DEADLINE), Err(RecvTimeoutError::Disconnected));
        stderr
    }

    /// Ends it at once, as a power failure would.
    pub fn kill(mut self) {
        self.running.kill();
    }

    /// Asks it to end, and does not wait for that.
    ///
    /// # Panics
    /// If that is not possible.
    pub fn terminate(&self) {
        self.running.signal("TERM");
    }

    /// Ends it at once, and gives what it has written to its standard error.
    ///
    /// # Panics
    /// If it has ended before, but for one that was asked to.
    pub fn kill_and_tell(mut self) -> String {
        self.running.kill();
        let (status, stderr) = (self.running.wait(DEADLINE), self.running.complaints());
        assert!(status.success() || status.code().is_none(), "{status}: {stderr}");
        stderr
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.running.child.id()
    }
}

/// The path of a program, which is built the first time it is asked for.
fn built(package: &str, kind: &str, name: &str) -> PathBuf {
    static BUILT: OnceLock<Mutex<HashMap<String, PathBuf>>> = OnceLock::new();
    let mut built = BUILT.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(format!("{kind} {name}")).or_insert_with(|| build(package, kind, name)).clone()
}

/// Has cargo build a program as this test was built: in the same folder, with the same profile.
fn build(package: &str, kind: &str, name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    // <target>/<profile>/deps/<test>
    let profile = test.parent().and_then(Path::parent).expect("cargo's folders");
    let target = profile.parent().expect("cargo's folders");
    let profile = match profile.file_name().and_then(|name| name.to_str()) {
        None | Some("debug") => "dev",
        Some(profile) => profile,
    };
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--message-format", "json", "--profile", profile])
        .args(["--package", package, &format!("--{kind}"), name])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{kind} {name} of {package} cannot be built");
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let values = messages.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let mut executables = values.filter(|value| value["target"]["name"] == name);
    let path = executables.find_map(|value| value["executable"].as_str().map(PathBuf::from));
    path.unwrap_or_else(|| panic!("cargo does not say where it built {kind} {name}"))
}

/// Reads a stream to its end, so that whoever writes it never has to wait.
fn collect(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        read.map_or_else(|error| error.to_string(), |_| String::from_utf8_lossy(&bytes).into_owned())
    })
}

fn joined(thread: JoinHandle<String>) -> String {
    thread.join().expect("it does not panic")
}

/// The lines of a stream as they come. The channel ends with the stream.
pub fn lines(stream: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
