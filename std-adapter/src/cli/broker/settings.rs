//! The settings of a broker, from a file or the command line.

use core::net::SocketAddr;
use core::time::Duration;
use std::path::{Path, PathBuf};

use rocketlite::BrokerBuilder;
use rocketlite::broker::{FlushPolicy, WhenFull};
use serde::{Deserialize, Deserializer, de};

use super::super::parse_bytes;
use super::{Flush, Full, resolve};

/// What is not said stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) listen: Option<SocketAddr>,
    pub(super) advertise: Option<String>,
    pub(super) data: Option<PathBuf>,
    pub(super) flush: Option<Flush>,
    pub(super) flush_interval_millis: Option<u64>,
    pub(super) capacity: Option<Bytes>,
    pub(super) when_full: Option<Full>,
    pub(super) retain: Option<Time>,
    pub(super) name: Option<String>,
    pub(super) cluster: Option<String>,
    pub(super) namesrv: Option<String>,
    pub(super) auto_create_topic_enable: Option<bool>,
    pub(super) default_topic_queue_nums: Option<i32>,
    pub(super) max_message_size: Option<Bytes>,
    pub(super) max_delayed_bytes: Option<Bytes>,
    pub(super) max_connections: Option<usize>,
    pub(super) max_topics: Option<usize>,
    pub(super) max_queues: Option<usize>,
    pub(super) max_clients: Option<usize>,
    pub(super) max_consumer_groups: Option<usize>,
    pub(super) max_subscriptions: Option<usize>,
    pub(super) max_consumer_offsets: Option<usize>,
    pub(super) max_queue_locks: Option<usize>,
    pub(super) max_held_pulls: Option<usize>,
    pub(super) max_indexed_keys: Option<usize>,
    pub(super) max_registered_brokers: Option<usize>,
    pub(super) max_pending_responses: Option<usize>,
    pub(super) max_pending_per_connection: Option<usize>,
    pub(super) answer_memory: Option<Bytes>,
    pub(super) frame_memory: Option<Bytes>,
    pub(super) idle_timeout_millis: Option<u64>,
    pub(super) frame_timeout_millis: Option<u64>,
    pub(super) stalled_frame_timeout_millis: Option<u64>,
}

/// A number of bytes: a number, or a text such as `"256MiB"`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes(pub(super) usize);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a number of bytes such as 4096 or \"256MiB\"")]
        enum Written {
            Number(usize),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(bytes) => Ok(Self(bytes)),
            Written::Text(text) => parse_bytes(&text).map(Self).map_err(de::Error::custom),
        }
    }
}

/// A span of time, such as `"72h"`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time(pub(super) Duration);

/// The span of time that a text says.
pub(super) fn parse_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|_| format!("'{text}' is not a span of time such as 90s, 30m, 72h or 7d"))?;
    if time < Duration::from_secs(1) { Err(format!("'{text}' is less than 1s")) } else { Ok(time) }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_time(&text).map(Self).map_err(de::Error::custom)
    }
}

impl Settings {
    /// Reads a file. The error names the line, and what is allowed there.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read '{}': {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            format!("'{}', line {line}: {}", path.display(), error.message())
        })
    }

    /// The builder with what is said here.
    pub(super) fn apply(self, mut builder: BrokerBuilder) -> Result<BrokerBuilder, String> {
        /// Calls setters with what is there.
        macro_rules! set {
            ($($setter:ident($value:expr);)*) => {
                $(if let Some(value) = $value {
                    builder = builder.$setter(value);
                })*
            };
        }
        let bytes = |bytes: Option<Bytes>| bytes.map(|Bytes(bytes)| bytes);
        let millis = |millis: Option<u64>| millis.map(Duration::from_millis);
        set! {
            listen(self.listen);
            advertise(self.advertise.as_deref().map(resolve).transpose()?);
            data(self.data);
            flush(self.flush.map(|flush| match flush {
                Flush::Sync => FlushPolicy::Sync,
                Flush::Async => FlushPolicy::Async,
            }));
            flush_interval(millis(self.flush_interval_millis));
            capacity(bytes(self.capacity));
            when_full(self.when_full.map(|full| match full {
                Full::Evict => WhenFull::Evict,
                Full::Refuse => WhenFull::Refuse,
            }));
            retain(self.retain.map(|Time(time)| time));
            broker_name(self.name);
            broker_cluster_name(self.cluster);
            namesrv_addr(self.namesrv);
            auto_create_topic_enable(self.auto_create_topic_enable);
            default_topic_queue_nums(self.default_topic_queue_nums);
            max_message_size(bytes(self.max_message_size));
            max_delayed_bytes(bytes(self.max_delayed_bytes));
            max_connections(self.max_connections);
            max_topics(self.max_topics);
            max_queues(self.max_queues);
            max_clients(self.max_clients);
            max_consumer_groups(self.max_consumer_groups);
            max_subscriptions(self.max_subscriptions);
            max_consumer_offsets(self.max_consumer_offsets);
            max_queue_locks(self.max_queue_locks);
            max_held_pulls(self.max_held_pulls);
            max_indexed_keys(self.max_indexed_keys);
            max_registered_brokers(self.max_registered_brokers);
            max_pending_responses(self.max_pending_responses);
            max_pending_per_connection(self.max_pending_per_connection);
            answer_memory(bytes(self.answer_memory));
            frame_memory(bytes(self.frame_memory));
            idle_timeout(millis(self.idle_timeout_millis));
            frame_timeout(millis(self.frame_timeout_millis));
            stalled_frame_timeout(millis(self.stalled_frame_timeout_millis));
        }
        Ok(builder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_named_with_its_line_and_what_is_allowed() {
        let complaint = |text: &str| {
            let path = std::env::temp_dir().join(format!("rocketlite-settings-{}.toml", std::process::id()));
            std::fs::write(&path, text).unwrap();
            let read = Settings::read(&path);
            std::fs::remove_file(&path).unwrap();
            read.err()
        };
        assert_eq!(complaint("capacity = \"1GiB\"\nmax_topics = 5000\nmax_message_size = 4096\n"), None);
        let unknown = complaint("max_topics = 9\nmax_topix = 1\n").unwrap();
        assert!(unknown.contains("line 2") && unknown.contains("max_topix"), "{unknown}");
        assert!(unknown.contains("max_connections"), "{unknown}");
        let no_size = complaint("capacity = \"lots\"").unwrap();
        assert!(no_size.contains("line 1") && no_size.contains("256MiB"), "{no_size}");
        let no_time = complaint("retain = \"a while\"").unwrap();
        assert!(no_time.contains("line 1") && no_time.contains("72h"), "{no_time}");
        let no_choice = complaint("when_full = \"maybe\"").unwrap();
        assert!(no_choice.contains("evict") && no_choice.contains("refuse"), "{no_choice}");
    }
}
