//! Acts of operators at the door and in the form: none of these reaches the writer.

use super::*;
use crate::api::proto::v1::{
    address_service_client::AddressServiceClient, deposit_service_client::DepositServiceClient,
};

const DEPOSIT: &str = "dep_37gw6pfa2nz4fnpwvxe6jei7mbxturbf";
const PLACE: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

fn hold(deposit_id: &str, reason: &str) -> v1::HoldDepositRequest {
    v1::HoldDepositRequest { deposit_id: deposit_id.into(), reason: reason.into() }
}

fn bind(deposit_id: &str, app_id: &str, order_id: &str, reason: &str) -> v1::BindDepositRequest {
    let (deposit_id, app_id) = (deposit_id.into(), app_id.into());
    v1::BindDepositRequest { deposit_id, app_id, order_id: order_id.into(), reason: reason.into() }
}

fn release(address: &str, reason: &str) -> v1::ReleaseAddressRequest {
    let network = "ethereum-mainnet".into();
    v1::ReleaseAddressRequest { network, address: address.into(), reason: reason.into() }
}

fn fields(status: &Status) -> Vec<(String, String)> {
    let bad = status.get_details_bad_request().expect("fields are refused").field_violations;
    bad.into_iter().map(|bad| (bad.field, bad.reason)).collect()
}

#[tokio::test]
async fn what_is_done_by_hand_needs_the_scope_of_operators() {
    let (world, _client) = World::with_shop().await;
    for token in ["shop-token", "reader-token"] {
        let remote = world.remote(Some(token)).await;
        let mut deposits = DepositServiceClient::new(remote.clone());
        let refused = [
            deposits.hold_deposit(hold(DEPOSIT, "w")).await.unwrap_err(),
            deposits.bind_deposit(bind(DEPOSIT, "shop", "o-1", "w")).await.unwrap_err(),
            AddressServiceClient::new(remote).release_address(release(PLACE, "w")).await.unwrap_err(),
        ];
        for status in refused {
            assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "SCOPE_MISSING"), "{token}");
        }
    }
}

#[tokio::test]
async fn an_act_without_a_reason_or_a_name_is_refused_by_field() {
    let (_world, client) = World::with_shop().await;
    let mut deposits = DepositServiceClient::new(client.clone());
    let named = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter().map(|(field, reason)| ((*field).to_owned(), (*reason).to_owned())).collect()
    };
    let refused = deposits.hold_deposit(hold("dep_1", " ")).await.unwrap_err();
    assert_eq!(fields(&refused), named(&[("deposit_id", "DEPOSIT_ID_FORM"), ("reason", "EMPTY")]));
    let refused = deposits.bind_deposit(bind(DEPOSIT, "a b", "", &"x".repeat(201))).await.unwrap_err();
    let expected = [("app_id", "APP_ID_FORM"), ("order_id", "EMPTY"), ("reason", "TOO_LONG")];
    assert_eq!(fields(&refused), named(&expected));
    let mut addresses = AddressServiceClient::new(client);
    let refused = addresses.release_address(release("0x1", "a\nb")).await.unwrap_err();
    assert_eq!(fields(&refused), named(&[("address", "ADDRESS_FORM"), ("reason", "CONTROL_CHARACTER")]));
}

#[tokio::test]
async fn what_is_not_there_can_be_neither_looked_at_nor_acted_on() {
    let (world, client) = World::with_shop().await;
    let mut deposits = DepositServiceClient::new(client.clone());
    let mut addresses = AddressServiceClient::new(client);
    let get = v1::GetAddressRequest { network: "ethereum-mainnet".into(), address: PLACE.into() };
    for (status, expected) in [
        (deposits.hold_deposit(hold(DEPOSIT, "w")).await.unwrap_err(), "DEPOSIT_NOT_FOUND"),
        (deposits.bind_deposit(bind(DEPOSIT, "shop", "o-1", "w")).await.unwrap_err(), "DEPOSIT_NOT_FOUND"),
        (addresses.release_address(release(PLACE, "w")).await.unwrap_err(), "ADDRESS_NOT_FOUND"),
        (addresses.get_address(get.clone()).await.unwrap_err(), "ADDRESS_NOT_FOUND"),
    ] {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, expected));
    }
    let mut shop = AddressServiceClient::new(world.remote(Some("shop-token")).await);
    assert_eq!(shop.get_address(get).await.unwrap_err().code(), Code::NotFound);
}
