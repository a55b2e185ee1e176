//! One simulated network of the demo: its ledger, two nodes before it, and what the configuration says of it.

use std::fmt::Write as _;

use anyhow::Context;

use crate::{
    devnet::{DevNode, Ledger, LedgerHandle, LedgerSpec, NodeOptions, SimToken, TronNode, TronOptions, Tx},
    domain::{Address, Decimals, Family, TokenAmount},
};

/// The simulated USDT, on both networks.
pub(super) const TOKEN: Address = Address([0x11; 20]);
/// Confirmations a payment needs on the Ethereum network.
pub(super) const CONFIRMATIONS: u32 = 4;
/// Who pays.
const PAYER: Address = Address([0x44; 20]);
/// An address for whoever plays on by hand.
const GUEST: Address = Address([0x77; 20]);
/// Blocks mined before the daemon begins.
const FIRST_BLOCKS: u64 = 24;
/// The Ethereum network calls a block final when this many are above it.
const FINALITY_LAG: u64 = 16;

/// A node of either family.
pub(super) enum SimNode {
    Evm(DevNode),
    Tron(TronNode),
}

impl SimNode {
    fn url(&self) -> &str {
        match self {
            Self::Evm(node) => &node.url,
            Self::Tron(node) => &node.url,
        }
    }

    pub(super) async fn stop(self) {
        match self {
            Self::Evm(node) => node.stop().await,
            Self::Tron(node) => node.stop().await,
        }
    }
}

/// A network while it runs.
pub(super) struct Chain {
    pub(super) family: Family,
    pub(super) ledger: LedgerHandle,
    pub(super) nodes: Vec<SimNode>,
}

impl Chain {
    pub(super) async fn start(family: Family) -> anyhow::Result<Self> {
        let decimals = Decimals::new(6).expect("6 is within the limit");
        let tokens = vec![SimToken { contract: TOKEN, symbol: "USDT".to_owned(), decimals }];
        let spec = match family {
            Family::Evm => LedgerSpec { finality_lag: FINALITY_LAG, tokens, ..LedgerSpec::default() },
            Family::Tron => LedgerSpec { tokens, ..LedgerSpec::tron() },
        };
        let mut ledger = Ledger::new(spec);
        ledger.extend(FIRST_BLOCKS);
        let ledger = LedgerHandle::new(ledger);
        let mut nodes = Vec::new();
        for _ in 0..2 {
            let node = match family {
                Family::Evm => DevNode::start(ledger.clone(), NodeOptions::default()).await.map(SimNode::Evm),
                Family::Tron => TronNode::start(ledger.clone(), TronOptions::default()).await.map(SimNode::Tron),
            };
            nodes.push(node.context("a simulated node")?);
        }
        Ok(Self { family, ledger, nodes })
    }

    /// Its slug in the configuration.
    pub(super) fn slug(&self) -> &'static str {
        match self.family {
            Family::Evm => "ethereum-devnet",
            Family::Tron => "tron-devnet",
        }
    }

    /// Its name for people.
    pub(super) fn name(&self) -> &'static str {
        match self.family {
            Family::Evm => "Ethereum",
            Family::Tron => "TRON",
        }
    }

    /// Where its nodes answer.
    pub(super) fn node_urls(&self) -> String {
        self.nodes.iter().map(SimNode::url).collect::<Vec<_>>().join(" and ")
    }

    /// A payment to `payee`, and the height it is mined at.
    pub(super) fn pay(&self, payee: Address, amount: TokenAmount) -> (Tx, u64) {
        let mut ledger = self.ledger.lock();
        let payment = ledger.transfer(TOKEN, PAYER, payee, amount);
        let height = ledger.mine(vec![payment.clone()]).height.0;
        (payment, height)
    }

    /// Its tables in the configuration.
    pub(super) fn section(&self) -> String {
        let (slug, contract) = (self.slug(), TOKEN.text(self.family));
        let (chain_id, genesis) = {
            let ledger = self.ledger.lock();
            (ledger.chain_id(), ledger.genesis().hash)
        };
        let (family, confirmations) = match self.family {
            Family::Evm => ("evm", CONFIRMATIONS.to_string()),
            Family::Tron => ("tron", "\"finalized\"".to_owned()),
        };
        let mut text = format!(
            "[networks.{slug}]\nfamily = \"{family}\"\nchain_id = {chain_id}\ngenesis = \"{genesis}\"\n\
             confirmations = {confirmations}\nwindow_blocks = 64\npoll_interval_ms = 100\n\
             head_stall_after_s = 0\nfinality_stall_after_s = 0\n\
             [[networks.{slug}.tokens]]\nsymbol = \"USDT\"\ncontract = \"{contract}\"\ndecimals = 6\n"
        );
        for (node, name) in self.nodes.iter().zip(["first", "second"]) {
            // Writing to a String does not fail.
            let _ = write!(text, "[[networks.{slug}.endpoints]]\nname = \"{name}\"\nurl = \"{}\"\n", node.url());
        }
        text
    }

    /// Commands for a shell beside this one.
    pub(super) fn how_to_play(&self, server: &str) -> String {
        let node = self.nodes.first().map_or("", SimNode::url);
        let rpc = |method: &str, params: &str| {
            format!(
                "  curl -s {node} -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":{params}}}'\n"
            )
        };
        let (token, guest) = (TOKEN.text(self.family), GUEST.display(self.family));
        let mut text =
            format!("  depositd {server} address watch shop {guest} --network {}    # {}\n", self.slug(), self.name());
        text.push_str(&rpc("dev_transfer", &format!("[\"{token}\",\"{guest}\",\"12.5\"]")));
        text.push_str(&rpc("dev_mine", "[1]"));
        text.push_str(&rpc("dev_fork", "[2]"));
        text.push_str(&rpc("dev_mine", "[20]"));
        text
    }
}
