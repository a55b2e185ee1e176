//! Networks: identity, confirmation policy, window, tokens and endpoints.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    Address, BlockHash, Confirmations, Decimals, Family, FinalityPolicy, Height, NetworkId, NetworkSpec, Threshold,
    Token, TokenAmount, amount::DECIMALS_MAX,
};

use super::{
    endpoint::{EndpointConfig, EndpointDefaults},
    sheet::Section,
};

/// Where reading begins on a new store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At what the node calls its head at the first start.
    Head,
    /// At this block.
    At(Height),
}

/// What an empty list of logs is held against the header's bloom for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BloomCheck {
    /// A bloom that says "perhaps" against an empty list makes the block doubtful.
    Strict,
    /// It is counted and logged.
    Advisory,
    /// The network's blooms carry nothing.
    Off,
}

/// One network as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkConfig {
    /// What the core has to know.
    pub spec: NetworkSpec,
    /// The chain id its nodes must report.
    pub chain_id: u64,
    /// Hash of its block 0; `None`: any, for a local test node.
    pub genesis: Option<BlockHash>,
    /// Pause between two looks at the head, in milliseconds, 100 to 600 000.
    pub poll_interval_ms: u64,
    /// Where a new store begins.
    pub start: Start,
    /// How blooms are used.
    pub bloom: BloomCheck,
    /// Whether two endpoints must name the same hash before a block is taken.
    pub agree: bool,
    /// Whether a deposit's receipt is read from another endpoint before it is credited.
    pub second_source: bool,
    /// How long all endpoints must claim a lower head before it is followed down, in milliseconds, 0 to 86 400 000.
    pub retreat_after_ms: u64,
    /// At least one, names unique.
    pub endpoints: Vec<EndpointConfig>,
}

/// What a network has unless it says otherwise: `[network]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct NetworkDefaults {
    window_blocks: u64,
    poll_interval_ms: u64,
    start: Start,
    bloom: BloomCheck,
    retreat_after_ms: u64,
}

const WINDOW_BLOCKS: std::ops::RangeInclusive<u64> = 2..=4096;
const POLL_INTERVAL_MS: std::ops::RangeInclusive<u64> = 100..=600_000;
const RETREAT_AFTER_MS: std::ops::RangeInclusive<u64> = 0..=86_400_000;
const BLOOM_WORDS: [(&str, BloomCheck); 3] =
    [("strict", BloomCheck::Strict), ("advisory", BloomCheck::Advisory), ("off", BloomCheck::Off)];

impl NetworkDefaults {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let window_blocks = section.number("window_blocks", WINDOW_BLOCKS);
        let poll_interval_ms = section.number("poll_interval_ms", POLL_INTERVAL_MS);
        let start = read_start(&mut section);
        let bloom = section.one_of("bloom", &BLOOM_WORDS);
        let retreat_after_ms = section.number("retreat_after_ms", RETREAT_AFTER_MS);
        section.finish();
        Some(Self {
            window_blocks: window_blocks?,
            poll_interval_ms: poll_interval_ms?,
            start: start??,
            bloom: bloom?,
            retreat_after_ms: retreat_after_ms?,
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
    let chain_id = section.number("chain_id", 1..=u64::MAX);
    let genesis = read_genesis(name, &mut section);
    let policy = read_confirmations(&mut section);
    let window_blocks = section.maybe_number("window_blocks", WINDOW_BLOCKS);
    let poll_interval_ms = section.maybe_number("poll_interval_ms", POLL_INTERVAL_MS);
    let start = read_start(&mut section);
    let bloom = if section.has("bloom") { section.one_of("bloom", &BLOOM_WORDS).map(Some) } else { Some(None) };
    section.note("bloom");
    let retreat_after_ms = section.maybe_number("retreat_after_ms", RETREAT_AFTER_MS);
    let tokens = read_tokens(&mut section);
    let endpoints = read_endpoints(&mut section, endpoint_defaults);
    let agree = read_pair_flag(&mut section, "agree", endpoints.as_deref(), |several| several);
    let second_source = read_pair_flag(&mut section, "second_source", endpoints.as_deref(), |_| false);
    let window = window_blocks.and_then(|own| own.or(defaults.map(|shared| shared.window_blocks)));
    check_depth(&section, policy, window);
    section.finish();
    let (defaults, window_blocks) = (defaults?, u32::try_from(window?).ok()?);
    Some(NetworkConfig {
        spec: NetworkSpec { id: id?, family: family?, tokens: tokens?, policy: policy?, window_blocks },
        chain_id: chain_id?,
        genesis: genesis?,
        poll_interval_ms: poll_interval_ms?.unwrap_or(defaults.poll_interval_ms),
        start: start?.unwrap_or(defaults.start),
        bloom: bloom?.unwrap_or(defaults.bloom),
        agree: agree?,
        second_source: second_source?,
        retreat_after_ms: retreat_after_ms?.unwrap_or(defaults.retreat_after_ms),
        endpoints: endpoints?,
    })
}

fn read_family(section: &mut Section<'_>) -> Option<Family> {
    match section.one_of("family", &[("evm", Family::Evm), ("tron", Family::Tron)])? {
        Family::Evm => Some(Family::Evm),
        Family::Tron => {
            section.wrong("family", "TRON comes with a later release");
            None
        }
    }
}

/// `Some(None)`: any genesis will do.
fn read_genesis(network: &str, section: &mut Section<'_>) -> Option<Option<BlockHash>> {
    let text = section.text("genesis")?;
    if text == "any" {
        section.sheet().warn(format!(
            "network {network}: genesis = \"any\": only the chain id tells this network from another one; for local test nodes only"
        ));
        return Some(None);
    }
    section.judged("genesis", BlockHash::parse(text)).map(Some)
}

fn read_confirmations(section: &mut Section<'_>) -> Option<FinalityPolicy> {
    // Text or number: try the word first, so that a wrong word is not reported as a wrong number.
    if section.is_word("confirmations", "finalized") {
        section.text("confirmations");
        return Some(FinalityPolicy { threshold: Threshold::Finalized });
    }
    if section.is_other_word("confirmations") {
        section.text("confirmations");
        section.wrong("confirmations", "must be a whole number from 1 to 2048, or \"finalized\"");
        return None;
    }
    let count = section.small::<u32>("confirmations", 1..=2048)?;
    let count = std::num::NonZeroU32::new(count)?;
    Some(FinalityPolicy { threshold: Threshold::Confirmations(Confirmations(count)) })
}

/// A deposit has to become confirmed well before its block leaves the window.
fn check_depth(section: &Section<'_>, policy: Option<FinalityPolicy>, window_blocks: Option<u64>) {
    let (Some(policy), Some(window)) = (policy, window_blocks) else { return };
    if let Threshold::Confirmations(count) = policy.threshold
        && u64::from(count.get()) > window / 2
    {
        section.wrong(
            "confirmations",
            format!("must be at most half of window_blocks ({window}): a reorg that deep could not be taken back"),
        );
    }
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
    endpoints: Option<&[EndpointConfig]>,
    unwritten: impl FnOnce(bool) -> bool,
) -> Option<bool> {
    let written = section.maybe_flag(key)?;
    let several = endpoints?.len() > 1;
    if written == Some(true) && !several {
        section.wrong(key, "needs at least two endpoints");
        return None;
    }
    Some(written.unwrap_or_else(|| unwritten(several)))
}

/// A list of tables that must not be empty.
fn some_tables<'a>(section: &mut Section<'a>, key: &'static str, otherwise: &str) -> Option<Vec<Section<'a>>> {
    let sections = section.tables(key);
    if sections.is_empty() {
        if section.has(key) {
            section.wrong(key, otherwise);
        } else {
            section.missing(key);
        }
        return None;
    }
    Some(sections)
}

fn read_tokens(section: &mut Section<'_>) -> Option<BTreeMap<Address, Token>> {
    let sections = some_tables(section, "tokens", "at least one token must be listed")?;
    let (mut tokens, mut symbols, mut whole) = (BTreeMap::new(), BTreeSet::new(), true);
    for mut inner in sections {
        let token = read_token(&mut inner);
        if let Some(token) = token {
            if !symbols.insert(token.symbol.clone()) {
                inner.wrong("symbol", format!("{:?} is listed twice on this network", token.symbol));
                whole = false;
            }
            if tokens.contains_key(&token.contract) {
                inner.wrong("contract", "is listed twice on this network");
                whole = false;
            }
            tokens.insert(token.contract, token);
        } else {
            whole = false;
        }
        inner.finish();
    }
    whole.then_some(tokens)
}

fn read_token(section: &mut Section<'_>) -> Option<Token> {
    let symbol = section.text("symbol").and_then(|symbol| section.judged("symbol", check_symbol(symbol)));
    let contract = section.text("contract");
    let contract = contract.and_then(|text| section.judged("contract", Address::parse(Family::Evm, text)));
    let decimals = section.small::<u8>("decimals", 0..=u64::from(DECIMALS_MAX)).and_then(Decimals::new);
    let minimum = section.maybe_text("minimum");
    let decimals = decimals?;
    let minimum = match minimum? {
        None => Some(TokenAmount::ZERO),
        Some(text) => section.judged("minimum", TokenAmount::parse_decimal(text, decimals)),
    };
    Some(Token { contract: contract?, symbol: symbol?, decimals, minimum: minimum? })
}

fn check_symbol(text: &str) -> Result<String, &'static str> {
    let fits = (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if fits { Ok(text.to_owned()) } else { Err("must be 1 to 16 characters of A-Z, a-z, 0-9, '.', '_' and '-'") }
}

fn read_endpoints(section: &mut Section<'_>, defaults: Option<EndpointDefaults>) -> Option<Vec<EndpointConfig>> {
    let sections = some_tables(section, "endpoints", "at least one endpoint must be configured")?;
    let names: Vec<Option<String>> = sections.iter().map(Section::name).collect();
    let mut whole = true;
    for (at, inner) in sections.iter().enumerate() {
        if names[at].is_some() && names[..at].contains(&names[at]) {
            inner.wrong("name", "another endpoint of this network has this name");
            whole = false;
        }
    }
    let read: Vec<Option<EndpointConfig>> =
        sections.into_iter().map(|inner| EndpointConfig::read(inner, defaults)).collect();
    let read: Option<Vec<EndpointConfig>> = read.into_iter().collect();
    read.filter(|_| whole)
}
