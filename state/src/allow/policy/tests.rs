//! The verdict of each policy on each kind of sender.

use super::*;

const GROUP: &str = "120363000000000001@g.us";

fn phone(digits: &str) -> Phone {
    digits.parse().unwrap()
}

fn entry(who: &str) -> Entry {
    let who = match who.split_once('@') {
        _ if who == "*" => Who::Anyone,
        Some((_, "g.us")) => Who::Group(who.to_owned()),
        Some((user, _)) => Who::Lid(Lid::new(user).unwrap()),
        None => Who::Phone(phone(who)),
    };
    let place = EntryPlace::Line(7);
    Entry { who, place }
}

fn entries(list: &str) -> Vec<Entry> {
    list.split_whitespace().map(entry).collect()
}

/// The addresses with which WhatsApp identifies a listed and an unlisted person.
struct Shapes {
    anna: Phone,
    anna_lid: Lid,
    bert: Phone,
    bert_lid: Lid,
}

impl Shapes {
    fn new() -> Self {
        Self {
            anna: phone("+15550100002"),
            anna_lid: Lid::new("100000000000002").unwrap(),
            bert: phone("+15550100003"),
            bert_lid: Lid::new("100000000000003").unwrap(),
        }
    }

    fn sender(&self, shape: &str) -> Sender<'_> {
        let (phone, lid, is_resolved): (Option<&Phone>, _, _) = match shape {
            "anna" => (Some(&self.anna), None, true),
            "anna+lid" => (Some(&self.anna), Some(&self.anna_lid), false),
            "anna-lid" => (None, Some(&self.anna_lid), false),
            "bert" => (Some(&self.bert), None, true),
            "bert+lid" => (Some(&self.bert), Some(&self.bert_lid), false),
            "bert-lid" => (None, Some(&self.bert_lid), true),
            "lid?" => (None, Some(&self.bert_lid), false),
            "nobody" => (None, None, true),
            "bert?" => (Some(&self.bert), None, false),
            other => panic!("{other}"),
        };
        Sender {
            phones: phone.into_iter().collect(),
            lid,
            is_resolved,
        }
    }
}

fn judge(rules: &Rules, sender: &Sender<'_>, group: Option<&str>, added: &[Entry]) -> Verdict {
    Index::new(rules, added).judge(sender, group)
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allow(_) => "allow",
        Verdict::Drop(reason) => reason.name(),
        Verdict::Hold => "hold",
    }
}

#[test]
fn every_policy_judges_every_shape_of_a_sender() {
    let shapes = Shapes::new();
    let anna = "+15550100002";
    #[rustfmt::skip]
    let table = [
        // policy, listed,        anna      anna+lid  bert          bert+lid      bert-lid      lid?          no one        bert?
        (Mode::Allowlist, anna,   ["allow", "allow", "not_listed", "hold",       "not_listed", "hold",       "not_listed", "hold"]),
        (Mode::Allowlist, "",     ["not_listed"; 8]),
        (Mode::Allowlist, "*",    ["allow"; 8]),
        (Mode::Allowlist, "100000000000003@lid",
                                  ["not_listed", "not_listed", "not_listed", "allow",  "allow",      "allow",      "not_listed", "hold"]),
        (Mode::Open, "",          ["allow"; 8]),
        (Mode::Disabled, anna,    ["disabled"; 8]),
        (Mode::Disabled, "*",     ["disabled"; 8]),
    ];
    let order = [
        "anna", "anna+lid", "bert", "bert+lid", "bert-lid", "lid?", "nobody", "bert?",
    ];
    for (mode, listed, expected) in table {
        let direct = Rules {
            direct: mode,
            people: entries(listed),
            ..Rules::closed()
        };
        let group = Rules {
            group: mode,
            group_people: Some(entries(listed)),
            ..Rules::closed()
        };
        for (shape, expected) in order.into_iter().zip(expected) {
            let sender = shapes.sender(shape);
            let verdict = judge(&direct, &sender, None, &[]);
            assert_eq!(word(&verdict), expected, "{mode:?} {listed:?} {shape}");
            let verdict = judge(&group, &sender, Some(GROUP), &[]);
            assert_eq!(
                word(&verdict),
                expected,
                "group {mode:?} {listed:?} {shape}"
            );
        }
    }
}

#[test]
fn a_group_is_judged_before_its_sender() {
    let shapes = Shapes::new();
    let other = "120363000000000002@g.us";
    let table = [
        (None, "allow", "allow"),
        (Some("*"), "allow", "allow"),
        (Some(GROUP), "allow", "group_not_listed"),
        (Some(""), "group_not_listed", "group_not_listed"),
    ];
    for (groups, here, there) in table {
        for mode in [Mode::Allowlist, Mode::Open] {
            let rules = Rules {
                group: mode,
                people: entries("+15550100002"),
                groups: groups.map(entries),
                ..Rules::closed()
            };
            let judged = |jid| word(&judge(&rules, &shapes.sender("anna"), Some(jid), &[]));
            assert_eq!((judged(GROUP), judged(other)), (here, there), "{groups:?}");
        }
    }
}

#[test]
fn groups_use_the_list_of_direct_chats_unless_they_have_their_own() {
    let shapes = Shapes::new();
    let mut rules = Rules {
        people: entries("+15550100002"),
        ..Rules::closed()
    };
    let added = entries("+15550100003");
    let judged = |rules: &Rules, shape| {
        word(&judge(rules, &shapes.sender(shape), Some(GROUP), &added)).to_owned()
    };
    assert_eq!(judged(&rules, "anna"), "allow");
    assert_eq!(judged(&rules, "bert"), "allow");
    rules.group_people = Some(Vec::new());
    assert_eq!(judged(&rules, "anna"), "not_listed");
    assert_eq!(judged(&rules, "bert"), "not_listed");
}

#[test]
fn added_entries_extend_the_file_and_are_reported_as_added() {
    let shapes = Shapes::new();
    let rules = Rules::closed();
    let added = entries("+15550100003")
        .into_iter()
        .map(|entry| Entry {
            place: EntryPlace::Added,
            ..entry
        })
        .collect::<Vec<_>>();
    let verdict = judge(&rules, &shapes.sender("bert"), None, &added);
    assert_eq!(
        verdict,
        Verdict::Allow(VerdictReason::Listed(EntryPlace::Added))
    );
    let verdict = judge(&rules, &shapes.sender("lid?"), None, &added);
    assert_eq!(verdict, Verdict::Hold);
}

#[test]
fn numbers_of_all_lists_are_listed_and_the_first_entry_of_an_address_applies() {
    let line = |who: &str, line| Entry {
        place: EntryPlace::Line(line),
        ..entry(who)
    };
    let rules = Rules {
        people: vec![
            line("*", 9),
            line("+15550100002", 5),
            line("+15550100002", 7),
            line("100000000000002@lid", 4),
        ],
        group_people: Some(entries("+15550100002 +15550100003")),
        ..Rules::closed()
    };
    let index = Index::new(&rules, &entries("+15550100004"));
    let numbers: std::collections::HashSet<_> = index.numbers().collect();
    assert_eq!(numbers.len(), 3);
    let shapes = Shapes::new();
    for (shape, place) in [("anna", 5), ("anna+lid", 4), ("bert", 9)] {
        let verdict = index.judge(&shapes.sender(shape), None);
        let listed = VerdictReason::Listed(EntryPlace::Line(place));
        assert_eq!(verdict, Verdict::Allow(listed), "{shape}");
    }
}
