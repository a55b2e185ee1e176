//! From the configuration's words to each part's own settings.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use crate::{
    api::{ApiDeps, UrlCheck},
    chain::{
        evm::{BloomMode, EvmSettings, EvmSource},
        http::{EndpointUrl, HttpSettings, HttpSetupError},
        node::Node,
        pool::{Expected, Pool, PoolSettings},
    },
    config::{BloomCheck, Config, EndpointConfig, NetworkConfig, Start, StoreConfig},
    domain::{EgressPolicy, StatusBoard, egress::check_url},
    follow::FollowSettings,
    notify::NotifySettings,
    store::{Reader, StoreOptions},
    writer::WriterHandle,
};

/// Calls in one batch.
const BATCH_LEN: usize = 50;

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
    let sources = network.endpoints.iter().map(|endpoint| node(network, endpoint)).collect::<Result<_, _>>()?;
    let settings =
        PoolSettings { agree: network.agree, second_source: network.second_source, ..PoolSettings::default() };
    Ok(Pool::new(network.spec.id.clone(), expected, sources, settings))
}

fn node(network: &NetworkConfig, endpoint: &EndpointConfig) -> Result<Node, HttpSetupError> {
    Ok(Node::Evm(Box::new(evm(network, endpoint)?)))
}

fn evm(network: &NetworkConfig, endpoint: &EndpointConfig) -> Result<EvmSource, HttpSetupError> {
    let contracts = network.spec.tokens.keys().copied().collect();
    let url = endpoint.url.expose().parse::<EndpointUrl>()?;
    let usual = EvmSettings::new(network.spec.id.clone(), endpoint.name.clone(), url, contracts);
    let total = Duration::from_millis(endpoint.timeout_ms);
    let http = HttpSettings {
        connect: Duration::from_millis(endpoint.connect_ms),
        first_byte: total,
        total,
        requests_per_second: endpoint.requests_per_second.and_then(NonZeroU32::new),
        ..HttpSettings::default()
    };
    let bloom = match network.bloom {
        BloomCheck::Strict => BloomMode::Strict,
        BloomCheck::Advisory => BloomMode::Advisory,
        BloomCheck::Off => BloomMode::Off,
    };
    let batch_len = if endpoint.batch { BATCH_LEN } else { 1 };
    EvmSource::new(EvmSettings { http, bloom, batch_len, witnessed: network.agree, ..usual })
}

pub(super) fn follow_settings(network: &NetworkConfig) -> FollowSettings {
    FollowSettings {
        poll_interval: Duration::from_millis(network.poll_interval_ms),
        retreat_after: Duration::from_millis(network.retreat_after_ms),
        start: match network.start {
            Start::Head => None,
            Start::At(height) => Some(height),
        },
        ..FollowSettings::default()
    }
}

pub(super) fn notify_settings(config: &Config) -> NotifySettings {
    let notify = &config.notify;
    NotifySettings {
        egress: config.egress.clone(),
        deadline: Duration::from_millis(notify.deadline_ms),
        connect: Duration::from_millis(notify.connect_ms),
        in_flight_max: notify.in_flight,
        lane_in_flight_max: notify.in_flight_per_endpoint,
        grace: config.stop.grace() / 2,
        ..NotifySettings::default()
    }
}

pub(super) fn api_deps(config: &Config, reader: Reader, writer: WriterHandle, board: StatusBoard) -> ApiDeps {
    let networks = config.networks.iter().map(|network| (network.spec.id.clone(), network.spec.clone()));
    ApiDeps {
        reader,
        writer,
        networks: Arc::new(networks.collect()),
        board,
        url_check: url_check(config.egress.clone()),
        tokens: config.api.tokens.clone(),
    }
}

fn url_check(policy: EgressPolicy) -> UrlCheck {
    Arc::new(move |url, hosts| {
        check_url(&policy, url, hosts).map_err(|refusal| (refusal.word().to_owned(), refusal.to_string()))
    })
}
