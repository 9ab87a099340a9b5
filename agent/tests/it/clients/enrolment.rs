//! Enrolment codes are single-use, for one client, and expire.

use openclaw_proto::v1 as pb;
use openclaw_trust::enroll::{AskError, Refusal, ask};
use openclaw_trust::{Code, Identity, Role, tls};
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::harness::{Client, TEST_TIMEOUT, TLS, World, bare};

async fn world() -> World {
    World::with(openclaw_sim::Config::default(), &TLS).await
}

fn refused(asked: &Result<openclaw_trust::enroll::Welcome, AskError>) -> Option<Refusal> {
    match asked {
        Err(AskError::Refused(refusal)) => Some(*refusal),
        _ => None,
    }
}

#[tokio::test]
async fn the_first_client_enrolls_with_the_code_in_the_log_and_is_an_admin() {
    let world = world().await;
    let client = Client::new();
    assert!(!client.is_known(&world.agent).await);
    let code = world.agent.first_code().await;
    let welcome = client.enroll(&world.agent, &code, "laptop").await.unwrap();
    assert_eq!(welcome.role, Role::Admin);
    assert_eq!(welcome.agent, world.agent.fingerprint());

    let status = client.status(&world.agent).await;
    let caller = status.caller.unwrap();
    assert_eq!(
        (caller.name.as_str(), caller.transport()),
        ("laptop", pb::Transport::Tls)
    );
    assert_eq!(caller.role(), pb::Role::Admin);
    assert_eq!(caller.fingerprint, client.fingerprint().to_string());
    let tls = status.tls.unwrap();
    assert_eq!(tls.fingerprint, world.agent.fingerprint().to_string());
    assert_eq!(tls.address, world.agent.tls().to_string());

    let caller = world.agent.status().await.caller.unwrap();
    assert_eq!(caller.transport(), pb::Transport::Unix);
    assert_eq!(caller.name, "");
    assert_eq!(caller.role(), pb::Role::Admin);
    world.finish().await;
}

#[tokio::test]
async fn a_used_code_enrolls_no_one_else() {
    let world = world().await;
    let code = world.agent.first_code().await;
    let first = Client::new();
    first.enroll(&world.agent, &code, "first").await.unwrap();
    let late = Client::new();
    let asked = late.enroll(&world.agent, &code, "late").await;
    assert_eq!(refused(&asked), Some(Refusal::Used));
    // Its response may have been lost.
    let asked = first.enroll(&world.agent, &code, "first").await;
    assert_eq!(asked.unwrap().role, Role::Admin);
    assert_eq!(world.agent.list_clients().await.clients.len(), 1);
    assert!(!late.is_known(&world.agent).await);
    assert!(first.is_known(&world.agent).await);
    world.finish().await;
}

#[tokio::test]
async fn only_one_of_two_racing_clients_is_enrolled() {
    let world = world().await;
    let code = world.agent.first_code().await;
    let (one, other) = (Client::new(), Client::new());
    let (first, second) = tokio::join!(
        one.enroll(&world.agent, &code, "one"),
        other.enroll(&world.agent, &code, "other"),
    );
    let refusals = [refused(&first), refused(&second)];
    assert!(
        refusals == [None, Some(Refusal::Used)] || refusals == [Some(Refusal::Used), None],
        "{refusals:?}"
    );
    assert_eq!(first.is_ok(), one.is_known(&world.agent).await);
    assert_eq!(second.is_ok(), other.is_known(&world.agent).await);
    world.finish().await;
}

#[tokio::test]
async fn a_man_in_the_middle_cannot_enroll_or_learn_the_code() {
    let world = world().await;
    let code = world.agent.first_code().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = listener.local_addr().unwrap();
    let agent = world.agent.tls();
    // It has its own key towards each side, and passes on every byte.
    let between = tokio::spawn(async move {
        let own = Identity::generate().unwrap();
        let acceptor = TlsAcceptor::from(tls::enrolling_server(&own).unwrap());
        let (stream, _) = listener.accept().await.unwrap();
        let mut victim = acceptor.accept(stream).await.unwrap();
        let middle = Client::new();
        let mut upstream = middle.greet(agent).await.unwrap();
        let _ = copy_bidirectional(&mut victim, &mut upstream).await;
        middle
    });
    let victim = Client::new();
    let mut stream = victim.greet(relay).await.unwrap();
    let asked = ask(&mut stream, &code, victim.fingerprint(), "victim").await;
    assert_eq!(refused(&asked), Some(Refusal::Unknown));
    drop(stream);
    let middle = tokio::time::timeout(TEST_TIMEOUT, between)
        .await
        .unwrap()
        .unwrap();
    assert!(!middle.is_known(&world.agent).await);
    assert!(world.agent.list_clients().await.clients.is_empty());
    // The code is still valid for its holder.
    victim.enroll(&world.agent, &code, "victim").await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn a_client_killed_before_the_response_gets_it_with_the_used_code() {
    let mut world = world().await;
    let client = Client::new();
    let url = world.sim.url();
    world.agent.kill().await;
    let kill = ("OPENCLAW_KILL_AT", "enrolled:1");
    world.agent.start_again_where(&url, &TLS, kill).await;
    let code = world.agent.first_code().await;
    let asked = client.enroll(&world.agent, &code, "laptop").await;
    assert!(matches!(asked, Err(AskError::Io(_))), "{asked:?}");
    assert!(world.agent.kills_itself_within(TEST_TIMEOUT).await);

    world.agent.start_again_with(&url, &TLS).await;
    assert!(client.is_known(&world.agent).await, "what was kept is true");
    let late = Client::new();
    let asked = late.enroll(&world.agent, &code, "late").await;
    assert_eq!(refused(&asked), Some(Refusal::Used));
    let again = client.enroll(&world.agent, &code, "laptop").await.unwrap();
    assert_eq!(again.role, Role::Admin);
    world.finish().await;
}

#[tokio::test]
async fn the_log_has_a_new_code_at_each_start_until_a_client_is_enrolled() {
    let mut world = world().await;
    let url = world.sim.url();
    let stale = world.agent.first_code().await;
    world.agent.kill().await;
    world.agent.start_again_with(&url, &TLS).await;
    let code = world.agent.first_code().await;
    assert_ne!(code.id(), stale.id());
    let client = Client::new();
    let asked = client.enroll(&world.agent, &stale, "laptop").await;
    assert_eq!(refused(&asked), Some(Refusal::Unknown));
    client.enroll(&world.agent, &code, "laptop").await.unwrap();
    world.agent.kill().await;
    world.agent.start_again_with(&url, &TLS).await;
    // By then, the code would be in the log.
    assert!(client.is_known(&world.agent).await);
    world.agent.logged_no_code();
    world.finish().await;
}

#[tokio::test]
async fn the_code_in_the_environment_is_single_use_and_never_logged() {
    let mut world = world().await;
    let url = world.sim.url();
    let code = Code::generate().unwrap();
    let shown = code.reveal();
    let given = ("OPENCLAW_ENROLL_CODE", shown.as_str());
    world.agent.kill().await;
    world.agent.start_again_where(&url, &TLS, given).await;
    let client = Client::new();
    let welcome = client.enroll(&world.agent, &code, "laptop").await.unwrap();
    assert_eq!(welcome.role, Role::Admin);
    world.agent.revoke("laptop").await.unwrap();
    world.agent.kill().await;
    world.agent.start_again_where(&url, &TLS, given).await;
    let asked = client.enroll(&world.agent, &code, "laptop").await;
    assert_eq!(refused(&asked), Some(Refusal::Used));

    let environment = std::fs::read(format!("/proc/{}/environ", world.agent.pid())).unwrap();
    let shown = shown.as_bytes();
    assert!(!environment.windows(shown.len()).any(|it| it == shown));
    let (out, err) = world.agent.output();
    let reported = |line: &String| line.as_bytes().windows(shown.len()).any(|it| it == shown);
    assert!(!out.iter().chain(&err).any(reported));
    world.finish().await;
}

#[tokio::test]
async fn an_invalid_code_in_the_environment_is_a_configuration_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = bare::binary(folder.path());
    command
        .args([
            "--create-key-file",
            "--whatsapp-url",
            "ws://127.0.0.1:1/",
            "--http",
            "127.0.0.1:0",
        ])
        .args(TLS)
        .env("OPENCLAW_ENROLL_CODE", "cormorant");
    let ended = bare::run(&mut command, "").await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(ended.stderr.contains("OPENCLAW_ENROLL_CODE: "), "{ended:?}");
    assert!(!ended.stderr.contains("cormorant"), "{ended:?}");
}
