//! Codes on small terminals, and on terminals without UTF-8.

use serde_json::{Value, json};

use crate::codes::PAYLOAD;
use crate::screen::start;
use crate::script::Script;

const DARK: u8 = 0;
const LIGHT: u8 = 255;

fn pairing() -> Script {
    let code: Value = json!({"qr": {"payload": PAYLOAD, "ordinal": 1}});
    Script {
        pair: [vec![code, json!({"hold": true})]].into(),
        ..Script::default()
    }
}

#[tokio::test]
async fn a_code_with_half_its_quiet_zone_decodes_on_every_background() {
    for (env, ground) in [(&[][..], DARK), (&[], LIGHT), (&[("NO_COLOR", "1")], DARK)] {
        // Two modules per cell, and one line above and below: the full code needs four columns and two lines more.
        for size in [(57, 31), (60, 36), (70, 32)] {
            let (_dir, _agent, mut terminal) = start(pairing(), &["pair"], env, size).await;
            terminal
                .until("a code", |t| t.code(ground).as_deref() == Some(PAYLOAD))
                .await;
            assert_eq!(terminal.text().lines().count(), 31, "{size:?}");
        }
        let (_dir, _agent, mut terminal) = start(pairing(), &["pair"], env, (56, 31)).await;
        terminal
            .until("words", |t| t.text().contains("too small"))
            .await;
    }
}

#[tokio::test]
async fn a_terminal_without_utf_8_gets_ascii_automatically() {
    for env in [
        &[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")][..],
        &[("LC_CTYPE", "POSIX"), ("LANG", "en_US.UTF-8")],
        &[("LANG", "en_US.ISO-8859-1")],
        &[("TERM", "linux")],
    ] {
        let (_dir, _agent, mut terminal) = start(pairing(), &["pair"], env, (140, 70)).await;
        terminal
            .until("a code", |t| t.code(DARK).as_deref() == Some(PAYLOAD))
            .await;
        assert!(
            terminal.text().is_ascii() && terminal.raw().is_ascii(),
            "{env:?}"
        );
        // If it does not fit, half blocks are not suggested.
        terminal.resize(100, 50);
        terminal
            .until("words", |t| t.text().contains("too small"))
            .await;
        let text = terminal.text();
        assert!(
            text.contains("png=FILE") && text.contains("--phone") && !text.contains("unicode"),
            "{text}"
        );
    }
    for env in [
        &[("LC_ALL", "C.UTF-8")][..],
        &[("LANG", "de_DE.utf8")],
        &[("LC_ALL", ""), ("LANG", "C.UTF-8")],
    ] {
        let (_dir, _agent, mut terminal) = start(pairing(), &["pair"], env, (80, 40)).await;
        terminal
            .until("a code", |t| t.code(DARK).as_deref() == Some(PAYLOAD))
            .await;
        assert!(!terminal.text().is_ascii(), "{env:?}");
    }
}

#[tokio::test]
async fn an_explicit_format_overrides_the_locale() {
    let args = ["pair", "--format", "unicode"];
    let (_dir, _agent, mut terminal) = start(pairing(), &args, &[("LC_ALL", "C")], (80, 40)).await;
    terminal
        .until("a code", |t| t.code(DARK).as_deref() == Some(PAYLOAD))
        .await;
    assert!(terminal.text().contains('▀'));
}
