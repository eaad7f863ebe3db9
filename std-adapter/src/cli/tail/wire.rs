//! One connection, requests over it, and their answers.

use core::fmt;
use core::time::Duration;
use std::io;

use bytes::BytesMut;
use rocketlite_core::wire::code::{LanguageCode, RequestCode, ResponseCode, version};
use rocketlite_core::wire::command::{CommandHead, FrameEncoder, RemotingCommand};
use rocketlite_core::wire::cursor::Writer;
use rocketlite_core::wire::fields::SerializeType;
use rocketlite_core::wire::frame::{DEFAULT_MAX_FRAME, frame_size};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest that a peer may take to be connected or to answer (`mqClientApiTimeout`).
const PATIENCE: Duration = Duration::from_secs(3);

/// What went wrong, in a sentence for the user.
#[derive(Debug)]
pub(super) struct Failure(String);

impl Failure {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Failure {}

/// A connection to a broker or name server.
#[derive(Debug)]
pub(super) struct Connection {
    address: String,
    stream: TcpStream,
    received: BytesMut,
    next_opaque: i32,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) opaque: i32,
    pub(super) code: ResponseCode,
    pub(super) remark: String,
    /// Where to pull next, in answers to pulls.
    pub(super) next_begin_offset: Option<i64>,
    /// The offset asked for, in answers about queues.
    pub(super) offset: Option<i64>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The answer, if it is no error.
    pub(super) fn success(self) -> Result<Self, Failure> {
        if self.code == ResponseCode::SUCCESS {
            return Ok(self);
        }
        Err(Failure(format!("refused with {}: {}", self.code, self.remark)))
    }
}

impl Connection {
    pub(super) async fn open(address: &str) -> Result<Self, Failure> {
        let failed = |why: &dyn fmt::Display| Failure(format!("cannot connect to {address}: {why}"));
        let stream = match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(stream) => stream.map_err(|error| failed(&error))?,
            Err(_) => return Err(failed(&"no answer")),
        };
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        Ok(Self { address: address.to_owned(), stream, received: BytesMut::new(), next_opaque: 0 })
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn ask(
        &mut self,
        code: RequestCode,
        fields: &[(&str, &str)],
    ) -> Result<Answer, Failure> {
        let opaque = self.send(code, fields).await?;
        loop {
            let answer = timeout(PATIENCE, self.next_answer()).await;
            let answer =
                answer.map_err(|_| Failure(format!("{} did not answer in time", self.address)))??;
            if answer.opaque == opaque {
                return Ok(answer);
            }
        }
    }

    /// Sends a request and returns its number.
    pub(super) async fn send(&mut self, code: RequestCode, fields: &[(&str, &str)]) -> Result<i32, Failure> {
        let opaque = self.next_opaque;
        self.next_opaque = opaque.wrapping_add(1);
        let encode = |buffer: &mut [u8]| {
            let mut writer = Writer::new(buffer);
            let head = CommandHead {
                serialize_type: SerializeType::Json,
                code: code.0,
                language: LanguageCode::RUST,
                version: version::V5_4_0,
                opaque,
                flag: 0,
                remark: None,
            };
            let mut frame = FrameEncoder::begin(&mut writer, head);
            for (key, value) in fields {
                frame.fields().text(key, (*value).into());
            }
            frame.finish();
            writer.position()
        };
        let mut frame = vec![0; encode(&mut [])];
        encode(&mut frame);
        self.stream.write_all(&frame).await.map_err(|error| self.lost(&error))?;
        Ok(opaque)
    }

    /// Waits for any answer. Requests of the broker are passed over.
    pub(super) async fn next_answer(&mut self) -> Result<Answer, Failure> {
        loop {
            let size = frame_size(&self.received, DEFAULT_MAX_FRAME).map_err(|error| self.broken(&error))?;
            match size {
                Some(size) if self.received.len() >= size => {
                    let frame = self.received.split_to(size);
                    let answer = read(&frame[4..]).map_err(|error| self.broken(&error))?;
                    if let Some(answer) = answer {
                        return Ok(answer);
                    }
                }
                _ => {
                    let read = self.stream.read_buf(&mut self.received).await;
                    if read.map_err(|error| self.lost(&error))? == 0 {
                        return Err(self.lost(&io::Error::from(io::ErrorKind::UnexpectedEof)));
                    }
                }
            }
        }
    }

    fn lost(&self, error: &io::Error) -> Failure {
        Failure(format!("the connection to {} is lost: {error}", self.address))
    }

    fn broken(&self, error: &dyn fmt::Display) -> Failure {
        Failure(format!("{} sends what cannot be read: {error}", self.address))
    }
}

/// Reads a frame without its length word; none if it is a request.
fn read(frame: &[u8]) -> Result<Option<Answer>, rocketlite_core::wire::DecodeError> {
    let command = RemotingCommand::decode(frame)?;
    if !command.is_response() {
        return Ok(None);
    }
    let number = |key: &'static str| command.field(key).map(|value| value.parse(key)).transpose();
    Ok(Some(Answer {
        opaque: command.opaque,
        code: ResponseCode(command.code),
        remark: command.remark.map(|remark| remark.to_string()).unwrap_or_default(),
        next_begin_offset: number("nextBeginOffset")?,
        offset: number("offset")?,
        body: command.body.to_vec(),
    }))
}
