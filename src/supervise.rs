//! Named tasks: the first one to end, even with `Ok`, ends the daemon; the stop has a deadline.
//!
//! systemd restarts a dead process; nobody restarts a dead task. Every task gets the token's child and leaves when it is
//! cancelled. Not here: the order of the stop, which is the composition root's knowledge.

use std::{any::Any, collections::BTreeMap, fmt, future::Future, io, panic, thread, time::Duration};

use tokio::{
    sync::oneshot,
    task::{Id, JoinError, JoinSet},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// Why a task is not running any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It returned, which none may do before it is told to stop.
    Returned,
    /// It returned an error.
    Failed(String),
    /// It panicked.
    Panicked(String),
    /// It was cut off after the grace period.
    Aborted,
}

/// Which task ended, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its name.
    pub task: String,
    /// Why.
    pub ending: Ending,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ending {
            Ending::Returned => write!(f, "task {} ended", self.task),
            Ending::Failed(why) => write!(f, "task {} failed: {why}", self.task),
            Ending::Panicked(why) => write!(f, "task {} panicked: {why}", self.task),
            Ending::Aborted => write!(f, "task {} did not stop in time and was cut off", self.task),
        }
    }
}

/// Owns the daemon's tasks.
#[derive(Debug)]
pub struct Supervisor {
    tasks: JoinSet<Result<(), String>>,
    names: BTreeMap<Id, String>,
    stop: CancellationToken,
}

impl Supervisor {
    /// With no task yet; `stop` is cancelled when the first one ends.
    pub fn new(stop: CancellationToken) -> Self {
        Self { tasks: JoinSet::new(), names: BTreeMap::new(), stop }
    }

    /// The token every task listens to.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Runs a task. It may end only after the stop; an error ends it as failed.
    pub fn spawn<E: fmt::Display>(
        &mut self,
        name: impl Into<String>,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let handle = self.tasks.spawn(async move { task.await.map_err(|error| error.to_string()) });
        self.names.insert(handle.id(), name.into());
    }

    /// Runs a blocking function on a thread of its own, which carries the name.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn spawn_thread<E: fmt::Display>(
        &mut self,
        name: impl Into<String>,
        work: impl FnOnce() -> Result<(), E> + Send + 'static,
    ) -> io::Result<()> {
        let name = name.into();
        let (done, ended) = oneshot::channel();
        let thread = thread::Builder::new().name(name.clone()).spawn(move || {
            let outcome = work().map_err(|error| error.to_string());
            // The receiver is gone only when the supervisor is: nobody is left to tell.
            let _ = done.send(outcome);
        })?;
        let watch = async move {
            match ended.await {
                Ok(outcome) => outcome,
                // The sender was dropped unsent: the thread unwound. Joining it hands the panic on.
                Err(_) => match thread.join() {
                    Ok(()) => Ok(()),
                    Err(payload) => panic::resume_unwind(payload),
                },
            }
        };
        let handle = self.tasks.spawn(watch);
        self.names.insert(handle.id(), name);
        Ok(())
    }

    /// Waits until the first task ends or the stop is asked for from outside; then the stop is on either way.
    /// `None`: asked for from outside.
    pub async fn first_exit(&mut self) -> Option<Exit> {
        let exit = tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            exit = next_exit(&mut self.tasks, &mut self.names) => exit,
        };
        self.stop.cancel();
        exit
    }

    /// Waits for the remaining tasks, at most `grace`; who is late is cut off. Reports who did not end well; returning
    /// after the stop is well. A thread cannot be cut off, only left behind: it ends with the process.
    pub async fn close(mut self, grace: Duration) -> Vec<Exit> {
        self.stop.cancel();
        let deadline = Instant::now() + grace;
        let mut late = vec![];
        loop {
            match timeout_at(deadline, next_exit(&mut self.tasks, &mut self.names)).await {
                Ok(None) => return late,
                Ok(Some(Exit { ending: Ending::Returned, .. })) => (),
                Ok(Some(exit)) => late.push(exit),
                Err(_) => break,
            }
        }
        self.tasks.abort_all();
        while let Some(exit) = next_exit(&mut self.tasks, &mut self.names).await {
            if exit.ending != Ending::Returned {
                late.push(exit);
            }
        }
        late
    }

    /// Names of the tasks that still run, in order.
    pub fn running(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.names.values().map(String::as_str).collect();
        names.sort_unstable();
        names
    }
}

/// The next task to end; `None` if there is none.
async fn next_exit(tasks: &mut JoinSet<Result<(), String>>, names: &mut BTreeMap<Id, String>) -> Option<Exit> {
    let (id, ending) = match tasks.join_next_with_id().await? {
        Ok((id, Ok(()))) => (id, Ending::Returned),
        Ok((id, Err(error))) => (id, Ending::Failed(error)),
        Err(error) => (error.id(), ending_of(error)),
    };
    Some(Exit { task: names.remove(&id).unwrap_or_default(), ending })
}

fn ending_of(error: JoinError) -> Ending {
    match error.try_into_panic() {
        Err(_) => Ending::Aborted,
        Ok(payload) => Ending::Panicked(panic_text(payload.as_ref()).to_owned()),
    }
}

/// What a panic said.
pub fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);

    fn supervisor() -> (Supervisor, CancellationToken) {
        let stop = CancellationToken::new();
        (Supervisor::new(stop.clone()), stop)
    }

    async fn until(stop: CancellationToken) -> Result<(), String> {
        stop.cancelled().await;
        Ok(())
    }

    #[tokio::test]
    async fn the_first_end_stops_all_even_with_ok() {
        let (mut tasks, stop) = supervisor();
        tasks.spawn("patient", until(stop.clone()));
        tasks.spawn("hasty", async { Ok::<(), String>(()) });
        assert_eq!(tasks.running(), ["hasty", "patient"]);
        let exit = tasks.first_exit().await;
        assert_eq!(exit, Some(Exit { task: "hasty".into(), ending: Ending::Returned }));
        assert!(stop.is_cancelled());
        assert_eq!(tasks.close(GRACE).await, []);
    }

    #[tokio::test]
    async fn errors_and_panics_are_told_by_name() {
        let (mut tasks, stop) = supervisor();
        tasks.spawn("failing", async { Err("disk full") });
        let exit = tasks.first_exit().await.map(|exit| exit.to_string());
        assert_eq!(exit.as_deref(), Some("task failing failed: disk full"));
        assert!(stop.is_cancelled());

        let (mut tasks, _stop) = supervisor();
        tasks.spawn::<String>("shaky", async { panic!("number {}", 7) });
        let exit = tasks.first_exit().await.map(|exit| exit.to_string());
        assert_eq!(exit.as_deref(), Some("task shaky panicked: number 7"));
    }

    #[tokio::test]
    async fn threads_are_tasks_too() {
        let (mut tasks, _stop) = supervisor();
        tasks.spawn_thread("writer", || -> Result<(), String> { panic!("lost the disk") }).unwrap();
        let exit = tasks.first_exit().await.map(|exit| exit.to_string());
        assert_eq!(exit.as_deref(), Some("task writer panicked: lost the disk"));

        let (mut tasks, _stop) = supervisor();
        let name = || thread::current().name().map(str::to_owned).unwrap_or_default();
        tasks.spawn_thread("namesake", move || Err::<(), String>(name())).unwrap();
        let exit = tasks.first_exit().await.map(|exit| exit.to_string());
        assert_eq!(exit.as_deref(), Some("task namesake failed: namesake"));
    }

    #[tokio::test]
    async fn asked_from_outside_is_nobodys_exit() {
        let (mut tasks, stop) = supervisor();
        tasks.spawn("patient", until(stop.clone()));
        stop.cancel();
        assert_eq!(tasks.first_exit().await, None);
        assert_eq!(tasks.close(GRACE).await, []);
    }

    #[tokio::test]
    async fn who_is_late_is_cut_off_and_named() {
        let (mut tasks, stop) = supervisor();
        tasks.spawn("deaf", std::future::pending::<Result<(), String>>());
        let slow = stop.clone();
        tasks.spawn("slow", async move {
            slow.cancelled().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok::<(), String>(())
        });
        let before = Instant::now();
        let late = tasks.close(Duration::from_millis(150)).await;
        assert_eq!(late, [Exit { task: "deaf".into(), ending: Ending::Aborted }]);
        assert!((150..2000).contains(&before.elapsed().as_millis()));
    }
}
