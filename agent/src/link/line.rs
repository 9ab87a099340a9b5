//! Log lines of the link: lines with a fixed text that operators search for, and one for every other state change.

use openclaw_state::clock;
use openclaw_types::{Link, LinkState};

/// Logs the change from `before` to `link`.
pub(super) fn log(before: &Link, link: &Link) {
    let phone = link
        .account
        .as_ref()
        .map(|account| account.phone.to_string());
    let phone = phone.as_deref().unwrap_or_default();
    let device = link.account.as_ref().map(|account| account.device.as_str());
    let reason = link
        .reason
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let was_up = before.state == LinkState::Connected;
    match link.state {
        LinkState::Connected => tracing::info!(phone, device, "WhatsApp connected"),
        state if was_up || state.needs_person() => {
            tracing::warn!(
                phone,
                state = state.name(),
                reason,
                code = link.code,
                hint = link.hint(clock::now(), clock::utc),
                "WhatsApp disconnected{}",
                reason_suffix(&reason)
            );
        }
        LinkState::BackingOff { attempt, until } => {
            let retry_in = clock::until(until).as_secs_f32();
            tracing::warn!(
                attempt,
                retry_in,
                reason,
                "WhatsApp connection failed, trying again"
            );
        }
        state => tracing::info!(state = state.name(), reason, "link state changed"),
    }
}

/// `: connection_lost`, or empty without a known reason.
fn reason_suffix(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}
