//! The alert signing secret: used exactly as the receiver has it, or refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{agent, bare, bytes, is_refused, private};
use crate::alerts::Receiver;
use crate::harness::World;

/// The receiver's key (`alerts/receiver.rs`), in the format of Standard Webhooks.
fn secret() -> String {
    format!("whsec_{}", STANDARD.encode(crate::alerts::KEY))
}

/// A linked agent that signs alerts with a secret from a file with this content, or from a variable.
async fn signs(receiver: &Receiver, given: &str, by_file: bool) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    private(&file, given.as_bytes());
    let url = receiver.url();
    let world = if by_file {
        World::linked_with(&[
            "--alert-url",
            &url,
            "--alert-secret-file",
            file.to_str().unwrap(),
        ])
        .await
    } else {
        let mut world = World::linked().await;
        assert_eq!(world.agent.terminate().await.code(), Some(0));
        let (whatsapp, args) = (world.sim.url(), ["--alert-url", &url]);
        world
            .agent
            .start_again_where(&whatsapp, &args, ("OPENCLAW_ALERT_SECRET", given))
            .await;
        world
    };
    let before = receiver.count();
    world.test_alert().await;
    // The receiver checks each signature as the specification requires, and panics on a wrong one.
    assert_eq!(
        receiver.until_count(before + 1).await,
        before + 1,
        "{given:?}"
    );
    world.finish().await;
}

#[tokio::test]
async fn quotes_and_marks_around_an_encoded_secret_are_removed() {
    let receiver = Receiver::start().await;
    let secret = secret();
    for (open, close) in [("\"", "\""), ("'", "'\n"), ("\u{feff}", "\r\n"), (" ", " ")] {
        let given = format!("{open}{secret}{close}");
        signs(&receiver, &given, true).await;
    }
    signs(&receiver, &format!("\"{secret}\""), false).await;
    signs(&receiver, &format!("\u{feff}{secret}"), false).await;
    signs(&receiver, &format!("{}\n", crate::alerts::KEY), true).await;
}

#[tokio::test]
async fn a_plain_text_secret_with_quotes_or_marks_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let word = "correct horse battery staple";
    for odd in [
        format!("\"{word}\""),
        format!("'{word}'"),
        format!("\u{feff}{word}"),
        format!(" {word}"),
        format!("{word}\u{a0}"),
        format!("{word}\n{word}"),
        format!("\"{word}"),
        format!("{word}'"),
        format!("{word}\\n"),
        format!("WHSEC_{word}"),
        format!("OPENCLAW_ALERT_SECRET=whsec_{word}"),
    ] {
        let mut by_variable = agent(folder.path());
        by_variable
            .args(["--alert-url", "https://hooks.example.com/"])
            .env("OPENCLAW_ALERT_SECRET", &odd);
        let ended = bare::run(&mut by_variable, "").await;
        is_refused(&ended, "OPENCLAW_ALERT_SECRET");
        assert!(!ended.stderr.contains("horse"), "{ended:?}");
        private(&folder.path().join("secret"), odd.as_bytes());
        let mut by_file = agent(folder.path());
        by_file.args([
            "--alert-url",
            "https://hooks.example.com/",
            "--alert-secret-file",
            "secret",
        ]);
        let ended = bare::run(&mut by_file, "").await;
        is_refused(&ended, "secret");
        assert!(!ended.stderr.contains("horse"), "{ended:?}");
    }
    private(&folder.path().join("secret"), b"\xff\xfec\0o\0");
    let mut by_file = agent(folder.path());
    by_file.args([
        "--alert-url",
        "https://hooks.example.com/",
        "--alert-secret-file",
        "secret",
    ]);
    is_refused(&bare::run(&mut by_file, "").await, "secret");
}

#[tokio::test]
async fn quotes_around_the_receivers_url_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    for address in [
        "\"https://hooks.example.com/swordfish\"",
        "\u{feff}https://hooks.example.com/swordfish\n",
    ] {
        let mut agent = agent(folder.path());
        agent
            .env("OPENCLAW_ALERT_URL", address)
            .env("OPENCLAW_ALERT_SECRET", secret());
        let entries = super::log(&mut agent).await;
        assert!(!format!("{entries:?}").contains("swordfish"));
    }
    let mut agent = agent(folder.path());
    agent.env(
        "OPENCLAW_ALERT_URL",
        bytes(b"https://hooks.example.com/\xa0"),
    );
    is_refused(&bare::run(&mut agent, "").await, "OPENCLAW_ALERT_URL");
}

#[tokio::test]
async fn a_url_without_a_secret_is_refused_and_names_its_flag_or_variable() {
    let folder = tempfile::tempdir().unwrap();
    let address = "https://hooks.example.com/";
    let mut by_variable = agent(folder.path());
    by_variable
        .env("OPENCLAW_ALERT_URL", address)
        .env("OPENCLAW_ALERT_SECRET", "");
    let ended = bare::run(&mut by_variable, "").await;
    is_refused(&ended, "OPENCLAW_ALERT_URL: no secret to sign alerts");
    let mut by_flag = agent(folder.path());
    let ended = bare::run(by_flag.args(["--alert-url", address]), "").await;
    is_refused(&ended, "--alert-url: no secret to sign alerts");
}
