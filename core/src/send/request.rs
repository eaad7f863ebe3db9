//! What the request of a send says beside its message, and what follows from the message for it.

use crate::wire::code::RequestCode;

/// What is decided once for all attempts of a send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) code: RequestCode,
    pub(crate) batch: bool,
}

impl Request {
    /// Of a single message.
    pub(crate) const ONE: Self = Self { code: RequestCode::SEND_MESSAGE_V2, batch: false };

    /// Of a batch.
    pub(crate) const BATCH: Self = Self { code: RequestCode::SEND_BATCH_MESSAGE, batch: true };
}
