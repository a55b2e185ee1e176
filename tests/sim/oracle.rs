//! Judges a finished run from the world's chain and the clients' answers alone.

use std::collections::BTreeMap;

use depositd::domain::{Address, DepositId, Height, OrderState, TokenAmount, Transfer};

use crate::{
    chain::MINIMUM,
    world::{World, app_id},
};

/// A transfer that may be credited at all.
fn counts(transfer: &Transfer) -> bool {
    transfer.amount >= TokenAmount::of(MINIMUM) && transfer.from != transfer.to
}

/// Every transfer of the final chain that reached one of `payees`, with its height, by printed deposit id.
fn paid_to<'a>(
    world: &'a World,
    is_payee: impl Fn(Address) -> bool + 'a,
) -> impl Iterator<Item = (String, Height, &'a Transfer)> + 'a {
    let transfers = world.chain.blocks().iter().flat_map(|block| block.transfers.iter().map(move |t| (block, t)));
    transfers.filter(move |(_, transfer)| is_payee(transfer.to)).map(|(block, transfer)| {
        let id = DepositId::of(&world.network, transfer).text(world.spec.family);
        (id, block.header.at.height, transfer)
    })
}

pub fn judge(world: &World) {
    let credited = world.merchant.credited();
    standing_watches(world, &credited);
    orders(world, &credited);
    nothing_false(world, &credited);
}

/// Everything that reached a standing watch from its first height on is credited, with its amount.
fn standing_watches(world: &World, credited: &BTreeMap<String, TokenAmount>) {
    let watches = &world.answered.watches;
    for (id, height, transfer) in paid_to(world, |to| watches.contains_key(&to)) {
        if counts(transfer) && height >= watches[&transfer.to] {
            assert_eq!(
                credited.get(&id),
                Some(&transfer.amount),
                "{id} at {height} reached a watch and is not credited"
            );
        }
    }
}

/// An order with a payment on the final chain is paid by exactly one of them; one without is not paid.
fn orders(world: &World, credited: &BTreeMap<String, TokenAmount>) {
    let mut by_address: BTreeMap<Address, Vec<_>> = BTreeMap::new();
    for answer in world.answered.orders.values() {
        by_address.entry(answer.address).or_default().push(answer);
    }
    for (address, answers) in by_address {
        let payments: Vec<_> = paid_to(world, |to| to == address).filter(|(_, _, transfer)| counts(transfer)).collect();
        for answer in &answers {
            let order = world.core.store().order(&app_id(), &answer.id).unwrap().unwrap();
            let payer = match &order.state {
                OrderState::Paid(deposit) => Some(deposit.text(world.spec.family)),
                OrderState::Open | OrderState::Reversed(_) | OrderState::Cancelled | OrderState::Expired => None,
            };
            if let Some(payer) = &payer {
                assert!(
                    payments.iter().any(|(id, ..)| id == payer),
                    "{:?} is paid by {payer}, which is not there",
                    order.id
                );
                assert!(credited.contains_key(payer), "{:?} is paid by {payer}, which was not told", order.id);
            }
            let from = answer.lines[0].effective_from;
            let was_payable = payments.iter().any(|(_, height, _)| *height >= from);
            let alone = sent_to(world, address) == 1 && !world.answered.cancelled.contains(&answer.id);
            if alone && was_payable {
                assert!(payer.is_some(), "{:?} was paid on the chain and is {}", order.id, order.state.word());
            }
        }
        let told = payments.iter().filter(|(id, ..)| credited.contains_key(id)).count();
        let orders = sent_to(world, address);
        assert!(told <= orders, "{told} payments credited to {orders} orders");
    }
}

/// How many orders were sent for an address.
fn sent_to(world: &World, address: Address) -> usize {
    world.answered.sent.values().filter(|to| **to == address).count()
}

/// What stands credited is on the final chain, to the base unit; what is not credited was told as unmatched.
fn nothing_false(world: &World, credited: &BTreeMap<String, TokenAmount>) {
    let known = |to: Address| world.core.store().holding(&world.network, to).unwrap().is_some();
    let on_chain: BTreeMap<_, _> = paid_to(world, known).map(|(id, height, t)| (id, (height, t))).collect();
    for (id, amount) in credited {
        let found = on_chain.get(id).unwrap_or_else(|| panic!("{id} stands credited and is not on the chain"));
        assert_eq!(found.1.amount, *amount, "{id} is credited with another amount");
        assert!(counts(found.1), "{id} must not be credited");
    }
    let reader = world.core.store().reader();
    for id in on_chain.keys().filter(|id| !credited.contains_key(*id)) {
        let seen = reader.deposit(id).unwrap();
        assert!(
            seen.is_none_or(|_| world.merchant.unmatched.contains_key(id)),
            "{id} was seen and neither credited nor told as unmatched"
        );
    }
}
