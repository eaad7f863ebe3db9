//! The one loop that runs any [`Engine`] over tokio sockets.
//!
//! Whoever has an input (a socket that became ready, a timer, a caller) takes the lock, hands the input to the engine,
//! and does at once what the engine asks for: most bytes leave on the spot. Tasks only wait: one for each
//! connection, one for the timer. No task and no channel stands between a message and its socket.

use core::fmt;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, BytesMut};
use rocketlite_core::{Address, ConnectionId, ConnectionRequest, Engine, Instant};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::clock::Clock;

/// An engine and what belongs to it.
pub(crate) trait Host: Send + 'static {
    /// Calls `act` with the engine.
    fn with<R>(&mut self, act: impl FnOnce(&mut dyn Engine) -> R) -> R;

    /// Called after each input, before the engine is asked for anything to transmit.
    fn persist(&mut self, _now: Instant) {}

    /// Called after each input, when the engine has nothing more to ask for.
    fn settle(&mut self);

    /// Whether the engine has ended, so that nobody waits for its timer any more.
    fn is_over(&mut self) -> bool;
}

/// Bytes read or written at a time; all connections share one such buffer.
const BUFFER_BYTES: usize = 64 * 1024;

pub(crate) struct Driver<H> {
    inner: Mutex<Inner<H>>,
    /// Told when the engine's deadline has moved ahead, or the engine has ended.
    timer: Notify,
    runtime: Handle,
    clock: Clock,
}

struct Inner<H> {
    host: H,
    /// By place of the connection.
    sockets: Vec<Option<Socket>>,
    /// Connections whose last bytes the engine has not taken yet.
    stalled: Vec<ConnectionId>,
    buffer: Box<[u8]>,
    deadline: Option<Instant>,
}

struct Socket {
    id: ConnectionId,
    /// None until it is connected.
    stream: Option<Arc<TcpStream>>,
    /// What the socket has not taken yet; the engine is not asked for more until it is gone.
    outbox: BytesMut,
    /// What the engine has not taken yet; the socket is not read until it is gone.
    inbox: BytesMut,
    /// Tells the connection's task that what it waits for has changed.
    changed: Arc<Notify>,
}

/// What a connection's task waits for, beside being told of a change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Ready(Interest),
    Change,
    /// Nothing: the connection is gone.
    End,
}

impl<H> fmt::Debug for Driver<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

impl<H: Host> Driver<H> {
    /// Runs `host` on the present runtime.
    pub(crate) fn start(host: H, clock: Clock) -> Arc<Self> {
        let inner = Inner {
            host,
            sockets: Vec::new(),
            stalled: Vec::new(),
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            deadline: None,
        };
        let timer = Notify::new();
        let driver = Arc::new(Self { inner: Mutex::new(inner), timer, runtime: Handle::current(), clock });
        driver.runtime.spawn(Arc::clone(&driver).run_timer());
        driver
    }

    /// Hands an input to the host and does what its engine asks for.
    pub(crate) fn input<R>(self: &Arc<Self>, act: impl FnOnce(&mut H, Instant) -> R) -> R {
        let mut inner = self.lock();
        let result = act(&mut inner.host, self.clock.now());
        self.drain(&mut inner);
        result
    }

    /// Takes over a connection that a peer opened, if `accept` has a place for it.
    pub(crate) fn accept(
        self: &Arc<Self>,
        stream: TcpStream,
        accept: impl FnOnce(&mut H, Instant) -> Option<ConnectionId>,
    ) {
        let mut inner = self.lock();
        if let Some(id) = accept(&mut inner.host, self.clock.now()) {
            let stream = Arc::new(stream);
            let changed = inner.add_socket(id, Some(Arc::clone(&stream)));
            self.runtime.spawn(Arc::clone(self).run_connection(id, stream, changed));
        }
        self.drain(&mut inner);
    }

    /// Loses every connection, as if the network were cut.
    pub(crate) fn drop_connections(self: &Arc<Self>) {
        let mut inner = self.lock();
        let now = self.clock.now();
        let ids: Vec<ConnectionId> = inner.sockets.iter().flatten().map(|socket| socket.id).collect();
        for id in ids {
            inner.lost(id, now);
        }
        self.drain(&mut inner);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<H>> {
        // A panic while the lock was held leaves no half-done state that the engine could not take.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what the engine asks for until nothing is left.
    fn drain(self: &Arc<Self>, inner: &mut Inner<H>) {
        loop {
            inner.host.persist(self.clock.now());
            while let Some(request) = inner.host.with(|engine| engine.poll_connection()) {
                match request {
                    ConnectionRequest::Open { connection, address } => self.open(inner, connection, address),
                    ConnectionRequest::Transmit { connection } => {
                        inner.transmit(connection, self.clock.now());
                    }
                    ConnectionRequest::Close { connection } => inner.close(connection),
                }
            }
            inner.host.settle();
            if !inner.offer_again(self.clock.now()) {
                break;
            }
        }
        let deadline = inner.host.with(|engine| engine.poll_timeout());
        let sooner = deadline.is_some_and(|at| inner.deadline.is_none_or(|before| at < before));
        inner.deadline = deadline;
        if sooner || inner.host.is_over() {
            self.timer.notify_one();
        }
    }

    async fn run_timer(self: Arc<Self>) {
        loop {
            let deadline = {
                let mut inner = self.lock();
                if inner.host.is_over() {
                    return;
                }
                inner.deadline
            };
            match deadline {
                None => self.timer.notified().await,
                Some(at) => tokio::select! {
                    () = self.timer.notified() => {}
                    () = tokio::time::sleep_until(self.clock.wake_at(at)) => {
                        self.input(|host, now| host.with(|engine| engine.handle_timeout(now)));
                    }
                },
            }
        }
    }

    fn open(self: &Arc<Self>, inner: &mut Inner<H>, id: ConnectionId, address: Address) {
        let changed = inner.add_socket(id, None);
        self.runtime.spawn(Arc::clone(self).run_dial(id, address, changed));
    }

    async fn run_dial(self: Arc<Self>, id: ConnectionId, address: Address, changed: Arc<Notify>) {
        let dialed = tokio::select! {
            // The engine gave up: its timer is the limit, here is none.
            () = changed.notified() => return,
            dialed = dial(&address) => dialed,
        };
        let Ok(stream) = dialed else {
            let mut inner = self.lock();
            inner.lost(id, self.clock.now());
            return self.drain(&mut inner);
        };
        let stream = Arc::new(stream);
        {
            let mut inner = self.lock();
            let Some(socket) = inner.socket(id) else { return };
            socket.stream = Some(Arc::clone(&stream));
            let now = self.clock.now();
            inner.host.with(|engine| engine.handle_opened(now, id));
            self.drain(&mut inner);
        }
        self.run_connection(id, stream, changed).await;
    }

    /// Waits until a connection can be read or written, and does it, until the connection is gone.
    async fn run_connection(self: Arc<Self>, id: ConnectionId, stream: Arc<TcpStream>, changed: Arc<Notify>) {
        loop {
            let wanted = self.lock().wanted(id);
            let ready = async {
                match wanted {
                    Wanted::Ready(interest) => stream.ready(interest).await,
                    Wanted::Change | Wanted::End => core::future::pending().await,
                }
            };
            if wanted == Wanted::End {
                return;
            }
            let ready = tokio::select! {
                () = changed.notified() => continue,
                ready = ready => ready,
            };
            if self.proceed(id, &stream, &ready) {
                // A socket that is never empty would keep the thread to itself otherwise.
                tokio::task::yield_now().await;
            }
        }
    }
}

impl<H: Host> Driver<H> {
    /// Reads and writes what a connection is ready for. Returns whether there may be more to read.
    fn proceed(
        self: &Arc<Self>,
        id: ConnectionId,
        stream: &TcpStream,
        ready: &std::io::Result<tokio::io::Ready>,
    ) -> bool {
        let mut inner = self.lock();
        let now = self.clock.now();
        let mut more = false;
        match ready {
            Ok(ready) => {
                if ready.is_writable() {
                    inner.flush(id, now);
                }
                if ready.is_readable() || ready.is_read_closed() {
                    more = inner.read(id, stream, now);
                }
            }
            Err(_) => inner.lost(id, now),
        }
        self.drain(&mut inner);
        more
    }
}

impl<H: Host> Inner<H> {
    fn add_socket(&mut self, id: ConnectionId, stream: Option<Arc<TcpStream>>) -> Arc<Notify> {
        let place = usize::from(id.index());
        if self.sockets.len() <= place {
            self.sockets.resize_with(place + 1, || None);
        }
        let changed = Arc::new(Notify::new());
        let (outbox, inbox) = (BytesMut::new(), BytesMut::new());
        self.sockets[place] = Some(Socket { id, stream, outbox, inbox, changed: Arc::clone(&changed) });
        changed
    }

    fn socket(&mut self, id: ConnectionId) -> Option<&mut Socket> {
        self.sockets.get_mut(usize::from(id.index()))?.as_mut().filter(|socket| socket.id == id)
    }

    /// Lets go of a socket; its task ends.
    fn close(&mut self, id: ConnectionId) {
        if let Some(socket) = self.socket(id) {
            socket.changed.notify_one();
            self.sockets[usize::from(id.index())] = None;
        }
    }

    /// Tells the engine that a socket is gone.
    fn lost(&mut self, id: ConnectionId, now: Instant) {
        if self.socket(id).is_some() {
            self.close(id);
            self.host.with(|engine| engine.handle_closed(now, id));
        }
    }

    /// What the task of a connection has to wait for.
    fn wanted(&mut self, id: ConnectionId) -> Wanted {
        let Some(socket) = self.socket(id) else { return Wanted::End };
        match (socket.inbox.is_empty(), socket.outbox.is_empty()) {
            (true, true) => Wanted::Ready(Interest::READABLE),
            (true, false) => Wanted::Ready(Interest::READABLE | Interest::WRITABLE),
            (false, false) => Wanted::Ready(Interest::WRITABLE),
            (false, true) => Wanted::Change,
        }
    }

    /// Writes what the engine has for a connection, as far as the socket takes it.
    fn transmit(&mut self, id: ConnectionId, now: Instant) {
        let Some(Some(socket)) = self.sockets.get_mut(usize::from(id.index())) else { return };
        let Some(stream) = socket.stream.clone().filter(|_| socket.id == id && socket.outbox.is_empty())
        else {
            return;
        };
        loop {
            let len = self.host.with(|engine| engine.poll_transmit(id, &mut self.buffer));
            let Some(bytes) = self.buffer.get(..len).filter(|bytes| !bytes.is_empty()) else { return };
            let written = match stream.try_write(bytes) {
                Ok(written) => written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(_) => return self.lost(id, now),
            };
            if written < len {
                socket.outbox.extend_from_slice(&bytes[written..]);
                socket.changed.notify_one();
                return;
            }
        }
    }

    /// Writes what the socket did not take before, then what the engine has since.
    fn flush(&mut self, id: ConnectionId, now: Instant) {
        let Some(socket) = self.socket(id) else { return };
        let Some(stream) = socket.stream.clone() else { return };
        while !socket.outbox.is_empty() {
            match stream.try_write(&socket.outbox) {
                Ok(written) => socket.outbox.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.lost(id, now),
            }
        }
        // A connection that was slow once does not keep its memory.
        socket.outbox = BytesMut::new();
        self.transmit(id, now);
    }

    /// Reads what is there, one buffer at most: whoever sends without end must not keep the others waiting for long. Returns
    /// whether there may be more.
    fn read(&mut self, id: ConnectionId, stream: &TcpStream, now: Instant) -> bool {
        if self.socket(id).is_none_or(|socket| !socket.inbox.is_empty()) {
            return false;
        }
        let len = match stream.try_read(&mut self.buffer) {
            Ok(len @ 1..) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Ok(0) | Err(_) => {
                self.lost(id, now);
                return false;
            }
        };
        let bytes = self.buffer.get(..len).unwrap_or_default();
        let taken = self.host.with(|engine| engine.handle_received(now, id, bytes));
        let rest = bytes.get(taken..).unwrap_or_default();
        if !rest.is_empty() {
            let place = self.sockets.get_mut(usize::from(id.index()));
            if let Some(socket) = place.and_then(Option::as_mut).filter(|socket| socket.id == id) {
                socket.inbox.extend_from_slice(rest);
                self.stalled.push(id);
            }
        }
        true
    }

    /// Offers again what the engine did not take before. Returns whether it took anything.
    fn offer_again(&mut self, now: Instant) -> bool {
        let mut progress = false;
        for id in core::mem::take(&mut self.stalled) {
            let Some(Some(socket)) = self.sockets.get_mut(usize::from(id.index())) else { continue };
            if socket.id != id {
                continue;
            }
            let taken = self.host.with(|engine| engine.handle_received(now, id, &socket.inbox));
            progress |= taken > 0;
            socket.inbox.advance(taken.min(socket.inbox.len()));
            if socket.inbox.is_empty() {
                socket.inbox = BytesMut::new();
                socket.changed.notify_one();
            } else {
                self.stalled.push(id);
            }
        }
        progress
    }
}

/// Connects to the first of the address's hosts that answers.
async fn dial(address: &Address) -> std::io::Result<TcpStream> {
    let stream = match address.socket_addr() {
        Some(address) => TcpStream::connect(address).await?,
        None => TcpStream::connect((address.host(), address.port())).await?,
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}
