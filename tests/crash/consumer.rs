//! A consumer that goes on where its group has said, through everything that happens to the broker.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::ledger::{Ledger, Place};
use crate::reader::Reader;
use crate::{QUEUES, TOPICS};

const GROUP: &str = "consumer";

/// Before a broker that is gone is asked again, and one that has nothing new.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Consumer {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Consumed>,
}

/// What it has got.
#[derive(Default)]
pub(crate) struct Consumed {
    /// The numbers of the messages.
    messages: HashSet<u64>,
    /// How many it has got again.
    again: u64,
    /// Where the group goes on in each queue: what was said last.
    committed: BTreeMap<(&'static str, i32), i64>,
    /// How often it has asked where to go on.
    connections: u64,
}

impl Consumer {
    pub(crate) fn start(address: &str, ledger: &Arc<Mutex<Ledger>>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (address, ledger, ends) = (address.to_owned(), Arc::clone(ledger), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let mut consumed = Consumed::default();
            // The broker is killed over and over: that is no reason to stop.
            while consumed.consume(&address, &ledger, &ends).is_err() {
                std::thread::sleep(PAUSE);
            }
            let acknowledged = ledger.lock().expect("no panic").acknowledged();
            if ledger.lock().expect("no panic").lapping.is_none() {
                let missing = acknowledged.values().find(|one| !consumed.messages.contains(&one.number));
                assert!(missing.is_none(), "never consumed: {missing:?}");
            }
            consumed
        });
        Self { over, thread }
    }

    /// # Panics
    /// If it has found something that must not be.
    pub(crate) fn check(&self) {
        assert!(!self.thread.is_finished(), "the consumer has panicked");
    }

    /// Waits until it has everything: nothing is sent any more.
    ///
    /// # Panics
    /// If it has found something that must not be, or a message is missing.
    pub(crate) fn finish(self) -> Consumed {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic")
    }
}

impl Consumed {
    /// Consumes until all is there that will ever be.
    fn consume(&mut self, address: &str, ledger: &Mutex<Ledger>, over: &AtomicBool) -> io::Result<()> {
        let mut reader = Reader::connect(address, GROUP)?;
        self.connections += 1;
        let mut positions = BTreeMap::new();
        for topic in TOPICS {
            for queue_id in 0..QUEUES {
                positions.insert((topic, queue_id), self.beginning(&mut reader, topic, queue_id)?);
            }
        }
        loop {
            let was_over = over.load(Ordering::Relaxed);
            let mut is_idle = true;
            for (queue, next) in &mut positions {
                // A queue that nobody has sent to may not be there.
                if reader.bounds(queue.0, queue.1)?.1 <= *next {
                    continue;
                }
                is_idle = false;
                self.proceed(&mut reader, *queue, next, ledger)?;
            }
            if is_idle && was_over {
                return Ok(());
            }
            if is_idle {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Gets what comes next in a queue, and says so.
    fn proceed(
        &mut self,
        reader: &mut Reader,
        queue: (&'static str, i32),
        next: &mut i64,
        ledger: &Mutex<Ledger>,
    ) -> io::Result<()> {
        let (topic, queue_id) = queue;
        let found = reader.pull(&Place { topic, queue_id, queue_offset: *next }, ledger)?;
        for (_, number, _) in found.messages {
            self.again += u64::from(!self.messages.insert(number));
        }
        *next = found.next;
        // The answer may not come, so it counts from now on.
        self.committed.insert(queue, *next);
        reader.commit(&Place { topic, queue_id, queue_offset: *next })
    }

    /// Where to go on: where the group has said at some time, or at the beginning.
    fn beginning(&self, reader: &mut Reader, topic: &'static str, queue_id: i32) -> io::Result<i64> {
        let (min, max) = reader.bounds(topic, queue_id)?;
        let committed = reader.committed(topic, queue_id)?.unwrap_or(0);
        let last = self.committed.get(&(topic, queue_id)).copied().unwrap_or(0);
        assert!(committed <= last, "{topic} {queue_id}: at {committed}, and {last} was committed last");
        assert!(committed <= max, "{topic} {queue_id}: at {committed}, and the queue ends at {max}");
        Ok(committed.max(min))
    }

    /// After an end in order nothing of what it has said is forgotten.
    ///
    /// # Panics
    /// If something is.
    pub(crate) fn is_where_it_was(&self, address: &str) {
        let mut reader = Reader::connect(address, GROUP).expect("the broker serves");
        for ((topic, queue_id), last) in &self.committed {
            let committed = reader.committed(topic, *queue_id).expect("the broker serves");
            assert_eq!(committed, Some(*last), "{topic} {queue_id}");
        }
    }
}

impl fmt::Display for Consumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, again, connections, .. } = self;
        write!(f, "{} consumed, {again} of them again, over {connections} connections", messages.len())
    }
}
