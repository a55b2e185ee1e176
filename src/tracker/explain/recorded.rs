//! What is recorded of a transfer, and what it waits for: by the rules that decide while following.

use super::{
    Facts,
    sheet::{Decision, Sheet},
    words,
};
use crate::{
    domain::{
        Deposit, DepositId, DepositState, EventVersion, Height, Holding, OrderState, Reason, Threshold, Token,
        explain::Verdict,
    },
    tracker::{
        Tracker,
        draft::Draft,
        matching::{self, Claim, Orders},
    },
};

const EVIDENCE: &str = "its receipt is read once more right before it is credited; that has not been proved yet";
const SECOND_SOURCE: &str = "its receipt must be read from a second endpoint too before it is credited; that has not \
     been proved yet";

impl Tracker {
    /// What is recorded, and what it waits for.
    pub(super) fn check_recorded(
        &self,
        facts: &Facts<'_>,
        row: &Deposit,
        token: &Token,
        holding: Option<&Holding>,
        sheet: &mut Sheet,
    ) -> Decision {
        sheet.pass("recorded", format!("it is {} as {}", row.state.word(), row.text()));
        match row.state {
            DepositState::Confirmed | DepositState::Finalized => {
                sheet.pass("match", words::matched(row));
                let text = format!("credited: {}; version {}", words::matched(row), row.version.0);
                Decision::of(Verdict::Credited, row.reason.word(), text)
            }
            DepositState::Unmatched => {
                let order = row.order.as_ref().and_then(|id| facts.known.orders.get(&(row.app.clone(), id.clone())));
                let text = words::nobody(row.reason, row, token, order);
                sheet.fail("match", Decision::of(Verdict::Unmatched, row.reason.word(), text.clone()));
                Decision::of(Verdict::Unmatched, row.reason.word(), text)
            }
            DepositState::Orphaned => gone(row),
            DepositState::Detected => {
                let Some(holding) = holding else {
                    let text = "the address was released, it belongs to nobody now";
                    return Decision::of(Verdict::Waiting, "not_registered", text);
                };
                self.check_pending(facts, row, token, holding, sheet);
                Decision::waiting("evidence", EVIDENCE, "its receipt, read once more")
            }
        }
    }

    /// What a detected deposit still needs.
    fn check_pending(&self, facts: &Facts<'_>, row: &Deposit, token: &Token, holding: &Holding, sheet: &mut Sheet) {
        sheet.note("match", self.claimed(facts, row, token, holding));
        if let Some(act) = &row.hold {
            let text = format!("held by {} since {}: {}", act.by, act.at.seconds(), act.why);
            sheet.wait("hold", Decision::waiting("held", text, "somebody to release the hold"));
        } else {
            sheet.pass("hold", "nobody holds it back");
        }
        sheet.note("confirmations", self.deep_enough(row));
        let earlier = self.waiting().take_while(|other| place(other) < place(row));
        let same = |other: &&Deposit| row.order.is_some() && (&other.app, &other.order) == (&row.app, &row.order);
        if let Some(earlier) = earlier.filter(same).last() {
            let order = row.order.as_ref().map(ToString::to_string).unwrap_or_default();
            let text = format!("an earlier payment of order {order} waits: {}", earlier.text());
            sheet.wait("turn", Decision::waiting("earlier_payment", text, "the earlier payment to be decided"));
        } else {
            sheet.pass("turn", "no earlier payment of the same order waits");
        }
        let need = self.need_of(row);
        let (reason, text) = if need.second_source { ("second_source", SECOND_SOURCE) } else { ("evidence", EVIDENCE) };
        sheet.wait("evidence", Decision::waiting(reason, text, "its receipt, read once more"));
    }

    /// Whom it is credited to, by the rule that decides.
    pub(super) fn claimed(
        &self,
        facts: &Facts<'_>,
        row: &Deposit,
        token: &Token,
        holding: &Holding,
    ) -> Result<String, Decision> {
        let draft = Draft::on(facts.known.clone());
        let orders = draft.orders_for(row, holding);
        match matching::claim(row, token, holding, orders.as_ref()) {
            Claim::Order(order, reason) => Ok(format!(
                "it pays order {} of app {}: {}, {} expected",
                order.id,
                order.app,
                reason.word(),
                words::amount(order.expected, token)
            )),
            Claim::Standing => Ok("the address is watched for good: every transfer is a deposit".to_owned()),
            Claim::Nobody(reason, order) => {
                let why = words::nobody(reason, row, token, order);
                let text =
                    if reason == Reason::NoOpenOrder { not_expected(row, holding, orders.as_ref(), why) } else { why };
                Err(Decision::of(Verdict::Unmatched, reason.word(), text))
            }
        }
    }

    /// Whether it lies deep enough, by which rule, and what is missing.
    fn deep_enough(&self, row: &Deposit) -> Result<String, Decision> {
        let policy = &self.spec().policy;
        let rung = policy.rung_for(row.id.token, &row.app, row.amount);
        let rule = words::rule(rung, |rung| policy.rules().place(&rung.scope, &self.spec().tokens));
        let need = self.need_of(row);
        let needs = format!("needs {} ({rule})", words::need(need));
        let Some(standing) = self.standing(row) else {
            return Err(Decision::waiting(
                "confirmations",
                format!("{needs}, and is above the last block read"),
                "its block",
            ));
        };
        let has = standing.confirmations.get();
        if policy.is_met(need, standing) {
            return Ok(format!("{needs}, has {has}{}", if standing.finalized { " and is final" } else { "" }));
        }
        match need.threshold {
            Threshold::Confirmations(count) => {
                let left = count.get().saturating_sub(has);
                Err(Decision::waiting(
                    "confirmations",
                    format!("{needs}, has {has}"),
                    format!("{left} more confirmations"),
                ))
            }
            Threshold::Finalized if standing.finalized => {
                let floor = policy.rules().limits.floor.get();
                let text = format!("{needs} and at least {floor} confirmations, has {has}");
                Err(Decision::waiting(
                    "confirmations",
                    text,
                    format!("{} more confirmations", floor.saturating_sub(has)),
                ))
            }
            Threshold::Finalized => {
                let height = row.included_at.height;
                let last = self.cursor().and_then(|cursor| cursor.finalized);
                let at =
                    last.map_or_else(|| "calls none final yet".to_owned(), |last| format!("is at {}", last.height));
                let text = format!("{needs}: waits for the network to call block {height} final, which {at}");
                Err(Decision::waiting("final", text, format!("block {height} to become final")))
            }
        }
    }
}

fn place(row: &Deposit) -> (Height, &DepositId) {
    (row.included_at.height, &row.id)
}

/// A deposit whose block left the chain.
pub(super) fn gone(row: &Deposit) -> Decision {
    if row.version > EventVersion(0) {
        let text = format!(
            "its block {} left the chain: the credit was taken back with version {}",
            row.included_at, row.version.0
        );
        return Decision::of(Verdict::Reversed, Reason::Reversed.word(), text);
    }
    let text = format!("its block {} left the chain before it was credited", row.included_at);
    Decision::of(Verdict::Orphaned, "orphaned", text)
}

/// A recorded deposit of a token that is not configured any more.
pub(super) fn forgotten(row: &Deposit) -> Decision {
    let verdict = match row.state {
        DepositState::Detected => Verdict::Waiting,
        DepositState::Confirmed | DepositState::Finalized => Verdict::Credited,
        DepositState::Unmatched => Verdict::Unmatched,
        DepositState::Orphaned => return gone(row),
    };
    let text =
        format!("it is recorded as {} ({}); its token is not configured any more", row.state.word(), row.reason.word());
    Decision::of(verdict, row.reason.word(), text)
}

/// Why what waits at the address does not take the transfer.
fn not_expected(row: &Deposit, holding: &Holding, orders: Orders<'_>, why: String) -> String {
    if let Some(order) = orders.open.filter(|order| order.state == OrderState::Open) {
        return match order.line(&row.id.network) {
            Some(line) if line.token != row.id.token => format!("order {} expects another token here", order.id),
            Some(line) => format!("order {} covers blocks from {} on", order.id, line.effective_from),
            None => format!("order {} does not name this network", order.id),
        };
    }
    match holding.standing {
        Some(watch) => format!("the address is watched for good from block {} on only", watch.effective_from),
        None => why,
    }
}
