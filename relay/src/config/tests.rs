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

/// scripts/check-kubernetes checks it against the rest of the fleet.
#[test]
fn the_configuration_of_the_fleet_on_kubernetes_is_read() {
    let path = "../deploy/fleet/relay/relay.toml";
    let config = Config::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    assert_eq!(config.agents.len(), 2);
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

fn hooked(settings: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let text = format!(
        "dead_letters = \"/var/lib/openclaw-relay\"\n\
         [[agent]]\nname = \"support\"\nendpoint = \"unix:/run/openclaw/agent.sock\"\n\
         [[webhook]]\nname = \"crm\"\nurl = \"https://crm.example.com/hooks/herring\"\nsecret_file = \"{}\"\n{settings}",
        secret.display()
    );
    (dir, text)
}

#[test]
fn a_webhook_needs_no_broker_and_gets_everything_by_default() {
    let (_dir, text) = hooked("");
    let config = Config::parse(&text).unwrap();
    assert!(config.broker.is_none());
    let webhook = &config.webhooks[0];
    assert!(webhook.wants("support") && webhook.filter().kinds.is_empty());
    assert_eq!(webhook.consumer("relay"), "relay.crm");
    assert!(
        !format!("{config:?}").contains("herring"),
        "the address is secret"
    );
    let nowhere = faults(&text[..text.find("[[webhook]]").unwrap()]);
    assert!(nowhere.contains("nowhere to relay to"), "{nowhere}");
}

#[test]
fn every_fault_of_a_webhook_is_reported_and_none_shows_its_address() {
    let (_dir, text) = hooked(
        "agents = [\"sales\"]\nkinds = [\"messages\"]\nchats = [\"15550100002\"]\nattempts = 0\n\
         timeout_seconds = 1000\ninline_file_bytes = 999999999\n",
    );
    let shown = faults(
        &text
            .replace("secret\"", "none\"")
            .replace("dead_letters", "#"),
    );
    for place in [
        "webhook 1, agents: no agent `sales`",
        "webhook 1, kinds: no kind `messages`",
        "webhook 1, chats:",
        "webhook 1, attempts: must be 1 to 100",
        "webhook 1, timeout_seconds:",
        "webhook 1, inline_file_bytes:",
        "webhook 1, secret_file:",
        "dead_letters: missing",
    ] {
        assert!(shown.contains(place), "{place}: {shown}");
    }
    for address in [
        "http://crm.example.com/herring",
        "https://a:herring@h/",
        "herring",
    ] {
        let shown = faults(&text.replace("https://crm.example.com/hooks/herring", address));
        assert!(shown.contains("url: it "), "{shown}");
        assert!(!shown.contains("herring"), "{shown}");
    }
}

#[test]
fn commands_need_a_broker() {
    let (_dir, text) = hooked("");
    let text = text.replace("agent.sock\"", "agent.sock\"\ncommands = true");
    let shown = faults(&text);
    assert!(
        shown.contains("agent 1, commands: they come from a broker"),
        "{shown}"
    );
}
