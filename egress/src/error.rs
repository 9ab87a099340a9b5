//! Why there is no connection, in words for the person who runs the agent.

use std::io;

use rustls::CertificateError;

use crate::Proxy;

/// Why a connection could not be made, or a request failed. Contains hosts and ports, and never credentials, paths or content.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// DNS or TCP failed, without a proxy.
    #[error("cannot connect to {target}")]
    Unreachable {
        /// `HOST:PORT`.
        target: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// DNS or TCP failed on the way to the proxy.
    #[error("cannot reach the proxy {proxy}")]
    ProxyUnreachable {
        /// The proxy.
        proxy: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The connection to the proxy was lost before it answered.
    #[error("the proxy {0} closed the connection")]
    ProxyClosed(String),
    /// The proxy asks for credentials, and none are set.
    #[error("the proxy {proxy} needs a user name and a password")]
    CredentialsNeeded {
        /// The proxy.
        proxy: String,
    },
    /// The proxy does not accept the credentials.
    #[error("the proxy {proxy} refuses the user name and the password in {source_name}")]
    CredentialsRefused {
        /// The proxy.
        proxy: String,
        /// The setting or variable that has them.
        source_name: &'static str,
    },
    /// The proxy does not connect to the target.
    #[error("the proxy {proxy} refuses to connect to {target}: {why}")]
    Refused {
        /// The proxy.
        proxy: String,
        /// `HOST:PORT`.
        target: String,
        /// Its answer.
        why: String,
    },
    /// The proxy tried to connect, and failed.
    #[error("the proxy {proxy} cannot connect to {target}: {why}")]
    Failed {
        /// The proxy.
        proxy: String,
        /// `HOST:PORT`.
        target: String,
        /// Its answer.
        why: String,
    },
    /// The answer is not in the protocol of the proxy's scheme.
    #[error("{0} is not answered by a proxy of this kind")]
    NotAProxy(String),
    /// The certificate is not accepted.
    #[error("the certificate of {host} is not accepted: {why}")]
    Certificate {
        /// The host.
        host: String,
        /// Why not.
        why: String,
        /// True if no known authority has issued it.
        is_unknown: bool,
        /// The proxy in between, if any.
        proxy: Option<String>,
    },
    /// The TLS handshake failed.
    #[error("TLS with {host} failed: {why}")]
    Tls {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// The request did not get a valid HTTP response.
    #[error("{host} did not answer in HTTP")]
    NotHttp {
        /// The host.
        host: String,
    },
    /// The response is larger than allowed.
    #[error("the answer of {host} is too large")]
    TooLarge {
        /// The host.
        host: String,
    },
}

impl Error {
    /// Turns any failure of a connection to this proxy into [`Error::ProxyClosed`].
    pub(crate) fn closed<E>(proxy: &Proxy) -> impl FnOnce(E) -> Self + use<E> {
        let proxy = proxy.to_string();
        move |_| Self::ProxyClosed(proxy)
    }

    /// The proxy does not let the agent in: it has no credentials for it, or wrong ones, which are in `source`.
    pub(crate) fn unwelcome(proxy: &Proxy, source: &'static str) -> Self {
        let (has_credentials, proxy) = (proxy.has_credentials(), proxy.to_string());
        match has_credentials {
            true => Self::CredentialsRefused {
                proxy,
                source_name: source,
            },
            false => Self::CredentialsNeeded { proxy },
        }
    }

    pub(crate) fn tls(host: &str, error: &io::Error, proxy: Option<&Proxy>) -> Self {
        let host = host.to_owned();
        let inner = error.get_ref();
        let inner = inner.and_then(|error| error.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::InvalidCertificate(why)) => Self::Certificate {
                host,
                is_unknown: matches!(why, CertificateError::UnknownIssuer),
                why: certificate(why),
                proxy: proxy.map(ToString::to_string),
            },
            Some(rustls::Error::InvalidMessage(_)) => Self::Tls {
                host,
                why: "the answer is not TLS".to_owned(),
            },
            _ => Self::Tls {
                host,
                why: error.to_string(),
            },
        }
    }

    /// The error with its cause, in one line.
    #[must_use]
    pub fn with_cause(&self) -> String {
        match std::error::Error::source(self) {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }

    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => {
                "check this machine's network and DNS; if it needs a proxy, set --proxy or HTTPS_PROXY"
            }
            Self::ProxyUnreachable { .. } => "check that the proxy runs, and its address and port",
            // Some SOCKS proxies answer a missing password in this way.
            Self::ProxyClosed(_) => {
                "check the scheme and the port of its URL, and whether it needs a user name and a password"
            }
            Self::CredentialsNeeded { .. } => {
                "put them into the proxy's URL, as in http://USER:PASSWORD@HOST:PORT, and set that in OPENCLAW_PROXY"
            }
            Self::CredentialsRefused { .. } => {
                "correct them; write a special character in them as %XX, for example @ as %40"
            }
            Self::Refused { .. } => {
                "let the proxy connect to port 443 of web.whatsapp.com and *.whatsapp.net"
            }
            Self::Failed { .. } => "check the network and the DNS of the proxy",
            Self::NotAProxy(_) => {
                "check the scheme of its URL: http, https, socks5 or socks5h; and its port"
            }
            Self::Certificate {
                is_unknown: true, ..
            } => {
                "if a proxy or firewall on the way inspects TLS, give the certificate of its CA by --ca-file"
            }
            Self::Certificate { .. } => {
                "check this machine's clock, and whether a proxy or firewall on the way inspects TLS"
            }
            Self::Tls { .. } => {
                "check whether a proxy or firewall on the way blocks or inspects TLS"
            }
            Self::NotHttp { .. } | Self::TooLarge { .. } => {
                "check whether a proxy or firewall on the way answers in its place"
            }
        }
    }
}

fn certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => "no authority that is trusted here has issued it",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another host"
        }
        CertificateError::Revoked => "it is revoked",
        _ => "it is invalid",
    }
    .to_owned()
}
