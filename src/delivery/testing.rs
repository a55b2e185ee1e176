//! Events for tests.

use crate::domain::{
    Address, AmountPolicy, App, BlockHash, BlockRef, Decimals, Deposit, DepositEvent, DepositId, DepositState, EventId,
    EventKind, EventVersion, Family, Height, LogOrdinal, Millis, NotifyUrl, Order, OrderEvent, OrderEventKind, OrderId,
    OrderState, Protocol, Reason, Timestamp, Token, TokenAmount, TxHash, UserMark,
};

pub(super) const SERIAL: &str = "cz-7ac8c6f2-abcd-4c55-b4f1-2b5c7e871036";

pub(super) fn url(text: &str) -> NotifyUrl {
    NotifyUrl::checked(text.to_owned()).unwrap()
}

pub(super) fn app(protocol: Protocol) -> App {
    App {
        news: Default::default(),
        amount_policy: AmountPolicy::AcceptActual,
        grace_s: 0,
        id: "app1".parse().unwrap(),
        protocol,
        notify_url: url("https://m.example/app"),
        notify_hosts: vec!["m.example".to_owned()],
        keys: Vec::new(),
        created: Millis(0),
    }
}

/// An order of 100 USDT with every text a protocol could want.
pub(super) fn order(address: Address) -> Order {
    Order {
        app: "app1".parse().unwrap(),
        id: OrderId::parse("myplat-20251120-000001").unwrap(),
        user_mark: UserMark::parse("uid123").unwrap(),
        username: Some("a123456".to_owned()),
        address,
        lines: Vec::new(),
        expected: TokenAmount::of(100_000_000),
        notify_url: None,
        fail_url: None,
        serial: Some(SERIAL.to_owned()),
        amount_policy: AmountPolicy::AcceptActual,
        own_amount_policy: None,
        expiry: None,
        created: Millis(0),
        state: OrderState::Open,
    }
}

fn token(family: Family) -> Token {
    let contract = match family {
        Family::Tron => "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        Family::Evm => "0xdac17f958d2ee523a2206206994597c13d831ec7",
    };
    Token {
        contract: Address::parse(family, contract).unwrap(),
        symbol: "USDT".to_owned(),
        decimals: Decimals::new(6).unwrap(),
        minimum: TokenAmount::ZERO,
    }
}

/// A transfer of 100 USDT for [`order`] to `address`, told as `kind` in `version`.
pub(super) fn deposit(address: &str, kind: EventKind, version: u32) -> DepositEvent {
    let family = Address::looks_like(address).unwrap();
    let to = Address::parse(family, address).unwrap();
    let token = token(family);
    let (network, tx) = match family {
        Family::Tron => ("tron-mainnet", "9f6d367313e4194e68cee9f1c7ff0b7bdfdab5ad1fbe4746a3760b36e4cd20c3"),
        Family::Evm => ("ethereum-mainnet", "0x58b6c361e75c1e01f0d9d850bfa0a0c7655b5354488c55544e15c4054daa516a"),
    };
    let id = DepositId {
        network: network.parse().unwrap(),
        tx: TxHash::parse(tx).unwrap(),
        token: token.contract,
        ordinal: LogOrdinal(0),
    };
    let name = id.text(family);
    let version = EventVersion(version);
    let event = match kind {
        EventKind::Detected => EventId::detected(&name),
        EventKind::Unmatched => EventId::unmatched(&name),
        EventKind::Confirmed | EventKind::Reversed => EventId::money(&name, version),
    };
    let before = version.0.saturating_sub(1);
    let reverses = (kind == EventKind::Reversed).then(|| EventId::money(&name, EventVersion(before)));
    let deposit = Deposit {
        by_hand: false,
        hold: None,
        id,
        family,
        from: Address([7; 20]),
        to,
        amount: TokenAmount::of(100_000_000),
        included_at: BlockRef {
            height: Height(60_241_722),
            hash: BlockHash::parse("000000000397373a8ad19aa1d4a4fd2b9d3c65e1a2b1f0c4d5e6f708192a3b4c").unwrap(),
        },
        block_time: Timestamp(0),
        state: DepositState::Confirmed,
        version,
        unmatched_told: false,
        first_seen: Height(0),
        app: "app1".parse().unwrap(),
        user_mark: UserMark::parse("uid123").unwrap(),
        order: None,
        reason: Reason::Matched,
    };
    DepositEvent {
        id: event,
        kind,
        version,
        timestamp: Timestamp(1_763_627_052),
        family,
        order: Some(order(to)),
        token,
        deposit,
        confirmations: 20,
        reverses,
    }
}

/// The address most vectors are about.
pub(super) const TRON: &str = "TDFwiy9qNjT9ryFS2Wsyacfa5PHS3hUwxn";

/// The end of [`order`].
pub(super) fn ended(kind: OrderEventKind) -> OrderEvent {
    let order = order(Address::parse(Family::Tron, TRON).unwrap());
    OrderEvent {
        id: EventId::order(&order.app, &order.id, kind),
        kind,
        timestamp: Timestamp(1_763_627_052),
        network: "tron-mainnet".parse().unwrap(),
        family: Family::Tron,
        token: token(Family::Tron),
        block: deposit(TRON, EventKind::Confirmed, 1).deposit.included_at,
        order,
    }
}
