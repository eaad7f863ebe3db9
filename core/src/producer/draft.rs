//! What an accepted send is made of: the property string and the body of one message, or of several in a batch.

use super::options::Content;
use crate::message::id::MessageId;
use crate::message::properties::{INSTANCE_ID, PropertyForm, PropertyWriter, UNIQ_KEY, WAIT};
use crate::message::validate::BatchError;
use crate::message::{Message, batch};
use crate::send::request::{Request, first_attempt_only};
use crate::wire::cursor::Writer;

/// A content and the ids it got.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft<'m, 'a> {
    pub(super) content: Content<'m, 'a>,
    /// The id made for the message; of a batch, for its first message, which those of the others follow.
    pub(super) made: MessageId,
    /// That id, or the one the message brought.
    pub(super) message_id: MessageId,
    /// The batch's own id.
    pub(super) batch_id: Option<MessageId>,
    pub(super) request: Request,
    /// The namespace, which the properties name too.
    pub(super) instance_id: Option<&'m str>,
}

impl Draft<'_, '_> {
    /// The flag in the header. The messages of a batch keep theirs to themselves.
    pub(super) const fn flag(&self) -> i32 {
        match self.content {
            Content::One(message) => message.flag(),
            Content::Batch(_) => 0,
        }
    }

    /// Writes the property string of the header. Returns how much of its front only the first attempt carries.
    pub(super) fn put_properties(&self, writer: &mut Writer<'_>) -> usize {
        let start = writer.position();
        let once = first_attempt_only(self.content.topic());
        let mut properties = PropertyWriter::new(writer, FORM);
        match self.content {
            Content::One(message) => {
                for name in once {
                    if let Some(value) = message.property(name) {
                        properties.put(name, value);
                    }
                }
                let end = writer.position();
                let mut properties = PropertyWriter::new(writer, FORM);
                let left_out =
                    |name: &str| once.contains(&name) || (name == INSTANCE_ID && self.instance_id.is_some());
                message.put_properties_but(&left_out, &mut properties, Some(&self.made));
                self.put_instance_id(&mut properties);
                end.saturating_sub(start)
            }
            Content::Batch(messages) => {
                let wait = messages.first().is_none_or(Message::wait_store_msg_ok);
                properties.put(WAIT, if wait { "true" } else { "false" });
                if let Some(id) = self.batch_id {
                    properties.put(UNIQ_KEY, id.encode(&mut [0; MessageId::MAX_DIGITS]));
                }
                self.put_instance_id(&mut properties);
                0
            }
        }
    }

    fn put_instance_id(&self, properties: &mut PropertyWriter<'_, '_>) {
        if let Some(namespace) = self.instance_id {
            properties.put(INSTANCE_ID, namespace);
        }
    }

    /// Writes the body (`MessageBatch#encode`).
    pub(super) fn put_body(&self, writer: &mut Writer<'_>) -> Result<(), BatchError> {
        match self.content {
            Content::One(message) => writer.put(message.body()),
            Content::Batch(messages) => {
                for (index, message) in messages.iter().enumerate() {
                    let id = self.made.following(index);
                    // A body that were too long would have been refused before.
                    batch::put_message(writer, message, &id, FORM)
                        .map_err(|_| BatchError::PropertiesTooLong)?;
                }
            }
        }
        Ok(())
    }
}

const FORM: PropertyForm = PropertyForm::Terminated;
