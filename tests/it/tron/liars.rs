//! One of two TRON endpoints lies, in every way a simulated node can: nothing is missed, nothing false is credited, the
//! doubt has the liar's name on it, and the daemon goes on with the honest one.
//!
//! Each lie is told on four networks: by the endpoint asked first and by the other one, near the head and while old
//! blocks are read by ranges.

use std::time::Duration;

use depositd::{
    devnet::{BlockLie, Faces, Failure, Garble, InfoLie, TronRefusal, TronResult, TronTrouble, Trouble},
    domain::{Family, TokenAmount},
};

use crate::harness::{Net, PAYER, Plan, SHOP, TOKEN, World, account, counted_in, registry};

/// Blocks near the head on each network, at least and at most.
const ROUNDS: u64 = 4;
const ROUNDS_MAX: u64 = 120;
/// From one block to the next near the head.
const PACE: Duration = Duration::from_millis(150);
/// What is read by ranges comes every so many rounds.
const FAR_ROUNDS: u64 = 20;
/// Enough blocks above a payment that ranges are read, also where a look at the head fell into the middle of it.
const FAR_ABOVE: u64 = 70;
/// What an endpoint is behind that is behind.
const ABOVE_LAGGING: u64 = 10;
/// What an honest endpoint is never blamed for. In a burst of blocks it may look behind for a moment.
const NEVER_BLAMED: [&str; 7] =
    ["incomplete", "foreign_log", "omitted_logs", "malformed", "refused", "other_chain", "broken_chain"];

/// A lie, and the word by which its teller is blamed; `None` for what misleads nobody.
type Lie = (&'static str, Trouble, Option<&'static str>);

/// A way of being wrong that only TRON nodes have.
fn tron(tron: TronTrouble) -> Trouble {
    Trouble { tron, ..Trouble::default() }
}

fn infos(infos: InfoLie) -> Trouble {
    tron(TronTrouble { infos, ..TronTrouble::default() })
}

fn blocks(blocks: BlockLie) -> Trouble {
    tron(TronTrouble { blocks, ..TronTrouble::default() })
}

fn genesis(genesis_on: Faces) -> Trouble {
    Trouble {
        genesis: Some("00".repeat(8) + &"ab".repeat(24)),
        ..tron(TronTrouble { genesis_on, ..TronTrouble::default() })
    }
}

fn failing(failure: Failure) -> Trouble {
    Trouble { fail_every: 1, failure: Some(failure), ..Trouble::default() }
}

fn refusing(refusal: TronRefusal) -> Trouble {
    failing(Failure::Tron(refusal))
}

/// Answers everything but the infos of a block.
fn without_infos(refusal: TronRefusal) -> Trouble {
    let calls = ["wallet/gettransactioninfobyblocknum", "walletsolidity/gettransactioninfobyblocknum"];
    Trouble { only_methods: calls.map(str::to_owned).to_vec(), ..refusing(refusal) }
}

fn garbled(garble: Garble) -> Trouble {
    Trouble { garble, ..Trouble::default() }
}

/// Block `number` of a network: a payment, a payment that failed, and one of a stranger.
fn block(net: &Net, number: u64) {
    let mut ledger = net.ledger.lock();
    let paid = TokenAmount::of(1_000_000 + number);
    let payment = ledger.transfer(TOKEN, PAYER, account(1), paid);
    let failed = ledger.failed_transfer(TOKEN, PAYER, account(1), paid, TronResult::OutOfEnergy);
    let stranger = ledger.transfer(TOKEN, PAYER, account(200), paid);
    ledger.mine(vec![payment, failed, stranger]);
}

/// The four networks of a lie, and whether each is read by ranges.
fn places(name: &str) -> [(String, [&'static str; 2], bool); 4] {
    let place = |words: &str, endpoints, is_far| (format!("{name}-{words}"), endpoints, is_far);
    [
        place("first-near", ["liar", "honest"], false),
        place("second-near", ["honest", "liar"], false),
        place("first-far", ["liar", "honest"], true),
        place("second-far", ["honest", "liar"], true),
    ]
}

/// A network on which a lie is told.
struct Place<'a> {
    net: &'a Net,
    lie: &'a Lie,
    is_far: bool,
}

impl Place<'_> {
    fn lies(&self) {
        self.net.trouble("liar", self.lie.1.clone());
    }

    /// How often it was doubted, as the registry's `text` says.
    fn doubts(&self, text: &str, source: &str, kind: &str) -> u64 {
        let labels = [("network", self.net.plan.slug.as_str()), ("source", source), ("kind", kind)];
        counted_in(text, "depositd_source_doubts_total", &labels)
    }

    fn is_found_out(&self, text: &str) -> bool {
        self.lie.2.is_none_or(|kind| self.doubts(text, "liar", kind) > 0)
    }

    /// More blocks: what is far comes in no time at all, as if nobody had looked meanwhile.
    fn goes_on(&self, round: u64) {
        if !self.is_far {
            return block(self.net, round);
        }
        if round.is_multiple_of(FAR_ROUNDS) {
            (0..4).for_each(|number| block(self.net, round + number));
            self.net.mine(FAR_ABOVE);
        }
    }

    /// The honest one is blamed for nothing, whatever the other one says.
    fn spares_the_honest(&self, text: &str) {
        let slug = &self.net.plan.slug;
        for kind in NEVER_BLAMED {
            assert_eq!(self.doubts(text, "honest", kind), 0, "{slug}: {kind} is blamed on the honest endpoint");
        }
        if self.is_far {
            let ranges = self.net.node("honest").trouble.calls("walletsolidity/getblockbylimitnext");
            assert!(ranges > 0, "{slug}: nothing was read by ranges");
        }
    }
}

/// Tells all of `lies` in one world. `from_start`: before the daemon is there.
async fn told(lies: &[Lie], from_start: bool) {
    // A node that lies about its genesis also has to be taken at its word.
    let block_id = if from_start { "block_id = \"advisory\"" } else { "block_id = \"strict\"" };
    let all: Vec<_> = lies.iter().flat_map(|lie| places(lie.0).map(|place| (lie, place))).collect();
    let plans = all.iter().map(|(_, (slug, endpoints, _))| Plan::tron(slug).endpoints(endpoints));
    let mut world = World::of(plans.map(|plan| plan.poll(300).with(block_id))).await;
    if from_start {
        world.nets.iter().zip(&all).for_each(|(net, (lie, _))| net.trouble("liar", lie.1.clone()));
    }
    let gateway = world.start().await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    let mut watched = Vec::new();
    for net in &world.nets {
        gateway.begun(&net.plan.slug).await;
        watched.push([(account(1), gateway.watch(SHOP, &net.plan.slug, account(1)).await)].into());
    }

    let places = world.nets.iter().zip(&all);
    let places: Vec<Place<'_>> = places.map(|(net, (lie, (.., is_far)))| Place { net, lie, is_far: *is_far }).collect();
    places.iter().for_each(Place::lies);
    for round in 0..ROUNDS_MAX {
        // Those that are found out rest, and need no more blocks.
        let text = registry().render();
        let lasting = places.iter().filter(|place| round < ROUNDS || !place.is_found_out(&text));
        let lasting: Vec<_> = lasting.collect();
        if lasting.is_empty() {
            break;
        }
        lasting.iter().for_each(|place| place.goes_on(round));
        tokio::time::sleep(PACE).await;
    }
    let text = registry().render();
    for place in &places {
        assert!(place.is_found_out(&text), "{}: no {:?} of the liar", place.net.plan.slug, place.lie.2);
        place.net.mine(place.net.plan.depth() + ABOVE_LAGGING);
    }
    world.balanced(&watched).await;

    let books = world.books();
    assert_eq!(books.count("deposit.confirmed"), books.standing().len(), "each payment is told once");
    assert!(books.standing().len() >= places.len() * 4, "nothing was paid");
    assert_eq!(books.count("deposit.reversed"), 0, "nothing false was credited");
    let text = registry().render();
    places.iter().for_each(|place| place.spares_the_honest(&text));
    drop(places);
    world.stop().await;
}

macro_rules! lies {
    ($($name:ident, $from_start:literal: [$($lie:expr),* $(,)?];)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            told(&[$($lie),*], $from_start).await;
        }
    )*};
}

lies! {
    false_infos, false: [
        ("partial", infos(InfoLie::Partial), Some("incomplete")),
        ("no-infos", infos(InfoLie::Missing), Some("incomplete")),
        ("other-branch", infos(InfoLie::OtherBranch), Some("incomplete")),
        ("reversed", infos(InfoLie::Reversed), Some("incomplete")),
        ("doubled", infos(InfoLie::Doubled), Some("incomplete")),
        ("wrong-number", infos(InfoLie::WrongNumber), Some("incomplete")),
        ("wrong-time", infos(InfoLie::WrongTime), Some("incomplete")),
    ];
    false_blocks_and_results, false: [
        ("stripped", blocks(BlockLie::Stripped), Some("incomplete")),
        ("tampered", blocks(BlockLie::Tampered), Some("malformed")),
        ("tampered-tx", blocks(BlockLie::TamperedTx), Some("malformed")),
        ("as-success", tron(TronTrouble { failed_as_success: true, ..TronTrouble::default() }), Some("incomplete")),
        // The transaction failed, whatever is logged under it: nobody is misled.
        ("failed-pays", tron(TronTrouble { failed_pays: Some(account(1).text(Family::Tron)), ..TronTrouble::default() }), None),
        ("pays-as-success", tron(TronTrouble {
            failed_pays: Some(account(1).text(Family::Tron)), failed_as_success: true, ..TronTrouble::default()
        }), Some("incomplete")),
        // Odd, and true.
        ("odd", tron(TronTrouble { shuffled_keys: true, negative_numbers: true, ..TronTrouble::default() }), None),
    ];
    replicas_behind, false: [
        ("far-behind", Trouble { lag_blocks: 9, ..Trouble::default() }, Some("lagging")),
        ("a-little-behind", Trouble { lag_blocks: 2, ..Trouble::default() }, None),
        ("frozen", Trouble { frozen_at: Some(20), ..Trouble::default() }, Some("lagging")),
        ("head-behind", tron(TronTrouble { head_lag_blocks: 9, ..TronTrouble::default() }), Some("lagging")),
        ("solid-above-head", tron(TronTrouble { head_lag_blocks: 25, ..TronTrouble::default() }), Some("lagging")),
        ("solid-behind", tron(TronTrouble { solid_lag_blocks: 9, ..TronTrouble::default() }), None),
        ("slow", Trouble { delay_ms: 60, ..Trouble::default() }, None),
    ];
    refusals, false: [
        ("exception", refusing(TronRefusal::Error("class java.lang.NullPointerException : null".to_owned())), Some("refused")),
        ("overloaded", refusing(TronRefusal::Overloaded), Some("throttled")),
        ("switched-off", refusing(TronRefusal::SwitchedOff), Some("refused")),
        ("too-large", refusing(TronRefusal::TooLarge), Some("refused")),
        ("lite", refusing(TronRefusal::LiteNode), Some("refused")),
        ("empty-object", refusing(TronRefusal::EmptyObject), Some("malformed")),
        ("empty-list", refusing(TronRefusal::EmptyList), Some("malformed")),
    ];
    refusals_of_infos_only, false: [
        ("lite-infos", without_infos(TronRefusal::LiteNode), Some("refused")),
        ("no-infos-call", without_infos(TronRefusal::SwitchedOff), Some("refused")),
        ("infos-object", without_infos(TronRefusal::EmptyObject), Some("missing")),
        ("infos-list", without_infos(TronRefusal::EmptyList), Some("incomplete")),
    ];
    limits, false: [
        ("suspended", refusing(TronRefusal::Suspended { status: 403, allowed_rps: 10, seconds: 1 }), Some("throttled")),
        ("suspended-200", refusing(TronRefusal::Suspended { status: 200, allowed_rps: 10, seconds: 1 }), Some("throttled")),
        ("daily", refusing(TronRefusal::DailyUsage), Some("throttled")),
        ("too-many", failing(Failure::Throttled { retry_after_s: None }), Some("throttled")),
        ("retry-after", failing(Failure::Throttled { retry_after_s: Some(1) }), Some("throttled")),
        ("per-second", Trouble { requests_per_s: Some(3), ..Trouble::default() }, Some("throttled")),
        ("http-500", failing(Failure::Http(500)), Some("throttled")),
    ];
    broken_answers, false: [
        ("cut-json", garbled(Garble::CutJson), Some("malformed")),
        ("html", garbled(Garble::Html), Some("malformed")),
        ("cut-body", garbled(Garble::CutBody), Some("transport")),
        // Asked once more, it answers.
        ("now-and-then", Trouble { fail_every: 3, ..Trouble::default() }, None),
        ("hangs", Trouble { stall: true, ..Trouble::default() }, Some("transport")),
        ("hang-some", Trouble { fail_every: 5, failure: Some(Failure::Hang), ..Trouble::default() }, Some("transport")),
    ];
    another_genesis, true: [
        ("genesis", genesis(Faces::Both), Some("other_chain")),
        ("genesis-full", genesis(Faces::Full), Some("other_chain")),
        ("genesis-solid", genesis(Faces::Solid), Some("other_chain")),
    ];
}
