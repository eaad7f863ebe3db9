//! The `rocketlite` program: a broker for the edge, and the tools to try it.

mod cli;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
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
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

/// One line that says what was wrong.
fn fail(reason: &str) -> ExitCode {
    eprintln!("rocketlite: {}", reason.replace('\n', " "));
    ExitCode::FAILURE
}
