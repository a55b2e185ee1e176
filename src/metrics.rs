//! The metrics registry and the pages `/livez`, `/readyz`, `/metrics`.
//!
//! The pages ask nobody outside the process. One network down makes its line fail; the process stays ready and
//! registration goes on. Labels come from configuration or a closed set of words, never an address, order or URL.

use std::{
    fmt::Write,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{Millis, NetworkState, NetworkStatus, StatusBoard, WhyHeld, clock},
    service::TurnBoard,
};

/// Bounds of every histogram in seconds.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];
/// Bounds of counts (commands a group, blocks a reorg).
const COUNTS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
/// How often the histograms are kept small.
const UPKEEP: Duration = Duration::from_secs(5);
/// After a stop, answers under way have this long: a request whose end never comes must not hold up the stop.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Gauges: name and help.
pub const GAUGES: [(&str, &str); 21] = [
    ("depositd_build_info", "Always 1; the labels say what runs."),
    ("depositd_network_head_height", "Height of the newest block the endpoints claim."),
    ("depositd_network_cursor_height", "Height of the last block whose effects are on disk."),
    ("depositd_network_finalized_height", "Height of the newest final block on our own chain."),
    ("depositd_network_cursor_block_timestamp_seconds", "Time of the last block whose effects are on disk."),
    ("depositd_network_progress_timestamp_seconds", "When the cursor last moved."),
    ("depositd_network_head_block_timestamp_seconds", "Time of the newest block the endpoints claim."),
    ("depositd_network_finalized_block_timestamp_seconds", "Time of the newest block the endpoints call final."),
    ("depositd_network_head_stalled", "1 while the newest block is older than head_stall_after_s."),
    ("depositd_network_finality_stalled", "1 while the newest final block is older than finality_stall_after_s."),
    (
        "depositd_credits_held",
        "Deposits at their threshold that are not credited since endpoints do not agree, by why.",
    ),
    ("depositd_network_halted", "1 while the network stands until a person decides."),
    ("depositd_reconcile_differences", "Differences between chain and store the last comparison found."),
    ("depositd_lanes_resting", "Receivers that are left alone after failures, or are being tried out."),
    ("depositd_deliveries_in_flight", "Attempts to tell receivers that are on their way."),
    ("depositd_task_turn_timestamp_seconds", "When the task last took a turn."),
    ("depositd_outbox_entries", "Events that are due, now or later, or wait for a person, by state."),
    ("depositd_dead_letters", "Events that no attempt of their schedule delivered and nobody has dealt with."),
    ("depositd_events_untold", "Money the app's protocol has no words for and nobody has told by other means."),
    ("depositd_endpoints_parked", "Receivers that are sent nothing until a person resumes them."),
    (
        "depositd_delivery_oldest_pending_timestamp_seconds",
        "When the first event of all receivers that are not parked was or is due; 0 if there is none.",
    ),
];

/// Counters: name and help.
pub const COUNTERS: [(&str, &str); 12] = [
    ("depositd_source_requests_total", "Requests to an endpoint by method and outcome."),
    ("depositd_source_doubts_total", "Answers of an endpoint that were not proved, by kind."),
    ("depositd_reorgs_total", "Times blocks left the chain."),
    ("depositd_transfers_malformed_total", "Logs of a token that look like transfers and are none."),
    ("depositd_transfers_zero_value_total", "Transfers of nothing: counted, not kept."),
    ("depositd_block_ids_unproved_total", "TRON blocks whose id does not follow from their header."),
    ("depositd_blocks_unwitnessed_total", "Blocks taken although no second endpoint named their hash in time."),
    ("depositd_delivery_attempts_total", "Attempts to tell a receiver by protocol, outcome and reason."),
    ("depositd_egress_blocked_total", "Attempts the egress guard refused, by reason."),
    ("depositd_grpc_requests_total", "Calls by service, method and code."),
    ("depositd_reloads_total", "Times the configuration was read again, by outcome."),
    ("depositd_log_lines_dropped_total", "Log lines dropped because the output was too slow."),
];

/// Histograms: name, help, bounds.
pub const HISTOGRAMS: [(&str, &str, &[f64]); 5] = [
    ("depositd_delivery_duration_seconds", "Time an attempt to tell a receiver took.", &SECONDS),
    ("depositd_grpc_request_duration_seconds", "Time a call took.", &SECONDS),
    ("depositd_commit_duration_seconds", "Time a group commit took, sync included.", &SECONDS),
    ("depositd_writer_group_commands", "Commands that shared one commit.", &COUNTS),
    ("depositd_reorg_depth_blocks", "Blocks that left the chain at once.", &COUNTS),
];

/// Installs the registry of the process and describes every metric.
///
/// # Errors
/// A registry is installed already.
pub fn install() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    let handle = builder()?.install_recorder()?;
    describe();
    Ok(handle)
}

fn builder() -> Result<PrometheusBuilder, metrics_exporter_prometheus::BuildError> {
    HISTOGRAMS.into_iter().try_fold(PrometheusBuilder::new(), |builder, (name, _, bounds)| {
        builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds)
    })
}

fn describe() {
    for (name, help) in GAUGES {
        describe_gauge!(name, help);
    }
    for (name, help) in COUNTERS {
        describe_counter!(name, help);
    }
    for (name, help, _) in HISTOGRAMS {
        describe_histogram!(name, help);
    }
    gauge!("depositd_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// One line of `/readyz?verbose`: its name and, if it fails, why.
type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What the pages show.
#[derive(Clone)]
pub struct Pages {
    /// The registry.
    pub registry: PrometheusHandle,
    /// Every network.
    pub networks: StatusBoard,
    /// Every task.
    pub turns: TurnBoard,
    /// Lines the log dropped.
    pub log_dropped: Arc<AtomicU64>,
    checks: Vec<(&'static str, Check)>,
    gauges: Vec<Arc<dyn Fn() + Send + Sync>>,
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.checks.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Pages").field("checks", &names).finish_non_exhaustive()
    }
}

impl Pages {
    /// Without checks of its own.
    pub fn new(
        registry: PrometheusHandle,
        networks: StatusBoard,
        turns: TurnBoard,
        log_dropped: Arc<AtomicU64>,
    ) -> Self {
        Self { registry, networks, turns, log_dropped, checks: vec![], gauges: vec![] }
    }

    /// Adds something that must hold for the process to be ready; it must not block. Its error is shown.
    #[must_use]
    pub fn with_check(
        mut self,
        name: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.checks.push((name, Arc::new(check)));
        self
    }

    /// Adds something that sets gauges whenever the metrics are asked for; it may block for as long as a read of the
    /// store.
    #[must_use]
    pub fn with_gauges(mut self, set: impl Fn() + Send + Sync + 'static) -> Self {
        self.gauges.push(Arc::new(set));
        self
    }

    /// Whether the process is ready, and a line per check: the process's own first, then one per network, which does
    /// not decide.
    fn readiness(&self) -> (bool, String) {
        let (mut ready, mut text) = (true, String::new());
        for (name, check) in &self.checks {
            let outcome = check();
            ready &= outcome.is_ok();
            line(&mut text, name, outcome);
        }
        for (network, status) in self.networks.all() {
            line(&mut text, &format!("network {network}"), judge(&status, clock::now()));
        }
        text.push_str(if ready { "ready\n" } else { "not ready\n" });
        (ready, text)
    }

    /// Whether all tasks take turns, and who does not.
    fn liveness(&self) -> (bool, String) {
        let stuck = self.turns.stuck(Instant::now());
        let mut text = String::new();
        for task in &stuck {
            line(&mut text, &format!("task {}", task.task), Err(format!("silent for {} s", task.silent.as_secs())));
        }
        text.push_str(if stuck.is_empty() { "alive\n" } else { "stuck\n" });
        (stuck.is_empty(), text)
    }

    fn metrics(&self) -> String {
        let now = clock::now();
        for (network, status) in self.networks.all() {
            publish(network.as_str(), &status, now);
        }
        for (task, silent) in self.turns.silences(Instant::now()) {
            let silent_ms = u64::try_from(silent.as_millis()).unwrap_or(u64::MAX);
            let at = Millis(now.since(Millis(silent_ms)));
            gauge!("depositd_task_turn_timestamp_seconds", "task" => task).set(number(at.seconds().0));
        }
        counter!("depositd_log_lines_dropped_total").absolute(self.log_dropped.load(Ordering::Relaxed));
        self.registry.render()
    }
}

fn line(text: &mut String, name: &str, outcome: Result<(), String>) {
    // Writing to a String does not fail.
    let _ = match outcome {
        Ok(()) => writeln!(text, "[+] {name} ok"),
        Err(why) => writeln!(text, "[-] {name} failed: {}", why.replace(['\n', '\r'], " ")),
    };
}

fn judge(status: &NetworkStatus, now: Millis) -> Result<(), String> {
    let conditions = status.conditions(now);
    match &status.state {
        NetworkState::Following => {
            let stalled = match (conditions.head_stalled, conditions.finality_stalled) {
                (true, true) => Some("head and finality stalled".to_owned()),
                (true, false) => Some("head stalled".to_owned()),
                (false, true) => Some("finality stalled".to_owned()),
                (false, false) => None,
            };
            let held = conditions.credits_held.then(|| format!("credits held: {}", status.held.len()));
            let wrong: Vec<String> = stalled.into_iter().chain(held).collect();
            if wrong.is_empty() { Ok(()) } else { Err(format!("following, but {}", wrong.join(", "))) }
        }
        NetworkState::Starting => Err("no endpoint has answered yet".to_owned()),
        NetworkState::CatchingUp => Err(format!("catching up, {} blocks behind", status.lag())),
        NetworkState::Waiting(why) | NetworkState::Halted(why) => Err(format!("{}: {why}", status.state.word())),
    }
}

fn publish(network: &str, status: &NetworkStatus, now: Millis) {
    let label = || network.to_owned();
    if let Some(head) = status.head {
        gauge!("depositd_network_head_height", "network" => label()).set(number(head.best.height.0));
        gauge!("depositd_network_head_block_timestamp_seconds", "network" => label()).set(number(head.best_time.0));
    }
    if let Some(time) = status.final_time {
        gauge!("depositd_network_finalized_block_timestamp_seconds", "network" => label()).set(number(time.0));
    }
    if let Some(cursor) = status.cursor {
        gauge!("depositd_network_cursor_height", "network" => label()).set(number(cursor.tip.height.0));
        gauge!("depositd_network_cursor_block_timestamp_seconds", "network" => label()).set(number(cursor.tip_time.0));
        if let Some(block) = cursor.finalized {
            gauge!("depositd_network_finalized_height", "network" => label()).set(number(block.height.0));
        }
    }
    if let Some(at) = status.progressed {
        gauge!("depositd_network_progress_timestamp_seconds", "network" => label()).set(number(at.seconds().0));
    }
    let conditions = status.conditions(now);
    gauge!("depositd_network_head_stalled", "network" => label()).set(flag(conditions.head_stalled));
    gauge!("depositd_network_finality_stalled", "network" => label()).set(flag(conditions.finality_stalled));
    for why in WhyHeld::ALL {
        let held = u64::try_from(status.held_for(why)).unwrap_or(u64::MAX);
        gauge!("depositd_credits_held", "network" => label(), "why" => why.word()).set(number(held));
    }
    let halted = matches!(status.state, NetworkState::Halted(_));
    gauge!("depositd_network_halted", "network" => label()).set(flag(halted));
}

fn flag(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}

/// A gauge's value. Heights and seconds are far below 2^53, so nothing is lost.
fn number(value: u64) -> f64 {
    value as f64
}

/// Serves the pages until the stop.
///
/// # Errors
/// The listener failed.
pub async fn serve_pages(listener: TcpListener, pages: Pages, stop: CancellationToken) -> io::Result<()> {
    let upkeep = async {
        loop {
            tokio::time::sleep(UPKEEP).await;
            pages.registry.run_upkeep();
        }
    };
    let until = stop.clone();
    let cut = async move {
        stop.cancelled().await;
        tokio::time::sleep(STOP_GRACE).await;
    };
    let serving = axum::serve(listener, router(pages.clone()))
        .with_graceful_shutdown(async move { until.cancelled().await })
        .into_future();
    tokio::select! {
        outcome = serving => outcome,
        () = upkeep => Ok(()),
        () = cut => Ok(()),
    }
}

fn router(pages: Pages) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_page))
        .with_state(pages)
}

async fn livez(State(pages): State<Pages>) -> impl IntoResponse {
    let (alive, text) = pages.liveness();
    (code(alive), text)
}

async fn readyz(State(pages): State<Pages>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let (ready, text) = pages.readiness();
    let verbose = query.is_some_and(|query| query.split('&').any(|part| part == "verbose" || part == "verbose=true"));
    let last = text.lines().last().unwrap_or_default().to_owned() + "\n";
    (code(ready), if verbose || !ready { text } else { last })
}

async fn metrics_page(State(pages): State<Pages>) -> impl IntoResponse {
    for set in pages.gauges.clone() {
        // One that panics leaves its gauges as they were.
        let _ = tokio::task::spawn_blocking(move || set()).await;
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], pages.metrics())
}

fn code(good: bool) -> StatusCode {
    if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

#[cfg(test)]
mod tests;
