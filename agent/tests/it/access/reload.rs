//! Changes of the rules while the agent runs, and their effect on a restart.

use std::fs;

use openclaw_proto::v1 as pb;
use openclaw_sim::By;
use tonic::Code;

use super::{ONLY_ANNA, access, outcome, resolved, ruled, rules, start_refused};
use crate::harness::{ACCOUNT, ANNA, BERT, WORD, World, refusal};

const RELOADED: &str = "allowlist loaded";
const BOTH: &str =
    "channels:\n  whatsapp:\n    allowFrom:\n      - \"+15550100002\"\n      - \"+15550100003\"\n";
const MISTAKEN: &str = "channels:\n  whatsapp:\n    dmPolicy: allowlist\n    alowFrom: [\"*\"]\n";

async fn outcome_of(world: &World, number: &str) -> Result<String, String> {
    let request = pb::WatchEventsRequest {
        follow: true,
        ..Default::default()
    };
    let mut events = world.watch_with(request).await;
    // The first heartbeat: all later events are seen.
    events.item().await.unwrap();
    let peer = world.peer(number);
    peer.send_text(ACCOUNT, WORD, By::LidAlone).await.unwrap();
    outcome(&mut events).await
}

#[tokio::test]
async fn sighup_loads_a_changed_file_also_when_it_was_replaced() {
    let (world, folder) = ruled(ONLY_ANNA, &[]).await;
    resolved(&world).await;
    assert_eq!(outcome_of(&world, BERT).await, Err("not_listed".to_owned()));
    // Replaced by a rename, as by editors and configuration managers; it must also work in the sandbox.
    fs::write(folder.path().join("new"), BOTH).unwrap();
    fs::rename(
        folder.path().join("new"),
        folder.path().join("openclaw.yml"),
    )
    .unwrap();
    let before = world.agent.count_logged(RELOADED);
    world.agent.send_sighup();
    world.agent.logged_times(RELOADED, before + 1).await;
    resolved(&world).await;
    assert_eq!(outcome_of(&world, BERT).await, Ok(WORD.to_owned()));
    world.finish().await;
}

#[tokio::test]
async fn an_invalid_reload_keeps_the_previous_rules_and_names_the_line() {
    let (world, folder) = ruled(ONLY_ANNA, &[]).await;
    resolved(&world).await;
    let file = folder.path().join("openclaw.yml");
    fs::write(&file, MISTAKEN).unwrap();
    let request = pb::ReloadRulesRequest {};
    let refused = access(&world).reload_rules(request).await.unwrap_err();
    let expected = (Code::FailedPrecondition, "RULES_NOT_READ".to_owned());
    assert_eq!(refusal(&refused), expected);
    assert!(
        refused.message().contains("line 4: \"alowFrom\""),
        "{}",
        refused.message()
    );
    let status = rules(&world).await;
    assert!(
        status.reload_error.contains("openclaw.yml: line 4"),
        "{status:?}"
    );
    let logged = "allowlist reload failed, keeping the previous rules";
    let logged = world.agent.logged(logged).await;
    assert!(logged["error"].as_str().unwrap().contains("line 4"));
    assert_eq!(world.agent.errors().len(), 1);
    assert_eq!(outcome_of(&world, BERT).await, Err("not_listed".to_owned()));
    assert_eq!(outcome_of(&world, ANNA).await, Ok(WORD.to_owned()));
    fs::remove_file(&file).unwrap();
    access(&world).reload_rules(request).await.unwrap_err();
    assert_eq!(outcome_of(&world, BERT).await, Err("not_listed".to_owned()));
    fs::write(&file, BOTH).unwrap();
    let reloaded = access(&world)
        .reload_rules(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reloaded.rules.unwrap().listed, 2);
    assert_eq!(rules(&world).await.reload_error, "");
    world.finish().await;
}

#[tokio::test]
async fn a_file_behind_symlinks_is_reloaded_when_they_change() {
    // As Kubernetes mounts a ConfigMap.
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (version, text) in [("..1", ONLY_ANNA), ("..2", BOTH)] {
        fs::create_dir(path(version)).unwrap();
        fs::write(path(version).join("openclaw.yml"), text).unwrap();
    }
    let link = std::os::unix::fs::symlink::<&str, std::path::PathBuf>;
    link("..1", path("..data")).unwrap();
    link("..data/openclaw.yml", path("openclaw.yml")).unwrap();
    let file = path("openclaw.yml");
    let world = World::linked_with(&["--config", file.to_str().unwrap()]).await;
    link("..2", path("..new")).unwrap();
    fs::rename(path("..new"), path("..data")).unwrap();
    let request = pb::ReloadRulesRequest {};
    let reloaded = access(&world)
        .reload_rules(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reloaded.rules.unwrap().listed, 2);
    world.finish().await;
}

#[tokio::test]
async fn added_entries_survive_a_restart_and_can_be_removed() {
    let (mut world, folder) = ruled(ONLY_ANNA, &[]).await;
    let who = BERT.to_owned();
    let add = pb::AddAllowedRequest { who: who.clone() };
    let added = access(&world)
        .add_allowed(add.clone())
        .await
        .unwrap()
        .into_inner();
    assert!(added.added);
    let again = access(&world).add_allowed(add).await.unwrap().into_inner();
    assert!(!again.added);
    resolved(&world).await;
    assert_eq!(outcome_of(&world, BERT).await, Ok(WORD.to_owned()));
    world.agent.kill().await;
    let file = folder.path().join("openclaw.yml");
    let (url, file) = (world.sim.url(), file.to_str().unwrap().to_owned());
    world
        .agent
        .start_again_with(&url, &["--config", &file])
        .await;
    world.agent.until_state(pb::LinkState::Connected).await;
    resolved(&world).await;
    assert_eq!(outcome_of(&world, BERT).await, Ok(WORD.to_owned()));
    let list = pb::ListAllowedRequest::default();
    let list = access(&world)
        .list_allowed(list)
        .await
        .unwrap()
        .into_inner();
    let places: Vec<_> = list
        .allowed
        .iter()
        .map(|one| (one.who.as_str(), one.source.as_str()))
        .collect();
    assert_eq!(places, [(ANNA, "line 4"), (BERT, "`allow add`")]);
    let in_file = pb::RemoveAllowedRequest {
        who: ANNA.to_owned(),
    };
    let refused = access(&world).remove_allowed(in_file).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "IN_FILE");
    assert!(
        refused
            .message()
            .ends_with("openclaw.yml contains it on line 4"),
        "{}",
        refused.message()
    );
    access(&world)
        .remove_allowed(pb::RemoveAllowedRequest { who })
        .await
        .unwrap();
    assert_eq!(outcome_of(&world, BERT).await, Err("not_listed".to_owned()));
    world.finish().await;
}

#[tokio::test]
async fn a_start_with_an_invalid_file_exits_with_64_and_names_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yml");
    fs::write(&file, MISTAKEN).unwrap();
    let missing = folder.path().join("none.yml");
    for (path, part) in [(&file, "line 4: \"alowFrom\""), (&missing, "No such file")] {
        let text = start_refused(path).await;
        let named = text.contains(path.to_str().unwrap());
        assert!(named && text.contains(part), "{text}");
    }
}
