//! Messages that are refused without decryption, and outdated device lists.

use super::*;
use crate::rules::groups::{Draft, change};
use crate::state::group::Change;
use crate::state::queue::{Class, Item};

impl Bench {
    /// The error for a stanza; its violation is recorded.
    fn refused(&self, node: &Node) -> Option<u16> {
        nack::check_form(&self.shared, &self.transit(node))
    }

    fn transit<'a>(&'a self, node: &'a Node) -> Transit<'a> {
        Transit {
            from: &self.from,
            who: "a companion".to_owned(),
            id: stanza::text(node, "id").unwrap_or_default().into_owned(),
            to: stanza::jid(node, "to").expect("a jid"),
            node,
            opened_at: RefCell::default(),
        }
    }

    fn last_rule(&self) -> &'static str {
        self.rules().last().copied().expect("a violation")
    }

    fn group(&self) -> String {
        let members = [self.contact.0.clone()];
        groups::make(&self.shared, &self.from.0, Draft::new("Mole", &members))
    }

    fn change(&self, group: &str, actor: &Number, change: &Change) {
        change::apply(&self.shared, group, actor, change).expect("allowed");
    }
}

fn with(mut node: Node, name: &'static str, value: &str) -> Node {
    node.attrs.insert(name, value.to_owned());
    node
}

fn group_message(id: &str, group: &str, sealed: &Enc) -> Node {
    NodeBuilder::new("message")
        .attr("id", id.to_owned())
        .attr("to", Jid::group(group))
        .attr("type", "text")
        .attr("addressing_mode", "lid")
        .children([enc(sealed, None)])
        .build()
}

#[test]
fn an_unknown_form_is_refused_with_479() {
    let mut bench = Bench::new();
    let sealed = bench.encrypt("hello");
    let node = bench.message(&sealed);
    assert_eq!(bench.refused(&node), None);
    let mut empty = node.clone();
    empty.content = None;
    for wrong in [
        with(node.clone(), "type", ""),
        with(node.clone(), "type", "unheard_of"),
        with(node.clone(), "edit", "99"),
        empty,
    ] {
        assert_eq!(bench.refused(&wrong), Some(479), "{wrong:?}");
        let rule = "a message has a type, an edit and ciphertexts that WhatsApp knows";
        assert_eq!(bench.last_rule(), rule);
    }
    assert_eq!(bench.refused(&with(node, "edit", "1")), None);
}

#[test]
fn mixed_and_unknown_addresses_are_refused_with_400() {
    let mut bench = Bench::new();
    let sealed = bench.encrypt("hello");
    let node = bench.message(&sealed);
    let mut mixed = node.clone();
    mixed.attrs.insert("to", bench.contact.0.pn());
    assert_eq!(bench.refused(&mixed), Some(400));
    assert_eq!(bench.last_rule(), "a message has addresses of one kind");
    let mut unknown = without_participants(&node, &sealed);
    unknown.attrs.insert("to", Jid::lid("100000000000001"));
    assert_eq!(bench.refused(&unknown), Some(400));
    let rule = "a message has a recipient who is on WhatsApp";
    assert_eq!(bench.last_rule(), rule);
    let contact = bench.contact.0.clone();
    lock(&bench.shared.state).unknown.insert(contact);
    assert_eq!(bench.refused(&node), Some(400));
    assert_eq!(bench.last_rule(), rule);
}

fn without_participants(node: &Node, sealed: &Enc) -> Node {
    let mut node = node.clone();
    node.content = Some(NodeContent::Nodes(vec![enc(sealed, None)]));
    node
}

#[test]
fn a_lid_from_an_account_that_is_not_migrated_is_refused_with_400() {
    let mut bench = Bench::new();
    bench.shared.config.lid_migrated = false;
    let sealed = bench.encrypt("hello");
    let node = bench.message(&sealed);
    assert_eq!(bench.refused(&node), Some(400));
    let rule = "only a migrated account addresses people by LID";
    assert_eq!(bench.last_rule(), rule);
}

#[test]
fn only_members_write_to_a_group_and_only_admins_to_an_announcement_group() {
    let mut bench = Bench::new();
    let sealed = bench.encrypt("hello");
    let (own, contact) = (bench.from.0.clone(), bench.contact.0.clone());
    let group = bench.group();
    let node = group_message("G1", &group, &sealed);
    assert_eq!(bench.refused(&node), None);
    bench.change(&group, &own, &Change::Announcement(true));
    assert_eq!(bench.refused(&node), None, "an admin");
    bench.change(&group, &own, &Change::Promote(vec![contact.clone()]));
    bench.change(&group, &contact, &Change::Demote(vec![own.clone()]));
    assert_eq!(bench.refused(&node), Some(403));
    let rule = "only admins write to an announcement group";
    assert_eq!(bench.last_rule(), rule);
    bench.change(&group, &contact, &Change::Remove(vec![own]));
    assert_eq!(bench.refused(&node), Some(403));
    assert_eq!(bench.last_rule(), "only members write to a group");
}

#[test]
fn a_stale_addressing_mode_is_refused_with_421() {
    let mut bench = Bench::new();
    let sealed = bench.encrypt("hello");
    let own = bench.from.0.clone();
    let group = bench.group();
    let node = group_message("G1", &group, &sealed);
    bench.change(&group, &own, &Change::ByLid(false));
    assert_eq!(bench.refused(&node), Some(421));
    let rule = "a message has its group's addressing mode";
    assert_eq!(bench.last_rule(), rule);
    assert_eq!(bench.refused(&with(node, "addressing_mode", "pn")), None);
}

#[test]
fn only_a_sender_with_a_stale_device_list_gets_a_phash() {
    let mut bench = Bench::new();
    let sealed = bench.encrypt("hello");
    let group = bench.group();
    let node = with(group_message("G1", &group, &sealed), "phash", "2:AAAAAAAA");
    let own = phash::due(&bench.shared, &bench.transit(&node)).expect("the list is stale");
    let right = with(node, "phash", &own);
    assert_eq!(phash::due(&bench.shared, &bench.transit(&right)), None);
    // A direct message that is not encrypted for the sender's own phone.
    let node = bench.message(&sealed);
    let due = phash::due(&bench.shared, &bench.transit(&node));
    assert!(due.is_some_and(|phash| phash.starts_with("2:")));
    let all = [bench.contact.0.lid(), bench.from.0.lid()].map(|jid| {
        let to = NodeBuilder::new("to").attr("jid", jid);
        to.children([enc(&sealed, None)]).build()
    });
    let mut whole = node;
    let participants = NodeBuilder::new("participants").children(all).build();
    whole.content = Some(NodeContent::Nodes(vec![participants]));
    assert_eq!(phash::due(&bench.shared, &bench.transit(&whole)), None);
}

#[test]
fn an_old_sender_key_breaks_a_rule_once_the_client_knows_that_a_member_left() {
    let mut bench = Bench::new();
    let (own, contact) = (bench.from.0.clone(), bench.contact.0.clone());
    let group = bench.group();
    let jid = Jid::group(group.as_str()).to_string();
    let me = address(&bench.from);
    ready(bench.companion.sender_key_distribution(&jid, &me)).expect("a key");
    let mut encrypt = |text| {
        let message = text_message(text);
        ready(bench.companion.group_encrypt(&jid, &me, &message)).expect("sealed")
    };
    let sealed = [encrypt("one"), encrypt("two"), encrypt("three")];
    let rule = "a sender key is not used after a member has left";
    bench.route(&group_message("G1", &group, &sealed[0]));
    bench.change(&group, &own, &Change::Remove(vec![contact]));
    bench.route(&group_message("G2", &group, &sealed[1]));
    assert!(
        !bench.rules().contains(&rule),
        "the companion was not notified"
    );
    settle_notifications(&bench);
    bench.route(&group_message("G3", &group, &sealed[2]));
    assert!(bench.rules().contains(&rule), "{:?}", bench.rules());
}

fn settle_notifications(bench: &Bench) {
    let mut state = lock(&bench.shared.state);
    let companion = state.companion(&bench.from).expect("linked");
    let ids: Vec<String> = companion
        .queue
        .iter()
        .map(|item: &Item| item.id.clone())
        .collect();
    for id in ids {
        let _ = companion.queue.settle(Class::Notification, &id, |_| true);
    }
}

#[test]
fn a_first_message_without_a_token_is_refused_with_463() {
    let mut bench = Bench::new();
    bench.shared.config.lenient.clear();
    let sealed = bench.encrypt("hello");
    let node = bench.message(&sealed);
    let (own, contact) = (bench.from.0.clone(), bench.contact.0.clone());
    let with_token = |tag: &'static str, token: Vec<u8>| {
        let mut node = node.clone();
        if let Some(NodeContent::Nodes(children)) = &mut node.content {
            children.push(stanza::content(tag, token));
        }
        node
    };
    let allowed = |node: &Node| tokens::allow(&bench.shared, &bench.from, "a companion", node);
    assert!(!allowed(&node));
    assert!(bench.rules().is_empty(), "a missing token is no violation");
    assert!(!allowed(&with_token("cstoken", vec![7; 32])));
    let rule = "a privacy token is the recipient's or the account's own";
    assert_eq!(bench.last_rule(), rule);
    let salt = {
        let mut state = lock(&bench.shared.state);
        let settings = &mut state.user(&own).app_state;
        settings.prepare("Own", unix_now());
        settings.share_salt(unix_now());
        settings.salt().expect("a salt")
    };
    let token = wacore::iq::tctoken::compute_cs_token(&salt, &contact.lid().to_string());
    assert!(allowed(&with_token("cstoken", token)));
    lock(&bench.shared.state)
        .user(&own)
        .tokens
        .take(&contact, vec![9; 16]);
    assert!(allowed(&with_token("tctoken", vec![9; 16])));
    assert!(!allowed(&node), "no message was delivered yet");
    tokens::passed(&bench.shared, &bench.from, &node);
    assert!(allowed(&node), "there is a chat");
}
