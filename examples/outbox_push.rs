//! Keeps each line of its input in a file until something sends it: `outbox_push FILE [TOPIC]`. `rocketlite::Outbox` has to
//! open the same file to do that.
//!
//! A line is printed, after the id its message has from now on, once it is kept: from then on neither a kill nor a crash of
//! this program loses it.

use core::error::Error;
use std::io::{BufRead as _, stdin};

use rocketlite::{Message, Outbox};

/// Bytes of the file at most. A line that finds no room ends the program with an error.
const CAPACITY: u64 = 1 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: outbox_push FILE [TOPIC]")?;
    let topic = arguments.next().unwrap_or_else(|| "Lines".to_owned());
    let outbox = Outbox::open(path, CAPACITY).await?;
    for line in stdin().lock().lines() {
        let line = line?;
        let id = outbox.push(&Message::new(&topic, line.as_bytes())).await?;
        println!("{id} {line}");
    }
    Ok(())
}
