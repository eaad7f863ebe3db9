//! The frame of a request before it is written: each piece of it is written by running through it again.

use heapless::Vec;

#[cfg(feature = "acl")]
use crate::acl::{SessionCredentials, Signature, Signer};
use crate::wire::command::{CommandHead, FrameEncoder};
use crate::wire::cursor::Writer;
use crate::wire::fields::FieldValue;
use crate::wire::heartbeat::put_producer_heartbeat;

/// The frame of a request of ours.
#[derive(Debug, Clone)]
pub(crate) struct Frame<'s> {
    head: CommandHead<'static>,
    fields: Vec<(&'static str, FieldValue<'s>), MAX_FIELDS>,
    body: Body<'s>,
}

/// The header of a send has 14, and there are at most six that any request may have.
const MAX_FIELDS: usize = 20;

/// What follows the header.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'s> {
    Bytes(&'s [u8]),
    Heartbeat { client_id: &'s str, group: &'s str },
}

impl<'s> Frame<'s> {
    pub(crate) const fn new(head: CommandHead<'static>, body: Body<'s>) -> Self {
        Self { head, fields: Vec::new(), body }
    }

    /// Adds a field.
    pub(crate) fn put(&mut self, key: &'static str, value: FieldValue<'s>) {
        let added = self.fields.push((key, value));
        debug_assert!(added.is_ok(), "{MAX_FIELDS} fields are not enough");
    }

    /// Adds a text.
    pub(crate) fn put_text(&mut self, key: &'static str, text: &'s str) {
        self.put(key, FieldValue::Text(text.into()));
    }

    /// Signs the values of the fields so far, in the order of their keys, and the body
    /// (`AclUtils#combineRequestContent`).
    #[cfg(feature = "acl")]
    pub(crate) fn sign(&self, credentials: &SessionCredentials<'_>) -> Option<Signature> {
        let mut signer = Signer::new(credentials)?;
        let mut last = "";
        // Keys are few and differ; to look for the next one again and again needs no memory.
        while let Some((key, value)) =
            self.fields.iter().filter(|(key, _)| *key > last).min_by_key(|(key, _)| *key)
        {
            value.decode(&mut |piece| signer.update(piece));
            last = *key;
        }
        self.body.visit(&mut |piece| signer.update(piece));
        signer.finish()
    }

    /// Writes the frame.
    pub(crate) fn encode(&self, writer: &mut Writer<'_>) {
        let mut frame = FrameEncoder::begin(writer, self.head);
        for (key, value) in &self.fields {
            frame.fields().put(key, *value);
        }
        let mut frame = frame.body();
        self.body.put(frame.writer());
        frame.finish();
    }
}

impl Body<'_> {
    /// Calls `sink` with pieces that make up the body.
    #[cfg(feature = "acl")]
    fn visit(&self, sink: &mut dyn FnMut(&[u8])) {
        if let Self::Bytes(bytes) = self {
            return sink(bytes);
        }
        let mut window = [0; 64];
        let mut seen = 0usize;
        loop {
            let mut writer = Writer::window(&mut window, seen);
            self.put(&mut writer);
            let (filled, complete) = (writer.filled(), writer.is_complete());
            sink(window.get(..filled).unwrap_or_default());
            seen = seen.saturating_add(filled);
            if complete {
                return;
            }
        }
    }

    fn put(&self, writer: &mut Writer<'_>) {
        match *self {
            Self::Bytes(bytes) => writer.put(bytes),
            Self::Heartbeat { client_id, group } => {
                put_producer_heartbeat(writer, client_id.into(), &[group.into()]);
            }
        }
    }
}
