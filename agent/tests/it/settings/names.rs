//! Unknown variables with the agent's prefix.

use super::{DEAD, agent, bare, lines, log};

#[tokio::test]
async fn a_misspelt_variable_is_reported_with_the_nearest_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = agent(folder.path());
    let named = [
        ("OPENCLAW_ALERT_URI", "OPENCLAW_ALERT_URL"),
        ("OPENCLAW_JOURNALSIZE", "OPENCLAW_JOURNAL_SIZE"),
        ("openclaw_hold_limit", "OPENCLAW_HOLD_LIMIT"),
        ("OPENCLAW_ENROL_CODE", "OPENCLAW_ENROLL_CODE"),
        ("WHATSAPP_ALLOW_FROM", "WHATSAPP_ALLOW"),
    ];
    for (name, _) in named {
        agent.env(name, "swordfish");
    }
    agent.env("OPENCLAW_GATEWAY_TOKEN", "swordfish");
    let entries = log(&mut agent).await;
    for (name, nearest) in named {
        let warned = lines(&entries, "WARN", &format!("\"{name}\""));
        assert_eq!(warned.len(), 1, "{name}: {entries:#?}");
        assert_eq!(warned[0]["nearest"], nearest, "{name}");
    }
    assert_eq!(lines(&entries, "WARN", "OPENCLAW_GATEWAY_TOKEN").len(), 1);
    assert!(
        !format!("{entries:?}").contains("swordfish"),
        "no value is shown"
    );
}

#[tokio::test]
async fn variables_of_kubernetes_and_known_ones_cause_no_warning() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = agent(folder.path());
    for service in ["OPENCLAW", "OPENCLAW_AGENT", "OPENCLAW_HTTP"] {
        for (end, value) in [
            ("SERVICE_HOST", "10.0.0.7"),
            ("SERVICE_PORT", "50051"),
            ("SERVICE_PORT_GRPC", "50051"),
            ("PORT", "tcp://10.0.0.7:50051"),
            ("PORT_50051_TCP", "tcp://10.0.0.7:50051"),
            ("PORT_50051_TCP_PROTO", "tcp"),
            ("PORT_50051_TCP_PORT", "50051"),
            ("PORT_50051_TCP_ADDR", "10.0.0.7"),
        ] {
            agent.env(format!("{service}_{end}"), value);
        }
    }
    // Variables of the client, and one that the process passes to its next image.
    agent
        .env("OPENCLAW_AGENT", "/run/a.sock")
        .env("OPENCLAW_CONTEXT", "home");
    agent
        .env("OPENCLAW_JOURNAL_SIZE", "8")
        .env("OPENCLAW_ALERT_URL", "")
        .env("OPENCLAW_ENROLL_CODE", "");
    let entries = log(&mut agent).await;
    let unknown = lines(&entries, "WARN", "does nothing");
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[tokio::test]
async fn a_failed_start_also_reports_unknown_variables() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = bare::binary(folder.path());
    agent.args(DEAD).env("OPENCLAW_AUTH_KEYFILE", "swordfish");
    let ended = bare::run(&mut agent, "").await;
    assert_eq!(ended.code, Some(64));
    assert!(
        ended.stderr.starts_with("error: no key is given"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("OPENCLAW_AUTH_KEYFILE")
            && ended.stderr.contains("OPENCLAW_AUTH_KEY_FILE"),
        "{ended:?}"
    );
    assert!(!ended.stderr.contains("swordfish"));
}
