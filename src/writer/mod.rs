//! One thread changes state. Everyone else sends a command and waits.
//!
//! The thread takes what is waiting as one group: plan and stage each command, commit once, then answer. An answer
//! takes the proof of durability, so it cannot be given before.

mod bell;
mod core;
mod fault;
pub mod handle;
mod register;
mod scans;
#[cfg(test)]
mod tests;

pub use bell::Bell;
pub use core::{Core, LoadError, Loading};
pub use fault::Fault;
pub use handle::{Applied, Command, Due, NewOrder, NewWatch, Refusal, Reply, Rotation, Settlement, WriterHandle};

use std::{fmt, sync::Arc, time::Instant};

use tokio::sync::{mpsc, watch};

use crate::{
    domain::{Millis, clock},
    store::{Durable, StoreError},
};

/// Rows in one group at most, indexes included; the last command of a group may exceed it by its own rows. Larger
/// batches were seen to make sled's memory grow without bound.
const GROUP_ROWS_MAX: usize = 200;

type Answer = Box<dyn FnOnce(&Durable) + Send>;

/// The writer's thread.
pub struct Writer {
    core: Core,
    commands: mpsc::Receiver<Command>,
    bell: Arc<Bell>,
    commits: Arc<watch::Sender<u64>>,
    renewals: Arc<watch::Sender<u64>>,
    answers: Vec<Answer>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("core", &self.core).finish_non_exhaustive()
    }
}

impl Writer {
    /// A writer over `core`, fed through `handle`'s queue.
    pub fn new(core: Core, handle: &WriterHandle, commands: mpsc::Receiver<Command>) -> Self {
        let (commits, renewals) = (handle.commit_teller(), handle.renewal_teller());
        Self { core, commands, bell: handle.bell(), commits, renewals, answers: Vec::new() }
    }

    /// Works until every handle is gone, then ends with `Ok`.
    ///
    /// # Errors
    /// A store that failed: what was staged is neither answered nor tried again.
    pub fn run(mut self) -> Result<(), StoreError> {
        while let Some(first) = self.commands.blocking_recv() {
            let begun = Instant::now();
            let now = clock::now();
            self.take(first, now)?;
            while self.core.staged_rows() < GROUP_ROWS_MAX
                && let Ok(next) = self.commands.try_recv()
            {
                self.take(next, now)?;
            }
            let durable = self.core.commit()?;
            metrics::histogram!("depositd_writer_group_commands").record(count(self.answers.len()));
            metrics::histogram!("depositd_commit_duration_seconds").record(begun.elapsed());
            // Before the answers: who is told that a rule was set finds it when he asks for the rules.
            self.core.published();
            for answer in self.answers.drain(..) {
                answer(&durable);
            }
            self.commits.send_replace(durable.sequence);
            if self.core.take_renewed() {
                self.renewals.send_modify(|count| *count = count.wrapping_add(1));
            }
            let touched = self.core.take_touched();
            if !touched.is_empty() {
                self.bell.ring(touched);
            }
        }
        Ok(())
    }

    fn take(&mut self, command: Command, now: Millis) -> Result<(), StoreError> {
        let core = &mut self.core;
        let answer = match command {
            Command::Adopt { network, headers, reply } => owe(reply, core.adopt(&network, &headers, now))?,
            Command::Apply { network, batch, finalized, reply } => {
                owe(reply, core.apply(&network, &batch, finalized, now))?
            }
            Command::Retreat { network, to, reply } => owe(reply, core.retreat(&network, to, now))?,
            Command::Verify { network, evidence, finalized, reply } => {
                owe(reply, core.verify(&network, &evidence, finalized, now))?
            }
            Command::CreateApp { app, act, reply } => owe(reply, core.create_app(app, &act))?,
            Command::UpdateApp { update, act, reply } => owe(reply, core.update_app(&update, &act))?,
            Command::RotateSecret { rotation, act, reply } => owe(reply, core.rotate_secret(&rotation, &act, now))?,
            Command::RegisterOrder { order, reply } => owe(reply, core.register_order(&order, now))?,
            Command::CancelOrder { app, id, reply } => owe(reply, core.cancel_order(&app, &id, now))?,
            Command::WatchAddress { watch, reply } => owe(reply, core.watch_address(&watch, now))?,
            Command::UnwatchAddress { app, network, address, reply } => {
                owe(reply, core.unwatch_address(&app, &network, address))?
            }
            Command::ReleaseAddress { network, address, act, reply } => {
                owe(reply, core.release_address(&network, address, &act))?
            }
            Command::ByHand { deposit, wish, act, reply } => owe(reply, core.by_hand(&deposit, &wish, &act))?,
            Command::Settle { settlement, reply } => owe(reply, core.settle(&settlement))?,
            Command::Resend { event, act, reply } => owe(reply, core.resend(&event, &act))?,
            Command::Recover { ask, act, reply } => owe(reply, core.recover(&ask, &act))?,
            Command::CloseDelivery { event, act, reply } => owe(reply, core.close_delivery(&event, &act))?,
            Command::ParkEndpoint { endpoint, act, reply } => owe(reply, core.park_endpoint(endpoint, &act))?,
            Command::ResumeEndpoint { endpoint, act, reply } => owe(reply, core.resume_endpoint(endpoint, &act))?,
            Command::RecordTest { row, attempt, ended, act, reply } => {
                owe(reply, core.record_test(&row, &attempt, ended, &act))?
            }
            Command::ChangePolicy { change, reply } => owe(reply, core.change_policy(&change))?,
            Command::Reload { specs, dry_run, act, reply } => owe(reply, core.reload(&specs, dry_run, &act))?,
            Command::Scans { network, len, reply } => owe(reply, core.scans(&network, len))?,
            Command::ResolveScans { network, time, first, reply } => {
                owe(reply, core.resolve_scans(&network, time, first))?
            }
            Command::ApplyScan { network, blocks, reply } => owe(reply, core.apply_scan(&network, &blocks, now))?,
            Command::Rescan { network, from, to, act, reply } => owe(reply, core.rescan(&network, from, to, &act))?,
            Command::Resume { network, how, act, reply } => owe(reply, core.resume(&network, how, &act))?,
            Command::Resumption { network, reply } => owe(reply, core.resumption(&network))?,
            Command::Reanchor { network, header, after, reply } => {
                owe(reply, core.reanchor(&network, header, after.as_ref(), now))?
            }
            Command::Explain { network, tx, view, reply } => {
                let view = (*view).as_ref().map_err(String::as_str);
                owe(reply, core.explain(&network, tx, view))?
            }
            Command::Import { records, dry_run, reply } => owe(reply, core.import(&records, dry_run))?,
            Command::FinishImport { run, reply } => owe(reply, core.finish_import(&run))?,
            Command::Ping { reply } => owe(reply, Ok(()))?,
        };
        self.answers.push(answer);
        Ok(())
    }
}

/// The answer to give once the group is durable. A caller that has gone away is no fault.
fn owe<T: Send + 'static>(reply: Reply<T>, outcome: Result<T, Fault>) -> Result<Answer, StoreError> {
    let outcome = match outcome {
        Ok(answer) => Ok(answer),
        Err(Fault::Refused(refusal)) => Err(refusal),
        Err(Fault::Store(error)) => return Err(error),
    };
    Ok(Box::new(move |_: &Durable| drop(reply.send(outcome))))
}

fn count(len: usize) -> f64 {
    u32::try_from(len).map_or(f64::MAX, f64::from)
}
