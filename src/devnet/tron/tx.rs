//! Making transactions of a TRON chain, and the ids that follow from what they hold.

use crate::{
    devnet::tx::{Log, TRANSFER_TOPIC, Tx},
    domain::{Address, TxHash},
};

use super::{
    contract::{Contract, InternalCall, Stamp, TronResult, TronTx},
    encode, sha256, signature,
};

/// `transfer(address,uint256)`.
const TRANSFER_SELECTOR: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];
/// `execute()`: a call about which nothing is known.
const EXECUTE_SELECTOR: [u8; 4] = [0x61, 0x46, 0x19, 0x54];
/// Most a call may burn unless told otherwise, in sun.
const FEE_LIMIT: i64 = 100_000_000;

/// Input of the call that would write these logs: `transfer` where the first one is a transfer.
pub(in crate::devnet) fn call_data(logs: &[Log]) -> Vec<u8> {
    match logs.first() {
        Some(log) if log.topics.first() == Some(&TRANSFER_TOPIC) && log.topics.len() == 3 => {
            [TRANSFER_SELECTOR.as_slice(), &log.topics[2], &log.data].concat()
        }
        Some(_) | None => EXECUTE_SELECTOR.to_vec(),
    }
}

impl Tx {
    /// A transaction on TRON; succeeded.
    pub(in crate::devnet) fn on_tron(
        from: Address,
        to: Address,
        logs: Vec<Log>,
        contract: Contract,
        stamp: Stamp,
    ) -> Self {
        Self::unhashed(from, to, logs, contract, stamp).hashed()
    }

    /// The same without its id, which costs more than all the rest.
    pub(super) fn unhashed(from: Address, to: Address, logs: Vec<Log>, contract: Contract, stamp: Stamp) -> Self {
        let fee_limit = if contract.is_call() { FEE_LIMIT } else { 0 };
        let tron = TronTx { contract, result: TronResult::Success, internal: Vec::new(), fee_limit, stamp };
        Self { hash: TxHash::default(), from, to, succeeded: true, logs, tron: Some(Box::new(tron)) }
    }

    /// Under the id that its content gives it now.
    pub(super) fn hashed(mut self) -> Self {
        if self.tron.is_some() {
            self.hash = TxHash(sha256(&self.raw_data()));
        }
        self
    }

    fn changed(mut self, change: impl FnOnce(&mut TronTx)) -> Self {
        if let Some(tron) = &mut self.tron {
            change(tron);
        }
        self
    }

    /// With another end. It keeps its id, which does not cover the result, and its logs: a node may show those of a
    /// transaction that failed.
    pub fn with_result(mut self, result: TronResult) -> Self {
        self.succeeded = result == TronResult::Success;
        self.changed(|tron| tron.result = result)
    }

    /// With one more inner call. It keeps its id.
    pub fn with_internal(self, call: InternalCall) -> Self {
        self.changed(|tron| tron.internal.push(call))
    }

    /// With another input, if it is a call; another transaction on TRON, no change elsewhere.
    pub fn with_call_data(self, input: Vec<u8>) -> Self {
        let change = |tron: &mut TronTx| {
            if let Contract::Call { data, .. } = &mut tron.contract {
                *data = input;
            }
        };
        self.changed(change).hashed()
    }

    /// With another fee limit in sun, sensible or not; another transaction on TRON, no change elsewhere.
    pub fn with_fee_limit(self, sun: i64) -> Self {
        self.changed(|tron| tron.fee_limit = sun).hashed()
    }

    /// With its maker's times in milliseconds, sensible or not; another transaction on TRON, no change elsewhere.
    pub fn with_times(self, timestamp: i64, expiration: i64) -> Self {
        self.changed(|tron| (tron.stamp.timestamp, tron.stamp.expiration) = (timestamp, expiration)).hashed()
    }

    /// Its TRON part; transactions of a TRON chain have one.
    pub(super) fn tron(&self) -> &TronTx {
        self.tron.as_deref().expect("a transaction of a TRON chain has a TRON part")
    }

    /// The bytes its id covers.
    pub(super) fn raw_data(&self) -> Vec<u8> {
        encode::raw_data(self.from, self.to, self.tron())
    }

    /// By nobody; the same wherever the transaction is included.
    pub(super) fn signature(&self) -> [u8; 65] {
        let [a, b, c, d, e, f, g, h, ..] = self.from.0;
        signature(u64::from_be_bytes([a, b, c, d, e, f, g, h]) ^ self.tron().stamp.timestamp.cast_unsigned())
    }
}
