//! The core under a simulated world: one thread, one seed, no IO.
//!
//! `SIM_BLOCKS` (default 50 000) sets how many blocks are mined in all, `SIM_SEED` (default 1) where seeds begin.
//! A failure prints its seed; `SIM_SEED=<seed> SIM_BLOCKS=1 cargo test --test sim` plays it again.

#![expect(unreachable_pub, reason = "a test has no public surface")]
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a test: it panics, and prints")]
#![expect(clippy::cast_possible_truncation, reason = "the numbers are drawn small")]

mod chain;
mod merchant;
mod oracle;
mod rng;
mod world;

use std::{env, panic};

use world::World;

const STEPS: u64 = 600;

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

fn run(seed: u64) -> World {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.quiesce();
    oracle::judge(&world);
    world
}

#[test]
fn what_the_chain_says_is_what_the_merchant_was_told() {
    let first = setting("SIM_SEED", 1);
    let goal = setting("SIM_BLOCKS", 50_000);
    let (mut blocks, mut crashes, mut events, mut seeds) = (0, 0, 0, 0);
    while blocks < goal {
        let seed = first + seeds;
        let world = panic::catch_unwind(|| run(seed)).unwrap_or_else(|cause| {
            eprintln!("seed {seed} failed; SIM_SEED={seed} SIM_BLOCKS=1 cargo test --test sim plays it again");
            panic::resume_unwind(cause)
        });
        blocks += world.chain.mined;
        crashes += world.crashes;
        events += world.merchant.events().len();
        seeds += 1;
    }
    println!("{seeds} seeds from {first}: {blocks} blocks, {crashes} crashes, {events} events, 0 violations");
    assert!(events > 0 && (goal < 10_000 || crashes > 0), "a run without events or crashes shows nothing");
}

#[test]
fn one_seed_gives_the_same_events_twice() {
    for seed in 1..=5 {
        assert_eq!(run(seed).merchant.events(), run(seed).merchant.events(), "seed {seed}");
    }
}
