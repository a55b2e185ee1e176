//! What belongs to one family of networks: how its blocks are proved, and its endpoints.

use crate::domain::Family;

use super::{
    endpoint::{EndpointConfig, EndpointDefaults, EvmEndpoint, TronEndpoint},
    sheet::Section,
};

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

/// How an EVM network is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvmAdapter {
    /// How blooms are used.
    pub bloom: BloomCheck,
    /// At least one, names unique.
    pub endpoints: Vec<EvmEndpoint>,
}

/// Which blocks of a TRON network are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// The newest, and what is final from the solid side.
    HeadAndSolid,
    /// Only solid ones, about a minute old.
    Solid,
}

/// What a header is held against the id it comes with for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockIdCheck {
    /// A header with another id than the one that follows from it makes the block doubtful.
    Strict,
    /// It is counted and logged.
    Advisory,
}

/// How a TRON network is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TronAdapter {
    /// Which blocks.
    pub mode: ReadMode,
    /// How block ids are checked.
    pub block_id: BlockIdCheck,
    /// At least one, names unique.
    pub endpoints: Vec<TronEndpoint>,
}

/// How a network is read, by its family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// Ethereum and its kind.
    Evm(EvmAdapter),
    /// TRON.
    Tron(TronAdapter),
}

impl Adapter {
    /// What all endpoints have, whatever the family; at least one.
    pub fn endpoints(&self) -> Vec<&EndpointConfig> {
        match self {
            Self::Evm(evm) => evm.endpoints.iter().map(|endpoint| &endpoint.shared).collect(),
            Self::Tron(tron) => tron.endpoints.iter().map(|endpoint| &endpoint.shared).collect(),
        }
    }
}

/// What a network's adapter does unless the network says otherwise: a part of `[network]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdapterDefaults {
    bloom: BloomCheck,
    mode: ReadMode,
    block_id: BlockIdCheck,
}

const BLOOM_WORDS: [(&str, BloomCheck); 3] =
    [("strict", BloomCheck::Strict), ("advisory", BloomCheck::Advisory), ("off", BloomCheck::Off)];
const MODE_WORDS: [(&str, ReadMode); 2] = [("head+solid", ReadMode::HeadAndSolid), ("solid", ReadMode::Solid)];
const BLOCK_ID_WORDS: [(&str, BlockIdCheck); 2] =
    [("strict", BlockIdCheck::Strict), ("advisory", BlockIdCheck::Advisory)];
/// Keys that only EVM networks have.
const EVM_KEYS: [&str; 1] = ["bloom"];
/// Keys that only TRON networks have.
const TRON_KEYS: [&str; 2] = ["mode", "block_id"];

impl AdapterDefaults {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let bloom = section.one_of("bloom", &BLOOM_WORDS);
        let mode = section.one_of("mode", &MODE_WORDS);
        let block_id = section.one_of("block_id", &BLOCK_ID_WORDS);
        Some(Self { bloom: bloom?, mode: mode?, block_id: block_id? })
    }
}

impl Adapter {
    /// Reads what belongs to `family`. Without one, the keys of all families are let pass: the family is what is wrong.
    pub(super) fn read(
        section: &mut Section<'_>,
        family: Option<Family>,
        defaults: Option<AdapterDefaults>,
        endpoints: Option<EndpointDefaults>,
    ) -> Option<Self> {
        match family {
            None => {
                section.pass(&EVM_KEYS);
                section.pass(&TRON_KEYS);
                section.pass(&["endpoints"]);
                None
            }
            Some(Family::Evm) => {
                section.foreign(&TRON_KEYS, "tron", "evm");
                let bloom = section.maybe_one_of("bloom", &BLOOM_WORDS);
                let endpoints = read_endpoints(section, |inner| EvmEndpoint::read(inner, endpoints));
                Some(Self::Evm(EvmAdapter { bloom: bloom?.unwrap_or(defaults?.bloom), endpoints: endpoints? }))
            }
            Some(Family::Tron) => {
                section.foreign(&EVM_KEYS, "evm", "tron");
                let mode = section.maybe_one_of("mode", &MODE_WORDS);
                let block_id = section.maybe_one_of("block_id", &BLOCK_ID_WORDS);
                let endpoints = read_endpoints(section, |inner| TronEndpoint::read(inner, endpoints));
                let defaults = defaults?;
                Some(Self::Tron(TronAdapter {
                    mode: mode?.unwrap_or(defaults.mode),
                    block_id: block_id?.unwrap_or(defaults.block_id),
                    endpoints: endpoints?,
                }))
            }
        }
    }
}

fn read_endpoints<E>(section: &mut Section<'_>, read: impl Fn(Section<'_>) -> Option<E>) -> Option<Vec<E>> {
    let sections = section.some_tables("endpoints", "at least one endpoint must be configured")?;
    let names: Vec<Option<String>> = sections.iter().map(Section::name).collect();
    let mut whole = true;
    for (at, inner) in sections.iter().enumerate() {
        if names[at].is_some() && names[..at].contains(&names[at]) {
            inner.wrong("name", "another endpoint of this network has this name");
            whole = false;
        }
    }
    // Every endpoint is read, also after one was wrong.
    let read: Vec<Option<E>> = sections.into_iter().map(read).collect();
    read.into_iter().collect::<Option<Vec<E>>>().filter(|_| whole)
}
