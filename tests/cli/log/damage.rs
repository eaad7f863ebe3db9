//! Bits that flip, files that are cut: each is found and named.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use rocketlite::store::{CheckpointFile, IndexFile, LogFile};
use rocketlite_tests::program::{Finished, rocketlite, run};
use serde_json::Value;

use super::place::Place;

/// A place whose broker has stored 40 messages and was stopped.
fn place(name: &str) -> Place {
    let place = Place::new(name);
    let broker = place.broker("1MiB");
    place.send(&broker, "A", 40);
    broker.stop();
    place
}

fn offsets(place: &Place) -> Vec<u64> {
    let lines = place.log("dump", &["--json"]).json_lines();
    lines.iter().filter_map(|line| line["physicalOffset"].as_u64()).collect()
}

/// What is told of a log that is broken: what `verify --json` prints.
fn broken(place: &Place) -> Value {
    let finished = place.log("verify", &["--json"]);
    finished.complaint();
    let found: Value = serde_json::from_str(&finished.stdout).expect("a line of JSON");
    assert_eq!(found["ok"], false, "{finished:?}");
    found
}

#[track_caller]
fn says(finished: &Finished, words: &[&str]) {
    let complaint = finished.complaint();
    for word in words {
        assert!(complaint.contains(word), "no '{word}': {complaint}");
    }
}

#[test]
fn the_first_broken_record_is_named_with_its_place() {
    let place = place("record");
    let offsets = offsets(&place);
    assert_eq!(offsets.len(), 40);
    // In the last a bit of the body, before that one of the size, of the magic, of the offset, of the seal.
    let mut size = [0; 4];
    place.open("log").read_exact_at(&mut size, LogFile::<File>::ring_at(offsets[11])).unwrap();
    let seal = offsets[11] + u64::from(u32::from_be_bytes(size)) + 5;
    for at in [offsets[39] + 100, offsets[20] + 3, offsets[17] + 4, offsets[14] + 34, seal] {
        place.flip("log", LogFile::<File>::ring_at(at));
    }
    let position = LogFile::<File>::ring_at(offsets[11]);
    let finished = place.log("verify", &[]);
    says(&finished, &["5 faults", &format!("physical offset {}", offsets[11]), &format!("byte {position} ")]);
    assert!(finished.stdout.starts_with("broken: 35 records"), "{finished:?}");
    let first = &broken(&place)["first"];
    assert_eq!((&first["physicalOffset"], &first["file"]), (&offsets[11].into(), &"log".into()), "{first}");
    // What is whole is still printed, and what is not is said.
    let dumped = place.log("dump", &["--json"]);
    says(&dumped, &[&format!("physical offset {} to {}", offsets[11], offsets[12])]);
    assert_eq!(dumped.stdout.lines().count(), 35);
    assert_eq!(place.log("dump", &["--json", "--count", "5"]).json_lines().len(), 5);
    assert_eq!(super::told(&place.log("info", &["--json"]))["damaged"], 5);
    // A broker says the same, and serves the rest.
    let broker = place.broker("1MiB");
    let tail = ["tail", "--namesrv", &broker.address, "--topic", "A", "--from", "first", "--count", "35"];
    assert_eq!(run(rocketlite(&tail)).success().lines().count(), 35);
    broker.stop();
}

#[test]
fn what_stands_behind_the_end_is_no_damage() {
    let place = place("torn");
    let offsets = offsets(&place);
    let end = super::told(&place.log("verify", &["--json"]))["maxOffset"].as_u64().unwrap();
    let mut record = vec![0; usize::try_from(end - offsets[39]).unwrap()];
    let file = place.open("log");
    file.read_exact_at(&mut record, LogFile::<File>::ring_at(offsets[39])).unwrap();
    // It names the place that it stands in, and its seal is another one's.
    record[28..36].copy_from_slice(&end.to_be_bytes());
    file.write_all_at(&record, LogFile::<File>::ring_at(end)).unwrap();
    let verified = place.log("verify", &[]);
    let lines: Vec<&str> = verified.success().lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].contains(&format!("physical offset {end}")) && lines[0].contains("power cut"),
        "{lines:?}"
    );
    assert!(lines[1].starts_with("ok: 40 records"), "{lines:?}");
}

#[test]
fn a_flipped_bit_of_a_mark_is_found() {
    let place = place("mark");
    let mark = LogFile::open_read_only(place.open("log")).unwrap().newest_mark().unwrap();
    place.flip("log", LogFile::<File>::mark_at(mark.sequence) + 20);
    let found = broken(&place);
    assert_eq!((&found["faults"], &found["records"]), (&1.into(), &40.into()));
    assert_eq!(found["first"]["position"], LogFile::<File>::mark_at(mark.sequence));
    says(&place.log("verify", &[]), &["1 fault", "mark"]);
}

#[test]
fn a_flipped_bit_of_a_checkpoint_is_found() {
    let place = place("checkpoint");
    let file = CheckpointFile::open_read_only(place.open("checkpoint")).unwrap();
    let found = file.read_all().unwrap();
    assert_eq!(found.len(), 2);
    let at = file.slot_at(found[0].sequence);
    // Of what is in it: the other one counts.
    place.flip("checkpoint", at + 512 + 5);
    let verified = place.log("verify", &[]);
    assert!(verified.success().contains(&format!("checkpoint {} at byte {at} ", found[0].sequence)));
    assert!(verified.stdout.contains("ok: 40 records"));
    // Of its header, which is never torn.
    place.flip("checkpoint", at + 20);
    let first = broken(&place)["first"].clone();
    assert_eq!((&first["file"], &first["position"]), (&"checkpoint".into(), &at.into()), "{first}");
    // Of the header of the file.
    place.flip("checkpoint", 20);
    says(&place.log("verify", &[]), &["checkpoint", "checksum does not agree"]);
    assert!(place.log("info", &[]).success().contains("checksum does not agree"));
}

#[test]
fn a_flipped_bit_of_the_index_is_found() {
    let place = place("index");
    let checkpoint = CheckpointFile::open_read_only(place.open("checkpoint")).unwrap();
    let sequence = checkpoint.read_all().unwrap()[0].sequence;
    let index = IndexFile::open_read_only(place.open("index")).unwrap();
    place.flip("index", index.image_at(sequence) + 296 + 50);
    let first = broken(&place)["first"].clone();
    let position = index.image_at(sequence) + 296;
    assert_eq!((&first["file"], &first["position"]), (&"index".into(), &position.into()), "{first}");
    assert_eq!(super::told(&place.log("info", &["--json"]))["index"]["state"], "damaged");
}

#[test]
fn a_cut_file_is_named() {
    for name in ["log", "index", "checkpoint"] {
        let place = place(&format!("cut-{name}"));
        let file = place.open(name);
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
        says(&place.log("verify", &[]), &[name, "should have at least"]);
    }
}

#[test]
fn an_index_that_is_damaged_is_made_anew_with_what_earlier_starts_have_stored() {
    let place = place("earlier");
    for _ in 0..2 {
        let broker = place.broker("1MiB");
        place.send(&broker, "A", 40);
        broker.stop();
    }
    let index = IndexFile::open_read_only(place.open("index")).unwrap();
    for image in 0..2 {
        place.flip("index", index.image_at(image) + 50);
    }
    let broker = place.broker("1MiB");
    let tail = ["tail", "--namesrv", &broker.address, "--topic", "A", "--from", "first", "--count", "120"];
    assert_eq!(run(rocketlite(&tail)).success().lines().count(), 120);
    broker.stop();
    assert!(place.log("verify", &[]).success().contains("ok: 120 records"));
}
