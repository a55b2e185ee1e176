//! How far something that takes long has come: a bar on a terminal, else a line now and then. Always on stderr.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::exit::Failure;
use crate::api::proto::v1::BackScan;

/// Pause between two lines where stderr is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Pause between two looks at what is waited for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Signs between the brackets of a bar.
const BAR_LEN: usize = 30;

/// Shows how far something has come. Dropped, it leaves the last bar on a line of its own.
#[derive(Debug)]
pub(super) struct Progress {
    label: String,
    is_terminal: bool,
    /// When the last line was written, where it is lines.
    told: Option<Instant>,
    is_bar_open: bool,
}

impl Progress {
    /// For something called `label`; nothing is shown yet.
    pub(super) fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), is_terminal: io::stderr().is_terminal(), told: None, is_bar_open: false }
    }

    /// `done` of `total` is done; `total` 0: it is not known yet. On a terminal the bar moves at every call; elsewhere a
    /// line is written at most every 10 seconds, and one at the end.
    pub(super) fn show(&mut self, done: u64, total: u64) {
        let mut stderr = io::stderr().lock();
        // A closed stderr is the reader's decision.
        if self.is_terminal {
            let _ = write!(stderr, "\r{}\u{1b}[K", bar(&self.label, done, total));
            let _ = stderr.flush();
            self.is_bar_open = true;
            return;
        }
        let is_end = total > 0 && done >= total;
        if is_end || self.told.is_none_or(|told| told.elapsed() >= LINE_EVERY) {
            let _ = writeln!(stderr, "{}", line(&self.label, done, total));
            self.told = Some(Instant::now());
        }
    }

    /// `done` are done of nobody knows how many.
    pub(super) fn count(&mut self, done: u64) {
        let mut stderr = io::stderr().lock();
        // A closed stderr is the reader's decision.
        if self.is_terminal {
            let _ = write!(stderr, "\r{}: {done}\u{1b}[K", self.label);
            let _ = stderr.flush();
            self.is_bar_open = true;
        } else if self.told.is_none_or(|told| told.elapsed() >= LINE_EVERY) {
            let _ = writeln!(stderr, "{}: {done}", self.label);
            self.told = Some(Instant::now());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_bar_open {
            let _ = writeln!(io::stderr().lock());
        }
    }
}

/// Shows how far scans are until all of them are done, looking again and again.
///
/// # Errors
/// Whatever `look` fails with.
pub(super) async fn until_read(
    label: &str,
    mut look: impl AsyncFnMut() -> Result<Vec<BackScan>, Failure>,
) -> Result<(), Failure> {
    let mut progress = Progress::new(label);
    loop {
        let scans = look().await?;
        if scans.iter().all(|scan| scan.done) {
            let (_, total) = blocks(&scans);
            progress.show(total, total);
            return Ok(());
        }
        let (done, total) = blocks(&scans);
        progress.show(done, total);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A scan, as programs read it.
pub(super) fn scan_json(scan: &BackScan) -> Value {
    json!({
        "from_height": scan.from_height, "to_height": scan.to_height, "next_height": scan.next_height,
        "found": scan.found, "done": scan.done,
    })
}

/// Blocks read and blocks to read, of all of them together; 0 of 0 as long as one does not know where it begins.
fn blocks(scans: &[BackScan]) -> (u64, u64) {
    let mut sums = (0_u64, 0_u64);
    for scan in scans {
        let Some((from, next)) = scan.from_height.zip(scan.next_height) else {
            if scan.done {
                continue;
            }
            return (0, 0);
        };
        let end = scan.to_height.saturating_add(1);
        sums.0 = sums.0.saturating_add(next.min(end).saturating_sub(from));
        sums.1 = sums.1.saturating_add(end.saturating_sub(from));
    }
    sums
}

/// Hundredths done; `None` as long as the whole is not known.
fn percent(done: u64, total: u64) -> Option<u64> {
    let whole = u128::from(total);
    let part = u128::from(done.min(total)) * 100;
    part.checked_div(whole).and_then(|percent| u64::try_from(percent).ok())
}

fn bar(label: &str, done: u64, total: u64) -> String {
    let Some(percent) = percent(done, total) else { return format!("{label}: waiting for the beginning") };
    let full = usize::try_from(percent).unwrap_or(0) * BAR_LEN / 100;
    let signs = format!("{}{}", "#".repeat(full), "-".repeat(BAR_LEN - full));
    format!("{label} [{signs}] {percent:3}% {done} of {total}")
}

fn line(label: &str, done: u64, total: u64) -> String {
    match percent(done, total) {
        Some(percent) => format!("{label}: {percent}%, {done} of {total}"),
        None => format!("{label}: waiting for the beginning"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_what_is_done() {
        for (done, total, shown) in [
            (0, 0, "scan: waiting for the beginning"),
            (0, 200, "scan [------------------------------]   0% 0 of 200"),
            (101, 200, "scan [###############---------------]  50% 101 of 200"),
            (200, 200, "scan [##############################] 100% 200 of 200"),
            (
                u64::MAX,
                u64::MAX,
                "scan [##############################] 100% 18446744073709551615 of 18446744073709551615",
            ),
        ] {
            assert_eq!(bar("scan", done, total), shown);
        }
        assert_eq!(line("scan", 1, 3), "scan: 33%, 1 of 3");
    }

    #[test]
    fn several_scans_are_one_bar_once_all_of_them_know_where_they_begin() {
        let scan = |from_height, next_height, to_height| BackScan {
            from_height,
            next_height,
            to_height,
            ..BackScan::default()
        };
        let done = BackScan { done: true, ..scan(None, Some(100), 99) };
        assert_eq!(blocks(&[scan(Some(10), Some(15), 19), scan(Some(0), Some(0), 9)]), (5, 20));
        assert_eq!(blocks(&[scan(Some(10), Some(15), 19), scan(None, None, 9)]), (0, 0));
        assert_eq!(blocks(&[scan(Some(10), Some(15), 19), done]), (5, 10), "one of a time that is done");
    }
}
