//! Changes to messages by others: edits, deletions, reactions; and the attributes of messages besides text.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{By, content};
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::wacore::message_edit::{MessageEditContext, encrypt_message_edit};
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::message::SecretEncryptedMessage;
use whatsapp_rust::waproto::whatsapp::message::secret_encrypted_message::SecretEncType;

use crate::harness::{ACCOUNT, ANNA, BERT, WORD, Watcher, World, lid};

impl World {
    /// Anna sends this message to the account.
    async fn anna(&self, message: wa::Message) -> String {
        let sent = self.peer(ANNA).send(ACCOUNT, message, By::Lid, None).await;
        sent.unwrap()
    }

    async fn anna_writes(&self, text: &str) -> String {
        let sent = self.peer(ANNA).send_text(ACCOUNT, text, By::Lid).await;
        sent.unwrap()
    }
}

impl Watcher {
    async fn edit(&mut self) -> pb::Edit {
        self.event(|event| match &event.kind {
            Some(Kind::Edit(edit)) => Some(edit.clone()),
            _ => None,
        })
        .await
    }

    async fn deletion(&mut self) -> pb::Deletion {
        self.event(|event| match &event.kind {
            Some(Kind::Deletion(deletion)) => Some(deletion.clone()),
            _ => None,
        })
        .await
    }

    async fn reaction(&mut self) -> pb::Reaction {
        self.event(|event| match &event.kind {
            Some(Kind::Reaction(reaction)) => Some(reaction.clone()),
            _ => None,
        })
        .await
    }
}

fn is_anna(contact: Option<&pb::Contact>) {
    let contact = contact.unwrap();
    assert_eq!(contact.phone, ANNA);
    assert_eq!(contact.lid, format!("{}@lid", lid(ANNA)));
}

#[tokio::test]
async fn edits_and_deletions_name_their_message() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    let first = world.anna_writes(&format!("{WORD} first")).await;
    assert_eq!(events.message().await.origin().id, first);

    let changed = format!("{WORD} changed");
    let change = world.anna(content::edit(&first, &changed)).await;
    let edit = events.edit().await;
    assert_eq!(edit.origin().id, change);
    assert_eq!(edit.target.as_ref().unwrap().id, first);
    assert_eq!(edit.content, Some(pb::Content::of_text(changed)));
    is_anna(edit.origin().sender.as_ref());

    let end = world.anna(content::deletion(&first)).await;
    let deletion = events.deletion().await;
    assert_eq!(deletion.origin().id, end);
    is_anna(deletion.origin().sender.as_ref());
    let target = deletion.target.as_ref().unwrap();
    assert_eq!(target.id, first);
    assert_eq!(target.author, deletion.origin().sender);

    world.all_acked().await;
    let received = world.agent.status().await.traffic.unwrap().received;
    assert_eq!(
        received, 1,
        "the edits and the deletion are no new messages"
    );
    world.finish().await;
}

#[tokio::test]
async fn a_reaction_is_reported_and_so_is_its_removal() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    let ours = world.send(ANNA, WORD).await.unwrap().message_id;
    for emoji in ["👍", "❤️", ""] {
        let id = world.anna(content::reaction(&ours, emoji)).await;
        let reaction = events.reaction().await;
        assert_eq!(reaction.origin().id, id);
        assert_eq!(reaction.target.as_ref().unwrap().id, ours);
        assert_eq!((&*reaction.emoji, reaction.sealed), (emoji, false));
        is_anna(reaction.origin().sender.as_ref());
    }
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn an_admin_deletes_anothers_message() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    let members = [ACCOUNT, ANNA, BERT];
    let group = world.phone().create_group(WORD, &members).await.unwrap();
    let id = world.peer(BERT).send_to_group(&group, WORD).await.unwrap();
    assert_eq!(events.message().await.origin().id, id);
    let gone = content::deletion_by_admin(&id, &BERT.parse().unwrap());
    let anna = world.peer(ANNA);
    anna.send_group_message(&group, gone, None).await.unwrap();
    let deletion = events.deletion().await;
    assert_eq!(deletion.origin().chat_kind(), pb::ChatKind::Group);
    is_anna(deletion.origin().sender.as_ref());
    let target = deletion.target.unwrap();
    assert_eq!(target.id, id);
    let author = target.author.unwrap();
    assert_eq!(author.lid, format!("{}@lid", lid(BERT)));
    assert_eq!(
        author.phone, BERT,
        "named by the LID alone, and known from before"
    );
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn a_picture_is_described_with_its_caption() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    world.anna(content::image(WORD)).await;
    let picture = events.message().await;
    assert_eq!(picture.text(), WORD);
    match picture.content.unwrap().kind {
        Some(pb::content::Kind::Media(media)) => {
            assert_eq!(media.kind(), pb::MediaKind::Image);
            assert_eq!(media.caption, WORD);
            assert_eq!(
                (&*media.mime_type, media.size_bytes),
                ("image/jpeg", 81_234)
            );
        }
        other => panic!("no media but {other:?}"),
    }
    world.all_acked().await;
    world.finish().await;
}

const SECRET: [u8; 32] = [7; 32];

/// A text whose changes may be encrypted with its secret.
fn with_secret(text: &str) -> wa::Message {
    wa::Message {
        conversation: Some(text.to_owned()),
        message_context_info: MessageField::some(wa::MessageContextInfo {
            message_secret: Some(SECRET.to_vec()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Anna's edit of her own message, encrypted with the message's secret.
fn sealed(id: &str, text: &str) -> wa::Message {
    let author = format!("{}@lid", lid(ANNA));
    let context = MessageEditContext {
        original_msg_id: id,
        original_sender_jid: &author,
        editor_jid: &author,
    };
    let (payload, iv) = encrypt_message_edit(&content::edit(id, text), &SECRET, &context).unwrap();
    wa::Message {
        secret_encrypted_message: MessageField::some(SecretEncryptedMessage {
            target_message_key: MessageField::some(wa::MessageKey {
                from_me: Some(true),
                id: Some(id.to_owned()),
                ..Default::default()
            }),
            enc_payload: Some(payload),
            enc_iv: Some(iv.into()),
            secret_enc_type: Some(SecretEncType::MESSAGE_EDIT),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[tokio::test]
async fn an_encrypted_edit_is_decrypted_if_its_secret_is_known() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    let first = world.anna(with_secret(&format!("{WORD} first"))).await;
    events.message().await;
    let changed = format!("{WORD} changed");
    world.anna(sealed(&first, &changed)).await;
    let edit = events.edit().await;
    assert_eq!(edit.target.as_ref().unwrap().id, first);
    assert_eq!(edit.content, Some(pb::Content::of_text(&*changed)));
    assert!(!edit.sealed);
    // Of a message from before this device was linked.
    world.anna(sealed("3EB0000000000000000001", &changed)).await;
    let edit = events.edit().await;
    assert_eq!(edit.target.unwrap().id, "3EB0000000000000000001");
    assert!(edit.sealed);
    assert_eq!(edit.content, None);
    world.all_acked().await;
    world.finish().await;
}
