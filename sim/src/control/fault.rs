//! `POST /fault`: parses faults from JSON.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::request::{Body, E164};
use crate::sim::Sim;
use crate::state::fault::{Fault, IqError, IqSilence, Nack};
use crate::state::limits::{Budget, Limited};
use crate::state::media::faults::{MediaFault, Spoilt, Transfer};
use crate::wire::ending::{self, LoginFailure};

/// A fault and its target. Parsed in two steps, so that a field that the kind does not have is rejected.
#[derive(Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(super) struct Request {
    account: Option<E164>,
    kind: Kind,
}

impl TryFrom<Map<String, Value>> for Request {
    type Error = serde_json::Error;

    fn try_from(mut fields: Map<String, Value>) -> Result<Self, serde_json::Error> {
        let account = fields.remove("account").unwrap_or(Value::Null);
        Ok(Self {
            account: serde_json::from_value(account)?,
            kind: serde_json::from_value(Value::Object(fields))?,
        })
    }
}

pub(super) async fn strike(
    State(sim): State<Arc<Sim>>,
    Body(Request { account, kind }): Body<Request>,
) -> Result<Json<Value>, Failure> {
    match account {
        Some(account) => sim.fault_for(&account, kind.into()).await?,
        None => sim.fault(kind.into()).await,
    }
    Ok(Json(json!({})))
}

fn once() -> u32 {
    1
}

fn download() -> Transfer {
    Transfer::Download
}

/// Variants have braces even if they are empty: only then does serde reject unknown fields.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Kind {
    Drop {},
    DropAfter {
        count: u32,
    },
    Unannounced {},
    HalfOpen {},
    Delay {
        ms: u64,
    },
    Refuse {
        #[serde(default = "once")]
        count: u32,
    },
    StreamError {
        code: u16,
    },
    BadXml {},
    OwedAck {},
    StreamEnd {},
    DeviceRemoved {},
    Replaced {},
    Failure {
        reason: u16,
        expire: Option<u64>,
        code: Option<u32>,
        /// Additional attributes, as in `logout_message_header`.
        #[serde(default)]
        words: BTreeMap<String, String>,
        #[serde(default)]
        at_once: bool,
    },
    Limit {
        of: Limited,
        count: u32,
        seconds: u64,
    },
    IqError {
        xmlns: String,
        code: u16,
        #[serde(default = "once")]
        count: u32,
    },
    IqSilence {
        xmlns: String,
        #[serde(default = "once")]
        count: u32,
    },
    Nack {
        code: u16,
        #[serde(default = "once")]
        count: u32,
    },
    Corrupt {
        #[serde(default = "once")]
        count: u32,
    },
    Duplicate {
        #[serde(default = "once")]
        count: u32,
    },
    HideDevices {
        #[serde(default = "once")]
        count: u32,
    },
    Reorder {
        count: u32,
    },
    MediaStatus {
        code: u16,
        #[serde(default = "download")]
        on: Transfer,
        #[serde(default = "once")]
        count: u32,
    },
    MediaShort {
        bytes: u64,
        #[serde(default = "once")]
        count: u32,
    },
    MediaCut {
        bytes: u64,
        #[serde(default = "download")]
        on: Transfer,
        #[serde(default = "once")]
        count: u32,
    },
    MediaStall {
        #[serde(default)]
        bytes: u64,
        #[serde(default = "download")]
        on: Transfer,
        #[serde(default = "once")]
        count: u32,
    },
    MediaWrongMac {
        #[serde(default = "once")]
        count: u32,
    },
    MediaWrongHash {
        #[serde(default = "once")]
        count: u32,
    },
    MediaSlow {
        rate: u64,
    },
    MediaNoRange {},
    MediaExpired {},
    Restart {},
    NewServerKey {},
    Clear {},
}

fn media(on: Transfer, how: Spoilt, count: u32) -> Fault {
    Fault::Media(MediaFault::Next { on, how, count })
}

impl From<Kind> for Fault {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Drop {} => Self::Drop,
            Kind::DropAfter { count } => Self::DropAfter(count),
            Kind::Unannounced {} => Self::Unannounced,
            Kind::HalfOpen {} => Self::HalfOpen,
            Kind::Delay { ms } => Self::Delay(Duration::from_millis(ms)),
            Kind::Refuse { count } => Self::Refuse(count),
            Kind::StreamError { code } => Self::StreamError(code),
            Kind::BadXml {} => Self::BadXml,
            Kind::OwedAck {} => Self::OwedAck,
            Kind::StreamEnd {} => Self::StreamEnd,
            Kind::DeviceRemoved {} => Self::DeviceRemoved,
            Kind::Replaced {} => Self::Replaced,
            Kind::Failure {
                reason,
                expire,
                code,
                words,
                at_once,
            } => Self::LoginFailure(LoginFailure {
                failure: ending::Failure {
                    reason,
                    expire,
                    code,
                },
                words: words.into_iter().collect(),
                at_once,
            }),
            Kind::Limit { of, count, seconds } => Self::Limit(
                of,
                Budget {
                    count,
                    window: Duration::from_secs(seconds),
                },
            ),
            Kind::IqError { xmlns, code, count } => Self::IqError(IqError { xmlns, code, count }),
            Kind::IqSilence { xmlns, count } => Self::IqSilence(IqSilence { xmlns, count }),
            Kind::Nack { code, count } => Self::Nack(Nack { code, count }),
            Kind::Corrupt { count } => Self::Corrupt(count),
            Kind::Duplicate { count } => Self::Duplicate(count),
            Kind::HideDevices { count } => Self::HideDevices(count),
            Kind::Reorder { count } => Self::Reorder(count),
            Kind::MediaStatus { code, on, count } => media(on, Spoilt::Status(code), count),
            Kind::MediaShort { bytes, count } => {
                media(Transfer::Download, Spoilt::Short(bytes), count)
            }
            Kind::MediaCut { bytes, on, count } => media(on, Spoilt::Cut(bytes), count),
            Kind::MediaStall { bytes, on, count } => media(on, Spoilt::Stall(bytes), count),
            Kind::MediaWrongMac { count } => media(Transfer::Download, Spoilt::WrongMac, count),
            Kind::MediaWrongHash { count } => media(Transfer::Download, Spoilt::WrongHash, count),
            Kind::MediaSlow { rate } => Self::Media(MediaFault::Slow(rate)),
            Kind::MediaNoRange {} => Self::Media(MediaFault::NoRange),
            Kind::MediaExpired {} => Self::Media(MediaFault::Expired),
            Kind::Restart {} => Self::Restart,
            Kind::NewServerKey {} => Self::NewServerKey,
            Kind::Clear {} => Self::Clear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Option<String>, Fault), String> {
        let Request { account, kind } =
            serde_json::from_str(text).map_err(|error: serde_json::Error| error.to_string())?;
        Ok((account.map(|account| account.to_string()), kind.into()))
    }

    #[test]
    fn kinds_parse_as_documented_in_the_readme() {
        let failure = ending::Failure {
            reason: 402,
            expire: Some(60),
            code: None,
        };
        let iq_error = IqError {
            xmlns: "usync".into(),
            code: 500,
            count: 1,
        };
        for (text, fault) in [
            (r#"{"kind":"drop"}"#, Fault::Drop),
            (r#"{"kind":"drop_after","count":7}"#, Fault::DropAfter(7)),
            (r#"{"kind":"unannounced"}"#, Fault::Unannounced),
            (r#"{"kind":"half_open"}"#, Fault::HalfOpen),
            (
                r#"{"kind":"delay","ms":50}"#,
                Fault::Delay(Duration::from_millis(50)),
            ),
            (r#"{"kind":"refuse","count":3}"#, Fault::Refuse(3)),
            (
                r#"{"kind":"stream_error","code":515}"#,
                Fault::StreamError(515),
            ),
            (r#"{"kind":"bad_xml"}"#, Fault::BadXml),
            (r#"{"kind":"owed_ack"}"#, Fault::OwedAck),
            (r#"{"kind":"stream_end"}"#, Fault::StreamEnd),
            (r#"{"kind":"device_removed"}"#, Fault::DeviceRemoved),
            (r#"{"kind":"replaced"}"#, Fault::Replaced),
            (
                r#"{"kind":"failure","reason":402,"expire":60}"#,
                Fault::LoginFailure(failure.into()),
            ),
            (
                r#"{"kind":"iq_error","xmlns":"usync","code":500}"#,
                Fault::IqError(iq_error),
            ),
            (
                r#"{"kind":"nack","code":463}"#,
                Fault::Nack(Nack {
                    code: 463,
                    count: 1,
                }),
            ),
            (r#"{"kind":"duplicate"}"#, Fault::Duplicate(1)),
            (r#"{"kind":"reorder","count":2}"#, Fault::Reorder(2)),
            (
                r#"{"kind":"limit","of":"messages","count":5,"seconds":60}"#,
                Fault::Limit(
                    Limited::Messages,
                    Budget {
                        count: 5,
                        window: Duration::from_secs(60),
                    },
                ),
            ),
            (
                r#"{"kind":"media_status","code":507,"on":"upload"}"#,
                media(Transfer::Upload, Spoilt::Status(507), 1),
            ),
            (
                r#"{"kind":"media_cut","bytes":5,"count":2}"#,
                media(Transfer::Download, Spoilt::Cut(5), 2),
            ),
            (
                r#"{"kind":"media_expired"}"#,
                Fault::Media(MediaFault::Expired),
            ),
            (r#"{"kind":"restart"}"#, Fault::Restart),
            (r#"{"kind":"new_server_key"}"#, Fault::NewServerKey),
            (r#"{"kind":"clear"}"#, Fault::Clear),
        ] {
            assert_eq!(read(text), Ok((None, fault)), "{text}");
        }
        let named = read(r#"{"account":"+15550100001","kind":"drop"}"#);
        assert_eq!(named, Ok((Some("+15550100001".into()), Fault::Drop)));
    }

    #[test]
    fn an_error_names_the_missing_or_unknown_field() {
        for (text, named) in [
            (r#"{}"#, "missing field `kind`"),
            (r#"{"kind":"earthquake"}"#, "unknown variant `earthquake`"),
            (r#"{"kind":"delay"}"#, "missing field `ms`"),
            (r#"{"kind":"drop","ms":50}"#, "unknown field `ms`"),
            (r#"{"kind":"refuse","count":-1}"#, "invalid value"),
            (r#"{"kind":"drop","account":"x"}"#, "not a phone number"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
