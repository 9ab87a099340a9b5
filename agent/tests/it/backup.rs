//! Backups, and the account restored from one.

mod handover;
mod tokens;

use std::path::Path;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::admin_client::AdminClient;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::{LinkState, backup_response, restore_request, secret};
use openclaw_sim::By;
use openclaw_vault::{Reader, Secret};
use tonic::{Code, Status};

use crate::harness::{
    ACCOUNT, ANNA, Agent, BERT, Client, TEST_TIMEOUT, TLS, WORD, World, lid, refusal,
};

const PASSPHRASE: &str = "some fine words";

fn sealed_to(words: &str) -> Option<pb::Secret> {
    Some(pb::Secret {
        form: Some(secret::Form::Passphrase(words.to_owned())),
    })
}

/// A whole backup, with its start frame.
async fn backup(agent: &Agent) -> Result<(pb::BackupStart, Vec<u8>), Status> {
    let mut client = AdminClient::new(agent.channel());
    let request = pb::BackupRequest {
        secret: sealed_to(PASSPHRASE),
    };
    let mut stream = client.backup(request).await?.into_inner();
    let mut start = None;
    let mut bytes = Vec::new();
    loop {
        let piece = stream.message().await?.expect("it says when it is whole");
        match piece.frame.expect("no piece is empty") {
            backup_response::Frame::Start(first) => start = Some(first),
            backup_response::Frame::Chunk(chunk) => {
                assert!((1..=64 * 1024).contains(&chunk.len()));
                bytes.extend(chunk);
            }
            backup_response::Frame::End(end) => {
                assert_eq!(end.size_bytes, u64::try_from(bytes.len()).unwrap());
                assert!(stream.message().await?.is_none());
                return Ok((start.expect("it begins with its start"), bytes));
            }
        }
    }
}

async fn restore(agent: &Agent, words: &str, bytes: &[u8]) -> Result<pb::RestoreResponse, Status> {
    let frame = |frame| pb::RestoreRequest { frame: Some(frame) };
    let start = restore_request::Frame::Start(pb::RestoreStart {
        secret: sealed_to(words),
    });
    let chunks = bytes
        .chunks(10_000)
        .map(|chunk| restore_request::Frame::Chunk(chunk.to_vec()));
    let requests: Vec<_> = [start].into_iter().chain(chunks).map(frame).collect();
    let mut client = AdminClient::new(agent.channel());
    let answer = client.restore(tokio_stream::iter(requests)).await?;
    Ok(answer.into_inner())
}

/// Waits until the agent has an event with this text.
async fn wait_for_text(world: &World, text: &str) {
    let mut events = world.watch().await;
    let found = |event: &pb::Event| match &event.kind {
        Some(Kind::Message(message)) if message.text() == text => Some(()),
        _ => None,
    };
    events.event(found).await;
}

async fn until_received(world: &World, number: &str, text: &str) {
    let fits = |received: &openclaw_sim::Received| received.text.as_deref() == Some(text);
    world
        .peer(number)
        .wait_for(fits, TEST_TIMEOUT)
        .await
        .unwrap();
}

/// Simulates the loss of the machine: a new agent with an empty volume.
async fn lose_the_machine(world: &mut World) {
    world.agent.kill().await;
    world.check_output();
    world.agent = Agent::start(&world.sim.url(), &[]).await;
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test]
async fn a_restored_account_connects_without_another_scan() {
    let mut world = World::linked().await;
    let anna = world.peer(ANNA);
    let group = world
        .phone()
        .create_group("fishers", &[ANNA, BERT])
        .await
        .unwrap();
    world.send(ANNA, &format!("{WORD} one")).await.unwrap();
    anna.send_text(ACCOUNT, &format!("{WORD} two"), By::Lid)
        .await
        .unwrap();
    wait_for_text(&world, &format!("{WORD} two")).await;
    world.send(&group, &format!("{WORD} three")).await.unwrap();
    let (start, bytes) = backup(&world.agent).await.unwrap();
    assert!(start.records > 0 && start.estimated_size_bytes > 0);

    // The ratchets advance after the backup; if they were restored, the same keys would be used twice.
    for text in ["four", "five"] {
        world.send(ANNA, &format!("{WORD} {text}")).await.unwrap();
        world.send(&group, &format!("{WORD} {text}")).await.unwrap();
    }
    anna.send_text(ACCOUNT, &format!("{WORD} six"), By::Lid)
        .await
        .unwrap();
    wait_for_text(&world, &format!("{WORD} six")).await;
    world.all_acked().await;
    lose_the_machine(&mut world).await;

    let restored = restore(&world.agent, PASSPHRASE, &bytes).await.unwrap();
    assert_eq!(restored.phone, ACCOUNT);
    assert!(
        restored.sessions_dropped > 0,
        "{}",
        restored.sessions_dropped
    );
    assert_eq!(restored.sender_keys_dropped, 1);
    let link = world.agent.until_state(LinkState::Connected).await;
    assert_eq!(link.phone, ACCOUNT);

    // Contacts still use the old session, which was not restored, and are asked to send again.
    anna.send_text(ACCOUNT, &format!("{WORD} seven"), By::Lid)
        .await
        .unwrap();
    wait_for_text(&world, &format!("{WORD} seven")).await;
    world.send(ANNA, &format!("{WORD} eight")).await.unwrap();
    until_received(&world, ANNA, &format!("{WORD} eight")).await;
    world.send(&group, &format!("{WORD} nine")).await.unwrap();
    until_received(&world, BERT, &format!("{WORD} nine")).await;
    anna.send_to_group(&group, &format!("{WORD} ten"))
        .await
        .unwrap();
    wait_for_text(&world, &format!("{WORD} ten")).await;

    // The restore is durable.
    world.agent.kill().await;
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    let link = world.agent.until_state(LinkState::Connected).await;
    assert_eq!(link.phone, ACCOUNT);
    world.finish().await;
}

#[tokio::test]
async fn a_restore_keeps_this_agents_clients_and_adds_none() {
    let mut world = World::linked_with(&TLS).await;
    let before = Client::first(&world.agent).await;
    let (_, bytes) = backup(&world.agent).await.unwrap();
    let lost = world.agent.fingerprint();
    // The backup contains neither the agent's key nor its clients.
    let secret = Secret::parse_passphrase(PASSPHRASE).unwrap();
    let mut reader = Reader::open(&*bytes, &secret).unwrap();
    while reader
        .next(|op| {
            assert!(!(73..=77).contains(&op.table().0), "{:?}", op.table());
            Ok(())
        })
        .unwrap()
    {}
    world.agent.kill().await;
    world.agent = Agent::start(&world.sim.url(), &TLS).await;
    let client = Client::first(&world.agent).await;
    let agent = world.agent.fingerprint();
    assert_ne!(agent, lost);
    restore(&world.agent, PASSPHRASE, &bytes).await.unwrap();
    for _ in 0..2 {
        assert!(client.is_known(&world.agent).await);
        assert!(!before.is_known(&world.agent).await);
        assert_eq!(world.agent.fingerprint(), agent);
        world.agent.kill().await;
        world.agent.start_again_with(&world.sim.url(), &TLS).await;
    }
    world.finish().await;
}

#[tokio::test]
async fn nothing_of_the_account_can_be_read_in_a_backup() {
    let world = World::linked().await;
    world.send(ANNA, &format!("{WORD} one")).await.unwrap();
    let (_, bytes) = backup(&world.agent).await.unwrap();
    let seen = |text: &str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    for secret in [
        WORD,
        &ACCOUNT[1..],
        &ANNA[1..],
        &lid(ACCOUNT),
        "whatsapp",
        PASSPHRASE,
    ] {
        assert!(!seen(secret), "{secret}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_damaged_or_truncated_backup_changes_nothing() {
    let mut world = World::linked().await;
    let (_, bytes) = backup(&world.agent).await.unwrap();
    let denied = restore(&world.agent, PASSPHRASE, &bytes).await.unwrap_err();
    assert_eq!(
        refusal(&denied),
        (Code::FailedPrecondition, "ALREADY_LINKED".to_owned())
    );
    lose_the_machine(&mut world).await;
    let denied = backup(&world.agent).await.unwrap_err();
    assert_eq!(
        refusal(&denied),
        (Code::FailedPrecondition, "NOT_LINKED".to_owned())
    );
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let mut longer = bytes.clone();
    longer.push(0);
    let hostile: [(&str, &[u8], Code, &str); 7] = [
        ("wrong words", &bytes, Code::InvalidArgument, "WRONG_SECRET"),
        (
            PASSPHRASE,
            &bytes[..bytes.len() - 1],
            Code::DataLoss,
            "BACKUP_DAMAGED",
        ),
        (PASSPHRASE, &bytes[..100], Code::DataLoss, "BACKUP_DAMAGED"),
        (PASSPHRASE, &[], Code::DataLoss, "BACKUP_DAMAGED"),
        (PASSPHRASE, &flipped, Code::DataLoss, "BACKUP_DAMAGED"),
        (PASSPHRASE, &longer, Code::DataLoss, "BACKUP_DAMAGED"),
        (
            PASSPHRASE,
            &[0; 200_000],
            Code::InvalidArgument,
            "NOT_A_BACKUP",
        ),
    ];
    for (words, bytes, code, reason) in hostile {
        let denied = restore(&world.agent, words, bytes).await.unwrap_err();
        assert_eq!(refusal(&denied), (code, reason.to_owned()));
        assert_eq!(world.agent.link().await.state(), LinkState::Unlinked);
    }
    restore(&world.agent, PASSPHRASE, &bytes).await.unwrap();
    world.agent.until_state(LinkState::Connected).await;
    let names = std::fs::read_dir(world.agent.volume()).unwrap();
    let logs = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".log"));
    assert_eq!(logs.count(), 1, "what was refused left a file behind");
    world.finish().await;
}

#[tokio::test]
async fn one_restore_runs_at_a_time_and_ends_with_its_client() {
    let world = World::new().await;
    // Neither sends more than its start, so the second one finds the first in progress.
    let (mut keep, mut calls) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let (sender, frames) = tokio::sync::mpsc::channel(1);
        let start = restore_request::Frame::Start(pb::RestoreStart {
            secret: sealed_to(PASSPHRASE),
        });
        let start = pb::RestoreRequest { frame: Some(start) };
        sender.send(start).await.unwrap();
        keep.push(sender);
        let mut client = AdminClient::new(world.agent.channel());
        let frames = tokio_stream::wrappers::ReceiverStream::new(frames);
        calls.push(Box::pin(async move { client.restore(frames).await }));
    }
    let ended = tokio::time::timeout(TEST_TIMEOUT, futures::future::select_all(calls)).await;
    let (second, _, first) = ended.expect("one is refused");
    assert_eq!(
        refusal(&second.unwrap_err()),
        (Code::AlreadyExists, "IN_PROGRESS".to_owned())
    );
    drop((first, keep));
    // Once no other restore is running, an empty backup is refused as invalid.
    until_refused(&world, Code::DataLoss, "BACKUP_DAMAGED").await;
    world.finish().await;
}

async fn until_refused(world: &World, code: Code, reason: &str) {
    let wanted = (code, reason.to_owned());
    let refused = async {
        loop {
            let denied = restore(&world.agent, PASSPHRASE, &[]).await.unwrap_err();
            if refusal(&denied) == wanted {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let refused = tokio::time::timeout(TEST_TIMEOUT, refused).await;
    refused.unwrap_or_else(|_| panic!("never refused with {reason}"));
}

#[tokio::test]
async fn restore_frames_must_be_in_order() {
    let world = World::new().await;
    let chunk = || pb::RestoreRequest {
        frame: Some(restore_request::Frame::Chunk(vec![1; 10])),
    };
    let start = |secret| pb::RestoreRequest {
        frame: Some(restore_request::Frame::Start(pb::RestoreStart { secret })),
    };
    for requests in [
        vec![],
        vec![pb::RestoreRequest::default()],
        vec![chunk()],
        vec![start(None)],
        vec![start(sealed_to(""))],
        vec![start(sealed_to(PASSPHRASE)), start(sealed_to(PASSPHRASE))],
    ] {
        let mut client = AdminClient::new(world.agent.channel());
        let denied = client.restore(tokio_stream::iter(requests)).await;
        let (code, _) = refusal(&denied.unwrap_err());
        assert_eq!(code, Code::InvalidArgument);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_rolled_back_volume_reports_another_history() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    world.agent.kill().await;
    let volume = world.agent.volume();
    let older = world.agent.folder().join("older");
    copy(&volume, &older);

    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    let seen = world.agent.status().await.vault.unwrap();
    assert_eq!(seen.generation, 2);
    let latest = *seen.history.last().unwrap();
    assert_eq!(latest.generation, 2);
    world.agent.kill().await;

    std::fs::remove_dir_all(&volume).unwrap();
    copy(&older, &volume);
    world.agent.start_again(&url).await;
    let now = world.agent.status().await.vault.unwrap();
    assert_eq!((now.generation, &now.store_id), (2, &seen.store_id));
    assert_ne!(now.history.last().unwrap().id, latest.id);
    assert_eq!(now.history[0].id, seen.history[0].id);
    world.finish_with_violations().await;
}
