//! What durability costs: rates with a flush for each answer, and how long a start takes.
//!
//! ```text
//! cargo bench -p rocketlite-tests --bench durability              ours
//! ROCKETLITE_APACHE=5.4.0 cargo bench -p rocketlite-tests --bench durability     and Apache RocketMQ beside it
//! ```
//! Both keep their files in the folder of `TMPDIR`. `ROCKETLITE_LOG_MIB` is the size of the log to recover, 1024 if it is not
//! set.

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rocketlite::broker::FlushPolicy;
use rocketlite::{Broker, Message, Producer};
use tokio::runtime::Runtime;

/// How long each rate is measured.
const SPAN: Duration = Duration::from_secs(5);

/// The body of each message whose rate is measured, and of those in the log to recover.
const BODY_BYTES: usize = 1_024;

/// Senders that wait at the same time.
const SENDERS: usize = 64;

fn main() {
    // `cargo test --benches` only wants to know that it can be built.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = std::env::temp_dir().join(format!("rocketlite-durability-{}", std::process::id()));
    println!("bodies of {BODY_BYTES} bytes, files in {}", folder.display());
    flushes("rocketlite, sync flush", &|| Ours::start(&folder.join("sync"), 256, FlushPolicy::Sync));
    recovery(&folder.join("recovery"));
    if let Ok(version) = std::env::var("ROCKETLITE_APACHE") {
        let name = format!("Apache {version}, SYNC_FLUSH");
        flushes(&name, &|| {
            Apache::start(&folder.join("apache-sync"), &version, "flushDiskType=SYNC_FLUSH\n")
        });
        apache_recovery(&folder.join("apache-recovery"), &version);
    }
    let _absent = std::fs::remove_dir_all(&folder);
}

/// A server that is sent to.
trait Server {
    fn address(&self) -> String;
}

/// Prints how many messages one sender and many are answered in a second.
fn flushes<S: Server>(name: &str, start: &dyn Fn() -> S) {
    let server = start();
    let runtime = runtime();
    let rate = |senders| {
        let sent = load(&runtime, &server.address(), senders, u64::MAX, SPAN);
        f64::from(u32::try_from(sent).expect("fewer messages")) / SPAN.as_secs_f64()
    };
    // Routes, files and caches are warm then.
    load(&runtime, &server.address(), SENDERS, u64::MAX, Duration::from_secs(1));
    let (one, many) = (rate(1), rate(SENDERS));
    println!("{name}: 1 sender {one:.0}/s, {SENDERS} senders {many:.0}/s, {:.1} times as many", many / one);
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

/// Sends until `most` messages are acknowledged or the time is over; returns how many are.
fn load(runtime: &Runtime, address: &str, senders: usize, most: u64, span: Duration) -> u64 {
    runtime.block_on(async {
        let producer = Producer::builder("bench")
            .namesrv_addr(address)
            .send_msg_timeout(Duration::from_secs(30))
            .max_in_flight(senders.max(16))
            .start()
            .expect("a producer");
        let (producer, sent, end) = (Arc::new(producer), Arc::new(AtomicU64::new(0)), Instant::now() + span);
        let tasks: Vec<_> = (0..senders)
            .map(|_| {
                let (producer, sent) = (Arc::clone(&producer), Arc::clone(&sent));
                tokio::spawn(async move {
                    let body = vec![b'x'; BODY_BYTES];
                    let message = Message::new("Bench", &body);
                    while Instant::now() < end && sent.load(Ordering::Relaxed) < most {
                        let result = producer.send(&message).await.expect("an answer");
                        assert_eq!(result.status.to_string(), "SEND_OK");
                        sent.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a sender");
        }
        if let Ok(producer) = Arc::try_unwrap(producer) {
            producer.shutdown().await;
        }
        sent.load(Ordering::Relaxed)
    })
}

/// Our own broker, on a thread of its own. Dropped it ends as if it was killed.
struct Ours {
    broker: Option<Broker>,
    runtime: Runtime,
}

impl Ours {
    fn start(folder: &Path, mebibytes: usize, flush: FlushPolicy) -> Self {
        let runtime = runtime();
        let builder = Broker::builder().data(folder).capacity(mebibytes << 20).flush(flush);
        let broker = runtime.block_on(async { builder.start() }).expect("a broker");
        Self { broker: Some(broker), runtime }
    }

    fn stop(mut self) {
        if let Some(broker) = self.broker.take() {
            self.runtime.block_on(broker.shutdown());
        }
    }
}

impl Server for Ours {
    fn address(&self) -> String {
        self.broker.as_ref().expect("it runs").local_addr().to_string()
    }
}

fn log_mebibytes() -> usize {
    std::env::var("ROCKETLITE_LOG_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(1_024)
}

/// Prints how long our broker takes to start with a full log, after a kill and after a clean end.
fn recovery(folder: &Path) {
    let mebibytes = log_mebibytes();
    let broker = Ours::start(folder, mebibytes, FlushPolicy::Async);
    let messages = ((mebibytes as u64) << 20) * 21 / 20 / (BODY_BYTES as u64 + 200);
    load(&runtime(), &broker.address(), SENDERS, messages, Duration::from_mins(30));
    drop(broker);
    for how in ["a kill", "a clean end", "a clean end"] {
        let begun = Instant::now();
        let broker = Ours::start(folder, mebibytes, FlushPolicy::Async);
        let (whole, recovered) = (begun.elapsed(), broker.broker.as_ref().and_then(Broker::recovered));
        let recovered = recovered.expect("it has files");
        let stored = recovered.recovery.max_offset - recovered.recovery.min_offset;
        println!(
            "rocketlite, {} MiB after {how}: serves after {whole:.1?}, of which recovery {:.1?}; {} records were not in a checkpoint",
            stored >> 20,
            recovered.time,
            recovered.recovery.records,
        );
        broker.stop();
    }
}

/// A real broker and name server.
struct Apache {
    folder: PathBuf,
    version: String,
    configuration: String,
    address: String,
}

impl Apache {
    fn start(folder: &Path, version: &str, configuration: &str) -> Self {
        let configuration =
            format!("brokerFastFailureEnable=false\nosPageCacheBusyTimeOutMills=60000\n{configuration}");
        let (folder, version) = (folder.to_owned(), version.to_owned());
        let mut apache = Self { folder, version, configuration, address: String::new() };
        apache.launch();
        apache
    }

    fn launch(&mut self) {
        let version = self.version.clone();
        let told = self.script(&["start", &version], &self.configuration.clone());
        let address = told.lines().find_map(|line| line.strip_prefix("NAMESRV=")).expect("an address");
        address.clone_into(&mut self.address);
    }

    fn script(&self, arguments: &[&str], input: &str) -> String {
        use std::io::Write as _;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/apache.sh");
        let mut command = Command::new("bash");
        command.arg(script).args(arguments).arg(&self.folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("bash runs");
        child.stdin.take().expect("an input").write_all(input.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).expect("text")
    }
}

impl Server for Apache {
    fn address(&self) -> String {
        self.address.clone()
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        self.script(&["stop"], "");
    }
}

/// The same of the reference. Its start includes that of two virtual machines.
fn apache_recovery(folder: &Path, version: &str) {
    let mut apache = Apache::start(folder, version, "");
    let messages = (log_mebibytes() as u64) << 20;
    load(&runtime(), &apache.address, SENDERS, messages / (BODY_BYTES as u64 + 200), Duration::from_mins(30));
    for (signal, how) in [("kill", "a kill"), ("stop", "a clean end")] {
        apache.script(&[signal], "");
        let begun = Instant::now();
        apache.launch();
        println!(
            "Apache {version}, {} MiB after {how}: serves after {:.1?}",
            log_mebibytes(),
            begun.elapsed()
        );
    }
}
