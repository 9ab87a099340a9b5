//! What may stand in the way of linking a phone: the way to WhatsApp, step by step, and then what WhatsApp, the phone and the
//! account have to say. Needs no link.

use std::time::{Duration, SystemTime};

use openclaw_state::clock;
use openclaw_types::{Device, DeviceName, Finding, LinkState};
use openclaw_whatsapp::session::{DialFailure, Probe, ProbeStep};

use super::findings::{link, restriction};
use super::way::{network, unused_proxies};
use crate::link::{Agent, Status};

/// A clock that differs by less does not disturb WhatsApp.
const MAX_CLOCK_ERROR: Duration = Duration::from_secs(60);

impl Agent {
    /// Reports what stands in the way of linking a phone, in the order of a connection.
    pub async fn diagnose_link(&self) -> Vec<Finding> {
        let status = self.status();
        let probe = self.network.probe().await;
        let mut findings = network(&status.network, status.is_connected(clock::now()));
        findings.extend(unused_proxies(&status.network, self.alerts.is_by_proxy()));
        findings.extend(steps(&probe));
        findings.extend(server_clock(probe.server_time, clock::wall()));
        findings.push(credentials(&status, clock::now()));
        findings.extend(restriction(&status));
        findings.push(device(&self.device));
        findings.push(passkey(self.view.borrow().passkey_at, clock::now()));
        findings
    }
}

/// Whether the account lets the agent link, as far as that is known. Not to be linked is no obstacle.
fn credentials(status: &Status, now: SystemTime) -> Finding {
    match status.link.state {
        LinkState::Unlinked | LinkState::Linking => Finding::good(
            "credentials",
            "no phone is linked yet: a pairing makes new keys",
        ),
        LinkState::LoggedOut | LinkState::Replaced => Finding::note(
            "credentials",
            "the agent's link has ended, and its keys are no longer valid",
            "run `openclawctl pair`, which makes a new link",
        ),
        _ => link(status, now),
    }
}

/// One finding for each step that was made.
fn steps(probe: &Probe) -> Vec<Finding> {
    let done = probe.done.iter().map(|step| {
        let (check, good, _, _) = words(*step);
        Finding::good(check, good)
    });
    let failed = probe
        .failed
        .iter()
        .map(|(step, DialFailure { error, hint })| {
            let (check, _, bad, usual) = words(*step);
            let hint = if hint.is_empty() { usual } else { hint };
            Finding::bad(check, format!("{bad}: {error}"), hint)
        });
    done.chain(failed).collect()
}

/// A step's name, what is so if it succeeds, what if it fails, and the next step then.
const fn words(step: ProbeStep) -> (&'static str, &'static str, &'static str, &'static str) {
    match step {
        ProbeStep::Dns => (
            "dns",
            "WhatsApp's server has an address",
            "WhatsApp's server has no address",
            "check the DNS of the agent's network, or set a proxy that resolves names (--proxy)",
        ),
        ProbeStep::Tcp => (
            "tcp",
            "WhatsApp's server accepts connections",
            "WhatsApp's server cannot be reached",
            "let the agent connect to web.whatsapp.com:443, or set a proxy (--proxy)",
        ),
        ProbeStep::Proxy => (
            "tcp",
            "the proxy connects to WhatsApp's server",
            "WhatsApp's server cannot be reached through the proxy",
            "let the proxy connect to web.whatsapp.com:443",
        ),
        ProbeStep::Tls => (
            "tls",
            "the certificate of WhatsApp's server is accepted",
            "there is no encrypted connection to WhatsApp's server",
            "if the network inspects TLS, exempt web.whatsapp.com, or give the inspector's certificate: --ca-file",
        ),
        ProbeStep::WebSocket => (
            "websocket",
            "WhatsApp's server speaks WhatsApp Web's protocol",
            "what answers does not speak WhatsApp Web's protocol",
            "let WebSockets to web.whatsapp.com pass the network and the proxy",
        ),
    }
}

/// The clock of this machine, compared with the server's.
fn server_clock(server: Option<SystemTime>, here: SystemTime) -> Option<Finding> {
    let server = server?;
    let (ahead, by) = match here.duration_since(server) {
        Ok(by) => ("ahead of", by),
        Err(behind) => ("behind", behind.duration()),
    };
    if by < MAX_CLOCK_ERROR {
        return Some(Finding::good("clock", "this machine's clock is right"));
    }
    let text = format!(
        "this machine's clock is {} s {ahead} WhatsApp's",
        by.as_secs()
    );
    let hint =
        "set the clock, and keep it right with NTP: certificates and WhatsApp's times depend on it";
    Some(Finding::bad("clock", text, hint))
}

fn device(device: &Device) -> Finding {
    let Device { name, platform: _ } = device;
    let text = format!("the phone lists a new link as {name}");
    if *name == DeviceName::default() {
        return Finding::note(
            "device",
            text,
            "if the phone says that it could not link the device, try the name of a system: `openclawctl pair --device-name \"Mac OS\"`",
        );
    }
    Finding::good("device", text)
}

/// Whether the last pairing was asked for a passkey.
fn passkey(asked_at: Option<SystemTime>, now: SystemTime) -> Finding {
    let hint = "`openclawctl pair` leads through it: have a browser ready that can use the account's passkey (docs/linking.md)";
    match asked_at.and_then(|at| now.duration_since(at).ok()) {
        Some(ago) => {
            let minutes = ago.as_secs() / 60;
            let text = format!("WhatsApp asked for the account's passkey {minutes} min ago");
            Finding::note("passkey", text, hint)
        }
        None => Finding::note(
            "passkey",
            "WhatsApp asks some accounts for a passkey; which ones is known only after a code is scanned",
            hint,
        ),
    }
}

#[cfg(test)]
mod tests {
    use openclaw_types::State;

    use super::*;

    #[test]
    fn the_first_failed_step_has_a_next_step_and_ends_the_list() {
        let failure = |hint| DialFailure {
            error: "connection refused".to_owned(),
            hint,
        };
        let probe = |hint| Probe {
            done: vec![ProbeStep::Dns],
            failed: Some((ProbeStep::Tcp, failure(hint))),
            server_time: None,
        };
        let found = steps(&probe(""));
        let states: Vec<_> = found.iter().map(|one| (one.check, one.state)).collect();
        assert_eq!(states, [("dns", State::Good), ("tcp", State::Bad)]);
        assert!(found[1].text.ends_with(": connection refused"));
        assert!(found[1].hint.contains("--proxy"));
        assert_eq!(steps(&probe("do this"))[1].hint, "do this");
    }

    #[test]
    fn a_wrong_clock_is_compared_with_the_server() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let state = |server, here| server_clock(Some(at(server)), at(here)).unwrap().state;
        assert_eq!(state(1_000, 1_059), State::Good);
        assert_eq!(state(1_059, 1_000), State::Good);
        let ahead = server_clock(Some(at(1_000)), at(1_100)).unwrap();
        assert_eq!(
            (ahead.state, ahead.text.contains("100 s ahead of")),
            (State::Bad, true)
        );
        assert_eq!(state(1_100, 1_000), State::Bad);
        assert!(server_clock(None, at(0)).is_none());
    }
}
