//! Messages that wait in a file.

mod file;
mod forward;

use std::path::{Path, PathBuf};

use rocketlite::Broker;

/// A file of this test's own that is removed in the end.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str) -> Self {
        let name = format!("rocketlite-outbox-{}-{name}", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        let _absent = std::fs::remove_file(&file.0);
        file
    }
}

impl AsRef<Path> for TempFile {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _absent = std::fs::remove_file(&self.0);
    }
}

/// The messages of topic `T` that a broker has, by the time they came: their keys and bodies.
fn stored(broker: &Broker) -> Vec<(String, String)> {
    let mut stored = Vec::new();
    broker.for_each_message(|message| {
        let key = message.properties().get("UNIQ_KEY").map(|key| key.to_string());
        stored.push((key.unwrap_or_default(), String::from_utf8_lossy(message.body).into_owned()));
    });
    stored
}
