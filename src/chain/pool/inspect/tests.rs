use crate::{
    chain::{
        ChainSource, Doubt, Identity, SourceError,
        pool::{Expected, Pool, PoolSettings},
    },
    domain::{
        Address, Block, BlockHash, BlockRef, Deposit, Evidence, Family, Head, Header, Height, Threshold, Timestamp,
        TxHash, TxView, explain::TxPlace,
    },
};

/// A node of a chain id that says one thing of every transaction, or nothing.
struct Fake(&'static str, u64, Option<TxPlace>);

impl ChainSource for Fake {
    fn name(&self) -> &str {
        self.0
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity { chain_id: self.1, genesis: BlockHash([7; 32]) })
    }

    async fn head(&self) -> Result<Head, SourceError> {
        unreachable!()
    }

    async fn headers(&self, _: Height, _: Height) -> Result<Vec<Header>, SourceError> {
        unreachable!()
    }

    async fn blocks(&self, _: Height, _: Height, _: bool) -> Result<Vec<Block>, SourceError> {
        unreachable!()
    }

    async fn evidence(&self, _: &Deposit, _: Threshold) -> Result<Option<Evidence>, SourceError> {
        unreachable!()
    }

    async fn decimals(&self, _: Address) -> Result<u8, SourceError> {
        unreachable!()
    }

    async fn inspect(&self, tx: TxHash) -> Result<TxView, SourceError> {
        let silent = || SourceError {
            network: "net".parse().unwrap(),
            endpoint: self.0.to_owned(),
            doubt: Doubt::Transport("silent".to_owned()),
        };
        let place = self.2.ok_or_else(silent)?;
        Ok(TxView { place, ..TxView::unknown(tx, self.0) })
    }
}

#[tokio::test]
async fn the_first_that_has_it_in_a_block_is_believed_else_the_first_that_knows_it() {
    let block = TxPlace::Block {
        at: BlockRef { height: Height(5), hash: BlockHash([5; 32]) },
        time: Timestamp(5),
        is_final: false,
    };
    let (unknown, waiting) = (TxPlace::Unknown, TxPlace::Waiting);
    for (places, expected) in [
        (vec![Some(unknown), Some(waiting), Some(block)], Some("3")),
        (vec![Some(unknown), Some(waiting), Some(unknown)], Some("2")),
        (vec![Some(waiting), Some(waiting)], Some("1")),
        (vec![Some(unknown), Some(unknown)], Some("1")),
        (vec![None, Some(block)], Some("2")),
        (vec![None, Some(unknown)], Some("2")),
        (vec![None, None], None),
    ] {
        let names = ["1", "2", "3"];
        let sources = names.iter().zip(&places).map(|(name, place)| Fake(name, 1, *place)).collect();
        assert_eq!(asked(sources).await.as_deref(), expected, "{places:?}");
    }
    let of_another_chain = vec![Fake("1", 2, Some(block)), Fake("2", 1, Some(unknown))];
    assert_eq!(asked(of_another_chain).await.as_deref(), Some("2"), "its word counts for nothing");
}

#[tokio::test]
async fn who_is_asked_for_strange_transactions_is_not_rested_for_it() {
    let pool = pool_of(vec![Fake("1", 1, None)]);
    pool.inspect(TxHash([1; 32])).await.unwrap_err();
    let states: Vec<_> = pool.status().iter().map(|status| status.state).collect();
    assert_eq!(states, ["ok"]);
}

/// Whose word is taken.
async fn asked(sources: Vec<Fake>) -> Option<String> {
    pool_of(sources).inspect(TxHash([1; 32])).await.ok().map(|view| view.endpoint)
}

fn pool_of(sources: Vec<Fake>) -> Pool<Fake> {
    let expected =
        Expected { family: Family::Evm, chain_id: 1, genesis: Some(BlockHash([7; 32])), decimals: Vec::new() };
    Pool::new("net".parse().unwrap(), expected, sources, PoolSettings::default())
}
