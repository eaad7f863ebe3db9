//! A process that is killed while it pushes and removes.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use rocketlite::outbox::Forwarded;
use rocketlite::{Broker, Message, Outbox, Producer};

use super::{TempFile, stored};

const CAPACITY: u64 = 1 << 20;
const FILE: &str = "ROCKETLITE_TEST_OUTBOX";

/// Pushes one message after the other, and says so, until it is killed.
#[tokio::test]
#[ignore = "the process that the other test kills"]
async fn pushes_until_it_is_killed() {
    let outbox = Outbox::open(std::env::var(FILE).unwrap(), CAPACITY).await.unwrap();
    for number in 0.. {
        let body = format!("{}-{number}", std::process::id());
        let id = outbox.push(&Message::new("T", body.as_bytes())).await.unwrap();
        println!("\npushed {id} {body}");
    }
}

#[tokio::test]
async fn what_was_accepted_before_a_kill_is_sent_after_it() {
    let file = TempFile::new("killed");
    let mut accepted = Vec::new();
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::pushes_until_it_is_killed", "--ignored", "--nocapture"])
            .env(FILE, file.as_ref())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut pushed = |line: std::io::Result<String>| {
            let line = line.unwrap();
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            if let [mark, id, body] = &words[..]
                && mark == "pushed"
            {
                accepted.push((id.clone(), body.clone()));
            }
            accepted.len()
        };
        let end = accepted_so_far(round);
        while pushed(lines.next().unwrap()) < end {}
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died counts too.
        for line in lines {
            pushed(line);
        }
    }
    let outbox = Outbox::open(&file, CAPACITY).await.unwrap();
    let broker = Broker::builder().start().unwrap();
    let producer = Producer::builder("killed").namesrv_addr(broker.local_addr().to_string()).start().unwrap();
    let mut forwarder = outbox.forwarder(&producer);
    while outbox.counters().await.waiting > 0 {
        assert!(matches!(forwarder.next().await.unwrap(), Some(Forwarded::Sent(_))));
    }
    let stored = stored(&broker);
    // Beside those a push of each process may have taken place of which it could not tell any more.
    let known: Vec<_> = stored.iter().filter(|message| accepted.contains(message)).cloned().collect();
    assert_eq!(known, accepted);
    assert!(stored.len() <= accepted.len() + 5, "{} of {}", stored.len(), accepted.len());
}

/// Each process gets a little further than the one before it.
const fn accepted_so_far(round: usize) -> usize {
    round * (round + 1) * 3
}
