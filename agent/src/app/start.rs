//! What happens before the runtime: privileges go, the volume is claimed and opened, the sandbox closes. All of it with
//! one thread, as the kernel wants it.

use std::time::SystemTime;

use openclaw_harden::privileges;
use openclaw_state::allow::{self, Loaded};
use openclaw_types::{Exit, Hardening};
use openclaw_vault::{Opened, Summary};

use crate::alerts::{self, KeyPlace, SigningKey};
use crate::host::config::Config;
use crate::host::harden;
use crate::host::proxy;
use crate::host::supervisor::Supervisor;
use crate::host::volume::{self, Open};

/// Ready to run.
pub struct Started {
    /// The store, on a volume that is ours.
    pub open: Open,
    /// What protects the process.
    pub hardening: Hardening,
    /// Whose messages are allowed.
    pub rules: Loaded,
    /// What signs alerts.
    pub alert_key: Option<SigningKey>,
    /// Who is notified of the agent's state.
    pub supervisor: Supervisor,
}

/// Why the agent does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Root stays root.
    #[error(transparent)]
    Privileges(#[from] privileges::Error),
    /// The allowlist cannot be read.
    #[error(transparent)]
    Rules(#[from] allow::Error),
    /// There is nothing to sign alerts with.
    #[error(transparent)]
    Alerts(#[from] alerts::Error),
    /// The volume does not open.
    #[error(transparent)]
    Volume(#[from] volume::Error),
}

impl Error {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Privileges(privileges::Error::NotRoot { .. }) => {
                "run it as root, or as that user without --run-as".to_owned()
            }
            Self::Privileges(_) => {
                "let the container start as user 65532, or set OPENCLAW_RUN_AS=never".to_owned()
            }
            Self::Rules(error) => error.hint().to_owned(),
            Self::Alerts(error) => error.hint().to_owned(),
            Self::Volume(error) => error.hint(),
        }
    }

    /// The process' exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Privileges(privileges::Error::NotRoot { .. }) => Exit::Configuration,
            Self::Rules(_) | Self::Alerts(_) => Exit::Configuration,
            Self::Volume(error) if error.is_configuration() => Exit::Configuration,
            Self::Privileges(_) | Self::Volume(_) => Exit::Failed,
        }
    }
}

/// Does all of it.
pub fn start(config: &Config, now: SystemTime) -> Result<Started, Error> {
    warn_of_proxies(config);
    let protection = harden::shed(config)?;
    let Config { place, source, .. } = config;
    // By the user who will read it again, and before anything is claimed or made.
    let rules = config.rules.load(false)?;
    let alerts = config.alerts.as_ref();
    let alert_key = alerts.map_or(Ok(None), |alerts| KeyPlace::load(&alerts.key))?;
    let volume = place.claim(now, |holder| {
        tracing::info!(holder, "waiting for the volume's lock");
    })?;
    // Before the store is opened: where it does not open, this may be why.
    if let Some(exposure) = volume::exposure(&place.dir) {
        tracing::warn!(
            dir = %place.dir.display(),
            mode = exposure.mode(),
            reason = %exposure,
            hint = exposure.hint(),
            "volume directory is writable by others"
        );
    }
    // One that cannot be read is reported by what opens the store.
    if let Ok(Some(fault)) = source.fault() {
        tracing::warn!(key = %source, reason = %fault, hint = fault.hint(), "passphrase has a flaw");
    }
    let open = volume.open_or_create(source, now)?;
    announce(config, &open);
    let supervisor = Supervisor::from_environment().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot reach the service manager in NOTIFY_SOCKET");
        Supervisor::default()
    });
    let hardening = harden::confine(config, &supervisor, protection);
    Ok(Started {
        open,
        hardening,
        rules,
        alert_key,
        supervisor,
    })
}

/// A proxy that is set and not used keeps no one from leaking what it should have hidden.
fn warn_of_proxies(config: &Config) {
    let alerts = match &config.alerts {
        None => "disabled",
        Some(alerts) if alerts.address.is_by_proxy() => "proxied",
        Some(_) => "direct",
    };
    for proxy in proxy::found() {
        tracing::warn!(
            variable = proxy.variable,
            proxy = proxy.address,
            alerts,
            hint = proxy::HINT,
            "proxy not used for WhatsApp"
        );
    }
}

fn announce(config: &Config, open: &Open) {
    let Open {
        sealed,
        opened,
        made_key,
        ..
    } = open;
    let dir = config.place.dir.display();
    let key = &config.source;
    if let Some(path) = made_key {
        tracing::warn!(
            path = %path.display(),
            hint = "back it up: the store cannot be opened without it",
            "key file created"
        );
    }
    if key.is_open_to_group() {
        let path = key.file().map(|path| path.display().to_string());
        let hint = format!("run `chmod 600 {}`", path.unwrap_or_default());
        tracing::warn!(%key, hint, "key file is readable by its group");
    }
    let Summary {
        store,
        epochs,
        records,
        log_bytes,
        ..
    } = sealed.summary();
    let generation = epochs.last().map_or(0, |epoch| epoch.generation);
    match opened {
        None => tracing::info!(%dir, %store, %key, "store created"),
        Some(Opened { dropped, .. }) => {
            tracing::info!(%dir, %store, %key, generation, records, log_bytes, discarded_bytes = dropped, "store opened");
        }
    }
}
