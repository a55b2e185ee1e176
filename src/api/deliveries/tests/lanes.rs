//! Endpoints of stores that knew none: schema 2 had no rows for them.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_without_a_row_is_seen_parked_and_resumed_by_what_is_due_there() {
    let due = row(1, "old", NotificationState::Due(Millis(T0)));
    let endpoint_id = due.endpoint().to_string();
    let api = api(vec![due, row(2, "old", NotificationState::DeadLetter(Millis(T0)))]);
    let get = v1::GetEndpointRequest { endpoint_id: endpoint_id.clone() };
    let seen = api.get_endpoint(ops(get)).await.unwrap().into_inner().endpoint.unwrap();
    assert_eq!((seen.app_id.as_str(), seen.pending, seen.parked), ("old", 1, None));
    let park = v1::ParkEndpointRequest { endpoint_id: endpoint_id.clone(), reason: "they move".into() };
    let parked = api.park_endpoint(ops(park)).await.unwrap().into_inner().endpoint.unwrap();
    assert!(parked.parked.is_some());
    let resume = v1::ResumeEndpointRequest { endpoint_id, reason: "they moved".into() };
    assert_eq!(api.resume_endpoint(ops(resume)).await.unwrap().into_inner().endpoint.unwrap().parked, None);
}
