//! An HTTP server on loopback that ends when its owner says so or goes away.

use std::{io, net::Ipv4Addr, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
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
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = listener.local_addr()?.port();
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
