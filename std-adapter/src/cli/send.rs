//! `rocketlite send`

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use rocketlite::producer::{SendError, SendResult};
use rocketlite::{Message, Producer};
use rocketlite_core::send::outcome::SendErrorKind;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use super::{Outcome, parse_bytes};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Name servers
    #[arg(long, value_name = "ADDR[;ADDR]")]
    namesrv: String,
    /// Topic
    #[arg(long)]
    topic: String,
    /// Body of the message. Without it, --file and --size, each line of the standard input is a message
    #[arg(long, conflicts_with_all = ["file", "size"])]
    body: Option<String>,
    /// File whose content is the body
    #[arg(long, conflicts_with = "size")]
    file: Option<PathBuf>,
    /// Body of so many bytes
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    size: Option<usize>,
    /// Tag
    #[arg(long)]
    tag: Option<String>,
    /// Keys, separated by blanks
    #[arg(long)]
    key: Option<String>,
    /// How often the message is sent
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,
    /// Do not ask for an answer
    #[arg(long)]
    oneway: bool,
    /// Producer group
    #[arg(long, default_value = "rocketlite")]
    group: String,
    /// Time for a message with all its attempts, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 3_000)]
    timeout: u64,
    /// Attempts after the first
    #[arg(long, value_name = "N", default_value_t = 2)]
    retries: u8,
    /// Print a line of JSON for each message
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let timeout = Duration::from_millis(arguments.timeout);
    // The reference gives a name server its full time however little the send has.
    let route_timeout = timeout.min(Duration::from_secs(3));
    let producer = Producer::builder(&arguments.group)
        .namesrv_addr(&arguments.namesrv)
        .send_msg_timeout(timeout)
        .mq_client_api_timeout(route_timeout)
        .connect_timeout(route_timeout)
        .retry_times_when_send_failed(arguments.retries)
        .max_message_size(MAX_BODY)
        .start()?;
    let sent = send_all(&producer, &arguments).await;
    producer.shutdown().await;
    sent
}

async fn send_all(producer: &Producer, arguments: &Arguments) -> Outcome {
    let body = match (&arguments.body, &arguments.file, arguments.size) {
        (Some(body), _, _) => body.clone().into_bytes(),
        (_, Some(file), _) => {
            read(file).map_err(|error| format!("cannot read '{}': {error}", file.display()))?
        }
        (_, _, Some(size)) => vec![b'x'; size.min(TOO_LARGE)],
        (None, None, None) => return send_lines(producer, arguments).await,
    };
    for _ in 0..arguments.count {
        send(producer, arguments, &body).await?;
    }
    Ok(())
}

/// Largest body in bytes, as the reference has it.
const MAX_BODY: usize = 4 << 20;

/// More of a body need not be there for the producer to refuse it and to name its limit.
const TOO_LARGE: usize = MAX_BODY + 1;

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    File::open(file)?.take(TOO_LARGE as u64).read_to_end(&mut body)?;
    Ok(body)
}

/// The runtime goes on while a line is waited for: a connection that a broker closes meanwhile is not written to.
async fn send_lines(producer: &Producer, arguments: &Arguments) -> Outcome {
    let mut input = BufReader::new(tokio::io::stdin());
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        // With the line's end.
        let mut limited = (&mut input).take(TOO_LARGE as u64 + 2);
        let len = limited.read_until(b'\n', &mut line).await;
        if len.map_err(|error| format!("standard input: {error}"))? == 0 {
            break;
        }
        let body = line.strip_suffix(b"\n").unwrap_or(&line);
        let body = body.strip_suffix(b"\r").unwrap_or(body);
        for _ in 0..arguments.count {
            let sent = send(producer, arguments, body).await;
            sent.map_err(|error| format!("line {number}: {error}"))?;
        }
    }
    Ok(())
}

async fn send(producer: &Producer, arguments: &Arguments, body: &[u8]) -> Outcome {
    let mut message = Message::new(&arguments.topic, body);
    if let Some(tag) = &arguments.tag {
        message = message.with_tags(tag);
    }
    if let Some(key) = &arguments.key {
        message = message.with_keys(key);
    }
    let sent = if arguments.oneway {
        producer.send_oneway(&message).await.map(|()| None)
    } else {
        producer.send(&message).await.map(Some)
    };
    let sent = sent.map_err(|error| explain(&error, &arguments.namesrv))?;
    let line = match sent {
        Some(result) => describe(&result, arguments.json),
        None if arguments.json => json!({ "status": "ONEWAY" }).to_string(),
        None => "ONEWAY".to_owned(),
    };
    writeln!(std::io::stdout(), "{line}").map_err(|error| format!("standard output: {error}"))?;
    Ok(())
}

fn describe(result: &SendResult, as_json: bool) -> String {
    let offset_id = result.offset_message_id.map(|id| id.to_string());
    if as_json {
        let line = json!({
            "status": result.status.as_str(),
            "msgId": result.message_id.to_string(),
            "offsetMsgId": offset_id,
            "broker": result.broker_name.as_str(),
            "queueId": result.queue_id,
            "queueOffset": result.queue_offset,
            "attempts": result.attempts,
        });
        return line.to_string();
    }
    format!(
        "{} msgId={} offsetMsgId={} broker={} queueId={} queueOffset={}",
        result.status,
        result.message_id,
        offset_id.as_deref().unwrap_or("-"),
        result.broker_name,
        result.queue_id,
        result.queue_offset.unwrap_or(-1),
    )
}

/// The error, with what the user can do something about.
fn explain(error: &SendError, namesrv: &str) -> String {
    match error.kind() {
        Some(SendErrorKind::NameServerUnreachable) => format!("no name server can be reached at {namesrv}"),
        Some(SendErrorKind::NameServerTimedOut) => {
            format!("the name server at {namesrv} did not answer in time")
        }
        _ => error.to_string(),
    }
}
