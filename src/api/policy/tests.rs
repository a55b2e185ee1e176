//! `PolicyService`, `AuditService` and the acts of `AppService` over the real writer, without sockets.

use std::sync::Arc;

use futures::TryStreamExt;
use tokio::sync::Semaphore;
use tonic::Code;
use tonic_types::StatusExt;

use super::*;
use crate::{
    api::{
        Core,
        auth::Caller,
        page::Pager,
        proto::v1::{
            app_service_server::AppService, audit_service_server::AuditService, network_service_server::NetworkService,
            registration_service_server::RegistrationService,
        },
        streams::StreamRoom,
    },
    domain::{
        Act, Address, AuditRecord, Decimals, Family, Need, NotifyUrl, Scope, StatusBoard, TierFrom, Token, TokenAmount,
        TokenGrant,
        policy::{Limits, Rule, RuleSet},
    },
    store::{MemoryEngine, Store},
    writer::{Loading, Writer, handle::WriterHandle},
};

const USDT: Address = Address([1; 20]);

fn spec() -> NetworkSpec {
    let (decimals, minimum) = (Decimals::new(6).unwrap(), TokenAmount::ZERO);
    let tokens = BTreeMap::from([(USDT, Token { contract: USDT, symbol: "USDT".into(), decimals, minimum })]);
    let count = |count| Confirmations::new(count).unwrap();
    let rule = |from: &str, needed, origin| Rule {
        scope: PolicyScope { from: TierFrom::parse(from).unwrap(), ..PolicyScope::network() },
        need: Need::of(Threshold::Confirmations(count(needed))),
        origin,
    };
    let file = vec![rule("0", 12, Origin::Default), rule("10000", 20, Origin::File("depositd.toml:9".into()))];
    let limits = Limits { floor: count(2), ceiling: count(32), endpoints: 2 };
    let policy = Policy::compile(RuleSet { limits, file, runtime: BTreeMap::new() }, &tokens).unwrap();
    NetworkSpec {
        main_coin: None,
        id: "ethereum-mainnet".parse().unwrap(),
        family: Family::Evm,
        tokens,
        policy,
        window_blocks: 64,
    }
}

/// The services over a writer of their own, which ends with them.
pub(in crate::api) fn api() -> Api {
    let core = Loading::of([spec()]).finish(Store::in_memory(&MemoryEngine::new(), |_| ()).unwrap()).unwrap();
    let (handle, commands) = WriterHandle::new();
    let (reader, networks) = (core.store().reader(), core.specs());
    let writer = Writer::new(core, &handle, commands);
    tokio::task::spawn_blocking(|| writer.run().unwrap());
    Api(Arc::new(Core {
        reader,
        writer: handle,
        networks,
        board: StatusBoard::default(),
        url_check: Arc::new(|url, _| Ok(NotifyUrl::checked(url.to_owned()).unwrap())),
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
    let call = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    request.extensions_mut().insert(StreamRoom::default().enter(&caller.name(), call).unwrap());
    request.extensions_mut().insert(caller);
    request
}

pub(in crate::api) fn ops<T>(message: T) -> Request<T> {
    by(Caller::Local { uid: Some(7) }, message)
}

fn bound<T>(message: T) -> Request<T> {
    let (name, scopes) = ("shop".to_owned(), [Scope::Admin, Scope::Read].into());
    let grant = TokenGrant { name, sha256: [0; 32], scopes, app: Some("shop".parse().unwrap()) };
    by(Caller::Token(Arc::new(grant)), message)
}

fn set(from: &str, count: u32) -> v1::SetPolicyRequest {
    v1::SetPolicyRequest {
        network: "ethereum-mainnet".into(),
        from: from.into(),
        threshold: Some(AskedThreshold::Confirmations(count)),
        reason: "fees".into(),
        ..Default::default()
    }
}

async fn create_app(api: &Api) -> v1::App {
    let request = v1::CreateAppRequest {
        app_id: "shop".into(),
        notify_url: "https://pay.example/in".into(),
        amount_policy: v1::AmountPolicy::AtLeast.into(),
        grace_seconds: 60,
        ..Default::default()
    };
    api.create_app(ops(request)).await.unwrap().into_inner().app.unwrap()
}

async fn shown(api: &Api, app: &str) -> Vec<String> {
    let request = v1::ShowPolicyRequest { app_id: app.into(), ..Default::default() };
    let networks = api.show_policy(ops(request)).await.unwrap().into_inner().networks;
    networks.iter().flat_map(|network| &network.rungs).map(rung).collect()
}

/// `app from base-units: need, scope of the rule, origin`.
fn rung(rung: &v1::PolicyRung) -> String {
    use v1::{policy_origin::Origin as Told, required_confirmations::Rule};
    let Some(Rule::Confirmations(count)) = rung.required.unwrap().rule else { panic!("{rung:?}") };
    let origin = match rung.origin.clone().unwrap().origin.unwrap() {
        Told::Default(_) => "default".to_owned(),
        Told::File(place) => place,
        Told::Runtime(act) => format!("{}: {}", act.actor, act.reason),
    };
    let (scope, second) = (rung.scope.clone().unwrap(), if rung.second_source { "+" } else { "" });
    let app = format!("{}/{}", rung.app_id, scope.app_id);
    format!("{app} {} {}: {count}{second}, {}, {origin}", rung.from, rung.from_base_units, scope.from)
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().unwrap().reason)
}

#[tokio::test]
async fn rules_are_shown_with_where_they_come_from() {
    let api = api();
    create_app(&api).await;
    let before = ["/ 0 0: 12, 0, default", "/ 10000 10000000000: 20, 10000, depositd.toml:9"];
    assert_eq!(shown(&api, "").await, before);
    let own = v1::SetPolicyRequest { app_id: "shop".into(), token: "USDT".into(), ..set("", 9) };
    let (from, second_source) = ("10000.0".to_owned(), Some(true));
    let tried = v1::SetPolicyRequest { dry_run: true, from, second_source, threshold: None, ..own.clone() };
    let preview = api.set_policy(ops(tried)).await.unwrap().into_inner().preview.unwrap();
    let policy = preview.policy.unwrap();
    assert_eq!(rung(&policy.rungs[2]), "shop/ 0 0: 12, 0, default");
    assert_eq!(rung(&policy.rungs[3]), "shop/shop 10000 10000000000: 20+, 10000, uid 7: fees");
    assert_eq!(shown(&api, "").await, before, "trying changes nothing");
    let preview = api.set_policy(ops(own)).await.unwrap().into_inner().preview.unwrap();
    let now = ["shop/shop 0 0: 9, 0, uid 7: fees", "shop/ 10000 10000000000: 20, 10000, depositd.toml:9"];
    assert_eq!(shown(&api, "").await, [before, now].concat());
    assert_eq!(shown(&api, "shop").await, now);
    assert_eq!(shown(&api, "other").await, before);
    assert_eq!((preview.credited.unwrap().count, preview.held_back.unwrap().count), (0, 0));
    // Who is bound to an app sees what counts for it, and nothing of another.
    let rungs = |answer: Response<v1::ShowPolicyResponse>| -> Vec<String> {
        answer.into_inner().networks[0].rungs.iter().map(rung).collect()
    };
    assert_eq!(rungs(api.show_policy(bound(v1::ShowPolicyRequest::default())).await.unwrap()), now);
    let foreign = v1::ShowPolicyRequest { app_id: "other".into(), ..Default::default() };
    assert_eq!(reason(&api.show_policy(bound(foreign)).await.unwrap_err()), (Code::NotFound, "APP_NOT_FOUND".into()));
}

#[tokio::test]
async fn changes_that_cannot_be_are_refused_and_leave_no_record() {
    let api = api();
    let etag = api.0.networks.now().values().next().unwrap().policy.etag();
    let nothing = v1::SetPolicyRequest { threshold: None, ..set("", 9) };
    let never = v1::SetPolicyRequest { threshold: Some(AskedThreshold::Finalized(false)), ..set("", 9) };
    for (request, expected) in [
        (v1::SetPolicyRequest { reason: String::new(), ..set("", 9) }, (Code::InvalidArgument, "INVALID_FIELDS")),
        (v1::SetPolicyRequest { network: "elsewhere".into(), ..set("", 9) }, (Code::InvalidArgument, "INVALID_FIELDS")),
        (nothing, (Code::InvalidArgument, "INVALID_FIELDS")),
        (never, (Code::InvalidArgument, "INVALID_FIELDS")),
        (set("", 0), (Code::InvalidArgument, "INVALID_FIELDS")),
        (set("", 1), (Code::InvalidArgument, "POLICY_UNSOUND")),
        (set("", 21), (Code::InvalidArgument, "POLICY_UNSOUND")),
        (v1::SetPolicyRequest { app_id: "nobody".into(), ..set("", 9) }, (Code::NotFound, "APP_NOT_FOUND")),
        (v1::SetPolicyRequest { etag: "other".into(), ..set("", 9) }, (Code::Aborted, "STALE")),
    ] {
        let (code, word) = reason(&api.set_policy(ops(request.clone())).await.unwrap_err());
        assert_eq!((code, word.as_str()), expected, "{request:?}");
    }
    let clear =
        v1::ClearPolicyRequest { network: "ethereum-mainnet".into(), reason: "gone".into(), ..Default::default() };
    let refused = api.clear_policy(ops(clear.clone())).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "NOT_FOUND".into()));
    for refused in [
        api.set_policy(bound(set("", 9))).await.map(|_| ()).unwrap_err(),
        api.clear_policy(bound(clear.clone())).await.map(|_| ()).unwrap_err(),
        api.list_audit(bound(v1::ListAuditRequest::default())).await.map(|_| ()).unwrap_err(),
        api.export_audit(bound(v1::ExportAuditRequest::default())).await.map(|_| ()).unwrap_err(),
        api.get_checkpoint(bound(v1::GetCheckpointRequest {})).await.map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(reason(&refused), (Code::PermissionDenied, "APP_BOUND".into()));
    }
    let checkpoint = api.get_checkpoint(ops(v1::GetCheckpointRequest {})).await.unwrap().into_inner();
    assert_eq!((checkpoint.number, checkpoint.hash), (0, hex::encode(crate::domain::audit::GENESIS)));
    api.set_policy(ops(v1::SetPolicyRequest { etag, ..set("", 9) })).await.unwrap();
    api.clear_policy(ops(clear)).await.unwrap();
    let checkpoint = api.get_checkpoint(ops(v1::GetCheckpointRequest {})).await.unwrap().into_inner();
    assert_eq!(checkpoint.number, 2);
}

#[tokio::test]
async fn every_act_is_listed_exported_and_chained() {
    let api = api();
    let app = create_app(&api).await;
    assert_eq!((app.amount_policy(), app.grace_seconds), (v1::AmountPolicy::AtLeast, 60));
    assert_eq!(create_app(&api).await, app, "the same again");
    let update = v1::UpdateAppRequest {
        app_id: "shop".into(),
        grace_seconds: Some(120),
        reason: "slow payers".into(),
        ..Default::default()
    };
    let app = api.update_app(ops(update.clone())).await.unwrap().into_inner().app.unwrap();
    assert_eq!((app.amount_policy(), app.grace_seconds), (v1::AmountPolicy::AtLeast, 120));
    let silent = v1::UpdateAppRequest { reason: String::new(), ..update };
    assert_eq!(api.update_app(ops(silent)).await.unwrap_err().code(), Code::InvalidArgument);
    let rotate = v1::RotateSecretRequest { app_id: "shop".into(), ..Default::default() };
    api.rotate_secret(ops(rotate)).await.unwrap();
    api.set_policy(ops(set("", 9))).await.unwrap();
    let exported = api.export_audit(ops(v1::ExportAuditRequest { after: 0 })).await.unwrap().into_inner();
    let exported: Vec<_> = exported.map_ok(|answer| answer.record.unwrap()).try_collect().await.unwrap();
    let actions: Vec<&str> = exported.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(actions, ["app.create", "app.update", "app.rotate", "policy.set"]);
    assert!(exported.iter().zip(&exported[1..]).all(|(last, next)| next.previous_hash == last.hash));
    let stored = api.0.reader.audit(0, 10).unwrap();
    assert_eq!(exported.iter().map(|record| record.hash.clone()).collect::<Vec<_>>(), hashes(&stored));
    let (mut listed, mut request) = (Vec::new(), v1::ListAuditRequest { page_size: 2, after: 1, ..Default::default() });
    loop {
        let page = api.list_audit(ops(request.clone())).await.unwrap().into_inner();
        listed.extend(page.records);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, exported[1..]);
    let rest = api.export_audit(ops(v1::ExportAuditRequest { after: 4 })).await.unwrap().into_inner();
    assert_eq!(rest.try_collect::<Vec<_>>().await.unwrap(), []);
    let checkpoint = api.get_checkpoint(ops(v1::GetCheckpointRequest {})).await.unwrap().into_inner();
    let last = exported.last().unwrap();
    assert_eq!((checkpoint.number, &checkpoint.hash, checkpoint.time), (4, &last.hash, last.time));
}

fn hashes(records: &[AuditRecord]) -> Vec<String> {
    records.iter().map(|record| hex::encode(record.hash())).collect()
}

#[tokio::test]
async fn an_export_of_many_records_is_read_in_parts_and_whole() {
    let api = api();
    create_app(&api).await;
    for number in 0..1100_u32 {
        let update = crate::writer::handle::AppUpdate {
            news: Default::default(),
            protocol: None,
            notify_url: None,
            notify_hosts: None,
            app: "shop".parse().unwrap(),
            amount_policy: None,
            grace_s: Some(number),
        };
        let act = Act { by: "uid 7".into(), at: crate::domain::Millis(1), why: "x".into() };
        api.0.writer.update_app(update, act).await.unwrap();
    }
    let exported = api.export_audit(ops(v1::ExportAuditRequest { after: 0 })).await.unwrap().into_inner();
    let numbers: Vec<u64> = exported.map_ok(|answer| answer.record.unwrap().number).try_collect().await.unwrap();
    assert_eq!(numbers, (1..=1101).collect::<Vec<u64>>());
}

#[tokio::test]
async fn who_is_bound_to_an_app_does_not_act_on_networks() {
    let api = api();
    let (network, reason_given) = ("ethereum-mainnet".to_owned(), "why".to_owned());
    let rescan = || v1::RescanNetworkRequest {
        network: network.clone(),
        from_height: 1,
        to_height: 2,
        reason: reason_given.clone(),
    };
    let resume = || v1::ResumeNetworkRequest {
        network: network.clone(),
        mode: v1::ResumeMode::TakeBack.into(),
        above_height: Some(0),
        reason: reason_given.clone(),
    };
    let refused = (Code::PermissionDenied, "APP_BOUND".to_owned());
    assert_eq!(reason(&api.rescan_network(bound(rescan())).await.unwrap_err()), refused);
    assert_eq!(reason(&api.resume_network(bound(resume())).await.unwrap_err()), refused);
    let not_halted = (Code::FailedPrecondition, "NOT_HALTED".to_owned());
    assert_eq!(reason(&api.resume_network(ops(resume())).await.unwrap_err()), not_halted);
}

#[tokio::test]
async fn an_export_keeps_its_place_among_the_streams_until_it_ends() {
    let (api, room) = (api(), StreamRoom::default());
    create_app(&api).await;
    let calls = Arc::new(Semaphore::new(2));
    let place = || room.enter("uid 7", Arc::clone(&calls).try_acquire_owned().unwrap()).unwrap();
    let mut audit = ops(v1::ExportAuditRequest { after: 0 });
    audit.extensions_mut().insert(place());
    let mut registrations = ops(v1::ExportRequest::default());
    registrations.extensions_mut().insert(place());
    let audit = api.export_audit(audit).await.unwrap().into_inner();
    let registrations = api.export(registrations).await.unwrap().into_inner();
    assert_eq!(calls.available_permits(), 0);
    assert_eq!(audit.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    assert_eq!(calls.available_permits(), 1);
    assert_eq!(registrations.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    assert_eq!(calls.available_permits(), 2);
}

#[tokio::test]
async fn the_end_of_an_import_is_recorded_with_a_reason_or_not_at_all() {
    let api = api();
    let finish = |why: &str| v1::FinishImportRequest {
        reason: why.to_owned(),
        sha256: "ab".repeat(32),
        ..v1::FinishImportRequest::default()
    };
    for why in ["", "  ", "a\nb"] {
        let status = api.finish_import(ops(finish(why))).await.unwrap_err();
        assert_eq!(reason(&status), (Code::InvalidArgument, "INVALID_FIELDS".to_owned()), "{why:?}");
    }
    api.finish_import(ops(finish("the disk broke"))).await.unwrap();
}
