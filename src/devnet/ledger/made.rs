//! The verbs that make transactions, and the traffic between them.

use crate::domain::{Address, BlockRef, Family, Timestamp, TokenAmount};

use super::{
    super::{
        tron::{Contract, Filler, Filling, Stamp, TronResult, call_data},
        tx::{Log, Tx},
    },
    Ledger,
};

impl Ledger {
    /// A transaction nobody has made before, holding `logs`. On TRON it is a call, `transfer` if the first log is one.
    pub fn tx(&mut self, from: Address, to: Address, logs: Vec<Log>) -> Tx {
        let contract = Contract::Call { data: call_data(&logs), value: 0 };
        self.make(from, to, logs, contract)
    }

    /// One honest transfer in its own transaction.
    pub fn transfer(&mut self, token: Address, from: Address, to: Address, amount: TokenAmount) -> Tx {
        self.tx(from, token, vec![Log::transfer(token, from, to, amount)])
    }

    /// A transaction that failed: status 0, no logs; on TRON it was reverted.
    pub fn failed(&mut self, from: Address, to: Address) -> Tx {
        self.tx(from, to, Vec::new()).with_result(TronResult::Revert)
    }

    /// A token transfer that failed in this manner: its input still names recipient and amount, it wrote no log.
    pub fn failed_transfer(
        &mut self,
        token: Address,
        from: Address,
        to: Address,
        amount: TokenAmount,
        result: TronResult,
    ) -> Tx {
        let data = call_data(&[Log::transfer(token, from, to, amount)]);
        self.make(from, token, Vec::new(), Contract::Call { data, value: 0 }).with_result(result)
    }

    /// A transfer of the network's own coin, which writes no log.
    pub fn send_trx(&mut self, from: Address, to: Address, sun: i64) -> Tx {
        self.make(from, to, Vec::new(), Contract::Trx { amount: sun })
    }

    /// A transfer of a TRC-10 token, which writes no log.
    pub fn send_asset(&mut self, name: &str, from: Address, to: Address, amount: i64) -> Tx {
        self.make(from, to, Vec::new(), Contract::Asset { name: name.to_owned(), amount })
    }

    fn make(&mut self, from: Address, to: Address, logs: Vec<Log>, contract: Contract) -> Tx {
        match self.spec.family {
            Family::Evm => {
                self.nonce += 1;
                Tx::of(self.spec.chain_id, self.nonce, from, to, logs)
            }
            Family::Tron => {
                let now = self.head().timestamp.max(self.spec.base_time).0.saturating_mul(1000);
                self.last_made_ms = now.max(self.last_made_ms) + 1;
                let stamp = Stamp::new(self.head().at.hash.0, self.last_made_ms.cast_signed());
                Tx::on_tron(from, to, logs, contract, stamp)
            }
        }
    }

    /// `blocks` blocks full of traffic between strangers, the first with what is pending. TRON only: elsewhere the
    /// blocks are empty.
    pub fn fill(&mut self, blocks: u64, filling: Filling) -> BlockRef {
        let before = self.filling.replace(filling);
        let head = self.extend(blocks);
        self.filling = before;
        head
    }

    /// From here on every block has such traffic, among the transactions it is given; `None` ends it. TRON only.
    ///
    /// Made-up transactions are not found by their hash, and a fork drops them.
    pub fn set_filling(&mut self, filling: Option<Filling>) {
        self.filling = filling;
    }

    /// The traffic of the next block, if it has any.
    pub(super) fn filler(&self, time: Timestamp) -> Option<Filler> {
        let filling = self.filling.filter(|_| self.spec.family == Family::Tron)?;
        let below = self.head().at.hash.0;
        let [.., a, b, c, d, e, f, g, h] = below;
        let seed = u64::from_be_bytes([a, b, c, d, e, f, g, h]).wrapping_add(self.branch);
        let stamp = Stamp::new(below, time.0.saturating_mul(1000).cast_signed());
        Some(Filler { filling, token: self.first_token(), seed, stamp })
    }
}
