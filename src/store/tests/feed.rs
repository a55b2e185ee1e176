//! The feed of events, and the reads of those who compare.

use super::*;
use crate::domain::{AmountPolicy, Order, OrderLine, OrderState, Since, Watch, recheck::Watched};

fn told(owner: &str, place: u64) -> Notification {
    let due = NotificationState::Due(Millis(5));
    Notification { app: app_id(owner), place: EventPlace(place), ..notification(place, due) }
}

fn places(reader: &Reader, app: Option<&str>, after: u64, limit: usize) -> Vec<u64> {
    let app = app.map(app_id);
    let events = reader.events(app.as_ref(), EventPlace(after), limit).unwrap();
    events.iter().map(|event| event.place.0).collect()
}

#[test]
fn events_come_in_the_order_of_their_places_of_one_app_or_of_all() {
    let (_, mut store) = in_memory();
    let reader = store.reader();
    assert_eq!((reader.last_event().unwrap(), places(&reader, None, 0, 9)), (EventPlace(0), vec![]));
    let owner = |place: u64| if place.is_multiple_of(3) { "bank" } else { "shop" };
    for place in 1..=300 {
        commit(&mut store, [Change::Notification(told(owner(place), place))]);
        assert_eq!(reader.last_event().unwrap(), EventPlace(place));
    }
    assert_eq!(places(&reader, None, 0, 1000), (1..=300).collect::<Vec<_>>());
    assert_eq!(places(&reader, None, 255, 3), [256, 257, 258], "numbers are in the order of bytes");
    assert_eq!(places(&reader, Some("bank"), 254, 3), [255, 258, 261]);
    assert_eq!(places(&reader, Some("shop"), 299, 3), [] as [u64; 0]);
    assert_eq!(places(&reader, Some("sho"), 0, 3), [] as [u64; 0], "another app's name begins so");
    assert_eq!(places(&reader, None, 300, 3), [] as [u64; 0]);
    assert_eq!(reader.events(None, EventPlace(6), 1).unwrap(), [told("shop", 7)]);

    let delivered = Notification { state: NotificationState::Delivered(Millis(9)), ..told("shop", 7) };
    commit(&mut store, [Change::Notification(delivered.clone())]);
    assert_eq!(reader.events(None, EventPlace(6), 1).unwrap(), [delivered], "what was told stays in the feed");
    assert_eq!(reader.last_event().unwrap(), EventPlace(300));
}

#[test]
fn an_event_without_a_place_is_not_in_the_feed() {
    let (_, mut store) = in_memory();
    commit(&mut store, [Change::Notification(told("shop", 0))]);
    assert_eq!((store.reader().last_event().unwrap(), places(&store.reader(), None, 0, 9)), (EventPlace(0), vec![]));
}

#[test]
fn deposits_of_a_network_come_by_id_and_by_name() {
    let (_, mut store) = in_memory();
    commit(&mut store, (1..=5).map(|number| Change::Deposit(deposit("shop", number, 100 - number))));
    let other = Deposit {
        id: DepositId { network: "tron-nile-2".parse().unwrap(), ..deposit("shop", 9, 1).id },
        ..deposit("shop", 9, 1)
    };
    commit(&mut store, [Change::Deposit(other)]);
    let reader = store.reader();
    let (mut seen, mut after) = (Vec::new(), None);
    while let Some(last) = reader.deposits_on(&network(), after.as_ref(), 2).unwrap().last() {
        seen.extend(reader.deposits_on(&network(), after.as_ref(), 2).unwrap().iter().map(|found| found.amount));
        after = Some(last.id.clone());
    }
    assert_eq!(seen, [1, 2, 3, 4, 5].map(TokenAmount::of), "another network's are not among them");
    let ids = [4, 8, 2].map(|number| deposit("shop", number, 1).id);
    let found = reader.deposits_of_ids(&ids).unwrap();
    assert_eq!(found, [deposit("shop", 4, 96), deposit("shop", 2, 98)]);
}

#[test]
fn an_owned_address_comes_with_what_watches_it() {
    let order = |id: &str| Order {
        fail_url: None,
        serial: None,
        app: app_id("shop"),
        id: OrderId::parse(id).unwrap(),
        user_mark: UserMark::default(),
        username: None,
        address: address(1),
        lines: vec![OrderLine {
            network: network(),
            token: address(0),
            effective_from: Height(1),
            since: None,
            closed: false,
        }],
        expected: TokenAmount::of(5),
        notify_url: None,
        amount_policy: AmountPolicy::AcceptActual,
        own_amount_policy: None,
        expiry: None,
        created: Millis(1),
        state: OrderState::Open,
    };
    let named = |id: &str| Some(OrderId::parse(id).unwrap());
    let scan = Scan {
        network: network(),
        target: ScanTarget::Address(address(2)),
        since: Since::Height(Height(3)),
        to: Height(9),
        next: None,
        found: 0,
        created: Millis(1),
    };
    let (expects, expected) = (
        Holding { open_order: named("o-1"), last_order: named("o-2"), ..holding("shop", 1) },
        Holding { last_order: named("o-2"), ..holding("shop", 2) },
    );
    let standing = Some(Watch { effective_from: Height(4), since: None });
    let watched = Holding { standing, ..holding("shop", 3) };
    let (_, mut store) = in_memory();
    commit(&mut store, [&expects, &expected, &watched].map(|holding| Change::Holding(holding.clone())));
    commit(&mut store, ["o-1", "o-2"].map(|id| Change::Order(order(id))));
    commit(&mut store, [Change::Scan(scan.clone())]);

    let found = store.reader().owned_among(&network(), (1..6).map(address)).unwrap();
    let of = |holding: Holding, id: Option<&str>, scan| Watched { holding, order: id.map(order), scan };
    assert_eq!(found, [of(expects, Some("o-1"), None), of(expected, Some("o-2"), Some(scan)), of(watched, None, None)]);
}
