//! The client version: the current one, if WhatsApp names it; and a link that does not depend on the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::{ClientVersionSource, LinkState};
use openclaw_sim::{Fault, Sim};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::harness::{Agent, World};

/// The library's.
const BUILT_IN: &str = "2.3000.1042742319";
const CURRENT: &str = "2.3000.1050000001";
const NEWER: &str = "2.3000.1060000001";

/// What the server answers.
#[derive(Clone, Debug)]
enum Answer {
    Version(String),
    Raw(Vec<u8>),
    /// Endless, after this.
    Endless(&'static str),
    /// Nothing, and the connection stays open.
    Silence,
}

/// The page on which WhatsApp names its current version.
pub(crate) struct Named {
    port: u16,
    answer: watch::Sender<Answer>,
    asked: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Named {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Named {
    pub(crate) async fn start(version: &str) -> Self {
        Self::answering(Answer::Version(version.to_owned())).await
    }

    async fn answering(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (answer, answers) = watch::channel(answer);
        let asked = Arc::<AtomicU64>::default();
        let count = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let answer = answers.borrow().clone();
                tokio::spawn(serve(stream, answer));
            }
        });
        Self {
            port,
            answer,
            asked,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/sw.js", self.port)
    }

    fn now(&self, version: &str) {
        self.answer
            .send_replace(Answer::Version(version.to_owned()));
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, answer: Answer) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let _ = match answer {
        Answer::Version(version) => {
            let revision = version.rsplit('.').next().unwrap();
            let body =
                format!("self.__swData=JSON.parse(\"{{\\\"client_revision\\\":{revision}}}\")");
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await
        }
        Answer::Raw(bytes) => stream.write_all(&bytes).await,
        Answer::Endless(head) => {
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(&[b' '; 4096]).await.is_ok() {}
            Ok(())
        }
        Answer::Silence => std::future::pending().await,
    };
}

fn raw(text: &str) -> Answer {
    Answer::Raw(text.as_bytes().to_vec())
}

/// An agent that asks this server.
async fn asking(named: &Named) -> World {
    let sim = Sim::start(openclaw_sim::Config::default()).await.unwrap();
    let agent = Agent::start(&sim.url(), &["--version-url", &named.url()]).await;
    World::of(sim, agent)
}

async fn announced(world: &World) -> (String, ClientVersionSource, String) {
    let way = world.agent.status().await.network.unwrap();
    let source = way.client_version_source();
    (way.client_version, source, way.client_version_error)
}

#[tokio::test]
async fn the_current_version_is_announced_and_not_asked_for_at_each_connection() {
    let named = Named::start(CURRENT).await;
    let mut world = asking(&named).await;
    world.link().await;
    let expected = (
        CURRENT.to_owned(),
        ClientVersionSource::Fetched,
        String::new(),
    );
    assert_eq!(announced(&world).await, expected);
    assert_eq!(named.asked(), 1);
    // Nor at each start: the answer is durable.
    named.now(NEWER);
    for _ in 0..2 {
        world.agent.terminate().await;
        let url = world.sim.url();
        let args = ["--version-url", &named.url()];
        world.agent.start_again_with(&url, &args).await;
        world.agent.until_state(LinkState::Connected).await;
    }
    assert_eq!(announced(&world).await.0, CURRENT);
    assert_eq!(named.asked(), 1);
    let kept = world.agent.status().await.network.unwrap();
    assert!(kept.client_version_fetched_at.is_some());
    world.finish().await;
}

#[tokio::test]
async fn a_server_that_names_no_version_delays_nothing() {
    for (answer, expected) in [
        (Answer::Silence, ""),
        (raw(""), "did not answer in HTTP"),
        (raw("SSH-2.0-OpenSSH\r\n"), "did not answer in HTTP"),
        (
            raw("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
            "answered with HTTP 403",
        ),
        (
            raw("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"),
            "answered with HTTP 302",
        ),
        (
            raw("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>"),
            "has no version",
        ),
        (
            raw("HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\nclient_revision\":99;"),
            "has no version",
        ),
        (Answer::Endless("HTTP/1.1 200 OK\r\n\r\n"), "is too large"),
        (
            Answer::Endless("HTTP/1.1 200 OK\r\nX: "),
            "did not answer in HTTP",
        ),
    ] {
        let named = Named::answering(answer.clone()).await;
        let world = asking(&named).await;
        world.link().await;
        let (version, source, error) = announced(&world).await;
        // It is not known yet that no answer comes.
        assert!(error.contains(expected), "{answer:?}: {error}");
        // The version of the first connection; the second one has been accepted before.
        assert_eq!(version, BUILT_IN, "{answer:?}");
        assert_ne!(source, ClientVersionSource::Fetched, "{answer:?}");
        world.finish().await;
    }
}

#[tokio::test]
async fn an_accepted_version_outlives_a_blocked_server() {
    let named = Named::start(CURRENT).await;
    let mut world = asking(&named).await;
    world.link().await;
    drop(named);
    // A day later it would be asked again; a refused version is asked for at once.
    world.agent.terminate().await;
    let url = world.sim.url();
    world
        .agent
        .start_again_with(&url, &["--version-url", "http://127.0.0.1:1/sw.js"])
        .await;
    world.agent.until_state(LinkState::Connected).await;
    assert_eq!(announced(&world).await.0, CURRENT);
    world.finish().await;
}

/// The next `count` logins are refused as outdated.
async fn refuse(world: &World, count: usize) {
    let outdated = || {
        Fault::Failure(openclaw_sim::Failure {
            reason: 405,
            expire: None,
            code: None,
        })
    };
    for _ in 0..count {
        world.fault(outdated()).await;
    }
    world.fault(Fault::Drop).await;
}

#[tokio::test]
async fn a_refused_version_is_replaced_by_another_one_that_is_known() {
    let named = Named::start(CURRENT).await;
    let world = asking(&named).await;
    world.link().await;
    refuse(&world, 1).await;
    world
        .agent
        .logged("WhatsApp refuses this client version")
        .await;
    world.agent.until_state(LinkState::Connected).await;
    let expected = (
        BUILT_IN.to_owned(),
        ClientVersionSource::BuiltIn,
        String::new(),
    );
    assert_eq!(announced(&world).await, expected);
    world.finish().await;
}

#[tokio::test]
async fn an_outdated_agent_returns_by_itself_when_a_newer_version_is_known() {
    let named = Named::start(CURRENT).await;
    let mut world = asking(&named).await;
    world.link().await;
    // The current one, which is the accepted one too, and the built-in one.
    refuse(&world, 2).await;
    world.agent.until_state(LinkState::Outdated).await;
    let asked = named.asked();
    // Asked again from time to time, and not connected meanwhile, in this life and the next.
    let handshakes = world.handshakes();
    until_asked(&named, asked + 2).await;
    world.agent.terminate().await;
    let url = world.sim.url();
    let args = ["--version-url", &named.url()];
    world.agent.start_again_with(&url, &args).await;
    let asked = named.asked();
    until_asked(&named, asked + 1).await;
    assert_eq!(world.agent.link().await.state(), LinkState::Outdated);
    assert_eq!(world.handshakes(), handshakes);
    named.now(NEWER);
    world.agent.until_state(LinkState::Connected).await;
    let expected = (
        NEWER.to_owned(),
        ClientVersionSource::Fetched,
        String::new(),
    );
    assert_eq!(announced(&world).await, expected);
    let reason = world.agent.link().await.reason;
    assert_eq!(reason, pb::LinkReason::Unspecified as i32);
    world.finish().await;
}

async fn until_asked(named: &Named, times: u64) {
    let asked = async {
        while named.asked() < times {
            tokio::time::sleep(crate::harness::POLL).await;
        }
    };
    let asked = tokio::time::timeout(crate::harness::TEST_TIMEOUT, asked).await;
    asked.expect("it asks again");
}
