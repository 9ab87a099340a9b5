//! Against proxies and hosts that answer byte by byte what a test says. Real ones are in `agent/tests/it/proxied`.

use std::time::Duration;

use base64::Engine as _;
use hyper::body::Bytes;
use hyper::http::{Request, StatusCode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(20);

/// When enough is read, and what to answer then.
type Answers = Vec<(fn(&[u8]) -> bool, &'static [u8])>;

/// A server for one connection: reads until `enough`, answers, and echoes the rest. Returns its port, and what it has read.
async fn server(answers: Answers) -> (u16, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        for (enough, answer) in answers {
            let mut read = Vec::new();
            let mut byte = [0];
            while !enough(&read) {
                if stream.read(&mut byte).await.unwrap() == 0 {
                    return all;
                }
                read.push(byte[0]);
            }
            all.extend(read);
            stream.write_all(answer).await.unwrap();
        }
        let mut echo = [0; 16];
        while let Ok(read @ 1..) = stream.read(&mut echo).await {
            if stream.write_all(&echo[..read]).await.is_err() {
                break;
            }
        }
        all
    });
    (port, task)
}

fn head(read: &[u8]) -> bool {
    read.ends_with(b"\r\n\r\n")
}

fn through(url: &str) -> Egress {
    let proxy = Proxy::parse(url).unwrap();
    Egress::new(
        Some((proxy, "OPENCLAW_PROXY")),
        Bypass::default(),
        &Roots::built_in(),
    )
}

async fn connect(egress: &Egress, to: &Target<'_>) -> Result<Stream, Error> {
    let connecting = tokio::time::timeout(TIMEOUT, egress.connect(to));
    connecting.await.expect("it does not hang")
}

async fn echoes(mut stream: Stream) {
    stream.write_all(b"ping").await.unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"ping");
}

fn refused(connected: Result<Stream, Error>) -> Error {
    let error = connected.map(|_| ()).unwrap_err();
    let shown = format!("{error} {error:?} {}", error.hint());
    assert!(!shown.contains("sw0rd"), "{shown}");
    assert!(!error.hint().is_empty());
    error
}

#[tokio::test]
async fn an_http_proxy_gets_the_name_and_the_credentials() {
    let (port, proxy) = server(vec![(head, b"HTTP/1.1 200 Connection established\r\n\r\n")]).await;
    let egress = through(&format!("http://anna:sw0rd@127.0.0.1:{port}"));
    // No DNS knows it.
    let stream = connect(&egress, &Target::plain("chat.invalid", 443)).await;
    echoes(stream.unwrap()).await;
    let asked = String::from_utf8(proxy.await.unwrap()).unwrap();
    let mut lines = asked.lines();
    assert_eq!(lines.next(), Some("CONNECT chat.invalid:443 HTTP/1.1"));
    let lines: Vec<_> = lines.map(str::to_ascii_lowercase).collect();
    assert!(
        lines.contains(&"host: chat.invalid:443".to_owned()),
        "{asked}"
    );
    let basic = "proxy-authorization: basic yw5uytpzdzbyza==";
    assert!(lines.contains(&basic.to_owned()), "{asked}");
    assert!(!lines.iter().any(|line| line.contains("length")), "{asked}");
}

#[tokio::test]
async fn an_http_proxy_refuses_in_words_that_a_person_understands() {
    for (answer, credentials, expected) in [
        (
            &b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"[..],
            "",
            "needs a user name and a password",
        ),
        (
            b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n",
            "anna:sw0rd@",
            "refuses the user name and the password in OPENCLAW_PROXY",
        ),
        (
            b"HTTP/1.0 401 Unauthorized\r\n\r\n",
            "anna:sw0rd@",
            "refuses the user name and the password in OPENCLAW_PROXY",
        ),
        (
            b"HTTP/1.1 403 Filtered\r\nContent-Length: 0\r\n\r\n",
            "",
            "refuses to connect to chat.invalid:443: HTTP 403",
        ),
        (
            b"HTTP/1.0 503 Service Unavailable\r\n\r\n<html>",
            "",
            "cannot connect to chat.invalid:443: HTTP 503",
        ),
        (
            b"SSH-2.0-OpenSSH\r\n",
            "",
            "is not answered by a proxy of this kind",
        ),
        (
            b"\x05\x00\x00\x00\x00\x00",
            "",
            "is not answered by a proxy of this kind",
        ),
        (
            b"HTTP/1.1 200 OK\r\n\r\nsurprise",
            "",
            "is not answered by a proxy of this kind",
        ),
    ] {
        let (port, _proxy) = server(vec![(head, answer)]).await;
        let egress = through(&format!("http://{credentials}127.0.0.1:{port}"));
        let error = refused(connect(&egress, &Target::tls("chat.invalid", 443)).await);
        assert!(error.to_string().contains(expected), "{error}: {expected}");
    }
}

#[tokio::test]
async fn an_endless_answer_of_a_proxy_is_bounded() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let _proxy = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"X-More: more\r\n").await.is_ok() {}
    });
    let egress = through(&format!("http://127.0.0.1:{port}"));
    let error = refused(connect(&egress, &Target::tls("chat.invalid", 443)).await);
    assert!(matches!(error, Error::NotAProxy(_)), "{error}");
}

#[tokio::test]
async fn a_proxy_that_is_off_or_hangs_up_is_named() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let egress = through(&format!("{scheme}://anna:sw0rd@127.0.0.1:{port}"));
        let error = refused(connect(&egress, &Target::tls("127.0.0.9", 443)).await);
        let expected = format!("cannot reach the proxy {scheme}://127.0.0.1:{port}");
        assert_eq!(error.to_string(), expected);
    }
    for scheme in ["http", "socks5h"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let _proxy = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0]).await;
        });
        let egress = through(&format!("{scheme}://127.0.0.1:{port}"));
        let error = refused(connect(&egress, &Target::tls("chat.invalid", 443)).await);
        assert!(matches!(error, Error::ProxyClosed(_)), "{error}");
    }
}

fn greeting(read: &[u8]) -> bool {
    read.first().is_some_and(|version| *version == 5)
        && read.len() >= 2
        && read.len() == 2 + usize::from(read[1])
}

fn login(read: &[u8]) -> bool {
    // 01 04 anna 05 sw0rd
    read.len() == 12
}

fn name_request(read: &[u8]) -> bool {
    read.len() == 5 + "chat.invalid".len() + 2
}

fn address_request(read: &[u8]) -> bool {
    read.len() == 10
}

const GRANTED: &[u8] = &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

#[tokio::test]
async fn a_socks_proxy_gets_the_name_and_the_credentials() {
    let (port, proxy) = server(vec![
        (greeting, &[5, 2]),
        (login, &[1, 0]),
        // Bound to a name: its length decides how much is read.
        (name_request, b"\x05\x00\x00\x03\x03abc\x01\xbb"),
    ])
    .await;
    let egress = through(&format!("socks5h://anna:sw0rd@127.0.0.1:{port}"));
    let stream = connect(&egress, &Target::plain("chat.invalid", 443)).await;
    echoes(stream.unwrap()).await;
    let asked = proxy.await.unwrap();
    let expected: &[u8] =
        b"\x05\x02\x00\x02\x01\x04anna\x05sw0rd\x05\x01\x00\x03\x0cchat.invalid\x01\xbb";
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn names_are_resolved_here_for_socks5_and_there_for_socks5h() {
    let (port, proxy) = server(vec![(greeting, &[5, 0]), (address_request, GRANTED)]).await;
    let egress = through(&format!("socks5://127.0.0.1:{port}"));
    let stream = connect(&egress, &Target::plain("localhost", 443)).await;
    echoes(stream.unwrap()).await;
    assert!(proxy.await.unwrap().ends_with(&[1, 127, 0, 0, 1, 1, 187]));
    // A proxy that needs no credentials may ignore them.
    let (port, proxy) = server(vec![(greeting, &[5, 0]), (address_request, GRANTED)]).await;
    let egress = through(&format!("socks5h://anna:sw0rd@127.0.0.1:{port}"));
    let stream = connect(&egress, &Target::plain("127.0.0.9", 443)).await;
    echoes(stream.unwrap()).await;
    assert!(proxy.await.unwrap().ends_with(&[1, 127, 0, 0, 9, 1, 187]));
}

#[tokio::test]
async fn a_socks_proxy_refuses_in_words_that_a_person_understands() {
    let with = |credentials: &'static str, answers: Answers, expected: &'static str| {
        (credentials, answers, expected)
    };
    let reply =
        |answer: &'static [u8]| -> Answers { vec![(greeting, &[5, 0]), (name_request, answer)] };
    for (credentials, answers, expected) in [
        with(
            "",
            vec![(greeting, &[5, 0xff])],
            "needs a user name and a password",
        ),
        with(
            "anna:sw0rd@",
            vec![(greeting, &[5, 0xff])],
            "refuses the user name and the password in OPENCLAW_PROXY",
        ),
        with(
            "anna:sw0rd@",
            vec![(greeting, &[5, 2]), (login, &[1, 1])],
            "refuses the user name and the password in OPENCLAW_PROXY",
        ),
        with(
            "",
            vec![(greeting, &[5, 2])],
            "is not answered by a proxy of this kind",
        ),
        with(
            "",
            vec![(greeting, b"HT")],
            "is not answered by a proxy of this kind",
        ),
        with(
            "",
            reply(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]),
            "refuses to connect to chat.invalid:443: not allowed by its rules",
        ),
        with(
            "",
            reply(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]),
            "cannot connect to chat.invalid:443: host unreachable, or its name is unknown there",
        ),
        with(
            "",
            reply(&[5, 99, 0, 1, 0, 0, 0, 0, 0, 0]),
            "cannot connect to chat.invalid:443: reply 99",
        ),
        with(
            "",
            reply(&[5, 0, 0, 9, 0, 0]),
            "is not answered by a proxy of this kind",
        ),
        with(
            "",
            reply(&[4, 0, 0, 1, 0, 0]),
            "is not answered by a proxy of this kind",
        ),
    ] {
        let (port, _proxy) = server(answers).await;
        let egress = through(&format!("socks5h://{credentials}127.0.0.1:{port}"));
        let error = refused(connect(&egress, &Target::tls("chat.invalid", 443)).await);
        assert!(error.to_string().contains(expected), "{error}: {expected}");
    }
    let long = "x".repeat(256);
    let egress = through(&format!(
        "socks5h://127.0.0.1:{}",
        server(Vec::new()).await.0
    ));
    let error = refused(connect(&egress, &Target::tls(&long, 443)).await);
    assert!(
        error.to_string().contains("the name is too long"),
        "{error}"
    );
}

#[tokio::test]
async fn an_exempt_host_is_reached_without_the_proxy() {
    let (port, _host) = server(Vec::new()).await;
    // Nothing listens there.
    let proxy = Proxy::parse("http://127.0.0.1:1").unwrap();
    let bypass = Bypass::parse("127.0.0.0/8");
    let egress = Egress::new(Some((proxy, "--proxy")), bypass, &Roots::built_in());
    assert!(egress.proxy().is_some() && egress.proxy_for("127.0.0.1", port).is_none());
    let stream = connect(&egress, &Target::plain("127.0.0.1", port)).await;
    echoes(stream.unwrap()).await;
}

/// A certificate authority, and a server with a certificate of it for `name`.
async fn tls_server(name: &str) -> (u16, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(
        rustls::crypto::ring::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![certificate.der().clone()], key)
    .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(tcp).await else {
                    return;
                };
                let mut read = [0; 64];
                let length = stream.read(&mut read).await.unwrap_or(0);
                // A proxy over TLS, or a host that echoes.
                if read.starts_with(b"CONNECT") {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                    let length = stream.read(&mut read).await.unwrap_or(0);
                    let _ = stream.write_all(&read[..length]).await;
                } else {
                    let _ = stream.write_all(&read[..length]).await;
                }
                let _ = stream.shutdown().await;
            });
        }
    });
    let body = base64::engine::general_purpose::STANDARD.encode(issuer.der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    (port, pem)
}

#[tokio::test]
async fn a_certificate_of_a_private_authority_is_accepted_only_with_its_file() {
    let (port, pem) = tls_server("127.0.0.1").await;
    let target = Target::tls("127.0.0.1", port);
    let error = refused(connect(&Egress::direct(), &target).await);
    assert!(
        error.to_string().contains("no authority that is trusted"),
        "{error}"
    );
    assert!(error.hint().contains("--ca-file"), "{}", error.hint());
    let roots = Roots::with_private(pem.as_bytes()).unwrap();
    let egress = Egress::new(None, Bypass::default(), &roots);
    assert!(egress.has_private_roots());
    echoes(connect(&egress, &target).await.unwrap()).await;
    // The name still counts.
    let (port, pem) = tls_server("other.invalid").await;
    let roots = Roots::with_private(pem.as_bytes()).unwrap();
    let egress = Egress::new(None, Bypass::default(), &roots);
    let error = refused(connect(&egress, &Target::tls("127.0.0.1", port)).await);
    assert!(
        error.to_string().contains("it is for another host"),
        "{error}"
    );
}

#[tokio::test]
async fn a_proxy_is_reached_over_tls_if_its_scheme_is_https() {
    let (port, pem) = tls_server("127.0.0.1").await;
    let proxy = Proxy::parse(&format!("https://127.0.0.1:{port}")).unwrap();
    let roots = Roots::with_private(pem.as_bytes()).unwrap();
    let egress = Egress::new(Some((proxy, "--proxy")), Bypass::default(), &roots);
    let stream = connect(&egress, &Target::plain("chat.invalid", 443)).await;
    echoes(stream.unwrap()).await;
}

#[tokio::test]
async fn a_host_that_answers_in_plain_text_is_not_tls() {
    let (port, _host) = server(vec![(
        |read| !read.is_empty(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    )])
    .await;
    let error = refused(connect(&Egress::direct(), &Target::tls("127.0.0.1", port)).await);
    assert!(
        error.to_string().contains("the answer is not TLS"),
        "{error}"
    );
}

#[tokio::test]
async fn a_request_has_its_path_and_host_and_a_bounded_answer() {
    let ok = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 5\r\n\r\nhello";
    let (port, host) = server(vec![(head, ok)]).await;
    let egress = Egress::direct();
    let request = Request::get("https://example.com/a?b=c").body(Bytes::new());
    let target = Target::plain("127.0.0.1", port);
    let answer = egress.request(&target, request.unwrap(), 5).await.unwrap();
    assert_eq!(
        (answer.status, &answer.body[..]),
        (StatusCode::FOUND, &b"hello"[..])
    );
    let asked = String::from_utf8(host.await.unwrap()).unwrap();
    assert!(asked.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{asked}");
    assert!(
        asked.contains(&format!("host: 127.0.0.1:{port}\r\n")),
        "{asked}"
    );
    for (answer, is_large) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!"[..],
            true,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n0\r\n\r\n",
            true,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nContent-Length: 7\r\n\r\n",
            false,
        ),
        (b"220 mail.example.com\r\n", false),
    ] {
        let (port, _host) = server(vec![(head, answer)]).await;
        let request = Request::get("/").body(Bytes::new()).unwrap();
        let target = Target::plain("127.0.0.1", port);
        let failed = egress.request(&target, request, 5).await.map(|_| ());
        let error = failed.unwrap_err();
        assert_eq!(matches!(error, Error::TooLarge { .. }), is_large, "{error}");
    }
}
