//! `rocketlite demo`

use rocketlite_tests::program::{rocketlite, run};
use serde_json::Value;

#[test]
fn every_message_of_the_demo_is_found_where_its_answer_said() {
    let lines = run(rocketlite(&["demo", "--count", "300", "--json"])).json_lines();
    let [result] = &lines[..] else { panic!("not one line: {lines:?}") };
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{result}"));
    assert_eq!((number(&result["sent"]), number(&result["failed"]), number(&result["missing"])), (300, 0, 0));
    let rows = result["brokers"].as_array().expect("a list");
    let sum = |key: &str| rows.iter().map(|row| number(&row[key])).sum::<u64>();
    assert_eq!((rows.len(), sum("acknowledged"), sum("missing")), (3, 300, 0));
    // What is in the logs beyond the answers are copies whose answers were lost.
    assert_eq!(sum("stored"), 300 + number(&result["duplicates"]), "{result}");
    assert!(number(&result["retried"]) <= 300 && number(&result["p50_us"]) <= number(&result["p99_us"]));
}

#[test]
fn the_demo_tells_people_the_same_as_programs() {
    let finished = run(rocketlite(&["demo", "--count", "60", "--size", "32", "--inflight", "1"]));
    // Progress is for terminals; without one there is none.
    let table = finished.success();
    for row in ["broker-a", "broker-b", "broker-c", "sent", "retried", "failed", "duplicates", "latency p99"]
    {
        assert!(table.lines().any(|line| line.starts_with(row)), "no {row}: {table}");
    }
}
