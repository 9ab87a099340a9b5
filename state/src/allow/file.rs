//! Parses our part of `openclaw.yml`: the rules under `channels.whatsapp`. The parts of other programs are only
//! checked for being YAML under a key that is known to be theirs.
//!
//! Anything that could make the rules differ from what the author meant is a mistake and is reported with its line: a
//! key that is not applied, a number without its country code, an unset variable, an included file. All mistakes are
//! reported at once. The same check applies at every level that can have rules (`keys`). No error text repeats a
//! number.

mod expand;
mod keys;
mod people;
mod sections;
mod tree;
mod who;

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use self::expand::Lookup;
use self::tree::{Document, Malformed, Node};
use super::policy::{Mode, Rules};

pub use self::who::{NoPerson, group, kept, named, person};

/// The maximum size of the file.
pub const MAX_BYTES: usize = 4 << 20;
/// The maximum number of mistakes that are reported in full.
const MAX_MISTAKES: usize = 50;
/// The variable that replaces `allowFrom` if the file has none.
pub const VARIABLE: &str = "WHATSAPP_ALLOW";

/// A mistake in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, counted from 1; `None` for a mistake outside of the file.
    pub line: Option<usize>,
    /// The description.
    pub text: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Parses the rules. `lookup` reads environment variables.
pub fn read(text: &str, lookup: &Lookup<'_>) -> Result<Rules, Vec<Mistake>> {
    let document = tree::read(text).map_err(|Malformed { line, text }| {
        vec![Mistake {
            line: Some(line),
            text: format!("not YAML: {text}"),
        }]
    })?;
    let Document { root, includes } = document;
    let mut reader = Reader::new(lookup);
    for line in includes {
        reader.wrong(
            line,
            "$include is not supported: this agent reads one file; write the rules in it",
        );
    }
    let rules = reader.rules(root.as_ref().filter(|root| !root.is_nothing()));
    let remarks = std::mem::take(&mut reader.remarks);
    reader.finish()?;
    Ok(Rules { remarks, ..rules })
}

/// The rules if there is no file: those of `WHATSAPP_ALLOW`, if it is set.
pub fn without(lookup: &Lookup<'_>) -> Result<Option<Rules>, Vec<Mistake>> {
    let mut reader = Reader::new(lookup);
    let people = reader.environment();
    let remarks = std::mem::take(&mut reader.remarks);
    reader.finish()?;
    Ok(people.map(|people| Rules {
        people,
        remarks,
        ..Rules::closed()
    }))
}

struct Reader<'a> {
    lookup: &'a Lookup<'a>,
    mistakes: Vec<Mistake>,
    /// The number of mistakes beyond [`MAX_MISTAKES`].
    more: usize,
    remarks: Vec<String>,
    /// The variables that the rules use.
    variables: HashSet<String>,
}

impl<'a> Reader<'a> {
    fn new(lookup: &'a Lookup<'a>) -> Self {
        Self {
            lookup,
            mistakes: Vec::new(),
            more: 0,
            remarks: Vec::new(),
            variables: HashSet::new(),
        }
    }

    fn finish(mut self) -> Result<(), Vec<Mistake>> {
        // In file order; they were found in another order.
        self.mistakes.sort_by_key(|mistake| mistake.line);
        if self.more > 0 {
            self.mistakes.push(Mistake {
                line: None,
                text: format!("and {} more mistakes", self.more),
            });
        }
        if self.mistakes.is_empty() {
            Ok(())
        } else {
            Err(self.mistakes)
        }
    }

    fn wrong(&mut self, line: impl Into<Option<usize>>, text: impl Into<String>) {
        self.wrong_by(line, || text.into());
    }

    /// Like `wrong`, but formats the text only if the mistake is reported.
    fn wrong_by(&mut self, line: impl Into<Option<usize>>, text: impl FnOnce() -> String) {
        if self.mistakes.len() >= MAX_MISTAKES {
            self.more += 1;
            return;
        }
        self.mistakes.push(Mistake {
            line: line.into(),
            text: text(),
        });
    }

    /// With a tag, another program would interpret the value differently.
    fn untagged(&mut self, what: &str, node: &Node) {
        if node.tagged {
            let line = node.line;
            self.wrong(
                line,
                format!("{what}: a tag (!…) is not supported; remove it"),
            );
        }
    }

    /// The text of a scalar, with its variables expanded.
    fn text(&mut self, key: &str, node: &Node) -> Option<String> {
        self.untagged(key, node);
        let Some(text) = node.text().filter(|_| !node.is_nothing()) else {
            self.wrong(node.line, format!("{key} is {}, not a text", node.kind()));
            return None;
        };
        if !text.contains("${") {
            return Some(text.to_owned());
        }
        let names = RefCell::new(Vec::new());
        let lookup = |name: &str| {
            names.borrow_mut().push(name.to_owned());
            (self.lookup)(name)
        };
        let expanded = expand::expand(text, &lookup);
        self.variables.extend(names.into_inner());
        match expanded {
            Ok(text) => Some(text),
            Err(error) => {
                self.wrong(node.line, format!("{key}: {error}"));
                None
            }
        }
    }

    fn truth(&mut self, key: &str, node: &Node) -> Option<bool> {
        match self.text(key, node)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.wrong(node.line, format!("{key} is true or false"));
                None
            }
        }
    }

    fn mode(&mut self, key: &str, node: &Node, direct: bool) -> Option<Mode> {
        let text = self.text(key, node)?;
        match text.as_str() {
            "open" => Some(Mode::Open),
            "allowlist" => Some(Mode::Allowlist),
            "disabled" => Some(Mode::Disabled),
            "pairing" if direct => {
                self.remarks.push(format!(
                    "line {}: dmPolicy pairing is read as allowlist: this agent sends no pairing codes; allow people with `openclawctl allow add`",
                    node.line
                ));
                Some(Mode::Allowlist)
            }
            _ => {
                let words = if direct {
                    "pairing, allowlist, open or disabled"
                } else {
                    "allowlist, open or disabled"
                };
                // The value of a variable may be a secret.
                let written = match node.text() {
                    Some(written) if written == text => shown(written),
                    _ => "the variable's value".to_owned(),
                };
                self.wrong(node.line, format!("{key} is {words}, not {written}"));
                None
            }
        }
    }
}

/// A key or word of the file for an error text: never a number or anything that may be one.
fn shown(text: &str) -> String {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits > 4 || text.chars().count() > 40 {
        "this".to_owned()
    } else {
        format!("{text:?}")
    }
}

#[cfg(test)]
mod tests;
