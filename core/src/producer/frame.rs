//! The frame of a request before it is written: each piece of it is written by running through it again.

use heapless::Vec;

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

/// The header of a send has 14, and there are at most five that any request may have.
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
    fn put(&self, writer: &mut Writer<'_>) {
        match *self {
            Self::Bytes(bytes) => writer.put(bytes),
            Self::Heartbeat { client_id, group } => {
                put_producer_heartbeat(writer, client_id.into(), &[group.into()]);
            }
        }
    }
}
