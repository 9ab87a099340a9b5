//! The stored state of the link: when it was linked, and whether WhatsApp has ended it.

use std::time::SystemTime;

use openclaw_state::vault::{Tables, Vault, from_millis, to_millis};
use openclaw_types::{Account, DeviceName, Lid, Link, LinkState, Phone, Reason, Restriction};
use openclaw_vault::Key;
use serde::{Deserialize, Serialize};

/// The stored row. Fields may be added but never renamed: existing volumes contain them.
#[derive(Serialize, Deserialize)]
struct Row {
    phone: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lid: Option<String>,
    /// Milliseconds since 1970, like all times here.
    linked_at: u64,
    #[serde(default)]
    device: DeviceName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verdict: Option<VerdictRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expiry: Option<ExpiryRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    restriction: Option<Restriction>,
}

/// The announced end of a client version.
#[derive(Serialize, Deserialize)]
struct ExpiryRow {
    at: u64,
    /// The agent's version when it was announced.
    agent: String,
}

/// A state that only a person can change.
#[derive(Serialize, Deserialize)]
struct VerdictRow {
    state: String,
    since: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    /// WhatsApp's code. Any number is accepted: an unknown one must not discard the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<i64>,
    /// The agent's version when it was recorded: WhatsApp may accept another version after `outdated`.
    agent: String,
}

/// The row's key.
pub(super) fn key() -> Key<'static> {
    Key::new(Tables::LINK, "", "")
}

/// Stores the link's state, if it has changed.
pub(super) fn keep(vault: &Vault, link: &Link) {
    let Some(row) = link.account.as_ref().map(|account| row(account, link)) else {
        return;
    };
    let Ok(row) = serde_json::to_vec(&row) else {
        return;
    };
    vault.update(|update| {
        if update.load(key()).is_none_or(|kept| **kept != *row) {
            update.batch().put(key(), &row);
        }
    });
}

fn row(account: &Account, link: &Link) -> Row {
    let Account {
        phone,
        lid,
        linked_at,
        device,
    } = account;
    let until = match link.state {
        LinkState::Banned { until } => until,
        _ => None,
    };
    let verdict = link.state.needs_person().then(|| VerdictRow {
        state: link.state.name().to_owned(),
        since: to_millis(link.since),
        until: until.map(to_millis),
        code: link.code.map(i64::from),
        agent: env!("CARGO_PKG_VERSION").to_owned(),
    });
    Row {
        phone: phone.e164(),
        lid: lid.as_ref().map(|lid| lid.user().to_owned()),
        linked_at: to_millis(*linked_at),
        device: device.clone(),
        verdict,
        expiry: link.expires_at.map(|at| ExpiryRow {
            at: to_millis(at),
            agent: env!("CARGO_PKG_VERSION").to_owned(),
        }),
        restriction: link.restriction.clone(),
    }
}

/// The loaded state.
pub(super) struct Kept {
    pub(super) account: Account,
    pub(super) verdict: Option<Verdict>,
    /// When WhatsApp will stop accepting this version, if it has announced that.
    pub(super) expires_at: Option<SystemTime>,
    /// The restriction of the account, if it was restricted.
    pub(super) restriction: Option<Restriction>,
}

/// A state that only a person can change, with its reason and start.
pub(super) struct Verdict {
    pub(super) state: LinkState,
    pub(super) reason: Reason,
    pub(super) since: SystemTime,
    pub(super) code: Option<u32>,
}

/// The row of a backup, prepared for a restore: a `replaced` verdict is removed, since the restored device is meant to
/// replace the other one.
pub(super) fn restored_row(row: &[u8]) -> Option<Vec<u8>> {
    let row: Row = serde_json::from_slice(row).ok()?;
    let replaced = LinkState::Replaced.name();
    let verdict = row.verdict.filter(|verdict| verdict.state != replaced);
    serde_json::to_vec(&Row { verdict, ..row }).ok()
}

/// `None` without an account, or if this version cannot read the row.
pub(super) fn load(vault: &Vault) -> Option<Kept> {
    let row: Row = serde_json::from_slice(&vault.load(key())?).ok()?;
    let account = Account {
        phone: Phone::of_digits(&row.phone)?,
        lid: row.lid.as_deref().and_then(Lid::new),
        linked_at: from_millis(row.linked_at),
        device: row.device,
    };
    Some(Kept {
        account,
        verdict: row.verdict.and_then(verdict),
        expires_at: row.expiry.and_then(expires_at),
        restriction: row.restriction,
    })
}

fn expires_at(row: ExpiryRow) -> Option<SystemTime> {
    let ExpiryRow { at, agent } = row;
    (agent == env!("CARGO_PKG_VERSION")).then(|| from_millis(at))
}

fn verdict(row: VerdictRow) -> Option<Verdict> {
    let VerdictRow {
        state,
        since,
        until,
        code,
        agent,
    } = row;
    let (state, reason) = match state.as_str() {
        "logged_out" => (LinkState::LoggedOut, Reason::LoggedOut),
        "replaced" => (LinkState::Replaced, Reason::Replaced),
        "banned" => {
            let until = until.map(from_millis);
            (LinkState::Banned { until }, Reason::Banned)
        }
        "outdated" if agent == env!("CARGO_PKG_VERSION") => (LinkState::Outdated, Reason::Outdated),
        _ => return None,
    };
    Some(Verdict {
        state,
        reason,
        since: from_millis(since),
        code: code.and_then(|code| u32::try_from(code).ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(state: LinkState) -> Link {
        Link {
            state,
            since: from_millis(1_700_000_000_123),
            account: Some(Account {
                phone: "+15550100123".parse().unwrap(),
                lid: Lid::new("100000000000001"),
                linked_at: from_millis(1_600_000_000_456),
                device: "Mac OS".parse().unwrap(),
            }),
            reason: None,
            code: Some(402),
            expires_at: Some(from_millis(1_900_000_000_000)),
            restriction: None,
        }
    }

    fn kept(state: LinkState) -> Row {
        let link = link(state);
        let bytes = serde_json::to_vec(&row(link.account.as_ref().unwrap(), &link)).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn dead_credentials_are_stored_as_such() {
        for state in [
            LinkState::LoggedOut,
            LinkState::Replaced,
            LinkState::Banned { until: None },
            LinkState::Banned {
                until: Some(from_millis(1_800_000_000_000)),
            },
            LinkState::Outdated,
        ] {
            let kept = verdict(kept(state).verdict.unwrap()).unwrap();
            assert_eq!((kept.state, kept.since), (state, link(state).since));
            assert_eq!(kept.code, Some(402));
        }
    }

    #[test]
    fn an_unknown_code_does_not_revive_dead_credentials() {
        let row = serde_json::to_string(&kept(LinkState::LoggedOut)).unwrap();
        let row = row.replace("402", "-1");
        let row: Row = serde_json::from_str(&row).unwrap();
        let kept = verdict(row.verdict.unwrap()).unwrap();
        assert_eq!((kept.state, kept.code), (LinkState::LoggedOut, None));
    }

    #[test]
    fn a_live_link_leaves_no_verdict() {
        for state in [LinkState::Connecting, LinkState::Connected] {
            assert!(kept(state).verdict.is_none());
        }
    }

    #[test]
    fn a_restore_drops_the_replaced_verdict_and_no_other() {
        let restored = |state| {
            let row = serde_json::to_vec(&kept(state)).unwrap();
            let row: Row = serde_json::from_slice(&restored_row(&row).unwrap()).unwrap();
            assert_eq!(row.phone, "+15550100123");
            row.verdict.map(|verdict| verdict.state)
        };
        assert_eq!(restored(LinkState::Replaced), None);
        assert_eq!(restored(LinkState::Connected), None);
        for state in [LinkState::LoggedOut, LinkState::Outdated] {
            assert_eq!(restored(state).unwrap(), state.name());
        }
    }

    #[test]
    fn an_announced_end_applies_to_its_version_only() {
        let mut row = kept(LinkState::Connected).expiry.unwrap();
        let announced = link(LinkState::Connected).expires_at;
        let (at, agent) = (row.at, row.agent.clone());
        assert_eq!(expires_at(ExpiryRow { at, agent }), announced);
        row.agent = "0.0.1".to_owned();
        assert_eq!(expires_at(row), None);
    }

    #[test]
    fn another_version_connects_again_after_outdated() {
        let mut row = kept(LinkState::Outdated);
        if let Some(verdict) = &mut row.verdict {
            verdict.agent = "0.0.1".to_owned();
        }
        assert!(verdict(row.verdict.unwrap()).is_none());
    }
}
