//! Lists of name servers as RocketMQ writes them.

use core::fmt;

use rocketlite_core::{Address, AddressError};

/// Reads `host:port;host:port`; empty parts are passed over. Of an URL counts what follows its last slash
/// (`ClientConfig#getNamesrvAddr`).
pub(crate) fn parse(text: &str) -> Result<Vec<Address>, NameServerError> {
    let text = if text.starts_with("http://") { text.rsplit('/').next().unwrap_or(text) } else { text };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let addresses = parse(text).map_err(|error| error.to_string())?;
        Ok(addresses.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn lists_and_urls_are_read() {
        assert_eq!(read("a:1; b:2;;").unwrap(), ["a:1", "b:2"]);
        assert_eq!(read("http://MQ_INST_1_a.cn.example.com:80").unwrap(), ["MQ_INST_1_a.cn.example.com:80"]);
        assert_eq!(read("").unwrap(), [""; 0]);
        assert!(read("a:1;b").unwrap_err().contains("'b'"));
    }
}
