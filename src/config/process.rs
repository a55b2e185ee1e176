//! The process itself: pages, log, stopping.

use std::net::SocketAddr;

use super::{api::read_loopback, sheet::Section};

/// `[http]`: `/livez`, `/readyz`, `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// A loopback address and port.
    pub pages: SocketAddr,
}

impl HttpConfig {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let pages = read_loopback(&mut section, "pages");
        section.finish();
        Some(Self { pages: pages? })
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// The journal under systemd, text on a terminal, JSON elsewhere.
    Auto,
    /// Lines for people, on stderr.
    Text,
    /// JSON lines, on stderr.
    Json,
    /// The journal's own protocol.
    Journal,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// How.
    pub format: LogFormat,
    /// What: directives as of `tracing_subscriber::EnvFilter`, checked by the subscriber at start.
    pub filter: String,
}

impl LogConfig {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let words = [
            ("auto", LogFormat::Auto),
            ("text", LogFormat::Text),
            ("json", LogFormat::Json),
            ("journal", LogFormat::Journal),
        ];
        let format = section.one_of("format", &words);
        let filter = section.text("filter").and_then(|text| {
            section.judged("filter", text.parse::<tracing_subscriber::EnvFilter>().map(|_| text.to_owned()))
        });
        section.finish();
        Some(Self { format: format?, filter: filter? })
    }
}

/// `[stop]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopConfig {
    /// How long the ordered stop may take before tasks are aborted, in milliseconds, 100 to 300 000.
    pub grace_ms: u64,
}

impl StopConfig {
    /// The same as a duration.
    pub fn grace(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.grace_ms)
    }

    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let grace_ms = section.number("grace_ms", 100..=300_000);
        section.finish();
        Some(Self { grace_ms: grace_ms? })
    }
}
