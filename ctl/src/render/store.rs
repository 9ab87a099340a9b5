//! The store and the process hardening, for a person.

use openclaw_proto::v1::{Confinement, Hardening, KeySlotKind, Vault};

use super::Detail;
use super::size::{count, size};
use super::word::{word, words};
use crate::text;

/// `sealed, 812 records, 0.4 MB, generation 3`, and any problems.
pub(crate) fn line(vault: &Vault) -> String {
    let Vault {
        generation,
        records,
        log_bytes,
        undecodable_rows,
        ..
    } = vault;
    let mut line = format!(
        "sealed, {}, {}, generation {generation}",
        count(*records, "record"),
        size(*log_bytes)
    );
    if *undecodable_rows > 0 {
        line.push_str(&format!("; {} unreadable", count(*undecodable_rows, "row")));
    }
    line
}

/// `main (raw), spare (passphrase)`.
pub(crate) fn slots(vault: &Vault) -> String {
    let slots: Vec<String> = vault
        .key_slots
        .iter()
        .map(|slot| {
            let name = text::one_line(&slot.name);
            format!("{name} ({})", word::<KeySlotKind>(slot.kind))
        })
        .collect();
    if slots.is_empty() {
        return "unknown".to_owned();
    }
    slots.join(", ")
}

/// The hardening of the process; `None` if there is nothing to report.
pub(crate) fn protection(hardening: &Hardening, detail: Detail) -> Option<String> {
    let Hardening {
        dumpable,
        core_dumps,
        key_page_locked,
        uid,
        landlock,
        seccomp,
        wipes_memory,
    } = hardening;
    let both = |good: bool, fine: &str, wrong: &str| {
        let text = if good { fine } else { wrong };
        (good, text.to_owned())
    };
    let sandbox = |name: &str, confinement: i32| {
        let words = match confinement {
            0 => "unknown".to_owned(),
            confinement => words::<Confinement>(confinement),
        };
        let is_enforced = confinement == i32::from(Confinement::Enforced);
        (is_enforced, format!("{name} {words}"))
    };
    let all = [
        both(
            !dumpable,
            "other processes cannot read its memory",
            "other processes may read its memory",
        ),
        both(!core_dumps, "no core dumps", "a crash may dump its memory"),
        both(
            *key_page_locked,
            "the key stays out of swap",
            "its key may be swapped out",
        ),
        both(
            *wipes_memory,
            "freed memory is wiped",
            "freed memory is not wiped",
        ),
        (
            *uid != 0,
            match uid {
                0 => "it runs as root".to_owned(),
                uid => format!("it runs as user {uid}"),
            },
        ),
        sandbox("Landlock", *landlock),
        sandbox("seccomp", *seccomp),
    ];
    let parts: Vec<String> = all
        .into_iter()
        .filter(|(good, _)| detail == Detail::All || !good)
        .map(|(_, text)| text)
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
