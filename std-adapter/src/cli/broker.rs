//! `rocketlite broker`

mod settings;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::Write as _;
use std::net::ToSocketAddrs as _;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use rocketlite::Broker;
use rocketlite::broker::Recovered;
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};

use self::settings::{Bytes, Settings, Time, parse_time};
use super::{Outcome, parse_bytes};

#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "it is shown at a terminal as it stands")]
pub(crate) struct Arguments {
    /// TOML file with these settings, with `_` instead of `-`, and all limits of the broker. What the command line says
    /// counts more
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:9876]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where clients reach the broker, if that is not where it listens
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<String>,
    /// Directory to keep messages in, made if it is not there
    #[arg(long, value_name = "DIR", conflicts_with = "memory")]
    data: Option<PathBuf>,
    /// Keep messages in memory only: they are gone when the broker ends. The default, unless the file names a directory
    #[arg(long)]
    memory: bool,
    /// With --data, when a send is answered [default: async]
    #[arg(long, value_enum)]
    flush: Option<Flush>,
    /// Size of the log [default: 256MiB]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    capacity: Option<usize>,
    /// What becomes of the oldest messages when the log is full [default: evict]
    #[arg(long, value_enum)]
    when_full: Option<Full>,
    /// How long messages are kept at most, such as 72h or 30m [default: as long as there is room]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    retain: Option<Duration>,
    /// Name of the broker [default: broker-a]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Name of the cluster [default: DefaultCluster]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Name servers to register with as well
    #[arg(long, value_name = "ADDR[;ADDR]")]
    namesrv: Option<String>,
    /// Connections at a time; further ones are closed at once [default: 1024]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    max_connections: Option<usize>,
    /// Topics at a time [default: 1024]
    #[arg(long, value_name = "N", value_parser = at_least(4))]
    max_topics: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Full {
    /// They make room for new ones
    Evict,
    /// They stay, and new ones are refused
    Refuse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Flush {
    /// When it is on the disk
    Sync,
    /// When it is written; it is on the disk half a second later at most
    Async,
}

pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let mut file = arguments.config.as_deref().map_or_else(|| Ok(Settings::default()), Settings::read)?;
    if arguments.memory {
        file.data = None;
    }
    let given = Settings {
        data: arguments.data,
        flush: arguments.flush,
        listen: arguments.listen,
        advertise: arguments.advertise,
        capacity: arguments.capacity.map(Bytes),
        when_full: arguments.when_full,
        retain: arguments.retain.map(Time),
        name: arguments.name,
        cluster: arguments.cluster,
        namesrv: arguments.namesrv,
        max_connections: arguments.max_connections,
        max_topics: arguments.max_topics,
        ..Settings::default()
    };
    let builder = Broker::builder().listen(DEFAULT_LISTEN).capacity(DEFAULT_CAPACITY);
    let builder = given.apply(file.apply(builder)?)?;
    // Before anybody is told that it is ready, so that no signal is missed.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // Who may not write so much to a file gets an error, as from a full disk. Without this the process would end.
    let _too_long = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
    let broker = builder.start()?;
    if let Some(recovered) = broker.recovered() {
        tell(&recovered);
    }
    let mut out = std::io::stdout();
    writeln!(out, "ready {}", broker.local_addr())
        .and_then(|()| out.flush())
        .map_err(|error| format!("standard output: {error}"))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    broker.shutdown().await;
    Ok(())
}

/// What was found on the disk.
fn tell(Recovered { recovery, time, .. }: &Recovered) {
    let (records, bytes, index_rebuilt) = (recovery.records, recovery.bytes, recovery.index_rebuilt);
    let stored = recovery.max_offset - recovery.min_offset;
    tracing::info!(?time, stored, records, bytes, index_rebuilt, "recovered");
    if recovery.damaged > 0 {
        tracing::error!(
            places = recovery.damaged,
            "some of the log is damaged: see what was said of it, and `rocketlite log verify`"
        );
    }
}

/// Where RocketMQ's name servers listen.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9_876);

const DEFAULT_CAPACITY: usize = 256 << 20;

/// A number of entries of a table of the broker.
fn at_least(least: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=65_535)
}

/// Message ids hold numbers, so a name is resolved once, at the start.
fn resolve(text: &str) -> Result<SocketAddr, String> {
    let mut addresses =
        text.to_socket_addrs().map_err(|error| format!("cannot advertise '{text}': {error}"))?;
    addresses.next().ok_or_else(|| format!("cannot advertise '{text}': the name has no address"))
}
