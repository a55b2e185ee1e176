//! Puts the services behind the doors and serves them until asked to stop.

use std::{fs, io, sync::Arc, time::Duration};

use futures::{FutureExt, Stream, StreamExt, future::OptionFuture};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
};
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server, server::Connected},
};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{
    Api, ApiDeps, Core, EXPLANATIONS_MAX, READS_MAX,
    auth::Keeper,
    desk::Tests,
    door::{Door, RULES},
    listen::{ApiError, CONNECTIONS_MAX, Listeners, with_room},
    page::Pager,
    proto::{
        DESCRIPTORS,
        v1::{
            address_service_server::AddressServiceServer, app_service_server::AppServiceServer,
            audit_service_server::AuditServiceServer, delivery_service_server::DeliveryServiceServer,
            deposit_service_server::DepositServiceServer, endpoint_service_server::EndpointServiceServer,
            event_service_server::EventServiceServer, explain_service_server::ExplainServiceServer,
            network_service_server::NetworkServiceServer, order_service_server::OrderServiceServer,
            policy_service_server::PolicyServiceServer, reconcile_service_server::ReconcileServiceServer,
            registration_service_server::RegistrationServiceServer,
        },
    },
};

/// Longest message taken, in bytes.
const MESSAGE_IN_BYTES_MAX: usize = 1024 * 1024;
/// Longest message given, in bytes; what clients take by default.
const MESSAGE_OUT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Calls at once on one connection.
const STREAMS_MAX: u32 = 200;
/// Longest list of headers taken, in bytes.
const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;
/// We ask silent peers whether they are there.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// And give up on those who do not answer.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Connections are asked to go after this time, so that clients spread anew.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(30 * 60);
/// After a stop, calls under way have this long.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// And then this long to notice that their connection was cut.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// Serves all services on `listeners` until `stop` is cancelled; calls under way are finished, within 10 seconds.
/// The Unix socket's file is removed at the end.
///
/// # Errors
/// [`ApiError`]: the services cannot be built, or a listener broke.
pub async fn serve(deps: ApiDeps, listeners: Listeners, stop: CancellationToken) -> Result<(), ApiError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|_| ApiError::NoRandomness)?;
    let (unix_door, tcp_door) = Door::pair(Keeper::new(deps.tokens));
    let api = Api(Arc::new(Core {
        reader: deps.reader,
        writer: deps.writer,
        networks: deps.networks,
        board: deps.board,
        url_check: deps.url_check,
        desk: deps.desk,
        postman: deps.postman,
        vault: deps.vault,
        lanes: deps.lanes,
        pager: Pager::new(key),
        reads: Arc::new(Semaphore::new(READS_MAX)),
        recheck: deps.recheck,
        rechecking: Arc::new(Semaphore::new(1)),
        stop: stop.clone(),
        explanations: Arc::new(Semaphore::new(EXPLANATIONS_MAX)),
        tests: Tests::default(),
    }));
    let health = HealthReporter::new();
    set_health(&health, ServingStatus::Serving).await;
    let routes = routes(api, &health)?;
    let Listeners { unix, path, tcp } = listeners;
    let room = || Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let cut = CancellationToken::new();
    let unix = with_room(UnixListenerStream::new(unix), room(), cut.clone());
    let tcp = tcp.map(|tcp| {
        let incoming = TcpListenerStream::new(tcp).inspect(|accepted| {
            // Answers are one small write each; a failure costs speed only.
            let _ = accepted.as_ref().map(|io| io.set_nodelay(true));
        });
        serve_one(tcp_door, routes.clone(), with_room(incoming, room(), cut.clone()), stop.clone())
    });
    let unix = serve_one(unix_door, routes, unix, stop.clone());
    let both = async { tokio::try_join!(unix, OptionFuture::from(tcp).map(Option::transpose)) };
    let grace = async {
        stop.cancelled().await;
        set_health(&health, ServingStatus::NotServing).await;
        tokio::time::sleep(STOP_GRACE).await;
        tracing::warn!("calls were still open at the end of the grace time");
        cut.cancel();
        tokio::time::sleep(CUT_GRACE).await;
    };
    let outcome = tokio::select! {
        outcome = both => outcome.map(|_| ()),
        () = grace => Ok(()),
    };
    // A leftover file is harmless: the next start sees that nobody listens.
    let _ = fs::remove_file(path);
    outcome
}

/// All services, with limits.
fn routes(api: Api, health: &HealthReporter) -> Result<Routes, ApiError> {
    macro_rules! limited {
        ($server:ident) => {
            $server::new(api.clone())
                .max_decoding_message_size(MESSAGE_IN_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_OUT_BYTES_MAX)
        };
    }
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let health = tonic_health::server::HealthService::from_health_reporter(health.clone());
    let routes = Routes::new(limited!(OrderServiceServer))
        .add_service(limited!(AddressServiceServer))
        .add_service(limited!(DepositServiceServer))
        .add_service(limited!(ExplainServiceServer))
        .add_service(limited!(NetworkServiceServer))
        .add_service(limited!(AppServiceServer))
        .add_service(limited!(EventServiceServer))
        .add_service(limited!(DeliveryServiceServer))
        .add_service(limited!(EndpointServiceServer))
        .add_service(limited!(ReconcileServiceServer))
        .add_service(limited!(PolicyServiceServer))
        .add_service(limited!(AuditServiceServer))
        .add_service(limited!(RegistrationServiceServer))
        .add_service(tonic_health::pb::health_server::HealthServer::new(health))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    Ok(routes.prepare())
}

/// One listener with its door.
async fn serve_one<IO>(
    door: Door,
    routes: Routes,
    incoming: impl Stream<Item = io::Result<IO>> + Send,
    stop: CancellationToken,
) -> Result<(), ApiError>
where
    IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let server = Server::builder()
        .max_concurrent_streams(STREAMS_MAX)
        .http2_max_header_list_size(HEADER_LIST_BYTES_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_connection_age(CONNECTION_AGE_MAX)
        .layer(door);
    Ok(server.serve_with_incoming_shutdown(routes, incoming, stop.cancelled_owned()).await?)
}

/// Tells watchers of every service, and of the whole.
async fn set_health(health: &HealthReporter, status: ServingStatus) {
    health.set_service_status("", status).await;
    for rule in RULES.iter().filter(|rule| rule.service.starts_with("depositd.")) {
        health.set_service_status(rule.service, status).await;
    }
}
