//! Where log lines go: the journal under systemd, text on a terminal, JSON elsewhere.
//!
//! Logging never blocks the money path: text and JSON lines go through a bounded queue to a thread of their own; what
//! does not fit is dropped and counted (`depositd_log_lines_dropped_total`). The journal's socket is a datagram socket
//! whose queue the journal drains; its layer drops what it cannot send.

use std::{
    io::{self, IsTerminal, Write},
    os::unix::fs::MetadataExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use tracing_subscriber::{EnvFilter, Layer, Registry, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};

/// Lines that may wait for the output.
const QUEUE_LINES_MAX: usize = 4096;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// [`Format::detect`] decides.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
    /// The journal's own protocol: fields can be searched.
    Journal,
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter's directives make no sense.
    #[error("log filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The journal or the writer thread cannot be had.
    #[error("log output: {0}")]
    Output(#[from] io::Error),
    /// Another subscriber is installed.
    #[error("log: {0}")]
    Installed(#[from] tracing_subscriber::util::TryInitError),
}

impl Format {
    /// The format `Auto` stands for: the journal where `JOURNAL_STREAM` names our stderr, text on a terminal, else JSON.
    pub fn detect(self, journal_stream: Option<&str>) -> Self {
        match self {
            Self::Auto if journal_stream.is_some_and(is_stderr) => Self::Journal,
            Self::Auto if io::stderr().is_terminal() => Self::Text,
            Self::Auto => Self::Json,
            Self::Text | Self::Json | Self::Journal => self,
        }
    }
}

/// Whether `device:inode` is our stderr.
fn is_stderr(journal_stream: &str) -> bool {
    let facts = std::fs::metadata("/proc/self/fd/2");
    facts.is_ok_and(|facts| journal_stream == format!("{}:{}", facts.dev(), facts.ino()))
}

/// Keeps the output thread; dropping it writes what waits.
#[derive(Debug)]
pub struct Guard {
    lines: Lines,
    thread: Option<JoinHandle<()>>,
}

impl Guard {
    /// Lines dropped so far because the output was too slow.
    pub fn dropped(&self) -> u64 {
        self.lines.dropped.load(Ordering::Relaxed)
    }

    /// The count behind [`Guard::dropped`], for the metrics page.
    pub fn dropped_count(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.lines.dropped)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // An empty line is the end: nothing else sends one.
        if let Some(thread) = self.thread.take()
            && self.lines.queue.send(vec![]).is_ok()
        {
            let _ = thread.join();
        }
    }
}

/// Installs the subscriber for the process.
///
/// # Errors
/// [`TelemetryError`].
pub fn install(format: Format, filter: &str, journal_stream: Option<&str>) -> Result<Guard, TelemetryError> {
    let filter: EnvFilter = filter.parse()?;
    let (lines, thread) = Lines::start(io::stderr())?;
    let format = format.detect(journal_stream);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        Format::Journal => tracing_journald::layer()?.with_field_prefix(None).boxed(),
        Format::Json => tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(lines.clone()).boxed(),
        Format::Text | Format::Auto => tracing_subscriber::fmt::layer()
            .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
            .with_writer(lines.clone())
            .boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).try_init()?;
    Ok(Guard { lines, thread: Some(thread) })
}

/// The way to the output thread.
#[derive(Clone, Debug)]
struct Lines {
    queue: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

impl Lines {
    fn start(output: impl Write + Send + 'static) -> io::Result<(Self, JoinHandle<()>)> {
        let (queue, lines) = sync_channel(QUEUE_LINES_MAX);
        let thread = thread::Builder::new().name("log".to_owned()).spawn(move || write_lines(&lines, output))?;
        Ok((Self { queue, dropped: Arc::default() }, thread))
    }
}

fn write_lines(lines: &Receiver<Vec<u8>>, mut output: impl Write) {
    while let Ok(line) = lines.recv() {
        if line.is_empty() {
            break;
        }
        // A log that cannot be written has nowhere to say so.
        let _ = output.write_all(&line);
    }
    let _ = output.flush();
}

impl MakeWriter<'_> for Lines {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line { lines: self.clone(), bytes: vec![] }
    }
}

/// One line being put together; sent when dropped.
#[derive(Debug)]
struct Line {
    lines: Lines,
    bytes: Vec<u8>,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        match self.lines.queue.try_send(std::mem::take(&mut self.bytes)) {
            Ok(()) => (),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lines.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// An output that takes nothing until it is opened.
    #[derive(Clone, Default)]
    struct Gate(Arc<State>);

    #[derive(Default)]
    struct State {
        held: Mutex<(bool, Vec<u8>)>,
        opened: Condvar,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut state = self.0.opened.wait_while(self.0.held.lock().unwrap(), |state| !state.0).unwrap();
            state.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_output_costs_lines_and_no_time() {
        let gate = Gate::default();
        let (lines, thread) = Lines::start(gate.clone()).unwrap();
        let guard = Guard { lines: lines.clone(), thread: Some(thread) };
        for number in 0..QUEUE_LINES_MAX + 100 {
            writeln!(lines.make_writer(), "line {number}").unwrap();
        }
        // One line may already be in the thread's hand.
        assert!((99..=100).contains(&guard.dropped()), "{}", guard.dropped());
        gate.0.held.lock().unwrap().0 = true;
        gate.0.opened.notify_all();
        drop(guard);
        let written = String::from_utf8(gate.0.held.lock().unwrap().1.clone()).unwrap();
        assert!(written.starts_with("line 0\nline 1\n"));
        assert!((QUEUE_LINES_MAX..=QUEUE_LINES_MAX + 1).contains(&written.lines().count()));
    }

    #[test]
    fn the_journal_is_chosen_only_where_it_is_our_stderr() {
        assert_eq!(Format::Auto.detect(Some("1:1")), Format::Auto.detect(None));
        assert_eq!(Format::Text.detect(Some("1:1")), Format::Text);
        let facts = std::fs::metadata("/proc/self/fd/2").unwrap();
        let own = format!("{}:{}", facts.dev(), facts.ino());
        assert_eq!(Format::Auto.detect(Some(&own)), Format::Journal);
    }
}
