//! The mappings that can have rules, from the whole file down to one group, each checked with the table of its level.

use std::collections::{HashMap, HashSet};

use super::keys::{self, Key, Level};
use super::tree::{Node, Value};
use super::{Reader, VARIABLE, group, shown};
use crate::allow::policy::{Entry, EntryPlace, Mode, Rules, Who};

/// A key that is read, its line, and its value.
type Found<'n> = (&'static str, usize, &'n Node);

impl Reader<'_> {
    pub(super) fn rules(&mut self, root: Option<&Node>) -> Rules {
        let top = root.map(|root| self.keys(&keys::TOP, root));
        let top = top.unwrap_or_default();
        let channels = value(&top, "channels").map(|node| self.keys(&keys::CHANNELS, node));
        let channels = channels.unwrap_or_default();
        let rules = match value(&channels, "whatsapp") {
            Some(whatsapp) => self.whatsapp(whatsapp),
            None => {
                self.remarks
                    .push("the file has no channels.whatsapp".to_owned());
                Rules {
                    people: self.environment().unwrap_or_default(),
                    ..Rules::closed()
                }
            }
        };
        if let Some(defaults) = value(&channels, "defaults") {
            self.defaults(defaults, value(&channels, "whatsapp"));
        }
        if let Some(env) = value(&top, "env") {
            self.env(env);
        }
        rules
    }

    /// The keys of a mapping that are read at its level. Every other key is OpenClaw's and has no effect on who is
    /// allowed, or is a mistake.
    fn keys<'n>(&mut self, level: &Level, node: &'n Node) -> Vec<Found<'n>> {
        self.untagged(level.name, node);
        let Value::Map(pairs) = &node.value else {
            let text = format!("{} is {}, not a mapping", level.name, node.kind());
            self.wrong(node.line, text);
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut seen = HashMap::new();
        for (name, value) in pairs {
            let line = name.line;
            self.untagged(level.name, name);
            let Some(text) = name.text() else {
                self.wrong(line, format!("{} is not a valid key", name.kind()));
                continue;
            };
            let key = level.key(text);
            if let Some(before) = seen.insert(text, line) {
                let text = shown(text);
                self.wrong(line, format!("{text} is already on line {before}"));
                continue;
            }
            match key {
                Key::Read(key) => found.push((key, line, value)),
                Key::Ignored => {}
                // Reported already for the whole file.
                Key::Wrong if text == "$include" => {}
                Key::Wrong => {
                    self.wrong_by(line, || format!("{} {}", shown(text), level.why(text)));
                }
            }
        }
        found
    }

    fn whatsapp(&mut self, node: &Node) -> Rules {
        let mut rules = Rules::closed();
        let found = self.keys(&keys::WHATSAPP, node);
        let mut people = None;
        let mut enabled = true;
        for (key, _, value) in &found {
            match *key {
                "enabled" => enabled = self.truth(key, value).unwrap_or(true),
                "dmPolicy" => {
                    rules.direct = self.mode(key, value, true).unwrap_or(rules.direct);
                }
                "groupPolicy" => {
                    rules.group = self.mode(key, value, false).unwrap_or(rules.group);
                }
                "allowFrom" => people = Some(self.people(key, value)),
                "groupAllowFrom" => rules.group_people = Some(self.people(key, value)),
                "groups" => rules.groups = Some(self.groups(value)),
                "allowTo" => rules.to = Some(self.recipients(key, value)),
                "accounts" => self.accounts(value),
                _ => self.chats(key, value),
            }
        }
        rules.people = match people {
            Some(people) => people,
            None => self.environment().unwrap_or_default(),
        };
        let line = |key| {
            found
                .iter()
                .find(|found| found.0 == key)
                .map_or(1, |found| found.1)
        };
        let everyone = |entry: &Entry| entry.who == Who::Anyone;
        if rules.direct == Mode::Open && !rules.people.iter().any(everyone) {
            self.wrong(
                line("dmPolicy"),
                "dmPolicy: open also needs \"*\" in allowFrom, to confirm that everyone is meant",
            );
        }
        if !enabled {
            rules.direct = Mode::Disabled;
            rules.group = Mode::Disabled;
            let line = line("enabled");
            self.remarks.push(format!(
                "line {line}: enabled is false, so no one is allowed"
            ));
        }
        rules
    }

    fn groups(&mut self, node: &Node) -> Vec<Entry> {
        self.untagged("groups", node);
        let Value::Map(pairs) = &node.value else {
            let kind = node.kind();
            self.wrong(node.line, format!("groups is {kind}, not a mapping"));
            return Vec::new();
        };
        let mut groups = Vec::with_capacity(pairs.len());
        let mut seen: HashMap<Who, usize> = HashMap::new();
        for (name, settings) in pairs {
            let line = name.line;
            if name.text() == Some("$include") {
                // Reported already.
                continue;
            }
            if let Some(text) = self.text("groups", name) {
                match group(&text) {
                    Some(who) => {
                        if let Some(before) = seen.insert(who.clone(), line) {
                            let text =
                                format!("groups: the same group is already on line {before}");
                            self.wrong(line, text);
                        }
                        groups.push(Entry {
                            who,
                            place: EntryPlace::Line(line),
                        });
                    }
                    None => self.wrong(
                        line,
                        "groups: a key here is \"*\" or a group's JID (…@g.us), in quotes",
                    ),
                }
            }
            self.settings(&keys::GROUP, settings);
        }
        groups
    }

    /// OpenClaw's settings for several accounts. An agent has one account, so rules in them would have no effect.
    fn accounts(&mut self, node: &Node) {
        for settings in self.entries("accounts", node) {
            let found = match settings.is_nothing() {
                true => Vec::new(),
                false => self.keys(&keys::ACCOUNT, settings),
            };
            for (key, _, value) in found {
                self.chats(key, value);
            }
        }
    }

    /// OpenClaw's settings for chats with one person.
    fn chats(&mut self, key: &str, node: &Node) {
        for settings in self.entries(key, node) {
            self.settings(&keys::CHAT, settings);
        }
    }

    /// The values of a mapping whose keys are names.
    fn entries<'n>(&mut self, key: &str, node: &'n Node) -> Vec<&'n Node> {
        self.untagged(key, node);
        let Value::Map(pairs) = &node.value else {
            let kind = node.kind();
            self.wrong(node.line, format!("{key} is {kind}, not a mapping"));
            return Vec::new();
        };
        let mut seen = HashSet::new();
        for (name, _) in pairs {
            match name.text() {
                Some(text) if text == "<<" || !seen.insert(text) => {
                    self.wrong(
                        name.line,
                        format!("{key}: duplicate keys, aliases (*name) and merge keys (<<) are not supported here"),
                    );
                }
                Some(_) => {}
                None => self.wrong(name.line, format!("{} is not a valid key", name.kind())),
            }
        }
        pairs.iter().map(|(_, value)| value).collect()
    }

    /// The mapping under a name: empty, or with keys none of which is read.
    fn settings(&mut self, level: &Level, node: &Node) {
        if !node.is_nothing() {
            self.keys(level, node);
        }
    }

    /// `channels.defaults`: OpenClaw takes a policy from there if the channel has none.
    fn defaults(&mut self, node: &Node, whatsapp: Option<&Node>) {
        let own = whatsapp.and_then(|node| match &node.value {
            Value::Map(pairs) => Some(pairs),
            _ => None,
        });
        let own = own.is_some_and(|pairs| {
            let mut names = pairs.iter().filter_map(|(name, _)| name.text());
            names.any(|name| name == "groupPolicy")
        });
        for (key, line, _) in self.keys(&keys::DEFAULTS, node) {
            if !own {
                let text = format!(
                    "{key} is not read from channels.defaults; write it under channels.whatsapp"
                );
                self.wrong(line, text);
            }
        }
    }

    /// `env`: variables that OpenClaw sets for itself. The agent does not set them, so the rules must not depend on
    /// them.
    fn env(&mut self, node: &Node) {
        let Value::Map(pairs) = &node.value else {
            let kind = node.kind();
            self.wrong(node.line, format!("env is {kind}, not a mapping"));
            return;
        };
        let vars = pairs.iter().find(|(name, _)| name.text() == Some("vars"));
        let vars = match vars.map(|(_, value)| &value.value) {
            Some(Value::Map(pairs)) => pairs.as_slice(),
            Some(Value::Alias) => {
                self.wrong(
                    node.line,
                    "env: vars is a reference (*name); write the variables out",
                );
                &[]
            }
            _ => &[],
        };
        let whole = pairs.iter().chain(vars);
        let names = whole.filter_map(|(name, _)| Some((name.text()?, name.line)));
        let set: Vec<_> = names
            .filter(|(name, _)| *name == "<<" || self.variables.contains(*name))
            .collect();
        for (name, line) in set {
            let text = match name {
                "<<" => "env: a merge (<<) is not supported; write the variables out".to_owned(),
                VARIABLE => format!(
                    "env does not set {VARIABLE} for this agent; set it where the agent is started, or write allowFrom"
                ),
                name => format!(
                    "env does not set {name} for this agent; set it where the agent is started"
                ),
            };
            self.wrong(line, text);
        }
    }
}

fn value<'n>(found: &[Found<'n>], key: &str) -> Option<&'n Node> {
    found
        .iter()
        .find(|found| found.0 == key)
        .map(|found| found.2)
}
