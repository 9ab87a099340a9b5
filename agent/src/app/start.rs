//! The steps before the runtime: drop privileges, lock and open the volume, enable the sandbox. The process still has
//! one thread, which the kernel requires for some of them.

use std::time::SystemTime;

use openclaw_egress::Egress;
use openclaw_harden::privileges;
use openclaw_state::allow::{self, Loaded};
use openclaw_types::{Exit, Hardening};
use openclaw_vault::{Opened, Summary};
use openclaw_webhook::SigningKey;

use crate::alerts::{self, KeyPlace};
use crate::host::config::{Config, OutgoingError, UNUSED_PROXY};
use crate::host::harden;
use crate::host::supervisor::Supervisor;
use crate::host::volume::{self, Open};

/// The state after these steps.
pub struct Started {
    /// The open store on the locked volume.
    pub open: Open,
    /// The active process hardening.
    pub hardening: Hardening,
    /// The allowlist's rules.
    pub rules: Loaded,
    /// The key that signs alerts.
    pub alert_key: Option<SigningKey>,
    /// How connections leave this machine.
    pub egress: Egress,
    /// The service manager.
    pub supervisor: Supervisor,
}

/// Why the agent does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Privileges could not be dropped.
    #[error(transparent)]
    Privileges(#[from] privileges::Error),
    /// The allowlist cannot be loaded.
    #[error(transparent)]
    Rules(#[from] allow::Error),
    /// The alert signing key cannot be loaded.
    #[error(transparent)]
    Alerts(#[from] alerts::Error),
    /// The private certificate authorities cannot be loaded.
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
    /// The volume cannot be opened.
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
            Self::Outgoing(error) => error.hint().to_owned(),
            Self::Volume(error) => error.hint(),
        }
    }

    /// The process's exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Privileges(privileges::Error::NotRoot { .. }) => Exit::Configuration,
            Self::Rules(_) | Self::Alerts(_) | Self::Outgoing(_) => Exit::Configuration,
            Self::Volume(error) if error.is_configuration() => Exit::Configuration,
            Self::Privileges(_) | Self::Volume(_) => Exit::Failed,
        }
    }
}

/// Runs all steps.
pub fn start(config: &Config, now: SystemTime) -> Result<Started, Error> {
    let protection = harden::shed(config)?;
    let Config { place, source, .. } = config;
    // Read by the user that will reload it, and before anything is locked or created.
    let rules = config.rules.load(false)?;
    let alerts = config.alerts.as_ref();
    let alert_key = alerts.map_or(Ok(None), |alerts| KeyPlace::load(&alerts.key))?;
    let egress = config.outgoing.load()?;
    announce_egress(config, &egress);
    let volume = place.claim(now, |holder| {
        tracing::info!(holder, "waiting for the volume's lock");
    })?;
    // Logged before the store is opened: it may be the reason why opening fails.
    if let Some(exposure) = volume::exposure(&place.dir) {
        tracing::warn!(
            dir = %place.dir.display(),
            mode = exposure.mode(),
            reason = %exposure,
            hint = exposure.hint(),
            "volume directory is writable by others"
        );
    }
    // An unreadable one is reported when the store is opened.
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
        egress,
        supervisor,
    })
}

/// Logs the way out. An operator may rely on a proxy to hide the address, so one that is set but not used is a warning.
fn announce_egress(config: &Config, egress: &Egress) {
    let alerts = match &config.alerts {
        None => "disabled",
        Some(alerts) if alerts.address.is_by_proxy(egress) => "proxied",
        Some(_) => "direct",
    };
    let ca_file = config.outgoing.ca_file.as_ref();
    let ca_file = ca_file.map(|path| path.display().to_string());
    let ca_file = ca_file.unwrap_or_default();
    match egress.proxy() {
        Some((proxy, source)) if !config.endpoint.is_exempt(egress) => {
            tracing::info!(%proxy, source, ca_file, alerts, "connecting through a proxy");
        }
        Some((proxy, source)) => {
            tracing::info!(%proxy, source, ca_file, alerts, "connecting to WhatsApp directly: NO_PROXY exempts it from the proxy");
        }
        None => tracing::info!(ca_file, alerts, "connecting directly"),
    }
    for variable in &config.outgoing.unused {
        tracing::warn!(variable, hint = UNUSED_PROXY, "proxy not used");
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
