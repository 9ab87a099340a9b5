//! The agent's settings, from flags and the environment. All mistakes are reported together.

mod alerts;
mod device;
mod network;
mod sending;
#[cfg(test)]
mod tests;
mod variables;

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use openclaw_harden::environment::Secrets;
use openclaw_harden::privileges;
use openclaw_harden::process::Inspection;
use openclaw_state::journal::Limits;
use openclaw_state::{allow, outbox};
use openclaw_types::{AgentName, Device};
use openclaw_whatsapp::session::Endpoint;
use tracing_subscriber::filter::LevelFilter;

use crate::alerts::Settings as AlertSettings;
use crate::host::volume::{KeySource, Mistake, StoreLocation};

pub use alerts::Metrics;
pub use network::{ENROLL_CODE, Network};
pub(crate) use variables::Variables;

/// The default port of HTTP health checks.
const DEFAULT_HTTP_PORT: u16 = 8080;
/// WhatsApp's own clients ping every 15 to 30 s and wait 20 s for the response.
const KEEPALIVE_LIMIT: Duration = Duration::from_secs(50);

/// The raw flags.
#[derive(Args, Debug, Default)]
#[group(skip)]
pub(crate) struct Flags {
    /// Name of this agent, in every event and in the status [default: openclaw]
    #[arg(long, env = "OPENCLAW_NAME", value_name = "NAME")]
    name: Option<String>,
    /// Unix socket of the gRPC API, for this user only
    /// [default: $XDG_RUNTIME_DIR/openclaw/agent.sock, or /run/openclaw/agent.sock]
    #[arg(long, env = "OPENCLAW_SOCKET", value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Network settings.
    #[command(flatten)]
    network: network::Flags,
    /// Address of HTTP health checks and metrics [default: [::]:$PORT, or [::]:8080]
    #[arg(long, env = "OPENCLAW_HTTP", value_name = "ADDR", global = true)]
    http: Option<String>,
    /// The port that the platform assigned for HTTP; --http wins
    #[arg(long, env = "PORT", value_name = "PORT", hide = true, global = true)]
    port: Option<String>,
    /// Seconds without traffic from WhatsApp after which the connection counts as lost [default: 50]
    #[arg(long, env = "OPENCLAW_KEEPALIVE_LIMIT", value_name = "SECONDS")]
    keepalive_limit: Option<String>,
    /// Seconds that the link must be up before the agent reports ready; 0 for no delay [default: 3]
    #[arg(long, env = "OPENCLAW_READY_AFTER", value_name = "SECONDS")]
    ready_after: Option<String>,
    /// Maximum size of the event journal, in MiB [default: 64]
    #[arg(long, env = "OPENCLAW_JOURNAL_SIZE", value_name = "MIB")]
    journal_size: Option<String>,
    /// How long events are kept, in days [default: 7]
    #[arg(long, env = "OPENCLAW_JOURNAL_DAYS", value_name = "DAYS")]
    journal_days: Option<String>,
    /// The device on the phone.
    #[command(flatten)]
    device: device::Flags,
    /// Send settings.
    #[command(flatten)]
    sending: sending::Flags,
    /// Allowlist file [default: openclaw.yml, if present; without a file WHATSAPP_ALLOW applies, else all senders are allowed]
    #[arg(long, env = "OPENCLAW_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Seconds to hold a message whose sender is not resolved yet, before it is dropped [default: 300]
    #[arg(long, env = "OPENCLAW_HOLD_LIMIT", value_name = "SECONDS")]
    hold_limit: Option<String>,
    /// Alerts and metrics.
    #[command(flatten)]
    pub(crate) alerts: alerts::Flags,
    /// Log level: error, warn, info, debug or trace [default: info]
    #[arg(long, env = "OPENCLAW_LOG", value_name = "LEVEL")]
    log: Option<String>,
    /// The simulator's address; simulator builds only
    #[arg(long, env = "OPENCLAW_WHATSAPP_URL", value_name = "URL", hide = !cfg!(feature = "sim"))]
    whatsapp_url: Option<String>,
    /// For testing: create a key file if there is none, at --auth-key-file or next to the volume. Without it the store
    /// cannot be opened: back it up
    #[arg(long)]
    pub(crate) create_key_file: bool,
    /// User to switch to when started as root: auto (user 65532, in a container), never, or UID:GID [default: auto]
    #[arg(long, env = "OPENCLAW_RUN_AS", value_name = "USER")]
    run_as: Option<String>,
    /// Let other processes of the same user look into this one; simulator builds only
    #[arg(long, hide = true)]
    allow_inspection: bool,
}

/// The validated settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The agent's name.
    pub name: AgentName,
    /// The API's unix socket.
    pub socket: PathBuf,
    /// Network access to the API.
    pub network: Network,
    /// The address for health checks.
    pub http: SocketAddr,
    /// The time without frames after which the connection counts as lost.
    pub keepalive_limit: Duration,
    /// The time that the link must be up before the agent reports ready.
    pub ready_after: Duration,
    /// The retention limits of the journal.
    pub retention: Limits,
    /// How this device appears on the phone.
    pub device: Device,
    /// The rate and queue limits of sending.
    pub sending: outbox::Limits,
    /// The source of the allowlist.
    pub rules: allow::Source,
    /// How long a message is held until its sender is resolved.
    pub hold_limit: Duration,
    /// The receiver of alerts, if any.
    pub alerts: Option<AlertSettings>,
    /// Where metrics are served.
    pub metrics: Metrics,
    /// The log level.
    pub log: LevelFilter,
    /// The WhatsApp server.
    pub endpoint: Endpoint,
    /// The location of the store.
    pub place: StoreLocation,
    /// The key that opens the store.
    pub source: KeySource,
    /// The user to switch to.
    pub run_as: privileges::Setting,
    /// Whether other processes may inspect this one.
    pub inspection: Inspection,
}

/// The version, marked if this build connects only to the simulator.
#[must_use]
pub const fn version() -> &'static str {
    if cfg!(feature = "sim") {
        concat!(env!("CARGO_PKG_VERSION"), " (simulator build)")
    } else {
        env!("CARGO_PKG_VERSION")
    }
}

/// Why the settings are rejected.
#[derive(Debug)]
pub enum Error {
    /// An unknown flag, or a request for help: clap prints it.
    Usage(clap::Error),
    /// Invalid values, each with its setting.
    Values(Vec<Mistake>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::Values(mistakes) => {
                for Mistake { text, hint } in mistakes {
                    writeln!(f, "error: {text}")?;
                    if let Some(hint) = hint {
                        writeln!(f, "hint: {hint}")?;
                    }
                }
                if mistakes.iter().any(|mistake| mistake.hint.is_none()) {
                    writeln!(f, "hint: `openclaw-agent --help` explains every setting")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Error {}

impl Flags {
    /// The HTTP address, for the health check command.
    pub(crate) fn http(self) -> Result<SocketAddr, Error> {
        let mut mistakes = Vec::new();
        let mut keep = |mistake: String| mistakes.push(Mistake::from(mistake));
        let address = http_address(self.http, self.port, &mut keep);
        address
            .filter(|_| mistakes.is_empty())
            .ok_or(Error::Values(mistakes))
    }
}

impl Config {
    /// Validates all settings; `mistakes` are those found earlier. `source` is present if there are no mistakes.
    pub(crate) fn check(
        flags: Flags,
        place: StoreLocation,
        source: Option<KeySource>,
        alerts: Option<AlertSettings>,
        secrets: &Secrets,
        mistakes: Vec<Mistake>,
    ) -> Result<Self, Error> {
        let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty());
        Self::check_in(runtime_dir, flags, place, source, alerts, secrets, mistakes)
    }

    fn check_in(
        runtime_dir: Option<OsString>,
        flags: Flags,
        place: StoreLocation,
        source: Option<KeySource>,
        alerts: Option<AlertSettings>,
        secrets: &Secrets,
        mut mistakes: Vec<Mistake>,
    ) -> Result<Self, Error> {
        let Flags {
            name,
            socket,
            network,
            http,
            port,
            keepalive_limit,
            ready_after,
            journal_size,
            journal_days,
            device,
            sending,
            config,
            hold_limit,
            alerts: alert_flags,
            log,
            whatsapp_url,
            create_key_file: _,
            run_as,
            allow_inspection,
        } = flags;
        let mut keep = |mistake: String| mistakes.push(Mistake::from(mistake));

        let name = given(name).map_or(Some(AgentName::default()), |value| {
            let parsed = value.parse();
            parsed
                .map_err(|error| keep(format!("--name: {value:?}: {error}")))
                .ok()
        });
        let network = network.check(secrets, &mut keep);
        let http = http_address(http, port, &mut keep);
        let keepalive_limit =
            given(keepalive_limit).map_or(Some(KEEPALIVE_LIMIT), |value| match value.parse() {
                Ok(seconds @ 2..=3600) => Some(Duration::from_secs(seconds)),
                _ => {
                    keep(format!(
                        "--keepalive-limit: {value:?} is not a number of seconds from 2 to 3600"
                    ));
                    None
                }
            });
        let ready_after =
            number("--ready-after", ready_after, 3, 0..=3_600, &mut keep).map(Duration::from_secs);
        let journal_size = number("--journal-size", journal_size, 64, 1..=65_536, &mut keep);
        let journal_days = number("--journal-days", journal_days, 7, 1..=3_650, &mut keep);
        let retention = journal_size.zip(journal_days).map(|(mib, days)| Limits {
            bytes: mib << 20,
            age: Duration::from_secs(days * 86_400),
        });
        let device = device.check(&mut keep);
        let sending = sending.check(&mut keep);
        let rules = allow::Source::new(config.filter(|path| !path.as_os_str().is_empty()))
            .not_in(&place.dir);
        let hold_limit =
            number("--hold-limit", hold_limit, 300, 1..=86_400, &mut keep).map(Duration::from_secs);
        let metrics = given(alert_flags.metrics).map_or(Some(Metrics::default()), |value| {
            value.parse().map_err(&mut keep).ok()
        });
        let log = given(log).map_or(Some(LevelFilter::INFO), |value| {
            value
                .parse()
                .map_err(|_| {
                    keep(format!(
                        "--log: {value:?} is not error, warn, info, debug or trace"
                    ));
                })
                .ok()
        });
        let endpoint = Endpoint::new(given(whatsapp_url).as_deref())
            .map_err(|error| keep(format!("--whatsapp-url: {error}")))
            .ok();
        let run_as = given(run_as).map_or(Some(privileges::Setting::Auto), |value| {
            value
                .parse()
                .map_err(|error| keep(format!("--run-as: {value:?}: {error}")))
                .ok()
        });
        let inspection = match allow_inspection {
            false => Inspection::Refused,
            true if cfg!(feature = "sim") => Inspection::Allowed,
            true => {
                keep("--allow-inspection: --allow-inspection needs a simulator build".to_owned());
                Inspection::Refused
            }
        };
        let socket = socket
            .filter(|path| !path.as_os_str().is_empty())
            .unwrap_or_else(|| default_socket(runtime_dir));

        match (
            name.zip(http),
            keepalive_limit.zip(ready_after),
            retention,
            hold_limit,
            metrics,
            log,
            endpoint,
            run_as,
            source,
        ) {
            (
                Some((name, http)),
                Some((keepalive_limit, ready_after)),
                Some(retention),
                Some(hold_limit),
                Some(metrics),
                Some(log),
                Some(endpoint),
                Some(run_as),
                Some(source),
            ) if mistakes.is_empty() => Ok(Self {
                name,
                socket,
                network,
                http,
                keepalive_limit,
                ready_after,
                retention,
                device,
                sending,
                rules,
                hold_limit,
                alerts,
                metrics,
                log,
                endpoint,
                place,
                source,
                run_as,
                inspection,
            }),
            _ => Err(Error::Values(mistakes)),
        }
    }
}

/// An empty value counts as unset: some platforms set variables that way.
fn given(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

/// The HTTP address. An invalid `PORT` is reported even if --http overrides it.
fn http_address(
    http: Option<String>,
    port: Option<String>,
    keep: &mut impl FnMut(String),
) -> Option<SocketAddr> {
    let port = given(port).map_or(Some(DEFAULT_HTTP_PORT), |value| {
        value
            .parse()
            .map_err(|_| keep(format!("PORT: {value:?} is not a port")))
            .ok()
    });
    match given(http) {
        Some(value) => value
            .parse()
            .map_err(|_| {
                keep(format!(
                    "--http: {value:?} is not an address like [::]:8080 or 127.0.0.1:8080"
                ));
            })
            .ok(),
        None => port.map(|port| SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)),
    }
}

/// Parses a whole number in a range.
fn number(
    flag: &str,
    value: Option<String>,
    default: u64,
    bounds: RangeInclusive<u64>,
    keep: &mut impl FnMut(String),
) -> Option<u64> {
    let Some(value) = given(value) else {
        return Some(default);
    };
    let number = value.parse().ok().filter(|number| bounds.contains(number));
    if number.is_none() {
        let (least, most) = (bounds.start(), bounds.end());
        keep(format!(
            "{flag}: {value:?} is not a number from {least} to {most}"
        ));
    }
    number
}

fn default_socket(runtime_dir: Option<OsString>) -> PathBuf {
    let folder = runtime_dir.map_or_else(|| PathBuf::from("/run"), PathBuf::from);
    folder.join("openclaw/agent.sock")
}
