//! The `dev_…` methods: driving the chain by hand over the same HTTP face. The module docs of `devnet` list them.

use serde_json::Value;

use crate::domain::{Address, TokenAmount};

use super::{
    call::{RpcError, address, param, text},
    ledger::{Ledger, LedgerError, LedgerHandle, Orphans},
    trouble::{Trouble, TroubleHandle},
};

/// Most blocks one control call mines.
const BLOCKS_MAX: u64 = 10_000;

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
            let blocks = number(params, 0, 1)?;
            Ok(format!("\"{:#x}\"", ledger.lock().extend(blocks).height.0))
        }
        "transfer" => transfer(&mut ledger.lock(), params),
        "fork" => {
            let depth = number(params, 0, 1)?;
            let orphans = match params.get(1).and_then(text) {
                None => Orphans::Include(depth),
                Some("drop") => Orphans::Drop,
                Some(_) => return Err(RpcError::params("the second argument is \"drop\" or absent")),
            };
            let head = ledger.lock().fork(depth, depth + 1, orphans).map_err(refused)?;
            Ok(format!("\"{:#x}\"", head.height.0))
        }
        "rollback" => {
            let mut ledger = ledger.lock();
            ledger.rollback(number(params, 0, 1)?).map_err(refused)?;
            Ok(format!("\"{:#x}\"", ledger.head().at.height.0))
        }
        "trouble" => {
            let wanted = params.first().cloned().map_or(Ok(Trouble::default()), serde_json::from_value);
            trouble.set(wanted.map_err(|error| RpcError::params(error.to_string()))?);
            Ok("true".into())
        }
        unknown => Err(RpcError { code: -32601, message: format!("there is no dev_{unknown}") }),
    }
}

fn transfer(ledger: &mut Ledger, params: &[Value]) -> Result<String, RpcError> {
    let bad = || RpcError::params("expected [token, to, amount], the amount as decimal text");
    let token = text(param(params, 0)?).and_then(address).ok_or_else(bad)?;
    let to = text(param(params, 1)?).and_then(address).ok_or_else(bad)?;
    let known = ledger.spec().tokens.iter().find(|known| known.contract == token);
    let amount = text(param(params, 2)?).ok_or_else(bad)?;
    let amount = match known {
        Some(known) => TokenAmount::parse_decimal(amount, known.decimals),
        None => TokenAmount::parse_base_units(amount),
    };
    let tx = ledger.transfer(token, PAYER, to, amount.map_err(|error| RpcError::params(error.to_string()))?);
    let hash = tx.hash;
    ledger.pend(tx);
    Ok(format!("\"{hash}\""))
}

fn number(params: &[Value], place: usize, default: u64) -> Result<u64, RpcError> {
    let number = params.get(place).map_or(Some(default), Value::as_u64);
    number.filter(|number| *number <= BLOCKS_MAX).ok_or_else(|| RpcError::params("expected a small number"))
}

fn refused(error: LedgerError) -> RpcError {
    RpcError { code: -32000, message: error.to_string() }
}
