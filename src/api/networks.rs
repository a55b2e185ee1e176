//! `NetworkService`.

use tonic::{Request, Response, Status};

use super::{
    Api, answer,
    auth::Caller,
    convert::Form,
    door::caller_of,
    govern::must_be_unbound,
    proto::v1::{self, network_service_server::NetworkService},
    scans,
    status::Problem,
};
use crate::{
    domain::{Act, Height, NetworkId, NetworkState, ScanTarget, clock},
    store::Reader,
    writer::handle::Resume,
};

/// What taking back means for what lies below.
const TAKE_BACK_NOTE: &str = "the height must lie where the chains still agree, or below: blocks between there and it are not read \
    again; deposits at or below this height stay as they are, whether they are on the chain or not: \
    'depositd reconcile' finds those that are not; what is above and still on the chain is credited again as the next version";
/// What looking again means.
const LOOK_AGAIN_NOTE: &str = "nothing is taken back; should the endpoints still have left our chain, it halts again";

impl Api {
    /// A configured network and the act, checked. A network is everybody's: who is bound to an app may not act on it.
    fn act_on(&self, caller: &Caller, network: &str, reason: &str) -> Result<(NetworkId, Act), Problem> {
        must_be_unbound(caller)?;
        let mut form = Form::default();
        let known = network.parse::<NetworkId>().ok().filter(|id| self.0.networks.now().contains_key(id));
        if known.is_none() {
            form.refuse("network", "UNKNOWN_NETWORK", format!("{network:?} is not a configured network"));
        }
        let act = form.act(caller, reason);
        form.finish()?;
        known.map(|known| (known, act)).ok_or_else(Problem::stopping)
    }

    /// What the request asks for.
    fn mode(asked: &v1::ResumeNetworkRequest) -> Result<Resume, Problem> {
        match (asked.mode(), asked.above_height) {
            (v1::ResumeMode::LookAgain, None) => Ok(Resume::LookAgain),
            (v1::ResumeMode::TakeBack, Some(above)) => Ok(Resume::TakeBack { above: Height(above) }),
            (v1::ResumeMode::TakeBack, None) => {
                let text = "must name the last height that both chains share: what is credited at or below it stays so";
                Err(Problem::field("above_height", "REQUIRED", text))
            }
            (v1::ResumeMode::LookAgain, Some(_)) => {
                let text = "nothing is taken back by looking again";
                Err(Problem::field("above_height", "NOT_WITH_THIS_MODE", text))
            }
            (v1::ResumeMode::Unspecified, _) => {
                let text = "must be RESUME_MODE_LOOK_AGAIN or RESUME_MODE_TAKE_BACK";
                Err(Problem::field("mode", "UNKNOWN_MODE", text))
            }
        }
    }
}

#[tonic::async_trait]
impl NetworkService for Api {
    async fn list_networks(
        &self,
        _request: Request<v1::ListNetworksRequest>,
    ) -> Result<Response<v1::ListNetworksResponse>, Status> {
        let (mut board, now) = (self.0.board.all(), clock::now());
        let specs = self.0.networks.now();
        let names: Vec<NetworkId> = specs.keys().cloned().collect();
        let look = move |reader: &Reader| {
            names.iter().map(|network| reader.scan(network, ScanTarget::Everything)).collect::<Result<Vec<_>, _>>()
        };
        let rescans = self.read(look).await?;
        let networks = specs.values().zip(rescans).map(|(spec, rescan)| {
            let status = board.remove(&spec.id).unwrap_or_default();
            v1::Network { rescan: rescan.as_ref().map(scans::under_way), ..answer::network(spec, &status, now) }
        });
        Ok(Response::new(v1::ListNetworksResponse { networks: networks.collect() }))
    }

    async fn rescan_network(
        &self,
        request: Request<v1::RescanNetworkRequest>,
    ) -> Result<Response<v1::RescanNetworkResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let (network, act) = self.act_on(&caller, &asked.network, &asked.reason)?;
        let (from, to) = (Height(asked.from_height), Height(asked.to_height));
        let scan = self.0.writer.rescan(network, from, to, act).await.map_err(Problem::from)?;
        Ok(Response::new(v1::RescanNetworkResponse { rescan: Some(scans::under_way(&scan)) }))
    }

    async fn resume_network(
        &self,
        request: Request<v1::ResumeNetworkRequest>,
    ) -> Result<Response<v1::ResumeNetworkResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let (network, act) = self.act_on(&caller, &asked.network, &asked.reason)?;
        let how = Self::mode(&asked)?;
        let state = self.0.board.of(&network).unwrap_or_default().state;
        if !matches!(state, NetworkState::Halted(_)) {
            let text = format!("network {network} is not halted, it is {}", state.word());
            let problem = Problem::new(tonic::Code::FailedPrecondition, "NOT_HALTED", text);
            return Err(problem.with("network", network.as_str()).into());
        }
        let above = self.0.writer.resume(network, how, act).await.map_err(Problem::from)?;
        let note = if above.is_some() { TAKE_BACK_NOTE } else { LOOK_AGAIN_NOTE }.to_owned();
        Ok(Response::new(v1::ResumeNetworkResponse { above_height: above.map(|above| above.0), note }))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::domain::{
        Address, BlockHash, BlockRef, DepositId, Family, Head, Height, LogOrdinal, Millis, NetworkSpec, NetworkStatus,
        Policy, StallLimits, Threshold, Timestamp, TxHash, WhyHeld,
    };

    #[test]
    fn a_network_is_answered_with_its_final_block_and_what_stands_still() {
        let spec = NetworkSpec {
            main_coin: None,
            id: "tron-mainnet".parse().unwrap(),
            family: Family::Tron,
            tokens: std::collections::BTreeMap::new(),
            policy: Policy::flat(Threshold::Finalized),
            window_blocks: 64,
        };
        let at = |height| BlockRef { height: Height(height), hash: BlockHash([7; 32]) };
        let limits = StallLimits { head_s: NonZeroU32::new(60), finality_s: NonZeroU32::new(120) };
        let mut status = NetworkStatus { limits, ..NetworkStatus::default() };
        let unknown = answer::network(&spec, &status, Millis(5_000_000));
        assert_eq!((unknown.head_final, unknown.head_stalled, unknown.finality_stalled), (None, false, false));
        status.saw(Head {
            best: at(90),
            best_time: Timestamp(5_000),
            finalized: Some(at(71)),
            finalized_time: Some(Timestamp(4_900)),
        });
        let network = answer::network(&spec, &status, Millis(5_021_000));
        let block = network.head_final.expect("the endpoints name one");
        assert_eq!((block.height, block.hash), (71, "07".repeat(32)));
        assert_eq!(block.time.map(|time| time.seconds), Some(4_900));
        assert_eq!(network.head.and_then(|head| head.time).map(|time| time.seconds), Some(5_000));
        assert_eq!((network.head_stalled, network.finality_stalled, network.credits_held), (false, true, 0));
        let id = DepositId {
            network: spec.id.clone(),
            tx: TxHash([1; 32]),
            token: Address([1; 20]),
            ordinal: LogOrdinal(0),
        };
        assert!(status.hold(&id, WhyHeld::NoSecondSource, "silent", Millis(1)));
        assert_eq!(answer::network(&spec, &status, Millis(5_021_000)).credits_held, 1);
    }
}
