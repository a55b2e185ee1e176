//! Whole turns over fake endpoints: each has a chain of its own, which the test changes between turns.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    thread,
};

use super::*;
use crate::{
    chain::{
        Doubt, Identity,
        pool::{Expected, PoolSettings},
    },
    domain::{
        Act, Address, Block, BlockHash, Decimals, Deposit, Evidence, Family, Header, Need, Policy, Threshold,
        Timestamp, Token, TokenAmount, policy::RuleSet,
    },
    store::{MemoryEngine, Store},
    writer::{Loading, Writer},
};

const TOKEN: Address = Address([0xee; 20]);
const WINDOW: u32 = 64;

/// What a fake endpoint says.
struct Says {
    /// Every block by height; the last one is its head.
    blocks: Vec<Block>,
    solid: u64,
    /// How long it takes to read a range.
    range_takes: Duration,
    heads_asked: usize,
    /// Blocks were asked for so often.
    ranges_asked: u64,
}

#[derive(Clone)]
struct Fake(&'static str, Arc<Mutex<Says>>);

impl Fake {
    fn new(name: &'static str, head: u64) -> Self {
        let genesis = Block { header: header(0, 1, BlockHash([0xff; 32])), transfers: Vec::new() };
        let says =
            Says { blocks: vec![genesis], solid: 0, range_takes: Duration::ZERO, heads_asked: 0, ranges_asked: 0 };
        let fake = Self(name, Arc::new(Mutex::new(says)));
        fake.leave(0, 1, head);
        fake
    }

    fn set<T>(&self, change: impl FnOnce(&mut Says) -> T) -> T {
        change(&mut self.1.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Goes over to `branch` above `base`, up to `head`; what lies 18 below is final.
    fn leave(&self, base: u64, branch: u8, head: u64) {
        self.set(|says| {
            says.blocks.truncate(usize::try_from(base).unwrap() + 1);
            for height in base + 1..=head {
                let parent = says.blocks.last().unwrap().header.at.hash;
                says.blocks.push(Block { header: header(height, branch, parent), transfers: Vec::new() });
            }
            says.solid = head.saturating_sub(18);
        });
    }

    fn read(&self, from: Height, to: Height) -> Result<Vec<Block>, SourceError> {
        let heights = usize::try_from(from.0).unwrap()..=usize::try_from(to.0).unwrap();
        let read = self.set(|says| says.blocks.get(heights).map(<[Block]>::to_vec));
        let network = "tron-test".parse().unwrap();
        read.ok_or_else(|| SourceError { network, endpoint: self.0.to_owned(), doubt: Doubt::Missing(to) })
    }
}

fn header(height: u64, branch: u8, parent: BlockHash) -> Header {
    let mut hash = [branch; 32];
    hash[..8].copy_from_slice(&height.to_be_bytes());
    let at = BlockRef { height: Height(height), hash: BlockHash(hash) };
    Header { at, parent, time: Timestamp(height * 3) }
}

impl ChainSource for Fake {
    fn name(&self) -> &str {
        self.0
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity { chain_id: 1, genesis: BlockHash([7; 32]) })
    }

    async fn head(&self) -> Result<Head, SourceError> {
        Ok(self.set(|says| {
            says.heads_asked += 1;
            let solid = says.blocks[usize::try_from(says.solid).unwrap()].header;
            Head::of(says.blocks.last().unwrap().header, Some(solid))
        }))
    }

    async fn headers(&self, from: Height, to: Height) -> Result<Vec<Header>, SourceError> {
        Ok(self.read(from, to)?.into_iter().map(|block| block.header).collect())
    }

    async fn blocks(&self, from: Height, to: Height, near_head: bool) -> Result<Vec<Block>, SourceError> {
        self.set(|says| says.ranges_asked += 1);
        if !near_head {
            let takes = self.set(|says| says.range_takes);
            tokio::time::sleep(takes).await;
        }
        self.read(from, to)
    }

    async fn evidence(&self, _: &Deposit, _: Threshold) -> Result<Option<Evidence>, SourceError> {
        Ok(None)
    }

    async fn decimals(&self, _: Address) -> Result<u8, SourceError> {
        Ok(6)
    }
}

fn spec() -> NetworkSpec {
    let (symbol, decimals) = ("USDT".to_owned(), Decimals::new(6).unwrap());
    let token = Token { contract: TOKEN, symbol, decimals, minimum: TokenAmount::of(1) };
    NetworkSpec {
        main_coin: None,
        id: "tron-test".parse().unwrap(),
        family: Family::Tron,
        tokens: BTreeMap::from([(TOKEN, token)]),
        policy: Policy::flat(Threshold::Finalized),
        window_blocks: WINDOW,
    }
}

/// As TRON is followed, over `endpoints`, with a writer of its own.
fn follower(endpoints: &[Fake], settings: FollowSettings) -> Follower<Fake> {
    follower_with(endpoints, settings, PoolSettings::default())
}

fn follower_with(endpoints: &[Fake], settings: FollowSettings, pool: PoolSettings) -> Follower<Fake> {
    let store = Store::in_memory(&MemoryEngine::new(), |_| ()).unwrap();
    let core = Loading::of([spec()]).finish(store).unwrap();
    let (specs, (handle, commands)) = (core.specs(), WriterHandle::new());
    let writer = Writer::new(core, &handle, commands);
    thread::spawn(move || writer.run().unwrap());
    let expected = Expected { family: Family::Tron, chain_id: 1, genesis: None, decimals: vec![(TOKEN, 6)] };
    let pool = Pool::new(spec().id, expected, endpoints.to_vec(), pool);
    let settings = FollowSettings { follows_ties: false, ranges_are_final: true, specs, ..settings };
    let (board, stored, turned) = (StatusBoard::default(), Stored::default(), Box::new(|| ()));
    Follower::new(spec(), settings, Arc::new(pool), handle, board, stored, turned)
}

impl Follower<Fake> {
    /// Takes turns until nothing is new.
    async fn settle(&mut self) {
        while self.turn().await.unwrap() == Turn::Moved {}
    }

    fn stands_at(&self) -> (u64, u8) {
        let tip = self.trail.tip().unwrap();
        (tip.height.0, tip.hash.0[31])
    }
}

#[tokio::test]
async fn after_a_change_to_a_branch_no_higher_the_next_one_has_to_last_as_long() {
    let node = Fake::new("node", 100);
    let patience = Duration::from_millis(150);
    let mut follower =
        follower(std::slice::from_ref(&node), FollowSettings { retreat_after: patience, ..FollowSettings::default() });
    follower.settle().await;
    node.leave(99, 2, 100);
    assert!(matches!(follower.turn().await, Err(Setback::Doubt(_))), "a tie is waited for");
    assert_eq!(follower.stands_at(), (100, 1));
    tokio::time::sleep(patience).await;
    follower.turn().await.unwrap();
    assert_eq!(follower.stands_at(), (100, 2));
    // A replica that stayed on the first branch answers next.
    node.leave(99, 1, 100);
    let back = follower.turn().await;
    assert!(matches!(back, Err(Setback::Doubt(_))), "{back:?}: it changes with every replica that answers");
    assert_eq!(follower.stands_at(), (100, 2));
}

#[tokio::test]
async fn a_long_catch_up_looks_at_the_head_now_and_then() {
    let node = Fake::new("node", 3000);
    node.set(|says| says.range_takes = Duration::from_millis(20));
    let settings = FollowSettings {
        start: Some(Height(1)),
        range_blocks: 10,
        ranges_ahead: 2,
        head_every: Duration::from_millis(200),
        ..FollowSettings::default()
    };
    let mut follower = follower(std::slice::from_ref(&node), settings);
    follower.settle().await;
    assert_eq!(follower.stands_at(), (3000, 1));
    let asked = node.set(|says| says.heads_asked);
    assert!(asked > 8, "a catch-up of three seconds asked for the head {asked} times, so it looked stalled meanwhile");
}

#[tokio::test]
async fn a_range_makes_its_blocks_final_once_both_endpoints_told_it() {
    for (second_takes_ms, is_final) in [(0, true), (200, false)] {
        let (first, second) = (Fake::new("first", 3000), Fake::new("second", 3000));
        second.set(|says| says.range_takes = Duration::from_millis(second_takes_ms));
        let pool = PoolSettings { witness_far_max: Duration::from_millis(20), ..PoolSettings::default() };
        let settings = FollowSettings {
            start: Some(Height(1)),
            range_blocks: 10,
            ranges_ahead: 1,
            head_every: Duration::ZERO,
            ..FollowSettings::default()
        };
        let mut follower = follower_with(&[first, second], settings, pool);
        follower.turn().await.unwrap();
        follower.turn().await.unwrap();
        assert_eq!(follower.stands_at(), (10, 1));
        let last = follower.cursor.and_then(|cursor| cursor.finalized);
        assert_eq!(last.map(|last| last.height), is_final.then_some(Height(10)));
    }
}

#[tokio::test]
async fn at_the_head_the_next_look_comes_after_a_pause() {
    let node = Fake::new("node", 100);
    let mut follower = follower(std::slice::from_ref(&node), FollowSettings::default());
    follower.settle().await;
    node.leave(100, 1, 101);
    let asked = node.set(|says| says.heads_asked);
    assert_eq!(follower.turn().await.unwrap(), Turn::Idle);
    assert_eq!((follower.stands_at(), node.set(|says| says.heads_asked)), ((101, 1), asked + 1));
}

#[tokio::test]
async fn one_endpoint_alone_does_not_halt_a_network_whose_final_block_another_one_has() {
    for (base, agree) in [(70, true), (70, false), (0, true), (0, false)] {
        let lies = format!("a branch from {base}, blocks compared: {agree}");
        let (honest, liar) = (Fake::new("honest", 100), Fake::new("liar", 100));
        let pool = PoolSettings { agree, ..PoolSettings::default() };
        let mut follower = follower_with(&[honest.clone(), liar.clone()], FollowSettings::default(), pool);
        follower.settle().await;
        liar.leave(base, 2, 130);
        for _ in 0..3 {
            let turn = follower.turn().await;
            assert!(matches!(turn, Err(Setback::Doubt(_) | Setback::Source(_))), "{lies}: {turn:?}");
        }
        assert_eq!(follower.stands_at(), (100, 1), "{lies}");
        liar.leave(0, 1, 101);
        honest.leave(0, 1, 101);
        follower.settle().await;
        assert_eq!(follower.stands_at(), (101, 1), "{lies}");
    }
}

#[tokio::test]
async fn a_reorg_below_what_is_final_halts_once_no_endpoint_has_our_chain() {
    for base in [70, 0] {
        let (one, two) = (Fake::new("one", 100), Fake::new("two", 100));
        let mut follower = follower(&[one.clone(), two.clone()], FollowSettings::default());
        follower.settle().await;
        one.leave(base, 2, 110);
        two.leave(base, 2, 110);
        let turn = follower.turn().await;
        assert!(matches!(turn, Err(Setback::Halt(_))), "{turn:?}");
    }
}

#[tokio::test]
async fn blocks_that_one_endpoint_invents_on_top_of_ours_are_not_final_while_another_one_moves_below() {
    let (honest, liar) = (Fake::new("honest", 99), Fake::new("liar", 99));
    let settings = FollowSettings { retreat_after: Duration::ZERO, ..FollowSettings::default() };
    let mut follower = follower(&[honest.clone(), liar.clone()], settings);
    follower.settle().await;
    honest.leave(99, 1, 100);
    liar.leave(99, 1, 100);
    follower.settle().await;
    liar.leave(100, 2, 130);
    follower.settle().await;
    let last = follower.cursor.and_then(|cursor| cursor.finalized).unwrap();
    assert!(last.height <= Height(82), "{last} is final on the word of one");
    honest.leave(100, 1, 103);
    liar.leave(100, 1, 103);
    follower.settle().await;
    assert_eq!(follower.stands_at(), (103, 1));
}

#[tokio::test]
async fn a_node_that_fell_behind_what_is_final_or_kept_halts_nothing_however_long_it_takes() {
    for (base, branch, head) in [(60, 1, 60), (20, 1, 20), (60, 2, 75)] {
        let node = Fake::new("node", 100);
        let settings = FollowSettings { retreat_after: Duration::ZERO, ..FollowSettings::default() };
        let mut follower = follower(std::slice::from_ref(&node), settings);
        follower.settle().await;
        node.leave(base, branch, head);
        for _ in 0..2 {
            let turn = follower.turn().await;
            assert!(matches!(turn, Err(Setback::Doubt(_))), "at {head}: {turn:?}");
        }
        node.leave(base, 1, 101);
        follower.settle().await;
        assert_eq!(follower.stands_at(), (101, 1));
    }
}

#[tokio::test]
async fn rules_that_change_are_heeded_at_the_next_look_and_end_the_pause_before_it() {
    let (ahead, honest) = (Fake::new("ahead", 100), Fake::new("honest", 100));
    let pool = PoolSettings { agree: false, ..PoolSettings::default() };
    let mut follower = follower_with(&[ahead.clone(), honest], FollowSettings::default(), pool);
    follower.settle().await;
    let finalized = |follower: &Follower<Fake>| follower.cursor.and_then(|cursor| cursor.finalized).unwrap().height;
    assert_eq!(finalized(&follower), Height(82));

    let need = Need { threshold: Threshold::Finalized, second_source: true };
    let policy = Policy::compile(RuleSet::flat(need), &spec().tokens).unwrap();
    let act = Act { by: "SIGHUP".to_owned(), at: clock::now(), why: "configuration read again".to_owned() };
    let writer = follower.writer.clone();
    writer.reload(vec![NetworkSpec { policy, ..spec() }], false, act).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), follower.wake.changed()).await.expect("no pause goes on").unwrap();
    ahead.leave(100, 1, 104);
    follower.settle().await;
    assert_eq!((follower.stands_at(), finalized(&follower)), ((104, 1), Height(82)), "final on the word of one");
}

mod backscan;
