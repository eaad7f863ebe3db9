//! Lists of name servers as RocketMQ writes them.

use core::fmt;

use rocketlite_core::{Address, AddressError};

/// Reads `host:port;host:port`; empty parts are passed over.
pub(crate) fn parse(text: &str) -> Result<Vec<Address>, NameServerError> {
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| Address::new(part).map_err(|reason| NameServerError { address: part.to_owned(), reason }))
        .collect()
}

/// An address of a name server that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameServerError {
    /// The address.
    pub address: String,
    /// What is wrong with it.
    pub reason: AddressError,
}

impl fmt::Display for NameServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "name server address '{}': {}", self.address, self.reason)
    }
}

impl core::error::Error for NameServerError {}
