//! What a TRON network's rows look like in answers: base58 and bare hex, nowhere the EVM forms.

use std::num::NonZeroU32;

use super::*;
use crate::domain::{
    BlockHash, Confirmations, Cursor, Decimals, DepositId, EventVersion, Head, Height, LogOrdinal, Order, OrderId,
    OrderLine, OrderState, Policy, TokenAmount, TxHash, UserMark, Watch,
};

const USDT: &str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
const TESSA: &str = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8";
const PAYER: &str = "TNDzfERDpxLDS2w1q6yaFC7pzqaSQ3Bg3r";
const TX: &str = "9f6d367313e4194e68cee9f1c7ff0b7bdfdab5ad1fbe4746a3760b36e4cd20c3";
const BLOCK: &str = "0000000003fe262d52bf1111111111111111111111111111111111111111abcd";
const DEPOSIT_ID: &str = "dep_37gw6pfa2nz4fnpwvxe6jei7mbxturbf";

fn tron(text: &str) -> Address {
    Address::parse(Family::Tron, text).unwrap()
}

fn id() -> DepositId {
    let network = "tron-mainnet".parse().unwrap();
    DepositId { network, tx: TxHash::parse(TX).unwrap(), token: tron(USDT), ordinal: LogOrdinal(0) }
}

fn spec(threshold: Threshold) -> NetworkSpec {
    let decimals = Decimals::new(6).unwrap();
    let token = Token { contract: tron(USDT), symbol: "USDT".into(), decimals, minimum: TokenAmount::ZERO };
    NetworkSpec {
        main_coin: None,
        id: id().network,
        family: Family::Tron,
        tokens: [(token.contract, token)].into(),
        policy: Policy::flat(threshold),
        window_blocks: 64,
    }
}

fn configured() -> Networks {
    let spec = spec(Threshold::Finalized);
    [(spec.id.clone(), spec)].into()
}

fn paid_order() -> Order {
    Order {
        fail_url: None,
        serial: None,
        amount_policy: crate::domain::AmountPolicy::AcceptActual,
        expiry: None,
        own_amount_policy: None,
        app: "shop".parse().unwrap(),
        id: OrderId::parse("o-1").unwrap(),
        user_mark: UserMark::default(),
        username: None,
        address: tron(TESSA),
        lines: vec![OrderLine {
            closed: false,
            since: None,
            network: id().network,
            token: tron(USDT),
            effective_from: Height(5),
        }],
        expected: TokenAmount::of(100_000_000),
        notify_url: None,
        created: Millis(0),
        state: OrderState::Paid(id()),
    }
}

fn answered(networks: &Networks, order: &Order) -> v1::Order {
    super::order(&Surroundings { networks, status: &|_| None }, order, &[], false)
}

fn seen() -> Deposit {
    Deposit {
        by_hand: false,
        hold: None,
        id: id(),
        family: Family::Tron,
        from: tron(PAYER),
        to: tron(TESSA),
        amount: TokenAmount::of(100_000_000),
        included_at: at(),
        block_time: Timestamp(7),
        state: DepositState::Detected,
        version: EventVersion(0),
        unmatched_told: false,
        first_seen: Height(66_987_565),
        app: "shop".parse().unwrap(),
        user_mark: UserMark::default(),
        order: None,
        reason: Reason::Pending,
    }
}

fn at() -> BlockRef {
    BlockRef { height: Height(66_987_565), hash: BlockHash::parse(BLOCK).unwrap() }
}

#[test]
fn a_tron_order_is_answered_in_tron_s_forms_also_after_its_network_left_the_configuration() {
    for (networks, display_amount) in [(configured(), "100.000000"), (Networks::new(), "")] {
        let answer = answered(&networks, &paid_order());
        assert_eq!(answer.address, TESSA);
        assert_eq!(answer.lines[0].token.as_ref().unwrap().contract, USDT);
        assert_eq!(answer.paid_by, DEPOSIT_ID);
        assert_eq!(answer.display_amount, display_amount);
    }
}

#[test]
fn one_configured_line_says_the_family_of_the_others() {
    let renamed: NetworkId = "other".parse().unwrap();
    let mut two_lines = paid_order();
    two_lines.lines.insert(
        0,
        OrderLine {
            closed: false,
            since: None,
            network: renamed.clone(),
            token: tron(USDT),
            effective_from: Height(5),
        },
    );
    two_lines.state = OrderState::Reversed(DepositId { network: renamed, ..id() });
    let answer = answered(&configured(), &two_lines);
    assert_eq!(answer.address, TESSA);
    assert_eq!(answer.lines[0].token.as_ref().unwrap().contract, USDT);
    let id = DepositId { network: "other".parse().unwrap(), ..id() };
    assert_eq!(answer.paid_by, id.text(Family::Tron));
}

#[test]
fn a_tron_address_is_answered_in_base58() {
    let holding = super::Holding {
        last_order: None,
        network: id().network,
        address: tron(TESSA),
        app: "shop".parse().unwrap(),
        user_mark: UserMark::default(),
        standing: Some(Watch { since: None, effective_from: Height(9) }),
        open_order: None,
        created: Millis(0),
    };
    for networks in [configured(), Networks::new()] {
        assert_eq!(super::holding(&networks, &holding).address, TESSA);
    }
}

#[test]
fn a_tron_deposit_waits_for_the_network_s_word() {
    let cursor = |last: u64| Cursor {
        take_back_above: None,
        tip: BlockRef { height: Height(66_987_600), ..at() },
        tip_time: Timestamp(8),
        peak: Height(66_987_600),
        finalized: Some(BlockRef { height: Height(last), ..at() }),
    };
    let status = NetworkStatus { cursor: Some(cursor(66_987_564)), ..NetworkStatus::default() };
    for networks in [configured(), Networks::new()] {
        let answer = deposit(&networks, Some(&status), &seen());
        assert_eq!(answer.deposit_id, DEPOSIT_ID);
        assert_eq!(answer.tx_hash, TX);
        assert_eq!(answer.block.unwrap().hash, BLOCK);
        assert_eq!((answer.from.as_str(), answer.address.as_str()), (PAYER, TESSA));
        assert_eq!(answer.token.unwrap().contract, USDT);
        assert_eq!(answer.confirmations, 36);
    }
    let rule = |networks| deposit(&networks, None, &seen()).required.and_then(|required| required.rule);
    assert_eq!(rule(configured()), Some(v1::required_confirmations::Rule::Finalized(true)));
    assert_eq!(rule(Networks::new()), None);
}

#[test]
fn a_tron_network_shows_its_family_tokens_and_blocks() {
    let header = crate::domain::Header { at: at(), parent: BlockHash([1; 32]), time: Timestamp(7) };
    let status = NetworkStatus { head: Some(Head::of(header, Some(header))), ..NetworkStatus::default() };
    let twelve = Threshold::Confirmations(Confirmations(NonZeroU32::new(12).unwrap()));
    let answer = network(&spec(twelve), &status, Millis(0));
    assert_eq!(answer.family(), v1::NetworkFamily::Tron);
    assert_eq!(answer.tokens[0].contract, USDT);
    assert_eq!(answer.head.unwrap().hash, BLOCK);
}
