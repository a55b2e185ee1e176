//! A block counts only when header, transactions and infos prove that they belong together (checks 4 to 8). An empty
//! list of infos proves nothing by itself: a node gives it for a block that it does not have.

use sha2::{Digest, Sha256};

use super::{
    BlockIds,
    decode::{Decoded, Digits, Scope},
    header::{self, Checked},
    wire::{self, FullBlock, RawHeader, WireCall, WireInfo, WireRange, WireTransaction},
};
use crate::{
    chain::{Doubt, transfer_log::Skipped},
    domain::{Address, Block, DepositId, Header, Height, TokenAmount, Transfer, TxHash, amount::DECIMALS_MAX},
};

/// The call that gives a block.
const BLOCK: &str = "getblock";
/// The call that gives the blocks of a range.
const RANGE: &str = "getblockbylimitnext";
/// The call that gives a block's infos.
const INFOS: &str = "gettransactioninfobyblocknum";
/// The call that gives one info.
const INFO: &str = "gettransactioninfobyid";
/// The call that asks a contract.
const CALL: &str = "triggerconstantcontract";

/// A block that is proved to be whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) block: Block,
    /// Logs that are counted and nothing else, with the token that wrote them.
    pub(super) skipped: Vec<(Address, Skipped)>,
    /// Transfers with an address word that keeps TRON's prefix byte; they count as any other.
    pub(super) prefixed: u32,
    /// False only where ids are [`BlockIds::Advisory`], or where the header does not hold what its id is computed from.
    pub(super) id_proved: bool,
}

impl Whole {
    pub(super) fn new(header: Checked<Header>, decoded: Decoded) -> Self {
        let Decoded { transfers, skipped, prefixed } = decoded;
        let block = Block { header: header.value, transfers };
        Self { block, skipped, prefixed, id_proved: header.id_proved }
    }
}

/// The block at `at` from the answers of `getblock` with details and `gettransactioninfobyblocknum`. `tokens` are sorted.
///
/// # Errors
/// [`Doubt::Missing`] for `{}`, [`Doubt::Incomplete`] for parts that do not belong together, [`Doubt::Malformed`] and
/// [`Doubt::ForeignLog`] for what no honest node sends.
pub(super) fn block(
    block_body: &[u8],
    infos_body: &[u8],
    at: Height,
    tokens: &[Address],
    ids: BlockIds,
) -> Result<Whole, Doubt> {
    if wire::is_nothing(block_body) {
        return Err(Doubt::Missing(at));
    }
    let block: FullBlock<'_> = wire::read(BLOCK, format_args!("block {at}"), block_body)?;
    with_infos(&block, infos_body, at, tokens, ids)
}

/// The same from a block that is already read, as those of [`range`].
///
/// # Errors
/// As [`block`].
pub(super) fn with_infos(
    block: &FullBlock<'_>,
    infos_body: &[u8],
    at: Height,
    tokens: &[Address],
    ids: BlockIds,
) -> Result<Whole, Doubt> {
    let header = header::checked(BLOCK, block, Some(at), ids)?;
    if wire::is_nothing(infos_body) {
        return Err(Doubt::Missing(at));
    }
    let infos: Vec<WireInfo<'_>> = wire::read(INFOS, format_args!("block {at}"), infos_body)?;
    let raw = &block.header.as_ref().expect("a checked block has a header").raw;
    let transactions = block.transactions.as_deref().unwrap_or_default();
    check_emptiness(at, raw.tx_trie_root, transactions.len(), infos.len())?;
    check_ids(at, transactions, &infos)?;
    let scope = Scope { digits: Digits::Bare, at, tokens };
    let mut decoded = Decoded::default();
    let mut bytes = Vec::new();
    for (transaction, info) in transactions.iter().zip(&infos) {
        check_place(raw, info)?;
        check_outcome(&scope, transaction, info)?;
        if !(info.succeeded() && transaction.outcome() == Some("SUCCESS")) {
            continue;
        }
        let before = decoded.transfers.len();
        scope.add(&info.logs, TxHash(info.id.0), &mut decoded)?;
        if decoded.transfers.len() > before {
            check_signed(at, transaction, &mut bytes)?;
        }
    }
    Ok(Whole::new(header, decoded))
}

/// Parts that do not belong together.
pub(super) fn incomplete(height: Height, what: impl Into<String>) -> Doubt {
    Doubt::Incomplete { height, what: what.into() }
}

/// Check 4: a block without transactions says so in its root, and has no infos.
pub(super) fn check_emptiness(at: Height, root: &str, transactions: usize, infos: usize) -> Result<(), Doubt> {
    let is_empty_root = root.bytes().all(|digit| digit == b'0');
    match (is_empty_root, transactions, infos) {
        (true, 0, 0) => Ok(()),
        (true, ..) => Err(incomplete(at, format!("{transactions} transactions and {infos} infos in an empty block"))),
        (false, 0, _) => Err(incomplete(at, "its header has transactions, the block none")),
        (false, _, 0) => Err(incomplete(at, format!("no infos of {transactions} transactions"))),
        (false, ..) => Ok(()),
    }
}

/// Check 5: an info for each transaction, in its order, none twice.
fn check_ids(at: Height, transactions: &[WireTransaction<'_>], infos: &[WireInfo<'_>]) -> Result<(), Doubt> {
    if transactions.len() != infos.len() {
        return Err(incomplete(at, format!("{} infos of {} transactions", infos.len(), transactions.len())));
    }
    let differs = |(transaction, info): (&WireTransaction<'_>, &WireInfo<'_>)| transaction.id != info.id;
    if let Some(place) = transactions.iter().zip(infos).position(differs) {
        return Err(incomplete(at, format!("info {place} is that of another transaction")));
    }
    check_once(at, transactions.iter().map(|transaction| transaction.id.0).collect())
}

/// No transaction is in a block twice.
pub(super) fn check_once(at: Height, mut ids: Vec<[u8; 32]>) -> Result<(), Doubt> {
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(incomplete(at, format!("transaction {} twice", hex::encode(pair[0])))),
        None => Ok(()),
    }
}

/// Check 6: the info is of this block, or of one at the same height and time.
fn check_place(raw: &RawHeader<'_>, info: &WireInfo<'_>) -> Result<(), Doubt> {
    if (info.block_number, info.block_time) == (raw.number, raw.timestamp) {
        return Ok(());
    }
    let (number, time) = (info.block_number, info.block_time);
    let what = format!("the info of transaction {} is of block {number} at {time} ms", hex::encode(info.id.0));
    Err(incomplete(Height(raw.number), what))
}

/// Check 7: what the node computed is what the block says. Of transactions that run no code the node keeps no
/// outcome, and they write no logs.
fn check_outcome(scope: &Scope<'_>, transaction: &WireTransaction<'_>, info: &WireInfo<'_>) -> Result<(), Doubt> {
    let (said, computed) = (transaction.outcome(), info.receipt.result);
    if said == computed {
        return Ok(());
    }
    let name = || format!("transaction {}", hex::encode(transaction.id.0));
    if transaction.is_call() {
        let words = |word: Option<&str>| word.unwrap_or("nothing").chars().take(40).collect::<String>();
        let what = format!("{} is {} in the block, {} in its info", name(), words(said), words(computed));
        return Err(incomplete(scope.at, what));
    }
    if scope.has_ours(&info.logs, TxHash(info.id.0))? {
        let what = format!("block {}: {} has logs and calls no contract", scope.at, name());
        return Err(Doubt::ForeignLog(what));
    }
    Ok(())
}

/// Check 8: the id is the hash of what was signed. `bytes` is room that is used again.
pub(super) fn check_signed(at: Height, transaction: &WireTransaction<'_>, bytes: &mut Vec<u8>) -> Result<(), Doubt> {
    let digits = transaction.raw_data_hex;
    bytes.clear();
    bytes.resize(digits.len() / 2, 0);
    let is_hex = !digits.is_empty() && hex::decode_to_slice(digits, bytes).is_ok();
    if is_hex && <[u8; 32]>::from(Sha256::digest(&bytes)) == transaction.id.0 {
        return Ok(());
    }
    let what = format!("transaction {}: its id is not the hash of its raw_data_hex", hex::encode(transaction.id.0));
    Err(wire::malformed(BLOCK, &format!("block {at}, {what}")))
}

/// The blocks `from..=to` of an answer of `getblockbylimitnext`, lowest first, for [`with_infos`].
///
/// # Errors
/// [`Doubt::Missing`] with the first height that is not among them, [`Doubt::Malformed`] for anything else.
pub(super) fn range(body: &[u8], from: Height, to: Height) -> Result<Vec<FullBlock<'_>>, Doubt> {
    if wire::is_nothing(body) {
        return Err(Doubt::Missing(from));
    }
    let WireRange { blocks } = wire::read(RANGE, format_args!("blocks {from} to {to}"), body)?;
    // A gateway's own words, or an error too long to be looked for: that the node lacks the blocks is not said.
    let blocks = blocks.ok_or_else(|| wire::malformed(RANGE, &format!("blocks {from} to {to}: no list of blocks")))?;
    let heights = from.0..=to.0;
    for (height, place) in heights.clone().zip(0..) {
        let Some(block) = blocks.get(place) else { return Err(Doubt::Missing(Height(height))) };
        match block.header.as_ref().map(|header| header.raw.number) {
            Some(number) if number == height => {}
            Some(number) if number > height => return Err(Doubt::Missing(Height(height))),
            _ => return Err(wire::malformed(RANGE, &format!("blocks {from} to {to}: {height} is not in its place"))),
        }
    }
    if blocks.len() > heights.count() {
        return Err(wire::malformed(RANGE, &format!("more blocks than {from} to {to}")));
    }
    Ok(blocks)
}

/// A deposit's transfer in the answer of `gettransactioninfobyid`, read again for the block `header`. `None` if the node
/// does not have the transaction in that block, or it failed, or it has no such transfer.
///
/// # Errors
/// [`Doubt::Malformed`].
pub(super) fn info(body: &[u8], id: &DepositId, header: &Header) -> Result<Option<Transfer>, Doubt> {
    if wire::is_nothing(body) {
        return Ok(None);
    }
    let info: WireInfo<'_> = wire::read(INFO, format_args!("block {}", header.at.height), body)?;
    if info.id.0 != id.tx.0 {
        return Err(wire::malformed(INFO, &format!("another transaction than {}", hex::encode(id.tx.0))));
    }
    let is_of_block = (info.block_number, info.block_time / 1000) == (header.at.height.0, header.time.0);
    if !is_of_block || !info.succeeded() {
        return Ok(None);
    }
    let mut decoded = Decoded::default();
    let scope = Scope { digits: Digits::Bare, at: header.at.height, tokens: &[id.token] };
    scope.add(&info.logs, id.tx, &mut decoded)?;
    Ok(decoded.transfers.into_iter().find(|transfer| transfer.ordinal == id.ordinal))
}

/// The decimals in the answer of `triggerconstantcontract`.
///
/// # Errors
/// [`Doubt::Malformed`] for a call that failed, or whose result is not one word up to 77.
pub(super) fn decimals(body: &[u8]) -> Result<u8, Doubt> {
    let no_token = |what: &str| wire::malformed(CALL, &format!("decimals(): {what}; is the contract right?"));
    match constant(body, "decimals()")? {
        [high @ .., low] if high == [0; 31] && low <= DECIMALS_MAX => Ok(low),
        _ => Err(no_token(&format!("more than {DECIMALS_MAX}"))),
    }
}

/// The balance in the answer of `triggerconstantcontract`.
///
/// # Errors
/// [`Doubt::Malformed`] for a call that failed, or whose result is not one word.
pub(super) fn balance(body: &[u8]) -> Result<TokenAmount, Doubt> {
    constant(body, "balanceOf(address)").map(|word| TokenAmount::from_bytes(&word))
}

/// The one word a constant call gave back.
fn constant(body: &[u8], asked: &str) -> Result<[u8; 32], Doubt> {
    let call: WireCall<'_> = wire::read(CALL, format_args!("{asked}"), body)?;
    let no_token = |what: &str| wire::malformed(CALL, &format!("{asked}: {what}; is the contract right?"));
    if !call.result.result || call.result.code.is_some_and(|code| code != "SUCCESS") {
        return Err(no_token("the call failed"));
    }
    let failed = |word: Option<&str>| word.is_some_and(|word| !matches!(word, "SUCESS" | "SUCCESS"));
    if call.transaction.ret.iter().any(|ret| failed(ret.ret) || failed(ret.contract_ret)) {
        return Err(no_token("the call was reverted"));
    }
    let [text] = call.constant_result.as_slice() else { return Err(no_token("not exactly one result")) };
    let mut word = [0; 32];
    hex::decode_to_slice(text, &mut word).map_err(|_| no_token("a result that is not 32 bytes of hex"))?;
    Ok(word)
}
