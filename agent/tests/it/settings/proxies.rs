//! Proxies in the environment: WhatsApp is reached without one, and that is reported.

use std::sync::Arc;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::access_client::AccessClient;

use super::{agent, lines, log};
use crate::harness::Agent;

const SET: &str = "proxy not used for WhatsApp";

#[tokio::test]
async fn an_unused_proxy_is_logged_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "HTTP_PROXY",
        "http_proxy",
    ] {
        let mut agent = agent(folder.path());
        let entries = log(agent.env(name, "http://anna:swordfish@proxy.example.com:3128/")).await;
        let warned = lines(&entries, "WARN", SET);
        assert_eq!(warned.len(), 1, "{name}: {entries:#?}");
        assert_eq!(warned[0]["variable"], name);
        assert_eq!(warned[0]["proxy"], "proxy.example.com:3128");
        assert_eq!(warned[0]["alerts"], "disabled");
        let entries = format!("{entries:?}");
        assert!(
            !entries.contains("swordfish") && !entries.contains("anna"),
            "{entries}"
        );
    }
    for nothing in ["", " ", "\"\""] {
        let mut agent = agent(folder.path());
        let entries = log(agent.env("HTTPS_PROXY", nothing)).await;
        assert_eq!(lines(&entries, "WARN", SET).len(), 0, "{nothing:?}");
    }
    for odd in [
        &b"http://anna:sword\xff@proxy.example.com"[..],
        b"sword fish",
    ] {
        let mut agent = agent(folder.path());
        let entries = log(agent.env("HTTPS_PROXY", super::bytes(odd))).await;
        assert_eq!(lines(&entries, "WARN", SET).len(), 1);
        assert!(!format!("{entries:?}").contains("sword"));
    }
}

#[tokio::test]
async fn the_log_shows_whether_alerts_use_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    for (url, exempt, alerts) in [
        ("https://hooks.example.com/", "", "proxied"),
        ("https://hooks.example.com/", "hooks.example.com", "direct"),
        ("http://127.0.0.1:9/", "", "direct"),
    ] {
        let mut agent = agent(folder.path());
        agent
            .env("HTTPS_PROXY", "http://proxy.example.com:3128")
            .env("NO_PROXY", exempt)
            .args(["--alert-url", url, "--alert-format", "slack"]);
        let entries = log(&mut agent).await;
        let warned = lines(&entries, "WARN", SET);
        assert_eq!(warned.len(), 1, "{entries:#?}");
        assert_eq!(warned[0]["alerts"], alerts, "{url} {exempt}");
    }
}

#[tokio::test]
async fn doctor_reports_the_proxy_too() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let environment = [(
        "HTTPS_PROXY",
        "http://anna:swordfish@proxy.example.com:3128",
    )];
    let mut agent = Agent::start_within(folder, "ws://127.0.0.1:1/ws/chat", &environment).await;
    let mut access = AccessClient::new(agent.channel());
    let found = access
        .diagnose(pb::DiagnoseRequest::default())
        .await
        .unwrap()
        .into_inner();
    let proxy: Vec<_> = found
        .findings
        .iter()
        .filter(|it| it.check == "proxy")
        .collect();
    assert_eq!(proxy.len(), 1, "{found:#?}");
    assert_eq!(proxy[0].state(), pb::FindingState::Note);
    let entries =
        "HTTPS_PROXY (proxy.example.com:3128) is set, but connections to WhatsApp do not use it";
    assert_eq!(proxy[0].text, entries);
    assert!(!proxy[0].hint.is_empty());
    assert_eq!(agent.terminate().await.code(), Some(0));
}
