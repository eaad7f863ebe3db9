//! What must be true of every run, whatever went wrong in it.

use std::collections::BTreeMap;

use rocketlite_broker::{Broker, CommitLog};
use rocketlite_core::Instant;
use rocketlite_core::send::outcome::{SendError, SendResult};

/// A send that was accepted.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    pub(super) send: usize,
    pub(super) topic: String,
    pub(super) bodies: Vec<Vec<u8>>,
    pub(super) at: Instant,
    /// `sendMsgTimeout` in milliseconds.
    pub(super) timeout: u64,
    pub(super) most_attempts: u8,
    pub(super) one_way: bool,
    /// Attempts that were reported to have ended.
    pub(super) attempts: u8,
}

/// A send that has ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    accepted: Accepted,
    outcome: Result<SendResult, SendError>,
}

/// All that was accepted, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By producer and place.
    open: BTreeMap<(usize, u16), Accepted>,
    ended: Vec<Ended>,
}

/// The records of one broker's log.
struct Log {
    /// Body and unique key by topic, queue and queue offset.
    records: BTreeMap<(String, i32, i64), (Vec<u8>, String)>,
    /// The first physical offset that is still there.
    min_offset: u64,
}

impl Ledger {
    /// A producer took a message in.
    pub(super) fn accept(&mut self, producer: usize, place: u16, accepted: Accepted) -> Result<(), String> {
        let send = accepted.send;
        match self.open.insert((producer, place), accepted) {
            None => Ok(()),
            Some(other) => {
                Err(format!("send {send} took the place of send {}, which has not ended", other.send))
            }
        }
    }

    /// Takes notice of an attempt that has ended.
    pub(super) fn attempted(&mut self, producer: usize, place: u16, attempt: u8) -> Result<(), String> {
        let open = self.open.get_mut(&(producer, place)).ok_or("an attempt of a send that has ended")?;
        open.attempts += 1;
        if attempt != open.attempts || attempt > open.most_attempts {
            return Err(format!(
                "attempt {attempt} of send {}, of at most {}",
                open.send, open.most_attempts
            ));
        }
        Ok(())
    }

    /// A send has ended.
    pub(super) fn ended(
        &mut self,
        producer: usize,
        place: u16,
        outcome: Result<SendResult, SendError>,
    ) -> Result<usize, String> {
        let accepted = self.open.remove(&(producer, place)).ok_or("a send ended twice")?;
        let (send, counted) = (accepted.send, accepted.attempts);
        let attempts = match &outcome {
            Ok(result) => result.attempts,
            Err(error) => error.attempts,
        };
        if attempts != counted {
            return Err(format!("send {send} says {attempts} attempts, {counted} were reported"));
        }
        self.ended.push(Ended { accepted, outcome });
        Ok(send)
    }

    /// Sends that have not ended.
    pub(super) fn open(&self) -> Vec<usize> {
        self.open.values().map(|open| open.send).collect()
    }

    /// The longest timeout of a producer's sends that have not ended, in milliseconds.
    pub(super) fn longest_timeout(&self, producer: usize) -> Option<u64> {
        self.open.range((producer, 0)..=(producer, u16::MAX)).map(|(_, open)| open.timeout).max()
    }

    /// Whether a send has ended, and stored its message.
    pub(super) fn was_stored(&self, send: usize) -> bool {
        self.ended.iter().any(|ended| ended.accepted.send == send && ended.outcome.is_ok())
    }

    /// How many have ended, and how many of them stored their message.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.ended.len(), self.ended.iter().filter(|ended| ended.outcome.is_ok()).count())
    }

    /// Compares what was acknowledged with what is in the logs.
    /// `copies` is how many copies an attempt may leave.
    pub(super) fn compare(&self, logs: &Logs, copies: usize) -> Result<(), String> {
        for Ended { accepted, outcome } in &self.ended {
            if let Ok(result) = outcome
                && !accepted.one_way
            {
                logs.check_stored(accepted, result)?;
            }
            logs.check_copies(accepted, copies)?;
        }
        Ok(())
    }
}

/// The logs of all brokers.
#[derive(Default)]
pub(super) struct Logs {
    by_name: BTreeMap<String, (Log, Option<Instant>)>,
    /// By the front of the body, which is different in each message.
    copies: BTreeMap<Vec<u8>, usize>,
}

impl Logs {
    /// Reads a broker's log, and checks that its queues have no gap and nothing twice, and that no more has gone than had to.
    pub(super) fn read(
        &mut self,
        name: &str,
        broker: &Broker<'_>,
        keeps: bool,
        lost_at: Option<Instant>,
    ) -> Result<(), String> {
        check_evicted(broker.log(), keeps).map_err(|error| format!("{name}: {error}"))?;
        let mut log = Log { records: BTreeMap::new(), min_offset: broker.log().min_offset() };
        let mut next: BTreeMap<(String, i32), i64> = BTreeMap::new();
        for record in broker.log().records() {
            let (topic, queue_id, offset) = (record.topic.to_string(), record.queue_id, record.queue_offset);
            let expected = next.entry((topic.clone(), queue_id)).or_insert(offset);
            if *expected != offset {
                return Err(format!(
                    "{name}: {topic} {queue_id} goes on with {offset} instead of {expected}"
                ));
            }
            *expected += 1;
            let key = record.properties().get("UNIQ_KEY").map(|key| key.to_string()).unwrap_or_default();
            *self.copies.entry(front(record.body)).or_default() += 1;
            log.records.insert((topic, queue_id, offset), (record.body.to_vec(), key));
        }
        self.by_name.insert(name.to_owned(), (log, lost_at));
        Ok(())
    }

    fn check_stored(&self, accepted: &Accepted, result: &SendResult) -> Result<(), String> {
        let send = accepted.send;
        let Some((log, lost_at)) = self.by_name.get(result.broker_name.as_str()) else {
            return Err(format!("send {send} was stored by {}, which there is not", result.broker_name));
        };
        if lost_at.is_some_and(|lost_at| lost_at >= accepted.at) {
            return Ok(());
        }
        let first = result.queue_offset.ok_or("an acknowledgement without a place")?;
        let physical = result.offset_message_id.as_ref().map(|id| id.physical_offset);
        for (index, body) in accepted.bodies.iter().enumerate() {
            let offset = first + i64::try_from(index).expect("few");
            let place = (accepted.topic.clone(), result.queue_id, offset);
            let key = result.message_id.following(index).to_string();
            match log.records.get(&place) {
                Some((stored, stored_key)) if stored == body && *stored_key == key => {}
                Some((_, stored_key)) => {
                    return Err(format!("send {send}: at {place:?} is {stored_key}, not {key}"));
                }
                // What was evicted is gone from the front; a batch may be cut in the middle.
                None if physical.is_none_or(|at| u64::try_from(at).is_ok_and(|at| at < log.min_offset)) => {}
                None => return Err(format!("send {send} is acknowledged and not in the log: {result:?}")),
            }
        }
        Ok(())
    }

    /// No more copies than attempts, whatever the caller was told.
    fn check_copies(&self, accepted: &Accepted, per_attempt: usize) -> Result<(), String> {
        for body in &accepted.bodies {
            let copies = self.copies.get(&front(body)).copied().unwrap_or(0);
            if copies > per_attempt * usize::from(accepted.attempts) {
                return Err(format!(
                    "send {}: {copies} copies of {} attempts",
                    accepted.send, accepted.attempts
                ));
            }
        }
        Ok(())
    }
}

/// Nothing has gone from a log that `keeps` what it has, and from another one only what was in the way of a record, or of what
/// a lap has left and a record, neither of which is a quarter of the log.
fn check_evicted(log: &CommitLog<'_>, keeps: bool) -> Result<(), String> {
    let (first, end) = (log.min_offset(), log.max_offset());
    let held = usize::try_from(end - first).expect("less than its capacity");
    if first > 0 && (keeps || held < log.capacity() / 2) {
        return Err(format!(
            "everything before {first} was evicted, {held} of {} bytes are left",
            log.capacity()
        ));
    }
    Ok(())
}

fn front(body: &[u8]) -> Vec<u8> {
    body[..super::plan::BODY_FRONT].to_vec()
}
