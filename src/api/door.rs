//! What every call passes: is there room, who is calling, may they, how long may it take, what came of it.

use std::{
    convert::Infallible,
    mem,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{
    Code, Request as Call, Status,
    body::Body,
    codegen::{
        BoxFuture,
        http::{HeaderMap, Request, Response, header::AUTHORIZATION},
    },
    transport::server::UdsConnectInfo,
};
use tower::{Layer, Service};

use super::{
    auth::{Caller, Keeper},
    status::Problem,
    streams::StreamRoom,
};
use crate::domain::Scope;

/// Calls of known callers being answered at once, over all connections of a listener.
const IN_FLIGHT_MAX: usize = 4096;
/// Calls that need no caller being answered at once, over all connections of a listener. Apart from the others: who has
/// no token must not hold the room of those who have, by calls whose message never comes.
const ANONYMOUS_IN_FLIGHT_MAX: usize = 128;
/// What a client is told to wait when there are more.
const IN_FLIGHT_PAUSE: Duration = Duration::from_millis(100);
/// The time a call has if the client does not say.
const DEADLINE_DEFAULT: Duration = Duration::from_secs(10);
/// The longest time a client may ask for.
const DEADLINE_MAX: Duration = Duration::from_secs(30);
/// We answer this much before the client's own deadline, so that the answer says what happened.
const DEADLINE_MARGIN: Duration = Duration::from_millis(2);

/// What a method needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: health is for probes.
    Nothing,
    /// Any valid caller.
    Caller,
    /// A caller with this scope.
    Scope(Scope),
}

/// One method: its service and name are also its labels in metrics.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) service: &'static str,
    pub(super) method: &'static str,
    need: Need,
    /// Whether its answers may go on for ever: it takes a place among the streams until it ends, and the deadline is
    /// only for its beginning.
    is_stream: bool,
}

const fn rule(service: &'static str, method: &'static str, need: Need) -> Rule {
    Rule { service, method, need, is_stream: false }
}

const fn stream(service: &'static str, method: &'static str, need: Need) -> Rule {
    Rule { service, method, need, is_stream: true }
}

/// Every method there is. What is not here needs a caller and is answered as unimplemented.
pub(super) const RULES: &[Rule] = &[
    rule("depositd.v1.OrderService", "RegisterOrder", Need::Scope(Scope::Orders)),
    rule("depositd.v1.OrderService", "BatchRegisterOrders", Need::Scope(Scope::Orders)),
    rule("depositd.v1.OrderService", "GetOrder", Need::Scope(Scope::Read)),
    rule("depositd.v1.OrderService", "ListOrders", Need::Scope(Scope::Read)),
    rule("depositd.v1.OrderService", "CancelOrder", Need::Scope(Scope::Orders)),
    rule("depositd.v1.AddressService", "WatchAddress", Need::Scope(Scope::Orders)),
    rule("depositd.v1.AddressService", "BatchWatchAddresses", Need::Scope(Scope::Orders)),
    rule("depositd.v1.AddressService", "GetAddress", Need::Scope(Scope::Read)),
    rule("depositd.v1.AddressService", "ListAddresses", Need::Scope(Scope::Read)),
    rule("depositd.v1.AddressService", "UnwatchAddress", Need::Scope(Scope::Orders)),
    rule("depositd.v1.AddressService", "ReleaseAddress", Need::Scope(Scope::Admin)),
    rule("depositd.v1.DepositService", "GetDeposit", Need::Scope(Scope::Read)),
    rule("depositd.v1.DepositService", "ListDeposits", Need::Scope(Scope::Read)),
    rule("depositd.v1.DepositService", "HoldDeposit", Need::Scope(Scope::Admin)),
    rule("depositd.v1.DepositService", "ReleaseDeposit", Need::Scope(Scope::Admin)),
    rule("depositd.v1.DepositService", "BindDeposit", Need::Scope(Scope::Admin)),
    rule("depositd.v1.ExplainService", "ExplainTransaction", Need::Scope(Scope::Read)),
    rule("depositd.v1.NetworkService", "ListNetworks", Need::Scope(Scope::Read)),
    rule("depositd.v1.NetworkService", "RescanNetwork", Need::Scope(Scope::Admin)),
    rule("depositd.v1.NetworkService", "ResumeNetwork", Need::Scope(Scope::Admin)),
    rule("depositd.v1.AppService", "CreateApp", Need::Scope(Scope::Admin)),
    rule("depositd.v1.AppService", "GetApp", Need::Scope(Scope::Read)),
    rule("depositd.v1.AppService", "ListApps", Need::Scope(Scope::Read)),
    rule("depositd.v1.AppService", "UpdateApp", Need::Scope(Scope::Admin)),
    rule("depositd.v1.AppService", "RotateSecret", Need::Scope(Scope::Admin)),
    rule("depositd.v1.EventService", "ListEvents", Need::Scope(Scope::Read)),
    stream("depositd.v1.EventService", "StreamEvents", Need::Scope(Scope::Read)),
    rule("depositd.v1.DeliveryService", "ListDeliveries", Need::Scope(Scope::Read)),
    rule("depositd.v1.DeliveryService", "GetDelivery", Need::Scope(Scope::Read)),
    rule("depositd.v1.DeliveryService", "ListAttempts", Need::Scope(Scope::Read)),
    rule("depositd.v1.DeliveryService", "ResendDelivery", Need::Scope(Scope::Admin)),
    rule("depositd.v1.DeliveryService", "RecoverDeliveries", Need::Scope(Scope::Admin)),
    rule("depositd.v1.DeliveryService", "CloseDelivery", Need::Scope(Scope::Admin)),
    rule("depositd.v1.EndpointService", "ListEndpoints", Need::Scope(Scope::Read)),
    rule("depositd.v1.EndpointService", "GetEndpoint", Need::Scope(Scope::Read)),
    rule("depositd.v1.EndpointService", "ParkEndpoint", Need::Scope(Scope::Admin)),
    rule("depositd.v1.EndpointService", "ResumeEndpoint", Need::Scope(Scope::Admin)),
    rule("depositd.v1.EndpointService", "TestEndpoint", Need::Scope(Scope::Admin)),
    stream("depositd.v1.ReconcileService", "Reconcile", Need::Scope(Scope::Admin)),
    rule("depositd.v1.PolicyService", "ShowPolicy", Need::Scope(Scope::Read)),
    rule("depositd.v1.PolicyService", "SetPolicy", Need::Scope(Scope::Admin)),
    rule("depositd.v1.PolicyService", "ClearPolicy", Need::Scope(Scope::Admin)),
    rule("depositd.v1.AuditService", "ListAudit", Need::Scope(Scope::Read)),
    stream("depositd.v1.AuditService", "ExportAudit", Need::Scope(Scope::Read)),
    rule("depositd.v1.AuditService", "GetCheckpoint", Need::Scope(Scope::Read)),
    stream("depositd.v1.RegistrationService", "Export", Need::Scope(Scope::Admin)),
    rule("depositd.v1.RegistrationService", "Import", Need::Scope(Scope::Admin)),
    rule("depositd.v1.RegistrationService", "FinishImport", Need::Scope(Scope::Admin)),
    rule("grpc.health.v1.Health", "Check", Need::Nothing),
    rule("grpc.health.v1.Health", "Watch", Need::Nothing),
    rule("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo", Need::Caller),
    rule("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo", Need::Caller),
];

/// Labels and need of a path that names no method.
const UNKNOWN: Rule = rule("unknown", "unknown", Need::Caller);

/// The rule of a path (`/service/method`).
pub(super) fn rule_of(path: &str) -> &'static Rule {
    let named = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    let rule = named.and_then(|(service, method)| RULES.iter().find(|r| r.service == service && r.method == method));
    rule.unwrap_or(&UNKNOWN)
}

/// Through which listener a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entrance {
    /// The Unix socket: whoever may open it may do everything.
    Unix,
    /// TCP: a token is needed.
    Tcp,
}

/// The door of one listener; as a layer it goes in front of all services.
#[derive(Clone)]
pub(super) struct Door {
    entrance: Entrance,
    keeper: Arc<Keeper>,
    room: Arc<Semaphore>,
    lobby: Arc<Semaphore>,
    streams: StreamRoom,
}

impl Door {
    /// A door for each entrance, each with a room of its own: TCP can be full and the operator's socket is not.
    pub(super) fn pair(keeper: Keeper) -> (Self, Self) {
        let keeper = Arc::new(keeper);
        let door = |entrance| Self {
            entrance,
            keeper: Arc::clone(&keeper),
            room: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            lobby: Arc::new(Semaphore::new(ANONYMOUS_IN_FLIGHT_MAX)),
            streams: StreamRoom::default(),
        };
        (door(Entrance::Unix), door(Entrance::Tcp))
    }

    /// Decides before the body is read. The caller goes along with the request, and so does the place of a stream;
    /// the place of any other call is given back here.
    fn admit(&self, rule: &Rule, request: &mut Request<Body>) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        let room = if rule.need == Need::Nothing { &self.lobby } else { &self.room };
        let room = Arc::clone(room).try_acquire_owned().map_err(|_| {
            Problem::new(Code::ResourceExhausted, "IN_FLIGHT_LIMIT", "too many calls at once")
                .retry_after(IN_FLIGHT_PAUSE)
        })?;
        if rule.need == Need::Nothing {
            return Ok(Some(room));
        }
        let caller = match self.entrance {
            Entrance::Unix => {
                let info = request.extensions().get::<UdsConnectInfo>();
                Caller::Local { uid: info.and_then(|info| info.peer_cred).map(|cred| cred.uid()) }
            }
            Entrance::Tcp => {
                let header = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
                self.keeper.caller(header, Instant::now())?
            }
        };
        if let Need::Scope(scope) = rule.need {
            caller.must_have(scope)?;
        }
        let room = if rule.is_stream {
            request.extensions_mut().insert(self.streams.enter(&caller.name(), room)?);
            None
        } else {
            Some(room)
        };
        request.extensions_mut().insert(caller);
        Ok(room)
    }

    async fn pass<S>(self, mut inner: S, mut request: Request<Body>) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let started = Instant::now();
        let rule = rule_of(request.uri().path());
        let response = match self.admit(rule, &mut request) {
            Err(problem) => Status::from(problem).into_http(),
            Ok(_room) => {
                let limit = deadline(request.headers());
                match tokio::time::timeout(limit, inner.call(request)).await {
                    Ok(Ok(response)) => explained(response),
                    Ok(Err(never)) => match never {},
                    Err(_) => Status::from(Problem::deadline(limit)).into_http(),
                }
            }
        };
        let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
        let labels = [("service", rule.service), ("method", rule.method), ("code", code_word(code))];
        metrics::counter!("depositd_grpc_requests_total", &labels).increment(1);
        metrics::histogram!("depositd_grpc_request_duration_seconds", &labels).record(started.elapsed());
        response
    }
}

impl<S> Layer<S> for Door {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, door: self.clone() }
    }
}

/// Services behind a door.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    door: Door,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The clone stays behind: the one that was ready is the one that is called.
        let next = self.inner.clone();
        let ready = mem::replace(&mut self.inner, next);
        let door = self.door.clone();
        Box::pin(async move { Ok(door.pass(ready, request).await) })
    }
}

/// Who is calling, as the door saw it.
pub(super) fn caller_of<T>(call: &Call<T>) -> Result<Caller, Problem> {
    let caller = call.extensions().get::<Caller>().cloned();
    caller.ok_or_else(|| Problem::new(Code::Unauthenticated, "TOKEN_MISSING", "the caller is not known"))
}

/// An error that has no details yet came from the transport or the decoder: it gets its ErrorInfo here.
fn explained(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() != Code::Ok && status.details().is_empty() => {
            Status::from(Problem::of_transport(&status)).into_http()
        }
        _ => response,
    }
}

/// The time this call has.
pub(super) fn deadline(headers: &HeaderMap) -> Duration {
    let asked = headers.get("grpc-timeout").and_then(|value| timeout_of(value.to_str().ok()?));
    asked.map_or(DEADLINE_DEFAULT, |asked| asked.min(DEADLINE_MAX).saturating_sub(DEADLINE_MARGIN))
}

/// `grpc-timeout`: 1 to 8 digits and a unit.
fn timeout_of(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount = digits.parse::<u64>().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// The code as gRPC writes it.
fn code_word(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn every_method_of_the_contract_has_a_rule() {
        let files = prost_types::FileDescriptorSet::decode(super::super::proto::DESCRIPTORS).unwrap();
        let mut named = 0;
        for file in files.file.iter().filter(|file| file.package() == "depositd.v1") {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/depositd.v1.{}/{}", service.name(), method.name());
                    assert!(matches!(rule_of(&path).need, Need::Scope(_)), "{path}");
                    assert_eq!(rule_of(&path).is_stream, method.server_streaming(), "{path}");
                    named += 1;
                }
            }
        }
        assert_eq!(named, RULES.iter().filter(|rule| rule.service.starts_with("depositd.")).count());
        assert_eq!(rule_of("/depositd.v1.OrderService/Steal").method, "unknown");
    }

    #[test]
    fn acts_on_deliveries_and_endpoints_need_an_operator() {
        for (service, acts) in [
            ("DeliveryService", &["ResendDelivery", "RecoverDeliveries", "CloseDelivery"][..]),
            ("EndpointService", &["ParkEndpoint", "ResumeEndpoint", "TestEndpoint"]),
        ] {
            let of_it = |rule: &&Rule| rule.service == format!("depositd.v1.{service}");
            for rule in RULES.iter().filter(of_it) {
                let scope = if acts.contains(&rule.method) { Scope::Admin } else { Scope::Read };
                assert_eq!(rule.need, Need::Scope(scope), "{}", rule.method);
            }
            assert_eq!(RULES.iter().filter(of_it).filter(|rule| acts.contains(&rule.method)).count(), 3);
        }
    }

    #[test]
    fn deadlines_are_the_clients_within_ours() {
        assert_eq!(timeout_of("250m"), Some(Duration::from_millis(250)));
        assert_eq!(timeout_of("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for text in ["", "S", "1", "-1S", "999999999S", "1x", "1é"] {
            assert_eq!(timeout_of(text), None, "{text}");
        }
        let of =
            |text: &str| deadline(&HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), text.parse().unwrap())]));
        assert_eq!(of("1H"), DEADLINE_MAX - DEADLINE_MARGIN);
        assert_eq!(of("nonsense"), DEADLINE_DEFAULT);
        assert_eq!(deadline(&HeaderMap::new()), DEADLINE_DEFAULT);
    }

    #[test]
    fn calls_without_a_caller_do_not_take_the_room_of_the_others() {
        let (unix, tcp) = Door::pair(Keeper::new(vec![]));
        let admit = |door: &Door, path: &str| {
            door.admit(rule_of(path), &mut Request::new(Body::empty())).map_err(|problem| problem.code())
        };
        let (health, list) = ("/grpc.health.v1.Health/Check", "/depositd.v1.NetworkService/ListNetworks");
        let held: Vec<_> = (0..ANONYMOUS_IN_FLIGHT_MAX).map(|_| admit(&unix, health).unwrap()).collect();
        assert_eq!(admit(&unix, health).err(), Some(Code::ResourceExhausted));
        assert!(admit(&unix, list).is_ok(), "a known caller has room");
        assert!(admit(&tcp, health).is_ok(), "the other listener has its own");
        drop(held);
        assert!(admit(&unix, health).is_ok());
        assert_eq!(admit(&tcp, list).err(), Some(Code::Unauthenticated));
    }
}
