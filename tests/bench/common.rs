//! What every benchmark needs: a store on a real disk, an app, a network, and a way to print figures.

use std::{
    fmt::Display,
    fs,
    num::NonZeroU32,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use depositd::{
    api::Postman,
    domain::{
        Act, Address, App, AppId, Attempt, BlockHash, BlockRef, Confirmations, Decimals, EventId, Family, Header,
        Height, LiveKey, Millis, NetworkId, NetworkSpec, Notification, NotifyUrl, Policy, Protocol, SigningKey,
        StoredKey, Threshold, Timestamp, Token, TokenAmount,
    },
    store::{Store, StoreOptions},
    writer::{Core, Loading},
};
use tempfile::TempDir;

pub const TOKEN: Address = Address([0x11; 20]);
const CACHE_BYTES: u64 = 64 << 20;

/// Whether `cargo bench` asks, not `cargo test`: then nothing is measured.
pub fn is_asked() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// A number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

pub fn figure(name: &str, value: impl Display) {
    println!("{name:<64} {value}");
}

/// A directory that goes away; `BENCH_DIR` chooses the disk.
pub fn scratch() -> TempDir {
    let place = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    tempfile::Builder::new().prefix("depositd-bench").tempdir_in(place).expect("a directory")
}

pub fn network() -> NetworkId {
    "bench".parse().expect("a network's name")
}

pub fn app_id() -> AppId {
    "shop".parse().expect("an app's name")
}

pub fn spec() -> NetworkSpec {
    let token = Token {
        contract: TOKEN,
        symbol: "USDT".to_owned(),
        decimals: Decimals::new(6).expect("few decimals"),
        minimum: TokenAmount::ZERO,
    };
    NetworkSpec {
        main_coin: None,
        id: network(),
        family: Family::Evm,
        tokens: [(TOKEN, token)].into(),
        policy: Policy::flat(Threshold::Confirmations(Confirmations(NonZeroU32::MIN))),
        window_blocks: 256,
    }
}

pub fn app() -> App {
    App {
        news: Default::default(),
        amount_policy: depositd::domain::AmountPolicy::AcceptActual,
        grace_s: 0,
        id: app_id(),
        protocol: Protocol::StandardWebhooks,
        notify_url: NotifyUrl::checked("https://shop.example/hook".to_owned()).expect("a URL"),
        notify_hosts: Vec::new(),
        keys: vec![LiveKey { key: StoredKey::Clear(SigningKey::kept(vec![7; 32])), until: None }],
        created: Millis(0),
    }
}

/// The store of `dir`, checked in full, and the core over it.
pub fn open(dir: &Path) -> Core {
    open_on(dir, spec())
}

fn open_on(dir: &Path, spec: NetworkSpec) -> Core {
    let options = StoreOptions { dir: dir.join("store"), witness: dir.join("witness"), cache_bytes: CACHE_BYTES };
    let mut loading = Loading::of([spec]);
    let store = Store::open(&options, |row| loading.row(row)).expect("the store opens");
    loading.finish(store).expect("its rows fit")
}

/// A new store with one app, whose network stands at `genesis`.
pub fn begin(dir: &Path, genesis: BlockRef, time: Timestamp) -> Core {
    begin_on(dir, spec(), genesis, time)
}

/// The same for a network of one's own choice, whose name is [`network`].
pub fn begin_on(dir: &Path, spec: NetworkSpec, genesis: BlockRef, time: Timestamp) -> Core {
    let mut core = open_on(dir, spec);
    core.create_app(app(), &Act { by: "uid 0".to_owned(), at: Millis(0), why: String::new() }).expect("an app");
    let header = Header { at: genesis, parent: BlockHash::default(), time };
    core.adopt(&network(), &[header], Millis(0)).expect("a beginning");
    core.commit().expect("a commit");
    core
}

pub fn made_up_genesis() -> BlockRef {
    BlockRef { height: Height(0), hash: BlockHash([1; 32]) }
}

/// How often 4 KiB can be written and synced in one second, in place, on the file system of `dir`.
pub fn fsyncs_per_second(dir: &Path, time: Duration) -> f64 {
    const BLOCKS: u64 = 1024;
    let file = fs::File::options().create(true).truncate(true).write(true).open(dir.join("bare")).expect("a file");
    for block in 0..BLOCKS {
        file.write_all_at(&[1; 4096], block * 4096).expect("a write");
    }
    file.sync_all().expect("a sync");
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < time {
        file.write_all_at(&[2; 4096], u64::from(count) % BLOCKS * 4096).expect("a write");
        file.sync_data().expect("a sync");
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

/// Memory this process holds, in bytes.
pub fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = text.split_whitespace().nth(1).expect("a second field").parse().expect("a number");
    pages * 4096
}

/// Processor time this process has used, in hundredths of a second: tells what a busy machine's clock does not.
pub fn cpu_ticks() -> u64 {
    let text = fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = text.rsplit_once(')').expect("a name in brackets");
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("a number"));
    ticks.sum()
}

/// SplitMix64: the same numbers in every run.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub fn address(&mut self) -> Address {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.next().to_le_bytes());
        bytes[8..16].copy_from_slice(&self.next().to_le_bytes());
        bytes[16..].copy_from_slice(&self.next().to_le_bytes()[..4]);
        Address(bytes)
    }
}

/// Nobody posts.
pub struct NoPost;

impl Postman for NoPost {
    fn test<'a>(
        &'a self,
        _: EventId,
        _: &'a App,
    ) -> futures::future::BoxFuture<'a, Option<(Notification, Attempt, Millis)>> {
        Box::pin(async { None })
    }
}

/// A master key that is nobody's.
pub fn vault() -> std::sync::Arc<depositd::vault::Vault> {
    let text = depositd::vault::Vault::draw().expect("random bytes");
    std::sync::Arc::new(depositd::vault::Vault::new(&text, []).expect("a master key"))
}
