//! `depositd run`: configuration, log, metrics, signals, then the composition root.

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::exit::Failure;
use crate::{
    app::{self, Process},
    config::{self, Config, LogFormat},
    metrics, telemetry,
};

/// Configuration that cannot be used (sysexits).
const CONFIG: u8 = 78;

pub(super) async fn run(file: &Path) -> Result<(), Failure> {
    let config = config::load(Some(file), std::env::vars()).map_err(|errors| Failure::new(CONFIG, errors.text()))?;
    serve(config).await
}

async fn serve(config: Config) -> Result<(), Failure> {
    let journal = std::env::var("JOURNAL_STREAM").ok();
    let log = telemetry::install(format(config.log.format), &config.log.filter, journal.as_deref())
        .map_err(|error| Failure::new(CONFIG, format!("log: {error}")))?;
    let registry = metrics::install().map_err(|error| Failure::new(1, format!("metrics: {error}")))?;
    let stop = CancellationToken::new();
    let signals = listen_for_signals(stop.clone()).map_err(|error| Failure::new(1, format!("signals: {error}")))?;
    let process = Process { registry, log_dropped: log.dropped_count() };
    let outcome = tokio::select! {
        biased;
        outcome = app::run(config, process, stop, || ()) => outcome,
        never = signals => match never {},
    };
    let failure = outcome.err().map(|error| {
        error!("{error}");
        Failure::new(error.exit_code(), error.to_string())
    });
    // The last lines are written before the process ends.
    drop(log);
    failure.map_or(Ok(()), Err)
}

fn format(format: LogFormat) -> telemetry::Format {
    match format {
        LogFormat::Auto => telemetry::Format::Auto,
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
        LogFormat::Journal => telemetry::Format::Journal,
    }
}

/// SIGTERM and SIGINT stop politely; a second one ends the process at once.
fn listen_for_signals(
    stop: CancellationToken,
) -> std::io::Result<impl Future<Output = std::convert::Infallible> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if stop.is_cancelled() {
                std::process::exit(1);
            }
            stop.cancel();
        }
    })
}
