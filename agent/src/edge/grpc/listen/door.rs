//! The door to the network: accepts, shakes hands, and lets those in who are known.
//!
//! ```text
//! accept ──> at most 16 handshakes, 5 s each ──h2──> known, and has a seat ──> the API
//!                 └── chance says who makes room      └─enroll─> one question, one answer, and goodbye
//! ```
//!
//! What strangers can take is bounded and apart from what clients have: strangers never wait for a seat, and clients
//! never wait for strangers to finish. There is nothing by address: a platform's proxy has one for everyone.

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

/// Handshakes at the same time.
const MAX_HANDSHAKES: usize = 16;
/// How long a handshake may take, over a slow line too.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client that enrolls may take to ask, and then to be answered.
const ENROLL_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the log and the store catch up.
const FLUSH_INTERVAL: Duration = Duration::from_secs(60);
/// What a connection may keep that the network does not take yet.
const MAX_SEND_BUFFER_BYTES: usize = 32 * 1024;

/// Bound, not yet accepting.
pub(super) struct Door {
    listener: TcpListener,
    host: Arc<Host>,
}

/// What every handshake needs.
struct Host {
    known: Arc<ServerConfig>,
    enrolling: Arc<ServerConfig>,
    agent: Fingerprint,
    clients: Clients,
    seats: Seats,
    refusals: Mutex<Refusals>,
}

impl Door {
    pub(super) fn new(
        listener: TcpListener,
        identity: &Identity,
        clients: Clients,
    ) -> Result<Self, rustls::Error> {
        let host = Host {
            known: tls::server(identity, Arc::new(clients.clone()))?,
            enrolling: tls::enrolling_server(identity)?,
            agent: identity.fingerprint(),
            clients,
            seats: Seats::default(),
            refusals: Mutex::new(Refusals::default()),
        };
        Ok(Self {
            listener,
            host: Arc::new(host),
        })
    }

    pub(super) fn address(&self) -> Option<(SocketAddr, Fingerprint)> {
        Some((self.listener.local_addr().ok()?, self.host.agent))
    }

    /// The connections of clients. It accepts as long as this is kept.
    pub(super) fn into_incoming(self) -> impl Stream<Item = Conn> {
        let (sender, receiver) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(self.keep(sender));
        ReceiverStream::new(receiver).map(move |conn| {
            // Ends with the stream.
            let _task = &task;
            conn
        })
    }

    async fn keep(self, out: mpsc::Sender<Conn>) {
        let Self { listener, host } = self;
        let mut handshakes = Handshakes::default();
        let mut tick = tokio::time::interval(FLUSH_INTERVAL);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        if handshakes.welcome(host.clone().receive(stream, out.clone())) {
                            host.refuse(RefusalCause::CrowdedOut);
                        }
                    }
                    // No descriptor is free: it would be said again at once.
                    Err(_) => tokio::time::sleep(ACCEPT_RETRY_DELAY).await,
                },
                () = handshakes.gone() => {}
                _ = tick.tick() => {
                    host.log(host.refusals().due(Instant::now()));
                    host.clients.keep_seen(clock::now());
                }
            }
        }
    }
}

/// Those who are shaking hands. Dropped, none is left.
#[derive(Default)]
struct Handshakes {
    tasks: JoinSet<()>,
    present: Vec<AbortHandle>,
}

impl Handshakes {
    /// One more; true when another had to go for it. Any other: were it the oldest, strangers who come faster than a
    /// client's packets travel would keep that client out for good.
    fn welcome(&mut self, guest: impl Future<Output = ()> + Send + 'static) -> bool {
        self.present.retain(|guest| !guest.is_finished());
        let crowded = self.present.len() >= MAX_HANDSHAKES;
        if crowded {
            let unlucky = fastrand::usize(..self.present.len());
            self.present.swap_remove(unlucky).abort();
        }
        self.present.push(self.tasks.spawn(guest));
        crowded
    }

    /// Resolves when one has gone.
    async fn gone(&mut self) {
        match self.tasks.join_next().await {
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

impl Host {
    async fn receive(self: Arc<Self>, stream: TcpStream, out: mpsc::Sender<Conn>) {
        match self.shake(stream).await {
            Ok(Some(conn)) => {
                // The server has gone, and so has who would answer.
                let _ = out.send(conn).await;
            }
            Ok(None) => {}
            Err(why) => self.refuse(why),
        }
    }

    /// `None` for a guest that came to enroll, and was answered.
    async fn shake(self: &Arc<Self>, stream: TcpStream) -> Result<Option<Conn>, RefusalCause> {
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
            let host = Arc::clone(self);
            // Once it has asked, it is answered: another that comes in between does not leave it in doubt.
            let enrolling = async move { host.enroll(stream, request).await };
            let enrolling = tokio::spawn(timeout(ENROLL_TIMEOUT, enrolling));
            let enrolled = enrolling.await.map_err(|_| RefusalCause::Code)?;
            return enrolled
                .unwrap_or(Err(RefusalCause::TooSlow))
                .map(|()| None);
        }
        self.admit(stream).map(Some)
    }

    /// A client that was known a moment ago.
    fn admit(&self, stream: TlsStream<TcpStream>) -> Result<Conn, RefusalCause> {
        let client = tls::client_of(stream.get_ref().1).ok_or(RefusalCause::Handshake)?;
        // A client that names no protocol gets none.
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
            self.refuse(RefusalCause::MadeRoom);
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
                let told = enroll::welcome(&mut stream, &request, &enrolled.code, role).await;
                // It is enrolled, and finds that out when it tries.
                told.or(Ok(()))
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
