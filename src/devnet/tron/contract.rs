//! What a transaction on TRON asks for, how it ended, and the fields beside that its id covers.

use crate::domain::Address;

/// How long a transaction may wait for a block.
const LIFETIME_MS: i64 = 60_000;

/// What a transaction asks for. Amounts may be absurd: a node repeats what users wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contract {
    /// `TriggerSmartContract`: a call with this input, and with `value` sun.
    Call {
        /// The input.
        data: Vec<u8>,
        /// TRX sent along, in sun.
        value: i64,
    },
    /// `TransferContract`: plain TRX.
    Trx {
        /// In sun.
        amount: i64,
    },
    /// `TransferAssetContract`: a TRC-10 token, which is no contract's.
    Asset {
        /// The token's number, or its name as the earliest blocks have it.
        name: String,
        /// In its base units.
        amount: i64,
    },
}

impl Contract {
    /// Its name in `Tron.proto`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Call { .. } => "TriggerSmartContract",
            Self::Trx { .. } => "TransferContract",
            Self::Asset { .. } => "TransferAssetContract",
        }
    }

    pub(super) fn type_url(&self) -> &'static str {
        match self {
            Self::Call { .. } => "type.googleapis.com/protocol.TriggerSmartContract",
            Self::Trx { .. } => "type.googleapis.com/protocol.TransferContract",
            Self::Asset { .. } => "type.googleapis.com/protocol.TransferAssetContract",
        }
    }

    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Call { .. } => 31,
            Self::Trx { .. } => 1,
            Self::Asset { .. } => 2,
        }
    }

    /// Whether it runs code: others have no `receipt.result`, no energy and no logs.
    pub(super) fn is_call(&self) -> bool {
        matches!(self, Self::Call { .. })
    }
}

/// How a transaction ended: `contractResult` of `Tron.proto`. All but [`TronResult::Success`] are failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TronResult {
    /// It did what it was made for.
    #[default]
    Success,
    /// The contract undid everything.
    Revert,
    /// An instruction that is none.
    IllegalOperation,
    /// The fee limit was too low.
    OutOfEnergy,
    /// It took longer than a block may. Its logs may show nevertheless.
    OutOfTime,
    /// It called itself too deep for the node. Its logs may show nevertheless.
    JvmStackOverflow,
    /// The node does not know either.
    Unknown,
    /// An inner TRX transfer was refused.
    TransferFailed,
}

impl TronResult {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Revert => "REVERT",
            Self::IllegalOperation => "ILLEGAL_OPERATION",
            Self::OutOfEnergy => "OUT_OF_ENERGY",
            Self::OutOfTime => "OUT_OF_TIME",
            Self::JvmStackOverflow => "JVM_STACK_OVER_FLOW",
            Self::Unknown => "UNKNOWN",
            Self::TransferFailed => "TRANSFER_FAILED",
        }
    }

    pub(super) fn number(self) -> u64 {
        match self {
            Self::Success => 1,
            Self::Revert => 2,
            Self::IllegalOperation => 8,
            Self::OutOfEnergy => 10,
            Self::OutOfTime => 11,
            Self::JvmStackOverflow => 12,
            Self::Unknown => 13,
            Self::TransferFailed => 14,
        }
    }

    /// What the node says about a failure.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Success => "",
            Self::Revert => "REVERT opcode executed",
            Self::IllegalOperation => "Invalid operation code: opCode[fe]",
            Self::OutOfEnergy => "Not enough energy for 'SSTORE' operation executing",
            Self::OutOfTime => "CPU timeout for 'PUSH1' operation executing",
            Self::JvmStackOverflow => "StackOverflowError: exceed default JVM stack size!",
            Self::Unknown => "Unknown Throwable",
            Self::TransferFailed => "transfer trx failed",
        }
    }
}

/// A call a contract made, as infos list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternalCall {
    /// Who called.
    pub caller: Address,
    /// Who was called.
    pub to: Address,
    /// TRX sent along, in sun.
    pub value: i64,
    /// It was undone: nothing moved.
    pub rejected: bool,
}

/// Where and when a transaction was made. Times are milliseconds since the Unix epoch as its maker wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::devnet) struct Stamp {
    pub(super) ref_block_bytes: [u8; 2],
    pub(super) ref_block_hash: [u8; 8],
    pub(super) timestamp: i64,
    pub(super) expiration: i64,
}

impl Stamp {
    /// On top of the block of this id, at a time of its own.
    pub(in crate::devnet) fn new(block_id: [u8; 32], timestamp: i64) -> Self {
        let mut stamp = Self {
            ref_block_bytes: [block_id[6], block_id[7]],
            ref_block_hash: [0; 8],
            timestamp,
            expiration: timestamp + LIFETIME_MS,
        };
        stamp.ref_block_hash.copy_from_slice(&block_id[8..16]);
        stamp
    }
}

/// The part of a transaction that only TRON has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TronTx {
    pub(super) contract: Contract,
    pub(super) result: TronResult,
    pub(super) internal: Vec<InternalCall>,
    pub(super) fee_limit: i64,
    pub(super) stamp: Stamp,
}

impl TronTx {
    /// What it asks for.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// How it ended.
    pub fn result(&self) -> TronResult {
        self.result
    }
}
