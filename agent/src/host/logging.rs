//! The log: stdout, one JSON object a line, or text on a terminal.
//!
//! An ERROR needs a person. Nothing that WhatsApp's library logs does by itself: what it cannot handle, the agent reports
//! in its own words (a link state, an event, an alert) or ends over. Its errors are warnings here, and one of a kind is
//! printed at most once in `REPEAT_INTERVAL`, with the number of those that were not.
//!
//! The library logs numbers, codes and stanzas. Of its lines only warnings and errors pass, and of those only what cannot
//! be a secret: see `scrub`.

use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// How the names of our own crates begin.
const OURS: &str = "openclaw_";
/// What the library's lines are filed under.
const LIBRARY: &str = "whatsapp";
/// The library's lines about a backlog, which the agent ends in its own way and reports itself.
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

/// How often a line of the library's is printed that stands at one place of its source.
const REPEAT_INTERVAL: Duration = Duration::from_secs(60);
/// Places of its source that are remembered: more than ever log within the interval.
const MAX_PLACES: usize = 64;

/// Takes the library's lines.
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

/// Whether what a module logs is reported by the agent in any case. A message that does not open is an event and counted
/// (`undecryptable`), or one that was opened before: WhatsApp delivers those again after each lost connection.
fn is_settled(module: &str) -> bool {
    module.starts_with("wacore_libsignal")
}

/// A place in the library's source.
type CallSite = (Option<&'static str>, Option<u32>);

/// When each place was last printed, and how often it was not since.
struct Repeats(Vec<(CallSite, Instant, u64)>);

impl Repeats {
    /// Whether a line is printed; how many like it were not, since the one before.
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

/// The longest line of the library's that is kept.
const MAX_LINE_BYTES: usize = 300;

/// Replaces what could be a number, a key or a code: words with five or more digits, and words of
/// sixteen or more characters that are not plain lower-case words or paths in its source.
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
    // A line break or an escape must not forge another line.
    out.retain(|c| !c.is_control());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_is_printed_once_in_a_while_and_counted_meanwhile() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
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
    fn what_the_agent_reports_itself_is_not_logged_twice() {
        assert!(is_settled("wacore_libsignal::protocol::session_cipher"));
        for other in ["whatsapp_rust::message::receive", "wacore::store", ""] {
            assert!(!is_settled(other), "{other}");
        }
    }

    #[test]
    fn numbers_keys_and_codes_do_not_pass() {
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
    fn harmless_library_lines_pass() {
        let line = "Keepalive timeout, error count: 3";
        assert_eq!(scrub(line), line);
    }

    #[test]
    fn one_line_stays_one_line_and_short() {
        assert!(!scrub("a\nWhatsApp connected\x1b[2J").contains(['\n', '\x1b']));
        assert!(scrub(&"word ".repeat(1000)).len() <= MAX_LINE_BYTES + '…'.len_utf8());
    }
}
