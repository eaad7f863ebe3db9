//! What firmware gets from its stack, made of tokio: a clock, TCP connections, and streams in memory.

use core::net::SocketAddr;
use core::time::Duration;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;

use embedded_io_adapters::tokio_1::FromTokio;
use embedded_nal_async::TcpConnect;
use rocketlite_core::Instant;
use rocketlite_core::driver::io_async::Timer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpStream;

use crate::chatter::byte;

/// Tokio's clock, which may be a virtual one.
#[derive(Debug)]
pub(crate) struct TokioTimer(tokio::time::Instant);

impl TokioTimer {
    pub(crate) fn start() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Timer for TokioTimer {
    fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.0.elapsed().as_millis()).unwrap())
    }

    async fn sleep_until(&self, at: Instant) {
        tokio::time::sleep_until(self.0 + Duration::from_millis(at.as_millis())).await;
    }
}

/// Real sockets.
#[derive(Debug)]
pub(crate) struct Sockets;

impl TcpConnect for Sockets {
    type Error = io::Error;
    type Connection<'a> = FromTokio<TcpStream>;

    async fn connect(&self, remote: SocketAddr) -> io::Result<FromTokio<TcpStream>> {
        let stream = TcpStream::connect(remote).await?;
        stream.set_nodelay(true)?;
        Ok(FromTokio::new(stream))
    }
}

/// Connections that were prepared, one after the other; then there are no more.
#[derive(Debug)]
pub(crate) struct Prepared(RefCell<VecDeque<DuplexStream>>);

impl Prepared {
    pub(crate) fn new(streams: impl IntoIterator<Item = DuplexStream>) -> Self {
        Self(RefCell::new(streams.into_iter().collect()))
    }
}

impl TcpConnect for Prepared {
    type Error = io::Error;
    type Connection<'a> = FromTokio<DuplexStream>;

    async fn connect(&self, _: SocketAddr) -> io::Result<FromTokio<DuplexStream>> {
        let stream = self.0.borrow_mut().pop_front();
        stream.map(FromTokio::new).ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }
}

/// The other side of a [`Chatter`](crate::chatter::Chatter): once it has heard the first byte it says the whole sequence, and
/// hears all of it, unless it hangs up when it has said `patience` bytes.
pub(crate) async fn talk(stream: DuplexStream, length: usize, patience: usize) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let first = reader.read_u8().await.unwrap();
    assert_eq!(first, byte(0));
    let say = async {
        let bytes: Vec<u8> = (0..length.min(patience)).map(byte).collect();
        writer.write_all(&bytes).await.unwrap();
        if patience >= length {
            // The connection stays: closing it would be a loss.
            core::future::pending::<()>().await;
        }
    };
    let hear = async {
        for n in 1..length {
            assert_eq!(reader.read_u8().await.unwrap(), byte(n), "byte {n} of what was sent");
        }
        core::future::pending::<()>().await;
    };
    tokio::select! {
        () = say => {}
        () = hear => {}
    }
}
