//! The log: stdout, one JSON object a line, or text on a terminal.
//!
//! WhatsApp's library logs numbers, codes and stanzas. Of its lines only warnings and errors pass,
//! and of those only what cannot be a secret: see `scrub`.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// What the library's lines are filed under.
const LIBRARY: &str = "whatsapp";

/// Starts logging at `level`. Only the first call has an effect.
pub fn init(level: LevelFilter) {
    let targets = Targets::new()
        .with_target("openclaw_agent", level)
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

/// Takes the library's lines.
struct Library;

impl log::Log for Library {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = scrub(&record.args().to_string());
        if record.level() == log::Level::Error {
            tracing::error!(target: LIBRARY, "{line}");
        } else {
            tracing::warn!(target: LIBRARY, "{line}");
        }
    }

    fn flush(&self) {}
}

/// The longest line of the library's that is kept.
const MAX_LINE: usize = 300;

/// Replaces what could be a number, a key or a code: words with five or more digits, and words of
/// sixteen or more characters that are not plain lower-case words or paths in its source.
fn scrub(line: &str) -> String {
    let mut out = String::with_capacity(line.len().min(MAX_LINE));
    for word in line.split_inclusive(|c: char| c.is_whitespace() || "()[]{}<>\"'`,;=".contains(c)) {
        if out.len() + word.len() > MAX_LINE {
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
    fn what_helps_an_operator_passes() {
        let line = "Keepalive timeout, error count: 3";
        assert_eq!(scrub(line), line);
    }

    #[test]
    fn one_line_stays_one_line_and_short() {
        assert!(!scrub("a\nWhatsApp connected\x1b[2J").contains(['\n', '\x1b']));
        assert!(scrub(&"word ".repeat(1000)).len() <= MAX_LINE + '…'.len_utf8());
    }
}
