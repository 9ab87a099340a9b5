//! The keys that are valid at each level of the file that can have rules, and how this agent treats each.
//!
//! The same at all levels: a key is read, or it is a key of OpenClaw that has no effect on who is allowed, or it is a
//! mistake. The tables follow OpenClaw's own schema, which rejects unknown keys as well.

/// A level: a mapping whose keys could affect who is allowed.
pub(super) struct Level {
    /// The name of the level in error texts.
    pub(super) name: &'static str,
    /// The keys that are read.
    read: &'static [&'static [&'static str]],
    /// The keys of OpenClaw that have no effect on who is allowed. Their values are not examined.
    ignored: &'static [&'static [&'static str]],
    /// Keys that would affect who is allowed in another place or program, with the advice to print.
    instead: &'static [(&'static [&'static str], &'static str)],
}

/// How a key is treated at its level.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    Read(&'static str),
    Ignored,
    /// A mistake: [`Level::why`] explains it.
    Wrong,
}

/// The keys of the rules.
const RULES: [&str; 7] = [
    "enabled",
    "dmPolicy",
    "allowFrom",
    "allowTo",
    "groupPolicy",
    "groupAllowFrom",
    "groups",
];

/// The names of such keys in other channels, older versions and other programs.
const LIKE_RULES: [&str; 8] = [
    "dm",
    "policy",
    "allow",
    "allowlist",
    "deny",
    "blockFrom",
    "denyFrom",
    "users",
];

/// The top level of the file.
pub(super) const TOP: Level = Level {
    name: "the file",
    read: &[&["channels", "env"]],
    ignored: &[&[
        "$schema",
        "accessGroups",
        "acp",
        "agents",
        "approvals",
        "audio",
        "auth",
        "bindings",
        "broadcast",
        "browser",
        "canvasHost",
        "cli",
        "commands",
        "crestodian",
        "cron",
        "diagnostics",
        "discovery",
        "gateway",
        "hooks",
        "logging",
        "mcp",
        "media",
        "memory",
        "messages",
        "meta",
        "models",
        "nodeHost",
        "plugins",
        "proxy",
        "secrets",
        "session",
        "skills",
        "surfaces",
        "talk",
        "tools",
        "ui",
        "update",
        "vault",
        "web",
        "wizard",
    ]],
    instead: &[
        (&["whatsapp"], "write it under channels"),
        (&RULES, "write it under channels.whatsapp"),
        (&LIKE_RULES, "write rules under channels.whatsapp"),
    ],
};

/// `channels`: one key for each channel.
pub(super) const CHANNELS: Level = Level {
    name: "channels",
    read: &[&["whatsapp", "defaults"]],
    ignored: &[&[
        "a2a",
        "ag-ui",
        "bluebubbles",
        "clickclack",
        "dingtalk",
        "discord",
        "email",
        "feishu",
        "googlechat",
        "imessage",
        "irc",
        "line",
        "matrix",
        "mattermost",
        "messenger",
        "modelByChannel",
        "msteams",
        "nextcloud-talk",
        "nostr",
        "qa-channel",
        "qqbot",
        "raft",
        "reef",
        "runtimeByChannel",
        "signal",
        "slack",
        "sms",
        "synology-chat",
        "telegram",
        "tlon",
        "twitch",
        "voice-call",
        "webchat",
        "wecom",
        "whatsapp-agent",
        "yuanbao",
        "zalo",
        "zalouser",
    ]],
    instead: &[
        (&RULES, "write it under channels.whatsapp"),
        (&LIKE_RULES, "write rules under channels.whatsapp"),
        (
            &["accounts"],
            "one agent has one account; write its rules under channels.whatsapp",
        ),
    ],
};

/// `channels.defaults`: OpenClaw's defaults for all channels.
pub(super) const DEFAULTS: Level = Level {
    name: "channels.defaults",
    // Only read to detect whether OpenClaw would apply it.
    read: &[&["groupPolicy"]],
    ignored: &[&[
        "botLoopProtection",
        "contextVisibility",
        "healthMonitor",
        "heartbeat",
        "heartbeatVisibility",
        "implicitMentions",
        "mentionPatterns",
    ]],
    instead: &[(
        &RULES,
        "this agent does not read defaults; write it under channels.whatsapp",
    )],
};

/// OpenClaw's settings of the channel, `agent` of the gateway's plugin for this agent, and `session`, which occurs in existing
/// files. `contextVisibility` limits the quoted texts that are passed on; the agent passes on none.
const SETTINGS: [&str; 34] = [
    "ackReaction",
    "actions",
    "agent",
    "authDir",
    "blockStreaming",
    "blockStreamingCoalesce",
    "capabilities",
    "chunkMode",
    "configWrites",
    "contextVisibility",
    "debounceMs",
    "defaultAccount",
    "defaultTo",
    "dmHistoryLimit",
    "exposeErrorText",
    "healthMonitor",
    "heartbeat",
    "heartbeatVisibility",
    "historyLimit",
    "markdown",
    "mediaMaxMb",
    "mentionPatterns",
    "messagePrefix",
    "name",
    "pluginHooks",
    "reactionLevel",
    "replyToMode",
    "responsePrefix",
    "selfChatMode",
    "sendReadReceipts",
    "session",
    "streaming",
    "textChunkLimit",
    "web",
];

/// `channels.whatsapp`.
pub(super) const WHATSAPP: Level = Level {
    name: "channels.whatsapp",
    read: &[&RULES, &["accounts", "dms", "direct"]],
    ignored: &[&SETTINGS],
    instead: &[
        (&["dm", "policy"], "use dmPolicy and allowFrom"),
        (&["allow", "allowlist", "users"], "write allowFrom"),
        (
            &["deny", "blockFrom", "denyFrom"],
            "there are no blocklists; use allowFrom",
        ),
    ],
};

/// An entry of `accounts`.
pub(super) const ACCOUNT: Level = Level {
    name: "an account",
    read: &[&["dms", "direct"]],
    ignored: &[&SETTINGS],
    instead: &[
        (
            &RULES,
            "one agent has one account; write this directly under channels.whatsapp",
        ),
        (
            &LIKE_RULES,
            "one agent has one account; write its rules directly under channels.whatsapp",
        ),
    ],
};

/// An entry of `groups`. `requireMention` affects which messages are answered, not whose are allowed.
pub(super) const GROUP: Level = Level {
    name: "a group",
    read: &[],
    ignored: &[&[
        "historyLimit",
        "requireMention",
        "skills",
        "systemPrompt",
        "tools",
        "toolsBySender",
    ]],
    instead: &[
        (
            &["enabled"],
            "a group is allowed when it is listed under groups; to disallow it, remove it there",
        ),
        (
            &RULES,
            "a group has no rules of its own; write groupPolicy and groupAllowFrom under channels.whatsapp",
        ),
        (
            &LIKE_RULES,
            "a group has no rules of its own; write groupPolicy and groupAllowFrom under channels.whatsapp",
        ),
    ],
};

/// An entry of `dms` or `direct`: settings for the chat with one person.
pub(super) const CHAT: Level = Level {
    name: "a direct chat",
    read: &[],
    ignored: &[&["historyLimit", "systemPrompt"]],
    instead: &[
        (
            &RULES,
            "a chat has no rules of its own; write dmPolicy and allowFrom under channels.whatsapp",
        ),
        (
            &LIKE_RULES,
            "a chat has no rules of its own; write dmPolicy and allowFrom under channels.whatsapp",
        ),
    ],
};

impl Level {
    /// How the key `text` is treated at this level.
    pub(super) fn key(&self, text: &str) -> Key {
        if let Some(key) = keys(self.read).find(|key| *key == text) {
            return Key::Read(key);
        }
        if keys(self.ignored).any(|key| key == text) {
            return Key::Ignored;
        }
        Key::Wrong
    }

    /// Why the key `text` is a mistake at this level: a phrase to follow the key. Slow, because it searches for the
    /// nearest valid key, so call it only for mistakes that are shown.
    pub(super) fn why(&self, text: &str) -> String {
        let mut instead = self.instead.iter();
        if let Some((_, what)) = instead.find(|(keys, _)| keys.contains(&text)) {
            return format!("is not supported here; {what}");
        }
        let name = self.name;
        match self.nearest(text) {
            Some(meant) => format!("is not a key of {name}; write {meant}"),
            None => format!(
                "is not a key that this agent knows in {name}; remove it, or give the agent its own file"
            ),
        }
    }

    /// The key that was probably meant. Among equally near ones, prefers a key that is read.
    fn nearest(&self, text: &str) -> Option<&'static str> {
        let read = keys(self.read).map(|key| (0, key));
        let ignored = keys(self.ignored).map(|key| (1, key));
        let near = read.chain(ignored).filter_map(|(rank, key)| {
            let distance = distance(text, key);
            (distance <= close(key)).then_some((distance, rank, key))
        });
        near.min().map(|(_, _, key)| key)
    }
}

fn keys(lists: &'static [&'static [&'static str]]) -> impl Iterator<Item = &'static str> {
    lists.iter().flat_map(|list| list.iter().copied())
}

/// The maximum edit distance at which a key still counts as misspelt.
const fn close(key: &str) -> usize {
    match key.len() {
        0..4 => 0,
        4..=8 => 1,
        _ => 2,
    }
}

/// The Levenshtein distance, ignoring case, `_`, `-` and spaces.
fn distance(a: &str, b: &str) -> usize {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
        letters.map(|c| c.to_ascii_lowercase()).take(64).collect()
    };
    strsim::levenshtein(&plain(a), &plain(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_reported_with_the_nearest_key() {
        for (text, meant) in [
            ("allow_from", "allowFrom"),
            ("allowfrom", "allowFrom"),
            ("allowFrom ", "allowFrom"),
            ("alowFrom", "allowFrom"),
            ("dm_policy", "dmPolicy"),
            ("dmPolcy", "dmPolicy"),
            ("group-policy", "groupPolicy"),
            ("groupsAllowFrom", "groupAllowFrom"),
            ("group", "groups"),
            ("Enabled", "enabled"),
            ("ackreaction", "ackReaction"),
        ] {
            assert_eq!(WHATSAPP.key(text), Key::Wrong);
            let text = WHATSAPP.why(text);
            assert!(text.ends_with(&format!("write {meant}")), "{text}");
        }
        assert_eq!(WHATSAPP.key("allowFrom"), Key::Read("allowFrom"));
        assert_eq!(WHATSAPP.key("ackReaction"), Key::Ignored);
        assert_eq!(WHATSAPP.key("somethingNew"), Key::Wrong);
        let text = WHATSAPP.why("somethingNew");
        assert!(text.contains("its own file"), "{text}");
    }

    #[test]
    fn no_key_that_affects_who_is_allowed_is_ignored_at_any_level() {
        for level in [TOP, CHANNELS, DEFAULTS, WHATSAPP, ACCOUNT, GROUP, CHAT] {
            let rules = RULES.iter().chain(&LIKE_RULES);
            for key in rules.chain(&["$include", "<<", "whatsapp ", "WhatsApp"]) {
                assert!(level.key(key) != Key::Ignored, "{key} in {}", level.name);
            }
        }
    }

    #[test]
    fn the_nearest_key_is_searched_only_for_mistakes_that_are_shown() {
        use std::fmt::Write as _;
        let mut text = "channels:\n  whatsapp:\n".to_owned();
        for n in 0..20_000 {
            let _ = writeln!(text, "    allowFromAnybodyWhoWritesInThisGroup{n}: 1");
        }
        let begun = std::time::Instant::now();
        let nothing = |_: &str| Err(std::env::VarError::NotPresent);
        let mistakes = super::super::read(&text, &nothing).unwrap_err();
        let took = begun.elapsed();
        assert_eq!(mistakes.last().unwrap().text, "and 19950 more mistakes");
        // A debug build would take ten seconds to search for all of them.
        assert!(took.as_secs() < 3, "{took:?}");
    }
}
