//! A person whose number has two spellings and whose message shows only the number.

use super::*;

/// The spelling in the rules, and WhatsApp's spelling.
const SPELLED: [(&str, &str); 6] = [
    ("+5511955501234", "+551155501234"),
    ("+551155501234", "+5511955501234"),
    ("+525555550123", "+5215555550123"),
    ("+5215555550123", "+525555550123"),
    ("+541155550123", "+5491155550123"),
    ("+5491155550123", "+541155550123"),
];

/// Addresses of senders that were seen earlier.
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
        // Seen earlier: resolved as soon as WhatsApp has reported the LID of the listed number.
        let allowlist = ruled(&volume.vault, &list, &[(shown, 7), ("+15550100003", 8)]);
        assert_eq!(
            verdict(&allowlist, Some(phone(shown)), None, at(0)),
            "hold",
            "{shown}"
        );
        assert_eq!(allowlist.unresolved(at(0)), [phone(listed)]);
        allowlist.learn(vec![(phone(listed), Some(lid(7)))], at(0));
        assert_eq!(
            verdict(&allowlist, Some(phone(shown)), None, at(0)),
            "allow",
            "{shown}"
        );
        assert_eq!(
            verdict(&allowlist, phone("+15550100003").into(), None, at(0)),
            "not_listed"
        );
        // The other addresses give the same verdict.
        assert_eq!(
            verdict(&allowlist, Some(phone(listed)), None, at(0)),
            "allow"
        );
        assert_eq!(verdict(&allowlist, None, Some(lid(7)), at(0)), "allow");
        assert_eq!(
            verdict(&allowlist, Some(phone(shown)), Some(lid(7)), at(0)),
            "allow"
        );
        assert_eq!(
            verdict(&allowlist, Some(phone(shown)), Some(lid(9)), at(0)),
            "not_listed"
        );
        assert!(allowlist.unresolved(at(0)).is_empty());
    }
}

#[tokio::test]
async fn a_number_with_an_unknown_lid_is_held_and_looked_up_once() {
    let volume = Volume::new();
    for (listed, shown) in SPELLED {
        for (answer, expected) in [
            (Some(lid(7)), "allow"),
            (Some(lid(9)), "not_listed"),
            (None, "not_listed"),
        ] {
            let list = format!("allowFrom: [\"{listed}\"]");
            let allowlist = ruled(&volume.vault, &list, &[]);
            allowlist.learn(vec![(phone(listed), Some(lid(7)))], at(0));
            for _ in 0..3 {
                assert_eq!(verdict(&allowlist, Some(phone(shown)), None, at(0)), "hold");
            }
            assert_eq!(allowlist.unresolved(at(0)), [phone(shown)]);
            allowlist.learn(vec![(phone(shown), answer)], at(0));
            assert_eq!(
                verdict(&allowlist, Some(phone(shown)), None, at(0)),
                expected,
                "{shown}"
            );
            assert!(allowlist.unresolved(at(0)).is_empty());
        }
    }
}

#[tokio::test]
async fn a_sender_listed_by_lid_is_found_by_number() {
    let volume = Volume::new();
    let list = "allowFrom: [100000000000007@lid]";
    let allowlist = ruled(&volume.vault, list, &[("+551155501234", 7)]);
    let seen = phone("+551155501234");
    assert_eq!(verdict(&allowlist, Some(seen), None, at(0)), "allow");
    let unseen = phone("+15550100005");
    assert_eq!(
        verdict(&allowlist, Some(unseen.clone()), None, at(0)),
        "hold"
    );
    allowlist.learn(vec![(unseen.clone(), Some(lid(7)))], at(0));
    assert_eq!(verdict(&allowlist, Some(unseen), None, at(0)), "allow");
}

#[tokio::test]
async fn two_spellings_in_two_lists_are_each_found_in_their_list() {
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
async fn two_contacts_are_compared_by_all_known_addresses() {
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
