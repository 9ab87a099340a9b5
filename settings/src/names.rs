//! Finds misspelt variables: a setting with a mistake in its name would silently have no effect.

use std::ffi::OsString;
use std::net::IpAddr;

/// The prefix of our variables.
const PREFIX: &str = "OPENCLAW_";
/// The only variable without the prefix, for compatibility with OpenClaw.
const ALLOW: &str = "WHATSAPP_ALLOW";
/// The maximum number of reported variables: an environment may have anything.
const MAX_REPORTED: usize = 20;
/// The length at which shown names are truncated.
const MAX_SHOWN_CHARS: usize = 80;

/// A variable that looks like one of ours but is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Its name, sanitised for display.
    pub name: String,
    /// The setting that was probably meant.
    pub nearest: Option<String>,
}

/// Returns the variables that look like ours but are not in `known`. Values are only examined to recognise
/// Kubernetes' own variables, and are never stored.
#[must_use]
pub fn unknown(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    known: &[&str],
) -> Vec<Unknown> {
    let mut found: Vec<Unknown> = environment
        .into_iter()
        .filter_map(|(name, value)| judge(&name.to_string_lossy(), &value.to_string_lossy(), known))
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.truncate(MAX_REPORTED);
    found
}

fn judge(name: &str, value: &str, known: &[&str]) -> Option<Unknown> {
    if known.contains(&name) || is_of_kubernetes(name, value) {
        return None;
    }
    let nearest = nearest(name, known);
    let is_like_ours = name.to_ascii_uppercase().starts_with(PREFIX);
    (is_like_ours || nearest.is_some()).then(|| Unknown {
        name: name
            .chars()
            .take(MAX_SHOWN_CHARS)
            .filter(|c| !c.is_control())
            .collect(),
        nearest: nearest.map(str::to_owned),
    })
}

/// Only the letters and digits, so that spellings of one name become equal.
fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// The known name that was probably meant by `name`.
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.len() > 2 * MAX_SHOWN_CHARS {
        return None;
    }
    let given = plain(name);
    let is_ours = given.starts_with("OPENCLAW");
    let closest = known
        .iter()
        .map(|known| {
            let wanted = plain(known);
            // One mistake for every three letters of the part that distinguishes our names, at most three.
            let own = wanted.len().saturating_sub(if is_ours { 8 } else { 0 });
            let distance = strsim::osa_distance(&given, &wanted);
            (distance, (own / 3).clamp(1, 3), *known)
        })
        // Names without our prefix only match if hardly anything is wrong.
        .filter(|(distance, most, known)| {
            *distance <= if is_ours || *known == ALLOW { *most } else { 0 }
        })
        .min_by_key(|(distance, _, _)| *distance);
    closest
        .map(|(_, _, known)| known)
        .or_else(|| with_suffix(&given, known))
        .or_else(|| like_the_allowlist(&given, known))
}

/// Matches `OPENCLAW_CONFIG_FILE` and the like: one of our names with a suffix that other programs use.
fn with_suffix<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    const WORDS: [&str; 8] = [
        "FILE", "PATH", "LEVEL", "NAME", "VALUE", "ADDR", "ADDRESS", "SECONDS",
    ];
    let bare = WORDS.iter().find_map(|word| given.strip_suffix(word))?;
    known.iter().find(|known| plain(known) == bare).copied()
}

/// Matches `WHATSAPP_ALLOW_FROM`, `OPENCLAW_WHATSAPP_ALLOW` and the like: the mistake that would allow everyone.
fn like_the_allowlist<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let says_allow = ["ALLOW", "ALOW"].iter().any(|word| given.contains(word))
        && (given.contains("WHATSAPP") || given.starts_with("OPENCLAW"));
    says_allow.then(|| known.iter().find(|known| **known == ALLOW).copied())?
}

/// Variables that Kubernetes sets in every pod for each Service of its namespace: for a Service named
/// `openclaw-agent`, `OPENCLAW_AGENT_SERVICE_HOST`, `OPENCLAW_AGENT_PORT=tcp://…`,
/// `OPENCLAW_AGENT_PORT_50051_TCP_ADDR` and so on. The value is checked too, because `OPENCLAW_PORT=8080` is a
/// person's mistake.
fn is_of_kubernetes(name: &str, value: &str) -> bool {
    let Some(rest) = name.strip_prefix("OPENCLAW") else {
        return false;
    };
    let is_number = |text: &str| text.parse::<u16>().is_ok();
    let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
    let is_url = |text: &str| {
        let rest = ["tcp://", "udp://", "sctp://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        rest.is_some_and(|rest| !rest.is_empty())
    };
    if rest.ends_with("_SERVICE_HOST") {
        return is_address(value) || value == "None";
    }
    if let Some((_, port)) = rest.split_once("_SERVICE_PORT") {
        return (port.is_empty() || port.starts_with('_')) && is_number(value);
    }
    // Also for a service that has PORT in its own name.
    if rest.ends_with("_PORT") && is_url(value) {
        return true;
    }
    let Some(at) = rest
        .rfind("_PORT_")
        .or(rest.ends_with("_PORT").then(|| rest.len() - 5))
    else {
        return false;
    };
    // `_PORT`, `_PORT_50051_TCP`, and for each of those ports `_PROTO`, `_PORT`, `_ADDR`.
    let mut parts = rest[at..].split('_').skip(2);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (None, ..) => is_url(value),
        (Some(number), Some("TCP" | "UDP" | "SCTP"), what, None) if is_number(number) => match what
        {
            None => is_url(value),
            Some("ADDR") => is_address(value),
            Some("PROTO") => matches!(value, "tcp" | "udp" | "sctp"),
            Some("PORT") => is_number(value),
            Some(_) => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 10] = [
        "OPENCLAW_CONFIG",
        "OPENCLAW_ALERT_URL",
        "OPENCLAW_JOURNAL_SIZE",
        "OPENCLAW_JOURNAL_DAYS",
        "OPENCLAW_AUTH_KEY",
        "OPENCLAW_AUTH_KEY_FILE",
        "OPENCLAW_LOG",
        "OPENCLAW_HTTP",
        "OPENCLAW_LISTEN",
        "WHATSAPP_ALLOW",
    ];

    fn found(name: &str, value: &str) -> Option<Option<String>> {
        let environment = [(OsString::from(name), OsString::from(value))];
        unknown(environment, &KNOWN).pop().map(|it| it.nearest)
    }

    #[test]
    fn a_name_with_a_mistake_is_reported_with_the_nearest() {
        for (name, meant) in [
            ("OPENCLAW_ALERT_URI", Some("OPENCLAW_ALERT_URL")),
            ("OPENCLAW_JOURNALSIZE", Some("OPENCLAW_JOURNAL_SIZE")),
            ("openclaw_log", Some("OPENCLAW_LOG")),
            ("OPENCLAW_AUTH_KEYFILE", Some("OPENCLAW_AUTH_KEY_FILE")),
            ("OPENCLAW_AUHT_KEY", Some("OPENCLAW_AUTH_KEY")),
            ("OPENCLAWLISTEN", Some("OPENCLAW_LISTEN")),
            ("OPENCLAW_CONFIG_FILE", Some("OPENCLAW_CONFIG")),
            ("OPENCLAW_CONFIG_PATH", Some("OPENCLAW_CONFIG")),
            ("OPENCLAW_LOG_LEVEL", Some("OPENCLAW_LOG")),
            ("OPENCLAW_HTTP_ADDRESS", Some("OPENCLAW_HTTP")),
            ("WHATSAPP_ALOWFROM", Some("WHATSAPP_ALLOW")),
            ("WHATSAPP_ALOW_FROM", Some("WHATSAPP_ALLOW")),
            ("OPENCLAW_GATEWAY_TOKEN", None),
            ("OPENCLAW_", None),
            ("WHATSAPP_ALOW", Some("WHATSAPP_ALLOW")),
            ("WHATSAPP_ALLOW_FROM", Some("WHATSAPP_ALLOW")),
            ("OPENCLAW_WHATSAPP_ALLOW", Some("WHATSAPP_ALLOW")),
            ("whatsapp_allow", Some("WHATSAPP_ALLOW")),
        ] {
            let meant = Some(meant.map(str::to_owned));
            assert_eq!(found(name, "x"), meant, "{name}");
        }
    }

    #[test]
    fn known_and_foreign_variables_are_not_reported() {
        for name in [
            "OPENCLAW_LOG",
            "WHATSAPP_ALLOW",
            "PATH",
            "WHATSAPP_TOKEN",
            "OPENSSL_LOG",
            "LOG",
            "CLAW",
        ] {
            assert_eq!(found(name, "x"), None, "{name}");
        }
    }

    #[test]
    fn kubernetes_own_variables_are_ignored_and_a_persons_are_reported() {
        for service in [
            "OPENCLAW",
            "OPENCLAW_AGENT",
            "OPENCLAW_TWO_HTTP",
            "OPENCLAW_PORT_WATCH",
        ] {
            for (end, value) in [
                ("SERVICE_HOST", "10.0.0.7"),
                ("SERVICE_HOST", "fd00::7"),
                ("SERVICE_PORT", "50051"),
                ("SERVICE_PORT_GRPC", "50051"),
                ("PORT", "tcp://10.0.0.7:50051"),
                ("PORT_50051_TCP", "tcp://10.0.0.7:50051"),
                ("PORT_50051_TCP_PROTO", "tcp"),
                ("PORT_50051_TCP_PORT", "50051"),
                ("PORT_50051_TCP_ADDR", "10.0.0.7"),
                ("PORT_53_UDP_ADDR", "10.0.0.7"),
            ] {
                let name = format!("{service}_{end}");
                assert_eq!(found(&name, value), None, "{name}");
            }
        }
        for (name, value) in [
            ("OPENCLAW_PORT", "8080"),
            ("OPENCLAW_HTTP_PORT", "8080"),
            ("OPENCLAW_PORT_HTTP", "8080"),
            ("OPENCLAW_SERVICE_HOST", "agent.example.com"),
        ] {
            assert!(found(name, value).is_some(), "{name}");
        }
    }

    #[test]
    fn a_report_is_bounded_and_has_no_control_characters() {
        let many = (0..1000).map(|n| {
            (
                OsString::from(format!("OPENCLAW_{n}\x1b[2J{}", "X".repeat(500))),
                OsString::new(),
            )
        });
        let reported = unknown(many, &KNOWN);
        assert_eq!(reported.len(), MAX_REPORTED);
        assert!(
            reported
                .iter()
                .all(|it| it.name.len() <= MAX_SHOWN_CHARS && !it.name.contains('\x1b'))
        );
    }
}
