//! The allowlist: for every form of a sender's address, from the first message on, and across reloads and restarts.

pub(crate) mod doctor;
mod files;
mod numbers;
mod recipients;
mod reload;
mod spellings;

use openclaw_proto::v1::access_client::AccessClient;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::{Word as _, v1 as pb};
use openclaw_sim::{By, Fault, IqError};
use tonic::transport::Channel;

use crate::harness::{ACCOUNT, ANNA, BERT, WORD, Watcher, World, lid, run_agent_to_the_end};

const EVERY_WAY: [By; 4] = [By::Lid, By::Pn, By::LidAlone, By::PnAlone];

/// Only Anna, in direct chats and in groups.
pub(crate) const ONLY_ANNA: &str =
    "channels:\n  whatsapp:\n    dmPolicy: allowlist\n    allowFrom: [\"+15550100002\"]\n";

/// The error of an agent that refuses to start with this rules file; it exits with 64 and a hint.
async fn start_refused(file: &std::path::Path) -> String {
    let ended = run_agent_to_the_end(&[
        "--config",
        file.to_str().unwrap(),
        "--whatsapp-url",
        "ws://127.0.0.1:1/ws/chat",
    ])
    .await;
    let text = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(64), "{file:?}: {text}");
    assert!(text.contains("hint: "), "{file:?}: {text}");
    text
}

/// A linked agent with these rules.
pub(crate) async fn ruled(rules: &str, args: &[&str]) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openclaw.yml");
    std::fs::write(&file, rules).unwrap();
    let mut all = vec!["--config", file.to_str().unwrap()];
    all.extend(args);
    let world = World::linked_with(&all).await;
    (world, folder)
}

pub(crate) fn access(world: &World) -> AccessClient<Channel> {
    AccessClient::new(world.agent.channel())
}

/// The rules in `Status`.
pub(crate) async fn rules(world: &World) -> pb::Rules {
    world.agent.status().await.rules.unwrap()
}

/// Waits until the LID of every number in the rules is resolved.
pub(crate) async fn resolved(world: &World) {
    let settled = async {
        loop {
            let rules = rules(world).await;
            if rules.unresolved == 0 && rules.held == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let settled = tokio::time::timeout(crate::harness::TEST_TIMEOUT, settled).await;
    settled.expect("the numbers in the rules are resolved");
}

/// WhatsApp leaves LID lookups unanswered until the fault is cleared.
async fn silence_usync(world: &World) {
    let error = IqError {
        xmlns: "usync".to_owned(),
        code: 503,
        count: 1_000,
    };
    world.fault(Fault::IqError(error)).await;
}

/// The text of the next message, or the reason why it was dropped.
async fn outcome(events: &mut Watcher) -> Result<String, String> {
    let outcome = events.event(|event| match event.kind.clone()? {
        Kind::Message(message) => Some(Ok(message.text().to_owned())),
        Kind::Dropped(dropped) => Some(Err(dropped.reason().word().to_owned())),
        _ => None,
    });
    outcome.await
}

#[tokio::test]
async fn a_sender_gets_the_same_verdict_by_every_address_from_the_first_message_on() {
    // A world for each case: the first message of a contact is what is tested.
    for by in EVERY_WAY {
        for in_group in [false, true] {
            let (world, _folder) = ruled(ONLY_ANNA, &[]).await;
            resolved(&world).await;
            let mut events = world.watch().await;
            let group = world.phone().create_group("Harbour", &[ANNA, BERT]).await;
            let group = group.unwrap();
            for (number, text) in [(BERT, "of Bert"), (ANNA, "of Anna")] {
                let text = format!("{WORD} {text}");
                let peer = world.peer(number);
                match in_group {
                    true => peer.send_to_group_by(&group, &text, by).await.unwrap(),
                    false => peer.send_text(ACCOUNT, &text, by).await.unwrap(),
                };
            }
            let mut outcomes = [outcome(&mut events).await, outcome(&mut events).await];
            // Bert shows only his number, so it is looked up; Anna's message does not wait for that.
            outcomes.sort();
            let expected = [Ok(format!("{WORD} of Anna")), Err("not_listed".to_owned())];
            assert_eq!(outcomes, expected, "{by:?}, in a group: {in_group}");
            world.all_acked().await;
            let status = world.agent.status().await;
            let traffic = status.traffic.unwrap();
            assert_eq!((traffic.received, traffic.dropped), (2, 1));
            world.finish().await;
        }
    }
}

#[tokio::test]
async fn a_dropped_event_has_the_full_sender_and_no_content() {
    let (world, _folder) = ruled(ONLY_ANNA, &[]).await;
    resolved(&world).await;
    let bert = world.peer(BERT);
    let id = bert.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    let mut events = world.watch().await;
    let dropped = events.event(|event| match &event.kind {
        Some(Kind::Dropped(dropped)) => Some(dropped.clone()),
        _ => None,
    });
    let dropped = dropped.await;
    let sender = pb::Contact {
        phone: BERT.to_owned(),
        lid: format!("{}@lid", lid(BERT)),
    };
    let origin = pb::Origin {
        id,
        chat: sender.lid.clone(),
        chat_kind: pb::ChatKind::Person.into(),
        sender: Some(sender),
        sent_at: dropped.origin().sent_at,
        from_me: Some(false),
        offline: Some(false),
        ..Default::default()
    };
    assert!(origin.sent_at.is_some());
    let wanted = pb::Dropped {
        origin: Some(origin),
        reason: pb::DropReason::NotListed.into(),
        other_reason: String::new(),
    };
    assert_eq!(dropped, wanted);
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn messages_of_unresolved_senders_are_held_in_order_until_whatsapp_answers() {
    for in_group in [false, true] {
        let (world, _folder) = ruled(ONLY_ANNA, &[]).await;
        resolved(&world).await;
        let mut events = world.watch().await;
        let group = world.phone().create_group("Harbour", &[ANNA, BERT]).await;
        let group = group.unwrap();
        silence_usync(&world).await;
        // Carl's LID is not resolved yet, so any sender who shows only a LID might be Carl.
        let request = pb::AddAllowedRequest {
            who: "+15550100004".to_owned(),
        };
        access(&world).add_allowed(request).await.unwrap();
        for (number, text) in [
            ("+15550100004", "one"),
            (BERT, "two"),
            ("+15550100004", "three"),
        ] {
            let text = format!("{WORD} {text}");
            let peer = world.peer(number);
            if in_group && number == BERT {
                peer.send_to_group_by(&group, &text, By::LidAlone)
                    .await
                    .unwrap();
            } else {
                peer.send_text(ACCOUNT, &text, By::LidAlone).await.unwrap();
            }
            // Chats do not block each other.
            world.all_acked().await;
        }
        let held = rules(&world).await;
        assert_eq!((held.held, held.unresolved), (3, 1));
        world.fault(Fault::Clear).await;
        let outcomes = [
            outcome(&mut events).await,
            outcome(&mut events).await,
            outcome(&mut events).await,
        ];
        let expected = [
            Ok(format!("{WORD} one")),
            Err("not_listed".to_owned()),
            Ok(format!("{WORD} three")),
        ];
        assert_eq!(outcomes, expected);
        resolved(&world).await;
        world.finish().await;
    }
}

#[tokio::test]
async fn held_messages_survive_a_kill_and_are_reported_once() {
    let (mut world, folder) = ruled(ONLY_ANNA, &[]).await;
    resolved(&world).await;
    silence_usync(&world).await;
    let request = pb::AddAllowedRequest {
        who: "+15550100004".to_owned(),
    };
    access(&world).add_allowed(request).await.unwrap();
    let carl = world.peer("+15550100004");
    let text = format!("{WORD} held");
    carl.send_text(ACCOUNT, &text, By::LidAlone).await.unwrap();
    world.all_acked().await;
    assert_eq!(rules(&world).await.held, 1);
    world.agent.kill().await;
    world.fault(Fault::Clear).await;
    let file = folder.path().join("openclaw.yml");
    let (url, file) = (world.sim.url(), file.to_str().unwrap().to_owned());
    world
        .agent
        .start_again_with(&url, &["--config", &file])
        .await;
    let mut events = world.watch().await;
    assert_eq!(events.message().await.text(), text);
    resolved(&world).await;
    let all = world.events().await;
    let messages = all.iter().filter_map(crate::harness::message).count();
    assert_eq!(messages, 1);
    world.finish().await;
}

#[tokio::test]
async fn a_message_whose_sender_stays_unresolved_becomes_a_dropped_event() {
    let (world, _folder) = ruled(ONLY_ANNA, &["--hold-limit", "1"]).await;
    resolved(&world).await;
    let mut events = world.watch().await;
    silence_usync(&world).await;
    let request = pb::AddAllowedRequest {
        who: "+15550100004".to_owned(),
    };
    access(&world).add_allowed(request).await.unwrap();
    let text = format!("{WORD} never");
    let carl = world.peer("+15550100004");
    carl.send_text(ACCOUNT, &text, By::LidAlone).await.unwrap();
    assert_eq!(outcome(&mut events).await, Err("not_resolved".to_owned()));
    assert_eq!(rules(&world).await.held, 0);
    world.finish().await;
}

#[tokio::test]
async fn a_message_with_both_addresses_resolves_the_lid_and_releases_held_messages() {
    let (world, _folder) = ruled(ONLY_ANNA, &[]).await;
    resolved(&world).await;
    let mut events = world.watch().await;
    silence_usync(&world).await;
    let request = pb::AddAllowedRequest {
        who: "+15550100004".to_owned(),
    };
    access(&world).add_allowed(request).await.unwrap();
    let carl = world.peer("+15550100004");
    for (text, by) in [("one", By::LidAlone), ("two", By::Lid)] {
        let text = format!("{WORD} {text}");
        carl.send_text(ACCOUNT, &text, by).await.unwrap();
        world.all_acked().await;
    }
    assert_eq!(outcome(&mut events).await, Ok(format!("{WORD} one")));
    assert_eq!(outcome(&mut events).await, Ok(format!("{WORD} two")));
    world.finish().await;
}

#[tokio::test]
async fn without_rules_everyone_is_allowed_and_status_shows_it() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    assert!(rules(&world).await.unrestricted);
    let bert = world.peer(BERT);
    bert.send_text(ACCOUNT, WORD, By::LidAlone).await.unwrap();
    assert_eq!(outcome(&mut events).await, Ok(WORD.to_owned()));
    let request = pb::AddAllowedRequest {
        who: ANNA.to_owned(),
    };
    let refused = access(&world).add_allowed(request).await.unwrap_err();
    assert_eq!(crate::harness::reason(&refused), "NO_RULES");
    world.finish().await;
}
