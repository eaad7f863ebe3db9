//! `rocketlite broker`

use core::net::SocketAddr;
use std::io::Write as _;
use std::net::ToSocketAddrs as _;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use rocketlite::Broker;
use rocketlite::broker::WhenFull;
use tokio::signal::unix::{SignalKind, signal};

use super::{Outcome, parse_bytes};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9876")]
    listen: SocketAddr,
    /// Where clients reach the broker, if that is not where it listens
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<String>,
    /// Keep messages in memory only: they are gone when the broker ends. The default, and so far the only store
    #[arg(long)]
    memory: bool,
    /// Size of the log
    #[arg(long, value_name = "BYTES", default_value = "256MiB", value_parser = parse_bytes)]
    capacity: usize,
    /// What becomes of the oldest messages when the log is full
    #[arg(long, value_enum, default_value_t = Full::Evict)]
    when_full: Full,
    /// Name of the broker
    #[arg(long, value_name = "NAME", default_value = "broker-a")]
    name: String,
    /// Name of the cluster
    #[arg(long, value_name = "NAME", default_value = "DefaultCluster")]
    cluster: String,
    /// Name servers to register with as well
    #[arg(long, value_name = "ADDR[;ADDR]", default_value = "")]
    namesrv: String,
    /// Connections at a time; further ones are closed at once
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = at_least(1))]
    max_connections: usize,
    /// Topics at a time
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = at_least(4))]
    max_topics: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Full {
    /// They make room for new ones
    Evict,
    /// They stay, and new ones are refused
    Refuse,
}

pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let mut builder = Broker::builder()
        .listen(arguments.listen)
        .broker_name(&arguments.name)
        .broker_cluster_name(&arguments.cluster)
        .namesrv_addr(&arguments.namesrv)
        .capacity(arguments.capacity)
        .max_connections(arguments.max_connections)
        .max_topics(arguments.max_topics)
        .when_full(match arguments.when_full {
            Full::Evict => WhenFull::Evict,
            Full::Refuse => WhenFull::Refuse,
        });
    if let Some(text) = &arguments.advertise {
        builder = builder.advertise(resolve(text)?);
    }
    // Before anybody is told that it is ready, so that no signal is missed.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let broker = builder.start()?;
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
