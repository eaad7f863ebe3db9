//! Messages by their keys.

use rocketlite_core::message::properties::{KEYS, Properties, UNIQ_KEY};
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::Text;

use super::State;
use crate::log::KeyIndex;

impl State<'_> {
    /// Enters the keys of a message that was stored: its id and each word of its `KEYS`
    /// (`IndexService#buildIndex`).
    pub(super) fn enter_keys(&mut self, record: &StoredMessage<'_>, physical_offset: u64) {
        // Keys stand in the order of their records, so after a restart the new ones wait for the old ones.
        if self.keys_behind.is_none() {
            enter(&mut self.keys, record, physical_offset);
        }
    }

    /// Enters keys of records from before the start, some with each call.
    pub(super) fn catch_up_keys(&mut self) {
        let Some(mut next) = self.keys_behind else { return };
        let mut records = self.log.records_from(next);
        for _ in 0..CAUGHT_UP_AT_ONCE {
            let Some(record) = records.next() else {
                self.keys_behind = None;
                return;
            };
            enter(&mut self.keys, &record, record.physical_offset.cast_unsigned());
            next = records.position();
        }
        self.keys_behind = Some(next);
    }

    /// Where the messages of a topic stand that have a key and were stored in these times, the newest first. `unique`: the
    /// key is their id. Hashes may collide, so the text counts.
    pub(crate) fn find_by_key(
        &self,
        topic: &str,
        key: &str,
        unique: bool,
        times: (i64, i64),
    ) -> impl Iterator<Item = (u64, usize)> {
        let stored = |at: u64| self.log.read(at).map(|(message, _)| message.store_timestamp).ok();
        // Of a key that very many messages have, those of other times are passed over unread.
        let first = self.keys.first_not(|at| stored(at).is_none_or(|time| time < times.0));
        let end = self.keys.first_not(|at| stored(at).is_none_or(|time| time <= times.1));
        let records = self.keys.records(self.keys.hash(topic, key)).skip_while(move |at| *at >= end);
        let records = records.take_while(move |at| *at >= first);
        let records = records.filter(|at| self.log.is_sound(*at));
        let records = records.filter_map(|at| Some((at, self.log.read(at).ok()?)));
        let mut last = None;
        records.filter_map(move |(at, (message, size))| {
            let in_time = message.store_timestamp >= times.0 && message.store_timestamp <= times.1;
            let mut own = keys(&message).filter(|(is_id, _)| *is_id || !unique);
            // A message that names a key twice was entered twice.
            let wanted = in_time && message.topic == topic && last != Some(at) && own.any(|(_, k)| k == key);
            if wanted {
                last = Some(at);
            }
            wanted.then_some((at, size))
        })
    }
}

/// Records whose keys are entered in one step after a restart.
const CAUGHT_UP_AT_ONCE: usize = 256;

fn enter(index: &mut KeyIndex<'_>, record: &StoredMessage<'_>, physical_offset: u64) {
    for (_, key) in keys(record) {
        index.insert(index.hash(record.topic, key), physical_offset);
    }
}

/// The keys of a message, and whether each is its id.
fn keys<'a>(record: &StoredMessage<'a>) -> impl Iterator<Item = (bool, &'a str)> {
    let text = |value: Text<'a>| value.as_str().unwrap_or_default();
    Properties::new(record.properties).iter().flat_map(move |(name, value)| {
        let id = if name == UNIQ_KEY { text(value) } else { "" };
        let words = if name == KEYS { text(value) } else { "" };
        let words = words.split(' ').map(|word| (false, word));
        core::iter::once((true, id)).chain(words).filter(|(_, key)| !key.is_empty())
    })
}
