//! The keys of `channels.whatsapp`: those that say who is admitted, and OpenClaw's others, which are left to it.

/// A key that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Enabled,
    DmPolicy,
    AllowFrom,
    GroupPolicy,
    GroupAllowFrom,
    Groups,
    Accounts,
    /// Of OpenClaw, and nothing to us.
    Others,
}

const OURS: [(&str, Known); 7] = [
    ("enabled", Known::Enabled),
    ("dmPolicy", Known::DmPolicy),
    ("allowFrom", Known::AllowFrom),
    ("groupPolicy", Known::GroupPolicy),
    ("groupAllowFrom", Known::GroupAllowFrom),
    ("groups", Known::Groups),
    ("accounts", Known::Accounts),
];

/// OpenClaw's schema of the channel, and `session`, which is in files that are in use.
const OTHERS: [&str; 32] = [
    "ackReaction",
    "actions",
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
    "dms",
    "healthMonitor",
    "heartbeat",
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

/// The key, or the one that was probably meant.
pub(super) fn known(text: &str) -> Result<Known, Option<&'static str>> {
    if let Some((_, key)) = OURS.iter().find(|(name, _)| *name == text) {
        return Ok(*key);
    }
    if OTHERS.contains(&text) {
        return Ok(Known::Others);
    }
    let names = OURS.iter().map(|(name, _)| *name);
    let names = names.chain(OTHERS);
    Err(names
        .map(|name| (distance(text, name), name))
        .filter(|(distance, name)| *distance <= close(name))
        .min()
        .map(|(_, name)| name))
}

/// Whether a text is `key` misspelt.
pub(super) fn is_close(text: &str, key: &str) -> bool {
    text != key && distance(text, key) <= close(key)
}

/// How many letters may be wrong before it is another word.
const fn close(key: &str) -> usize {
    if key.len() < 6 { 1 } else { 2 }
}

/// How many letters differ (Levenshtein), whatever their case and without `_`, `-` and spaces.
fn distance(a: &str, b: &str) -> usize {
    let plain = |text: &str| -> Vec<char> {
        let letters = text.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
        letters.map(|c| c.to_ascii_lowercase()).take(64).collect()
    };
    let (a, b) = (plain(a), plain(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = before + usize::from(x != y);
            before = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(before + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_told_by_the_one_that_was_meant() {
        for (text, meant) in [
            ("allow_from", "allowFrom"),
            ("allowfrom", "allowFrom"),
            ("alowFrom", "allowFrom"),
            ("dm_policy", "dmPolicy"),
            ("dmPolcy", "dmPolicy"),
            ("group-policy", "groupPolicy"),
            ("groupsAllowFrom", "groupAllowFrom"),
            ("group", "groups"),
            ("Enabled", "enabled"),
            ("ackreaction", "ackReaction"),
        ] {
            assert_eq!(known(text), Err(Some(meant)), "{text}");
        }
        assert_eq!(known("allowFrom"), Ok(Known::AllowFrom));
        assert_eq!(known("ackReaction"), Ok(Known::Others));
        assert_eq!(known("somethingNew"), Err(None));
    }
}
