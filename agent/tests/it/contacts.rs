//! What is known of people: names, "about" texts and pictures, from messages, from the phone and from WhatsApp's answers.

mod pictures;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::contacts_client::ContactsClient;
use openclaw_sim::{By, Fault, IqError, NoticeAbout};
use tonic::{Code, Status};

use crate::access::{ONLY_ANNA, resolved, ruled};
use crate::harness::{
    ACCOUNT, ANNA, BERT, Client, POLL, TEST_TIMEOUT, TLS, UNREGISTERED, WORD, World, fact, lid,
    refusal,
};

impl World {
    async fn contact_with(&self, contact: &str, refresh: bool) -> Result<pb::ContactInfo, Status> {
        let mut contacts = ContactsClient::new(self.agent.channel());
        let contact = contact.to_owned();
        let request = pb::GetContactRequest { contact, refresh };
        let answer = contacts.get_contact(request).await?.into_inner();
        Ok(answer.contact.expect("a contact"))
    }

    async fn contact(&self, contact: &str) -> pb::ContactInfo {
        self.contact_with(contact, false).await.unwrap()
    }

    /// Waits until what is known of a person is so.
    async fn until_known(&self, who: &str, is_so: impl Fn(&pb::ContactInfo) -> bool) {
        let known = async {
            let is_known = async || {
                self.contact_with(who, false)
                    .await
                    .is_ok_and(|it| is_so(&it))
            };
            while !is_known().await {
                tokio::time::sleep(POLL).await;
            }
        };
        let known = tokio::time::timeout(TEST_TIMEOUT, known).await;
        known.unwrap_or_else(|_| panic!("never so of {who}"));
    }

    async fn greeted_by(&self, who: &str, name: &str) {
        self.sim.phone(who).unwrap().set_name(name);
        let sent = self.peer(who).send_text(ACCOUNT, WORD, By::Lid).await;
        sent.unwrap();
        self.all_acked().await;
    }

    /// So many questions about people are answered with this code.
    async fn usync_refused(&self, code: u16) {
        let error = IqError {
            xmlns: "usync".to_owned(),
            code,
            count: 1_000,
        };
        self.fault(Fault::IqError(error)).await;
    }
}

fn named(what: &str) -> String {
    format!("{what} {WORD}")
}

#[tokio::test]
async fn a_person_has_the_names_the_about_text_and_the_picture_that_whatsapp_shows() {
    let world = World::linked().await;
    let anna = world.sim.phone(ANNA).unwrap();
    world.greeted_by(ANNA, &named("Anna")).await;
    anna.set_about(&named("at sea"));
    let picture = anna.set_picture(Some(&pictures::jpeg(8))).unwrap().unwrap();
    anna.set_business(Some(&named("Harbour Office")));
    for who in [ANNA, "+1 555 010-0002", &format!("{}@lid", lid(ANNA))] {
        let known = world.contact(who).await;
        let contact = known.contact.as_ref().unwrap();
        assert_eq!(contact.phone, ANNA);
        assert_eq!(contact.lid, format!("{}@lid", lid(ANNA)));
        assert_eq!(known.push_name, named("Anna"));
        assert_eq!(known.about, named("at sea"));
        assert_eq!(known.picture_id, picture.to_string());
        assert!(known.business);
        assert_eq!(known.verified_name, named("Harbour Office"));
        assert!(known.asked_at.is_some());
        assert_eq!(known.saved_name, "");
    }
    assert!(world.peer(ANNA).inbox().is_empty(), "nothing is sent");
    world.finish().await;
}

#[tokio::test]
async fn changes_that_whatsapp_reports_are_applied_without_a_question() {
    let world = World::linked().await;
    let anna = world.sim.phone(ANNA).unwrap();
    world.greeted_by(ANNA, &named("Anna")).await;
    let asked_at = world.contact(ANNA).await.asked_at;
    // From now on WhatsApp refuses every query, also those of `refresh`.
    world.usync_refused(503).await;
    anna.set_about(&named("ashore"));
    let picture = anna.set_picture(Some(&pictures::jpeg(8))).unwrap().unwrap();
    world
        .until_known(ANNA, |known| {
            known.about == named("ashore") && known.picture_id == picture.to_string()
        })
        .await;
    let known = world.contact(ANNA).await;
    assert!(known.about_set_at.is_some());
    assert_eq!(known.asked_at, asked_at);
    anna.set_picture(None).unwrap();
    world
        .until_known(ANNA, |known| known.picture_id.is_empty())
        .await;
    world.greeted_by(ANNA, &named("Annabel")).await;
    assert_eq!(world.contact(ANNA).await.push_name, named("Annabel"));
    let refused = world.contact_with(ANNA, true).await.unwrap_err();
    let expected = (Code::Unavailable, "NOT_CHECKED".to_owned());
    assert_eq!(refusal(&refused), expected);
    world.finish().await;
}

#[tokio::test]
async fn what_a_person_hides_is_absent() {
    let world = World::linked().await;
    let anna = world.sim.phone(ANNA).unwrap();
    anna.set_about(&named("at sea"));
    anna.set_picture(Some(&pictures::jpeg(8))).unwrap();
    assert_eq!(world.contact(ANNA).await.about, named("at sea"));
    for setting in ["profile", "status"] {
        anna.set_privacy(setting, "none", &[]).unwrap();
    }
    let known = world.contact_with(ANNA, true).await.unwrap();
    assert_eq!((&*known.about, &*known.picture_id), ("", ""));
    assert!(known.about_set_at.is_none() && known.asked_at.is_some());
    world.finish().await;
}

#[tokio::test]
async fn the_name_in_the_phones_address_book_is_known_without_a_message() {
    let world = World::new().await;
    // Before the agent is linked, and after it.
    world.phone().save_contact(BERT, &named("Bert")).unwrap();
    world.link().await;
    // WhatsApp is not needed to find them by number.
    world.usync_refused(503).await;
    world
        .until_known(BERT, |known| known.saved_name == named("Bert"))
        .await;
    world.phone().save_contact(ANNA, &named("Anna")).unwrap();
    world
        .until_known(ANNA, |known| known.saved_name == named("Anna"))
        .await;
    world.phone().save_contact(ANNA, &named("A.")).unwrap();
    world
        .until_known(ANNA, |known| known.saved_name == named("A."))
        .await;
    assert_eq!(world.contact(ANNA).await.push_name, "");
    world.finish().await;
}

/// The library skips the announcement of a change while it reads an earlier one.
#[tokio::test]
async fn the_last_of_many_changes_in_the_phones_address_book_is_known() {
    let world = World::linked().await;
    let rename = |number| {
        let name = format!("Anna {number}");
        world.phone().save_contact(ANNA, &name).unwrap();
        name
    };
    for round in 0..5 {
        let mut last = String::new();
        for change in 0..20 {
            last = rename(100 * round + change);
            // The library's tasks run between some of them.
            tokio::task::yield_now().await;
        }
        world
            .until_known(ANNA, |known| known.saved_name == last)
            .await;
    }
    world.finish().await;
}

#[tokio::test]
async fn a_reader_gets_what_is_known_and_whatsapp_is_not_asked_for_it() {
    let world = World::linked_with(&TLS).await;
    world.greeted_by(ANNA, &named("Anna")).await;
    let reader = Client::invited(&world.agent, pb::Role::Reader).await;
    let mut contacts = ContactsClient::new(reader.connect(&world.agent).await.unwrap());
    let mut get = async |contact: &str, refresh| {
        let contact = contact.to_owned();
        let request = pb::GetContactRequest { contact, refresh };
        let answer = contacts.get_contact(request).await?.into_inner();
        Ok::<_, Status>(answer.contact.expect("a contact"))
    };
    let anna = get(ANNA, false).await.unwrap();
    assert_eq!((anna.push_name, anna.asked_at), (named("Anna"), None));
    for (who, refresh) in [(BERT, false), (ANNA, true)] {
        let denied = refusal(&get(who, refresh).await.unwrap_err());
        assert_eq!(denied, (Code::PermissionDenied, "ROLE".to_owned()));
    }
    world.finish().await;
}

#[tokio::test]
async fn names_survive_a_kill_and_are_served_while_the_link_is_down() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    world.greeted_by(ANNA, &named("Anna")).await;
    world.greeted_by(BERT, &named("Bert")).await;
    let bert = world.sim.phone(BERT).unwrap();
    bert.set_about(&named("ashore"));
    let asked = world.contact(BERT).await;
    assert_eq!(asked.about, named("ashore"));
    // Anna's name came with a message, and its ack has left: it is durable.
    world.agent.kill().await;
    world.sim.fault(Fault::Refuse(1_000)).await;
    world.agent.start_again(&url).await;
    let known = world.contact(ANNA).await;
    assert_eq!((&known.push_name, known.asked_at), (&named("Anna"), None));
    let known = world.contact(BERT).await;
    assert_eq!(
        (&known.push_name, &known.about),
        (&named("Bert"), &asked.about)
    );
    assert!(known.asked_at.is_some());
    for (who, refresh) in [(BERT, true), ("+15550100005", false)] {
        let refused = world.contact_with(who, refresh).await.unwrap_err();
        let (_, reason) = refusal(&refused);
        assert!(
            matches!(&*reason, "NOT_CONNECTED" | "CONNECTION_LOST"),
            "{refused:?}"
        );
    }
    world.sim.fault(Fault::Clear).await;
    world.agent.until_state(LinkState::Connected).await;
    assert!(world.contact(ANNA).await.asked_at.is_some());
    world.finish().await;
}

#[tokio::test]
async fn questions_count_for_the_limit_of_lookups_and_what_is_known_is_free() {
    let world = World::linked().await;
    world.greeted_by(ANNA, &named("Anna")).await;
    for _ in 0..100 {
        world.contact_with(ANNA, true).await.unwrap();
    }
    let refused = world.contact_with(ANNA, true).await.unwrap_err();
    let expected = (Code::ResourceExhausted, "LOOKUP_LIMIT".to_owned());
    assert_eq!(refusal(&refused), expected);
    assert!(fact(&refused, "retry_at").is_some());
    let refused = world.contact_with(BERT, false).await.unwrap_err();
    assert_eq!(refusal(&refused), expected);
    assert_eq!(world.contact(ANNA).await.push_name, named("Anna"));
    // Of him only the name is known, and WhatsApp cannot be asked.
    world.greeted_by(BERT, &named("Bert")).await;
    let bert = world.contact(BERT).await;
    assert_eq!((bert.push_name, bert.asked_at), (named("Bert"), None));
    world.finish().await;
}

#[tokio::test]
async fn a_number_that_is_not_on_whatsapp_and_a_group_are_no_contacts() {
    let world = World::linked().await;
    world.sim.unknown(UNREGISTERED).unwrap();
    for refresh in [false, true] {
        let refused = world.contact_with(UNREGISTERED, refresh).await.unwrap_err();
        let expected = (Code::NotFound, "NOT_ON_WHATSAPP".to_owned());
        assert_eq!(refusal(&refused), expected);
    }
    for bad in ["", "120363000000000001@g.us", "5550100002"] {
        let refused = world.contact_with(bad, false).await.unwrap_err();
        let expected = (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned());
        assert_eq!(refusal(&refused), expected);
    }
    let unlinked = World::new().await;
    let refused = unlinked.contact_with(ANNA, false).await.unwrap_err();
    let expected = (Code::FailedPrecondition, "NOT_LINKED".to_owned());
    assert_eq!(refusal(&refused), expected);
    unlinked.finish().await;
    world.finish().await;
}

#[tokio::test]
async fn texts_of_any_length_and_of_any_characters_are_cut_and_kept_as_they_are() {
    let world = World::linked().await;
    let anna = world.sim.phone(ANNA).unwrap();
    let odd = format!("{WORD}\u{202e}\u{7}\n\u{1b}[2J");
    world
        .greeted_by(ANNA, &format!("{odd}{}", "я".repeat(1_000)))
        .await;
    anna.set_about(&format!("{odd}{}", "я".repeat(64 * 1024)));
    let known = world.contact(ANNA).await;
    assert!(known.push_name.starts_with(&odd) && known.about.starts_with(&odd));
    assert_eq!(known.push_name.chars().count(), 100);
    assert_eq!(known.about.chars().count(), 256);
    // As a notification too.
    anna.set_about(&"字".repeat(64 * 1024));
    world
        .until_known(ANNA, |known| known.about == "字".repeat(256))
        .await;
    world.finish().await;
}

#[tokio::test]
async fn the_name_of_a_person_who_is_not_allowed_is_not_kept() {
    let (world, _folder) = ruled(ONLY_ANNA, &[]).await;
    resolved(&world).await;
    world.greeted_by(ANNA, &named("Anna")).await;
    world.greeted_by(BERT, &named("Bert")).await;
    assert_eq!(world.contact(ANNA).await.push_name, named("Anna"));
    assert_eq!(world.contact(BERT).await.push_name, "");
    world.finish().await;
}

#[tokio::test]
async fn a_notification_that_names_no_change_leads_to_a_question() {
    let world = World::linked().await;
    let anna = world.sim.phone(ANNA).unwrap();
    let before = world.contact(ANNA).await;
    // She is a stranger: WhatsApp does not report this.
    anna.set_about(&named("at sea"));
    assert_eq!(world.contact(ANNA).await, before);
    let about = NoticeAbout {
        contact: Some(ANNA.parse().unwrap()),
        ..Default::default()
    };
    world.sim.notify(ACCOUNT, "contact_update", &about).unwrap();
    world.all_acked().await;
    world
        .until_known(ANNA, |known| known.about == named("at sea"))
        .await;
    world.finish().await;
}
