//! `rocketlite log info`

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytesize::ByteSize;
use rocketlite::store::{
    Checkpoint, Directory, IndexState, Mark, OfflineDirectory, SavedCheckpoint, SavedItem, Slot, index_state,
};
use serde_json::{Value, json};

use super::super::Outcome;
use super::{Whole, print, progress_bar};

/// What is in a log.
#[derive(Debug, Default)]
struct Survey {
    min_offset: u64,
    max_offset: u64,
    records: u64,
    bytes: u64,
    damaged: u64,
    /// Store times in milliseconds since 1970.
    times: Option<(i64, i64)>,
}

pub(super) fn run(arguments: &Whole) -> Outcome {
    let directory = Directory::open_read_only(&arguments.directory)?;
    let survey = survey(&directory, arguments.json)?;
    let slots = directory.checkpoint.as_ref().map_err(ToString::to_string);
    let slots = slots.and_then(|file| file.slots().map_err(|error| error.to_string()));
    let facts = facts(&directory, &survey, slots, &index(&directory)?);
    if arguments.json {
        return print(&facts.to_string());
    }
    print(&text(&facts))
}

fn survey(directory: &OfflineDirectory, is_hidden: bool) -> Result<Survey, Box<dyn core::error::Error>> {
    let checkpoint = directory.newest_checkpoint()?;
    let mut ring = directory.ring()?;
    let log = directory.saved_log(&mut ring, checkpoint)?;
    let bar = progress_bar(directory.log.capacity(), is_hidden);
    let (mut survey, mut first) = (Survey::default(), None);
    let mut items = log.items();
    while let Some(item) = items.next() {
        bar.set_position(items.end() - log.min_offset());
        match item {
            SavedItem::Record(record) => {
                first.get_or_insert(record.at);
                survey.records += 1;
                survey.bytes += record.size as u64;
                let stored = record.message.store_timestamp;
                let (oldest, newest) = survey.times.unwrap_or((stored, stored));
                survey.times = Some((oldest.min(stored), newest.max(stored)));
            }
            _ => survey.damaged += 1,
        }
    }
    bar.finish_and_clear();
    (survey.min_offset, survey.max_offset) = (first.unwrap_or(log.min_offset()), items.end());
    Ok(survey)
}

fn facts(
    directory: &OfflineDirectory,
    survey: &Survey,
    slots: Result<[Slot<Checkpoint>; 2], String>,
    index: &Value,
) -> Value {
    let capacity = directory.log.capacity();
    let used = survey.max_offset - survey.min_offset;
    let mark = directory.log.newest_mark().map(|Mark { sequence, start, flushed, min_offset }| {
        json!({ "sequence": sequence, "start": start, "flushed": flushed, "minOffset": min_offset })
    });
    let checkpoints = match slots {
        Ok(slots) => slots.iter().map(checkpoint).collect(),
        Err(error) => json!({ "error": error }),
    };
    json!({
        "directory": directory.path.display().to_string(),
        "capacity": capacity,
        "base": directory.log.base(),
        "minOffset": survey.min_offset,
        "maxOffset": survey.max_offset,
        "usedBytes": used,
        "usedPercent": percent(used, capacity),
        "records": survey.records,
        "recordBytes": survey.bytes,
        "damaged": survey.damaged,
        "oldestStoreTimestamp": survey.times.map(|(oldest, _)| oldest),
        "newestStoreTimestamp": survey.times.map(|(_, newest)| newest),
        "mark": mark,
        "checkpoints": checkpoints,
        "index": index,
    })
}

/// What the next start of a broker will find of the index.
fn index(directory: &OfflineDirectory) -> Result<Value, Box<dyn core::error::Error>> {
    let file = match &directory.index {
        Ok(file) => file,
        Err(error) => return Ok(json!({ "state": "unreadable", "error": error.to_string() })),
    };
    let newest = directory.newest_checkpoint()?;
    let newest = newest.as_ref().map(|newest| (newest.sequence, SavedCheckpoint::read(&newest.content)));
    let state = match newest {
        Some((sequence, Ok(checkpoint))) => index_state(file, sequence, &checkpoint)?,
        _ => IndexState::Other,
    };
    let bytes = file.image_bytes();
    Ok(match state {
        IndexState::Sound { pieces } => json!({ "state": "sound", "pieces": pieces, "imageBytes": bytes }),
        IndexState::Damaged { pieces, damaged } => {
            json!({ "state": "damaged", "pieces": pieces, "damaged": damaged, "imageBytes": bytes })
        }
        _ => json!({ "state": "to be made from the log", "imageBytes": bytes }),
    })
}

/// What is in a slot.
fn checkpoint(slot: &Slot<Checkpoint>) -> Value {
    match slot {
        Slot::Whole(Checkpoint { sequence, content }) => match SavedCheckpoint::read(content) {
            Ok(saved) => json!({
                "state": "whole", "sequence": sequence, "start": saved.start(), "bytes": content.len(),
                "minOffset": saved.log_min(), "maxOffset": saved.log_max(), "topics": saved.topics(),
                "groups": saved.groups(), "offsets": saved.offsets(), "indexPieces": saved.index_chunks(),
            }),
            Err(error) => json!({ "state": "unreadable", "sequence": sequence, "error": error.to_string() }),
        },
        Slot::Unfinished { sequence } => json!({ "state": "unfinished", "sequence": sequence }),
        Slot::Empty => json!({ "state": "empty" }),
        _ => json!({ "state": "damaged" }),
    }
}

/// Tenths of a percent are enough to see that something is there.
fn percent(part: u64, whole: u64) -> f64 {
    let tenths = u128::from(part) * 1_000 / u128::from(whole.max(1));
    f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0
}

fn text(facts: &Value) -> String {
    let size = |name: &str| ByteSize::b(facts[name].as_u64().unwrap_or(0));
    let mut lines = vec![
        format!("capacity     {} bytes ({})", facts["capacity"], size("capacity")),
        format!("offsets      {} to {}, base {}", facts["minOffset"], facts["maxOffset"], facts["base"]),
        format!(
            "used         {} bytes ({}), {} %",
            facts["usedBytes"],
            size("usedBytes"),
            facts["usedPercent"]
        ),
        format!(
            "records      {}, {} bytes ({})",
            facts["records"],
            facts["recordBytes"],
            size("recordBytes")
        ),
    ];
    if facts["damaged"] != 0 {
        lines.push(format!("damaged      {} places, see `rocketlite log verify`", facts["damaged"]));
    }
    lines.push(format!("oldest       {}", time(&facts["oldestStoreTimestamp"])));
    lines.push(format!("newest       {}", time(&facts["newestStoreTimestamp"])));
    let mark = &facts["mark"];
    lines.push(if mark.is_null() {
        "mark         none".to_owned()
    } else {
        format!(
            "mark         {} of start {}: on the disk up to {}, old before {}",
            mark["sequence"], mark["start"], mark["flushed"], mark["minOffset"]
        )
    });
    let none = Vec::new();
    for slot in facts["checkpoints"].as_array().unwrap_or(&none) {
        lines.push(format!("checkpoint   {}", checkpoint_text(slot)));
    }
    if let Some(error) = facts["checkpoints"]["error"].as_str() {
        lines.push(format!("checkpoint   {error}"));
    }
    let index = &facts["index"];
    let state = index["state"].as_str().unwrap_or_default();
    lines.push(match (index["pieces"].as_u64(), index["error"].as_str()) {
        (Some(pieces), _) => format!("index        {state}, {pieces} pieces"),
        (None, Some(error)) => format!("index        {state}: {error}"),
        (None, None) => format!("index        {state}"),
    });
    lines.join("\n")
}

fn checkpoint_text(slot: &Value) -> String {
    let state = slot["state"].as_str().unwrap_or_default();
    if state != "whole" {
        let error = slot["error"].as_str().map_or_else(String::new, |error| format!(": {error}"));
        let sequence = slot["sequence"].as_u64().map_or_else(String::new, |number| format!("{number} "));
        return format!("{sequence}{state}{error}");
    }
    format!(
        "{} of start {}: log up to {}, {} topics, {} groups, {} offsets, {} pieces of the index",
        slot["sequence"],
        slot["start"],
        slot["maxOffset"],
        slot["topics"],
        slot["groups"],
        slot["offsets"],
        slot["indexPieces"]
    )
}

/// A store time, and how long ago that is.
fn time(millis: &Value) -> String {
    let Some(millis) = millis.as_i64() else { return "-".to_owned() };
    let stored = u64::try_from(millis).ok().and_then(|at| UNIX_EPOCH.checked_add(Duration::from_millis(at)));
    let age = stored.and_then(|stored| SystemTime::now().duration_since(stored).ok());
    age.map_or_else(|| format!("{millis} ms"), |age| format!("{millis} ms, {} s ago", age.as_secs()))
}
