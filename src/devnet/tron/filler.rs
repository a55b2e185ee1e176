//! Traffic between strangers: made of a seed, and made again whenever a block is read, so that it takes no memory.

use std::borrow::Cow;

use crate::{
    devnet::tx::{Log, Tx},
    domain::{Address, TokenAmount},
};

use super::{
    contract::{Contract, Stamp, TronResult},
    next, noise,
    tx::call_data,
};

/// How much of it a block gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filling {
    /// Transactions in each block.
    pub txs: u32,
    /// How many of those are transfers of the spec's first token; the others are what else goes on: TRX, TRC-10,
    /// transfers of tokens nobody listed, failed transfers of the listed one.
    pub transfers: u32,
}

/// The traffic of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::devnet) struct Filler {
    pub(in crate::devnet) filling: Filling,
    pub(in crate::devnet) token: Address,
    pub(in crate::devnet) seed: u64,
    /// Where its transactions stand; each gets a time of its own behind this one.
    pub(in crate::devnet) stamp: Stamp,
}

impl Filler {
    /// How many transactions it makes.
    pub(super) fn len(&self) -> usize {
        self.filling.txs as usize
    }

    /// The transaction in this place, without its id.
    pub(super) fn unhashed(&self, place: usize) -> Tx {
        let number = place as u64;
        let mut seed = self.seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93);
        let (from, to) = (Address(noise(&mut seed)), Address(noise(&mut seed)));
        let units = 1 + next(&mut seed) % 10_000_000_000;
        let amount = TokenAmount::of(units);
        let mut stamp = self.stamp;
        let ago = (next(&mut seed) % 3000).cast_signed();
        (stamp.timestamp, stamp.expiration) = (stamp.timestamp - ago, stamp.expiration - ago);
        let call = |logs: &[Log]| Contract::Call { data: call_data(logs), value: 0 };

        let transfer = |token| vec![Log::transfer(token, from, to, amount)];
        if self.is_transfer(number) {
            let logs = transfer(self.token);
            return Tx::unhashed(from, self.token, Vec::new(), call(&logs), stamp).writing(logs);
        }
        match next(&mut seed) % 8 {
            0..4 => Tx::unhashed(from, to, Vec::new(), Contract::Trx { amount: units.cast_signed() }, stamp),
            4 => {
                let contract = Contract::Asset { name: "1002000".into(), amount: units.cast_signed() };
                Tx::unhashed(from, to, Vec::new(), contract, stamp)
            }
            5 | 6 => {
                let stranger = Address(noise(&mut seed));
                let logs = transfer(stranger);
                Tx::unhashed(from, stranger, Vec::new(), call(&logs), stamp).writing(logs)
            }
            _ => {
                let contract = call(&transfer(self.token));
                Tx::unhashed(from, self.token, Vec::new(), contract, stamp).with_result(TronResult::OutOfEnergy)
            }
        }
    }

    /// Spreads the transfers evenly, and makes exactly as many as asked for.
    fn is_transfer(&self, place: u64) -> bool {
        let (all, some) = (u64::from(self.filling.txs), u64::from(self.filling.transfers.min(self.filling.txs)));
        place * some % all + some >= all
    }
}

impl Tx {
    fn writing(mut self, logs: Vec<Log>) -> Self {
        self.logs = logs;
        self
    }
}

/// Which transaction stands where, if `real` ones are spread among those of a filler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::devnet) struct Mix {
    pub(super) real: usize,
    pub(super) total: usize,
}

/// One place of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// This one of the real transactions.
    Real(usize),
    /// This one of the filler's.
    Filler(usize),
}

impl Mix {
    pub(super) fn of(txs: &[Tx], filler: Option<&Filler>) -> Self {
        Self { real: txs.len(), total: txs.len() + filler.map_or(0, Filler::len) }
    }

    /// Where in the block the real transaction `number` is.
    pub(super) fn place_of(self, number: usize) -> usize {
        number * self.total / self.real + self.offset()
    }

    /// What is in this place of the block.
    pub(super) fn at(self, place: usize) -> Place {
        if self.real == 0 {
            return Place::Filler(place);
        }
        let before = (place.saturating_sub(self.offset()) * self.real).div_ceil(self.total).min(self.real);
        let is_real = before < self.real && self.place_of(before) == place;
        if is_real { Place::Real(before) } else { Place::Filler(place - before) }
    }

    fn offset(self) -> usize {
        self.total / self.real.max(1) / 2
    }
}

/// The transaction in a place of a block, without its id if it is the filler's.
pub(super) fn pick<'a>(txs: &'a [Tx], filler: Option<&Filler>, place: usize) -> Option<Cow<'a, Tx>> {
    match Mix::of(txs, filler).at(place) {
        Place::Real(number) => txs.get(number).map(Cow::Borrowed),
        Place::Filler(number) => {
            let filler = filler.filter(|filler| number < filler.len())?;
            Some(Cow::Owned(filler.unhashed(number)))
        }
    }
}

#[cfg(test)]
mod tests;
