//! `NetworkService`.

use tonic::{Request, Response, Status};

use super::{
    Api, answer,
    proto::v1::{self, network_service_server::NetworkService},
};
use crate::domain::clock;

#[tonic::async_trait]
impl NetworkService for Api {
    async fn list_networks(
        &self,
        _request: Request<v1::ListNetworksRequest>,
    ) -> Result<Response<v1::ListNetworksResponse>, Status> {
        let (mut board, now) = (self.0.board.all(), clock::now());
        let networks = self.0.networks.values().map(|spec| {
            let status = board.remove(&spec.id).unwrap_or_default();
            answer::network(spec, &status, now)
        });
        Ok(Response::new(v1::ListNetworksResponse { networks: networks.collect() }))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::domain::{
        BlockHash, BlockRef, Family, FinalityPolicy, Head, Height, Millis, NetworkSpec, NetworkStatus, StallLimits,
        Threshold, Timestamp,
    };

    #[test]
    fn a_network_is_answered_with_its_final_block_and_what_stands_still() {
        let spec = NetworkSpec {
            id: "tron-mainnet".parse().unwrap(),
            family: Family::Tron,
            tokens: std::collections::BTreeMap::new(),
            policy: FinalityPolicy { threshold: Threshold::Finalized },
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
        assert_eq!((network.head_stalled, network.finality_stalled), (false, true));
    }
}
