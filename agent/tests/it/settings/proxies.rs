//! Proxies and private authorities: which variable counts, and what is wrong with it, without its password.

use super::{agent, bytes, lines, log};
use crate::harness::bare;

const PASSWORD: &str = "swordfish";

/// The line about the way out.
async fn way(agent: &mut tokio::process::Command) -> (String, String) {
    let entries = log(agent).await;
    assert!(!format!("{entries:?}").contains(PASSWORD), "{entries:#?}");
    let found = lines(&entries, "INFO", "connecting");
    let way = found.first().expect("the way is logged");
    let text = |name: &str| way[name].as_str().unwrap_or_default().to_owned();
    (text("proxy"), text("source"))
}

#[tokio::test]
async fn the_first_variable_that_is_set_counts() {
    let folder = tempfile::tempdir().unwrap();
    let named = [
        ("OPENCLAW_PROXY", 1),
        ("https_proxy", 2),
        ("HTTPS_PROXY", 3),
        ("all_proxy", 4),
        ("ALL_PROXY", 5),
    ];
    for first in 0..named.len() {
        let mut agent = agent(folder.path());
        for (name, port) in &named[first..] {
            agent.env(name, format!("http://anna:{PASSWORD}@127.0.0.1:{port}/"));
        }
        let (name, port) = named[first];
        let expected = (format!("http://127.0.0.1:{port}"), name.to_owned());
        assert_eq!(way(&mut agent).await, expected);
    }
    let mut agent = agent(folder.path());
    agent.env("OPENCLAW_PROXY", "http://127.0.0.1:1");
    agent.args(["--proxy", "socks5h://[::1]"]);
    let expected = ("socks5h://[::1]:1080".to_owned(), "--proxy".to_owned());
    assert_eq!(way(&mut agent).await, expected);
}

#[tokio::test]
async fn a_bad_proxy_is_refused_by_the_name_of_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    for (value, why) in [
        (&b"http://anna:swordfish@"[..], "is not an address"),
        (b"ftp://anna:swordfish@127.0.0.1:1", "scheme"),
        (b"socks4://127.0.0.1:1", "SOCKS4"),
        (b"http://127.0.0.1:1/path?swordfish", "after the port"),
        (b"http://anna:sword\xfffish@127.0.0.1:1", "not UTF-8"),
        (b"\"http://127.0.0.1:1", "quotation mark"),
    ] {
        for name in ["OPENCLAW_PROXY", "https_proxy", "ALL_PROXY"] {
            let mut agent = agent(folder.path());
            let ended = bare::run(agent.env(name, bytes(value)), "").await;
            assert_eq!(ended.code, Some(64), "{ended:?}");
            let why = why.replace("after the port", "may follow the port");
            let said = ended.stderr.contains(name) && ended.stderr.contains(&why);
            assert!(said, "{why}: {}", ended.stderr);
            assert!(!ended.stderr.contains("sword"), "{}", ended.stderr);
        }
    }
    // A simulator build has no way to anything that is not on this machine.
    let mut agent = agent(folder.path());
    agent.args(["--proxy", "http://proxy.example.com:3128"]);
    let ended = bare::run(&mut agent, "").await;
    assert_eq!(ended.code, Some(64));
    assert!(
        ended.stderr.contains("--proxy: a simulator build"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_proxy_that_is_not_used_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [
        ("HTTP_PROXY", "http://anna:swordfish@127.0.0.1:1"),
        ("socks_proxy", "socks5://anna:swordfish@127.0.0.1:1"),
        // Another program's, for a simulator build.
        (
            "HTTPS_PROXY",
            "http://anna:swordfish@proxy.example.com:3128",
        ),
    ] {
        let mut agent = agent(folder.path());
        let entries = log(agent.env(name, value)).await;
        let warned = lines(&entries, "WARN", "proxy not used");
        assert_eq!(warned.len(), 1, "{name}: {entries:#?}");
        assert_eq!(warned[0]["variable"], name);
        assert!(!format!("{entries:?}").contains(PASSWORD));
    }
    for (name, value) in [("HTTP_PROXY", ""), ("HTTPS_PROXY", "none")] {
        let mut agent = agent(folder.path());
        let entries = log(agent.env(name, value)).await;
        assert_eq!(lines(&entries, "WARN", "proxy not used").len(), 0);
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
            .env("HTTPS_PROXY", "http://127.0.0.1:1")
            .env("NO_PROXY", exempt)
            .args(["--alert-url", url, "--alert-format", "slack"]);
        let entries = log(&mut agent).await;
        let way = lines(&entries, "INFO", "connecting through a proxy");
        assert_eq!(way.len(), 1, "{entries:#?}");
        assert_eq!(way[0]["alerts"], alerts, "{url} {exempt}");
    }
}

#[tokio::test]
async fn a_file_without_authorities_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let garbled = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    for (content, why) in [
        (Some(""), "it is empty"),
        (Some("hello"), "it has no certificate in PEM"),
        (Some(garbled), "its certificate number 1 is garbled"),
        (None, "No such file"),
    ] {
        match content {
            Some(content) => std::fs::write(&file, content).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let mut agent = agent(folder.path());
        agent.env("OPENCLAW_CA_FILE", &file);
        let ended = bare::run(&mut agent, "").await;
        assert_eq!(ended.code, Some(64), "{ended:?}");
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(
            said.contains(why) && said.contains("ca.pem"),
            "{why}: {said}"
        );
    }
    let trusted = openclaw_trust::Identity::generate().unwrap();
    std::fs::write(&file, trusted.certificate_pem()).unwrap();
    let mut agent = agent(folder.path());
    let entries = log(agent.env("OPENCLAW_CA_FILE", &file)).await;
    let way = lines(&entries, "INFO", "connecting directly");
    assert_eq!(way[0]["ca_file"], file.to_str().unwrap());
}
