//! Output: data to stdout, everything else to stderr. A closed pipe is not an error.
//!
//! The result of a query is lost if it cannot be written, so that is a failure. A completed change is complete whatever
//! happens to the output: its report goes to stderr if stdout fails, and the exit code is that of success. A script
//! that repeats a command by its exit code must not repeat a change.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use rustix::event::{PollFd, PollFlags, poll};
use serde::Serialize;

use crate::blocking;
use crate::failure::Failure;
use crate::numbers::Numbers;

/// Writes `text` for a person to stdout and flushes.
pub(crate) fn write(text: &str) -> Result<(), Failure> {
    put_data(&as_shown(text)).map_err(|error| unwritten(&error))
}

fn unwritten(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::reader_gone(),
        _ => Failure::new(format!("cannot write to stdout: {error}")),
    }
}

/// Replaces typographic marks in our own text if the locale is not UTF-8. Letters are kept: people wrote them, and a
/// terminal often supports more than its locale states.
pub(crate) fn as_shown(text: &str) -> Cow<'_, str> {
    if is_utf8() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(ascii_marks(text))
}

fn ascii_marks(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '…' => plain.push_str("..."),
            '→' => plain.push_str("->"),
            '✓' => plain.push_str("ok"),
            '✗' => plain.push('x'),
            '·' | '•' => plain.push('*'),
            '–' | '—' | '\u{2011}' => plain.push('-'),
            '×' => plain.push('x'),
            '“' | '”' => plain.push('"'),
            '‘' | '’' => plain.push('\''),
            '\u{a0}' | '\u{202f}' => plain.push(' '),
            other => plain.push(other),
        }
    }
    plain
}

fn put_data(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes raw `bytes` to stdout and flushes. A closed pipe is an error: the reader does not have all bytes.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::new(format!("cannot write to stdout: {error}")))
}

/// Writes one line to stdout and flushes.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    write(&format!("{text}\n"))
}

/// Reports a saved file, as `line` or as JSON: on stderr if the file itself went to stdout.
pub(crate) fn saved(saved: &impl Serialize, line: &str, to_stdout: bool, json: bool) {
    match (json, to_stdout) {
        (false, true) => note(line),
        (false, false) => report(line),
        (true, true) => json_note(saved),
        (true, false) => report_json(saved),
    }
}

/// Writes `value` to stdout as one line of JSON and flushes.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text =
        json_text(value).map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
    put_data(&format!("{text}\n")).map_err(|error| unwritten(&error))
}

/// Resolves when the read end of stdout's pipe is closed. Never for a file.
pub(crate) async fn reader_gone() {
    let waiting = blocking::run(|| {
        let stdout = io::stdout();
        // Polled without events, it reports only errors and hang-ups.
        let mut waits = [PollFd::new(&stdout, PollFlags::empty())];
        while matches!(poll(&mut waits, None), Err(rustix::io::Errno::INTR)) {}
        Ok(())
    });
    if waiting.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Reports a completed change as lines on stdout, or on stderr if stdout fails.
pub(crate) fn report(text: &str) {
    if let Err(error) = put_data(&format!("{}\n", as_shown(text))) {
        note(&format!(
            "warning: the command succeeded, but stdout cannot be written: {error}"
        ));
        note(text);
    }
}

/// [`report`], as one line of JSON. On stderr it is the field `answer` of a note.
pub(crate) fn report_json(value: &impl Serialize) {
    // These types always serialize.
    let Ok(text) = json_text(value) else {
        return;
    };
    if let Err(error) = put_data(&format!("{text}\n")) {
        json_note(&Unwritten {
            note: "stdout_not_written",
            why: error.to_string(),
            answer: value,
        });
    }
}

/// A result that could not be written to stdout.
#[derive(Serialize)]
struct Unwritten<'a, T> {
    note: &'static str,
    why: String,
    answer: &'a T,
}

/// Prints a failure to stderr.
pub(crate) fn failure(failure: &Failure, json: bool) {
    match failure.lines() {
        Some(_) if json => json_note(&failure.json()),
        Some(lines) => note(&lines),
        None => {}
    }
}

/// Prints a note for a person to stderr. Errors are ignored: there is no other way to report them.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", as_shown(text));
}

/// Prints a note for a program to stderr, as one line of JSON.
pub(crate) fn json_note(value: &impl Serialize) {
    if let Ok(text) = json_text(value) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// Serializes directly unless numbers are masked: going through a `Value` would sort the fields.
fn json_text(value: &impl Serialize) -> serde_json::Result<String> {
    match Numbers::chosen() {
        Numbers::Full => serde_json::to_string(value),
        masked => serde_json::to_string(&masked.show_json(serde_json::to_value(value)?)),
    }
}

/// True if stdout is a terminal with cursor movement.
pub(crate) fn is_screen() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stdout().is_terminal() && !dumb
}

/// True unless the locale has another encoding. Without a locale (a bare container, a remote command), UTF-8 is assumed
/// except for simple terminals.
pub(crate) fn is_utf8() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    let locale = locale.map(|it| it.to_string_lossy().into_owned());
    let term = set("TERM").map(|it| it.to_string_lossy().into_owned());
    is_utf8_in(locale.as_deref(), term.as_deref())
}

/// `de_DE.UTF-8@euro`: the encoding is between the dot and the modifier.
fn is_utf8_in(locale: Option<&str>, term: Option<&str>) -> bool {
    match locale {
        Some(locale) => {
            let encoding = locale.split('@').next().unwrap_or_default();
            let encoding = encoding
                .rsplit_once('.')
                .map_or("", |(_, encoding)| encoding);
            encoding.replace('-', "").eq_ignore_ascii_case("utf8")
        }
        None => !matches!(
            term,
            Some("linux" | "ansi" | "vt52" | "vt100" | "vt102" | "vt220")
        ),
    }
}

/// True if colour may be used on such a terminal: <https://no-color.org>.
pub(crate) fn is_coloured() -> bool {
    is_screen() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_replaced_by_ascii_and_letters_are_kept() {
        let text = "✓ “…@lid” → it’s 3 × 4 — я";
        assert_eq!(ascii_marks(text), "ok \"...@lid\" -> it's 3 x 4 - я");
    }

    #[test]
    fn the_locale_decides_whether_text_is_utf_8() {
        for locale in [
            "en_US.UTF-8",
            "C.UTF-8",
            "C.utf8",
            "de_DE.UTF-8@euro",
            "en_NZ.utf-8",
        ] {
            assert!(is_utf8_in(Some(locale), Some("linux")), "{locale}");
        }
        for locale in [
            "C",
            "POSIX",
            "en_US",
            "en_US.ISO-8859-1",
            "ru_RU.KOI8-R",
            "ja_JP.eucJP",
            "de_DE@euro",
        ] {
            assert!(
                !is_utf8_in(Some(locale), Some("xterm-256color")),
                "{locale}"
            );
        }
        assert!(is_utf8_in(None, None) && is_utf8_in(None, Some("xterm-256color")));
        assert!(!is_utf8_in(None, Some("linux")) && is_utf8_in(None, Some("dumb")));
    }
}
