//! `rocketlite log resize`: the log becomes larger, and all is there.

use rocketlite_tests::program::{rocketlite, run};

use super::place::Place;
use super::told;

#[test]
fn a_larger_log_has_all_messages_and_goes_round() {
    let place = Place::new("larger");
    // Round the small ring, by two starts of the broker, one of which was killed.
    let broker = place.broker("512KiB");
    place.send(&broker, "A", 3_000);
    broker.kill();
    let broker = place.broker("512KiB");
    place.send(&broker, "A", 700);
    broker.kill();
    let before = place.log("dump", &["--json"]).json_lines();
    let min = before[0]["physicalOffset"].as_u64().unwrap();
    assert!(min > 512 << 10, "it went round: {min}");
    std::fs::write(place.file("log.new"), "left by a power cut").unwrap();

    let resized = place.log("resize", &["--capacity", "1MiB"]);
    assert!(resized.success().contains("1048576 bytes, it was 524288"), "{resized:?}");
    assert!(!place.file("log.new").exists());
    assert_eq!(place.log("dump", &["--json"]).json_lines(), before);
    assert!(place.log("verify", &[]).success().contains("ok: "));
    assert_eq!(told(&place.log("info", &["--json"]))["base"], min);

    let broker = place.broker("1MiB");
    let count = before.len().to_string();
    let tail = ["tail", "--namesrv", &broker.address, "--topic", "A", "--from", "first", "--count", &count];
    let served = run(rocketlite(&[&tail[..], &["--json"]].concat())).json_lines();
    let ids = |lines: &[serde_json::Value]| {
        let mut ids: Vec<_> =
            lines.iter().filter_map(|line| line["msgId"].as_str().map(str::to_owned)).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&served), ids(&before));
    // More than the old ring has room for, and all of it stays.
    place.send(&broker, "B", 1_200);
    broker.kill();
    let info = told(&place.log("info", &["--json"]));
    assert_eq!(info["minOffset"], min);
    assert_eq!(info["records"], before.len() + 1_200);
    // And round the new one, twice.
    let broker = place.broker("1MiB");
    place.send(&broker, "B", 8_000);
    broker.kill();
    assert!(place.log("verify", &[]).success().contains("ok: "));
    let info = told(&place.log("info", &["--json"]));
    assert!(info["minOffset"].as_u64() > Some(min + (1 << 20)), "{info}");
    place.broker("1MiB").stop();
    assert!(place.log("verify", &[]).success().contains("ok: "));
}

#[test]
fn what_cannot_be_is_refused_with_the_numbers() {
    let place = Place::new("refused");
    let broker = place.broker("1MiB");
    place.send(&broker, "A", 10);
    let finished = place.log("resize", &["--capacity", "2MiB"]);
    assert!(finished.complaint().contains("is used by process"), "{finished:?}");
    broker.stop();
    let before = std::fs::read(place.file("log")).unwrap();
    for (capacity, words) in [
        ("512KiB", &["1048576", "524288"][..]),
        ("1048577", &["1048577", "4096"]),
        ("1PiB", &["capacity", "1125899906842624"]),
        ("16TiB", &["no space", "17592186060800"]),
        ("lots", &["--capacity", "256MiB"]),
    ] {
        let finished = place.log("resize", &["--capacity", capacity]);
        let complaint = finished.complaint();
        assert!(words.iter().all(|word| complaint.contains(word)), "{complaint}");
    }
    assert!(place.log("resize", &["--capacity", "1MiB"]).success().contains("already"));
    assert!(before == std::fs::read(place.file("log")).unwrap());
    // Without a mark nobody knows where the log begins.
    place.flip("log", 4_096);
    place.flip("log", 8_192);
    let finished = place.log("resize", &["--capacity", "2MiB"]);
    assert!(finished.complaint().contains("mark"), "{finished:?}");
}

#[test]
fn a_broker_says_what_a_larger_capacity_needs() {
    let place = Place::new("needs");
    place.broker("512KiB").stop();
    let finished = run(place.broker_command("1MiB"));
    assert!(finished.complaint().contains("rocketlite log resize"), "{finished:?}");
    place.log("resize", &["--capacity", "1MiB"]).success();
    place.broker("1MiB").stop();
}
