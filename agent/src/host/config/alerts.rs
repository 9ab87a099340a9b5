//! Settings of alerts and metrics.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use openclaw_harden::environment::Secrets;
use openclaw_webhook::Address;

use super::given;
use super::hidden::Hidden;
use crate::alerts::{Format, KeyPlace, SECRET, Settings, URL};
use crate::host::volume::Mistake;

/// How long a lost link may take to recover before an alert is raised.
const DEFAULT_ALERT_AFTER_SECONDS: u64 = 300;

/// The raw flags.
#[derive(Args, Debug, Default)]
#[group(skip)]
#[command(next_help_heading = "Alerts and metrics")]
pub(crate) struct Flags {
    /// Webhook URL for alerts: https, or http://127.0.0.1:PORT. Set a secret URL with OPENCLAW_ALERT_URL instead: every
    /// user of the machine can read flags
    #[arg(long, value_name = "URL")]
    alert_url: Option<Hidden>,
    /// File with the signing secret for alerts (Standard Webhooks); or set OPENCLAW_ALERT_SECRET
    #[arg(long, env = "OPENCLAW_ALERT_SECRET_FILE", value_name = "FILE")]
    alert_secret_file: Option<PathBuf>,
    /// Alert format: json or slack [default: json]
    #[arg(long, env = "OPENCLAW_ALERT_FORMAT", value_name = "FORMAT")]
    alert_format: Option<String>,
    /// Seconds without a stable connection before an alert is raised [default: 300]
    #[arg(long, env = "OPENCLAW_ALERT_AFTER", value_name = "SECONDS")]
    alert_after: Option<String>,
    /// Prometheus metrics: on, off, or a separate listen address [default: on --http if that is a loopback address]
    #[arg(long, env = "OPENCLAW_METRICS", value_name = "on|off|ADDR")]
    pub(super) metrics: Option<String>,
}

/// Where metrics are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metrics {
    /// On the health address, if that is loopback.
    #[default]
    Loopback,
    /// On the health address, whatever it is.
    On,
    /// Not at all.
    Off,
    /// On a separate address.
    At(SocketAddr),
}

impl Flags {
    /// Validates the alert settings; `None` without a receiver. Secrets come from the environment.
    pub(crate) fn alerts(
        &self,
        secrets: &Arc<Secrets>,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Settings> {
        let mut keep = |text: String| mistakes.push(Mistake::from(text));
        let format = match given(self.alert_format.clone()).as_deref() {
            None | Some("json") => Format::Json,
            Some("slack") => Format::Slack,
            Some(other) => {
                keep(format!("--alert-format: {other:?} is not json or slack"));
                Format::Json
            }
        };
        let after = super::number(
            "--alert-after",
            self.alert_after.clone(),
            DEFAULT_ALERT_AFTER_SECONDS,
            1..=604_800,
            &mut keep,
        );
        let address = self.address(secrets, &mut keep);
        let key = self.key(secrets, &mut keep);
        let (Some(after), Ok(address)) = (after, address) else {
            return None;
        };
        let Some((name, address)) = address else {
            if !matches!(key, KeyPlace::Nowhere) {
                keep(format!(
                    "{key}: a secret for alerts is set, but no --alert-url"
                ));
            }
            return None;
        };
        if matches!(key, KeyPlace::Nowhere) && format == Format::Json {
            mistakes.push(Mistake {
                text: format!("{name}: no secret to sign alerts is set"),
                hint: Some(format!(
                    "set {SECRET} to what `echo whsec_$(openssl rand -base64 32)` prints, and give it to the receiver; \
                     or use --alert-format slack, which is not signed"
                )),
            });
            return None;
        }
        Some(Settings {
            address,
            key,
            format,
            after: Duration::from_secs(after),
        })
    }

    fn address(
        &self,
        secrets: &Secrets,
        keep: &mut impl FnMut(String),
    ) -> Result<Option<(&'static str, Address)>, ()> {
        let flag = self.alert_url.as_ref().map(Hidden::as_str);
        let flag = flag.filter(|text| !text.is_empty());
        let held = secrets.read(URL).map_err(|error| keep(error.to_string()))?;
        let held = held.as_ref().map_or(Ok(None), |text| {
            openclaw_settings::value(text.as_bytes()).map_err(|flaw| keep(format!("{URL} {flaw}")))
        })?;
        let (name, text) = match (flag, held) {
            (Some(text), _) => ("--alert-url", text),
            (None, Some(text)) => (URL, text),
            (None, None) => return Ok(None),
        };
        let address = Address::parse(text).map_err(|error| keep(format!("{name}: {error}")))?;
        Ok(Some((name, address)))
    }

    fn key(&self, secrets: &Arc<Secrets>, keep: &mut impl FnMut(String)) -> KeyPlace {
        let file = self.alert_secret_file.as_ref();
        let file = file.filter(|path| !path.as_os_str().is_empty());
        let held = secrets.read(SECRET).ok().flatten();
        let is_held = held.is_some_and(|text| openclaw_settings::is_set(text.as_bytes()));
        match (file, is_held) {
            (Some(_), true) => {
                keep(format!(
                    "--alert-secret-file, {SECRET}: give the secret in one place only"
                ));
                KeyPlace::Nowhere
            }
            (Some(path), false) => KeyPlace::File(path.clone()),
            (None, true) => KeyPlace::Environment(Arc::clone(secrets)),
            (None, false) => KeyPlace::Nowhere,
        }
    }
}

impl FromStr for Metrics {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            address => address.parse().map(Self::At).map_err(|_| {
                format!("--metrics: {text:?} is not on, off, or an address like 127.0.0.1:9090")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alerts(flags: &Flags) -> (Option<Settings>, Vec<String>) {
        let secrets = openclaw_harden::environment::take(&[]).expect("nothing is asked for");
        let mut mistakes = Vec::new();
        let settings = flags.alerts(&Arc::new(secrets), &mut mistakes);
        (settings, mistakes.into_iter().map(|it| it.text).collect())
    }

    fn url(text: &str) -> Option<Hidden> {
        text.parse().ok()
    }

    #[test]
    fn without_settings_no_alerts_are_sent() {
        let (settings, mistakes) = alerts(&Flags::default());
        assert!(settings.is_none() && mistakes.is_empty());
        let empty = Flags {
            alert_url: url(""),
            alert_secret_file: Some(PathBuf::new()),
            alert_format: Some(String::new()),
            ..Flags::default()
        };
        assert!(alerts(&empty).0.is_none() && alerts(&empty).1.is_empty());
    }

    #[test]
    fn an_address_and_a_secret_are_enough() {
        let flags = Flags {
            alert_url: url("https://hooks.example.com/sword/fish"),
            alert_secret_file: Some("/run/secrets/alerts".into()),
            ..Flags::default()
        };
        let (settings, mistakes) = alerts(&flags);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        let settings = settings.unwrap();
        assert_eq!(settings.after, Duration::from_secs(300));
        assert_eq!(settings.format, Format::Json);
        assert!(!format!("{settings:?} {flags:?}").contains("sword"));
    }

    #[test]
    fn an_invalid_setting_is_reported_without_the_address() {
        let plain = Flags {
            alert_url: url("http://hooks.example.com/sword/fish"),
            alert_format: Some("xml".into()),
            alert_after: Some("0".into()),
            ..Flags::default()
        };
        let (settings, mistakes) = alerts(&plain);
        assert!(settings.is_none());
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
        assert!(mistakes.iter().all(|text| !text.contains("sword")));
    }

    #[test]
    fn json_is_signed_and_slack_need_not_be() {
        let bare = |format: &str| Flags {
            alert_url: url("https://hooks.example.com/"),
            alert_format: Some(format.to_owned()),
            ..Flags::default()
        };
        assert!(alerts(&bare("json")).1[0].contains("no secret"));
        assert!(alerts(&bare("slack")).0.is_some());
        let secret_alone = Flags {
            alert_secret_file: Some("/run/secrets/alerts".into()),
            ..Flags::default()
        };
        assert!(alerts(&secret_alone).1[0].contains("no --alert-url"));
    }

    #[test]
    fn metrics_are_on_off_or_an_address() {
        assert_eq!("on".parse(), Ok(Metrics::On));
        assert_eq!("off".parse(), Ok(Metrics::Off));
        let at = "127.0.0.1:9090";
        assert_eq!(at.parse(), Ok(Metrics::At(at.parse().unwrap())));
        assert!("yes".parse::<Metrics>().is_err());
    }
}
