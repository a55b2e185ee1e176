//! The money rules against a model of them that shares no code with them.
//!
//! A drawn sequence of blocks, reorgs, policy changes, registrations, expiries, cancellations, manual acts and restarts
//! goes to the real core; `model` watches every commit and knows, in its own words, what may be credited, to whom, and
//! what must have become of every transfer in the end. `MODEL_CASES` (default 96) sets how many sequences are drawn; a
//! failure is shrunk to the shortest one.

#![expect(unreachable_pub, reason = "a test has no public surface")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: it panics")]
#![expect(clippy::cast_possible_truncation, reason = "the numbers are drawn small")]

mod chain;
mod model;
mod world;

use proptest::{collection::vec, prelude::*, test_runner::Config};

use chain::Pay;
use world::{Op, World};

fn pay() -> impl Strategy<Value = Pay> {
    let amount = prop_oneof![Just(1), Just(49), Just(50), Just(51), Just(99), Just(100), Just(1000)];
    (0..5_u8, amount, prop::bool::weighted(0.05)).prop_map(|(to, amount, to_self)| Pay { to, amount, to_self })
}

fn op() -> impl Strategy<Value = Op> {
    let order = (0..5_u8, 0..3_u8, prop::option::of(0..120_u64), prop::option::of(0..6_u64))
        .prop_map(|(to, policy, lives_s, back)| Op::Order { to, policy, lives_s, back });
    prop_oneof![
        8 => (vec(pay(), 0..3), 1..30_u64).prop_map(|(pays, gap_s)| Op::Mine { pays, gap_s }),
        3 => (1..6_usize, 0..3_usize, any::<u64>(), vec(pay(), 0..2))
            .prop_map(|(depth, more, keep, pays)| Op::Reorg { depth, more, keep, pays }),
        8 => (1..6_usize, any::<bool>()).prop_map(|(blocks, says_final)| Op::Follow { blocks, says_final }),
        6 => any::<u8>().prop_map(|proved| Op::Verify { proved }),
        4 => order,
        1 => (0..5_u8, prop::option::of(0..9_u64)).prop_map(|(to, back)| Op::Watch { to, back }),
        4 => (1..6_u64).prop_map(|len| Op::Scan { len }),
        1 => (0..9_u64).prop_map(|back| Op::Rescan { back }),
        1 => (0..14_u64, any::<bool>()).prop_map(|(back, cut_off)| Op::TakeBack { back, cut_off }),
        1 => any::<u8>().prop_map(|which| Op::Cancel { which }),
        2 => (0..3_u8, prop::option::of(1..5_u32)).prop_map(|(tier, count)| Op::SetPolicy { tier, count }),
        1 => (0..3_u8).prop_map(|tier| Op::ClearPolicy { tier }),
        1 => any::<u8>().prop_map(|which| Op::Hold { which }),
        1 => any::<u8>().prop_map(|which| Op::Release { which }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(which, order)| Op::Bind { which, order }),
        1 => Just(Op::Restart),
    ]
}

#[test]
fn no_sequence_of_acts_breaks_the_money_rules() {
    let cases = std::env::var("MODEL_CASES").ok().map_or(96, |text| text.parse().unwrap());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 4000, ..Config::default() };
    proptest!(config, |(ops in vec(op(), 1..120))| {
        let mut world = World::new();
        for op in ops {
            world.step(op);
        }
        world.settle();
        world.model.judge_the_end(&world.view());
    });
}
