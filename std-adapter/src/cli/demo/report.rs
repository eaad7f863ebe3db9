//! What became of the demo's messages.

use core::time::Duration;

use hdrhistogram::Histogram;
use rocketlite::Broker;
use rocketlite::producer::SendResult;
use rocketlite_core::message::properties::UNIQ_KEY;
use serde_json::json;

use super::super::Outcome;
use super::{Copies, Load, TOPIC, body, lock};

/// A message that a broker has stored.
#[derive(Debug)]
pub(super) struct Acknowledged {
    pub(super) index: u64,
    pub(super) latency: Duration,
    pub(super) result: SendResult,
}

/// Counts of one broker.
#[derive(Debug)]
struct Row {
    broker: String,
    acknowledged: u64,
    stored: u64,
    missing: u64,
}

#[derive(Debug)]
pub(super) struct Report {
    acknowledged: Vec<Acknowledged>,
    failures: Vec<String>,
    size: u64,
    elapsed: Duration,
    rows: Vec<Row>,
    copies: Copies,
}

impl Report {
    pub(super) fn new(load: &Load, elapsed: Duration) -> Self {
        Self {
            acknowledged: core::mem::take(&mut lock(&load.acknowledged)),
            failures: core::mem::take(&mut lock(&load.failures)),
            size: load.size,
            elapsed,
            rows: Vec::new(),
            copies: Copies::new(),
        }
    }

    /// Looks for every message that this broker has acknowledged in its log: the same key, at the queue offset of the
    /// answer, with the same bytes.
    pub(super) fn read_log(&mut self, name: &str, broker: &Broker) {
        let mut places = std::collections::HashMap::new();
        broker.for_each_message(|message| {
            if message.topic == TOPIC
                && let Some(key) = message.properties().get(UNIQ_KEY)
            {
                let key = key.to_string();
                *self.copies.entry(key.clone()).or_insert(0) += 1;
                places.insert((message.queue_id, message.queue_offset), (key, message.body.to_vec()));
            }
        });
        let mut row = Row {
            broker: name.to_owned(),
            acknowledged: 0,
            stored: places.len().try_into().unwrap_or(0),
            missing: 0,
        };
        for sent in self.acknowledged.iter().filter(|sent| sent.result.broker_name == *name) {
            let place = (sent.result.queue_id, sent.result.queue_offset.unwrap_or(-1));
            let expected = (sent.result.message_id.to_string(), body(sent.index, self.size));
            row.acknowledged += 1;
            row.missing += u64::from(places.get(&place) != Some(&expected));
        }
        self.rows.push(row);
    }

    fn retried(&self) -> usize {
        self.acknowledged.iter().filter(|sent| sent.result.attempts > 1).count()
    }

    fn missing(&self) -> u64 {
        let foreign =
            self.acknowledged.len() as u64 - self.rows.iter().map(|row| row.acknowledged).sum::<u64>();
        self.rows.iter().map(|row| row.missing).sum::<u64>() + foreign
    }

    fn duplicates(&self) -> u64 {
        self.copies.values().map(|copies| u64::from(copies - 1)).sum()
    }

    /// Microseconds below which the given parts of the sends took.
    fn latencies(&self, quantiles: [f64; 2]) -> [u64; 2] {
        let mut histogram =
            Histogram::<u64>::new(3).unwrap_or_else(|_| unreachable!("three digits are allowed"));
        for sent in &self.acknowledged {
            histogram.saturating_record(u64::try_from(sent.latency.as_micros()).unwrap_or(u64::MAX));
        }
        quantiles.map(|quantile| histogram.value_at_quantile(quantile))
    }

    pub(super) fn print(&self, as_json: bool) {
        let [p50, p99] = self.latencies([0.5, 0.99]);
        let (sent, retried, failed) = (self.acknowledged.len(), self.retried(), self.failures.len());
        if as_json {
            let rows = self.rows.iter().map(|row| {
                json!({
                    "broker": row.broker, "acknowledged": row.acknowledged,
                    "stored": row.stored, "missing": row.missing,
                })
            });
            let line = json!({
                "sent": sent, "retried": retried, "failed": failed, "duplicates": self.duplicates(),
                "missing": self.missing(), "p50_us": p50, "p99_us": p99,
                "elapsed_ms": u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
                "brokers": rows.collect::<Vec<_>>(),
            });
            println!("{line}");
            return;
        }
        println!("{:<12} {:>12} {:>12} {:>12}", "broker", "acknowledged", "in its log", "missing");
        for row in &self.rows {
            println!("{:<12} {:>12} {:>12} {:>12}", row.broker, row.acknowledged, row.stored, row.missing);
        }
        println!();
        println!("sent         {sent:>12}   in {} ms", self.elapsed.as_millis());
        println!("retried      {retried:>12}");
        println!("failed       {failed:>12}");
        println!("duplicates   {:>12}   stored twice because an answer was lost", self.duplicates());
        println!("latency p50  {p50:>12}   µs");
        println!("latency p99  {p99:>12}   µs");
    }

    /// Success only if every message was acknowledged and every acknowledged message stands in a log.
    pub(super) fn verdict(&self) -> Outcome {
        match (self.missing(), self.failures.first()) {
            (0, None) => Ok(()),
            (0, Some(failure)) => {
                Err(format!("{} messages were not sent; the first: {failure}", self.failures.len()).into())
            }
            (missing, _) => Err(format!("{missing} acknowledged messages are in no log").into()),
        }
    }
}
