//! What people see of deliveries and endpoints, and what they do: again, a range, a test, parked, resumed, closed.

use std::process::{Command, Output};

use depositd::{
    api::{
        Bearer, connect,
        proto::v1::{
            self, DeliveryState, audit_service_client::AuditServiceClient,
            delivery_service_client::DeliveryServiceClient, endpoint_service_client::EndpointServiceClient,
        },
    },
    devnet::{Answer, Merchant, Sameness, Signature},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tonic::{Code, transport::Channel};

use crate::harness::{
    KEY, Plan, SHOP, World, account, free_port,
    gateway::{Gateway, code},
    wait_until,
};

fn deliveries(gateway: &Gateway) -> DeliveryServiceClient<Channel> {
    DeliveryServiceClient::new(gateway.channel.clone())
}

fn endpoints(gateway: &Gateway) -> EndpointServiceClient<Channel> {
    EndpointServiceClient::new(gateway.channel.clone())
}

async fn listed(gateway: &Gateway, states: &[DeliveryState]) -> Vec<v1::Delivery> {
    let states = states.iter().map(|state| (*state).into()).collect();
    let request = v1::ListDeliveriesRequest { app_id: SHOP.to_owned(), states, ..Default::default() };
    deliveries(gateway).list_deliveries(request).await.expect("a page").into_inner().deliveries
}

async fn attempts(gateway: &Gateway, event_id: &str) -> Vec<v1::DeliveryAttempt> {
    let request = v1::ListAttemptsRequest { event_id: event_id.to_owned() };
    deliveries(gateway).list_attempts(request).await.expect("attempts").into_inner().attempts
}

async fn parked(gateway: &Gateway) -> Vec<v1::Endpoint> {
    let request = v1::ListEndpointsRequest { only_parked: true, ..Default::default() };
    endpoints(gateway).list_endpoints(request).await.expect("endpoints").into_inner().endpoints
}

async fn delivered(gateway: &Gateway, count: usize) {
    let what = format!("{count} deliveries");
    wait_until(&what, async || listed(gateway, &[DeliveryState::Delivered]).await.len() == count).await;
}

/// The built command line against the world's daemon.
async fn depositd(world: &World, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_depositd"));
    command.args(words).arg("--server").arg(format!("unix:{}", world.socket().display()));
    tokio::task::spawn_blocking(move || command.output().expect("the binary starts")).await.expect("it ends")
}

/// The same; it succeeds, and says it in JSON.
async fn shown(world: &World, words: &[&str]) -> Value {
    let output = depositd(world, &[words, &["--json"]].concat()).await;
    assert!(output.status.success(), "{words:?}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_event_is_listed_with_its_attempts_and_sent_again_with_the_same_bytes() {
    let (mut world, gateway) = World::open([Plan::new("again")]).await;
    gateway.watch(SHOP, "again", account(1)).await;
    world.merchant.script([Answer::Text(500, "no \u{1b}[2J room".to_owned())]);
    world.net().pay(account(1), 3_000_000);
    world.net().confirm();
    world.merchant.wait_for(1, 30_000).await.expect("the first attempt");
    wait_until("the attempt on record", async || {
        listed(&gateway, &[DeliveryState::Due]).await.iter().any(|row| row.attempts == 1)
    })
    .await;
    let due = listed(&gateway, &[DeliveryState::Due]).await.remove(0);
    assert_eq!((due.r#type.as_str(), due.position), ("deposit.confirmed", 1));
    assert!(due.due_time.is_some() && due.receiver.starts_with("http://127.0.0.1:"), "{due:?}");
    let first = attempts(&gateway, &due.event_id).await.remove(0);
    assert_eq!((first.number, first.status, first.outcome.as_str()), (1, Some(500), "refused"));
    assert_eq!((first.trigger.as_str(), first.peer.as_str()), ("schedule", "127.0.0.1"));
    assert!(first.excerpt.contains("room") && !first.excerpt.contains('\u{1b}'), "{first:?}");

    delivered(&gateway, 1).await;
    let heard = world.merchant.received();
    let resend = ["delivery", "resend", &due.event_id, "--reason", "they lost it"];
    assert_eq!(shown(&world, &resend).await["event_id"], due.event_id);
    let received = world.merchant.wait_for(heard.len() + 1, 30_000).await.expect("once more");
    let (before, last) = (&received[0], &received[heard.len()]);
    assert_eq!((&last.id, &last.body, last.sameness), (&before.id, &before.body, Sameness::Repeat));
    assert_eq!(last.signature, Signature::Verified);
    delivered(&gateway, 1).await;
    let kept = attempts(&gateway, &due.event_id).await;
    assert_eq!(kept.last().map(|last| (last.trigger.as_str(), last.outcome.as_str())), Some(("manual", "accepted")));

    // Everything of a range, by the command line.
    let before = world.merchant.received().len();
    let recover = ["delivery", "recover", SHOP, "--include-delivered", "--reason", "a new data base"];
    assert_eq!(shown(&world, &recover).await["count"], 1);
    world.merchant.wait_for(before + 1, 30_000).await.expect("once more");
    delivered(&gateway, 1).await;
    let close = ["delivery", "close", &due.event_id, "--reason", "there is nothing to close"];
    assert_eq!(depositd(&world, &close).await.status.code(), Some(4));
    let table = depositd(&world, &["delivery", "attempts", &due.event_id]).await;
    assert!(String::from_utf8_lossy(&table.stdout).contains("refused"), "{table:?}");
    let missing = depositd(&world, &["delivery", "get", "dep_none_1"]).await;
    assert_eq!(missing.status.code(), Some(3));

    let mut audit = AuditServiceClient::new(gateway.channel.clone());
    let log = audit.list_audit(v1::ListAuditRequest::default()).await.expect("the log").into_inner().records;
    let log: Vec<_> = log.iter().map(|record| (record.action.as_str(), record.reason.as_str())).collect();
    assert_eq!(log[1..], [("delivery.resend", "they lost it"), ("delivery.recover", "a new data base")]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_410_parks_the_endpoint_and_a_person_resumes_it() {
    let (mut world, gateway) = World::open([Plan::new("parked")]).await;
    gateway.watch(SHOP, "parked", account(1)).await;
    world.merchant.otherwise(Answer::Status(410));
    world.net().pay(account(1), 1_000_000);
    world.net().confirm();
    wait_until("the endpoint to be parked", async || !parked(&gateway).await.is_empty()).await;
    let heard = world.merchant.received().len();
    for amount in 2..5 {
        world.net().pay(account(1), amount * 1_000_000);
    }
    world.net().confirm();
    wait_until("four events", async || listed(&gateway, &[]).await.len() == 4).await;
    let endpoint = parked(&gateway).await.remove(0);
    assert_eq!(endpoint.parked.as_ref().map(|parked| parked.why.as_str()), Some("gone"));
    assert_eq!((endpoint.app_id.as_str(), endpoint.pending), (SHOP, 4));
    let held = listed(&gateway, &[DeliveryState::Due]).await;
    assert!(held.len() == 4 && held.iter().all(|row| row.tries == 0), "held, not spent: {held:?}");
    assert_eq!(world.merchant.received().len(), heard, "nothing is sent to a parked endpoint");

    world.merchant.otherwise(Answer::Status(200));
    let resume = ["endpoint", "resume", &endpoint.endpoint_id, "--reason", "they are back"];
    assert_eq!(shown(&world, &resume).await["parked"], Value::Null);
    delivered(&gateway, 4).await;
    let told: Vec<_> = world.merchant.received()[heard..].iter().map(|request| request.id.clone()).collect();
    let order: Vec<_> = held.into_iter().map(|row| Some(row.event_id)).collect();
    assert_eq!(told.first(), order.first(), "the one that waited longest comes first");
    assert_eq!(told.len(), order.len());

    let park = ["endpoint", "park", &endpoint.endpoint_id, "--reason", "they move"];
    assert_eq!(shown(&world, &park).await["parked"]["why"], "operator");
    let rows = shown(&world, &["endpoint", "list", "--parked"]).await;
    assert_eq!(rows["endpoints"][0]["parked"]["reason"], "they move");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_arrives_signed_and_is_not_in_the_feed() {
    let (mut world, gateway) = World::open([Plan::new("tested")]).await;
    let test = ["endpoint", "test", SHOP, "--reason", "a new receiver"];
    let came = shown(&world, &test).await;
    assert_eq!((&came["attempt"]["outcome"], &came["attempt"]["status"]), (&"accepted".into(), &200.into()));
    let received = world.merchant.received();
    assert_eq!((received.len(), received[0].signature), (1, Signature::Verified));
    let body: Value = serde_json::from_slice(&received[0].body).expect("JSON");
    assert_eq!((&body["type"], &body["data"]["event_id"]), (&"endpoint.test".into(), &came["event_id"]));
    assert_eq!(received[0].id.as_deref(), came["event_id"].as_str());
    assert!(listed(&gateway, &[]).await.is_empty(), "a test is no event");

    world.merchant.script([Answer::Text(500, "not yet".to_owned())]);
    let refused = depositd(&world, &test).await;
    assert_eq!(refused.status.code(), Some(1));
    let table = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(table.contains("500") && table.contains("not yet"), "{table}");
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert_eq!(world.merchant.received().len(), 2, "a test is sent once");
    let mut audit = AuditServiceClient::new(gateway.channel.clone());
    let log = audit.list_audit(v1::ListAuditRequest::default()).await.expect("the log").into_inner().records;
    let log: Vec<_> = log.iter().map(|record| (record.action.as_str(), record.after.as_str())).collect();
    assert_eq!(log[1..], [("endpoint.test", "accepted"), ("endpoint.test", "refused")]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_bound_to_an_app_sees_no_others_deliveries() {
    let mut world = World::of([Plan::new("bound-deliveries")]).await;
    let tcp = free_port();
    let hash = hex::encode(Sha256::digest("own-token"));
    let token = format!("name = \"own\"\nsha256 = \"{hash}\"\nscopes = [\"read\", \"admin\"]\napp = \"{SHOP}\"\n");
    world.api = format!("tcp = \"{tcp}\"\n[[api.tokens]]\n{token}");
    let gateway = world.start().await;
    let other = Merchant::start(0, vec![KEY.to_vec()]).await.unwrap();
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.create_app("other", &other.url).await;
    gateway.begun("bound-deliveries").await;
    gateway.watch(SHOP, "bound-deliveries", account(1)).await;
    gateway.watch("other", "bound-deliveries", account(2)).await;
    for mark in [1, 2] {
        world.net().pay(account(mark), 1_000_000);
    }
    world.net().confirm();
    delivered(&gateway, 1).await;
    let foreign = other.wait_for(1, 30_000).await.expect("the other one is told")[0].id.clone().unwrap();
    let all = v1::ListEndpointsRequest::default();
    let known = endpoints(&gateway).list_endpoints(all.clone()).await.unwrap().into_inner().endpoints;
    let endpoint_id = known.iter().find(|known| known.app_id == "other").unwrap().endpoint_id.clone();

    let channel = connect(&format!("http://{tcp}")).await.unwrap();
    let bearer = || Bearer::new(Some("own-token")).unwrap();
    let mut deliveries = DeliveryServiceClient::with_interceptor(channel.clone(), bearer());
    let mut endpoints = EndpointServiceClient::with_interceptor(channel, bearer());
    let own = deliveries.list_deliveries(v1::ListDeliveriesRequest::default()).await.unwrap().into_inner().deliveries;
    assert!(own.len() == 1 && own[0].app_id == SHOP, "{own:?}");
    let own = endpoints.list_endpoints(all).await.unwrap().into_inner().endpoints;
    assert!(own.len() == 1 && own[0].app_id == SHOP, "{own:?}");
    let reason = || "not mine".to_owned();
    let resend = v1::ResendDeliveryRequest { event_id: foreign.clone(), reason: reason() };
    assert_eq!(code(deliveries.resend_delivery(resend).await), Code::NotFound);
    let get = v1::GetDeliveryRequest { event_id: foreign };
    assert_eq!(code(deliveries.get_delivery(get).await), Code::NotFound);
    let recover = v1::RecoverDeliveriesRequest { app_id: "other".into(), reason: reason(), ..Default::default() };
    assert_eq!(code(deliveries.recover_deliveries(recover).await), Code::NotFound);
    let park = v1::ParkEndpointRequest { endpoint_id, reason: reason() };
    assert_eq!(code(endpoints.park_endpoint(park).await), Code::NotFound);
    let test = v1::TestEndpointRequest { app_id: "other".into(), reason: reason() };
    assert_eq!(code(endpoints.test_endpoint(test).await), Code::NotFound);
    world.stop().await;
}
