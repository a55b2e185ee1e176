//! One endpoint, asked by its name.

use super::*;
use crate::chain::BalanceSource;

impl BalanceSource for Fake {
    async fn balance(&self, _: Address, address: Address) -> Result<TokenAmount, SourceError> {
        self.says().map(|_| TokenAmount::of(u64::from(address.0[0])))
    }
}

fn pool(sources: Vec<Fake>) -> Pool<Fake> {
    let expected = Expected {
        family: Family::Evm,
        chain_id: GENESIS.chain_id,
        genesis: Some(GENESIS.genesis),
        decimals: vec![(USDT, 6)],
    };
    Pool::new("net".parse().unwrap(), expected, sources, PoolSettings { agree: true, ..PoolSettings::default() })
}

#[tokio::test]
async fn the_one_that_is_named_is_asked_and_no_other() {
    let (first, second) = (Fake::new("first"), Fake::new("second").with(|says| says.fork = 3));
    let pool = pool(vec![first.clone(), second]);
    assert_eq!(pool.endpoint_names(), ["first", "second"]);
    let blocks = pool.blocks_from("second", Height(2), Height(4)).await.unwrap();
    assert_eq!(blocks.iter().map(|block| block.header.at).collect::<Vec<_>>(), [at(2, 3), at(3, 3), at(4, 3)]);
    assert_eq!(pool.head_from("second").await.unwrap().best, at(10, 3));
    let balance = pool.balance_from("second", USDT, Address([9; 20])).await.unwrap();
    assert_eq!((balance, first.calls()), (TokenAmount::of(9), 0));
    let unknown = pool.blocks_from("third", Height(2), Height(4)).await.unwrap_err();
    assert!(unknown.to_string().contains("no endpoint of this name"), "{unknown}");
}

#[tokio::test]
async fn another_chain_is_refused_and_a_doubt_is_not_held_against_anybody() {
    let liar = Fake::new("liar").with(|says| says.identity.chain_id = 2);
    let weak = Fake::new("weak");
    let pool = pool(vec![liar, weak.clone()]);
    let error = pool.blocks_from("liar", Height(2), Height(4)).await.unwrap_err();
    assert_eq!(error.doubt.kind(), "other_chain");

    pool.head_from("weak").await.unwrap();
    weak.set(|says| says.trouble = Some(Doubt::TooManyResults));
    assert_eq!(pool.blocks_from("weak", Height(2), Height(4)).await.unwrap_err().doubt.kind(), "too_many_results");
    weak.set(|says| says.trouble = None);
    let told = pool.first_good(|source| source.headers(Height(1), Height(1))).await;
    assert_eq!(told.unwrap().0, 1, "it does not rest");
}
