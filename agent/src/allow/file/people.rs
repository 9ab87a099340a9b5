//! Lists of people: of the file, and of the environment.

use super::tree::{Node, Value};
use super::{Reader, VARIABLE, person};
use crate::allow::policy::{Entry, Place};

impl Reader<'_> {
    /// A list of people; one text with commas is a list too, for that is what a variable can hold.
    pub(super) fn people(&mut self, key: &str, node: &Node) -> Vec<Entry> {
        self.untagged(key, node);
        match &node.value {
            Value::List(items) => {
                let mut people = Vec::with_capacity(items.len());
                for item in items {
                    if let Some(text) = self.text(key, item) {
                        self.add_people(key, &text, Place::Line(item.line), &mut people);
                    }
                }
                people
            }
            _ if node.is_nothing() => {
                self.wrong(
                    node.line,
                    format!("{key} has no value; to admit nobody write {key}: []"),
                );
                Vec::new()
            }
            Value::Plain(_) | Value::Quoted(_) => {
                let mut people = Vec::new();
                if let Some(text) = self.text(key, node) {
                    self.add_people(key, &text, Place::Line(node.line), &mut people);
                }
                people
            }
            _ => {
                self.wrong(node.line, format!("{key} is {}, not a list", node.kind()));
                Vec::new()
            }
        }
    }

    /// What `WHATSAPP_ALLOW` says, if it is set. One that is set to nothing is a list of nobody: what a platform or a
    /// shell failed to put in must not let everyone in.
    pub(super) fn environment(&mut self) -> Option<Vec<Entry>> {
        self.variables.insert(VARIABLE.to_owned());
        let text = (self.lookup)(VARIABLE).ok()?;
        let mut people = Vec::new();
        let before = self.mistakes.len();
        self.add_people(VARIABLE, &text, Place::Environment, &mut people);
        if people.is_empty() && self.mistakes.len() == before {
            self.remarks.push(format!(
                "{VARIABLE} is set and names no one, so no one is allowed; unset it to be without rules"
            ));
        }
        Some(people)
    }

    fn add_people(&mut self, key: &str, text: &str, place: Place, people: &mut Vec<Entry>) {
        let text = text.trim().trim_matches(['"', '\'']).trim();
        let inside = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        for one in inside.unwrap_or(text).split(',') {
            let one = one.trim().trim_matches(['"', '\'']).trim();
            if one.is_empty() {
                continue;
            }
            match person(one) {
                Ok(who) => people.push(Entry { who, place }),
                Err(why) => {
                    let line = match place {
                        Place::Line(line) => Some(line),
                        _ => None,
                    };
                    self.wrong(line, format!("{key}: {why}"));
                }
            }
        }
    }
}
