//! One thread changes state. Everyone else sends a command and waits.
//!
//! The thread takes what is waiting as one group: plan and stage each command, commit once, then answer. An answer
//! takes the proof of durability, so it cannot be given before.

mod core;
mod fault;
pub mod handle;
mod register;

pub use core::{Core, LoadError, Loading};
pub use fault::Fault;
pub use handle::{Applied, Command, NewOrder, NewWatch, Refusal, Reply, Rotation, Settlement, WriterHandle};

use std::{fmt, sync::Arc, time::Instant};

use tokio::sync::{Notify, mpsc};

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
    bell: Arc<Notify>,
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
        Self { core, commands, bell: handle.bell(), answers: Vec::new() }
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
            for answer in self.answers.drain(..) {
                answer(&durable);
            }
            self.bell.notify_one();
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
            Command::CreateApp { app, reply } => owe(reply, core.create_app(app))?,
            Command::RotateSecret { rotation, reply } => owe(reply, core.rotate_secret(&rotation, now))?,
            Command::RegisterOrder { order, reply } => owe(reply, core.register_order(&order, now))?,
            Command::CancelOrder { app, id, reply } => owe(reply, core.cancel_order(&app, &id))?,
            Command::WatchAddress { watch, reply } => owe(reply, core.watch_address(&watch, now))?,
            Command::UnwatchAddress { app, network, address, reply } => {
                owe(reply, core.unwatch_address(&app, &network, address))?
            }
            Command::Settle { settlement, reply } => owe(reply, core.settle(&settlement))?,
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
