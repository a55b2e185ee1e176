//! Networks: what each of them is, how it is read, and when its deposits are credited.

use crate::domain::{
    BlockHash, Confirmations, Family, Height, Need, NetworkId, NetworkSpec, Origin, Policy, StallLimits,
};

use super::{
    adapter::{Adapter, AdapterDefaults},
    endpoint::{EndpointConfig, EndpointDefaults},
    identity::{read_family, read_identity},
    policy::{
        Ground, compile, read_app_wishes, read_confirmations, read_floor, read_network_tiers, read_stalls,
        warn_of_counts, warn_of_window,
    },
    sheet::Section,
    tokens::{Tokens, read_tokens},
};

/// Where reading begins on a new store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At what the node calls its head at the first start.
    Head,
    /// At this block.
    At(Height),
}

/// One network as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkConfig {
    /// What the core has to know.
    pub spec: NetworkSpec,
    /// The chain id its nodes must report; on TRON the last four bytes of block 0's id.
    pub chain_id: u64,
    /// Hash of its block 0; `None`: any, for a local test node.
    pub genesis: Option<BlockHash>,
    /// Pause between two looks at the head, in milliseconds, 100 to 600 000.
    pub poll_interval_ms: u64,
    /// Where a new store begins.
    pub start: Start,
    /// Whether two endpoints must name the same hash before a block is taken.
    pub agree: bool,
    /// Whether a deposit's receipt is read from another endpoint before it is credited.
    pub second_source: bool,
    /// How long all endpoints must claim a lower head before it is followed down, in milliseconds, 0 to 86 400 000.
    pub retreat_after_ms: u64,
    /// When its head and its finality count as stalled.
    pub stall: StallLimits,
    /// How it is read, endpoints included.
    pub adapter: Adapter,
}

impl NetworkConfig {
    /// What all its endpoints have, whatever its family; at least one.
    pub fn endpoints(&self) -> Vec<&EndpointConfig> {
        self.adapter.endpoints()
    }
}

/// What a network has unless it says otherwise: `[network]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct NetworkDefaults {
    window_blocks: u64,
    poll_interval_ms: u64,
    start: Start,
    retreat_after_ms: u64,
    adapter: AdapterDefaults,
}

const WINDOW_BLOCKS: std::ops::RangeInclusive<u64> = 2..=4096;
const POLL_INTERVAL_MS: std::ops::RangeInclusive<u64> = 100..=600_000;
const RETREAT_AFTER_MS: std::ops::RangeInclusive<u64> = 0..=86_400_000;

impl NetworkDefaults {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let window_blocks = section.number("window_blocks", WINDOW_BLOCKS);
        let poll_interval_ms = section.number("poll_interval_ms", POLL_INTERVAL_MS);
        let start = read_start(&mut section);
        let retreat_after_ms = section.number("retreat_after_ms", RETREAT_AFTER_MS);
        let adapter = AdapterDefaults::read(&mut section);
        section.finish();
        Some(Self {
            window_blocks: window_blocks?,
            poll_interval_ms: poll_interval_ms?,
            start: start??,
            retreat_after_ms: retreat_after_ms?,
            adapter: adapter?,
        })
    }
}

/// Reads `[networks.*]`.
pub(super) fn read_all(
    root: &mut Section<'_>,
    defaults: Option<NetworkDefaults>,
    endpoints: Option<EndpointDefaults>,
) -> Option<Vec<NetworkConfig>> {
    let sections = root.named_sections("networks");
    if sections.is_empty() {
        root.wrong("networks", "at least one network must be configured");
        return None;
    }
    // Every section is read, also after one was wrong.
    let read: Vec<Option<NetworkConfig>> =
        sections.into_iter().map(|(name, section)| read_one(&name, section, defaults, endpoints)).collect();
    read.into_iter().collect()
}

fn read_one(
    name: &str,
    mut section: Section<'_>,
    defaults: Option<NetworkDefaults>,
    endpoint_defaults: Option<EndpointDefaults>,
) -> Option<NetworkConfig> {
    let id = section.judged("", name.parse::<NetworkId>());
    let family = read_family(&mut section);
    let identity = read_identity(name, &mut section, family);
    let threshold = read_confirmations(&mut section, family);
    let window_blocks = section.maybe_number("window_blocks", WINDOW_BLOCKS);
    let poll_interval_ms = section.maybe_number("poll_interval_ms", POLL_INTERVAL_MS);
    let start = read_start(&mut section);
    let retreat_after_ms = section.maybe_number("retreat_after_ms", RETREAT_AFTER_MS);
    let tokens = read_tokens(&mut section, family);
    let adapter = Adapter::read(&mut section, family, defaults.map(|shared| shared.adapter), endpoint_defaults);
    let endpoints_len = adapter.as_ref().map(|adapter| adapter.endpoints().len());
    let agree = read_pair_flag(&mut section, "agree", endpoints_len, |several| several);
    let second_source = read_pair_flag(&mut section, "second_source", endpoints_len, |_| false);
    let window = window_blocks.and_then(|own| own.or(defaults.map(|shared| shared.window_blocks)));
    let poll = poll_interval_ms.and_then(|own| own.or(defaults.map(|shared| shared.poll_interval_ms)));
    let stall = read_stalls(&mut section, adapter.as_ref(), poll);
    let window = window.and_then(|blocks| u32::try_from(blocks).ok());
    if let (Some(window), Some(adapter)) = (window, &adapter) {
        warn_of_window(name, &section, window, adapter);
    }
    let second_asked = second_source.unwrap_or(false);
    let need = threshold.map(|threshold| Need { threshold, second_source: second_asked });
    let policy = read_policy(&mut section, need, family.zip(window), endpoints_len, tokens.as_ref());
    if let (Some(policy), Some(tokens), Some(adapter)) = (&policy, &tokens, &adapter) {
        warn_of_counts(name, &section, policy, &tokens.all, adapter);
    }
    section.finish();
    let (defaults, window_blocks, identity) = (defaults?, window?, identity?);
    Some(NetworkConfig {
        spec: NetworkSpec {
            id: id?,
            family: family?,
            main_coin: main_coin(family, identity.chain_id),
            tokens: tokens?.all,
            policy: policy?,
            window_blocks,
        },
        chain_id: identity.chain_id,
        genesis: identity.genesis,
        poll_interval_ms: poll?,
        start: start?.unwrap_or(defaults.start),
        agree: agree?,
        second_source: second_source?,
        retreat_after_ms: retreat_after_ms?.unwrap_or(defaults.retreat_after_ms),
        stall: stall?,
        adapter: adapter?,
    })
}

/// The rules of a network: what `need` says of every deposit, and what tiers, tokens and apps say beside it.
fn read_policy(
    section: &mut Section<'_>,
    need: Option<Need>,
    within: Option<(Family, u32)>,
    endpoints: Option<usize>,
    tokens: Option<&Tokens>,
) -> Option<Policy> {
    let floor = read_floor(section);
    let tiers = read_network_tiers(section);
    let of_apps = read_app_wishes(section);
    let (family, window_blocks) = within?;
    let spots = (section.spot("confirmations"), section.spot("second_source"));
    let origin = match (section.has("confirmations"), section.has("second_source")) {
        (true, _) => spots.0.origin(),
        (false, true) => spots.1.origin(),
        (false, false) => Origin::Default,
    };
    // Everything else is judged although the floor is wrong.
    let floor_or_one = (floor.unwrap_or(Confirmations::ONE), section.spot("confirmations_floor"));
    let need = need?;
    let (tiers, of_apps) = (tiers?, of_apps?);
    let of_tokens = tokens.map_or(&[][..], |tokens| &tokens.wishes);
    let tokens = tokens.map(|tokens| &tokens.all);
    let ground = Ground {
        family,
        need,
        spots,
        origin,
        floor: floor_or_one,
        window_blocks,
        endpoints,
        tokens,
        tiers,
        of_tokens,
        of_apps,
    };
    compile(section.sheet(), &ground).filter(|_| floor.is_some())
}

/// `Some(None)`: not written.
fn read_start(section: &mut Section<'_>) -> Option<Option<Start>> {
    if section.is_word("start", "head") {
        section.text("start");
        return Some(Some(Start::Head));
    }
    if section.is_other_word("start") {
        section.text("start");
        section.wrong("start", "must be \"head\" or a block's height");
        return None;
    }
    Some(section.maybe_number("start", 0..=u64::MAX)?.map(|height| Start::At(Height(height))))
}

/// A flag that asks for two endpoints; `unwritten` tells what it is where nothing is written, given whether there are.
fn read_pair_flag(
    section: &mut Section<'_>,
    key: &'static str,
    endpoints_len: Option<usize>,
    unwritten: impl FnOnce(bool) -> bool,
) -> Option<bool> {
    let written = section.maybe_flag(key)?;
    let several = endpoints_len? > 1;
    if written == Some(true) && !several {
        section.wrong(key, "needs at least two endpoints");
    }
    Some(written.unwrap_or_else(|| unwritten(several)))
}

/// How Udun numbers the network's main coin: TRX, ETH and BSC, the ones it has addresses for.
fn main_coin(family: Option<Family>, chain_id: u64) -> Option<u32> {
    match (family?, chain_id) {
        (Family::Tron, _) => Some(195),
        (Family::Evm, 1) => Some(60),
        (Family::Evm, 56) => Some(2510),
        (Family::Evm, _) => None,
    }
}
