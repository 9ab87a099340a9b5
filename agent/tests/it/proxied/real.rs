//! Through pproxy, an independent proxy for HTTP CONNECT and SOCKS5.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_sim::By;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::{has_no_password, network, within};
use crate::harness::{ACCOUNT, ANNA, POLL, TEST_TIMEOUT, WORD, World, refusal};
use crate::versions::Named;

/// A proxy process. Dropping it kills it.
struct RealProxy {
    port: u16,
    child: Child,
    /// Its log: a line for each connection.
    log: Arc<Mutex<Vec<String>>>,
}

impl RealProxy {
    /// `login` is `USER:PASSWORD`, or empty.
    async fn start(scheme: &str, login: &str) -> Self {
        Self::start_at(openclaw_sim::spare_port(), scheme, login).await
    }

    async fn start_at(port: u16, scheme: &str, login: &str) -> Self {
        let python = std::env::var("PROXY_PYTHON").expect("scripts/with-python sets it");
        let mut listen = format!("{scheme}://127.0.0.1:{port}");
        if !login.is_empty() {
            listen = format!("{listen}#{login}");
        }
        let mut child = Command::new(python)
            // Each connection is authenticated, not each address once.
            .args(["-u", "-m", "pproxy", "-v", "--auth", "0", "-l", &listen])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().unwrap().push(line);
            }
        });
        let listening = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(POLL).await;
            }
        };
        let listening = tokio::time::timeout(TEST_TIMEOUT, listening).await;
        listening.expect("the proxy listens");
        Self { port, child, log }
    }

    /// How many connections it has made to this `HOST:PORT`.
    fn connections_to(&self, address: &str) -> usize {
        let log = self.log.lock().unwrap();
        let end = format!(" -> {address}");
        log.iter().filter(|line| line.ends_with(&end)).count()
    }

    async fn stop(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The address of a URL.
fn address(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    rest.split('/').next().unwrap()
}

/// Anna sends a picture. Returns its seq.
async fn receives_picture(world: &World) -> u64 {
    let picture = json!({ "image": { "fill": 100_000 } });
    let id = world.anna_sends(&picture).await;
    world.seq_of(&id).await
}

async fn everything_through(scheme: &str, login: &str) {
    let proxy = RealProxy::start(scheme.trim_end_matches('h'), login).await;
    let version = Named::start("2.3000.1050000001").await;
    let at = if login.is_empty() {
        String::new()
    } else {
        format!("{login}@")
    };
    let url = format!("{scheme}://{at}127.0.0.1:{}", proxy.port);
    let version_url = version.url();
    let variables = [
        ("OPENCLAW_PROXY", &*url),
        ("OPENCLAW_VERSION_URL", &*version_url),
    ];
    let world = within(&variables).await;

    world.link().await;
    let way = network(&world).await;
    assert_eq!(way.proxy, format!("{scheme}://127.0.0.1:{}", proxy.port));
    assert_eq!(way.proxy_source, "OPENCLAW_PROXY");
    assert_eq!(way.client_version, "2.3000.1050000001");
    let fetched = pb::ClientVersionSource::Fetched;
    assert_eq!(way.client_version_source(), fetched);

    world
        .peer(ANNA)
        .send_text(ACCOUNT, WORD, By::Lid)
        .await
        .unwrap();
    world.send(ANNA, WORD).await.unwrap();
    let seq = receives_picture(&world).await;
    assert_eq!(world.download(seq).await.unwrap().bytes.len(), 100_000);
    world.sends_a_picture().await;

    let (link, media) = (world.sim.url(), world.sim.media_url());
    // The pairing, and the login after it.
    assert!(proxy.connections_to(address(&link)) >= 2);
    assert_eq!(
        u64::try_from(proxy.connections_to(address(&link))).unwrap(),
        world.handshakes(),
        "each connection of the link"
    );
    assert!(proxy.connections_to(address(&media)) >= 2);
    assert_eq!(proxy.connections_to(address(&version_url)), 1);

    // It dies, and nothing else is a way.
    let (port, handshakes) = (proxy.port, world.handshakes());
    proxy.stop().await;
    world
        .agent
        .until(|link| link.state() == LinkState::BackingOff && link.attempt >= 2)
        .await;
    assert_eq!(world.handshakes(), handshakes);
    let way = network(&world).await;
    assert!(
        way.error.contains("cannot reach the proxy"),
        "{}",
        way.error
    );
    let denied = world.download(seq).await.unwrap_err();
    assert_eq!(refusal(&denied).1, "MEDIA_UNREACHABLE");

    // It comes back, and the agent with it.
    let proxy = RealProxy::start_at(port, scheme.trim_end_matches('h'), login).await;
    world.agent.until_state(LinkState::Connected).await;
    assert_eq!(world.download(seq).await.unwrap().bytes.len(), 100_000);
    assert_eq!(network(&world).await.error, "");
    assert!(proxy.connections_to(address(&link)) >= 1);
    has_no_password(&world);
    world.finish().await;
}

#[tokio::test]
#[ignore = "needs pproxy: run by scripts/test"]
async fn everything_goes_through_an_http_proxy() {
    everything_through("http", "").await;
}

#[tokio::test]
#[ignore = "needs pproxy: run by scripts/test"]
async fn everything_goes_through_an_http_proxy_with_a_password() {
    everything_through("http", "anna:swordfish").await;
}

#[tokio::test]
#[ignore = "needs pproxy: run by scripts/test"]
async fn everything_goes_through_a_socks_proxy() {
    everything_through("socks5", "").await;
}

#[tokio::test]
#[ignore = "needs pproxy: run by scripts/test"]
async fn everything_goes_through_a_socks_proxy_with_a_password() {
    everything_through("socks5h", "anna:swordfish").await;
}

#[tokio::test]
#[ignore = "needs pproxy: run by scripts/test"]
async fn wrong_credentials_are_reported_as_such_and_not_shown() {
    let refused = "refuses the user name and the password in HTTPS_PROXY";
    for (served, scheme, missing) in [
        ("http", "http", "needs a user name and a password"),
        // pproxy does not say why.
        ("socks5", "socks5h", "closed the connection"),
    ] {
        let proxy = RealProxy::start(served, "anna:swordfish").await;
        for (login, expected) in [("", missing), ("anna:swordfisch@", refused)] {
            let url = format!("{scheme}://{login}127.0.0.1:{}", proxy.port);
            let world = within(&[("HTTPS_PROXY", &url)]).await;
            world
                .pair(pb::PairRequest::by_qr())
                .await
                .unwrap()
                .failed()
                .await;
            let way = network(&world).await;
            assert!(
                way.error.contains(expected),
                "{scheme} {login}: {}",
                way.error
            );
            assert_eq!(world.handshakes(), 0);
            let (out, err) = world.agent.output();
            for line in out.iter().chain(&err) {
                assert!(!line.contains("swordfi"), "{line}");
            }
            world.finish().await;
        }
    }
}
