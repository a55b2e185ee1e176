//! Scans in bounded memory and bounded commits, and networks that are taken back page by page.

use super::*;
use crate::{
    domain::{Act, DepositState, Evidence, Order, OrderId, OrderState, ScanTarget, Since},
    writer::handle::{Resume, Resumption},
};

fn act() -> Act {
    Act { by: "uid 0".into(), at: Millis(7), why: "a test".into() }
}

fn address(number: u32) -> Address {
    let mut bytes = [0x77; 20];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Address(bytes)
}

fn at_time(height: u8, transfers: Vec<Transfer>) -> Block {
    let block = block(height, transfers);
    Block { header: Header { time: Timestamp(u64::from(height) * 10), ..block.header }, ..block }
}

/// Begun at 1, read up to `top`; blocks have ten times their height as time.
fn grown(engine: &MemoryEngine, top: u8) -> Core {
    let mut core = loaded(engine);
    core.create_app(app(), &act()).unwrap();
    core.adopt(&network(), &[at_time(1, Vec::new()).header], Millis(0)).unwrap();
    grow(&mut core, 2, top);
    core
}

fn grow(core: &mut Core, from: u8, to: u8) {
    for height in from..=to {
        let batch = BlockBatch::link(at(height - 1), vec![at_time(height, Vec::new())]).unwrap();
        core.apply(&network(), &batch, None, Millis(0)).unwrap();
    }
    core.commit().unwrap();
}

fn loaded(engine: &MemoryEngine) -> Core {
    let mut loading = Loading::of([spec()]);
    let store = Store::in_memory(engine, |row| loading.row(row)).unwrap();
    loading.finish(store).unwrap()
}

fn watch(core: &mut Core, address: Address, since: Since) {
    let (app, user_mark, since) = (app().id, UserMark::default(), Some(since));
    core.watch_address(&NewWatch { since, app, user_mark, address, networks: vec![network()] }, Millis(0)).unwrap();
}

/// Reads whatever is wanted, in steps of `len`; how many steps it took.
fn read_all(core: &mut Core, len: u64) -> u32 {
    let mut steps = 0;
    while let Some((from, to)) = core.scans(&network(), len).unwrap().range {
        let heights = u8::try_from(from.0).unwrap()..=u8::try_from(to.0).unwrap();
        let blocks: Vec<_> = heights.map(|height| at_time(height, Vec::new())).collect();
        core.apply_scan(&network(), &blocks, Millis(0)).unwrap();
        core.commit().unwrap();
        steps += 1;
    }
    steps
}

#[test]
fn more_scans_than_are_worked_on_at_once_all_come_to_their_end() {
    let engine = MemoryEngine::new();
    let mut core = grown(&engine, 3);
    for number in 0..10_030 {
        watch(&mut core, address(number), Since::Height(Height(2)));
        // Those of the first groups are on disk, the last ones are not when the first scans are asked for.
        if number == 10_020 {
            core.commit().unwrap();
        }
    }
    assert_eq!(core.scans(&network(), 90).unwrap().range, Some((Height(2), Height(3))));
    core.commit().unwrap();
    assert_eq!(read_all(&mut core, 90), 2, "once for those that fit, once for the rest");
    assert_eq!(core.store().scans(&network(), 1).unwrap(), []);
}

#[test]
fn the_progress_of_many_scans_is_written_some_at_a_time_and_of_few_at_once() {
    for (count, is_written) in [(3, true), (100, false)] {
        let engine = MemoryEngine::new();
        let mut core = grown(&engine, 9);
        for number in 0..count {
            watch(&mut core, address(number), Since::Height(Height(2)));
        }
        core.commit().unwrap();
        let blocks: Vec<_> = (2..=4).map(|height| at_time(height, Vec::new())).collect();
        core.apply_scan(&network(), &blocks, Millis(0)).unwrap();
        core.commit().unwrap();
        assert_eq!(core.scans(&network(), 90).unwrap().range, Some((Height(5), Height(9))));
        drop(core);
        let mut core = loaded(&engine);
        let next = core.scans(&network(), 90).unwrap().range.map(|(from, _)| from);
        assert_eq!(next, Some(Height(if is_written { 5 } else { 2 })), "{count}: after a restart");
        let again = if is_written { 1 } else { 2 };
        assert_eq!(read_all(&mut core, 90), again, "{count}: those that were written, and the others");
    }
}

#[test]
fn scans_far_apart_are_not_joined_by_blocks_nobody_wants() {
    let mut core = grown(&MemoryEngine::new(), 9);
    watch(&mut core, address(1), Since::Height(Height(9)));
    core.rescan(&network(), Height(2), Height(3), &act()).unwrap();
    assert_eq!(core.scans(&network(), 4).unwrap().range, Some((Height(2), Height(3))));
    core.commit().unwrap();
    assert_eq!(read_all(&mut core, 4), 2);
}

#[test]
fn the_last_block_of_a_range_is_read_too() {
    let mut core = grown(&MemoryEngine::new(), 9);
    watch(&mut core, address(1), Since::Height(Height(2)));
    core.commit().unwrap();
    let blocks: Vec<_> = (2..=8).map(|height| at_time(height, Vec::new())).collect();
    core.apply_scan(&network(), &blocks, Millis(0)).unwrap();
    assert_eq!(core.scans(&network(), 90).unwrap().range, Some((Height(9), Height(9))));
}

#[test]
fn a_scan_from_far_back_leaves_half_of_the_steps_to_the_others() {
    let mut core = grown(&MemoryEngine::new(), 30);
    watch(&mut core, address(1), Since::Height(Height(2)));
    watch(&mut core, address(2), Since::Height(Height(29)));
    core.commit().unwrap();
    let range = |core: &mut Core| core.scans(&network(), 2).unwrap().range;
    // The past cannot be had: whatever is tried of it fails.
    assert_eq!(range(&mut core), Some((Height(2), Height(3))));
    assert_eq!(range(&mut core), Some((Height(29), Height(30))));
    core.apply_scan(&network(), &[at_time(29, Vec::new()), at_time(30, Vec::new())], Millis(0)).unwrap();
    core.commit().unwrap();
    assert_eq!(core.store().scans(&network(), 9).unwrap().len(), 1, "the near one is done");
    assert_eq!(range(&mut core), Some((Height(2), Height(3))));
}

#[test]
fn a_time_is_told_its_height_and_one_that_is_too_young_is_dropped() {
    let mut core = grown(&MemoryEngine::new(), 9);
    watch(&mut core, address(1), Since::Time(Timestamp(45)));
    watch(&mut core, address(2), Since::Time(Timestamp(95)));
    core.commit().unwrap();
    assert_eq!(core.scans(&network(), 90).unwrap().range, None, "nothing is read before its height is known");
    let mut asked = BTreeSet::new();
    for turn in 0..6 {
        // In turn with the ranges, of which there is none yet, or the one that has its height.
        let Some(time) = core.scans(&network(), 90).unwrap().time else {
            assert!(turn % 2 == 0 || turn > 3, "{turn}");
            continue;
        };
        asked.insert(time);
        let first = (time == Timestamp(45)).then_some(Height(5));
        core.resolve_scans(&network(), time, first).unwrap();
        core.commit().unwrap();
    }
    assert_eq!(asked, BTreeSet::from([Timestamp(45), Timestamp(95)]));
    assert_eq!(core.scans(&network(), 90).unwrap().range, Some((Height(5), Height(9))));
    assert_eq!(core.store().scans(&network(), 9).unwrap().len(), 1);
}

#[test]
fn an_order_does_not_expire_while_its_past_is_read() {
    let mut core = grown(&MemoryEngine::new(), 3);
    let order = NewOrder {
        fail_url: None,
        serial: None,
        app: app().id,
        id: OrderId::parse("o-1").unwrap(),
        user_mark: UserMark::default(),
        username: None,
        address: PAYEE,
        lines: vec![(network(), TOKEN)],
        expected: TokenAmount::of(5),
        notify_url: None,
        amount_policy: None,
        expires: Some(Timestamp(45)),
        since: Some(Since::Height(Height(2))),
    };
    core.register_order(&order, Millis(0)).unwrap();
    core.commit().unwrap();
    grow(&mut core, 4, 9);
    let state = |core: &Core| -> Order { core.store().order(&app().id, &order.id).unwrap().unwrap() };
    assert_eq!(state(&core).state, OrderState::Open, "a payment in time may still be found");
    read_all(&mut core, 90);
    grow(&mut core, 10, 10);
    assert_eq!(state(&core).state, OrderState::Expired);
}

#[test]
fn orders_that_must_wait_do_not_keep_the_others_from_their_end() {
    let mut core = grown(&MemoryEngine::new(), 3);
    let order = |number: u32, since: Option<u64>, expires: u64| NewOrder {
        fail_url: None,
        serial: None,
        app: app().id,
        id: OrderId::parse(&format!("o-{number}")).unwrap(),
        user_mark: UserMark::default(),
        username: None,
        address: address(number),
        lines: vec![(network(), TOKEN)],
        expected: TokenAmount::of(5),
        notify_url: None,
        amount_policy: None,
        expires: Some(Timestamp(expires)),
        since: since.map(|height| Since::Height(Height(height))),
    };
    // Sixty whose past is never read, then sixty whose payment is held, then one that nobody pays.
    for number in 0..121 {
        let since = (number < 60).then_some(2);
        core.register_order(&order(number, since, 50 + u64::from(number) / 60), Millis(0)).unwrap();
    }
    let paid = (60..120).map(|number| Transfer {
        tx: TxHash([u8::try_from(number).unwrap(); 32]),
        to: address(number),
        ..transfer(0)
    });
    let batch = BlockBatch::link(at(3), vec![at_time(4, paid.collect())]).unwrap();
    core.apply(&network(), &batch, None, Millis(0)).unwrap();
    core.commit().unwrap();
    let waiting: Vec<_> = core.trackers()[&network()].waiting().map(|deposit| deposit.id.clone()).collect();
    assert_eq!(waiting.len(), 60);
    for id in waiting {
        core.by_hand(&id, &crate::writer::handle::ByHand::Hold, &act()).unwrap();
    }
    grow(&mut core, 5, 9);
    let state = |number: u32| {
        let id = OrderId::parse(&format!("o-{number}")).unwrap();
        core.store().order(&app().id, &id).unwrap().unwrap().state
    };
    assert_eq!(state(120), OrderState::Expired, "nobody pays it");
    assert!((0..120).all(|number| state(number) == OrderState::Open));
}

#[test]
fn an_order_does_not_expire_while_all_of_its_past_is_reread() {
    let mut core = grown(&MemoryEngine::new(), 3);
    let order = |id: &str, number: u32| NewOrder {
        fail_url: None,
        serial: None,
        app: app().id,
        id: OrderId::parse(id).unwrap(),
        user_mark: UserMark::default(),
        username: None,
        address: address(number),
        lines: vec![(network(), TOKEN)],
        expected: TokenAmount::of(5),
        notify_url: None,
        amount_policy: None,
        expires: Some(Timestamp(85)),
        since: None,
    };
    core.register_order(&order("in", 1), Millis(0)).unwrap();
    core.commit().unwrap();
    grow(&mut core, 4, 6);
    core.register_order(&order("after", 2), Millis(0)).unwrap();
    core.rescan(&network(), Height(4), Height(6), &act()).unwrap();
    core.commit().unwrap();
    grow(&mut core, 7, 12);
    let state = |core: &Core, id| core.store().order(&app().id, &OrderId::parse(id).unwrap()).unwrap().unwrap().state;
    assert_eq!((state(&core, "in"), state(&core, "after")), (OrderState::Open, OrderState::Expired));
    read_all(&mut core, 90);
    grow(&mut core, 13, 13);
    assert_eq!(state(&core, "in"), OrderState::Expired);
}

#[test]
fn what_the_same_group_credits_by_hand_is_reversed_when_it_is_taken_back() {
    let mut core = grown(&MemoryEngine::new(), 3);
    let order = NewOrder {
        fail_url: None,
        serial: None,
        app: app().id,
        id: OrderId::parse("o-1").unwrap(),
        user_mark: UserMark::default(),
        username: None,
        address: PAYEE,
        lines: vec![(network(), TOKEN)],
        expected: TokenAmount::of(500),
        notify_url: None,
        amount_policy: Some(crate::domain::AmountPolicy::StrictExact),
        expires: None,
        since: None,
    };
    core.register_order(&order, Millis(0)).unwrap();
    let batch = BlockBatch::link(at(3), vec![at_time(4, vec![transfer(1)])]).unwrap();
    core.apply(&network(), &batch, None, Millis(0)).unwrap();
    core.commit().unwrap();
    let deposit = core.trackers()[&network()].waiting().next().unwrap().clone();
    let (id, included_at, from, to, amount) =
        (deposit.id.clone(), deposit.included_at, deposit.from, deposit.to, deposit.amount);
    let evidence = Evidence { under: crate::domain::Need::STRONGEST, id, at: included_at, from, to, amount };
    grow(&mut core, 5, 6);
    core.verify(&network(), &[evidence], None, Millis(0)).unwrap();
    core.resume(&network(), Resume::TakeBack { above: Height(3) }, &act()).unwrap();
    core.commit().unwrap();
    assert_eq!(core.store().deposit(&deposit.id).unwrap().unwrap().state, DepositState::Unmatched);

    let bind = crate::writer::handle::ByHand::Bind(app().id, order.id);
    assert_eq!(core.by_hand(&deposit.id, &bind, &act()).unwrap().version.0, 1);
    core.reanchor(&network(), at_time(3, Vec::new()).header, None, Millis(0)).unwrap();
    core.commit().unwrap();
    let after = core.store().deposit(&deposit.id).unwrap().unwrap();
    assert_eq!((after.state, after.version.0), (DepositState::Orphaned, 2), "a credit that was told is reversed");
}

#[test]
fn a_network_is_taken_back_page_by_page_and_each_deposit_once() {
    let engine = MemoryEngine::new();
    let mut core = grown(&engine, 3);
    watch(&mut core, PAYEE, Since::Height(Height(3)));
    let transfers: Vec<Transfer> = (0..150)
        .flat_map(|number| (0..5).map(move |ordinal| Transfer { ordinal: LogOrdinal(ordinal), ..transfer(number) }))
        .collect();
    let batch = BlockBatch::link(at(3), vec![at_time(4, transfers)]).unwrap();
    core.apply(&network(), &batch, None, Millis(0)).unwrap();
    core.commit().unwrap();
    let pending: Vec<Evidence> = core.trackers()[&network()]
        .waiting()
        .map(|deposit| Evidence {
            under: crate::domain::Need::STRONGEST,
            id: deposit.id.clone(),
            at: deposit.included_at,
            from: deposit.from,
            to: deposit.to,
            amount: deposit.amount,
        })
        .collect();
    assert_eq!(pending.len(), 750);
    core.verify(&network(), &pending, None, Millis(0)).unwrap();
    core.commit().unwrap();
    grow(&mut core, 5, 6);

    let take_back = |above| Resume::TakeBack { above: Height(above) };
    for above in [6, 7] {
        assert!(core.resume(&network(), take_back(above), &act()).is_err(), "above {above}");
    }
    assert_eq!(core.resumption(&network()).unwrap(), None);
    assert_eq!(core.resume(&network(), take_back(3), &act()).unwrap(), Some(Height(3)));
    assert!(core.resume(&network(), Resume::LookAgain, &act()).is_err(), "while it is being taken back");
    core.commit().unwrap();

    let header = at_time(3, Vec::new()).header;
    let first = core.reanchor(&network(), header, None, Millis(0)).unwrap();
    assert_eq!((first.taken_back, first.applied), (20, None));
    core.commit().unwrap();
    drop(core);
    // Cut off in between: it begins from the front and takes back the rest.
    let mut core = loaded(&engine);
    assert_eq!(core.resumption(&network()).unwrap(), Some(Resumption::TakeBack(Height(3))));
    let (mut after, mut taken_back) = (None, 0);
    let applied = loop {
        let step = core.reanchor(&network(), header, after.as_ref(), Millis(0)).unwrap();
        core.commit().unwrap();
        taken_back += step.taken_back;
        after = step.after;
        if let Some(applied) = step.applied {
            break applied;
        }
    };
    assert_eq!((taken_back, applied.cursor.tip), (730, at(3)));
    assert_eq!((applied.cursor.peak, applied.cursor.take_back_above), (Height(3), None));
    let deposits = core.store().deposits_on(&network(), None, 1000).unwrap();
    assert!(deposits.iter().all(|deposit| deposit.state == DepositState::Orphaned && deposit.version.0 == 2));
    assert!(core.reanchor(&network(), header, None, Millis(0)).is_err(), "nobody asked for it again");
    drop(core);
    drop(loaded(&engine));
}

#[test]
fn a_wish_to_look_again_is_handed_out_once() {
    let mut core = grown(&MemoryEngine::new(), 3);
    assert_eq!(core.resume(&network(), Resume::LookAgain, &act()).unwrap(), None);
    assert_eq!(core.resumption(&network()).unwrap(), Some(Resumption::LookAgain));
    assert_eq!(core.resumption(&network()).unwrap(), None);
    assert!(core.rescan(&network(), Height(2), Height(3), &act()).is_ok());
    assert!(core.store().scan(&network(), ScanTarget::Everything).unwrap().is_some());
}
