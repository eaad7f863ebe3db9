//! `rocketlite demo`: the main job on an embedded default.

mod report;

use core::error::Error;
use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use rocketlite::{Broker, Message, Producer};

use super::Outcome;
use report::{Acknowledged, Report};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Messages to send
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(10..=1_000_000))]
    count: u64,
    /// Bytes of each body
    #[arg(long, value_name = "BYTES", default_value_t = 512, value_parser = clap::value_parser!(u64).range(32..=65_536))]
    size: u64,
    /// Messages in flight
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=256))]
    inflight: u64,
    /// Print the result as a line of JSON
    #[arg(long)]
    json: bool,
}

const TOPIC: &str = "DemoTopic";
const NAMES: [&str; 3] = ["broker-a", "broker-b", "broker-c"];
/// The broker that fails. The first one is the name server, too.
const VICTIM: usize = 1;

/// What the senders share.
struct Load {
    producer: Producer,
    count: u64,
    size: u64,
    next: AtomicU64,
    done: AtomicU64,
    progress: ProgressBar,
    acknowledged: Mutex<Vec<Acknowledged>>,
    failures: Mutex<Vec<String>>,
}

pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let brokers = start_brokers(&arguments).await?;
    let name_server = brokers[0].local_addr();
    let progress = progress_bar(&arguments);
    progress.println(format!(
        "name server and {} on {name_server}, {} and {} beside it",
        NAMES[0], NAMES[1], NAMES[2]
    ));
    let producer = Producer::builder("demo_producers").namesrv_addr(name_server.to_string()).start()?;
    let load = Arc::new(Load {
        producer,
        count: arguments.count,
        size: arguments.size,
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        progress,
        acknowledged: Mutex::new(Vec::new()),
        failures: Mutex::new(Vec::new()),
    });
    let started = Instant::now();
    let senders: Vec<_> = (0..arguments.inflight).map(|_| tokio::spawn(send(Arc::clone(&load)))).collect();
    fail_one(&brokers[VICTIM], &load).await?;
    for sender in senders {
        sender.await?;
    }
    load.progress.finish_and_clear();
    let elapsed = started.elapsed();
    let mut report = Report::new(&load, elapsed);
    for (name, broker) in NAMES.iter().zip(&brokers) {
        report.read_log(name, broker);
    }
    report.print(arguments.json);
    let load = Arc::into_inner(load).ok_or("a sender is still running")?;
    load.producer.shutdown().await;
    for broker in brokers {
        broker.shutdown().await;
    }
    report.verdict()
}

/// Three brokers on loopback; the second and third register with the first.
async fn start_brokers(arguments: &Arguments) -> Result<Vec<Broker>, Box<dyn Error>> {
    // Room for every message on one broker, with its properties.
    let capacity = usize::try_from(arguments.count * (arguments.size + 512) + (16 << 20))?;
    let mut brokers: Vec<Broker> = Vec::new();
    for name in NAMES {
        let name_server = brokers.first().map(|broker| broker.local_addr().to_string()).unwrap_or_default();
        let builder = Broker::builder().broker_name(name).capacity(capacity).namesrv_addr(name_server);
        brokers.push(builder.start()?);
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while brokers[0].registered_brokers().len() < NAMES.len() - 1 {
        if Instant::now() > deadline {
            return Err("the brokers did not find their name server within 10 s".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(brokers)
}

/// Cuts a broker off after a third of the messages and brings it back after two.
async fn fail_one(broker: &Broker, load: &Load) -> Outcome {
    let reached = async |part: u64| {
        while load.done.load(Ordering::Relaxed) < load.count * part / 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    reached(1).await;
    broker.isolate();
    load.progress.println(format!("{} is gone: port closed, connections cut", NAMES[VICTIM]));
    reached(2).await;
    broker.rejoin().await?;
    load.progress.println(format!("{} is back", NAMES[VICTIM]));
    Ok(())
}

/// Sends one message after the other until all are sent.
async fn send(load: Arc<Load>) {
    loop {
        let index = load.next.fetch_add(1, Ordering::Relaxed);
        if index >= load.count {
            return;
        }
        let body = body(index, load.size);
        let started = Instant::now();
        let sent = load.producer.send(&Message::new(TOPIC, &body).with_tags("demo")).await;
        let latency = started.elapsed();
        match sent {
            Ok(result) => lock(&load.acknowledged).push(Acknowledged { index, latency, result }),
            Err(error) => lock(&load.failures).push(error.to_string()),
        }
        load.progress.set_position(load.done.fetch_add(1, Ordering::Relaxed) + 1);
    }
}

/// A body that only this message has.
fn body(index: u64, size: u64) -> Vec<u8> {
    let mut body = format!("demo message {index} ").into_bytes();
    body.resize(usize::try_from(size).unwrap_or(usize::MAX), b'.');
    body
}

fn progress_bar(arguments: &Arguments) -> ProgressBar {
    let target = if arguments.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(arguments.count), target);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} messages, {rate}/s, {elapsed}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
        // A bar that cannot be written to is drawn without it.
        let _ = write!(out, "{:.0}", state.per_sec());
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How often each message stands in a log, by `UNIQ_KEY`.
type Copies = HashMap<String, u32>;
