//! The report of an import: what was imported, what was not, and the consequences. Numbers are masked.

use std::fmt;

use openclaw_types::Phone;
use serde::Serialize;

/// The maximum number of skipped files that are listed; more are only counted.
const MAX_NAMED_FILES: usize = 100;
/// Shorter runs of digits are not phone numbers.
const MIN_DIGITS: usize = 7;

/// The result of an import. Contains no full number and no key; `Display` is for people, `Serialize` for programs.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The account's number, masked.
    pub account: String,
    /// The number of this device among the account's linked devices.
    pub device: u16,
    /// The file that the identity is from: `creds.json`, or its backup.
    pub source: &'static str,
    /// Why the backup was used instead of `creds.json`, if it was.
    pub backup_because: Option<String>,
    /// The imported records by kind, as `(kind, count)`, including kinds with a count of 0.
    pub carried: Vec<Carried>,
    /// Files that were skipped, or partly skipped. At most 100.
    pub skipped: Vec<Skipped>,
    /// The number of further skipped files.
    pub more_skipped: usize,
    /// The number of files that belong to other programs. They were not read.
    pub foreign: usize,
    /// The number of files that were skipped because WhatsApp sends their contents again.
    pub refetched: usize,
    /// What a Baileys directory lacks, or has in an unusable form.
    pub not_carried: &'static [NotCarried],
}

/// The number of imported records of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// The kind.
    pub kind: RecordKind,
    /// The number.
    pub count: usize,
}

/// A kind of imported record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// One-time prekeys, to which a contact's first message may refer.
    Prekeys,
    /// Signal sessions with other devices, so that no new handshake is needed.
    Sessions,
    /// Known identity keys.
    Identities,
    /// Sender keys, with which group messages of others are decrypted, and our own.
    SenderKeys,
    /// Groups for which it is known which devices have our sender key.
    Groups,
    /// Keys of the app state (settings and contacts).
    AppStateKeys,
    /// App state collections that were synced.
    AppStateCollections,
    /// Mappings between phone numbers and LIDs.
    LidMappings,
    /// Tokens from contacts that allow this account to write to them.
    PrivacyTokens,
}

/// A file that was skipped or partly skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Its name, numbers masked.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// Data that is missing after an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NotCarried {
    /// The data.
    pub what: &'static str,
    /// The consequence.
    pub meaning: &'static str,
}

const NOT_CARRIED: &[NotCarried] = &[
    NotCarried {
        what: "secrets of older messages",
        meaning: "reactions, edits and poll votes that refer to a message from before the import cannot be read",
    },
    NotCarried {
        what: "sent messages",
        meaning: "a contact who asks again for a message from before the import does not get it",
    },
    NotCarried {
        what: "chats, contacts and history",
        meaning: "Baileys keeps none in this directory",
    },
    NotCarried {
        what: "device lists, group details, privacy and server settings",
        meaning: "fetched from WhatsApp again when they are needed",
    },
    NotCarried {
        what: "the server's certificate",
        meaning: "the first connection uses the longer handshake",
    },
    NotCarried {
        what: "whether the account addresses chats by LID",
        meaning: "chats are addressed by phone number until WhatsApp reports it",
    },
    NotCarried {
        what: "the name under Linked devices",
        meaning: "the phone keeps showing the name given at pairing",
    },
];

const KINDS: [RecordKind; 9] = [
    RecordKind::Prekeys,
    RecordKind::Sessions,
    RecordKind::Identities,
    RecordKind::SenderKeys,
    RecordKind::Groups,
    RecordKind::AppStateKeys,
    RecordKind::AppStateCollections,
    RecordKind::LidMappings,
    RecordKind::PrivacyTokens,
];

impl RecordKind {
    fn words(self) -> &'static str {
        match self {
            Self::Prekeys => "prekeys",
            Self::Sessions => "sessions",
            Self::Identities => "identity keys",
            Self::SenderKeys => "sender keys",
            Self::Groups => "groups",
            Self::AppStateKeys => "app state keys",
            Self::AppStateCollections => "app state collections",
            Self::LidMappings => "LID mappings",
            Self::PrivacyTokens => "privacy tokens",
        }
    }
}

impl Report {
    pub(super) fn new(account: &Phone, device: u16, source: &'static str) -> Self {
        let none = |kind| Carried { kind, count: 0 };
        Self {
            account: account.to_string(),
            device,
            source,
            backup_because: None,
            carried: KINDS.map(none).to_vec(),
            skipped: Vec::new(),
            more_skipped: 0,
            foreign: 0,
            refetched: 0,
            not_carried: NOT_CARRIED,
        }
    }

    /// The number of imported records of `kind`.
    #[must_use]
    pub fn count(&self, kind: RecordKind) -> usize {
        let of_kind = self.carried.iter().filter(|carried| carried.kind == kind);
        of_kind.map(|carried| carried.count).sum()
    }

    pub(super) fn add(&mut self, kind: RecordKind, count: usize) {
        if let Some(carried) = self.carried.iter_mut().find(|carried| carried.kind == kind) {
            carried.count += count;
        }
    }

    pub(super) fn skip(&mut self, file: &str, reason: impl fmt::Display) {
        if self.skipped.len() == MAX_NAMED_FILES {
            self.more_skipped += 1;
            return;
        }
        self.skipped.push(Skipped {
            file: masked(file),
            reason: reason.to_string(),
        });
    }
}

/// `1 file`, `2 files`.
fn files(count: usize) -> String {
    match count {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    }
}

/// The phrases of a report that differ between an import and a check.
struct Phrases {
    heading: &'static str,
    carried: &'static str,
    then: &'static str,
}

const IMPORTED: Phrases = Phrases {
    heading: "Imported",
    carried: "Carried over",
    then: "The directory is unchanged. Never start the old gateway on it again:",
};
const CHECKED: Phrases = Phrases {
    heading: "Checked",
    carried: "An import carries over",
    then: "The directory is unchanged. Before you import, stop the old gateway for good:",
};

impl Report {
    /// The report for people after a check that imported nothing.
    pub fn checked(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| self.write(f, &CHECKED))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, words: &Phrases) -> fmt::Result {
        let Self {
            account,
            device,
            source,
            backup_because,
            carried,
            skipped,
            more_skipped,
            foreign,
            refetched,
            not_carried,
        } = self;
        let Phrases {
            heading,
            carried: carried_over,
            then,
        } = words;
        writeln!(f, "{heading}: {account}, device {device}, from {source}")?;
        if let Some(reason) = backup_because {
            writeln!(
                f,
                "creds.json.bak was used, because of creds.json: {reason}"
            )?;
        }
        writeln!(f, "{carried_over}:")?;
        for Carried { kind, count } in carried {
            writeln!(f, "  {count:>7} {}", kind.words())?;
        }
        if !skipped.is_empty() {
            writeln!(f, "Skipped: {}", files(skipped.len() + more_skipped))?;
            for Skipped { file, reason } in skipped {
                writeln!(f, "  {file}: {reason}")?;
            }
            if *more_skipped > 0 {
                writeln!(f, "  and {more_skipped} more")?;
            }
        }
        writeln!(f, "Not carried over:")?;
        for NotCarried { what, meaning } in *not_carried {
            writeln!(f, "  {what}: {meaning}")?;
        }
        writeln!(
            f,
            "Not needed: {}; of other programs: {foreign}",
            files(*refetched)
        )?;
        writeln!(f, "{then}")?;
        writeln!(
            f,
            "two clients with the same keys lose messages and log each other out."
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &IMPORTED)
    }
}

/// Masks every run of digits that may be a phone number, as [`Phone`] is shown: `session-1555XXXXXXX.0`.
pub(super) fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, run) = rest.split_at(start);
        let end = run.find(|c: char| !c.is_ascii_digit()).unwrap_or(run.len());
        let (run, after) = run.split_at(end);
        masked.push_str(before);
        if run.len() < MIN_DIGITS {
            masked.push_str(run);
        } else {
            let (shown, hidden) = run.split_at(shown(run));
            masked.push_str(shown);
            masked.extend(hidden.chars().map(|_| 'X'));
        }
        rest = after;
    }
    masked + rest
}

/// The number of leading digits that the mask of a phone number shows.
fn shown(digits: &str) -> usize {
    let phone = Phone::of_digits(digits);
    let shown = phone.map_or(3, |phone| {
        phone
            .to_string()
            .chars()
            .filter(char::is_ascii_digit)
            .count()
    });
    shown.min(digits.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_file_names_are_masked_in_place() {
        for (file, masked_name) in [
            ("session-15550100002.0.json", "session-1555XXXXXXX.0.json"),
            (
                "session-125081686442798_1.12.json",
                "session-1250XXXXXXXXXXX_1.12.json",
            ),
            (
                "sender-key-15550100001-1400000000@g.us--15550100002--3.json",
                "sender-key-1555XXXXXXX-1400XXXXXX@g.us--1555XXXXXXX--3.json",
            ),
            ("pre-key-812.json", "pre-key-812.json"),
            ("creds.json", "creds.json"),
        ] {
            assert_eq!(masked(file), masked_name);
        }
    }

    #[test]
    fn a_long_list_of_skipped_files_is_truncated_and_counted() {
        let phone = "+15550100001"
            .parse()
            .unwrap_or_else(|error| panic!("{error}"));
        let mut report = Report::new(&phone, 1, "creds.json");
        for n in 0..MAX_NAMED_FILES + 5 {
            report.skip(&format!("pre-key-{n}.json"), "it is empty");
        }
        assert_eq!(
            (report.skipped.len(), report.more_skipped),
            (MAX_NAMED_FILES, 5)
        );
        let text = report.to_string();
        assert!(text.contains("Skipped: 105 files") && text.contains("and 5 more"));
        assert!(!text.contains("0100001"), "{text}");
    }
}
