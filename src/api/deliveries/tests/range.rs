//! Ranges that are put back while others come.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_a_range_is_put_back_is_not_of_it() {
    let at = Millis(T0);
    let mut all: Vec<_> = (1..=120).map(|place| row(place, "shop", NotificationState::Delivered(at))).collect();
    let later = clock::now().plus(1000);
    all.push(Notification { created: later, ..row(121, "shop", NotificationState::Delivered(later)) });
    let api = api(all);
    let (mut sum, mut page_token) = (0, String::new());
    loop {
        let asked = v1::RecoverDeliveriesRequest {
            app_id: "shop".into(),
            include_delivered: true,
            reason: "w".into(),
            page_token,
            ..Default::default()
        };
        let mut hasty = ops(asked);
        hasty.metadata_mut().insert("grpc-timeout", "0n".parse().unwrap());
        let answer = api.recover_deliveries(hasty).await.unwrap().into_inner();
        (sum, page_token) = (sum + answer.count, answer.next_page_token);
        if page_token.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    }
    assert_eq!(sum, 120);
}
