//! `[[webhook]]`: receivers of events over HTTP, and the way to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use openclaw_egress::{Bypass, Egress, MAX_ROOTS_BYTES, Proxy, Roots};
use openclaw_proto::{Word as _, v1 as pb};
use openclaw_webhook::{Address, Receiver, SigningKey, read_key_file};
use serde::{Deserialize, Deserializer, de};

use super::faults::Faults;
use super::{Config, Start, TOKEN_HINT, is_token};

const USER_AGENT: &str = concat!("openclaw-relay/", env!("CARGO_PKG_VERSION"));
/// The largest file that is put into a body. It is in memory, and in base64 a third larger.
const MAX_INLINE_BYTES: u64 = 16 << 20;
/// The variables with a proxy's URL and with the hosts that need none, as in other programs.
const PROXIES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const EXEMPT: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// A receiver, and what it gets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its name in logs, metrics and dead letters.
    pub name: String,
    /// Where events are posted to. Only the host is ever shown.
    #[serde(deserialize_with = "address")]
    pub url: Address,
    /// A file with the secret that signs the events.
    pub secret_file: PathBuf,
    /// The names of the agents; empty: all.
    #[serde(default)]
    pub agents: Vec<String>,
    /// The kinds of events, as in `openclawctl watch --kinds`; empty: all.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// The chats: `+1555…`, `…@lid`, `…@g.us`; empty: all, and events without a chat.
    #[serde(default)]
    pub chats: Vec<String>,
    /// Where it begins at an agent that it has not read before.
    #[serde(default)]
    pub start: Start,
    /// After so many refusals an event becomes a dead letter.
    #[serde(default = "attempts")]
    pub attempts: u32,
    /// Files up to this size are in the body; 0: none is.
    #[serde(default)]
    pub inline_file_bytes: u64,
    /// The limit for one attempt.
    #[serde(default = "timeout")]
    pub timeout_seconds: u64,
}

/// How webhooks leave this machine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outgoing {
    /// `http://`, `https://`, `socks5://` or `socks5h://`, or `none`; absent: that of the environment.
    pub proxy: Option<Hidden>,
    /// A PEM file with further certificate authorities.
    pub ca: Option<PathBuf>,
}

/// A setting that may have a password.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

/// What a webhook needs cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {why}")]
pub struct Unusable {
    /// The file or the setting.
    pub place: String,
    /// Why.
    pub why: String,
}

impl Webhook {
    /// Whether it gets the events of this agent.
    #[must_use]
    pub fn wants(&self, agent: &str) -> bool {
        self.agents.is_empty() || self.agents.iter().any(|name| name == agent)
    }

    /// What it gets of an agent.
    #[must_use]
    pub fn filter(&self) -> pb::EventFilter {
        pb::EventFilter {
            kinds: self.kinds.iter().filter_map(|name| kind(name)).collect(),
            chats: self.chats.clone(),
            ..pb::EventFilter::of_all_chats()
        }
    }

    /// The name of its position at an agent whose own is `consumer`.
    #[must_use]
    pub fn consumer(&self, consumer: &str) -> String {
        format!("{consumer}.{}", self.name)
    }

    /// Reads the secret.
    fn key(&self) -> Result<SigningKey, Unusable> {
        let unusable = |why: String| Unusable {
            place: self.secret_file.display().to_string(),
            why,
        };
        let given =
            read_key_file(&self.secret_file).map_err(|error| unusable(error.to_string()))?;
        SigningKey::read(&given).map_err(|error| unusable(error.to_string()))
    }

    /// Its receiver.
    ///
    /// # Errors
    /// The secret, the proxy or the authorities cannot be used.
    pub fn receiver(&self, outgoing: &Outgoing) -> Result<Receiver, Unusable> {
        let (key, egress) = (self.key()?, outgoing.egress()?);
        let timeout = Duration::from_secs(self.timeout_seconds);
        let address = self.url.clone();
        Ok(Receiver::new(
            address,
            Some(key),
            egress,
            USER_AGENT,
            timeout,
        ))
    }

    pub(super) fn check(&self, at: usize, config: &Config, faults: &mut Faults) {
        let place = |field: &str| format!("webhook {}, {field}", at + 1);
        if !is_token(&self.name) {
            faults.add(place("name"), "not a name for a webhook", TOKEN_HINT);
        }
        for agent in &self.agents {
            if !config.agents.iter().any(|known| known.name == *agent) {
                let hint = "name agents as in their [[agent]] sections";
                faults.add(place("agents"), format!("no agent `{agent}`"), hint);
            }
        }
        for name in &self.kinds {
            if kind(name).is_none() {
                let hint = "for example message, reaction, edit, receipt, link: docs/messages.md lists them";
                faults.add(place("kinds"), format!("no kind `{name}`"), hint);
            }
        }
        if !self.chats.iter().all(|chat| is_chat(chat)) {
            let hint = "write a number as +15550100002, or an id with @lid or @g.us";
            faults.add(place("chats"), "one of them is not a chat", hint);
        }
        let longest = config.agents.iter().map(|agent| agent.consumer.len()).max();
        if longest.unwrap_or(0) + 1 + self.name.len() > super::MAX_NAME_CHARS {
            let hint = "an agent's position is named CONSUMER.WEBHOOK, with at most 64 characters";
            faults.add(place("name"), "too long next to an agent's consumer", hint);
        }
        let ranges = [
            ("attempts", u64::from(self.attempts), 1..=100),
            ("timeout_seconds", self.timeout_seconds, 1..=300),
            (
                "inline_file_bytes",
                self.inline_file_bytes,
                0..=MAX_INLINE_BYTES,
            ),
        ];
        for (field, value, range) in ranges {
            if !range.contains(&value) {
                let (least, most) = range.into_inner();
                let what = format!("must be {least} to {most}");
                faults.add(place(field), what, "leave it out for the default");
            }
        }
        if let Err(error) = self.key() {
            let hint = "`echo whsec_$(openssl rand -base64 32)` makes a secret; give it to the receiver as well";
            faults.add(place("secret_file"), error.to_string(), hint);
        }
    }
}

impl Outgoing {
    /// The way out.
    ///
    /// # Errors
    /// The proxy is none, or the authorities cannot be used.
    pub fn egress(&self) -> Result<Egress, Unusable> {
        self.egress_in(&|name| std::env::var(name).ok())
    }

    fn egress_in(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Egress, Unusable> {
        let set = |names: &[&'static str]| {
            let mut found = names.iter().map(|name| Some((variable(name)?, *name)));
            found.find_map(|found| found.filter(|(value, _)| !value.is_empty()))
        };
        let given = match &self.proxy {
            Some(Hidden(given)) => Some((given.clone(), "outgoing, proxy")),
            None => set(&PROXIES),
        };
        let proxy = given.filter(|(text, _)| !text.eq_ignore_ascii_case("none"));
        let proxy = proxy.map(|(text, source)| match Proxy::parse(&text) {
            Ok(proxy) => Ok((proxy, source)),
            Err(error) => Err(Unusable {
                place: source.to_owned(),
                why: error.to_string(),
            }),
        });
        let bypass = set(&EXEMPT).map_or_else(Bypass::default, |(list, _)| Bypass::parse(&list));
        let roots = match &self.ca {
            None => Roots::built_in(),
            Some(path) => roots(path).map_err(|why| Unusable {
                place: path.display().to_string(),
                why,
            })?,
        };
        Ok(Egress::new(proxy.transpose()?, bypass, &roots))
    }

    pub(super) fn check(&self, faults: &mut Faults) {
        if let Err(Unusable { place, why }) = self.egress() {
            let hint = "write http://HOST:PORT or socks5h://HOST:PORT, or none; and a PEM file";
            faults.add(place, why, hint);
        }
    }
}

fn roots(path: &Path) -> Result<Roots, String> {
    let most = u64::try_from(MAX_ROOTS_BYTES).unwrap_or(u64::MAX);
    let length = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > most {
        return Err(format!("it is larger than {most} bytes"));
    }
    let pem = fs::read(path).map_err(|error| error.to_string())?;
    Roots::with_private(&pem).map_err(|error| error.to_string())
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
    let text = String::deserialize(deserializer)?;
    Address::parse(&text).map_err(|error| de::Error::custom(format!("url: {error}")))
}

/// The number of a kind of event, by its name in filters.
fn kind(name: &str) -> Option<i32> {
    let word = name.to_ascii_lowercase().replace('-', "_");
    let mut all = pb::EventKind::ALL.iter();
    let kind = all.find(|kind| kind.word() == word)?;
    Some(i32::from(*kind))
}

fn is_chat(text: &str) -> bool {
    let is_number = |text: &str| {
        (7..=15).contains(&text.len()) && text.chars().all(|digit| digit.is_ascii_digit())
    };
    match text.strip_prefix('+') {
        Some(number) => is_number(number),
        None => text.split_once('@').is_some_and(|(user, server)| {
            !user.is_empty() && matches!(server, "lid" | "g.us" | "newsletter" | "broadcast")
        }),
    }
}

const fn attempts() -> u32 {
    8
}

const fn timeout() -> u64 {
    30
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_names_of_filters() {
        assert_eq!(kind("message"), Some(pb::EventKind::Message.into()));
        assert_eq!(kind("poll-vote").is_some(), kind("poll_vote").is_some());
        for unknown in ["", "unspecified", "messages", "MESSAGE "] {
            assert_eq!(kind(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn chats_are_numbers_and_ids() {
        for good in ["+15550100002", "12508@lid", "1203@g.us", "status@broadcast"] {
            assert!(is_chat(good), "{good}");
        }
        for bad in [
            "",
            "+",
            "15550100002",
            "+1555010000a",
            "@lid",
            "a@b",
            "+1 555 010 0002",
        ] {
            assert!(!is_chat(bad), "{bad}");
        }
    }

    #[test]
    fn the_proxy_is_that_of_the_settings_else_that_of_the_environment() {
        let variables = |name: &str| match name {
            "HTTPS_PROXY" => Some("http://127.0.0.1:1".to_owned()),
            "no_proxy" => Some("exempt.example".to_owned()),
            _ => None,
        };
        let proxy = |proxy: Option<&str>, host: &str| {
            let proxy = proxy.map(|text| Hidden(text.to_owned()));
            let outgoing = Outgoing { proxy, ca: None };
            let egress = outgoing.egress_in(&variables).unwrap();
            egress.proxy_for(host, 443).map(ToString::to_string)
        };
        let found = proxy(None, "hooks.example.com");
        assert_eq!(found.as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(proxy(None, "exempt.example"), None);
        assert_eq!(proxy(Some("none"), "hooks.example.com"), None);
        let found = proxy(
            Some("socks5h://anna:sword@127.0.0.1:2"),
            "hooks.example.com",
        );
        assert_eq!(found.as_deref(), Some("socks5h://127.0.0.1:2"));
        let bad = Outgoing {
            proxy: Some(Hidden("ftp://anna:sword@h:1".to_owned())),
            ca: None,
        };
        let error = bad.egress_in(&variables).unwrap_err();
        assert!(!error.to_string().contains("sword") && !format!("{bad:?}").contains("sword"));
    }
}
