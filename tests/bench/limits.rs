//! Catch-up from endpoints with limits and faults: one that allows 15 requests a second, and ones that fail or hang on
//! a tenth of the requests. Every run must come to the same tip and the same credited deposits.
//!
//! `BENCH_BLOCKS` (default 3 000) sets how many blocks of 60 logs.

#![expect(clippy::print_stdout, clippy::float_arithmetic, unreachable_pub, reason = "a benchmark prints figures")]

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod common;
mod stage;

use std::{num::NonZeroU32, time::Duration};

use depositd::{
    chain::http::HttpSettings,
    devnet::{Failure, Trouble},
};
use tokio::runtime::Runtime;

use common::figure;
use stage::{Followed, Server};

const ALLOWED: u32 = 15;
const PATIENCE: Duration = Duration::from_secs(600);

fn run(runtime: &Runtime, server: &Server, trouble: Trouble, http: HttpSettings) -> Followed {
    server.trouble.set(trouble);
    let followed = runtime.block_on(stage::follow(server, http, stage::usual(), PATIENCE));
    server.trouble.clear();
    followed
}

fn print(name: &str, followed: &Followed, against: f64, goal: &str) {
    figure(name, format!("{:.2?}, {} requests", followed.took, followed.requests));
    figure(&format!("  times that ({goal})"), format!("{:.2}", followed.took.as_secs_f64() / against));
}

fn main() {
    if !common::is_asked() {
        return;
    }
    let runtime = Runtime::new().expect("a runtime");
    let blocks = common::setting("BENCH_BLOCKS", 3_000);
    let server = Server::start(blocks, 60, true);
    let plain = run(&runtime, &server, Trouble::default(), HttpSettings::default());
    figure(&format!("{blocks} blocks, undisturbed"), format!("{:.2?}, {} requests", plain.took, plain.requests));

    let ideal = f64::from(u32::try_from(plain.requests).expect("few")) / f64::from(ALLOWED);
    figure("15 requests a second: the same requests take at least", format!("{ideal:.2} s"));
    let paced = HttpSettings {
        requests_per_second: NonZeroU32::new(ALLOWED),
        batch_counts_each: false,
        ..HttpSettings::default()
    };
    let strict = Trouble { requests_per_s: Some(ALLOWED), ..Trouble::default() };
    let followed = run(&runtime, &server, strict, paced);
    print("15 requests a second allowed", &followed, ideal, "goal: 1.3");

    for (name, failure) in [
        ("a tenth fails with status 500", Failure::Http(500)),
        ("a tenth fails with an error answer", Failure::Rpc { code: -32603, message: "internal error".to_owned() }),
        ("a tenth hangs", Failure::Hang),
    ] {
        let trouble = Trouble { fail_every: 10, failure: Some(failure), ..Trouble::default() };
        let followed = run(&runtime, &server, trouble, HttpSettings::default());
        assert_eq!((followed.tip, &followed.credited), (plain.tip, &plain.credited), "the result is exact");
        print(name, &followed, plain.took.as_secs_f64(), "goal: 4.0");
    }
}
