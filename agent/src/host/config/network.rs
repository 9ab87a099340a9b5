//! Network settings of the API, and the first client's enrolment code.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use openclaw_harden::environment::Secrets;
use openclaw_state::clients::PinnedKey;
use openclaw_trust::Code;

use super::given;

/// The variable with the first client's enrolment code: a secret, which is removed from the environment first.
pub const ENROLL_CODE: &str = "OPENCLAW_ENROLL_CODE";

/// The raw flags.
#[derive(Args, Debug, Default)]
#[group(skip)]
pub(crate) struct Flags {
    /// Listen address of the gRPC API over TLS, for enrolled clients ([::]:PORT) [default: disabled]
    #[arg(long, env = "OPENCLAW_LISTEN", value_name = "ADDR")]
    pub(super) listen: Option<String>,
    /// Listen address of the gRPC API in plain text, loopback only (127.0.0.1:PORT). For development: every process of
    /// the machine is then admin
    #[arg(long, env = "OPENCLAW_LISTEN_PLAINTEXT", value_name = "ADDR")]
    pub(super) listen_plaintext: Option<String>,
    /// Clients that are enrolled without a code, by the fingerprints of their keys: NAME:ROLE:SHA256:…, separated by
    /// commas; for --listen. A key that is no longer listed is removed at the next start; a revoked one stays revoked
    #[arg(long, env = "OPENCLAW_CLIENT_KEYS", value_name = "LIST")]
    pub(super) client_keys: Option<String>,
    /// The host of the platform's TCP proxy for --listen.
    #[arg(long, env = "RAILWAY_TCP_PROXY_DOMAIN", hide = true)]
    pub(super) tcp_proxy_domain: Option<String>,
    /// The port of that proxy.
    #[arg(long, env = "RAILWAY_TCP_PROXY_PORT", hide = true)]
    pub(super) tcp_proxy_port: Option<String>,
}

/// Network access to the API.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// The address for TLS.
    pub tls: Option<SocketAddr>,
    /// The plain-text address; always loopback.
    pub plaintext: Option<SocketAddr>,
    /// The public `HOST:PORT`, if the platform sets it.
    pub public: Option<String>,
    /// Clients that are enrolled without a code.
    pub client_keys: Vec<PinnedKey>,
    /// The enrolment code for the first client, if one is set.
    pub code: Option<Arc<Code>>,
}

impl Flags {
    /// Validates the flags; each mistake is passed to `keep`.
    pub(super) fn check(self, secrets: &Secrets, mut keep: impl FnMut(String)) -> Network {
        let Self {
            listen,
            listen_plaintext,
            client_keys,
            tcp_proxy_domain,
            tcp_proxy_port,
        } = self;
        let tls = given(listen).and_then(|value| {
            let address = value.parse().map_err(|_| {
                keep(format!(
                    "--listen: {value:?} is not an address like [::]:50051 or 127.0.0.1:50051"
                ));
            });
            address.ok()
        });
        let plaintext =
            given(listen_plaintext).and_then(|value| loopback(&value).map_err(&mut keep).ok());
        let client_keys = given(client_keys).map_or_else(Vec::new, |value| {
            let parsed = PinnedKey::list(&value);
            let parsed = parsed.map_err(|error| keep(format!("--client-keys: {error}")));
            parsed.unwrap_or_default()
        });
        if tls.is_none() && !client_keys.is_empty() {
            keep("--client-keys: without --listen no client can use its key".to_owned());
        }
        let public = given(tcp_proxy_domain).zip(given(tcp_proxy_port));
        let public = public.and_then(|(domain, port)| public_address(&domain, &port));
        let code = match secrets.read(ENROLL_CODE) {
            Ok(None) => None,
            Ok(Some(text)) => match openclaw_settings::value(text.as_bytes()) {
                Ok(None) => None,
                Ok(Some(text)) => Code::parse(text)
                    .map_err(|error| {
                        keep(format!(
                            "{ENROLL_CODE}: {error}; `openclawctl clients new-code` makes one"
                        ));
                    })
                    .ok(),
                Err(flaw) => {
                    keep(format!("{ENROLL_CODE} {flaw}"));
                    None
                }
            },
            Err(error) => {
                keep(format!("{ENROLL_CODE}: {error}"));
                None
            }
        };
        Network {
            tls,
            plaintext,
            public,
            client_keys,
            code: code.map(Arc::new),
        }
    }
}

/// The public address. It is printed as part of a shell command, so only a host name and a number are accepted.
fn public_address(domain: &str, port: &str) -> Option<String> {
    let is_name = !domain.is_empty()
        && domain
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || matches!(it, '.' | '-'));
    let port: u16 = port.parse().ok()?;
    is_name.then(|| format!("{domain}:{port}"))
}

fn loopback(value: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = value.parse().map_err(|_| {
        format!("--listen-plaintext: {value:?} is not an address like 127.0.0.1:9443")
    })?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(format!(
            "--listen-plaintext: {value} is not loopback; --listen serves other addresses, over TLS"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_a_name_and_a_port() {
        let address = |domain, port| public_address(domain, port);
        let known = address("shuttle.proxy.rlwy.net", "15140");
        assert_eq!(known.as_deref(), Some("shuttle.proxy.rlwy.net:15140"));
        for (domain, port) in [
            ("", "1"),
            ("a b", "1"),
            ("a;rm", "1"),
            ("a", "x"),
            ("a", "99999"),
        ] {
            assert_eq!(address(domain, port), None, "{domain} {port}");
        }
    }
}
