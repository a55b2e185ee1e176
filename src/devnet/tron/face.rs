//! The native HTTP face of a ledger: what each call under `/wallet` and `/walletsolidity` answers.

use std::sync::Arc;

use crate::{
    devnet::{
        block::SimBlock,
        ledger::{Ledger, LedgerHandle},
        trouble::{Faces, Inflated, InfoLie, TronTrouble, Trouble, TroubleHandle},
    },
    domain::{BlockHash, BlockRef, Family, Height, TxHash},
};

use super::{
    args::{Args, NodeError},
    constant, lies,
    options::TronOptions,
    render::{self, Style},
};

/// Most blocks of one range.
const RANGE_BLOCKS_MAX: i64 = 100;
/// What a node says to an id that can be none of its blocks.
const NO_BLOCK_ID: &str = "id must be legal block hash.";
const NOTHING: &str = "{}";

/// Which of the two faces a call asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// `/wallet`: the newest blocks.
    Full,
    /// `/walletsolidity`: solidified blocks only.
    Solid,
}

impl Side {
    fn is_among(self, faces: Faces) -> bool {
        match faces {
            Faces::Both => true,
            Faces::Full => self == Self::Full,
            Faces::Solid => self == Self::Solid,
        }
    }
}

/// What a node answers from: its ledger, its manner, and its trouble.
#[derive(Debug)]
pub(super) struct Face {
    pub(super) ledger: LedgerHandle,
    pub(super) options: TronOptions,
    pub(super) trouble: TroubleHandle,
}

impl Face {
    pub(super) fn view<'a>(&'a self, trouble: &'a Trouble, side: Side) -> View<'a> {
        View { ledger: &self.ledger, trouble, side }
    }
}

/// The ledger as one face of a node in some trouble shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) ledger: &'a LedgerHandle,
    pub(super) trouble: &'a Trouble,
    pub(super) side: Side,
}

impl View<'_> {
    /// The answer to the call of this name; `None` if there is no such call.
    pub(super) fn answer(&self, call: &str, args: &Args) -> Option<Result<String, NodeError>> {
        let style = args.style();
        Some(match call {
            "getblock" => self.get_block(args, style),
            "getnowblock" => Ok(self.whole(&self.head(), style)),
            "getblockbynum" => args.number("num").map(|number| self.found(self.at(number), style)),
            "getblockbyid" => args.id("value").map(|id| self.found(id.and_then(|id| self.by_id(BlockHash(id))), style)),
            "getblockbylimitnext" => self.range(args, style),
            "getblockbylatestnum" => args.number("num").map(|count| self.latest(count, style)),
            "gettransactioninfobyblocknum" => args.number("num").map(|number| self.infos(number, style)),
            "gettransactioncountbyblocknum" => args.number("num").map(|number| {
                let count = self.at(number).map_or(0, |block| block.tx_count());
                format!(r#"{{"count":{count}}}"#)
            }),
            "gettransactioninfobyid" => self.info(args, style),
            "gettransactionbyid" => self.transaction(args, style),
            "triggerconstantcontract" => constant::call(self.ledger, &self.head(), args, style),
            "getnodeinfo" if self.side == Side::Full => Ok(self.node_info()),
            _ => return None,
        })
    }

    fn tron(&self) -> &TronTrouble {
        &self.trouble.tron
    }

    /// The highest height this face shows.
    fn top(&self, ledger: &Ledger) -> Height {
        let head = ledger.head().at.height;
        let shown = self.trouble.view(head);
        match self.side {
            Side::Full => shown.down(self.tron().head_lag_blocks),
            Side::Solid => {
                let behind = (head.0 - shown.0).saturating_add(self.tron().solid_lag_blocks);
                ledger.finalized().at.height.down(behind)
            }
        }
    }

    /// The newest block it shows.
    pub(super) fn head(&self) -> Arc<SimBlock> {
        let ledger = self.ledger.lock();
        ledger.block(self.top(&ledger)).expect("nothing above the ledger's head is shown").clone()
    }

    /// The block it shows at a height.
    pub(super) fn at(&self, height: i64) -> Option<Arc<SimBlock>> {
        let height = Height(u64::try_from(height).ok()?);
        let ledger = self.ledger.lock();
        if height <= self.top(&ledger) { ledger.block(height).cloned() } else { None }
    }

    /// The block with this id. `/wallet` also looks among the branches that were not chosen.
    pub(super) fn by_id(&self, id: BlockHash) -> Option<Arc<SimBlock>> {
        let ledger = self.ledger.lock();
        let other_branch = || ledger.orphan(id).filter(|_| self.side == Side::Full);
        let block = ledger.by_hash(id).or_else(other_branch)?;
        (block.at.height <= self.top(&ledger)).then(|| block.clone())
    }

    /// The block that includes a transaction, and its place there.
    pub(super) fn including(&self, tx: [u8; 32]) -> Option<(Arc<SimBlock>, usize)> {
        let ledger = self.ledger.lock();
        let (block, place) = ledger.find(TxHash(tx))?;
        (block.at.height <= self.top(&ledger)).then(|| (block.clone(), place))
    }

    /// Its id as this face tells it.
    pub(super) fn id_of(&self, at: BlockRef) -> String {
        let false_one = self.trouble.false_genesis();
        let told = false_one.filter(|_| at.height == Height(0) && self.side.is_among(self.tron().genesis_on));
        told.unwrap_or(at.hash).text(Family::Tron)
    }

    fn get_block(&self, args: &Args, style: Style) -> Result<String, NodeError> {
        let wanted = args.text("id_or_num")?;
        let block = if wanted.is_empty() {
            Some(self.head())
        } else if wanted.len() == 64 {
            let id = BlockHash::parse(wanted).map_err(|_| NodeError(NO_BLOCK_ID.into()))?;
            if height_in(id) > self.head().at.height.0 {
                return Err(NodeError(NO_BLOCK_ID.into()));
            }
            self.by_id(id)
        } else {
            let height: i64 = wanted.parse().map_err(|_| NodeError(NO_BLOCK_ID.into()))?;
            if height < 0 {
                // Sic: the wording is the node's.
                return Err(NodeError("num must be non-positive number.".into()));
            }
            self.at(height)
        };
        let Some(block) = block else { return Ok(NOTHING.into()) };
        if args.flag("detail") { Ok(self.whole(&block, style)) } else { Ok(self.header(&block, style)) }
    }

    fn header(&self, block: &SimBlock, style: Style) -> String {
        lies::block(render::header(block, style), self.tron(), self.false_id(block))
    }

    /// A block with its transactions.
    fn whole(&self, block: &SimBlock, style: Style) -> String {
        lies::block(render::block(block, style), self.tron(), self.false_id(block))
    }

    fn false_id(&self, block: &SimBlock) -> Option<String> {
        let told = self.id_of(block.at);
        (told != block.at.hash.text(Family::Tron)).then_some(told)
    }

    fn found(&self, block: Option<Arc<SimBlock>>, style: Style) -> String {
        block.map_or(NOTHING.into(), |block| self.whole(&block, style))
    }

    fn list(&self, blocks: &[Arc<SimBlock>], style: Style) -> String {
        let blocks: Vec<String> = blocks.iter().map(|block| self.whole(block, style)).collect();
        format!(r#"{{"block":[{}]}}"#, blocks.join(","))
    }

    /// The blocks from `startNum` up to the one before `endNum`, as far as they exist.
    fn range(&self, args: &Args, style: Style) -> Result<String, NodeError> {
        let (start, end) = (args.number("startNum")?, args.number("endNum")?);
        let fits = start >= 0 && end > start && end - start <= RANGE_BLOCKS_MAX;
        if !fits {
            return Ok(NOTHING.into());
        }
        let blocks: Vec<_> = (start..end).map_while(|height| self.at(height)).collect();
        Ok(self.list(&blocks, style))
    }

    /// The newest `count` blocks, the newest first.
    fn latest(&self, count: i64, style: Style) -> String {
        if count <= 0 || count >= RANGE_BLOCKS_MAX {
            return NOTHING.into();
        }
        let ledger = self.ledger.lock();
        let top = self.top(&ledger);
        let lowest = top.down(count.unsigned_abs() - 1);
        let blocks: Vec<_> = ledger.range(lowest, top).iter().rev().cloned().collect();
        drop(ledger);
        self.list(&blocks, style)
    }

    /// `[]` also for a block that is not there, as java-tron answers.
    fn infos(&self, number: i64, style: Style) -> String {
        if number <= 0 {
            return NOTHING.into();
        }
        let Some(block) = self.at(number) else { return "[]".into() };
        let honest = render::infos(&block, style);
        let tron = self.tron();
        let inflated = matches!(tron.inflated, Inflated::ByBlock | Inflated::Everywhere);
        lies::infos(honest, tron, tron.infos, inflated)
    }

    fn info(&self, args: &Args, style: Style) -> Result<String, NodeError> {
        let Some((block, place)) = args.id("value")?.and_then(|id| self.including(id)) else {
            return Ok(NOTHING.into());
        };
        let honest = render::info(&block, place, style);
        let tron = self.tron();
        let inflated = matches!(tron.inflated, Inflated::ById | Inflated::Everywhere);
        Ok(lies::infos(honest, tron, InfoLie::Nothing, inflated))
    }

    fn transaction(&self, args: &Args, style: Style) -> Result<String, NodeError> {
        let found = args.id("value")?.and_then(|id| self.including(id));
        let honest = found.map_or(NOTHING.into(), |(block, place)| render::transaction(&block, place, style));
        Ok(lies::block(honest, self.tron(), None))
    }

    /// The part of the answer that clients read: where the node stands, and what it is.
    fn node_info(&self) -> String {
        let solid = View { side: Side::Solid, ..*self };
        let at = |view: &View<'_>| {
            let at = view.head().at;
            format!("Num:{},ID:{}", at.height, view.id_of(at))
        };
        format!(
            r#"{{"activeConnectCount":0,"beginSyncNum":0,"block":"{}","solidityBlock":"{}","currentConnectCount":0,"passiveConnectCount":0,"totalFlow":0,"peerList":[],"configNodeInfo":{{"codeVersion":"4.8.1","versionNum":"18636","p2pVersion":"1","listenPort":0,"discoverEnable":false,"supportConstant":true,"dbVersion":2}}}}"#,
            at(self),
            at(&solid),
        )
    }
}

/// The height a block id begins with.
fn height_in(id: BlockHash) -> u64 {
    let (height, _) = id.0.split_first_chunk::<8>().expect("an id has 32 bytes");
    u64::from_be_bytes(*height)
}
