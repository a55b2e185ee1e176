//! Simulated chains over real HTTP, of both families, for `depositd demo`, `depositd devnet` and the tests. Not a part of
//! the daemon.
//!
//! - [`Ledger`] is one chain: it mines, forks and rolls back when told, and never by itself.
//! - [`DevNode`] is an Ethereum node in front of a ledger, [`TronNode`] a TRON node; several may share one, each with its
//!   own [`Trouble`].
//! - [`Merchant`] is a receiver of notifications that checks what it gets.
//!
//! Everything listens on 127.0.0.1 only. Nothing here validates, executes or signs: a transaction is its logs.
//!
//! # Playing by hand
//! Beside what it serves otherwise a node takes control calls, with or without trouble; a TRON node at `/`, and at
//! `/jsonrpc` if that is on. Addresses are the family's own, or `0x` and 40 digits:
//!
//! | method | parameters | answer |
//! |---|---|---|
//! | `dev_mine` | `[blocks = 1]` | the new head's height |
//! | `dev_transfer` | `[token, to, amount]`; decimal text of a known token, base units of another | the transaction's hash; the next block includes it |
//! | `dev_fork` | `[depth = 1, "drop"?]`: replaces `depth` blocks by one more, whose last has the old transactions, unless dropped | the new head's height |
//! | `dev_rollback` | `[depth = 1]`: takes blocks and their transactions away | the new head's height |
//! | `dev_fill` | `[blocks = 1, transactions = 400, transfers = a quarter]`: blocks full of strangers' traffic | the new head's height |
//! | `dev_stall_solid` | `[true]` or `[false]`: what is final stands still, or goes on | `true` |
//! | `dev_received` | `[address]` | all transfers to it on the chain as it is now: `[{tx, token, ordinal, amount, height, solid}]` |
//! | `dev_trouble` | `[{"lag_blocks": 3}]`, the fields of [`Trouble`]; `[]` ends it | `true` |
//!
//! ```text
//! curl -s localhost:8545 -d '{"jsonrpc":"2.0","id":1,"method":"dev_transfer","params":["0x11…","0x33…","12.5"]}'
//! curl -s localhost:8545 -d '{"jsonrpc":"2.0","id":2,"method":"dev_mine","params":[12]}'
//! ```

mod block;
mod bloom;
mod call;
mod control;
mod evm_rpc;
mod filter;
mod ledger;
mod merchant;
mod node;
mod options;
mod respond;
mod serve;
mod trie;
mod tron;
mod trouble;
mod tx;

pub use block::SimBlock;
pub use bloom::{BLOOM_BYTES, Bloom};
pub use ledger::{Ledger, LedgerError, LedgerHandle, LedgerSpec, Orphans, SimToken};
pub use merchant::{Answer, Merchant, Received, Sameness, Signature};
pub use node::DevNode;
pub use options::NodeOptions;
pub use tron::{Contract, Filling, InternalCall, SolidPort, TronNode, TronOptions, TronResult, TronTx, solid_lag};
pub use trouble::{
    BlockLie, Faces, Failure, Garble, Hidden, Inflated, InfoLie, TronRefusal, TronTrouble, Trouble, TroubleHandle,
};
pub use tx::{Log, TRANSFER_TOPIC, Tx};
