//! `DeliveryService` and `EndpointService` over the real writer and a store with rows in every state, without sockets.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tonic::Code;
use tonic_types::StatusExt;

use super::{list::Walk, *};
use crate::{
    api::{
        Core,
        page::Pager,
        proto::v1::{
            DeliveryState as Wire, audit_service_server::AuditService, endpoint_service_server::EndpointService,
        },
    },
    domain::{
        App, AttemptNo, Endpoint, EventPlace, LiveKey, Millis, News, NotifyUrl, Protocol, Scope, SigningKey, Silence,
        StatusBoard, TokenGrant, Trigger,
    },
    store::{MemoryEngine, Store},
    tracker::{Change, Changeset},
    writer::{Loading, Writer, handle::WriterHandle},
};

mod lanes;
mod range;

const T0: u64 = 1_700_000_000_000;

fn app(id: &str, protocol: Protocol) -> App {
    let vault = crate::api::tests::vault();
    let key = SigningKey::for_protocol(protocol, vec![b'k'; 32]).unwrap();
    let id = id.parse().unwrap();
    App {
        keys: vec![LiveKey { key: vault.seal(&id, &key).unwrap(), until: None }],
        id,
        protocol,
        news: News::default(),
        notify_url: url(),
        notify_hosts: vec![],
        amount_policy: Default::default(),
        grace_s: 0,
        created: Millis(T0),
    }
}

fn url() -> NotifyUrl {
    NotifyUrl::checked("https://pay.example/in?token=secret".to_owned()).unwrap()
}

/// The event at `place`, a minute after the one before it.
fn row(place: u64, app: &str, state: NotificationState) -> Notification {
    Notification {
        id: EventId::parse(&format!("dep_{place}_{}", 1 + place % 2)).unwrap(),
        place: EventPlace(place),
        app: app.parse().unwrap(),
        url: url(),
        protocol: Protocol::StandardWebhooks,
        body: b"{}".to_vec(),
        created: Millis(T0 + place * 60_000),
        attempts: AttemptNo(0),
        tries: 0,
        trigger: Trigger::Schedule,
        trade: None,
        state,
        after: None,
        then: None,
    }
}

/// The rows of the store: 1 to 8 are the shop's, one of each state; 9 and 10 another app's.
fn rows() -> Vec<Notification> {
    let at = Millis(T0 + 900_000);
    let states = [
        NotificationState::Waiting,
        NotificationState::Due(at),
        NotificationState::Delivered(at),
        NotificationState::DeadLetter(at),
        NotificationState::Resend { delivered: at, due: at },
        NotificationState::Silent(Silence::SwitchedOff),
        NotificationState::Untold(at),
        NotificationState::Closed(at),
    ];
    let mut rows: Vec<_> = (1..).zip(states).map(|(place, state)| row(place, "shop", state)).collect();
    rows.push(row(9, "other", NotificationState::DeadLetter(at)));
    rows.push(row(10, "other", NotificationState::Delivered(at)));
    rows
}

fn api(rows: Vec<Notification>) -> Api {
    let engine = MemoryEngine::new();
    let mut store = Store::in_memory(&engine, |_| ()).unwrap();
    let mut changes =
        vec![Change::App(app("shop", Protocol::StandardWebhooks)), Change::App(app("other", Protocol::Udun))];
    for app in ["shop", "other"] {
        changes.push(Change::Endpoint(Endpoint::of(&app.parse().unwrap(), &url())));
    }
    changes.extend(rows.into_iter().map(Change::Notification));
    store.stage(&Changeset { changes, events: vec![] }).unwrap();
    store.commit().unwrap();
    drop(store);
    let mut loading = Loading::of([]);
    let store = Store::in_memory(&engine, |row| loading.row(row)).unwrap();
    let core = loading.finish(store).unwrap();
    let (handle, commands) = WriterHandle::new();
    let (reader, networks) = (core.store().reader(), core.specs());
    let writer = Writer::new(core, &handle, commands);
    tokio::task::spawn_blocking(|| writer.run().unwrap());
    Api(Arc::new(Core {
        reader,
        writer: handle,
        networks,
        board: StatusBoard::default(),
        url_check: Arc::new(|_, _| Ok(url())),
        pager: Pager::new([7; 32]),
        reads: Arc::new(Semaphore::new(4)),
        desk: Arc::new(crate::api::recheck::NobodyToAsk),
        postman: Arc::new(crate::api::tests::NoPost),
        vault: crate::api::tests::vault(),
        lanes: Default::default(),
        explanations: Arc::new(Semaphore::new(1)),
        tests: Default::default(),
        recheck: Arc::new(crate::api::recheck::NobodyToAsk),
        rechecking: Arc::new(Semaphore::new(1)),
        stop: tokio_util::sync::CancellationToken::new(),
    }))
}

fn by<T>(caller: Caller, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller);
    request
}

fn ops<T>(message: T) -> Request<T> {
    by(Caller::Local { uid: Some(7) }, message)
}

/// Everything, bound to the app `other`.
fn bound<T>(message: T) -> Request<T> {
    let scopes = [Scope::Admin, Scope::Read].into_iter().collect();
    let grant = TokenGrant { name: "other".into(), sha256: [0; 32], scopes, app: Some("other".parse().unwrap()) };
    by(Caller::Token(Arc::new(grant)), message)
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().expect("every error has an ErrorInfo").reason)
}

/// The places of all pages of a list.
async fn listed(api: &Api, mut asked: v1::ListDeliveriesRequest) -> Vec<u64> {
    let mut places = vec![];
    loop {
        let page = api.list_deliveries(ops(asked.clone())).await.unwrap().into_inner();
        places.extend(page.deliveries.iter().map(|delivery| delivery.position));
        assert!(page.deliveries.iter().all(|delivery| delivery.receiver == "https://pay.example"));
        if page.next_page_token.is_empty() {
            return places;
        }
        asked.page_token = page.next_page_token;
    }
}

fn list(states: &[Wire]) -> v1::ListDeliveriesRequest {
    let states = states.iter().map(|state| (*state).into()).collect();
    v1::ListDeliveriesRequest { states, page_size: 1, ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_lets_through_what_it_names_page_by_page() {
    let api = api(rows());
    let lane = row(1, "shop", NotificationState::Waiting).endpoint().to_string();
    let minute = |place: u64| Some(answer::millis(Millis(T0 + place * 60_000)));
    let all: Vec<u64> = (1..=10).collect();
    let asked = |states: &[Wire]| v1::ListDeliveriesRequest { endpoint_id: lane.clone(), ..list(states) };
    for (asked, expected) in [
        (list(&[]), all.as_slice()),
        (v1::ListDeliveriesRequest { app_id: "other".into(), ..list(&[]) }, &[9, 10]),
        (list(&[Wire::DeadLetter]), &[4, 9]),
        (v1::ListDeliveriesRequest { app_id: "shop".into(), ..list(&[Wire::DeadLetter]) }, &[4]),
        (list(&[Wire::Untold]), &[7]),
        (list(&[Wire::Untold, Wire::DeadLetter, Wire::Untold]), &[4, 7, 9]),
        (asked(&[Wire::Due]), &[2]),
        (asked(&[Wire::Due, Wire::Resend]), &[2, 5]),
        (asked(&[Wire::Waiting, Wire::Due]), &[1, 2]),
        (v1::ListDeliveriesRequest { r#type: "deposit.reversed".into(), ..asked(&[]) }, &[1, 3, 5, 7]),
        (v1::ListDeliveriesRequest { since: minute(4), until: minute(6), ..list(&[]) }, &[4, 5]),
    ] {
        assert_eq!(listed(&api, asked.clone()).await, expected, "{asked:?}");
    }
    let filter = |states: &[Wire]| Filter {
        app: None,
        endpoint: Some(EndpointId([1; 8])),
        states: states.to_vec(),
        kind: None,
        since: None,
        until: None,
    };
    for (states, walk) in [
        (&[Wire::DeadLetter][..], Walk::DeadLetters),
        (&[Wire::Untold], Walk::Untold),
        (&[Wire::Due, Wire::Resend], Walk::Lane(EndpointId([1; 8]))),
        (&[Wire::Due, Wire::Delivered], Walk::Feed),
        (&[], Walk::Feed),
    ] {
        assert_eq!(filter(states).walk(), walk, "{states:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_app_is_not_there() {
    let api = api(rows());
    let (event_id, reason_text) = ("dep_4_1".to_owned(), "a test".to_owned());
    let endpoint_id = row(1, "shop", NotificationState::Waiting).endpoint().to_string();
    let get = api.get_delivery(bound(v1::GetDeliveryRequest { event_id: event_id.clone() })).await.unwrap_err();
    let attempts = api.list_attempts(bound(v1::ListAttemptsRequest { event_id: event_id.clone() })).await.unwrap_err();
    let resend = v1::ResendDeliveryRequest { event_id: event_id.clone(), reason: reason_text.clone() };
    let close = v1::CloseDeliveryRequest { event_id: event_id.clone(), reason: reason_text.clone() };
    let refused = [
        get,
        attempts,
        api.resend_delivery(bound(resend)).await.unwrap_err(),
        api.close_delivery(bound(close)).await.unwrap_err(),
    ];
    for status in &refused {
        assert_eq!(reason(status), (Code::NotFound, "EVENT_NOT_FOUND".to_owned()));
    }
    let park = v1::ParkEndpointRequest { endpoint_id: endpoint_id.clone(), reason: reason_text.clone() };
    let resume = v1::ResumeEndpointRequest { endpoint_id: endpoint_id.clone(), reason: reason_text.clone() };
    for status in [
        api.get_endpoint(bound(v1::GetEndpointRequest { endpoint_id: endpoint_id.clone() })).await.unwrap_err(),
        api.park_endpoint(bound(park)).await.unwrap_err(),
        api.resume_endpoint(bound(resume)).await.unwrap_err(),
        api.list_deliveries(bound(v1::ListDeliveriesRequest { endpoint_id, ..list(&[]) })).await.unwrap_err(),
    ] {
        assert_eq!(reason(&status), (Code::NotFound, "ENDPOINT_NOT_FOUND".to_owned()));
    }
    let recover = v1::RecoverDeliveriesRequest { app_id: "shop".into(), reason: "w".into(), ..Default::default() };
    let test = v1::TestEndpointRequest { app_id: "shop".into(), reason: "w".into() };
    for status in
        [api.recover_deliveries(bound(recover)).await.unwrap_err(), api.test_endpoint(bound(test)).await.unwrap_err()]
    {
        assert_eq!(reason(&status), (Code::NotFound, "APP_NOT_FOUND".to_owned()));
    }
    let page = api.list_deliveries(bound(v1::ListDeliveriesRequest::default())).await.unwrap().into_inner();
    assert_eq!(page.deliveries.iter().map(|row| row.position).collect::<Vec<_>>(), [9, 10]);
    let seen = api.list_endpoints(bound(v1::ListEndpointsRequest::default())).await.unwrap().into_inner().endpoints;
    assert_eq!(seen.iter().map(|seen| seen.app_id.as_str()).collect::<Vec<_>>(), ["other"]);
    assert_eq!(listed(&api, list(&[Wire::DeadLetter])).await, [4, 9], "nothing was done");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_can_be_sent_is_sent_again_and_only_what_waits_for_a_person_is_closed() {
    let api = api(rows());
    let why = || "a test".to_owned();
    for (place, sent, closed) in [
        (1, None, None),
        (3, Some(Wire::Resend), None),
        (4, None, Some(Wire::Closed)),
        (6, None, None),
        (7, None, Some(Wire::Closed)),
        (9, Some(Wire::Due), None),
    ] {
        let event_id = format!("dep_{place}_{}", 1 + place % 2);
        if closed.is_none() {
            let asked = v1::ResendDeliveryRequest { event_id: event_id.clone(), reason: why() };
            let answer = api.resend_delivery(ops(asked)).await;
            let state = answer.as_ref().ok().and_then(|answer| Some(answer.get_ref().delivery.as_ref()?.state()));
            assert_eq!(state, sent, "{place}");
            let refused = answer.err().map(|status| reason(&status));
            assert_eq!(refused, sent.is_none().then(|| (Code::FailedPrecondition, "NOT_NOW".to_owned())), "{place}");
        }
        let answer = api.close_delivery(ops(v1::CloseDeliveryRequest { event_id, reason: why() })).await;
        let state = answer.as_ref().ok().and_then(|answer| Some(answer.get_ref().delivery.as_ref()?.state()));
        assert_eq!(state, closed, "{place}");
    }
    let log = api.list_audit(ops(v1::ListAuditRequest::default())).await.unwrap().into_inner().records;
    let actions: Vec<_> = log.iter().map(|record| (record.action.as_str(), record.subject.as_str())).collect();
    let expected = [
        ("delivery.resend", "dep_3_2"),
        ("delivery.close", "dep_4_1"),
        ("delivery.close", "dep_7_2"),
        ("delivery.resend", "dep_9_2"),
    ];
    assert_eq!(actions, expected);
    assert!(log.iter().all(|record| record.actor == "uid 7" && record.reason == "a test"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_put_back_whole_however_many_steps_it_takes() {
    let at = Millis(T0 + 86_400_000);
    let mut all: Vec<_> = (1..=180).map(|place| row(place, "shop", NotificationState::DeadLetter(at))).collect();
    all.extend((181..=240).map(|place| row(place, "shop", NotificationState::Delivered(at))));
    all.extend((241..=260).map(|place| row(place, "other", NotificationState::DeadLetter(at))));
    let api = api(all);
    let minute = |place: u64| Some(answer::millis(Millis(T0 + place * 60_000)));
    let ask = |since, until, include_delivered| v1::RecoverDeliveriesRequest {
        app_id: "shop".into(),
        since,
        until,
        include_delivered,
        reason: "they were down".into(),
        ..Default::default()
    };
    for (asked, expected) in [
        (ask(minute(161), minute(171), false), 10),
        (ask(None, None, false), 170),
        (ask(None, None, false), 0),
        (ask(minute(200), None, true), 41),
    ] {
        let answer = api.recover_deliveries(ops(asked.clone())).await.unwrap().into_inner();
        assert_eq!((answer.count, answer.next_page_token.as_str()), (expected, ""), "{asked:?}");
    }
    assert_eq!(listed(&api, list(&[Wire::DeadLetter])).await, (241..=260).collect::<Vec<u64>>());
    // A call without time takes one step and says where to go on.
    let mut hasty = ops(v1::RecoverDeliveriesRequest { page_token: String::new(), ..ask(None, None, true) });
    hasty.metadata_mut().insert("grpc-timeout", "0n".parse().unwrap());
    let answer = api.recover_deliveries(hasty).await.unwrap().into_inner();
    assert!(answer.count <= 50, "{}", answer.count);
    let foreign = v1::RecoverDeliveriesRequest { page_token: answer.next_page_token + "A", ..ask(None, None, true) };
    assert_eq!(api.recover_deliveries(ops(foreign)).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_say_what_waits_for_them_and_are_parked_and_resumed() {
    let api = api(rows());
    let id = row(1, "shop", NotificationState::Waiting).endpoint();
    let endpoint_id = id.to_string();
    let status = crate::domain::LaneStatus { in_flight: 3, resting_until: Some(Millis(T0)) };
    api.0.lanes.set(id, Some(status));
    let park = v1::ParkEndpointRequest { endpoint_id: endpoint_id.clone(), reason: "they move".into() };
    let parked = api.park_endpoint(ops(park)).await.unwrap().into_inner().endpoint.unwrap();
    assert_eq!((parked.pending, parked.pending_is_more, parked.in_flight), (2, false, 3));
    assert_eq!(parked.next_due_time, Some(answer::millis(Millis(T0 + 900_000))));
    assert_eq!(parked.resting_until, Some(answer::millis(Millis(T0))));
    let why = parked.parked.clone().unwrap();
    assert_eq!((why.why.as_str(), why.by.as_str(), why.reason.as_str()), ("operator", "uid 7", "they move"));
    let only = v1::ListEndpointsRequest { only_parked: true, ..Default::default() };
    assert_eq!(api.list_endpoints(ops(only.clone())).await.unwrap().into_inner().endpoints, [parked]);
    let resume = v1::ResumeEndpointRequest { endpoint_id, reason: "they moved".into() };
    let open = api.resume_endpoint(ops(resume)).await.unwrap().into_inner().endpoint.unwrap();
    assert_eq!(open.parked, None);
    assert!(api.list_endpoints(ops(only)).await.unwrap().into_inner().endpoints.is_empty());
    let one = v1::ListEndpointsRequest { page_size: 1, ..Default::default() };
    let first = api.list_endpoints(ops(one.clone())).await.unwrap().into_inner();
    let rest = v1::ListEndpointsRequest { page_token: first.next_page_token, ..one };
    let rest = api.list_endpoints(ops(rest)).await.unwrap().into_inner();
    assert_eq!((first.endpoints.len(), rest.endpoints.len(), rest.next_page_token.as_str()), (1, 1, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_recorded_outside_of_the_feed_where_there_is_one() {
    let api = api(rows());
    let asked = |app: &str| v1::TestEndpointRequest { app_id: app.into(), reason: "new receiver".into() };
    let refused = api.test_endpoint(ops(asked("other"))).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "TEST_NOT_SUPPORTED".to_owned()));
    let held: Vec<_> = std::iter::from_fn(|| api.0.tests.enter()).collect();
    assert_eq!(held.len(), 4);
    let refused = api.test_endpoint(ops(asked("shop"))).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::ResourceExhausted, "TESTS_LIMIT".to_owned()));
    drop(held);
    let came = api.test_endpoint(ops(asked("shop"))).await.unwrap().into_inner();
    let attempt = came.attempt.unwrap();
    assert_eq!((attempt.outcome.as_str(), attempt.trigger.as_str()), ("unreachable", "test"));
    let event_id = came.event_id;
    let kept = api.list_attempts(ops(v1::ListAttemptsRequest { event_id: event_id.clone() })).await.unwrap();
    assert_eq!(kept.into_inner().attempts, [attempt]);
    let row = api.get_delivery(ops(v1::GetDeliveryRequest { event_id })).await.unwrap().into_inner().delivery.unwrap();
    assert_eq!((row.state(), row.position, row.r#type.as_str()), (Wire::Closed, 0, "endpoint.test"));
    assert_eq!(listed(&api, list(&[])).await.len(), 10, "not in the feed");
    let log = api.list_audit(ops(v1::ListAuditRequest::default())).await.unwrap().into_inner().records;
    assert_eq!(log.iter().map(|record| record.action.as_str()).collect::<Vec<_>>(), ["endpoint.test"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_fields_are_named() {
    let api = api(vec![]);
    let asked = v1::ListDeliveriesRequest {
        endpoint_id: "xyz".into(),
        states: vec![1, 99],
        r#type: "money".into(),
        since: Some(prost_types::Timestamp { seconds: -1, nanos: 0 }),
        ..Default::default()
    };
    let refused = api.list_deliveries(ops(asked)).await.unwrap_err();
    let fields = refused.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = fields.iter().map(|bad| bad.field.as_str()).collect();
    assert_eq!(fields, ["endpoint_id", "states[1]", "type", "since"]);
    let refused =
        api.resend_delivery(ops(v1::ResendDeliveryRequest { event_id: "a b".into(), reason: " ".into() })).await;
    let fields = refused.unwrap_err().get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = fields.iter().map(|bad| bad.field.as_str()).collect();
    assert_eq!(fields, ["event_id", "reason"]);
    let missing = v1::ResendDeliveryRequest { event_id: "dep_1_1".into(), reason: "w".into() };
    let refused = api.resend_delivery(ops(missing)).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "EVENT_NOT_FOUND".to_owned()));
}
