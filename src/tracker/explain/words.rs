//! The sentences of explanations.

use crate::domain::{
    Address, Deposit, Family, Need, Order, OrderState, Origin, Reason, Threshold, Token, TokenAmount, explain::LogFlaw,
    policy::Rung,
};

pub(super) const IN_NO_BLOCK: &str = "the node knows the transaction, but no block holds it: nothing is credited before \
     a block does";
pub(super) const NO_TRANSFER_LOG: &str = "the transaction wrote no Transfer log: only such logs of listed tokens are \
     deposits, whatever else it asked for";
pub(super) const NO_LISTED_TOKEN: &str = "no log in it is a Transfer of a listed token";

pub(super) fn unknown(endpoint: &str) -> String {
    format!(
        "endpoint {endpoint} and those after it do not know the transaction: it was never sent, fell out, or is on \
             another network"
    )
}

pub(super) fn failed(how: &str) -> String {
    format!("the transaction failed ({how}): it moved nothing, whatever its input or its logs say")
}

pub(super) fn coin(to: Address, family: Family) -> String {
    let coin = match family {
        Family::Evm => "the network's own coin",
        Family::Tron => "TRX",
    };
    format!("it pays {coin} to {}: only listed tokens are watched", to.display(family))
}

pub(super) fn asset(to: Address, name: &str, family: Family) -> String {
    format!(
        "it pays the TRC-10 asset {name:?} to {}: an asset is no contract's token, whatever its name",
        to.display(family)
    )
}

pub(super) fn inner_calls(calls: u32, rejected: u32) -> String {
    format!("{calls} inner calls are shown, {rejected} of them rejected: inner calls are never deposits, only logs are")
}

pub(super) fn call_without_transfer(symbol: &str) -> String {
    format!("it calls the contract of {symbol}, succeeded, and wrote no Transfer log of it: no {symbol} was moved")
}

pub(super) fn not_listed(token: Address, family: Family) -> String {
    format!(
        "token {} is not listed on this network; the symbol a contract gives itself is never compared",
        token.display(family)
    )
}

pub(super) fn flaw(flaw: LogFlaw) -> String {
    let what = match flaw {
        LogFlaw::Topics(count) => format!("it has {count} topics instead of 3, as the transfer of a collectible"),
        LogFlaw::Data => "its data is not one word of 32 bytes".to_owned(),
        LogFlaw::Address => "a word that should hold an address has other bytes before it".to_owned(),
    };
    format!("the log begins as a Transfer and is none: {what}")
}

/// An amount as people write it.
pub(super) fn amount(amount: TokenAmount, token: &Token) -> String {
    format!("{} {}", amount.decimal(token.decimals), token.symbol)
}

/// A rule by its name, and who said so.
pub(super) fn rule(rung: Option<&Rung>, place: impl FnOnce(&Rung) -> String) -> String {
    let Some(rung) = rung else { return "the network's rule".to_owned() };
    let origin = match &rung.origin {
        Origin::Runtime(act) => format!("set by {} at {}: {}", act.by, act.at.seconds(), act.why),
        other @ (Origin::Default | Origin::File(_)) => other.to_string(),
    };
    format!("rule \"{}\", {origin}", place(rung))
}

/// A need as part of a sentence.
pub(super) fn need(need: Need) -> String {
    match need.threshold {
        Threshold::Confirmations(count) => format!("{} confirmations", count.get()),
        Threshold::Finalized => "the network's word that its block is final".to_owned(),
    }
}

/// How a credited deposit was matched.
pub(super) fn matched(deposit: &Deposit) -> String {
    let Some(order) = &deposit.order else {
        return "the address is watched for good: every transfer is a deposit".to_owned();
    };
    if deposit.reason == Reason::Manual {
        return format!("a person bound it to order {order}");
    }
    format!("it pays order {order}: {}", deposit.reason.word())
}

/// Why nobody is credited.
pub(super) fn nobody(reason: Reason, deposit: &Deposit, token: &Token, order: Option<&Order>) -> String {
    let named = order.map_or_else(|| "an order".to_owned(), |order| format!("order {}", order.id));
    let arrived = amount(deposit.amount, token);
    let expected = || order.map_or_else(String::new, |order| amount(order.expected, token));
    match reason {
        Reason::SelfTransfer => "sender and recipient are the same: the balance did not change".to_owned(),
        Reason::BelowMinimum => format!("{arrived} is below the token's minimum of {}", amount(token.minimum, token)),
        Reason::Late => {
            let until = order.and_then(|order| order.expiry).map(|expiry| expiry.deadline().to_string());
            let until = until.unwrap_or_else(|| "its deadline".to_owned());
            format!("{named} waited until {until}, grace included; the block is of {}", deposit.block_time)
        }
        Reason::Duplicate => match order.map(|order| &order.state) {
            Some(OrderState::Paid(by)) => format!("{named} was paid by {}", by.text(deposit.family)),
            _ => format!("{named} was paid by another transfer"),
        },
        Reason::Under | Reason::Over => {
            let policy = order.map_or("its policy", |order| order.amount_policy.word());
            format!("{arrived} arrived, {named} expects {} and its amount policy is {policy}", expected())
        }
        Reason::NoOpenOrder => "no open order expected it, and the address is not watched for good".to_owned(),
        Reason::Pending | Reason::Matched | Reason::Manual | Reason::Reversed => {
            format!("it is credited to nobody: {}", reason.word())
        }
    }
}
