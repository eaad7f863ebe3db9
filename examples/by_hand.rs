//! `rocketlite_core::Producer` without any input or output: a story in which we are network, name server and both
//! brokers, as a unit test or a port to another machine would be.
//!
//! The engine asks for everything it wants: a connection to be opened, bytes to be sent, to be woken later. It hears of
//! everything that happens: time, connections, bytes. Between the two nothing is hidden, no thread and no clock.

use core::error::Error;
use core::time::Duration;

use rocketlite_core::producer::Event;
use rocketlite_core::wire::code::{LanguageCode, RequestCode, ResponseCode};
use rocketlite_core::wire::command::{CommandHead, FLAG_RESPONSE, FrameEncoder, RemotingCommand};
use rocketlite_core::wire::cursor::Writer;
use rocketlite_core::wire::fields::SerializeType;
use rocketlite_core::{
    Address, ConnectionId, ConnectionRequest, Engine as _, Instant, Message, Producer, ProducerConfig,
    ProducerStorage, WallClock,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    // All the memory there is, named by us: 4 connections, 2 topics of 8 queues, 4 brokers, 4 sends in flight, 2 KiB for
    // their bodies, 2 KiB for frames that arrive in parts, 16 events. Firmware puts it into a `static`.
    let mut storage = ProducerStorage::<4, 2, 8, 4, 4, 2048, 2048, 16>::new();
    let name_servers = [Address::new("ns:9876")?];
    let config = ProducerConfig::new("example_producers", "device-1", &name_servers);
    let clock = WallClock::new(Instant::ZERO, 1_700_000_000_000);
    let producer = Producer::new(config, storage.memory(), clock, 7).map_err(|error| error.to_string())?;
    let mut story = Story { producer, now: Instant::ZERO, requests: Vec::new() };

    story.tells("We send. The engine takes the message and asks for what it needs first.");
    let message = Message::new("TopicTest", b"hello").with_tags("TagA");
    let sent = story.producer.send(story.now, &message).map_err(|error| error.to_string())?;
    story.does_what_is_asked()?;

    story.tells("The name server answers: two brokers with a queue each.");
    let question = story.request(RequestCode::GET_ROUTEINFO_BY_TOPIC)?;
    story.answers(&question, ResponseCode::SUCCESS, None, &[], ROUTE.as_bytes());
    story.does_what_is_asked()?;

    story.passes(Duration::from_millis(40));
    story.tells("The broker refuses: its disk is full. The engine turns to the other one.");
    let first = story.request(RequestCode::SEND_MESSAGE_V2)?;
    story.answers(&first, ResponseCode::SERVICE_NOT_AVAILABLE, Some("the disk is full"), &[], b"");
    story.does_what_is_asked()?;

    story.passes(Duration::from_millis(5));
    story.tells("The other broker stores it.");
    let second = story.request(RequestCode::SEND_MESSAGE_V2)?;
    assert_ne!(first.connection, second.connection, "a refused message goes to another broker");
    let fields = [("msgId", "7F00000200002A9F0000000000000000"), ("queueId", "0"), ("queueOffset", "0")];
    story.answers(&second, ResponseCode::SUCCESS, None, &fields, b"");
    story.does_what_is_asked()?;

    story.tells("The outcome waits for us.");
    let result = story.producer.poll_send(sent).map_err(|error| format!("{error:?}"))?;
    println!("  {} on {}, {} attempts", result.status, result.broker_name, result.attempts);
    println!("  UNIQ_KEY {}, the same at each attempt", result.message_id);
    let wake_up = story.producer.poll_timeout().ok_or("a running producer has timers")?;
    println!("  the engine wants to be woken {} ms from now", wake_up.since(story.now).as_millis());
    Ok(())
}

/// What a name server says: `broker-a` and `broker-b` have the topic.
const ROUTE: &str = r#"{
    "brokerDatas": [
        {"brokerName": "broker-a", "cluster": "c", "brokerAddrs": {"0": "a:10911"}},
        {"brokerName": "broker-b", "cluster": "c", "brokerAddrs": {"0": "b:10911"}}
    ],
    "queueDatas": [
        {"brokerName": "broker-a", "readQueueNums": 1, "writeQueueNums": 1, "perm": 6},
        {"brokerName": "broker-b", "readQueueNums": 1, "writeQueueNums": 1, "perm": 6}
    ]
}"#;

/// A request of the engine that has no answer yet.
#[derive(Debug)]
struct Request {
    connection: ConnectionId,
    code: RequestCode,
    opaque: i32,
}

/// The engine, and the world as far as it knows it.
struct Story<'m> {
    producer: Producer<'m>,
    now: Instant,
    requests: Vec<Request>,
}

impl Story<'_> {
    fn tells(&self, what: &str) {
        println!("\n{:>4} ms  {what}", self.now.as_millis());
    }

    fn passes(&mut self, span: Duration) {
        self.now = self.now.after(span);
        self.producer.handle_timeout(self.now);
    }

    /// What every driver does after every input: asks until nothing is left.
    fn does_what_is_asked(&mut self) -> Outcome<()> {
        while let Some(request) = self.producer.poll_connection() {
            match request {
                ConnectionRequest::Open { connection, address } => {
                    println!("  Open      {address} as connection {}", connection.index());
                    // Every connection stands at once in this world.
                    self.producer.handle_opened(self.now, connection);
                }
                ConnectionRequest::Transmit { connection } => self.transmits(connection)?,
                ConnectionRequest::Close { connection } => {
                    println!("  Close     connection {}", connection.index());
                }
            }
            // A timer that is due at once, for the first heartbeat to a broker.
            if self.producer.poll_timeout().is_some_and(|at| at <= self.now) {
                self.producer.handle_timeout(self.now);
            }
        }
        while let Some(event) = self.producer.poll_event() {
            match event {
                Event::Attempted { broker, outcome, .. } => {
                    println!("  Event     attempt on {}: {outcome}", self.producer.broker_name(broker));
                }
                other => println!("  Event     {other:?}"),
            }
        }
        Ok(())
    }

    /// Takes the bytes for a connection, and reads them as its peer would.
    fn transmits(&mut self, connection: ConnectionId) -> Outcome<()> {
        let mut buffer = [0; 1024];
        let len = self.producer.poll_transmit(connection, &mut buffer);
        let mut bytes = &buffer[..len];
        while let Some((length, rest)) = bytes.split_first_chunk() {
            let (frame, rest) = rest.split_at(usize::try_from(u32::from_be_bytes(*length))?);
            bytes = rest;
            let command = RemotingCommand::decode(frame)?;
            let (code, opaque) = (RequestCode(command.code), command.opaque);
            println!("  Transmit  {} bytes on connection {}: {code}", frame.len() + 4, connection.index());
            let fields = command.ext_fields.iter().flatten();
            for (key, value) in fields.filter_map(|(key, value)| Some((key, value?))) {
                println!("              {key} = {}", value.to_string().escape_debug());
            }
            println!("              body: {}", String::from_utf8_lossy(command.body));
            self.requests.push(Request { connection, code, opaque });
        }
        Ok(())
    }

    /// The request of that code, taken out.
    fn request(&mut self, code: RequestCode) -> Outcome<Request> {
        let place = self.requests.iter().position(|request| request.code == code);
        Ok(self.requests.remove(place.ok_or("nothing was asked")?))
    }

    /// Lets a peer answer: bytes on the request's connection.
    fn answers(
        &mut self,
        request: &Request,
        code: ResponseCode,
        remark: Option<&str>,
        fields: &[(&str, &str)],
        body: &[u8],
    ) {
        let mut buffer = [0; 2048];
        let mut writer = Writer::new(&mut buffer);
        let head = CommandHead {
            serialize_type: SerializeType::Json,
            code: code.0,
            language: LanguageCode::JAVA,
            version: 0,
            opaque: request.opaque,
            flag: FLAG_RESPONSE,
            remark: remark.map(Into::into),
        };
        let mut frame = FrameEncoder::begin(&mut writer, head);
        for (key, value) in fields {
            frame.fields().text(key, (*value).into());
        }
        let mut frame = frame.body();
        frame.writer().put(body);
        frame.finish();
        let len = writer.filled();
        println!("  Received  {len} bytes on connection {}: {code}", request.connection.index());
        let taken = self.producer.handle_received(self.now, request.connection, &buffer[..len]);
        assert_eq!(taken, len, "the engine has room for an answer it waits for");
    }
}
