//! The way to WhatsApp, and the client version, in `status`.

use openclaw_proto::v1::{ClientVersionSource, Network};

use super::Detail;
use crate::text;

/// `through http://proxy.example.com:3128 (HTTPS_PROXY)`. A direct connection is the usual one.
pub(super) fn way(way: &Network, detail: Detail) -> Option<String> {
    let proxy = text::one_line(&way.proxy);
    let source = text::one_line(&way.proxy_source);
    let mut line = match (way.proxy.is_empty(), way.proxy_bypassed) {
        (true, _) => "direct".to_owned(),
        (false, true) => format!("direct: NO_PROXY exempts WhatsApp from {proxy} ({source})"),
        (false, false) => format!("through {proxy} ({source})"),
    };
    if way.ca_file {
        line.push_str(", with the authorities in --ca-file");
    }
    let is_usual = way.proxy.is_empty() && !way.ca_file && way.error.is_empty();
    (detail == Detail::All || !is_usual).then_some(line)
}

/// `2.3000.1042742319, built in; the current one is not known: …`
pub(super) fn client_version(way: &Network, detail: Detail) -> Option<String> {
    if way.client_version.is_empty() {
        return None;
    }
    let version = text::one_line(&way.client_version);
    let source = match way.client_version_source() {
        ClientVersionSource::Fetched => ", the current one",
        ClientVersionSource::Accepted => ", accepted before",
        ClientVersionSource::BuiltIn => ", built in",
        ClientVersionSource::Unspecified => "",
    };
    let mut line = format!("{version}{source}");
    if !way.client_version_error.is_empty() {
        let error = text::one_line(&way.client_version_error);
        line.push_str(&format!("; the current one is not known: {error}"));
    }
    (detail == Detail::All || !way.client_version_error.is_empty()).then_some(line)
}
