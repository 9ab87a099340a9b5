//! Properties of randomly generated and mutated files, with a fixed seed: a name is accepted in all places or in
//! none, and no accepted mutation silently changes who is allowed.

use std::collections::HashSet;

use fastrand::Rng;

use super::corpus::{Expected, files};
use super::*;
use crate::allow::policy::Index;
use crate::allow::policy::{Sender, Verdict};

/// Names of persons as people write them. Some are valid, most are not.
const NAMES: [&str; 24] = [
    "+15550100002",
    "+1 (555) 010-0002",
    "+1-555-010-0002",
    "+1.555.010.0002",
    "15550100002",
    "0015550100002",
    "+0015550100002",
    "0211234567",
    "+1555",
    "+",
    "+1555010x",
    "whatsapp:+15550100002",
    "100000000000003@lid",
    "100000000000003:1@lid",
    "x@lid",
    "@lid",
    "15550100002@s.whatsapp.net",
    "15550100002@c.us",
    "120363000000000001@g.us",
    "status@broadcast",
    "accessGroup:ops",
    "*@lid",
    "**",
    "everyone",
];

#[test]
fn a_name_is_accepted_in_every_place_or_in_none() {
    let alone = |text: &str| read_with(text, &[]).map(|rules| shown_names(&rules.people));
    for name in NAMES {
        let expected = person(name).ok().map(|who| vec![who.to_string()]);
        let quoted = format!("'{name}'");
        let ways = [
            alone(&under(&format!("allowFrom: [{quoted}]"))),
            alone(&under(&format!("allowFrom:\n  - {quoted}"))),
            alone(&under(&format!("allowFrom: {quoted}"))),
            read_with(&under("allowFrom: ${WHO}"), &[("WHO", name)])
                .map(|rules| shown_names(&rules.people)),
            read_with(&under("allowFrom: [\"${WHO}\"]"), &[("WHO", name)])
                .map(|rules| shown_names(&rules.people)),
            read_with(&under("groupAllowFrom: ${WHO}"), &[("WHO", name)])
                .map(|rules| shown_names(&rules.group_people.unwrap_or_default())),
            read_with("", &[(VARIABLE, name)]).map(|rules| shown_names(&rules.people)),
            read_with(&under("enabled: true"), &[(VARIABLE, name)])
                .map(|rules| shown_names(&rules.people)),
        ];
        for (n, way) in ways.into_iter().enumerate() {
            assert_eq!(way.ok(), expected, "{name} by way {n}");
        }
    }
}

fn shown_names(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.who.to_string()).collect()
}

/// Fragments that people and programs write into such files, and some that are always invalid.
const PIECES: [&str; 22] = [
    "$include: other.yml\n",
    "<<: *base\n",
    "&base ",
    "*base ",
    "!!str ",
    "allowFrom: [\"*\"]\n",
    "    dmPolicy: open\n",
    "groupPolicy: open\n",
    "    groups: {}\n",
    "---\n",
    "...\n",
    "    enabled: true\n",
    "- ",
    "\"",
    "#",
    ": ",
    "\t",
    "\u{2028}",
    "    ",
    "{",
    "]",
    "\n",
];

/// Mutates a valid file at one to three places.
fn broken(rng: &mut Rng, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(0..=chars.len());
        match rng.u8(0..3) {
            0 if at < chars.len() => {
                let end = (at + rng.usize(1..8)).min(chars.len());
                chars.drain(at..end);
            }
            1 => {
                // Duplicates or moves a whole line.
                let text: String = chars.iter().collect();
                let lines: Vec<&str> = text.lines().collect();
                if let (Some(line), n) = (rng.choice(&lines), rng.usize(0..=lines.len())) {
                    let mut lines = lines.clone();
                    lines.insert(n, line);
                    chars = (lines.join("\n") + "\n").chars().collect();
                }
            }
            _ => {
                let piece = PIECES[rng.usize(0..PIECES.len())];
                chars.splice(at..at, piece.chars());
            }
        }
    }
    chars.into_iter().collect()
}

#[test]
fn a_broken_file_allows_no_one_it_does_not_list() {
    let mut rng = Rng::with_seed(9);
    let taken: Vec<_> = files()
        .into_iter()
        .map(|(_, text)| (Expected::by(&text), text))
        .filter(|(expected, _)| expected.taken.is_some())
        .collect();
    let mut still_taken = 0;
    for _ in 0..6_000 {
        let (expected, text) = &taken[rng.usize(0..taken.len())];
        let text = broken(&mut rng, text);
        let Ok(rules) = expected.read(&text) else {
            continue;
        };
        still_taken += 1;
        let mut written = digits(&text);
        for value in expected.variables.values() {
            written.push_str(&digits(value));
        }
        let groups = rules.groups.as_deref().unwrap_or_default();
        let people = rules.group_people.as_deref().unwrap_or_default();
        for entry in rules.people.iter().chain(people).chain(groups) {
            let named = match &entry.who {
                Who::Anyone => text.contains('*'),
                who => written.contains(&digits(&who.to_string())),
            };
            assert!(named, "{text}");
        }
        for mode in [rules.direct, rules.group] {
            assert!(mode != Mode::Open || text.contains("open"), "{text}");
        }
    }
    assert!(still_taken > 200, "{still_taken}");
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[test]
fn an_unknown_key_is_refused_at_every_level() {
    let mut rng = Rng::with_seed(2);
    let levels = [
        ("", "", keys::TOP),
        ("channels:\n  ", "", keys::CHANNELS),
        (
            "channels:\n  defaults:\n    ",
            "  whatsapp: {groupPolicy: open}\n",
            keys::DEFAULTS,
        ),
        ("channels:\n  whatsapp:\n    ", "", keys::WHATSAPP),
        (
            "channels:\n  whatsapp:\n    accounts:\n      work:\n        ",
            "",
            keys::ACCOUNT,
        ),
        (
            "channels:\n  whatsapp:\n    groups:\n      '*':\n        ",
            "",
            keys::GROUP,
        ),
        (
            "channels:\n  whatsapp:\n    dms:\n      any:\n        ",
            "",
            keys::CHAT,
        ),
    ];
    let words = [
        "allow", "From", "group", "dm", "Policy", "list", "who", "x", "_", "$", "s",
    ];
    for _ in 0..2_000 {
        let count = rng.usize(1..4);
        let key: String = (0..count)
            .map(|_| words[rng.usize(0..words.len())])
            .collect();
        for (before, after, level) in &levels {
            let text = format!("{before}\"{key}\": {{}}\n{after}");
            let read = read_with(&text, &[]);
            match level.key(&key) {
                keys::Key::Ignored => assert!(read.is_ok(), "{text}"),
                keys::Key::Wrong => assert!(read.is_err(), "{text}"),
                // The value has the wrong type here, or is an empty list.
                keys::Key::Read(_) => {}
            }
        }
    }
}

#[test]
fn the_order_of_entries_and_duplicates_change_nothing() {
    let mut rng = Rng::with_seed(4);
    for _ in 0..200 {
        let numbers: Vec<String> = (0..rng.usize(1..30))
            .map(|_| format!("+1555010{:04}", rng.u16(0..40)))
            .collect();
        let mut mixed = numbers.clone();
        mixed.extend(numbers.iter().take(5).cloned());
        rng.shuffle(&mut mixed);
        let allowed = |list: &[String]| -> HashSet<u16> {
            let list: Vec<_> = list.iter().map(|number| format!("{number:?}")).collect();
            let rules = rules(&under(&format!("allowFrom: [{}]", list.join(", "))));
            let index = Index::new(&rules, &[]);
            let judged = (0..40).filter(|n| {
                let phone = format!("+1555010{n:04}").parse().unwrap();
                let sender = Sender {
                    phones: vec![&phone],
                    lid: None,
                    is_resolved: true,
                };
                matches!(index.judge(&sender, None), Verdict::Allow(_))
            });
            judged.collect()
        };
        assert_eq!(allowed(&numbers), allowed(&mixed));
    }
}
