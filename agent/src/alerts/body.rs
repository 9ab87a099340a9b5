//! The body of an alert: JSON as in docs/alerts.md, or one line of text for Slack. Neither contains a full phone number
//! or message content.

use openclaw_state::alerts::{AlertKind, Row};
use openclaw_state::vault::from_millis;
use serde::Serialize;

use super::settings::Format;

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    r#type: String,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    state: &'a str,
    reason: &'a str,
    hint: &'a str,
    phone: &'a str,
    /// When the state began; for a recovery, when the outage began.
    since: String,
    /// When WhatsApp will refuse this version, if it has announced that.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered_from: Option<&'static str>,
    agent: Agent<'a>,
}

#[derive(Serialize)]
struct Agent<'a> {
    store: &'a str,
    host: &'a str,
}

#[derive(Serialize)]
struct Slack {
    text: String,
}

/// The body of an alert. The same row always gives the same bytes.
pub(super) fn body(row: &Row, format: Format) -> Vec<u8> {
    let body = match format {
        Format::Json => serde_json::to_vec(&json(row)),
        Format::Slack => serde_json::to_vec(&Slack { text: text(row) }),
    };
    body.expect("strings can be encoded")
}

fn json(row: &Row) -> Body<'_> {
    Body {
        id: &row.id,
        r#type: row.kind.full_name(),
        timestamp: rfc3339(row.raised),
        data: Data {
            state: &row.state,
            reason: &row.reason,
            hint: &row.hint,
            phone: &row.phone,
            since: rfc3339(row.since),
            expires_at: row.expires.map(rfc3339),
            recovered_from: row.trouble.map(AlertKind::name),
            agent: Agent {
                store: &row.store,
                host: &row.host,
            },
        },
    }
}

fn text(row: &Row) -> String {
    let what = match row.kind {
        AlertKind::LoggedOut => "WhatsApp logged this agent out",
        AlertKind::Replaced => "another process uses the same WhatsApp credentials",
        AlertKind::Banned => "WhatsApp banned this account",
        AlertKind::Outdated => "WhatsApp no longer accepts this version of the agent",
        AlertKind::Expiring => "WhatsApp will stop accepting this version of the agent",
        AlertKind::Restricted => "WhatsApp restricts this account",
        AlertKind::Unrestricted => "WhatsApp no longer restricts this account",
        AlertKind::ConnectionLost => "the link to WhatsApp is lost",
        AlertKind::Recovered => "the connection to WhatsApp is restored",
        AlertKind::Test => "test alert: delivery works",
    };
    let mut text = format!("openclaw-agent on {}: {what}", row.host);
    let mut facts = Vec::new();
    if !row.phone.is_empty() {
        facts.push(row.phone.clone());
    }
    if let Some(outage) = row.trouble {
        facts.push(format!(
            "was {} since {}",
            outage.name(),
            rfc3339(row.since)
        ));
    } else if row.kind != AlertKind::Test {
        facts.push(format!("since {}", rfc3339(row.since)));
    }
    if !facts.is_empty() {
        text.push_str(&format!(" ({})", facts.join(", ")));
    }
    if !row.hint.is_empty() && row.kind != AlertKind::Test {
        text.push_str(&format!(". Next: {}", row.hint));
    }
    escaped(&text)
}

/// Escapes Slack's control characters, so that a host name cannot contain markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// `2026-11-22T11:12:08Z`.
fn rfc3339(millis: u64) -> String {
    let written = openclaw_state::clock::utc(from_millis(millis));
    format!("{}Z", written.trim_end_matches(" UTC").replace(' ', "T"))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use openclaw_state::alerts::{AlertSender, Notice};
    use openclaw_types::{Account, DeviceName, Link, LinkState, Reason};

    use super::*;

    fn row(kind: AlertKind, trouble: Option<AlertKind>) -> Row {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_345_928);
        let link = Link {
            state: LinkState::LoggedOut,
            since: now,
            account: Some(Account {
                phone: "+15550100123".parse().unwrap(),
                lid: None,
                linked_at: now,
                device: DeviceName::default(),
            }),
            reason: Some(Reason::LoggedOut),
            code: None,
            expires_at: None,
            restriction: None,
        };
        let notice = Notice {
            kind,
            since: now,
            trouble,
        };
        let sender = AlertSender {
            store: "00ff".to_owned(),
            host: "one<&two>".to_owned(),
        };
        let mut row = Row::new(&notice, &link, &sender, now);
        row.id = "alert_1".to_owned();
        row
    }

    #[test]
    fn the_body_is_as_documented() {
        let body = String::from_utf8(body(&row(AlertKind::LoggedOut, None), Format::Json)).unwrap();
        let expected = concat!(
            r#"{"id":"alert_1","type":"whatsapp.logged_out","timestamp":"2026-11-22T11:12:08Z","#,
            r#""data":{"state":"logged_out","reason":"logged_out","#,
            r#""hint":"the phone removed this device: run `openclawctl pair` to link it again","#,
            r#""phone":"+1 555 XXX XXXX","since":"2026-11-22T11:12:08Z","#,
            r#""agent":{"store":"00ff","host":"one<&two>"}}}"#,
        );
        assert_eq!(body, expected);
    }

    #[test]
    fn slack_gets_one_line_with_its_marks_escaped_and_no_number() {
        let body = body(
            &row(AlertKind::Recovered, Some(AlertKind::LoggedOut)),
            Format::Slack,
        );
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let text = body["text"].as_str().unwrap();
        assert!(text.starts_with("openclaw-agent on one&lt;&amp;two&gt;: the connection"));
        assert!(
            text.contains("was logged_out since 2026-11-22T11:12:08Z"),
            "{text}"
        );
        assert!(!text.contains("0100") && !text.contains('\n'));
        assert_eq!(body.as_object().unwrap().len(), 1);
    }
}
