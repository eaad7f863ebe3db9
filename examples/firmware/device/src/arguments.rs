//! The command line.

use core::fmt;
use core::time::Duration;

use heapless::String;
use rocketlite_core::Address;
use semihosting::experimental::env;

/// `NAMESRV TOPIC COUNT INTERVAL`
#[derive(Debug)]
pub struct Arguments {
    /// Where the name server listens.
    pub name_server: Address,
    /// Where readings go.
    pub topic: Topic,
    /// How many there are.
    pub count: u32,
    /// Time between them.
    pub interval: Duration,
}

/// As long as RocketMQ's topics may be.
pub type Topic = String<127>;

/// What is wrong with the command line.
#[derive(Debug, Clone, Copy)]
pub struct Wrong(&'static str);

impl Arguments {
    /// Reads the command line, which begins with the program's name.
    ///
    /// # Errors
    /// The first argument that is missing or cannot be understood.
    pub fn read() -> Result<Self, Wrong> {
        let words = env::args::<512>().map_err(|_| Wrong("the command line cannot be read"))?;
        let mut words = (&words).into_iter().skip(1);
        let mut next = |missing| words.next().and_then(Result::ok).ok_or(Wrong(missing));
        let name_server = Address::new(next("NAMESRV is missing")?);
        let topic = Topic::try_from(next("TOPIC is missing")?);
        let count = next("COUNT is missing")?.parse();
        let interval = next("INTERVAL is missing")?.parse();
        Ok(Self {
            name_server: name_server.map_err(|_| Wrong("NAMESRV must be host:port"))?,
            topic: topic.map_err(|_| Wrong("TOPIC is longer than 127 bytes"))?,
            count: count.map_err(|_| Wrong("COUNT must be a number"))?,
            interval: interval
                .map(Duration::from_millis)
                .map_err(|_| Wrong("INTERVAL must be a number of milliseconds"))?,
        })
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; usage: NAMESRV TOPIC COUNT INTERVAL", self.0)
    }
}
