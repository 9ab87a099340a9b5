//! Numbers with two spellings: that in the rules, and WhatsApp's.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::FindingState::Good;
use openclaw_proto::v1::watch_events_response::Item;
use openclaw_sim::{By, Fault, Number};

use super::doctor::{diagnosis, state};
use super::{outcome, resolved, ruled, rules, silence_usync};
use crate::harness::{ACCOUNT, BERT, WORD, World, chats};

/// The spelling in the rules, and WhatsApp's. The subscriber numbers are fictitious.
const SPELLED: [(&str, &str); 3] = [
    ("+5511955501234", "+551155501234"),
    ("+525555550123", "+5215555550123"),
    ("+541155550123", "+5491155550123"),
];

/// An agent whose rules name `listed`, which WhatsApp knows as `shown`.
async fn spelled(listed: &str, shown: &str) -> (World, tempfile::TempDir) {
    let text = format!("channels:\n  whatsapp:\n    allowFrom: [\"{listed}\"]\n");
    let (world, folder) = ruled(&text, &[]).await;
    world.sim.spelling(shown, listed).unwrap();
    (world, folder)
}

/// Queries WhatsApp about `listed` again, now that it knows the other spelling.
async fn learnt(world: &World, listed: &str) {
    // The diagnosis queries WhatsApp, and the allowlist stores the answer.
    let _ = diagnosis(world, listed).await;
    resolved(world).await;
}

#[tokio::test]
async fn a_message_with_another_spelling_of_a_listed_number_is_allowed() {
    for (listed, shown) in SPELLED {
        let (world, _folder) = spelled(listed, shown).await;
        learnt(&world, listed).await;
        let mut events = world.watch().await;
        let peer = world.peer(shown);
        for text in ["one", "two", "three"] {
            let text = format!("{WORD} {text}");
            peer.send_text(ACCOUNT, &text, By::PnAlone).await.unwrap();
        }
        for text in ["one", "two", "three"] {
            let expected = Ok(format!("{WORD} {text}"));
            assert_eq!(outcome(&mut events).await, expected, "{shown}");
        }
        // The diagnosis agrees, for both spellings.
        for number in [listed, shown] {
            let found = diagnosis(&world, number).await;
            assert_eq!(state(&found, "direct"), Some(Good), "{found:?}");
            assert_eq!(state(&found, "last_message"), Some(Good), "{found:?}");
        }
        world.all_acked().await;
        assert_eq!(rules(&world).await.held, 0);
        world.finish().await;
    }
}

/// An agent whose rules name one person by LID, and which has never seen the person's number.
async fn listed_by_lid(shown: &str) -> (World, tempfile::TempDir) {
    let lid = shown.parse::<Number>().unwrap().lid_user();
    let text = format!("channels:\n  whatsapp:\n    allowFrom: [{lid}@lid]\n");
    ruled(&text, &[]).await
}

#[tokio::test]
async fn messages_with_only_a_number_are_held_until_its_lid_is_known_and_come_first() {
    let (_, shown) = SPELLED[0];
    let (world, _folder) = listed_by_lid(shown).await;
    let mut events = world.watch().await;
    silence_usync(&world).await;
    let peer = world.peer(shown);
    for text in ["one", "two"] {
        let text = format!("{WORD} {text}");
        peer.send_text(ACCOUNT, &text, By::PnAlone).await.unwrap();
    }
    let bert = world.peer(BERT);
    bert.send_text(ACCOUNT, WORD, By::PnAlone).await.unwrap();
    world.all_acked().await;
    assert_eq!(rules(&world).await.held, 3);
    // A message with both addresses: the sender of the earlier ones is now known.
    let text = format!("{WORD} three");
    peer.send_text(ACCOUNT, &text, By::Pn).await.unwrap();
    for text in ["one", "two", "three"] {
        let expected = Ok(format!("{WORD} {text}"));
        assert_eq!(outcome(&mut events).await, expected);
    }
    assert_eq!(rules(&world).await.held, 1);
    world.fault(Fault::Clear).await;
    assert_eq!(outcome(&mut events).await, Err("not_listed".to_owned()));
    assert_eq!(rules(&world).await.held, 0);
    world.finish().await;
}

#[tokio::test]
async fn messages_held_for_their_number_survive_a_restart() {
    let (_, shown) = SPELLED[1];
    let (mut world, folder) = listed_by_lid(shown).await;
    silence_usync(&world).await;
    let peer = world.peer(shown);
    for text in ["one", "two"] {
        let text = format!("{WORD} {text}");
        peer.send_text(ACCOUNT, &text, By::PnAlone).await.unwrap();
    }
    world.all_acked().await;
    assert_eq!(rules(&world).await.held, 2);
    world.agent.kill().await;
    world.fault(Fault::Clear).await;
    let file = folder.path().join("openclaw.yml");
    let (url, file) = (world.sim.url(), file.to_str().unwrap().to_owned());
    let args = ["--config", &file];
    world.agent.start_again_with(&url, &args).await;
    let mut events = world.watch().await;
    for text in ["one", "two"] {
        let expected = Ok(format!("{WORD} {text}"));
        assert_eq!(outcome(&mut events).await, expected);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_chat_filter_matches_the_person_in_every_spelling() {
    for (listed, shown) in SPELLED {
        let (world, _folder) = spelled(listed, shown).await;
        learnt(&world, listed).await;
        let peer = world.peer(shown);
        peer.send_text(ACCOUNT, WORD, By::PnAlone).await.unwrap();
        world.all_acked().await;
        for number in [listed, shown] {
            let request = pb::WatchEventsRequest {
                after: Some(0),
                filter: Some(pb::EventFilter {
                    chats: vec![number.to_owned()],
                    ..Default::default()
                }),
                ..Default::default()
            };
            let events = world.agent.client().watch_events(request).await.unwrap();
            let mut events = events.into_inner();
            let mut found = 0;
            while let Some(item) = events.message().await.unwrap() {
                found += u32::from(matches!(item.item, Some(Item::Event(_))));
            }
            assert!(found > 0, "{number} for {shown}");
            let request = pb::ListEventsRequest {
                filter: chats([number]),
                ..Default::default()
            };
            let listed = world.agent.client().list_events(request).await.unwrap();
            assert!(
                !listed.into_inner().events.is_empty(),
                "{number} for {shown}"
            );
        }
        let request = pb::WatchEventsRequest {
            after: Some(0),
            filter: Some(pb::EventFilter {
                chats: vec![BERT.to_owned()],
                ..Default::default()
            }),
            ..Default::default()
        };
        let events = world.agent.client().watch_events(request).await.unwrap();
        assert!(events.into_inner().message().await.unwrap().is_none());
        world.finish().await;
    }
}
