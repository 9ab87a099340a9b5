//! The version of WhatsApp Web that this client announces. WhatsApp refuses one that is too old with 405, so the current one
//! is asked for, as browsers do; and since that question may be blocked, slow or answered with nonsense, the link does not
//! depend on it.
//!
//! ```text
//! the fetched one, if it is not refused ── else ──> the last that WhatsApp accepted ── else ──> the library's own
//!   asked for once a day,                             durable
//!   after a 405 at once, then every hour
//! ```

mod known;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use hyper::body::Bytes;
use hyper::http::header::USER_AGENT;
use hyper::http::uri::Uri;
use hyper::http::{Request, StatusCode};
use openclaw_egress::{Egress, Target};
use openclaw_state::clock;
use openclaw_state::vault::{Tables, Vault};
use openclaw_vault::Key;
use whatsapp_rust::store::persistence_manager::PersistenceManager;
use whatsapp_rust::wacore;
use whatsapp_rust::wacore::store::commands::DeviceCommand;
use whatsapp_rust::wacore::version::parse_sw_js;

use super::dial::{DialFailure, is_loopback};
use super::{EndpointError, lock};
use known::{BUILT_IN, Known, Tried};

pub use known::{ClientVersion, VersionSource};

/// Where browsers learn the current version.
const HOST: &str = "web.whatsapp.com";
const PATH: &str = "/sw.js";
/// What the library sends there.
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
/// The answer has about 10 KiB.
const MAX_ANSWER_BYTES: usize = 512 * 1024;
/// For one question.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection waits for the answer.
const MAX_WAIT: Duration = Duration::from_secs(3);
/// After a refusal, an answer that is not older than this is not asked for again.
const JUST_NOW: Duration = Duration::from_secs(30);
/// The library asks again for a version that was set longer ago than a day.
const RENEW_AFTER_MILLIS: i64 = 12 * 3_600 * 1_000;

/// Where the current version is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionPlace {
    /// WhatsApp.
    WhatsApp,
    /// Nowhere: the simulator accepts any version.
    Nowhere,
    /// A test's server on this machine.
    Simulated(Uri),
}

/// The version to announce, for all sessions.
pub struct Versions {
    place: VersionPlace,
    egress: Egress,
    vault: Vault,
    state: Mutex<State>,
    /// Held by the question.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    known: Known,
    tried: Option<Tried>,
    /// A version was just refused: ask at once.
    urgent: bool,
    announced: Option<(ClientVersion, VersionSource)>,
}

/// The announced version, for Status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionStatus {
    /// The version that the last connection announced, or the next one will.
    pub version: ClientVersion,
    /// Where it is from.
    pub source: VersionSource,
    /// When WhatsApp last answered the question for the current version, in agent time.
    pub fetched_at: Option<SystemTime>,
    /// Why the last question was not answered.
    pub error: Option<String>,
}

impl Versions {
    /// Loads what is known.
    #[must_use]
    pub fn open(place: VersionPlace, egress: Egress, vault: Vault) -> Arc<Self> {
        let row = vault.load(key());
        let known = row.and_then(|row| serde_json::from_slice(&row).ok());
        Arc::new(Self {
            place,
            egress,
            vault,
            state: Mutex::new(State {
                known: known.unwrap_or_default(),
                ..State::default()
            }),
            asking: tokio::sync::Mutex::default(),
        })
    }

    /// What Status shows.
    #[must_use]
    pub fn status(&self) -> VersionStatus {
        let state = lock(&self.state);
        let (version, source) = state.announced.unwrap_or_else(|| state.known.choose());
        VersionStatus {
            version,
            source,
            fetched_at: state.known.fetched_at(),
            error: state.tried.as_ref().and_then(|tried| tried.error.clone()),
        }
    }

    /// Sets the version that the library announces on the next connection of this device, and keeps the library from asking for
    /// it. Waits a few seconds for the answer of WhatsApp, if it is time to ask.
    pub(super) async fn announce(self: &Arc<Self>, device: &PersistenceManager) -> ClientVersion {
        if self.is_due() {
            let _ = tokio::time::timeout(MAX_WAIT, self.ask()).await;
        }
        let (version, source) = {
            let mut state = lock(&self.state);
            let chosen = state.known.choose();
            state.announced = Some(chosen);
            chosen
        };
        tracing::debug!(%version, source = source.name(), "client version announced");
        let now = wacore::time::now_millis();
        let kept = device.get_device_snapshot();
        let is_set = (
            kept.app_version_primary,
            kept.app_version_secondary,
            kept.app_version_tertiary,
        ) == version.parts();
        let age = now.saturating_sub(kept.app_version_last_fetched_ms);
        if !is_set || !(0..RENEW_AFTER_MILLIS).contains(&age) {
            let command = DeviceCommand::SetAppVersion(version.parts());
            device.process_command(command).await;
        }
        version
    }

    /// WhatsApp has let this version log in, or has sent it a QR code.
    pub(super) fn accepted(&self, version: ClientVersion) {
        self.change(|known| known.accepted(version));
    }

    /// WhatsApp has refused this version. Asks for the current one, and returns true if another version is known now that is
    /// not refused.
    pub(super) async fn refused(self: &Arc<Self>, version: ClientVersion) -> bool {
        tracing::warn!(%version, "WhatsApp refuses this client version");
        self.change(|known| known.refused(version));
        {
            let mut state = lock(&self.state);
            let asked = state.tried.as_ref().map(|tried| tried.at);
            let just_now = asked.is_some_and(|at| at + JUST_NOW > clock::now());
            state.urgent = !just_now;
        }
        if self.is_due() {
            let _ = tokio::time::timeout(FETCH_TIMEOUT, self.ask()).await;
        }
        !lock(&self.state).known.is_exhausted()
    }

    /// Forgets which versions were refused: a person wants another attempt.
    pub fn forgive(&self) {
        self.change(Known::forgive);
    }

    /// Resolves when a version is known that WhatsApp has not refused, and asks for one until then. May be dropped at any time.
    pub async fn until_newer(self: &Arc<Self>) {
        if self.place == VersionPlace::Nowhere {
            return std::future::pending().await;
        }
        loop {
            let next = {
                let state = lock(&self.state);
                if !state.known.is_exhausted() {
                    return;
                }
                state.known.due_at(state.tried.as_ref(), self.place.pace())
            };
            if let Some(at) = next {
                clock::sleep_until(at).await;
            }
            self.ask().await;
        }
    }

    fn is_due(&self) -> bool {
        let state = lock(&self.state);
        let at = state.known.due_at(state.tried.as_ref(), self.place.pace());
        let is_due = state.urgent || at.is_none_or(|at| at <= clock::now());
        is_due && self.place != VersionPlace::Nowhere
    }

    /// Asks, in a task of its own, which ends by itself when a caller no longer waits.
    async fn ask(self: &Arc<Self>) {
        let versions = Arc::clone(self);
        let asked = tokio::spawn(async move {
            let _turn = versions.asking.lock().await;
            // Someone else may have asked while this waited.
            if versions.is_due() {
                let result = tokio::time::timeout(FETCH_TIMEOUT, versions.fetch()).await;
                versions.answered(result.unwrap_or_else(|_| {
                    let seconds = FETCH_TIMEOUT.as_secs();
                    Err(DialFailure::new(format!("no answer within {seconds} s")))
                }));
            }
        });
        let _ = asked.await;
    }

    fn answered(&self, result: Result<ClientVersion, DialFailure>) {
        let now = clock::now();
        let error = match result {
            Ok(version) => {
                tracing::info!(%version, "current client version received");
                self.change(|known| known.fetched(version, now));
                None
            }
            Err(DialFailure { error, hint }) => {
                let (version, source) = lock(&self.state).known.choose();
                tracing::warn!(error, hint, %version, source = source.name(), "current client version not received, using a known one");
                Some(error)
            }
        };
        let mut state = lock(&self.state);
        state.tried = Some(Tried { at: now, error });
        state.urgent = false;
    }

    async fn fetch(&self) -> Result<ClientVersion, DialFailure> {
        let (target, path) = match &self.place {
            VersionPlace::WhatsApp => (Target::tls(HOST, 443), PATH),
            VersionPlace::Simulated(uri) => {
                let target = Target::of(uri);
                let target = target.ok_or_else(|| DialFailure::new("the URL has no host"))?;
                (target, uri.path())
            }
            VersionPlace::Nowhere => return Ok(BUILT_IN),
        };
        let host = target.host;
        let request = Request::get(path)
            .header(USER_AGENT, BROWSER)
            .header("sec-fetch-site", "none")
            .body(Bytes::new());
        let request = request.map_err(|error| DialFailure::new(error.to_string()))?;
        let asked = self.egress.request(&target, request, MAX_ANSWER_BYTES);
        let answer = asked.await.map_err(|error| DialFailure::from(&error))?;
        if answer.status != StatusCode::OK {
            let status = answer.status.as_u16();
            return Err(DialFailure::new(format!(
                "{host} answered with HTTP {status}"
            )));
        }
        let text = String::from_utf8_lossy(&answer.body);
        let version = parse_sw_js(&text).and_then(ClientVersion::plausible);
        version.ok_or_else(|| DialFailure::new(format!("the answer of {host} has no version")))
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut state = lock(&self.state);
        let before = state.known.clone();
        change(&mut state.known);
        if state.known != before
            && let Ok(row) = serde_json::to_vec(&state.known)
        {
            self.vault.update(|update| update.batch().put(key(), &row));
        }
    }
}

impl std::fmt::Debug for Versions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Versions").finish_non_exhaustive()
    }
}

impl VersionPlace {
    /// WhatsApp; or, in a simulator build, the server at `url` on this machine, if there is one.
    ///
    /// # Errors
    /// As for [`Endpoint`](super::Endpoint).
    pub fn new(url: Option<&str>) -> Result<Self, EndpointError> {
        match (cfg!(feature = "sim"), url) {
            (false, None) => Ok(Self::WhatsApp),
            (false, Some(_)) => Err(EndpointError::NotASimulatorBuild),
            (true, None) => Ok(Self::Nowhere),
            (true, Some(url)) if is_loopback("http", url) => {
                let uri = url.parse().map_err(|_| EndpointError::NotLoopback)?;
                Ok(Self::Simulated(uri))
            }
            (true, Some(_)) => Err(EndpointError::NotLoopback),
        }
    }

    /// The tests of a simulator build do not wait for an hour.
    const fn pace(&self) -> known::Pace {
        match self {
            Self::Simulated(_) => known::Pace::SIMULATED,
            Self::WhatsApp | Self::Nowhere => known::Pace::USUAL,
        }
    }
}

fn key() -> Key<'static> {
    Key::new(Tables::CLIENT_VERSION, "", "")
}
