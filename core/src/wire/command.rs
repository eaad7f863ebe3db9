//! `RemotingCommand`: one request or response, as a view of a frame or as what writes one.

use super::code::LanguageCode;
use super::cursor::{Reader, Writer};
use super::fields::{ExtFields, FieldWriter, SerializeType, Written};
use super::json::{self, Value};
use super::{DecodeError, DecodeErrorKind, Text};

/// Flag bit 0: the command is a response.
pub const FLAG_RESPONSE: i32 = 1;
/// Flag bit 1: the sender wants no response.
pub const FLAG_ONE_WAY: i32 = 2;

/// A received command, borrowed from its frame.
#[derive(Debug, Clone, Copy)]
pub struct RemotingCommand<'a> {
    /// How the header was written.
    pub serialize_type: SerializeType,
    /// Request code or response code.
    pub code: i32,
    /// The sender's language, if it is a known one.
    pub language: Option<LanguageCode>,
    /// The sender's release.
    pub version: i32,
    /// The sender's number of the request; a response repeats it.
    pub opaque: i32,
    /// [`FLAG_RESPONSE`] and [`FLAG_ONE_WAY`].
    pub flag: i32,
    /// Free text, mostly of errors.
    pub remark: Option<Text<'a>>,
    /// The command's own header, if the sender wrote one.
    pub ext_fields: Option<ExtFields<'a>>,
    /// What follows the header.
    pub body: &'a [u8],
}

impl<'a> RemotingCommand<'a> {
    /// Reads a frame without its length word (`NettyDecoder`, `RemotingCommand#decode`).
    ///
    /// # Errors
    /// [`DecodeError`] with the field that is wrong. The connection is of no use then: Java closes it too.
    pub fn decode(frame: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(frame);
        let word = reader.i32("header length")?;
        let content = reader.rest();
        let header = reader.counted("header", word & 0x00ff_ffff)?;
        match word.to_be_bytes() {
            [0, ..] => Self::decode_json(header, reader.rest()),
            [1, ..] => Self::decode_binary(header, content),
            _ => Err(DecodeError::new("serialize type", DecodeErrorKind::Unknown)),
        }
    }

    /// Whether it answers a request.
    pub const fn is_response(&self) -> bool {
        self.flag & FLAG_RESPONSE != 0
    }

    /// Whether no response may be sent.
    pub const fn is_one_way(&self) -> bool {
        self.flag & FLAG_ONE_WAY != 0
    }

    /// The field `key`, if there.
    pub fn field(&self, key: &str) -> Option<Text<'a>> {
        self.ext_fields.and_then(|fields| fields.get(key))
    }

    /// Members that are not known are passed over; what is missing is what Java makes of it, 0 and `JAVA`.
    fn decode_json(header: &'a [u8], body: &'a [u8]) -> Result<Self, DecodeError> {
        let bad = |field| DecodeError::new(field, DecodeErrorKind::BadJson);
        let value = json::parse("header", header)?;
        let Value::Object(object) = value else { return Err(bad("header")) };
        let mut command = Self {
            serialize_type: SerializeType::Json,
            code: 0,
            language: Some(LanguageCode::JAVA),
            version: 0,
            opaque: 0,
            flag: 0,
            remark: None,
            ext_fields: None,
            body,
        };
        for (key, value) in object.members() {
            match () {
                () if key == "language" => command.language = language(&value),
                () if key == "remark" => command.remark = value.text(),
                () if key == "extFields" => {
                    command.ext_fields = match value {
                        Value::Object(_) => Some(ExtFields::json(value)),
                        Value::Null => None,
                        _ => return Err(bad("extFields")),
                    }
                }
                () => {
                    let Self { code, version, opaque, flag, .. } = &mut command;
                    let numbers = [("code", code), ("version", version), ("opaque", opaque), ("flag", flag)];
                    if let Some((name, number)) = numbers.into_iter().find(|(name, _)| key == *name) {
                        *number = value.integer(name, 0)?;
                    }
                }
            }
        }
        Ok(command)
    }

    /// `RocketMQSerializable#rocketMQProtocolDecode`. The header is the front of `content`. If it is longer than its
    /// fields, the body begins after the fields and is as long as what follows the header, as there: whoever
    /// reads the frame must see the same body.
    fn decode_binary(header: &'a [u8], content: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(header);
        let code = reader.i16("code")?.into();
        let language = LanguageCode::known(reader.u8("language")?);
        let version = reader.i16("version")?.into();
        let opaque = reader.i32("opaque")?;
        let flag = reader.i32("flag")?;
        let len = reader.i32("remark length")?;
        let remark = reader.counted("remark", len)?;
        let len = reader.i32("extFields length")?;
        // A negative length counts as none in Java, and so does zero.
        let fields = match usize::try_from(len) {
            Ok(len @ 1..) => Some(ExtFields::binary(&mut reader, len)?),
            _ => None,
        };
        let fields_end = header.len().saturating_sub(reader.rest().len());
        let body_len = content.len().saturating_sub(header.len());
        let body = content.get(fields_end..fields_end.saturating_add(body_len)).unwrap_or_default();
        Ok(Self {
            serialize_type: SerializeType::RocketMq,
            code,
            language,
            version,
            opaque,
            flag,
            remark: (!remark.is_empty()).then(|| Text::from_bytes(remark)),
            ext_fields: fields,
            body,
        })
    }
}

/// A name, or the number of one; a name that is not known is no error.
fn language(value: &Value<'_>) -> Option<LanguageCode> {
    match value {
        Value::Number(number) => number.parse("language").ok().and_then(LanguageCode::known),
        other => other.text()?.as_str().and_then(LanguageCode::from_name),
    }
}

/// What every command carries beside its own fields and body.
#[derive(Debug, Clone, Copy)]
pub struct CommandHead<'a> {
    /// How to write the header.
    pub serialize_type: SerializeType,
    /// Request code or response code.
    pub code: i32,
    /// The sender's language.
    pub language: LanguageCode,
    /// The sender's release.
    pub version: i32,
    /// The request's number.
    pub opaque: i32,
    /// [`FLAG_RESPONSE`] and [`FLAG_ONE_WAY`].
    pub flag: i32,
    /// Free text.
    pub remark: Option<Text<'a>>,
}

/// Writes one frame: head, then fields, then body.
#[derive(Debug)]
#[must_use = "a frame without `finish` has no length"]
pub struct FrameEncoder<'w, 'b, 'h> {
    writer: &'w mut Writer<'b>,
    head: CommandHead<'h>,
    /// Where the frame starts.
    start: usize,
    /// Where the length of the binary fields stands.
    fields_length: usize,
    written: Written,
}

/// Length word and header length.
const PREFIX_BYTES: usize = 8;

impl<'w, 'b, 'h> FrameEncoder<'w, 'b, 'h> {
    /// Starts a frame at the writer's position.
    pub fn begin(writer: &'w mut Writer<'b>, head: CommandHead<'h>) -> Self {
        let start = writer.position();
        writer.put(&[0; PREFIX_BYTES]);
        match head.serialize_type {
            SerializeType::Json => {
                writer.put(b"{\"code\":");
                writer.put_decimal(head.code.into());
            }
            SerializeType::RocketMq => {
                // The form has 16 bits for code and version; a larger number is cut, as in Java.
                let low = |value: i32| match value.to_be_bytes() {
                    [_, _, high, low] => [high, low],
                };
                writer.put(&low(head.code));
                writer.put_u8(head.language.0);
                writer.put(&low(head.version));
                writer.put_i32(head.opaque);
                writer.put_i32(head.flag);
                let remark = head.remark.unwrap_or(Text::EMPTY);
                super::fields::put_counted(writer, &mut |writer| remark.write_to(writer));
            }
        }
        let fields_length = writer.position();
        if head.serialize_type == SerializeType::RocketMq {
            writer.put_u32(0);
        }
        Self { writer, head, start, fields_length, written: Written::Nothing }
    }

    /// The place for the command's own header.
    pub fn fields(&mut self) -> FieldWriter<'_, 'b> {
        FieldWriter {
            writer: self.writer,
            serialize_type: self.head.serialize_type,
            written: &mut self.written,
        }
    }

    /// Ends the header; what is written to the result is the body.
    pub fn body(self) -> BodyEncoder<'w, 'b> {
        let Self { writer, head, start, fields_length, written } = self;
        match head.serialize_type {
            SerializeType::Json => {
                if written != Written::Nothing {
                    writer.put_u8(b'}');
                }
                put_json_tail(writer, &head);
            }
            SerializeType::RocketMq => {
                let len = writer.position().saturating_sub(fields_length).saturating_sub(LENGTH_WORD);
                writer.set_u32(fields_length, u32::try_from(len).unwrap_or(u32::MAX));
            }
        }
        let header = writer.position().saturating_sub(start).saturating_sub(PREFIX_BYTES);
        let kind = match head.serialize_type {
            SerializeType::Json => 0,
            SerializeType::RocketMq => 1 << 24,
        };
        let word = u32::try_from(header).unwrap_or(u32::MAX) & 0x00ff_ffff | kind;
        writer.set_u32(start.saturating_add(LENGTH_WORD), word);
        BodyEncoder { writer, start }
    }

    /// Ends a frame without body.
    pub fn finish(self) {
        self.body().finish();
    }
}

const LENGTH_WORD: usize = 4;

/// The members after `extFields`, in the alphabetical order in which Java writes them.
fn put_json_tail(writer: &mut Writer<'_>, head: &CommandHead<'_>) {
    writer.put(b",\"flag\":");
    writer.put_decimal(head.flag.into());
    writer.put(b",\"language\":\"");
    writer.put(head.language.name().unwrap_or("OTHER").as_bytes());
    writer.put(b"\",\"opaque\":");
    writer.put_decimal(head.opaque.into());
    if let Some(remark) = head.remark {
        writer.put(b",\"remark\":\"");
        remark.write_json(writer);
        writer.put_u8(b'"');
    }
    writer.put(b",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":");
    writer.put_decimal(head.version.into());
    writer.put_u8(b'}');
}

/// The body of a frame that is being written.
#[derive(Debug)]
#[must_use = "a frame without `finish` has no length"]
pub struct BodyEncoder<'w, 'b> {
    writer: &'w mut Writer<'b>,
    start: usize,
}

impl<'b> BodyEncoder<'_, 'b> {
    /// Where the body goes.
    pub const fn writer(&mut self) -> &mut Writer<'b> {
        self.writer
    }

    /// Ends the frame: sets its length.
    pub fn finish(self) {
        let len = self.writer.position().saturating_sub(self.start).saturating_sub(LENGTH_WORD);
        self.writer.set_u32(self.start, u32::try_from(len).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(serialize_type: SerializeType) -> CommandHead<'static> {
        let language = LanguageCode::JAVA;
        CommandHead { serialize_type, code: 105, language, version: 477, opaque: 1, flag: 0, remark: None }
    }

    /// The frame the reference writes for request 105 of topic `T`.
    #[test]
    fn a_json_frame_is_that_of_java() {
        let mut buffer = [0u8; 256];
        let mut writer = Writer::new(&mut buffer);
        let mut frame = FrameEncoder::begin(&mut writer, head(SerializeType::Json));
        frame.fields().text("topic", Text::from("T"));
        frame.finish();
        let len = writer.filled();
        let header = br#"{"code":105,"extFields":{"topic":"T"},"flag":0,"language":"JAVA","opaque":1,"serializeTypeCurrentRPC":"JSON","version":477}"#;
        assert_eq!(&buffer[..8], b"\0\0\0\x7f\0\0\0\x7b");
        assert_eq!(&buffer[8..len], &header[..]);
    }

    /// The binary frame of code 10, opaque 7, flag 3, remark `r`, field `topic=T`, as the reference writes it.
    #[test]
    fn a_binary_frame_is_that_of_java() {
        let expected = b"\0\0\0\x26\x01\0\0\x22\0\x0a\0\x01\xdd\0\0\0\x07\0\0\0\x03\0\0\0\x01r\0\0\0\x0c\0\x05topic\0\0\0\x01T";
        let mut buffer = [0u8; 64];
        let mut writer = Writer::new(&mut buffer);
        let head = CommandHead {
            code: 10,
            opaque: 7,
            flag: 3,
            remark: Some(Text::from("r")),
            ..head(SerializeType::RocketMq)
        };
        let mut frame = FrameEncoder::begin(&mut writer, head);
        frame.fields().text("topic", Text::from("T"));
        frame.finish();
        let len = writer.filled();
        assert_eq!(&buffer[..len], &expected[..]);
        let command = RemotingCommand::decode(&expected[4..]).unwrap();
        assert_eq!((command.code, command.opaque, command.flag), (10, 7, 3));
        assert_eq!(command.field("topic").unwrap(), "T");
        assert!(command.is_response() && command.is_one_way());
    }

    #[test]
    fn the_body_of_a_binary_frame_follows_the_fields() {
        let frame = b"\x01\0\0\x18\0\x0a\0\x01\xdd\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\0abcdefg";
        assert_eq!(RemotingCommand::decode(frame).unwrap().body, b"abcd");
    }

    /// What the reference reads although the fields end after the length they give; and what it does not.
    #[test]
    fn the_last_binary_field_may_end_late() {
        let frame = |len: u8, value_len: u8| {
            let mut frame =
                b"\x01\0\0\x1f\0\x0a\0\x01\xdd\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\x01k\0\0\0\0vwxBODY"
                    .to_vec();
            (frame[24], frame[31]) = (len, value_len);
            frame
        };
        let value = |len, value_len| {
            let frame = frame(len, value_len);
            let command = RemotingCommand::decode(&frame).map_err(|e| e.kind)?;
            assert_eq!(command.body, b"BODY");
            Ok(command.field("k").map(|value| std::string::ToString::to_string(&value)))
        };
        assert_eq!(value(10, 3), Ok(Some("vwx".into())));
        assert_eq!(value(3, 3), Ok(Some("vwx".into())));
        assert_eq!(value(2, 3), Err(DecodeErrorKind::BadLength));
        assert_eq!(value(10, 4), Err(DecodeErrorKind::Truncated));
        assert_eq!(value(11, 3), Err(DecodeErrorKind::Truncated));
    }

    #[test]
    fn opened_fields_may_be_filled_or_stay_empty() {
        let header = |fill: bool| {
            let mut buffer = [0u8; 256];
            let mut writer = Writer::new(&mut buffer);
            let mut frame = FrameEncoder::begin(&mut writer, head(SerializeType::Json));
            frame.fields().open();
            if fill {
                frame.fields().text("a", Text::from("1"));
                frame.fields().text("b", Text::from("2"));
            }
            frame.finish();
            let len = writer.filled();
            RemotingCommand::decode(&buffer[4..len]).map(|c| c.ext_fields.unwrap().iter().count())
        };
        assert_eq!(header(false), Ok(0));
        assert_eq!(header(true), Ok(2));
    }

    #[test]
    fn errors_name_the_field() {
        let field = |frame: &[u8]| RemotingCommand::decode(frame).unwrap_err().field;
        assert_eq!(field(b"\0\0"), "header length");
        assert_eq!(field(b"\0\0\0\x05{}"), "header");
        assert_eq!(field(b"\x02\0\0\x02{}"), "serialize type");
        assert_eq!(field(b"\0\0\0\x0c{\"code\":\"x\"}"), "code");
        assert_eq!(field(b"\x01\0\0\x01\0"), "code");
    }
}
