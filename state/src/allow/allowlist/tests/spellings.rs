//! A person whose number is spelled in two ways, and who shows it alone.

use super::*;

/// As it stands in the rules, and as WhatsApp writes it.
const SPELLED: [(&str, &str); 6] = [
    ("+5511955501234", "+551155501234"),
    ("+551155501234", "+5511955501234"),
    ("+525555550123", "+5215555550123"),
    ("+5215555550123", "+525555550123"),
    ("+541155550123", "+5491155550123"),
    ("+5491155550123", "+541155550123"),
];

/// What was seen of senders before.
struct Seen(Vec<(Phone, Lid)>);

impl Book for Seen {
    fn number_of(&self, lid: &Lid) -> Option<Phone> {
        let mut seen = self.0.iter();
        seen.find(|(_, other)| other == lid)
            .map(|(phone, _)| phone.clone())
    }

    fn lid_of(&self, phone: &Phone) -> Option<Lid> {
        let mut seen = self.0.iter();
        seen.find(|(other, _)| other == phone)
            .map(|(_, lid)| lid.clone())
    }
}

fn phone(text: &str) -> Phone {
    text.parse().unwrap()
}

fn ruled(vault: &Vault, rules: &str, seen: &[(&str, u64)]) -> Allowlist {
    let rules = format!("channels: {{whatsapp: {{{rules}}}}}");
    let rules = crate::allow::file::read(&rules, &|_| Err(VarError::NotPresent)).unwrap();
    let loaded = Loaded {
        rules: Some(rules),
        from_file: true,
    };
    let source = Source::new(Some("/rules.yml".into()));
    let seen = seen.iter().map(|(number, n)| (phone(number), lid(*n)));
    let book = Seen(seen.collect());
    Allowlist::open(source, loaded, vault.clone(), Box::new(book), at(0))
}

#[tokio::test]
async fn a_number_in_another_spelling_is_judged_by_its_lid() {
    let volume = Volume::new();
    for (listed, shown) in SPELLED {
        let list = format!("allowFrom: [\"{listed}\"]");
        // Seen before: known at once, when WhatsApp has said whose the listed number is.
        let allowlist = ruled(&volume.vault, &list, &[(shown, 7), ("+15550100003", 8)]);
        assert_eq!(
            says(&allowlist, Some(phone(shown)), None, at(0)),
            "hold",
            "{shown}"
        );
        assert_eq!(allowlist.unresolved(at(0)), [phone(listed)]);
        allowlist.learn(vec![(phone(listed), Some(lid(7)))], at(0));
        assert_eq!(
            says(&allowlist, Some(phone(shown)), None, at(0)),
            "allow",
            "{shown}"
        );
        assert_eq!(
            says(&allowlist, phone("+15550100003").into(), None, at(0)),
            "not_listed"
        );
        // And by the other names as well.
        assert_eq!(says(&allowlist, Some(phone(listed)), None, at(0)), "allow");
        assert_eq!(says(&allowlist, None, Some(lid(7)), at(0)), "allow");
        assert_eq!(
            says(&allowlist, Some(phone(shown)), Some(lid(7)), at(0)),
            "allow"
        );
        assert_eq!(
            says(&allowlist, Some(phone(shown)), Some(lid(9)), at(0)),
            "not_listed"
        );
        assert!(allowlist.unresolved(at(0)).is_empty());
    }
}

#[tokio::test]
async fn a_number_whose_lid_is_not_known_is_held_and_asked_about_once() {
    let volume = Volume::new();
    for (listed, shown) in SPELLED {
        for (answer, verdict) in [
            (Some(lid(7)), "allow"),
            (Some(lid(9)), "not_listed"),
            (None, "not_listed"),
        ] {
            let list = format!("allowFrom: [\"{listed}\"]");
            let allowlist = ruled(&volume.vault, &list, &[]);
            allowlist.learn(vec![(phone(listed), Some(lid(7)))], at(0));
            for _ in 0..3 {
                assert_eq!(says(&allowlist, Some(phone(shown)), None, at(0)), "hold");
            }
            assert_eq!(allowlist.unresolved(at(0)), [phone(shown)]);
            allowlist.learn(vec![(phone(shown), answer)], at(0));
            assert_eq!(
                says(&allowlist, Some(phone(shown)), None, at(0)),
                verdict,
                "{shown}"
            );
            assert!(allowlist.unresolved(at(0)).is_empty());
        }
    }
}

#[tokio::test]
async fn one_who_is_listed_by_lid_and_shows_a_number_is_found() {
    let volume = Volume::new();
    let list = "allowFrom: [100000000000007@lid]";
    let allowlist = ruled(&volume.vault, list, &[("+551155501234", 7)]);
    let seen = phone("+551155501234");
    assert_eq!(says(&allowlist, Some(seen), None, at(0)), "allow");
    let unseen = phone("+15550100005");
    assert_eq!(says(&allowlist, Some(unseen.clone()), None, at(0)), "hold");
    allowlist.learn(vec![(unseen.clone(), Some(lid(7)))], at(0));
    assert_eq!(says(&allowlist, Some(unseen), None, at(0)), "allow");
}

#[tokio::test]
async fn two_spellings_in_two_lists_are_each_found_in_their_own() {
    let volume = Volume::new();
    let list = "allowFrom: [\"+5511955501234\"], groupAllowFrom: [\"+551155501234\"]";
    let allowlist = ruled(&volume.vault, list, &[]);
    let both = ["+5511955501234", "+551155501234"];
    allowlist.learn(both.map(|text| (phone(text), Some(lid(7)))).to_vec(), at(0));
    for chat in ["100000000000007@lid", "120363000000000001@g.us"] {
        for number in both {
            let sender = Contact {
                phone: Some(phone(number)),
                lid: None,
            };
            let verdict = allowlist.judge(&sender, &ChatId::new(chat.to_owned()), false, at(0));
            assert!(matches!(verdict, Verdict::Allow(_)), "{number} {chat}");
        }
    }
}

#[tokio::test]
async fn two_contacts_are_compared_by_what_is_known_of_them() {
    let volume = Volume::new();
    let allowlist = ruled(
        &volume.vault,
        "allowFrom: [\"+5511955501234\"]",
        &[("+551155501234", 7)],
    );
    allowlist.learn(vec![(phone("+5511955501234"), Some(lid(7)))], at(0));
    let by = |phone: Option<&str>, n: Option<u64>| Contact {
        phone: phone.map(|text| text.parse().unwrap()),
        lid: n.map(lid),
    };
    let listed = by(Some("+5511955501234"), None);
    for same in [by(Some("+551155501234"), None), by(None, Some(7))] {
        assert!(allowlist.is_same(&listed, &same) && allowlist.is_same(&same, &listed));
    }
    for other in [
        by(Some("+15550100003"), None),
        by(None, Some(8)),
        by(None, None),
    ] {
        assert!(!allowlist.is_same(&listed, &other));
    }
}
