//! `ExplainService`.

use std::time::Duration;

use tonic::{Request, Response, Status};

use super::{
    Api, answer,
    auth::Caller,
    door::caller_of,
    proto::v1::{self, explain_service_server::ExplainService},
    status::Problem,
};
use crate::domain::{
    Explanation, NetworkId, NetworkSpec, TxHash,
    explain::{BlockStanding, Check, CheckOutcome, TransferExplanation, Verdict},
};

/// How long the nodes have to answer: less than a call has by default, so that what is recorded is told nevertheless.
const CHAIN_PATIENCE: Duration = Duration::from_secs(5);
/// Checks that concern the chain alone, which everybody may see.
const PUBLIC_CHECKS: [&str; 4] = ["block", "transaction", "token", "log"];

#[tonic::async_trait]
impl ExplainService for Api {
    async fn explain_transaction(
        &self,
        request: Request<v1::ExplainTransactionRequest>,
    ) -> Result<Response<v1::ExplainTransactionResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let networks = self.0.networks.now();
        let id = asked.network.parse::<NetworkId>().ok();
        let spec = id.and_then(|id| networks.get(&id)).ok_or_else(|| Problem::not_found("network", &asked.network))?;
        let tx = TxHash::parse(&asked.tx_hash)
            .map_err(|_| Problem::field("tx_hash", "TX_HASH_FORM", "must be 64 hex digits, with or without 0x"))?;
        let _place = self.0.explanations.acquire().await.map_err(|_| Problem::stopping())?;
        let view = match tokio::time::timeout(CHAIN_PATIENCE, self.0.desk.inspect(&spec.id, tx)).await {
            Ok(view) => view,
            Err(_) => Err(format!("no node answered within {} s", CHAIN_PATIENCE.as_secs())),
        };
        let explained = self.0.writer.explain(spec.id.clone(), tx, view).await.map_err(Problem::from)?;
        Ok(Response::new(self.explanation(&caller, spec, &explained)))
    }
}

impl Api {
    fn explanation(&self, caller: &Caller, spec: &NetworkSpec, told: &Explanation) -> v1::ExplainTransactionResponse {
        let remark = |remark: &crate::domain::explain::Remark| v1::Remark {
            reason: remark.reason.to_owned(),
            text: remark.text.clone(),
        };
        v1::ExplainTransactionResponse {
            network: told.network.to_string(),
            tx_hash: told.tx.text(told.family),
            endpoint: told.endpoint.clone().unwrap_or_default(),
            block: told.block.map(|(at, time)| answer::block(at, Some(time), told.family)),
            block_standing: standing(told.standing).into(),
            remarks: told.remarks.iter().map(remark).collect(),
            transfers: told.transfers.iter().map(|one| self.explained_transfer(caller, spec, one)).collect(),
        }
    }

    /// One transfer; of somebody else's only what the chain says of it.
    fn explained_transfer(
        &self,
        caller: &Caller,
        spec: &NetworkSpec,
        one: &TransferExplanation,
    ) -> v1::ExplainedTransfer {
        let content = one.content.as_ref();
        let public = v1::ExplainedTransfer {
            token: Some(answer::token(spec.tokens.get(&one.token), one.token, spec.family)),
            log_ordinal: one.ordinal.0,
            from: content.map(|told| told.from.text(spec.family)).unwrap_or_default(),
            to: content.map(|told| told.to.text(spec.family)).unwrap_or_default(),
            amount: content.map(|told| told.amount.to_string()).unwrap_or_default(),
            display_amount: content.and_then(|told| told.display.clone()).unwrap_or_default(),
            ..v1::ExplainedTransfer::default()
        };
        if one.owner.as_ref().is_some_and(|owner| !caller.sees(owner)) {
            return v1::ExplainedTransfer {
                checks: one.checks.iter().filter(|check| PUBLIC_CHECKS.contains(&check.name)).map(wire_check).collect(),
                verdict: v1::Verdict::NotYours.into(),
                reason: "not_yours".to_owned(),
                text: "the address belongs to somebody else".to_owned(),
                ..public
            };
        }
        v1::ExplainedTransfer {
            deposit: one.deposit.as_ref().map(|deposit| self.deposit_answer(deposit)),
            checks: one.checks.iter().map(wire_check).collect(),
            verdict: verdict(one.verdict).into(),
            reason: one.reason.to_owned(),
            text: one.text.clone(),
            missing: one.missing.clone().unwrap_or_default(),
            ..public
        }
    }
}

fn wire_check(check: &Check) -> v1::Check {
    let outcome = match check.outcome {
        CheckOutcome::Passed => v1::CheckOutcome::Passed,
        CheckOutcome::Failed => v1::CheckOutcome::Failed,
        CheckOutcome::Waiting => v1::CheckOutcome::Waiting,
    };
    v1::Check { name: check.name.to_owned(), outcome: outcome.into(), text: check.text.clone() }
}

fn verdict(verdict: Verdict) -> v1::Verdict {
    match verdict {
        Verdict::Credited => v1::Verdict::Credited,
        Verdict::Waiting => v1::Verdict::Waiting,
        Verdict::Unmatched => v1::Verdict::Unmatched,
        Verdict::Reversed => v1::Verdict::Reversed,
        Verdict::Orphaned => v1::Verdict::Orphaned,
        Verdict::NotADeposit => v1::Verdict::NotADeposit,
    }
}

fn standing(standing: BlockStanding) -> v1::BlockStanding {
    match standing {
        BlockStanding::Nowhere => v1::BlockStanding::Nowhere,
        BlockStanding::Ours => v1::BlockStanding::Ours,
        BlockStanding::Deep => v1::BlockStanding::Deep,
        BlockStanding::Another(_) => v1::BlockStanding::Another,
        BlockStanding::NotRead(_) => v1::BlockStanding::NotRead,
        BlockStanding::BelowFirst(_) => v1::BlockStanding::BelowFirst,
        BlockStanding::NoneRead => v1::BlockStanding::NoneRead,
    }
}
