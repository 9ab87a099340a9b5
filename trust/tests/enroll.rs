//! Both ends over real TLS in memory: who is accepted, and who is not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex};

use openclaw_trust::enroll::{self, AskError, Refusal, Welcome, check_name};
use openclaw_trust::{Code, Fingerprint, Identity, Role, tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

type Client = client::TlsStream<DuplexStream>;
type Server = server::TlsStream<DuplexStream>;

/// The clients that the agent of a test knows.
#[derive(Default)]
struct Clients(Mutex<HashSet<Fingerprint>>);

impl tls::Known for Clients {
    fn is_known(&self, client: &Fingerprint) -> bool {
        self.0.lock().unwrap().contains(client)
    }
}

/// Both ends of an enrolment connection.
async fn enrolling(client: &Identity, agent: &Identity) -> (Client, Server) {
    let (near, far) = duplex(4096);
    let connector = TlsConnector::from(tls::enrolling_client(client).unwrap());
    let acceptor = TlsAcceptor::from(tls::enrolling_server(agent).unwrap());
    let (client, server) = tokio::join!(
        connector.connect(tls::server_name(), near),
        acceptor.accept(far)
    );
    (client.unwrap(), server.unwrap())
}

/// An agent with this code that handles one request.
async fn answer(stream: &mut Server, agent: &Identity, code: &Code) -> io::Result<bool> {
    let request = enroll::receive(stream, agent.fingerprint()).await.unwrap();
    let good = request.code() == code.id() && request.proves(code);
    if good {
        enroll::welcome(stream, &request, code, Role::Operator).await?;
    } else {
        enroll::refuse(stream, Refusal::Unknown).await?;
    }
    Ok(good)
}

async fn enrolled(own: &Code, agents: &Code) -> (Result<Welcome, AskError>, Identity) {
    let (client, agent) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let (mut near, mut far) = enrolling(&client, &agent).await;
    let (asked, answered) = tokio::join!(
        enroll::ask(&mut near, own, client.fingerprint(), "laptop"),
        answer(&mut far, &agent, agents)
    );
    answered.unwrap();
    (asked, agent)
}

#[tokio::test]
async fn a_client_with_the_code_is_enrolled_and_learns_the_agents_key() {
    let code = Code::generate().unwrap();
    let (asked, agent) = enrolled(&code, &code).await;
    let welcome = asked.unwrap();
    assert_eq!(welcome.role, Role::Operator);
    assert_eq!(welcome.agent, agent.fingerprint());
    assert_eq!(welcome.certificate, agent.certificate_der());
}

#[tokio::test]
async fn another_code_is_refused() {
    let (own, agents) = (Code::generate().unwrap(), Code::generate().unwrap());
    let (asked, _) = enrolled(&own, &agents).await;
    assert!(matches!(asked, Err(AskError::Refused(Refusal::Unknown))));
}

/// Two TLS connections with a man in the middle, who relays every byte of the request.
#[tokio::test]
async fn a_relayed_request_proves_nothing() {
    let code = Code::generate().unwrap();
    let [client, middle, agent] = [(); 3].map(|()| Identity::generate().unwrap());
    let (mut near, mut facing_client) = enrolling(&client, &middle).await;
    let (mut facing_agent, mut far) = enrolling(&middle, &agent).await;
    let relay = async {
        let mut question = [0; 106];
        facing_client.read_exact(&mut question).await.unwrap();
        facing_agent.write_all(&question).await.unwrap();
        facing_agent.flush().await.unwrap();
        let mut answer = [0; 34];
        facing_agent.read_exact(&mut answer).await.unwrap();
        facing_client.write_all(&answer).await.unwrap();
        facing_client.flush().await.unwrap();
    };
    let (asked, (), taken_in) = tokio::join!(
        enroll::ask(&mut near, &code, client.fingerprint(), "laptop"),
        relay,
        answer(&mut far, &agent, &code)
    );
    assert!(!taken_in.unwrap(), "the agent accepted a relayed request");
    assert!(matches!(asked, Err(AskError::Refused(Refusal::Unknown))));
}

#[tokio::test]
async fn a_server_without_the_code_is_detected() {
    let code = Code::generate().unwrap();
    let (client, middle) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let (mut near, mut far) = enrolling(&client, &middle).await;
    let impostor = async {
        let request = enroll::receive(&mut far, middle.fingerprint())
            .await
            .unwrap();
        let guess = Code::generate().unwrap();
        enroll::welcome(&mut far, &request, &guess, Role::Admin).await
    };
    let (asked, answered) = tokio::join!(
        enroll::ask(&mut near, &code, client.fingerprint(), "laptop"),
        impostor
    );
    answered.unwrap();
    assert!(matches!(asked, Err(AskError::NotTheAgent)));
}

#[tokio::test]
async fn a_missing_answer_is_not_a_refusal() {
    let code = Code::generate().unwrap();
    let (client, agent) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let (mut near, mut far) = enrolling(&client, &agent).await;
    let silent = async {
        enroll::receive(&mut far, agent.fingerprint())
            .await
            .unwrap();
        drop(far);
    };
    let (asked, ()) = tokio::join!(
        enroll::ask(&mut near, &code, client.fingerprint(), "laptop"),
        silent
    );
    assert!(matches!(asked, Err(AskError::Io(_))));
}

/// Connects two ends and completes the handshake.
async fn connect(
    client: &Identity,
    pin: Fingerprint,
    agent: &Identity,
    clients: &Arc<Clients>,
) -> (io::Result<Client>, io::Result<Server>) {
    let (near, far) = duplex(4096);
    let connector = TlsConnector::from(tls::client(client, pin).unwrap());
    let known = Arc::clone(clients) as Arc<dyn tls::Known>;
    let acceptor = TlsAcceptor::from(tls::server(agent, known).unwrap());
    tokio::join!(
        connector.connect(tls::server_name(), near),
        acceptor.accept(far)
    )
}

#[tokio::test]
async fn ends_that_know_each_other_connect() {
    let (client, agent) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let clients = Arc::new(Clients::default());
    clients.0.lock().unwrap().insert(client.fingerprint());
    let (near, far) = connect(&client, agent.fingerprint(), &agent, &clients).await;
    let (near, far) = (near.unwrap(), far.unwrap());
    let (_, far) = far.get_ref();
    assert_eq!(tls::client_of(far), Some(client.fingerprint()));
    assert_eq!(far.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(
        near.get_ref().1.protocol_version(),
        Some(rustls::ProtocolVersion::TLSv1_3)
    );
}

#[tokio::test]
async fn an_unknown_client_fails_in_the_handshake() {
    let (client, agent) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let clients = Arc::new(Clients::default());
    let (near, far) = connect(&client, agent.fingerprint(), &agent, &clients).await;
    assert!(far.is_err(), "the agent accepted an unknown client");
    // In TLS 1.3 the client finishes first, and gets the alert when it reads.
    let error = near.unwrap().read_u8().await.unwrap_err();
    assert!(
        error.to_string().contains("received fatal alert"),
        "{error}"
    );
}

#[tokio::test]
async fn an_agent_with_another_key_is_refused() {
    let [client, agent, other] = [(); 3].map(|()| Identity::generate().unwrap());
    let clients = Arc::new(Clients::default());
    clients.0.lock().unwrap().insert(client.fingerprint());
    let (near, far) = connect(&client, other.fingerprint(), &agent, &clients).await;
    assert!(far.is_err());
    let error = near.unwrap_err();
    let error = error.get_ref().and_then(|inner| inner.downcast_ref());
    let Some(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(why))) = error
    else {
        panic!("{error:?}");
    };
    let expected = tls::WrongAgent {
        expected: other.fingerprint(),
        found: agent.fingerprint(),
    };
    assert_eq!(why.0.downcast_ref(), Some(&expected));
}

/// With a ticket, a revoked client could connect again without a check of its key.
#[tokio::test]
async fn no_session_is_resumed() {
    let (client, agent) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let clients = Arc::new(Clients::default());
    clients.0.lock().unwrap().insert(client.fingerprint());
    // A client that tries to resume: rustls' default configuration stores tickets.
    let eager = tls::client(&client, agent.fingerprint()).unwrap();
    let mut eager = Arc::unwrap_or_clone(eager);
    eager.resumption = rustls::client::Resumption::in_memory_sessions(8);
    let eager = TlsConnector::from(Arc::new(eager));
    let known = Arc::clone(&clients) as Arc<dyn tls::Known>;
    let acceptor = TlsAcceptor::from(tls::server(&agent, known).unwrap());
    for round in 0..3 {
        let (near, far) = duplex(4096);
        let (near, far) = tokio::join!(
            eager.connect(tls::server_name(), near),
            acceptor.accept(far)
        );
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        // A ticket would be sent with the first bytes.
        far.write_all(b"x").await.unwrap();
        far.flush().await.unwrap();
        near.read_u8().await.unwrap();
        let kind = far.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(rustls::HandshakeKind::Full), "round {round}");
    }
    clients.0.lock().unwrap().clear();
    let (near, far) = duplex(4096);
    let (_, far) = tokio::join!(
        eager.connect(tls::server_name(), near),
        acceptor.accept(far)
    );
    assert!(far.is_err(), "a revoked client resumed its session");
}

#[test]
fn a_name_is_printable_and_bounded() {
    for good in ["a", "laptop", "my büro", &"x".repeat(64)] {
        assert!(check_name(good).is_ok(), "{good:?}");
    }
    for bad in ["", " ", "a ", "a\nb", "\u{1b}[2J", &"x".repeat(65)] {
        assert!(check_name(bad).is_err(), "{bad:?}");
    }
}
