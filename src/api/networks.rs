//! `NetworkService`.

use tonic::{Request, Response, Status};

use super::{
    Api, answer,
    proto::v1::{self, network_service_server::NetworkService},
};

#[tonic::async_trait]
impl NetworkService for Api {
    async fn list_networks(
        &self,
        _request: Request<v1::ListNetworksRequest>,
    ) -> Result<Response<v1::ListNetworksResponse>, Status> {
        let mut board = self.0.board.all();
        let networks = self.0.networks.values().map(|spec| {
            let status = board.remove(&spec.id).unwrap_or_default();
            answer::network(spec, &status)
        });
        Ok(Response::new(v1::ListNetworksResponse { networks: networks.collect() }))
    }
}
