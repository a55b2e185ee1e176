//! Why the transfers of one transaction are money, or are not. Pure: what a node says, what is recorded, and the rules
//! that decide while following.

mod judge;
mod recorded;
mod sheet;
mod words;

use super::{Known, Needs, Tracker};
use crate::domain::{
    BlockRef, Deposit, DepositId, Explanation, Height, LogOrdinal, Scan, TxHash, TxView,
    explain::{BlockStanding, LogKind, LogView, Remark, TransferExplanation, TxKind, TxOutcome, TxPlace},
};

/// Most transfers to strangers or of tokens that are not listed that are explained one by one.
const OTHERS_MAX: usize = 100;

/// What an explanation is made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The transaction.
    pub tx: TxHash,
    /// What a node says of it, or why none does.
    pub view: Result<&'a TxView, &'a str>,
    /// The rows that [`Tracker::needs_of_explanation`] names, the deposits of the transaction among them.
    pub known: &'a Known,
    /// Scans under way that concern its recipients.
    pub scans: &'a [Scan],
}

impl<'a> Facts<'a> {
    fn view(&self) -> Option<&'a TxView> {
        self.view.ok()
    }
}

/// One transfer: as a log, as a recorded deposit, or both.
#[derive(Clone, Copy, Debug)]
struct Subject<'a> {
    log: Option<&'a LogView>,
    deposit: Option<&'a Deposit>,
}

impl Tracker {
    /// Rows [`Tracker::explain`] has to be given; `recorded` are the deposits of the transaction.
    pub fn needs_of_explanation(&self, view: Option<&TxView>, recorded: &[Deposit]) -> Needs {
        let mut needs = Needs::default();
        for deposit in recorded {
            needs.addresses.insert(deposit.to);
            needs.deposits.insert(deposit.id.clone());
        }
        for log in view.into_iter().flat_map(|view| &view.logs) {
            let LogKind::Transfer(transfer) = &log.kind else { continue };
            if self.watches().contains(transfer.to) {
                needs.addresses.insert(transfer.to);
                needs.deposits.insert(DepositId::of(&self.spec().id, transfer));
            }
        }
        needs
    }

    /// Why each transfer of the transaction is money, or is not.
    pub fn explain(&self, facts: Facts<'_>) -> Explanation {
        let recorded: Vec<&Deposit> = facts.known.deposits.values().filter(|row| row.id.tx == facts.tx).collect();
        let seen = facts.view().and_then(TxView::block);
        let block = seen.or_else(|| recorded.first().map(|row| (row.included_at, row.block_time)));
        let standing = block.map_or(BlockStanding::Nowhere, |(at, _)| self.standing_of(at));
        let mut transfers = Vec::new();
        let mut left_out = 0_usize;
        let logs = facts.view().map(|view| view.logs.as_slice()).unwrap_or_default();
        for log in logs.iter().filter(|log| log.kind != LogKind::Other) {
            let deposit = recorded.iter().find(|row| names(log, row)).copied();
            let is_ours = deposit.is_some() || self.is_watched(log);
            if !is_ours && transfers.len() >= OTHERS_MAX {
                left_out += 1;
                continue;
            }
            transfers.push(self.explain_one(&facts, Subject { log: Some(log), deposit }));
        }
        for row in recorded.iter().filter(|row| !logs.iter().any(|log| names(log, row))) {
            transfers.push(self.explain_one(&facts, Subject { log: None, deposit: Some(row) }));
        }
        let remarks = self.remarks(&facts, &transfers, left_out);
        let endpoint = facts.view().map(|view| view.endpoint.clone());
        let (network, family) = (self.spec().id.clone(), self.spec().family);
        Explanation { network, family, tx: facts.tx, endpoint, block, standing, remarks, transfers }
    }

    /// Where a block stands on our chain.
    fn standing_of(&self, at: BlockRef) -> BlockStanding {
        let Some(cursor) = self.cursor() else { return BlockStanding::NoneRead };
        if at.height > cursor.tip.height {
            return BlockStanding::NotRead(cursor.tip);
        }
        if let Some(header) = self.window().at(at.height) {
            return if header.at == at { BlockStanding::Ours } else { BlockStanding::Another(header.at) };
        }
        match self.first_read() {
            Some(first) if at.height < first => BlockStanding::BelowFirst(first),
            _ => BlockStanding::Deep,
        }
    }

    /// The first height that was read, as long as the window still shows it.
    fn first_read(&self) -> Option<Height> {
        let (floor, tip) = (self.window().floor()?, self.window().tip()?);
        (floor > self.floor_under(tip.at.height)).then_some(floor)
    }

    fn is_watched(&self, log: &LogView) -> bool {
        matches!(&log.kind, LogKind::Transfer(transfer) if self.watches().contains(transfer.to))
    }

    fn remarks(&self, facts: &Facts<'_>, transfers: &[TransferExplanation], left_out: usize) -> Vec<Remark> {
        let mut remarks = Vec::new();
        let mut say = |reason, text: String| remarks.push(Remark { reason, text });
        let view = match facts.view {
            Ok(view) => view,
            Err(why) => {
                say("chain_not_asked", format!("the chain could not be asked, only what is recorded is told: {why}"));
                return remarks;
            }
        };
        match view.place {
            TxPlace::Unknown => say("unknown_transaction", words::unknown(&view.endpoint)),
            TxPlace::Waiting => say("in_no_block", words::IN_NO_BLOCK.to_owned()),
            TxPlace::Block { .. } => {}
        }
        if let TxOutcome::Failed(how) = &view.outcome {
            say("failed_transaction", words::failed(how));
        }
        self.remark_kind(view, &mut say);
        if view.inner_calls > 0 {
            say("inner_calls", words::inner_calls(view.inner_calls, view.inner_rejected));
        }
        if view.block().is_some() && transfers.is_empty() {
            say("no_transfer_log", words::NO_TRANSFER_LOG.to_owned());
        }
        let listed = |one: &TransferExplanation| self.token(one.token).is_some();
        if !transfers.is_empty() && !transfers.iter().any(listed) {
            say("no_listed_token", words::NO_LISTED_TOKEN.to_owned());
        }
        if left_out > 0 {
            say("transfers_left_out", format!("{left_out} more transfers to strangers are not listed here"));
        }
        remarks
    }

    /// What follows from what the transaction asked for.
    fn remark_kind(&self, view: &TxView, say: &mut impl FnMut(&'static str, String)) {
        let family = self.spec().family;
        match &view.kind {
            TxKind::Coin(to) => say("native_transfer", words::coin(*to, family)),
            TxKind::Asset(to, name) => say("asset_transfer", words::asset(*to, name, family)),
            TxKind::Call(contract) => {
                let token = self.token(*contract).filter(|_| view.outcome == TxOutcome::Succeeded);
                let wrote = |log: &LogView| log.contract == *contract && log.kind != LogKind::Other;
                if let Some(token) = token.filter(|_| !view.logs.iter().any(wrote)) {
                    say("call_without_transfer", words::call_without_transfer(&token.symbol));
                }
            }
            TxKind::Unsaid | TxKind::Creation | TxKind::Other(_) => {}
        }
    }
}

/// Whether a log is the one a deposit is recorded of.
fn names(log: &LogView, row: &Deposit) -> bool {
    log.contract == row.id.token && ordinal_of(log) == Some(row.id.ordinal)
}

/// Its place among its token's `Transfer` logs.
fn ordinal_of(log: &LogView) -> Option<LogOrdinal> {
    match &log.kind {
        LogKind::Transfer(transfer) => Some(transfer.ordinal),
        LogKind::ZeroValue(ordinal) | LogKind::Malformed(ordinal, _) => Some(*ordinal),
        LogKind::Other => None,
    }
}
