//! Wires the parts together, and defines the order of startup and shutdown.

pub mod daemon;
mod first_client;
mod observers;
pub mod start;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use openclaw_egress::Egress;
use openclaw_state::admission::Admission;
use openclaw_state::allow::{Allowlist, Loaded};
use openclaw_state::clients::Clients;
use openclaw_state::clock::Resumed;
use openclaw_state::journal::{self, Journal};
use openclaw_state::outbox::Outbox;
use openclaw_state::people::People;
use openclaw_state::traffic::Traffic;
use openclaw_state::uploads::{UploadLimits, Uploads};
use openclaw_state::vault::Vault;
use openclaw_state::{clock, identity};
use openclaw_types::Hardening;
use openclaw_webhook::SigningKey;
use openclaw_whatsapp::session::{self, Setup, Versions};
use openclaw_whatsapp::store::Store;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use self::start::Started;
use crate::edge::grpc::{self, Listeners, Network};
use crate::edge::http::{self, Pages, Shown};
use crate::host::config::{Config, version};
use crate::host::supervisor::Supervisor;
use crate::host::timekeeper::Timekeeper;
use crate::host::volume::{FIRST_SLOT, Open};
use crate::link::{self, Agent, Ended, Owner};

/// How long open calls may take to end after the agent begins to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// How long open streams have to send the reason for their end.
const STREAM_CLOSE_DELAY: Duration = Duration::from_millis(20);

/// Why the agent did not start, or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API's listeners could not be bound.
    #[error(transparent)]
    Listen(#[from] grpc::ListenError),
    /// The agent's key could not be loaded or created.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// No enrolment code could be generated for the first client.
    #[error(transparent)]
    Code(#[from] openclaw_trust::NoRandom),
    /// The address for health checks cannot be bound.
    #[error("cannot listen for HTTP on {0}")]
    Http(SocketAddr, #[source] io::Error),
    /// The address for metrics cannot be bound.
    #[error("cannot listen for metrics on {0}")]
    Metrics(SocketAddr, #[source] io::Error),
    /// The signal handlers cannot be installed.
    #[error("cannot catch signals")]
    Signals(#[source] io::Error),
    /// The gRPC server failed.
    #[error(transparent)]
    Grpc(#[from] grpc::ServeError),
    /// The HTTP server failed.
    #[error("cannot serve HTTP")]
    ServeHttp(#[source] io::Error),
    /// The session could not be set up.
    #[error(transparent)]
    Session(#[from] session::OpenError),
}

impl Error {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Listen(_) => {
                "stop the process that uses it, or set another address with --socket, --listen and --listen-plaintext"
            }
            Self::Http(..) => "stop the process that uses it, or set another address with --http",
            Self::Identity(_) => "restore a backup into a new volume; clients enroll again there",
            Self::Code(_) => "start again; the machine may still be booting",
            Self::Metrics(..) => {
                "stop the process that uses it, or set another address with --metrics"
            }
            Self::Session(_) => "the store may be of a newer version: start that version",
            Self::Signals(_) | Self::Grpc(_) | Self::ServeHttp(_) => {
                "start again; nothing that was acknowledged is lost"
            }
        }
    }
}

/// What the process does after `run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It exits.
    Stopped,
    /// It replaces its image by `exec`: the memory of this one has held the secrets of an erased account.
    Replace,
}

/// Runs until SIGTERM or SIGINT, or until the account is erased.
///
/// Order of shutdown: reject new calls, close and flush the link, end open streams, close the store. Correctness does
/// not depend on it: an agent that was killed starts in the same way.
pub async fn run(config: Config, started: Started) -> Result<Outcome, Error> {
    let Started {
        open,
        hardening,
        rules,
        alert_key,
        egress,
        supervisor,
    } = started;
    let Open {
        volume,
        sealed,
        opened,
        ..
    } = open;
    let dropped = opened.map_or(0, |opened| opened.dropped);
    let (vault, keeper) = Vault::start(sealed, dropped);
    let (timekeeper, resumed) = Timekeeper::open(vault.clone());
    let source = config.source.clone();
    vault.retain_key(FIRST_SLOT, move || source.secret().ok());
    // Set before the connection starts, or its durations would be measured by the system's clock.
    session::keep_time();
    let timekeeper = tokio::spawn(timekeeper.run());
    let with = Guards {
        hardening,
        rules,
        alert_key,
        egress,
        supervisor,
    };
    let ended = serve(&config, vault, resumed, with).await;
    timekeeper.abort();
    keeper.stop();
    volume.release();
    tracing::info!("stopped");
    ended
}

/// State prepared before the runtime starts.
struct Guards {
    hardening: Hardening,
    rules: Loaded,
    alert_key: Option<SigningKey>,
    egress: Egress,
    supervisor: Supervisor,
}

async fn serve(
    config: &Config,
    vault: Vault,
    resumed: Resumed,
    with: Guards,
) -> Result<Outcome, Error> {
    let Guards {
        hardening,
        rules,
        alert_key,
        egress,
        supervisor,
    } = with;
    // Installed before clients or the service manager can see that the agent runs.
    let signalled = signalled().map_err(Error::Signals)?;
    let hangup = signal(SignalKind::hangup()).map_err(Error::Signals)?;
    let clients = Clients::open(vault.clone());
    if resumed.uncertain {
        clients.expire_codes(clock::now());
    }
    // Before there are connections: a key that is no longer listed gets none.
    first_client::pin(&clients, &config.network, clock::now()).await;
    let listeners = listen(config, &vault, &clients).await?;
    let http = grpc::bind_any(config.http).await;
    let http = http.map_err(|error| Error::Http(config.http, error))?;
    let network = Network {
        name: config.name.clone(),
        tls: listeners.tls(),
        public: config.network.public.clone(),
    };
    let metrics = observers::bind(config.metrics).await?;
    announce(config, &listeners, &http);
    if network.tls.is_some() {
        first_client::expect(&clients, &config.network, &network, clock::now()).await?;
    }
    let supervisor = Arc::new(supervisor);
    supervisor.ready();

    let (stopping, stopped) = watch::channel(false);
    let stop = wait_for(stopped).boxed().shared();
    let (setup, store) = setup(config, &vault, egress.clone(), rules, resumed);
    let journal = Arc::clone(&setup.journal);
    let limits = UploadLimits::default();
    let uploads = Arc::new(Uploads::open(vault.clone(), &config.place.dir, limits));
    let sweeping = tokio::spawn(link::sweep(uploads.clone(), setup.outbox.clone()));
    let (pages, reading) = journal::Pages::of(Arc::clone(&journal));
    let reading = tokio::spawn(reading);
    let (agent, owner, sender, resolver) = Owner::new(setup, store, uploads, pages);
    let agent = agent.with_unused_proxies(config.outgoing.unused.clone());
    let (agent, notifier) = observers::with_alerts(agent, config, alert_key, egress, &vault);
    let notifier = notifier.map(|notifier| tokio::spawn(notifier.run(stop.clone())));
    let journal = tokio::spawn(journal.run());
    let mut owner = tokio::spawn(owner.run());
    let sender = tokio::spawn(sender.run());
    let resolver = tokio::spawn(resolver.run());
    let reloads = tokio::spawn(reload_on_hangup(hangup, agent.clone()));
    let supervised = tokio::spawn(Arc::clone(&supervisor).run(agent.watch()));
    let shown = Shown {
        agent: agent.clone(),
        clients: clients.clone(),
    };
    let mut grpc = tokio::spawn(grpc::serve(
        agent.clone(),
        clients,
        hardening,
        network,
        listeners,
        stop.clone(),
    ));
    let pages = observers::pages(config.metrics, config.http.ip());
    let metrics = metrics.map(|listener| {
        let served = http::serve(shown.clone(), listener, Pages::Metrics, stop.clone());
        tokio::spawn(served)
    });
    let mut http = tokio::spawn(http::serve(shown, http, pages, stop));

    let ended = tokio::select! {
        () = signalled => Ok(Outcome::Stopped),
        owner = &mut owner => flatten(owner).map(Outcome::from).map_err(Error::Session),
        grpc = &mut grpc => flatten(grpc).map(|()| Outcome::Stopped).map_err(Error::Grpc),
        http = &mut http => flatten(http).map(|()| Outcome::Stopped).map_err(Error::ServeHttp),
    };
    tracing::info!("stopping");
    // The service manager now waits for the process to exit, so `STOPPING` is not sent before an `exec`.
    if !matches!(ended, Ok(Outcome::Replace)) {
        supervisor.stopping();
    }
    agent.stop().await;
    // Streams send the reason for their end to their clients.
    agent.journal().flush().await;
    tokio::time::sleep(STREAM_CLOSE_DELAY).await;
    stopping.send_replace(true);
    drop(agent);
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, async {
        tokio::join!(
            finish(grpc),
            finish(http),
            finish_if_any(metrics),
            finish_if_any(notifier)
        )
    });
    if drained.await.is_err() {
        tracing::warn!(
            seconds = DRAIN_TIMEOUT.as_secs(),
            "drain timeout elapsed, open calls aborted"
        );
    }
    for task in [
        sender, resolver, reloads, journal, reading, supervised, sweeping,
    ] {
        task.abort();
    }
    ended
}

impl From<Ended> for Outcome {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Stopped => Self::Stopped,
            Ended::Erased => Self::Replace,
        }
    }
}

async fn listen(config: &Config, vault: &Vault, clients: &Clients) -> Result<Listeners, Error> {
    let listeners = Listeners::bind(&config.socket, config.network.plaintext).await?;
    let Some(address) = config.network.tls else {
        return Ok(listeners);
    };
    let identity = identity::load_or_make(vault).await?;
    Ok(listeners
        .with_tls(address, &identity, clients.clone())
        .await?)
}

fn setup(
    config: &Config,
    vault: &Vault,
    egress: Egress,
    rules: Loaded,
    resumed: Resumed,
) -> (Setup, Store) {
    let now = clock::now();
    let journal = Arc::new(Journal::open(vault.clone(), config.retention, now));
    let store = Store::with_inbox(vault.clone(), Arc::clone(&journal));
    let traffic = Arc::new(Traffic::default());
    let source = config.rules.clone();
    let allowlist = Allowlist::open(source, rules, vault.clone(), Box::new(store.clone()), now);
    allowlist.summary(now).announce();
    let outbox = Arc::new(Outbox::open(
        vault.clone(),
        Arc::clone(&journal),
        config.sending,
    ));
    outbox.resume(now, resumed.uncounted);
    let people: Arc<dyn People> = Arc::new(store.clone());
    let admission = Admission::new(
        Arc::new(allowlist),
        Arc::clone(&outbox),
        Arc::clone(&journal),
        people,
        vault.clone(),
        Arc::clone(&traffic),
        config.hold_limit,
    );
    let place = config.version_place.clone();
    let setup = Setup {
        endpoint: config.endpoint.clone(),
        versions: Versions::open(place, egress.clone(), vault.clone()),
        egress,
        keepalive_limit: config.keepalive_limit,
        ready_after: config.ready_after,
        outbox,
        journal,
        traffic,
        admission: Arc::new(admission),
        presence: Arc::default(),
        device: config.device.clone(),
    };
    (setup, store)
}

fn announce(config: &Config, listeners: &Listeners, http: &TcpListener) {
    let socket = config.socket.display();
    let listen = listeners.tls();
    let fingerprint = listen.map(|(_, agent)| agent.to_string());
    let fingerprint = fingerprint.unwrap_or_default();
    let listen = listen.map(|(address, _)| address.to_string());
    let listen = listen.unwrap_or_default();
    let plaintext = listeners
        .plaintext_address()
        .map(|address| address.to_string())
        .unwrap_or_default();
    let http = http
        .local_addr()
        .map(|address| address.to_string())
        .unwrap_or_default();
    // Set in Dockerfile.distroless.
    let commit = option_env!("OPENCLAW_COMMIT").unwrap_or_default();
    tracing::info!(version = version(), commit, %socket, listen, fingerprint, plaintext, http, "openclaw-agent started");
    if cfg!(feature = "sim") {
        tracing::warn!("simulator build: loopback only, certificates not verified");
    }
}

/// Reloads the rules on SIGHUP.
async fn reload_on_hangup(mut hangup: Signal, agent: Agent) {
    while hangup.recv().await.is_some() {
        // The outcome is logged, and shown in `Status`.
        let _ = agent.reload_rules();
    }
}

async fn wait_for(mut stopped: watch::Receiver<bool>) {
    // A dropped sender also means stop.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn signalled() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// A task's result; resumes a panic of the task.
fn flatten<T>(joined: Result<T, tokio::task::JoinError>) -> T {
    match joined {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

async fn finish_if_any<T>(task: Option<tokio::task::JoinHandle<T>>) {
    if let Some(task) = task {
        finish(task).await;
    }
}

async fn finish<T>(task: tokio::task::JoinHandle<T>) {
    if !task.is_finished() {
        let _ = task.await;
    }
}
