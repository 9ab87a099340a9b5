//! Enrolment of the first client: by its key in the settings, with a code in the log of an agent that has no clients yet, or with a
//! code from `OPENCLAW_ENROLL_CODE`. Only this module writes a code anywhere except into the store.

use std::time::{Duration, SystemTime};

use openclaw_state::clients::{CODE_LIFETIME, Clients, Opening, Pinned};
use openclaw_trust::NoRandom;

use crate::edge::grpc::Network;
use crate::host::config;

/// Enrolls the clients whose keys the settings name.
pub(super) async fn pin(clients: &Clients, settings: &config::Network, now: SystemTime) {
    let keys = &settings.client_keys;
    for (key, done) in keys.iter().zip(clients.pin(keys, now).await) {
        let (name, role, fingerprint) = (&key.name, key.role, key.fingerprint);
        match done {
            Pinned::Known => {}
            Pinned::Enrolled => {
                tracing::info!(name, %role, %fingerprint, "client enrolled by its key in the settings");
            }
            Pinned::Revoked => {
                tracing::info!(name, %fingerprint, "client key in the settings was revoked, and stays so; remove it from --client-keys");
            }
            Pinned::NameTaken => {
                tracing::warn!(name, %fingerprint, "client key in the settings not enrolled: another client has this name");
            }
            Pinned::Full => {
                tracing::warn!(name, %fingerprint, "client key in the settings not enrolled: there are too many clients");
            }
        }
    }
}

/// Logs how to enroll, if the first client may still enroll.
///
/// # Errors
/// The system cannot provide random numbers.
pub(super) async fn expect(
    clients: &Clients,
    settings: &config::Network,
    network: &Network,
    now: SystemTime,
) -> Result<(), NoRandom> {
    let port = network.tls.map_or(0, |(address, _)| address.port());
    let at = network.public.clone();
    let at = at.unwrap_or_else(|| format!("HOST:{port}"));
    match clients.opening(settings.code.as_deref(), now).await? {
        Opening::None => {}
        Opening::Made(code) => {
            let code = code.reveal();
            tracing::warn!(
                expires_in_minutes = minutes(CODE_LIFETIME),
                "no client is enrolled yet: run `openclawctl enroll {at}` and enter this code: {}",
                *code
            );
        }
        Opening::Given(remaining) => tracing::info!(
            expires_in_minutes = minutes(remaining),
            "OPENCLAW_ENROLL_CODE is valid for one client: run `openclawctl enroll {at}`"
        ),
        Opening::Used => {
            tracing::info!("OPENCLAW_ENROLL_CODE was already used; unset it");
        }
        Opening::Expired => tracing::warn!(
            "OPENCLAW_ENROLL_CODE has expired; make a new one with `openclawctl clients new-code`"
        ),
    }
    Ok(())
}

/// Rounded up to whole minutes.
const fn minutes(time: Duration) -> u64 {
    time.as_secs().div_ceil(60)
}
