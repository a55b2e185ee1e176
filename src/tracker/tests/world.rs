//! The verbs of a script that set a world up: what is watched, ordered, demanded and held.

use super::{TOKEN, World, address, app, network, tx};
use crate::{
    domain::{
        Act, Address, AmountPolicy, Confirmations, Deposit, DepositId, Expiry, Height, Holding, LogOrdinal, Millis,
        Need, Order, OrderId, OrderLine, OrderState, Origin, Policy, PolicyScope, Since, Threshold, TierFrom,
        Timestamp, TokenAmount, UserMark, Watch,
        policy::{Rule, RuleSet},
    },
    tracker::{Change, Changeset},
};

impl World {
    pub(super) fn holding(&self, address: Address) -> Holding {
        self.rows.holdings.get(&(network(), address)).cloned().unwrap_or(Holding {
            last_order: None,
            network: network(),
            address,
            app: app(),
            user_mark: UserMark::default(),
            standing: None,
            open_order: None,
            created: Millis(0),
        })
    }

    pub(super) fn watch(&mut self, name: &str) {
        let effective_from = self.tracker.cursor().unwrap().tip.height.next();
        let holding = Holding { standing: Some(Watch { since: None, effective_from }), ..self.holding(address(name)) };
        self.take(Changeset { changes: vec![Change::Holding(holding)], events: vec![] });
    }

    /// `strict`, `least`, `until 60 12` (time and grace), `since 3`, `also other` (a second network) may follow.
    pub(super) fn order(&mut self, id: &str, name: &str, amount: &str, mut more: &[&str]) {
        let id = OrderId::parse(id).unwrap();
        let effective_from = self.tracker.cursor().unwrap().tip.height.next();
        let mut holding = Holding { open_order: Some(id.clone()), last_order: None, ..self.holding(address(name)) };
        let line = OrderLine { closed: false, since: None, network: network(), token: TOKEN, effective_from };
        let mut order = Order {
            fail_url: None,
            serial: None,
            amount_policy: AmountPolicy::AcceptActual,
            expiry: None,
            own_amount_policy: None,
            app: app(),
            id: id.clone(),
            user_mark: UserMark::default(),
            username: None,
            address: address(name),
            lines: vec![line],
            expected: TokenAmount::of(amount.parse().unwrap()),
            notify_url: None,
            created: Millis(0),
            state: OrderState::Open,
        };
        while let Some((word, rest)) = more.split_first() {
            more = match (*word, rest) {
                ("strict", rest) => {
                    order.amount_policy = AmountPolicy::StrictExact;
                    rest
                }
                ("least", rest) => {
                    order.amount_policy = AmountPolicy::AtLeast;
                    rest
                }
                ("until", [at, grace, rest @ ..]) => {
                    let (at, grace_s) = (Timestamp(at.parse().unwrap()), grace.parse().unwrap());
                    order.expiry = Some(Expiry { at, grace_s });
                    rest
                }
                ("since", [height, rest @ ..]) => {
                    order.lines[0].since = Some(Since::Height(Height(height.parse().unwrap())));
                    rest
                }
                ("paid", [by, rest @ ..]) => {
                    let by = DepositId { network: network(), tx: tx(by), token: TOKEN, ordinal: LogOrdinal(0) };
                    order.state = OrderState::Paid(by);
                    holding = Holding { open_order: None, last_order: Some(id.clone()), ..holding };
                    rest
                }
                ("also", [other, rest @ ..]) => {
                    let other = OrderLine { network: other.parse().unwrap(), ..order.lines[0].clone() };
                    order.lines.push(other);
                    rest
                }
                _ => panic!("unknown option {more:?}"),
            };
        }
        self.tracker.accept(&Changeset { changes: vec![Change::Holding(holding.clone())], events: vec![] });
        self.rows.holdings.insert((network(), holding.address), holding);
        self.rows.orders.insert((app(), id), order);
    }

    /// `2 100:5 1000:final`: the base, then tiers.
    pub(super) fn tiers(&mut self, words: &[&str]) {
        let need = |text: &str| {
            let threshold = match text.trim_end_matches('+') {
                "final" => Threshold::Finalized,
                n => Threshold::Confirmations(Confirmations::new(n.parse().unwrap()).unwrap()),
            };
            Need { threshold, second_source: text.ends_with('+') }
        };
        let mut rules = RuleSet::flat(need(words[0]));
        for word in &words[1..] {
            let (from, text) = word.split_once(':').unwrap();
            let scope = PolicyScope { from: TierFrom::parse(from).unwrap(), ..PolicyScope::network() };
            rules.file.push(Rule { scope, need: need(text), origin: Origin::Default });
        }
        self.tracker.spec.policy = Policy::compile(rules, &self.tracker.spec.tokens).unwrap();
    }

    pub(super) fn hold(&mut self, tx_name: &str, hold: Option<Act>) {
        let id = DepositId { network: network(), tx: tx(tx_name), token: TOKEN, ordinal: LogOrdinal(0) };
        let deposit = Deposit { hold, ..self.rows.deposits[&id].clone() };
        self.take(Changeset { changes: vec![Change::Deposit(deposit)], events: vec![] });
    }
}
