//! Parses lists of people, from the file and from the environment.

use openclaw_settings::Flaw;

use super::tree::{Node, Value};
use super::{Reader, VARIABLE, named, person};
use crate::allow::policy::{Entry, EntryPlace, Recipients};
use crate::send_to::MAX_RECIPIENTS;

/// The word for everyone who has written to the account.
const KNOWN: &str = "known";

impl Reader<'_> {
    /// A list of people. A text with commas is a list too, because a variable can only hold text.
    pub(super) fn people(&mut self, key: &str, node: &Node) -> Vec<Entry> {
        let mut people = Vec::new();
        self.list(key, node, |reader, text, place| {
            reader.add_people(key, text, place, &mut people);
        });
        people
    }

    /// `allowTo`: people, groups and the word `known`.
    pub(super) fn recipients(&mut self, key: &str, node: &Node) -> Recipients {
        let mut all = Recipients::default();
        self.list(key, node, |reader, text, place| {
            reader.each(key, text, place, |one| {
                if one == KNOWN {
                    all.known = Some(place);
                    return Ok(());
                }
                let who = named(one).map_err(|why| why.to_string())?;
                all.entries.push(Entry { who, place });
                Ok(())
            });
        });
        if all.entries.len() > MAX_RECIPIENTS {
            self.wrong(
                node.line,
                format!(
                    "{key} has more than {MAX_RECIPIENTS} entries; write known, or allow anyone"
                ),
            );
        }
        all
    }

    /// The texts of a list, each with its place.
    fn list(&mut self, key: &str, node: &Node, mut add: impl FnMut(&mut Self, &str, EntryPlace)) {
        self.untagged(key, node);
        match &node.value {
            Value::List(items) => {
                for item in items {
                    if let Some(text) = self.text(key, item) {
                        add(self, &text, EntryPlace::Line(item.line));
                    }
                }
            }
            _ if node.is_nothing() => {
                self.wrong(
                    node.line,
                    format!("{key} has no value; to allow no one write {key}: []"),
                );
            }
            Value::Plain(_) | Value::Quoted(_) => {
                if let Some(text) = self.text(key, node) {
                    add(self, &text, EntryPlace::Line(node.line));
                }
            }
            _ => self.wrong(node.line, format!("{key} is {}, not a list", node.kind())),
        }
    }

    /// The list in `WHATSAPP_ALLOW`, if it is set. An empty value is an empty list, which allows no one: a platform
    /// or shell that fails to insert the value must not allow everyone.
    pub(super) fn environment(&mut self) -> Option<Vec<Entry>> {
        self.variables.insert(VARIABLE.to_owned());
        let text = (self.lookup)(VARIABLE).ok()?;
        let mut people = Vec::new();
        let before = self.mistakes.len();
        self.add_people(VARIABLE, &text, EntryPlace::Environment, &mut people);
        if people.is_empty() && self.mistakes.len() == before {
            self.remarks.push(format!(
                "{VARIABLE} is set but names no one, so no one is allowed; unset it to have no rules"
            ));
        }
        Some(people)
    }

    fn add_people(&mut self, key: &str, text: &str, place: EntryPlace, people: &mut Vec<Entry>) {
        self.each(key, text, place, |one| {
            let who = person(one).map_err(|why| why.to_string())?;
            people.push(Entry { who, place });
            Ok(())
        });
    }

    /// The entries of a text, which are separated by commas.
    fn each(
        &mut self,
        key: &str,
        text: &str,
        place: EntryPlace,
        mut add: impl FnMut(&str) -> Result<(), String>,
    ) {
        let line = match place {
            EntryPlace::Line(line) => Some(line),
            _ => None,
        };
        let text = match unquoted(text) {
            // A list of entries that are each in quotes: the first and the last quote are not a pair.
            _ if has_quoted_entries(text) => text.trim(),
            Ok(text) => text,
            Err(why) => return self.wrong(line, format!("{key}: {why}")),
        };
        let inside = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        for one in inside.unwrap_or(text).split(',') {
            let added = match unquoted(one) {
                Ok("") => continue,
                Ok(one) => add(one),
                Err(why) => Err(why.to_owned()),
            };
            if let Err(why) = added {
                self.wrong(line, format!("{key}: {why}"));
            }
        }
    }
}

/// Removes the quotes around the text. If it still begins or ends with a quote, it is a list of quoted entries, or a
/// mistake.
fn unquoted(text: &str) -> Result<&str, &'static str> {
    match openclaw_settings::value(text.as_bytes()) {
        Ok(value) => Ok(value.unwrap_or_default()),
        Err(Flaw::HalfQuoted) if text.contains(',') => Ok(text.trim()),
        Err(Flaw::HalfQuoted) => Err("an entry has a quotation mark at one end only"),
        // Other flaws are reported for the entry that contains the character.
        Err(_) => Ok(text.trim()),
    }
}

/// True for `"a","b"`, where the first quote is closed before the end of the text.
fn has_quoted_entries(text: &str) -> bool {
    let text = text.trim();
    let inside = ['"', '\''].into_iter().find_map(|quote| {
        let inside = text.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(inside.contains(quote))
    });
    inside == Some(true) && text.contains(',')
}
