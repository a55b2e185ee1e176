//! `AddressService`.

use futures::{StreamExt, stream};
use tonic::{Request, Response, Status};

use super::{
    Api, answer,
    auth::Caller,
    convert::Form,
    door::caller_of,
    orders::{BATCH_IN_FLIGHT, batch_len, seen_app},
    page::{self, SCAN_CHUNK_ROWS, SCAN_ROWS_MAX},
    proto::v1::{self, address_service_server::AddressService, batch_watch_addresses_result::Result as ItemResult},
    status::Problem,
};
use crate::{
    domain::{Address, AppId, Holding, NetworkId},
    store::{Reader, StoreError},
    writer::handle::{NewWatch, Refusal},
};

/// How often an item of a batch tries again when the writer is busy.
const BUSY_TRIES_MAX: u32 = 40;

impl Api {
    async fn watched(&self, holdings: &[Holding]) -> Result<v1::WatchAddressResponse, Problem> {
        Ok(v1::WatchAddressResponse { addresses: self.address_answers(holdings).await? })
    }

    async fn address_answers(&self, holdings: &[Holding]) -> Result<Vec<v1::Address>, Problem> {
        let networks = self.0.networks.now();
        let mut addresses: Vec<_> = holdings.iter().map(|holding| answer::holding(&networks, holding)).collect();
        self.show_address_scans(&mut addresses).await?;
        Ok(addresses)
    }

    /// Checks requests, all of them before any is answered for. `prefix` names the fields of the n-th.
    fn check_watches(
        &self,
        caller: &Caller,
        requests: &[v1::WatchAddressRequest],
        prefix: impl Fn(usize) -> String,
    ) -> Result<Vec<NewWatch>, Problem> {
        let mut form = Form::default();
        let mut watches = Vec::with_capacity(requests.len());
        for (place, request) in requests.iter().enumerate() {
            form.at(prefix(place));
            watches.extend(form.watch(&self.0.networks.now(), request));
        }
        form.finish()?;
        watches.iter().try_for_each(|watch| caller.must_see(&watch.app))?;
        Ok(watches)
    }

    /// An address, if the caller may know of it.
    async fn seen_holding(&self, caller: &Caller, place: Option<Place>, name: &str) -> Result<Holding, Problem> {
        let missing = || Problem::not_found("address", name);
        let (network, address) = place.ok_or_else(missing)?;
        let found = self.read(move |reader| reader.holding(&network, address)).await?;
        found.filter(|holding| caller.sees(&holding.app)).ok_or_else(missing)
    }

    /// One address of a batch: a full queue is waited for.
    async fn watch_patiently(&self, watch: NewWatch) -> Result<Vec<Holding>, Problem> {
        let mut tries = 0;
        loop {
            match self.0.writer.watch_address(watch.clone()).await {
                Err(Refusal::Busy { retry_after }) if tries < BUSY_TRIES_MAX => {
                    tries += 1;
                    tokio::time::sleep(retry_after).await;
                }
                outcome => return Ok(outcome?),
            }
        }
    }
}

#[tonic::async_trait]
impl AddressService for Api {
    async fn watch_address(
        &self,
        request: Request<v1::WatchAddressRequest>,
    ) -> Result<Response<v1::WatchAddressResponse>, Status> {
        let caller = caller_of(&request)?;
        let checked = self.check_watches(&caller, &[request.into_inner()], |_| String::new())?;
        let watch = checked.into_iter().next().ok_or_else(Problem::stopping)?;
        let holdings = self.0.writer.watch_address(watch).await.map_err(Problem::from)?;
        Ok(Response::new(self.watched(&holdings).await?))
    }

    async fn batch_watch_addresses(
        &self,
        request: Request<v1::BatchWatchAddressesRequest>,
    ) -> Result<Response<v1::BatchWatchAddressesResponse>, Status> {
        let caller = caller_of(&request)?;
        let requests = request.into_inner().watches;
        batch_len("watches", requests.len())?;
        let watches = self.check_watches(&caller, &requests, |place| format!("watches[{place}]."))?;
        let results = stream::iter(watches)
            .map(|watch| self.watch_patiently(watch))
            .buffered(BATCH_IN_FLIGHT)
            .then(|outcome| async {
                let watched = match outcome {
                    Ok(holdings) => self.watched(&holdings).await,
                    Err(problem) => Err(problem),
                };
                let result = match watched {
                    Ok(watched) => ItemResult::Watched(watched),
                    Err(problem) => ItemResult::Error(problem.item()),
                };
                v1::BatchWatchAddressesResult { result: Some(result) }
            })
            .collect()
            .await;
        Ok(Response::new(v1::BatchWatchAddressesResponse { results }))
    }

    async fn get_address(
        &self,
        request: Request<v1::GetAddressRequest>,
    ) -> Result<Response<v1::GetAddressResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let mut form = Form::default();
        let place = form.place(&self.0.networks.now(), &asked.network, &asked.address);
        form.finish()?;
        let holding = self.seen_holding(&caller, place, &asked.address).await?;
        let address = self.address_answers(&[holding]).await?.into_iter().next();
        Ok(Response::new(v1::GetAddressResponse { address }))
    }

    async fn list_addresses(
        &self,
        request: Request<v1::ListAddressesRequest>,
    ) -> Result<Response<v1::ListAddressesResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let size = page::size(asked.page_size)?;
        let app = seen_app(&caller, &asked.app_id)?;
        let question = ["addresses", asked.app_id.as_str()];
        let after = self.0.pager.position(&question, &asked.page_token)?.and_then(|bytes| place(&bytes));
        let (holdings, next) = self.read(move |reader| scan(reader, &app, after, size)).await?;
        let token = |(network, address): (NetworkId, Address)| {
            self.0.pager.token(&question, &[&address.0, network.as_str().as_bytes()].concat())
        };
        let next_page_token = next.map(token).unwrap_or_default();
        Ok(Response::new(v1::ListAddressesResponse {
            addresses: self.address_answers(&holdings).await?,
            next_page_token,
        }))
    }

    async fn unwatch_address(
        &self,
        request: Request<v1::UnwatchAddressRequest>,
    ) -> Result<Response<v1::UnwatchAddressResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let mut form = Form::default();
        let app = form.app_id(&asked.app_id);
        let place = form.place(&self.0.networks.now(), &asked.network, &asked.address);
        form.finish()?;
        let (app, (network, address)) = app.zip(place).ok_or_else(|| Problem::not_found("address", ""))?;
        if !caller.sees(&app) {
            return Err(Problem::not_found("address", &asked.address).into());
        }
        let holding = self.0.writer.unwatch_address(app, network, address).await.map_err(Problem::from)?;
        Ok(Response::new(v1::UnwatchAddressResponse {
            address: Some(answer::holding(&self.0.networks.now(), &holding)),
        }))
    }

    async fn release_address(
        &self,
        request: Request<v1::ReleaseAddressRequest>,
    ) -> Result<Response<v1::ReleaseAddressResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let mut form = Form::default();
        let place = form.place(&self.0.networks.now(), &asked.network, &asked.address);
        let act = form.act(&caller, &asked.reason);
        form.finish()?;
        let Holding { network, address, .. } = self.seen_holding(&caller, place, &asked.address).await?;
        let before = self.0.writer.release_address(network, address, act).await.map_err(Problem::from)?;
        Ok(Response::new(v1::ReleaseAddressResponse {
            address: Some(answer::holding(&self.0.networks.now(), &before)),
        }))
    }
}

/// Up to `size` of the app's addresses behind `after`, and where to go on if more may follow.
fn scan(
    reader: &Reader,
    app: &AppId,
    mut after: Option<Place>,
    size: usize,
) -> Result<(Vec<Holding>, Option<Place>), StoreError> {
    let mut found = Vec::new();
    for _ in 0..SCAN_ROWS_MAX / SCAN_CHUNK_ROWS {
        let from = after.as_ref().map(|(network, address)| (network, *address));
        let rows = reader.holdings(from, SCAN_CHUNK_ROWS)?;
        let is_last = rows.len() < SCAN_CHUNK_ROWS;
        for holding in rows {
            let place = (holding.network.clone(), holding.address);
            if holding.app == *app {
                if found.len() == size {
                    return Ok((found, after));
                }
                found.push(holding);
            }
            after = Some(place);
        }
        if is_last {
            return Ok((found, None));
        }
    }
    Ok((found, after))
}

/// Where a list of addresses goes on.
type Place = (NetworkId, Address);

/// A position in a list of addresses: 20 bytes and the network's slug.
fn place(position: &[u8]) -> Option<(NetworkId, Address)> {
    let (address, network) = position.split_first_chunk::<20>()?;
    Some((std::str::from_utf8(network).ok()?.parse().ok()?, Address(*address)))
}
