//! `rocketlite log`: a data directory that no broker uses.

mod dump;
mod info;
mod resize;
mod verify;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Outcome, parse_bytes};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tells what is in the directory, and how full it is
    Info(Whole),
    /// Looks at every record, checkpoint and piece of the index, and names the first that is broken
    Verify(Whole),
    /// Prints the messages, oldest first
    Dump(dump::Arguments),
    /// Gives the log more room
    Resize(resize::Arguments),
}

/// What a command is told that looks at all of a directory.
#[derive(Debug, Args)]
struct Whole {
    /// Data directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Print a line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Command::Info(arguments) => info::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Dump(arguments) => dump::run(arguments),
        Command::Resize(arguments) => resize::run(arguments),
    }
}

/// A bar of bytes on the standard error, if that is a terminal and somebody looks at it.
fn progress_bar(bytes: u64, is_hidden: bool) -> ProgressBar {
    let target = if is_hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}, {elapsed}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Prints a line of the result.
fn print(line: &str) -> Outcome {
    writeln!(std::io::stdout(), "{line}").map_err(|error| format!("standard output: {error}"))?;
    Ok(())
}
