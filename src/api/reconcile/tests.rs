//! A comparison against an endpoint that does as the test says, over a store in memory.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    api::{Core, page::Pager, recheck::RecheckDesk},
    domain::{
        BlockHash, BlockRef, Confirmations, Cursor, Decimals, Deposit, DepositState, EventVersion, Head, Header,
        Holding, LogOrdinal, Millis, NetworkId, Policy, Reason, SpecBoard, StatusBoard, Threshold, Timestamp, Token,
        TokenAmount, TxHash, UserMark, Watch,
    },
    store::{MemoryEngine, Store},
    tracker::changeset::{Change, Changeset},
    writer::handle::WriterHandle,
};

const TOKEN: Address = Address([0x11; 20]);
const PAYER: Address = Address([0x44; 20]);
const SHOP: Address = Address([0xa1; 20]);
/// Blocks there are; the last 64 may still leave.
const TIP: u64 = 1000;

/// An endpoint: a transfer of its height to the shop in every block.
#[derive(Debug, Default)]
struct Endpoint {
    /// From this height on it tells another branch.
    torn_at: Option<u64>,
    /// Blocks it leaves out at the end of each answer.
    cut: u64,
    /// So many questions are not answered.
    failures: AtomicU32,
    /// What it says of the shop's balance, one after the other; the last for ever.
    balances: Mutex<Vec<u64>>,
    asked: AtomicU32,
}

impl Endpoint {
    fn answer<T: Send + 'static>(&self, answer: T) -> BoxFuture<'static, Result<T, NoAnswer>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let fails = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let answer = if fails.is_ok() { Err(NoAnswer("busy".to_owned())) } else { Ok(answer) };
        Box::pin(future::ready(answer))
    }
}

fn network() -> NetworkId {
    "net".parse().unwrap()
}

fn at(height: u64, branch: u8) -> BlockRef {
    let mut hash = [branch; 32];
    hash[24..].copy_from_slice(&height.to_be_bytes());
    BlockRef { height: Height(height), hash: BlockHash(hash) }
}

fn transfer(height: u64) -> Transfer {
    let mut tx = [0x22; 32];
    tx[24..].copy_from_slice(&height.to_be_bytes());
    let amount = TokenAmount::of(height);
    Transfer { tx: TxHash(tx), token: TOKEN, ordinal: LogOrdinal(0), from: PAYER, to: SHOP, amount }
}

fn deposit(height: u64) -> Deposit {
    let transfer = transfer(height);
    Deposit {
        by_hand: false,
        id: DepositId::of(&network(), &transfer),
        family: Family::Evm,
        from: PAYER,
        to: SHOP,
        amount: transfer.amount,
        included_at: at(height, 0),
        block_time: Timestamp(height),
        state: DepositState::Finalized,
        version: EventVersion(1),
        unmatched_told: false,
        first_seen: Height(height),
        app: "shop".parse().unwrap(),
        user_mark: UserMark::default(),
        order: None,
        reason: Reason::Matched,
        hold: None,
    }
}

impl RecheckDesk for Endpoint {
    fn endpoints(&self, _: &NetworkId) -> Vec<String> {
        vec!["preferred".to_owned(), "other".to_owned()]
    }

    fn head(&self, _: &Voice) -> BoxFuture<'static, Result<Head, NoAnswer>> {
        self.answer(Head::of(Header { at: at(TIP, 0), parent: at(TIP - 1, 0).hash, time: Timestamp(TIP) }, None))
    }

    fn blocks(&self, _: &Voice, from: Height, to: Height) -> BoxFuture<'static, Result<Vec<Block>, NoAnswer>> {
        let branch = u8::from(self.torn_at.is_some_and(|torn| from.0 >= torn));
        let block = |height: u64| {
            let (at, parent) = (at(height, branch), at(height - 1, branch).hash);
            Block { header: Header { at, parent, time: Timestamp(height) }, transfers: vec![transfer(height)] }
        };
        self.answer((from.0..=to.0 - self.cut).map(block).collect())
    }

    fn balance(&self, _: &Voice, _: Address, _: Address) -> BoxFuture<'static, Result<TokenAmount, NoAnswer>> {
        let mut balances = self.balances.lock().unwrap();
        let balance = if balances.len() > 1 { balances.remove(0) } else { balances[0] };
        self.answer(TokenAmount::of(balance))
    }
}

/// The API over a store that holds the transfers of these heights, all of them watched.
fn api(endpoint: Endpoint, stored: impl Iterator<Item = u64>) -> (Api, Arc<Endpoint>) {
    let mut store = Store::in_memory(&MemoryEngine::new(), |_| ()).unwrap();
    let holding = Holding {
        network: network(),
        address: SHOP,
        app: "shop".parse().unwrap(),
        user_mark: UserMark::default(),
        standing: Some(Watch { effective_from: Height(1), since: None }),
        open_order: None,
        last_order: None,
        created: Millis(1),
    };
    let cursor =
        Cursor { tip: at(TIP, 0), tip_time: Timestamp(TIP), peak: Height(TIP), finalized: None, take_back_above: None };
    let mut changes: Vec<Change> = stored.map(|height| Change::Deposit(deposit(height))).collect();
    changes.extend([Change::Holding(holding), Change::Cursor(network(), cursor)]);
    store.stage(&Changeset { changes, events: Vec::new() }).unwrap();
    store.commit().unwrap();
    let decimals = Decimals::new(6).unwrap();
    let token = Token { contract: TOKEN, symbol: "USDT".into(), decimals, minimum: TokenAmount::ZERO };
    let spec = NetworkSpec {
        main_coin: None,
        id: network(),
        family: Family::Evm,
        tokens: BTreeMap::from([(TOKEN, token)]),
        policy: Policy::flat(Threshold::Confirmations(Confirmations(NonZeroU32::MIN))),
        window_blocks: 64,
    };
    let endpoint = Arc::new(endpoint);
    let core = Core {
        reader: store.reader(),
        writer: WriterHandle::new().0,
        networks: SpecBoard::of([spec]),
        board: StatusBoard::default(),
        url_check: Arc::new(|_, _| Err((String::new(), String::new()))),
        pager: Pager::new([1; 32]),
        reads: Arc::new(Semaphore::new(4)),
        desk: Arc::new(crate::api::recheck::NobodyToAsk),
        postman: Arc::new(crate::api::tests::NoPost),
        vault: crate::api::tests::vault(),
        lanes: Default::default(),
        explanations: Arc::new(Semaphore::new(1)),
        tests: Default::default(),
        recheck: Arc::clone(&endpoint) as Arc<dyn RecheckDesk>,
        rechecking: Arc::new(Semaphore::new(1)),
        stop: CancellationToken::new(),
    };
    (Api(Arc::new(core)), endpoint)
}

/// Everything told of the blocks 1 to `to`.
async fn told(api: &Api, to: u64, balances: bool) -> Result<Vec<News>, Code> {
    let (news, told) = mpsc::channel(NEWS_LEN_MAX);
    let asked = v1::ReconcileRequest {
        network: "net".into(),
        from_height: 1,
        to_height: to,
        balances,
        nothing_flows_out: true,
        ..v1::ReconcileRequest::default()
    };
    let job = api.job(asked, news).await.map_err(|problem| problem.code())?;
    let work = async move {
        job.work().await;
        drop(job);
    };
    let (_, told) = future::join(work, ReceiverStream::new(told).collect::<Vec<_>>()).await;
    told.into_iter().map(|news| news.map(|news| news.news.unwrap()).map_err(|status| status.code())).collect()
}

fn summary(told: &[News]) -> &v1::ReconcileSummary {
    match told.last() {
        Some(News::Summary(summary)) => summary,
        other => panic!("the summary is the last: {other:?}"),
    }
}

#[tokio::test]
async fn pages_steps_and_tries_do_not_show_in_what_is_found() {
    let (api, endpoint) = api(Endpoint { failures: AtomicU32::new(2), ..Endpoint::default() }, 1..=TIP - 64);
    let found = told(&api, TIP - 64, false).await.unwrap();
    let summary = summary(&found);
    assert_eq!((summary.blocks, summary.transfers_in_store, summary.differences), (936, 936, 0));
    assert_eq!((summary.endpoint.as_str(), summary.sums[0].store.as_str()), ("other", "438516"));
    assert_eq!(endpoint.asked.load(Ordering::Relaxed), 10 + 2, "ten steps, and two that were not answered");
    let progress: Vec<u64> = found
        .iter()
        .filter_map(|news| if let News::Progress(at) = news { Some(at.blocks_done) } else { None })
        .collect();
    assert_eq!(progress, [100, 200, 300, 400, 500, 600, 700, 800, 900, 936]);
    assert_eq!(told(&api, TIP - 63, false).await, Err(Code::FailedPrecondition), "one block inside the window");
}

#[tokio::test]
async fn every_missing_row_is_told_with_its_height() {
    let (api, _) = api(Endpoint::default(), (1..=800).filter(|height| height % 200 != 7));
    let found = told(&api, 800, false).await.unwrap();
    let heights: Vec<u64> = found
        .iter()
        .filter_map(|news| if let News::Difference(found) = news { found.chain.clone()?.block } else { None })
        .map(|block| block.height)
        .collect();
    assert_eq!((heights, summary(&found).differences), (vec![7, 207, 407, 607], 4));
}

#[tokio::test]
async fn an_endpoint_that_changes_its_story_has_shown_nothing() {
    for endpoint in [
        Endpoint { torn_at: Some(101), ..Endpoint::default() },
        Endpoint { cut: 1, ..Endpoint::default() },
        Endpoint { failures: AtomicU32::new(TRIES), ..Endpoint::default() },
    ] {
        let what = format!("{endpoint:?}");
        let (api, _) = api(endpoint, 1..=300);
        assert_eq!(told(&api, 300, false).await, Err(Code::Unavailable), "{what}");
    }
    let (api, _) = api(Endpoint::default(), 1..=300);
    api.0.stop.cancel();
    assert!(told(&api, 300, false).await.is_err_and(|code| code == Code::Unavailable), "a stop ends it");
}

/// What is told of the shop's balance where 1 + 2 + 3 is stored.
async fn weighed(balances: Vec<u64>) -> (Vec<String>, v1::ReconcileSummary) {
    let (api, _) = api(Endpoint { balances: Mutex::new(balances), ..Endpoint::default() }, 1..=3);
    let found = told(&api, 3, true).await.unwrap();
    let unequal =
        found.iter().filter_map(|news| if let News::Balance(found) = news { Some(&found.balance) } else { None });
    (unequal.cloned().collect(), summary(&found).clone())
}

#[tokio::test]
async fn a_balance_that_fits_at_the_second_look_is_no_difference() {
    // At first the endpoint is ahead of what is stored, or behind it.
    let table = [(vec![6], None), (vec![7, 6], None), (vec![5, 6], None), (vec![7], Some(7)), (vec![5], Some(5))];
    let found = future::join_all(table.iter().map(|(balances, _)| weighed(balances.clone()))).await;
    for ((balances, expected), (unequal, summary)) in table.iter().zip(found) {
        assert_eq!(unequal, expected.iter().map(u64::to_string).collect::<Vec<_>>(), "{balances:?}");
        assert_eq!((summary.balances, summary.differences), (1, u64::from(expected.is_some())), "{balances:?}");
    }
}
