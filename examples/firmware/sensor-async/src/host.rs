//! The machine of the emulator, which calls itself 127.0.0.1.

use core::net::{IpAddr, SocketAddr};

use device::host::reachable;
use embedded_nal_async::TcpConnect;

/// A stack that connects to it where it is.
pub struct Host<S>(pub S);

impl<S: TcpConnect> TcpConnect for Host<S> {
    type Error = S::Error;
    type Connection<'a>
        = S::Connection<'a>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> Result<S::Connection<'_>, S::Error> {
        let ip = match remote.ip() {
            IpAddr::V4(ip) => reachable(ip).into(),
            ip @ IpAddr::V6(_) => ip,
        };
        self.0.connect(SocketAddr::new(ip, remote.port())).await
    }
}
