mod evidence;
mod single;
mod word;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::*;
use crate::{
    chain::Identity,
    domain::{
        BlockHash, Deposit, DepositId, DepositState, EventVersion, Evidence, Family, LogOrdinal, Need, Reason,
        Threshold, Timestamp, TokenAmount, Transfer, TxHash, UserMark,
    },
};

const GENESIS: Identity = Identity { chain_id: 1, genesis: BlockHash([7; 32]) };
const USDT: Address = Address([0xda; 20]);

/// What a fake endpoint says. Shared with the test, which changes it while the pool runs.
#[derive(Clone)]
struct Says {
    identity: Identity,
    decimals: u8,
    head: u64,
    fork: u8,
    /// Transfers it lists, and transfers its receipts hold, by height.
    listed: BTreeMap<u64, Vec<Transfer>>,
    receipts: Vec<Transfer>,
    trouble: Option<Doubt>,
    calls: usize,
}

#[derive(Clone)]
struct Fake(&'static str, Arc<Mutex<Says>>);

impl Fake {
    fn new(name: &'static str) -> Self {
        let says = Says {
            identity: GENESIS,
            decimals: 6,
            head: 10,
            fork: 0,
            listed: BTreeMap::new(),
            receipts: Vec::new(),
            trouble: None,
            calls: 0,
        };
        Self(name, Arc::new(Mutex::new(says)))
    }

    fn set(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.1.lock().unwrap());
    }

    fn with(self, change: impl FnOnce(&mut Says)) -> Self {
        self.set(change);
        self
    }

    fn calls(&self) -> usize {
        self.1.lock().unwrap().calls
    }

    fn says(&self) -> Result<Says, SourceError> {
        let mut says = self.1.lock().unwrap();
        says.calls += 1;
        says.trouble.clone().map_or_else(|| Ok(says.clone()), |doubt| Err(self.error(doubt)))
    }

    fn error(&self, doubt: Doubt) -> SourceError {
        SourceError { network: "net".parse().unwrap(), endpoint: self.0.to_owned(), doubt }
    }
}

fn at(height: u64, fork: u8) -> BlockRef {
    let mut hash = [fork; 32];
    hash[31] = u8::try_from(height).unwrap();
    BlockRef { height: Height(height), hash: BlockHash(hash) }
}

fn header(height: u64, fork: u8) -> Header {
    Header { at: at(height, fork), parent: at(height.saturating_sub(1), fork).hash, time: Timestamp(height) }
}

impl ChainSource for Fake {
    fn name(&self) -> &str {
        self.0
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        self.says().map(|says| says.identity)
    }

    async fn head(&self) -> Result<Head, SourceError> {
        let says = self.says()?;
        let finalized = header(says.head.saturating_sub(5), says.fork);
        Ok(Head::of(header(says.head, says.fork), Some(finalized)))
    }

    async fn headers(&self, from: Height, to: Height) -> Result<Vec<Header>, SourceError> {
        let says = self.says()?;
        if to.0 > says.head {
            return Err(self.error(Doubt::Missing(to)));
        }
        Ok((from.0..=to.0).map(|height| header(height, says.fork)).collect())
    }

    async fn blocks(&self, from: Height, to: Height, _near_head: bool) -> Result<Vec<Block>, SourceError> {
        let headers = self.headers(from, to).await?;
        let says = self.says()?;
        let transfers = |header: &Header| says.listed.get(&header.at.height.0).cloned().unwrap_or_default();
        Ok(headers.into_iter().map(|header| Block { transfers: transfers(&header), header }).collect())
    }

    async fn evidence(&self, deposit: &Deposit, _: Threshold) -> Result<Option<Evidence>, SourceError> {
        let says = self.says()?;
        let found = says.receipts.iter().find(|t| (t.tx, t.ordinal) == (deposit.id.tx, deposit.id.ordinal));
        let at = at(deposit.included_at.height.0, says.fork);
        Ok(found.map(|t| Evidence {
            under: Need::WEAKEST,
            id: deposit.id.clone(),
            at,
            from: t.from,
            to: t.to,
            amount: t.amount,
        }))
    }

    async fn decimals(&self, _token: Address) -> Result<u8, SourceError> {
        self.says().map(|says| says.decimals)
    }
}

fn transfer(tx: u8) -> Transfer {
    Transfer {
        tx: TxHash([tx; 32]),
        token: USDT,
        ordinal: LogOrdinal(0),
        from: Address([1; 20]),
        to: Address([2; 20]),
        amount: TokenAmount::of(u64::from(tx)),
    }
}

fn deposit(tx: u8) -> Deposit {
    let network = "net".parse().unwrap();
    let transfer = transfer(tx);
    Deposit {
        by_hand: false,
        hold: None,
        id: DepositId::of(&network, &transfer),
        family: Family::Evm,
        from: transfer.from,
        to: transfer.to,
        amount: transfer.amount,
        included_at: at(5, 0),
        block_time: Timestamp(5),
        state: DepositState::Detected,
        version: EventVersion::default(),
        unmatched_told: false,
        first_seen: Height(5),
        app: "shop".parse().unwrap(),
        user_mark: UserMark::parse("u").unwrap(),
        order: None,
        reason: Reason::Pending,
    }
}

fn pool_with(sources: &[Fake], change: impl FnOnce(&mut PoolSettings)) -> Pool<Fake> {
    let mut settings =
        PoolSettings { rest_min: Duration::from_millis(40), wait_max: Duration::ZERO, ..PoolSettings::default() };
    change(&mut settings);
    let expected = Expected {
        family: Family::Evm,
        chain_id: GENESIS.chain_id,
        genesis: Some(GENESIS.genesis),
        decimals: vec![(USDT, 6)],
    };
    Pool::new("net".parse().unwrap(), expected, sources.to_vec(), settings)
}

fn pool(sources: &[Fake]) -> Pool<Fake> {
    pool_with(sources, |_| ())
}

fn states(pool: &Pool<Fake>) -> Vec<&'static str> {
    pool.status().iter().map(|status| status.state).collect()
}

fn broken() -> Doubt {
    Doubt::Transport("connection refused".to_owned())
}

async fn transfers_of(pool: &Pool<Fake>) -> Result<Vec<u8>, &'static str> {
    let blocks = pool.blocks(Height(5), Height(5), true).await.map_err(|error| error.doubt.kind())?.blocks;
    Ok(blocks[0].transfers.iter().map(|transfer| transfer.tx.0[0]).collect())
}

/// The pool's futures must be able to move between threads.
#[test]
fn futures_are_send() {
    fn check<T: Send>(_: T) {}
    let pool = pool(&[Fake::new("a")]);
    let deposit = deposit(1);
    check(pool.connect());
    check(pool.head());
    check(pool.headers(Height(1), Height(2)));
    check(pool.blocks(Height(1), Height(2), true));
    check(pool.evidence(&deposit, Need::of(Threshold::Finalized)));
    check(pool.still_ours(at(1, 0)));
}

#[tokio::test]
async fn connecting_refuses_only_what_a_person_must_look_at() {
    let other = || Fake::new("x").with(|says| says.identity.chain_id = 56);
    let dead = || Fake::new("d").with(|says| says.trouble = Some(broken()));
    assert!(matches!(pool(&[other(), other()]).connect().await, Err(PoolRefusal::OtherChain { .. })));
    assert!(matches!(pool(&[other(), dead()]).connect().await, Err(PoolRefusal::OtherChain { .. })));
    let wrong_decimals = Fake::new("w").with(|says| says.decimals = 18);
    let refused = pool(&[Fake::new("a"), wrong_decimals]).connect().await;
    assert!(matches!(refused, Err(PoolRefusal::Decimals { found: 18, configured: 6, .. })));
    let mixed = pool(&[other(), Fake::new("a"), dead()]);
    mixed.connect().await.unwrap();
    assert_eq!(states(&mixed), ["refused", "ok", "resting"]);
    pool(&[dead(), dead()]).connect().await.unwrap();
}

#[tokio::test]
async fn an_endpoint_that_fails_rests_and_the_next_one_answers() {
    let (a, b) = (Fake::new("a"), Fake::new("b"));
    let pool = pool_with(&[a.clone(), b.clone()], |settings| settings.agree = false);
    pool.headers(Height(5), Height(5)).await.unwrap();
    assert_eq!((b.calls(), states(&pool)), (0, vec!["ok", "ok"]));
    a.set(|says| says.trouble = Some(broken()));
    pool.headers(Height(5), Height(5)).await.unwrap();
    assert_eq!(states(&pool), ["resting", "ok"]);
    let calls = a.calls();
    pool.headers(Height(5), Height(5)).await.unwrap();
    assert_eq!(a.calls(), calls, "a resting endpoint is left alone");
    a.set(|says| says.trouble = None);
    tokio::time::sleep(Duration::from_millis(80)).await;
    pool.headers(Height(5), Height(5)).await.unwrap();
    assert_eq!(a.calls(), calls + 3, "identity and decimals are read again before its answer is used");
}

#[tokio::test]
async fn an_endpoint_that_changed_its_chain_while_away_is_not_believed() {
    let (a, b) = (Fake::new("a"), Fake::new("b").with(|says| says.fork = 9));
    let pool = pool_with(&[a.clone(), b], |settings| settings.agree = false);
    pool.connect().await.unwrap();
    a.set(|says| says.trouble = Some(broken()));
    pool.headers(Height(5), Height(5)).await.unwrap();
    a.set(|says| (says.trouble, says.identity.chain_id) = (None, 56));
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert_eq!(pool.headers(Height(5), Height(5)).await.unwrap()[0].at, at(5, 9));
    assert_eq!(states(&pool), ["refused", "ok"]);
}

#[tokio::test]
async fn only_other_chains_left_is_said_as_such() {
    let a = Fake::new("a").with(|says| says.identity.chain_id = 56);
    let pool = pool(&[a]);
    for _ in 0..2 {
        let doubt = pool.headers(Height(5), Height(5)).await.unwrap_err().doubt;
        assert_eq!((doubt.kind(), doubt.advice()), ("other_chain", Advice::Halt));
    }
}

#[tokio::test]
async fn identity_is_checked_again_after_a_while() {
    let a = Fake::new("a");
    let pool = pool_with(std::slice::from_ref(&a), |settings| settings.identity_every = Duration::from_millis(30));
    pool.head().await.unwrap();
    a.set(|says| says.identity.genesis = BlockHash([8; 32]));
    pool.head().await.unwrap();
    tokio::time::sleep(Duration::from_millis(40)).await;
    assert_eq!(pool.head().await.unwrap_err().doubt.kind(), "other_chain");
}

#[tokio::test]
async fn a_wish_to_be_left_alone_is_honoured_up_to_the_cap() {
    let doubt = |ms| Some(Doubt::Throttled { what: "429".to_owned(), retry_after_ms: Some(ms) });
    let a = Fake::new("a").with(|says| says.trouble = doubt(60_000_000));
    let capped = pool_with(std::slice::from_ref(&a), |settings| settings.retry_after_max = Duration::from_secs(9));
    capped.headers(Height(1), Height(1)).await.unwrap_err();
    let left = capped.endpoints[0].rest_left(Instant::now()).unwrap();
    assert!(left > Duration::from_secs(8) && left <= Duration::from_secs(9), "{left:?}");
    let patient = pool_with(std::slice::from_ref(&a), |settings| settings.wait_max = Duration::from_secs(2));
    a.set(|says| says.trouble = doubt(100));
    patient.headers(Height(1), Height(1)).await.unwrap_err();
    a.set(|says| says.trouble = None);
    let start = Instant::now();
    patient.headers(Height(1), Height(1)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(80), "the soonest rest was waited for");
}

#[tokio::test]
async fn the_best_head_wins_and_laggards_are_asked_last() {
    let (a, b) = (Fake::new("a").with(|says| says.head = 4), Fake::new("b").with(|says| says.head = 10));
    let pool = pool_with(&[a.clone(), b.clone()], |settings| settings.agree = false);
    assert_eq!(pool.head().await.unwrap().best, at(10, 0));
    assert_eq!(states(&pool), ["lagging", "ok"]);
    let calls = a.calls();
    pool.headers(Height(3), Height(3)).await.unwrap();
    assert_eq!(a.calls(), calls);
    b.set(|says| says.trouble = Some(broken()));
    pool.headers(Height(3), Height(3)).await.unwrap();
    a.set(|says| says.head = 11);
    assert_eq!(pool.head().await.unwrap().best, at(11, 0));
    assert_eq!(states(&pool)[0], "ok");
}

#[tokio::test]
async fn what_is_final_is_the_lowest_word_of_those_who_must_agree() {
    let (a, b) = (Fake::new("a"), Fake::new("b").with(|says| says.head = 12));
    let head = pool(&[a.clone(), b.clone()]).head().await.unwrap();
    assert_eq!((head.best, head.finalized), (at(12, 0), Some(at(5, 0))));
    let head = pool_with(&[a, b], |settings| settings.agree = false).head().await.unwrap();
    assert_eq!(head.finalized, Some(at(7, 0)));
}

#[tokio::test]
async fn an_omitted_log_is_found_by_the_second_endpoint() {
    let list = |says: &mut Says, txs: &[u8]| {
        let all: Vec<_> = txs.iter().map(|tx| transfer(*tx)).collect();
        says.listed.insert(5, all);
    };
    let full = Fake::new("full").with(|says| list(says, &[1, 2]));
    let short = Fake::new("short").with(|says| {
        list(says, &[1]);
        says.receipts = vec![transfer(1), transfer(2)];
    });
    for sources in [[full.clone(), short.clone()], [short.clone(), full.clone()]] {
        let pool = pool(&sources);
        assert_eq!(transfers_of(&pool).await, Ok(vec![1, 2]));
        let rests: Vec<_> = pool.status().into_iter().filter(|status| status.state == "resting").collect();
        assert_eq!(rests.iter().map(|status| status.name.as_str()).collect::<Vec<_>>(), ["short"]);
    }
    // Without proof it is one word against another, until a third decides.
    short.set(|says| says.receipts.clear());
    assert_eq!(transfers_of(&pool(&[full.clone(), short.clone()])).await, Err("disagreement"));
    let third = Fake::new("third").with(|says| list(says, &[1, 2]));
    assert_eq!(transfers_of(&pool(&[short.clone(), full.clone(), third.clone()])).await, Ok(vec![1, 2]));
    third.set(|says| list(says, &[1]));
    assert_eq!(transfers_of(&pool(&[full.clone(), short.clone(), third.clone()])).await, Ok(vec![1]));
    third.set(|says| says.receipts = vec![transfer(2)]);
    assert_eq!(
        transfers_of(&pool(&[full.clone(), short.clone(), third.clone()])).await,
        Ok(vec![1, 2]),
        "two short lists do not outvote a receipt"
    );
    third.set(|says| list(says, &[3]));
    assert_eq!(transfers_of(&pool(&[full, short, third])).await, Err("disagreement"));
}

#[tokio::test]
async fn two_histories_are_a_disagreement_and_one_voice_is_enough() {
    let (a, b) = (Fake::new("a"), Fake::new("b").with(|says| says.fork = 3));
    let both = pool(&[a.clone(), b.clone()]);
    assert_eq!(transfers_of(&both).await, Err("disagreement"));
    assert_eq!(states(&both), ["ok", "ok"], "nobody knows who is wrong, so nobody rests");
    b.set(|says| says.head = 3);
    assert_eq!(transfers_of(&both).await, Ok(vec![]), "a second endpoint that is behind does not hold the first");
    b.set(|says| says.trouble = Some(broken()));
    assert_eq!(transfers_of(&both).await, Ok(vec![]));
    a.set(|says| says.trouble = Some(broken()));
    assert_eq!(transfers_of(&both).await, Err("transport"));
}
