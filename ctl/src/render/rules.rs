//! The allowlist in one line.

use openclaw_proto::v1::{Policy, Rules};

use super::word::word;
use crate::text;

/// The active rules.
pub(crate) fn line(rules: &Rules) -> String {
    let Rules {
        unrestricted,
        file,
        dm_policy,
        group_policy,
        listed,
        added,
        unresolved,
        held,
        recipients_limited,
        ..
    } = rules;
    if *unrestricted {
        return "everyone: there are no rules".to_owned();
    }
    let file = if file.is_empty() {
        "WHATSAPP_ALLOW".to_owned()
    } else {
        text::one_line(file)
    };
    let (direct, group) = (word::<Policy>(*dm_policy), word::<Policy>(*group_policy));
    let mut line = format!("direct chats {direct}, groups {group}, {listed} listed in {file}");
    let counts = [
        (*added, "added"),
        (*unresolved, "not yet resolved"),
        (
            *held,
            if *held == 1 {
                "message held"
            } else {
                "messages held"
            },
        ),
    ];
    for (count, what) in counts {
        if count > 0 {
            line.push_str(&format!(", {count} {what}"));
        }
    }
    if *recipients_limited {
        line.push_str(", recipients limited (allow_to)");
    }
    if !rules.reload_error.is_empty() {
        line.push_str(", but the last change was not loaded");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_the_active_rules_and_a_failed_reload() {
        let none = Rules {
            unrestricted: true,
            ..Default::default()
        };
        assert_eq!(line(&none), "everyone: there are no rules");
        let some = Rules {
            file: "/etc/openclaw.yml".to_owned(),
            dm_policy: Policy::Allowlist.into(),
            group_policy: Policy::Disabled.into(),
            listed: 2,
            held: 1,
            recipients_limited: true,
            reload_error: "line 3".to_owned(),
            ..Default::default()
        };
        assert_eq!(
            line(&some),
            "direct chats allowlist, groups disabled, 2 listed in /etc/openclaw.yml, 1 message held, recipients limited (allow_to), but the last change was not loaded"
        );
    }
}
