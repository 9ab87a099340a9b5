//! What the server passes on to the companions of others, and to their further devices.

use super::*;
use crate::phones::devices as phone;
use crate::rules::{devices, receipts};
use crate::signal::party::EncKind;

const META: [&str; 5] = ["meta", "biz", "bot", "reporting", "unheard-of"];

impl Bench {
    /// A client of the contact's, whose Signal side does not matter.
    fn link_contacts_client(&self) -> DeviceId {
        let device = (self.contact.0.clone(), 1);
        self.link_client(&device);
        device
    }

    /// A client of this account, whose Signal side does not matter.
    fn link_client(&self, (number, device): &DeviceId) {
        let party = Party::new();
        let signed = Party::new().take_bundle().signed;
        let keys = Keys::registered(1, party.identity_public(), signed);
        let mut companion = Companion::new(1, keys);
        companion.bootstrapped = true;
        let mut state = lock(&self.shared.state);
        state.user(number).companions.insert(*device, companion);
    }

    /// What a companion is owed.
    fn owed(&self, device: &DeviceId) -> Vec<Node> {
        let mut state = lock(&self.shared.state);
        let companion = state.companion(device).expect("a companion");
        companion.queue.iter().map(|it| it.node.clone()).collect()
    }

    /// A message to one device, with children that the server may pass on.
    fn message_to(&mut self, device: &DeviceId, to: &Jid) -> Node {
        self.sent += 1;
        let bundle = Party::new().take_bundle();
        let sealed = ready(self.companion.encrypt(
            &address(device),
            Some(&bundle),
            &text_message("hello"),
        ));
        let jid = match to.is_pn() {
            true => device.0.pn_device(device.1),
            false => device.0.lid_device(device.1),
        };
        let participant = NodeBuilder::new("to")
            .attr("jid", jid)
            .children([enc(&sealed.expect("sealed"), None)]);
        let participants = NodeBuilder::new("participants").children([participant.build()]);
        let identity = stanza::content("device-identity", self.identity.clone());
        let beside = META.map(|tag| NodeBuilder::new(tag).build());
        NodeBuilder::new("message")
            .attr("id", format!("ID{}", self.sent))
            .attr("to", to.clone())
            .attr("type", "text")
            .attr("edit", "1")
            .children([participants.build(), identity].into_iter().chain(beside))
            .build()
    }
}

#[test]
fn what_stands_beside_the_ciphertext_is_passed_on() {
    let mut bench = Bench::new();
    let client = bench.link_contacts_client();
    let node = bench.message_to(&client, &client.0.lid());
    bench.route(&node);
    let owed = bench.owed(&client);
    let [message] = &owed[..] else {
        panic!("{owed:?}");
    };
    assert!(stanza::is(message, "edit", "1"));
    let tags: Vec<_> = stanza::children(message)
        .iter()
        .map(|child| child.tag.as_ref())
        .collect();
    assert_eq!(
        tags,
        ["enc", "device-identity", "meta", "biz", "bot", "reporting"]
    );
    assert!(bench.rules().is_empty(), "{:?}", bench.rules());
}

#[test]
fn the_other_address_names_a_user_and_no_device() {
    let mut bench = Bench::new();
    let client = bench.link_contacts_client();
    for (to, name, other) in [
        (client.0.lid(), "sender_pn", bench.from.0.pn()),
        (client.0.pn(), "sender_lid", bench.from.0.lid()),
    ] {
        let node = bench.message_to(&client, &to);
        bench.route(&node);
        let owed = bench.owed(&client);
        let message = owed.last().expect("a message");
        assert_eq!(stanza::jid(message, name), Some(other));
        let from = stanza::jid(message, "from").expect("from");
        assert_eq!(from.device, bench.from.1);
    }
}

#[test]
fn a_status_comes_from_the_status_list_and_names_its_author() {
    let mut bench = Bench::new();
    let client = bench.link_contacts_client();
    let status: Jid = "status@broadcast".parse().expect("a jid");
    let node = bench.message_to(&client, &status);
    bench.route(&node);
    let owed = bench.owed(&client);
    let message = owed.last().expect("a message");
    assert_eq!(stanza::jid(message, "from"), Some(status));
    let author = stanza::jid(message, "participant").expect("an author");
    assert_eq!(author, bench.from.0.lid_device(bench.from.1));
    let number = stanza::jid(message, "participant_pn");
    assert_eq!(number, Some(bench.from.0.pn()));
}

#[test]
fn a_clients_retry_receipt_goes_to_the_device_that_sent_the_message() {
    let bench = Bench::new();
    let client = bench.link_contacts_client();
    let retry = NodeBuilder::new("retry")
        .attr("count", 1)
        .attr("id", "ID1")
        .build();
    let receipt = NodeBuilder::new("receipt")
        .attr("id", "ID1")
        .attr("to", bench.from.0.lid_device(bench.from.1))
        .attr("type", "retry")
        .children([retry])
        .build();
    receipts::receive(&bench.shared, &bench.link, &client, &receipt);
    let owed = bench.owed(&bench.from);
    let [asked] = &owed[..] else {
        panic!("{owed:?}");
    };
    assert!(stanza::is(asked, "type", "retry"));
    let from = stanza::jid(asked, "from").expect("from");
    assert_eq!(from, client.0.lid_device(1));
    assert!(asked.get_optional_child("retry").is_some());
}

#[test]
fn a_further_device_opens_its_own_copy_and_asks_for_what_it_cannot_open() {
    let mut bench = Bench::new();
    let further = phone::link(&bench.shared, &bench.contact.0);
    let seal = |bench: &mut Bench, text: &str| {
        let party = lock(&bench.shared.state).party(&further).expect("a party");
        let bundle = lock(&party).take_bundle();
        let (to, message) = (address(&further), text_message(text));
        ready(bench.companion.encrypt(&to, Some(&bundle), &message)).expect("sealed")
    };
    let again = |bench: &mut Bench, sealed: &Enc, count: Option<u32>| {
        let identity = stanza::content("device-identity", bench.identity.clone());
        let node = NodeBuilder::new("message")
            .attr("id", "R")
            .attr("to", further.0.lid_device(further.1))
            .attr("type", "text")
            .children([enc(sealed, count), identity])
            .build();
        bench.route(&node);
    };
    {
        use crate::state::retries::Order;
        let order = Order {
            device: further.1,
            messages: 1,
            count: 2,
            keys: None,
        };
        let mut state = lock(&bench.shared.state);
        state.user(&further.0).retries.order(order);
    }
    for (count, keys) in [(1, false), (2, true)] {
        let sealed = seal(&mut bench, "again");
        assert_eq!(sealed.kind, EncKind::Pkmsg);
        again(&mut bench, &sealed, (count > 1).then_some(count - 1));
        let owed = bench.owed(&bench.from);
        let asked = owed.last().expect("asked");
        let from = stanza::jid(asked, "from").expect("from");
        assert_eq!(from, further.0.lid_device(further.1));
        let retry = asked.get_optional_child("retry").expect("retry");
        assert!(stanza::is(retry, "count", &count.to_string()));
        let sent = asked.get_optional_child("keys");
        assert_eq!(sent.is_some(), keys);
        if let Some(sent) = sent {
            let signed = stanza::child_bytes(sent, "device-identity").expect("signed");
            let account = lock(&bench.shared.state).user(&further.0).identity;
            let identity = stanza::child_array(sent, "identity").expect("identity");
            adv::verify_device_sign(
                &account,
                &identity,
                &signed,
                u32::from(further.1),
                adv::Signing::Ordinary,
            )
            .expect("the phone's signature");
        }
        assert!(bench.heard().is_empty());
    }
    let sealed = seal(&mut bench, "again");
    again(&mut bench, &sealed, Some(2));
    assert_eq!(bench.heard(), ["again"]);
    assert!(bench.rules().is_empty(), "{:?}", bench.rules());
}

#[test]
fn whoever_wrote_with_a_contact_is_told_of_its_new_identity_and_is_not_blamed() {
    let mut bench = Bench::new();
    let sealed = bench.seal("before");
    let node = bench.message(&sealed);
    bench.route(&node);
    let before = lock(&bench.shared.state).user(&bench.contact.0).identity;
    devices::reinstall(&bench.shared, &bench.contact.0);
    let after = lock(&bench.shared.state).user(&bench.contact.0).identity;
    assert_ne!(before, after);
    let owed = bench.owed(&bench.from);
    let told = owed.last().expect("a notification");
    assert!(stanza::is(told, "type", "encrypt"));
    assert!(told.get_optional_child("identity").is_some());
    // Within the old session: the contact asks for it, and no rule is broken.
    let sealed = bench.seal("to what it was");
    let node = bench.message(&sealed);
    bench.route(&node);
    let owed = bench.owed(&bench.from);
    assert!(stanza::is(owed.last().expect("asked"), "type", "retry"));
    assert_eq!(bench.heard(), ["before"]);
    // Another session opens again.
    bench.companion.forget_session(&address(&bench.contact));
    let sealed = bench.seal("to what it is");
    let node = bench.message(&sealed);
    bench.route(&node);
    assert_eq!(bench.heard(), ["before", "to what it is"]);
    assert!(bench.rules().is_empty(), "{:?}", bench.rules());
}

#[test]
fn a_message_between_own_devices_has_the_addresses_that_it_was_sent_to() {
    let mut bench = Bench::new();
    let sibling = (bench.from.0.clone(), 2);
    bench.link_client(&sibling);
    let (number, own) = bench.from.clone();
    for (to, from) in [
        (number.lid_device(2), number.lid_device(own)),
        (number.pn_device(2), number.pn_device(own)),
    ] {
        let mut node = bench.message_to(&sibling, &to);
        node.attrs.insert("category", "peer");
        bench.route(&node);
        let owed = bench.owed(&sibling);
        let forwarded = owed.last().expect("forwarded");
        assert_eq!(stanza::jid(forwarded, "from"), Some(from));
    }
}
