//! The one copy of a send into the caller's memory, compressed if that is wanted.

use super::State;
use super::draft::Draft;
use super::event::SubmitError;
use super::options::Content;
use crate::Extent;
use crate::message::compression::Compressor;
use crate::message::validate::MessageError;
use crate::send::Parts;
use crate::wire::cursor::Writer;

/// What was stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    pub(super) bytes: Extent,
    pub(super) parts: Parts,
    /// What the header has to say of it.
    pub(super) sys_flag: i32,
}

impl State<'_> {
    /// Copies property string, body and the broker's name of an explicit queue into one piece of the arena.
    pub(super) fn store<'a>(
        &mut self,
        draft: &Draft<'_, 'a>,
        broker_name: &str,
    ) -> Result<Stored, SubmitError<'a>> {
        let put = |writer: &mut Writer<'_>| {
            let first_attempt_only = draft.put_properties(writer);
            let properties = writer.position();
            draft.put_body(writer).map_err(SubmitError::Batch)?;
            let body = writer.position().saturating_sub(properties);
            writer.put(broker_name.as_bytes());
            Ok(Parts { first_attempt_only, properties, body })
        };
        let mut measure = Writer::new(&mut []);
        let parts = put(&mut measure)?;
        let max = self.config.max_message_size;
        if parts.body > max {
            return Err(SubmitError::Message(MessageError::BodyTooLong { max }));
        }
        if let Some((compressor, body)) = self.compression(&draft.content)
            && let Some(stored) = self.store_compressed(draft, broker_name, parts, compressor, body)?
        {
            return Ok(stored);
        }
        let len = measure.position();
        let limit = self.bodies.capacity();
        if len > limit {
            return Err(SubmitError::MessageTooLarge { limit });
        }
        let bytes = self.bodies.alloc(len).ok_or(SubmitError::NoRoomForBody)?;
        put(&mut Writer::new(self.bodies.get_mut(bytes)))?;
        Ok(Stored { bytes, parts, sys_flag: 0 })
    }
}

impl<'m> State<'m> {
    /// What compresses the body, if it is to be compressed; batches never are
    /// (`DefaultMQProducerImpl#tryToCompressMessage`).
    fn compression<'b>(&self, content: &Content<'_, 'b>) -> Option<(&'m dyn Compressor, &'b [u8])> {
        let Content::One(message) = content else { return None };
        let body = message.body();
        let compressor = self.config.compressor?;
        (body.len() >= self.config.compress_msg_body_over_howmuch).then_some((compressor, body))
    }

    /// Compresses the body in its place, which is made as large as it might become and then cut. `None` if the body must go
    /// as it is.
    fn store_compressed<'a>(
        &mut self,
        draft: &Draft<'_, 'a>,
        broker_name: &str,
        parts: Parts,
        compressor: &dyn Compressor,
        body: &[u8],
    ) -> Result<Option<Stored>, SubmitError<'a>> {
        let room = compressor.max_compressed_len(body.len());
        let len = parts.properties.saturating_add(room).saturating_add(broker_name.len());
        if len > self.bodies.capacity() {
            return Ok(None);
        }
        let bytes = self.bodies.alloc(len).ok_or(SubmitError::NoRoomForBody)?;
        let memory = self.bodies.get_mut(bytes);
        draft.put_properties(&mut Writer::new(memory));
        let end = parts.properties.saturating_add(room);
        let place = memory.get_mut(parts.properties..end).unwrap_or_default();
        let Some(filled) = compressor.compress(body, place).filter(|filled| *filled <= room) else {
            self.bodies.free(bytes);
            return Ok(None);
        };
        let end = parts.properties.saturating_add(filled);
        Writer::new(memory.get_mut(end..).unwrap_or_default()).put(broker_name.as_bytes());
        let bytes = self.bodies.cut(bytes, end.saturating_add(broker_name.len()));
        let sys_flag = compressor.compression_type().sys_flag();
        Ok(Some(Stored { bytes, parts: Parts { body: filled, ..parts }, sys_flag }))
    }
}
