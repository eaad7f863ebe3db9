//! The `rocketlite` program: a broker for the edge, and the tools to try it.

mod cli;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

#[derive(Debug, Parser)]
#[command(name = "rocketlite", version, about, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the whole thing on this machine: three brokers, a producer, and a broker that fails on the way
    Demo(cli::demo::Arguments),
    /// Runs a broker and name server on one port
    Broker(cli::broker::Arguments),
    /// Sends messages and prints where each was stored
    Send(cli::send::Arguments),
    /// Prints the messages of a topic as they come
    Tail(cli::tail::Arguments),
    /// Looks at a data directory that no broker uses, or makes its log larger
    Log(cli::log::Arguments),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return misused(&error),
    };
    if let Err(error) = log(&arguments.command) {
        fail(&error);
        return ExitCode::from(2);
    }
    // One thread runs sockets and engines together: nothing is handed from thread to thread.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    let result = runtime.block_on(async {
        match arguments.command {
            Command::Demo(arguments) => cli::demo::run(arguments).await,
            Command::Broker(arguments) => cli::broker::run(arguments).await,
            Command::Send(arguments) => cli::send::run(arguments).await,
            Command::Tail(arguments) => cli::tail::run(arguments).await,
            Command::Log(arguments) => cli::log::run(&arguments),
        }
    });
    // Does not wait for a line of the standard input that nobody wants any more.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

/// Writes what happens to the standard error, as far as `RUST_LOG` wants it written. A broker tells its operator what
/// changes, `tail` of what it does not get; the others have results to tell of.
fn log(command: &Command) -> Result<(), String> {
    let usual = match command {
        Command::Broker(_) => LevelFilter::INFO,
        Command::Tail(_) => LevelFilter::WARN,
        Command::Demo(_) | Command::Send(_) | Command::Log(_) => LevelFilter::OFF,
    };
    let filter = EnvFilter::builder().with_default_directive(usual.into()).from_env();
    let filter = filter.map_err(|error| {
        format!("RUST_LOG: {error}; a level such as 'debug' or 'rocketlite=trace,warn' is allowed")
    })?;
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr).init();
    Ok(())
}

/// What clap has to say: help as it is, a mistake in one line like any other.
fn misused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit()
    }
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let reason: Vec<&str> =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more")).collect();
    let reason = reason.join(" ");
    fail(reason.strip_prefix("error: ").unwrap_or(&reason));
    ExitCode::from(2)
}

/// One line that says what was wrong.
fn fail(reason: &str) -> ExitCode {
    eprintln!("rocketlite: {}", reason.replace('\n', " "));
    ExitCode::FAILURE
}
