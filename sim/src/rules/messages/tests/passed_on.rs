//! Forwarding to other companions, and to a contact's additional devices.

use super::*;
use crate::phones::devices as phone;
use crate::rules::{devices, receipts};
use crate::signal::party::EncKind;

const META: [&str; 5] = ["meta", "biz", "bot", "reporting", "unheard-of"];

impl Bench {
    /// Links a client to the contact; its Signal state does not matter.
    fn link_contacts_client(&self) -> DeviceId {
        let device = (self.contact.0.clone(), 1);
        self.link_client(&device);
        device
    }

    /// Links a client to this account; its Signal state does not matter.
    fn link_client(&self, (number, device): &DeviceId) {
        let party = Party::new();
        let signed = Party::new().take_bundle().signed;
        let keys = Keys::registered(1, party.identity_public(), signed);
        let mut companion = Companion::new(1, keys);
        companion.bootstrapped = true;
        let mut state = lock(&self.shared.state);
        state.user(number).companions.insert(*device, companion);
    }

    /// The queued stanzas of a companion.
    fn owed(&self, device: &DeviceId) -> Vec<Node> {
        let mut state = lock(&self.shared.state);
        let companion = state.companion(device).expect("a companion");
        companion.queue.iter().map(|it| it.node.clone()).collect()
    }

    /// A message to one device, with children that the server may forward.
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
        let meta = META.map(|tag| NodeBuilder::new(tag).build());
        NodeBuilder::new("message")
            .attr("id", format!("ID{}", self.sent))
            .attr("to", to.clone())
            .attr("type", "text")
            .attr("edit", "1")
            .children([participants.build(), identity].into_iter().chain(meta))
            .build()
    }
}

#[test]
fn children_next_to_the_ciphertext_are_forwarded() {
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
fn the_other_address_is_that_of_the_user_not_the_device() {
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
fn a_status_is_from_the_status_list_and_has_its_author() {
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
fn an_additional_device_decrypts_its_copy_and_requests_one_that_fails() {
    let mut bench = Bench::new();
    let further = phone::link(&bench.shared, &bench.contact.0);
    let encrypt = |bench: &mut Bench, text: &str| {
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
        let sealed = encrypt(&mut bench, "again");
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
        assert!(bench.received().is_empty());
    }
    let sealed = encrypt(&mut bench, "again");
    again(&mut bench, &sealed, Some(2));
    assert_eq!(bench.received(), ["again"]);
    assert!(bench.rules().is_empty(), "{:?}", bench.rules());
}

#[test]
fn a_new_identity_is_announced_and_an_old_session_breaks_no_rule() {
    let mut bench = Bench::new();
    let sealed = bench.encrypt("before");
    let node = bench.message(&sealed);
    bench.route(&node);
    let before = lock(&bench.shared.state).user(&bench.contact.0).identity;
    devices::reinstall(&bench.shared, &bench.contact.0);
    let after = lock(&bench.shared.state).user(&bench.contact.0).identity;
    assert_ne!(before, after);
    let owed = bench.owed(&bench.from);
    let notification = owed.last().expect("a notification");
    assert!(stanza::is(notification, "type", "encrypt"));
    assert!(notification.get_optional_child("identity").is_some());
    // In the old session: the contact requests the message again, and no rule is broken.
    let sealed = bench.encrypt("old session");
    let node = bench.message(&sealed);
    bench.route(&node);
    let owed = bench.owed(&bench.from);
    assert!(stanza::is(owed.last().expect("asked"), "type", "retry"));
    assert_eq!(bench.received(), ["before"]);
    // A new session works again.
    bench.companion.forget_session(&address(&bench.contact));
    let sealed = bench.encrypt("new session");
    let node = bench.message(&sealed);
    bench.route(&node);
    assert_eq!(bench.received(), ["before", "new session"]);
    assert!(bench.rules().is_empty(), "{:?}", bench.rules());
}

#[test]
fn a_message_between_own_devices_keeps_its_addresses() {
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
