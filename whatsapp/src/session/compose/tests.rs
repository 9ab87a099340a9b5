//! References to other messages are encoded as WhatsApp's own clients encode them.

use openclaw_types::{MessageId, Text};
use zeroize::Zeroizing;

use super::*;

const NUMBER: &str = "15550100002@s.whatsapp.net";
const LID: &str = "100000000000002@lid";
const OWN_NUMBER: &str = "15550100001@s.whatsapp.net";
const OWN_LID: &str = "100000000000001@lid";
const GROUP: &str = "120363000000000001@g.us";

fn chat(jid: &str, by_lid: bool) -> Chat {
    Chat {
        jid: jid.parse().unwrap(),
        by_lid,
        own_number: OWN_NUMBER.parse().unwrap(),
        own_lid: Some(OWN_LID.parse().unwrap()),
        timer: None,
    }
}

fn anna() -> Contact {
    Contact {
        phone: Contact::of_jid(NUMBER).phone,
        lid: Contact::of_jid(LID).lid,
    }
}

fn referred(ours: bool) -> Referred {
    Referred {
        id: MessageId::new("3EB0AA"),
        author: anna(),
        ours,
        body: Body::Text("hi".into()),
    }
}

fn composed(outgoing: &Outgoing, chat: &Chat) -> wa::Message {
    let poll = PollKey {
        creator: chat.own().clone(),
        secret: Zeroizing::new([7; 32]),
    };
    let parts = Parts {
        poll: Some(&poll),
        file: None,
    };
    message(outgoing, chat, parts, 1_700_000_000_000).unwrap()
}

fn reaction(ours: bool) -> Outgoing {
    Outgoing::Reaction {
        target: referred(ours),
        emoji: "🐟".into(),
    }
}

#[test]
fn a_reaction_names_the_author_in_a_group_only_as_the_group_does() {
    for (jid, by_lid, ours, participant) in [
        (NUMBER, false, false, None),
        (LID, true, true, None),
        (GROUP, true, false, Some(LID)),
        (GROUP, false, false, Some(NUMBER)),
        (GROUP, true, true, Some(OWN_LID)),
        (GROUP, false, true, Some(OWN_NUMBER)),
    ] {
        let message = composed(&reaction(ours), &chat(jid, by_lid));
        let key = &message.reaction_message.key;
        assert_eq!(key.remote_jid.as_deref(), Some(jid));
        assert_eq!(key.from_me, Some(ours));
        assert_eq!(key.participant.as_deref(), participant, "{jid} {by_lid}");
    }
}

#[test]
fn the_deletion_of_anothers_message_names_the_author() {
    for (ours, participant) in [(true, None), (false, Some(LID))] {
        let gone = Outgoing::Deletion {
            target: referred(ours),
        };
        let message = composed(&gone, &chat(GROUP, true));
        let protocol = &message.protocol_message;
        assert_eq!(protocol.r#type, Some(Type::REVOKE));
        assert_eq!(protocol.key.from_me, Some(ours));
        assert_eq!(protocol.key.participant.as_deref(), participant);
    }
}

fn text(reply_to: Option<Referred>, mentions: Vec<Contact>) -> Outgoing {
    Outgoing::Message(Box::new(NewMessage {
        content: NewContent::Text(Text::kept("yes".into())),
        reply_to,
        mentions,
    }))
}

#[test]
fn a_text_is_extended_only_if_it_needs_a_context() {
    let plain = composed(&text(None, vec![]), &chat(LID, true));
    assert_eq!(plain.conversation.as_deref(), Some("yes"));
    let timed = Chat {
        timer: Some(604_800),
        ..chat(LID, true)
    };
    for (outgoing, chat) in [
        (text(None, vec![]), &timed),
        (text(Some(referred(false)), vec![]), &timed),
        (text(None, vec![anna()]), &timed),
        (text(Some(referred(true)), vec![anna()]), &timed),
    ] {
        let message = composed(&outgoing, chat);
        assert_eq!(message.conversation, None);
        let context = &message.extended_text_message.context_info;
        assert_eq!(context.expiration, Some(604_800));
        let (quotes, mentions) = match &outgoing {
            Outgoing::Message(message) => (&message.reply_to, &message.mentions),
            _ => unreachable!(),
        };
        let author = quotes
            .as_ref()
            .map(|of| if of.ours { OWN_LID } else { LID });
        assert_eq!(context.participant.as_deref(), author);
        let quoted = context.quoted_message.as_option();
        let quoted = quoted.and_then(|quoted| quoted.conversation.as_deref());
        assert_eq!(quoted, author.map(|_| "hi"));
        assert_eq!(context.mentioned_jid.len(), mentions.len());
    }
}

#[test]
fn an_edit_has_the_new_text_and_the_chats_timer() {
    let edit = Outgoing::Edit {
        target: referred(true),
        text: Text::kept("ho".into()),
        mentions: vec![],
    };
    let timed = Chat {
        timer: Some(604_800),
        ..chat(GROUP, true)
    };
    let message = composed(&edit, &timed);
    let protocol = &message.protocol_message;
    assert_eq!(protocol.r#type, Some(Type::MESSAGE_EDIT));
    assert_eq!(protocol.key.participant.as_deref(), Some(OWN_LID));
    let edited = &protocol.edited_message.extended_text_message;
    assert_eq!(edited.text.as_deref(), Some("ho"));
    assert_eq!(edited.context_info.expiration, Some(604_800));
}

#[test]
fn a_poll_has_its_secret_and_a_vote_opens_with_it() {
    let of = |selectable| {
        Outgoing::Message(Box::new(NewMessage {
            content: NewContent::Poll(Poll {
                question: "When?".into(),
                options: vec!["now".into(), "later".into()],
                selectable,
            }),
            reply_to: None,
            mentions: vec![],
        }))
    };
    let here = chat(LID, true);
    for selectable in [0, 1, 2] {
        let message = composed(&of(selectable), &here);
        let secret = &message.message_context_info.message_secret;
        assert_eq!(secret.as_deref(), Some(&[7; 32][..]));
        assert_eq!(message.poll_creation_message_v3.is_set(), selectable == 1);
        assert_eq!(message.poll_creation_message.is_set(), selectable != 1);
    }
    let vote = Outgoing::Vote {
        target: referred(true),
        options: vec!["later".into()],
    };
    let message = composed(&vote, &here);
    let sealed = &message.poll_update_message.vote;
    let sealed = poll::PollVoteCiphertext {
        enc_payload: sealed.enc_payload.as_deref().unwrap(),
        enc_iv: sealed.enc_iv.as_deref().unwrap(),
    };
    let opened = poll::decrypt_poll_vote_with_secret(sealed, &[7; 32], "3EB0AA", OWN_LID, OWN_LID);
    assert_eq!(
        opened.unwrap(),
        [poll::compute_option_hash("later").to_vec()]
    );
}

#[test]
fn without_a_required_address_or_key_nothing_is_composed() {
    let stranger = Referred {
        author: Contact::default(),
        ..referred(false)
    };
    let here = chat(GROUP, true);
    let reaction = Outgoing::Reaction {
        target: stranger,
        emoji: String::new(),
    };
    assert!(message(&reaction, &here, Parts::default(), 0).is_none());
    let vote = Outgoing::Vote {
        target: referred(true),
        options: vec![],
    };
    assert!(message(&vote, &here, Parts::default(), 0).is_none());
}
