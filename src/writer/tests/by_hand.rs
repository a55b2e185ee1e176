//! Acts of people, through the core: what they change, what they record, what they are refused for.

use super::*;
use crate::{
    domain::{
        Act, AmountPolicy, Deposit, DepositState, Evidence, NotificationState, Order, OrderId, OrderState, Reason,
    },
    writer::handle::ByHand,
};

fn act(why: &str) -> Act {
    Act { by: "uid 0".to_owned(), at: Millis(9), why: why.to_owned() }
}

fn of(id: &str) -> App {
    App { id: id.parse().unwrap(), ..app() }
}

fn new_order(owner: &str, id: &str) -> NewOrder {
    NewOrder {
        fail_url: None,
        serial: None,
        app: owner.parse().unwrap(),
        id: OrderId::parse(id).unwrap(),
        user_mark: UserMark::default(),
        username: None,
        address: PAYEE,
        lines: vec![(network(), TOKEN)],
        expected: TokenAmount::of(6),
        notify_url: None,
        amount_policy: Some(AmountPolicy::StrictExact),
        expires: None,
        since: None,
    }
}

/// Records of the two apps in the audit log.
const CREATED: u64 = 2;

/// A core with two apps, at block 1.
fn two_apps() -> Core {
    let mut core = core();
    core.create_app(of("shop"), &act("a new customer")).unwrap();
    core.create_app(of("bank"), &act("a new customer")).unwrap();
    core.adopt(&network(), &[block(1, Vec::new()).header], Millis(0)).unwrap();
    core.commit().unwrap();
    core
}

/// The next block; what is due in it is proved.
fn next(core: &mut Core, height: u8, transfers: Vec<Transfer>) {
    let batch = BlockBatch::link(at(height - 1), vec![block(height, transfers)]).unwrap();
    let due = core.apply(&network(), &batch, None, Millis(0)).unwrap().due;
    let evidence: Vec<Evidence> = due.into_iter().map(|due| as_it_says(&due.deposit)).collect();
    core.verify(&network(), &evidence, None, Millis(0)).unwrap();
    core.commit().unwrap();
}

fn as_it_says(deposit: &Deposit) -> Evidence {
    let Deposit { id, included_at, from, to, amount, .. } = deposit.clone();
    Evidence { under: crate::domain::Need::STRONGEST, id, at: included_at, from, to, amount }
}

fn id_of(number: u8) -> DepositId {
    DepositId::of(&network(), &transfer(number))
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Fault>) -> Refusal {
    match outcome {
        Err(Fault::Refused(refusal)) => refusal,
        other => panic!("a refusal is expected: {other:?}"),
    }
}

fn stored(core: &Core, owner: &str, id: &str) -> Order {
    core.store().order(&owner.parse().unwrap(), &OrderId::parse(id).unwrap()).unwrap().unwrap()
}

#[test]
fn a_binding_credits_pays_tells_and_is_recorded_in_one_commit() {
    let mut core = two_apps();
    core.register_order(&new_order("shop", "o-1"), Millis(0)).unwrap();
    next(&mut core, 2, vec![transfer(7)]);
    let before = core.store().deposit(&id_of(7)).unwrap().unwrap();
    assert_eq!((before.state, before.reason), (DepositState::Unmatched, Reason::Under));
    let counted = |core: &Core, table: &str| core.store().reader().counts()[table];
    let (told, recorded) = (counted(&core, "notifications"), counted(&core, "audit"));

    let wish = |owner: &str, id: &str| ByHand::Bind(owner.parse().unwrap(), OrderId::parse(id).unwrap());
    let missing = refusal(core.by_hand(&id_of(7), &wish("shop", "o-2"), &act("why")));
    assert_eq!(missing, Refusal::NotFound { what: "order", name: "o-2".to_owned() });
    let nothing = refusal(core.by_hand(&id_of(8), &wish("shop", "o-1"), &act("why")));
    assert!(matches!(nothing, Refusal::NotFound { what: "deposit", .. }));
    let sequence = core.commit().unwrap().sequence;

    let after = core.by_hand(&id_of(7), &wish("shop", "o-1"), &act("asked by the payer")).unwrap();
    assert_eq!((after.reason, after.version.0, after.is_credited()), (Reason::Manual, 1, true));
    assert_eq!(core.commit().unwrap().sequence, sequence + 1, "one commit");
    assert_eq!(core.store().deposit(&id_of(7)).unwrap(), Some(after));
    assert_eq!(stored(&core, "shop", "o-1").state, OrderState::Paid(id_of(7)));
    assert_eq!(core.store().holding(&network(), PAYEE).unwrap().unwrap().open_order, None);
    assert_eq!((counted(&core, "notifications"), counted(&core, "audit")), (told + 1, recorded + 1));
    let event = crate::domain::EventId::money(&before.text(), crate::domain::EventVersion(1));
    let notification = core.store().notification(&event).unwrap().unwrap();
    assert_eq!(notification.state, NotificationState::Due(Millis(9)));
    assert!(String::from_utf8(notification.body).unwrap().contains(r#""reason":"manual""#));

    let again = refusal(core.by_hand(&id_of(7), &wish("shop", "o-1"), &act("once more")));
    assert!(matches!(again, Refusal::Precondition(_)), "{again:?}");
    core.commit().unwrap();
    assert_eq!(counted(&core, "audit"), recorded + 1, "what is refused is not recorded");
}

#[test]
fn a_held_deposit_is_neither_due_nor_credited_by_evidence_until_it_is_released() {
    let mut core = two_apps();
    let exact = NewOrder { expected: TokenAmount::of(5), ..new_order("shop", "o-1") };
    core.register_order(&exact, Millis(0)).unwrap();
    let batch = BlockBatch::link(at(1), vec![block(2, vec![transfer(7)])]).unwrap();
    let due = core.apply(&network(), &batch, None, Millis(0)).unwrap().due;
    let evidence = [as_it_says(&due[0].deposit)];
    let held = core.by_hand(&id_of(7), &ByHand::Hold, &act("looks odd")).unwrap();
    assert_eq!(held.hold, Some(act("looks odd")));
    assert!(core.verify(&network(), &evidence, None, Millis(0)).unwrap().due.is_empty());
    assert_eq!(core.store().deposit(&id_of(7)).unwrap().unwrap().state, DepositState::Detected);
    assert_eq!(core.by_hand(&id_of(7), &ByHand::Release, &act("looked at")).unwrap().hold, None);
    core.verify(&network(), &evidence, None, Millis(0)).unwrap();
    assert_eq!(stored(&core, "shop", "o-1").state, OrderState::Paid(id_of(7)));
    core.commit().unwrap();
    assert_eq!(core.store().reader().counts()["audit"], CREATED + 2);
}

#[test]
fn an_address_is_released_when_nothing_can_change_any_more_and_then_belongs_to_whoever_comes() {
    let mut core = two_apps();
    core.register_order(&new_order("shop", "o-1"), Millis(0)).unwrap();
    let release = |core: &mut Core| core.release_address(&network(), PAYEE, &act("the customer left"));
    let open = refusal(release(&mut core)).to_string();
    assert!(open.contains("order \"o-1\" of app shop is open"), "{open}");
    next(&mut core, 2, vec![transfer(7)]);
    core.cancel_order(&"shop".parse().unwrap(), &OrderId::parse("o-1").unwrap(), Millis(0)).unwrap();
    let unsettled = refusal(release(&mut core)).to_string();
    assert!(unsettled.contains("is unmatched and may still change"), "{unsettled}");
    let taken = refusal(core.register_order(&new_order("bank", "b-1"), Millis(0)));
    assert_eq!(taken, Refusal::AddressTaken { network: network() });
    (3..25).for_each(|height| next(&mut core, height, Vec::new()));

    assert_eq!(release(&mut core).unwrap().app, "shop".parse().unwrap());
    assert!(matches!(refusal(release(&mut core)), Refusal::NotFound { what: "address", .. }));
    core.commit().unwrap();
    assert_eq!(core.store().reader().counts()["audit"], CREATED + 1);
    // What is paid to nobody's address is nobody's.
    next(&mut core, 25, vec![transfer(8)]);
    assert_eq!(core.store().deposit(&id_of(8)).unwrap(), None);
    core.register_order(&new_order("bank", "b-1"), Millis(0)).unwrap();
    let exact = Transfer { amount: TokenAmount::of(6), ..transfer(9) };
    next(&mut core, 26, vec![exact]);
    assert_eq!(stored(&core, "bank", "b-1").state, OrderState::Paid(id_of(9)));
    let old = core.store().deposit(&id_of(7)).unwrap().unwrap();
    assert_eq!((old.app, old.state), ("shop".parse().unwrap(), DepositState::Unmatched));
}
