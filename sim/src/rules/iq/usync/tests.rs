//! Responses of usync.

use super::*;
use crate::state::config::Config;

fn user(shared: &Shared, entry: &Node, asked: &[&str], by_lid: bool) -> Option<Node> {
    let asker: Number = "+15550100001".parse().expect("a number");
    answer_user(&mut lock(&shared.state), &asker, entry, asked, by_lid)
}

fn written_as(text: &str) -> Node {
    let contact = NodeBuilder::new("contact").string_content(text);
    NodeBuilder::new("user").children([contact.build()]).build()
}

fn kind(user: &Node) -> String {
    let contact = user.get_optional_child("contact").expect("a contact");
    stanza::text(contact, "type").expect("a type").into_owned()
}

#[test]
fn every_user_in_the_query_is_in_or_out_or_invalid() {
    let shared = Shared::new(Config::default());
    let unknown: Number = "+15550100009".parse().expect("a number");
    lock(&shared.state).unknown.insert(unknown);
    for (text, expected) in [
        ("+15550100002", "in"),
        ("+15550100009", "out"),
        ("hello", "invalid"),
    ] {
        let answer = user(&shared, &written_as(text), &["contact"], false).expect(text);
        assert_eq!(kind(&answer), expected, "{text}");
        assert_eq!(answer.attrs.contains_key("jid"), expected != "invalid");
    }
    let stranger = NodeBuilder::new("user")
        .attr("jid", Jid::lid("100000000000001"))
        .build();
    let answer = user(&shared, &stranger, &["contact", "devices"], false).expect("a LID");
    assert_eq!(kind(&answer), "out");
    let devices = answer.get_optional_child("devices").expect("devices");
    assert!(devices.get_optional_child("error").is_some());
}

#[test]
fn a_query_by_lid_returns_the_lid_and_the_number() {
    let shared = Shared::new(Config::default());
    let answer = user(&shared, &written_as("+15550100002"), &["contact"], true).expect("one");
    let number: Number = "+15550100002".parse().expect("a number");
    assert_eq!(stanza::jid(&answer, "jid"), Some(number.lid()));
    assert_eq!(stanza::jid(&answer, "pn_jid"), Some(number.pn()));
}

#[test]
fn a_user_whose_device_list_is_unchanged_is_omitted() {
    let shared = Shared::new(Config::default());
    let number: Number = "+15550100002".parse().expect("a number");
    let ask = |hash: Option<&str>| {
        let devices = NodeBuilder::new("devices");
        let devices = match hash {
            Some(hash) => devices.attr("device_hash", hash.to_owned()),
            None => devices,
        };
        let entry = NodeBuilder::new("user")
            .attr("jid", number.pn())
            .children([devices.build()])
            .build();
        user(&shared, &entry, &["devices"], false)
    };
    let first = ask(None).expect("the list");
    let devices = first.get_optional_child("devices").expect("devices");
    let list = devices.get_optional_child("device-list").expect("a list");
    let hash = stanza::text(list, "hash").expect("a hash").into_owned();
    assert!(ask(Some(&hash)).is_none());
    assert!(ask(Some("2:AAAAAAAA")).is_some());
}
