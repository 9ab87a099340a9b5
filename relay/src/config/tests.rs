//! Configurations, and what `check` finds in them without a connection.

use super::*;

const GOOD: &str = r#"
http = "127.0.0.1:9464"

[broker]
servers = ["nats://127.0.0.1:4222"]

[[agent]]
name = "support"
endpoint = "unix:/run/openclaw/agent.sock"

[[agent]]
name = "sales"
endpoint = "agent.example.com:443"
credentials = "/etc/openclaw-relay/sales"
start = "new"
commands = true
"#;

fn faults(text: &str) -> String {
    Config::parse(text).unwrap_err().to_string()
}

#[test]
fn a_file_with_the_defaults_is_read() {
    let config = Config::parse(GOOD).unwrap();
    assert_eq!(config.broker.unwrap().events_stream, "OPENCLAW_EVENTS");
    assert_eq!(config.agents.len(), 2);
    let [support, sales] = &config.agents[..] else {
        panic!("two agents")
    };
    assert_eq!(
        support.address(),
        Some(Address::Unix("/run/openclaw/agent.sock".into()))
    );
    assert_eq!((support.start, support.commands), (Start::Oldest, false));
    assert_eq!((sales.start, sales.commands), (Start::New, true));
}

#[test]
fn an_unknown_setting_is_a_fault_with_its_line() {
    let shown = faults(&GOOD.replace("start = ", "strat = "));
    assert!(
        shown.starts_with("error: line 15: unknown field `strat`"),
        "{shown}"
    );
}

#[test]
fn every_fault_is_reported_with_its_place() {
    let text = GOOD
        .replace("support", "sup.port")
        .replace("nats://127.0.0.1:4222", "http://127.0.0.1")
        .replace("credentials = \"/etc/openclaw-relay/sales\"", "");
    let shown = faults(&text);
    for place in [
        "broker, servers:",
        "agent 1, name:",
        "agent 2, credentials:",
    ] {
        assert!(shown.contains(place), "{shown}");
    }
    assert_eq!(shown.matches("hint: ").count(), 3, "{shown}");
}

#[test]
fn a_name_that_subjects_would_read_otherwise_is_refused() {
    for name in ["", "a.b", "*", ">", "a b", "ä", "a/b", &"x".repeat(65)] {
        let shown = faults(&GOOD.replace("support", name));
        assert!(shown.contains("agent 1, name:"), "{name}: {shown}");
    }
    let twice = faults(&GOOD.replace("sales\"\nendpoint", "support\"\nendpoint"));
    assert!(twice.contains("used twice"), "{twice}");
}

#[test]
fn a_password_in_an_address_is_refused_and_not_shown() {
    let shown = faults(&GOOD.replace("nats://127", "nats://relay:hunter2@127"));
    assert!(shown.contains("has a password"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}
