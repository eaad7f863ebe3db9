//! `rocketlite send`

use core::time::Duration;
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;

use clap::Args;
use rocketlite::producer::{SendError, SendResult};
use rocketlite::{Message, Producer};
use rocketlite_core::send::outcome::SendErrorKind;
use serde_json::json;

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
    let producer = Producer::builder(&arguments.group)
        .namesrv_addr(&arguments.namesrv)
        .send_msg_timeout(Duration::from_millis(arguments.timeout))
        .retry_times_when_send_failed(arguments.retries)
        .start()?;
    let sent = send_all(&producer, &arguments).await;
    producer.shutdown().await;
    sent
}

async fn send_all(producer: &Producer, arguments: &Arguments) -> Outcome {
    let body = match (&arguments.body, &arguments.file, arguments.size) {
        (Some(body), _, _) => body.clone().into_bytes(),
        (_, Some(file), _) => {
            std::fs::read(file).map_err(|error| format!("cannot read '{}': {error}", file.display()))?
        }
        (_, _, Some(size)) => vec![b'x'; size],
        (None, None, None) => return send_lines(producer, arguments).await,
    };
    for _ in 0..arguments.count {
        send(producer, arguments, &body).await?;
    }
    Ok(())
}

async fn send_lines(producer: &Producer, arguments: &Arguments) -> Outcome {
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|error| format!("standard input: {error}"))?;
        for _ in 0..arguments.count {
            let sent = send(producer, arguments, line.as_bytes()).await;
            sent.map_err(|error| format!("line {}: {error}", number + 1))?;
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
    match sent {
        Ok(Some(result)) => print(&result, arguments.json)?,
        Ok(None) if arguments.json => println!("{}", json!({ "status": "ONEWAY" })),
        Ok(None) => println!("ONEWAY"),
        Err(error) => return Err(explain(&error, &arguments.namesrv).into()),
    }
    Ok(())
}

fn print(result: &SendResult, as_json: bool) -> std::io::Result<()> {
    let offset_id = result.offset_message_id.map(|id| id.to_string());
    let mut out = std::io::stdout().lock();
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
        return writeln!(out, "{line}");
    }
    writeln!(
        out,
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
