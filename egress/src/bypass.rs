//! The hosts that are reached without a proxy: the list in `NO_PROXY`, read as curl does.

use std::net::IpAddr;

use crate::unbracketed;

/// A list of hosts. The default is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bypass(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    pattern: Pattern,
    /// `None` for every port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Every,
    /// A name and everything below it, in lower case.
    Domain(String),
    /// The addresses whose first bits are those of this one.
    Block(IpAddr, u8),
}

impl Bypass {
    /// Parses a list, separated by commas or blanks: names (`example.com`, `.example.com` and `*.example.com` are the same,
    /// and include every name below), addresses, blocks like `10.0.0.0/8`, each also with a port, and `*` for everything. As in
    /// curl, an entry that is none of these matches nothing.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        let entries = list.split([',', ' ', '\t']);
        Self(entries.filter_map(Entry::parse).collect())
    }

    /// True if this host needs no proxy.
    #[must_use]
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse().ok().map(canonical);
        self.0.iter().any(|entry| {
            entry.port.is_none_or(|its| its == port) && entry.pattern.matches(&host, address)
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "*" {
            return Some(Self {
                pattern: Pattern::Every,
                port: None,
            });
        }
        if let Some(pattern) = block(text) {
            return Some(Self {
                pattern,
                port: None,
            });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        let host = unbracketed(host);
        let pattern = block(host).or_else(|| domain(host))?;
        Some(Self { pattern, port })
    }
}

impl Pattern {
    fn matches(&self, host: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::Every => true,
            Self::Domain(domain) => {
                let below = || {
                    host.strip_suffix(domain.as_str())
                        .is_some_and(|rest| rest.ends_with('.'))
                };
                address.is_none() && (host == domain || below())
            }
            Self::Block(block, bits) => {
                address.is_some_and(|address| is_within(address, *block, *bits))
            }
        }
    }
}

fn domain(text: &str) -> Option<Pattern> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let name = name.trim_start_matches('.').trim_end_matches('.');
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!name.is_empty() && name.bytes().all(is_name))
        .then(|| Pattern::Domain(name.to_ascii_lowercase()))
}

/// An address, or a block of them.
fn block(text: &str) -> Option<Pattern> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = unbracketed(address).parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
        None => most,
    };
    Some(Pattern::Block(address, bits))
}

fn is_within(address: IpAddr, block: IpAddr, bits: u8) -> bool {
    match (address, block) {
        (IpAddr::V4(address), IpAddr::V4(block)) => {
            let shift = 32 - u32::from(bits);
            let first = |it: u32| it.checked_shr(shift).unwrap_or(0);
            first(address.to_bits()) == first(block.to_bits())
        }
        (IpAddr::V6(address), IpAddr::V6(block)) => {
            let shift = 128 - u32::from(bits);
            let first = |it: u128| it.checked_shr(shift).unwrap_or(0);
            first(address.to_bits()) == first(block.to_bits())
        }
        _ => false,
    }
}

/// `::ffff:192.0.2.1` is `192.0.2.1`.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(list: &str, host: &str) -> bool {
        Bypass::parse(list).matches(host, 443)
    }

    #[test]
    fn a_name_includes_the_names_below_it_and_no_others() {
        for list in [
            "whatsapp.com",
            ".whatsapp.com",
            "*.whatsapp.com",
            "WhatsApp.com",
            "a.example, whatsapp.com ,b.example",
            "a.example whatsapp.com",
            "whatsapp.com:443",
            "*",
            "whatsapp.com.",
        ] {
            for host in ["web.whatsapp.com", "whatsapp.com", "WEB.whatsapp.com."] {
                assert!(matches(list, host), "{list} {host}");
            }
        }
        for list in [
            "",
            " , ,",
            "com.",
            "atsapp.com",
            "web.whatsapp.com",
            "whatsapp.com:80",
            "mmg.whatsapp.net",
            "whatsapp.com:x",
            ".",
            "*.",
            "what*.com",
        ] {
            let expected = list == "com.";
            assert_eq!(matches(list, "whatsapp.com"), expected, "{list}");
        }
        assert!(matches("web.whatsapp.com", "web.whatsapp.com"));
        assert!(!matches("web.whatsapp.com", "notweb.whatsapp.com"));
    }

    #[test]
    fn an_address_is_matched_as_an_address() {
        for (list, host) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.0/8", "127.9.9.9"),
            ("10.0.0.0/8,192.168.0.0/16", "192.168.7.7"),
            ("0.0.0.0/0", "203.0.113.9"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("[::1]:443", "::1"),
            ("0:0:0:0:0:0:0:1", "::1"),
            ("2001:db8::/32", "2001:db8:1::7"),
            ("::/0", "2001:db8::1"),
            ("127.0.0.1:443", "127.0.0.1"),
            ("192.0.2.1", "::ffff:192.0.2.1"),
        ] {
            assert!(matches(list, host), "{list} {host}");
        }
        for (list, host) in [
            ("127.0.0.1", "127.0.0.11"),
            ("0.0.1", "127.0.0.1"),
            ("10.0.0.0/8", "11.0.0.1"),
            ("10.0.0.0/33", "10.0.0.1"),
            ("10.0.0.0/x", "10.0.0.1"),
            ("0.0.0.0/0", "::1"),
            ("2001:db8::/32", "2001:db9::1"),
            ("[::1]:80", "::1"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("10.0.0.0/8", "10.example.com"),
        ] {
            assert!(!matches(list, host), "{list} {host}");
        }
    }

    #[test]
    fn a_port_limits_an_entry() {
        let bypass = Bypass::parse("example.com:8443");
        assert!(bypass.matches("example.com", 8443));
        assert!(!bypass.matches("example.com", 443));
        assert!(Bypass::default().0.is_empty() && !bypass.0.is_empty());
    }
}
