//! `rocketlite log`: what is told of a data directory, and what is done to it, while no broker uses it.

mod damage;
mod fuzz;
mod place;
mod resize;

use rocketlite_tests::program::Finished;
use serde_json::Value;

use place::Place;

/// The one line of JSON of a command that has done everything.
fn told(finished: &Finished) -> Value {
    let lines = finished.json_lines();
    assert_eq!(lines.len(), 1, "{finished:?}");
    lines[0].clone()
}

#[test]
fn a_directory_is_told_of_verified_and_printed() {
    let place = Place::new("told");
    let broker = place.broker("1MiB");
    place.send(&broker, "A", 30);
    for command in ["info", "verify", "dump"] {
        let finished = place.log(command, &[]);
        assert!(finished.complaint().contains("is used by process"), "{finished:?}");
        assert_eq!(finished.stdout, "");
    }
    broker.stop();
    let broker = place.broker("1MiB");
    place.send(&broker, "B", 20);
    broker.kill();
    let info = told(&place.log("info", &["--json"]));
    assert_eq!(
        (&info["records"], &info["capacity"], &info["damaged"]),
        (&50.into(), &(1 << 20).into(), &0.into())
    );
    assert_eq!((&info["minOffset"], &info["base"]), (&0.into(), &0.into()));
    assert!(info["oldestStoreTimestamp"].as_i64() <= info["newestStoreTimestamp"].as_i64(), "{info}");
    assert!(info["mark"]["start"] == 2 && info["usedPercent"].as_f64() > Some(1.0), "{info}");
    assert_eq!(info["checkpoints"].as_array().map(Vec::len), Some(2));
    assert_eq!(info["index"]["state"], "sound", "{info}");
    let read = place.log("info", &[]);
    for word in ["capacity", "records      50", "mark ", "checkpoint ", "index        sound"] {
        assert!(read.success().contains(word), "no '{word}': {}", read.stdout);
    }
    let verified = place.log("verify", &[]);
    assert!(verified.success().contains("ok: 50 records"), "{verified:?}");
    let verified = told(&place.log("verify", &["--json"]));
    assert_eq!((&verified["ok"], &verified["queues"]), (&true.into(), &8.into()), "{verified}");
    assert!(verified["indexEntries"].as_u64() >= Some(30), "{verified}");
}

#[test]
fn what_is_printed_is_chosen() {
    let place = Place::new("dump");
    let broker = place.broker("1MiB");
    place.send(&broker, "A", 10);
    place.send(&broker, "B", 5);
    broker.stop();
    let all = place.log("dump", &["--json"]).json_lines();
    assert_eq!(all.len(), 15);
    let offsets: Vec<u64> = all.iter().filter_map(|line| line["physicalOffset"].as_u64()).collect();
    assert!(offsets.is_sorted() && offsets.len() == 15, "{offsets:?}");
    assert!(all[0]["body"].as_str().is_some_and(|body| body.len() == 100), "{}", all[0]);
    assert_eq!(all[0].get("broker"), None);
    let of_b = place.log("dump", &["--json", "--topic", "B", "--count", "3"]).json_lines();
    assert_eq!(of_b, all[10..13]);
    let from = (offsets[3] + 1).to_string();
    assert_eq!(place.log("dump", &["--json", "--from", &from]).json_lines(), all[4..]);
    let lines = place.log("dump", &["--count", "1"]);
    assert!(lines.success().starts_with("physicalOffset=0 msgId="), "{lines:?}");
    assert!(lines.stdout.contains(" topic=A queueId="), "{lines:?}");
    assert_eq!(place.log("dump", &["--topic", "none"]).success(), "");
}

#[test]
fn an_empty_log_is_no_broken_one() {
    let place = Place::new("empty");
    place.broker("1MiB").stop();
    assert!(place.log("verify", &[]).success().contains("ok: 0 records"));
    assert_eq!(told(&place.log("info", &["--json"]))["records"], 0);
    assert_eq!(place.log("dump", &[]).success(), "");
}

#[test]
fn what_is_no_data_directory_is_named_and_left_alone() {
    let place = Place::new("wrong");
    std::fs::create_dir(place.data()).unwrap();
    let commands: [(&str, &[&str]); 4] =
        [("info", &[]), ("verify", &[]), ("dump", &[]), ("resize", &["--capacity", "4MiB"])];
    for (command, arguments) in commands {
        let complaint = place.log(command, arguments);
        assert!(complaint.complaint().contains("is not a data directory"), "{complaint:?}");
        assert_eq!(std::fs::read_dir(place.data()).unwrap().count(), 0);
    }
    std::fs::write(place.file("log"), "not a log at all").unwrap();
    for (command, arguments) in commands {
        let complaint = place.log(command, arguments);
        assert!(complaint.complaint().contains("should have at least"), "{complaint:?}");
    }
    std::fs::remove_dir_all(place.data()).unwrap();
    for (command, arguments) in commands {
        assert!(place.log(command, arguments).complaint().contains("o such file"));
    }
    std::fs::write(place.data(), "a file").unwrap();
    for (command, arguments) in commands {
        assert!(place.log(command, arguments).complaint().contains("is not a directory"));
    }
}

#[test]
fn a_copy_without_its_lock_is_read_too() {
    let place = Place::new("copied");
    let broker = place.broker("1MiB");
    place.send(&broker, "A", 10);
    broker.stop();
    std::fs::remove_file(place.file("lock")).unwrap();
    assert!(place.log("verify", &[]).success().contains("ok: 10 records"));
    assert_eq!(place.log("dump", &[]).success().lines().count(), 10);
    assert!(!place.file("lock").exists());
}

#[test]
fn a_directory_that_may_only_be_read_is_read() {
    let place = Place::new("readonly");
    let broker = place.broker("1MiB");
    place.send(&broker, "A", 10);
    broker.stop();
    let files = ["log", "index", "checkpoint", "lock"].map(|name| place.file(name));
    let bytes = files.each_ref().map(|file| std::fs::read(file).unwrap());
    let set = |readonly| {
        for file in &files {
            let mut permissions = std::fs::metadata(file).unwrap().permissions();
            permissions.set_readonly(readonly);
            std::fs::set_permissions(file, permissions).unwrap();
        }
    };
    set(true);
    for command in ["info", "verify", "dump"] {
        place.log(command, &[]).success();
    }
    set(false);
    // Nothing was changed.
    assert!(bytes == files.each_ref().map(|file| std::fs::read(file).unwrap()));
}
