//! From the configuration's words to each part's own settings.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use crate::{
    api::{ApiDeps, Desk, UrlCheck, recheck::RecheckDesk},
    chain::{
        evm::{BloomMode, EvmSettings, EvmSource},
        http::{EndpointUrl, HttpSettings, HttpSetupError, install_tls},
        node::Node,
        pool::{Expected, Pool, PoolSettings},
        tron::{BlockIds, TronMode, TronSettings, TronSource},
    },
    config::{
        Adapter, ApiKey, BlockIdCheck, BloomCheck, Config, EndpointConfig, EvmAdapter, EvmEndpoint, NetworkConfig,
        NodeUrl, ReadMode, Start, StoreConfig, TronAdapter, TronEndpoint,
    },
    domain::{EgressPolicy, LaneBoard, Millis, SpecBoard, StatusBoard, egress::check_url},
    follow::FollowSettings,
    notify::{BreakerRules, Client, LaneRules, NotifySettings, PaceRules},
    store::{Reader, StoreOptions},
    vault::Vault,
    writer::WriterHandle,
};

use super::{AppError, desk::Post};

/// Calls in one batch.
const BATCH_LEN: usize = 50;
/// TRON blocks in one request of the catch-up: about 466 KB each.
const TRON_RANGE_BLOCKS: u64 = 20;
/// Such requests under way at once.
const TRON_RANGES_AHEAD: usize = 8;
/// The same where an endpoint has a pace of its own.
const TRON_PACED_RANGES_AHEAD: usize = 2;
/// The header TronGrid and its kind know their customers by.
const API_KEY_HEADER: &str = "TRON-PRO-API-KEY";

pub(super) fn store_options(store: &StoreConfig) -> StoreOptions {
    let cache_bytes = store.cache_mb.saturating_mul(1024 * 1024);
    StoreOptions { dir: store.dir.clone(), witness: store.witness.clone(), cache_bytes }
}

pub(super) fn pool(network: &NetworkConfig) -> Result<Pool<Node>, HttpSetupError> {
    let tokens = &network.spec.tokens;
    let expected = Expected {
        family: network.spec.family,
        chain_id: network.chain_id,
        genesis: network.genesis,
        decimals: tokens.values().map(|token| (token.contract, token.decimals.get())).collect(),
    };
    let settings =
        PoolSettings { agree: network.agree, second_source: network.second_source, ..PoolSettings::default() };
    Ok(Pool::new(network.spec.id.clone(), expected, nodes(network)?, settings))
}

fn nodes(network: &NetworkConfig) -> Result<Vec<Node>, HttpSetupError> {
    match &network.adapter {
        Adapter::Evm(adapter) => {
            let evm = |endpoint| Ok(Node::Evm(Box::new(EvmSource::new(evm_settings(network, adapter, endpoint)?)?)));
            adapter.endpoints.iter().map(evm).collect()
        }
        Adapter::Tron(adapter) => {
            let tron =
                |endpoint| Ok(Node::Tron(Box::new(TronSource::new(tron_settings(network, adapter, endpoint)?)?)));
            adapter.endpoints.iter().map(tron).collect()
        }
    }
}

fn evm_settings(
    network: &NetworkConfig,
    adapter: &EvmAdapter,
    endpoint: &EvmEndpoint,
) -> Result<EvmSettings, HttpSetupError> {
    let contracts = network.spec.tokens.keys().copied().collect();
    let url = endpoint_url(&endpoint.shared.url)?;
    let usual = EvmSettings::new(network.spec.id.clone(), endpoint.shared.name.clone(), url, contracts);
    let bloom = match adapter.bloom {
        BloomCheck::Strict => BloomMode::Strict,
        BloomCheck::Advisory => BloomMode::Advisory,
        BloomCheck::Off => BloomMode::Off,
    };
    let batch_len = if endpoint.batch { BATCH_LEN } else { 1 };
    let http = http_settings(&endpoint.shared);
    Ok(EvmSettings { http, bloom, batch_len, witnessed: network.agree, ..usual })
}

fn tron_settings(
    network: &NetworkConfig,
    adapter: &TronAdapter,
    endpoint: &TronEndpoint,
) -> Result<TronSettings, HttpSetupError> {
    let header = |key: &ApiKey| (API_KEY_HEADER.to_owned(), key.expose().to_owned());
    let http = HttpSettings {
        headers: endpoint.api_key.iter().map(header).collect(),
        requests_per_day: endpoint.requests_per_day,
        in_flight_max: endpoint.connections,
        ..http_settings(&endpoint.shared)
    };
    Ok(TronSettings {
        network: network.spec.id.clone(),
        name: endpoint.shared.name.clone(),
        full_url: endpoint_url(&endpoint.shared.url)?,
        solid_url: endpoint_url(&endpoint.solid_url)?,
        jsonrpc_url: endpoint.jsonrpc_url.as_ref().map(endpoint_url).transpose()?,
        http,
        tokens: network.spec.tokens.keys().copied().collect(),
        mode: match adapter.mode {
            ReadMode::HeadAndSolid => TronMode::HeadAndSolid,
            ReadMode::Solid => TronMode::Solid,
        },
        block_ids: match adapter.block_id {
            BlockIdCheck::Strict => BlockIds::Strict,
            BlockIdCheck::Advisory => BlockIds::Advisory,
        },
    })
}

fn endpoint_url(url: &NodeUrl) -> Result<EndpointUrl, HttpSetupError> {
    Ok(url.expose().parse()?)
}

fn http_settings(endpoint: &EndpointConfig) -> HttpSettings {
    let total = Duration::from_millis(endpoint.timeout_ms);
    HttpSettings {
        connect: Duration::from_millis(endpoint.connect_ms),
        first_byte: total,
        total,
        body_bytes_max: endpoint.answer_mb.saturating_mul(1 << 20),
        requests_per_second: endpoint.requests_per_second,
        ..HttpSettings::default()
    }
}

pub(super) fn follow_settings(network: &NetworkConfig) -> FollowSettings {
    FollowSettings {
        poll_interval: Duration::from_millis(network.poll_interval_ms),
        retreat_after: Duration::from_millis(network.retreat_after_ms),
        start: match network.start {
            Start::Head => None,
            Start::At(height) => Some(height),
        },
        ..family_settings(network)
    }
}

fn family_settings(network: &NetworkConfig) -> FollowSettings {
    let is_paced = network.endpoints().iter().any(|endpoint| endpoint.requests_per_second.is_some());
    match &network.adapter {
        Adapter::Evm(_) => FollowSettings::default(),
        Adapter::Tron(_) => FollowSettings {
            // A branch as high as ours is one that lost: TRON goes over only to a higher one.
            follows_ties: false,
            // The catch-up reads the solid side.
            ranges_are_final: true,
            range_blocks: TRON_RANGE_BLOCKS,
            // A refusal drops every range under way, and two keep a paced endpoint busy as well as eight.
            ranges_ahead: if is_paced { TRON_PACED_RANGES_AHEAD } else { TRON_RANGES_AHEAD },
            ..FollowSettings::default()
        },
    }
}

/// Where every network begins on the board: when it counts as stalled, and from when on somebody looks.
pub(super) fn board(networks: &[NetworkConfig], now: Millis) -> StatusBoard {
    let board = StatusBoard::default();
    for network in networks {
        board.update(&network.spec.id, |status| {
            status.limits = network.stall;
            status.watched_since = Some(now);
        });
    }
    board
}

pub(super) fn notify_settings(config: &Config) -> NotifySettings {
    let notify = &config.notify;
    NotifySettings {
        egress: config.egress.policy.clone(),
        proxy: config.egress.proxy.clone(),
        roots: config.egress.roots.clone(),
        deadline: Duration::from_millis(notify.deadline_ms),
        connect: Duration::from_millis(notify.connect_ms),
        lanes: LaneRules {
            in_flight_max: notify.in_flight,
            width_max: notify.in_flight_per_endpoint,
            breaker: BreakerRules {
                failures: notify.breaker_failures,
                rest_ms: notify.breaker_rest_ms,
                rest_ms_max: notify.breaker_rest_max_ms,
            },
            pace: PaceRules { per_second: notify.per_second_per_endpoint, burst: notify.burst_per_endpoint },
        },
        grace: config.stop.grace() / 2,
        ..NotifySettings::default()
    }
}

pub(super) fn api_deps(
    config: &Config,
    (reader, writer): (Reader, WriterHandle),
    (board, networks): (StatusBoard, SpecBoard),
    recheck: Arc<dyn RecheckDesk>,
    desk: Desk,
    told: Told,
) -> ApiDeps {
    ApiDeps {
        reader,
        writer,
        networks,
        board,
        url_check: url_check(config.egress.policy.clone()),
        desk,
        tokens: config.api.tokens.clone(),
        recheck,
        postman: Arc::new(Post(told.client)),
        vault: told.vault,
        lanes: told.lanes,
    }
}

/// What telling and the API share.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) client: Arc<Client>,
    pub(super) vault: Arc<Vault>,
    pub(super) lanes: LaneBoard,
}

/// The client and the master key, before anything runs.
pub(super) fn told(config: &Config) -> Result<Told, AppError> {
    let previous = config.secrets.previous.iter().map(|key| key.as_str());
    let vault = Arc::new(Vault::new(&config.secrets.master_key, previous)?);
    install_tls();
    let client = Arc::new(Client::new(&notify_settings(config), Arc::clone(&vault))?);
    Ok(Told { client, vault, lanes: LaneBoard::default() })
}

fn url_check(policy: EgressPolicy) -> UrlCheck {
    Arc::new(move |url, hosts| {
        check_url(&policy, url, hosts).map_err(|refusal| (refusal.word().to_owned(), refusal.to_string()))
    })
}
