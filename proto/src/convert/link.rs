//! The state of the link.

use std::time::SystemTime;

use openclaw_types::{Account, Lid, Link, LinkState, Nack, Reason, Restriction};
use prost_types::Timestamp;

use super::event::Wire;
use super::{Error, missing, time};
use crate::v1;

/// The link, and what the user should do about it. Fields that only Status has are not set.
#[must_use]
pub fn link_status(link: Link, hint: String) -> v1::LinkStatus {
    let Link {
        state,
        since,
        account,
        reason,
        code,
        expires_at,
        restriction,
    } = link;
    let (attempt, retry_at) = match state {
        LinkState::BackingOff { attempt, until } => (attempt, Some(until)),
        _ => (0, None),
    };
    let banned_until = match state {
        LinkState::Banned { until } => until,
        _ => None,
    };
    let (reason, refusal) = reason.as_ref().map(link_reason).unwrap_or_default();
    let mut wire = v1::LinkStatus {
        state: link_state(state).into(),
        since: Some(Timestamp::from(since)),
        attempt,
        retry_at: retry_at.map(Timestamp::from),
        banned_until: banned_until.map(Timestamp::from),
        reason: reason.into(),
        hint,
        code: code.or(refusal).unwrap_or_default(),
        expires_at: expires_at.map(Timestamp::from),
        restriction: restriction.map(v1::Restriction::from),
        ..Default::default()
    };
    if let Some(Account {
        phone,
        lid,
        linked_at,
        device,
    }) = account
    {
        wire.device = device.into();
        wire.phone = phone.e164();
        wire.lid = lid.as_ref().map(Lid::jid).unwrap_or_default();
        wire.linked_at = Some(Timestamp::from(linked_at));
    }
    wire
}

impl Wire for Link {
    type Message = v1::LinkStatus;

    fn into_wire(self) -> v1::LinkStatus {
        link_status(self, String::new())
    }

    fn from_wire(link: v1::LinkStatus) -> Result<Self, Error> {
        let state = link.state();
        let reason = v1::LinkReason::try_from(link.reason).map_err(|_| missing("reason"))?;
        let v1::LinkStatus {
            state: _,
            since,
            phone,
            lid,
            device,
            linked_at,
            last_frame_at: _,
            attempt,
            retry_at,
            banned_until,
            reason: _,
            hint: _,
            code,
            ready: _,
            ready_at: _,
            disconnected_at: _,
            expires_at,
            restriction,
        } = link;
        let banned_until = banned_until.map(|at| time(Some(at), "banned_until"));
        let account = match phone.parse() {
            Ok(phone) => Some(Account {
                phone,
                lid: Lid::new(lid.strip_suffix("@lid").unwrap_or_default()),
                linked_at: linked_at
                    .map_or(Ok(SystemTime::UNIX_EPOCH), |at| time(Some(at), "linked_at"))?,
                device: device.parse().unwrap_or_default(),
            }),
            Err(_) => None,
        };
        Ok(Self {
            state: match state {
                v1::LinkState::Unspecified => return Err(missing("state")),
                v1::LinkState::Unlinked => LinkState::Unlinked,
                v1::LinkState::Linking => LinkState::Linking,
                v1::LinkState::Connecting => LinkState::Connecting,
                v1::LinkState::Connected => LinkState::Connected,
                v1::LinkState::BackingOff => LinkState::BackingOff {
                    attempt,
                    until: time(retry_at, "retry_at")?,
                },
                v1::LinkState::LoggedOut => LinkState::LoggedOut,
                v1::LinkState::Replaced => LinkState::Replaced,
                v1::LinkState::Banned => LinkState::Banned {
                    until: banned_until.transpose()?,
                },
                v1::LinkState::Outdated => LinkState::Outdated,
            },
            since: time(since, "since")?,
            account,
            reason: reason_from(reason, code),
            code: (code != 0 && reason != v1::LinkReason::Refused).then_some(code),
            expires_at: expires_at
                .map(|at| time(Some(at), "expires_at"))
                .transpose()?,
            restriction: restriction.map(Restriction::try_from).transpose()?,
        })
    }
}

impl From<Restriction> for v1::Restriction {
    fn from(restriction: Restriction) -> Self {
        let Restriction {
            nack: Nack(code),
            name,
            since,
            until,
            confirmed,
        } = restriction;
        Self {
            code: code.into(),
            name,
            since: Some(Timestamp::from(since)),
            until: until.map(Timestamp::from),
            confirmed,
        }
    }
}

impl TryFrom<v1::Restriction> for Restriction {
    type Error = Error;

    fn try_from(restriction: v1::Restriction) -> Result<Self, Error> {
        let v1::Restriction {
            code,
            name,
            since,
            until,
            confirmed,
        } = restriction;
        Ok(Self {
            nack: Nack(u16::try_from(code).unwrap_or_default()),
            name,
            since: time(since, "restriction.since")?,
            until: until
                .map(|at| time(Some(at), "restriction.until"))
                .transpose()?,
            confirmed,
        })
    }
}

fn link_state(state: LinkState) -> v1::LinkState {
    match state {
        LinkState::Unlinked => v1::LinkState::Unlinked,
        LinkState::Linking => v1::LinkState::Linking,
        LinkState::Connecting => v1::LinkState::Connecting,
        LinkState::Connected => v1::LinkState::Connected,
        LinkState::BackingOff { .. } => v1::LinkState::BackingOff,
        LinkState::LoggedOut => v1::LinkState::LoggedOut,
        LinkState::Replaced => v1::LinkState::Replaced,
        LinkState::Banned { .. } => v1::LinkState::Banned,
        LinkState::Outdated => v1::LinkState::Outdated,
    }
}

/// The reason, and the code of a refusal.
fn link_reason(reason: &Reason) -> (v1::LinkReason, Option<u32>) {
    let reason = match *reason {
        Reason::ConnectionLost => v1::LinkReason::ConnectionLost,
        Reason::Restart => v1::LinkReason::Restart,
        Reason::Unreachable => v1::LinkReason::Unreachable,
        Reason::Refused(code) => return (v1::LinkReason::Refused, Some(code)),
        Reason::LoggedOut => v1::LinkReason::LoggedOut,
        Reason::Replaced => v1::LinkReason::Replaced,
        Reason::Banned => v1::LinkReason::Banned,
        Reason::Outdated => v1::LinkReason::Outdated,
        Reason::Unpaired => v1::LinkReason::Unpaired,
        Reason::Stopping => v1::LinkReason::Stopping,
    };
    (reason, None)
}

fn reason_from(reason: v1::LinkReason, code: u32) -> Option<Reason> {
    Some(match reason {
        v1::LinkReason::Unspecified => return None,
        v1::LinkReason::ConnectionLost => Reason::ConnectionLost,
        v1::LinkReason::Restart => Reason::Restart,
        v1::LinkReason::Unreachable => Reason::Unreachable,
        v1::LinkReason::Refused => Reason::Refused(code),
        v1::LinkReason::LoggedOut => Reason::LoggedOut,
        v1::LinkReason::Replaced => Reason::Replaced,
        v1::LinkReason::Banned => Reason::Banned,
        v1::LinkReason::Outdated => Reason::Outdated,
        v1::LinkReason::Unpaired => Reason::Unpaired,
        v1::LinkReason::Stopping => Reason::Stopping,
    })
}
