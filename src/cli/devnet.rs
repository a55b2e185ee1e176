//! `depositd devnet`: a simulated Ethereum and a simulated TRON network on this machine, to try a configuration against.
//!
//! The networks begin at their genesis with every start, and always with the same one, so that a configuration can name
//! it. A daemon that remembers an earlier run waits until the new chain is above what it holds as final, and then halts:
//! it needs a fresh store.

use std::{cmp, time::Duration};

use clap::Args;
use serde_json::{Value, json};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

use super::{
    exit::{FAILURE, Failure},
    show,
};
use crate::{
    devnet::{DevNode, Ledger, LedgerHandle, LedgerSpec, NodeOptions, SimToken, SolidPort, TronNode, TronOptions},
    domain::{Address, Decimals, Family, Timestamp, clock},
};

/// Where the one token of each network lives.
const TOKEN: Address = Address([0x11; 20]);

/// The control calls that the examples leave out.
const MORE_CALLS: &str = "\
Also: dev_rollback [blocks], dev_fill [blocks, transactions, transfers] (TRON), dev_stall_solid [true or false],
dev_received [address], dev_trouble [{\"lag_blocks\": 3}] and [] to end it. Each start is a new chain: a daemon that has
followed an earlier one needs its store and its witness removed.";

/// What the networks are like.
#[derive(Clone, Debug, Args)]
pub struct DevnetArgs {
    /// Port of the Ethereum node on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 18_545)]
    evm_port: u16,
    /// Port of the TRON node on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 18_090)]
    tron_port: u16,
    /// Serve /walletsolidity on this port only, as a TRON node of one's own does
    #[arg(long)]
    tron_solid_port: Option<u16>,
    /// Serve /jsonrpc on the TRON port too
    #[arg(long)]
    tron_jsonrpc: bool,
    /// Time between blocks (3s, 500ms); 0 mines only when told
    #[arg(long, default_value = "3s", value_parser = block_time)]
    block_time: Duration,
    /// Blocks above genesis to begin with, on each network
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100_000))]
    blocks: u64,
    /// How far Ethereum's finalized block is below the head
    #[arg(long, default_value_t = 12)]
    evm_finality_lag: u64,
    /// How far TRON's solid block is below the head
    #[arg(long, default_value_t = 18)]
    tron_solid_lag: u64,
}

/// Reads `3s`, `500ms` or `0`.
fn block_time(text: &str) -> Result<Duration, String> {
    let (number, unit_ms) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 1_000),
        (None, None) => (text, 0),
    };
    let number: u64 = number.parse().map_err(|_| "expected a time like 3s or 500ms, or 0".to_owned())?;
    match number.checked_mul(unit_ms) {
        Some(0) if number > 0 => Err("expected a unit, s or ms".to_owned()),
        Some(ms) if ms <= 3_600_000 => Ok(Duration::from_millis(ms)),
        Some(_) | None => Err("an hour at most".to_owned()),
    }
}

/// Serves both networks until SIGINT or SIGTERM.
pub(super) async fn run(args: DevnetArgs, as_json: bool) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(FAILURE, format!("signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let networks = Networks::start(&args).await?;
    if as_json {
        show::line(&networks.facts().to_string());
    } else {
        show::line(&networks.described(args.block_time));
    }
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
        () = networks.mine_every(args.block_time) => (),
    }
    networks.stop().await;
    Ok(())
}

/// The two networks while they run.
struct Networks {
    evm: (LedgerHandle, DevNode),
    tron: (LedgerHandle, TronNode),
    jsonrpc: bool,
}

impl Networks {
    async fn start(args: &DevnetArgs) -> Result<Self, Failure> {
        let cannot = |port: u16| {
            move |error: std::io::Error| Failure::new(FAILURE, format!("cannot serve on 127.0.0.1:{port}: {error}"))
        };
        let evm = ledger(Family::Evm, args.evm_finality_lag, args);
        let options = NodeOptions { port: args.evm_port, ..NodeOptions::default() };
        let evm_node = DevNode::start(evm.clone(), options).await.map_err(cannot(args.evm_port))?;
        let tron = ledger(Family::Tron, args.tron_solid_lag, args);
        let solid = args.tron_solid_port.map_or(SolidPort::Shared, SolidPort::Only);
        let options = TronOptions { port: args.tron_port, solid, jsonrpc: args.tron_jsonrpc, ..TronOptions::default() };
        let tron_node = TronNode::start(tron.clone(), options).await.map_err(cannot(args.tron_port))?;
        Ok(Self { evm: (evm, evm_node), tron: (tron, tron_node), jsonrpc: args.tron_jsonrpc })
    }

    /// Ends never.
    async fn mine_every(&self, block_time: Duration) {
        if block_time.is_zero() {
            return std::future::pending().await;
        }
        let mut ticks = interval(block_time);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            for ledger in [&self.evm.0, &self.tron.0] {
                mine_at(&mut ledger.lock(), clock::now().seconds());
            }
        }
    }

    fn facts(&self) -> Value {
        let jsonrpc_url = self.jsonrpc.then(|| format!("{}/jsonrpc", self.tron.1.url));
        let mut evm = network(&self.evm.0, Family::Evm);
        evm["url"] = json!(self.evm.1.url);
        let mut tron = network(&self.tron.0, Family::Tron);
        tron["url"] = json!(self.tron.1.url);
        tron["solid_url"] = json!(self.tron.1.solid_url);
        tron["jsonrpc_url"] = json!(jsonrpc_url);
        json!({ "evm": evm, "tron": tron })
    }

    /// The same facts for people.
    fn described(&self, block_time: Duration) -> String {
        let facts = self.facts();
        let fact = |path: &str| match facts.pointer(path) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let mut text = String::new();
        for (name, at) in [("Ethereum", "/evm"), ("TRON", "/tron")] {
            let own = |key: &str| fact(&format!("{at}/{key}"));
            text += &format!("{name}\n  url       {}\n", own("url"));
            if own("solid_url") != own("url") && at == "/tron" {
                text += &format!("  solid url {}\n", own("solid_url"));
            }
            text += &format!("  chain id  {}\n  genesis   {}\n", own("chain_id"), own("genesis"));
            text += &format!(
                "  {}      {} ({} decimals)\n",
                own("token/symbol"),
                own("token/contract"),
                own("token/decimals")
            );
        }
        let when = if block_time.is_zero() { "only when told".to_owned() } else { format!("every {block_time:?}") };
        text += &format!("Blocks are mined {when}. Ctrl-C ends this. To play:\n");
        text += &format!("  curl -s {}/wallet/getnowblock\n", fact("/tron/url"));
        for at in ["/evm", "/tron"] {
            let (url, token) = (fact(&format!("{at}/url")), fact(&format!("{at}/token/contract")));
            for (method, params) in [
                ("dev_transfer", json!([token, "<address>", "12.5"])),
                ("dev_mine", json!([20])),
                ("dev_fork", json!([2, "drop"])),
            ] {
                let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
                text += &format!("  curl -s {url} -d '{body}'\n");
            }
        }
        text + MORE_CALLS
    }

    async fn stop(self) {
        self.evm.1.stop().await;
        self.tron.1.stop().await;
    }
}

/// A network with its one token and the blocks it begins with, the last of them now.
fn ledger(family: Family, finality_lag: u64, args: &DevnetArgs) -> LedgerHandle {
    let decimals = Decimals::new(6).expect("6 is a number of decimals");
    let usdt = SimToken { contract: TOKEN, symbol: "USDT".to_owned(), decimals };
    let spacing_s = cmp::max(args.block_time.as_secs(), 1);
    let usual = match family {
        Family::Evm => LedgerSpec::default(),
        Family::Tron => LedgerSpec::tron(),
    };
    let spec = LedgerSpec { block_time_s: spacing_s, finality_lag, tokens: vec![usdt], ..usual };
    let mut ledger = Ledger::new(spec);
    let now = clock::now().seconds();
    for left in (0..args.blocks).rev() {
        mine_at(&mut ledger, Timestamp(now.0.saturating_sub(left.saturating_mul(spacing_s))));
    }
    LedgerHandle::new(ledger)
}

/// One block, no older than the one below.
fn mine_at(ledger: &mut Ledger, time: Timestamp) {
    let time = cmp::max(time, ledger.head().timestamp);
    ledger.mine_at(time, Vec::new());
}

fn network(ledger: &LedgerHandle, family: Family) -> Value {
    let ledger = ledger.lock();
    let tokens = ledger.spec().tokens.iter();
    let mut tokens = tokens.map(|token| {
        let contract = token.contract.display(family);
        json!({ "contract": contract, "symbol": token.symbol, "decimals": token.decimals.get() })
    });
    json!({
        "chain_id": ledger.chain_id(),
        "genesis": ledger.genesis().hash.text(family),
        "token": tokens.next(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn args(options: &[&str]) -> Result<DevnetArgs, clap::Error> {
        let cli = Cli::try_parse_from(["depositd", "devnet"].iter().chain(options))?;
        let Command::Devnet(args) = cli.command else { panic!("{:?}", cli.command) };
        Ok(args)
    }

    #[test]
    fn a_block_time_has_a_unit_unless_it_is_nothing() {
        let time = |text: &str| args(&["--block-time", text]).map(|args| args.block_time.as_millis()).ok();
        assert_eq!(args(&[]).unwrap().block_time.as_secs(), 3);
        for (text, ms) in [("3s", Some(3_000)), ("250ms", Some(250)), ("0", Some(0)), ("0s", Some(0))] {
            assert_eq!(time(text), ms, "{text}");
        }
        for text in ["3", "", "s", "-1s", "3m", "3601s", "18446744073709551615s"] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn both_networks_say_who_they_are_and_mine_by_themselves() {
        let options = ["--evm-port", "0", "--tron-port", "0", "--tron-solid-port", "0", "--blocks", "20"];
        let args = args(&[&options[..], &["--block-time", "20ms", "--tron-jsonrpc"]].concat()).unwrap();
        let networks = Networks::start(&args).await.unwrap();
        let facts = networks.facts();
        assert_eq!(facts["evm"]["chain_id"], 31_337);
        assert_eq!(facts["evm"]["token"]["contract"], format!("{TOKEN:?}"));
        let token = Address::parse(Family::Tron, facts["tron"]["token"]["contract"].as_str().unwrap());
        assert_eq!(token, Ok(TOKEN));
        let genesis = facts["tron"]["genesis"].as_str().unwrap();
        let tail = u64::from_str_radix(&genesis[56..], 16).unwrap();
        assert!(genesis.starts_with("0000000000000000") && facts["tron"]["chain_id"] == tail, "{facts}");
        assert_ne!(facts["tron"]["url"], facts["tron"]["solid_url"]);
        let shown = networks.described(args.block_time);
        for fact in ["evm/url", "tron/url", "tron/solid_url", "evm/genesis", "tron/genesis", "tron/token/contract"] {
            let fact = facts.pointer(&format!("/{fact}")).and_then(Value::as_str).unwrap();
            assert!(shown.contains(fact), "{fact} is not in {shown}");
        }
        let again = Networks::start(&args).await.unwrap();
        assert_eq!(again.facts()["tron"]["genesis"], genesis, "a configuration can name it");

        let (evm, tron) = (networks.evm.0.clone(), networks.tron.0.clone());
        let late = |ledger: &LedgerHandle| ledger.lock().head().at.height.0 >= 25;
        let begun = Instant::now();
        let enough = async {
            while !(late(&evm) && late(&tron)) && begun.elapsed() < Duration::from_secs(20) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! { () = networks.mine_every(args.block_time) => (), () = enough => () }
        assert!(late(&evm) && late(&tron));
        let age = clock::now().seconds().0 - tron.lock().head().timestamp.0;
        assert!(age < 30, "the newest block is of now, not {age} s old");
        networks.stop().await;
    }
}
