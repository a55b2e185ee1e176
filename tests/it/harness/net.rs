//! Simulated networks of either family, as a test wishes them.

use std::fmt::Write as _;

use depositd::{
    devnet::{
        DevNode, Ledger, LedgerHandle, LedgerSpec, NodeOptions, SimToken, SolidPort, TronNode, TronOptions, Trouble,
        TroubleHandle, Tx,
    },
    domain::{Address, Decimals, Family, TokenAmount, clock},
};

use super::{PAYER, TOKEN};

/// Blocks mined before the daemon begins.
const FIRST_BLOCKS: u64 = 20;

/// A network as a test wishes it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub slug: String,
    pub endpoints: Vec<&'static str>,
    /// `None`: what the network calls final.
    pub confirmations: Option<u32>,
    pub window_blocks: u32,
    /// Whether each endpoint has a chain of its own, equal at the beginning.
    pub is_split: bool,
    /// What the chain is like.
    pub spec: LedgerSpec,
    /// What its nodes are like, if it is TRON.
    pub tron: TronOptions,
    /// Whether the first blocks end now; otherwise years ago.
    pub is_now: bool,
    /// Pause between two looks at the head, in milliseconds.
    pub poll_ms: u32,
    /// Further lines of its section of the configuration.
    pub more: String,
    /// The smallest amount of the token that counts, as decimal text.
    pub minimum: Option<&'static str>,
    /// Further lines of an endpoint's, by its name.
    pub more_of: Vec<(&'static str, String)>,
}

impl Plan {
    /// Ethereum: two honest endpoints, 3 confirmations, a window of 64.
    pub fn new(slug: &str) -> Self {
        Self {
            slug: slug.to_owned(),
            endpoints: vec!["first", "second"],
            confirmations: Some(3),
            window_blocks: 64,
            is_split: false,
            spec: LedgerSpec::default(),
            tron: TronOptions::default(),
            is_now: false,
            poll_ms: 100,
            more: String::new(),
            minimum: None,
            more_of: Vec::new(),
        }
    }

    /// TRON: two honest endpoints, credits at what is solid, a window of 64.
    pub fn tron(slug: &str) -> Self {
        Self { confirmations: None, spec: LedgerSpec::tron(), ..Self::new(slug) }
    }

    pub fn family(&self) -> Family {
        self.spec.family
    }

    /// Blocks from the one with a payment to the one that confirms it, both counted.
    pub fn depth(&self) -> u64 {
        self.confirmations.map_or(self.spec.finality_lag + 1, u64::from)
    }

    pub fn endpoints(mut self, names: &[&'static str]) -> Self {
        self.endpoints = names.to_vec();
        self
    }

    pub fn window(mut self, blocks: u32) -> Self {
        self.window_blocks = blocks;
        self
    }

    pub fn confirmations(mut self, count: u32) -> Self {
        self.confirmations = Some(count);
        self
    }

    pub fn split(mut self) -> Self {
        self.is_split = true;
        self
    }

    /// `/walletsolidity` on a port of its own, as a node of one's own has it.
    pub fn two_ports(mut self) -> Self {
        self.tron.solid = SolidPort::Only(0);
        self
    }

    /// Blocks are read over JSON-RPC, if the nodes know how.
    pub fn receipts(mut self, are_known: bool) -> Self {
        (self.tron.jsonrpc, self.tron.knows_receipts) = (true, are_known);
        self
    }

    pub fn poll(mut self, ms: u32) -> Self {
        self.poll_ms = ms;
        self
    }

    /// The chain's time is ours.
    pub fn now(mut self) -> Self {
        self.is_now = true;
        self
    }

    pub fn with(mut self, line: &str) -> Self {
        self.more.push_str(line);
        self.more.push('\n');
        self
    }

    pub fn with_of(mut self, endpoint: &'static str, line: &str) -> Self {
        self.more_of.push((endpoint, line.to_owned()));
        self
    }

    pub fn minimum(mut self, amount: &'static str) -> Self {
        self.minimum = Some(amount);
        self
    }

    fn ledger(&self) -> Ledger {
        let decimals = Decimals::new(6).expect("6 is within the limit");
        let tokens = vec![SimToken { contract: TOKEN, symbol: "USDT".to_owned(), decimals }];
        let mut spec = LedgerSpec { tokens, ..self.spec.clone() };
        if self.is_now {
            spec.base_time.0 = clock::now().seconds().0 - FIRST_BLOCKS * spec.block_time_s;
        }
        let mut ledger = Ledger::new(spec);
        ledger.extend(FIRST_BLOCKS);
        ledger
    }
}

/// A simulated node of either family. Dropped, it ends.
#[derive(Debug)]
pub struct Node {
    pub url: String,
    /// Where `/walletsolidity` is; the same as `url` unless it has a port of its own.
    pub solid_url: String,
    pub trouble: TroubleHandle,
    _serving: Serving,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held so that it goes on serving")]
enum Serving {
    Evm(DevNode),
    Tron(TronNode),
}

impl Node {
    pub async fn start(ledger: LedgerHandle, tron: TronOptions) -> Self {
        let family = ledger.lock().spec().family;
        match family {
            Family::Evm => {
                let node = DevNode::start(ledger, NodeOptions::default()).await.expect("a node");
                let (url, trouble) = (node.url.clone(), node.trouble.clone());
                Self { solid_url: url.clone(), url, trouble, _serving: Serving::Evm(node) }
            }
            Family::Tron => {
                let node = TronNode::start(ledger, tron).await.expect("a node");
                let (url, solid_url, trouble) = (node.url.clone(), node.solid_url.clone(), node.trouble.clone());
                Self { url, solid_url, trouble, _serving: Serving::Tron(node) }
            }
        }
    }
}

/// One network: its chain, and a node for each endpoint.
#[derive(Debug)]
pub struct Net {
    pub plan: Plan,
    /// The first endpoint's chain, and everybody's unless the plan says otherwise.
    pub ledger: LedgerHandle,
    /// The chain of each endpoint.
    pub ledgers: Vec<LedgerHandle>,
    pub nodes: Vec<Node>,
    /// What the configuration says of it, where a test wants that to be wrong.
    pub chain_id: u64,
    pub decimals: u8,
}

impl Net {
    pub async fn of(plan: Plan) -> Self {
        let ledger = plan.ledger();
        let chain_id = ledger.chain_id();
        let shared = LedgerHandle::new(ledger.clone());
        let (mut ledgers, mut nodes) = (Vec::new(), Vec::new());
        for place in 0..plan.endpoints.len() {
            let is_own = plan.is_split && place > 0;
            let handle = if is_own { LedgerHandle::new(ledger.clone()) } else { shared.clone() };
            nodes.push(Node::start(handle.clone(), plan.tron.clone()).await);
            ledgers.push(handle);
        }
        Self { plan, ledger: shared, ledgers, nodes, chain_id, decimals: 6 }
    }

    /// The node of the endpoint of this name.
    pub fn node(&self, endpoint: &str) -> &Node {
        let at = self.plan.endpoints.iter().position(|name| *name == endpoint).expect("an endpoint of this name");
        &self.nodes[at]
    }

    /// Puts the endpoint of this name into trouble.
    pub fn trouble(&self, endpoint: &str, trouble: Trouble) {
        self.node(endpoint).trouble.set(trouble);
    }

    /// Makes every endpoint honest and well again.
    pub fn heal(&self) {
        self.nodes.iter().for_each(|node| node.trouble.clear());
    }

    /// Somebody pays `to`; the next block holds it, and nothing else. The transaction, and its height.
    pub fn pay(&self, to: Address, amount: u64) -> (Tx, u64) {
        let mut ledger = self.ledger.lock();
        let payment = ledger.transfer(TOKEN, PAYER, to, TokenAmount::of(amount));
        let height = ledger.mine(vec![payment.clone()]).height.0;
        (payment, height)
    }

    /// As many blocks as make what is in the newest block confirmed.
    pub fn confirm(&self) {
        self.mine(self.plan.depth() - 1);
    }

    /// Empty blocks. Returns the head's height.
    pub fn mine(&self, blocks: u64) -> u64 {
        self.ledger.lock().extend(blocks).height.0
    }

    pub fn head(&self) -> u64 {
        self.ledger.lock().head().at.height.0
    }

    pub fn section(&self) -> String {
        let Plan { slug, endpoints, confirmations, window_blocks, poll_ms, more, more_of, .. } = &self.plan;
        let (chain_id, decimals, family) = (self.chain_id, self.decimals, self.plan.family());
        let genesis = self.ledger.lock().genesis().hash;
        let contract = TOKEN.text(family);
        let confirmations = confirmations.map_or("\"finalized\"".to_owned(), |count| count.to_string());
        let word = match family {
            Family::Evm => "evm",
            Family::Tron => "tron",
        };
        // A chain of years ago stands, by any clock.
        let stalls = if self.plan.is_now { "" } else { "head_stall_after_s = 0\nfinality_stall_after_s = 0\n" };
        let mut text = format!(
            "[networks.{slug}]\nfamily = \"{word}\"\nchain_id = {chain_id}\ngenesis = \"{genesis}\"\n\
             confirmations = {confirmations}\nwindow_blocks = {window_blocks}\npoll_interval_ms = {poll_ms}\n{stalls}{more}\
             [[networks.{slug}.tokens]]\nsymbol = \"USDT\"\ncontract = \"{contract}\"\ndecimals = {decimals}\n"
        );
        if let Some(minimum) = self.plan.minimum {
            writeln!(text, "minimum = \"{minimum}\"").unwrap();
        }
        for (name, node) in endpoints.iter().zip(&self.nodes) {
            write!(text, "[[networks.{slug}.endpoints]]\nname = \"{name}\"\nurl = \"{}\"\n", node.url).unwrap();
            if node.solid_url != node.url {
                writeln!(text, "solid_url = \"{}\"", node.solid_url).unwrap();
            }
            if self.plan.tron.jsonrpc {
                writeln!(text, "jsonrpc_url = \"{}/jsonrpc\"", node.url).unwrap();
            }
            more_of.iter().filter(|(endpoint, _)| endpoint == name).for_each(|(_, line)| {
                text.push_str(line);
                text.push('\n');
            });
        }
        text
    }
}
