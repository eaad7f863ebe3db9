//! The example `outbox_push`: what it says it has kept is kept, also when it is killed.

use std::io::Write as _;
use std::path::PathBuf;

use rocketlite::outbox::Forwarded;
use rocketlite::{Broker, Outbox, Producer};
use rocketlite_tests::program::{DEADLINE, Running, example, lines, run, run_with_input};

const CAPACITY: u64 = 1 << 20;
/// Processes that push into the same file, one after the other.
const ROUNDS: usize = 5;
/// Lines that each of them gets: more than it has time for.
const LINES: usize = 400;

/// A file of this test's own that is removed in the end.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str) -> Self {
        let name = format!("rocketlite-outbox-push-{}-{name}", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        let _absent = std::fs::remove_file(&file.0);
        file
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a name of letters")
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _absent = std::fs::remove_file(&self.0);
    }
}

/// Id and body.
type Pair = (String, String);

fn pairs(told: &str) -> Vec<Pair> {
    let pair = |line: &str| line.split_once(' ').map(|(id, body)| (id.to_owned(), body.to_owned()));
    told.lines().map(|line| pair(line).unwrap_or_else(|| panic!("no id: {line}"))).collect()
}

/// Sends everything that waits in the file to a broker. Returns what that has stored, in its order.
async fn forwarded(file: &TempFile) -> Vec<Pair> {
    let outbox = Outbox::open(file.path(), CAPACITY).await.unwrap();
    let broker = Broker::builder().start().unwrap();
    let producer = Producer::builder("pushed").namesrv_addr(broker.local_addr().to_string()).start().unwrap();
    let mut forwarder = outbox.forwarder(&producer);
    while outbox.counters().await.waiting > 0 {
        assert!(matches!(forwarder.next().await.unwrap(), Some(Forwarded::Sent(_))));
    }
    let mut stored = Vec::new();
    broker.for_each_message(|message| {
        let key = message.properties().get("UNIQ_KEY").map(|key| key.to_string());
        stored.push((key.unwrap_or_default(), String::from_utf8_lossy(message.body).into_owned()));
    });
    stored
}

/// Starts a process that pushes, hears of `enough` lines, and kills it. Returns all that it said.
fn killed_after(file: &TempFile, round: usize, enough: usize) -> Vec<Pair> {
    let mut running = Running::spawn(example("outbox_push", &[file.path(), "T"]));
    let answers = lines(running.child().stdout.take().expect("it was piped"));
    let mut input = running.child().stdin.take().expect("it was piped");
    let feeder = std::thread::spawn(move || {
        // It is killed while it reads.
        (0..LINES).try_for_each(|number| writeln!(input, "{round}-{number}")).is_ok()
    });
    let mut told = String::new();
    for _ in 0..enough {
        let line = answers.recv_timeout(DEADLINE);
        told += &line.unwrap_or_else(|error| panic!("{error}: {}", running.complaints()));
        told.push('\n');
    }
    running.kill();
    // What it said before it died counts too.
    for line in answers {
        told += &(line + "\n");
    }
    feeder.join().expect("it does not panic");
    pairs(&told)
}

#[tokio::test]
async fn what_was_accepted_before_a_kill_is_sent_after_it() {
    let file = TempFile::new("killed");
    let mut accepted = Vec::new();
    for round in 1..=ROUNDS {
        // Each process gets a little further than the one before it.
        accepted.extend(killed_after(&file, round, round * 6));
    }
    let stored = forwarded(&file).await;
    // Beside those a push of each process may have taken place of which it could not tell any more.
    let known: Vec<_> = stored.iter().filter(|message| accepted.contains(message)).cloned().collect();
    assert_eq!(known, accepted);
    assert!(stored.len() <= accepted.len() + ROUNDS, "{} of {}", stored.len(), accepted.len());
}

#[tokio::test]
async fn outbox_push_keeps_its_lines_in_their_order_under_the_ids_it_tells() {
    let file = TempFile::new("whole");
    let told = run_with_input(example("outbox_push", &[file.path()]), b"21.5\n21.7\n\xc3\xa4 b\n");
    let kept = pairs(told.success());
    let bodies: Vec<&str> = kept.iter().map(|(_, body)| body.as_str()).collect();
    assert_eq!(bodies, ["21.5", "21.7", "ä b"]);
    assert_eq!(forwarded(&file).await, kept);
}

#[test]
fn outbox_push_without_a_file_says_how_it_is_used() {
    let finished = run(example("outbox_push", &[]));
    assert!(finished.complaint().contains("outbox_push FILE"), "{finished:?}");
}
