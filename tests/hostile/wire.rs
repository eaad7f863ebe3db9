//! Frames as bytes, in both directions.

use std::collections::BTreeMap;
use std::io;

use rocketlite_core::wire::code::{LanguageCode, RequestCode};
use rocketlite_core::wire::command::{CommandHead, FLAG_RESPONSE, RemotingCommand};
use rocketlite_core::wire::fields::SerializeType;
use rocketlite_tests::encode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::within;

/// A command that was received.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) code: i32,
    pub(crate) opaque: i32,
    pub(crate) is_response: bool,
    pub(crate) is_one_way: bool,
    pub(crate) fields: BTreeMap<String, String>,
}

/// The bytes of a command.
pub(crate) fn frame(code: i32, opaque: i32, flag: i32, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    encode::command(head(SerializeType::Json, code, opaque, flag), fields, body)
}

/// The same with a binary header.
pub(crate) fn binary_frame(
    code: i32,
    opaque: i32,
    flag: i32,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    encode::command(head(SerializeType::RocketMq, code, opaque, flag), fields, body)
}

const fn head(serialize_type: SerializeType, code: i32, opaque: i32, flag: i32) -> CommandHead<'static> {
    CommandHead {
        serialize_type,
        code,
        language: LanguageCode::JAVA,
        version: 477,
        opaque,
        flag,
        remark: None,
    }
}

/// The answer to a command.
pub(crate) fn response(asked: &Command, code: i32, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    frame(code, asked.opaque, FLAG_RESPONSE, fields, body)
}

/// The fields of a request to store a message, its topic at `b`.
pub(crate) const SEND_FIELDS: [(&str, &str); 11] = [
    ("a", "hostile_producers"),
    ("b", "Hostile"),
    ("c", "TBW102"),
    ("d", "4"),
    ("e", "0"),
    ("f", "0"),
    ("g", "1700000000000"),
    ("h", "0"),
    ("j", "0"),
    ("k", "false"),
    ("m", "false"),
];

/// A request to store a message.
pub(crate) fn send_request(opaque: i32, body: &[u8]) -> Vec<u8> {
    frame(RequestCode::SEND_MESSAGE_V2.0, opaque, 0, &SEND_FIELDS, body)
}

/// Bytes that say how long they are, and are.
pub(crate) fn framed(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a short frame");
    [&length.to_be_bytes(), content].concat()
}

/// The next command.
pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Command> {
    let length = stream.read_u32().await?;
    assert!(length < 16 << 20, "a frame of {length} bytes");
    let mut frame = vec![0; usize::try_from(length).expect("it is small")];
    stream.read_exact(&mut frame).await?;
    let command = RemotingCommand::decode(&frame).expect("nothing broken is ever sent");
    let fields = command.ext_fields.iter().flatten();
    let text = |value: Option<rocketlite_core::wire::Text<'_>>| value.map(|value| value.to_string());
    Ok(Command {
        code: command.code,
        opaque: command.opaque,
        is_response: command.is_response(),
        is_one_way: command.is_one_way(),
        fields: fields.map(|(key, value)| (key.to_string(), text(value).unwrap_or_default())).collect(),
    })
}

/// A connection to a broker, byte by byte.
#[derive(Debug)]
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn connect(broker: &rocketlite::Broker) -> Self {
        let stream = within(TcpStream::connect(broker.local_addr())).await.expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        Self(stream)
    }

    /// Writes, also when the peer does not want to read all of it.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        // What the peer says to it is seen when its side is read.
        let _closed = within(self.0.write_all(bytes)).await;
    }

    /// The code and number of the next answer.
    ///
    /// # Panics
    /// If the connection ends instead.
    pub(crate) async fn answer(&mut self) -> (i32, i32) {
        let command = within(read(&mut self.0)).await.expect("an answer");
        assert!(command.is_response, "{command:?}");
        (command.code, command.opaque)
    }

    /// Sends a message and waits until it is stored.
    ///
    /// # Panics
    /// If it is not.
    pub(crate) async fn is_served(&mut self, opaque: i32) {
        self.write(&send_request(opaque, b"hello")).await;
        assert_eq!(self.answer().await, (0, opaque));
    }

    /// Waits until the peer has closed the connection. Returns what it sent before.
    pub(crate) async fn is_closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match within(self.0.read_to_end(&mut rest)).await {
            Ok(_) => {}
            // Bytes that the peer never read were on their way.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("{error}"),
        }
        rest
    }
}
