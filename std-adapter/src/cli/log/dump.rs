//! `rocketlite log dump`

use std::path::PathBuf;

use clap::Args;
use rocketlite::store::{Directory, SavedItem};

use super::super::Outcome;
use super::super::record::{Origin, Record};
use super::print;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Data directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Only records at this physical offset or behind it
    #[arg(long, value_name = "OFFSET", default_value_t = 0)]
    from: u64,
    /// End after so many records
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Only messages of this topic
    #[arg(long)]
    topic: Option<String>,
    /// Print a line of JSON for each message
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let directory = Directory::open_read_only(&arguments.directory)?;
    let checkpoint = directory.newest_checkpoint()?;
    let mut ring = directory.ring()?;
    let log = directory.saved_log(&mut ring, checkpoint)?;
    let mut left = arguments.count.unwrap_or(u64::MAX);
    let mut damaged = None;
    for item in log.items() {
        if left == 0 {
            break;
        }
        match item {
            SavedItem::Record(record) if record.at >= arguments.from => {
                let message = &record.message;
                if arguments.topic.as_ref().is_some_and(|topic| topic != message.topic) {
                    continue;
                }
                let record = Record::new(Origin::Log(record.at), message);
                print(&if arguments.json { record.json() } else { record.to_string() })?;
                left -= 1;
            }
            SavedItem::Damaged { offsets, fault } if offsets.end > arguments.from => {
                damaged.get_or_insert((offsets, fault));
            }
            _ => {}
        }
    }
    match damaged {
        None => Ok(()),
        Some((offsets, fault)) => Err(format!(
            "not everything could be printed: from physical offset {} to {}: {fault}; `rocketlite log verify` tells more",
            offsets.start, offsets.end
        )
        .into()),
    }
}
