//! What is drawn once for a seed: which kind of network it is, and which faults it has.

use std::{collections::BTreeMap, num::NonZeroU32};

use depositd::domain::{Confirmations, Decimals, Family, NetworkSpec, Policy, Threshold, Token, TokenAmount};

use crate::{
    chain::{MINIMUM, TOKEN},
    rng::Rng,
};

/// Headers kept.
pub const WINDOW: u32 = 24;
/// Deepest fork of a world whose finality may stand still: the follower may have been this high, and finds its base.
const FORK_MAX: u64 = WINDOW as u64 - 5;

/// The kind of network a world has.
#[derive(Clone, Debug)]
pub struct Kind {
    pub spec: NetworkSpec,
    /// How far the final block trails the head while all is well.
    pub final_lag: u64,
    /// No fork is deeper.
    pub fork_max: u64,
    pub follows_ties: bool,
    /// Only what is final is read.
    pub only_solid: bool,
    pub ranges_are_final: bool,
}

impl Kind {
    pub fn drawn(rng: &mut Rng) -> Self {
        if rng.chance(50) { Self::tron(rng) } else { Self::evm(rng) }
    }

    fn evm(rng: &mut Rng) -> Self {
        let threshold = if rng.chance(15) { Threshold::Finalized } else { some_confirmations(rng) };
        let final_lag = 6 + rng.below(u64::from(WINDOW) - 10);
        let spec = spec(Family::Evm, threshold);
        Self { spec, final_lag, fork_max: FORK_MAX, follows_ties: true, only_solid: false, ranges_are_final: false }
    }

    /// The final block trails by 18, or by less where fewer produce; with one producer it is the head.
    fn tron(rng: &mut Rng) -> Self {
        let threshold = if rng.chance(10) { some_confirmations(rng) } else { Threshold::Finalized };
        let final_lag = if rng.chance(60) { 18 } else { rng.below(18) };
        Self {
            spec: spec(Family::Tron, threshold),
            final_lag,
            fork_max: FORK_MAX,
            follows_ties: false,
            only_solid: rng.chance(20),
            ranges_are_final: true,
        }
    }
}

fn some_confirmations(rng: &mut Rng) -> Threshold {
    let needed = 1 + u32::try_from(rng.below(6)).unwrap();
    Threshold::Confirmations(Confirmations(NonZeroU32::new(needed).unwrap()))
}

fn spec(family: Family, threshold: Threshold) -> NetworkSpec {
    let token = Token {
        contract: TOKEN,
        symbol: "USDT".to_owned(),
        decimals: Decimals::new(6).unwrap(),
        minimum: TokenAmount::of(MINIMUM),
    };
    NetworkSpec {
        main_coin: None,
        id: "sim".parse().unwrap(),
        family,
        tokens: BTreeMap::from([(TOKEN, token)]),
        policy: Policy::flat(threshold),
        window_blocks: WINDOW,
    }
}

/// Which faults this seed has, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Swarm {
    pub reorg: u64,
    pub deep: u64,
    pub returns: u64,
    pub shrink: u64,
    /// Finality stands still.
    pub stall: u64,
    pub lag: u64,
    /// The follower sleeps and has to catch up.
    pub nap: u64,
    pub forged: u64,
    pub crash: u64,
    pub refuse: u64,
    pub lost_answer: u64,
}

impl Swarm {
    pub fn drawn(rng: &mut Rng, kind: &Kind) -> Self {
        let mut rate = |most: u64| if rng.chance(50) { 1 + rng.below(most) } else { 0 };
        let swarm = Self {
            reorg: rate(30),
            deep: rate(30),
            returns: rate(10),
            shrink: rate(8),
            stall: rate(10),
            lag: rate(30),
            nap: rate(4),
            forged: rate(20),
            crash: rate(10),
            refuse: rate(50),
            lost_answer: rate(30),
        };
        // TRON's nodes change over to higher branches only.
        Self { shrink: if kind.spec.family == Family::Tron { 0 } else { swarm.shrink }, ..swarm }
    }
}
