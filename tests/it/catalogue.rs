//! The false-deposit catalogue on TRON, through the whole daemon: what stands in each row is paid among honest
//! transactions, and exactly what is owed is credited. The rows are those of the operator's manual.

use depositd::{
    api::proto::v1::{Deposit, DepositState, NetworkState},
    devnet::{
        InfoLie, InternalCall, Ledger, LedgerSpec, Log, Orphans, TRANSFER_TOPIC, TronResult, TronTrouble, Trouble, Tx,
    },
    domain::{Address, Family, TokenAmount},
};

use crate::harness::{PAYER, Plan, SHOP, TOKEN, World, account, books::Watched, counted, gateway::Gateway};

/// A contract that is not listed, however it calls itself.
const FAKE: Address = Address([0x66; 20]);
/// A contract that moves tokens for others.
const MIDDLEMAN: Address = Address([0x77; 20]);
/// What the honest payment at the end is worth: when it is credited, everything before it was judged.
const LAST: u64 = 42;

/// What is paid, or seems to be.
fn paid() -> TokenAmount {
    TokenAmount::of(7_000_000)
}

/// A TRON network of one endpoint, on which accounts 1 and 2 are watched.
struct Row {
    world: World,
    gateway: Gateway,
    watched: Watched,
}

impl Row {
    async fn open(slug: &str) -> Self {
        let (world, gateway) = World::open([Plan::tron(slug).endpoints(&["only"])]).await;
        let mut watched = Watched::new();
        for mark in [1, 2, 9] {
            watched.insert(account(mark), gateway.watch(SHOP, slug, account(mark)).await);
        }
        Self { world, gateway, watched }
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.world.net().ledger.lock()
    }

    /// What `made` makes is in one block.
    fn mine(&self, made: impl FnOnce(&mut Ledger) -> Vec<Tx>) {
        let mut ledger = self.ledger();
        let txs = made(&mut ledger);
        ledger.mine(txs);
    }

    /// Exactly this is credited: which account received how much.
    async fn credits(mut self, expected: &[(u8, TokenAmount)]) -> Vec<Deposit> {
        self.world.net().pay(account(9), LAST);
        self.world.net().confirm();
        self.world.balanced(&[self.watched.clone()]).await;
        let mut wanted: Vec<_> = expected.iter().map(|(mark, amount)| (account(*mark), *amount)).collect();
        wanted.push((account(9), TokenAmount::of(LAST)));
        let text = |(to, amount): (Address, TokenAmount)| (to.text(Family::Tron), amount.to_string());
        let mut wanted: Vec<_> = wanted.into_iter().map(text).collect();
        let books = self.world.books();
        let mut standing: Vec<_> = books.standing().into_values().collect();
        wanted.sort();
        standing.sort();
        assert_eq!(standing, wanted);
        assert_eq!(books.count("deposit.confirmed"), wanted.len(), "each is told once");
        assert_eq!(books.count("deposit.reversed"), 0);
        let deposits = self.gateway.deposits().await;
        assert_eq!(deposits.len(), wanted.len(), "what is no deposit is not kept as one: {deposits:?}");
        self.world.stop().await;
        deposits
    }
}

fn log(token: Address, to: Address) -> Log {
    Log::transfer(token, PAYER, to, paid())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_01_a_contract_of_the_same_name_is_not_the_token() {
    let row = Row::open("row-01").await;
    row.mine(|ledger| vec![ledger.transfer(FAKE, PAYER, account(1), paid())]);
    row.credits(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_02_the_contract_that_wrote_the_log_counts_and_not_the_one_that_was_called() {
    let row = Row::open("row-02").await;
    row.mine(|ledger| {
        let called_ours = ledger.tx(PAYER, TOKEN, vec![log(FAKE, account(1))]);
        let called_theirs = ledger.tx(PAYER, FAKE, vec![log(FAKE, account(1)), log(TOKEN, account(2))]);
        vec![called_ours, called_theirs]
    });
    row.credits(&[(2, paid())]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_03_a_failed_transaction_pays_nothing_whatever_its_input_says() {
    let row = Row::open("row-03").await;
    row.mine(|ledger| {
        let results = [
            TronResult::OutOfEnergy,
            TronResult::Revert,
            TronResult::IllegalOperation,
            TronResult::TransferFailed,
            TronResult::Unknown,
        ];
        results.map(|result| ledger.failed_transfer(TOKEN, PAYER, account(1), paid(), result)).to_vec()
    });
    row.credits(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_04_a_failed_transaction_pays_nothing_though_it_still_has_logs() {
    let row = Row::open("row-04").await;
    row.mine(|ledger| {
        let results = [TronResult::OutOfTime, TronResult::JvmStackOverflow, TronResult::Revert];
        results.map(|result| ledger.transfer(TOKEN, PAYER, account(1), paid()).with_result(result)).to_vec()
    });
    row.credits(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_07_a_fee_on_the_way_is_not_credited_and_other_tokens_events_are_not_believed() {
    let row = Row::open("row-07").await;
    let owner = account(77);
    row.mine(|ledger| {
        let net = Log::transfer(TOKEN, PAYER, account(1), TokenAmount::of(6_900_000));
        let fee = Log::transfer(TOKEN, PAYER, owner, TokenAmount::of(100_000));
        vec![ledger.tx(PAYER, TOKEN, vec![net, fee]), ledger.tx(PAYER, FAKE, vec![log(FAKE, account(1))])]
    });
    row.credits(&[(1, TokenAmount::of(6_900_000))]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_08_a_transfer_of_nothing_is_no_deposit() {
    let row = Row::open("row-08").await;
    row.mine(|ledger| {
        let nothing = TokenAmount::of(0);
        vec![
            ledger.transfer(TOKEN, PAYER, account(1), nothing),
            ledger.transfer(TOKEN, account(2), account(1), nothing),
        ]
    });
    row.credits(&[]).await;
    let labels = [("network", "row-08")];
    assert_eq!(counted("depositd_transfers_zero_value_total", &labels), 2, "they are counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_10_a_transfer_with_four_topics_or_other_data_than_one_word_is_none() {
    let row = Row::open("row-10").await;
    row.mine(|ledger| {
        let logs = [
            Log::four_topics(TOKEN, PAYER, account(1), paid()),
            Log::short_data(TOKEN, PAYER, account(1), paid(), 31),
            Log::short_data(TOKEN, PAYER, account(1), paid(), 0),
            Log::long_data(TOKEN, PAYER, account(1), paid()),
            Log::dirty_recipient(TOKEN, PAYER, account(1), paid()),
            Log { address: TOKEN, topics: vec![TRANSFER_TOPIC], data: paid().to_bytes().to_vec() },
        ];
        logs.map(|log| ledger.tx(PAYER, TOKEN, vec![log])).to_vec()
    });
    row.credits(&[]).await;
    assert_eq!(counted("depositd_transfers_malformed_total", &[("network", "row-10")]), 6, "they are counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_11_a_trc_10_token_of_the_same_name_is_not_the_token() {
    let row = Row::open("row-11").await;
    row.mine(|ledger| vec![ledger.send_asset("USDT", PAYER, account(1), 7_000_000)]);
    row.credits(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_12_inner_calls_pay_nothing_rejected_or_not() {
    let row = Row::open("row-12").await;
    row.mine(|ledger| {
        let call = |rejected| InternalCall { caller: TOKEN, to: account(1), value: 7_000_000, rejected };
        let with = |tx: Tx, rejected| tx.with_internal(call(rejected));
        vec![
            with(ledger.tx(PAYER, MIDDLEMAN, vec![]), true),
            with(ledger.tx(PAYER, TOKEN, vec![]), false),
            ledger.send_trx(PAYER, account(1), 7_000_000),
        ]
    });
    row.credits(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_14_a_payment_that_a_small_reorg_takes_away_was_never_credited() {
    let row = Row::open("row-14").await;
    row.mine(|ledger| vec![ledger.transfer(TOKEN, PAYER, account(1), paid())]);
    row.gateway.deposit("detection", |deposit| deposit.state() == DepositState::Detected).await;
    assert!(row.world.merchant.received().is_empty(), "told of one confirmation");
    row.ledger().fork(1, 2, Orphans::Drop).unwrap();
    let gone = row.gateway.deposit("the reorg", |deposit| deposit.state() == DepositState::Orphaned).await;
    assert_eq!(gone.version, 0, "{gone:?}");
    let net = row.world.net();
    net.pay(account(9), LAST);
    net.confirm();
    row.world.balanced(std::slice::from_ref(&row.watched)).await;
    assert_eq!(row.world.books().standing().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_15_the_same_transaction_in_another_block_is_credited_once() {
    let row = Row::open("row-15").await;
    row.mine(|ledger| {
        vec![ledger.transfer(TOKEN, PAYER, account(200), paid()), ledger.transfer(TOKEN, PAYER, account(1), paid())]
    });
    let before = row.gateway.deposit("detection", |deposit| deposit.state() == DepositState::Detected).await;
    {
        // In another place of another block, behind other transactions.
        let mut ledger = row.ledger();
        let fallen = ledger.rollback(1).unwrap();
        let other = ledger.transfer(TOKEN, PAYER, account(201), paid());
        ledger.extend(1);
        ledger.mine([vec![other], fallen].concat());
    }
    let deposits = row.credits(&[(1, paid())]).await;
    let after = deposits.iter().find(|deposit| deposit.amount == before.amount).unwrap();
    assert_eq!(after.deposit_id, before.deposit_id);
    assert_ne!(after.block, before.block);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_16_the_recipient_is_the_one_in_the_log_also_with_tron_s_prefix_before_it() {
    let row = Row::open("row-16").await;
    row.mine(|ledger| {
        let prefixed = ledger.tx(PAYER, TOKEN, vec![Log::tron_padded_recipient(TOKEN, PAYER, account(1), paid())]);
        // Its input names account 2, its log account 1.
        let mut word = [0; 32];
        word[11] = 0x41;
        word[12..].copy_from_slice(&account(2).0);
        let input = [[0xa9, 0x05, 0x9c, 0xbb].as_slice(), &word, &paid().to_bytes()].concat();
        vec![prefixed, ledger.transfer(TOKEN, PAYER, account(1), paid()).with_call_data(input)]
    });
    row.credits(&[(1, paid()), (1, paid())]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_17_transfers_by_other_contracts_than_the_token_are_found() {
    let row = Row::open("row-17").await;
    row.mine(|ledger| {
        let gas_free = ledger.tx(account(55), MIDDLEMAN, vec![log(TOKEN, account(1)), log(TOKEN, MIDDLEMAN)]);
        let logs = vec![
            Log::approval(TOKEN, PAYER, MIDDLEMAN, paid()),
            log(TOKEN, account(200)),
            log(FAKE, account(1)),
            log(TOKEN, account(2)),
            log(TOKEN, account(1)),
        ];
        vec![gas_free, ledger.tx(account(56), MIDDLEMAN, logs)]
    });
    row.credits(&[(1, paid()), (1, paid()), (2, paid())]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_18_each_of_several_transfers_to_one_address_is_a_deposit() {
    let row = Row::open("row-18").await;
    row.mine(|ledger| vec![ledger.tx(PAYER, MIDDLEMAN, vec![log(TOKEN, account(1)); 3])]);
    let deposits = row.credits(&[(1, paid()); 3]).await;
    let mut ordinals: Vec<_> = deposits
        .iter()
        .filter(|deposit| deposit.amount == paid().to_string())
        .map(|deposit| deposit.log_ordinal)
        .collect();
    ordinals.sort_unstable();
    assert_eq!(ordinals, [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_19_new_tokens_show_that_nobody_sent_them() {
    let row = Row::open("row-19").await;
    row.mine(|ledger| {
        let minted = Log::transfer(TOKEN, Address([0; 20]), account(1), paid());
        vec![ledger.tx(PAYER, TOKEN, vec![minted])]
    });
    let deposits = row.credits(&[(1, paid())]).await;
    let minted = deposits.iter().find(|deposit| deposit.amount == paid().to_string()).unwrap();
    assert_eq!(minted.from, "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_20_coins_of_a_test_network_are_not_credited() {
    let mut world = World::of([Plan::tron("row-20").endpoints(&["right", "wrong"]).split()]).await;
    let tron = LedgerSpec::tron();
    let mut testnet = Ledger::new(LedgerSpec { chain_id: tron.chain_id + 1, ..tron });
    testnet.extend(20);
    let coins = testnet.transfer(TOKEN, PAYER, account(1), paid());
    *world.net().ledgers[1].lock() = testnet;
    let gateway = world.start().await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.begun("row-20").await;
    let watched = [(account(1), gateway.watch(SHOP, "row-20", account(1)).await)].into();
    {
        let mut testnet = world.net().ledgers[1].lock();
        testnet.mine(vec![coins]);
        testnet.extend(30);
    }
    world.net().pay(account(1), LAST);
    world.net().confirm();
    world.balanced(&[watched]).await;
    let labels = [("network", "row-20"), ("source", "wrong"), ("kind", "other_chain")];
    assert!(counted("depositd_source_doubts_total", &labels) > 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_21_an_empty_list_of_a_replica_that_is_behind_loses_nothing() {
    let row = Row::open("row-21").await;
    let tron = TronTrouble { infos: InfoLie::Missing, ..TronTrouble::default() };
    row.world.net().trouble("only", Trouble { tron, ..Trouble::default() });
    row.mine(|ledger| vec![ledger.transfer(TOKEN, PAYER, account(1), paid())]);
    let why = row.gateway.state("row-21", NetworkState::Waiting).await;
    assert!(why.contains("not whole"), "{why}");
    row.world.net().heal();
    row.credits(&[(1, paid())]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_23_amounts_of_256_bits_are_exact_and_those_of_other_tokens_do_no_harm() {
    let row = Row::open("row-23").await;
    let most = TokenAmount::from_bytes(&[0xff; 32]);
    let beyond_64_bits = TokenAmount::parse_base_units("18446744073709551616").unwrap();
    row.mine(|ledger| {
        vec![
            ledger.transfer(FAKE, PAYER, account(1), most),
            ledger.transfer(TOKEN, PAYER, account(1), most),
            ledger.transfer(TOKEN, PAYER, account(1), most),
            ledger.transfer(TOKEN, PAYER, account(2), beyond_64_bits),
        ]
    });
    row.credits(&[(1, most), (1, most), (2, beyond_64_bits)]).await;
}
