//! The findings about the way to WhatsApp.

use openclaw_types::Finding;
use openclaw_whatsapp::session::{DialFailure, VersionSource, VersionStatus};

use crate::host::config::UNUSED_PROXY;
use crate::link::NetworkStatus;

/// The way to WhatsApp, and the client version. While the agent is connected, both work.
pub(super) fn network(network: &NetworkStatus, is_connected: bool) -> Vec<Finding> {
    let NetworkStatus {
        proxy,
        is_bypassed,
        has_ca_file,
        version,
        failure,
        unused_proxies: _,
    } = network;
    let way = match proxy {
        None => "connections to WhatsApp are direct".to_owned(),
        Some((proxy, source)) if *is_bypassed => format!(
            "connections to WhatsApp's server are direct: NO_PROXY exempts it from the proxy {proxy} ({source})"
        ),
        Some((proxy, source)) => {
            format!("connections to WhatsApp go through the proxy {proxy} ({source})")
        }
    };
    let authorities = match has_ca_file {
        true => ", and the certificate authorities in --ca-file are trusted",
        false => "",
    };
    let mut findings = vec![match failure.as_ref().filter(|_| !is_connected) {
        None => Finding::good("network", format!("{way}{authorities}")),
        Some(DialFailure { error, hint }) => Finding::bad(
            "network",
            format!("{way}{authorities}; the last attempt failed: {error}"),
            hint,
        ),
    }];
    let VersionStatus {
        version,
        source,
        fetched_at: _,
        error,
    } = version;
    let source = match source {
        VersionSource::Fetched => "which is the current one",
        VersionSource::Accepted => "which WhatsApp has accepted before",
        VersionSource::BuiltIn => "which is built in",
    };
    let text = format!("the client version is {version}, {source}");
    findings.push(match error {
        None => Finding::good("version", text),
        Some(error) => Finding::note(
            "version",
            format!("{text}; WhatsApp did not name the current one: {error}"),
            "let the agent, or its proxy, request https://web.whatsapp.com/sw.js",
        ),
    });
    findings
}

/// Proxies that are set but not used. `alerts`: whether alerts use one; `None` without alerts.
pub(super) fn unused_proxies(network: &NetworkStatus, alerts: Option<bool>) -> Vec<Finding> {
    let alerts = match alerts {
        None => "connections to WhatsApp do not use it",
        Some(_) => "neither connections to WhatsApp nor alerts use it",
    };
    let finding = |variable: &&str| {
        let text = format!("{variable} is set, but {alerts}");
        Finding::note("proxy", text, UNUSED_PROXY)
    };
    network.unused_proxies.iter().map(finding).collect()
}
