//! A client that says what it is told to, frame by frame, and waits for each answer.

use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use rocketlite_core::wire::code::{LanguageCode, RequestCode};
use rocketlite_core::wire::command::{CommandHead, RemotingCommand};
use rocketlite_core::wire::fields::SerializeType;

use crate::encode;

/// One connection.
#[derive(Debug)]
pub struct RawClient {
    stream: TcpStream,
    opaque: i32,
}

impl RawClient {
    /// Connects.
    ///
    /// # Panics
    /// If nobody listens.
    pub fn connect(address: &str) -> Self {
        Self::try_connect(address).unwrap_or_else(|error| panic!("{address}: {error}"))
    }

    /// Connects to a peer that may be gone.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn try_connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream, opaque: 0 })
    }

    /// Asks for something and gives the answer's frame, without its length, to `read`.
    ///
    /// # Panics
    /// If there is no answer within 30 s, or it is none to this request.
    pub fn request<R>(
        &mut self,
        code: RequestCode,
        fields: &[(&str, &str)],
        body: &[u8],
        read: impl FnOnce(RemotingCommand<'_>) -> R,
    ) -> R {
        self.try_request(code, fields, body, read).expect("an answer")
    }

    /// The same of a peer that may end meanwhile.
    ///
    /// # Errors
    /// If there is no answer within 30 s, or the connection ends.
    ///
    /// # Panics
    /// If it is no answer to this request.
    pub fn try_request<R>(
        &mut self,
        code: RequestCode,
        fields: &[(&str, &str)],
        body: &[u8],
        read: impl FnOnce(RemotingCommand<'_>) -> R,
    ) -> io::Result<R> {
        self.opaque += 1;
        let head = CommandHead {
            serialize_type: SerializeType::Json,
            code: code.0,
            language: LanguageCode::RUST,
            version: 477,
            opaque: self.opaque,
            flag: 0,
            remark: None,
        };
        let frame = encode::command(head, fields, body);
        self.stream.write_all(&frame)?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("it fits")];
        self.stream.read_exact(&mut frame)?;
        let command = RemotingCommand::decode(&frame).expect("an answer that can be read");
        assert!(command.is_response() && command.opaque == self.opaque, "{command:?}");
        Ok(read(command))
    }

    /// The stored record at an offset of the commit log.
    ///
    /// # Panics
    /// If there is none.
    pub fn view_message(&mut self, physical_offset: i64) -> Vec<u8> {
        let offset = physical_offset.to_string();
        self.request(RequestCode::VIEW_MESSAGE_BY_ID, &[("offset", &offset)], b"", |answer| {
            assert_eq!(answer.code, 0, "{answer:?}");
            answer.body.to_vec()
        })
    }
}

/// The fields of `UPDATE_AND_CREATE_TOPIC` as Java's admin tool fills them, for a topic with as many queues to read as to write.
pub fn topic_fields<'a>(topic: &'a str, queues: &'a str) -> [(&'static str, &'a str); 8] {
    [
        ("topic", topic),
        ("defaultTopic", "TBW102"),
        ("readQueueNums", queues),
        ("writeQueueNums", queues),
        ("perm", "6"),
        ("topicFilterType", "SINGLE_TAG"),
        ("topicSysFlag", "0"),
        ("order", "false"),
    ]
}
