//! `depositd run`: configuration, log, metrics, signals, then the composition root.

use std::{panic, path::Path, sync::Arc};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{exit::Failure, show};
use crate::{
    app::{self, Again, Process, Reloaded},
    config::{self, Config, LogFormat},
    metrics, store,
    store::StoreError,
    supervise::panic_text,
    telemetry,
};

/// Configuration that cannot be used (sysexits).
const CONFIG: u8 = 78;
/// The program met a state it does not know (sysexits).
const SOFTWARE: u8 = 70;

pub(super) async fn run(file: &Path) -> Result<(), Failure> {
    let config = config::load(Some(file), super::variables()).map_err(|errors| Failure::new(CONFIG, errors.text()))?;
    end_on_panic();
    serve(config, file).await
}

/// A panic ends the process, on whichever thread: what else runs must not go on beside a task that is gone. While the
/// store is opened it is a refusal, since sled panics over damaged files.
fn end_on_panic() {
    panic::set_hook(Box::new(|panic| {
        let what = panic_text(panic.payload());
        let (code, text) = if store::is_opening() {
            let refused = StoreError::gave_up(what);
            (refused.exit_code(), refused.to_string())
        } else {
            let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
            (SOFTWARE, format!("panicked at {place}: {what}"))
        };
        // Not through the log, whose thread may not get to it before the process ends.
        show::message(&text);
        std::process::exit(i32::from(code));
    }));
}

async fn serve(config: Config, file: &Path) -> Result<(), Failure> {
    let journal = std::env::var("JOURNAL_STREAM").ok();
    let log = telemetry::install(format(config.log.format), &config.log.filter, journal.as_deref())
        .map_err(|error| Failure::new(CONFIG, format!("log: {error}")))?;
    let registry = metrics::install().map_err(|error| Failure::new(1, format!("metrics: {error}")))?;
    let stop = CancellationToken::new();
    // One that waits is enough: what is read then is what stands in the file then.
    let (ask, asked) = mpsc::channel(1);
    let signals = listen_for_signals(stop.clone(), ask);
    let signals = signals.map_err(|error| Failure::new(1, format!("signals: {error}")))?;
    let file = file.to_owned();
    let again = Again { asked, read: Arc::new(move || config::load(Some(&file), super::variables())) };
    let process = Process { registry, log_dropped: log.dropped_count(), again: Some(again) };
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

/// SIGTERM and SIGINT stop politely; a second one ends the process at once. SIGHUP reads the configuration again.
fn listen_for_signals(
    stop: CancellationToken,
    ask: mpsc::Sender<oneshot::Sender<Reloaded>>,
) -> std::io::Result<impl Future<Output = std::convert::Infallible> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {
                    // The outcome shows in the log; the sender of a signal waits for nothing.
                    drop(ask.try_send(oneshot::channel().0));
                    continue;
                }
            }
            if stop.is_cancelled() {
                std::process::exit(1);
            }
            stop.cancel();
        }
    })
}

#[cfg(test)]
mod tests {
    use std::{env, process::Command};

    use super::*;
    use crate::{
        domain::{Address, Holding, Millis, UserMark},
        store::{Store, StoreOptions},
        tracker::{Change, Changeset},
    };

    /// Says to the process this test starts that it is to panic, and over which store.
    const DIR: &str = "DEPOSITD_TEST_PANIC_OVER";

    fn options(dir: &Path) -> StoreOptions {
        StoreOptions { dir: dir.join("store"), witness: dir.join("witness"), cache_bytes: 1 << 20 }
    }

    /// This very test again, in a process of its own, which the panic ends.
    fn again(dir: &str) -> (Option<i32>, String) {
        let test = "cli::run::tests::a_panic_ends_the_process";
        let mut again = Command::new(env::current_exe().unwrap());
        let output = again.args(["--exact", test, "--nocapture"]).env(DIR, dir).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    #[test]
    fn a_panic_ends_the_process() {
        if let Some(dir) = env::var_os(DIR) {
            end_on_panic();
            if !dir.is_empty() {
                let _ = Store::open(&options(Path::new(&dir)), |_| panic!("a row sled cannot bear"));
            }
            panic!("nothing special");
        }
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&options(dir.path()), |_| ()).unwrap();
        let holding = Holding {
            last_order: None,
            network: "sim".parse().unwrap(),
            address: Address([1; 20]),
            app: "shop".parse().unwrap(),
            user_mark: UserMark::parse("user").unwrap(),
            standing: None,
            open_order: None,
            created: Millis(1),
        };
        store.stage(&Changeset { changes: vec![Change::Holding(holding)], events: vec![] }).unwrap();
        store.commit().unwrap();
        drop(store);

        let (code, text) = again(dir.path().to_str().unwrap());
        assert_eq!(code, Some(65), "{text}");
        assert!(text.starts_with("the store is damaged: sled gave up: a row sled cannot bear; do not start"), "{text}");
        let (code, text) = again("");
        assert_eq!(code, Some(70), "{text}");
        assert!(text.starts_with("panicked at src/cli/run.rs:") && text.ends_with(": nothing special\n"), "{text}");
    }
}
