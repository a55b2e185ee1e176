//! How apps are told and what that means for their orders, over the real writer.

use tonic::Code;
use tonic_types::StatusExt;

use super::*;
use crate::{
    api::{
        policy::{api, ops},
        proto::v1::{
            address_service_server::AddressService, order_service_server::OrderService, register_order_request::Amount,
        },
    },
    domain::{BlockHash, BlockRef, Header, Height, Timestamp},
};

fn shop(protocol: v1::Protocol) -> v1::CreateAppRequest {
    v1::CreateAppRequest {
        app_id: "shop".into(),
        notify_url: "https://shop.example/hook".into(),
        notify_hosts: vec!["b.example".into()],
        protocol: protocol.into(),
        ..Default::default()
    }
}

async fn create(api: &Api, request: v1::CreateAppRequest) -> v1::CreateAppResponse {
    api.create_app(ops(request)).await.unwrap().into_inner()
}

fn change() -> v1::UpdateAppRequest {
    v1::UpdateAppRequest { app_id: "shop".into(), reason: "moved".into(), ..Default::default() }
}

async fn update(api: &Api, request: v1::UpdateAppRequest) -> Result<v1::App, Status> {
    Ok(api.update_app(ops(request)).await?.into_inner().app.unwrap())
}

async fn rotate(api: &Api, secret: &str) -> Result<v1::RotateSecretResponse, Status> {
    let (app_id, secret) = ("shop".to_owned(), secret.to_owned());
    let request = v1::RotateSecretRequest { app_id, secret, ..Default::default() };
    Ok(api.rotate_secret(ops(request)).await?.into_inner())
}

fn fields(refused: &Status) -> Vec<String> {
    let bad = refused.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    bad.into_iter().map(|bad| bad.field).collect()
}

fn news(detected: bool, unmatched: bool, expired: bool, cancelled: bool) -> Option<v1::News> {
    Some(v1::News {
        detected: Some(detected),
        unmatched: Some(unmatched),
        expired: Some(expired),
        cancelled: Some(cancelled),
    })
}

#[tokio::test]
async fn an_app_says_how_it_is_told() {
    let api = api();
    let plain = create(&api, shop(v1::Protocol::Unspecified)).await.app.unwrap();
    assert_eq!((plain.protocol(), plain.protocol_options), (v1::Protocol::StandardWebhooks, Some(Default::default())));
    assert_eq!(plain.news, news(false, true, true, true));
    let same = create(&api, shop(v1::Protocol::StandardWebhooks)).await;
    assert_eq!((same.app, same.secret.as_str()), (Some(plain), ""));
    for other in [
        shop(v1::Protocol::Udun),
        v1::CreateAppRequest { news: news(true, true, true, true), ..shop(v1::Protocol::Unspecified) },
    ] {
        assert_eq!(api.create_app(ops(other)).await.unwrap_err().code(), Code::AlreadyExists);
    }
    let options = v1::ProtocolOptions { v2_sign: v1::V2Sign::B.into(), ..Default::default() };
    let wrong = v1::CreateAppRequest { protocol_options: Some(options), ..shop(v1::Protocol::CrossingpayV1) };
    let refused = api.create_app(ops(wrong)).await.unwrap_err();
    assert_eq!(
        (refused.code(), fields(&refused)),
        (Code::InvalidArgument, vec!["protocol_options.v2_sign".to_owned()])
    );
}

#[tokio::test]
async fn secrets_have_the_form_of_the_protocol() {
    let api = api();
    let options = v1::ProtocolOptions { v1_format: v1::V1Format::Json.into(), ..Default::default() };
    let asked = v1::CreateAppRequest { protocol_options: Some(options), ..shop(v1::Protocol::CrossingpayV1) };
    let made = create(&api, asked.clone()).await;
    let kept = made.app.clone().unwrap().protocol_options.unwrap();
    assert_eq!((kept.v1_scheme(), kept.v1_format()), (v1::V1Scheme::HmacSha256Sorted, v1::V1Format::Json));
    assert_eq!(kept.v2_sign(), v1::V2Sign::Unspecified);
    assert!(made.secret.len() == 32 && made.secret.bytes().all(|b| b.is_ascii_alphanumeric()), "drawn as text");
    assert_eq!(create(&api, asked).await.app, made.app);
    assert_eq!(rotate(&api, "p\u{e4}ssword 1").await.unwrap().secret, "", "a text that was brought is not shown");
    for wrong in ["a\nb", &"x".repeat(129)] {
        let refused = rotate(&api, wrong).await.unwrap_err();
        assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, vec!["secret".to_owned()]));
    }
    let drawn = rotate(&api, "").await.unwrap();
    assert!(drawn.secret.len() == 32 && drawn.secret != made.secret);
    let standard = v1::CreateAppRequest { app_id: "new".into(), ..shop(v1::Protocol::Unspecified) };
    let typed = v1::CreateAppRequest { secret: "password".into(), ..standard.clone() };
    assert_eq!(fields(&api.create_app(ops(typed)).await.unwrap_err()), ["secret"]);
    assert!(create(&api, standard).await.secret.starts_with("whsec_"));
}

#[tokio::test]
async fn what_is_not_said_stays() {
    let api = api();
    create(&api, shop(v1::Protocol::CrossingpayV2)).await;
    let option = |sign: v1::V2Sign| Some(v1::ProtocolOptions { v2_sign: sign.into(), ..Default::default() });
    let switched = update(&api, v1::UpdateAppRequest { protocol_options: option(v1::V2Sign::B), ..change() }).await;
    assert_eq!(switched.unwrap().protocol_options, option(v1::V2Sign::B));
    let asked = v1::News { detected: Some(true), expired: Some(false), ..Default::default() };
    let told = update(&api, v1::UpdateAppRequest { news: Some(asked), ..change() }).await.unwrap();
    assert_eq!((told.news, told.protocol_options), (news(true, true, false, true), option(v1::V2Sign::B)));
    let url = "https://new.example/hook".to_owned();
    let moved = update(&api, v1::UpdateAppRequest { notify_url: url.clone(), ..change() }).await.unwrap();
    assert_eq!(
        (moved.notify_url, moved.notify_hosts),
        (url.clone(), vec!["b.example".to_owned(), "shop.example".to_owned()])
    );
    let hosts = Some(v1::NotifyHosts { hosts: vec!["C.example".into(), "a.example".into()] });
    let hosted = update(&api, v1::UpdateAppRequest { notify_hosts: hosts, ..change() }).await.unwrap();
    assert_eq!(hosted.notify_hosts, ["a.example", "c.example"]);
    let none = v1::UpdateAppRequest { notify_hosts: Some(v1::NotifyHosts::default()), ..change() };
    let bare = update(&api, none).await.unwrap();
    assert_eq!((bare.notify_hosts.len(), bare.protocol(), bare.notify_url), (0, v1::Protocol::CrossingpayV2, url));
    let udun = update(&api, v1::UpdateAppRequest { protocol: v1::Protocol::Udun.into(), ..change() }).await.unwrap();
    assert_eq!((udun.protocol(), udun.protocol_options), (v1::Protocol::Udun, Some(Default::default())));
    let standard = v1::UpdateAppRequest { protocol: v1::Protocol::StandardWebhooks.into(), ..change() };
    assert_eq!(update(&api, standard).await.unwrap_err().code(), Code::FailedPrecondition);
    let wrong = v1::UpdateAppRequest { protocol_options: option(v1::V2Sign::A), ..change() };
    assert_eq!(fields(&update(&api, wrong).await.unwrap_err()), ["protocol_options.v2_sign"]);
    let nobody = v1::UpdateAppRequest { app_id: "nobody".into(), ..change() };
    assert_eq!(update(&api, nobody).await.unwrap_err().code(), Code::NotFound);
    let silent = v1::UpdateAppRequest { reason: String::new(), app_id: "a b".into(), ..change() };
    assert_eq!(fields(&update(&api, silent).await.unwrap_err()), ["app_id", "reason"]);
}

async fn ready(api: &Api) {
    let at = BlockRef { height: Height(10), hash: BlockHash([1; 32]) };
    let header = Header { at, parent: BlockHash([0; 32]), time: Timestamp(100) };
    api.0.writer.adopt("ethereum-mainnet".parse().unwrap(), vec![header]).await.unwrap();
}

fn order(id: &str) -> v1::RegisterOrderRequest {
    v1::RegisterOrderRequest {
        app_id: "shop".into(),
        order_id: id.into(),
        user_mark: "user".into(),
        address: "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed".into(),
        networks: vec!["ethereum-mainnet".into()],
        token: "USDT".into(),
        amount: Some(Amount::AmountDecimal("1".into())),
        ..Default::default()
    }
}

async fn register(api: &Api, request: v1::RegisterOrderRequest) -> Result<v1::Order, Status> {
    Ok(api.register_order(ops(request)).await?.into_inner().order.unwrap())
}

fn watch() -> v1::WatchAddressRequest {
    v1::WatchAddressRequest {
        app_id: "shop".into(),
        user_mark: "user".into(),
        address: "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359".into(),
        networks: vec!["ethereum-mainnet".into()],
        since: None,
    }
}

#[tokio::test]
async fn an_order_has_the_id_its_protocol_names_and_keeps_it() {
    let api = api();
    ready(&api).await;
    create(&api, shop(v1::Protocol::Usdtcnpay)).await;
    let asked = v1::RegisterOrderRequest { fail_url: "https://shop.example/failed".into(), ..order("o-1") };
    let first = register(&api, asked.clone()).await.unwrap();
    let drawn = uuid::Uuid::try_parse(first.ordersn.strip_prefix("cz-").unwrap()).unwrap();
    assert_eq!((drawn.get_version_num(), first.ordersn.len()), (4, 39));
    assert_eq!((first.fail_url.as_str(), first.notify_url.as_str()), ("https://shop.example/failed", ""));
    assert_eq!(register(&api, asked).await.unwrap(), first, "the same again has the same id");
    assert_eq!(register(&api, order("o-1")).await.unwrap_err().code(), Code::AlreadyExists, "without the fail URL");
    let refused = api.watch_address(ops(watch())).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("by order only"), "{}", refused.message());
}

#[tokio::test]
async fn what_an_app_could_not_be_told_is_not_taken() {
    let api = api();
    ready(&api).await;
    create(&api, shop(v1::Protocol::CrossingpayV2)).await;
    let refused = register(&api, order("o-1")).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().starts_with("username:"), "{}", refused.message());
    let named = v1::RegisterOrderRequest { username: "a|b".into(), ..order("o-1") };
    assert_eq!(register(&api, named).await.unwrap_err().code(), Code::InvalidArgument);
    let named = v1::RegisterOrderRequest { username: "ab".into(), ..order("o-1") };
    let failing = v1::RegisterOrderRequest { fail_url: "https://shop.example/f".into(), ..named.clone() };
    let refused = register(&api, failing).await.unwrap_err();
    assert!(refused.message().starts_with("fail_url:"), "{}", refused.message());
    assert!(register(&api, named).await.unwrap().ordersn.starts_with("cz-"));
    let plain = v1::CreateAppRequest { app_id: "plain".into(), ..shop(v1::Protocol::Unspecified) };
    create(&api, plain).await;
    let place = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359".to_owned();
    let orders = v1::RegisterOrderRequest { app_id: "plain".into(), address: place, ..order("a|&amount") };
    let answer = register(&api, orders).await.unwrap();
    assert_eq!((answer.ordersn.as_str(), answer.fail_url.as_str()), ("", ""));
    assert!(api.watch_address(ops(v1::WatchAddressRequest { app_id: "plain".into(), ..watch() })).await.is_ok());
}
