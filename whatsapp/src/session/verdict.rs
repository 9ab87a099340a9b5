//! Why WhatsApp ended a connection, as its stanzas report it.

use std::time::Duration;

use whatsapp_rust::types::events::{ConnectFailureReason, Event, LoggedOut};
use whatsapp_rust::wacore::stanza::connect_failure::ConnectFailureStanza;
use whatsapp_rust::wacore_binary::{Node, NodeRef};

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// No connection could be made.
    Unreachable,
    /// The connection was lost, or no frame arrived for too long.
    Connection,
    /// The server requested a new connection.
    Restart,
    /// All QR codes of this connection were shown; a new session gets new ones.
    CodesExhausted,
    /// The server refused the login with this code, and may accept it later.
    Refused(u32),
    /// The phone removed this device, or WhatsApp logged it out with this code.
    LoggedOut(Option<u32>),
    /// Another process logged in with the same credentials.
    Replaced,
    /// The account is banned.
    Banned {
        /// Its duration, if known.
        lasts: Option<Duration>,
        /// WhatsApp's code.
        code: u32,
    },
    /// WhatsApp does not accept the client version; its code.
    Outdated(u32),
    /// WhatsApp does not accept the client version, and another one is known that it has not refused.
    Superseded,
}

impl Loss {
    /// The code with which WhatsApp ended the link permanently, if it sent one.
    #[must_use]
    pub const fn code(self) -> Option<u32> {
        match self {
            Self::LoggedOut(code) => code,
            Self::Banned { code, .. } | Self::Outdated(code) => Some(code),
            _ => None,
        }
    }
}

/// Why the connection ends, according to an event of the library.
pub(super) fn verdict(event: &Event) -> Option<Loss> {
    Some(match event {
        Event::Disconnected(_) => Loss::Connection,
        Event::StreamReplaced(_) => Loss::Replaced,
        Event::ClientOutdated(_) => refused(ConnectFailureReason::ClientOutdated, None),
        Event::TemporaryBan(ban) => {
            refused(ConnectFailureReason::TempBanned, ban.expire.to_std().ok())
        }
        Event::LoggedOut(out) => logged_out(out),
        Event::ConnectFailure(failure) => refused(failure.reason, None),
        _ => return None,
    })
}

/// Why the connection of a device that is not linked yet ends, according to `<failure>`.
pub(super) fn failure(stanza: &NodeRef<'_>) -> Loss {
    let failure = ConnectFailureStanza::parse(stanza);
    let reason = failure.reason.unwrap_or(ConnectFailureReason::Unknown(0));
    refused(reason, failure.expire.map(Duration::from_secs))
}

/// What a refused login means; `lasts` is the duration of a ban.
fn refused(reason: ConnectFailureReason, lasts: Option<Duration>) -> Loss {
    let code = code(reason);
    match reason {
        ConnectFailureReason::TempBanned | ConnectFailureReason::AccountLocked => {
            Loss::Banned { lasts, code }
        }
        ConnectFailureReason::ClientOutdated | ConnectFailureReason::BadUserAgent => {
            Loss::Outdated(code)
        }
        reason if reason.is_logged_out() => Loss::LoggedOut(Some(code)),
        _ => Loss::Refused(code),
    }
}

/// Why the connection of a device that is not linked yet ends, according to `<stream:error>`. `None`: the stanza does not
/// end it by itself.
pub(super) fn stream_error(stanza: &NodeRef<'_>) -> Option<Loss> {
    if stanza.get_optional_child("xml-not-well-formed").is_some() {
        return Some(Loss::Connection);
    }
    if let Some(conflict) = stanza.get_optional_child("conflict") {
        let kind = conflict.get_attr("type");
        let is_replaced = kind.is_some_and(|kind| kind.as_str() == "replaced");
        return Some(match is_replaced {
            true => Loss::Replaced,
            false => Loss::LoggedOut(None),
        });
    }
    match stanza.get_attr("code")?.as_str().parse().ok()? {
        515 => Some(Loss::Restart),
        409 => Some(Loss::Replaced),
        reported @ (401 | 516) => Some(Loss::LoggedOut(Some(reported))),
        429 | 503 => None,
        reported => Some(Loss::Refused(reported)),
    }
}

/// Only a `conflict` with that type shows that the phone removed the device; a code is passed on unchanged.
fn logged_out(out: &LoggedOut) -> Loss {
    if out.reason == ConnectFailureReason::AccountLocked {
        return refused(out.reason, None);
    }
    // The reason of a refused login is precise; the code of a stream error is in the stanza.
    let stream = out.raw.as_ref().filter(|_| !out.on_connect);
    let conflict = stream.and_then(|stanza| stanza.get_optional_child("conflict"));
    let kind = conflict.and_then(|conflict| attribute(conflict, "type"));
    if kind.as_deref() == Some("device_removed") {
        return Loss::LoggedOut(None);
    }
    let reported = stream.and_then(|stanza| attribute(stanza, "code")?.parse().ok());
    Loss::LoggedOut(Some(reported.unwrap_or_else(|| code(out.reason))))
}

fn attribute(node: &Node, name: &str) -> Option<String> {
    let value = node.attrs().optional_string(name)?;
    Some(value.into_owned())
}

/// The number on the wire.
fn code(reason: ConnectFailureReason) -> u32 {
    match reason {
        ConnectFailureReason::Generic => 400,
        ConnectFailureReason::LoggedOut => 401,
        ConnectFailureReason::TempBanned => 402,
        ConnectFailureReason::AccountLocked => 403,
        ConnectFailureReason::ClientOutdated => 405,
        ConnectFailureReason::UnknownLogout => 406,
        ConnectFailureReason::BadUserAgent => 409,
        ConnectFailureReason::CatExpired => 413,
        ConnectFailureReason::CatInvalid => 414,
        ConnectFailureReason::NotFound => 415,
        ConnectFailureReason::ClientUnknown => 418,
        ConnectFailureReason::InternalServerError => 500,
        ConnectFailureReason::Experimental => 501,
        ConnectFailureReason::ServiceUnavailable => 503,
        ConnectFailureReason::Unknown(code) => u32::try_from(code).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::wacore_binary::builder::NodeBuilder;

    use super::*;

    fn stream_error(kind: Option<&'static str>, code: Option<&'static str>) -> Loss {
        let conflict = kind.map(|kind| NodeBuilder::new("conflict").attr("type", kind).build());
        let mut stanza = NodeBuilder::new("stream:error");
        if let Some(code) = code {
            stanza = stanza.attr("code", code);
        }
        let out = LoggedOut::builder()
            .on_connect(false)
            .reason(ConnectFailureReason::LoggedOut)
            .raw(stanza.children(conflict).build());
        verdict(&Event::LoggedOut(out.build())).unwrap()
    }

    fn at_login(reason: ConnectFailureReason) -> Loss {
        let out = LoggedOut::builder().on_connect(true).reason(reason);
        verdict(&Event::LoggedOut(out.build())).unwrap()
    }

    #[test]
    fn the_phone_removed_the_device_only_when_whatsapp_reported_it() {
        let removed = stream_error(Some("device_removed"), Some("401"));
        assert_eq!(removed, Loss::LoggedOut(None));
        for (kind, code, reported) in [
            (None, Some("401"), 401),
            (None, Some("516"), 516),
            (Some("unheard_of"), Some("440"), 440),
            (Some("unheard_of"), None, 401),
        ] {
            assert_eq!(stream_error(kind, code), Loss::LoggedOut(Some(reported)));
        }
        let unknown = at_login(ConnectFailureReason::UnknownLogout);
        assert_eq!(unknown, Loss::LoggedOut(Some(406)));
        let unauthorized = at_login(ConnectFailureReason::LoggedOut);
        assert_eq!(unauthorized, Loss::LoggedOut(Some(401)));
        let locked = at_login(ConnectFailureReason::AccountLocked);
        let lasts = None;
        assert_eq!(locked, Loss::Banned { lasts, code: 403 });
    }
}
