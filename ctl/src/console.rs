//! stdout is data, stderr is everything else. A reader that goes away is not an error.
//!
//! What a command has looked up is lost when it cannot be written, so that is a failure. What it has done is done, whatever
//! happens to its output: a report of it goes to stderr when stdout does not take it, and the exit code says that it is
//! done. A script that repeats a command by its exit code must not do a thing twice.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use rustix::event::{PollFd, PollFlags, poll};
use serde::Serialize;

use crate::aside;
use crate::failure::Failure;
use crate::numbers::Numbers;

/// Writes `text` for a person to stdout, at once.
pub(crate) fn write(text: &str) -> Result<(), Failure> {
    put_data(&as_shown(text)).map_err(|error| unwritten(&error))
}

fn unwritten(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::reader_gone(),
        _ => Failure::new(format!("cannot write to stdout: {error}")),
    }
}

/// A text of ours as the locale can show it: without the marks that only UTF-8 has. Letters stay: they are what someone
/// wrote, and a terminal often shows more than its locale says.
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

/// Writes `bytes` to stdout as they are, at once. A reader that goes away has not all of them.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::new(format!("cannot write to stdout: {error}")))
}

/// Writes one line to stdout, at once.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    write(&format!("{text}\n"))
}

/// Writes `value` to stdout as one line of JSON, at once.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text =
        json_text(value).map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
    put_data(&format!("{text}\n")).map_err(|error| unwritten(&error))
}

/// Resolves when no one can read stdout any more: the other end of its pipe was closed. Never for a file.
pub(crate) async fn reader_gone() {
    let waiting = aside::run(|| {
        let stdout = io::stdout();
        // Asked for nothing, it says when there is an error or a hang-up.
        let mut waits = [PollFd::new(&stdout, PollFlags::empty())];
        while matches!(poll(&mut waits, None), Err(rustix::io::Errno::INTR)) {}
        Ok(())
    });
    if waiting.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Reports something that is done, as lines on stdout, at once; on stderr when stdout does not take it.
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
    // The shapes here are plain: they have an encoding.
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

/// What stdout did not take.
#[derive(Serialize)]
struct Unwritten<'a, T> {
    note: &'static str,
    why: String,
    answer: &'a T,
}

/// Reports on stderr why a command did not do what it was asked.
pub(crate) fn failure(failure: &Failure, json: bool) {
    match failure.lines() {
        Some(_) if json => json_note(&failure.json()),
        Some(lines) => note(&lines),
        None => {}
    }
}

/// Prints a note for the person on stderr. When that fails there is no way to report it.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", as_shown(text));
}

/// Prints a note for a program on stderr, as one line of JSON.
pub(crate) fn json_note(value: &impl Serialize) {
    if let Ok(text) = json_text(value) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// Not by way of a tree where nothing is to be masked: that would sort the fields.
fn json_text(value: &impl Serialize) -> serde_json::Result<String> {
    match Numbers::chosen() {
        Numbers::Full => serde_json::to_string(value),
        masked => serde_json::to_string(&masked.show_json(serde_json::to_value(value)?)),
    }
}

/// True when a person reads stdout on a terminal that can move its cursor.
pub(crate) fn is_screen() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stdout().is_terminal() && !dumb
}

/// True unless the locale says that what is printed is not UTF-8. Without one (an empty container, a remote command) it
/// nearly always is, but for terminals that can do little.
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

/// True when colour is welcome on such a terminal: <https://no-color.org>.
pub(crate) fn is_coloured() -> bool {
    is_screen() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_ours_are_written_in_ascii_and_letters_as_they_are() {
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
