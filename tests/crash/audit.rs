//! Compares what a broker has with what was acknowledged.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use crate::ledger::{Ledger, Place};
use crate::reader::Reader;
use crate::{QUEUES, TOPICS};

/// What the queues hold.
#[derive(Default)]
struct Shelf {
    /// The number of the message at each place.
    messages: HashMap<Place, u64>,
    /// The offset of the oldest message of each queue, asked for after it was read.
    min: BTreeMap<(&'static str, i32), i64>,
    /// Where the newest message is in the commit log.
    newest: i64,
}

/// Everything that was acknowledged so far is there once, with its bytes, where the answers have said; what was evicted is
/// older than all that is there. Queues have no gaps, and nothing is there that was never sent, or twice.
///
/// Messages may be sent meanwhile.
///
/// # Panics
/// If that is not so.
pub(crate) fn everything_acknowledged_is_there(address: &str, ledger: &Mutex<Ledger>) {
    let (acknowledged, lapping) = {
        let ledger = ledger.lock().expect("no panic");
        (ledger.acknowledged(), ledger.lapping)
    };
    let shelf = Shelf::read(address, ledger);
    for (place, acknowledgement) in acknowledged {
        if let Some(found) = shelf.messages.get(&place) {
            assert_eq!(*found, acknowledgement.number, "{place:?}");
            continue;
        }
        let min = shelf.min[&(place.topic, place.queue_id)];
        assert!(
            place.queue_offset < min,
            "{place:?}: {acknowledgement:?} is lost, the queue begins at {min}"
        );
        let capacity = lapping.unwrap_or_else(|| panic!("{place:?}: evicted from a log that is not full"));
        // A log that evicts more than that loses messages which it has room for.
        let half = i64::try_from(capacity / 2).expect("it fits");
        let is_old = acknowledgement.physical_offset.is_none_or(|offset| offset < shelf.newest - half);
        assert!(is_old, "{place:?}: {acknowledgement:?} is evicted, and {} is the newest", shelf.newest);
    }
}

impl Shelf {
    fn read(address: &str, ledger: &Mutex<Ledger>) -> Self {
        let mut shelf = Self::default();
        let mut reader = Reader::connect(address, "auditor").expect("the broker serves");
        for topic in TOPICS {
            for queue_id in 0..QUEUES {
                shelf.read_queue(&mut reader, topic, queue_id, ledger).expect("the broker serves");
            }
        }
        shelf
    }

    fn read_queue(
        &mut self,
        reader: &mut Reader,
        topic: &'static str,
        queue_id: i32,
        ledger: &Mutex<Ledger>,
    ) -> std::io::Result<()> {
        let (mut next, max) = reader.bounds(topic, queue_id)?;
        while next < max {
            let from = Place { topic, queue_id, queue_offset: next };
            let found = reader.pull(&from, ledger)?;
            assert!(found.next > next, "{from:?}: there is nothing, and the queue ends at {max}");
            next = found.next;
            for (place, number, physical_offset) in found.messages {
                self.newest = self.newest.max(physical_offset);
                self.messages.insert(place, number);
            }
        }
        self.min.insert((topic, queue_id), reader.bounds(topic, queue_id)?.0);
        Ok(())
    }
}
