//! The TLS listener: accepts connections, performs handshakes, and passes on those of enrolled clients.
//!
//! ```text
//! accept ──> at most 16 handshakes, 5 s each ──h2──> enrolled, has a seat ──> the API
//!                 └── full: a random one is closed    └─enroll─> one request, one response, close
//! ```
//!
//! The resources of unknown peers are bounded and separate from those of clients: unknown peers never take seats, and
//! clients never wait for other handshakes. There are no limits by address: behind a platform's proxy, everyone has the
//! same one.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::Stream;
use openclaw_state::clients::{Clients, EnrollRequest, NotAuthorized};
use openclaw_state::clock;
use openclaw_trust::{Fingerprint, Identity, enroll, tls};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::{self, ServerConfig, server::Acceptor};
use tokio_rustls::server::TlsStream;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::ACCEPT_RETRY_DELAY;
use super::conn::Conn;
use super::refusals::{RefusalCause, Refusals, Summary};
use super::seats::Seats;

/// Concurrent handshakes.
const MAX_HANDSHAKES: usize = 16;
/// The limit for a handshake, chosen with slow lines in mind.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client that enrolls may take to send its request, and then to receive the response.
const ENROLL_TIMEOUT: Duration = Duration::from_secs(5);
/// How often refusals are logged and last-seen times are stored.
const FLUSH_INTERVAL: Duration = Duration::from_secs(60);
/// The send buffer of a connection.
const MAX_SEND_BUFFER_BYTES: usize = 32 * 1024;

/// Bound, not yet accepting.
pub(super) struct TlsListener {
    listener: TcpListener,
    shared: Arc<Shared>,
}

/// The shared state of all handshakes.
struct Shared {
    known: Arc<ServerConfig>,
    enrolling: Arc<ServerConfig>,
    agent: Fingerprint,
    clients: Clients,
    seats: Seats,
    refusals: Mutex<Refusals>,
}

impl TlsListener {
    pub(super) fn new(
        listener: TcpListener,
        identity: &Identity,
        clients: Clients,
    ) -> Result<Self, rustls::Error> {
        let shared = Shared {
            known: tls::server(identity, Arc::new(clients.clone()))?,
            enrolling: tls::enrolling_server(identity)?,
            agent: identity.fingerprint(),
            clients,
            seats: Seats::default(),
            refusals: Mutex::new(Refusals::default()),
        };
        Ok(Self {
            listener,
            shared: Arc::new(shared),
        })
    }

    pub(super) fn address(&self) -> Option<(SocketAddr, Fingerprint)> {
        Some((self.listener.local_addr().ok()?, self.shared.agent))
    }

    /// The connections of clients. The listener accepts until the stream is dropped.
    pub(super) fn into_incoming(self) -> impl Stream<Item = Conn> {
        let (sender, receiver) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(self.run(sender));
        ReceiverStream::new(receiver).map(move |conn| {
            // Ends with the stream.
            let _task = &task;
            conn
        })
    }

    async fn run(self, out: mpsc::Sender<Conn>) {
        let Self { listener, shared } = self;
        let mut handshakes = Handshakes::default();
        let mut tick = tokio::time::interval(FLUSH_INTERVAL);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        if handshakes.push(shared.clone().receive(stream, out.clone())) {
                            shared.refuse(RefusalCause::Evicted);
                        }
                    }
                    // No file descriptor is free: without a pause, accept would fail again at once.
                    Err(_) => tokio::time::sleep(ACCEPT_RETRY_DELAY).await,
                },
                () = handshakes.finished() => {}
                _ = tick.tick() => {
                    shared.log(shared.refusals().due(Instant::now()));
                    shared.clients.keep_seen(clock::now());
                }
            }
        }
    }
}

/// The handshakes in progress. Dropping this aborts all of them.
#[derive(Default)]
struct Handshakes {
    tasks: JoinSet<()>,
    in_progress: Vec<AbortHandle>,
}

impl Handshakes {
    /// Adds a handshake; returns true if another one was aborted for it. The victim is random: if it were the oldest,
    /// peers that connect faster than a client's packets travel could lock that client out.
    fn push(&mut self, handshake: impl Future<Output = ()> + Send + 'static) -> bool {
        self.in_progress
            .retain(|handshake| !handshake.is_finished());
        let full = self.in_progress.len() >= MAX_HANDSHAKES;
        if full {
            let victim = fastrand::usize(..self.in_progress.len());
            self.in_progress.swap_remove(victim).abort();
        }
        self.in_progress.push(self.tasks.spawn(handshake));
        full
    }

    /// Resolves when a handshake has ended.
    async fn finished(&mut self) {
        match self.tasks.join_next().await {
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

impl Shared {
    async fn receive(self: Arc<Self>, stream: TcpStream, out: mpsc::Sender<Conn>) {
        match self.handshake(stream).await {
            Ok(Some(conn)) => {
                // The gRPC server has ended.
                let _ = out.send(conn).await;
            }
            Ok(None) => {}
            Err(why) => self.refuse(why),
        }
    }

    /// `None` for a peer that enrolled and received its response.
    async fn handshake(self: &Arc<Self>, stream: TcpStream) -> Result<Option<Conn>, RefusalCause> {
        let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
        let _ = stream.set_nodelay(true);
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream);
        let hello = within(deadline, hello).await?;
        let enrolls =
            tls::wants_to_enroll(&hello.client_hello()) && self.clients.has_open_code(clock::now());
        let config = if enrolls {
            &self.enrolling
        } else {
            &self.known
        };
        let accepting = hello.into_stream_with(Arc::clone(config), |connection| {
            connection.set_buffer_limit(Some(MAX_SEND_BUFFER_BYTES));
        });
        let mut stream = within(deadline, accepting).await?;
        if enrolls {
            let asking = timeout(ENROLL_TIMEOUT, enroll::receive(&mut stream, self.agent)).await;
            let request = asking
                .map_err(|_| RefusalCause::TooSlow)?
                .map_err(|_| RefusalCause::Code)?;
            let shared = Arc::clone(self);
            // A handshake that has sent its request is no longer aborted for others, so its client gets a definite
            // response.
            let enrolling = async move { shared.enroll(stream, request).await };
            let enrolling = tokio::spawn(timeout(ENROLL_TIMEOUT, enrolling));
            let enrolled = enrolling.await.map_err(|_| RefusalCause::Code)?;
            return enrolled
                .unwrap_or(Err(RefusalCause::TooSlow))
                .map(|()| None);
        }
        self.accept_client(stream).map(Some)
    }

    /// Checks a client again after its handshake.
    fn accept_client(&self, stream: TlsStream<TcpStream>) -> Result<Conn, RefusalCause> {
        let client = tls::client_of(stream.get_ref().1).ok_or(RefusalCause::Handshake)?;
        // A client without ALPN.
        if stream.get_ref().1.alpn_protocol().is_none() {
            return Err(RefusalCause::Handshake);
        }
        let pass = self.clients.authorize(client, clock::now());
        let pass = pass.map_err(|not| match not {
            NotAuthorized::Unknown => RefusalCause::Revoked,
            NotAuthorized::TooMany => RefusalCause::Full,
        })?;
        let (seat, took) = self
            .seats
            .take(client, pass.role)
            .ok_or(RefusalCause::Full)?;
        if took {
            self.refuse(RefusalCause::SeatTaken);
        }
        Ok(Conn::tls(stream, pass, seat))
    }

    async fn enroll(
        &self,
        mut stream: TlsStream<TcpStream>,
        request: enroll::Request,
    ) -> Result<(), RefusalCause> {
        let asking = EnrollRequest {
            code: request.code(),
            client: request.client(),
            name: request.name(),
        };
        let proves = |code: &_| request.proves(code);
        match self.clients.enroll(asking, proves, clock::now()).await {
            Ok(enrolled) => {
                let (name, role) = (&enrolled.name, enrolled.role);
                let fingerprint = asking.client;
                if !enrolled.again {
                    tracing::info!(name, %role, %fingerprint, "client enrolled");
                }
                let sent = enroll::welcome(&mut stream, &request, &enrolled.code, role).await;
                // The client is enrolled, and will find that out with its next connection.
                sent.or(Ok(()))
            }
            Err(refusal) => {
                let _ = enroll::refuse(&mut stream, refusal).await;
                Err(RefusalCause::Code)
            }
        }
    }

    fn refuse(&self, why: RefusalCause) {
        let due = self.refusals().count(why, Instant::now());
        self.log(due);
    }

    fn log(&self, summary: Option<Summary>) {
        if let Some(summary) = summary {
            let (count, reasons) = (summary.total(), summary.to_string());
            tracing::warn!(count, reasons, "connections refused");
        }
    }

    fn refusals(&self) -> std::sync::MutexGuard<'_, Refusals> {
        let refusals = self.refusals.lock();
        refusals.unwrap_or_else(PoisonError::into_inner)
    }
}

async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, RefusalCause> {
    match tokio::time::timeout_at(deadline, work).await {
        Ok(done) => done.map_err(|_| RefusalCause::Handshake),
        Err(_) => Err(RefusalCause::TooSlow),
    }
}
