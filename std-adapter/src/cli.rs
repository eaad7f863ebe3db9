//! One module for each subcommand.

pub(crate) mod broker;
pub(crate) mod demo;
pub(crate) mod log;
mod record;
pub(crate) mod send;
pub(crate) mod tail;

use core::error::Error;

use bytesize::ByteSize;

/// What a subcommand comes to: nothing more to say, or one line for the user.
pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// A number of bytes such as `4096`, `64KiB` or `256MiB`.
fn parse_bytes(text: &str) -> Result<usize, String> {
    let size: ByteSize =
        text.parse().map_err(|_| "expected a number of bytes such as 4096, 64KiB or 256MiB".to_owned())?;
    usize::try_from(size.as_u64()).map_err(|_| "more bytes than this machine can count".to_owned())
}
