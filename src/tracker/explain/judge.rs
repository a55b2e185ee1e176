//! One transfer: each check in the order in which it counts.

use super::{
    Facts, Subject, ordinal_of,
    recorded::{forgotten, gone},
    sheet::{Decision, Sheet},
    words,
};
use crate::{
    domain::{
        Block, BlockHash, Deposit, DepositState, Header, Height, Holding, LogOrdinal, Scan, ScanTarget, Token,
        Transfer,
        explain::{
            BlockStanding, Check, LogKind, TransferContent, TransferExplanation, TxOutcome, TxPlace, TxView, Verdict,
        },
    },
    tracker::{Tracker, matching},
};

impl Tracker {
    /// Everything about one transfer.
    pub(super) fn explain_one(&self, facts: &Facts<'_>, subject: Subject<'_>) -> TransferExplanation {
        let log = subject.log;
        let contract = log.map(|log| log.contract).or_else(|| subject.deposit.map(|row| row.id.token));
        let contract = contract.expect("a subject is a log or a deposit");
        let ordinal = log.and_then(ordinal_of).or_else(|| subject.deposit.map(|row| row.id.ordinal));
        let token = self.token(contract);
        let told = log.and_then(|log| match &log.kind {
            LogKind::Transfer(transfer) => Some(*transfer),
            LogKind::ZeroValue(_) | LogKind::Malformed(..) | LogKind::Other => None,
        });
        let told = told.or_else(|| subject.deposit.map(transfer_of));
        let holding = told.and_then(|told| facts.known.holdings.get(&(self.spec().id.clone(), told.to)));
        let owner = subject.deposit.map(|row| row.app.clone()).or_else(|| holding.map(|holding| holding.app.clone()));
        let (checks, decision) = self.judge(facts, subject, token, told, holding);
        TransferExplanation {
            token: contract,
            symbol: token.map(|token| token.symbol.clone()),
            ordinal: ordinal.unwrap_or(LogOrdinal(0)),
            content: told.map(|told| TransferContent {
                from: told.from,
                to: told.to,
                amount: told.amount,
                display: token.map(|token| told.amount.decimal(token.decimals)),
            }),
            owner,
            deposit: subject.deposit.cloned(),
            checks,
            verdict: decision.verdict,
            reason: decision.reason,
            text: decision.text,
            missing: decision.missing,
        }
    }

    fn judge(
        &self,
        facts: &Facts<'_>,
        subject: Subject<'_>,
        token: Option<&Token>,
        told: Option<Transfer>,
        holding: Option<&Holding>,
    ) -> (Vec<Check>, Decision) {
        let mut sheet = Sheet::default();
        if let Some(view) = facts.view() {
            self.check_view(view, subject, &mut sheet);
        }
        let recorded = subject.deposit.filter(|row| row.state != DepositState::Orphaned || facts.view().is_none());
        if recorded.is_none() && !sheet.is_decided() {
            self.check_log(subject, token, told, holding, &mut sheet);
        }
        let otherwise = match (recorded, subject.deposit, token, told, holding) {
            _ if sheet.is_decided() => None,
            (Some(row), _, Some(token), _, _) => Some(self.check_recorded(facts, row, token, holding, &mut sheet)),
            (Some(row), _, None, _, _) => Some(forgotten(row)),
            (None, prior, Some(token), Some(told), Some(holding)) => {
                self.check_unrecorded(facts, prior, token, told, holding, &mut sheet)
            }
            _ => None,
        };
        let nothing = Decision::of(Verdict::NotADeposit, "nothing_known", "nothing is known of it");
        sheet.finish(otherwise.unwrap_or(nothing))
    }

    /// The block and how the transaction ended, as the node says. Of what is recorded a node's other word decides nothing:
    /// it holds a credit back, and undoes none.
    fn check_view(&self, view: &TxView, subject: Subject<'_>, sheet: &mut Sheet) {
        let recorded = subject.deposit.filter(|row| row.state != DepositState::Orphaned);
        let (at, is_final) = match view.place {
            TxPlace::Block { at, is_final, .. } => (at, is_final),
            TxPlace::Unknown | TxPlace::Waiting => {
                let text = match view.place {
                    TxPlace::Waiting => words::IN_NO_BLOCK.to_owned(),
                    TxPlace::Unknown | TxPlace::Block { .. } => words::unknown(&view.endpoint),
                };
                if let Some(row) = recorded {
                    sheet.contradict("block", row, Decision::waiting("in_no_block", text, "a block that holds it"));
                }
                return;
            }
        };
        match (&view.outcome, recorded) {
            (TxOutcome::Failed(how), None) => {
                let text = words::failed(how);
                return sheet.fail("transaction", Decision::of(Verdict::NotADeposit, "failed_transaction", text));
            }
            (TxOutcome::Failed(how), Some(row)) => {
                let text = format!("endpoint {} says that it failed ({how}), it was read as a success", view.endpoint);
                sheet.contradict("transaction", row, Decision::waiting("contradicted", text, "the endpoints to agree"));
            }
            (TxOutcome::Succeeded | TxOutcome::Unsaid, _) => sheet.pass("transaction", "it succeeded"),
        }
        if let Some(row) = recorded.filter(|row| row.included_at != at) {
            let text = format!("the node has it in block {at}, we read it in block {}", row.included_at);
            return sheet.contradict(
                "block",
                row,
                Decision::waiting("other_branch", text, "the same block from the node"),
            );
        }
        let word = if is_final { ", which it calls final" } else { "" };
        sheet.note("block", self.block_check(self.standing_of(at), at.height, word));
    }

    fn block_check(&self, standing: BlockStanding, height: Height, word: &str) -> Result<String, Decision> {
        match standing {
            BlockStanding::Ours => Ok(format!("the node has it in block {height}{word}, and that block is ours")),
            BlockStanding::Deep | BlockStanding::BelowFirst(_) => {
                Ok(format!("the node has it in block {height}{word}, below the headers that are kept"))
            }
            BlockStanding::NotRead(tip) => {
                let text = format!("block {height} has not been read yet, the last one read is {}", tip.height);
                Err(Decision::waiting("not_read", text, format!("block {height} to be read")))
            }
            BlockStanding::Another(ours) => {
                let text = format!(
                    "the node has it in a block {height} that is not ours, which is {}",
                    ours.hash.text(self.spec().family)
                );
                Err(Decision::waiting("other_branch", text, "the node and we to follow the same branch"))
            }
            BlockStanding::NoneRead | BlockStanding::Nowhere => {
                Err(Decision::waiting("none_read", "the network has not been read yet", "the first block to be read"))
            }
        }
    }

    /// Token, log and recipient.
    fn check_log(
        &self,
        subject: Subject<'_>,
        token: Option<&Token>,
        told: Option<Transfer>,
        holding: Option<&Holding>,
        sheet: &mut Sheet,
    ) {
        let family = self.spec().family;
        let no = |reason, text: String| Decision::of(Verdict::NotADeposit, reason, text);
        match (token, subject.log) {
            (Some(token), _) => sheet.pass("token", format!("{} is listed by its contract", token.symbol)),
            (None, log) => {
                let contract = log.map(|log| log.contract).unwrap_or_default();
                return sheet.fail("token", no("token_not_listed", words::not_listed(contract, family)));
            }
        }
        match subject.log.map(|log| &log.kind) {
            Some(LogKind::ZeroValue(_)) => {
                let text = "it moves nothing: transfers of zero are counted, and nothing else";
                return sheet.fail("log", no("zero_value", text.to_owned()));
            }
            Some(LogKind::Malformed(_, flaw)) => {
                return sheet.fail("log", no("malformed_log", words::flaw(*flaw)));
            }
            Some(LogKind::Transfer(_) | LogKind::Other) | None => sheet.pass("log", "it is a sound Transfer"),
        }
        match (holding, told) {
            (Some(holding), _) => {
                sheet.pass("recipient", format!("the address belongs to app {}", holding.app));
            }
            (None, told) => {
                let to = told.map_or_else(String::new, |told| format!(" {}", told.to.display(family)));
                let text = format!("the recipient{to} is not registered on this network");
                sheet.fail("recipient", no("not_registered", text));
            }
        }
    }

    /// A sound transfer to a registered address that is not recorded, or was and left the chain.
    fn check_unrecorded(
        &self,
        facts: &Facts<'_>,
        prior: Option<&Deposit>,
        token: &Token,
        told: Transfer,
        holding: &Holding,
        sheet: &mut Sheet,
    ) -> Option<Decision> {
        let (at, time) = match (facts.view().and_then(TxView::block), prior) {
            (Some(block), _) => block,
            (None, Some(row)) => return Some(gone(row)),
            (None, None) => return None,
        };
        let standing = self.standing_of(at);
        if matches!(standing, BlockStanding::Ours | BlockStanding::Deep | BlockStanding::BelowFirst(_)) {
            let from = first_covered(holding, facts);
            sheet.note("covered", self.covered(facts, at.height, standing, holding, from));
            return None;
        }
        let header = Header { at, parent: BlockHash::default(), time };
        let block = Block { header, transfers: vec![told] };
        let peak = self.cursor().map_or(at.height, |cursor| cursor.peak);
        let row = matching::detect(self.spec(), &block, &told, holding, prior, peak);
        sheet.note("match", self.claimed(facts, &row, token, holding));
        None
    }

    /// Why a transfer in a block that was read is not recorded.
    fn covered(
        &self,
        facts: &Facts<'_>,
        height: Height,
        standing: BlockStanding,
        holding: &Holding,
        from: Option<Height>,
    ) -> Result<String, Decision> {
        let scans = |scan: &&Scan| match scan.target {
            ScanTarget::Everything => true,
            ScanTarget::Address(address) => address == holding.address,
        };
        if let Some(scan) = facts.scans.iter().filter(scans).find(|scan| height <= scan.to) {
            let next = scan
                .next
                .map_or_else(|| "its first block is looked for".to_owned(), |next| format!("it is at block {next}"));
            let text = format!("a back-scan up to block {} is under way, {next}", scan.to);
            return Err(Decision::waiting("back_scan", text, format!("the back-scan to reach block {height}")));
        }
        if let BlockStanding::BelowFirst(first) = standing {
            let text = format!("the network is read from block {first} on: only a back-scan reads block {height}");
            return Err(Decision::of(Verdict::NotADeposit, "below_first_height", text));
        }
        match from {
            Some(from) if from <= height => {
                let text = format!(
                    "the address is covered from block {from} on and yet nothing is recorded: rescan block {height} and tell the operator"
                );
                Err(Decision::of(Verdict::NotADeposit, "not_recorded", text))
            }
            from => {
                let from = from.map_or_else(String::new, |from| format!(", it is covered from block {from} on"));
                let text = format!(
                    "the address was registered after block {height} was read{from}: a back-scan would find it"
                );
                Err(Decision::of(Verdict::NotADeposit, "registered_later", text))
            }
        }
    }
}

fn transfer_of(row: &Deposit) -> Transfer {
    let id = &row.id;
    Transfer { tx: id.tx, token: id.token, ordinal: id.ordinal, from: row.from, to: row.to, amount: row.amount }
}

/// The lowest height from which the address's registrations say that it is read.
fn first_covered(holding: &Holding, facts: &Facts<'_>) -> Option<Height> {
    let named = holding.open_order.iter().chain(&holding.last_order);
    let orders = named.filter_map(|id| facts.known.orders.get(&(holding.app.clone(), id.clone())));
    let lines = orders.filter_map(|order| order.line(&holding.network)).map(|line| line.effective_from);
    lines.chain(holding.standing.map(|watch| watch.effective_from)).min()
}
