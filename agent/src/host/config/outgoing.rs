//! Settings of outgoing connections: the proxy, and private certificate authorities. A proxy's URL may contain a password, so
//! the variables with one are removed from the environment first, and no mistake repeats it.

use std::path::PathBuf;

use clap::Args;
use openclaw_egress::{BadRoots, Bypass, Egress, MAX_ROOTS_BYTES, Proxy, Roots};
use openclaw_harden::environment::Secrets;
use openclaw_settings::Refused;

use super::hidden::Hidden;
use crate::host::volume::Mistake;

const FLAG: &str = "--proxy";
const PROXY: &str = "OPENCLAW_PROXY";
/// The variables with a proxy's URL, in the order in which they are read: as in curl, the spelling in lower case comes first.
/// Secrets, which are removed from the environment first.
pub const PROXIES: [&str; 5] = [
    PROXY,
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];
/// The variables with the hosts that are reached without it.
const EXEMPT: [&str; 2] = ["no_proxy", "NO_PROXY"];
/// What to do about a proxy that is set but not used.
pub const UNUSED_PROXY: &str =
    "to connect to WhatsApp through a proxy, set OPENCLAW_PROXY, or HTTPS_PROXY";
/// The value that turns proxies off.
const NONE: &str = "none";

/// Variables that other programs read, or read for plain HTTP only. All connections of the agent are encrypted.
const IGNORED: [&str; 8] = [
    "HTTP_PROXY",
    "http_proxy",
    "SOCKS_PROXY",
    "socks_proxy",
    "SOCKS5_PROXY",
    "socks5_proxy",
    "WSS_PROXY",
    "wss_proxy",
];

/// The raw flags.
#[derive(Args, Debug, Default)]
#[group(skip)]
#[command(next_help_heading = "Outgoing connections")]
pub(crate) struct Flags {
    /// Proxy for WhatsApp, its media and alerts, except for hosts in NO_PROXY: http://HOST:PORT, https, socks5 or socks5h, or
    /// none. Set one with a password in OPENCLAW_PROXY instead: every user of the machine can read flags
    /// [default: HTTPS_PROXY or ALL_PROXY]
    #[arg(long, value_name = "URL")]
    proxy: Option<Hidden>,
    /// Certificate authorities to trust in addition to the built-in ones, in PEM: for a proxy or firewall that inspects TLS
    #[arg(long, env = "OPENCLAW_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// The validated settings.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    /// The proxy, and the flag or variable that names it.
    pub proxy: Option<(Proxy, &'static str)>,
    /// The hosts that are reached without it.
    pub bypass: Bypass,
    /// The file with private authorities.
    pub ca_file: Option<PathBuf>,
    /// Variables that name a proxy which is not used, while no other is.
    pub unused: Vec<&'static str>,
}

/// The private authorities cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the certificate authorities in {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The content is invalid.
    #[error("cannot use the certificate authorities in {}", .path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// Why.
        source: BadRoots,
    },
}

impl Error {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        "give the certificate of the CA in PEM by --ca-file or OPENCLAW_CA_FILE; `openssl x509 -in ca.der -inform der -out ca.pem` converts one in DER"
    }
}

impl Outgoing {
    /// Loads the private authorities.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn load(&self) -> Result<Egress, Error> {
        let roots = match &self.ca_file {
            None => Roots::built_in(),
            Some(path) => {
                let read = read(path).map_err(|source| Error::Read {
                    path: path.clone(),
                    source,
                })?;
                Roots::with_private(&read).map_err(|source| Error::Bad {
                    path: path.clone(),
                    source,
                })?
            }
        };
        Ok(Egress::new(self.proxy.clone(), self.bypass.clone(), &roots))
    }
}

/// One byte more than allowed, so that a larger file is noticed and not read.
fn read(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let most = u64::try_from(MAX_ROOTS_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(most + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Flags {
    /// Validates the flags and the variables; each mistake is added to `mistakes`.
    pub(crate) fn outgoing(self, secrets: &Secrets, mistakes: &mut Vec<Mistake>) -> Outgoing {
        self.outgoing_in(secrets, &openclaw_settings::variable, mistakes)
    }

    fn outgoing_in(
        self,
        secrets: &Secrets,
        read: &dyn Fn(&str) -> Result<Option<String>, Refused>,
        mistakes: &mut Vec<Mistake>,
    ) -> Outgoing {
        let Self { proxy, ca_file } = self;
        let proxy = chosen(proxy.as_ref(), secrets, mistakes);
        let is_set = |name: &&'static str| !matches!(read(name), Ok(None));
        let unused = match proxy {
            Choice::Unset => IGNORED.into_iter().filter(|name| is_set(name)).collect(),
            Choice::Elsewhere(name) => vec![name],
            Choice::Off | Choice::Proxy(..) => Vec::new(),
        };
        let mut exempt = EXEMPT.iter().map(|name| read(name));
        let exempt = exempt.find(|value| !matches!(value, Ok(None)));
        let bypass = match exempt {
            Some(Ok(Some(list))) => Bypass::parse(&list),
            Some(Err(refused)) => {
                mistakes.push(Mistake::from(refused.to_string()));
                Bypass::default()
            }
            _ => Bypass::default(),
        };
        Outgoing {
            proxy: match proxy {
                Choice::Proxy(proxy, name) => Some((proxy, name)),
                Choice::Unset | Choice::Off | Choice::Elsewhere(_) => None,
            },
            bypass,
            ca_file: ca_file.filter(|path| !path.as_os_str().is_empty()),
            unused,
        }
    }
}

enum Choice {
    Unset,
    Off,
    Proxy(Proxy, &'static str),
    /// This variable names a proxy that a simulator build does not use.
    Elsewhere(&'static str),
}

/// The first of the flag and the variables that is set decides, even if it is invalid.
fn chosen(flag: Option<&Hidden>, secrets: &Secrets, mistakes: &mut Vec<Mistake>) -> Choice {
    if let Some(flag) = flag.map(Hidden::as_str).filter(|text| !text.is_empty()) {
        return parse(FLAG, flag, mistakes);
    }
    for name in PROXIES {
        let held = match secrets.read(name) {
            Ok(Some(held)) => held,
            Ok(None) => continue,
            Err(error) => {
                mistakes.push(Mistake::from(error.to_string()));
                return Choice::Off;
            }
        };
        match openclaw_settings::value(held.as_bytes()) {
            Ok(None) => {}
            Ok(Some(text)) => return parse(name, text, mistakes),
            Err(flaw) => {
                mistakes.push(Mistake::from(format!("{name} {flaw}")));
                return Choice::Off;
            }
        }
    }
    Choice::Unset
}

fn parse(name: &'static str, text: &str, mistakes: &mut Vec<Mistake>) -> Choice {
    if text.eq_ignore_ascii_case(NONE) {
        return Choice::Off;
    }
    let mut keep = |error: String| {
        mistakes.push(Mistake {
            text: format!("{name}: {error}"),
            hint: Some(format!(
                "correct it, or set {PROXY}={NONE} to connect without a proxy"
            )),
        });
        Choice::Off
    };
    match Proxy::parse(text) {
        Ok(proxy) if may_be_used(&proxy) => Choice::Proxy(proxy, name),
        // Set for other programs.
        Ok(_) if name != FLAG && name != PROXY => Choice::Elsewhere(name),
        Ok(_) => keep("a simulator build uses a proxy on loopback only (127.0.0.1)".to_owned()),
        Err(error) => keep(error.to_string()),
    }
}

/// A simulator build connects to loopback only, and a proxy elsewhere could connect it to anything.
fn may_be_used(proxy: &Proxy) -> bool {
    !cfg!(feature = "sim") || proxy.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(proxy: &str, variables: &[(&str, &str)]) -> (Outgoing, Vec<String>) {
        let secrets = openclaw_harden::environment::take(&[]).expect("nothing is asked for");
        let flags = Flags {
            proxy: proxy.parse().ok(),
            ca_file: None,
        };
        let read = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            Ok(found.map(|(_, value)| (*value).to_owned()))
        };
        let mut mistakes = Vec::new();
        let outgoing = flags.outgoing_in(&secrets, &read, &mut mistakes);
        (outgoing, mistakes.into_iter().map(|it| it.text).collect())
    }

    #[test]
    fn a_proxy_comes_with_the_flag_that_names_it() {
        let (found, mistakes) = outgoing("socks5h://anna:sword@127.0.0.1", &[]);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        let (proxy, source) = found.proxy.as_ref().unwrap();
        assert_eq!(proxy.to_string(), "socks5h://127.0.0.1:1080");
        assert_eq!(*source, "--proxy");
        assert!(!format!("{found:?}").contains("sword"));
    }

    #[test]
    fn none_is_no_proxy_and_nothing_to_note() {
        for (flag, unused) in [("none", 0), ("NONE", 0), ("", 1)] {
            let (found, mistakes) = outgoing(flag, &[("HTTP_PROXY", "http://127.0.0.1:1")]);
            assert!(mistakes.is_empty() && found.proxy.is_none(), "{flag}");
            assert_eq!(found.unused.len(), unused, "{flag}");
        }
    }

    #[test]
    fn a_mistake_has_the_flag_and_not_the_password() {
        for bad in ["http://anna:sword@", "anna:sword", "ftp://anna:sword@h:1"] {
            let (found, mistakes) = outgoing(bad, &[]);
            assert!(found.proxy.is_none());
            let [mistake] = &mistakes[..] else {
                panic!("{bad}: {mistakes:?}");
            };
            assert!(mistake.starts_with("--proxy: "), "{mistake}");
            assert!(!mistake.contains("sword"), "{mistake}");
        }
        let (elsewhere, mistakes) = outgoing("http://proxy.example.com:3128", &[]);
        let is_sim = cfg!(feature = "sim");
        assert_eq!(
            (elsewhere.proxy.is_none(), mistakes.len() == 1),
            (is_sim, is_sim)
        );
    }

    #[test]
    fn the_spelling_in_lower_case_comes_first() {
        let both = [("NO_PROXY", "a.example"), ("no_proxy", "b.example")];
        let (found, _) = outgoing("", &both);
        assert_eq!(found.bypass, Bypass::parse("b.example"));
        let (found, _) = outgoing("", &both[..1]);
        assert_eq!(found.bypass, Bypass::parse("a.example"));
    }
}
