//! `rocketlite log verify`

use rocketlite::store::{Directory, Verification, verify};
use serde_json::json;

use super::super::Outcome;
use super::{Whole, print, progress_bar};

pub(super) fn run(arguments: &Whole) -> Outcome {
    let directory = Directory::open_read_only(&arguments.directory)?;
    let mut ring = directory.ring()?;
    let bar = progress_bar(directory.log.capacity(), arguments.json);
    let index = directory.index.as_ref().map_err(ToString::to_string);
    let checkpoint = directory.checkpoint.as_ref().map_err(ToString::to_string);
    let found =
        verify(&directory.log, ring.as_mut(), index, checkpoint, &mut |bytes| bar.set_position(bytes));
    bar.finish_and_clear();
    let found = found.map_err(|error| format!("{}: {error}", arguments.directory.display()))?;
    print(&if arguments.json { json(&found) } else { text(&found) })?;
    match &found.first {
        None => Ok(()),
        Some(first) if found.faults == 1 => Err(format!("1 fault: {first}").into()),
        Some(first) => Err(format!("{} faults, the first: {first}", found.faults).into()),
    }
}

fn json(found: &Verification) -> String {
    let first = found.first.as_ref().map(|first| {
        json!({
            "physicalOffset": first.physical_offset, "file": first.file, "position": first.position,
            "reason": first.reason,
        })
    });
    json!({
        "ok": found.faults == 0, "records": found.records, "bytes": found.bytes, "queues": found.queues,
        "indexEntries": found.index_entries, "minOffset": found.min_offset, "maxOffset": found.max_offset,
        "faults": found.faults, "first": first, "notes": found.notes,
    })
    .to_string()
}

fn text(found: &Verification) -> String {
    let verdict = if found.faults == 0 { "ok" } else { "broken" };
    let mut lines = found.notes.clone();
    lines.push(format!(
        "{verdict}: {} records of {} bytes in {} queues, from physical offset {} to {}; {} entries of the index",
        found.records, found.bytes, found.queues, found.min_offset, found.max_offset, found.index_entries
    ));
    lines.join("\n")
}
