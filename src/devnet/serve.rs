//! An HTTP server on loopback that ends when its owner says so or goes away.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, serve::Listener};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// How long a stop waits for answers under way before it cuts them off.
const STOP_MS_MAX: u64 = 2_000;

/// A running server. Handlers that wait must also wait for the token they were given.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) port: u16,
    stop: CancellationToken,
    tasks: JoinSet<io::Result<()>>,
}

impl Serving {
    /// Binds `127.0.0.1:port` (0: any free one) and serves what `routes` makes.
    pub(super) async fn start(port: u16, routes: impl FnOnce(CancellationToken) -> Router) -> io::Result<Self> {
        Self::start_limited(port, Semaphore::MAX_PERMITS, routes).await
    }

    /// As `start`, with at most `connections` open at once: further ones wait, connected but not accepted, until one
    /// closes, as they do before Jetty's `ConnectionLimit`.
    pub(super) async fn start_limited(
        port: u16,
        connections: usize,
        routes: impl FnOnce(CancellationToken) -> Router,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = listener.local_addr()?.port();
        let listener = Limited { listener, permits: Arc::new(Semaphore::new(connections)) };
        let stop = CancellationToken::new();
        let server = axum::serve(listener, routes(stop.clone())).with_graceful_shutdown(stop.clone().cancelled_owned());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { server.await });
        Ok(Self { port, stop, tasks })
    }

    /// Closes the port and every connection.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(Duration::from_millis(STOP_MS_MAX), ended).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

impl Drop for Serving {
    /// Connections are tasks of axum; the token ends them too.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A listener that accepts no more connections than it has permits.
struct Limited {
    listener: TcpListener,
    permits: Arc<Semaphore>,
}

impl Listener for Limited {
    type Io = Held;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Held, SocketAddr) {
        let permit = self.permits.clone().acquire_owned().await.expect("the semaphore is never closed");
        let (stream, from) = Listener::accept(&mut self.listener).await;
        (Held { stream, _permit: permit }, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection and its permit, which go together.
struct Held {
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Held {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Held {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
