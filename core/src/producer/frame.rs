//! The frame of a request before it is written: each piece of it is written by running through it again.

#[cfg(feature = "acl")]
use crate::acl::{SessionCredentials, Signature, Signer};
#[cfg(feature = "acl")]
use crate::wire::Text;
use crate::wire::code::RequestCode;
use crate::wire::command::{CommandHead, FrameEncoder};
use crate::wire::cursor::Writer;
use crate::wire::fields::FieldValue;
use crate::wire::header::{
    GetRouteInfoRequestHeader, QueueOffsetRequestHeader, SendMessageRequestHeader,
    UnregisterClientRequestHeader,
};
use crate::wire::heartbeat::put_producer_heartbeat;

/// The frame of a request of ours.
#[derive(Debug)]
pub(crate) struct Frame<'s> {
    pub(crate) head: CommandHead<'static>,
    pub(crate) header: Header<'s>,
    pub(crate) common: CommonFields<'s>,
    pub(crate) body: Body<'s>,
}

/// The fields of a request. They are run through as often as they are needed: to keep them would cost half a kilobyte of
/// a device's stack.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Header<'s> {
    /// A heartbeat has none.
    None,
    GetRouteInfo(GetRouteInfoRequestHeader<'s>),
    Unregister(UnregisterClientRequestHeader<'s>),
    QueueOffset(QueueOffsetRequestHeader<'s>),
    SendMessage(RequestCode, SendMessageRequestHeader<'s>),
}

/// What all requests say (`NamespaceRpcHook`, `StreamTypeRPCHook`, `AclClientRPCHook`).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CommonFields<'s> {
    pub(crate) namespace: Option<&'s str>,
    pub(crate) stream_request_type: bool,
    #[cfg(feature = "acl")]
    pub(crate) credentials: Option<SessionCredentials<'s>>,
    #[cfg(feature = "acl")]
    pub(crate) signature: Option<&'s Signature>,
}

/// What follows the header.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'s> {
    Bytes(&'s [u8]),
    Heartbeat { client_id: &'s str, group: &'s str },
}

impl<'s> Frame<'s> {
    /// Calls `sink` with each field.
    fn visit(&self, sink: &mut dyn FnMut(&'static str, FieldValue<'s>)) {
        match &self.header {
            Header::None => {}
            Header::GetRouteInfo(header) => header.visit(sink),
            Header::Unregister(header) => header.visit(sink),
            Header::QueueOffset(header) => header.visit(sink),
            Header::SendMessage(code, header) => header.visit(*code, sink),
        }
        if let Some(namespace) = self.common.namespace {
            sink("nsd", FieldValue::Text("true".into()));
            sink("ns", FieldValue::Text(namespace.into()));
        }
        if self.common.stream_request_type {
            sink("ReqT", FieldValue::Text("0".into()));
        }
        #[cfg(feature = "acl")]
        if let Some(credentials) = &self.common.credentials {
            sink("AccessKey", FieldValue::Text(credentials.access_key().into()));
            if let Some(token) = credentials.security_token() {
                sink("SecurityToken", FieldValue::Text(token.into()));
            }
        }
        #[cfg(feature = "acl")]
        if let Some(signature) = self.common.signature {
            sink("Signature", FieldValue::Text(Text::from_bytes(signature)));
        }
    }

    /// Signs the values of the fields so far, in the order of their keys, and the body
    /// (`AclUtils#combineRequestContent`).
    #[cfg(feature = "acl")]
    pub(crate) fn sign(&self) -> Option<Signature> {
        let mut signer = Signer::new(self.common.credentials.as_ref()?)?;
        let mut last = "";
        // Keys are few and differ; to look for the next one again and again needs no memory.
        loop {
            let mut next: Option<(&str, FieldValue<'s>)> = None;
            self.visit(&mut |key, value| {
                if key > last && next.is_none_or(|(first, _)| key < first) {
                    next = Some((key, value));
                }
            });
            let Some((key, value)) = next else { break };
            value.decode(&mut |piece| signer.update(piece));
            last = key;
        }
        self.body.visit(&mut |piece| signer.update(piece));
        signer.finish()
    }

    /// With the signature as its last field.
    #[cfg(feature = "acl")]
    pub(crate) fn signed(mut self, signature: Option<&'s Signature>) -> Self {
        self.common.signature = signature;
        self
    }

    /// Writes the frame.
    pub(crate) fn encode(&self, writer: &mut Writer<'_>) {
        let mut frame = FrameEncoder::begin(writer, self.head);
        let mut fields = frame.fields();
        self.visit(&mut |key, value| fields.put(key, value));
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
