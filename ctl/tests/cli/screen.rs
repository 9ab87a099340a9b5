//! `pair` and `unpair` on a terminal: what a person sees, and the state afterwards.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::codes::PAYLOAD;
use crate::script::Script;
use crate::scripted_agent::ScriptedAgent;
use crate::terminal::{BEFORE, Terminal};

const DARK: u8 = 0;
const LIGHT: u8 = 255;
const WAY: &str = "WhatsApp → Settings → Linked devices → Link a device";

/// Starts an agent that follows `script`, and the binary with `args` on a terminal.
pub(crate) async fn start(
    script: Script,
    args: &[&str],
    env: &[(&str, &str)],
    size: (u16, u16),
) -> (TempDir, ScriptedAgent, Terminal) {
    start_in(None, script, args, env, size).await
}

/// The same through a shell line with job control, in which `$0` is the binary.
pub(crate) async fn start_in(
    shell: Option<&str>,
    script: Script,
    args: &[&str],
    env: &[(&str, &str)],
    size: (u16, u16),
) -> (TempDir, ScriptedAgent, Terminal) {
    let dir = tempfile::tempdir().unwrap();
    let printed = Arc::new(watch::Sender::default());
    let socket = dir.path().join("agent.sock");
    let agent = ScriptedAgent::start(&socket, script, printed.subscribe()).await;
    let terminal = Terminal::start(dir.path(), shell, args, env, size, &printed);
    (dir, agent, terminal)
}

pub(crate) fn pairing(steps: Vec<Value>) -> Script {
    Script {
        pair: [steps].into(),
        ..Script::default()
    }
}

pub(crate) fn code() -> Value {
    json!({"qr": {"payload": PAYLOAD, "ordinal": 1, "expires_at": "now+59900ms"}})
}

pub(crate) fn hold() -> Value {
    json!({"hold": true})
}

#[tokio::test]
async fn ctrl_c_restores_the_terminal_and_stops_the_pairing() {
    let (_dir, agent, mut terminal) =
        start(pairing(vec![code(), hold()]), &["pair"], &[], (80, 40)).await;
    terminal
        .until("a code", |t| t.code(DARK).as_deref() == Some(PAYLOAD))
        .await;
    terminal
        .until("a countdown", |t| t.text().contains("Code 1, expires in "))
        .await;
    let shown = terminal.text();
    assert!(
        shown.starts_with(WAY) && shown.ends_with(" s. Ctrl-C stops."),
        "{shown}"
    );
    assert!(!terminal.is_as_before());

    terminal.type_keys("\x03").await;
    assert_eq!(terminal.end().await, Some(1));
    assert!(terminal.is_as_before(), "{}", terminal.text());
    assert_eq!(
        terminal.text(),
        format!(
            "{BEFORE}\nerror: stopped before the phone was linked\n\
             hint: run `openclawctl pair` again for a new code"
        )
    );
    agent.until_asked("Pair closed").await;
}

#[tokio::test]
async fn sigterm_restores_the_terminal_too() {
    let (_dir, agent, mut terminal) = start(
        pairing(vec![json!({"scanned": {}}), hold()]),
        &["pair"],
        &[],
        (80, 40),
    )
    .await;
    terminal
        .until("the scan", |t| t.text().contains("accepted"))
        .await;
    terminal.terminate();
    assert_eq!(terminal.end().await, Some(1));
    assert!(terminal.is_as_before(), "{}", terminal.text());
    assert!(
        terminal
            .text()
            .contains("`openclawctl status` shows whether it is linked")
    );
    agent.until_asked("Pair closed").await;
}

#[tokio::test]
async fn colours_make_the_code_readable_on_any_background() {
    for args in [&["pair"][..], &["pair", "--format", "ascii"]] {
        let script = pairing(vec![code(), hold()]);
        let (_dir, _agent, mut terminal) = start(script, args, &[], (140, 80)).await;
        terminal
            .until("a code", |t| t.code(DARK).as_deref() == Some(PAYLOAD))
            .await;
        assert_eq!(terminal.code(LIGHT).as_deref(), Some(PAYLOAD));
    }
}

#[tokio::test]
async fn with_no_color_the_code_decodes_on_a_dark_terminal() {
    let env = [("NO_COLOR", "1")];
    let (_dir, _agent, mut terminal) =
        start(pairing(vec![code(), hold()]), &["pair"], &env, (80, 40)).await;
    terminal
        .until("a code", |t| t.code(DARK).as_deref() == Some(PAYLOAD))
        .await;
    assert!(!terminal.raw().contains("38;5") && !terminal.raw().contains("48;5"));
}

#[tokio::test]
async fn a_narrow_terminal_is_reported_and_draws_as_soon_as_the_code_fits() {
    let (_dir, _agent, mut terminal) =
        start(pairing(vec![code(), hold()]), &["pair"], &[], (40, 40)).await;
    terminal
        .until("words", |t| t.text().contains("--format png=FILE"))
        .await;
    assert!(terminal.text().starts_with("This terminal is too small"));
    assert_eq!(terminal.code(DARK), None);

    terminal.resize(80, 40);
    terminal
        .until("a code", |t| t.code(DARK).as_deref() == Some(PAYLOAD))
        .await;
    let clears = |t: &Terminal| t.raw().matches("\x1b[2J").count();
    let before = clears(&terminal);
    terminal.resize(100, 50);
    terminal
        .until("the code again", |t| {
            clears(t) > before && t.code(DARK).as_deref() == Some(PAYLOAD)
        })
        .await;
    terminal.resize(80, 24);
    terminal
        .until("words", |t| t.text().contains("too small"))
        .await;
    assert_eq!(terminal.code(DARK), None);
}

#[tokio::test]
async fn ascii_that_does_not_fit_suggests_half_blocks() {
    let args = ["pair", "--format", "ascii"];
    let (_dir, _agent, mut terminal) =
        start(pairing(vec![code(), hold()]), &args, &[], (100, 50)).await;
    terminal
        .until("words", |t| t.text().contains("--format unicode"))
        .await;
    assert!(terminal.text().is_ascii());
}

#[tokio::test]
async fn the_next_code_replaces_the_previous_one() {
    let second = json!({"qr": {"payload": "2@second", "ordinal": 2}});
    let steps = vec![code(), json!({"when": "Code 1"}), second, hold()];
    let (_dir, _agent, mut terminal) = start(pairing(steps), &["pair"], &[], (80, 40)).await;
    terminal
        .until("the second code", |t| {
            t.code(DARK).as_deref() == Some("2@second")
        })
        .await;
    terminal
        .until("its number", |t| t.text().contains("Code 2. Ctrl-C stops."))
        .await;
    assert!(!terminal.text().contains("Code 1"));
    assert_eq!(terminal.text().matches(WAY).count(), 1);
}

#[tokio::test]
async fn typed_input_is_not_shown_and_does_not_reach_the_shell() {
    let linked = json!({"linked": {"phone": "+15550100001", "device": "OpenClaw"}});
    let script = pairing(vec![code(), json!({"when": "typed"}), linked]);
    let shell = "\"$0\" pair; read line; echo \"the shell got: $line\"";
    let (_dir, _agent, mut terminal) = start_in(Some(shell), script, &[], &[], (80, 40)).await;
    terminal
        .until("a code", |t| t.code(DARK).as_deref() == Some(PAYLOAD))
        .await;
    terminal.type_keys("rm -rf\r\x1a").await;
    terminal.mark("typed");
    terminal
        .until("the link", |t| {
            t.text().contains("next: `openclawctl status`")
        })
        .await;
    assert!(terminal.is_as_before(), "{}", terminal.text());
    terminal.type_keys("exit\r").await;
    assert_eq!(terminal.end().await, Some(0));
    let text = terminal.text();
    assert!(text.contains("Linked: +15550100001\nnext: "), "{text}");
    assert!(text.contains("the shell got: exit"), "{text}");
    assert!(!terminal.raw().contains("rm -rf"), "{}", terminal.raw());
}

#[tokio::test]
async fn a_broken_stream_restores_the_terminal() {
    let steps = vec![code(), json!({"when": "Code 1"}), json!({"cut": true})];
    let (_dir, _agent, mut terminal) = start(pairing(steps), &["pair"], &[], (80, 40)).await;
    assert_eq!(terminal.end().await, Some(3));
    assert!(terminal.is_as_before());
    assert!(
        terminal
            .text()
            .contains("error: the connection to the agent was lost while pairing")
    );
}

#[tokio::test]
async fn the_screen_follows_the_pairing_from_phone_code_to_scan() {
    let steps = vec![
        json!({"phone_code": {"code": "ABCDEFGH", "expires_at": "now+179900ms"}}),
        json!({"when": "ABCD-EFGH"}),
        json!({"scanned": {}}),
        hold(),
    ];
    let args = ["pair", "--phone", "+15550100001"];
    let (_dir, _agent, mut terminal) = start(pairing(steps), &args, &[], (60, 20)).await;
    terminal
        .until("the scan", |t| {
            t.text().starts_with("The phone accepted the code")
        })
        .await;
    assert_eq!(terminal.text().lines().count(), 1, "{}", terminal.text());
}

/// An assertion for `challenge`, as the button on the page copies it.
pub(crate) fn assertion(challenge: &str) -> String {
    let data = json!({
        "type": "webauthn.get",
        "challenge": challenge,
        "origin": "https://web.whatsapp.com",
        "padding": "x".repeat(4_500),
    });
    let data = URL_SAFE_NO_PAD.encode(data.to_string());
    json!({"id": "aWQ", "rawId": "aWQ", "response": {"clientDataJSON": data}}).to_string()
}

#[tokio::test]
async fn a_passkey_is_answered_by_pasting_and_a_code_by_typing() {
    let options = r#"{"challenge":"YWJj"}"#;
    let steps = vec![
        code(),
        json!({"when": "Code 1"}),
        json!({"passkey": {"request_options_json": options, "expires_at": "now+600s"}}),
        json!({"when": "Accepted"}),
        json!({"passkey": {"confirmation_code": "12\u{1b}[2J34"}}),
        json!({"when": "confirmed"}),
        json!({"scanned": {}}),
        json!({"linked": {"phone": "+15550100001"}}),
    ];
    let script = Script {
        answer_passkey: [
            json!({"error": {"code": "FAILED_PRECONDITION", "message": "not now", "reason": "X", "hint": "later"}}),
            json!({}),
        ]
        .into(),
        confirm_passkey: [
            json!({"error": {"code": "INVALID_ARGUMENT", "message": "other code", "reason": "OTHER_CODE", "hint": "again"}}),
            json!({}),
        ]
        .into(),
        ..pairing(steps)
    };
    let args = ["pair", "--compare-code"];
    let (_dir, agent, mut terminal) = start(script, &args, &[], (100, 50)).await;
    terminal
        .until("the steps, and the time left", |t| {
            t.text().contains("4. Paste the answer here") && t.text().contains("Time left: 9:")
        })
        .await;
    assert!(terminal.text().contains("challenge"), "{}", terminal.text());
    // Longer than the 4,095 bytes of a terminal's line.
    for (pasted, shown) in [
        ("nonsense\r".to_owned(), "error: this is not the answer"),
        (
            assertion("YWJk") + "\r",
            "error: this answer belongs to another pairing",
        ),
        (assertion("YWJj") + "\r", "error: not now"),
        (assertion("YWJj") + "\r", "Accepted"),
    ] {
        terminal.type_keys(&pasted).await;
        terminal.until(shown, |t| t.text().contains(shown)).await;
    }
    terminal
        .until("the code", |t| t.text().contains("12\\u{1b}[2J34"))
        .await;
    assert!(
        !terminal.text().contains("clientDataJSON\":"),
        "no echo: {}",
        terminal.text()
    );
    terminal.type_keys("ABCD\n").await;
    terminal
        .until("the refusal", |t| t.text().contains("error: other code"))
        .await;
    terminal.type_keys("1234\n").await;
    agent.until_asked(r#"ConfirmPasskey {"code":"1234"}"#).await;
    terminal.mark("confirmed");
    assert_eq!(terminal.end().await, Some(0), "{}", terminal.text());
    assert!(terminal.is_as_before(), "{}", terminal.text());
    assert!(terminal.text().contains("Linked: "), "{}", terminal.text());
}

#[tokio::test]
async fn a_dumb_terminal_is_treated_as_a_pipe() {
    let env = [("TERM", "dumb")];
    let steps = vec![code(), json!({"linked": {"phone": "+15550100001"}})];
    let (_dir, _agent, mut terminal) = start(pairing(steps), &["pair"], &env, (80, 50)).await;
    assert_eq!(terminal.end().await, Some(0));
    assert!(!terminal.raw().contains('\x1b'));
    assert_eq!(terminal.code(DARK).as_deref(), Some(PAYLOAD));
}

#[tokio::test]
async fn unpair_asks_and_accepts_only_y_or_yes() {
    for (typed, exit, asked) in [
        ("y\r", 0, vec!["Status {}", "Unpair {}"]),
        ("\r", 1, vec!["Status {}"]),
        ("nyes\r", 1, vec!["Status {}"]),
        ("\x04", 1, vec!["Status {}"]),
    ] {
        let status = json!({"link": {"state": "LINK_STATE_CONNECTED", "phone": "+15550100001"}});
        let script = Script {
            status: [status].into(),
            unpair: [json!({"confirmed": true})].into(),
            ..Script::default()
        };
        let (_dir, agent, mut terminal) = start(script, &["unpair"], &[], (90, 24)).await;
        let question = "Unlink this agent from +15550100001 and wipe its credentials? [y/N]";
        terminal
            .until("the question", |t| t.text().contains(question))
            .await;
        terminal.type_keys(typed).await;
        assert_eq!(terminal.end().await.unwrap_or(-1), exit, "{typed:?}");
        assert_eq!(agent.asked(), asked, "{typed:?}");
    }
}

#[tokio::test]
async fn send_does_not_wait_for_text_on_a_terminal() {
    let args = ["send", "+15550100002"];
    let (_dir, agent, mut terminal) = start(Script::default(), &args, &[], (90, 24)).await;
    assert_eq!(terminal.end().await, Some(2));
    assert!(terminal.text().contains("error: no text to send"));
    assert!(agent.asked().is_empty());
}
