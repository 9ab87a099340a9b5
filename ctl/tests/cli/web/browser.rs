//! How the page is opened.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use super::{Served, address, code, send};
use crate::screen;
use crate::script::Script;

fn pairing() -> Script {
    Script {
        pair: [code()].into(),
        ..Script::default()
    }
}

/// A program `xdg-open` in this directory.
fn opener(dir: &Path, script: &str) {
    let path = dir.join("xdg-open");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn with_a_display_the_page_is_opened() {
    let bin = tempfile::tempdir().unwrap();
    let opened = bin.path().join("opened");
    // As a browser: it visits the address.
    opener(
        bin.path(),
        &format!(
            "printf %s \"$1\" >{0}.part; mv {0}.part {0}",
            opened.display()
        ),
    );
    let path = format!("{}:/usr/bin:/bin", bin.path().display());
    let env = [("PATH", path.as_str()), ("DISPLAY", ":0")];
    let (_dir, agent, mut terminal) =
        screen::start(pairing(), &["pair", "--web"], &env, (200, 30)).await;
    terminal
        .until("the note", |t| t.text().contains("Ctrl-C stops."))
        .await;
    terminal
        .until("the address", |t| t.text().contains("/open/"))
        .await;
    let waiting = async {
        while !opened.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::program::DEADLINE, waiting)
        .await
        .unwrap();
    let (host, token) = address(&fs::read_to_string(&opened).unwrap());
    let reply = send(&host, "GET", &format!("/open/{token}"), &[], "").await;
    assert_eq!(reply.status, 303);
    terminal.type_keys("\x03").await;
    assert_eq!(terminal.end().await, Some(1));
    agent.until_asked("Pair closed").await;
}

#[tokio::test]
async fn a_browser_that_does_not_open_is_reported() {
    for script in ["exit 3", ""] {
        let bin = tempfile::tempdir().unwrap();
        if !script.is_empty() {
            opener(bin.path(), script);
        }
        let path = bin.path().to_string_lossy().into_owned();
        let env = [("PATH", path.as_str()), ("WAYLAND_DISPLAY", "wayland-0")];
        let (_dir, _agent, mut terminal) =
            screen::start(pairing(), &["pair", "--web"], &env, (200, 30)).await;
        terminal
            .until("the failure", |t| {
                t.text().contains("open the address above yourself")
            })
            .await;
        terminal.terminate();
        assert_eq!(terminal.end().await, Some(1));
    }
}

#[tokio::test]
async fn without_a_display_or_on_request_the_address_is_printed() {
    for (args, env) in [
        (&["pair", "--web"][..], &[][..]),
        (&["pair", "--web", "--no-open"], &[("DISPLAY", ":0")]),
    ] {
        let (_dir, _agent, mut terminal) = screen::start(pairing(), args, env, (200, 30)).await;
        terminal
            .until("the address", |t| t.text().contains("ssh -L"))
            .await;
        assert!(
            terminal.text().contains("\nhttp://127.0.0.1:"),
            "{}",
            terminal.text()
        );
        terminal.terminate();
        assert_eq!(terminal.end().await, Some(1));
    }
}

#[tokio::test]
async fn the_port_can_be_chosen() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    let dir = tempfile::tempdir().unwrap();
    let printed = std::sync::Arc::default();
    let args = ["pair", "--web", "--port", &port].map(str::to_owned);
    let env = [(
        "OPENCLAW_AGENT".to_owned(),
        format!("unix:{}/none", dir.path().display()),
    )];
    let program =
        crate::program::Program::start(dir.path(), &args, &env.into(), None, &printed).await;
    let ended = program.end().await;
    let expected = format!(
        "error: cannot listen on 127.0.0.1:{port}: Address in use (os error 98)\n\
         hint: choose another port with --port, or leave it out\n"
    );
    assert_eq!(
        (ended.stderr.replace("already ", "").as_str(), ended.exit),
        (expected.as_str(), Some(1))
    );
    drop(free);
    let served = Served::start(vec![vec![json!({"hold": true})]], &["--port", &port]).await;
    assert_eq!(served.host, format!("127.0.0.1:{port}"));
}
