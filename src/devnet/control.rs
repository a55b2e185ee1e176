//! The `dev_…` methods: driving the chain by hand over the same HTTP face. The module docs of `devnet` list them.

use serde_json::{Value, json};

use crate::domain::{Address, Family, TokenAmount};

use super::{
    call::{RpcError, address, param, text},
    ledger::{Ledger, LedgerError, LedgerHandle, Orphans},
    tron::Filling,
    trouble::{Trouble, TroubleHandle},
    tx::{Log, TRANSFER_TOPIC},
};

/// Most blocks one control call mines.
const BLOCKS_MAX: u64 = 10_000;
/// Most made-up transactions in one block.
const FILLING_MAX: u64 = 10_000;

/// Who pays in transfers made by hand.
const PAYER: Address = Address([0xde; 20]);

/// Runs `dev_{verb}`.
pub(super) fn run(
    ledger: &LedgerHandle,
    trouble: &TroubleHandle,
    verb: &str,
    params: &[Value],
) -> Result<String, RpcError> {
    match verb {
        "mine" => {
            let blocks = number(params, 0, 1, BLOCKS_MAX)?;
            Ok(height(ledger.lock().extend(blocks).height.0))
        }
        "fill" => fill(&mut ledger.lock(), params),
        "transfer" => transfer(&mut ledger.lock(), params),
        "received" => {
            let ledger = ledger.lock();
            let whose = text(param(params, 0)?).and_then(|text| account(ledger.spec().family, text));
            Ok(received(&ledger, whose.ok_or_else(|| RpcError::params("expected an address"))?))
        }
        "fork" => {
            let depth = number(params, 0, 1, BLOCKS_MAX)?;
            let orphans = match params.get(1).and_then(text) {
                None => Orphans::Include(depth),
                Some("drop") => Orphans::Drop,
                Some(_) => return Err(RpcError::params("the second argument is \"drop\" or absent")),
            };
            let head = ledger.lock().fork(depth, depth + 1, orphans).map_err(refused)?;
            Ok(height(head.height.0))
        }
        "rollback" => {
            let mut ledger = ledger.lock();
            ledger.rollback(number(params, 0, 1, BLOCKS_MAX)?).map_err(refused)?;
            Ok(height(ledger.head().at.height.0))
        }
        "stall_solid" => {
            let stalled = params.first().map_or(Some(true), Value::as_bool);
            ledger.lock().stall_finality(stalled.ok_or_else(|| RpcError::params("expected true or false"))?);
            Ok("true".into())
        }
        "trouble" => {
            let wanted = params.first().cloned().map_or(Ok(Trouble::default()), serde_json::from_value);
            trouble.set(wanted.map_err(|error| RpcError::params(error.to_string()))?);
            Ok("true".into())
        }
        unknown => Err(RpcError { code: -32601, message: format!("there is no dev_{unknown}") }),
    }
}

/// Any text of an account: the family's own, or 20 bytes of hex behind `0x`.
pub(super) fn account(family: Family, text: &str) -> Option<Address> {
    address(text).or_else(|| Address::parse(family, text).ok())
}

fn height(height: u64) -> String {
    format!("\"{height:#x}\"")
}

fn transfer(ledger: &mut Ledger, params: &[Value]) -> Result<String, RpcError> {
    let bad = || RpcError::params("expected [token, to, amount], the amount as decimal text");
    let family = ledger.spec().family;
    let token = text(param(params, 0)?).and_then(|text| account(family, text)).ok_or_else(bad)?;
    let to = text(param(params, 1)?).and_then(|text| account(family, text)).ok_or_else(bad)?;
    let known = ledger.spec().tokens.iter().find(|known| known.contract == token);
    let amount = text(param(params, 2)?).ok_or_else(bad)?;
    let amount = match known {
        Some(known) => TokenAmount::parse_decimal(amount, known.decimals),
        None => TokenAmount::parse_base_units(amount),
    };
    let tx = ledger.transfer(token, PAYER, to, amount.map_err(|error| RpcError::params(error.to_string()))?);
    let hash = tx.hash;
    ledger.pend(tx);
    Ok(format!("\"{}\"", hash.text(family)))
}

fn fill(ledger: &mut Ledger, params: &[Value]) -> Result<String, RpcError> {
    let blocks = number(params, 0, 1, BLOCKS_MAX)?;
    let txs = number(params, 1, 400, FILLING_MAX)?;
    let transfers = number(params, 2, txs / 4, txs)?;
    let small = |number: u64| u32::try_from(number).expect("the limit is below u32");
    let head = ledger.fill(blocks, Filling { txs: small(txs), transfers: small(transfers) });
    Ok(height(head.height.0))
}

/// Every transfer to an account on the chain as it is now: what must be in the books of whoever watches it.
fn received(ledger: &Ledger, whose: Address) -> String {
    let family = ledger.spec().family;
    let solid = ledger.finalized().at.height;
    let mut found = Vec::new();
    for block in ledger.range(ledger.genesis().height, ledger.head().at.height) {
        // Made-up traffic is between strangers.
        for tx in block.txs.iter().filter(|tx| tx.succeeded) {
            for (token, ordinal, amount) in paid_to(whose, family, &tx.logs) {
                found.push(json!({
                    "tx": tx.hash.text(family),
                    "token": token.text(family),
                    "ordinal": ordinal,
                    "amount": amount.to_string(),
                    "height": block.at.height.0,
                    "solid": block.at.height <= solid,
                }));
            }
        }
    }
    Value::Array(found).to_string()
}

/// Token, ordinal and amount of each log that pays an account. The ordinal counts all `Transfer` logs of its token in
/// the transaction, malformed ones too.
fn paid_to(whose: Address, family: Family, logs: &[Log]) -> Vec<(Address, usize, TokenAmount)> {
    let transfers: Vec<&Log> = logs.iter().filter(|log| log.topics.first() == Some(&TRANSFER_TOPIC)).collect();
    let mut paid = Vec::new();
    for (at, log) in transfers.iter().enumerate() {
        let ordinal = transfers[..at].iter().filter(|before| before.address == log.address).count();
        let (&[_, _, to], Ok(amount)) = (&log.topics[..], <&[u8; 32]>::try_from(&log.data[..])) else { continue };
        let amount = TokenAmount::from_bytes(amount);
        if names(to, family) == Some(whose) && !amount.is_zero() {
            paid.push((log.address, ordinal, amount));
        }
    }
    paid
}

/// The account a topic names; TRON contracts may leave the prefix of the address in it.
fn names(word: [u8; 32], family: Family) -> Option<Address> {
    let (front, account) = word.split_last_chunk::<20>().expect("a word has 32 bytes");
    let prefixed = family == Family::Tron && front[..11] == [0; 11] && front[11] == 0x41;
    (prefixed || front == [0; 12]).then_some(Address(*account))
}

fn number(params: &[Value], place: usize, default: u64, most: u64) -> Result<u64, RpcError> {
    let number = params.get(place).map_or(Some(default), Value::as_u64);
    number.filter(|number| *number <= most).ok_or_else(|| RpcError::params("expected a small number"))
}

fn refused(error: LedgerError) -> RpcError {
    RpcError { code: -32000, message: error.to_string() }
}
