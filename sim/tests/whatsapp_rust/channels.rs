//! Channels that companions own and follow.

use openclaw_sim::{Config, Sim};
use whatsapp_rust::types::events::Event;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::client::{Companion, assert_clean, settled};

const ACCOUNT: &str = "+15550100001";
const ANNA: &str = "+15550100002";

fn text(text: &str) -> wa::Message {
    wa::Message {
        conversation: Some(text.to_owned()),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_reach_followers_and_their_reactions_are_counted() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let one = Companion::linked(&sim, ACCOUNT).await;
    let two = Companion::linked(&sim, ANNA).await;
    let (owner, anna) = (one.client(), two.client());
    let (own, annas) = (owner.newsletter(), anna.newsletter());
    let channel = own.create("Tides", Some("high and low"));
    let channel = channel.await.expect("created").jid;
    let known = annas.get_metadata(&channel).await;
    let known = known.expect("a channel");
    assert_eq!((known.name.as_str(), known.subscriber_count), ("Tides", 0));
    let code = known.invite_code.expect("a code");
    let by_code = annas.get_metadata_by_invite(&code).await;
    assert_eq!(by_code.expect("a channel").jid, channel);

    annas.join(&channel).await.expect("joined");
    let sent = owner.send_message(channel.clone(), text("high at noon"));
    let id = sent.await.expect("sent").message_id;
    let (received, chat) = two.wait_for_text("high at noon").await;
    assert_eq!((received, chat), (id, channel.to_string()));

    let subscription = own.subscribe_live_updates(&channel).await;
    assert_eq!(subscription.expect("subscribed"), 300);
    let posts = annas.get_messages(&channel, 5, None).await;
    let server_id = posts.expect("posts")[0].server_id;
    let reacted = annas.send_reaction(&channel, server_id, "🌊");
    reacted.await.expect("sent");
    let counted = one
        .wait_for(|event| match event {
            Event::NewsletterLiveUpdate(update) => Some(update.messages[0].clone()),
            _ => None,
        })
        .await;
    assert_eq!(counted.server_id, server_id);
    let reaction = &counted.reactions[0];
    assert_eq!((reaction.code.as_str(), reaction.count), ("🌊", 1));

    annas.leave(&channel).await.expect("left");
    let followed = annas.list_subscribed().await;
    assert!(followed.expect("channels").is_empty());
    settled(&sim, ACCOUNT).await;
    assert_clean(&sim);
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_owner_posts_in_a_channel_and_changes_it() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let one = Companion::linked(&sim, ACCOUNT).await;
    let two = Companion::linked(&sim, ANNA).await;
    let (owner, anna) = (one.client(), two.client());
    let (own, annas) = (owner.newsletter(), anna.newsletter());
    let channel = own.create("Tides", None).await;
    let channel = channel.expect("created").jid;
    let renamed = own.update(&channel, Some("Currents"), None).await;
    assert_eq!(renamed.expect("updated").name, "Currents");
    let denied = annas.update(&channel, Some("Mine"), None).await;
    assert!(denied.is_err());

    for number in 1..=3 {
        let post = owner.send_message(channel.clone(), text(&format!("post {number}")));
        post.await.expect("sent");
    }
    let newest = own.get_messages(&channel, 2, None).await;
    let newest = newest.expect("posts");
    assert_eq!(newest.len(), 2);
    let before = Some(newest[0].server_id);
    let older = own.get_messages(&channel, 2, before).await;
    let older = older.expect("posts");
    assert_eq!(older.len(), 1);
    own.edit_message(&channel, &older[0].message_id, text("the first"))
        .await
        .expect("sent");
    let edited = own.get_messages(&channel, 3, None).await;
    let edited = edited.expect("posts")[0]
        .message
        .clone()
        .expect("a message");
    assert_eq!(edited.conversation.as_deref(), Some("the first"));
    assert_clean(&sim);

    let post = anna.send_message(channel.clone(), text("mine")).await;
    post.expect("sent");
    two.wait_for(|event| match event {
        Event::ServerAck(ack) => (ack.error.as_deref() == Some("403")).then_some(()),
        _ => None,
    })
    .await;
    let posts = own.get_messages(&channel, 9, None).await;
    assert_eq!(posts.expect("posts").len(), 3);
    one.stop().await;
    two.stop().await;
}
