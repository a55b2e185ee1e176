//! The sockets: a Unix socket always, TCP on loopback if asked for, and a limit on connections.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream as StdUnixStream,
    },
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

/// Mode of the Unix socket: the owner and the group.
const SOCKET_MODE: u32 = 0o660;
/// Connections at once over each listener; more wait in the kernel's queue. Not shared: whoever fills TCP without ever
/// showing a token leaves the operator his socket.
pub(super) const CONNECTIONS_MAX: usize = 10_000;

/// Pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Another process listens there: stop it, or name another path.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The path holds something that is not a socket: name another path.
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// Only loopback addresses are served over TCP: name one.
    #[error("{0} is not a loopback address; the API is served on loopback and the Unix socket only")]
    NotLoopback(SocketAddr),
    /// The system refused: see the cause.
    #[error("cannot listen on {place}: {source}")]
    Listen {
        /// Where.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The descriptors built into this binary are refused.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// Serving ended with an error.
    #[error("serving: {0}")]
    Serve(#[from] tonic::transport::Error),
}

/// Bound sockets, not served yet.
#[derive(Debug)]
pub struct Listeners {
    pub(super) unix: UnixListener,
    pub(super) path: PathBuf,
    pub(super) tcp: Option<TcpListener>,
}

impl Listeners {
    /// Binds the Unix socket at `path` (mode 0660; a socket file nobody listens on any more is removed) and `tcp`, if
    /// given. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`ApiError`] says what is in the way.
    pub async fn bind(path: &Path, tcp: Option<SocketAddr>) -> Result<Self, ApiError> {
        let tcp = match tcp {
            Some(addr) if !addr.ip().is_loopback() => return Err(ApiError::NotLoopback(addr)),
            Some(addr) => Some(TcpListener::bind(addr).await.map_err(listen(addr))?),
            None => None,
        };
        remove_stale(path)?;
        let unix = UnixListener::bind(path).map_err(listen(path.display()))?;
        fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE)).map_err(listen(path.display()))?;
        Ok(Self { unix, path: path.to_owned(), tcp })
    }

    /// Where TCP listens; the port is known even if 0 was asked for.
    pub fn tcp_addr(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }
}

/// Names the place of an IO error.
fn listen(place: impl ToString) -> impl FnOnce(io::Error) -> ApiError {
    let place = place.to_string();
    move |source| ApiError::Listen { place, source }
}

/// Removes a socket file that nobody listens on.
fn remove_stale(path: &Path) -> Result<(), ApiError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(listen(path.display())(error)),
        Ok(found) if !found.file_type().is_socket() => return Err(ApiError::NotASocket(path.to_owned())),
        Ok(_) => {}
    }
    match StdUnixStream::connect(path) {
        Ok(_) => Err(ApiError::InUse(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(listen(path.display()))
        }
        Err(error) => Err(listen(path.display())(error)),
    }
}

/// Accepts from `incoming` as long as there is room; the rest waits in the kernel's queue. `cut` breaks every
/// connection off: they are served by tasks nobody else can end, and each holds on to the writer.
pub(super) fn with_room<IO: Send + 'static>(
    incoming: impl Stream<Item = io::Result<IO>> + Send + 'static,
    room: Arc<Semaphore>,
    cut: CancellationToken,
) -> impl Stream<Item = io::Result<Counted<IO>>> + Send {
    incoming.then(move |accepted| {
        let room = Arc::clone(&room);
        let cut = cut.clone();
        async move {
            if accepted.is_err() {
                // Out of descriptors, most likely: without a pause we would ask again at once, and for ever.
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            let io = accepted?;
            let permit = room.acquire_owned().await.map_err(io::Error::other)?;
            Ok(Counted { io, cut: Box::pin(cut.cancelled_owned()), _permit: permit })
        }
    })
}

/// A connection that counts until it is closed, and breaks off when it is cut.
pub(super) struct Counted<IO> {
    io: IO,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _permit: OwnedSemaphorePermit,
}

impl<IO: Connected> Connected for Counted<IO> {
    type ConnectInfo = IO::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.io.connect_info()
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Counted<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // The connection always waits to read, so this wakes it.
        if self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Counted<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
