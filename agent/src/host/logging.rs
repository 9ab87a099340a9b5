//! Logging to stdout: one JSON object per line, or text on a terminal.
//!
//! An ERROR requires action by a person. No error of WhatsApp's library does: what it cannot handle, the agent reports
//! itself (as a link state, an event or an alert) or exits. So the library's errors are logged as warnings, and each
//! call site is printed at most once per `REPEAT_INTERVAL`, with the count of suppressed lines.
//!
//! The library logs phone numbers, codes and stanzas. Only its warnings and errors are printed, without words that
//! could be a secret: see `scrub`.

use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// The prefix of our own crates' log targets.
const OURS: &str = "openclaw_";
/// The target of the library's lines.
const LIBRARY: &str = "whatsapp";
/// The library's lines about the offline backlog, which the agent handles and reports itself.
const OFFLINE_SYNC: &str = "Client/OfflineSync";

/// Starts logging at `level`. Only the first call has an effect.
pub fn init(level: LevelFilter) {
    let targets = Targets::new()
        .with_target(OURS, level)
        .with_target(LIBRARY, level);
    let registry = tracing_subscriber::registry();
    let started = if io::stdout().is_terminal() {
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let layer = fmt::layer().with_ansi(colour).with_target(false);
        registry.with(layer.with_filter(targets)).try_init()
    } else {
        let layer = fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false);
        registry
            .with(layer.with_target(false).with_filter(targets))
            .try_init()
    };
    if started.is_ok() && log::set_logger(&Library).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
}

/// The shortest interval between two lines of one call site in the library.
const REPEAT_INTERVAL: Duration = Duration::from_secs(60);
/// How many call sites are remembered: more than ever log within the interval.
const MAX_PLACES: usize = 64;

/// The logger for the library's lines.
struct Library;

static REPEATS: Mutex<Repeats> = Mutex::new(Repeats(Vec::new()));

impl log::Log for Library {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn && metadata.target() != OFFLINE_SYNC
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if is_settled(record.module_path().unwrap_or_else(|| record.target())) {
            tracing::debug!(target: LIBRARY, "{}", scrub(&record.args().to_string()));
            return;
        }
        let place = (record.file_static(), record.line());
        let mut repeats = REPEATS.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(suppressed) = repeats.pass(place, Instant::now()) else {
            return;
        };
        drop(repeats);
        let line = scrub(&record.args().to_string());
        if suppressed == 0 {
            tracing::warn!(target: LIBRARY, "{line}");
        } else {
            tracing::warn!(target: LIBRARY, suppressed, "{line}");
        }
    }

    fn flush(&self) {}
}

/// True if the agent reports the module's problems itself. A message that cannot be decrypted is an event and counted
/// (`undecryptable`), or is a duplicate: WhatsApp delivers decrypted messages again after a lost connection.
fn is_settled(module: &str) -> bool {
    module.starts_with("wacore_libsignal")
}

/// A call site in the library.
type CallSite = (Option<&'static str>, Option<u32>);

/// Per call site: when it was last printed, and the lines suppressed since.
struct Repeats(Vec<(CallSite, Instant, u64)>);

impl Repeats {
    /// `Some` if the line is printed, with the number of lines suppressed since the previous one.
    fn pass(&mut self, place: CallSite, now: Instant) -> Option<u64> {
        let known = self.0.iter_mut().find(|(known, ..)| *known == place);
        if let Some((_, printed, suppressed)) = known {
            if now.saturating_duration_since(*printed) < REPEAT_INTERVAL {
                *suppressed += 1;
                return None;
            }
            *printed = now;
            return Some(std::mem::take(suppressed));
        }
        if self.0.len() >= MAX_PLACES {
            let oldest = self.0.iter().enumerate().min_by_key(|(_, entry)| entry.1);
            let oldest = oldest.map_or(0, |(at, _)| at);
            self.0.swap_remove(oldest);
        }
        self.0.push((place, now, 0));
        Some(0)
    }
}

const MAX_LINE_BYTES: usize = 300;

/// Replaces words that could be a number, a key or a code: those with five or more digits, and those of sixteen or more
/// characters that are not plain lower-case words or source paths.
fn scrub(line: &str) -> String {
    let mut out = String::with_capacity(line.len().min(MAX_LINE_BYTES));
    for word in line.split_inclusive(|c: char| c.is_whitespace() || "()[]{}<>\"'`,;=".contains(c)) {
        if out.len() + word.len() > MAX_LINE_BYTES {
            out.push('…');
            break;
        }
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let plain = word
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_punctuation() || b == b' ');
        if digits >= 5 || (word.len() > 16 && !plain) {
            out.push('…');
            out.extend(word.chars().last().filter(|c| !c.is_alphanumeric()));
        } else {
            out.push_str(word);
        }
    }
    // A line break or an escape sequence must not forge a log line.
    out.retain(|c| !c.is_control());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_site_is_printed_once_per_interval_with_a_count() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (one, two) = ((Some("receive.rs"), Some(1)), (Some("receive.rs"), Some(2)));
        let mut repeats = Repeats(Vec::new());
        assert_eq!(repeats.pass(one, at(0)), Some(0));
        for second in 1..60 {
            assert_eq!(repeats.pass(one, at(second)), None);
        }
        assert_eq!(repeats.pass(two, at(30)), Some(0), "another place");
        assert_eq!(repeats.pass(one, at(60)), Some(59));
        assert_eq!(repeats.pass(one, at(200)), Some(0));
        for line in 0..1_000 {
            repeats.pass((None, Some(line)), at(201));
        }
        assert_eq!(repeats.0.len(), MAX_PLACES);
        assert_eq!(repeats.pass(one, at(202)), Some(0), "forgotten");
    }

    #[test]
    fn problems_that_the_agent_reports_itself_are_not_logged() {
        assert!(is_settled("wacore_libsignal::protocol::session_cipher"));
        for other in ["whatsapp_rust::message::receive", "wacore::store", ""] {
            assert!(!is_settled(other), "{other}");
        }
    }

    #[test]
    fn numbers_keys_and_codes_are_scrubbed() {
        let line = scrub(
            "Failed for 15550100123:4@s.whatsapp.net (lid=100000000000001@lid): key \
             AbCdEf0123456789AbCdEf== code ABCD2345 and +15550100123",
        );
        for secret in ["15550100123", "100000000000001", "AbCdEf0123456789AbCdEf"] {
            assert!(!line.contains(secret), "{line}");
        }
        assert!(line.starts_with("Failed for …"), "{line}");
    }

    #[test]
    fn harmless_library_lines_are_unchanged() {
        let line = "Keepalive timeout, error count: 3";
        assert_eq!(scrub(line), line);
    }

    #[test]
    fn a_line_stays_on_one_line_and_is_truncated() {
        assert!(!scrub("a\nWhatsApp connected\x1b[2J").contains(['\n', '\x1b']));
        assert!(scrub(&"word ".repeat(1000)).len() <= MAX_LINE_BYTES + '…'.len_utf8());
    }
}
