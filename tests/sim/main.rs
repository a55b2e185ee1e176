//! The core under a simulated world: one thread, one seed, no IO.
//!
//! `SIM_BLOCKS` (default 50 000) sets how many blocks are mined in all, `SIM_SEED` (default 1) where seeds begin.
//! A failure prints its seed; `SIM_SEED=<seed> SIM_BLOCKS=1 cargo test --test sim` plays it again.

#![expect(unreachable_pub, reason = "a test has no public surface")]
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a test: it panics, and prints")]
#![expect(clippy::cast_possible_truncation, reason = "the numbers are drawn small")]

mod chain;
mod kind;
mod merchant;
mod oracle;
mod rng;
mod world;

use std::{
    env,
    num::NonZeroUsize,
    panic,
    sync::{Mutex, PoisonError},
    thread,
};

use depositd::domain::Family;
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

/// What the finished seeds came to.
#[derive(Debug, Default)]
struct Sum {
    next: u64,
    blocks: u64,
    crashes: u64,
    events: usize,
    tron: u64,
    ranges: u64,
    longest_stall: u64,
}

/// Plays seed after seed until all workers together have mined enough.
fn play(sum: &Mutex<Sum>, first: u64, goal: u64) {
    let sum = || sum.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let seed = {
            let mut sum = sum();
            if sum.blocks >= goal {
                return;
            }
            sum.next += 1;
            first + sum.next - 1
        };
        let world = panic::catch_unwind(|| run(seed)).unwrap_or_else(|cause| {
            eprintln!("seed {seed} failed; SIM_SEED={seed} SIM_BLOCKS=1 cargo test --test sim plays it again");
            panic::resume_unwind(cause)
        });
        let mut sum = sum();
        sum.blocks += world.chain.mined;
        sum.crashes += world.crashes;
        sum.events += world.merchant.events().len();
        sum.tron += u64::from(world.spec.family == Family::Tron);
        sum.ranges += world.ranges;
        sum.longest_stall = sum.longest_stall.max(world.chain.longest_stall);
    }
}

#[test]
fn what_the_chain_says_is_what_the_merchant_was_told() {
    let first = setting("SIM_SEED", 1);
    let goal = setting("SIM_BLOCKS", 50_000);
    let sum = Mutex::new(Sum::default());
    // One seed must be one world: a replay uses one worker.
    let workers = if goal > 1 { thread::available_parallelism().map_or(1, NonZeroUsize::get) } else { 1 };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| play(&sum, first, goal));
        }
    });
    let Sum { next: seeds, blocks, crashes, events, tron, ranges, longest_stall } = sum.into_inner().unwrap();
    println!("{seeds} seeds from {first}: {blocks} blocks, {crashes} crashes, {events} events, 0 violations");
    println!("{tron} of them TRON; {ranges} ranges caught up; finality {longest_stall} blocks behind at most");
    assert!(events > 0 && (goal < 10_000 || crashes > 0), "a run without events or crashes shows nothing");
    let saw_both = tron > 0 && tron < seeds && ranges > 0 && longest_stall > u64::from(kind::WINDOW);
    assert!(goal < 10_000 || saw_both, "a run without both kinds, a catch-up and a stall beyond the window");
}

#[test]
fn one_seed_gives_the_same_events_twice() {
    for seed in 1..=5 {
        assert_eq!(run(seed).merchant.events(), run(seed).merchant.events(), "seed {seed}");
    }
}
