//! `rocketlite tail`

mod puller;
mod wire;

use core::str::FromStr;
use core::time::Duration;
use std::collections::{BTreeMap, HashSet};
use std::io::Write as _;

use clap::Args;
use rocketlite_core::Address;
use rocketlite_core::wire::code::{RequestCode, ResponseCode};
use rocketlite_core::wire::route::{PERM_READ, TopicRouteData};
use tokio::sync::mpsc;

use self::puller::{Puller, Queue};
use self::wire::{Connection, Failure};
use super::Outcome;
use super::record::Record;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Name servers
    #[arg(long, value_name = "ADDR[;ADDR]")]
    namesrv: String,
    /// Topic
    #[arg(long)]
    topic: String,
    /// Where to begin in each queue: at its first message, behind its last, or at a queue offset
    #[arg(long, value_name = "first|last|OFFSET", default_value = "last", allow_negative_numbers = true)]
    from: From,
    /// Only messages with one of these tags: `A || B`
    #[arg(long, value_name = "TAGS", default_value = "*")]
    tag: String,
    /// End after so many messages
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Consumer group that brokers see
    #[arg(long, default_value = "rocketlite-tail")]
    group: String,
    /// Print a line of JSON for each message
    #[arg(long)]
    json: bool,
}

/// Where to begin in a queue.
#[derive(Debug, Clone, Copy)]
pub(crate) enum From {
    First,
    Last,
    Offset(i64),
}

impl FromStr for From {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "first" => Ok(Self::First),
            "last" => Ok(Self::Last),
            _ => match text.parse() {
                Ok(offset @ 0..) => Ok(Self::Offset(offset)),
                _ => Err("expected first, last, or a queue offset of 0 or more"),
            },
        }
    }
}

/// How often to look for queues that are new (`pollNameServerInterval`).
const ROUTE_PERIOD: Duration = Duration::from_secs(30);

/// Messages that may wait to be printed.
const WAITING: usize = 64;

pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let name_servers: Vec<Address> = arguments
        .namesrv
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| Address::new(part).map_err(|reason| format!("name server address '{part}': {reason}")))
        .collect::<Result<_, _>>()?;
    let (sender, mut records) = mpsc::channel(WAITING);
    let mut known = HashSet::new();
    start(&arguments, &new_queues(&name_servers, &arguments.topic, &mut known).await?, &sender);
    let mut refresh = tokio::time::interval(ROUTE_PERIOD);
    refresh.reset();
    let mut left = arguments.count.unwrap_or(u64::MAX);
    while left > 0 {
        tokio::select! {
            record = records.recv() => {
                let Some(record) = record else { return Ok(()) };
                print(&arguments, &record?)?;
                left -= 1;
            }
            _ = refresh.tick() => {
                // Name servers may come and go; the queues that are known go on.
                if let Ok(queues) = new_queues(&name_servers, &arguments.topic, &mut known).await {
                    start(&arguments, &queues, &sender);
                }
            }
        }
    }
    Ok(())
}

/// Begins to pull from queues, one connection for each broker.
fn start(
    arguments: &Arguments,
    queues: &BTreeMap<String, Vec<Queue>>,
    records: &mpsc::Sender<Result<Record, Failure>>,
) {
    for (address, queues) in queues {
        let puller = Puller {
            address: address.clone(),
            group: arguments.group.clone(),
            topic: arguments.topic.clone(),
            tags: arguments.tag.clone(),
            from: arguments.from,
            queues: queues.clone(),
            records: records.clone(),
        };
        tokio::spawn(puller.run());
    }
}

/// The queues to read that are not in `known` yet, by the address of their broker.
async fn new_queues(
    name_servers: &[Address],
    topic: &str,
    known: &mut HashSet<(String, i32)>,
) -> Result<BTreeMap<String, Vec<Queue>>, Failure> {
    let mut failure = Failure::new("no name server was named");
    for name_server in name_servers {
        match ask_route(name_server, topic).await {
            Ok(queues) => {
                let mut by_broker: BTreeMap<String, Vec<Queue>> = BTreeMap::new();
                for (address, queue) in queues {
                    if known.insert((queue.broker.clone(), queue.id)) {
                        by_broker.entry(address).or_default().push(queue);
                    }
                }
                return Ok(by_broker);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// All queues to read of a topic, each with the address of its broker's master.
async fn ask_route(name_server: &Address, topic: &str) -> Result<Vec<(String, Queue)>, Failure> {
    let mut connection = Connection::open(name_server.as_str()).await?;
    let fields = [("topic", topic), ("acceptStandardJsonOnly", "true")];
    let answer = connection.ask(RequestCode::GET_ROUTEINFO_BY_TOPIC, &fields).await?;
    if answer.code == ResponseCode::TOPIC_NOT_EXIST {
        return Err(Failure::new(format!("the name server at {name_server} knows no topic '{topic}'")));
    }
    let body = answer.success()?.body;
    let route = TopicRouteData::parse(&body).map_err(|error| Failure::new(format!("route: {error}")))?;
    let mut queues = Vec::new();
    for entry in route.queues().filter(|entry| entry.perm & PERM_READ != 0) {
        let master = route.broker(entry.broker_name).and_then(|broker| broker.master());
        let Some(address) = master else { continue };
        let broker = entry.broker_name.to_string();
        queues.extend(
            (0..entry.read_queue_nums)
                .map(|id| (address.to_string(), Queue { broker: broker.clone(), id, offset: None })),
        );
    }
    Ok(queues)
}

fn print(arguments: &Arguments, record: &Record) -> Outcome {
    let line = if arguments.json { record.json() } else { record.to_string() };
    writeln!(std::io::stdout(), "{line}").map_err(|error| format!("standard output: {error}"))?;
    Ok(())
}
