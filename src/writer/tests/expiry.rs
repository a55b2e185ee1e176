//! Orders that cannot expire yet, beside those that can.

use super::*;
use crate::domain::{OrderId, OrderState, Since};

fn block_at(height: u8, time: u64) -> Block {
    let plain = block(height, Vec::new());
    Block { header: Header { time: Timestamp(time), ..plain.header }, ..plain }
}

fn register(core: &mut Core, number: u8, deadline: u64, since: Option<Since>) -> OrderId {
    let id = OrderId::parse(&format!("o-{number}")).unwrap();
    let new = NewOrder {
        fail_url: None,
        serial: None,
        app: app().id,
        id: id.clone(),
        user_mark: UserMark::default(),
        username: None,
        address: Address([number; 20]),
        lines: vec![(network(), TOKEN)],
        expected: TokenAmount::of(6),
        notify_url: None,
        amount_policy: None,
        expires: Some(Timestamp(deadline)),
        since,
    };
    core.register_order(&new, Millis(0)).unwrap();
    core.commit().unwrap();
    id
}

#[test]
fn many_orders_whose_past_is_being_read_keep_no_other_from_its_end() {
    let mut core = core();
    core.create_app(app(), &act()).unwrap();
    core.adopt(&network(), &[block(100, Vec::new()).header], Millis(0)).unwrap();
    for number in 1..=120 {
        register(&mut core, number, 10, Some(Since::Height(Height(1))));
    }
    let last = register(&mut core, 121, 20, None);
    let batch = BlockBatch::link(at(100), vec![block_at(101, 50)]).unwrap();
    core.apply(&network(), &batch, None, Millis(0)).unwrap();
    core.commit().unwrap();
    let state = |id: &OrderId| core.store().order(&app().id, id).unwrap().unwrap().state;
    assert_eq!(state(&last), OrderState::Expired);
    assert_eq!(state(&OrderId::parse("o-1").unwrap()), OrderState::Open, "a payment in time may still be found");
}
