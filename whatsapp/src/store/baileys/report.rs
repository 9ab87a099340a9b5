//! The report of an import: what came over, what did not, and what that means. Numbers are masked.

use std::fmt;

use openclaw_types::Phone;
use serde::Serialize;

/// So many skipped files are named; the rest are counted.
const MAX_NAMED_FILES: usize = 100;
/// Shorter runs of digits are no phone numbers.
const MIN_DIGITS: usize = 7;

/// The outcome of an import. Holds no full number and no key; `Display` is for people, `Serialize` for programs.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The account's number, masked.
    pub account: String,
    /// Which of the account's linked devices this is.
    pub device: u16,
    /// The file that the identity is from: `creds.json`, or its backup.
    pub source: &'static str,
    /// Why the backup was used, if it was.
    pub backup_because: Option<String>,
    /// What was carried over, by kind, as `(kind, count)`; kinds of which there was none too.
    pub carried: Vec<Carried>,
    /// Files that could not be used, or not wholly. At most 100.
    pub skipped: Vec<Skipped>,
    /// How many more there were.
    pub more_skipped: usize,
    /// Files that belong to something else. They were not read.
    pub foreign: usize,
    /// Files whose content WhatsApp is asked for again.
    pub refetched: usize,
    /// What a Baileys folder does not have, or has in no form that could be used.
    pub not_carried: &'static [NotCarried],
}

/// How many of a kind came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// What they are.
    pub kind: RecordKind,
    /// How many.
    pub count: usize,
}

/// What is carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// One-time keys that a first message may name.
    Prekeys,
    /// Devices that messages go to and come from without a new handshake.
    Sessions,
    /// Known identity keys.
    Identities,
    /// Senders whose group messages can be read, ourselves included.
    SenderKeys,
    /// Groups of which it is known who has our sender key.
    Groups,
    /// Keys of the account's settings and contacts.
    AppStateKeys,
    /// Collections of them that are followed.
    AppStateCollections,
    /// Phone numbers known for LIDs.
    LidMappings,
    /// Tokens that contacts gave for writing to them.
    PrivacyTokens,
}

/// A file that was left out, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Its name, numbers masked.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// Something that starts empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NotCarried {
    /// What.
    pub what: &'static str,
    /// What its absence does.
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

    /// How many of `kind` came over.
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

/// What an import is said to have done, and what to do about the old gateway.
struct Words {
    heading: &'static str,
    carried: &'static str,
    then: &'static str,
}

const IMPORTED: Words = Words {
    heading: "Imported",
    carried: "Carried over",
    then: "The directory is unchanged. Never start the old gateway on it again:",
};
const CHECKED: Words = Words {
    heading: "Checked",
    carried: "An import carries over",
    then: "The directory is unchanged. Before you import, stop the old gateway for good:",
};

impl Report {
    /// For people too, where nothing but a look at the folder was asked for.
    pub fn checked(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| self.write(f, &CHECKED))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, words: &Words) -> fmt::Result {
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
        let Words {
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

/// The text with every run of digits that may be a number cut short, as [`Phone`] shows it: `session-1555XXXXXXX.0`.
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

/// As many leading digits as the model's mask shows of this number.
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
        for (file, told) in [
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
            assert_eq!(masked(file), told);
        }
    }

    #[test]
    fn a_long_list_of_skipped_files_is_cut_and_counted() {
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
