//! stdout is data, stderr is everything else. A reader that goes away is not an error.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::failure::Failure;
use crate::numbers::Numbers;

/// Writes `text` to stdout as it is, at once.
pub(crate) fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::reader_gone(),
            _ => Failure::new(format!("write to stdout: {error}")),
        })
}

/// Writes `bytes` to stdout as they are, at once. A reader that goes away has not all of them.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::new(format!("write to stdout: {error}")))
}

/// Writes one line to stdout, at once.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    write(&format!("{text}\n"))
}

/// Writes `value` to stdout as one line of JSON, at once.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = json_text(value).map_err(|error| Failure::new(format!("write JSON: {error}")))?;
    line(&text)
}

/// Tells the person something, on stderr. There is nobody to tell when that fails.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Tells a program something beside the data, as one line of JSON on stderr.
pub(crate) fn json_note(value: &impl Serialize) {
    if let Ok(text) = json_text(value) {
        note(&text);
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

/// True when colour is welcome on such a terminal: <https://no-color.org>.
pub(crate) fn is_coloured() -> bool {
    is_screen() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
