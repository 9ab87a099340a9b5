//! `openclaw.yml`, as far as it is ours: `channels.whatsapp` and in it who is admitted. The rest of the file is other
//! programs' business and is not judged, beyond being YAML.
//!
//! Whatever could make the rules other than meant is a mistake, with its line, and all mistakes are told at once: a
//! misspelt key, a number without its country code, a variable that is not set. No text here repeats a number.

mod expand;
mod keys;
mod people;
mod tree;
mod who;

use std::fmt;

use self::keys::Known;
use self::tree::{Malformed, Node, Value};
use super::policy::{Entry, Mode, Place, Rules, Who};

pub use self::who::{group, person};

/// The longest file that is read.
pub const MAX_BYTES: usize = 1 << 20;
/// The variable that holds `allowFrom` where the file has none.
pub const VARIABLE: &str = "WHATSAPP_ALLOW";

/// Something in the file that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where, counted from 1; `None` for what is not in the file.
    pub line: Option<usize>,
    /// What.
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

/// The rules in the file's text. `lookup` tells variables of the environment.
pub fn read(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Rules, Vec<Mistake>> {
    let root = tree::read(text).map_err(|Malformed { line, text }| {
        vec![Mistake {
            line: Some(line),
            text: format!("not YAML: {text}"),
        }]
    })?;
    let mut reader = Reader {
        lookup,
        mistakes: Vec::new(),
        remarks: Vec::new(),
    };
    let rules = reader.rules(root.as_ref());
    let Reader {
        mistakes, remarks, ..
    } = reader;
    if mistakes.is_empty() {
        Ok(Rules { remarks, ..rules })
    } else {
        Err(mistakes)
    }
}

/// The rules without a file: those of `WHATSAPP_ALLOW`, if it is set.
pub fn without(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<Rules>, Vec<Mistake>> {
    let mut reader = Reader {
        lookup,
        mistakes: Vec::new(),
        remarks: Vec::new(),
    };
    let people = reader.environment();
    match (reader.mistakes.is_empty(), people) {
        (false, _) => Err(reader.mistakes),
        (true, None) => Ok(None),
        (true, Some(people)) => Ok(Some(Rules {
            people,
            remarks: reader.remarks,
            ..Rules::closed()
        })),
    }
}

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    mistakes: Vec<Mistake>,
    remarks: Vec<String>,
}

impl Reader<'_> {
    fn wrong(&mut self, line: usize, text: impl Into<String>) {
        self.mistakes.push(Mistake {
            line: Some(line),
            text: text.into(),
        });
    }

    fn rules(&mut self, root: Option<&Node>) -> Rules {
        let channels = root.and_then(|root| self.section(root, "the file", "channels", true));
        let whatsapp =
            channels.and_then(|channels| self.section(channels, "channels", "whatsapp", true));
        let Some(whatsapp) = whatsapp else {
            if self.mistakes.is_empty() {
                self.remarks
                    .push("the file has no channels.whatsapp".to_owned());
            }
            let people = self.environment().unwrap_or_default();
            return Rules {
                people,
                ..Rules::closed()
            };
        };
        let Value::Map(pairs) = &whatsapp.value else {
            self.wrong(
                whatsapp.line,
                format!("channels.whatsapp is {}, not a mapping", whatsapp.kind()),
            );
            return Rules::closed();
        };
        self.whatsapp(pairs)
    }

    /// The value of `key` in a mapping.
    fn section<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        key: &str,
        ours: bool,
    ) -> Option<&'n Node> {
        let Value::Map(pairs) = &node.value else {
            self.wrong(
                node.line,
                format!("{what} is {}, not a mapping", node.kind()),
            );
            return None;
        };
        let mut found: Option<(usize, &Node)> = None;
        for (name, value) in pairs {
            let Some(name_text) = name.text() else {
                continue;
            };
            if name_text == key {
                if let Some((line, _)) = found {
                    self.wrong(name.line, format!("{key} stands on line {line} already"));
                }
                found = Some((name.line, value));
            } else if ours && keys::is_close(name_text, key) {
                let line = name.line;
                self.wrong(
                    line,
                    format!("{name_text:?} is no key of ours; write {key}"),
                );
            }
        }
        found.map(|(_, value)| value)
    }

    fn whatsapp(&mut self, pairs: &[(Node, Node)]) -> Rules {
        let mut rules = Rules::closed();
        let mut seen: Vec<(Known, usize)> = Vec::new();
        let mut people = None;
        let mut enabled = true;
        for (name, value) in pairs {
            let Some(key) = self.key(name, &seen) else {
                continue;
            };
            seen.push((key, name.line));
            match key {
                Known::Enabled => enabled = self.truth("enabled", value).unwrap_or(true),
                Known::DmPolicy => {
                    rules.direct = self.mode("dmPolicy", value, true).unwrap_or(rules.direct);
                }
                Known::GroupPolicy => {
                    rules.group = self
                        .mode("groupPolicy", value, false)
                        .unwrap_or(rules.group);
                }
                Known::AllowFrom => people = Some(self.people("allowFrom", value)),
                Known::GroupAllowFrom => {
                    rules.group_people = Some(self.people("groupAllowFrom", value));
                }
                Known::Groups => rules.groups = Some(self.groups(value)),
                Known::Accounts => self.accounts(value),
                Known::Others => {}
            }
        }
        rules.people = match people {
            Some(people) => people,
            None => self.environment().unwrap_or_default(),
        };
        let at = |key| {
            seen.iter()
                .find(|(seen, _)| *seen == key)
                .map(|(_, line)| *line)
        };
        if rules.direct == Mode::Open && !rules.people.iter().any(|entry| entry.who == Who::Anyone)
        {
            self.wrong(
                at(Known::DmPolicy).unwrap_or(1),
                "dmPolicy: open wants \"*\" in allowFrom as well, to say that everybody is meant",
            );
        }
        if !enabled {
            rules.direct = Mode::Disabled;
            rules.group = Mode::Disabled;
            let line = at(Known::Enabled).unwrap_or(1);
            self.remarks.push(format!(
                "line {line}: enabled is false, so nobody is admitted"
            ));
        }
        rules
    }

    /// A key of `channels.whatsapp`, unless it is a mistake or nothing that is known.
    fn key(&mut self, name: &Node, seen: &[(Known, usize)]) -> Option<Known> {
        let Some(text) = name.text() else {
            self.wrong(name.line, format!("{} cannot be a key", name.kind()));
            return None;
        };
        match keys::known(text) {
            Ok(Known::Others) => Some(Known::Others),
            Ok(key) => {
                if let Some((_, line)) = seen.iter().find(|(seen, _)| *seen == key) {
                    self.wrong(name.line, format!("{text} stands on line {line} already"));
                }
                Some(key)
            }
            Err(Some(meant)) => {
                self.wrong(
                    name.line,
                    format!("{text:?} is no key of channels.whatsapp; write {meant}"),
                );
                None
            }
            Err(None) => {
                let line = name.line;
                self.remarks.push(format!(
                    "line {line}: {text:?} is no key that this agent knows"
                ));
                None
            }
        }
    }

    /// A scalar with its variables put in.
    fn text(&mut self, key: &str, node: &Node) -> Option<String> {
        let Some(text) = node.text().filter(|_| !node.is_nothing()) else {
            self.wrong(node.line, format!("{key} is {}, not a text", node.kind()));
            return None;
        };
        match expand::expand(text, self.lookup) {
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
                    "line {}: dmPolicy pairing is taken as allowlist: this agent answers nobody with a code; \
                     admit people with `openclawctl allow add`",
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
                self.wrong(node.line, format!("{key} is {words}, not {text:?}"));
                None
            }
        }
    }

    fn groups(&mut self, node: &Node) -> Vec<Entry> {
        let Value::Map(pairs) = &node.value else {
            self.wrong(
                node.line,
                format!("groups is {}, not a mapping", node.kind()),
            );
            return Vec::new();
        };
        let mut groups = Vec::new();
        for (name, settings) in pairs {
            let Some(text) = self.text("groups", name) else {
                continue;
            };
            match group(&text) {
                Some(who) => groups.push(Entry {
                    who,
                    place: Place::Line(name.line),
                }),
                None => self.wrong(
                    name.line,
                    "groups: a key here is \"*\" or a group's JID (…@g.us), in quotes",
                ),
            }
            if !matches!(settings.value, Value::Map(_)) && !settings.is_nothing() {
                let kind = settings.kind();
                self.wrong(
                    settings.line,
                    format!(
                        "groups: what stands under a group is {kind}, not a mapping; write {{}}"
                    ),
                );
            }
        }
        groups
    }

    /// OpenClaw's settings for several accounts: an agent has one, so rules there would count for nothing.
    fn accounts(&mut self, node: &Node) {
        let Value::Map(accounts) = &node.value else {
            return;
        };
        for (_, settings) in accounts {
            let Value::Map(pairs) = &settings.value else {
                continue;
            };
            for (name, _) in pairs {
                let rules = name.text().map(keys::known);
                if let Some(Ok(key)) = rules
                    && !matches!(key, Known::Others | Known::Accounts)
                {
                    self.wrong(
                        name.line,
                        "accounts: an agent is one account; write this directly under channels.whatsapp",
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
