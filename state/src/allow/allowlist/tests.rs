//! The allowlist and the numbers and LIDs that it learns, with a vault.

mod many;
mod spellings;

use std::env::VarError;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::vault::trial::Volume;

const RULES: &str = "channels: {whatsapp: {allowFrom: [\"+15550100002\"], groups: {\"120363000000000001@g.us\": {}}}}";

/// Addresses learnt earlier: Anna had the first LID.
struct Before;

impl Book for Before {
    fn number_of(&self, lid: &Lid) -> Option<Phone> {
        (lid.user() == "100000000000001").then(anna)
    }

    fn lid_of(&self, phone: &Phone) -> Option<Lid> {
        (*phone == anna()).then(|| lid(1))
    }
}

fn anna() -> Phone {
    "+15550100002".parse().unwrap()
}

fn lid(n: u64) -> Lid {
    Lid::new(&(100_000_000_000_000 + n).to_string()).unwrap()
}

fn at(hours: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(hours * 3600)
}

fn allowlist(vault: &Vault) -> Allowlist {
    allowlist_of(RULES, vault)
}

fn allowlist_of(rules: &str, vault: &Vault) -> Allowlist {
    let rules = super::super::file::read(rules, &|_| Err(VarError::NotPresent)).unwrap();
    let loaded = Loaded {
        rules: Some(rules),
        from_file: true,
    };
    let source = Source::new(Some("/rules.yml".into()));
    Allowlist::open(source, loaded, vault.clone(), Box::new(Before), at(0))
}

fn verdict(
    allowlist: &Allowlist,
    phone: Option<Phone>,
    lid: Option<Lid>,
    now: SystemTime,
) -> &'static str {
    let sender = Contact { phone, lid };
    let chat = ChatId::new("1@lid".to_owned());
    match allowlist.judge(&sender, &chat, false, now) {
        Verdict::Allow(_) => "allow",
        Verdict::Drop(reason) => reason.name(),
        Verdict::Hold => "hold",
    }
}

#[tokio::test]
async fn a_recipient_may_be_listed_as_long_as_a_lid_is_unknown() {
    let volume = Volume::new();
    let to = |text: &str| text.parse::<Recipient>().unwrap();
    let bert = to("+15550100003");
    let knows = |allowlist: &Allowlist, to: &Recipient| {
        let limit = allowlist.send_to().unwrap();
        allowlist.knows_lids(&limit, to, at(1))
    };
    let rules = |to: &str| {
        let rules = format!("channels: {{whatsapp: {{allowTo: {to}}}}}");
        allowlist_of(&rules, &volume.vault)
    };
    assert!(rules("[\"*\"]").send_to().is_none());
    let listed = rules("[known, \"+15550100002\"]");
    assert!(knows(&listed, &to("120363000000000001@g.us")));
    assert!(knows(&listed, &to("100000000000003@lid")));
    assert!(!knows(&listed, &bert), "he may be Anna by another number");
    listed.learn(vec![("+15550100003".parse().unwrap(), Some(lid(3)))], at(1));
    assert!(knows(&listed, &bert));
}

#[tokio::test]
async fn a_lid_belongs_to_the_number_whatsapp_reported_last() {
    let volume = Volume::new();
    let allowlist = allowlist(&volume.vault);
    // The earlier address is valid until WhatsApp was asked.
    assert_eq!(verdict(&allowlist, None, Some(lid(1)), at(1)), "allow");
    assert_eq!(verdict(&allowlist, None, Some(lid(2)), at(1)), "hold");
    assert_eq!(allowlist.unresolved(at(1)), [anna()]);
    allowlist.learn(vec![(anna(), Some(lid(2)))], at(1));
    assert!(allowlist.unresolved(at(1)).is_empty());
    assert_eq!(verdict(&allowlist, None, Some(lid(2)), at(1)), "allow");
    assert_eq!(verdict(&allowlist, None, Some(lid(3)), at(1)), "not_listed");
    // The earlier address is no longer valid.
    assert_eq!(verdict(&allowlist, None, Some(lid(1)), at(1)), "not_listed");
    // An answer expires.
    assert_eq!(allowlist.unresolved(at(26)), [anna()]);
    assert_eq!(verdict(&allowlist, None, Some(lid(3)), at(26)), "hold");
    // A number that WhatsApp spells differently is matched by its LID.
    let spelled_differently = "+15550100092".parse().ok();
    assert_eq!(
        verdict(&allowlist, spelled_differently, Some(lid(2)), at(26)),
        "allow"
    );
}

#[tokio::test]
async fn a_message_with_both_addresses_resolves_like_an_answer() {
    let volume = Volume::new();
    let allowlist = allowlist(&volume.vault);
    let both = Contact {
        phone: Some(anna()),
        lid: Some(lid(4)),
    };
    allowlist.learn_sender(&both, at(1));
    assert_eq!(verdict(&allowlist, None, Some(lid(4)), at(1)), "allow");
    assert!(allowlist.unresolved(at(1)).is_empty());
}

#[tokio::test]
async fn added_entries_survive_a_restart_and_useless_ones_are_refused() {
    let mut volume = Volume::new();
    let first = Arc::new(allowlist(&volume.vault));
    let who = |text: &str| super::super::file::person(text).unwrap();
    let bert = who("+15550100003");
    assert_eq!(first.add(bert.clone(), at(0)).await, Ok(true));
    assert_eq!(first.add(bert.clone(), at(0)).await, Ok(false));
    assert_eq!(first.add(Who::Anyone, at(0)).await, Err(Refused::Anyone));
    let listed = first.remove(&who("+15550100002")).await.unwrap_err();
    assert_eq!(listed.to_string(), "/rules.yml contains it on line 1");
    let absent = first.remove(&who("+15550100004")).await;
    assert_eq!(absent, Err(Refused::Absent));
    drop(first);
    volume.reopen();
    let second = allowlist(&volume.vault);
    assert_eq!(
        verdict(&second, "+15550100003".parse().ok(), None, at(0)),
        "allow"
    );
    second.remove(&bert).await.unwrap();
    second.learn(
        vec![
            (anna(), Some(lid(2))),
            ("+15550100003".parse().unwrap(), None),
        ],
        at(0),
    );
    assert_eq!(
        verdict(&second, "+15550100003".parse().ok(), None, at(0)),
        "not_listed"
    );
    let third = allowlist(&volume.vault);
    assert!(third.summary(at(0)).added.is_empty());
}

#[tokio::test]
async fn added_entries_are_read_from_a_replaced_vault() {
    let volume = Volume::new();
    let allowlist = allowlist(&volume.vault);
    volume.plant(row("+15550100003"), &[0; 8]);
    allowlist.learn(
        vec![
            (anna(), Some(lid(2))),
            ("+15550100003".parse().unwrap(), None),
        ],
        at(0),
    );
    assert_eq!(
        verdict(&allowlist, "+15550100003".parse().ok(), None, at(0)),
        "not_listed"
    );
    allowlist.recall();
    assert_eq!(
        verdict(&allowlist, "+15550100003".parse().ok(), None, at(0)),
        "allow"
    );
}
