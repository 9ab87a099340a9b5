//! The scripted agent over TCP: like an agent's `--listen`, or another server in its place.

use std::collections::HashSet;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use openclaw_trust::enroll::{Refusal, receive, refuse, welcome};
use openclaw_trust::{Code, Fingerprint, Identity, tls};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, rustls};
use tonic::transport::server::Connected;

use super::Shared;
use crate::script::{Enrolment, Speaks};

/// The code of every scripted agent.
pub(crate) fn code() -> Code {
    Code::from_bytes([7; 18])
}

/// Its key, its address, and the keys that it knows.
pub(crate) struct Listener {
    pub(crate) endpoint: String,
    pub(crate) identity: Identity,
    pub(crate) known: Arc<KnownKeys>,
}

/// The enrolled keys.
#[derive(Default)]
pub(crate) struct KnownKeys(Mutex<HashSet<Fingerprint>>);

impl KnownKeys {
    pub(crate) fn add(&self, client: Fingerprint) -> bool {
        self.0.lock().unwrap().insert(client)
    }

    pub(crate) fn forget_all(&self) {
        self.0.lock().unwrap().clear();
    }
}

impl tls::Known for KnownKeys {
    fn is_known(&self, client: &Fingerprint) -> bool {
        self.0.lock().unwrap().contains(client)
    }
}

/// Listens on loopback. Accepted connections are sent through the channel.
pub(super) async fn open(
    speaks: Speaks,
    shared: Arc<Shared>,
) -> (Arc<Listener>, mpsc::Receiver<io::Result<Link>>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = socket.local_addr().unwrap().to_string();
    let listener = Arc::new(Listener {
        endpoint,
        identity: Identity::generate().unwrap(),
        known: Arc::default(),
    });
    let (sender, receiver) = mpsc::channel(1);
    let keep = Arc::clone(&listener);
    tokio::spawn(async move {
        while let Ok((stream, _)) = tokio::select! {
            accepted = socket.accept() => accepted,
            () = sender.closed() => return,
        } {
            if !matches!(speaks, Speaks::Nothing) {
                shared.keep(cutter(&stream));
            }
            let link = match speaks {
                Speaks::Nothing => None,
                Speaks::Plain => Some(Link::Plain(stream)),
                Speaks::Tls => let_in(stream, &keep, &shared)
                    .await
                    .map(|stream| Link::Tls(Box::new(stream))),
            };
            if let Some(link) = link {
                // Fails if the agent is gone.
                let _ = sender.send(Ok(link)).await;
            }
        }
    });
    (listener, receiver)
}

fn cutter(stream: &TcpStream) -> Box<dyn Fn() + Send> {
    let twin = stream
        .as_fd()
        .try_clone_to_owned()
        .expect("a second descriptor");
    let twin = std::net::TcpStream::from(twin);
    // It may be closed already.
    Box::new(move || drop(twin.shutdown(Shutdown::Both)))
}

/// Accepts an enrolled client. An enrolment is answered here.
async fn let_in(
    stream: TcpStream,
    listener: &Listener,
    shared: &Shared,
) -> Option<TlsStream<TcpStream>> {
    let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
    let start = hello.await.ok()?;
    let step = || shared.script.lock().unwrap().enroll.pop_front();
    let enrolment = match tls::wants_to_enroll(&start.client_hello()) {
        true => step(),
        false => None,
    };
    let known = Arc::clone(&listener.known) as Arc<dyn tls::Known>;
    let config = match enrolment {
        Some(_) => tls::enrolling_server(&listener.identity),
        None => tls::server(&listener.identity, known),
    };
    let mut stream = start.into_stream(config.unwrap()).await.ok()?;
    match enrolment {
        None => Some(stream),
        Some(enrolment) => {
            enroll(&mut stream, enrolment, listener, shared).await;
            None
        }
    }
}

async fn enroll(
    stream: &mut TlsStream<TcpStream>,
    enrolment: Enrolment,
    listener: &Listener,
    shared: &Shared,
) {
    let request = receive(stream, listener.identity.fingerprint())
        .await
        .unwrap();
    let again = !listener.known.add(request.client());
    let proves = request.proves(&code());
    shared.note(format!(
        "Enroll {}{}{}",
        request.name(),
        if proves { "" } else { ", with another code" },
        if again {
            ", with a key that was seen"
        } else {
            ""
        }
    ));
    // The client may be gone.
    let _ = match enrolment {
        Enrolment::Welcome(role) => welcome(stream, &request, &code(), role.parse().unwrap()).await,
        Enrolment::Impostor(role) => {
            let other = Code::generate().unwrap();
            welcome(stream, &request, &other, role.parse().unwrap()).await
        }
        Enrolment::Refuse(word) => refuse(stream, refusal(&word)).await,
        Enrolment::Cut => {
            shared.cut();
            Ok(())
        }
        Enrolment::Hold => stream.read_u8().await.map(drop),
    };
}

fn refusal(word: &str) -> Refusal {
    match word {
        "unknown" => Refusal::Unknown,
        "used" => Refusal::Used,
        "expired" => Refusal::Expired,
        "full" => Refusal::Full,
        "name" => Refusal::NameTaken,
        _ => panic!("no refusal {word}"),
    }
}

/// A connection over TCP.
pub(super) enum Link {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connected for Link {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

macro_rules! each {
    ($link:expr, $io:ident => $call:expr) => {
        match $link.get_mut() {
            Link::Plain($io) => {
                let $io = Pin::new($io);
                $call
            }
            Link::Tls($io) => {
                let $io = Pin::new($io.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, io => io.poll_read(cx, buf))
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, io => io.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => io.poll_shutdown(cx))
    }
}
