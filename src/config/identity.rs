//! What a network is: its family, its block 0, its chain id.

use crate::domain::{BlockHash, Family};

use super::sheet::Section;

/// What every node of a network must report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) chain_id: u64,
    /// `None`: any.
    pub(super) genesis: Option<BlockHash>,
}

pub(super) fn read_family(section: &mut Section<'_>) -> Option<Family> {
    section.one_of("family", &[("evm", Family::Evm), ("tron", Family::Tron)])
}

pub(super) fn read_identity(network: &str, section: &mut Section<'_>, family: Option<Family>) -> Option<Identity> {
    match family {
        Some(Family::Tron) => read_tron(network, section),
        None => {
            section.pass(&["chain_id", "genesis"]);
            None
        }
        Some(Family::Evm) => {
            let chain_id = section.number("chain_id", 1..=u64::MAX);
            let genesis = read_genesis(network, section);
            Some(Identity { chain_id: chain_id?, genesis: genesis? })
        }
    }
}

/// A TRON chain id is the last four bytes of its block 0's id, so the one must follow from the other.
fn read_tron(network: &str, section: &mut Section<'_>) -> Option<Identity> {
    let chain_id = section.maybe_number("chain_id", 1..=u64::from(u32::MAX));
    let genesis = read_genesis(network, section);
    let (chain_id, genesis) = (chain_id?, genesis?);
    let Some(id) = genesis else {
        if chain_id.is_none() {
            section
                .wrong("chain_id", "must be set: with genesis = \"any\" nothing else tells this network from another");
        }
        return Some(Identity { chain_id: chain_id?, genesis: None });
    };
    if id.0[..8] != [0; 8] {
        section.wrong("genesis", "is no block 0 of TRON: a block id begins with the height, so that one with 16 zeros");
        return None;
    }
    let [.., a, b, c, d] = id.0;
    let tail = u64::from(u32::from_be_bytes([a, b, c, d]));
    if let Some(other) = chain_id.filter(|written| *written != tail) {
        section.wrong(
            "chain_id",
            format!("is {other}, but the last four bytes of `genesis` say {tail}: on TRON they are the same number"),
        );
        return None;
    }
    Some(Identity { chain_id: tail, genesis })
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
