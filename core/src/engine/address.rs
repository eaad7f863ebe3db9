//! Where a peer listens, as RocketMQ writes it: `host:port`.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;

use heapless::String;

use super::ip::{parse_ip, write_ip};
use crate::wire::cursor::Writer;
use crate::wire::text::decimal;

/// `host:port`, the host a name, an IPv4 address or an IPv6 address in brackets.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    text: String<{ Self::MAX_LENGTH }>,
}

impl Address {
    /// Longest address in bytes, colon and port included. It bounds the memory of every route entry.
    pub const MAX_LENGTH: usize = 96;

    /// Reads `host:port`.
    ///
    /// # Errors
    /// [`AddressError`] says which part is wrong.
    pub fn new(text: &str) -> Result<Self, AddressError> {
        let (host, port) = split(text)?;
        let has_colon = host.bytes().any(|byte| byte == b':');
        if host.is_empty()
            || host.bytes().any(|byte| byte.is_ascii_whitespace())
            || (has_colon && ip(host).is_none())
        {
            return Err(AddressError::Host);
        }
        if decimal::<u16>(port).is_none_or(|port| port == 0) {
            return Err(AddressError::Port);
        }
        Ok(Self { text: String::try_from(text).map_err(|_| AddressError::TooLong)? })
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host without brackets.
    pub fn host(&self) -> &str {
        let host = split(&self.text).map_or("", |(host, _)| host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The port, never 0.
    pub fn port(&self) -> u16 {
        split(&self.text).ok().and_then(|(_, port)| decimal(port)).unwrap_or(0)
    }

    /// The same host with another port. None if that port is 0, or the text too long with it.
    pub(crate) fn with_port(&self, port: u16) -> Option<Self> {
        let (host, _) = split(&self.text).ok()?;
        let mut text = String::try_from(host).ok()?;
        push_port(&mut text, port)?;
        (port > 0).then_some(Self { text })
    }

    /// The socket address if the host is not a name that has to be resolved.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        ip(self.host()).map(|ip| SocketAddr::new(ip, self.port()))
    }
}

impl TryFrom<SocketAddr> for Address {
    type Error = AddressError;

    /// The address in numbers. A scope is left out: it means nothing on another machine.
    fn try_from(address: SocketAddr) -> Result<Self, AddressError> {
        let mut text = String::new();
        write_host(address.ip(), &mut text).map_err(|_| AddressError::TooLong)?;
        push_port(&mut text, address.port()).ok_or(AddressError::TooLong)?;
        if address.port() == 0 { Err(AddressError::Port) } else { Ok(Self { text }) }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::new(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Address {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.as_str());
    }
}

/// Why a text is not an [`Address`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AddressError {
    /// No colon between host and port.
    NoPort,
    /// The host is empty, contains white space or has a colon outside brackets.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// Longer than [`Address::MAX_LENGTH`].
    TooLong,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPort => f.write_str("no port, expected host:port"),
            Self::Host => {
                f.write_str("the host must be a name, an IPv4 address or an IPv6 address in brackets")
            }
            Self::Port => f.write_str("the port must be a number from 1 to 65535"),
            Self::TooLong => write!(f, "longer than {} bytes", Address::MAX_LENGTH),
        }
    }
}

impl core::error::Error for AddressError {}

/// An IP address as a host.
fn write_host(ip: IpAddr, f: &mut dyn fmt::Write) -> fmt::Result {
    if ip.is_ipv4() {
        return write_ip(ip, f);
    }
    f.write_str("[")?;
    write_ip(ip, f)?;
    f.write_str("]")
}

/// Appends `:port`, without the formatting of the standard library, which is larger than all else here.
fn push_port(text: &mut String<{ Address::MAX_LENGTH }>, port: u16) -> Option<()> {
    let mut digits = [0u8; 5];
    let mut writer = Writer::new(&mut digits);
    writer.put_decimal(port.into());
    let len = writer.filled();
    let digits = core::str::from_utf8(digits.get(..len)?).ok()?;
    text.push(':').and_then(|()| text.push_str(digits)).ok()
}

/// Host and port, before and after the last colon.
fn split(text: &str) -> Result<(&str, &str), AddressError> {
    let at = text.bytes().rposition(|byte| byte == b':').ok_or(AddressError::NoPort)?;
    let (host, port) = text.split_at_checked(at).ok_or(AddressError::NoPort)?;
    Ok((host, port.get(1..).unwrap_or_default()))
}

fn ip(host: &str) -> Option<IpAddr> {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    parse_ip(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_addresses() {
        let name = Address::new("broker-0.mq.svc:10911").unwrap();
        assert_eq!((name.host(), name.port(), name.socket_addr()), ("broker-0.mq.svc", 10911, None));
        let v4 = Address::new("127.0.0.1:9876").unwrap();
        assert_eq!(v4.socket_addr(), Some("127.0.0.1:9876".parse().unwrap()));
        let v6 = Address::new("[::1]:9876").unwrap();
        assert_eq!((v6.host(), v6.socket_addr()), ("::1", Some("[::1]:9876".parse().unwrap())));
        for text in ["127.0.0.1:9876", "[fd00::1]:1"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(Address::try_from(address).unwrap().as_str(), text);
        }
        assert_eq!(Address::try_from(SocketAddr::from(([1, 2, 3, 4], 0))), Err(AddressError::Port));
    }

    #[test]
    fn errors_name_the_part() {
        assert_eq!(Address::new("localhost"), Err(AddressError::NoPort));
        assert_eq!(Address::new(":9876"), Err(AddressError::Host));
        assert_eq!(Address::new("a b:9876"), Err(AddressError::Host));
        assert_eq!(Address::new("a:b:9876"), Err(AddressError::Host));
        for port in ["", "0", "65536", "x", "-1"] {
            assert_eq!(Address::new(&std::format!("h:{port}")), Err(AddressError::Port));
        }
        assert_eq!(Address::new(&std::format!("{}:1", "h".repeat(95))), Err(AddressError::TooLong));
    }
}
