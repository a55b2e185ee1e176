use super::*;
use crate::domain::{
    AmountPolicy, EventVersion, Family, LogOrdinal, Millis, OrderLine, OrderState, Reason, ScanTarget, TxHash,
    UserMark, Watch,
};

const TOKEN: Address = Address([0x11; 20]);
const PAYER: Address = Address([0x44; 20]);
const SHOP: Address = Address([0xa1; 20]);
const STRANGER: Address = Address([0xb1; 20]);

fn network() -> NetworkId {
    "net".parse().unwrap()
}

fn at(height: u64) -> BlockRef {
    BlockRef { height: Height(height), hash: BlockHash([u8::try_from(height).unwrap(); 32]) }
}

fn transfer(tx: u8, to: Address) -> Transfer {
    let amount = TokenAmount::of(u64::from(tx));
    Transfer { tx: TxHash([tx; 32]), token: TOKEN, ordinal: LogOrdinal(0), from: PAYER, to, amount }
}

/// The time of a block is ten times its height.
fn block(height: u64, transfers: Vec<Transfer>) -> Block {
    let header = crate::domain::Header { at: at(height), parent: at(height - 1).hash, time: Timestamp(height * 10) };
    Block { header, transfers }
}

fn deposit(height: u64, transfer: Transfer) -> Deposit {
    Deposit {
        by_hand: false,
        id: DepositId::of(&network(), &transfer),
        family: Family::Evm,
        from: transfer.from,
        to: transfer.to,
        amount: transfer.amount,
        included_at: at(height),
        block_time: Timestamp(height * 10),
        state: DepositState::Confirmed,
        version: EventVersion(1),
        unmatched_told: false,
        first_seen: Height(height),
        app: "shop".parse().unwrap(),
        user_mark: UserMark::default(),
        order: None,
        reason: Reason::Matched,
        hold: None,
    }
}

fn watched(effective_from: u64) -> Watched {
    let holding = Holding {
        network: network(),
        address: SHOP,
        app: "shop".parse().unwrap(),
        user_mark: UserMark::default(),
        standing: Some(Watch { effective_from: Height(effective_from), since: None }),
        open_order: None,
        last_order: None,
        created: Millis(1),
    };
    Watched { holding, order: None, scan: None }
}

fn order(effective_from: u64, since: Option<Since>) -> Order {
    Order {
        fail_url: None,
        serial: None,
        app: "shop".parse().unwrap(),
        id: crate::domain::OrderId::parse("o-1").unwrap(),
        user_mark: UserMark::default(),
        username: None,
        address: SHOP,
        lines: vec![OrderLine {
            network: network(),
            token: TOKEN,
            effective_from: Height(effective_from),
            since,
            closed: true,
        }],
        expected: TokenAmount::of(5),
        notify_url: None,
        amount_policy: AmountPolicy::AcceptActual,
        own_amount_policy: None,
        expiry: None,
        created: Millis(1),
        state: OrderState::Expired,
    }
}

/// A comparison of the blocks 5 to 7 with the transfer in the middle one.
fn compared(transfers: Vec<Transfer>, stored: &[Deposit], watched: Option<Watched>) -> (Vec<Mismatch>, Totals) {
    let mut recheck = Recheck::new(network(), Height(5), Height(7));
    stored.iter().for_each(|deposit| recheck.expect(deposit));
    let held = Held {
        deposits: stored.iter().map(|deposit| (deposit.id.clone(), deposit.clone())).collect(),
        watched: watched.into_iter().map(|watched| (watched.holding.address, watched)).collect(),
    };
    let mut found = recheck.step(&[block(5, vec![])], &held).unwrap();
    found.extend(recheck.step(&[block(6, transfers), block(7, vec![])], &held).unwrap());
    assert_eq!(recheck.next(), None);
    let left: Vec<DepositId> = recheck.unmet().cloned().collect();
    let left = stored.iter().filter(|deposit| left.contains(&deposit.id)).cloned().collect();
    found.extend(recheck.finish(left));
    (found.into_iter().map(|difference| difference.mismatch).collect(), recheck.totals().clone())
}

#[test]
fn every_way_to_differ_is_told_by_its_name_and_nothing_else_is() {
    let (paid, mine) = (transfer(1, SHOP), || deposit(6, transfer(1, SHOP)));
    let other = |change: &dyn Fn(&mut Deposit)| {
        let mut deposit = mine();
        change(&mut deposit);
        vec![deposit]
    };
    let table = [
        ("the same on both sides", vec![paid], vec![mine()], vec![]),
        ("nothing on either", vec![], vec![], vec![]),
        ("a stranger's", vec![transfer(2, STRANGER)], vec![], vec![]),
        ("not stored", vec![paid], vec![], vec![Mismatch::MissingInStore]),
        ("not on the chain", vec![], vec![mine()], vec![Mismatch::NotOnChain]),
        ("another amount", vec![paid], other(&|d| d.amount = TokenAmount::of(2)), vec![Mismatch::Amount]),
        ("another payer", vec![paid], other(&|d| d.from = STRANGER), vec![Mismatch::Parties]),
        ("another payee", vec![paid], other(&|d| d.to = STRANGER), vec![Mismatch::Parties]),
        ("another hash", vec![paid], other(&|d| d.included_at.hash = at(9).hash), vec![Mismatch::Block]),
        ("another height", vec![paid], other(&|d| d.included_at = at(7)), vec![Mismatch::Block]),
        ("a height elsewhere", vec![paid], other(&|d| d.included_at = at(99)), vec![Mismatch::Block]),
        ("taken back, though there", vec![paid], other(&|d| d.state = DepositState::Orphaned), vec![Mismatch::State]),
        ("taken back, and gone", vec![], other(&|d| d.state = DepositState::Orphaned), vec![]),
        ("elsewhere, and not asked for", vec![], other(&|d| d.included_at = at(99)), vec![]),
        ("waiting", vec![paid], other(&|d| d.state = DepositState::Detected), vec![]),
        ("turned away", vec![paid], other(&|d| d.state = DepositState::Unmatched), vec![]),
        ("to himself", vec![Transfer { from: SHOP, ..paid }], other(&|d| d.from = SHOP), vec![]),
        (
            "two and one",
            vec![paid, transfer(2, SHOP), transfer(3, SHOP)],
            vec![mine(), deposit(6, transfer(2, SHOP))],
            vec![Mismatch::MissingInStore],
        ),
    ];
    for (name, transfers, stored, expected) in table {
        let (found, totals) = compared(transfers, &stored, Some(watched(1)));
        assert_eq!(found, expected, "{name}");
        assert_eq!((totals.differences, totals.blocks), (expected.len() as u64, 3), "{name}");
    }
}

#[test]
fn sums_and_counts_are_of_what_was_compared() {
    let paid = vec![transfer(1, SHOP), transfer(2, SHOP), transfer(4, STRANGER)];
    let mut gone = deposit(6, transfer(16, SHOP));
    gone.state = DepositState::Orphaned;
    let stored = [deposit(6, transfer(1, SHOP)), deposit(5, transfer(8, SHOP)), gone];
    let (found, totals) = compared(paid, &stored, Some(watched(1)));
    assert_eq!(found, [Mismatch::MissingInStore, Mismatch::NotOnChain]);
    let sums = Sums { chain: TokenAmount::of(3), store: TokenAmount::of(9) };
    assert_eq!(totals.sums, BTreeMap::from([(TOKEN, sums)]));
    assert_eq!((totals.on_chain, totals.in_store, totals.not_covered), (2, 2, 0));
}

#[test]
fn only_what_was_watched_then_must_be_stored() {
    let scan = |next: Option<u64>, to: u64| Scan {
        network: network(),
        target: ScanTarget::Address(SHOP),
        since: Since::Height(Height(1)),
        to: Height(to),
        next: next.map(Height),
        found: 0,
        created: Millis(1),
    };
    let with_order = |order| Watched { order: Some(order), ..watched(100) };
    let by_time = |time| order(100, Some(Since::Time(Timestamp(time))));
    let nobody = || {
        let mut nobody = watched(1);
        nobody.holding.standing = None;
        nobody
    };
    let scanned = |next, to| Watched { scan: Some(scan(next, to)), ..with_order(by_time(10)) };
    let table = [
        ("from its block on", watched(6), true),
        ("from the next block on", watched(7), false),
        ("owned, watched by nothing", nobody(), false),
        ("a finished order's", with_order(order(6, None)), true),
        ("an order's from the next block on", with_order(order(7, None)), false),
        ("the past, by height", with_order(order(100, Some(Since::Height(Height(6))))), true),
        ("a later past, by height", with_order(order(100, Some(Since::Height(Height(7))))), false),
        ("the past, by time", with_order(by_time(60)), true),
        ("a later past, by time", with_order(by_time(61)), false),
        ("a scan has read it", scanned(Some(7), 90), true),
        ("a scan is right before it", scanned(Some(6), 90), false),
        ("a scan has not begun", scanned(None, 90), false),
        ("a scan ends below it", scanned(Some(2), 5), true),
        ("followed, whatever a scan reads", Watched { scan: Some(scan(Some(2), 90)), ..watched(6) }, true),
    ];
    for (name, watched, must_be) in table {
        let (found, totals) = compared(vec![transfer(1, SHOP)], &[], Some(watched));
        let expected = if must_be { vec![Mismatch::MissingInStore] } else { vec![] };
        assert_eq!((found, totals.not_covered), (expected, u64::from(!must_be)), "{name}");
    }
    // What is stored is compared however it came there.
    let (found, totals) = compared(vec![transfer(1, SHOP)], &[deposit(6, transfer(1, SHOP))], Some(watched(7)));
    assert_eq!((found.len(), totals.not_covered, totals.on_chain), (0, 0, 1));
    // Taken back, and the address has no owner any more: nobody would have stored it again.
    let mut gone = deposit(6, transfer(1, SHOP));
    gone.state = DepositState::Orphaned;
    assert_eq!(compared(vec![transfer(1, SHOP)], &[gone], None).0, []);
}

#[test]
fn blocks_that_do_not_go_on_are_refused() {
    let mut recheck = Recheck::new(network(), Height(5), Height(9));
    recheck.step(&[block(5, vec![]), block(6, vec![])], &Held::default()).unwrap();
    let mut other = block(7, vec![]);
    other.header.parent = at(2).hash;
    for wrong in [other, block(8, vec![]), block(6, vec![])] {
        assert_eq!(
            recheck.clone().step(std::slice::from_ref(&wrong), &Held::default()),
            Err(Torn(wrong.header.at.height))
        );
    }
    assert_eq!(recheck.next(), Some(Height(7)));
    recheck.step(&[block(7, vec![])], &Held::default()).unwrap();
}

#[test]
fn balances_are_weighed_against_what_is_on_the_chain() {
    let mut deposited = Deposited::default();
    let mut add = |amount: u8, change: &dyn Fn(&mut Deposit)| {
        let mut deposit = deposit(6, transfer(amount, SHOP));
        change(&mut deposit);
        deposited.add(&deposit);
    };
    add(1, &|_| ());
    add(2, &|deposit| deposit.state = DepositState::Finalized);
    add(4, &|deposit| deposit.state = DepositState::Unmatched);
    add(8, &|deposit| deposit.state = DepositState::Detected);
    add(16, &|deposit| deposit.state = DepositState::Orphaned);
    add(32, &|deposit| deposit.from = SHOP);
    assert_eq!((deposited.all, deposited.credited), (TokenAmount::of(15), TokenAmount::of(3)));
    for (balance, weighed, may_flow, may_not) in [
        (14, Weighed::FlowedOut, false, true),
        (15, Weighed::Equal, false, false),
        (16, Weighed::Unexplained, true, true),
    ] {
        let found = Weighed::of(TokenAmount::of(balance), deposited);
        assert_eq!(found, weighed);
        assert_eq!((found.is_difference(false), found.is_difference(true)), (may_flow, may_not), "{balance}");
    }
    let mut full = Deposited { all: TokenAmount::MAX, credited: TokenAmount::MAX };
    full.add(&deposit(6, transfer(1, SHOP)));
    assert_eq!(full.all, TokenAmount::MAX, "a sum that does not fit stays at the end");
}
