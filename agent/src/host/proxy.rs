//! Proxies in the environment. WhatsApp is reached without one; alerts may use one. Only the host and port of a proxy's
//! URL are ever shown, since it may contain credentials.

use std::ffi::OsString;
use std::fmt;

use hyper::http::Uri;

/// Proxy variables, in the order in which alerts read them.
const VARIABLES: [&str; 12] = [
    "ALL_PROXY",
    "all_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    // Used by other libraries and tools.
    "SOCKS_PROXY",
    "socks_proxy",
    "SOCKS5_PROXY",
    "socks5_proxy",
    "WSS_PROXY",
    "wss_proxy",
];

/// The hint for a proxy that is set but not used.
pub const HINT: &str = "let the agent connect to web.whatsapp.com:443 directly; this version has no setting for a proxy";

/// The host of WhatsApp's server.
const WHATSAPP: &str = "web.whatsapp.com";

/// A variable that sets a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The variable.
    pub variable: &'static str,
    /// Host and port, if the value is a valid address.
    pub address: Option<String>,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(address) => write!(f, "{} ({address})", self.variable),
            None => write!(f, "{}, which is not a proxy address", self.variable),
        }
    }
}

/// The proxy variables of this process's environment that apply to WhatsApp. Empty variables and hosts exempted by
/// `NO_PROXY` do not count.
#[must_use]
pub fn found() -> Vec<Proxy> {
    found_in(&|name| std::env::var_os(name))
}

fn found_in(environment: &dyn Fn(&str) -> Option<OsString>) -> Vec<Proxy> {
    let exempt = |name| {
        let value = openclaw_settings::variable_in(name, environment);
        value.is_ok_and(|list| list.is_some_and(|list| is_exempt(&list, WHATSAPP)))
    };
    if exempt("NO_PROXY") || exempt("no_proxy") {
        return Vec::new();
    }
    let proxy =
        |variable: &&'static str| match openclaw_settings::variable_in(variable, environment) {
            Ok(None) => None,
            Ok(Some(value)) => Some(Proxy {
                variable,
                address: shown(&value),
            }),
            Err(_) => Some(Proxy {
                variable,
                address: None,
            }),
        };
    VARIABLES.iter().filter_map(proxy).collect()
}

/// True if a list in the form of `NO_PROXY` has this host: by name, by a parent domain, or by `*`.
fn is_exempt(list: &str, host: &str) -> bool {
    list.split([',', ' ']).any(|entry| {
        let entry = entry.trim().to_ascii_lowercase();
        let entry = entry.strip_suffix(":443").unwrap_or(&entry);
        let domain = entry.trim_start_matches("*.").trim_start_matches('.');
        let inside = || {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.'))
        };
        entry == "*" || (!domain.is_empty() && (host == domain || inside()))
    })
}

/// Host and port only. The part before them is cut off first, so that no parser can mistake a password for a host.
fn shown(value: &str) -> Option<String> {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let address = authority
        .rsplit_once('@')
        .map_or(authority, |(_, address)| address);
    let uri: Uri = format!("http://{address}").parse().ok()?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    Some(
        uri.port_u16()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &str) -> Vec<Proxy> {
        found_in(&|name| (name == "HTTPS_PROXY").then(|| value.into()))
    }

    #[test]
    fn a_proxy_is_shown_without_credentials() {
        for (value, address) in [
            (
                "http://proxy.example.com:3128",
                Some("proxy.example.com:3128"),
            ),
            ("proxy.example.com:3128", Some("proxy.example.com:3128")),
            (
                "http://anna:sword@proxy.example.com:3128/",
                Some("proxy.example.com:3128"),
            ),
            ("anna:sword@proxy.example.com", Some("proxy.example.com")),
            (
                "socks5h://anna:sw@rd@[2001:db8::7]:1080",
                Some("[2001:db8::7]:1080"),
            ),
            (
                "\"http://proxy.example.com:3128\"",
                Some("proxy.example.com:3128"),
            ),
            ("http://anna:sword@", None),
            ("sword fish", None),
        ] {
            let [proxy] = &one(value)[..] else {
                panic!("{value}")
            };
            assert_eq!(proxy.address.as_deref(), address, "{value}");
            assert!(!format!("{proxy} {proxy:?}").contains("sw"), "{value}");
        }
        assert!(one("").is_empty() && one(" ").is_empty());
    }

    #[test]
    fn every_variable_that_asks_for_a_proxy_to_whatsapp_is_found() {
        for name in [
            "SOCKS_PROXY",
            "socks5_proxy",
            "WSS_PROXY",
            "ALL_PROXY",
            "http_proxy",
        ] {
            let found = found_in(&|asked| (asked == name).then(|| "proxy.example.com:1080".into()));
            assert_eq!(found.len(), 1, "{name}");
            assert_eq!(found[0].variable, name);
        }
    }

    #[test]
    fn a_proxy_is_ignored_if_whatsapp_is_exempt() {
        let found = |exempt: &'static str| {
            found_in(&|name| match name {
                "HTTPS_PROXY" => Some("proxy.example.com:3128".into()),
                "NO_PROXY" => Some(exempt.into()),
                _ => None,
            })
        };
        for exempt in [
            "*",
            "web.whatsapp.com",
            "localhost, .whatsapp.com",
            "whatsapp.com:443",
            "127.0.0.1 WhatsApp.com",
            "*.whatsapp.com",
            ".com",
        ] {
            assert!(found(exempt).is_empty(), "{exempt}");
        }
        for other in [
            "",
            "localhost",
            "app.com",
            "whatsapp.net",
            "api.whatsapp.com",
            "*.example.com",
            ",",
        ] {
            assert_eq!(found(other).len(), 1, "{other}");
        }
    }
}
