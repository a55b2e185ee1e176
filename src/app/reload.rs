//! The configuration read again while the daemon runs: all of it is taken over, or nothing.

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    config::{Config, ConfigErrors, changed_keys},
    domain::{Act, NetworkId, NetworkSpec, SpecBoard, clock},
    service,
    writer::{
        Refusal, WriterHandle,
        handle::{Credits, PolicyPreview},
    },
};

/// Reads the configuration as at the start: the same file, the same environment.
pub type ReadAgain = Arc<dyn Fn() -> Result<Config, ConfigErrors> + Send + Sync>;

/// How the daemon is asked to read its configuration again.
pub struct Again {
    /// One message for every time it is asked; the outcome goes to whoever waits for it.
    pub asked: mpsc::Receiver<oneshot::Sender<Reloaded>>,
    /// Reads it.
    pub read: ReadAgain,
}

impl fmt::Debug for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Again").finish_non_exhaustive()
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// It was taken over: the keys that changed, and what follows for each network whose rules changed.
    Done(Vec<String>, Vec<PolicyPreview>),
    /// It cannot be used; everything stays as it was, here as below.
    Invalid(ConfigErrors),
    /// These keys need a restart.
    RestartOnly(Vec<String>),
    /// The rules do not fit what was set while running.
    Refused(Refusal),
}

impl Reloaded {
    /// The word used in metrics.
    fn word(&self) -> &'static str {
        match self {
            Self::Done(..) => "done",
            Self::Invalid(_) => "invalid",
            Self::RestartOnly(_) => "restart_only",
            Self::Refused(_) => "refused",
        }
    }

    /// A line for `systemctl status`.
    fn status(&self) -> String {
        match self {
            Self::Done(..) => "watching".to_owned(),
            Self::Invalid(errors) => format!("watching; the configuration is not taken over: {errors}"),
            Self::RestartOnly(keys) => {
                format!("watching; the configuration is not taken over, a restart is needed: {}", keys.join(", "))
            }
            Self::Refused(refusal) => format!("watching; the configuration is not taken over: {refusal}"),
        }
    }
}

/// Takes over what is asked for until the stop.
pub(super) struct Reloads {
    /// What is in force.
    pub(super) config: Config,
    pub(super) again: Again,
    pub(super) writer: WriterHandle,
    /// The networks as they are in force, rules set while running included.
    pub(super) specs: SpecBoard,
}

impl Reloads {
    /// Ends at the stop, letting go of its handle.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), String> {
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                asked = self.again.asked.recv() => asked,
            };
            let Some(waiting) = asked else {
                // Nobody can ask any more.
                stop.cancelled().await;
                return Ok(());
            };
            // Told first of all, else the service manager would not wait. It may not be there; then nobody is told.
            drop(service::reloading());
            let outcome = self.take_over().await;
            metrics::counter!("depositd_reloads_total", "outcome" => outcome.word()).increment(1);
            self.log(&outcome);
            if stop.is_cancelled() {
                // The service manager has been told of the stop, and that is what counts.
                return Ok(());
            }
            drop(service::ready(&outcome.status()));
            // SIGHUP waits for nothing.
            drop(waiting.send(outcome));
        }
    }

    async fn take_over(&mut self) -> Reloaded {
        let read = Arc::clone(&self.again.read);
        let read = tokio::task::spawn_blocking(move || read()).await;
        let new = match read.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic())) {
            Ok(config) => config,
            Err(errors) => return Reloaded::Invalid(errors),
        };
        let changed = changed_keys(&self.config, &new);
        if !changed.restart_only.is_empty() {
            return Reloaded::RestartOnly(changed.restart_only);
        }
        let specs: Vec<NetworkSpec> = new.networks.iter().map(|network| network.spec.clone()).collect();
        let act = Act { by: "SIGHUP".to_owned(), at: clock::now(), why: "configuration read again".to_owned() };
        match self.writer.reload(specs, false, act).await {
            Ok(previews) => {
                self.config = new;
                Reloaded::Done(changed.reloadable, previews)
            }
            Err(refusal) => Reloaded::Refused(refusal),
        }
    }

    fn log(&self, outcome: &Reloaded) {
        const KEPT: &str = "the configuration is not taken over, everything stays as it was";
        match outcome {
            Reloaded::Done(keys, previews) => {
                let keys = if keys.is_empty() { "nothing has changed".to_owned() } else { keys.join(", ") };
                info!("the configuration was read again: {keys}");
                for warning in &self.config.warnings {
                    warn!("{warning}");
                }
                previews.iter().for_each(|preview| self.log_network(preview));
            }
            Reloaded::Invalid(errors) => {
                error!("{KEPT}: {} errors", errors.0.len());
                errors.0.iter().for_each(|error| error!("{}", error.summary()));
            }
            Reloaded::RestartOnly(keys) => {
                error!("{KEPT}: these keys need a restart: {}", keys.join(", "));
            }
            Reloaded::Refused(Refusal::PolicyUnsound { network, problems }) => {
                error!("{KEPT}: with the rules that were set while running network {network} would be wrong");
                problems.iter().for_each(|problem| error!(%network, "{problem}"));
            }
            Reloaded::Refused(refusal) => error!("{KEPT}: {refusal}"),
        }
    }

    fn log_network(&self, preview: &PolicyPreview) {
        let network = &preview.network;
        info!(%network, "credited at once: {}; held back: {}", text(&preview.credited), text(&preview.held_back));
        for shadow in self.shadows(network, preview) {
            warn!(%network, "{shadow}");
        }
    }

    /// Rules of the file in whose place one that was set while running goes on to count.
    fn shadows(&self, network: &NetworkId, preview: &PolicyPreview) -> Vec<String> {
        let specs = self.specs.now();
        let Some(spec) = specs.get(network) else { return Vec::new() };
        let rules = preview.policy.rules();
        let set = rules.file.iter().filter_map(|rule| Some((rule, rules.runtime.get(&rule.scope)?)));
        let tell = |(rule, set): (&crate::domain::policy::Rule, &crate::domain::PolicyOverride)| {
            let place = rules.place(&rule.scope, &spec.tokens);
            let (by, now) = (&set.act.by, set.need);
            format!("{place}: {} says {}, but {now} set by {by} goes on to count", rule.origin, rule.need)
        };
        set.map(tell).collect()
    }
}

/// Deposits with their sums, as people read them.
fn text(credits: &Credits) -> String {
    let sums = credits.sums.iter().map(|(token, sum)| format!("{} {}", sum.decimal(token.decimals), token.symbol));
    let sums: Vec<String> = sums.collect();
    match credits.count {
        0 => "none".to_owned(),
        1 => format!("1 deposit, {}", sums.join(" and ")),
        count => format!("{count} deposits, {}", sums.join(" and ")),
    }
}
