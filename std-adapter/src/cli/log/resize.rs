//! `rocketlite log resize`

use std::path::PathBuf;

use clap::Args;
use rocketlite::store::{Resized, resize};

use super::super::Outcome;
use super::{parse_bytes, print, progress_bar};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Data directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Size of the log from now on; it cannot become smaller
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    capacity: usize,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let bar = progress_bar(0, false);
    let resized = resize(&arguments.directory, arguments.capacity as u64, &mut |copied, total| {
        bar.set_length(total);
        bar.set_position(copied);
    });
    bar.finish_and_clear();
    let Resized { before, capacity, bytes, .. } = resized?;
    if before == capacity {
        return print(&format!("the log has a capacity of {capacity} bytes already"));
    }
    print(&format!("the log has a capacity of {capacity} bytes, it was {before}; {bytes} bytes are in it"))
}
